//! Activities (活动积分; LOYALTY B5): what taking part is worth: an event, a survey, a check-in, a share.

use super::Cap;
use super::when::When;
use crate::domain::ledger::Kind;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// What an Award names it by (key 48).
    pub code: String,
    pub rule: String,
    pub when: When,
    pub kind: Kind,
    /// May be 0: taking part is counted only.
    pub points: i64,
    /// They are given for each unit of the quantity, not once.
    pub per_unit: bool,
    /// How many members may take part; `None` for all.
    pub members: Option<i64>,
    /// Code of an activity that a member must have taken part in before: to enrol (报名) is one.
    pub needs: Option<String>,
    pub cap: Cap,
}

impl Activity {
    /// Points for a quantity, before the cap; `None` outside the range.
    #[must_use]
    pub fn wanted(&self, quantity: i64) -> Option<i64> {
        if self.per_unit { self.points.checked_mul(quantity) } else { Some(self.points) }
    }
}
