//! Segments (会员画像; LOYALTY E7): named conditions that any rule may ask for. Recency, frequency and amount are measures of the last
//! months: a sleeping member (沉睡) is one with purchases, but none in the last three.

use super::when::{Circumstances, When};
use super::{Measure, Programme};

/// A named kind of member. All that is said must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub name: String,
    pub when: When,
    /// How they were won; empty for any.
    pub joined_by: Vec<String>,
    pub measures: Vec<Bound>,
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
        joined
            && self.when.holds(programme, at)
            && self.measures.iter().all(|bound| {
                let is = bound.measure.over(at.member, bound.months, at.now.business_date);
                bound.from.is_none_or(|from| is >= from) && bound.below.is_none_or(|below| is < below)
            })
    }
}
