//! What every card and every shift must be. It is told what terminals mean to do and what they were answered, and it
//! says where the two disagree with the rules.
//!
//! It knows the default programme, and what a [`Programme`] says beyond it, in integers of its own: every lot, who
//! paid from which, what is held, what was refunded. Nothing expires in it: a run must be over before its first hold's time
//! is (a week). What it cannot know is not checked, and says so where that is.
//!
//! A card has a **purse**, its lots and holds. One that is bound to a corporate account spends from the account's: all
//! cards of an account share one purse, and each has its own PIN, limits, points and memory.
//!
//! An unknown outcome (a lost answer) keeps its purse **open**: what else is decided about the purse waits, and all of it is
//! checked in the journal's order once nothing about the purse is open. So any number of terminals may use one card, or the
//! cards of one account, at the same time.

mod book;
mod card;
mod fact;
mod limits;
mod product;
mod programme;
mod questions;
pub mod rules;
mod shift;
#[cfg(test)]
mod tests;

pub use card::{OwnLimits, Standing};
pub use fact::{
    Extra, Fact, HoldShown, Intent, Line, ShiftTotals, Supervisor, TerminalRules, TransactionKey, Wallet,
    date_of, totals_of,
};
pub use product::{Allowance, PinRule, PointsRule, Product, Spend};
pub use programme::{Programme, TillRule};
pub use questions::Watch;

use std::collections::{BTreeMap, BTreeSet};

use protocol::code::ResponseCode;
use protocol::field::CardReference;
use protocol::frame::MessageType;
use serde::Serialize;

use crate::corporate::Corporate;
use crate::error::Error;
use book::{Context, Place, Queue, Waiting, check_reconciliation};
use card::CardModel;
use limits::DayBook;
use shift::ShiftBook;

/// The oracle of one shop, or of all shops of one gateway.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    programme: Programme,
    cards: BTreeMap<u64, CardModel>,
    /// What is decided about each purse, by the number of the card that has it.
    queues: BTreeMap<u64, Queue>,
    waiting: BTreeMap<Place, Waiting>,
    issued: BTreeSet<u64>,
    shifts: BTreeMap<(String, u32), ShiftBook>,
    days: DayBook,
    /// Closes that wait until no Void by another terminal is open that may belong before them.
    closes: Vec<(Intent, Fact)>,
    open: BTreeMap<TransactionKey, Intent>,
    /// Of settled requests, which may be opened again by a Reversal.
    intents: BTreeMap<TransactionKey, Intent>,
    settled: BTreeMap<TransactionKey, Fact>,
    indexes: BTreeMap<u64, TransactionKey>,
    mismatches: Vec<Mismatch>,
    /// Of open requests: the place of each among those begun about its purse, and whether it was alone then.
    began: BTreeMap<TransactionKey, (u64, bool)>,
    /// Citations that hold: how many the gateway took, and how many it did not know.
    citations: (u64, u64),
    replaying: bool,
}

/// Where the gateway and the rules disagree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Which transaction, card or shift.
    pub about: String,
    /// What the rules say.
    pub expected: String,
    /// What the gateway said.
    pub got: String,
}

impl Oracle {
    /// The oracle of a gateway with this programme in force.
    #[must_use]
    pub fn of(programme: Programme) -> Oracle {
        Oracle { programme, ..Oracle::default() }
    }

    /// What it takes to be in force.
    #[must_use]
    pub const fn programme(&self) -> &Programme {
        &self.programme
    }

    /// What a card's product says; the standard one's where nothing is known of the card.
    #[must_use]
    pub fn product(&self, card: CardReference) -> Product {
        let model = self.cards.get(&card.number());
        *model.map_or(&self.programme.standard, |model| model.product(&self.programme))
    }

    /// The corporate account that the card is bound to.
    #[must_use]
    pub fn account(&self, card: CardReference) -> Option<CardReference> {
        let account = self.cards.get(&card.number()).and_then(CardModel::account);
        account.and_then(CardReference::new)
    }

    /// A card that was issued and not used yet.
    pub fn issue(&mut self, card: CardReference) {
        self.issued.insert(card.number());
        self.cards.entry(card.number()).or_default();
        self.queues.entry(card.number()).or_default();
    }

