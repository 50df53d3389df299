//! Bonus on loads (充值赠送, 存10万送5千; LOYALTY A2): thresholds, not exact amounts.

use rust_decimal::Decimal;

use super::when::When;
use super::{Cap, Programme};
use crate::domain::ledger::Kind;

/// The highest step that the load reaches gives its bonus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBonus {
    pub rule: String,
    pub when: When,
    /// What it gives: bonus money or points.
    pub kind: Kind,
    /// Rising by `from`.
    pub steps: Vec<LoadStep>,
    /// Each full multiple of the step gives its bonus (每满), and not the step once.
    pub every: bool,
    /// Only a member's first load, as far as loads are counted.
    pub first_load: bool,
    /// Nothing else is given beside it.
    pub exclusive: bool,
    pub cap: Cap,
}

/// A threshold and what it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadStep {
    /// Minor units.
    pub from: i64,
    pub bonus: Bonus,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bonus {
    /// Minor units or points.
    Fixed(i64),
    /// Percent of the load (with `every`: of its full multiples), rounded down.
    Percent(Decimal),
}

/// What a rule wants to give, before its cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What it looked at.
    pub base: i64,
    /// Minor units or points; 0 when something is only carried to the next sale.
    pub result: i64,
    /// Something was rounded off.
    pub rounded: bool,
    /// What a receipt prints.
    pub rate: String,
    /// What this adds to the remainder that is carried to the next sale, and what is no longer carried because points were given
    /// for it; `None` when the remainder is dropped.
    pub carried: Option<[i64; 2]>,
}

impl LoadBonus {
    /// What it gives for a load of `amount` minor units, before its cap.
    #[must_use]
    pub fn wanted(&self, programme: &Programme, amount: i64) -> Option<Wanted> {
        let step = self.steps.iter().rev().find(|step| step.from <= amount)?;
        let multiples = if self.every { amount.checked_div(step.from)? } else { 1 };
        let base = if self.every { step.from.checked_mul(multiples)? } else { amount };
        let (result, rounded, rate) = match &step.bonus {
            Bonus::Fixed(bonus) if self.kind.is_money() => {
                (bonus.checked_mul(multiples)?, false, programme.money(*bonus))
            }
            Bonus::Fixed(points) => (points.checked_mul(multiples)?, false, points.to_string()),
            Bonus::Percent(percent) => {
                let exact = percent.checked_mul(base.into())?.checked_div(100.into())?;
                let bonus = exact.floor();
                (i64::try_from(bonus).ok()?, bonus != exact, format!("{}%", percent.normalize()))
            }
        };
        let rate = if self.every { format!("{rate}/{}", programme.money(step.from)) } else { rate };
        let rate = if rate.len() > 20 { rate.chars().take(20).collect() } else { rate };
        (result > 0).then_some(Wanted { base: amount, result, rounded, rate, carried: None })
    }

    /// The amounts above this one at which it gives more, as far as thresholds say so.
    pub fn thresholds_above(&self, amount: i64) -> impl Iterator<Item = i64> {
        let multiple = move |from: i64| match self.every {
            true => amount.checked_div(from)?.checked_add(1)?.checked_mul(from),
            false => Some(from),
        };
        let each = self.steps.iter().filter_map(move |step| multiple(step.from));
        each.filter(move |threshold| *threshold > amount)
    }
}
