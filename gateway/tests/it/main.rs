//! The gateway from outside: the real binary, real sockets, real signals.

mod harness;