    /// Cards of another product than the standard one, corporate accounts and cards that are bound to them among them. They
    /// were issued, are in use, and nothing was loaded or bought with them yet.
    pub fn put_into_use(&mut self, cards: &[Corporate]) -> Result<(), Error> {
        let product = |name: &str| {
            let unknown = || Error::Usage(format!("the programme has no product {name}"));
            self.programme.product(name).ok_or_else(unknown)
        };
        for card in cards {
            let account = card.account.map(|(account, _)| cards.iter().find(|other| other.card == account));
            let is_account = match account {
                Some(Some(account)) => product(&account.product)?.account && account.account.is_none(),
                Some(None) => false,
                None => true,
            };
            let is_free = card.account.is_none() || !product(&card.product)?.account;
            product(&card.product)?;
            if !is_account || !is_free || !self.issued.contains(&card.card.number()) {
                let why = "it is not one of the shop's, or is bound to what is no account of the shop";
                return Err(Error::Usage(format!("card {}: {why}", card.card)));
            }
        }
        for card in cards {
            let bound = card.account.map(|(account, limits)| (account.number(), limits));
            self.cards.entry(card.card.number()).or_default().put_into_use(&card.product, bound);
        }
        Ok(())
    }

    /// A request is about to be sent, or an approved one to be given up: its outcome is unknown until it is settled.
    pub fn begin(&mut self, intent: Intent) {
        let (card, other) = self.cards_of(&intent);
        for purse in self.purses_of((card, other)) {
            let queue = self.queues.entry(purse).or_default();
            queue.begun = queue.begun.saturating_add(1);
            queue.open.insert(intent.key.clone());
        }
        if let Some(queue) = card.and_then(|card| self.queues.get(&self.purse_of(card))) {
            let alone = queue.open.len() == 1 && queue.waiting.is_empty();
            self.began.insert(intent.key.clone(), (queue.begun, alone));
        }
        self.open.insert(intent.key.clone(), intent);
    }

    /// The request's outcome is known: `facts` are its final answer, its Reversal's, or both; none when it was never
    /// decided. Settling a request again, after a restart, changes nothing.
    pub fn settle(&mut self, key: &TransactionKey, mut facts: Vec<Fact>) {
        let Some(intent) = self.open.remove(key) else { return };
        let (card, other) = self.cards_of(&intent);
        self.intents.insert(key.clone(), intent.clone());
        facts.sort_by_key(|fact| fact.index);
        let purses = self.purses_of((card, other));
        let began = self.began.remove(key);
        let queue = card.and_then(|card| self.queues.get(&self.purse_of(card)));
        let overlapped = self.replaying
            || queue.is_some_and(|queue| began != Some((queue.begun, true)) || queue.open.len() > 1);
        for fact in facts {
            if !self.take_index(&fact) {
                continue;
            }
            if fact.undoes() {
                let undone = intent.original.as_ref().filter(|_| fact.kind == MessageType::VOID.0);
                let undone = undone.unwrap_or(&fact.about);
                self.days.undo(undone, fact.index, fact.date);
                self.shift_book(undone).undo(undone.stan, fact.index);
            }
            self.days.apply(&intent, &fact);
            let shifts = self.shift_book(key);
            let shift_closed = shifts.is_closed(intent.shift) && fact.kind != MessageType::REVERSAL.0;
            if fact.kind == MessageType::RECONCILIATION.0 && shift_closed {
                self.mismatches.extend(check_reconciliation(&intent, &fact, None));
            } else if fact.kind == MessageType::RECONCILIATION.0 {
                shifts.apply(&intent, &fact);
                self.closes.push((intent.clone(), fact.clone()));
            } else {
                shifts.apply(&intent, &fact);
            }
            if let Some(card) = card {
                let place = (fact.index, fact.key.clone());
                for purse in &purses {
                    self.queues.entry(*purse).or_default().waiting.insert(place.clone());
                }
                let cards = (card, other);
                let waiting = Waiting { intent: intent.clone(), fact, shift_closed, overlapped, cards };
                self.waiting.insert(place, waiting);
            }
        }
        for purse in &purses {
            if let Some(queue) = self.queues.get_mut(purse) {
                queue.open.remove(key);
            }
        }
        if !self.replaying {
            self.check_queues(purses.into_iter().collect());
            self.check_closes();
        }
    }

    /// The card that a request is about; with a Transfer, or what cancels one, the card that it gives to.
    fn cards_of(&self, intent: &Intent) -> (Option<u64>, Option<u64>) {
        let transfer = match MessageType(intent.kind) {
            MessageType::VOID => intent.original.as_ref().and_then(|original| self.intent(original)),
            _ => Some(intent),
        };
        let other = transfer.and_then(|transfer| transfer.extra.to).filter(|to| self.issued.contains(to));
        (intent.card, other.filter(|other| Some(*other) != intent.card))
    }

    /// The card whose purse a card spends: its account, or itself.
    fn purse_of(&self, card: u64) -> u64 {
        self.cards.get(&card).and_then(CardModel::account).unwrap_or(card)
    }

    /// Both cards' purses, which may be one.
    fn purses_of(&self, (card, other): (Option<u64>, Option<u64>)) -> BTreeSet<u64> {
        card.into_iter().chain(other).map(|card| self.purse_of(card)).collect()
    }

