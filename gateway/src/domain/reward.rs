//! What the programme gives for a sale, booked, and what is counted of the member for it (LOYALTY B1, B3).

use super::Fault;
use super::card::Card;
use super::customer::{Customer, Given};
use super::decision::Reason;
use super::effect::Effect;
use super::facts::Facts;
use super::join::by_sale;
use super::ledger::Kind;
use super::points::{Award, award_points};
use super::programme::Measure;
use super::programme::goods::{Goods, Sale};
use super::recency::bought;
use super::request::{Now, Request};

/// Tender kind of what a card pays.
pub(super) const STORED_VALUE: u8 = 6;

/// Points of a sale, booked on the card, with what is counted of it; and why. Of what was `due`, balances paid `paid` (minor
/// units).
pub(super) fn reward_sale(
    facts: Facts<'_>,
    request: &Request,
    (card, store): (&Card, &str),
    (due, paid): (i64, i64),
    now: Now,
) -> Result<(Vec<Effect>, Vec<Reason>), Fault> {
    // Points are for whoever buys, not for the company that pays (LOYALTY A7).
    if facts.pricing.is_account(&card.product) {
        return Ok((Vec::new(), Vec::new()));
    }
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
    let units = sale.units_of(&Goods::default());
    let measures = [
        (Measure::Spent, paid),
        (Measure::Purchases, 1),
        (Measure::Units, units),
        (Measure::PointsEarned, points),
    ];
    let measures: Vec<(Measure, i64)> = measures.into_iter().chain(by_goods).collect();
    effects.extend(customer.measured(&measures));
    if facts.pricing.recency {
        effects.extend(bought(customer.at.member, card.reference, now.business_date));
    }
    // Last: what comes by a joining stands at the end of its entry.
    let (joining, given) = by_sale(&customer, &mut left, paid)?;
    effects.extend(joining);
    reasons.extend(given);
    Ok((effects, reasons))
}

/// Ordinary points among what was given.
pub(super) fn ordinary(given: &[Given]) -> i64 {
    let points = given.iter().filter(|given| given.kind == Kind::POINTS);
    points.fold(0, |sum: i64, given| sum.saturating_add(given.amount))
}
