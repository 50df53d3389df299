//! Tiers of members (会员等级; LOYALTY C1 to C5): what leads to one, how long it lasts, and how far the next one is (C8). By what
//! was earned and done, never by what is left.

use std::collections::BTreeSet;

use jiff::ToSpan;

use super::measure::over;
use super::{Measure, Programme, date};
use crate::domain::member::{Member, TierHeld};
use crate::domain::request::Now;

/// All tiers, and what they have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tiers {
    /// Rising. Only the first may have no routes: whoever has no other has it.
    pub list: Vec<Tier>,
    /// What led to a promotion no longer counts for the next one (归零晋升).
    pub reset: bool,
    pub lasts: Lasts,
    /// Days after the end in which it can still be earned again.
    pub grace_days: u16,
    /// At the end it falls by one at most, or to what was earned.
    pub one_step: bool,
    /// A refund undoes the promotion that rested on it.
    pub refund_demotes: bool,
    /// Changed thresholds hold at once for those who have a tier; else from the end of its period on.
    pub regrade: bool,
}

/// How long a tier is held before it must be earned again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lasts {
    /// Months after the promotion; without, and not to a year's end, for ever.
    pub months: Option<u16>,
    /// On to the end of the calendar year then.
    pub to_year_end: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// 1 to 16 bytes.
    pub key: String,
    /// As members read it, 1 to 32 bytes.
    pub name: String,
    /// Any of them leads to it.
    pub routes: Vec<Route>,
    /// Points on reaching it, once (晋升奖励).
    pub gift: i64,
}

/// Everything that it needs, in one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub over: Over,
    /// Measures with their thresholds, each above zero.
    pub needs: Vec<(Measure, i64)>,
}

/// The time that a route looks back on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The last calendar months, the present one among them.
    Months(u16),
    /// The present calendar year.
    Year,
    Ever,
}

impl Over {
    /// In calendar months, the one that a business date is in among them; `None` for ever.
    #[must_use]
    pub fn months(self, business_date: u32) -> Option<u16> {
        match self {
            Self::Months(months) => Some(months),
            Self::Year => u16::try_from(business_date / 100 % 100).ok(),
            Self::Ever => None,
        }
    }
}

/// What a promotion has used up of a measure in a period: it leads nowhere else.
pub(in crate::domain) struct UsedUp<'a> {
    /// Of its own counter.
    pub name: &'a str,
    /// Empty when the promotion can no longer be undone.
    pub tier: &'a str,
    /// The measure's.
    pub counter: &'a str,
    pub period: u32,
    pub value: i64,
}

impl UsedUp<'_> {
    /// The name of its counter once the promotion can no longer be undone.
    pub(in crate::domain) fn settled(&self) -> String {
        format!("{}/{}", Tiers::USED_UP, self.counter)
    }
}

/// Everything that promotions have used up.
pub(in crate::domain) fn used_up(member: &Member) -> impl Iterator<Item = UsedUp<'_>> {
    let from = (Tiers::USED_UP.to_owned(), 0);
    member.counters.range(from..).map_while(|((name, period), value)| {
        let (tier, counter) = name.strip_prefix(Tiers::USED_UP)?.split_once('/')?;
        Some(UsedUp { name, tier, counter, period: *period, value: *value })
    })
}

/// What was counted of a measure, and what of that promotions have used up.
pub(in crate::domain) fn counted(
    member: &Member,
    measure: &Measure,
    months: Option<u16>,
    business_date: u32,
) -> (i64, i64) {
    if let Measure::Value(value) = measure {
        let prefixes: BTreeSet<&str> =
            used_up(member).filter_map(|used| used.name.strip_suffix(used.counter)).collect();
        let used = value.used_up(&member.counters, prefixes, business_date);
        return (value.over(&member.counters, business_date), used);
    }
    let counter = measure.counter();
    let mut names: Vec<&str> = Vec::new();
    for used in used_up(member).filter(|used| used.counter == counter) {
        if names.last() != Some(&used.name) {
            names.push(used.name);
        }
    }
    let all = |counter: &str| over(&member.counters, counter, months, business_date);
    let used = names.into_iter().map(all).fold(0, i64::saturating_add);
    (all(&counter), used)
}

impl Route {
    /// How far each of its measures was on a business date: so far and needed.
    fn stand<'a>(
        &'a self,
        member: &'a Member,
        business_date: u32,
    ) -> impl Iterator<Item = (&'a Measure, i64, i64)> {
        let months = self.over.months(business_date);
        self.needs.iter().map(move |(measure, needed)| {
            let (all, used_up) = counted(member, measure, months, business_date);
            (measure, all.saturating_sub(used_up), *needed)
        })
    }

    /// Whether it was done on a business date.
    #[must_use]
    pub fn is_done(&self, member: &Member, business_date: u32) -> bool {
        self.stand(member, business_date).all(|(_, so_far, needed)| so_far >= needed)
    }
}

/// How far one measure of one way to a tier was on a business date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stood {
    /// Key of the tier.
    pub tier: String,
    /// Which of its routes, counted from 0.
    pub route: usize,
    /// The measure, by the name of its counter.
    pub measure: String,
    /// Calendar months that it looks back, the present one among them; `None` for ever.
    pub months: Option<u16>,
    pub so_far: i64,
    pub needed: i64,
}

