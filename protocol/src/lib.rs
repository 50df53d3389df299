//! The wire contract of the stored-value gateway, as a library without IO, clock, randomness or cryptography.
//!
//! `PROTOCOL.md` beside this crate is normative; the modules follow its sections:
//!
//! | module | section |
//! |---|---|
//! | [`frame`] | 2, the frame and its message types |
//! | [`strict`], [`cbor`] | 3, deterministic encoding: the check of received bytes, and the writer |
//! | [`cose`] | 4, signatures |
//! | [`field`], [`request`] | 5, requests and the types of their fields |
//! | [`answer`], [`hello`] | 6 and 9, answers and the gateway's first frame |
//! | [`code`] | 7, response codes |
//! | [`merkle`], [`receipt`] | 8 and 9.1, receipts, status and offline grants |
//! | [`statement`] | 12.1, what programmes say of a member to each other |
//! | [`terminal`] | 9 to 11, the terminal's side as a state machine |
//!
//! Cryptography is passed in by the caller: a [`Sha256`] function, and closures that sign or verify.
//! Everything received is checked by [`strict`] before it is decoded, and decoded into types that cannot be wrong.
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "overflow in a test panics, which is what it should do")
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod answer;
pub mod cbor;
pub mod code;
pub mod cose;
pub mod error;
pub mod field;
pub mod frame;
pub mod hello;
pub mod merkle;
mod message_type;
pub mod receipt;
pub mod request;
pub mod statement;
pub mod strict;
pub mod terminal;

/// SHA-256 over the concatenation of the parts.
///
/// With `ring`: `|parts| { let mut c = Context::new(&SHA256); for p in parts { c.update(p) } ... }`.
pub type Sha256 = fn(&[&[u8]]) -> [u8; 32];

/// Raw signature bytes: r and s for ES256, 64 bytes of RFC 8032 for EdDSA (section 4).
pub type Signature = [u8; 64];

/// Verifies `signature` (second) over `message` (first) with a key that the caller holds.
pub type Verify<'a> = &'a dyn Fn(&[u8], &[u8]) -> bool;
