//! A list of awards that two people have looked at (LOYALTY B5): all of it in one entry, or nothing.

use super::State;
use super::act::MAX_CARDS_PER_ACT;
use super::award::award;
use super::card::CardReference;
use super::decision::Decline;
use super::effect::Effect;
use super::facts::{Facts, usable};
use super::member::{Window, counted};
use super::programme::Programme;
use super::refusal::Refusal;
use super::request::Now;

/// Awards of one activity: cards, each once, and quantities. `file` is what the list is known by; it comes in once.
pub(super) fn award_batch(
    state: &State,
    programme: &Programme,
    (file, activity): (&[u8; 32], &str),
    awards: &[(CardReference, i64)],
    store: &str,
    (index, now): (u64, Now),
) -> Result<Vec<Effect>, Refusal> {
    let name: String = file.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let counter = format!("batch:{name}");
    if counted(&state.counters, &counter, Window::Ever, 0) > 0 {
        return Err(Refusal::BatchKnown);
    }
    let most = usize::try_from(MAX_CARDS_PER_ACT).unwrap_or(usize::MAX);
    if awards.is_empty() || awards.len() > most {
        return Err(Refusal::CardCount);
    }
    let mut work = State { counters: state.counters.clone(), ..State::default() };
    for (card, _) in awards {
        let again = work.cards.insert(*card, state.cards.get(card).ok_or(Refusal::NoSuchCard)?.clone());
        if again.is_some() {
            return Err(Refusal::BatchLine(card.0, "is in it twice"));
        }
        work.members.insert(*card, state.members.get(card).cloned().unwrap_or_default());
    }
    let mut effects = vec![Effect::Counter { card: None, counter, period: 0, change: 1 }];
    for (card, quantity) in awards {
        let wrong = |decline| Refusal::BatchLine(card.0, words(decline));
        let facts = Facts {
            state: &work,
            programme,
            pricing: programme,
            index,
            original: None,
            entries: &[],
            quoted: None,
            birthday: None,
        };
        let held = work.cards.get(card).ok_or(Refusal::NoSuchCard)?;
        usable(held, now).map_err(wrong)?;
        let given =
            award(facts, held, (store, None), (activity, *quantity), now).map_err(|_| Refusal::Range)?;
        let (more, _) = given.map_err(wrong)?;
        more.iter().try_for_each(|effect| work.apply(effect)).map_err(|_| Refusal::Range)?;
        effects.extend(more);
    }
    Ok(effects)
}

fn words(decline: Decline) -> &'static str {
    match decline {
        Decline::NotOffered => "is not invited, or there is no such activity",
        Decline::NotNow => "is not at its time",
        Decline::NotYet => "is too early",
        Decline::Exhausted => "has had all that there is",
        _ => "is not in use",
    }
}
