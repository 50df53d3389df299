//! What every card and every shift must be. It is told what terminals mean to do and what they were answered, and it
//! says where the two disagree with the rules.
//!
//! It knows the default programme, and what a [`Programme`] says beyond it, in integers of its own: every lot, who
//! paid from which and when it ends, what is held, what was refunded. What ends by time (lots, holds, cards) is gone from
//! that second of the gateway's time on: each answer says its own, and whether a sweep has booked it before makes no
//! difference to any answer. Only of an operator's act, which says no time, nobody knows on which side of an end it was: it
//! is right when it is on one. Of one that gives value which may end, the day is asked for, and must lie between the answers
//! around it. What it cannot know is not checked, and says so where that is.
//!
//! A card has a **purse**, its lots and holds. One that is bound to a corporate account spends from the account's: all
//! cards of an account share one purse, and each has its own PIN, limits, points and memory. Operators bind and unbind
//! cards, stop them, extend them, and let one take over what another has ([`Errand`]): what was done with the old card is
//! then known of the new one.
//!
//! An unknown outcome (a lost answer, or an operator's act that is under way) keeps its **queue** open: what else is decided
//! about the same cards waits, and all of it is checked in the journal's order once nothing about them is open. Cards whose
//! money was ever in one purse are in one queue. So any number of terminals and operators may use one card, or the cards of
//! one account, at the same time.

mod book;
mod calendar;
mod card;
mod errands;
mod fact;
mod happened;
mod holders;
mod limits;
mod product;
mod programme;
mod questions;
mod queues;
pub mod rules;
mod scene;
mod shift;
#[cfg(test)]
mod tests;

pub use card::{OwnLimits, Standing};
pub use fact::{
    Extra, Fact, HoldShown, Intent, Line, ShiftTotals, Supervisor, TerminalRules, TransactionKey, Wallet,
    date_of, totals_of,
};
pub use happened::Happened;
pub use holders::{PhoneWatch, phone_of};
pub use product::{Allowance, PinRule, PointsRule, Product, Spend};
pub use programme::{ExpiryRule, Programme, TillRule};
pub use questions::Watch;

use std::collections::{BTreeMap, BTreeSet};

use protocol::code::ResponseCode;
use protocol::field::CardReference;
use protocol::frame::MessageType;
use serde::Serialize;

use crate::corporate::Corporate;
use crate::desk::Errand;
use crate::error::Error;
use crate::shift::Own;
use book::{Answered, Place, Queue, Waiting, check_reconciliation};
use card::CardModel;
use limits::DayBook;
use programme::STANDARD;
use shift::ShiftBook;

/// The oracle of one shop, or of all shops of one gateway.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    programme: Programme,
    cards: BTreeMap<u64, CardModel>,
    /// What is decided about each purse, and about all cards whose money was ever in it, by the number of one of them.
    queues: BTreeMap<u64, Queue>,
    /// Cards that were linked: each leads to another one, the last of which has the queue.
    links: BTreeMap<u64, u64>,
    waiting: BTreeMap<Place, Waiting>,
    issued: BTreeSet<u64>,
    shifts: BTreeMap<(String, u32), ShiftBook>,
    days: DayBook,
    /// Closes that wait until no Void by another terminal is open that may belong before them.
    closes: Vec<(Intent, Fact)>,
    open: BTreeMap<TransactionKey, Intent>,
    /// Operators' acts that are under way.
    errands: BTreeMap<TransactionKey, Errand>,
    /// The latest answer's time: it is that late at least.
    latest: i64,
    /// Of settled requests, which may be opened again by a Reversal.
    intents: BTreeMap<TransactionKey, Intent>,
    settled: BTreeMap<TransactionKey, Fact>,
    indexes: BTreeMap<u64, TransactionKey>,
    mismatches: Vec<Mismatch>,
    /// Of what is open: the place of each among what began about its cards, and whether it was alone then.
    began: BTreeMap<TransactionKey, (u64, bool)>,
    /// Citations that hold: how many the gateway took, and how many it did not know.
    citations: (u64, u64),
    replaying: bool,
    /// The latest answer's time of those that were read in again.
    replayed_until: i64,
    /// By phone, how many registrations were begun.
    registering: BTreeMap<u32, u64>,
    /// By terminal, what it has looked up.
    look_ups: BTreeMap<String, holders::LookUps>,
}

