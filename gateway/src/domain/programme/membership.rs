//! Membership (会员制; LOYALTY E1): how a card becomes a member's, and what a new member is given.

use super::when::When;
use super::{Cap, Programme, applies};
use crate::domain::ledger::Kind;
use crate::domain::member::Member;

/// Without one every active card counts as a member's, and there is nothing to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Products whose cards may join; empty for all.
    pub products: Vec<String>,
    /// Minor units that balances must have paid since the Join: 0 for any purchase, `None` when the Join is enough.
    pub spend: Option<i64>,
    /// What a new member is given (入会有礼).
    pub gift: Option<Gift>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gift {
    pub rule: String,
    pub when: When,
    pub kind: Kind,
    pub points: i64,
    pub cap: Cap,
}

impl Membership {
    #[must_use]
    pub fn takes(&self, product: &str) -> bool {
        applies(&self.products, product)
    }
}

impl Programme {
    /// Whether a card is a member's.
    #[must_use]
    pub fn is_member(&self, member: &Member) -> bool {
        self.membership.is_none() || member.standing.joined.is_some()
    }
}
