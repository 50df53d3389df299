//! A member's tier, looked at again (LOYALTY C3 to C5): reached, earned again, lost by time, or undone with what it rested on. It is
//! decided from what is counted of the member and the time alone, so it makes no difference when it is looked at, nor how often.
//!
//! Beside the standing, counters below `tier/` remember what a tier rests on, what promotions have used up, what was held before,
//! and what was given.

use super::card::CardReference;
use super::effect::Effect;
use super::member::{MATCHED, Member, TierHeld};
use super::programme::Programme;
use super::programme::measure::over;
use super::programme::tier::{Route, Tiers, counted, used_up};
use super::request::Now;

/// Steps in one review: years of periods that nobody has looked at. What is left then is due again at once.
const STEPS: usize = 64;
/// 1 while a tier is past its end and can still be earned again, until that ends too.
const GRACE: &str = "tier/grace/";
/// What tiers rest on: `tier/rests/TIER/MONTHS/MEASURE` (0 months for ever), by the business date as of which: at least so much.
const RESTS: &str = "tier/rests/";
/// What was held below the tier: `tier/held/TIER/since` and `.../until`.
const HELD: &str = "tier/held/";
/// Points given for reaching a tier, ever.
const GIFT: &str = "tier/gift/";
/// The same, of the promotions that can still be undone.
const GIVEN: &str = "tier/given/";

/// What a review changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What the member has afterwards, by a partner's word too.
    pub tier: Option<TierHeld>,
    /// Points that are given for it, or taken back.
    pub gift: i64,
    /// Standing and counters.
    pub effects: Vec<Effect>,
}

/// What has become of a member's tier by now; `None` when nothing has, or while the time is not certain.
#[must_use]
pub fn review(programme: &Programme, card: CardReference, member: &Member, now: Now) -> Option<Review> {
    // Who has no tier can reach one as a member alone, and only where there are some.
    let may_reach = programme.is_member(member) && !programme.tiers.list.is_empty();
    let has_some = member.standing.tier.is_some() || member.matched().next().is_some();
    if !now.certain || !may_reach && !has_some {
        return None;
    }
    let mut grading = Grading { programme, tiers: &programme.tiers, member: member.clone() };
    for _ in 0..STEPS {
        if !grading.step(now) {
            break;
        }
    }
    grading.end_matches(now);
    grading.changes(card, member)
}

/// Gifts that a member has no longer earned, by tier, and what remembers that they were given.
#[must_use]
pub(super) fn gifts_lost(
    programme: &Programme,
    card: CardReference,
    member: &Member,
    now: Now,
) -> (Vec<(String, i64)>, Vec<Effect>) {
    let effects = review(programme, card, member, now).map_or(Vec::new(), |review| review.effects);
    let change_of = |wanted: &str| {
        let changes = effects.iter().filter_map(|effect| match effect {
            Effect::Counter { counter, change, .. } if counter == wanted => Some(*change),
            _ => None,
        });
        changes.fold(0, i64::saturating_add)
    };
    let (mut gifts, mut counts) = (Vec::new(), Vec::new());
    for tier in &programme.tiers.list {
        let names = [format!("{GIFT}{}", tier.key), format!("{GIVEN}{}", tier.key)];
        let change = change_of(&names[0]);
        if change < 0 {
            gifts.push((tier.key.clone(), change.saturating_neg()));
            counts.extend(names.map(|counter| {
                let change = change_of(&counter);
                Effect::Counter { card: Some(card), counter, period: 0, change }
            }));
        }
    }
    (gifts, counts)
}

/// What a member's tier rests on: each measure by the name of its counter, what is left of it, and what it takes at least (what was used up
/// before included).
#[must_use]
pub(super) fn resting(member: &Member, tier: &str) -> Vec<(String, i64, i64)> {
    let counted = |rest: &Rest| over(&member.counters, &rest.counter, rest.months, rest.business_date);
    let each = rests(member, tier).into_iter().map(|rest| (counted(&rest), rest));
    each.map(|(left, rest)| (rest.counter, left, rest.line)).collect()
}

fn rests(member: &Member, tier: &str) -> Vec<Rest> {
    let prefix = format!("{RESTS}{tier}/");
    let own = member.counters.range((prefix.clone(), 0)..);
    own.map_while(|((name, period), line)| {
        let (months, counter) = name.strip_prefix(&prefix)?.split_once('/')?;
        let months = months.parse().ok().filter(|months| *months > 0);
        Some(Rest { counter: counter.into(), months, business_date: *period, line: *line })
    })
    .collect()
}

