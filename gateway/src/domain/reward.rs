//! What the programme gives for a load or a sale, and what is counted of the member for it (LOYALTY A2, B1, B3).

use super::Fault;
use super::card::Card;
use super::decision::{Notes, Reason};
use super::effect::Effect;
use super::facts::Facts;
use super::join::by_sale;
use super::ledger::Kind;
use super::member::{Member, Window, counted};
use super::points::{Award, award_points};
use super::programme::cap::{Counted, capped, count_given};
use super::programme::goods::{Goods, Sale};
use super::programme::load_bonus::Wanted;
use super::programme::purchase_points::Stage;
use super::programme::{Cap, Circumstances, LoadBonus, Measure, PurchasePoints};
use super::request::{Now, Request};

/// Tender kind of what a card pays.
pub(super) const STORED_VALUE: u8 = 6;

/// What a rule gives, after its cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub kind: Kind,
    /// Minor units or points; 0 when something is only carried to the next sale.
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

    pub(super) fn counted(&self) -> Counted<'a> {
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

    /// What a load of `amount` minor units brings.
    pub(super) fn load_bonus(&self, amount: i64) -> Vec<Given> {
        let programme = self.facts.pricing;
        let given = self.load_rules().filter_map(|rule| {
            let wanted = rule.wanted(programme, amount)?;
            Some((rule.exclusive, self.given(&rule.cap, reason(&rule.rule, rule.kind, wanted), None)?))
        });
        let chosen = programme
            .load_stacking
            .choose(given.collect(), |(exclusive, given)| (*exclusive, given.kind, given.amount));
        chosen.into_iter().map(|(_, given)| given).collect()
    }

    fn load_rules(&self) -> impl Iterator<Item = &'a LoadBonus> {
        let (programme, at) = (self.facts.pricing, self.at);
        let loads = Measure::Loads.over(at.member, None, at.now.business_date);
        let rules = programme.load_bonuses.iter().filter(move |rule| !rule.first_load || loads == 0);
        rules.filter(move |rule| rule.when.holds(programme, &at))
    }

    /// How much more must be loaded to get more, and what is given then: bonus money, or points where that is all.
    pub(super) fn next_step(&self, amount: i64) -> Option<(i64, i64)> {
        let most = self.facts.pricing.products.get(&self.card.product).map_or(0, |product| product.max_load);
        let brings = |amount: i64| {
            let given = self.load_bonus(amount);
            let sum = |money: bool| {
                let of = given.iter().filter(|given| given.kind.is_money() == money);
                of.fold(0_i64, |sum, given| sum.saturating_add(given.amount))
            };
            (sum(true), sum(false))
        };
        let mut thresholds: Vec<i64> =
            self.load_rules().flat_map(|rule| rule.thresholds_above(amount)).collect();
        thresholds.retain(|threshold| *threshold <= most);
        thresholds.sort_unstable();
        let now = brings(amount);
        thresholds.into_iter().find_map(|threshold| {
            let then = brings(threshold);
            let bonus = if then.0 > now.0 { then.0 } else { then.1 };
            (then.0 > now.0 || then.1 > now.1).then_some((threshold.checked_sub(amount)?, bonus))
        })
    }

    /// Points for a sale, before multipliers.
    pub(super) fn purchase_points(&self, sale: Sale<'_>) -> Vec<Given> {
        let programme = self.facts.pricing;
        let rules = programme.purchase_points.iter().filter(|rule| rule.when.holds(programme, &self.at));
        let given = rules.filter_map(|rule| Some((rule.exclusive, self.points_by(rule, sale)?)));
        let chosen = programme
            .points_stacking
            .choose(given.collect(), |(exclusive, given)| (*exclusive, given.kind, given.amount));
        chosen.into_iter().map(|(_, given)| given).collect()
    }

    fn points_by(&self, rule: &PurchasePoints, sale: Sale<'_>) -> Option<Given> {
        let programme = self.facts.pricing;
        let counter = carry(&rule.rule);
        let carried = counted(&self.at.member.counters, &counter, Window::Ever, 0);
        let reached = |by, base| self.reached(rule.kind, by, base);
        let turn = self.turn(rule, reached(rule.by, sale.paid_for(&rule.goods)));
        if matches!(turn, Some(Effect::Counter { change: ..=0, .. })) {
            return None;
        }
        let wanted = rule.wanted(programme, sale, reached, carried)?;
        let change = wanted.carried;
        let pending = rule.pending.and_then(|pending| programme.pending_until(pending, self.at));
        let reason = reason(&rule.rule, rule.kind, wanted);
        let mut given = match self.given(&rule.cap, reason.clone(), pending) {
            Some(given) => given,
            None if change.is_none() => return None,
            None => Given { kind: rule.kind, amount: 0, pending_until: None, reason, counts: Vec::new() },
        };
        given.counts.extend(turn.filter(|_| given.amount > 0));
        for change in change.into_iter().flatten().filter(|change| *change != 0) {
            let (card, counter) = (Some(self.card.reference), counter.clone());
            given.counts.push(Effect::Counter { card, counter, period: 0, change });
        }
        Some(given)
    }

    /// Of every Nth purchase: which of them are rewarded with this one. One that has been stays so, whatever is refunded in front
    /// of it: the next purchase would be that one again.
    fn turn(&self, rule: &PurchasePoints, reached: i64) -> Option<Effect> {
        if !rule.every || rule.by != Stage::Purchases {
            return None;
        }
        let from = rule.steps.iter().rev().find(|step| step.from <= reached)?.from;
        let (card, counter) = (Some(self.card.reference), format!("turn:{}/{from}", rule.rule));
        let rewarded = self.at.member.counted(&counter, Window::Ever, 0);
        let change = reached.checked_div(from)?.saturating_sub(rewarded);
        Some(Effect::Counter { card, counter, period: 0, change })
    }

    /// How far a member is on a stage, with a sale whose base is `base`.
    fn reached(&self, kind: Kind, by: Stage, base: i64) -> i64 {
        let so_far = |measure: Measure| measure.over(self.at.member, None, self.at.now.business_date);
        match by {
            Stage::Amount => base,
            Stage::PointsHeld => self.card.available(kind, self.at.now.s()),
            Stage::PointsEarned => so_far(Measure::PointsEarned),
            Stage::Purchases => so_far(Measure::Purchases).saturating_add(1),
        }
    }

    /// Counts what a transaction was, as far as the programme asks for it.
    pub(super) fn measured(&self, what: &[(Measure, i64)]) -> Vec<Effect> {
        let wanted = what.iter().filter(|(measure, _)| self.facts.pricing.measures.contains(measure));
        let date = self.at.now.business_date;
        wanted.flat_map(|(measure, change)| measure.count(self.card.reference, *change, date)).collect()
    }
}

