//! Segments of members, and what is counted for them, checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use super::when::RawWhen;
use crate::domain::Kind;
use crate::domain::programme::segment::{Bound, LastPurchase};
use crate::domain::programme::{Measure, Product, Segment};
use crate::domain::tag::is_tag;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSegment {
    pub segment: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    #[serde(default)]
    pub joined_by: Vec<String>,
    #[serde(default)]
    pub tags: Vec<Spanned<String>>,
    pub age: Option<Spanned<RawAge>>,
    pub last_purchase: Option<Spanned<RawLastPurchase>>,
    #[serde(default)]
    pub measures: Vec<RawBound>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBound {
    pub measure: Spanned<String>,
    pub months: Option<Spanned<u16>>,
    pub from: Option<Spanned<toml::Value>>,
    pub below: Option<Spanned<toml::Value>>,
}

/// Whole years, at least and less than.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAge {
    pub from: Option<u16>,
    pub below: Option<u16>,
}

/// Business days since the last purchase.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLastPurchase {
    pub within_days: Option<u16>,
    pub over_days: Option<u16>,
}

const MEASURES: [(&str, Measure); 7] = [
    ("spent", Measure::Spent),
    ("points-earned", Measure::PointsEarned),
    ("purchases", Measure::Purchases),
    ("loaded", Measure::Loaded),
    ("loads", Measure::Loads),
    ("activities", Measure::Activities),
    ("referrals", Measure::Referrals),
];

impl Checker<'_> {
    /// Segments may ask for those before them.
    pub(super) fn segments(
        &mut self,
        raw: Vec<RawSegment>,
        known: &BTreeMap<String, Product>,
    ) -> Vec<Segment> {
        let mut all = Vec::new();
        for raw in raw {
            let products = self.products(raw.products, known);
            let when = self.when(raw.when, products);
            let measures = raw.measures.into_iter().map(|raw| self.bound(raw)).collect();
            let name = self.rule(raw.segment.clone());
            if self.known_segments.contains(&name) {
                self.problem(&raw.segment, "another segment has this name");
            }
            self.known_segments.push(name.clone());
            let tags = raw.tags.iter().map(|name| self.tag(name)).collect();
            let age = raw.age.map(|raw| self.age(&raw));
            let last_purchase = raw.last_purchase.map(|raw| self.last_purchase(&raw));
            all.push(Segment { name, when, joined_by: raw.joined_by, tags, age, last_purchase, measures });
        }
        all
    }

    fn tag(&mut self, name: &Spanned<String>) -> String {
        if !is_tag(name.get_ref()) {
            self.problem(name, "a tag has 1 to 32 bytes and begins with no + or -");
        }
        name.get_ref().clone()
    }

    /// The year is with the personal data: it is asked for, and never written.
    fn age(&mut self, raw: &Spanned<RawAge>) -> (u16, Option<u16>) {
        self.birthdays = true;
        let RawAge { from, below } = raw.get_ref();
        let least = from.unwrap_or(0);
        let empty = from.is_none() && below.is_none() || below.is_some_and(|below| below <= least);
        if empty || least.max(below.unwrap_or(0)) > 150 {
            self.problem(raw, "write whole years, such as { from = 18, below = 30 }");
        }
        (least, *below)
    }

    fn last_purchase(&mut self, raw: &Spanned<RawLastPurchase>) -> LastPurchase {
        self.recency = true;
        let RawLastPurchase { within_days: within, over_days: over } = *raw.get_ref();
        let never = within.zip(over).is_some_and(|(within, over)| over >= within);
        let both = || within.into_iter().chain(over);
        if both().count() == 0 || never || both().any(|days| days > 3660) {
            self.problem(raw, "write { within_days = 30 }, or { over_days = 90 }, or both, up to 3660 days");
        }
        LastPurchase { within, over }
    }

    fn bound(&mut self, raw: RawBound) -> Bound {
        let measure = self.measure(&raw.measure);
        let money = matches!(
            measure,
            Measure::Spent
                | Measure::Loaded
                | Measure::SpentOnCategory(_)
                | Measure::SpentOnBrand(_)
                | Measure::Value(_)
        );
        if let Some(months) = raw.months.as_ref().filter(|_| matches!(measure, Measure::Value(_))) {
            self.problem(months, "a value looks back as [member_value] says; take months away");
        }
        let kind = if money { Kind::MONEY } else { Kind::POINTS };
        let (from, below) =
            (raw.from.map(|value| self.given(&value, kind)), raw.below.map(|value| self.given(&value, kind)));
        if from.is_none() && below.is_none() {
            self.problem(&raw.measure, "write from or below: how much of it");
        }
        Bound { measure, months: self.months(raw.months), from, below }
    }

    /// What is counted of members, such as "spent" or "spent:category:tea"; from now on it is counted.
    pub(super) fn measure(&mut self, word: &Spanned<String>) -> Measure {
        let text = word.get_ref();
        if text == "value" {
            return self.value_of(word).unwrap_or(Measure::Spent);
        }
        let of = |prefix: &str| text.strip_prefix(prefix).filter(|name| (1..=16).contains(&name.len()));
        let goods = of("spent:category:").map(|name| Measure::SpentOnCategory(name.into()));
        let goods = goods.or_else(|| of("spent:brand:").map(|name| Measure::SpentOnBrand(name.into())));
        let named = MEASURES.iter().find(|(name, _)| name == text).map(|(_, measure)| measure.clone());
        let measure = goods.or(named).unwrap_or_else(|| {
            let names = MEASURES.each_ref().map(|(name, _)| format!("{name:?}")).join(", ");
            self.problem(
                word,
                format!("write one of {names}, \"value\", \"spent:category:NAME\", \"spent:brand:NAME\""),
            );
            Measure::Spent
        });
        self.counts(measure.clone());
        measure
    }

    /// A rule needs this measure.
    pub(super) fn counts(&mut self, measure: Measure) {
        if !self.measures.contains(&measure) && !matches!(measure, Measure::Value(_)) {
            self.measures.push(measure);
        }
    }
}
