//! Answers (section 6): the body that the gateway's receipt seals, and the sidecar that carries the receipt.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use minicbor::Decoder;

use crate::cbor::{Item, Map, Writer, expect_array, expect_uint, read_map, read_map_head, take_null};
use crate::code::ResponseCode;
use crate::error::{FormatError, Part, Problem};
use crate::field::{
    BalanceKind, Blob, CardReference, Code, Currency, Date, Generation, Hash, List, ProgrammeDigest, QuoteId,
    Ranged, Role, Stan, TerminalId, Text, TotalMinor, Totals, TransactionState, UnixSeconds,
};
use crate::frame::MessageType;
use crate::receipt::MAX_GRANT;
use crate::request::SCHEMA_VERSION;

/// Balances or changes in one answer, at most.
pub const MAX_BALANCES: usize = 16;
/// Lines of explanation in one answer, at most.
pub const MAX_EXPLANATIONS: usize = 16;
/// Transactions in one answer to a ShiftReport, at most.
pub const MAX_SHIFT_TRANSACTIONS: usize = 48;
/// Cards in one answer to a CardLookup, at most.
pub const MAX_FOUND_CARDS: usize = 8;
/// The largest receipt in a sidecar, in bytes.
pub const MAX_RECEIPT: usize = crate::request::MAX_RECEIPT;
/// The largest answer body that a TransactionStatus answer can carry (key 16).
pub const MAX_STORED_ANSWER: usize = 2048;

/// Balance kind to a number of minor units or points.
pub type Balances = BTreeMap<BalanceKind, i64>;
/// How many unanswered requests a session may have (key 20).
pub type InFlight = Ranged<1, 1024>;

/// The body of an answer. Which keys an answer has is in the second table of section 6.
///
/// Build one with [`Answer::new`] and struct update syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Key 1: the type of the request, or [`MessageType::REJECT`].
    pub kind: MessageType,
    /// Key 2.
    pub code: ResponseCode,
    /// Key 3: value messages.
    pub stan: Option<Stan>,
    /// Key 4: the gateway's clock.
    pub time: UnixSeconds,
    /// Key 5.
    pub business_date: Option<Date>,
    /// Key 6 (RRN): the index of the journal entry; final answers only.
    pub reference: Option<u64>,
    /// Key 7: the programme that priced this.
    pub programme_version: Option<u64>,
    /// Key 8.
    pub card: Option<CardReference>,
    /// Key 9: for a technician or a cashier's second line.
    pub detail: Option<Text<80>>,
    /// Key 10: minor units; of a Reversal or Void, what was undone.
    pub approved_amount: Option<TotalMinor>,
    /// Key 11: what is available now; at most [`MAX_BALANCES`].
    pub balances: Option<Balances>,
    /// Key 12: what this transaction changed, kinds without change left out; at most [`MAX_BALANCES`].
    pub changes: Option<Balances>,
    /// Key 13.
    pub explanation: Option<Explanations>,
    /// Key 14: LoadQuote.
    pub next_step: Option<NextStep>,
    /// Key 15: TransactionStatus, and what is said of an original: Reversal, Refund, Void and a declined Capture.
    pub state: Option<TransactionState>,
    /// Key 16: TransactionStatus; the answer body of the transaction asked about.
    pub stored_answer: Option<Blob<MAX_STORED_ANSWER>>,
    /// Key 17: Reconciliation and ShiftReport; the host's totals.
    pub totals: Option<Totals>,
    /// Key 18: Authorize and Capture, when approved.
    pub hold: Option<Hold>,
    /// Key 19: LoadQuote and PurchaseQuote.
    pub quote: Option<Quote>,
    /// Key 20: SignOn.
    pub in_flight: Option<InFlight>,
    /// Key 21: SignOn; send a heartbeat when idle for so many seconds.
    pub heartbeat_seconds: Option<u32>,
    /// Key 22: SignOn.
    pub programme_digest: Option<ProgrammeDigest>,
    /// Key 23: SignOn and ShiftReport; the highest STAN decided for this terminal and generation, 0 for none.
    pub host_last_stan: Option<u32>,
    /// Key 24: SignOn; keep signed requests and receipts that are younger than this.
    pub backup_horizon: Option<UnixSeconds>,
    /// Key 25.
    pub limits: Option<Limits>,
    /// Key 26.
    pub merchant: Option<Code<16>>,
    /// Key 27.
    pub store: Option<Code<16>>,
    /// Key 28.
    pub role: Option<Role>,
    /// Key 29.
    pub currency: Option<CurrencyUnit>,
    /// Key 30: Enroll.
    pub generation: Option<Generation>,
    /// Key 31: Enroll.
    pub terminal: Option<TerminalId>,
    /// Key 32: ShiftReport.
    pub shift_closed: Option<bool>,
    /// Key 33: ShiftReport; what the shift's value messages came to.
    pub transactions: Option<ShiftTransactions>,
    /// Key 34: ShiftReport; every transaction of the shift up to this STAN, and after the one asked for, is listed.
    pub listed_to: Option<u32>,
    /// Key 35: SignOn; what the terminal may approve by itself, as [`crate::receipt::Grant`] decodes it.
    pub grant: Option<Blob<MAX_GRANT>>,
    /// Key 36: Advice, when approved; what the card could not pay, in minor units.
    pub shortfall: Option<TotalMinor>,
    /// Key 37: with code 55; how many wrong PINs are still allowed.
    pub tries_left: Option<u8>,
    /// Key 38: CardLookup, when approved; the newest first.
    pub cards: Option<FoundCards>,
}

