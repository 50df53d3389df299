//! Points on purchases (消费积分; LOYALTY B1).

use super::when::When;
use super::{Cap, Programme};
use crate::domain::ledger::Kind;

/// `gives` points for each full `per` minor units paid; the remainder is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchasePoints {
    pub rule: String,
    pub when: When,
    pub per: i64,
    pub gives: i64,
    pub cap: Cap,
}

impl PurchasePoints {
    /// What it gives for `paid` minor units, before multipliers and its cap: kind, points, whether something was rounded off, and
    /// the rate that a receipt prints.
    #[must_use]
    pub fn wanted(&self, programme: &Programme, paid: i64) -> Option<(Kind, i64, bool, String)> {
        let points = paid.checked_div(self.per)?.checked_mul(self.gives)?;
        let rounded = paid.checked_rem(self.per) != Some(0);
        (points > 0)
            .then(|| (Kind::POINTS, points, rounded, format!("{}/{}", self.gives, programme.money(self.per))))
    }
}
