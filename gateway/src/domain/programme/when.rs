//! When a rule holds: the conditions that every kind of rule may have (LOYALTY A2, B3, D5, E7). What is left out does not matter;
//! all that is said must hold.

use jiff::ToSpan as _;
use jiff::civil::{Date, Time};

use super::birthday_gift::number;
use super::{Programme, date};
use crate::domain::facts::Born;
use crate::domain::member::Member;
use crate::domain::request::Now;

/// The facts of a moment that conditions look at.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Of the card, its key in the programme.
    pub product: &'a str,
    pub member: &'a Member,
    /// The member's birthday, when it is known.
    pub birthday: Option<Born>,
    pub store: &'a str,
    /// Where the sale came from, or how the member is being won.
    pub channel: Option<&'a str>,
    /// Kinds of the tenders (PROTOCOL.md section 5).
    pub tenders: &'a [u8],
    pub now: Now,
}

/// Conditions. Empty lists ask for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    pub products: Vec<String>,
    pub tiers: Vec<String>,
    /// Segments of members; one of them is enough.
    pub segments: Vec<String>,
    pub stores: Vec<String>,
    pub channels: Vec<String>,
    pub tenders: Vec<u8>,
    /// First business date, YYYYMMDD.
    pub from: Option<u32>,
    /// Some come in before the first date.
    pub early: Option<Early>,
    /// Last business date; it counts.
    pub until: Option<u32>,
    /// 1 Monday to 7 Sunday.
    pub weekdays: Vec<u8>,
    /// Days of the month.
    pub days: Vec<u8>,
    /// Minutes after midnight, local time: from the first on, before the second; over midnight when it is the smaller one.
    pub hours: Option<(u16, u16)>,
    pub birthday: Option<Birthday>,
    /// 1 person, 2 company.
    pub customer: Option<u8>,
}

/// Early access (提前体验; LOYALTY C7): for members of these tiers it begins so many days before its first business date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Early {
    pub tiers: Vec<String>,
    pub days: u16,
}

/// How near a birthday is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Birthday {
    /// The business day; 28 February too for 29 February in a year without one.
    Day,
    Month,
}

fn names(wanted: &[String], is: Option<&str>) -> bool {
    wanted.is_empty() || is.is_some_and(|is| wanted.iter().any(|name| name == is))
}

impl When {
    /// Whether all of it holds.
    #[must_use]
    pub fn holds(&self, programme: &Programme, at: &Circumstances<'_>) -> bool {
        self.is_for(programme, at) && self.is_time(programme, at)
    }

    /// Whether it is for this card, its member and this place, whatever the time.
    #[must_use]
    pub fn is_for(&self, programme: &Programme, at: &Circumstances<'_>) -> bool {
        let standing = &at.member.standing;
        names(&self.products, Some(at.product))
            && names(&self.tiers, tier_of(programme, at))
            && names(&self.stores, Some(at.store))
            && names(&self.channels, at.channel)
            && (self.segments.is_empty()
                || self.segments.iter().any(|name| programme.is_in_segment(name, at)))
            && (self.tenders.is_empty() || at.tenders.iter().any(|tender| self.tenders.contains(tender)))
            && self.customer.is_none_or(|customer| standing.customer == customer)
    }

    /// Whether it asks nothing of the card and its member.
    #[must_use]
    pub fn is_for_anybody(&self) -> bool {
        self.products.is_empty()
            && self.tiers.is_empty()
            && self.segments.is_empty()
            && self.channels.is_empty()
            && self.tenders.is_empty()
            && self.birthday.is_none()
            && self.customer.is_none()
    }

    /// Whether it is a time and a place at which it holds for somebody.
    #[must_use]
    pub fn is_open(&self, programme: &Programme, store: &str, now: Now) -> bool {
        names(&self.stores, Some(store)) && self.is_date(programme, self.begins(true), now)
    }

    /// Whether it has not begun for this member; it may be over, or at other hours, else.
    #[must_use]
    pub fn is_to_come(&self, programme: &Programme, at: &Circumstances<'_>) -> bool {
        self.begins_for(programme, at).is_some_and(|from| at.now.business_date < from)
    }

    fn begins_for(&self, programme: &Programme, at: &Circumstances<'_>) -> Option<u32> {
        let tier = tier_of(programme, at);
        self.begins(self.early.as_ref().is_some_and(|early| names(&early.tiers, tier)))
    }

    /// Its first business date, for those who come in before the others, or for the others.
    fn begins(&self, early: bool) -> Option<u32> {
        let days = self.early.as_ref().filter(|_| early).map_or(0, |early| i64::from(early.days));
        Some(number(date(self.from?)?.checked_sub(days.days()).ok()?))
    }

    /// Whether it is time, also by the member's birthday.
    #[must_use]
    pub fn is_time(&self, programme: &Programme, at: &Circumstances<'_>) -> bool {
        let day = date(at.now.business_date);
        let near = |near| day.zip(at.birthday).is_some_and(|(day, born)| is_birthday(near, born, day));
        self.is_date(programme, self.begins_for(programme, at), at.now) && self.birthday.is_none_or(near)
    }

    fn is_date(&self, programme: &Programme, from: Option<u32>, now: Now) -> bool {
        let today = now.business_date;
        let Some(day) = date(today) else { return false };
        from.is_none_or(|from| today >= from)
            && self.until.is_none_or(|until| today <= until)
            && (self.weekdays.is_empty()
                || self.weekdays.contains(&day.weekday().to_monday_one_offset().unsigned_abs()))
            && (self.days.is_empty() || self.days.contains(&day.day().unsigned_abs()))
            && self
                .hours
                .is_none_or(|hours| programme.local_time(now).is_some_and(|time| in_hours(hours, time)))
    }
}

/// The tier of a member.
fn tier_of<'a>(programme: &'a Programme, at: &Circumstances<'a>) -> Option<&'a str> {
    let held = at.member.standing.tier.as_ref().map(|held| held.tier.as_str());
    let tier = programme.tiers.of(at.member).map(|tier| tier.key.as_str()).or(held);
    tier.filter(|_| programme.is_member(at.member))
}

fn in_hours((from, until): (u16, u16), time: Time) -> bool {
    let minute = u16::from(time.hour().unsigned_abs())
        .saturating_mul(60)
        .saturating_add(u16::from(time.minute().unsigned_abs()));
    if from <= until { (from..until).contains(&minute) } else { minute >= from || minute < until }
}

fn is_birthday(near: Birthday, born: Born, today: Date) -> bool {
    let (month, day) = born.in_year(today.in_leap_year());
    let same_month = today.month().unsigned_abs() == month;
    same_month && (near == Birthday::Month || today.day().unsigned_abs() == day)
}