/// What operators and time have made of a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// It is stopped.
    pub blocked: bool,
    /// The card that took its place, or took it in.
    pub successor: Option<CardReference>,
    /// The card whose place it took, and whose PINs it has.
    pub predecessor: Option<CardReference>,
    /// The Unix second from which it is not accepted; far away where that is not known.
    pub expires: Option<i64>,
    /// That was over at the latest answer.
    pub over: bool,
    /// The corporate account that it is bound to.
    pub account: Option<CardReference>,
    /// It has no money of its own.
    pub empty: bool,
    /// How many lots its own purse ever had.
    pub lots: usize,
    /// Points that it owes.
    pub points_debt: i64,
    /// Wrong PINs have locked it.
    pub locked: bool,
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

    /// The name of a card's product.
    #[must_use]
    pub fn product_name(&self, card: CardReference) -> &str {
        self.cards.get(&card.number()).map_or(STANDARD, CardModel::product_name)
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
        self.cards.entry(card.number()).or_insert_with(|| CardModel::new(card.number()));
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
            self.cards.entry(card.card.number()).or_default().put_into_use(card);
            if let Some((account, _)) = card.account {
                self.link(card.card.number(), account.number());
            }
        }
        Ok(())
    }

    /// A terminal was told that it is so late.
    pub fn it_is(&mut self, time: i64) {
        self.latest = self.latest.max(time);
    }

    /// A request is about to be sent, or an approved one to be given up: its outcome is unknown until it is settled.
    pub fn begin(&mut self, intent: Intent) {
        let (card, other) = self.cards_of(&intent);
        self.queue_up(&intent.key, (card, other));
        self.registering(&intent);
        self.open.insert(intent.key.clone(), intent);
    }

    /// The request's outcome is known: `facts` are its final answer, its Reversal's, or both; none when it was never
    /// decided. Settling a request again, after a restart, changes nothing.
    pub fn settle(&mut self, key: &TransactionKey, mut facts: Vec<Fact>) {
        let Some(intent) = self.open.remove(key) else { return };
        let (card, other) = self.cards_of(&intent);
        self.intents.insert(key.clone(), intent.clone());
        facts.sort_by_key(|fact| fact.index);
        let queues = self.queues_of((card, other));
        let overlapped = self.overlapped(key, card);
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
            self.latest = self.latest.max(fact.time);
            let named = intent
                .original
                .as_ref()
                .and_then(|original| self.intents.get(original).or_else(|| self.open.get(original)));
            self.days.apply(&intent, &fact, named.map(|named| named.kind));
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
                let cards = (card, other);
                let answered = Answered { intent: intent.clone(), fact, shift_closed, overlapped, cards };
                self.wait(place, Waiting::Answer(Box::new(answered)));
            }
        }
        self.leave(key, queues);
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
        self.replayed_until = self.latest;
        self.queue_again();
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
        self.seen(card.number())
            .map(|model| model.at(self.latest))
            .map(|model| (model.active, model.wallet()))
    }

    /// What became of a card, as far as is known.
    #[must_use]
    pub fn condition(&self, card: CardReference) -> Condition {
        let model = self.cards.get(&card.number()).cloned();
        let Some(model) = model.map(|model| model.at(self.latest)) else { return Condition::default() };
        Condition {
            blocked: model.is_blocked(),
            successor: model.successor().and_then(CardReference::new),
            predecessor: model.predecessor().and_then(CardReference::new),
            expires: model.expires(),
            over: model.expires().is_some_and(|end| end <= self.latest),
            account: model.account().and_then(CardReference::new),
            empty: model.own_money().0,
            lots: model.own_money().1,
            points_debt: model.points_debt(),
            locked: model.is_locked(&self.programme),
        }
    }

    /// The newest decisions about a card, newest first, as far as is known.
    #[must_use]
    pub fn newest(&self, card: CardReference, most: usize) -> Vec<Standing> {
        let model = self.seen(card.number()).map(|model| model.at(self.latest));
        model.map(|model| model.newest(most)).unwrap_or_default()
    }

    /// The number of the PIN that the card must have now, as far as is known.
    #[must_use]
    pub fn pin(&self, card: CardReference) -> Option<u32> {
        self.cards.get(&card.number()).and_then(CardModel::pin)
    }

    /// The number of the PIN that the card had before, which must not be taken any more.
    #[must_use]
    pub fn former_pin(&self, card: CardReference) -> Option<u32> {
        let model = self.cards.get(&card.number());
        model.and_then(CardModel::former_pin).filter(|former| self.pin(card) != Some(*former))
    }

    /// How many holds a card's purse must have, as far as is known.
    #[must_use]
    pub fn holds(&self, card: CardReference) -> usize {
        self.seen(card.number()).map_or(0, |model| model.at(self.latest).holds())
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

    /// What it knows of a shift's transactions, by STAN.
    #[must_use]
    pub fn shift_rows(&self, terminal: &str, generation: u32, shift: u32) -> Own {
        let book = self.shifts.get(&(terminal.to_owned(), generation));
        book.map(|book| book.rows(shift)).unwrap_or_default()
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
