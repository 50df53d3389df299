//! The shop's days, counted by hand: UTC+8 without summer time, the day changes at 04:00.

use super::world::GRACE_DAYS;

const DAY: i64 = 86_400;
const EAST: i64 = 8 * 3600;
const CUTOVER: i64 = 4 * 3600;

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of a day since 1970, counted up year by year and month by month.
fn date(mut days: i64) -> (i64, i64, i64) {
    let (mut year, mut month) = (1970, 1);
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        month += 1;
    }
    (year, month, days + 1)
}

fn day(year: i64, month: i64, day: i64) -> i64 {
    let years: i64 = (1970..year).map(|year| 365 + i64::from(is_leap(year))).sum();
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    years + months + day - 1
}

/// The second at which a business day ends.
fn end_of(day: i64) -> i64 {
    (day + 1) * DAY + CUTOVER - EAST
}

fn months_on(now: i64, months: i64) -> i64 {
    let (year, month, of_month) = date((now + EAST - CUTOVER) / DAY);
    let (year, month) = (year + (month - 1 + months) / 12, (month - 1 + months) % 12 + 1);
    end_of(day(year, month, of_month.min(days_in(year, month))))
}

pub(super) fn bonus_end(now: i64) -> i64 {
    months_on(now, 1)
}

pub(super) fn points_end(now: i64) -> i64 {
    months_on(now, 2)
}

pub(super) fn principal_end(now: i64) -> i64 {
    months_on(now, 3)
}

/// The end of the last grace day, in business days.
pub(super) fn grace_end(now: i64, card: usize) -> i64 {
    end_of((now + EAST - CUTOVER) / DAY + GRACE_DAYS[card])
}
