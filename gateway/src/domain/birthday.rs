//! A member's birthday gift (生日礼; LOYALTY B3, E1): an item of the system's own, once per member and year. Whose birthday it is
//! comes from the personal data; the journal has the gift alone.

use jiff::civil::Date;

use super::Fault;
use super::card::{CardReference, CardStatus};
use super::customer::Customer;
use super::decision::{Notes, Reason};
use super::effect::Effect;
use super::expiry::expire;
use super::facts::{Born, Facts};
use super::member::{Window, counted};
use super::points::{Award, award_points};
use super::programme::birthday_gift::{birthday_in, number};
use super::programme::{Programme, date};
use super::request::Now;
use super::state::State;

/// Counter of a member, in the year of the birthday: 1 once its gift was given.
pub const GIVEN: &str = "birthday";
/// Counter of the programme, for ever: the last business date (YYYYMMDD) whose birthdays have all been looked at.
pub const LOOKED_AT: &str = "birthdays";

/// The gift for a member's birthday in a year, and why; `None` when there is none by now. `store` is where it
/// is booked, `index` that of the entry that books it.
///
/// # Errors
/// [`Fault`] when an amount leaves its range.
pub fn birthday_gift(
    state: &State,
    programme: &Programme,
    (card, store): (CardReference, &str),
    (year, born): (i16, Born),
    (index, now): (u64, Now),
) -> Result<Option<(Vec<Effect>, Reason)>, Fault> {
    let held = state.cards.get(&card).filter(|card| is_in_use(card.status) && !card.is_over(now.s()));
    let Some((held, birthday)) = held.zip(birthday_in(year, born.month_and_day())).filter(|_| now.certain)
    else {
        return Ok(None);
    };
    let facts = Facts {
        state,
        programme,
        pricing: programme,
        index,
        original: None,
        entries: &[],
        quoted: None,
        birthday: Some(born),
    };
    let (mut left, mut effects) = expire(held, programme, index, now)?;
    let customer = Customer::of(facts, (held, store), None, &[], now);
    let Some(given) = given(&customer, birthday) else { return Ok(None) };
    let award = Award { kind: given.kind, points: given.amount, pending_until: None };
    effects.extend(award_points(&mut left, award, programme, (index, now))?);
    effects.extend(given.counts);
    let period = Window::Year.of(number(birthday));
    effects.push(Effect::Counter { card: Some(card), counter: GIVEN.into(), period, change: 1 });
    Ok(Some((effects, given.reason)))
}

/// What the first rule gives that has something for this member and birthday.
fn given(customer: &Customer<'_>, birthday: Date) -> Option<super::customer::Given> {
    let (programme, member) = (customer.facts.programme, customer.at.member);
    let (on, today) = (number(birthday), date(customer.at.now.business_date)?);
    let joined = programme.is_member(member) && member.standing.joined.is_none_or(|joined| on >= joined);
    if !joined || member.counted(GIVEN, Window::Year, on) > 0 {
        return None;
    }
    let mut rules = programme.birthday_gifts.iter();
    rules.find_map(|gift| {
        let holds = gift.is_time(birthday, today) && gift.when.is_for(programme, &customer.at);
        let reason = Reason {
            rule: gift.rule.clone(),
            kind: gift.kind,
            base: 0,
            rate: gift.points.to_string(),
            result: gift.points,
            notes: Notes::NONE,
            other: None,
        };
        if holds { customer.given(&gift.cap, reason, None) } else { None }
    })
}

/// The programme has looked at all birthdays up to a business date (YYYYMMDD); `None` when that was known.
#[must_use]
pub fn looked_at(state: &State, up_to: u32) -> Option<Effect> {
    let change = i64::from(up_to).saturating_sub(i64::from(last_looked_at(state)));
    (change > 0).then(|| Effect::Counter { card: None, counter: LOOKED_AT.into(), period: 0, change })
}

/// The last business date (YYYYMMDD) whose birthdays have all been looked at; 0 for none.
#[must_use]
pub fn last_looked_at(state: &State) -> u32 {
    u32::try_from(counted(&state.counters, LOOKED_AT, Window::Ever, 0)).unwrap_or(0)
}

/// Since which Unix second there have been gifts without a break, of versions in the journal's order: when each begins, and
/// whether it has gifts.
#[must_use]
pub fn gifts_since(versions: &[(i64, bool)], now_s: i64) -> Option<i64> {
    let at =
        |second: i64| versions.iter().rev().find(|(from, _)| *from <= second).filter(|(_, gifts)| *gifts);
    let mut since = at(now_s)?.0;
    while let Some((before, _)) = at(since.saturating_sub(1)) {
        since = *before;
    }
    Some(since)
}

fn is_in_use(status: CardStatus) -> bool {
    matches!(status, CardStatus::Active | CardStatus::Blocked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gifts_are_since_the_first_version_of_those_that_have_them_without_a_break() {
        let versions = [(10, true), (20, false), (30, true), (50, true), (40, true)];
        for (now, since) in
            [(9, None), (10, Some(10)), (20, None), (29, None), (30, Some(30)), (39, Some(30))]
        {
            assert_eq!(gifts_since(&versions, now), since, "{now}");
        }
        assert_eq!(gifts_since(&versions, 60), Some(30), "the version of 50 never came into force");
        assert_eq!(gifts_since(&[], 60), None);
    }
}