impl Tiers {
    /// How far a member was on a business date, on every way to every tier.
    #[must_use]
    pub fn stood(&self, member: &Member, business_date: u32) -> Vec<Stood> {
        let mut stood = Vec::new();
        for tier in &self.list {
            for (route, way) in tier.routes.iter().enumerate() {
                stood.extend(way.stand(member, business_date).map(|(measure, so_far, needed)| Stood {
                    tier: tier.key.clone(),
                    route,
                    measure: measure.counter(),
                    months: way.over.months(business_date),
                    so_far,
                    needed,
                }));
            }
        }
        stood
    }

    /// Counters of what promotions have used up: `tier/reset/TIER/MEASURE`, by the measure's own periods.
    pub(in crate::domain) const USED_UP: &'static str = "tier/reset/";

    /// Place of a tier in the list.
    #[must_use]
    pub fn rank(&self, key: &str) -> Option<usize> {
        self.list.iter().position(|tier| tier.key == key)
    }

    /// The tier that everybody has who has no other.
    #[must_use]
    pub fn base(&self) -> Option<&Tier> {
        self.list.first().filter(|tier| tier.routes.is_empty())
    }

    /// What a member has: what they have earned, or what a partner's tier is honoured at where that is higher.
    #[must_use]
    pub fn held(&self, member: &Member) -> Option<TierHeld> {
        let rank = |held: &TierHeld| self.rank(&held.tier);
        let own = member.standing.tier.as_ref();
        let matched = member.matched().filter(|held| rank(held).is_some()).max_by_key(rank);
        matched.filter(|held| rank(held) > own.and_then(rank)).or_else(|| own.cloned())
    }

    /// The tier of a member.
    #[must_use]
    pub fn of(&self, member: &Member) -> Option<&Tier> {
        let held = self.held(member);
        let held = held.and_then(|held| self.list.iter().find(|tier| tier.key == held.tier));
        held.or(self.base())
    }

    /// The highest tier up to rank `most` that a member had earned on a business date: its rank, and the route that led there.
    #[must_use]
    pub fn earned(&self, member: &Member, business_date: u32, most: usize) -> Option<(usize, &Route)> {
        let upto = self.list.iter().take(most.saturating_add(1)).enumerate().rev();
        let done = |tier: &'_ Tier| tier.routes.iter().position(|route| route.is_done(member, business_date));
        upto.filter_map(|(rank, tier)| tier.routes.get(done(tier)?).map(|route| (rank, route))).next()
    }

    /// The counters of every measure that leads to a tier, each once.
    #[must_use]
    pub fn counters(&self) -> BTreeSet<String> {
        self.measures().iter().flat_map(Measure::counters).collect()
    }

    /// Every measure that leads to a tier, each once.
    #[must_use]
    pub fn measures(&self) -> Vec<Measure> {
        let needs = self.list.iter().flat_map(|tier| &tier.routes).flat_map(|route| &route.needs);
        let mut measures: Vec<Measure> = needs.map(|(measure, _)| measure.clone()).collect();
        measures.sort();
        measures.dedup();
        measures
    }
}

impl Programme {
    /// When a tier's period that begins on a business date is over, in Unix seconds; `None` never.
    #[must_use]
    pub fn tier_ends(&self, since: u32) -> Option<i64> {
        let Lasts { months, to_year_end } = self.tiers.lasts;
        if months.is_none() && !to_year_end {
            return None;
        }
        let last = date(since)?.checked_add(i32::from(months.unwrap_or(0)).months()).ok()?;
        self.end_of(if to_year_end { last.last_of_year() } else { last })
    }

    /// So many business days after the end of one, in Unix seconds.
    #[must_use]
    pub fn days_after(&self, end_s: i64, days: u16) -> Option<i64> {
        let last = self.business_date(end_s.checked_mul(1000)?.checked_sub(1)?).ok()?;
        self.end_of(date(last)?.checked_add(i64::from(days).days()).ok()?)
    }
}

/// How far one measure of a route to the next tier is (LOYALTY C8); a route is done when all its measures are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Key of the next tier.
    pub tier: String,
    /// Which of its routes, counted from 0.
    pub route: u8,
    /// Its number in PROTOCOL.md section 11, *MemberInquiry*.
    pub measure: u8,
    /// Minor units, points or pieces.
    pub so_far: i64,
    pub needed: i64,
}

/// How far it is to the tier above the member's; empty at the highest.
#[must_use]
pub fn progress(programme: &Programme, member: &Member, now: Now) -> Vec<Progress> {
    let tiers = &programme.tiers;
    let next =
        tiers.of(member).and_then(|tier| tiers.rank(&tier.key)).map_or(0, |rank| rank.saturating_add(1));
    let Some(tier) = tiers.list.get(next) else { return Vec::new() };
    let routes = (0..=u8::MAX).zip(&tier.routes);
    let each = routes.flat_map(|(route, way)| {
        way.stand(member, now.business_date).map(move |(measure, so_far, needed)| Progress {
            tier: tier.key.clone(),
            route,
            measure: measure.number(),
            so_far,
            needed,
        })
    });
    each.collect()
}
