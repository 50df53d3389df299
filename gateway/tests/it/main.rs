//! The gateway from outside: the real binary, real sockets, real signals.

mod counter;
mod crash;
#[path = "../powerloss/mod.rs"]
mod disk;
mod harness;
mod journal;
mod powerloss;
mod repeats;
mod trial;
