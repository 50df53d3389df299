//! What an entry changes, completely: the vocabulary of replay (PROTOCOL.md section 12).

use super::card::{CardReference, CardStatus, Hold, OwnLimits, Successor};
use super::cashier::Cashier;
use super::exception::Exception;
use super::ledger::Kind;
use super::member::Standing;
use super::operator::Operator;
use super::pin::Pin;
use super::tally::{Period, Tally};
use super::terminal::{Limits, Role, TerminalStatus};

/// A card, or an account with a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// A card's lot.
    Card {
        /// The card.
        card: CardReference,
        /// The lot, numbered within the card.
        lot: u32,
        /// Unspendable from this Unix second on.
        expires: Option<i64>,
        /// Index of the entry that first opened the lot.
        source: u64,
    },
    /// Clearing, redemption, expense and the like.
    Named(String),
}

/// One leg of an entry. A positive amount raises what is owed to the account's holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Where it is booked.
    pub account: Account,
    /// What is counted.
    pub kind: Kind,
    /// Minor units or points; never 0.
    pub amount: i64,
}

/// Whose version and state hash an entry records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A card.
    Card(CardReference),
    /// A named account.
    Named(String),
}

/// Presence of a transaction after it was decided (PROTOCOL.md section 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TransactionState {
    /// Never seen.
    Unknown = 0,
    /// Approved, and stands.
    Live = 1,
    /// Undone by a reversal.
    Reversed = 2,
    /// Undone by a person.
    Voided = 3,
    /// All of it was refunded.
    Refunded = 4,
    /// Declined.
    Declined = 5,
    /// A reversal came first.
    Blocked = 6,
    /// Approved, and a part was refunded.
    RefundedInPart = 7,
    /// The hold ended with its last capture.
    Captured = 8,
    /// The hold ended by time.
    Lapsed = 9,
}

/// Goods of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub item: String,
    /// Thousandths.
    pub quantity: i64,
    /// Minor units.
    pub amount: i64,
}

/// What became of a transaction after it was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    pub state: TransactionState,
    /// Minor units of it that were refunded so far; of an authorize whose hold is gone, captured.
    pub done: i64,
    /// Index of the last refund or unload; 0 for none, or when that one was undone.
    pub last_refund: u64,
    /// What was refunded by line, rising by item.
    pub lines: Vec<Line>,
}

impl Fate {
    /// Nothing but a state.
    #[must_use]
    pub const fn of(state: TransactionState) -> Self {
        Self { state, done: 0, last_refund: 0, lines: Vec::new() }
    }
}

/// One change. Numbers are those of PROTOCOL.md section 12.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// 1
    Posting(Posting),
    /// 2: what the card's holder owes in points changes by this much.
    PointsDebt { card: CardReference, kind: Kind, change: i64 },
    /// 3
    Card {
        card: CardReference,
        status: CardStatus,
        product: String,
        proof: [u8; 32],
        reason: Option<String>,
        /// Not accepted from this Unix second on.
        expires: Option<i64>,
        /// Commitment to the holder's personal data, of a registered card.
        holder: Option<[u8; 32]>,
        /// The corporate account whose money it spends.
        account: Option<CardReference>,
        /// How much of that it may spend.
        own_limits: OwnLimits,
    },
    /// 4
    Transaction { index: u64, fate: Fate },
    /// 5
    Tombstone { terminal: String, generation: u32, stan: u32, request_id: [u8; 32] },
    /// 6
    ShiftTotals { terminal: String, generation: u32, shift: u32, message: u8, count: i64, amount: i64 },
    /// 7
    ShiftClosed { terminal: String, generation: u32, shift: u32 },
    /// 8
    Terminal {
        terminal: String,
        generation: u32,
        status: TerminalStatus,
        role: Role,
        /// COSE algorithm (-7 ES256, -8 EdDSA); 0 while awaiting enrolment.
        algorithm: i8,
        public_key: Vec<u8>,
        merchant: String,
        store: String,
        limits: Limits,
    },
    /// 9
    EnrolmentCode { terminal: String, code_hash: Option<[u8; 32]>, expires: i64, tries: u8 },
    /// 10
    Operator { operator: String, held: Operator },
    /// 11
    Programme { version: u32, effective_from: i64, document: String },
    /// 12
    GatewayKey { public_key: Vec<u8> },
    /// 13
    LastStan { terminal: String, generation: u32, stan: u32 },
    /// 14
    Version { subject: Subject, version: u64, state_hash: [u8; 16] },
    /// 16: the card's hold as it is now; one that holds nothing has ended.
    Hold { card: CardReference, hold: Hold },
    /// 17: another card takes the place of this one; lots, holds and debts go there by effects of their own.
    Successor { card: CardReference, successor: Successor },
    /// 18: the next lot that the card opens has at least this number.
    NextLot { card: CardReference, next_lot: u32 },
    /// 19: the card's day or month so far.
    CardTally { card: CardReference, period: Period, tally: Tally },
    /// 20
    Pin { card: CardReference, pin: Pin },
    /// 21: a terminal's or cashier's day so far, or what was approved under an offline grant.
    Tally { who: String, tally: Tally },
    /// 22
    Cashier { cashier: String, held: Cashier },
    /// 23: of the entry at `index`.
    Exception { index: u64, held: Exception },
    /// 24: who the card's member is and where they stand; what is counted of them changes by effect 25.
    Member { card: CardReference, standing: Standing },
    /// 25: of a card's member, or (`None`) of the programme.
    Counter { card: Option<CardReference>, counter: String, period: u32, change: i64 },
}
