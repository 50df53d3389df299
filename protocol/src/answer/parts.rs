//! What the keys of an answer hold that is more than a number or a text.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use minicbor::Decoder;

use crate::cbor::{Item, Writer, expect_array, read_map_head};
use crate::code::ResponseCode;
use crate::error::Problem;
use crate::field::{
    BalanceKind, CardReference, Currency, List, Notes, QuoteId, Ranged, Stan, Text, TotalMinor,
    TransactionState, UnixSeconds,
};
use crate::frame::MessageType;

/// Balances or changes in one answer, at most.
pub const MAX_BALANCES: usize = 16;
/// Lines of explanation in one answer, at most.
pub const MAX_EXPLANATIONS: usize = 12;
/// Transactions in one answer to a ShiftReport, at most.
pub const MAX_SHIFT_TRANSACTIONS: usize = 48;
/// Cards in one answer to a CardLookup, at most.
pub const MAX_FOUND_CARDS: usize = 8;

/// Balance kind to a number of minor units or points.
pub type Balances = BTreeMap<BalanceKind, i64>;
/// How many unanswered requests a session may have (key 20).
pub type InFlight = Ranged<1, 1024>;

/// Key 13.
pub type Explanations = List<Explanation, 0, MAX_EXPLANATIONS>;

/// Why points, bonus, tier or price changed: one programme rule and what it made of its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The rule's name in the programme.
    pub rule: Text<32>,
    /// The balance that it is about; [`BalanceKind::MONEY`] of a price.
    pub kind: BalanceKind,
    /// What it looked at: minor units, points or pieces.
    pub base: i64,
    /// What a receipt prints: `1/1.00`, `5%`, `x2`, or a fixed number.
    pub rate: Text<20>,
    /// What came out: points, or minor units.
    pub result: i64,
    /// What else is to be said.
    pub notes: Notes,
}

/// What a larger load would give (key 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextStep {
    /// Minor units still missing.
    pub missing: TotalMinor,
    /// The bonus at that step, in minor units.
    pub bonus: TotalMinor,
}

/// A card's hold, as the message left it (key 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The reference (key 6) of the Authorize that opened it.
    pub reference: u64,
    /// Minor units still held; 0 when it has ended.
    pub held: TotalMinor,
    /// When it ends by time.
    pub expires: UnixSeconds,
}

/// What a Load or Purchase may cite to be priced as quoted (key 19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// For request key 15.
    pub id: QuoteId,
    /// When it can be cited no more.
    pub expires: UnixSeconds,
}

/// One value message of a shift (key 33).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShiftTransaction {
    /// Its STAN.
    pub stan: Stan,
    /// What it was.
    pub kind: MessageType,
    /// What it was answered.
    pub code: ResponseCode,
    /// The approved amount in minor units, as in key 10 of its answer.
    pub amount: Option<TotalMinor>,
    /// Where it stands now.
    pub state: TransactionState,
}

/// A shift's transactions by rising STAN, none twice (key 33).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftTransactions(List<ShiftTransaction, 0, MAX_SHIFT_TRANSACTIONS>);

impl ShiftTransactions {
    /// `None` when there are more than [`MAX_SHIFT_TRANSACTIONS`] or the STANs do not rise.
    pub fn new(transactions: Vec<ShiftTransaction>) -> Option<Self> {
        List::new(transactions).filter(|transactions| rising(transactions)).map(ShiftTransactions)
    }

    /// The transactions.
    pub fn as_slice(&self) -> &[ShiftTransaction] {
        &self.0
    }
}

fn rising(transactions: &[ShiftTransaction]) -> bool {
    transactions.is_sorted_by(|earlier, later| earlier.stan < later.stan)
}

/// The cards that a CardLookup found, at least one and none twice (key 38).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCards(List<CardReference, 1, MAX_FOUND_CARDS>);

impl FoundCards {
    /// `None` when there is none, one is there twice or there are more than [`MAX_FOUND_CARDS`].
    pub fn new(cards: Vec<CardReference>) -> Option<Self> {
        List::new(cards).filter(|cards| all_differ(cards)).map(FoundCards)
    }

    /// The cards.
    pub fn as_slice(&self) -> &[CardReference] {
        &self.0
    }
}

fn all_differ(cards: &[CardReference]) -> bool {
    cards.iter().enumerate().all(|(place, card)| cards.iter().take(place).all(|earlier| earlier != card))
}

/// What this terminal may do at most (key 25), in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest load.
    pub load: TotalMinor,
    /// The largest purchase.
    pub purchase: TotalMinor,
    /// The largest refund.
    pub refund: TotalMinor,
}

/// The currency of this terminal (key 29).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrencyUnit {
    /// ISO 4217 number.
    pub number: Currency,
    /// Decimal places of the minor unit.
    pub exponent: u8,
}

pub(super) fn read_code(decoder: &mut Decoder<'_>) -> Result<ResponseCode, Problem> {
    let code = u8::read(decoder)?;
    if code > 99 { Err(Problem::OutOfRange) } else { Ok(ResponseCode(code)) }
}

impl Item for Balances {
    fn write(&self, writer: &mut Writer) {
        writer.map(self.len());
        for (kind, amount) in self {
            writer.uint(u64::from(kind.0)).int(*amount);
        }
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        let count = read_map_head(decoder)?;
        if usize::try_from(count).is_ok_and(|count| count <= MAX_BALANCES) {
            (0..count).map(|_| Ok((Item::read(decoder)?, Item::read(decoder)?))).collect()
        } else {
            Err(Problem::WrongLength)
        }
    }
}

impl Item for ShiftTransaction {
    fn write(&self, writer: &mut Writer) {
        writer.array(5);
        self.stan.write(writer);
        self.kind.0.write(writer);
        self.code.0.write(writer);
        self.amount.write(writer);
        self.state.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 5)?;
        Ok(ShiftTransaction {
            stan: Item::read(decoder)?,
            kind: MessageType(Item::read(decoder)?),
            code: read_code(decoder)?,
            amount: Item::read(decoder)?,
            state: Item::read(decoder)?,
        })
    }
}

impl Item for ShiftTransactions {
    fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        let transactions = List::read(decoder)?;
        if rising(&transactions) { Ok(ShiftTransactions(transactions)) } else { Err(Problem::Order) }
    }
}

impl Item for FoundCards {
    fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        let cards = List::read(decoder)?;
        if all_differ(&cards) { Ok(FoundCards(cards)) } else { Err(Problem::Repeated) }
    }
}

tuples! {
    Explanation [6] { rule, kind, base, rate, result, notes }
    NextStep [2] { missing, bonus }
    Hold [3] { reference, held, expires }
    Quote [2] { id, expires }
    Limits [3] { load, purchase, refund }
    CurrencyUnit [2] { number, exponent }
}
