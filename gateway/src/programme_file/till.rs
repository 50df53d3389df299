//! What the file says of the till: people, points as money, offline approval.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use super::product::RawAllowance;
use crate::domain::Allowance;
use crate::domain::programme::{OfflineLimits, PointsPayment, Product, Till};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTill {
    pub cashiers: Option<Spanned<String>>,
    pub tries: Option<Spanned<u8>>,
    #[serde(default)]
    pub supervisor: RawSupervisor,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSupervisor {
    pub refund_from: Option<Spanned<String>>,
    pub void_from: Option<Spanned<String>>,
    pub unload_from: Option<Spanned<String>>,
    #[serde(default)]
    pub late_returns: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPointsPayment {
    pub rule: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    pub points: Spanned<i64>,
    pub pays: Spanned<String>,
    pub minimum: Option<Spanned<i64>>,
    pub step: Option<Spanned<i64>>,
    pub max_percent: Option<Spanned<u8>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOffline {
    pub per_transaction: Spanned<String>,
    pub per_card: Spanned<String>,
    pub count: Spanned<u32>,
    pub sum: Spanned<String>,
    pub hours: Spanned<u16>,
}

impl Checker<'_> {
    pub(super) fn till(&mut self, raw: RawTill) -> Till {
        let cashiers_sign_on = match raw.cashiers {
            None => false,
            Some(word) => match word.get_ref().as_str() {
                "named" => false,
                "sign-on" => true,
                _ => {
                    self.problem(&word, "write \"sign-on\", or \"named\" when no PIN is asked for");
                    false
                }
            },
        };
        let mut from = |amount: Option<Spanned<String>>| amount.map(|amount| self.amount(&amount));
        let (refund_from, void_from, unload_from) = (
            from(raw.supervisor.refund_from),
            from(raw.supervisor.void_from),
            from(raw.supervisor.unload_from),
        );
        let (tries, late_returns) = (self.tries(raw.tries), raw.supervisor.late_returns);
        Till { cashiers_sign_on, tries, refund_from, void_from, unload_from, late_returns }
    }

    /// Whoever may leave the name out, or write another's, has no limit.
    pub(super) fn cashier_day(&mut self, raw: Spanned<RawAllowance>, till: &Till) -> Allowance {
        if !till.cashiers_sign_on {
            let words = "a cashier's limit holds only where cashiers sign on: write `cashiers = \"sign-on\"` under [till], or leave it out";
            self.problem(&raw, words);
        }
        self.allowance(raw.into_inner())
    }

    pub(super) fn points_payment(
        &mut self,
        raw: RawPointsPayment,
        known: &BTreeMap<String, Product>,
    ) -> PointsPayment {
        let pays = self.amount(&raw.pays);
        if pays == 0 {
            self.problem(&raw.pays, "pays must be above zero");
        }
        let points = self.some_points(Some(raw.points));
        let (minimum, step) = (self.some_points(raw.minimum), self.some_points(raw.step));
        let max_percent = raw.max_percent.map_or(100, |percent| {
            if !(1..=100).contains(percent.get_ref()) {
                self.problem(
                    &percent,
                    "write 1 to 100 percent of the purchase, or leave the key out for 100",
                );
            }
            percent.into_inner()
        });
        let products = self.products(raw.products, known);
        PointsPayment { rule: self.rule(raw.rule), products, points, pays, minimum, step, max_percent }
    }

    pub(super) fn some_points(&mut self, points: Option<Spanned<i64>>) -> i64 {
        let Some(points) = points else { return 1 };
        if !(1..=1_000_000_000).contains(points.get_ref()) {
            self.problem(&points, "write 1 to 1,000,000,000 points");
            return 1;
        }
        points.into_inner()
    }

    pub(super) fn offline(&mut self, raw: RawOffline) -> OfflineLimits {
        let hours = *raw.hours.get_ref();
        if !(1..=720).contains(&hours) {
            self.problem(&raw.hours, "write 1 to 720 hours");
        }
        OfflineLimits {
            per_transaction: self.amount(&raw.per_transaction),
            per_card: self.amount(&raw.per_card),
            count: raw.count.into_inner(),
            sum: self.amount(&raw.sum),
            hours,
        }
    }
}
