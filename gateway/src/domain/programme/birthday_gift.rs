//! Birthday gifts (生日礼; LOYALTY B3, E1): points that a member finds on the card for the birthday, without coming to a till.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::{Span, ToSpan as _};

use super::when::When;
use super::{Cap, Programme, date};
use crate::domain::ledger::Kind;
use crate::domain::request::Now;

/// How many days ago a birthday that nobody looked at may be, because the gateway was down or its clock in doubt: one of each member.
pub const MADE_UP_FOR_DAYS: u16 = 366;

/// A gift. The first in the file that holds is given, once per member and year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BirthdayGift {
    pub rule: String,
    /// For whom; its first and last day are about the birthday.
    pub when: When,
    pub kind: Kind,
    pub points: i64,
    /// It is given so many days before the birthday.
    pub days_before: u16,
    pub cap: Cap,
}

impl BirthdayGift {
    /// Whether it may be given by `today` for a birthday that is on this business date.
    #[must_use]
    pub fn is_time(&self, birthday: Date, today: Date) -> bool {
        let on = number(birthday);
        let first = birthday.checked_sub(days(self.days_before));
        self.when.from.is_none_or(|from| on >= from)
            && self.when.until.is_none_or(|until| on <= until)
            && first.is_ok_and(|first| today >= first)
    }
}

impl Programme {
    /// The birthdays, by business date, for which gifts may be given by `today`: from the first that nobody has looked at yet
    /// (`looked_at` is the last that somebody has, 0 for none), but not from before there were gifts, nor from too long ago.
    #[must_use]
    pub fn birthdays_due(
        &self,
        looked_at: u32,
        gifts_since: u32,
        today: u32,
    ) -> Option<RangeInclusive<Date>> {
        let lead = self.birthday_gifts.iter().map(|gift| gift.days_before).max()?;
        let today = date(today)?;
        let next = date(looked_at).and_then(|last| last.tomorrow().ok());
        let oldest = today.checked_sub(days(MADE_UP_FOR_DAYS)).ok()?;
        let first = [Some(oldest), date(gifts_since), next].into_iter().flatten().max()?;
        Some(first..=today.checked_add(days(lead)).ok()?)
    }
}

impl Programme {
    /// The time at which a business day begins.
    #[must_use]
    pub fn beginning(&self, day: Date) -> Option<Now> {
        let second = self.end_of(day.yesterday().ok()?)?;
        Some(Now { ms: second.checked_mul(1000)?, business_date: number(day), certain: true })
    }
}

/// The day in a year of a birthday (month and day): that of 29 February is the 28th where there is none.
#[must_use]
pub fn birthday_in(year: i16, (month, day): (u8, u8)) -> Option<Date> {
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let there = Date::new(year, month, day).ok();
    there.or_else(|| if (month, day) == (2, 29) { Date::new(year, 2, 28).ok() } else { None })
}

/// The birthdays (month and day) that are on a day.
#[must_use]
pub fn births_on(day: Date) -> Vec<(u8, u8)> {
    let own = (day.month().unsigned_abs(), day.day().unsigned_abs());
    let leap_day = own == (2, 28) && !day.in_leap_year();
    if leap_day { vec![own, (2, 29)] } else { vec![own] }
}

/// A date as YYYYMMDD.
#[must_use]
pub fn number(day: Date) -> u32 {
    let part = |number: i8| u32::from(number.unsigned_abs());
    u32::from(day.year().unsigned_abs())
        .saturating_mul(10_000)
        .saturating_add(part(day.month()).saturating_mul(100))
        .saturating_add(part(day.day()))
}

fn days(count: u16) -> Span {
    i64::from(count).days()
}

/// The business date before one, both YYYYMMDD.
#[must_use]
pub fn day_before(business_date: u32) -> Option<u32> {
    date(business_date)?.yesterday().ok().map(number)
}
