//! A member's report (成长报告; LOYALTY C8): what was gathered, how far the next tiers are, which route is the nearest, what comes.

use serde::Serialize;

use super::{Books, Flow};
use crate::domain::card::CardStatus;
use crate::domain::member::Member;
use crate::domain::{Card, CardReference, Kind, expire};

/// The columns are those of PROGRAMME.md, *The reports*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberReport {
    pub period: String,
    /// Business date (YYYYMMDD).
    pub as_of: u32,
    pub complete: bool,
    pub card: String,
    pub joined: Option<u32>,
    pub tier: Option<TierNow>,
    pub purchases: Transactions,
    pub loads: Transactions,
    pub principal_minor: i64,
    pub bonus_minor: i64,
    pub points: Vec<Points>,
    pub progress: Vec<Route>,
    /// Of `progress`, the one of which least is missing.
    pub nearest: Option<Route>,
    pub coming: Vec<Coming>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TierNow {
    pub tier: String,
    pub name: String,
    pub since: Option<u32>,
    /// Unix second.
    pub until: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transactions {
    pub count: i64,
    pub amount_minor: i64,
    pub back_minor: i64,
}

/// A currency's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Points {
    pub kind: u8,
    pub name: String,
    pub gathered: i64,
    pub given_back: i64,
    pub spent: i64,
    pub taken_back: i64,
    pub expired: i64,
    /// At the end: what can be spent, what cannot yet, what is owed.
    pub held: i64,
    pub pending: i64,
    pub owed: i64,
}

/// A way to a tier above the member's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    pub tier: String,
    /// Counted from 0.
    pub route: usize,
    /// Hundredths of a percent, rounded up, of the measure of which most is missing; 0 when the way is done.
    pub missing_share: i64,
    pub measures: Vec<Measured>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measured {
    pub measure: String,
    /// Calendar months that it looks back; `None` for ever.
    pub months: Option<u16>,
    pub so_far: i64,
    pub needed: i64,
    pub missing: i64,
}

/// Something that expires or is released.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Coming {
    /// Unix second from which on it is so.
    pub at: i64,
    pub kind: u8,
    pub what: &'static str,
    pub amount: i64,
}

impl Books {
    /// The cards of members, rising.
    #[must_use]
    pub fn members(&self) -> Vec<CardReference> {
        let in_use = |card: &&Card| matches!(card.status, CardStatus::Active | CardStatus::Blocked);
        let cards = self.state.cards.values().filter(in_use);
        let cards = cards.filter(|card| self.programme.is_member(self.member(card.reference)));
        let mut cards: Vec<CardReference> = cards.map(|card| card.reference).collect();
        cards.sort_unstable_by_key(|card| card.0);
        cards
    }

    pub(super) fn member(&self, card: CardReference) -> &Member {
        static NOBODY: Member = Member::nobody();
        self.state.members.get(&card).unwrap_or(&NOBODY)
    }

    pub(super) fn flow(&self, card: CardReference) -> Option<&Flow> {
        self.flows.get(&card.0)
    }

    /// The report of a card's member; of a card whose place another one has taken, that one's. `None` for a card that is unknown.
    #[must_use]
    pub fn of_member(&self, card: CardReference) -> Option<MemberReport> {
        let mut card = self.state.cards.get(&card)?;
        while let Some(successor) = card.successor {
            card = self.state.cards.get(&successor.card)?;
        }
        let member = self.member(card.reference);
        let mut flow = self.flow(card.reference).cloned().unwrap_or_default();
        let card = &self.ended(card, &mut flow)?;
        let transactions = |of: super::Turnover| Transactions {
            count: of.count,
            amount_minor: of.amount,
            back_minor: of.back,
        };
        let progress = self.progress(member);
        let nearest = progress.iter().min_by_key(|route| route.missing_share).cloned();
        let now_s = self.end.s();
        let held = self.programme.tiers.held(member);
        let tier = self.programme.tiers.of(member);
        Some(MemberReport {
            period: self.period.name.clone(),
            as_of: self.end.business_date,
            complete: self.complete,
            card: card.reference.0.to_string(),
            joined: member.standing.joined,
            tier: tier.map(|tier| {
                let held = held.as_ref().filter(|held| held.tier == tier.key);
                let (since, until) = (held.map(|held| held.since), held.and_then(|held| held.until));
                TierNow { tier: tier.key.clone(), name: tier.name.clone(), since, until }
            }),
            purchases: transactions(flow.purchases),
            loads: transactions(flow.loads),
            principal_minor: card.available(Kind::PRINCIPAL, now_s),
            bonus_minor: card.available(Kind::BONUS, now_s),
            points: self.points(card, &flow),
            progress,
            nearest,
            coming: self.coming(card),
        })
    }

