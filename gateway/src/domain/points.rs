//! Points that a transaction gives (LOYALTY B1, B10).

use super::Fault;
use super::card::Card;
use super::effect::Effect;
use super::facts::Facts;
use super::ledger::{Kind, named, points_expense, points_receivable};
use super::request::Now;

/// Gives points: what the card owes is paid back first, the rest opens or joins a lot.
pub(super) fn award_points(
    facts: Facts<'_>,
    card: &Card,
    points: i64,
    now: Now,
    opened: u32,
) -> Result<Vec<Effect>, Fault> {
    if points == 0 {
        return Ok(Vec::new());
    }
    let repaid = points.min(card.points_debt);
    let credited = points.checked_sub(repaid).ok_or(Fault::Overflow)?;
    let minus = |amount: i64| amount.checked_neg().ok_or(Fault::Overflow);
    let mut effects = vec![named(points_expense(), Kind::POINTS, minus(points)?)];
    if repaid > 0 {
        effects.push(named(points_receivable(), Kind::POINTS, repaid));
        effects.push(Effect::PointsDebt { card: card.reference, change: minus(repaid)? });
    }
    if credited > 0 {
        let expires = facts.pricing.points_expiry(now);
        let posting = card.credit(Kind::POINTS, credited, expires, facts.index, opened);
        effects.push(Effect::Posting(posting));
    }
    Ok(effects)
}