    /// A card with the purse that it spends from.
    fn seen(&self, card: u64) -> Option<CardModel> {
        let mut model = self.cards.get(&card)?.clone();
        if let Some(account) = model.account() {
            self.cards.get(&account)?.lend(&mut model);
        }
        Some(model)
    }

    /// The card is this from now on, and what it spends from too.
    fn keep(&mut self, card: u64, mut model: CardModel) {
        if let Some(account) = model.account().and_then(|account| self.cards.get_mut(&account)) {
            account.take_back(&mut model);
        }
        self.cards.insert(card, model);
    }

    /// Checks what has waited about these purses, and about those that gave to them or got from them.
    fn check_queues(&mut self, mut purses: Vec<u64>) {
        while let Some(purse) = purses.pop() {
            while let Some(place) = self.ready(purse) {
                let Some(waiting) = self.waiting.remove(&place) else { break };
                let (first, other) = waiting.cards;
                let both = self.purses_of((Some(first), other));
                for purse in &both {
                    if let Some(queue) = self.queues.get_mut(purse) {
                        queue.waiting.remove(&place);
                    }
                }
                self.check(&waiting);
                purses.extend(both.into_iter().filter(|other| *other != purse));
            }
        }
    }

    /// What is next about a purse, if nothing is open that may have come before it: at the other purse neither.
    fn ready(&self, purse: u64) -> Option<Place> {
        let place = self.queues.get(&purse)?.waiting.first()?;
        let (first, other) = self.waiting.get(place)?.cards;
        let both = self.purses_of((Some(first), other));
        let mut both = both.iter().filter_map(|purse| self.queues.get(purse));
        both.all(|queue| queue.open.is_empty() && queue.waiting.first() == Some(place)).then(|| place.clone())
    }

    fn check(&mut self, waiting: &Waiting) {
        let (first, other) = waiting.cards;
        let mut model = self.seen(first).unwrap_or_default();
        let mut partner = other.and_then(|other| Some((other, self.seen(other)?)));
        let (shifts, open, intents) = (&self.shifts, &self.open, &self.intents);
        let closed_before = |key: &TransactionKey, index: u64| {
            let shift = open.get(key).or_else(|| intents.get(key)).and_then(|intent| intent.shift);
            let shifts = shifts.get(&(key.terminal.clone(), key.generation));
            let closing = |intent: &Intent| {
                intent.kind == MessageType::RECONCILIATION.0
                    && (&intent.key.terminal, intent.key.generation) == (&key.terminal, key.generation)
                    && intent.shift == shift
            };
            match shifts.is_some_and(|shifts| shifts.is_closed_before(shift, index)) {
                false if open.values().any(closing) => None,
                closed => Some(closed),
            }
        };
        if waiting.intent.extra.quote == Some(true) && waiting.fact.kind == waiting.intent.kind {
            let unknown = waiting.fact.code == ResponseCode::INVALID_TRANSACTION.0;
            let (taken, refused) = &mut self.citations;
            let count = if unknown { refused } else { taken };
            *count = count.saturating_add(1);
        }
        let (programme, days) = (&self.programme, &self.days);
        let others = |class, amount| {
            let decided = (&waiting.intent, &waiting.fact);
            days.allow(decided, (class, amount), open, programme)
        };
        let context = Context { shifts: &closed_before, others: &others, programme };
        let theirs = partner.as_mut().map(|(_, partner)| partner);
        let found = waiting.check_and_apply(&mut model, theirs, &context);
        if let Some((other, partner)) = partner {
            self.keep(other, partner);
        }
        self.keep(first, model);
        self.mismatches.extend(found);
    }

    /// Checks the closes of shifts of which no transaction may have been voided unknown to the oracle.
    fn check_closes(&mut self) {
        let mut waiting = Vec::new();
        for (intent, fact) in std::mem::take(&mut self.closes) {
            let own = (&intent.key.terminal, intent.key.generation);
            let open = self
                .open
                .values()
                .filter_map(|open| open.original.as_ref().filter(|_| open.kind == MessageType::VOID.0));
            if open.map(|key| (&key.terminal, key.generation)).any(|other| other == own) {
                waiting.push((intent, fact));
                continue;
            }
            let shift = intent.shift.unwrap_or_default();
            let ours = self.shift_book(&intent.key).totals_before(shift, fact.index);
            self.mismatches.extend(check_reconciliation(&intent, &fact, Some(&ours)));
        }
        self.closes = waiting;
    }

    fn shift_book(&mut self, key: &TransactionKey) -> &mut ShiftBook {
        self.shifts.entry((key.terminal.clone(), key.generation)).or_default()
    }

    /// From here on the books of several terminals are read in again, one terminal after the other: nothing about cards
    /// is checked until [`Oracle::replayed`], because only then the journal's order is known.
    pub fn replay(&mut self) {
        self.replaying = true;
    }

