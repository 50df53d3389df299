//! One card as it must be, and what must come of each request about it.

mod allowed;
mod by_two;
mod ends;
mod hold;
mod holder;
mod memory;
mod move_on;
mod operators;
mod pin;
mod points;
mod purse;
mod refund;
mod trade;
mod undo;

use std::collections::BTreeMap;

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use protocol::frame::MessageType;
use serde::{Deserialize, Serialize};

use super::fact::{Fact, HoldShown, Intent, TransactionKey, Wallet};
use super::happened::Happened;
use super::product::Product;
use super::programme::Programme;
use crate::corporate::Corporate;
use memory::Memory;
use points::{Points, PointsHeld};
use purse::{Hold, Part, Purse};

/// What must come of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) code: u8,
    pub(super) approved: Option<i64>,
    /// What is booked, and what can be spent afterwards; `None` when nothing is said of the card.
    pub(super) shown: Option<Shown>,
    pub(super) state: Option<u8>,
    pub(super) hold: Option<HoldShown>,
    pub(super) shortfall: Option<i64>,
    pub(super) tries_left: Option<u8>,
}

/// Keys 12 and 11 of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) changes: Wallet,
    pub(super) balances: Wallet,
}

/// One of the results that are right for a request, and the card after it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) expected: Expected,
    pub(super) after: CardModel,
    /// The other card of a Transfer, where that changes too.
    pub(super) partner: Option<CardModel>,
}

/// A request as it was decided.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) intent: &'a Intent,
    /// Key 6 of its answer.
    pub(super) index: u64,
    /// Key 4 of its answer.
    pub(super) time: i64,
    /// Key 5 of its answer.
    pub(super) date: u32,
    /// The shift that it names was closed before.
    pub(super) shift_closed: bool,
    /// The shift that its original names was closed before; `None` when that cannot be known.
    pub(super) original_closed: Option<bool>,
    pub(super) programme: &'a Programme,
    /// The other card of a Transfer.
    pub(super) partner: Option<&'a CardModel>,
    /// Another card has taken the place of the one that it names.
    pub(super) replaced: bool,
    /// The corporate account whose money it would spend cannot be used.
    pub(super) account_refuses: bool,
    /// Something else about its purse was under way at the same time.
    pub(super) overlapped: bool,
    /// It is only a question: nobody asks for a PIN.
    pub(super) quoting: bool,
    /// Whether its terminal's and its cashier's day allow it.
    pub(super) others: &'a super::book::Others<'a>,
}

/// A decided request as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which one.
    pub key: TransactionKey,
    /// The message type.
    pub kind: u8,
    /// Section 8.3.
    pub state: u8,
    /// What was approved and is not refunded, minor units.
    pub left: i64,
    /// What is still held by the hold that it opened, minor units.
    pub held: i64,
}

/// A card and what was decided about it.
#[derive(Clone, Debug, Default)]
pub(super) struct CardModel {
    pub(super) number: u64,
    /// It was put into use.
    pub(super) active: bool,
    blocked: bool,
    /// The card that took its place.
    successor: Option<u64>,
    /// The card whose place it took, and whose PINs it has.
    predecessor: Option<u64>,
    /// From this second on it is not accepted.
    expires: Option<i64>,
    /// The name of its product; the standard one where nothing is said.
    product: String,
    /// The corporate account that it is bound to, by its number, and what it may spend of it.
    bound: Option<(u64, OwnLimits)>,
    /// Its own, or while something is decided what that moves: its account's, or the one that an original moved.
    purse: Purse,
    /// The card whose purse that is.
    spends: u64,
    /// While something is decided that moves another purse than the one that it spends from: that one.
    shows: Option<Purse>,
    points: PointsHeld,
    decided: Memory,
    /// Money or points have come to it, whatever became of them: its activation stands.
    loaded: bool,
    pin: pin::CardPin,
    /// The registered holder, by their number.
    pub(super) holder: Option<u32>,
    /// Who was registered with it last, and by which entry and when: what a look-up begins with.
    pub(super) registered: Option<(u32, u64, i64)>,
    /// What has happened while something was decided about it.
    happened: Happened,
}

/// The most that a bound card may spend, minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnLimits {
    /// In a business day.
    pub day: Option<i64>,
    /// In a month of business days.
    pub month: Option<i64>,
}

