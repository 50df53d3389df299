//! What follows from what an entry has changed of a member, or from the time: booked by itself, right behind what caused it, as an
//! item of the system's own. Whoever undoes the cause undoes this too, because it is asked again then.

use super::Fault;
use super::card::{CardReference, CardStatus};
use super::effect::Effect;
use super::expiry::expire;
use super::ledger::{Kind, named, points_expense, points_receivable};
use super::points::{Award, award_points, owe, take_back};
use super::programme::Programme;
use super::request::Now;
use super::state::State;
use super::tier_review::review;

/// What follows for a member by now; empty when nothing does. `index` is that of the entry that books it.
///
/// # Errors
/// [`Fault`] when an amount leaves its range.
pub fn follow(
    state: &State,
    programme: &Programme,
    card: CardReference,
    (index, now): (u64, Now),
) -> Result<Vec<Effect>, Fault> {
    let held = state.cards.get(&card).filter(|card| is_in_use(card.status));
    let Some((held, member)) = held.zip(state.members.get(&card)) else { return Ok(Vec::new()) };
    let Some(reviewed) = review(programme, card, member, now) else { return Ok(Vec::new()) };
    if reviewed.gift == 0 {
        return Ok(reviewed.effects);
    }
    let (mut left, mut effects) = expire(held, programme, index, now)?;
    if reviewed.gift > 0 {
        let gift = Award { kind: Kind::POINTS, points: reviewed.gift, pending_until: None };
        effects.extend(award_points(&mut left, gift, programme, (index, now))?);
    } else {
        let wanted = reviewed.gift.checked_neg().ok_or(Fault::Overflow)?;
        let missing = take_back(&mut left, 0, Kind::POINTS, wanted, &mut effects)?;
        effects.push(named(points_expense(), Kind::POINTS, wanted));
        if missing != 0 {
            let receivable = missing.checked_neg().ok_or(Fault::Overflow)?;
            effects.push(named(points_receivable(), Kind::POINTS, receivable));
            effects.push(owe(&mut left, Kind::POINTS, missing)?);
        }
    }
    effects.extend(reviewed.effects);
    Ok(effects)
}

pub(super) fn is_in_use(status: CardStatus) -> bool {
    matches!(status, CardStatus::Active | CardStatus::Blocked)
}
