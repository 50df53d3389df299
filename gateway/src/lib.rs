//! The stored-value and loyalty gateway. ARCHITECTURE.md is the map.

pub mod clock;
pub mod domain;
pub mod journal;
pub mod keys;
pub mod programme_file;
pub mod storage;
