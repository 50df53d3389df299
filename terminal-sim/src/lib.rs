//! Registers and top-up kiosks that trade with a gateway the way real ones do, and an oracle that knows what must
//! come out.
//!
//! | to | use |
//! |---|---|
//! | trade, with every outcome checked against the rules | [`Till`]: a [`Terminal`] with a diary and the [`oracle`] |
//! | trade, lose answers, repeat, reverse, ask | [`Terminal`]: one call each, every receipt checked |
//! | break the network on purpose | [`faults`], [`Terminal::cut`], [`Terminal::submit_and_cut`] |
//! | say exactly what is sent, and when | [`session::Session`], [`message::SignedMessage`], [`client::Connection`] |
//! | play one terminal from the keyboard, or by a script | [`keyboard::play`]; `terminal-sim register --help` |
//! | run a whole shop, or measure | [`shop::run`], [`load::run`]; `terminal-sim --help` |
//! | let operators act on cards meanwhile | [`desk::Desk`], [`shop::run_at`] |
//!
//! A terminal's directory holds its key, its state (written and synced before anything is sent) and, for a till, its
//! diary. Dropping a terminal, or the future of one of its calls, is a power cut: open it again from its directory.
//! Nothing here uses the gateway's code, so that no mistake of the ledger can be the oracle's too.
//!
//! ```no_run
//! # use std::path::Path;
//! use protocol::cose::Algorithm;
//! use protocol::field::Reason;
//! use terminal_sim::faults::Fault;
//! use terminal_sim::{Address, Card, Error, Terminal};
//!
//! # async fn sale() -> Result<(), Error> {
//! let address = Address::Fixed("127.0.0.1:7400".into());
//! let ticket = terminal_sim::enrolment::parse("svgp1:T0001:7K3QZ9XW2M4RT8VNB6HD:5f1c...")?;
//! let mut terminal = Terminal::enrol(Path::new("T0001"), address, &ticket, Algorithm::Es256).await?;
//!
//! let card = Card::new("9766338083284777", "27175142096771094217").expect("a card");
//! terminal.activate(&card).await?;
//! terminal.load(&card, 100_00).await?;
//! terminal.faults.force(Fault::LoseAnswer); // the same bytes are sent again, on a new connection
//! let sale = terminal.purchase(&card, 12_50).await?;
//! assert!(sale.is_approved());
//! std::fs::write("sale.receipt", sale.receipt_file().expect("a receipt")).expect("a disk");
//! terminal.repeat(&sale).await?; // the stored answer, byte for byte, or an error
//! terminal.reverse(sale.id, Reason::CANCELLED).await?;
//!
//! let deposit = terminal.authorize(&card, 50_00).await?;
//! let deposit = terminal.original_of(&deposit); // any terminal of the store may name it
//! let paid = terminal.capture(deposit, 42_00).await?;
//! terminal.refund(terminal.original_of(&paid), 2_00).await?;
//! # Ok(())
//! # }
//! ```
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
pub mod corporate;
pub mod desk;
mod diary;
pub mod enrolment;
pub mod error;
pub mod faults;
pub mod frames;
mod hash;
pub mod holder;
pub mod keyboard;
pub mod keys;
pub mod load;
pub mod message;
pub mod oracle;
pub mod people;
pub mod rng;
pub mod session;
pub mod shift;
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
