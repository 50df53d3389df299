//! The member whose card it is (LOYALTY E1): how they came, where they stand, and what is counted of them. Nothing personal is
//! here: that is kept apart, and can be erased.

use std::collections::BTreeMap;

use super::Fault;
use super::card::CardReference;
use super::effect::Effect;

/// What is counted: a name, and the period of business dates that it is about: 0 for ever, else YYYY0000, YYYYMM00 or YYYYMMDD.
pub type Counters = BTreeMap<(String, u32), i64>;

/// A card's member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    pub standing: Standing,
    /// None at zero.
    pub counters: Counters,
}

/// How a member came, and where they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Business date of the joining (YYYYMMDD).
    pub joined: Option<u32>,
    /// How they were won.
    pub channel: Option<String>,
    /// The card of the member who brought them.
    pub referrer: Option<CardReference>,
    /// 0 not said, 1 person, 2 company; others are kept.
    pub customer: u8,
    pub tier: Option<TierHeld>,
}

/// A tier that a member has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierHeld {
    /// Its key in the programme.
    pub tier: String,
    /// Business date (YYYYMMDD) since which.
    pub since: u32,
    /// It is looked at again from this Unix second on; `None` never.
    pub until: Option<i64>,
}

/// A span of business dates that something is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    Day,
    Month,
    Year,
    Ever,
}

impl Window {
    /// The period by which a business date is counted.
    #[must_use]
    pub fn of(self, business_date: u32) -> u32 {
        match self {
            Self::Day => business_date,
            Self::Month => (business_date / 100).saturating_mul(100),
            Self::Year => (business_date / 10_000).saturating_mul(10_000),
            Self::Ever => 0,
        }
    }

    /// The window that a period is of.
    #[must_use]
    pub fn named_by(period: u32) -> Self {
        match period {
            0 => Self::Ever,
            year if year % 10_000 == 0 => Self::Year,
            month if month % 100 == 0 => Self::Month,
            _ => Self::Day,
        }
    }
}

/// A tier that a partner's is honoured at: `tier/matched/TIER/since` and `.../until`.
pub(super) const MATCHED: &str = "tier/matched/";

impl Member {
    /// A member of whom nothing is known.
    #[must_use]
    pub const fn nobody() -> Self {
        let standing = Standing { joined: None, channel: None, referrer: None, customer: 0, tier: None };
        Self { standing, counters: BTreeMap::new() }
    }

    /// Unix second at which something of this member is next looked at.
    #[must_use]
    pub fn due(&self) -> Option<i64> {
        let own = self.standing.tier.as_ref().and_then(|held| held.until);
        self.matched().filter_map(|held| held.until).chain(own).min()
    }

    /// Tiers that partners' are honoured at, whether their time is over or not.
    pub fn matched(&self) -> impl Iterator<Item = TierHeld> {
        let from = (MATCHED.to_owned(), 0);
        let own = self
            .counters
            .range(from..)
            .map_while(|((name, _), until)| Some((name.strip_prefix(MATCHED)?.split_once('/')?, *until)));
        own.filter(|((_, what), _)| *what == "until").map(|((tier, _), until)| {
            let since = self.counters.get(&(format!("{MATCHED}{tier}/since"), 0)).copied().unwrap_or(0);
            TierHeld { tier: tier.to_owned(), since: u32::try_from(since).unwrap_or(0), until: Some(until) }
        })
    }

    /// What was counted under a name in the window that a business date is in; 0 when nothing was.
    #[must_use]
    pub fn counted(&self, counter: &str, window: Window, business_date: u32) -> i64 {
        counted(&self.counters, counter, window, business_date)
    }

    /// The member whose card it is, after such effects.
    pub(super) fn after(&self, of: CardReference, effects: &[Effect]) -> Result<Self, Fault> {
        let mut member = self.clone();
        for effect in effects {
            match effect {
                Effect::Counter { card: Some(card), counter, period, change } if *card == of => {
                    member.count(counter, *period, *change)?;
                }
                Effect::Member { card, standing } if *card == of => member.standing = standing.clone(),
                _ => {}
            }
        }
        Ok(member)
    }

    /// Changes a counter; one at zero is gone.
    pub(super) fn count(&mut self, counter: &str, period: u32, change: i64) -> Result<(), Fault> {
        let key = (counter.to_owned(), period);
        let held = self.counters.get(&key).copied().unwrap_or(0);
        match held.checked_add(change).ok_or(Fault::Overflow)? {
            0 => drop(self.counters.remove(&key)),
            sum => drop(self.counters.insert(key, sum)),
        }
        Ok(())
    }
}

/// The same, of any counters.
#[must_use]
pub fn counted(counters: &Counters, counter: &str, window: Window, business_date: u32) -> i64 {
    counters.get(&(counter.to_owned(), window.of(business_date))).copied().unwrap_or(0)
}
