//! Points that pay a part of a purchase: whether they may, what they are worth, and from which lots they come (LOYALTY B6).

use super::Fault;
use super::card::Card;
use super::decision::{Decline, Notes, Reason};
use super::effect::Effect;
use super::facts::Facts;
use super::ledger::{Kind, named, points_payment};
use super::points::take_points;
use super::request::Now;

/// Points that pay, and the minor units that they pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tendered {
    rule: String,
    rate: String,
    points: i64,
    pub worth: i64,
}

/// Whether points pay for cards of this product at all.
pub(super) fn accepted(facts: Facts<'_>, product: &str) -> Result<(), Decline> {
    let programmes = [facts.programme, facts.pricing];
    let rules = programmes.map(|programme| programme.points_payment(product));
    if rules.iter().all(Option::is_some) { Ok(()) } else { Err(Decline::PointsNotAccepted) }
}

/// What so many points pay of `amount` minor units: as they are priced, as far as it is allowed now.
pub(super) fn tendered(
    facts: Facts<'_>,
    product: &str,
    amount: i64,
    points: i64,
) -> Result<Tendered, Decline> {
    let rule = facts.programme.points_payment(product).ok_or(Decline::PointsNotAccepted)?;
    let price = facts.pricing.points_payment(product).ok_or(Decline::PointsNotAccepted)?;
    let in_steps = points.checked_rem(rule.step) == Some(0);
    let worth = price.worth(points).filter(|worth| *worth > 0 && rule.most_of(amount) >= Some(*worth));
    match worth {
        Some(worth) if in_steps && points >= rule.minimum => {
            Ok(Tendered { rule: price.rule.clone(), rate: price.rate(facts.pricing), points, worth })
        }
        _ => Err(Decline::PointsNotAllowed),
    }
}

impl Tendered {
    /// Takes the points off the card, what expires first and then the oldest first; `None` when there are not so many.
    pub(super) fn take(&self, card: &mut Card, now: Now) -> Result<Option<Vec<Effect>>, Fault> {
        let Some(mut effects) = take_points(card, Kind::POINTS, self.points, now)? else { return Ok(None) };
        let out = self.worth.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(named(points_payment(), Kind::MONEY, out));
        Ok(Some(effects))
    }

    /// Why: the rule, what the points paid, and that they are gone.
    pub(super) fn reason(&self) -> Reason {
        let result = self.points.saturating_neg();
        Reason {
            rule: self.rule.clone(),
            kind: Kind::POINTS,
            base: self.worth,
            rate: self.rate.clone(),
            result,
            notes: Notes::NONE,
            other: None,
        }
    }
}
