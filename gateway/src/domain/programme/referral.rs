//! Bringing members (推荐有礼; LOYALTY B4): what a member gets for the ones they bring, and what these get.

use jiff::ToSpan;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::when::When;
use super::{Cap, Programme, date};
use crate::domain::ledger::Kind;

/// A reward for whoever brought a member. Its conditions are about the new member, its cap about the one who brought them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    pub rule: String,
    pub when: When,
    pub on: On,
    pub kind: Kind,
    /// Points each time.
    pub points: i64,
    /// `gives` points for each full `per` minor units that balances paid, on top; the remainder is dropped.
    pub share: Option<(i64, i64)>,
    /// What the new member gets each time.
    pub own: i64,
    pub grades: Vec<Grade>,
    pub cap: Cap,
}

/// What it is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The day on which the card becomes a member's.
    Joining,
    /// The first purchase after the Join.
    FirstPurchase,
    /// Every purchase, up to the end of the day so many months after the joining.
    Purchases { months: u16 },
}

/// A grade of those who bring members (金牌推荐者).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grade {
    /// From so many members brought on, the one that is being rewarded among them.
    pub from: i64,
    /// What is given is multiplied by this, rounded down.
    pub times: Decimal,
    pub name: String,
}

impl Referral {
    /// Points for whoever brought a member who has paid `paid` minor units, when they have brought so many; before the cap. `None`
    /// outside the range.
    #[must_use]
    pub fn wanted(&self, paid: i64, brought: i64) -> Option<i64> {
        let share = match self.share {
            Some((per, gives)) => paid.checked_div(per)?.checked_mul(gives)?,
            None => 0,
        };
        let points = self.points.checked_add(share)?;
        let grade = self.grades.iter().rev().find(|grade| grade.from <= brought);
        match grade {
            Some(grade) => Decimal::from(points).checked_mul(grade.times)?.trunc().to_i64(),
            None => Some(points),
        }
    }
}

impl Programme {
    /// Whether a business date is no later than so many months after another.
    #[must_use]
    pub fn is_within_months(&self, months: u16, since: u32, today: u32) -> bool {
        let last = date(since).and_then(|since| since.checked_add(i32::from(months).months()).ok());
        last.zip(date(today)).is_some_and(|(last, today)| today <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Referral {
        let grade =
            |from, times: &str| Grade { from, times: times.parse().expect("a rate"), name: "g".into() };
        Referral {
            rule: "r".into(),
            when: When::default(),
            on: On::Joining,
            kind: Kind::POINTS,
            points: 5,
            share: Some((10_000, 2)),
            own: 0,
            grades: vec![grade(5, "1.5"), grade(20, "2")],
            cap: Cap::default(),
        }
    }

    #[test]
    fn fixed_and_proportional_together_multiplied_by_the_grade_rounded_down() {
        let rule = rule();
        assert_eq!(
            [0, 9_999, 10_000, 19_999, 20_000].map(|paid| rule.wanted(paid, 1)),
            [5, 5, 7, 7, 9].map(Some)
        );
        assert_eq!([4, 5, 19, 20, 21].map(|brought| rule.wanted(0, brought)), [5, 7, 7, 10, 10].map(Some));
        assert_eq!(rule.wanted(i64::MAX, 20).map(|points| points > 0), Some(true));
        let most = Referral { points: i64::MAX, ..rule };
        assert_eq!(
            (most.wanted(0, 0), most.wanted(0, 5), most.wanted(10_000, 0)),
            (Some(i64::MAX), None, None)
        );
    }
}
