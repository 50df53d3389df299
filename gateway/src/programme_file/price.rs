//! Prices for members.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use super::when::RawWhen;
use crate::domain::programme::goods::Goods;
use crate::domain::programme::multiplier::How;
use crate::domain::programme::price::Price;
use crate::domain::programme::{Prices, Product};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrices {
    pub together: Option<Spanned<String>>,
    pub most_off: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrice {
    pub rule: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    pub off: Spanned<String>,
    #[serde(default)]
    pub items: Vec<String>,
    #[serde(default)]
    pub categories: Vec<String>,
    #[serde(default)]
    pub brands: Vec<String>,
}

impl Checker<'_> {
    pub(super) fn prices(
        &mut self,
        raw: RawPrices,
        rules: Vec<RawPrice>,
        known: &BTreeMap<String, Product>,
    ) -> Prices {
        let how = [("best", How::Best), ("sum", How::Sum), ("product", How::Product)];
        Prices {
            rules: rules.into_iter().map(|raw| self.price(raw, known)).collect(),
            how: raw.together.map_or(How::default(), |word| self.word(&word, &how)),
            most: raw.most_off.map(|most| self.percent(&most)),
        }
    }

    fn price(&mut self, raw: RawPrice, known: &BTreeMap<String, Product>) -> Price {
        let products = self.products(raw.products, known);
        Price {
            rule: self.rule(raw.rule),
            when: self.when(raw.when, products),
            goods: Goods { items: raw.items, categories: raw.categories, brands: raw.brands },
            off: self.percent(&raw.off),
        }
    }

    /// "12.5%", in hundredths of a percent.
    fn percent(&mut self, text: &Spanned<String>) -> u16 {
        let percent = text.get_ref().strip_suffix('%').and_then(|text| text.parse::<Decimal>().ok());
        let hundredths = percent.and_then(|percent| percent.checked_mul(Decimal::ONE_HUNDRED));
        let whole = hundredths.filter(|hundredths| hundredths.trunc() == *hundredths);
        let off = whole.and_then(|whole| u16::try_from(whole).ok()).filter(|off| (1..=10_000).contains(off));
        off.unwrap_or_else(|| {
            self.problem(text, "write a percentage above 0 and up to 100 such as \"5%\" or \"12.5%\"");
            1
        })
    }
}
