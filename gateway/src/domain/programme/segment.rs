//! Segments (会员画像; LOYALTY E7): named conditions that any rule may ask for. Frequency and amount are measures of the last months, recency is
//! days since the last purchase: a sleeping member (沉睡) is one who has bought, but longer ago than so many days.

use super::when::{Circumstances, When};
use super::{Measure, Programme, date};
use crate::domain::facts::Born;
use crate::domain::member::Member;
use crate::domain::recency::last_purchase;
use crate::domain::tag::has;

/// A named kind of member. All that is said must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub name: String,
    pub when: When,
    /// How they were won; empty for any.
    pub joined_by: Vec<String>,
    /// One of them is enough; empty for any.
    pub tags: Vec<String>,
    /// Whole years: at least, and less than.
    pub age: Option<(u16, Option<u16>)>,
    pub last_purchase: Option<LastPurchase>,
    pub measures: Vec<Bound>,
}

/// How long ago the last purchase was, in business days. Who has none is in neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastPurchase {
    /// No longer ago than this.
    pub within: Option<u16>,
    /// Longer ago than this.
    pub over: Option<u16>,
}

impl LastPurchase {
    fn holds(self, member: &Member, business_date: u32) -> bool {
        let days = last_purchase(member).and_then(|last| {
            let since = date(business_date)?.since(date(last)?).ok()?;
            Some(i64::from(since.get_days()))
        });
        days.is_some_and(|days| {
            self.within.is_none_or(|most| days <= i64::from(most))
                && self.over.is_none_or(|least| days > i64::from(least))
        })
    }
}

/// Whole years on a business date; `None` when the year is not known.
fn age(born: Born, business_date: u32) -> Option<u16> {
    let today = date(business_date)?;
    let (month, day) = born.in_year(today.in_leap_year());
    let is_before = (today.month().unsigned_abs(), today.day().unsigned_abs()) < (month, day);
    let year = Some(born.year).filter(|year| *year > 0)?;
    today.year().unsigned_abs().checked_sub(year)?.checked_sub(u16::from(is_before))
}

/// How much of a measure a segment's members have. Amounts are minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub measure: Measure,
    /// In so many calendar months, the present one among them; `None` for all there is.
    pub months: Option<u16>,
    /// At least.
    pub from: Option<i64>,
    /// Less than.
    pub below: Option<i64>,
}

impl Segment {
    /// Whether a member is in it now.
    #[must_use]
    pub fn has(&self, programme: &Programme, at: &Circumstances<'_>) -> bool {
        let won_by = at.member.standing.channel.as_deref();
        let joined = self.joined_by.is_empty()
            || won_by.is_some_and(|channel| self.joined_by.iter().any(|name| name == channel));
        let aged = self.age.is_none_or(|(from, below)| {
            let is = at.birthday.and_then(|born| age(born, at.now.business_date));
            is.is_some_and(|is| is >= from && below.is_none_or(|below| is < below))
        });
        joined
            && aged
            && (self.tags.is_empty() || self.tags.iter().any(|name| has(at.member, name)))
            && self.last_purchase.is_none_or(|last| last.holds(at.member, at.now.business_date))
            && self.when.holds(programme, at)
            && self.measures.iter().all(|bound| {
                let is = bound.measure.over(at.member, bound.months, at.now.business_date);
                bound.from.is_none_or(|from| is >= from) && bound.below.is_none_or(|below| is < below)
            })
    }
}
