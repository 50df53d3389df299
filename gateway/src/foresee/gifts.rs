//! Birthday gifts that will be given, day by day, as the gateway will look at them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::{Foreseen, What};
use crate::domain::birthday::{birthday_gift, gifts_since, last_looked_at};
use crate::domain::follow::follow;
use crate::domain::programme::birthday_gift::{births_on, number};
use crate::domain::{CardReference, Fault, Now, Programme, State};
use crate::members::Birth;
use crate::programme_file;

/// The gifts from the time of the journal's last entry (Unix milliseconds) to a second. They are given to `state`, so that a cap holds
/// for all of them together.
pub(super) fn foreseen(
    state: &mut State,
    programme: &Programme,
    births: &[Birth],
    (written_ms, until_s): (i64, i64),
) -> Result<Vec<Foreseen>, Fault> {
    let mut all = Vec::new();
    let has_gifts = |document: &str| {
        programme_file::parse(document).is_ok_and(|programme| !programme.birthday_gifts.is_empty())
    };
    let versions: Vec<(i64, bool)> =
        state.programmes.iter().map(|held| (held.effective_from, has_gifts(&held.document))).collect();
    let Some(since_s) = gifts_since(&versions, until_s) else { return Ok(all) };
    let since = programme.business_date(since_s.saturating_mul(1000))?;
    // From now on, or from the day on that brings the gifts.
    let now = programme.business_date(written_ms)?.max(since);
    let until = programme.business_date(until_s.saturating_mul(1000))?;
    let Some(due) = programme.birthdays_due(last_looked_at(state), since, now) else { return Ok(all) };
    let mut by_birthday: BTreeMap<(u8, u8), Vec<&Birth>> = BTreeMap::new();
    births.iter().for_each(|birth| by_birthday.entry(birth.born.month_and_day()).or_default().push(birth));
    let leads: BTreeSet<u16> = programme.birthday_gifts.iter().map(|gift| gift.days_before).collect();
    let (mut birthday, last) = (*due.start(), *due.end());
    let mut today = crate::domain::programme::date(now);
    let mut wanted: Vec<Date> = Vec::new();
    while birthday <= last {
        wanted.push(birthday);
        let Ok(next) = birthday.tomorrow() else { break };
        birthday = next;
    }
    while let Some(day) = today.filter(|day| number(*day) <= until) {
        let Some(at) = programme.beginning(day) else { break };
        for birthday in &wanted {
            for birth in births_on(*birthday).iter().filter_map(|born| by_birthday.get(born)).flatten() {
                all.extend(one(state, programme, birth, *birthday, at)?);
            }
        }
        today = day.tomorrow().ok();
        let after = |lead: &u16| today?.checked_add(i64::from(*lead).days()).ok();
        wanted = leads.iter().filter_map(after).collect();
    }
    Ok(all)
}

/// The gift of whoever has a birthday on a day.
fn one(
    state: &mut State,
    programme: &Programme,
    birth: &Birth,
    birthday: Date,
    now: Now,
) -> Result<Option<Foreseen>, Fault> {
    let kept = programme.business_date(birth.kept_at)?;
    let Some(card) = holder(state, birth).filter(|_| kept <= number(birthday)) else { return Ok(None) };
    for effect in follow(state, programme, card, (0, now))? {
        state.apply(&effect)?;
    }
    let about = (birthday.year(), birth.born);
    let Some((effects, reason)) = birthday_gift(state, programme, (card, ""), about, (0, now))? else {
        return Ok(None);
    };
    for effect in effects {
        state.apply(&effect)?;
    }
    Ok(Some(Foreseen { card, at: now.s(), what: What::BirthdayGift(reason.kind, reason.result) }))
}

/// The card that a registered one has become, if its holder is still that of the registration.
fn holder(state: &State, birth: &Birth) -> Option<CardReference> {
    let mut held = state.cards.get(&birth.card)?;
    while let Some(successor) = held.successor {
        held = state.cards.get(&successor.card)?;
    }
    (held.holder == Some(birth.commitment)).then_some(held.reference)
}
