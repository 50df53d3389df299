//! What every card and every shift must be. It is told what terminals mean to do and what they were answered, and it
//! says where the two disagree with the rules.
//!
//! It knows the default programme, and what a [`Programme`] switches on beyond it, in integers of its own: every lot, who
//! paid from which, what is held, what was refunded. Nothing expires in it: a run must be over before its first hold's time
//! is (a week). What it cannot know is not checked, and says so where that is.
//!
//! An unknown outcome (a lost answer) keeps its card **open**: what else is decided about the card waits, and all of it is
//! checked in the journal's order once nothing about the card is open. So any number of terminals may use one card at the
//! same time.

mod book;
mod card;
mod fact;
mod limits;
mod programme;
pub mod rules;
mod shift;
#[cfg(test)]
mod tests;

pub use card::Standing;
pub use fact::{
    Extra, Fact, HoldShown, Intent, Line, ShiftTotals, Supervisor, TerminalRules, TransactionKey, Wallet,
    date_of, totals_of,
};
pub use programme::{Allowance, PinRule, PointsRule, Programme, TillRule};

use std::collections::{BTreeMap, BTreeSet};

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::field::CardReference;
use protocol::frame::MessageType;
use serde::Serialize;

use book::{CardBook, Context, Place, Waiting, check_reconciliation};
use card::{CardModel, Request};
use limits::DayBook;
use shift::ShiftBook;

/// The oracle of one shop, or of all shops of one gateway.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    programme: Programme,
    cards: BTreeMap<u64, CardBook>,
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
    /// Of open requests: the place of each among those begun about its card, and whether it was alone then.
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

/// Taken before an inquiry is sent; see [`Oracle::watch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    card: u64,
    begun: u64,
}

impl Oracle {
    /// The oracle of a gateway with this programme in force.
    #[must_use]
    pub fn of(programme: Programme) -> Oracle {
        Oracle { programme, ..Oracle::default() }
    }

    /// What it takes to be in force.
    #[must_use]
    pub const fn programme(&self) -> Programme {
        self.programme
    }

    /// A card that was issued and not used yet.
    pub fn issue(&mut self, card: CardReference) {
        self.issued.insert(card.number());
        self.cards.entry(card.number()).or_default();
    }