    /// The card with what had ended by then, booked or not.
    fn ended(&self, card: &Card, flow: &mut Flow) -> Option<Card> {
        let (left, _) = expire(card, &self.programme, u64::MAX, self.end).ok()?;
        for lot in card.lots.iter().filter(|lot| lot.is_expired(self.end.s())) {
            if !lot.kind.is_money() && !lot.kind.is_pending() {
                let own = flow.points.entry(lot.kind.0).or_default();
                own.expired = own.expired.checked_add(card.free(lot))?;
            }
        }
        Some(left)
    }

    fn points(&self, card: &Card, flow: &Flow) -> Vec<Points> {
        let now_s = self.end.s();
        let mut all: Vec<Points> = Vec::new();
        for currency in self.programme.currencies.values() {
            let kind = currency.kind;
            let flow = flow.points.get(&kind.0).copied().unwrap_or_default();
            all.push(Points {
                kind: kind.0,
                name: currency.name.clone(),
                gathered: flow.gathered,
                given_back: flow.given_back,
                spent: flow.spent,
                taken_back: flow.taken_back,
                expired: flow.expired,
                held: card.available(kind, now_s),
                pending: card.available(kind.pending(), now_s),
                owed: card.points_debt(kind),
            });
        }
        all.sort_by_key(|points| points.kind);
        all
    }

    /// How far each way to each tier above the member's is.
    fn progress(&self, member: &Member) -> Vec<Route> {
        let tiers = &self.programme.tiers;
        let own = tiers.of(member).and_then(|tier| tiers.rank(&tier.key));
        let mut routes: Vec<Route> = Vec::new();
        for stood in tiers.stood(member, self.end.business_date) {
            if tiers.rank(&stood.tier) <= own {
                continue;
            }
            let missing = stood.needed.saturating_sub(stood.so_far).max(0);
            let measured = Measured {
                measure: stood.measure,
                months: stood.months,
                so_far: stood.so_far,
                needed: stood.needed,
                missing,
            };
            let share = share(missing, stood.needed);
            match routes.last_mut().filter(|last| (&last.tier, last.route) == (&stood.tier, stood.route)) {
                Some(route) => {
                    route.missing_share = route.missing_share.max(share);
                    route.measures.push(measured);
                }
                None => routes.push(Route {
                    tier: stood.tier,
                    route: stood.route,
                    missing_share: share,
                    measures: vec![measured],
                }),
            }
        }
        routes
    }

    /// What expires or is released after the end, those of one kind and time together.
    fn coming(&self, card: &Card) -> Vec<Coming> {
        let mut all: Vec<Coming> = Vec::new();
        for lot in card.lots.iter().filter(|lot| !lot.is_expired(self.end.s())) {
            let (Some(at), amount) = (lot.expires, card.free(lot)) else { continue };
            let what = if lot.kind.is_pending() { "is released" } else { "expires" };
            match all.iter_mut().find(|coming| (coming.at, coming.kind) == (at, lot.kind.0)) {
                Some(coming) => coming.amount = coming.amount.saturating_add(amount),
                None => all.push(Coming { at, kind: lot.kind.0, what, amount }),
            }
        }
        all.retain(|coming| coming.amount > 0);
        all.sort();
        all
    }
}

/// What is missing of what is needed, in hundredths of a percent, rounded up.
fn share(missing: i64, needed: i64) -> i64 {
    let (missing, needed) = (i128::from(missing), i128::from(needed.max(1)));
    let up = missing.saturating_mul(10_000).saturating_add(needed.saturating_sub(1));
    i64::try_from(up.checked_div(needed).unwrap_or(0)).unwrap_or(i64::MAX)
}
