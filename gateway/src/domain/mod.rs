//! The rules, as pure functions: `decide(facts, command, now)` says what a command does, [`State::apply`] does it.
//!
//! Invariant: nothing here knows of IO, clocks, randomness, threads, SQL, serialisation or the wire. Everything a
//! decision depends on is an argument, so a decision can be replayed, simulated and tested from one seed.
//!
//! Invariant: a decision's effects are complete. [`State::apply`] is the only code that changes state, live and in
//! replay alike, and it decides nothing.

pub mod act;
mod activate;
mod adjust;
mod advice;
pub mod archive;
pub mod authorize;
mod award;
mod award_batch;
pub mod birthday;
mod capture;
pub mod card;
mod card_acts;
mod cash_taken;
pub mod cashier;
mod change_pin;
mod count_back;
mod customer;
pub mod day;
mod decide;
pub mod decision;
mod earning;
pub mod effect;
pub mod exception;
mod expiry;
pub mod facts;
mod fall;
pub mod follow;
mod give_back;
mod given_again;
mod graded;
pub mod grant;
mod items;
pub mod join;
pub mod leaderboard;
pub mod ledger;
mod load;
pub mod member;
mod multiplying;
pub mod operator;
pub mod original;
pub mod partner_match;
mod pay_out;
pub mod payer;
pub mod pin;
mod points;
mod points_payment;
pub mod programme;
pub mod purchase;
pub mod quoted;
pub(crate) mod recency;
mod reconciliation;
mod redeem;
mod referral;
mod refund;
pub mod refusal;
pub mod request;
mod reversal;
mod reward;
pub mod schedule;
pub mod settle;
mod slice;
pub mod spend;
pub mod standing;
pub mod state;
mod succession;
pub mod supervision;
pub mod tag;
mod taken_back;
pub mod tally;
pub mod terminal;
pub mod tier_review;
pub mod timekeeping;
mod transfer;
mod undo;
pub mod unload;
mod use_entitlement;
mod void;

pub use card::{Card, CardReference, CardStatus, Hold, Lot, Successor};
pub use cashier::Cashier;
pub use decide::decide;
pub use decision::{Decision, Decline, Tried, Verdict};
pub use effect::{Account, Effect, Fate, Line, Posting, TransactionState};
pub use expiry::expire;
pub use facts::{Born, Facts};
pub use grant::Grant;
pub use ledger::{Kind, NamedAccount};
pub use load::{Quote, quote};
pub use member::Member;
pub use original::Original;
pub use pin::Pin;
pub use programme::Programme;
pub use purchase::purchase_quote;
pub use quoted::Quoted;
pub use request::{Command, Named, Now, Pins, Request};
pub use spend::SpendOrder;
pub use state::State;
pub use tally::{Allowance, Period, Tally};
pub use terminal::{Limits, Role, Shift, Terminal, TerminalStatus};
pub use timekeeping::{ClockDoubt, Reading, Timekeeper};

/// A sum left the range of `i64`, or an effect does not fit the state it is applied to. Nothing was changed by the
/// step that reports it; the whole entry is dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Checked arithmetic left the range.
    #[error("an amount left its range")]
    Overflow,
    /// An entry's postings do not sum to zero.
    #[error("postings of kind {0} do not sum to zero")]
    Unbalanced(u8),
    /// An effect names something that is not in the state, or contradicts it.
    #[error("effect does not fit the state: {0}")]
    Misfit(&'static str),
}