    /// A request is about to be sent, or an approved one to be given up: its outcome is unknown until it is settled.
    pub fn begin(&mut self, intent: Intent) {
        let (card, other) = self.cards_of(&intent);
        for card in card.into_iter().chain(other) {
            let book = self.cards.entry(card).or_default();
            book.begun = book.begun.saturating_add(1);
            book.open.insert(intent.key.clone());
        }
        if let Some(book) = card.and_then(|card| self.cards.get(&card)) {
            let alone = book.open.len() == 1 && book.waiting.is_empty();
            self.began.insert(intent.key.clone(), (book.begun, alone));
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
        let book = card.and_then(|card| self.cards.get(&card));
        let began = self.began.remove(key);
        let overlapped = self.replaying
            || book.is_some_and(|book| began != Some((book.begun, true)) || book.open.len() > 1);
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
                for card in [Some(card), other].into_iter().flatten() {
                    self.cards.entry(card).or_default().waiting.insert(place.clone());
                }
                let cards = (card, other);
                let waiting = Waiting { intent: intent.clone(), fact, shift_closed, overlapped, cards };
                self.waiting.insert(place, waiting);
            }
        }
        let cards: Vec<u64> = card.into_iter().chain(other).collect();
        for card in &cards {
            if let Some(book) = self.cards.get_mut(card) {
                book.open.remove(key);
            }
        }
        if !self.replaying {
            self.check_cards(cards);
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

    /// Checks what has waited about these cards, and about those that they gave to or got from.
    fn check_cards(&mut self, mut cards: Vec<u64>) {
        while let Some(card) = cards.pop() {
            while let Some(place) = self.ready(card) {
                let Some(waiting) = self.waiting.remove(&place) else { break };
                let (first, other) = waiting.cards;
                for card in [Some(first), other].into_iter().flatten() {
                    if let Some(book) = self.cards.get_mut(&card) {
                        book.waiting.remove(&place);
                    }
                }
                self.check(&waiting);
                cards.extend([Some(first), other].into_iter().flatten().filter(|other| *other != card));
            }
        }
    }

    /// What is next about a card, if nothing is open that may have come before it: at the other card neither.
    fn ready(&self, card: u64) -> Option<Place> {
        let place = self.cards.get(&card)?.waiting.first()?;
        let (first, other) = self.waiting.get(place)?.cards;
        let mut both = [Some(first), other].into_iter().flatten().filter_map(|card| self.cards.get(&card));
        both.all(|book| book.open.is_empty() && book.waiting.first() == Some(place)).then(|| place.clone())
    }

    fn check(&mut self, waiting: &Waiting) {
        let (first, other) = waiting.cards;
        let mut partner = other.and_then(|other| Some((other, self.cards.remove(&other)?)));
        let Some(book) = self.cards.get_mut(&first) else { return };
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
        let theirs = partner.as_mut().map(|(_, book)| &mut book.model);
        let found = waiting.check_and_apply(&mut book.model, theirs, &context);
        self.cards.extend(partner);
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
        let cards: Vec<u64> = self.cards.keys().copied().collect();
        self.check_cards(cards);
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

    /// Remembers what the card is now, so that the answer to a question asked from here on can be checked. `None`
    /// while something about the card is open.
    #[must_use]
    pub fn watch(&self, card: CardReference) -> Option<Watch> {
        let book = self.cards.get(&card.number())?;
        (book.open.is_empty() && book.waiting.is_empty())
            .then_some(Watch { card: card.number(), begun: book.begun })
    }

    /// Checks the answer to a balance inquiry; `None` when somebody used the card meanwhile.
    pub fn inquired(&mut self, watch: Watch, answer: &Answer) -> Option<bool> {
        let model = self.unchanged(watch)?;
        let (code, wallet) = match (model.active, model.wallet()) {
            (true, wallet) => (ResponseCode::APPROVED, Some(wallet)),
            (false, _) => (ResponseCode::CARD_NOT_ACTIVE, None),
        };
        let got = answer.balances.as_ref().and_then(Wallet::of).filter(|_| answer.code.is_approval());
        // Whether a card that is not active may be asked about is not laid down; what it holds is.
        let right = match (wallet, got) {
            (Some(wallet), got) => answer.code == code && got == Some(wallet),
            (None, Some(got)) => got == Wallet::default(),
            (None, None) => answer.code == code,
        };
        if !right {
            self.mismatches.push(Mismatch {
                about: format!("inquiry about card {}", masked(watch.card)),
                expected: format!("{code:?} {wallet:?}"),
                got: format!("{:?} {got:?}", answer.code),
            });
        }
        Some(right)
    }

    /// Checks the answer to a load quote; `None` when somebody used the card meanwhile.
    pub fn quoted(
        &mut self,
        watch: Watch,
        amount: i64,
        rules: TerminalRules,
        answer: &Answer,
    ) -> Option<bool> {
        self.priced(watch, MessageType::LOAD, (amount, None), rules, answer)
    }

    /// Checks the answer to the quote of a load, or of a purchase, which points may pay a part of.
    pub fn priced(
        &mut self,
        watch: Watch,
        kind: MessageType,
        (amount, points): (i64, Option<i64>),
        rules: TerminalRules,
        answer: &Answer,
    ) -> Option<bool> {
        let programme = self.programme;
        let is_load = kind == MessageType::LOAD;
        let model = self.unchanged(watch)?;
        let key = TransactionKey { terminal: String::new(), generation: 0, stan: 0 };
        let intent = Intent {
            key,
            kind: kind.0,
            card: Some(watch.card),
            amount: Some(amount),
            partial: !is_load,
            genuine: true,
            original: None,
            more: false,
            request_id: None,
            shift: None,
            totals: None,
            rules,
            extra: Extra { points, ..Extra::default() },
        };
        let request = Request {
            intent: &intent,
            index: 0,
            time: 0,
            date: date_of(answer),
            shift_closed: false,
            original_closed: None,
            programme: &programme,
            partner: None,
            overlapped: false,
            quoting: true,
            others: &|_, _| None,
        };
        let outcomes = model.expected(&request);
        let expected: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expected).collect();
        let changes = answer.changes.as_ref().and_then(Wallet::of_changes);
        let step = answer.next_step.map(|step| (step.missing.get(), step.bonus.get()));
        let balances = answer.balances.as_ref().and_then(Wallet::of);
        let next = rules::next_step(amount).filter(|_| is_load);
        let fits = |expected: &card::Expected| {
            answer.code.0 == expected.code
                && (!answer.code.is_approval()
                    || answer.approved_amount.map(protocol::field::Ranged::get) == expected.approved
                        && balances == Some(model.wallet())
                        && changes == expected.shown.map(|shown| shown.changes)
                        && step == next)
        };
        let right = expected.iter().any(fits);
        if !right {
            self.mismatches.push(Mismatch {
                about: format!("quote of {kind} {amount} for card {}", masked(watch.card)),
                expected: format!("{expected:?}, next step {next:?}"),
                got: format!("{:?} {changes:?}, next step {step:?}", answer.code),
            });
        }
        Some(right)
    }

    /// What a card must hold, and whether it is active. While something about it is open: what was known before.
    #[must_use]
    pub fn card(&self, card: CardReference) -> Option<(bool, Wallet)> {
        self.cards.get(&card.number()).map(|book| (book.model.active, book.model.wallet()))
    }

    /// The newest decisions about a card, newest first, as far as is known.
    #[must_use]
    pub fn newest(&self, card: CardReference, most: usize) -> Vec<Standing> {
        self.cards.get(&card.number()).map(|book| book.model.newest(most)).unwrap_or_default()
    }

    /// The number of the PIN that the card must have now, as far as is known.
    #[must_use]
    pub fn pin(&self, card: CardReference) -> Option<u32> {
        self.cards.get(&card.number()).and_then(|book| book.model.pin())
    }

    /// How many holds a card must have, as far as is known.
    #[must_use]
    pub fn holds(&self, card: CardReference) -> usize {
        self.cards.get(&card.number()).map_or(0, |book| book.model.holds())
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

    fn unchanged(&self, watch: Watch) -> Option<&CardModel> {
        let book = self.cards.get(&watch.card)?;
        (book.begun == watch.begun).then_some(&book.model)
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
