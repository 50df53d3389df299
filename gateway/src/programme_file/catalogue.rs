//! The catalogue and the entitlements, checked.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use super::when::{RawCap, RawEarly, RawWhen};
use crate::domain::Kind;
use crate::domain::member::Window;
use crate::domain::programme::{CatalogueItem, Entitlement, Gives, PointsWorth, Product, Uses};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCatalogueItem {
    pub item: Spanned<String>,
    pub name: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    pub early: Option<RawEarly>,
    #[serde(default)]
    pub most: RawCap,
    pub points: Spanned<i64>,
    pub of: Option<Spanned<String>>,
    pub gives: Option<Spanned<String>>,
    pub bonus: Option<Spanned<String>>,
    pub converts_to: Option<RawConverted>,
    pub minimum: Option<Spanned<i64>>,
    pub pieces: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConverted {
    pub points: Spanned<i64>,
    pub of: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPointsWorth {
    pub rule: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    #[serde(default)]
    pub items: Vec<Spanned<String>>,
    pub worth: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEntitlement {
    pub entitlement: Spanned<String>,
    pub name: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    pub uses: Spanned<Vec<RawUses>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUses {
    #[serde(default)]
    pub tiers: Vec<Spanned<String>>,
    pub per_day: Option<u32>,
    pub per_month: Option<u32>,
    pub per_year: Option<u32>,
    pub ever: Option<u32>,
}

/// Entitlements in one answer to a member, at most (PROTOCOL.md section 6).
const ENTITLEMENTS: usize = 16;

impl Checker<'_> {
    pub(super) fn catalogue(
        &mut self,
        raw: Vec<RawCatalogueItem>,
        known: &BTreeMap<String, Product>,
    ) -> Vec<CatalogueItem> {
        let mut seen = BTreeSet::new();
        for raw in &raw {
            if !seen.insert(raw.item.get_ref().clone()) {
                self.problem(&raw.item, "another item has this code; each needs its own");
            }
        }
        let mut items: Vec<_> = raw.into_iter().map(|raw| self.item(raw, known)).collect();
        items.sort_by(|one, other| one.item.cmp(&other.item));
        items
    }

    fn item(&mut self, raw: RawCatalogueItem, known: &BTreeMap<String, Product>) -> CatalogueItem {
        let item = self.code(&raw.item, "an item");
        let name = self.shown_name(&raw.name);
        let kind = self.point_kind(raw.of);
        let points = self.some_points(Some(raw.points));
        let ways = [raw.gives.is_some(), raw.bonus.is_some(), raw.converts_to.is_some()];
        if ways.into_iter().filter(|there| *there).count() != 1 {
            let ways = "gives = \"gift\" or \"service\", bonus = \"10.00\", or converts_to = { points = 10 }";
            self.problem(&raw.item, format!("write what a piece is: one of {ways}"));
        }
        if let Some(word) = &raw.gives {
            self.word(word, &[("gift", ()), ("service", ())]);
        }
        let bonus = raw.bonus.map(|bonus| {
            let money = self.amount(&bonus);
            if money == 0 {
                self.problem(&bonus, "bonus must be above zero");
            }
            Gives::Bonus(money)
        });
        let converted = raw.converts_to.map(|to| {
            let into = self.point_kind(to.of);
            if into == kind {
                self.problem(&to.points, "these are the points that it costs; name another kind");
            }
            Gives::Points(into, self.some_points(Some(to.points)))
        });
        let mut most = self.cap(raw.most, Kind::POINTS);
        let pieces = raw.pieces.map(|pieces| {
            if !(0..=1_000_000_000).contains(pieces.get_ref()) {
                self.problem(&pieces, "write how many pieces there are, at most 1,000,000,000");
            }
            (Window::Ever, pieces.into_inner())
        });
        most.budget.extend(pieces);
        let products = self.products(raw.products, known);
        CatalogueItem {
            item,
            name,
            kind,
            points,
            gives: bonus.or(converted).unwrap_or(Gives::Handed),
            when: self.when_early(raw.when, raw.early, products),
            minimum: raw.minimum.map_or(0, |fewest| self.some_points(Some(fewest))),
            most,
        }
    }

    pub(super) fn points_worth(
        &mut self,
        raw: RawPointsWorth,
        known: &BTreeMap<String, Product>,
        catalogue: &[CatalogueItem],
    ) -> PointsWorth {
        for item in &raw.items {
            if !catalogue.iter().any(|held| held.item == *item.get_ref()) {
                self.problem(item, "there is no [[catalogue]] item of this code");
            }
        }
        let worth = raw.worth.get_ref().parse::<Decimal>().ok();
        let worth = worth.filter(|worth| *worth > Decimal::ONE && *worth <= Decimal::ONE_HUNDRED);
        let worth = worth.filter(|worth| worth.normalize().scale() <= 4).unwrap_or_else(|| {
            self.problem(
                &raw.worth,
                "write how many times as much points are worth, above 1, such as \"2\" or \"1.5\"",
            );
            Decimal::TWO
        });
        let products = self.products(raw.products, known);
        PointsWorth {
            rule: self.rule(raw.rule),
            items: raw.items.into_iter().map(Spanned::into_inner).collect(),
            worth,
            when: self.when(raw.when, products),
        }
    }

    pub(super) fn entitlements(
        &mut self,
        raw: Vec<RawEntitlement>,
        known: &BTreeMap<String, Product>,
    ) -> Vec<Entitlement> {
        let mut seen = BTreeSet::new();
        for (at, raw) in raw.iter().enumerate() {
            if !seen.insert(raw.entitlement.get_ref().clone()) {
                self.problem(&raw.entitlement, "another entitlement has this code; each needs its own");
            }
            if at == ENTITLEMENTS {
                self.problem(&raw.entitlement, "at most 16 entitlements: no terminal can list more");
            }
        }
        raw.into_iter().map(|raw| self.entitlement(raw, known)).collect()
    }

    fn entitlement(&mut self, raw: RawEntitlement, known: &BTreeMap<String, Product>) -> Entitlement {
        let entitlement = self.code(&raw.entitlement, "an entitlement");
        let name = self.shown_name(&raw.name);
        if raw.uses.get_ref().is_empty() {
            self.problem(&raw.uses, "nobody may use it; write { tiers = [\"gold\"], per_month = 2 }");
        }
        let uses = raw.uses.into_inner().into_iter().map(|raw| self.uses(raw)).collect();
        let products = self.products(raw.products, known);
        Entitlement { entitlement, name, uses, when: self.when(raw.when, products) }
    }

    fn uses(&mut self, raw: RawUses) -> Uses {
        let windows = [
            (Window::Day, raw.per_day),
            (Window::Month, raw.per_month),
            (Window::Year, raw.per_year),
            (Window::Ever, raw.ever),
        ];
        for tier in &raw.tiers {
            if !self.known_tiers.contains(tier.get_ref()) {
                self.problem(tier, format!("there is no [[tier]] with key = {:?}", tier.get_ref()));
            }
        }
        let most =
            windows.into_iter().filter_map(|(window, most)| Some((window, i64::from(most?)))).collect();
        Uses { tiers: raw.tiers.into_iter().map(Spanned::into_inner).collect(), most }
    }

    /// What a terminal asks for by name.
    fn code(&mut self, code: &Spanned<String>, what: &str) -> String {
        let text = code.get_ref();
        if text.parse::<protocol::field::Code<24>>().is_err() {
            self.problem(code, format!("the code of {what} has 1 to 24 of A-Z a-z 0-9 - _ . : /"));
        }
        text.clone()
    }

    /// What a terminal shows.
    pub(super) fn shown_name(&mut self, name: &Spanned<String>) -> String {
        let text = name.get_ref();
        if text.parse::<protocol::field::Text<32>>().is_err() {
            self.problem(name, "a name has 1 to 32 bytes (a Chinese character has 3); terminals show it");
        }
        text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_all_examples;
    use super::super::{DEFAULT, Problem, line_of, parse};

    #[test]
    fn each_mistake_of_the_catalogue_names_its_line_and_what_to_write() {
        let sound = with_all_examples();
        let programme = parse(&sound).expect("a programme");
        let items: Vec<&str> = programme.catalogue.iter().map(|item| item.item.as_str()).collect();
        assert_eq!(items, ["cash-10", "courtesy", "mug"], "rising");
        for (from, to, says) in [
            ("item = \"mug\"  ", "item = \"a mug\"  ", "the code of an item has 1 to 24 of"),
            ("item = \"courtesy\" ", "item = \"mug\" ", "another item has this code"),
            ("name = \"Mug 马克杯\"", "name = \"\"", "a name has 1 to 32 bytes"),
            ("name = \"Mug 马克杯\"", "name = \"一二三四五六七八九十一\"", "a name has 1 to 32 bytes"),
            ("points = 500\n", "points = 0\n", "write 1 to 1,000,000,000 points"),
            ("gives = \"gift\"", "gives = \"mug\"", "write one of \"gift\", \"service\""),
            ("bonus = \"10.00\"", "bonus = \"0\"", "bonus must be above zero"),
            ("pieces = 100", "pieces = -1", "write how many pieces there are"),
            ("minimum = 1000", "minimum = 0", "write 1 to 1,000,000,000 points"),
            ("of = \"courtesy\"\nconverts", "of = \"curtsy\"\nconverts", "there is no [points.curtsy]"),
            (
                "converts_to = { points = 10, of = \"ordinary\" }",
                "converts_to = { points = 10, of = \"courtesy\" }",
                "these are the points that it costs",
            ),
            (
                "{ tiers = [\"regular\"] }",
                "{ tiers = [\"none\"] }",
                "there is no [[tier]] with key = \"none\"",
            ),
            ("worth = \"2\"", "worth = \"1\"", "write how many times as much"),
            ("worth = \"2\"", "worth = \"1.00001\"", "write how many times as much"),
            ("worth = \"2\"", "worth = \"101\"", "write how many times as much"),
            ("items = [\"mug\"]", "items = [\"cup\"]", "there is no [[catalogue]] item of this code"),
            ("entitlement = \"parking\"", "entitlement = \"\"", "the code of an entitlement"),
            (
                "uses = [{ tiers = [\"gold\"], per_month",
                "uses = [{ tiers = [\"gold\"], a_month",
                "unknown field",
            ),
            ("member_day = 1 }", "member_day = \"1\" }", "write a number of points"),
        ] {
            assert_eq!(sound.matches(from).count(), 1, "{from}");
            let broken = sound.replace(from, to);
            let line = line_of(&sound, sound.find(from).expect("there"));
            let problems = parse(&broken).expect_err(to);
            let named = |problem: &Problem| problem.line == Some(line) && problem.message.contains(says);
            assert!(problems.iter().any(named), "{to} in line {line}: {problems:?}");
        }
        for (from, to) in
            [("gives = \"gift\"\n", ""), ("bonus = \"10.00\"", "bonus = \"10.00\"\ngives = \"gift\"")]
        {
            let problems = parse(&sound.replace(from, to)).expect_err(to);
            assert!(
                problems.iter().any(|problem| problem.message.contains("write what a piece is")),
                "{problems:?}"
            );
        }
        let many = |count: usize| -> String {
            let one = |at| format!("[[entitlement]]\nentitlement = \"e{at}\"\nname = \"E\"\nuses = [{{}}]\n");
            format!("{DEFAULT}{}", (0..count).map(one).collect::<String>())
        };
        assert_eq!(parse(&many(16)).expect("16").entitlements.len(), 16);
        assert!(parse(&many(17)).expect_err("17")[0].message.contains("at most 16 entitlements"));
    }
}
