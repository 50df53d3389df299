//! The tests of the wire contract that need more than one module, or a library that this crate does not link.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(
    clippy::inconsistent_digit_grouping,
    reason = "amounts are grouped at the minor units, dates at month and day"
)]

mod files;
mod keys;
mod merkle;
mod oracles;
mod receipts;
mod roundtrip;
mod samples;
mod sizes;
mod strategies;
mod terminal;
mod vectors;
