//! What a transaction was counted as, and no longer is: of what is undone all, of what is refunded its share (LOYALTY B10).

use super::Fault;
use super::effect::Effect;
use super::join::left_again;
use super::original::Original;
use super::slice::Slice;
use super::state::State;

/// The counters that an original changed, without it, or without a refund's slice of it, rounded down over all refunds so far, and
/// the joining that went with them. A month that is no longer kept stays forgotten.
pub(super) fn count_back(
    state: &State,
    original: &Original,
    slice: Option<Slice>,
) -> Result<Vec<Effect>, Fault> {
    let mut effects = Vec::new();
    for effect in &original.effects {
        let Effect::Counter { card, counter, period, change } = effect else { continue };
        let part = slice.map_or(Ok(*change), |slice| slice.rounded_down(*change).map(|part| part.amount))?;
        let key = (counter.clone(), *period);
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
    effects.extend(left_again(state, &effects));
    Ok(effects)
}
