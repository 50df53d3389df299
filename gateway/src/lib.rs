//! The stored-value and loyalty gateway. ARCHITECTURE.md is the map.

pub mod admin;
pub mod alerts;
pub mod archive;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod executor;
pub mod explain;
pub mod finance;
pub mod foresee;
pub mod journal;
pub mod keys;
pub mod members;
pub mod metrics;
pub mod plain;
pub mod programme_file;
pub mod report;
pub mod server;
pub mod settlement;
pub mod statement;
pub mod storage;
pub mod translate;
pub mod workers;
