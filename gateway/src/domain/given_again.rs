//! Undoing a refund brings back what it took of rewards, and the room that they had under what a rule gives at most: unless somebody
//! has been given it since (LOYALTY A2, B4, B10).

use super::effect::Effect;
use super::facts::Facts;
use super::member::{Counters, Member, Window};
use super::programme::cap::bound;
use super::{Fault, earning, join};

/// Whether more would have been given than may be, with these counters changed.
pub(super) fn given_again(facts: Facts<'_>, counted: &[Effect]) -> Result<bool, Fault> {
    let nobody = Member::nobody();
    for effect in counted {
        let Effect::Counter { card, counter, period, change: 1.. } = effect else { continue };
        let member = card.and_then(|card| facts.state.members.get(&card)).unwrap_or(&nobody);
        let after = match card {
            Some(card) => member.after(*card, counted)?.counters,
            None => all_after(&facts.state.counters, counted)?,
        };
        let count = after.get(&(counter.clone(), *period)).copied().unwrap_or(0);
        let most = match card {
            Some(_) => join::at_most(counter).or_else(|| earning::turns(counter, &after)),
            None => None,
        };
        let window = Window::named_by(*period);
        let most = most.into_iter().chain(bound(facts.programme, counter, card.is_some(), window)).min();
        if most.is_some_and(|most| count > most) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is counted of all together, afterwards.
fn all_after(counters: &Counters, counted: &[Effect]) -> Result<Counters, Fault> {
    let mut all = Member { counters: counters.clone(), ..Member::nobody() };
    for effect in counted {
        if let Effect::Counter { card: None, counter, period, change } = effect {
            all.count(counter, *period, *change)?;
        }
    }
    Ok(all.counters)
}