/// Whether a counter goes over to the card that takes a member in, who may be another member's already: what was counted does, what
/// their tier rests on only with the tier. Of gifts that both were given, both go again with the tier.
pub(super) fn goes_over(counter: &str, to: &Member) -> bool {
    let own_tier = [RESTS, HELD, GRACE].iter().any(|own| counter.starts_with(own));
    if counter.starts_with(MATCHED) {
        return to.matched().next().is_none();
    }
    !(own_tier && to.standing.tier.is_some())
}

struct Grading<'a> {
    programme: &'a Programme,
    tiers: &'a Tiers,
    /// As it is by then.
    member: Member,
}

/// What a tier rests on, as of a business date.
struct Rest {
    counter: String,
    months: Option<u16>,
    business_date: u32,
    /// At least so much, what was used up before included.
    line: i64,
}

impl<'a> Grading<'a> {
    /// Does what comes first; false when nothing is to be done.
    fn step(&mut self, now: Now) -> bool {
        let held = self.member.standing.tier.clone();
        match held {
            Some(held) if held.until.is_some_and(|until| until <= now.s()) => self.end(&held),
            Some(held) if self.is_undone(&held) => {
                self.undo(&held);
                true
            }
            held => self.promote(held.as_ref(), now.business_date),
        }
    }

    /// What partners' tiers were honoured at until now: what was earned is left.
    fn end_matches(&mut self, now: Now) {
        let over = |held: &TierHeld| held.until.is_some_and(|until| until <= now.s());
        let over: Vec<_> = self.member.matched().filter(over).collect();
        over.iter().for_each(|held| self.drop(&format!("{MATCHED}{}/", held.tier)));
    }

    /// Its time is over: it was earned again by its last day, or there is a time of grace, or it falls.
    fn end(&mut self, held: &TierHeld) -> bool {
        let Some((until, last, first)) = held.until.and_then(|until| {
            let ms = until.checked_mul(1000)?;
            let last = self.programme.business_date(ms.checked_sub(1)?).ok()?;
            Some((until, last, self.programme.business_date(ms).ok()?))
        }) else {
            return false;
        };
        let rank = self.tiers.rank(&held.tier);
        let earned = self.tiers.earned(&self.member, last, usize::MAX);
        if let (Some(rank), Some((to, route))) = (rank, earned)
            && to >= rank
        {
            self.settle();
            self.hold(rank, first, Some((route, last)));
            return true;
        }
        let grace = format!("{GRACE}{}", held.tier);
        if self.get(&grace) == 0 && self.tiers.grace_days > 0 && rank.is_some() {
            self.set(&grace, 0, 1);
            let until = self.programme.days_after(until, self.tiers.grace_days);
            self.member.standing.tier = Some(TierHeld { until, ..held.clone() });
            return true;
        }
        let below = rank.filter(|_| self.tiers.one_step).and_then(|rank| rank.checked_sub(1));
        self.settle();
        match below.max(earned.map(|(to, _)| to)) {
            Some(to) => self.hold(to, first, earned.filter(|(is, _)| *is == to).map(|(_, by)| (by, last))),
            None => self.member.standing.tier = None,
        }
        true
    }

    /// Whether what it rests on is no longer there, or no longer enough for a programme that grades again at once.
    fn is_undone(&self, held: &TierHeld) -> bool {
        let rests = self.rests(&held.tier);
        let Some(business_date) = rests.first().map(|rest| rest.business_date) else { return false };
        let is_short = |rest: &Rest| {
            over(&self.member.counters, &rest.counter, rest.months, rest.business_date) < rest.line
        };
        let earned = || self.tiers.earned(&self.without(&held.tier), business_date, usize::MAX);
        let falls_short = || earned().map(|(to, _)| to) < self.tiers.rank(&held.tier);
        (self.tiers.refund_demotes && rests.iter().any(is_short)) || (self.tiers.regrade && falls_short())
    }