    /// All books are read in.
    pub fn replayed(&mut self) {
        self.replaying = false;
        self.check_queues(self.queues.keys().copied().collect());
        self.check_closes();
    }

    /// A gateway that was restarted knows no quote from before; one that never knows any is wrong.
    pub fn check_citations(&mut self) {
        if let (0, refused @ 10..) = self.citations {
            let got = format!("{refused} times {}", ResponseCode::INVALID_TRANSACTION);
            let (about, expected) = ("quotes that were cited".into(), "that some are known".into());
            self.mismatches.push(Mismatch { about, expected, got });
        }
    }

    /// What a request was for, whether it is open or settled.
    #[must_use]
    pub fn intent(&self, key: &TransactionKey) -> Option<&Intent> {
        self.open.get(key).or_else(|| self.intents.get(key))
    }

    /// Whether this answer was taken in already.
    #[must_use]
    pub fn knows(&self, key: &TransactionKey) -> bool {
        self.settled.contains_key(key)
    }

    /// Whether a terminal has closed this shift.
    #[must_use]
    pub fn is_shift_closed(&self, terminal: &str, generation: u32, shift: u32) -> bool {
        let book = self.shifts.get(&(terminal.to_owned(), generation));
        book.is_some_and(|book| book.is_closed(Some(shift)))
    }

    /// Whether the request's outcome is unknown.
    #[must_use]
    pub fn is_open(&self, key: &TransactionKey) -> bool {
        self.open.contains_key(key)
    }

    /// Requests whose outcome is unknown.
    pub fn open(&self) -> impl Iterator<Item = &Intent> {
        self.open.values()
    }

    /// What a card must hold, and whether it is active. While something about it is open: what was known before.
    #[must_use]
    pub fn card(&self, card: CardReference) -> Option<(bool, Wallet)> {
        self.seen(card.number()).map(|model| (model.active, model.wallet()))
    }

    /// The newest decisions about a card, newest first, as far as is known.
    #[must_use]
    pub fn newest(&self, card: CardReference, most: usize) -> Vec<Standing> {
        self.seen(card.number()).map(|model| model.newest(most)).unwrap_or_default()
    }

    /// The number of the PIN that the card must have now, as far as is known.
    #[must_use]
    pub fn pin(&self, card: CardReference) -> Option<u32> {
        self.cards.get(&card.number()).and_then(CardModel::pin)
    }

    /// How many holds a card's purse must have, as far as is known.
    #[must_use]
    pub fn holds(&self, card: CardReference) -> usize {
        self.seen(card.number()).map_or(0, |model| model.holds())
    }

    /// The cards that were issued.
    pub fn cards(&self) -> impl Iterator<Item = CardReference> + '_ {
        self.issued.iter().filter_map(|number| CardReference::new(*number))
    }

    /// What a shift adds up to.
    #[must_use]
    pub fn shift_totals(&self, terminal: &str, generation: u32, shift: u32) -> ShiftTotals {
        let book = self.shifts.get(&(terminal.to_owned(), generation));
        book.map(|book| book.totals_before(shift, u64::MAX)).unwrap_or_default()
    }

    /// Every disagreement so far.
    #[must_use]
    pub fn mismatches(&self) -> &[Mismatch] {
        &self.mismatches
    }

    /// A disagreement that was found elsewhere.
    pub fn report(&mut self, mismatch: Mismatch) {
        self.mismatches.push(mismatch);
    }

    /// How many final answers were taken in.
    #[must_use]
    pub fn settled(&self) -> usize {
        self.settled.len()
    }

    /// An entry of the journal belongs to one request, and a request to one entry; `false` for a fact that is known.
    fn take_index(&mut self, fact: &Fact) -> bool {
        if let Some(known) = self.settled.get(&fact.key) {
            if known != fact {
                self.mismatches.push(mismatch(&fact.key, &known, &fact));
            }
            return false;
        }
        let holder = self.indexes.entry(fact.index).or_insert_with(|| fact.key.clone());
        if *holder != fact.key {
            let about = format!("journal index {}", fact.index);
            let (expected, got) = (describe(holder), describe(&fact.key));
            self.mismatches.push(Mismatch { about, expected, got });
        }
        self.settled.insert(fact.key.clone(), fact.clone());
        true
    }
}

fn mismatch(key: &TransactionKey, expected: &dyn std::fmt::Debug, got: &dyn std::fmt::Debug) -> Mismatch {
    Mismatch { about: describe(key), expected: format!("{expected:?}"), got: format!("{got:?}") }
}

fn describe(key: &TransactionKey) -> String {
    format!("{}/{}/{}", key.terminal, key.generation, key.stan)
}

fn masked(card: u64) -> String {
    CardReference::new(card).map_or_else(|| "unknown".into(), |card| card.to_string())
}
