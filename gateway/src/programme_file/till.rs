//! What the file says of the till: people, points as money, offline approval.

use std::collections::BTreeMap;

use toml::Spanned;

use super::Checker;
use super::raw::{RawOffline, RawPointsPayment, RawTill};
use crate::domain::programme::{OfflineLimits, PointsPayment, Product, Till};

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
