//! Tiers and what leads to them.

use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use crate::domain::programme::Measure;
use crate::domain::programme::tier::{Lasts, Over, Route, Tier, Tiers};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTiers {
    pub promotion: Option<Spanned<String>>,
    pub lasts_months: Option<Spanned<u16>>,
    pub to_year_end: bool,
    pub grace_days: Option<Spanned<u16>>,
    pub downgrade: Option<Spanned<String>>,
    pub refund_demotes: Option<bool>,
    pub changed: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTier {
    pub key: Spanned<String>,
    pub name: Spanned<String>,
    #[serde(default)]
    pub any: Vec<Spanned<RawRoute>>,
    pub gift: Option<RawTierGift>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTierGift {
    pub points: Spanned<i64>,
}

/// All that it asks for, in one time.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRoute {
    pub months: Option<Spanned<u16>>,
    pub year: bool,
    pub spent: Option<Spanned<String>>,
    pub points_earned: Option<Spanned<i64>>,
    pub purchases: Option<Spanned<i64>>,
    pub loaded: Option<Spanned<String>>,
    pub activities: Option<Spanned<i64>>,
    pub referrals: Option<Spanned<i64>>,
    pub spent_on: Vec<RawSpentOn>,
    pub value: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpentOn {
    pub category: Option<String>,
    pub brand: Option<String>,
    pub amount: Spanned<String>,
}

/// Most routes of a tier: an answer counts them in a byte.
const ROUTES: usize = 8;

impl Checker<'_> {
    pub(super) fn tiers(&mut self, raw: RawTiers, tiers: Vec<RawTier>) -> Tiers {
        let mut list: Vec<Tier> = Vec::new();
        for raw in tiers {
            let is_first = list.is_empty();
            if list.iter().any(|tier| tier.key == *raw.key.get_ref()) {
                self.problem(&raw.key, "another [[tier]] has this key");
            }
            list.push(self.tier(raw, is_first));
        }
        if let Some(months) = raw.lasts_months.as_ref().filter(|months| !(1..=120).contains(months.get_ref()))
        {
            self.problem(months, "write 1 to 120 months, or leave the key out for ever");
        }
        if let Some(days) = raw.grace_days.as_ref().filter(|days| *days.get_ref() > 366) {
            self.problem(days, "write 0 to 366 days");
        }
        let mut either = |word: Option<Spanned<String>>, no: &str, yes: &str| {
            word.is_some_and(|word| self.word(&word, &[(no, false), (yes, true)]))
        };
        Tiers {
            list,
            reset: either(raw.promotion, "keep", "reset"),
            lasts: Lasts { months: raw.lasts_months.map(Spanned::into_inner), to_year_end: raw.to_year_end },
            grace_days: raw.grace_days.map_or(0, Spanned::into_inner),
            one_step: either(raw.downgrade, "earned", "one-step"),
            refund_demotes: raw.refund_demotes.unwrap_or(true),
            regrade: either(raw.changed, "keep", "regrade"),
        }
    }

    fn tier(&mut self, raw: RawTier, is_first: bool) -> Tier {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let key = raw.key.get_ref();
        if !(1..=16).contains(&key.len()) || !key.bytes().all(fits) {
            self.problem(&raw.key, "a tier's key has 1 to 16 letters, digits, - and _");
        }
        if !(1..=32).contains(&raw.name.get_ref().len()) || raw.name.get_ref().contains(char::is_control) {
            self.problem(&raw.name, "a tier's name has 1 to 32 bytes; Chinese characters take 3 each");
        }
        let gift = raw.gift.map_or(0, |gift| {
            if !(1..=1_000_000_000).contains(gift.points.get_ref()) {
                self.problem(&gift.points, "write 1 to 1,000,000,000 points");
            }
            if raw.any.is_empty() {
                self.problem(&gift.points, "nobody reaches this tier; give its gift to one that has `any`");
            }
            gift.points.into_inner()
        });
        if (raw.any.is_empty() && !is_first) || raw.any.len() > ROUTES {
            self.problem(&raw.key, "only the first tier has no `any`; write 1 to 8 routes to this one");
        }
        let routes = raw.any.into_iter().map(|route| self.route(route)).collect();
        Tier { key: raw.key.into_inner(), name: raw.name.into_inner(), routes, gift }
    }

    fn route(&mut self, raw: Spanned<RawRoute>) -> Route {
        let at = Spanned::new(raw.span(), ());
        let raw = raw.into_inner();
        let over = match (raw.months, raw.year) {
            (Some(months), false) => {
                if !(1..=120).contains(months.get_ref()) {
                    self.problem(&months, "write 1 to 120 calendar months, the present one among them");
                }
                Over::Months(months.into_inner())
            }
            (None, true) => Over::Year,
            (None, false) => Over::Ever,
            (Some(_), true) => {
                self.problem(&at, "write months = 12, or year = true, or neither for ever");
                Over::Ever
            }
        };
        let mut needs = Vec::new();
        for (measure, amount) in [(Measure::Spent, raw.spent), (Measure::Loaded, raw.loaded)] {
            needs.extend(amount.map(|amount| (measure, self.threshold(&amount))));
        }
        for (measure, count) in [
            (Measure::PointsEarned, raw.points_earned),
            (Measure::Purchases, raw.purchases),
            (Measure::Activities, raw.activities),
            (Measure::Referrals, raw.referrals),
        ] {
            let Some(count) = count else { continue };
            if !(1..=1_000_000_000).contains(count.get_ref()) {
                self.problem(&count, "write a number above zero");
            }
            needs.push((measure, count.into_inner()));
        }
        for goods in raw.spent_on {
            let measure = match (goods.category, goods.brand) {
                (Some(category), None) => Measure::SpentOnCategory(category),
                (None, Some(brand)) => Measure::SpentOnBrand(brand),
                _ => {
                    self.problem(&goods.amount, "write a category or a brand with the amount");
                    Measure::Spent
                }
            };
            needs.push((measure, self.threshold(&goods.amount)));
        }
        if let Some(amount) = &raw.value {
            let needed = self.threshold(amount);
            if needs.is_empty() && over != Over::Ever {
                self.problem(amount, "a value looks back as [member_value] says; take months or year away");
            }
            needs.extend(self.value_of(amount).map(|value| (value, needed)));
        }
        if needs.is_empty() && raw.value.is_none() {
            self.problem(&at, "this route asks for nothing; write { spent = \"50000.00\", months = 12 }");
        }
        Route { over, needs }
    }

    fn threshold(&mut self, amount: &Spanned<String>) -> i64 {
        let minor = self.amount(amount);
        if minor == 0 {
            self.problem(amount, "write an amount above zero");
        }
        minor
    }
}
