//! What a terminal meant to do, and what came of it: what the oracle is told, and what the diary keeps.

use std::collections::BTreeMap;

use protocol::answer::{Answer, Balances};
use protocol::code::ResponseCode;
use protocol::field::{
    BalanceKind, CardReference, Generation, Original, Ranged, RequestId, Role, Stan, Totals, TransactionState,
};
use protocol::frame::MessageType;
use serde::{Deserialize, Serialize};

/// A transaction's identity (section 11).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TransactionKey {
    /// TID.
    pub terminal: String,
    /// Enrolment generation.
    pub generation: u32,
    /// STAN.
    pub stan: u32,
}

/// What a terminal is about to ask for; written down before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Which transaction.
    pub key: TransactionKey,
    /// The message type.
    pub kind: u8,
    /// The card's number, that of the original's card where the request names none; none for a Reconciliation.
    pub card: Option<u64>,
    /// Minor units.
    pub amount: Option<i64>,
    /// Partial approval is allowed.
    pub partial: bool,
    /// The card is known and its secret is its own; of a request without a card: its original has the request id that
    /// it names.
    pub genuine: bool,
    /// The transaction that a Refund, Void, Capture or raising Authorize names.
    #[serde(default)]
    pub original: Option<TransactionKey>,
    /// More captures follow.
    #[serde(default)]
    pub more: bool,
    /// The request id in hex, by which later requests name it.
    #[serde(default)]
    pub request_id: Option<String>,
    /// The shift that the request names.
    pub shift: Option<u32>,
    /// The totals that a Reconciliation claims: message type to count and amount.
    pub totals: Option<ShiftTotals>,
    /// What the terminal may do.
    pub rules: TerminalRules,
    /// What few requests say.
    #[serde(default)]
    pub extra: Extra,
}

/// What few requests say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extra {
    /// The number of the card that a Transfer gives to.
    pub to: Option<u64>,
    /// A quote is cited; whether it is of this card, amount and terminal, and was not used.
    pub quote: Option<bool>,
    /// Points that pay.
    pub points: Option<i64>,
    /// The PIN that goes along, by its number: which of the card's PINs it is, never the digits.
    pub pin: Option<u32>,
    /// The PIN that is to be set, by its number.
    pub new_pin: Option<u32>,
    /// The terminal was restarted, and no longer has what stood beside the signed bytes.
    pub sidecar_lost: bool,
    /// Item, quantity and amount.
    pub lines: Vec<Line>,
    /// Who is at the till.
    pub cashier: Option<String>,
    /// Who allows it, as far as that can be known.
    pub supervisor: Option<Supervisor>,
    /// Whom it registers as the card's holder, by their number: never their data.
    pub holder: Option<u32>,
}

/// A supervisor who is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supervisor {
    /// With the right PIN.
    Right,
    /// With a wrong one.
    WrongPin,
    /// Without a PIN.
    NoPin,
    /// One who is none, or the cashier.
    Nobody,
}

/// What was bought or brought back of one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Article number.
    pub item: String,
    /// Thousandths.
    pub quantity: i64,
    /// Minor units.
    pub amount: i64,
}

/// What a terminal may do; from its sign-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalRules {
    /// It sells: a kiosk only loads.
    pub sells: bool,
    /// The largest load, minor units.
    pub max_load: i64,
    /// The largest purchase, minor units.
    pub max_purchase: i64,
    /// The largest refund, minor units.
    #[serde(default)]
    pub max_refund: i64,
}

impl TerminalRules {
    /// From the answer to SignOn; `None` when it names no role or no limits.
    #[must_use]
    pub fn of(sign_on: &Answer) -> Option<Self> {
        let limits = sign_on.limits?;
        Some(TerminalRules {
            sells: sign_on.role? != Role::KIOSK,
            max_load: limits.load.get(),
            max_purchase: limits.purchase.get(),
            max_refund: limits.refund.get(),
        })
    }
}

/// Message type to count and amount.
pub type ShiftTotals = BTreeMap<u8, (u32, i64)>;

/// A final answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Whose answer: the transaction's own key, or that of its Reversal.
    pub key: TransactionKey,
    /// The transaction that a Reversal names, else the same as `key`.
    pub about: TransactionKey,
    /// The message type that was answered.
    pub kind: u8,
    /// Key 2.
    pub code: u8,
    /// Key 6.
    pub index: u64,
    /// Key 10.
    pub approved: Option<i64>,
    /// Key 11.
    pub balances: Option<Wallet>,
    /// Key 12.
    pub changes: Option<Wallet>,
    /// Key 15.
    pub state: Option<u8>,
    /// Key 17.
    pub totals: Option<ShiftTotals>,
    /// Key 4.
    #[serde(default)]
    pub time: i64,
    /// Key 5, as a number.
    #[serde(default)]
    pub date: u32,
    /// Key 18.
    #[serde(default)]
    pub hold: Option<HoldShown>,
    /// Key 36.
    #[serde(default)]
    pub shortfall: Option<i64>,
    /// Key 37.
    #[serde(default)]
    pub tries_left: Option<u8>,
}

