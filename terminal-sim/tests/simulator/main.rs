//! The simulator against a gateway of these tests' own, which is honest, or tells one lie at a time: each must be seen.
#![expect(clippy::inconsistent_digit_grouping, reason = "cents stand apart: 100_00 is 100.00")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test panics when something is not as it should be"
)]

mod command;
mod gateway;
mod keyboard;
mod ledger;
mod lies;
mod restarts;
mod shop;
