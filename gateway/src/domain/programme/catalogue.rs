//! What points are redeemed for (积分兑换; LOYALTY B7, B11): the items of the catalogue, and times in which points are worth more.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::cap::left_for_all;
use super::when::{Circumstances, When};
use super::{Cap, Programme};
use crate::domain::ledger::Kind;
use crate::domain::member::Counters;
use crate::domain::request::Now;

/// Something that points are redeemed for, a piece at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueItem {
    /// What a Redeem asks for.
    pub item: String,
    pub name: String,
    /// The points that it costs.
    pub kind: Kind,
    /// How many of them a piece costs, above 0.
    pub points: i64,
    pub gives: Gives,
    pub when: When,
    /// Fewest points that a card must have.
    pub minimum: i64,
    /// Bounds in pieces; its budget is the stock.
    pub most: Cap,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// A gift that is handed out, or a service that is done: nothing is booked for it.
    Handed,
    /// Money on the card (现金红包), minor units.
    Bonus(i64),
    /// Points of another kind.
    Points(Kind, i64),
}

/// A time in which points are worth more (限时兑换).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsWorth {
    pub rule: String,
    /// Items it applies to; empty for all.
    pub items: Vec<String>,
    /// What prices are divided by, above 1.
    pub worth: Decimal,
    pub when: When,
}

impl PointsWorth {
    /// A price of so many points, divided and rounded up.
    #[must_use]
    pub fn price(&self, points: i64) -> Option<i64> {
        Decimal::from(points).checked_div(self.worth)?.ceil().to_i64()
    }
}

/// What a piece costs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price<'a> {
    /// Of the item's kind, above 0.
    pub points: i64,
    /// Why it is less than usual.
    pub rule: Option<&'a PointsWorth>,
}

impl CatalogueItem {
    /// Its name for caps.
    #[must_use]
    pub fn counter(&self) -> String {
        format!("item:{}", self.item)
    }

    /// Pieces left for all members together; `None` when they are not counted.
    #[must_use]
    pub fn pieces_left(&self, counters: &Counters, business_date: u32) -> Option<i64> {
        left_for_all(&self.most, &self.counter(), counters, business_date)
    }
}

impl Programme {
    /// An item of the catalogue.
    #[must_use]
    pub fn item(&self, item: &str) -> Option<&CatalogueItem> {
        self.catalogue.iter().find(|held| held.item == item)
    }

    /// What a piece costs: the least of the prices that hold.
    #[must_use]
    pub fn price<'a>(&'a self, item: &CatalogueItem, at: &Circumstances<'_>) -> Price<'a> {
        self.least(item, |rule| rule.when.holds(self, at))
    }

    /// The same for anybody who comes to a store now.
    #[must_use]
    pub fn price_for_all<'a>(&'a self, item: &CatalogueItem, store: &str, now: Now) -> Price<'a> {
        self.least(item, |rule| rule.when.is_for_anybody() && rule.when.is_open(self, store, now))
    }

    fn least<'a>(&'a self, item: &CatalogueItem, holds: impl Fn(&PointsWorth) -> bool) -> Price<'a> {
        let rules = self
            .points_worth
            .iter()
            .filter(|rule| (rule.items.is_empty() || rule.items.contains(&item.item)) && holds(rule));
        let prices =
            rules.filter_map(|rule| Some(Price { points: rule.price(item.points)?, rule: Some(rule) }));
        let usual = Price { points: item.points, rule: None };
        std::iter::once(usual).chain(prices).min_by_key(|price| price.points).unwrap_or(usual)
    }
}