/// Key 13.
pub type Explanations = List<Explanation, 0, MAX_EXPLANATIONS>;

/// Why a balance changed: one programme rule and what it made of its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The rule's name in the programme.
    pub rule: Text<32>,
    /// What it gave or took.
    pub kind: BalanceKind,
    /// What it was computed from.
    pub base: i64,
    /// What came out.
    pub result: i64,
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

impl Answer {
    /// An answer with nothing but what all answers have.
    pub const fn new(kind: MessageType, code: ResponseCode, time: UnixSeconds) -> Self {
        Answer {
            kind,
            code,
            stan: None,
            time,
            business_date: None,
            reference: None,
            programme_version: None,
            card: None,
            detail: None,
            approved_amount: None,
            balances: None,
            changes: None,
            explanation: None,
            next_step: None,
            state: None,
            stored_answer: None,
            totals: None,
            hold: None,
            quote: None,
            in_flight: None,
            heartbeat_seconds: None,
            programme_digest: None,
            host_last_stan: None,
            backup_horizon: None,
            limits: None,
            merchant: None,
            store: None,
            role: None,
            currency: None,
            generation: None,
            terminal: None,
            shift_closed: None,
            transactions: None,
            listed_to: None,
            grant: None,
            shortfall: None,
            tries_left: None,
            cards: None,
        }
    }

