//! Point currencies, and when lots end, checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use crate::domain::Kind;
use crate::domain::programme::currency::ORDINARY;
use crate::domain::programme::{Ends, Expiry, PointCurrency};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCurrency {
    pub kind: Option<Spanned<u8>>,
    pub name: String,
    pub months: Option<Spanned<u16>>,
    pub ends: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpiry {
    pub principal_months: Option<Spanned<u16>>,
    pub bonus_months: Option<Spanned<u16>>,
    pub points_months: Option<Spanned<u16>>,
    pub points_ends: Option<Spanned<String>>,
}

/// With what is pending of each, they and the money fit an answer's balances.
const CURRENCIES: usize = 6;
const ENDS: [(&str, Ends); 3] = [("day", Ends::Day), ("month", Ends::Month), ("year", Ends::Year)];

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
}
