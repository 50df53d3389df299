//! The close of a leaderboard (LOYALTY B14): first it is closed, from when on nothing changes what was counted; then each rank is
//! rewarded by an entry of its own; then it is done. A refund after the close takes no reward back: the ranks were told, and others
//! would have to be moved up and down for it; the refund takes back what the sale itself has given, as ever.

use super::Fault;
use super::card::CardReference;
use super::effect::Effect;
use super::expiry::expire;
use super::follow::is_in_use;
use super::points::{Award, award_points};
use super::programme::Programme;
use super::programme::leaderboard::{Leaderboard, Slot};
use super::request::Now;
use super::state::State;

/// Closes a slot, with its rewards to come; or ends it, when all are given.
#[must_use]
pub fn close(slot: &Slot, change: i64) -> Effect {
    Effect::Counter { card: None, counter: slot.0.clone(), period: slot.1, change }
}

/// Gives a member what their rank gets, once; nothing when they have it, or their card is no longer in use, or no member's.
///
/// # Errors
/// [`Fault`] when an amount leaves its range.
pub fn reward_rank(
    state: &State,
    (programme, board): (&Programme, &Leaderboard),
    slot: &Slot,
    (card, points): (CardReference, i64),
    (index, now): (u64, Now),
) -> Result<Vec<Effect>, Fault> {
    let held = state.cards.get(&card).filter(|held| is_in_use(held.status));
    let Some((held, member)) = held.zip(state.members.get(&card)) else { return Ok(Vec::new()) };
    let won = won(slot);
    if member.counters.contains_key(&won) || !programme.is_member(member) {
        return Ok(Vec::new());
    }
    let (mut left, mut effects) = expire(held, programme, index, now)?;
    let award = Award { kind: board.kind, points, pending_until: None };
    effects.extend(award_points(&mut left, award, programme, (index, now))?);
    effects.push(Effect::Counter { card: Some(card), counter: won.0, period: won.1, change: points });
    Ok(effects)
}

/// The counter of what a member was given for a slot.
fn won(slot: &Slot) -> Slot {
    let name = slot.0.strip_prefix(Leaderboard::COUNTER).unwrap_or(&slot.0);
    (format!("{}{name}", Leaderboard::WON), slot.1)
}
