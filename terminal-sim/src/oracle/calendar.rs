//! When value ends: at the end of a business day, which is at four in the morning of the next date (the default programme's
//! cutover and zone). Shanghai has been eight hours ahead of UTC, without a summer time, since long before any of this.

const DAY: i64 = 24 * 3600;
/// From midnight UTC to the cutover.
const CUTOVER: i64 = (4 - 8) * 3600;

/// The end of the business day so many calendar months after this one (YYYYMMDD); what a shorter month does not have is its
/// last day. `None` for a date that is none.
#[must_use]
pub(super) fn after_months(date: u32, months: i64) -> Option<i64> {
    let (year, month, day) = parts(date)?;
    let months = year.checked_mul(12)?.checked_add(month)?.checked_sub(1)?.checked_add(months)?;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12).checked_add(1)?);
    end_of(days_to(year, month, day.min(days_in(year, month)))?)
}

/// The end of the business day so many days after this one.
#[must_use]
pub(super) fn after_days(date: u32, days: i64) -> Option<i64> {
    let (year, month, day) = parts(date)?;
    end_of(days_to(year, month, day)?.checked_add(days)?)
}

/// The business day (YYYYMMDD) that a time belongs to; 0 for one before 1970.
#[must_use]
pub(super) fn day_of(time: i64) -> u32 {
    let mut left = time.saturating_sub(CUTOVER).div_euclid(DAY);
    if left < 0 {
        return 0;
    }
    let mut year = 1970_i64;
    while left >= days_of(year) {
        (left, year) = (left.saturating_sub(days_of(year)), year.saturating_add(1));
    }
    let mut month = 1_i64;
    while left >= days_in(year, month) {
        (left, month) = (left.saturating_sub(days_in(year, month)), month.saturating_add(1));
    }
    let date = year.saturating_mul(100).saturating_add(month).saturating_mul(100);
    u32::try_from(date.saturating_add(left).saturating_add(1)).unwrap_or(0)
}

fn parts(date: u32) -> Option<(i64, i64, i64)> {
    let date = i64::from(date);
    let (year, month, day) =
        (date.checked_div(10_000)?, date.checked_div(100)?.checked_rem(100)?, date.checked_rem(100)?);
    ((1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day)).then_some((year, month, day))
}

fn end_of(days: i64) -> Option<i64> {
    days.checked_add(1)?.checked_mul(DAY)?.checked_add(CUTOVER)
}

const fn days_of(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the first of January 1970 to this date, counted out: shops are not open long before or after.
fn days_to(year: i64, month: i64, day: i64) -> Option<i64> {
    let years = (1970..year).map(days_of).fold(0, i64::saturating_add);
    let months = (1..month).map(|month| days_in(year, month)).fold(0, i64::saturating_add);
    (year >= 1970).then(|| years.checked_add(months)?.checked_add(day)?.checked_sub(1))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_belongs_to_the_day_whose_end_is_behind_it() {
        for date in [1970_01_01, 2024_02_28, 2024_02_29, 2026_11_21, 2026_12_31, 2100_02_28] {
            let end = after_days(date, 0).unwrap();
            assert_eq!([day_of(end - DAY), day_of(end - 1)], [date; 2]);
            assert!(day_of(end) > date && day_of(end - DAY - 1) < date);
        }
        assert_eq!([day_of(1_795_291_199), day_of(1_795_291_200)], [2026_11_21, 2026_11_22]);
    }

    #[test]
    fn a_day_ends_at_four_in_the_morning_and_a_short_month_on_its_last_day() {
        // 22 November 2026, 04:00 in Shanghai, is 21 November, 20:00 UTC.
        let end = 1_795_291_200;
        assert_eq!(after_days(2026_11_21, 0), Some(end));
        assert_eq!(after_days(2026_10_22, 30), Some(end));
        assert_eq!([after_months(2026_10_21, 1), after_months(2022_11_21, 48)], [Some(end); 2]);
        assert_eq!(after_months(2027_01_31, 1), after_days(2027_02_28, 0));
        assert_eq!(after_months(2028_01_31, 1), after_days(2028_02_29, 0));
        assert_eq!(after_months(2024_02_29, 12), after_days(2025_02_28, 0));
        assert_eq!([after_months(0, 1), after_days(2026_13_01, 1), after_days(2026_02_29, 1)], [None; 3]);
    }
}
