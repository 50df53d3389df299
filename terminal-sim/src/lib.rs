//! Registers and top-up kiosks that trade with a gateway the way real ones do, and an oracle that knows what must
//! come out.
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "overflow in a test panics, which is what it should do")
)]

pub mod checked;
pub mod client;
mod clock;
pub mod enrolment;
pub mod error;
pub mod frames;
mod hash;
pub mod keys;
pub mod message;
pub mod rng;
pub mod session;
pub mod tls;

pub use error::{Broken, Error};
pub use hash::sha256;
