//! What a transaction was counted as, and no longer is: of what is undone all, of what is refunded its share (LOYALTY B10).

use super::Fault;
use super::award::places_free_again;
use super::card::CardReference;
use super::earning::CARRY;
use super::effect::Effect;
use super::join::{came_back, left_again};
use super::original::Original;
use super::programme::leaderboard::is_closed;
use super::slice::Slice;
use super::state::State;

/// The counters that an original changed, without it, or without a refund's slice of it, rounded down over all refunds so far: by
/// what balances paid, where points paid a part; and the joining that went with them. A month that is no longer kept stays forgotten, a leaderboard
/// that is closed stays as it is.
pub(super) fn count_back(
    state: &State,
    original: &Original,
    slice: Option<Slice>,
) -> Result<Vec<Effect>, Fault> {
    let slice = slice.map(|slice| by_balances(original, slice)).transpose()?;
    let mut effects = Vec::new();
    for effect in &original.effects {
        let Effect::Counter { card, counter, period, change } = effect else { continue };
        let part = match slice {
            None => *change,
            Some(slice) if counter.starts_with(CARRY) => carried_back(original, *card, *change, slice)?,
            Some(slice) => slice.rounded_down(*change)?.amount,
        };
        let key = (counter.clone(), *period);
        if is_closed(&state.counters, &key) {
            continue;
        }
        let held = match card {
            Some(card) => state.members.get(card).and_then(|member| member.counters.get(&key)),
            None => state.counters.get(&key),
        };
        let held = held.copied().unwrap_or(0);
        let part = if *period == 0 || part < 0 { part } else { part.min(held.max(0)) };
        if part != 0 {
            let change = part.checked_neg().ok_or(Fault::Overflow)?;
            effects.push(Effect::Counter { card: *card, counter: counter.clone(), period: *period, change });
        }
    }
    let mut effects = places_free_again(state, effects);
    effects.extend(left_again(state, &effects));
    effects.extend(came_back(state, original, &effects));
    Ok(effects)
}

/// A refund gives back what balances paid first; what points paid was never counted. Of a sale that points paid whole, the slice
/// as it is.
fn by_balances(original: &Original, slice: Slice) -> Result<Slice, Fault> {
    let paid = original.refundable().checked_sub(original.points_worth()).ok_or(Fault::Overflow)?;
    if paid > 0 { Ok(slice.split(paid)?.0) } else { Ok(slice) }
}

/// A sale that is carried on counts what was paid, and without it what points were given for. A refund takes of the first its
/// share, rounded up, and gives back of the second what the points were for that it takes: so that points and remainder always
/// come to what is still paid.
fn carried_back(
    original: &Original,
    card: Option<CardReference>,
    change: i64,
    slice: Slice,
) -> Result<i64, Fault> {
    if change > 0 {
        return slice.share_of(change);
    }
    let earned = original.points_earned();
    let of_card = earned.iter().filter(|((of, _), _)| Some(*of) == card);
    let points = of_card.fold(0_i64, |sum, (_, (points, _))| sum.saturating_add(*points));
    if points == 0 {
        return Ok(slice.rounded_down(change)?.amount);
    }
    let before = Slice { before: 0, amount: slice.before, ..slice }.share_of(points)?;
    let taken = Slice { before, amount: slice.share_of(points)?, whole: points };
    let given_for = change.checked_neg().ok_or(Fault::Overflow)?;
    taken.rounded_down(given_for)?.amount.checked_neg().ok_or(Fault::Overflow)
}
