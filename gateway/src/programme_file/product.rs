//! A product's table, checked.

use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use crate::domain::programme::{PinRule, Product};
use crate::domain::{Allowance, SpendOrder};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProduct {
    pub name: String,
    pub min_load: Spanned<String>,
    pub max_load: Spanned<String>,
    pub max_balance: Spanned<String>,
    pub spend: Option<Spanned<String>>,
    pub hold_hours: Option<Spanned<u16>>,
    pub refund_grace_days: Option<Spanned<u16>>,
    pub return_days: Option<Spanned<u16>>,
    pub max_transfer: Option<Spanned<String>>,
    pub daily: Option<RawAllowance>,
    pub monthly: Option<RawAllowance>,
    pub card_months: Option<Spanned<u16>>,
    pub real_name_above: Option<Spanned<String>>,
    pub pin: Option<RawPin>,
    pub max_unload: Option<Spanned<String>>,
    #[serde(default)]
    pub offline: bool,
    #[serde(default)]
    pub account: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPin {
    pub from: Spanned<String>,
    pub tries: Option<Spanned<u8>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub terminal_day: Option<RawAllowance>,
    pub cashier_day: Option<Spanned<RawAllowance>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAllowance {
    pub loads: Option<Spanned<u32>>,
    pub load_sum: Option<Spanned<String>>,
    pub purchases: Option<Spanned<u32>>,
    pub purchase_sum: Option<Spanned<String>>,
    pub refunds: Option<Spanned<u32>>,
    pub refund_sum: Option<Spanned<String>>,
}

const SPEND_ORDERS: [(&str, SpendOrder); 4] = [
    ("principal-first", SpendOrder::PrincipalFirst),
    ("bonus-first", SpendOrder::BonusFirst),
    ("pro-rata", SpendOrder::ProRata),
    ("soonest-expiry", SpendOrder::SoonestExpiry),
];
/// A week: a hotel's deposit, a car's tank.
const HOLD_HOURS: u16 = 7 * 24;
const REFUND_GRACE_DAYS: u16 = 30;

/// Wrong PINs until a card or a cashier is locked.
const TRIES: u8 = 3;

impl Checker<'_> {
    pub(super) fn product(&mut self, raw: RawProduct) -> Product {
        let (min_load, max_load) = (self.amount(&raw.min_load), self.amount(&raw.max_load));
        let max_balance = self.amount(&raw.max_balance);
        if min_load > max_load {
            self.problem(&raw.max_load, "max_load is below min_load");
        }
        if max_load > max_balance {
            self.problem(&raw.max_balance, "max_balance is below max_load; such a load could never succeed");
        }
        let spend = raw.spend.map_or(SpendOrder::default(), |order| self.spend(&order));
        let hold_hours = self.at_least_one(raw.hold_hours, HOLD_HOURS, "hours");
        let refund_grace_days = self.at_least_one(raw.refund_grace_days, REFUND_GRACE_DAYS, "days");
        Product {
            name: raw.name,
            min_load: min_load.max(1),
            max_load,
            max_balance,
            spend,
            hold_s: i64::from(hold_hours).saturating_mul(3600),
            refund_grace_days,
            return_days: raw.return_days.map(|days| self.at_least_one(Some(days), 1, "days")),
            max_transfer: raw.max_transfer.map(|amount| self.amount(&amount)),
            daily: raw.daily.map(|raw| self.allowance(raw)),
            monthly: raw.monthly.map(|raw| self.allowance(raw)),
            card_months: self.months(raw.card_months),
            real_name_above: raw.real_name_above.map(|amount| self.amount(&amount)),
            pin: raw.pin.map(|raw| PinRule { from: self.amount(&raw.from), tries: self.tries(raw.tries) }),
            max_unload: raw.max_unload.map(|amount| self.amount(&amount)),
            offline: raw.offline,
            account: raw.account,
        }
    }

    fn spend(&mut self, order: &Spanned<String>) -> SpendOrder {
        SPEND_ORDERS.iter().find(|(name, _)| name == order.get_ref()).map_or_else(
            || {
                let known = SPEND_ORDERS.map(|(name, _)| format!("{name:?}")).join(", ");
                self.problem(order, format!("unknown spend order; write one of {known}"));
                SpendOrder::default()
            },
            |(_, order)| *order,
        )
    }

    pub(super) fn allowance(&mut self, raw: RawAllowance) -> Allowance {
        Allowance {
            loads: raw.loads.map(Spanned::into_inner),
            load_sum: raw.load_sum.map(|amount| self.amount(&amount)),
            purchases: raw.purchases.map(Spanned::into_inner),
            purchase_sum: raw.purchase_sum.map(|amount| self.amount(&amount)),
            refunds: raw.refunds.map(Spanned::into_inner),
            refund_sum: raw.refund_sum.map(|amount| self.amount(&amount)),
        }
    }

    pub(super) fn tries(&mut self, tries: Option<Spanned<u8>>) -> u8 {
        let Some(tries) = tries else { return TRIES };
        if !(1..=15).contains(tries.get_ref()) {
            self.problem(&tries, format!("write 1 to 15 wrong PINs, or leave the key out for {TRIES}"));
        }
        tries.into_inner()
    }
}
