//! What operators do to cards while terminals trade with them.

use super::book::{Carried, Place, Waiting};
use super::card::CardModel;
use super::fact::TransactionKey;
use super::questions::Watch;
use super::{Mismatch, Oracle, calendar, masked};
use crate::desk::{CardShown, Errand, Outcome};

/// Operators' acts are counted by the desk.
fn key_of(number: u32) -> TransactionKey {
    TransactionKey { terminal: "desk".into(), generation: 0, stan: number }
}

const DAY: i64 = 24 * 3600;
/// So many seconds may be between an act and the latest answer; value ends at the end of a day, so no two ends are so near.
const SOME_TIME: i64 = 600;

/// What an errand makes of its cards.
struct After {
    card: CardModel,
    other: Option<CardModel>,
    /// The other one has all that the card had: by how much the numbers of its lots have grown.
    offset: Option<usize>,
}

impl Oracle {
    /// An errand is about to be run: until it is back nobody knows when it was done, or whether.
    pub fn send(&mut self, number: u32, errand: &Errand) {
        let (card, other) = errand.cards();
        if let Some(other) = other.filter(|_| self.cards.contains_key(&card)) {
            self.link(card, other);
        }
        self.queue_up(&key_of(number), (Some(card), other));
        self.errands.insert(key_of(number), errand.clone());
    }

    /// What became of an errand is known.
    pub fn is_back(&mut self, number: u32, outcome: &Outcome) {
        let key = key_of(number);
        let Some(errand) = self.errands.remove(&key) else { return };
        let (card, other) = errand.cards();
        let queues = self.queues_of((Some(card), other));
        let overlapped = self.overlapped(&key, Some(card));
        match outcome {
            Outcome::Done { index, expires, date } => {
                self.is_done((*index, key.clone()), errand, (*expires, *date), overlapped);
            }
            Outcome::DoneByOne { index } => {
                let got = format!("journal entry {index}, which one operator has signed");
                self.complain(&errand, "that two operators sign it", &got);
                self.is_done((*index, key.clone()), errand, (None, None), overlapped);
            }
            // Where something else was under way nobody knows what the gateway has looked at.
            Outcome::Refused { .. } | Outcome::Proposed if overlapped => {}
            Outcome::Refused { reason } => self.check_refusal(&errand, reason),
            Outcome::Proposed => {
                let [before, behind] = self.about_now(&errand);
                if let (Err(why), Err(_)) = (before, behind) {
                    self.complain(&errand, why, "that it waits for a second operator");
                }
            }
        }
        self.leave(&key, queues);
    }

    fn is_done(
        &mut self,
        place: Place,
        errand: Errand,
        (expires, date): (Option<i64>, Option<u32>),
        overlapped: bool,
    ) {
        let (index, key) = &place;
        let holder = self.indexes.entry(*index).or_insert_with(|| key.clone());
        if holder != key {
            let (about, expected) = (format!("journal index {index}"), super::describe(holder));
            self.mismatches.push(Mismatch { about, expected, got: super::describe(key) });
        }
        self.wait(place, Waiting::Errand(Carried { errand, expires, date, overlapped }));
    }

    /// What must come of it some time before and behind the latest answer: which of the two it was nobody says.
    fn about_now(&self, errand: &Errand) -> [Result<(), &'static str>; 2] {
        [-SOME_TIME, SOME_TIME].map(|off| {
            let time = self.latest.saturating_add(off);
            self.after(errand, None, false, time).map(|_| ())
        })
    }

