//! Registers and top-up kiosks that trade with a gateway the way real ones do, and an oracle that knows what must
//! come out.
#![expect(clippy::inconsistent_digit_grouping, reason = "cents stand apart: 100_00 is 100.00")]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "overflow in a test panics, which is what it should do")
)]

pub mod address;
pub mod card;
pub mod checked;
pub mod client;
mod clock;
mod diary;
pub mod enrolment;
pub mod error;
pub mod faults;
pub mod frames;
mod hash;
pub mod keys;
pub mod load;
pub mod message;
pub mod oracle;
pub mod rng;
pub mod session;
pub mod shop;
mod store;
pub mod terminal;
pub mod till;
pub mod tls;

pub use address::Address;
pub use card::Card;
pub use error::{Broken, Error};
pub use hash::sha256;
pub use terminal::Terminal;
pub use till::{Act, Till};
