//! Points that a transaction gives and takes back (LOYALTY B1, B9, B10): what the card owes is paid first, what is missing is
//! owed.

use super::Fault;
use super::card::Card;
use super::effect::Effect;
use super::ledger::{Kind, named, points_expense, points_receivable};
use super::programme::Programme;
use super::request::Now;
use super::spend::from_lots;

/// Points to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Award {
    pub kind: Kind,
    pub points: i64,
    /// Unix second until which they cannot be spent; `None` when they can be at once.
    pub pending_until: Option<i64>,
}

/// Gives points, and books them on the card. Pending ones open or join a pending lot; of the others, what the card owes is paid
/// back first.
pub(super) fn award_points(
    card: &mut Card,
    award: Award,
    programme: &Programme,
    (index, now): (u64, Now),
) -> Result<Vec<Effect>, Fault> {
    let Award { kind, points, pending_until } = award;
    if points == 0 {
        return Ok(Vec::new());
    }
    let mut effects = vec![named(points_expense(), kind, minus(points)?)];
    if pending_until.is_some() {
        let posting = card.credit(kind.pending(), points, pending_until, index, 0);
        card.book(&posting)?;
        effects.push(Effect::Posting(posting));
        return Ok(effects);
    }
    effects.extend(credit_points(card, kind, points, programme, (index, now))?);
    Ok(effects)
}

/// Points that come to a card: its debt first, the rest opens or joins a lot.
pub(super) fn credit_points(
    card: &mut Card,
    kind: Kind,
    points: i64,
    programme: &Programme,
    (index, now): (u64, Now),
) -> Result<Vec<Effect>, Fault> {
    let repaid = points.min(card.points_debt(kind));
    let credited = points.checked_sub(repaid).ok_or(Fault::Overflow)?;
    let mut effects = Vec::new();
    if repaid > 0 {
        effects.push(named(points_receivable(), kind, repaid));
        effects.push(owe(card, kind, minus(repaid)?)?);
    }
    if credited > 0 {
        let posting = card.credit(kind, credited, programme.points_expiry(kind, now), index, 0);
        card.book(&posting)?;
        effects.push(Effect::Posting(posting));
    }
    Ok(effects)
}

/// Takes points off the card, what expires first and then the oldest first; `None` when there are not so many.
pub(super) fn take_points(
    card: &mut Card,
    kind: Kind,
    points: i64,
    now: Now,
) -> Result<Option<Vec<Effect>>, Fault> {
    let Some(lots) = from_lots(card, |held| held == kind, points, now.s()) else { return Ok(None) };
    let mut effects = Vec::new();
    for (lot, part) in lots {
        let lot = card.lot(lot).ok_or(Fault::Misfit("a lot that is not there was chosen"))?;
        let posting = card.posting(lot, minus(part)?);
        card.book(&posting)?;
        effects.push(Effect::Posting(posting));
    }
    effects.push(named(points_expense(), kind, points));
    Ok(Some(effects))
}

/// Changes what a card owes.
pub(super) fn owe(card: &mut Card, kind: Kind, change: i64) -> Result<Effect, Fault> {
    card.owe(kind, change)?;
    Ok(Effect::PointsDebt { card: card.reference, kind, change })
}

/// Takes `wanted` of a balance: of points what is pending first, then from the lot, then from the card's other lots of that
/// kind; returns what was missing.
pub(super) fn take_back(
    left: &mut Card,
    lot: u32,
    kind: Kind,
    wanted: i64,
    effects: &mut Vec<Effect>,
) -> Result<i64, Fault> {
    let kind = kind.released();
    let mut missing = wanted;
    let of_kind = left.lots.iter().filter(|held| held.kind.released() == kind);
    let mut order: Vec<(Kind, u32)> = of_kind.map(|held| (held.kind, held.id)).collect();
    order.sort_by_key(|(kind, id)| (!kind.is_pending(), *id != lot, *id));
    for (_, id) in order {
        let Some(held) = left.lot(id).cloned() else { continue };
        let part = missing.min(left.free(&held));
        if part <= 0 {
            continue;
        }
        let taken = minus(part)?;
        effects.push(Effect::Posting(left.posting(&held, taken)));
        left.post(held.id, held.expires, held.source, held.kind, taken)?;
        missing = missing.checked_sub(part).ok_or(Fault::Overflow)?;
    }
    Ok(missing)
}

/// Takes back points that a transaction has given, parts of them from a lot first (0 for none), from wherever they are on the card. Of
/// what is owed before and what is missing now, `bought` says how many points are paid for with money, and how much; the rest is owed. Returns both.
pub(super) fn take_back_or_owe(
    card: &mut Card,
    kind: Kind,
    parts: [(u32, i64); 2],
    bought: impl Fn(i64, i64) -> Option<(i64, i64)>,
    effects: &mut Vec<Effect>,
) -> Result<(i64, i64), Fault> {
    let (mut wanted, mut missing) = (0_i64, 0_i64);
    for (lot, part) in parts {
        let gone = take_back(card, lot, kind, part, effects)?;
        wanted = wanted.checked_add(part).ok_or(Fault::Overflow)?;
        missing = missing.checked_add(gone).ok_or(Fault::Overflow)?;
    }
    let (bought, withheld) = bought(card.points_debt(kind), missing).ok_or(Fault::Overflow)?;
    let less = |all: i64| all.checked_sub(bought).ok_or(Fault::Overflow);
    let (gone, owed) = (less(wanted)?, less(missing)?);
    if gone != 0 {
        effects.push(named(points_expense(), kind, gone));
    }
    if owed != 0 {
        effects.push(named(points_receivable(), kind, minus(owed)?));
        effects.push(owe(card, kind, owed)?);
    }
    Ok((bought, withheld))
}

/// For [`take_back_or_owe`]: nothing is bought.
pub(super) fn owed_all(_: i64, _: i64) -> Option<(i64, i64)> {
    Some((0, 0))
}

fn minus(amount: i64) -> Result<i64, Fault> {
    amount.checked_neg().ok_or(Fault::Overflow)
}
