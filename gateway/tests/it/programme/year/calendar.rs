//! Days as a shop in Shanghai counts them, worked out by hand: a business day begins at 04:00.

/// Seconds.
pub(super) const DAY: i64 = 86_400;
/// Shanghai is eight hours ahead, and the day begins four hours late.
const AHEAD: i64 = (8 - 4) * 3600;

/// The business day of a Unix second, counted from 1 January 1970.
pub(super) fn business_day(s: i64) -> i64 {
    (s + AHEAD).div_euclid(DAY)
}

/// The Unix second at which a business day begins.
pub(super) fn begins(day: i64) -> i64 {
    day * DAY - AHEAD
}

/// The Unix second at which it is over.
pub(super) fn ends(day: i64) -> i64 {
    begins(day + 1)
}

pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(super) fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of a date's day.
pub(super) fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let years: i64 = (1970..year).map(|year| 365 + i64::from(is_leap(year))).sum();
    years + (1..month).map(|month| days_in(year, month)).sum::<i64>() + day - 1
}

/// Year, month and day of a day's number.
pub(super) fn date(day: i64) -> (i64, i64, i64) {
    let (mut year, mut left) = (1970, day);
    while left >= 365 + i64::from(is_leap(year)) {
        left -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    while left >= days_in(year, month) {
        left -= days_in(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

/// Months since the year 0.
pub(super) fn month_of(day: i64) -> i64 {
    let (year, month, _) = date(day);
    year * 12 + month - 1
}

/// The same day of the month so many months on, or that month's last.
pub(super) fn months_later(day: i64, months: i64) -> i64 {
    let (year, month, of_month) = date(day);
    let all = year * 12 + month - 1 + months;
    let (year, month) = (all.div_euclid(12), all.rem_euclid(12) + 1);
    day_of(year, month, of_month.min(days_in(year, month)))
}

#[test]
fn days_are_counted_as_on_a_calendar() {
    assert_eq!((day_of(1970, 1, 1), day_of(2027, 3, 1)), (0, 20_878));
    assert_eq!((date(20_878), date(day_of(2028, 2, 29))), ((2027, 3, 1), (2028, 2, 29)));
    assert_eq!(date(months_later(day_of(2028, 2, 29), 12)), (2029, 2, 28));
    assert_eq!(date(months_later(day_of(2027, 12, 31), 2)), (2028, 2, 29));
    // 1 March 2027, 04:00 in Shanghai.
    let begins = begins(20_878);
    assert_eq!((begins, business_day(begins), business_day(begins - 1)), (1_803_844_800, 20_878, 20_877));
}
