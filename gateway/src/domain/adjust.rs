//! Points given or taken by two people, with a reason (积分错误发放; LOYALTY B13).

use super::State;
use super::card::{CardReference, CardStatus};
use super::effect::Effect;
use super::expiry::expire;
use super::ledger::{Kind, named, points_expense, points_receivable};
use super::points::{Award, award_points, owe, take_back};
use super::programme::Programme;
use super::refusal::{Refusal, check_reason};
use super::request::Now;

/// What is taken and is no longer there is owed; what is given pays that back first. Nothing is counted: it was no purchase.
pub(super) fn adjust(
    state: &State,
    programme: &Programme,
    card: CardReference,
    (kind, points): (Kind, i64),
    reason: &str,
    (index, now): (u64, Now),
) -> Result<Vec<Effect>, Refusal> {
    check_reason(reason)?;
    let held = state.cards.get(&card).ok_or(Refusal::NoSuchCard)?;
    if !matches!(held.status, CardStatus::Active | CardStatus::Blocked) {
        return Err(Refusal::CardState { is: held.status.name(), needs: "an active or blocked" });
    }
    if points == 0 || kind.is_money() || kind.is_pending() {
        return Err(Refusal::Points);
    }
    let out_of_range = |_| Refusal::Range;
    let (mut held, mut effects) = expire(held, programme, index, now).map_err(out_of_range)?;
    if points > 0 {
        let award = Award { kind, points, pending_until: None };
        effects.extend(award_points(&mut held, award, programme, (index, now)).map_err(out_of_range)?);
        return Ok(effects);
    }
    let wanted = points.checked_neg().ok_or(Refusal::Range)?;
    let missing = take_back(&mut held, 0, kind, wanted, &mut effects).map_err(out_of_range)?;
    effects.push(named(points_expense(), kind, wanted));
    if missing > 0 {
        effects.push(named(points_receivable(), kind, missing.checked_neg().ok_or(Refusal::Range)?));
        effects.push(owe(&mut held, kind, missing).map_err(out_of_range)?);
    }
    Ok(effects)
}
