//! Who is where on the leaderboards that are open (LOYALTY B14), in memory: by what was counted of members, so that it can be made
//! again from them at any time. A change and a rank cost the same for ten members and for a million.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::card::CardReference;
use super::effect::Effect;
use super::member::{Counters, Member};
use super::programme::leaderboard::{Leaderboard, Slot, is_done};
use super::state::State;

/// Counts are sorted into boxes by their upper bytes, so many.
const LEVELS: usize = 8;
const BITS: usize = 8;

/// Members by what was counted of them, the most first; whoever has nothing is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Members with the same count by rising card.
    members: BTreeSet<(Reverse<i64>, CardReference)>,
    /// How many have a count whose upper bytes are these; all bytes on the first level, one fewer on each further one.
    boxes: [BTreeMap<i64, u64>; LEVELS],
}

/// A member's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub card: CardReference,
    pub count: i64,
    /// One more than have a higher count: who has the same has the same rank.
    pub rank: u64,
    /// How many have it, this one among them.
    pub tied: u64,
}

impl Standing {
    /// A member's count is another one.
    pub fn set(&mut self, card: CardReference, before: i64, after: i64) {
        if self.members.remove(&(Reverse(before), card)) {
            self.box_up(before, false);
        }
        if after > 0 && self.members.insert((Reverse(after), card)) {
            self.box_up(after, true);
        }
    }

    fn box_up(&mut self, count: i64, more: bool) {
        for (level, boxes) in self.boxes.iter_mut().enumerate() {
            let upper = upper(count, level);
            let held = boxes.entry(upper).or_default();
            *held = if more { held.saturating_add(1) } else { held.saturating_sub(1) };
            if *held == 0 {
                boxes.remove(&upper);
            }
        }
    }

    /// How many have a higher count: of each level the boxes above, within the same one of the next level.
    #[must_use]
    pub fn above(&self, count: i64) -> u64 {
        let each = self.boxes.iter().enumerate().map(|(level, boxes)| {
            let from = Bound::Excluded(upper(count, level));
            let next = level.saturating_add(1);
            let until = if next < LEVELS {
                let last = upper(count, next).checked_shl(8).unwrap_or(0) | 0xff;
                Bound::Included(last)
            } else {
                Bound::Unbounded
            };
            boxes.range((from, until)).fold(0_u64, |sum, (_, held)| sum.saturating_add(*held))
        });
        each.fold(0, u64::saturating_add)
    }

    /// How many have at least so much; at least 1.
    #[must_use]
    pub fn placed(&self, minimum: i64) -> u64 {
        self.above(minimum.max(1).saturating_sub(1))
    }

    /// The rank of a count.
    #[must_use]
    pub fn rank(&self, count: i64) -> u64 {
        self.above(count).saturating_add(1)
    }

    /// Every place, the best first; who has the same count by rising card.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        let first = Place { card: CardReference(0), count: 0, rank: 1, tied: 0 };
        self.members.iter().scan(first, move |before, (Reverse(count), card)| {
            let same = before.count == *count && before.tied > 0;
            let rank = if same { before.rank } else { before.rank.saturating_add(before.tied) };
            let tied = self.boxes.first().and_then(|boxes| boxes.get(count)).copied().unwrap_or(0);
            *before = Place { card: *card, count: *count, rank, tied };
            Some(*before)
        })
    }

    /// The places of a board that get something at its close, and how much.
    pub fn rewarded<'a>(&'a self, board: &'a Leaderboard) -> impl Iterator<Item = (Place, i64)> + 'a {
        let places =
            self.places().take_while(|place| place.rank <= board.rewarded() && place.count >= board.minimum);
        places.map(|place| (place, board.reward(place.rank, place.tied))).filter(|(_, points)| *points > 0)
    }

    /// One slot's, from all members.
    pub fn of<'a>(members: impl Iterator<Item = (&'a CardReference, &'a Member)>, slot: &Slot) -> Self {
        let mut standing = Self::default();
        for (card, member) in members {
            standing.set(*card, 0, member.counters.get(slot).copied().unwrap_or(0));
        }
        standing
    }
}

/// The upper bytes of a count, without so many of the lower ones.
fn upper(count: i64, level: usize) -> i64 {
    let bits = u32::try_from(level.saturating_mul(BITS)).unwrap_or(u32::MAX);
    count.checked_shr(bits).unwrap_or(0)
}

/// The boards that are open, or closed with rewards still to be given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standings(BTreeMap<Slot, Standing>);

