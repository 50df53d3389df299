//! What the programme gives for a load or a sale, and what is counted of the member for it (LOYALTY A2, B1, B3).

use super::Fault;
use super::card::Card;
use super::decision::{Notes, Reason};
use super::effect::Effect;
use super::facts::Facts;
use super::join::by_sale;
use super::ledger::Kind;
use super::member::Member;
use super::points::{Award, award_points};
use super::programme::cap::{Counted, capped, count_given};
use super::programme::{Cap, Circumstances, Measure};
use super::request::{Now, Request};

/// Tender kind of what a card pays.
const STORED_VALUE: u8 = 6;

/// What a rule gives, after its cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub kind: Kind,
    /// Minor units or points, above 0.
    pub amount: i64,
    /// Unix second until which points cannot be spent.
    pub pending_until: Option<i64>,
    pub reason: Reason,
    /// What its cap counts.
    pub counts: Vec<Effect>,
}

/// A card as rules see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Customer<'a> {
    pub facts: Facts<'a>,
    pub card: &'a Card,
    pub at: Circumstances<'a>,
}

/// Nobody: what a card has that is no member's.
static NOBODY: Member = Member::nobody();

impl<'a> Customer<'a> {
    /// `tenders` are kinds (PROTOCOL.md section 5).
    pub(super) fn of(
        facts: Facts<'a>,
        (card, store): (&'a Card, &'a str),
        channel: Option<&'a str>,
        tenders: &'a [u8],
        now: Now,
    ) -> Self {
        let member = facts.state.members.get(&card.reference).unwrap_or(&NOBODY);
        let birthday = facts.birthday;
        let at = Circumstances { product: &card.product, member, birthday, store, channel, tenders, now };
        Self { facts, card, at }
    }

    fn counted(&self) -> Counted<'a> {
        Counted {
            card: self.card.reference,
            member: self.at.member,
            programme: &self.facts.state.counters,
            business_date: self.at.now.business_date,
        }
    }

    /// What a rule gives that wants to give so much, within its cap; `None` when that is nothing.
    pub(super) fn given(&self, cap: &Cap, reason: Reason, pending_until: Option<i64>) -> Option<Given> {
        let (amount, cut) = capped(cap, &reason.rule, reason.result, self.counted());
        let counts = count_given(cap, &reason.rule, amount, self.counted());
        let notes = reason.notes.and(cut).and(Notes::PENDING.when(pending_until.is_some()));
        let reason = Reason { result: amount, notes, ..reason };
        (amount > 0).then_some(Given { kind: reason.kind, amount, pending_until, reason, counts })
    }

    /// The bonus for a load of `amount` minor units: the best of the rules that hold.
    pub(super) fn load_bonus(&self, amount: i64) -> Vec<Given> {
        let programme = self.facts.pricing;
        let given = programme.load_bonuses.iter().filter(|rule| rule.when.holds(programme, &self.at));
        let given = given.filter_map(|rule| {
            let (kind, result, rate) = rule.wanted(programme, amount)?;
            let reason =
                Reason { rule: rule.rule.clone(), kind, base: amount, rate, result, notes: Notes::NONE };
            self.given(&rule.cap, reason, None)
        });
        given.max_by_key(|given| given.amount).into_iter().collect()
    }

    /// How much more must be loaded to reach a better bonus, and that bonus.
    pub(super) fn next_step(&self, amount: i64) -> Option<(i64, i64)> {
        let programme = self.facts.pricing;
        let now = self.load_bonus(amount).iter().map(|given| given.amount).max().unwrap_or(0);
        let rules = programme.load_bonuses.iter().filter(|rule| rule.when.holds(programme, &self.at));
        let better =
            rules.flat_map(|rule| &rule.steps).filter(|(from, bonus)| *from > amount && *bonus > now);
        better
            .min_by_key(|(from, _)| *from)
            .and_then(|(from, bonus)| from.checked_sub(amount).map(|missing| (missing, *bonus)))
    }

    /// Points for a sale of which balances paid `paid` minor units: the best of the rules that hold.
    pub(super) fn purchase_points(&self, paid: i64) -> Vec<Given> {
        let programme = self.facts.pricing;
        let given = programme.purchase_points.iter().filter(|rule| rule.when.holds(programme, &self.at));
        let given = given.filter_map(|rule| {
            let (kind, result, rounded, rate) = rule.wanted(programme, paid)?;
            let notes = Notes::ROUNDED.when(rounded);
            let reason = Reason { rule: rule.rule.clone(), kind, base: paid, rate, result, notes };
            self.given(&rule.cap, reason, None)
        });
        given.max_by_key(|given| given.amount).into_iter().collect()
    }

    /// Counts what a transaction was, as far as the programme asks for it.
    pub(super) fn measured(&self, what: &[(Measure, i64)]) -> Vec<Effect> {
        let wanted = what.iter().filter(|(measure, _)| self.facts.pricing.measures.contains(measure));
        let date = self.at.now.business_date;
        wanted.flat_map(|(measure, change)| measure.count(self.card.reference, *change, date)).collect()
    }
}

/// Points of a sale, booked on the card, with what is counted of it; and why.
pub(super) fn reward_sale(
    facts: Facts<'_>,
    request: &Request,
    (card, store): (&Card, &str),
    paid: i64,
    now: Now,
) -> Result<(Vec<Effect>, Vec<Reason>), Fault> {
    let customer = Customer::of(facts, (card, store), request.channel.as_deref(), &[STORED_VALUE], now);
    let mut left = card.clone();
    let (mut effects, mut reasons, mut points) = (Vec::new(), Vec::new(), 0_i64);
    for given in customer.purchase_points(paid) {
        let award = Award { kind: given.kind, points: given.amount, pending_until: given.pending_until };
        effects.extend(award_points(&mut left, award, facts.pricing, (facts.index, now))?);
        effects.extend(given.counts);
        if given.kind == Kind::POINTS {
            points = points.saturating_add(given.amount);
        }
        reasons.push(given.reason);
    }
    let (joining, given) = by_sale(&customer, &mut left, paid)?;
    effects.extend(joining);
    reasons.extend(given);
    let measures = [(Measure::Spent, paid), (Measure::Purchases, 1), (Measure::PointsEarned, points)];
    effects.extend(customer.measured(&measures));
    Ok((effects, reasons))
}