    /// The promotion did not happen: what it used up counts again, and what was held before holds; or the tier in between that was
    /// earned all the same.
    fn undo(&mut self, held: &TierHeld) {
        let as_of = self.rests(&held.tier).first().map_or(held.since, |rest| rest.business_date);
        let rank = self.tiers.rank(&held.tier);
        let before = self.without(&held.tier);
        let earned = self.tiers.earned(&before, as_of, rank.unwrap_or(usize::MAX));
        let saved = self.saved();
        self.drop(&format!("{RESTS}{}/", held.tier));
        let to = match (earned, saved) {
            (Some((to, route)), saved) if saved.as_ref().is_none_or(|(below, _)| *below < to) => {
                if rank == Some(to) {
                    self.rest_on(&held.tier, route, as_of, &before);
                } else {
                    self.pass_on(&held.tier, to);
                    self.hold(to, held.since, None);
                    self.rest_on(&self.key(to), route, as_of, &before);
                }
                Some(to)
            }
            (_, saved) => {
                self.member = before;
                self.drop(&format!("{RESTS}{}/", held.tier));
                let (to, saved) = saved.unzip();
                if let Some(saved) = &saved {
                    self.drop(&format!("{HELD}{}/", saved.tier));
                }
                self.member.standing.tier = saved;
                to
            }
        };
        self.set(&format!("{GRACE}{}", held.tier), 0, 0);
        self.take_gifts(to);
    }

    /// A higher tier than the one that is held has been earned.
    fn promote(&mut self, held: Option<&TierHeld>, today: u32) -> bool {
        let rank = held.and_then(|held| self.tiers.rank(&held.tier));
        if held.is_some() && rank.is_none() {
            // The programme has no such tier any more: it holds to its end.
            return false;
        }
        let Some((to, route)) = self.tiers.earned(&self.member, today, usize::MAX) else { return false };
        if rank.is_some_and(|rank| to <= rank) {
            return false;
        }
        for tier in self
            .tiers
            .list
            .iter()
            .take(to.saturating_add(1))
            .skip(rank.map_or(0, |rank| rank.saturating_add(1)))
        {
            let counter = format!("{GIFT}{}", tier.key);
            if tier.gift > 0 && self.get(&counter) == 0 {
                self.set(&counter, 0, tier.gift);
                self.set(&format!("{GIVEN}{}", tier.key), 0, tier.gift);
            }
        }
        if let Some(held) = held {
            self.set(&format!("{HELD}{}/since", held.tier), 0, i64::from(held.since));
            self.set(&format!("{HELD}{}/until", held.tier), 0, held.until.unwrap_or(0));
        }
        self.hold(to, today, Some((route, today)));
        if self.tiers.reset {
            self.use_up(to);
        }
        true
    }

    /// Gives a tier from a business date on; with the route that it rests on, as of a business date.
    fn hold(&mut self, rank: usize, since: u32, rests: Option<(&Route, u32)>) {
        let key = self.key(rank);
        self.member.standing.tier = self
            .tiers
            .list
            .get(rank)
            .filter(|tier| !tier.routes.is_empty())
            .map(|_| TierHeld { tier: key.clone(), since, until: self.programme.tier_ends(since) });
        if let Some((route, as_of)) = rests {
            let basis = self.member.clone();
            self.rest_on(&key, route, as_of, &basis);
        }
    }

    /// A tier's period is over: what led to it can no longer be undone.
    fn settle(&mut self) {
        self.drop(GRACE);
        self.drop(RESTS);
        self.drop(HELD);
        self.drop(GIVEN);
        let open: Vec<_> = used_up(&self.member).filter(|used| !used.tier.is_empty()).collect();
        let open: Vec<_> =
            open.iter().map(|used| (used.name.to_owned(), used.settled(), used.period)).collect();
        for (from, to, period) in open {
            let value = self.member.counters.remove(&(from, period)).unwrap_or(0);
            self.add(&to, period, value);
        }
    }

    /// All that is counted now is used up by the promotion (归零).
    fn use_up(&mut self, rank: usize) {
        let key = self.key(rank);
        for counter in self.tiers.counters() {
            let periods = self.member.counters.keys().filter(|(name, _)| *name == counter).map(|(_, at)| *at);
            for period in periods.collect::<Vec<_>>() {
                let left = self.left(&counter, period);
                self.add(&format!("{}{key}/{counter}", Tiers::USED_UP), period, left);
            }
        }
    }

    /// What a promotion had used up is used up by the one to a lower tier, as far as it is still there.
    fn pass_on(&mut self, key: &str, to: usize) {
        let own: Vec<_> = used_up(&self.member)
            .filter(|used| used.tier == key)
            .map(|used| (used.name.to_owned(), used.counter.to_owned(), used.period))
            .collect();
        for (name, counter, period) in own {
            let left = self.left(&counter, period).min(0);
            let value = self.member.counters.remove(&(name, period)).unwrap_or(0);
            let to = format!("{}{}/{counter}", Tiers::USED_UP, self.key(to));
            self.add(&to, period, value.saturating_add(left));
        }
    }

