//! A load's refund: its money is paid out again (LOYALTY A5).

use super::Fault;
use super::card::Card;
use super::decision::Decline;
use super::effect::{Account, Effect};
use super::fall::Fall;
use super::ledger::{Kind, bonus_expense, clearing, named, points_payment};
use super::original::Original;
use super::points::take_back_or_owe;
use super::programme::PointsPayment;
use super::slice::Slice;
use super::terminal::Terminal;

/// A load's refund: the money goes back to its tenders, the bonus in proportion; bonus that is no longer in its lot is
/// withheld from the money. Points that it gave go in proportion; those that are gone are owed, or, where points `pay`, withheld
/// at their price; so is what falls with it. Returns what the customer gets.
pub(super) fn pay_out(
    terminal: &Terminal,
    card: &Card,
    original: &Original,
    (slice, fall): (Slice, &Fall),
    pay: Option<&PointsPayment>,
) -> Result<Result<(Vec<Effect>, i64), Decline>, Fault> {
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
    let bonus = slice.share_of(given(Kind::BONUS).map_or(0, |posting| posting.amount))?;
    let bonus_lot = lot_of(Kind::BONUS);
    let taken = bonus.min(bonus_lot.map_or(0, |lot| card.free(lot)));
    if let Some(lot) = bonus_lot.filter(|_| taken > 0) {
        effects.push(Effect::Posting(card.posting(lot, minus(taken)?)));
    }
    let withheld = bonus.checked_sub(taken).ok_or(Fault::Overflow)?;
    let paid = slice.amount.checked_sub(withheld).ok_or(Fault::Overflow)?;
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
        let bought = |_, missing: i64| pay.map_or(Some((0, 0)), |pay| pay.bought(missing, paid));
        let fallen = fall.points.get(&(reference, kind)).copied().unwrap_or(0);
        let parts = [(lot, slice.share_of(points)?), (0, fallen)];
        let price = take_back_or_owe(&mut left, kind, parts, bought, &mut effects)?;
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
    Ok(Ok((effects, paid)))
}