    /// The body, in the one encoding that it has.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(128);
        let mut map = Map::open(&mut writer);
        map.put(0, &SCHEMA_VERSION);
        map.put(1, &self.kind.0);
        map.put(2, &self.code.0);
        map.put_optional(3, self.stan.as_ref());
        map.put(4, &self.time);
        map.put_optional(5, self.business_date.as_ref());
        map.put_optional(6, self.reference.as_ref());
        map.put_optional(7, self.programme_version.as_ref());
        map.put_optional(8, self.card.as_ref());
        map.put_optional(9, self.detail.as_ref());
        map.put_optional(10, self.approved_amount.as_ref());
        map.put_optional(11, self.balances.as_ref());
        map.put_optional(12, self.changes.as_ref());
        map.put_optional(13, self.explanation.as_ref());
        map.put_optional(14, self.next_step.as_ref());
        map.put_optional(15, self.state.as_ref());
        map.put_optional(16, self.stored_answer.as_ref());
        map.put_optional(17, self.totals.as_ref());
        map.put_optional(18, self.hold.as_ref());
        map.put_optional(19, self.quote.as_ref());
        map.put_optional(20, self.in_flight.as_ref());
        map.put_optional(21, self.heartbeat_seconds.as_ref());
        map.put_optional(22, self.programme_digest.as_ref());
        map.put_optional(23, self.host_last_stan.as_ref());
        map.put_optional(24, self.backup_horizon.as_ref());
        map.put_optional(25, self.limits.as_ref());
        map.put_optional(26, self.merchant.as_ref());
        map.put_optional(27, self.store.as_ref());
        map.put_optional(28, self.role.as_ref());
        map.put_optional(29, self.currency.as_ref());
        map.put_optional(30, self.generation.as_ref());
        map.put_optional(31, self.terminal.as_ref());
        map.put_optional(32, self.shift_closed.as_ref());
        map.put_optional(33, self.transactions.as_ref());
        map.put_optional(34, self.listed_to.as_ref());
        map.put_optional(35, self.grant.as_ref());
        map.put_optional(36, self.shortfall.as_ref());
        map.put_optional(37, self.tries_left.as_ref());
        map.put_optional(38, self.cards.as_ref());
        map.close();
        writer.finish()
    }

    /// Checks and decodes an answer's body. An error means a decline that cannot be explained (section 6).
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let unset = (MessageType::REJECT, ResponseCode::FORMAT_ERROR, UnixSeconds::MIN);
        let mut answer = Answer::new(unset.0, unset.1, unset.2);
        let mut required_seen = 0_u8;
        read_map(bytes, Part::Answer, |key, decoder| {
            if matches!(key, 0 | 1 | 2 | 4) {
                required_seen = required_seen.saturating_add(1);
            }
            if key < 20 { answer.read_outcome(key, decoder) } else { answer.read_session(key, decoder) }
        })?;
        if required_seen == 4 { Ok(answer) } else { Err(FormatError::whole(Part::Answer, Problem::Missing)) }
    }

    fn read_outcome(&mut self, key: u64, decoder: &mut Decoder<'_>) -> Result<bool, Problem> {
        match key {
            0 => expect_uint(decoder, SCHEMA_VERSION)?,
            1 => self.kind = MessageType(Item::read(decoder)?),
            2 => self.code = read_code(decoder)?,
            3 => self.stan = Some(Item::read(decoder)?),
            4 => self.time = Item::read(decoder)?,
            5 => self.business_date = Some(Item::read(decoder)?),
            6 => self.reference = Some(Item::read(decoder)?),
            7 => self.programme_version = Some(Item::read(decoder)?),
            8 => self.card = Some(Item::read(decoder)?),
            9 => self.detail = Some(Item::read(decoder)?),
            10 => self.approved_amount = Some(Item::read(decoder)?),
            11 => self.balances = Some(Item::read(decoder)?),
            12 => self.changes = Some(Item::read(decoder)?),
            13 => self.explanation = Some(Item::read(decoder)?),
            14 => self.next_step = Some(Item::read(decoder)?),
            15 => self.state = Some(Item::read(decoder)?),
            16 => self.stored_answer = Some(Item::read(decoder)?),
            17 => self.totals = Some(Item::read(decoder)?),
            18 => self.hold = Some(Item::read(decoder)?),
            19 => self.quote = Some(Item::read(decoder)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_session(&mut self, key: u64, decoder: &mut Decoder<'_>) -> Result<bool, Problem> {
        match key {
            20 => self.in_flight = Some(Item::read(decoder)?),
            21 => self.heartbeat_seconds = Some(Item::read(decoder)?),
            22 => self.programme_digest = Some(Item::read(decoder)?),
            23 => self.host_last_stan = Some(Item::read(decoder)?),
            24 => self.backup_horizon = Some(Item::read(decoder)?),
            25 => self.limits = Some(Item::read(decoder)?),
            26 => self.merchant = Some(Item::read(decoder)?),
            27 => self.store = Some(Item::read(decoder)?),
            28 => self.role = Some(Item::read(decoder)?),
            29 => self.currency = Some(Item::read(decoder)?),
            30 => self.generation = Some(Item::read(decoder)?),
            31 => self.terminal = Some(Item::read(decoder)?),
            32 => self.shift_closed = Some(Item::read(decoder)?),
            33 => self.transactions = Some(Item::read(decoder)?),
            34 => self.listed_to = Some(Item::read(decoder)?),
            35 => self.grant = Some(Item::read(decoder)?),
            36 => self.shortfall = Some(Item::read(decoder)?),
            37 => self.tries_left = Some(Item::read(decoder)?),
            38 => self.cards = Some(Item::read(decoder)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn read_code(decoder: &mut Decoder<'_>) -> Result<ResponseCode, Problem> {
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

impl Item for Explanation {
    fn write(&self, writer: &mut Writer) {
        writer.array(4).text(self.rule.as_str());
        self.kind.write(writer);
        writer.int(self.base).int(self.result);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 4)?;
        Ok(Explanation {
            rule: Item::read(decoder)?,
            kind: Item::read(decoder)?,
            base: Item::read(decoder)?,
            result: Item::read(decoder)?,
        })
    }
}

impl Item for ShiftTransaction {
    fn write(&self, writer: &mut Writer) {
        writer.array(5);
        self.stan.write(writer);
        self.kind.0.write(writer);
        self.code.0.write(writer);
        match &self.amount {
            Some(amount) => amount.write(writer),
            None => {
                writer.null();
            }
        }
        self.state.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 5)?;
        Ok(ShiftTransaction {
            stan: Item::read(decoder)?,
            kind: MessageType(Item::read(decoder)?),
            code: read_code(decoder)?,
            amount: if take_null(decoder) { None } else { Some(Item::read(decoder)?) },
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

macro_rules! tuples {
    ($($name:ident [$count:literal] { $($field:ident),* })*) => {$(
        impl Item for $name {
            fn write(&self, writer: &mut Writer) {
                writer.array($count);
                $(self.$field.write(writer);)*
            }

            fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
                expect_array(decoder, $count)?;
                Ok($name { $($field: Item::read(decoder)?),* })
            }
        }
    )*};
}

tuples! {
    NextStep [2] { missing, bonus }
    Hold [3] { reference, held, expires }
    Quote [2] { id, expires }
    Limits [3] { load, purchase, refund }
    CurrencyUnit [2] { number, exponent }
}

/// The sidecar of an answer: what proves it, and where the transaction stands now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerSidecar {
    /// Key 1: the receipt (section 8.1).
    pub receipt: Option<Blob<MAX_RECEIPT>>,
    /// Key 2: the details hash that the receipt's leaf needs.
    pub details_hash: Option<Hash>,
    /// Key 3: the status (section 8.3).
    pub status: Option<Blob<256>>,
}

impl AnswerSidecar {
    /// The bytes for the frame: none at all when nothing is set.
    pub fn encode(&self) -> Vec<u8> {
        if *self == AnswerSidecar::default() {
            return Vec::new();
        }
        let mut writer = Writer::with_capacity(512);
        let mut map = Map::open(&mut writer);
        map.put_optional(1, self.receipt.as_ref());
        map.put_optional(2, self.details_hash.as_ref());
        map.put_optional(3, self.status.as_ref());
        map.close();
        writer.finish()
    }

    /// Checks and decodes the sidecar of an answer.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut sidecar = AnswerSidecar::default();
        if bytes.is_empty() {
            return Ok(sidecar);
        }
        read_map(bytes, Part::AnswerSidecar, |key, decoder| {
            match key {
                1 => sidecar.receipt = Some(Item::read(decoder)?),
                2 => sidecar.details_hash = Some(Item::read(decoder)?),
                3 => sidecar.status = Some(Item::read(decoder)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(sidecar)
    }
}
