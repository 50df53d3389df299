//! The gateway from outside: the real binary, real sockets, real signals.
#![allow(clippy::inconsistent_digit_grouping, reason = "cents stand apart: 100_00 is 100.00")]
#![allow(clippy::arithmetic_side_effects, reason = "overflow in a test panics, which is what it should do")]

mod archive;
mod attack;
mod bench;
mod counter;
mod crash;
mod day;
#[path = "../powerloss/mod.rs"]
mod disk;
mod domain_properties;
mod faults;
mod finance;
mod harness;
mod hostile;
mod journal;
mod layering;
mod offline;
mod operate;
mod payment_rules;
mod payments;
mod powerloss;
mod programme;
mod repeats;
mod rules;
mod till;
mod timekeeping;
mod trial;
