//! What a bank or payment provider says it has settled, compared with what loads took and what was paid out again, by tender
//! (对账). FINANCE.md explains it to its readers.
//!
//! `map` says how a file is read, `amount` and `statement` read it, `ours` reads the journal, and `matching` compares the two: it
//! is pure, and decides nothing that it would have to guess.

mod amount;
mod map;
mod matching;
mod ours;
mod outcome;
mod statement;

pub use map::{EXAMPLE, Map};
pub use matching::compare;
pub use ours::{Asked, Found, currency, movements};
pub use outcome::{By, Group, Line, Movement, Outcome, Pair, Span, Totals};
pub use statement::{Statement, read};
