//! The gateway from outside: the real binary, real sockets, real signals.

mod counter;
mod harness;
mod repeats;
