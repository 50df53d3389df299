//! A member's tier on paper: reached at once, held for ever or for its months and days of grace, lost by a step, undone by a refund.

use std::collections::{BTreeMap, BTreeSet};

use super::board::{Lasts, Tier};
use super::calendar::{business_day, ends, months_later};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) rank: usize,
    /// Business day.
    pub(super) since: i64,
    /// Unix second; none for ever.
    pub(super) until: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Ladder {
    pub(super) held: Option<Held>,
    /// What was held below it, and comes back when it is undone.
    below: Vec<Held>,
    /// Tiers in their days of grace.
    grace: BTreeSet<usize>,
    /// What a tier rests on: spent by that day's account, at least so much.
    rests: BTreeMap<usize, (i64, i64)>,
    /// Gifts that were given, and whether they can still be taken back.
    gifts: BTreeMap<usize, bool>,
    lasts: Option<Lasts>,
}

fn from(rank: usize, since: i64, lasts: Option<Lasts>) -> Held {
    Held { rank, since, until: lasts.map(|lasts| ends(months_later(since, lasts.months))) }
}

impl Ladder {
    pub(super) fn new(lasts: Option<Lasts>) -> Self {
        Self { lasts, ..Self::default() }
    }

    pub(super) fn rank(&self) -> usize {
        self.held.map_or(0, |held| held.rank)
    }

    /// Ranks whose gifts were given.
    pub(super) fn gifts(&self) -> BTreeSet<usize> {
        self.gifts.keys().copied().collect()
    }

    /// What has become of it at a time, and which points are given for that, or taken back.
    pub(super) fn look(&mut self, tiers: &[Tier], now: i64, spent: impl Fn(i64) -> i64) -> i64 {
        let before = self.given(tiers);
        while self.step(tiers, now, &spent) {}
        self.given(tiers) - before
    }

    fn given(&self, tiers: &[Tier]) -> i64 {
        self.gifts.keys().map(|rank| tiers[*rank].gift).sum()
    }

    fn step(&mut self, tiers: &[Tier], now: i64, spent: &impl Fn(i64) -> i64) -> bool {
        let earned = |day: i64| tiers.iter().rposition(|tier| spent(day) >= tier.needs).unwrap_or(0);
        if let Some(held) = self.held {
            if let Some((until, lasts)) = held.until.filter(|until| *until <= now).zip(self.lasts) {
                let last = business_day(until - 1);
                self.period_is_over(held, tiers, (last, earned(last)), lasts);
                return true;
            }
            let rests = self.rests.get(&held.rank).copied();
            if let Some((day, _)) = rests.filter(|(day, line)| spent(*day) < *line) {
                self.did_not_happen(held, tiers, (day, earned(day)));
                return true;
            }
        }
        let today = business_day(now);
        let to = earned(today);
        if to <= self.rank() {
            return false;
        }
        for rank in self.rank() + 1..=to {
            self.gifts.entry(rank).or_insert(true);
        }
        self.below.extend(self.held);
        self.held = Some(from(to, today, self.lasts));
        self.rests.insert(to, (today, tiers[to].needs));
        true
    }

    fn period_is_over(&mut self, held: Held, tiers: &[Tier], (last, earned): (i64, usize), lasts: Lasts) {
        if earned < held.rank && self.grace.insert(held.rank) {
            self.held = Some(Held { until: Some(ends(last + lasts.grace_days)), ..held });
            return;
        }
        self.grace.clear();
        self.rests.clear();
        self.below.clear();
        self.gifts.values_mut().for_each(|open| *open = false);
        let to = earned.max(held.rank - 1);
        self.held = (to > 0).then(|| from(to, last + 1, self.lasts));
        if earned == to {
            self.rests.insert(to, (last, tiers[to].needs));
        }
    }

    /// A refund took what it rested on: the tier in between holds that was earned all the same, or what was held before.
    fn did_not_happen(&mut self, held: Held, tiers: &[Tier], (day, earned): (i64, usize)) {
        self.rests.remove(&held.rank);
        self.grace.remove(&held.rank);
        let saved = self.below.last().copied();
        if earned > saved.map_or(0, |saved| saved.rank) {
            self.held = Some(from(earned, held.since, self.lasts));
            self.rests.insert(earned, (day, tiers[earned].needs));
        } else {
            self.below.pop();
            self.held = saved;
        }
        let left = self.rank();
        self.gifts.retain(|rank, open| *rank <= left || !*open);
    }
}
