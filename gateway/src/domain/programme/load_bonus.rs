//! Bonus on loads (充值赠送; LOYALTY A2): thresholds, not exact amounts.

use super::when::When;
use super::{Cap, Programme};
use crate::domain::ledger::Kind;

/// The highest step that the load reaches gives its bonus, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBonus {
    pub rule: String,
    pub when: When,
    /// (from, bonus) in minor units, rising.
    pub steps: Vec<(i64, i64)>,
    pub cap: Cap,
}

impl LoadBonus {
    /// What it gives for a load of `amount` minor units, before its cap: kind, amount, and the rate that a receipt prints.
    #[must_use]
    pub fn wanted(&self, programme: &Programme, amount: i64) -> Option<(Kind, i64, String)> {
        let (_, bonus) = self.steps.iter().rev().find(|(from, _)| *from <= amount)?;
        (*bonus > 0).then(|| (Kind::BONUS, *bonus, programme.money(*bonus)))
    }
}
