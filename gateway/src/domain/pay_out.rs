//! A load's refund: its money is paid out again (LOYALTY A5).

use super::Fault;
use super::card::Card;
use super::decision::Decline;
use super::effect::{Account, Effect};
use super::facts::Facts;
use super::fall::Fall;
use super::ledger::{Kind, bonus_expense, clearing, named, points_payment};
use super::original::Original;
use super::points::take_back_or_owe;
use super::slice::Slice;
use super::taken_back::{Returned, bought, taken_back, withheld};
use super::terminal::Terminal;

/// A load's refund: the money goes back to its tenders, the bonus in proportion; bonus that is no longer in its lot is
/// withheld from the money. Points that it gave go in proportion; those that are gone are owed, or, where points pay, withheld
/// at their price; so is what falls with it.
pub(super) fn pay_out(
    facts: Facts<'_>,
    terminal: &Terminal,
    card: &Card,
    original: &Original,
    (slice, fall): (Slice, &Fall),
) -> Result<Result<Returned, Decline>, Fault> {
    let pay = facts.programme.points_payment(&card.product);
    let given = |kind: Kind| original.given().find(|posting| posting.kind == kind);
    let lot_of = |kind: Kind| {
        given(kind).and_then(|posting| match &posting.account {
            Account::Card { lot, .. } => card.lot(*lot),
            Account::Named(_) => None,
        })
    };
    let minus = |amount: i64| amount.checked_neg().ok_or(Fault::Overflow);
    let principal = lot_of(Kind::PRINCIPAL).filter(|lot| card.free(lot) >= slice.amount);
    let Some(principal) = principal else { return Ok(Err(Decline::LoadAlreadySpent)) };
    let mut effects = vec![Effect::Posting(card.posting(principal, minus(slice.amount)?))];
    let gave = given(Kind::BONUS).map_or(0, |posting| posting.amount);
    let bonus = slice.share_of(gave)?;
    let mut reasons = taken_back(original, Kind::BONUS, slice, (gave, bonus));
    let bonus_lot = lot_of(Kind::BONUS);
    let taken = bonus.min(bonus_lot.map_or(0, |lot| card.free(lot)));
    if let Some(lot) = bonus_lot.filter(|_| taken > 0) {
        effects.push(Effect::Posting(card.posting(lot, minus(taken)?)));
    }
    let missing = bonus.checked_sub(taken).ok_or(Fault::Overflow)?;
    reasons.extend(withheld(missing));
    let paid = slice.amount.checked_sub(missing).ok_or(Fault::Overflow)?;
    if paid <= 0 {
        return Ok(Err(Decline::LoadAlreadySpent));
    }
    if bonus > 0 {
        effects.push(named(bonus_expense(), Kind::MONEY, bonus));
    }
    let (mut left, mut paid) = (card.clone(), paid);
    let mut earned = original.points_earned();
    for of in fall.points.keys() {
        earned.entry(*of).or_default();
    }
    for ((reference, kind), (points, lot)) in earned {
        if reference != card.reference {
            continue;
        }
        let pay = pay.filter(|_| kind == Kind::POINTS);
        let buys = |_, missing: i64| pay.map_or(Some((0, 0)), |pay| pay.bought(missing, paid));
        let fallen = fall.points.get(&(reference, kind)).copied().unwrap_or(0);
        let part = slice.share_of(points)?;
        let parts = [(lot, part), (0, fallen)];
        reasons.extend(taken_back(original, kind, slice, (points, part)));
        let paid_for = take_back_or_owe(&mut left, kind, parts, buys, &mut effects)?;
        reasons.extend(pay.and_then(|pay| bought(facts.programme, pay, paid_for)));
        let price = paid_for.1;
        if price > 0 {
            effects.push(named(points_payment(), Kind::MONEY, price));
        }
        paid = paid.checked_sub(price).ok_or(Fault::Overflow)?;
    }
    if paid <= 0 {
        return Ok(Err(Decline::LoadAlreadySpent));
    }
    let tenders: Vec<(u8, i64)> = original.tenders()?;
    for (tender, part) in (Slice { amount: paid, ..slice }).of_legs(&tenders)? {
        effects.push(named(clearing(&terminal.store, tender), Kind::MONEY, part));
    }
    reasons.extend(fall.reasons.iter().cloned());
    Ok(Ok(Returned { effects, reasons, paid }))
}
