//! The close of a business day (日结). Which day an entry belongs to is its business date and nothing else; a close is one entry, from
//! which on entries are booked on a later date. Rules go on by the clock: a day that was closed early is the same day for them.

use super::effect::Effect;
use super::member::{Window, counted};
pub use super::programme::birthday_gift::day_before;
use super::programme::birthday_gift::number;
use super::programme::date;
use super::refusal::Refusal;
use super::state::State;

/// Counter of the programme, for ever: the business date (YYYYMMDD) through which all days are closed.
pub const CLOSED_THROUGH: &str = "closed-through";

/// The business date through which all days are closed; 0 in a journal that never heard of a close.
#[must_use]
pub fn closed_through(state: &State) -> u32 {
    u32::try_from(counted(&state.counters, CLOSED_THROUGH, Window::Ever, 0)).unwrap_or(0)
}

/// The business date on which an entry is booked. `today` is the day by the clock, `latest` the date of the entry before it: dates never go
/// back, so that a day's entries stand together whatever becomes of the clock or of the programme's cutover.
#[must_use]
pub fn booked_on(state: &State, today: u32, latest: u32) -> u32 {
    let open = day_after(closed_through(state)).unwrap_or(0);
    today.max(open).max(latest)
}

/// All days up to one are closed; `None` when they were.
#[must_use]
pub fn close_through(state: &State, day: u32) -> Option<Effect> {
    let change = i64::from(day).checked_sub(i64::from(closed_through(state)))?;
    (change > 0).then(|| Effect::Counter { card: None, counter: CLOSED_THROUGH.into(), period: 0, change })
}

/// Whether a day ends with an entry.
#[must_use]
pub fn closes(effects: &[Effect]) -> bool {
    let is_close = |effect: &Effect| matches!(effect, Effect::Counter { card: None, counter, .. } if counter == CLOSED_THROUGH);
    effects.iter().any(is_close)
}

/// An operator closes a day that has begun.
pub(super) fn close(state: &State, day: u32, today: u32) -> Result<Vec<Effect>, Refusal> {
    let effect = close_through(state, day).ok_or_else(|| Refusal::DayClosed(dashed(day)))?;
    if day > today || date(day).is_none() {
        return Err(Refusal::DayAhead(dashed(day)));
    }
    Ok(vec![effect])
}

/// The business date after one.
#[must_use]
pub fn day_after(day: u32) -> Option<u32> {
    date(day)?.tomorrow().ok().map(number)
}

/// `2026-11-21` of 20261121.
#[must_use]
pub fn dashed(day: u32) -> String {
    format!("{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(days: &[u32]) -> State {
        let mut state = State::default();
        for day in days {
            state.apply(&close_through(&state, *day).expect("later")).expect("fits");
        }
        state
    }

    #[test]
    fn an_entry_is_booked_on_the_day_of_the_clock_or_the_first_open_one() {
        let state = closed(&[20_261_230]);
        for (today, latest, booked) in [
            (20_261_230, 0, 20_261_231),
            (20_261_231, 0, 20_261_231),
            (20_270_101, 0, 20_270_101),
            (20_261_230, 20_270_101, 20_270_101),
        ] {
            assert_eq!(booked_on(&state, today, latest), booked, "{today} {latest}");
        }
        assert_eq!(booked_on(&State::default(), 20_261_230, 0), 20_261_230);
        assert_eq!(booked_on(&closed(&[20_280_228]), 20_280_228, 0), 20_280_229);
    }

    #[test]
    fn a_day_closes_once_and_not_before_it_has_begun() {
        let state = closed(&[20_261_229]);
        for (day, is_closed) in [
            (20_261_228, Err(Refusal::DayClosed("2026-12-28".into()))),
            (20_261_229, Err(Refusal::DayClosed("2026-12-29".into()))),
            (20_261_230, Ok(1)),
            (20_261_231, Ok(2)),
            (20_270_101, Err(Refusal::DayAhead("2027-01-01".into()))),
        ] {
            let closes = close(&state, day, 20_261_231).map(|effects| match effects.as_slice() {
                [Effect::Counter { card: None, change, .. }] => *change,
                other => panic!("{other:?}"),
            });
            assert_eq!(closes, is_closed, "{day}");
        }
        assert!(close(&state, 20_261_299, 20_270_131).is_err());
    }
}