/// What an answer says of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldShown {
    /// Key 6 of the Authorize that opened it.
    pub reference: u64,
    /// What is still held, minor units.
    pub held: i64,
    /// When it ends by time, Unix seconds.
    pub expires: i64,
}

/// Principal, bonus and points: of a card, or changes to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet {
    /// Minor units of money paid in.
    pub principal: i64,
    /// Minor units of bonus.
    pub bonus: i64,
    /// Points.
    pub points: i64,
}

impl Fact {
    /// The fact in an answer; `None` when the answer is not final.
    #[must_use]
    pub fn of(key: TransactionKey, about: TransactionKey, answer: &Answer) -> Option<Self> {
        Some(Fact {
            key,
            about,
            kind: answer.kind.0,
            code: answer.code.0,
            index: answer.reference?,
            approved: answer.approved_amount.map(Ranged::get),
            balances: answer.balances.as_ref().and_then(Wallet::of),
            changes: answer.changes.as_ref().and_then(Wallet::of_changes),
            state: answer.state.map(|state| state.0),
            totals: answer.totals.as_ref().map(totals_of),
            time: answer.time.get(),
            date: date_of(answer),
            hold: answer.hold.map(|hold| HoldShown {
                reference: hold.reference,
                held: hold.held.get(),
                expires: hold.expires.get(),
            }),
            shortfall: answer.shortfall.map(Ranged::get),
            tries_left: answer.tries_left,
        })
    }

    /// Approved, wholly or in part.
    #[must_use]
    pub const fn is_approval(&self) -> bool {
        ResponseCode(self.code).is_approval()
    }

    /// A Reversal or Void after which its original is undone, by itself or by an earlier one.
    #[must_use]
    pub fn undoes(&self) -> bool {
        let undone = [TransactionState::REVERSED.0, TransactionState::VOIDED.0];
        [MessageType::REVERSAL.0, MessageType::VOID.0].contains(&self.kind)
            && self.is_approval()
            && self.state.is_some_and(|state| undone.contains(&state))
    }
}

impl Wallet {
    /// `None` when a kind is named that the default programme does not have.
    #[must_use]
    pub fn of(balances: &Balances) -> Option<Self> {
        let known = [BalanceKind::PRINCIPAL, BalanceKind::BONUS, BalanceKind::POINTS];
        let amount = |kind| balances.get(&kind).copied().unwrap_or(0);
        let [principal, bonus, points] = known.map(amount);
        balances.keys().all(|kind| known.contains(kind)).then_some(Wallet { principal, bonus, points })
    }

    /// The same of changes, which leave out kinds without change: `None` when one is listed all the same.
    #[must_use]
    pub fn of_changes(changes: &Balances) -> Option<Self> {
        Wallet::of(changes).filter(|_| changes.values().all(|change| *change != 0))
    }

    /// Both together; `None` on overflow.
    #[must_use]
    pub fn plus(self, other: Wallet) -> Option<Self> {
        Some(Wallet {
            principal: self.principal.checked_add(other.principal)?,
            bonus: self.bonus.checked_add(other.bonus)?,
            points: self.points.checked_add(other.points)?,
        })
    }

    /// The opposite change.
    #[must_use]
    pub fn negated(self) -> Option<Self> {
        Some(Wallet {
            principal: self.principal.checked_neg()?,
            bonus: self.bonus.checked_neg()?,
            points: self.points.checked_neg()?,
        })
    }

    /// What can be paid with it.
    #[must_use]
    pub fn payable(self) -> Option<i64> {
        self.principal.checked_add(self.bonus)
    }

    /// Nothing is below zero.
    #[must_use]
    pub const fn is_sound(self) -> bool {
        self.principal >= 0 && self.bonus >= 0 && self.points >= 0
    }
}

impl Intent {
    /// The card's number as the protocol has it.
    #[must_use]
    pub fn card_reference(&self) -> Option<CardReference> {
        self.card.and_then(CardReference::new)
    }

    /// How a later request names this one.
    #[must_use]
    pub fn as_original(&self) -> Option<Original> {
        let id = crate::hash::unhex(self.request_id.as_ref()?)?;
        Some(Original {
            terminal: self.key.terminal.parse().ok()?,
            generation: Generation::new(self.key.generation)?,
            stan: Stan::new(self.key.stan)?,
            request_id: RequestId(id.try_into().ok()?),
        })
    }
}

/// The business date of an answer, as a number: YYYYMMDD.
#[must_use]
pub fn date_of(answer: &Answer) -> u32 {
    answer.business_date.map_or(0, protocol::field::Date::number)
}

/// Totals by message type.
#[must_use]
pub fn totals_of(totals: &Totals) -> ShiftTotals {
    totals.as_slice().iter().map(|total| (total.kind.0, (total.count, total.amount.get()))).collect()
}
