//! What a bank or payment provider says it has settled, compared with what loads took and what was paid out again, by tender
//! (对账). FINANCE.md explains it to its readers.
//!
//! `map` says how a file is read, `amount`, `line` and `statement` read it, `ours` reads the journal, and `matching` compares the
//! two, with `alike` and `spoiled`: it is pure, and decides nothing that it would have to guess. `census` says what the journal has
//! at all, for whoever asked for something that is not there.

mod alike;
mod amount;
mod census;
mod line;
mod map;
mod matching;
mod ours;
mod outcome;
mod spoiled;
mod statement;

pub use census::{Census, census};
pub use map::{EXAMPLE, Map, is_unseen};
pub use matching::compare;
pub use ours::{Asked, Found, currency, movements};
pub use outcome::{By, Group, Line, Movement, Outcome, Pair, Span, Totals, Window};
pub use statement::{Dropped, Statement, Why, read};
