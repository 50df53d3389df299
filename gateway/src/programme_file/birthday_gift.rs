//! Birthday gifts, as they are written and checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use super::when::{RawCap, RawWhen};
use crate::domain::programme::{BirthdayGift, Product, Segment, When};

/// So many days before the birthday at most.
const DAYS_BEFORE: u16 = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBirthdayGift {
    pub rule: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    #[serde(default)]
    pub most: RawCap,
    pub points: Spanned<i64>,
    pub of: Option<Spanned<String>>,
    pub days_before: Option<Spanned<u16>>,
}

impl Checker<'_> {
    pub(super) fn birthday_gifts(
        &mut self,
        all: Vec<RawBirthdayGift>,
        segments: &[Segment],
        known: &BTreeMap<String, Product>,
    ) -> Vec<BirthdayGift> {
        all.into_iter().map(|raw| self.birthday_gift(raw, segments, known)).collect()
    }

    fn birthday_gift(
        &mut self,
        raw: RawBirthdayGift,
        segments: &[Segment],
        known: &BTreeMap<String, Product>,
    ) -> BirthdayGift {
        self.no_visit(&raw, segments);
        if let Some(days) = raw.days_before.as_ref().filter(|days| *days.get_ref() > DAYS_BEFORE) {
            self.problem(days, format!("write 0 to {DAYS_BEFORE} days before the birthday"));
        }
        let kind = self.point_kind(raw.of);
        let products = self.products(raw.products, known);
        BirthdayGift {
            rule: self.rule(raw.rule),
            when: self.when(raw.when, products),
            kind,
            points: self.within(&raw.points, 1, "points"),
            days_before: raw.days_before.map_or(0, Spanned::into_inner),
            cap: self.cap(raw.most, kind),
        }
    }

    /// Nobody is at a till when a gift is given, and it has its own day.
    fn no_visit(&mut self, raw: &RawBirthdayGift, segments: &[Segment]) {
        let RawWhen { stores, channels, tenders, weekdays, days, hours, birthday, .. } = &raw.when;
        let of_a_visit = "nobody is at a till when a birthday gift is given; take this condition away";
        let texts = stores.iter().chain(channels).chain(tenders).chain(hours);
        texts.for_each(|condition| self.problem(condition, of_a_visit));
        let of_a_day =
            "a birthday gift has its day: the birthday, or days_before it; take this condition away";
        weekdays.iter().chain(birthday).for_each(|condition| self.problem(condition, of_a_day));
        days.iter().for_each(|condition| self.problem(condition, of_a_day));
        for name in raw.when.segments.iter().filter(|name| asks_of_a_visit(name.get_ref(), segments)) {
            let says = "this segment asks for a store, channel, tender or hour; nobody is at a till when a birthday gift is given";
            self.problem(name, says);
        }
    }
}

/// Whether a segment, or one that it asks for, is about how somebody buys.
fn asks_of_a_visit(name: &str, segments: &[Segment]) -> bool {
    // A segment may ask for those before it alone: this ends.
    let before = segments.iter().position(|segment| segment.name == name);
    let Some((segment, before)) = before.and_then(|at| Some((segments.get(at)?, segments.get(..at)?))) else {
        return false;
    };
    let When { stores, channels, tenders, hours, .. } = &segment.when;
    !(stores.is_empty() && channels.is_empty() && tenders.is_empty() && hours.is_none())
        || segment.when.segments.iter().any(|name| asks_of_a_visit(name, before))
}
