//! Benefits of a tier (权益; LOYALTY C7): parking, lounge, check-up so often in a month or year; or a flag that a cashier sees.

use super::Programme;
use super::when::When;
use crate::domain::member::{Member, Window};

/// Something that members are entitled to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// What a `UseEntitlement` asks for.
    pub entitlement: String,
    pub name: String,
    /// The first that names the member's tier holds.
    pub uses: Vec<Uses>,
    pub when: When,
}

/// How often members of some tiers may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uses {
    /// Empty for every member.
    pub tiers: Vec<String>,
    /// Uses in each of these; none when they are not counted.
    pub most: Vec<(Window, i64)>,
}

impl Entitlement {
    /// The name of its counter.
    #[must_use]
    pub fn counter(&self) -> String {
        format!("used:{}", self.entitlement)
    }

    /// How often this member may use it, if at all.
    #[must_use]
    pub fn of(&self, programme: &Programme, member: &Member) -> Option<&Uses> {
        let tier = programme.tiers.of(member);
        let named = |uses: &&Uses| tier.is_some_and(|tier| uses.tiers.contains(&tier.key));
        self.uses.iter().find(|uses| uses.tiers.is_empty() || named(uses))
    }

    /// The windows that its uses are counted in: all that any tier asks for, so that a change of tier forgets none.
    #[must_use]
    pub fn windows(&self) -> Vec<Window> {
        let mut windows: Vec<Window> =
            self.uses.iter().flat_map(|uses| uses.most.iter().map(|(window, _)| *window)).collect();
        windows.sort_unstable();
        windows.dedup();
        windows
    }

    /// Uses that are left to this member; `None` when they are not counted.
    #[must_use]
    pub fn left(&self, uses: &Uses, member: &Member, business_date: u32) -> Option<i64> {
        let left = uses.most.iter().map(|(window, most)| {
            let used = member.counted(&self.counter(), *window, business_date);
            most.saturating_sub(used).max(0)
        });
        left.min()
    }
}
