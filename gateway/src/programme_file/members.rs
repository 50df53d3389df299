//! Point currencies and segments of members, checked.

use std::collections::BTreeMap;

use toml::Spanned;

use super::Checker;
use super::raw::{RawBound, RawCurrency, RawExpiry, RawSegment};
use crate::domain::Kind;
use crate::domain::programme::currency::ORDINARY;
use crate::domain::programme::segment::Bound;
use crate::domain::programme::{Ends, Expiry, Measure, PointCurrency, Product, Segment};

/// With what is pending of each, they and the money fit an answer's balances.
const CURRENCIES: usize = 6;
const ENDS: [(&str, Ends); 3] = [("day", Ends::Day), ("month", Ends::Month), ("year", Ends::Year)];
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
    pub(super) fn currencies(
        &mut self,
        raw: BTreeMap<String, Spanned<RawCurrency>>,
    ) -> BTreeMap<String, PointCurrency> {
        let ordinary = PointCurrency { kind: Kind::POINTS, name: "Points".into(), months: None, ends: None };
        let mut all: BTreeMap<String, PointCurrency> = BTreeMap::from([(ORDINARY.into(), ordinary)]);
        let many = raw.values().nth(CURRENCIES).map(|table| Spanned::new(table.span(), ()));
        if let Some(table) = many {
            self.problem(&table, format!("at most {CURRENCIES} point currencies fit an answer"));
        }
        for (key, table) in raw {
            let at = Spanned::new(table.span(), ());
            let raw = table.into_inner();
            let own = if key == ORDINARY { 16..=16 } else { 17..=47 };
            let kind = raw.kind.as_ref().map_or(16, |kind| *kind.get_ref());
            let taken = all.iter().any(|(other, held)| *other != key && held.kind == Kind(kind));
            if !own.contains(&kind) || taken {
                let says = "ordinary points are of kind 16; write another kind of 17 to 47 for each further currency";
                match &raw.kind {
                    Some(kind) => self.problem(kind, says),
                    None => self.problem(&at, says),
                }
            }
            let ends = raw.ends.map(|word| self.word(&word, &ENDS));
            let months = self.months_to(raw.months, ends.unwrap_or_default());
            self.known_points.insert(key.clone(), Kind(kind));
            all.insert(key, PointCurrency { kind: Kind(kind), name: raw.name, months, ends });
        }
        all
    }

    /// The kind of points that a rule gives; ordinary ones where it does not say.
    pub(super) fn point_kind(&mut self, name: Option<Spanned<String>>) -> Kind {
        let Some(name) = name.filter(|name| name.get_ref() != ORDINARY) else { return Kind::POINTS };
        self.known_points.get(name.get_ref()).copied().unwrap_or_else(|| {
            self.problem(&name, format!("there is no [points.{}]", name.get_ref()));
            Kind::POINTS
        })
    }

    pub(super) fn expiry(&mut self, raw: RawExpiry) -> Expiry {
        let points_ends = raw.points_ends.map_or(Ends::Day, |word| self.word(&word, &ENDS));
        Expiry {
            principal_months: self.months(raw.principal_months),
            bonus_months: self.months(raw.bonus_months),
            points_months: self.months_to(raw.points_months, points_ends),
            points_ends,
        }
    }

    /// No months are to the end of the present month or year.
    fn months_to(&mut self, months: Option<Spanned<u16>>, ends: Ends) -> Option<u16> {
        match months {
            Some(months) if ends != Ends::Day && *months.get_ref() == 0 => Some(0),
            months => self.months(months),
        }
    }

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
            all.push(Segment { name, when, joined_by: raw.joined_by, measures });
        }
        all
    }

    fn bound(&mut self, raw: RawBound) -> Bound {
        let measure = self.measure(&raw.measure);
        let money = matches!(
            measure,
            Measure::Spent | Measure::Loaded | Measure::SpentOnCategory(_) | Measure::SpentOnBrand(_)
        );
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
        let of = |prefix: &str| text.strip_prefix(prefix).filter(|name| (1..=16).contains(&name.len()));
        let goods = of("spent:category:").map(|name| Measure::SpentOnCategory(name.into()));
        let goods = goods.or_else(|| of("spent:brand:").map(|name| Measure::SpentOnBrand(name.into())));
        let named = MEASURES.iter().find(|(name, _)| name == text).map(|(_, measure)| measure.clone());
        let measure = goods.or(named).unwrap_or_else(|| {
            let names = MEASURES.each_ref().map(|(name, _)| format!("{name:?}")).join(", ");
            self.problem(
                word,
                format!("write one of {names}, \"spent:category:NAME\", \"spent:brand:NAME\""),
            );
            Measure::Spent
        });
        self.counts(measure.clone());
        measure
    }

    /// A rule needs this measure.
    pub(super) fn counts(&mut self, measure: Measure) {
        if !self.measures.contains(&measure) {
            self.measures.push(measure);
        }
    }
}
