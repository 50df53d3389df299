//! Entitlements that were promised, and what was delivered of them (权益兑现; LOYALTY C7).

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Books, Period};
use crate::domain::member::{Member, Window};
use crate::domain::programme::{Circumstances, Entitlement, Uses};
use crate::domain::{Card, CardReference};

/// An entitlement, for the members of one tier at the end of the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntitlementReport {
    pub entitlement: String,
    pub name: String,
    /// Empty for members without one.
    pub tier: String,
    /// Who had it.
    pub members: i64,
    /// Of them, who used it in the period. This and the others are `None` where uses are not counted.
    pub users: Option<i64>,
    /// Uses in the period: what was used and what is left.
    pub promised: Option<i64>,
    pub used: Option<i64>,
    /// Uses that could still have been had.
    pub left: Option<i64>,
}

impl Books {
    /// Every entitlement of the programme, tier by tier.
    #[must_use]
    pub fn entitlements(&self) -> Vec<EntitlementReport> {
        let members = self.members();
        let mut all = Vec::new();
        for entitlement in &self.programme.entitlements {
            let mut tiers: BTreeMap<(usize, String), EntitlementReport> = BTreeMap::new();
            for card in members.iter().filter_map(|card| self.state.cards.get(card)) {
                self.count(entitlement, card, &mut tiers);
            }
            all.extend(tiers.into_values());
        }
        all
    }

    fn count(
        &self,
        entitlement: &Entitlement,
        card: &Card,
        tiers: &mut BTreeMap<(usize, String), EntitlementReport>,
    ) {
        let member = self.member(card.reference);
        let Some(uses) = self.had(entitlement, card, member) else { return };
        let tier = self.programme.tiers.of(member);
        let rank = tier.and_then(|tier| self.programme.tiers.rank(&tier.key));
        let key = tier.map(|tier| tier.key.clone()).unwrap_or_default();
        let row = tiers.entry((rank.map_or(0, |rank| rank.saturating_add(1)), key.clone()));
        let row = row.or_insert_with(|| EntitlementReport {
            entitlement: entitlement.entitlement.clone(),
            name: entitlement.name.clone(),
            tier: key,
            members: 0,
            users: None,
            promised: None,
            used: None,
            left: None,
        });
        let used = self.used(card.reference, entitlement);
        row.members = row.members.saturating_add(1);
        if let Some(left) = self.left(entitlement, uses, member, used) {
            let more = |sum: Option<i64>, by: i64| Some(sum.unwrap_or(0).saturating_add(by));
            row.users = more(row.users, i64::from(used > 0));
            row.used = more(row.used, used);
            row.left = more(row.left, left);
            row.promised = more(row.promised, left.saturating_add(used));
        }
    }

    fn used(&self, card: CardReference, entitlement: &Entitlement) -> i64 {
        let uses = self.flow(card).and_then(|flow| flow.uses.get(&entitlement.entitlement));
        uses.copied().unwrap_or(0)
    }

    /// How often this member may use it, if at all, wherever it can be used.
    fn had<'a>(&self, entitlement: &'a Entitlement, card: &Card, member: &Member) -> Option<&'a Uses> {
        let when = &entitlement.when;
        let at = Circumstances {
            product: &card.product,
            member,
            birthday: None,
            store: when.stores.first().map_or("", String::as_str),
            channel: when.channels.first().map(String::as_str),
            tenders: &when.tenders,
            now: self.end,
        };
        let (first, last) = self.period.dates();
        let in_time =
            when.from.is_none_or(|from| from <= last) && when.until.is_none_or(|until| until >= first);
        if in_time && when.is_for(&self.programme, &at) {
            entitlement.of(&self.programme, member)
        } else {
            None
        }
    }

    /// Uses that were left at the end: of a bound for shorter times, what all of the period allows; of one for a longer time, what
    /// is left of that.
    fn left(&self, entitlement: &Entitlement, uses: &Uses, member: &Member, used: i64) -> Option<i64> {
        let left = uses.most.iter().map(|(window, most)| match self.period.times(*window) {
            Some(times) => most.saturating_mul(times).saturating_sub(used),
            None => {
                let all = member.counted(&entitlement.counter(), *window, self.end.business_date);
                most.saturating_sub(all)
            }
        });
        left.min().map(|left| left.max(0))
    }
}

impl Period {
    fn dates(&self) -> (u32, u32) {
        use crate::domain::programme::birthday_gift::number;
        (number(self.first), number(self.last))
    }

    /// How often a window is in the period; `None` for one that is longer.
    fn times(&self, window: Window) -> Option<i64> {
        let year = self.name.len() == 4;
        match window {
            Window::Day => Some(self.days()),
            Window::Month => Some(if year { 12 } else { 1 }),
            Window::Year if year => Some(1),
            Window::Year | Window::Ever => None,
        }
    }
}