    /// What is counted in a period and not used up.
    fn left(&self, counter: &str, period: u32) -> i64 {
        let all = self.member.counters.get(&(counter.to_owned(), period)).copied().unwrap_or(0);
        let used = used_up(&self.member).filter(|used| used.counter == counter && used.period == period);
        used.fold(all, |left, used| left.saturating_sub(used.value))
    }

    fn rest_on(&mut self, key: &str, route: &Route, as_of: u32, basis: &Member) {
        let months = route.over.months(as_of);
        for (measure, needed) in &route.needs {
            let (_, used_up) = counted(basis, measure, months, as_of);
            let name = format!("{RESTS}{key}/{}/{}", months.unwrap_or(0), measure.counter());
            self.set(&name, as_of, needed.saturating_add(used_up));
        }
    }

    fn rests(&self, key: &str) -> Vec<Rest> {
        rests(&self.member, key)
    }

    /// The tier that was held before, the highest of them.
    fn saved(&self) -> Option<(usize, TierHeld)> {
        self.tiers.list.iter().enumerate().rev().find_map(|(rank, tier)| {
            let get = |what: &str| self.get(&format!("{HELD}{}/{what}", tier.key));
            let since = u32::try_from(get("since")).ok().filter(|since| *since > 0)?;
            let until = Some(get("until")).filter(|until| *until > 0);
            Some((rank, TierHeld { tier: tier.key.clone(), since, until }))
        })
    }

    /// The member as if a promotion had used nothing up.
    fn without(&self, key: &str) -> Member {
        let mut member = self.member.clone();
        member.counters.retain(|(name, _), _| !name.starts_with(&format!("{}{key}/", Tiers::USED_UP)));
        member
    }

    /// Gifts of the promotions that are undone, above the tier that is left.
    fn take_gifts(&mut self, left: Option<usize>) {
        for tier in self.tiers.list.iter().skip(left.map_or(0, |rank| rank.saturating_add(1))) {
            let given = self.get(&format!("{GIVEN}{}", tier.key));
            self.set(&format!("{GIVEN}{}", tier.key), 0, 0);
            self.add(&format!("{GIFT}{}", tier.key), 0, given.saturating_neg());
        }
    }

    fn key(&self, rank: usize) -> String {
        self.tiers.list.get(rank).map(|tier| tier.key.clone()).unwrap_or_default()
    }

    fn get(&self, counter: &str) -> i64 {
        self.member.counters.get(&(counter.to_owned(), 0)).copied().unwrap_or(0)
    }

    fn set(&mut self, counter: &str, period: u32, value: i64) {
        let key = (counter.to_owned(), period);
        match value {
            0 => drop(self.member.counters.remove(&key)),
            value => drop(self.member.counters.insert(key, value)),
        }
    }

    fn add(&mut self, counter: &str, period: u32, change: i64) {
        let before = self.member.counters.get(&(counter.to_owned(), period)).copied().unwrap_or(0);
        self.set(counter, period, before.saturating_add(change));
    }

    fn drop(&mut self, prefix: &str) {
        self.member.counters.retain(|(name, _), _| !name.starts_with(prefix));
    }

    fn changes(self, card: CardReference, before: &Member) -> Option<Review> {
        let after = self.member;
        let of = |member: &Member, key: &(String, u32)| member.counters.get(key).copied().unwrap_or(0);
        let gone = before.counters.keys().filter(|key| !after.counters.contains_key(*key));
        let (mut effects, mut gift) = (Vec::new(), 0_i64);
        for key in after.counters.keys().chain(gone) {
            let change = of(&after, key).saturating_sub(of(before, key));
            if key.0.starts_with(GIFT) {
                gift = gift.saturating_add(change);
            }
            if change != 0 {
                let (counter, period) = key.clone();
                effects.push(Effect::Counter { card: Some(card), counter, period, change });
            }
        }
        if after.standing != before.standing {
            effects.insert(0, Effect::Member { card, standing: after.standing.clone() });
        }
        (!effects.is_empty()).then_some(Review { tier: self.tiers.held(&after), gift, effects })
    }
}