/// A decided request and everything that it did.
#[derive(Clone, Debug)]
struct Decided {
    kind: u8,
    approved: i64,
    state: TransactionState,
    index: u64,
    /// The card whose lots it moved.
    purse: u64,
    /// What it booked on lots, in its order.
    parts: Vec<Part>,
    points: Points,
    /// Points that it gave, those too that paid a debt.
    earned: i64,
    /// How much of it was refunded.
    refunded: i64,
    last_refund: Option<TransactionKey>,
    /// Of a Refund: what it refunded, and by how much that counts as refunded.
    refunds: Vec<(TransactionKey, i64)>,
    /// Points that paid, and what they were worth.
    paid_points: (i64, i64),
    /// The lots that they came from.
    paid_parts: Vec<Part>,
    /// Of an Authorize that opened a hold: when that ends by time.
    ends: Option<i64>,
    /// Of a Load: the card had many lots, and it went into an earlier one.
    joined: bool,
    /// Of a Transfer: what the other card got, in its lots.
    given: Vec<Part>,
    /// Which card that was.
    given_to: u64,
    /// Of an Advice: what was approved, whoever bears it.
    advised: i64,
    /// What was sold, or brought back, by item: quantity and amount.
    lines: BTreeMap<String, (i64, i64)>,
    /// What of that was brought back by line.
    returned: BTreeMap<String, (i64, i64)>,
    /// Of an Authorize or Capture: the reference of the hold's first Authorize.
    hold: Option<u64>,
    /// It counts in its day and in its month, where something limits them, until it is undone in the same.
    counted: [bool; 2],
    date: u32,
    undone: Option<u32>,
}

impl Default for Decided {
    fn default() -> Self {
        Decided {
            kind: 0,
            approved: 0,
            state: TransactionState::LIVE,
            index: 0,
            purse: 0,
            parts: Vec::new(),
            points: Points::default(),
            earned: 0,
            refunded: 0,
            last_refund: None,
            refunds: Vec::new(),
            paid_points: (0, 0),
            paid_parts: Vec::new(),
            ends: None,
            joined: false,
            given: Vec::new(),
            given_to: 0,
            advised: 0,
            lines: BTreeMap::new(),
            returned: BTreeMap::new(),
            hold: None,
            counted: [false; 2],
            date: 0,
            undone: None,
        }
    }
}

impl CardModel {
    /// One of which nothing is known.
    pub(super) fn new(number: u64) -> CardModel {
        CardModel { number, spends: number, ..CardModel::default() }
    }

    /// What can be spent now, and the points.
    pub(super) fn wallet(&self) -> Wallet {
        Wallet { points: self.points.held(), ..self.shows.as_ref().unwrap_or(&self.purse).money() }
    }

    /// It is of this product, perhaps in use, bound to an account, or accepted for a time, before anything is known of it.
    pub(super) fn put_into_use(&mut self, card: &Corporate) {
        (self.number, self.active, self.expires) = (card.card.number(), card.active, card.expires);
        self.product.clone_from(&card.product);
        self.bound = card.account.map(|(account, limits)| (account.number(), limits));
    }

    /// The corporate account that it is bound to.
    pub(super) fn account(&self) -> Option<u64> {
        self.bound.map(|(account, _)| account)
    }

    /// With the purse of another card, until [`CardModel::give_back_to`] that.
    pub(super) fn lent(&self, owner: &CardModel, shows: &CardModel) -> CardModel {
        let shows = (owner.number != shows.number).then(|| shows.purse.clone());
        CardModel { purse: owner.purse.clone(), spends: owner.number, shows, ..self.clone() }
    }

    /// It is decided: what it moves is what it spends.
    pub(super) fn alone(self) -> CardModel {
        CardModel { shows: None, spends: self.number, ..self }
    }

    /// What another card has lent goes back to it, and `own` is its own again.
    pub(super) fn give_back_to(&mut self, owner: &mut CardModel, own: &CardModel) {
        owner.purse = std::mem::replace(&mut self.purse, own.purse.clone());
    }

