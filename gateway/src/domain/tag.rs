//! Tags (标签; LOYALTY E7): what an operator says of a member, for segments to ask for.

use super::State;
use super::card::{CardReference, CardStatus};
use super::effect::Effect;
use super::member::{Member, Window};
use super::refusal::Refusal;

/// Most tags of a member.
const MOST: usize = 64;
/// With it the names of their counters begin.
const TAG: &str = "tag:";

/// Gives a card's member tags, and takes some away.
pub(super) fn tag(
    state: &State,
    card: CardReference,
    add: &[String],
    remove: &[String],
) -> Result<Vec<Effect>, Refusal> {
    let held = state.cards.get(&card).ok_or(Refusal::NoSuchCard)?;
    if !matches!(held.status, CardStatus::Active | CardStatus::Blocked) {
        return Err(Refusal::CardState { is: held.status.name(), needs: "an active or blocked" });
    }
    let named = add.iter().chain(remove);
    if add.iter().any(|name| remove.contains(name)) || !named.into_iter().all(|name| is_tag(name)) {
        return Err(Refusal::Name {
            what: "a tag",
            rule: "1 to 32 bytes, and given or taken away, not both",
        });
    }
    let nobody = Member::nobody();
    let member = state.members.get(&card).unwrap_or(&nobody);
    let mut effects: Vec<Effect> = Vec::new();
    for (names, given) in [(add, 1), (remove, 0)] {
        for name in names {
            let counter = format!("{TAG}{name}");
            let change = i64::from(given).saturating_sub(member.counted(&counter, Window::Ever, 0));
            let known = (given == 1) == has(member, name);
            let again =
                |effect: &Effect| matches!(effect, Effect::Counter { counter: is, .. } if *is == counter);
            if !known && !effects.iter().any(again) {
                effects.push(Effect::Counter { card: Some(card), counter, period: 0, change });
            }
        }
    }
    if effects.is_empty() {
        return Err(Refusal::NothingToTag);
    }
    if tags(member).count().saturating_add(add.len()) > MOST {
        return Err(Refusal::Tags);
    }
    Ok(effects)
}

/// Whether a member has it.
#[must_use]
pub(super) fn has(member: &Member, name: &str) -> bool {
    member.counted(&format!("{TAG}{name}"), Window::Ever, 0) > 0
}

/// What a member is tagged with.
pub fn tags(member: &Member) -> impl Iterator<Item = &str> {
    let own = member.counters.range((TAG.to_owned(), 0)..);
    own.map_while(|((name, _), held)| Some((name.strip_prefix(TAG)?, *held)))
        .filter(|(_, held)| *held > 0)
        .map(|(name, _)| name)
}

/// 1 to 32 bytes of text that is no sign by itself.
#[must_use]
pub fn is_tag(name: &str) -> bool {
    (1..=32).contains(&name.len()) && !name.contains(char::is_control) && !name.starts_with(['+', '-'])
}
