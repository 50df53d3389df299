//! What the journal does not say of an entry, and so is tried: whose birthday it was, and whether the clock was believed.

use std::collections::BTreeSet;

use crate::domain::{Born, Programme};

/// What the journal does not say: no birthday, one on that day, on another day of that month, or in another month, at each age that a
/// rule tells from others; a clock that was believed, or not.
pub(super) fn possible(business_date: u32, programmes: &[&Programme]) -> Vec<(Option<Born>, bool)> {
    let part = |number: u32| u8::try_from(number % 100).unwrap_or(0);
    let (month, day) = (part(business_date / 100), part(business_date));
    let other = if day == 1 { 2 } else { 1 };
    let mut born = vec![None];
    let near = |year| [(month, day), (month, other)].map(|(month, day)| Some(Born { year, month, day }));
    born.extend(near(0));
    let this = u16::try_from(business_date / 10_000).unwrap_or(0);
    for age in programmes.iter().flat_map(|programme| ages(programme)).collect::<BTreeSet<u16>>() {
        let year = this.saturating_sub(age);
        // A birthday that comes later in this year makes whoever is as old a year older by their birth year.
        let before = if other > day { year.saturating_sub(1) } else { year };
        let far = Born {
            year: if month == 1 { year.saturating_sub(1) } else { year },
            month: if month == 1 { 2 } else { 1 },
            day: 1,
        };
        let of_month = [Born { year, month, day }, Born { year: before, month, day: other }];
        born.extend(of_month.into_iter().chain([far]).map(Some));
    }
    born.into_iter().flat_map(|born| [(born, true), (born, false)]).collect()
}

/// Ages that a programme tells from others.
fn ages(programme: &Programme) -> BTreeSet<u16> {
    let ages = programme.segments.iter().filter_map(|segment| segment.age);
    ages.flat_map(|(from, below)| [Some(0), Some(from), below]).flatten().collect()
}

/// A birthday of a year at each age that a programme tells from others, by the day and the day before it.
pub(super) fn at_each_age((month, day): (u8, u8), year: i16, programme: &Programme) -> Vec<Born> {
    let year = u16::try_from(year).unwrap_or(0);
    let born = ages(programme).into_iter().map(|age| year.saturating_sub(age));
    let years = born.flat_map(|year| [year, year.saturating_sub(1)]);
    std::iter::once(0).chain(years).map(|year| Born { year, month, day }).collect()
}