    /// What its product says.
    pub(super) fn product<'a>(&self, programme: &'a Programme) -> &'a Product {
        programme.product(&self.product).unwrap_or(&programme.standard)
    }

    /// Nothing is below zero.
    pub(super) fn is_sound(&self) -> bool {
        self.points.is_sound() && self.purse.is_sound()
    }

    /// It is what is known now; there are no copies of it.
    pub(super) fn settle(&mut self) {
        self.decided.settle();
    }

    /// The newest decisions about it, newest first.
    pub(super) fn newest(&self, most: usize) -> Vec<Standing> {
        let mut all: Vec<_> = self.decided.iter().collect();
        all.sort_by_key(|(_, decided)| std::cmp::Reverse(decided.index));
        let standing = |(key, decided): (&TransactionKey, &Decided)| Standing {
            key: key.clone(),
            kind: decided.kind,
            state: decided.state.0,
            left: decided.approved.saturating_sub(decided.refunded),
            held: self.purse.holds.get(&decided.index).map_or(0, Hold::held),
        };
        all.into_iter().take(most).map(standing).collect()
    }

    /// The outcomes that are right for a request that is decided now: mostly one.
    pub(super) fn expected(&self, request: &Request<'_>) -> Vec<Outcome> {
        let intent = request.intent;
        let kind = MessageType(intent.kind);
        let sells = [
            MessageType::PURCHASE,
            MessageType::REFUND,
            MessageType::VOID,
            MessageType::AUTHORIZE,
            MessageType::CAPTURE,
            MessageType::TRANSFER,
            MessageType::UNLOAD,
            MessageType::ADVICE,
        ];
        let blocked = TransactionState::BLOCKED;
        if self.decided.get(&intent.key).is_some_and(|decided| decided.state == blocked) {
            return self.declined(request, ResponseCode::ALREADY_REVERSED);
        }
        if sells.contains(&kind) && !intent.rules.sells {
            return self.declined(request, ResponseCode::NOT_PERMITTED_TERMINAL);
        }
        if kind == MessageType::CASH_TAKEN {
            return self.expected_cash_taken(request);
        }
        if kind == MessageType::ADVICE {
            return self.expected_advice(request);
        }
        if request.shift_closed && kind != MessageType::VOID {
            return self.declined(request, ResponseCode::INVALID_TRANSACTION);
        }
        match kind {
            MessageType::REFUND => return self.within_limits(request, self.expected_refund(request)),
            MessageType::VOID => return self.expected_void(request),
            MessageType::CAPTURE => return self.expected_capture(request),
            _ if !intent.genuine || intent.extra.sidecar_lost => {
                return self.declined(request, ResponseCode::CARD_NOT_ACCEPTED);
            }
            _ => {}
        }
        let mut proven = self.clone();
        if kind != MessageType::ACTIVATE {
            if let Some(code) = self.refuses(request.time) {
                let mut declined = self.declined(request, code);
                declined
                    .iter_mut()
                    .for_each(|outcome| outcome.after.pin.may_have_been_tried(intent.extra.pin));
                return declined;
            }
            if let Some(code) = self.unfit(request) {
                let other_holder = u64::from(kind == MessageType::LOAD && self.is_somebody_elses(request));
                let counts = Happened { other_holder, ..Happened::default() };
                return match code {
                    ResponseCode::NOT_PERMITTED_CARD => self.declined_for_holder(request, counts),
                    code => self.declined(request, code),
                };
            }
            // What is to be raised is looked at before the PIN, for whether that is asked depends on what is held.
            if kind == MessageType::AUTHORIZE
                && let Some(Err(declined)) = intent.original.as_ref().map(|_| self.raised(request))
            {
                return declined;
            }
            if let Err(mut declined) = proven.look_at_pin(request) {
                declined.extend(self.perhaps_locked(request));
                return declined;
            }
        }
        let cites = [MessageType::LOAD, MessageType::PURCHASE].contains(&kind);
        let mut outcomes = match request.intent.extra.quote {
            // Whether the gateway still knows a quote is not checked one by one, for a restart forgets them: see
            // `Oracle::check_citations`.
            Some(_) if cites => proven.declined(request, ResponseCode::INVALID_TRANSACTION),
            _ => Vec::new(),
        };
        if !cites || intent.extra.quote != Some(false) {
            outcomes.extend(proven.within_limits(request, proven.expected_at_card(request)));
        }
        outcomes.extend(self.perhaps_locked(request));
        outcomes
    }

    /// What comes of a request with a card in hand, its PIN looked at.
    fn expected_at_card(&self, request: &Request<'_>) -> Vec<Outcome> {
        match MessageType(request.intent.kind) {
            MessageType::ACTIVATE => self.expected_activation(request),
            MessageType::LOAD => self.expected_load(request),
            MessageType::AUTHORIZE => self.expected_authorize(request),
            MessageType::TRANSFER => self.expected_transfer(request),
            MessageType::UNLOAD => self.expected_unload(request),
            MessageType::CHANGE_PIN => self.expected_change_pin(request),
            _ => self.expected_purchase(request),
        }
    }

    /// Takes an answer for true that is not among the expected ones, as far as it can be understood.
    pub(super) fn believe(&mut self, intent: &Intent, fact: &Fact) {
        let blocked = fact.code == ResponseCode::ALREADY_REVERSED.0;
        let state = match (fact.is_approval(), blocked) {
            (true, _) => TransactionState::LIVE,
            (false, true) => TransactionState::BLOCKED,
            (false, false) => TransactionState::DECLINED,
        };
        if fact.kind == MessageType::REVERSAL.0 {
            if let Some(state) = fact.state {
                let mut decided = self.decided.get(&fact.about).cloned().unwrap_or_default();
                decided.state = TransactionState(state);
                self.active &= !(fact.undoes() && decided.kind == MessageType::ACTIVATE.0);
                self.decided.insert(fact.about.clone(), decided);
            }
        } else {
            let decided = Decided {
                kind: fact.kind,
                approved: fact.approved.unwrap_or(0),
                state,
                index: fact.index,
                purse: self.spends,
                ..Decided::default()
            };
            self.decided.insert(intent.key.clone(), decided);
            self.active |= fact.is_approval() && fact.kind == MessageType::ACTIVATE.0;
            self.loaded |= fact.is_approval() && fact.kind == MessageType::LOAD.0;
        }
        if let Some(said) = fact.balances.filter(|_| fact.is_approval()) {
            self.purse.force(said);
            self.points.force(said.points);
        }
    }

    /// The decline of a request.
    fn declined(&self, request: &Request<'_>, code: ResponseCode) -> Vec<Outcome> {
        self.declined_in(request, code, None)
    }

    /// The decline of a request for what its original is.
    fn declined_in(
        &self,
        request: &Request<'_>,
        code: ResponseCode,
        state: Option<TransactionState>,
    ) -> Vec<Outcome> {
        let expected = Expected { code: code.0, state: state.map(|state| state.0), ..Expected::default() };
        let mut after = self.clone();
        let blocked = code == ResponseCode::ALREADY_REVERSED;
        let state = if blocked { TransactionState::BLOCKED } else { TransactionState::DECLINED };
        let kind = request.intent.kind;
        let decided = Decided { kind, state, index: request.index, ..Decided::default() };
        after.decided.insert(request.intent.key.clone(), decided);
        vec![Outcome { expected, after, partner: None }]
    }

    /// An approval: `self` is the card after it, but for what is remembered of the request itself.
    fn approved(
        mut self,
        request: &Request<'_>,
        code: ResponseCode,
        changes: Wallet,
        decided: Decided,
    ) -> Outcome {
        let shown = Shown { changes, balances: self.wallet() };
        let expected = Expected {
            code: code.0,
            approved: Some(decided.approved),
            shown: Some(shown),
            state: None,
            hold: decided.hold.map(|reference| self.hold_shown(reference, request)),
            ..Expected::default()
        };
        let counts = decided.approved > 0 || request.intent.kind != MessageType::ADVICE.0;
        let gained = decided.parts.iter().any(|part| part.amount > 0) || decided.points.card() > 0;
        self.loaded |= gained;
        self.register(request);
        let decided = Decided {
            kind: request.intent.kind,
            state: TransactionState::LIVE,
            index: request.index,
            counted: self.limited(request.programme).map(|limited| limited && counts),
            date: request.date,
            purse: self.spends,
            ..decided
        };
        self.decided.insert(request.intent.key.clone(), decided);
        Outcome { expected, after: self, partner: None }
    }

    /// What a request names that has no card of its own, or why that is not to be acted on (the rows of section 11's
    /// table that all messages have in common).
    fn original(&self, request: &Request<'_>) -> Result<(TransactionKey, &Decided), Vec<Outcome>> {
        let not_found = || self.declined(request, ResponseCode::ORIGINAL_NOT_FOUND);
        let over = |state| self.declined_in(request, ResponseCode::INVALID_TRANSACTION, state);
        let key = request.intent.original.clone().ok_or_else(not_found)?;
        let decided = self.decided.get(&key).ok_or_else(not_found)?;
        let undoing = [
            MessageType::REVERSAL,
            MessageType::VOID,
            MessageType::RECONCILIATION,
            MessageType::CHANGE_PIN,
            MessageType::CASH_TAKEN,
        ];
        if decided.state == TransactionState::BLOCKED {
            return Err(over(Some(decided.state)));
        }
        if undoing.contains(&MessageType(decided.kind)) {
            return Err(over(None));
        }
        Ok((key, decided))
    }
}
