//! The sealed log: records, seals, anchors, verification, export.
//!
//! Invariant: nothing here decides anything. What the journal says happened, happened.

pub mod ahead;
pub mod anchor;
mod effects;
pub mod export;
mod parts;
pub mod record;
pub mod seal;
pub mod state_hash;
pub mod verify;
pub mod walk;

pub(crate) use effects::{fixed, optional, optionally, role, terminal_status};
pub(crate) use parts::{
    decode_cashier, decode_counters, decode_exception, decode_fate, decode_standing, decode_tally,
    encode_cashier, encode_counters, encode_exception, encode_fate, encode_standing, encode_tally,
};

/// SHA-256 over the parts, one after the other.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
