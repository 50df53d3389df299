//! Who was registered with which card, and what a look-up by phone must find. The oracle knows people by number; which of them
//! have one phone is [`phone_of`].

use std::collections::{BTreeMap, BTreeSet};

use protocol::answer::{Answer, FoundCards};
use protocol::code::ResponseCode;

use super::card::CardModel;
use super::fact::Intent;
use super::happened::Happened;
use super::{Mismatch, Oracle, masked};

/// Of so many people each two have one phone.
const SHARE_A_PHONE: u32 = 2;
/// A terminal may look up so often at once.
const LOOK_UPS: i64 = 20;
/// One is forgiven in so many seconds.
const FORGIVES: i64 = 3;
/// What was looked up so many seconds before is forgiven whole, and a second to spare on either side.
const ALL_FORGIVEN: i64 = LOOK_UPS * FORGIVES + 2;

/// Whose phone is whose.
#[must_use]
pub const fn phone_of(person: u32) -> u32 {
    match person.checked_div(SHARE_A_PHONE) {
        Some(phone) => phone,
        None => 0,
    }
}

/// Taken before a look-up is sent: what it may find is known, and nothing about that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneWatch {
    phone: u32,
    /// How many registrations with it were begun.
    begun: u64,
    /// What is going on about the cards that were registered with it.
    queues: BTreeSet<(u64, u64)>,
}

/// What a terminal may still look up, within bounds: the gateway counts milliseconds, and the oracle knows seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct LookUps {
    /// When those were that were answered, in this run, and whether nothing counted before that one.
    answered: Vec<(i64, bool)>,
    /// As many as may count, when those least are forgiven, and the second as of which that is so.
    most: i64,
    since: i64,
}

impl LookUps {
    /// Those of an earlier run that may count still.
    fn after(time: i64, last: i64) -> LookUps {
        let forgiven = last == 0 || time.saturating_sub(last) > ALL_FORGIVEN;
        LookUps { answered: Vec::new(), most: if forgiven { 0 } else { LOOK_UPS }, since: time }
    }

    /// How many count at least, and at most.
    fn counted(&mut self, time: i64) -> (i64, i64) {
        let forgiven = time.saturating_sub(self.since).saturating_sub(1).max(0).checked_div(FORGIVES);
        if let Some(forgiven @ 1..) = forgiven {
            self.most = self.most.saturating_sub(forgiven).max(0);
            self.since = time;
        }
        // Where something had counted before, a part of the time until one is forgiven may have passed.
        let from = |(at, (first, alone)): (usize, &(i64, bool))| {
            let answered = i64::try_from(self.answered.len().saturating_sub(at)).unwrap_or(i64::MAX);
            let forgiven = time.saturating_sub(*first).checked_div(FORGIVES).unwrap_or(0);
            answered.saturating_sub(forgiven).saturating_sub(i64::from(!alone))
        };
        let least = self.answered.iter().enumerate().map(from).max().unwrap_or(0).max(0);
        (least, self.most)
    }

    fn count(&mut self, time: i64, answered: bool) {
        let alone = self.most == 0;
        if alone {
            self.since = time;
        }
        if answered {
            self.answered.push((time, alone));
        }
        self.most = self.most.saturating_add(1);
    }
}

impl Oracle {
    /// A registration is about to be sent.
    pub(super) fn registering(&mut self, intent: &Intent) {
        if let Some(person) = intent.extra.holder {
            let begun = self.registering.entry(phone_of(person)).or_default();
            *begun = begun.saturating_add(1);
        }
    }

    /// Remembers what is known of a phone, so that the answer to a look-up sent from here on can be checked. `None` while
    /// something is under way that it may or may not find.
    #[must_use]
    pub fn watch_phone(&self, phone: u32) -> Option<PhoneWatch> {
        let about = |intent: &Intent| intent.extra.holder.is_some_and(|person| phone_of(person) == phone);
        if self.open.values().any(about) || self.waiting.values().any(|one| one.intent().is_some_and(about)) {
            return None;
        }
        let mut queues = BTreeSet::new();
        for (card, _) in self.registered_with(phone) {
            let at = self.queue_of(card);
            let queue = self.queues.get(&at)?;
            if !queue.open.is_empty() || !queue.waiting.is_empty() {
                return None;
            }
            queues.insert((at, queue.begun));
        }
        let begun = self.registering.get(&phone).copied().unwrap_or(0);
        Some(PhoneWatch { phone, begun, queues })
    }