impl Standings {
    /// A member as they are; `programme` says what is done.
    pub fn learn_member(&mut self, card: CardReference, member: &Member, programme: &Counters) {
        let from = (Leaderboard::COUNTER.to_owned(), 0);
        let counted = member.counters.range(from..);
        for (slot, count) in counted.take_while(|((name, _), _)| name.starts_with(Leaderboard::COUNTER)) {
            if !is_done(programme, slot) {
                self.0.entry(slot.clone()).or_default().set(card, 0, *count);
            }
        }
    }

    /// Whether an effect is about a board.
    #[must_use]
    pub fn concerns(effect: &Effect) -> bool {
        matches!(effect, Effect::Counter { counter, .. } if counter.starts_with(Leaderboard::COUNTER))
    }

    /// What an entry has changed; `state` is what came of it.
    pub fn learn(&mut self, effects: &[Effect], state: &State) {
        let mut changes: BTreeMap<(&String, u32, CardReference), i64> = BTreeMap::new();
        for effect in effects.iter().filter(|effect| Self::concerns(effect)) {
            let Effect::Counter { card, counter, period, change } = effect else { continue };
            let slot = (counter.clone(), *period);
            let Some(card) = card else {
                if is_done(&state.counters, &slot) {
                    self.0.remove(&slot);
                }
                continue;
            };
            if !is_done(&state.counters, &slot) {
                let held = changes.entry((counter, *period, *card)).or_default();
                *held = held.saturating_add(*change);
            }
        }
        for ((counter, period, card), change) in changes {
            let slot = (counter.clone(), period);
            let after = state.members.get(&card).and_then(|member| member.counters.get(&slot));
            let after = after.copied().unwrap_or(0);
            self.0.entry(slot).or_default().set(card, after.saturating_sub(change), after);
        }
    }

    /// One slot's.
    #[must_use]
    pub fn get(&self, slot: &Slot) -> Option<&Standing> {
        self.0.get(slot)
    }

    /// All slots.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.0.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small steps of a linear congruence, printed with what it fails on.
    struct Drawn(u64);

    impl Drawn {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33).checked_rem(limit).expect("a limit")
        }
    }

    #[test]
    fn ranks_are_those_of_a_sorted_list_whatever_was_counted() {
        for seed in 1..40_u64 {
            let (mut drawn, mut standing) = (Drawn(seed), Standing::default());
            let mut held: BTreeMap<CardReference, i64> = BTreeMap::new();
            let magnitude = [3, 300, 70_000, 5_000_000_000][usize::try_from(seed % 4).expect("small")];
            for _ in 0..300 {
                let card = CardReference(drawn.below(60));
                let after = i64::try_from(drawn.below(magnitude)).expect("small") - 1;
                let before = held.insert(card, after).unwrap_or(0);
                standing.set(card, before, after);
            }
            let mut sorted: Vec<(CardReference, i64)> =
                held.iter().filter(|(_, count)| **count > 0).map(|(card, count)| (*card, *count)).collect();
            sorted.sort_by_key(|(card, count)| (Reverse(*count), *card));
            let expected: Vec<Place> = sorted
                .iter()
                .map(|(card, count)| {
                    let higher = sorted.iter().filter(|(_, other)| other > count).count() as u64;
                    let tied = sorted.iter().filter(|(_, other)| other == count).count() as u64;
                    Place { card: *card, count: *count, rank: higher + 1, tied }
                })
                .collect();
            assert_eq!(standing.places().collect::<Vec<_>>(), expected, "seed {seed}");
            for place in &expected {
                assert_eq!(standing.rank(place.count), place.rank, "seed {seed}");
                assert_eq!(standing.placed(place.count), place.rank - 1 + place.tied, "seed {seed}");
            }
            assert_eq!(standing.placed(0), sorted.len() as u64, "seed {seed}");
            for (card, count) in held {
                standing.set(card, count, 0);
            }
            assert_eq!(standing, Standing::default(), "seed {seed}: nothing is left");
        }
    }

    #[test]
    fn the_ends_of_the_range_have_ranks_too() {
        let mut standing = Standing::default();
        for (card, count) in (1..).zip([i64::MAX, i64::MAX - 1, 256, 255, 1, 0, -5]) {
            standing.set(CardReference(card), 0, count);
        }
        assert_eq!([i64::MAX, i64::MAX - 1, 256, 255, 1].map(|count| standing.rank(count)), [1, 2, 3, 4, 5]);
        assert_eq!((standing.placed(0), standing.placed(256)), (5, 3));
    }
}