    /// It must be one that cannot be; of what two operators do the reason is checked too.
    fn check_refusal(&mut self, errand: &Errand, reason: &str) {
        let said = |expected: &Result<(), &'static str>| match expected {
            Ok(()) => false,
            Err(why) => !matches!(errand, Errand::ByTwo { .. }) || reason.contains(why),
        };
        let about_now = self.about_now(errand);
        if !about_now.iter().any(said) {
            let expected = about_now[0].err().unwrap_or("that it is done");
            self.complain(errand, expected, reason);
        }
    }

    /// Checks what operators are shown of a card; `None` when somebody used it meanwhile.
    pub fn shown(&mut self, watch: Watch, shown: &CardShown) -> Option<bool> {
        let (card, model) = self.watched(watch)?;
        let Err(expected) = model.is_shown(shown) else { return Some(true) };
        let about = format!("card {} at the desk", masked(card));
        self.mismatches.push(Mismatch {
            about,
            expected: format!("{expected:?}"),
            got: format!("{shown:?}"),
        });
        Some(false)
    }

    /// Errands of which nobody knows what became of them.
    pub fn errands(&self) -> impl Iterator<Item = &Errand> {
        self.errands.values()
    }

    /// Checks that what was done could be, and does it.
    pub(super) fn carry_out(&mut self, place: &Place, carried: &Carried) {
        let Carried { errand, expires, date, overlapped } = carried;
        let (since, until) = self.on_its_day(self.around(place.0), *date, errand);
        if let Errand::Extend { card, months } = errand {
            self.check_end((*card, since), *months, *expires, errand);
        }
        let after = self.after(errand, *expires, *overlapped, since);
        let after = match after.or_else(|_| self.after(errand, *expires, *overlapped, until)) {
            Ok(after) => after,
            Err(why) => return self.complain(errand, why, &format!("journal entry {}", place.0)),
        };
        let (card, other) = errand.cards();
        self.cards.insert(card, after.card);
        if let (Some(other), Some(model)) = (other, after.other) {
            self.cards.insert(other, model);
            if let Some(offset) = after.offset {
                self.cards.values_mut().for_each(|model| model.follow(card, other, offset));
            }
        }
    }

    /// An entry of the journal is not earlier than what stands before it, and not later than what stands behind it.
    fn around(&self, index: u64) -> (i64, i64) {
        let (mut since, mut until) = (0, self.latest.saturating_add(SOME_TIME));
        for fact in self.settled.values() {
            if fact.index < index {
                since = fact.time.max(since);
            } else {
                until = fact.time.min(until);
            }
        }
        (since, until)
    }

    /// What of a time belongs to the business day that the gateway says.
    fn on_its_day(&mut self, (since, until): (i64, i64), date: Option<u32>, errand: &Errand) -> (i64, i64) {
        let Some(date) = date else { return (since, until) };
        let (begins, ends) =
            calendar::after_days(date, -1).zip(calendar::after_days(date, 0)).unwrap_or_default();
        let (first, last) = (since.max(begins), until.min(ends.saturating_sub(1)));
        if first <= last {
            return (first, last);
        }
        let days = [since, until].map(calendar::day_of);
        self.complain(errand, &format!("a business day from {} to {}", days[0], days[1]), &date.to_string());
        (since, until)
    }

    fn complain(&mut self, errand: &Errand, expected: &str, got: &str) {
        let (card, other) = errand.cards();
        let other = other.map(|other| format!(" and {}", masked(other))).unwrap_or_default();
        let about = format!("{} of card {}{other}", errand.name(), masked(card));
        self.mismatches.push(Mismatch { about, expected: expected.into(), got: got.into() });
    }

    /// Months are 28 to 31 days, from the card's end or, when that was over, from some time since the answer before.
    fn check_end(&mut self, (card, since): (u64, i64), months: u16, end: Option<i64>, errand: &Errand) {
        let before = self.cards.get(&card).and_then(CardModel::expires);
        let from = before.filter(|end| *end != i64::MAX).unwrap_or(since).max(since);
        let days = |days: i64| i64::from(months).saturating_mul(days).saturating_mul(DAY);
        let (least, most) = (from.saturating_add(days(28)), from.saturating_add(days(31)));
        // What is not known of the end, or of the time, is some days at most; a card that was sold here has a month or more.
        let slack = if before == Some(i64::MAX) { i64::MAX } else { 3 * DAY };
        let right = end.is_some_and(|end| end >= least && end <= most.saturating_add(slack));
        if !right {
            self.complain(errand, &format!("an end from {least} on"), &format!("{end:?}"));
        }
    }

    /// The cards after an errand at this time, or why it cannot be.
    fn after(
        &self,
        errand: &Errand,
        expires: Option<i64>,
        overlapped: bool,
        time: i64,
    ) -> Result<After, &'static str> {
        let (card, other) = errand.cards();
        let programme = &self.programme;
        let none = "there is no such card";
        let mut one = self.cards.get(&card).cloned().ok_or(none)?.at(time);
        let mut two = match other {
            Some(other) if other == card => return Err("that is one card"),
            Some(other) => Some(self.cards.get(&other).cloned().ok_or(none)?.at(time)),
            None => None,
        };
        let offset = match (errand, &mut two) {
            (Errand::Replace { .. }, Some(new)) => Some(one.replaced_by(new, overlapped)?),
            (Errand::Merge { .. }, Some(into)) => Some(one.merged_into(into, programme)?),
            (Errand::Bind { limits, .. }, Some(account)) => {
                one.bind(account, *limits, programme)?;
                None
            }
            (Errand::Block { .. }, _) => one.block().map(|()| None)?,
            (Errand::Unblock { .. }, _) => one.unblock().map(|()| None)?,
            (Errand::Unbind { .. }, _) => one.unbind().map(|()| None)?,
            (Errand::Extend { .. }, _) => one.extend(expires).map(|()| None)?,
            (Errand::ByTwo { act, .. }, _) => {
                one.by_two(*act, programme, calendar::day_of(time)).map(|()| None)?
            }
            _ => return Err(none),
        };
        Ok(After { card: one, other: two, offset })
    }
}
