//! Operators' side: signed acts over a Unix socket.

pub mod act;
pub mod client;
pub mod socket;