/// The counter of what a rule has left over for the next sale.
pub(super) fn carry(rule: &str) -> String {
    format!("{CARRY}{rule}")
}

/// With it the names of those counters begin.
pub(super) const CARRY: &str = "carry:";

fn reason(rule: &str, kind: Kind, wanted: Wanted) -> Reason {
    let Wanted { base, result, rounded, rate, .. } = wanted;
    Reason { rule: rule.to_owned(), kind, base, rate, result, notes: Notes::ROUNDED.when(rounded) }
}

/// Points of a sale, booked on the card, with what is counted of it; and why. Of what was `due`, balances paid `paid` (minor
/// units).
pub(super) fn reward_sale(
    facts: Facts<'_>,
    request: &Request,
    (card, store): (&Card, &str),
    (due, paid): (i64, i64),
    now: Now,
) -> Result<(Vec<Effect>, Vec<Reason>), Fault> {
    let customer = Customer::of(facts, (card, store), request.channel.as_deref(), &[STORED_VALUE], now);
    let sale = Sale { sold: &request.sold, due, paid };
    let mut left = card.clone();
    let (mut effects, mut reasons) = (Vec::new(), Vec::new());
    let mut given = customer.purchase_points(sale);
    given.extend(customer.multiplied(&given, sale)?);
    let points = ordinary(&given);
    for given in given {
        let award = Award { kind: given.kind, points: given.amount, pending_until: given.pending_until };
        effects.extend(award_points(&mut left, award, facts.pricing, (facts.index, now))?);
        effects.extend(given.counts);
        reasons.extend((given.amount > 0).then_some(given.reason));
    }
    let goods = |measure: &Measure| match measure {
        Measure::SpentOnCategory(name) => Some(Goods { categories: vec![name.clone()], ..Goods::default() }),
        Measure::SpentOnBrand(name) => Some(Goods { brands: vec![name.clone()], ..Goods::default() }),
        _ => None,
    };
    let by_goods = facts
        .pricing
        .measures
        .iter()
        .filter_map(|measure| goods(measure).map(|goods| (measure.clone(), sale.paid_for(&goods))));
    let (joining, given) = by_sale(&customer, &mut left, paid)?;
    effects.extend(joining);
    reasons.extend(given);
    let measures = [(Measure::Spent, paid), (Measure::Purchases, 1), (Measure::PointsEarned, points)];
    let measures: Vec<(Measure, i64)> = measures.into_iter().chain(by_goods).collect();
    effects.extend(customer.measured(&measures));
    Ok((effects, reasons))
}

/// Ordinary points among what was given.
pub(super) fn ordinary(given: &[Given]) -> i64 {
    let points = given.iter().filter(|given| given.kind == Kind::POINTS);
    points.fold(0, |sum: i64, given| sum.saturating_add(given.amount))
}