    /// Checks the answer to a look-up of a terminal; `None` when something that it may have found was under way meanwhile, or
    /// whether it was one too many is a matter of less than some seconds.
    pub fn looked_up(&mut self, terminal: &str, watch: Option<PhoneWatch>, answer: &Answer) -> Option<bool> {
        let time = answer.time.get();
        let refused = answer.code == ResponseCode::TOO_MANY_UNKNOWN_CARDS;
        let last = self.replayed_until;
        let look_ups = self.look_ups.entry(terminal.to_owned()).or_insert_with(|| LookUps::after(time, last));
        let (least, most) = look_ups.counted(time);
        let allowed = if refused { most >= LOOK_UPS } else { least < LOOK_UPS };
        if !allowed {
            let expected = format!("from {least} to {most} of {LOOK_UPS} look-ups that count");
            let about = format!("a look-up of {terminal} at {time}");
            self.mismatches.push(Mismatch { about, expected, got: format!("{:?}", answer.code) });
            return Some(false);
        }
        if refused {
            return (least >= LOOK_UPS).then_some(true);
        }
        look_ups.count(time, true);
        let watch = watch?;
        if self.watch_phone(watch.phone).as_ref() != Some(&watch) {
            return None;
        }
        let got: Vec<u64> = answer
            .cards
            .as_ref()
            .map_or(&[][..], FoundCards::as_slice)
            .iter()
            .map(|card| card.number())
            .collect();
        let code = if got.is_empty() { ResponseCode::CARD_NOT_ACCEPTED } else { ResponseCode::APPROVED };
        let wanted = self.found_with(watch.phone);
        let times: Vec<i64> = got.iter().filter_map(|card| wanted.get(card).copied()).collect();
        let right = answer.code == code
            && got.len() == wanted.len()
            && times.len() == got.len()
            && times.is_sorted_by(|newer, older| newer >= older);
        if !right {
            let about = format!("a look-up of phone {} by {terminal}", watch.phone);
            let names =
                |cards: &mut dyn Iterator<Item = u64>| cards.map(masked).collect::<Vec<_>>().join(", ");
            let expected = names(&mut wanted.keys().copied());
            let got = format!("{:?} {}", answer.code, names(&mut got.into_iter()));
            self.mismatches.push(Mismatch { about, expected, got });
        }
        Some(right)
    }

    /// A look-up got no answer: it may have counted.
    pub fn look_up_lost(&mut self, terminal: &str) {
        let (time, last) = (self.latest, self.replayed_until);
        self.look_ups
            .entry(terminal.to_owned())
            .or_insert_with(|| LookUps::after(time, last))
            .count(time, false);
    }

    /// What has happened to all cards by now.
    #[must_use]
    pub fn happened(&self) -> Happened {
        let cards = self.cards.values().map(|card| card.clone().at(self.latest).happened());
        cards.fold(Happened::default(), Happened::plus)
    }

    /// The holder who must be registered with a card, by their number.
    #[must_use]
    pub fn holder(&self, card: protocol::field::CardReference) -> Option<u32> {
        self.cards.get(&card.number()).and_then(|model| model.holder)
    }

    /// Cards that somebody with this phone was registered with, and how.
    fn registered_with(&self, phone: u32) -> impl Iterator<Item = (u64, (u32, i64))> + '_ {
        let registered = move |(card, model): (&u64, &CardModel)| {
            let (person, _, time) = model.registered?;
            (phone_of(person) == phone).then_some((*card, (person, time)))
        };
        self.cards.iter().filter_map(registered)
    }

    /// The cards that a look-up must find, and when they were registered: those whose holder is still the one who was registered
    /// then, or the cards that took their place.
    fn found_with(&self, phone: u32) -> BTreeMap<u64, i64> {
        let mut found: BTreeMap<u64, i64> = BTreeMap::new();
        for (card, (person, time)) in self.registered_with(phone) {
            let Some(last) = self.line_of(card).last() else { continue };
            if self.cards.get(&last).is_some_and(|model| model.holder == Some(person)) {
                let newest = found.entry(last).or_insert(time);
                *newest = time.max(*newest);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_look_ups_are_taken_and_one_more_after_three_seconds() {
        let mut look_ups = LookUps::after(1_000, 0);
        for number in 0..LOOK_UPS {
            let (least, most) = look_ups.counted(1_000);
            assert!(least <= number && most == number, "{least} {most} of {number}");
            look_ups.count(1_000, true);
        }
        assert_eq!(look_ups.counted(1_002), (20, 20));
        // In which millisecond of its second each was, nobody knows.
        assert_eq!(look_ups.counted(1_003), (19, 20));
        assert_eq!(look_ups.counted(1_004), (19, 19));
        assert_eq!(look_ups.counted(1_100), (0, 0));
        assert_eq!(
            LookUps::after(1_000, 990).counted(1_000).1,
            LOOK_UPS,
            "another run may have used them up"
        );
    }
}
