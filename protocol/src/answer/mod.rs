//! Answers (section 6): the body that the gateway's receipt seals, and the sidecar that carries the receipt.

/// Structs that are arrays of as many items, in their order.
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

mod member;
mod parts;
mod sidecar;

pub use member::{
    Catalogue, CatalogueItem, Coming, ComingLots, Entitlement, Entitlements, MAX_CATALOGUE, MAX_COMING,
    MAX_ENTITLEMENTS, MAX_PROGRESS, MAX_RANKS, Progress, Rank, Ranks, Routes, Tier,
};
pub use parts::{
    Balances, CurrencyUnit, Explanation, Explanations, FoundCards, Hold, InFlight, Limits, MAX_BALANCES,
    MAX_EXPLANATIONS, MAX_FOUND_CARDS, MAX_SHIFT_TRANSACTIONS, NextStep, Quote, ShiftTransaction,
    ShiftTransactions,
};
pub use sidecar::{AnswerSidecar, MAX_RECEIPT};

use alloc::vec::Vec;

use minicbor::Decoder;
use parts::read_code;

use crate::cbor::{Item, Map, Writer, expect_uint, read_map};
use crate::code::ResponseCode;
use crate::error::{FormatError, Part, Problem};
use crate::field::{
    Blob, CardReference, Code, Count, Date, Generation, ProgrammeDigest, Role, Stan, TerminalId, Text,
    TotalMinor, Totals, TransactionState, UnixSeconds,
};
use crate::frame::MessageType;
use crate::receipt::MAX_GRANT;
use crate::request::SCHEMA_VERSION;

/// The largest answer body that a TransactionStatus answer can carry (key 16).
pub const MAX_STORED_ANSWER: usize = 2048;

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
    /// Key 39: Purchase and PurchaseQuote; what the programme's prices take off the amount, in minor units.
    pub discount: Option<TotalMinor>,
    /// Key 40: UseEntitlement, when approved; uses of the entitlement that are left in its present period.
    pub uses_left: Option<Count>,
    /// Key 41: what the member is now, where the message changed it or asked.
    pub tier: Option<Tier>,
    /// Key 42: MemberInquiry.
    pub progress: Option<Routes>,
    /// Key 43: MemberInquiry.
    pub coming: Option<ComingLots>,
    /// Key 44: MemberInquiry.
    pub entitlements: Option<Entitlements>,
    /// Key 45: Catalogue.
    pub catalogue: Option<Catalogue>,
    /// Key 46: MemberInquiry and Catalogue; more can be listed.
    pub more: Option<bool>,
    /// Key 47: MemberInquiry; since when the card is a member's.
    pub joined: Option<Date>,
    /// Key 48: MemberInquiry; where the member is on the leaderboards that are open, where there are some.
    pub ranks: Option<Ranks>,
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
            discount: None,
            uses_left: None,
            tier: None,
            progress: None,
            coming: None,
            entitlements: None,
            catalogue: None,
            more: None,
            joined: None,
            ranks: None,
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
        map.put_optional(39, self.discount.as_ref());
        map.put_optional(40, self.uses_left.as_ref());
        map.put_optional(41, self.tier.as_ref());
        map.put_optional(42, self.progress.as_ref());
        map.put_optional(43, self.coming.as_ref());
        map.put_optional(44, self.entitlements.as_ref());
        map.put_optional(45, self.catalogue.as_ref());
        map.put_optional(46, self.more.as_ref());
        map.put_optional(47, self.joined.as_ref());
        map.put_optional(48, self.ranks.as_ref());
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
            match key {
                0..20 => answer.read_outcome(key, decoder),
                20..39 => answer.read_session(key, decoder),
                _ => answer.read_member(key, decoder),
            }
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

    fn read_member(&mut self, key: u64, decoder: &mut Decoder<'_>) -> Result<bool, Problem> {
        match key {
            39 => self.discount = Some(Item::read(decoder)?),
            40 => self.uses_left = Some(Item::read(decoder)?),
            41 => self.tier = Some(Item::read(decoder)?),
            42 => self.progress = Some(Item::read(decoder)?),
            43 => self.coming = Some(Item::read(decoder)?),
            44 => self.entitlements = Some(Item::read(decoder)?),
            45 => self.catalogue = Some(Item::read(decoder)?),
            46 => self.more = Some(Item::read(decoder)?),
            47 => self.joined = Some(Item::read(decoder)?),
            48 => self.ranks = Some(Item::read(decoder)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}
