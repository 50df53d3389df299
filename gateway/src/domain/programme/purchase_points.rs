//! Points on purchases (消费积分; LOYALTY B1): a fixed number, or so many for each full amount or unit, in steps by the amount, by
//! points held or ever earned, or by the number of the visit.

use super::goods::{Goods, Sale};
use super::load_bonus::Wanted;
use super::when::When;
use super::{Cap, Programme};
use crate::domain::ledger::Kind;

/// The highest step that is reached gives its points, for all of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchasePoints {
    pub rule: String,
    pub when: When,
    pub kind: Kind,
    pub goods: Goods,
    pub by: Stage,
    /// Rising by `from`; a rule without steps has one from 0 on.
    pub steps: Vec<PointStep>,
    /// Only when the number is a full multiple of the step (every tenth visit).
    pub every: bool,
    /// What is left over waits for the next sale.
    pub carry: bool,
    pub pending: Option<Pending>,
    /// Nothing else is given beside it.
    pub exclusive: bool,
    pub cap: Cap,
}

/// A threshold and what it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointStep {
    pub from: i64,
    pub gives: i64,
    pub each: Each,
}

/// What points are given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Each {
    Purchase,
    /// Each full amount that balances paid, minor units.
    Money(i64),
    /// Each full number of thousandths of its goods.
    Units(i64),
}

/// What the steps are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// What balances paid for its goods, minor units.
    #[default]
    Amount,
    /// Points of its kind that can be spent now.
    PointsHeld,
    /// Ordinary points that the member ever earned.
    PointsEarned,
    /// The number of this purchase among the member's.
    Purchases,
}

/// How long points cannot be spent yet (LOYALTY B9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// To the end of the business day so many days on.
    Days(u16),
    /// As long as the product's sales can be returned.
    ReturnDays,
}

impl PurchasePoints {
    /// What it gives for a sale, before multipliers and its cap: `reached` says how far a stage is for a base, `carried` is what
    /// is left over from before.
    #[must_use]
    pub fn wanted(
        &self,
        programme: &Programme,
        sale: Sale<'_>,
        reached: impl Fn(Stage, i64) -> i64,
        carried: i64,
    ) -> Option<Wanted> {
        let paid = sale.paid_for(&self.goods);
        let reached = reached(self.by, paid);
        let step = self.steps.iter().rev().find(|step| step.from <= reached)?;
        let skipped = self.every && reached.checked_rem(step.from) != Some(0);
        let (base, per, rate) = match step.each {
            Each::Purchase if paid > 0 => (paid, None, step.gives.to_string()),
            Each::Purchase => return None,
            Each::Money(per) => (paid, Some(per), format!("{}/{}", step.gives, programme.money(per))),
            Each::Units(per) => {
                (sale.units_of(&self.goods), Some(per), format!("{}/{}", step.gives, per / 1000))
            }
        };
        if skipped || base <= 0 {
            return None;
        }
        let Some(per) = per else {
            return Some(Wanted { base, result: step.gives, rounded: false, rate, carried: None });
        };
        let whole = if self.carry { base.checked_add(carried)? } else { base };
        // What was carried and is refunded is less than nothing, until it is paid again.
        let times = whole.max(0).checked_div(per)?;
        let (result, given_for) = (times.checked_mul(step.gives)?, times.checked_mul(per)?);
        let carried = if self.carry { Some([base, given_for.checked_neg()?]) } else { None };
        let rounded = !self.carry && given_for != whole;
        (result > 0 || carried.is_some()).then_some(Wanted { base: whole, result, rounded, rate, carried })
    }
}
