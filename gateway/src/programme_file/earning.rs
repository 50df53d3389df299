//! Rules of what loads and purchases earn, checked.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::Checker;
use super::when::{RawCap, RawWhen};
use crate::domain::Kind;
use crate::domain::member::Window;
use crate::domain::programme::goods::Goods;
use crate::domain::programme::load_bonus::{Bonus, LoadStep};
use crate::domain::programme::multiplier::How;
use crate::domain::programme::purchase_points::{Each, PointStep, Stage};
use crate::domain::programme::{
    LoadBonus, Measure, Multiplier, Multiplying, Pending, Product, PurchasePoints, Stacking,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLoadBonus {
    pub rule: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    #[serde(default)]
    pub most: RawCap,
    pub steps: Spanned<Vec<RawStep>>,
    #[serde(default)]
    pub every: bool,
    #[serde(default)]
    pub first_load: bool,
    #[serde(default)]
    pub exclusive: bool,
    pub of: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    pub from: Spanned<String>,
    pub bonus: Spanned<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPurchasePoints {
    pub rule: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    #[serde(default)]
    pub most: RawCap,
    pub per: Option<Spanned<String>>,
    pub units: Option<Spanned<u32>>,
    pub gives: Option<Spanned<i64>>,
    pub by: Option<Spanned<String>>,
    #[serde(default)]
    pub steps: Vec<RawPointStep>,
    #[serde(default)]
    pub every: bool,
    #[serde(default)]
    pub items: Vec<String>,
    #[serde(default)]
    pub categories: Vec<String>,
    #[serde(default)]
    pub brands: Vec<String>,
    pub remainder: Option<Spanned<String>>,
    pub of: Option<Spanned<String>>,
    pub pending: Option<Spanned<String>>,
    pub pending_days: Option<Spanned<u16>>,
    #[serde(default)]
    pub exclusive: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPointStep {
    pub from: Spanned<Value>,
    pub per: Option<Spanned<String>>,
    pub units: Option<Spanned<u32>>,
    pub gives: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMultiplier {
    pub rule: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    #[serde(default)]
    pub most: RawCap,
    pub times: Spanned<String>,
    #[serde(default)]
    pub items: Vec<String>,
    #[serde(default)]
    pub categories: Vec<String>,
    #[serde(default)]
    pub brands: Vec<String>,
    pub of: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStacking {
    pub load_bonus: Option<Spanned<String>>,
    pub purchase_points: Option<Spanned<String>>,
    pub multiplier: Option<Spanned<String>>,
    pub most_times: Option<Spanned<String>>,
}

const STACKING: [(&str, Stacking); 3] =
    [("best", Stacking::Best), ("sum", Stacking::Sum), ("first", Stacking::First)];
const HOW: [(&str, How); 3] = [("best", How::Best), ("sum", How::Sum), ("product", How::Product)];
const STAGES: [(&str, Stage); 4] = [
    ("amount", Stage::Amount),
    ("points-held", Stage::PointsHeld),
    ("points-earned", Stage::PointsEarned),
    ("purchases", Stage::Purchases),
];
const REMAINDER: [(&str, bool); 2] = [("drop", false), ("carry", true)];

impl Checker<'_> {
    pub(super) fn load_bonus(&mut self, raw: RawLoadBonus, known: &BTreeMap<String, Product>) -> LoadBonus {
        let kind = match raw.of {
            Some(name) => self.point_kind(Some(name)),
            None => Kind::BONUS,
        };
        if raw.steps.get_ref().is_empty() {
            self.problem(&raw.steps, "no steps; write { from = \"100.00\", bonus = \"5.00\" }");
        }
        let mut steps: Vec<LoadStep> = Vec::new();
        for step in raw.steps.into_inner() {
            let from = self.amount(&step.from);
            if steps.last().is_some_and(|before| from <= before.from) {
                self.problem(&step.from, "steps must rise; this one is not above the step before it");
            }
            if raw.every && from == 0 {
                self.problem(&step.from, "every full 0 cannot be counted; write an amount above zero");
            }
            steps.push(LoadStep { from, bonus: self.bonus(&step.bonus, kind) });
        }
        if raw.first_load {
            self.counts(Measure::Loads);
        }
        let products = self.products(raw.products, known);
        let mut cap = self.cap(raw.most, kind);
        if raw.first_load {
            // Also when a load that was the first is refunded, another one is, and the refund is undone.
            cap.times.push((Window::Ever, 1));
        }
        LoadBonus {
            rule: self.rule(raw.rule),
            when: self.when(raw.when, products),
            kind,
            steps,
            every: raw.every,
            first_load: raw.first_load,
            exclusive: raw.exclusive,
            cap,
        }
    }

    /// "5.00", "5%", or a number of points.
    fn bonus(&mut self, value: &Spanned<Value>, kind: Kind) -> Bonus {
        let percent = value.get_ref().as_str().and_then(|text| text.strip_suffix('%'));
        let Some(text) = percent.filter(|_| kind.is_money()) else {
            return Bonus::Fixed(self.given(value, kind));
        };
        let percent = text.parse::<Decimal>().ok();
        let in_range = |percent: &Decimal| *percent > Decimal::ZERO && *percent <= Decimal::ONE_HUNDRED;
        let percent = percent.filter(|percent| in_range(percent) && percent.scale() <= 4);
        Bonus::Percent(percent.unwrap_or_else(|| {
            self.problem(value, "write a percentage above 0 and up to 100 such as \"5%\"");
            Decimal::ONE
        }))
    }

    pub(super) fn purchase_points(
        &mut self,
        raw: RawPurchasePoints,
        known: &BTreeMap<String, Product>,
    ) -> PurchasePoints {
        let by = raw.by.as_ref().map_or(Stage::Amount, |word| self.word(word, &STAGES));
        match by {
            Stage::PointsEarned => self.counts(Measure::PointsEarned),
            Stage::Purchases => self.counts(Measure::Purchases),
            Stage::Amount | Stage::PointsHeld => {}
        }
        let carry = raw.remainder.as_ref().is_some_and(|word| self.word(word, &REMAINDER));
        if let Some(word) = raw.remainder.as_ref().filter(|_| carry && !raw.steps.is_empty()) {
            self.problem(word, "a rule with steps drops its remainder; write \"drop\"");
        }
        let own = RawPointStep {
            from: Spanned::new(raw.rule.span(), Value::Integer(0)),
            per: raw.per,
            units: raw.units,
            gives: raw.gives,
        };
        let steps = if raw.steps.is_empty() {
            let (gives, each) = self.gives(&own, &raw.rule);
            vec![PointStep { from: 0, gives, each }]
        } else {
            self.point_steps(raw.steps, &own, by)
        };
        if raw.every && (by != Stage::Purchases || steps.iter().any(|step| step.from == 0)) {
            self.problem(&raw.rule, "every is for steps by = \"purchases\" from 1 on: every tenth purchase");
        }
        let kind = self.point_kind(raw.of);
        let products = self.products(raw.products, known);
        let pending = self.pending(raw.pending, raw.pending_days, &products, known);
        PurchasePoints {
            rule: self.rule(raw.rule),
            when: self.when(raw.when, products),
            kind,
            goods: Goods { items: raw.items, categories: raw.categories, brands: raw.brands },
            by,
            steps,
            every: raw.every,
            carry,
            pending,
            exclusive: raw.exclusive,
            cap: self.cap(raw.most, kind),
        }
    }

    fn point_steps(&mut self, raw: Vec<RawPointStep>, own: &RawPointStep, by: Stage) -> Vec<PointStep> {
        let stray = [own.per.as_ref().map(Spanned::span), own.units.as_ref().map(Spanned::span)];
        let stray = stray.into_iter().flatten().chain(own.gives.as_ref().map(Spanned::span)).next();
        if let Some(span) = stray {
            self.problem(&Spanned::new(span, ()), "with steps, write it in each step");
        }
        let mut steps: Vec<PointStep> = Vec::new();
        for step in raw {
            let kind = if by == Stage::Amount { Kind::MONEY } else { Kind::POINTS };
            let from = self.given(&step.from, kind);
            if steps.last().is_some_and(|before| from <= before.from) {
                self.problem(&step.from, "steps must rise; this one is not above the step before it");
            }
            let (gives, each) = self.gives(&step, &step.from);
            steps.push(PointStep { from, gives, each });
        }
        steps
    }

    /// How many points, and for what.
    fn gives<T>(&mut self, step: &RawPointStep, at: &Spanned<T>) -> (i64, Each) {
        let each = match (&step.per, &step.units) {
            (Some(_), Some(units)) => {
                self.problem(units, "write per or units, not both");
                Each::Purchase
            }
            (Some(per), None) => {
                let money = self.amount(per);
                if money == 0 {
                    self.problem(per, "per must be above zero");
                }
                Each::Money(money)
            }
            (None, Some(units)) => {
                if !(1..=1_000_000).contains(units.get_ref()) {
                    self.problem(units, "write 1 to 1,000,000 units");
                }
                Each::Units(i64::from(*units.get_ref()).saturating_mul(1000))
            }
            (None, None) => Each::Purchase,
        };
        let gives = step.gives.as_ref().map_or(0, |gives| *gives.get_ref());
        if !(1..=1_000_000).contains(&gives) {
            let says = "gives must be 1 to 1,000,000 points";
            match &step.gives {
                Some(gives) => self.problem(gives, says),
                None => self.problem(at, says),
            }
        }
        (gives, each)
    }

    fn pending(
        &mut self,
        word: Option<Spanned<String>>,
        days: Option<Spanned<u16>>,
        products: &[String],
        known: &BTreeMap<String, Product>,
    ) -> Option<Pending> {
        let Some(word) = word else {
            return days.map(|days| Pending::Days(self.at_least_one(Some(days), 1, "days")));
        };
        let pending = self.word(&word, &[("return-days", Pending::ReturnDays)]);
        if days.is_some() {
            self.problem(&word, "write pending or pending_days, not both");
        }
        let without = known.iter().find(|(key, product)| {
            (products.is_empty() || products.contains(key)) && product.return_days.is_none()
        });
        if let Some((key, _)) = without {
            self.problem(&word, format!("[product.{key}] has no return_days; write them, or pending_days"));
        }
        Some(pending)
    }

    pub(super) fn multiplier(&mut self, raw: RawMultiplier, known: &BTreeMap<String, Product>) -> Multiplier {
        let kind = self.point_kind(raw.of);
        let products = self.products(raw.products, known);
        Multiplier {
            rule: self.rule(raw.rule),
            when: self.when(raw.when, products),
            kind,
            goods: Goods { items: raw.items, categories: raw.categories, brands: raw.brands },
            times: self.times(&raw.times),
            cap: self.cap(raw.most, kind),
        }
    }

    /// A factor above 1.
    fn times(&mut self, text: &Spanned<String>) -> Decimal {
        let times = text.get_ref().parse::<Decimal>().ok();
        let in_range = |times: &Decimal| *times > Decimal::ONE && *times <= Decimal::ONE_HUNDRED;
        times.filter(|times| in_range(times) && times.scale() <= 4).unwrap_or_else(|| {
            self.problem(text, "write a factor above 1 and up to 100 such as \"2\" or \"1.5\"");
            Decimal::TWO
        })
    }

    /// For loads, purchases and multipliers.
    pub(super) fn stacking(&mut self, raw: RawStacking) -> (Stacking, Stacking, Multiplying) {
        let mut how = |word: Option<Spanned<String>>| {
            word.map_or(Stacking::default(), |word| self.word(&word, &STACKING))
        };
        let (loads, purchases) = (how(raw.load_bonus), how(raw.purchase_points));
        let multiplying = Multiplying {
            how: raw.multiplier.map_or(How::default(), |word| self.word(&word, &HOW)),
            most: raw.most_times.map(|most| self.times(&most)),
        };
        (loads, purchases, multiplying)
    }
}
