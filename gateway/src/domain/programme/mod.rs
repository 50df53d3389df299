//! The merchant's rules, compiled: products and limits here, each kind of rule in a file of its own.
//!
//! The document is parsed elsewhere; what stands here is already whole and consistent.

pub mod activity;
pub mod alert;
pub mod birthday_gift;
pub mod cap;
pub mod catalogue;
pub mod currency;
pub mod entitlement;
pub mod goods;
pub mod leaderboard;
pub mod load_bonus;
pub mod measure;
pub mod member_value;
pub mod membership;
pub mod multiplier;
pub mod partner;
pub mod price;
pub mod purchase_points;
pub mod referral;
pub mod segment;
pub mod stacking;
pub mod tier;
pub mod when;

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use self::activity::Activity;
pub use self::alert::Alert;
pub use self::birthday_gift::BirthdayGift;
pub use self::cap::Cap;
pub use self::catalogue::{CatalogueItem, Gives, PointsWorth};
pub use self::currency::{Ends, PointCurrency};
pub use self::entitlement::{Entitlement, Uses};
pub use self::leaderboard::Leaderboard;
pub use self::load_bonus::LoadBonus;
pub use self::measure::Measure;
pub use self::member_value::MemberValue;
pub use self::membership::{Gift, Membership};
pub use self::multiplier::{Multiplier, Multiplying};
pub use self::partner::Partner;
pub use self::price::{Discount, Prices};
pub use self::purchase_points::{Pending, PurchasePoints};
pub use self::referral::{Grade, Referral};
pub use self::segment::Segment;
pub use self::stacking::Stacking;
pub use self::tier::Tiers;
pub use self::when::{Circumstances, When};
use super::card::Card;
use super::ledger::Kind;
use super::request::Now;
use super::spend::SpendOrder;
use super::tally::Allowance;

/// A programme as journalled: its document, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgrammeVersion {
    pub version: u32,
    /// Unix seconds.
    pub effective_from: i64,
    pub document: String,
}

/// A programme version, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Programme {
    pub name: String,
    /// ISO 4217 number.
    pub currency: u16,
    /// Decimal places of the currency.
    pub exponent: u8,
    pub zone: TimeZone,
    /// Minutes after midnight at which the business day changes.
    pub cutover_minutes: u16,
    pub products: BTreeMap<String, Product>,
    pub load_bonuses: Vec<LoadBonus>,
    pub load_stacking: Stacking,
    pub purchase_points: Vec<PurchasePoints>,
    /// What points are redeemed for, rising by item.
    pub catalogue: Vec<CatalogueItem>,
    pub points_worth: Vec<PointsWorth>,
    pub entitlements: Vec<Entitlement>,
    pub points_stacking: Stacking,
    pub multipliers: Vec<Multiplier>,
    pub multiplying: Multiplying,
    /// Point currencies by their names; ordinary points always.
    pub currencies: BTreeMap<String, PointCurrency>,
    pub segments: Vec<Segment>,
    /// A rule asks for birthdays.
    pub birthdays: bool,
    /// A rule asks when members last bought.
    pub recency: bool,
    pub membership: Option<Membership>,
    pub referrals: Vec<Referral>,
    pub activities: Vec<Activity>,
    /// How much a member is worth; `None` when nobody asks.
    pub member_value: Option<MemberValue>,
    /// Programmes whose tiers are honoured.
    pub partners: Vec<Partner>,
    pub leaderboards: Vec<Leaderboard>,
    pub alerts: Vec<Alert>,
    pub birthday_gifts: Vec<BirthdayGift>,
    pub expiry: Expiry,
    pub tiers: Tiers,
    pub prices: Prices,
    /// What is counted of members.
    pub measures: Vec<Measure>,
    /// How points pay a part of a purchase; `None` when they do not.
    pub points_payment: Option<PointsPayment>,
    /// What a terminal may do in a business day.
    pub terminal_day: Option<Allowance>,
    /// What a cashier may do in a business day.
    pub cashier_day: Option<Allowance>,
    pub till: Till,
    /// What terminals may approve while the gateway is away; `None` when nothing.
    pub offline: Option<OfflineLimits>,
}

/// People at the till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Till {
    /// A register's value messages need a cashier who is signed on.
    pub cashiers_sign_on: bool,
    /// Wrong PINs of a cashier or supervisor until they are locked.
    pub tries: u8,
    /// From these amounts on (minor units) a supervisor must allow it; `None` for never.
    pub refund_from: Option<i64>,
    pub void_from: Option<i64>,
    pub unload_from: Option<i64>,
    /// A supervisor may allow a refund after the return days (LOYALTY A9).
    pub late_returns: bool,
}

/// Points as money (LOYALTY B6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsPayment {
    pub rule: String,
    /// Products it applies to; empty for all.
    pub products: Vec<String>,
    /// So many points ...
    pub points: i64,
    /// ... pay so many minor units.
    pub pays: i64,
    /// Fewest points in one purchase.
    pub minimum: i64,
    /// They are used in multiples of this.
    pub step: i64,
    /// Most of a purchase's amount that they pay, in percent.
    pub max_percent: u8,
}

impl PointsPayment {
    /// What so many points are worth together, in minor units, rounded down; `None` outside the range.
    #[must_use]
    pub fn worth(&self, points: i64) -> Option<i64> {
        let product = i128::from(points).checked_mul(i128::from(self.pays))?;
        i64::try_from(product.checked_div(i128::from(self.points))?).ok()
    }

    /// As a receipt prints it: so many points for so much money.
    #[must_use]
    pub fn rate(&self, programme: &Programme) -> String {
        format!("{}/{}", self.points, programme.money(self.pays))
    }

    /// Buys points that are owed, with at most `most` minor units: how many, and for how much, rounded up. When it is too
    /// little for all of them, it is spent whole, and buys as many as are worth no more.
    #[must_use]
    pub fn bought(&self, owed: i64, most: i64) -> Option<(i64, i64)> {
        let (points, pays) = (i128::from(self.points), i128::from(self.pays));
        let up = i128::from(owed).checked_mul(pays)?.checked_add(points.checked_sub(1)?)?;
        let price = up.checked_div(points)?;
        if price <= i128::from(most) {
            return Some((owed, i64::try_from(price).ok()?));
        }
        let as_many = i128::from(most).checked_mul(points)?.checked_div(pays)?;
        Some((i64::try_from(as_many).ok()?, most))
    }

    /// Most of an amount that points may pay, in minor units, rounded down.
    #[must_use]
    pub fn most_of(&self, amount: i64) -> Option<i64> {
        let product = i128::from(amount).checked_mul(i128::from(self.max_percent))?;
        i64::try_from(product.checked_div(100)?).ok()
    }
}

/// What a terminal may approve by itself under one grant. Amounts are minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfflineLimits {
    pub per_transaction: i64,
    pub per_card: i64,
    pub count: u32,
    pub sum: i64,
    /// How long a grant lasts.
    pub hours: u16,
}

/// A kind of card, with its limits in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub name: String,
    pub min_load: i64,
    pub max_load: i64,
    pub max_balance: i64,
    /// Which lots pay first.
    pub spend: SpendOrder,
    /// How long an authorize holds, in seconds.
    pub hold_s: i64,
    /// How many days a refund lasts that comes back to a lot which has expired since.
    pub refund_grace_days: u16,
    /// How many business days after a sale it can be refunded; `None` for ever (LOYALTY A9).
    pub return_days: Option<u16>,
    /// Largest transfer to another card, minor units; `None` when it may give nothing.
    pub max_transfer: Option<i64>,
    /// What a card may do in a business day.
    pub daily: Option<Allowance>,
    /// What a card may do in a calendar month.
    pub monthly: Option<Allowance>,
    /// How many months after its activation a card is accepted; `None` for ever (LOYALTY A8).
    pub card_months: Option<u16>,
    /// Largest balance of a card without a registered holder; `None` when it needs none (LOYALTY A8).
    pub real_name_above: Option<i64>,
    /// When the holder's PIN is needed.
    pub pin: Option<PinRule>,
    /// Largest cash-out in one go; `None` when there is none.
    pub max_unload: Option<i64>,
    /// May be debited by an offline approval.
    pub offline: bool,
    /// Its cards are corporate accounts: other cards may be bound to them (LOYALTY A7).
    pub account: bool,
}

impl Product {
    /// Whether a card needs a registered holder to have this balance (minor units; `None` for more than can be counted).
    #[must_use]
    pub fn needs_holder(&self, card: &Card, balance: Option<i64>) -> bool {
        let above = |most: i64| balance.is_none_or(|balance| balance > most);
        card.holder.is_none() && self.real_name_above.is_some_and(above)
    }
}

/// When a card's PIN is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinRule {
    /// From this amount on, minor units.
    pub from: i64,
    /// Wrong ones until it is locked.
    pub tries: u8,
}

/// Whole months after the business date on which the lot was opened; `None` never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expiry {
    pub principal_months: Option<u16>,
    pub bonus_months: Option<u16>,
    pub points_months: Option<u16>,
    pub points_ends: Ends,
}

fn applies(products: &[String], product: &str) -> bool {
    products.is_empty() || products.iter().any(|p| p == product)
}

impl Programme {
    /// An amount of minor units as it is printed, such as `100.00`.
    #[must_use]
    pub fn money(&self, minor: i64) -> String {
        let places = usize::from(self.exponent);
        let sign = if minor < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", minor.unsigned_abs(), width = places.saturating_add(1));
        let (whole, part) = digits.split_at(digits.len().saturating_sub(places));
        if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
    }

    /// The time of day in the shop.
    #[must_use]
    pub fn local_time(&self, now: Now) -> Option<jiff::civil::Time> {
        let at = jiff::Timestamp::from_millisecond(now.ms).ok()?;
        Some(at.to_zoned(self.zone.clone()).time())
    }

    /// How points pay for cards of this product, if they do.
    #[must_use]
    pub fn points_payment(&self, product: &str) -> Option<&PointsPayment> {
        self.points_payment.as_ref().filter(|rule| applies(&rule.products, product))
    }

    /// When principal loaded now ends, in Unix seconds.
    #[must_use]
    pub fn principal_expiry(&self, now: Now) -> Option<i64> {
        self.after_months(now, self.expiry.principal_months)
    }

    /// When a bonus given now ends.
    #[must_use]
    pub fn bonus_expiry(&self, now: Now) -> Option<i64> {
        self.after_months(now, self.expiry.bonus_months)
    }

    /// When points of this kind that are earned now end.
    #[must_use]
    pub fn points_expiry(&self, kind: Kind, now: Now) -> Option<i64> {
        let currency = self.currencies.values().find(|currency| currency.kind == kind);
        let months = currency.and_then(|currency| currency.months).or(self.expiry.points_months)?;
        let ends = currency.and_then(|currency| currency.ends).unwrap_or(self.expiry.points_ends);
        self.end_of(ends.last(date(now.business_date)?.checked_add(i32::from(months).months()).ok()?))
    }

    /// Until when points that are earned now cannot be spent; `None` when they can be at once.
    #[must_use]
    pub fn pending_until(&self, pending: Pending, at: Circumstances<'_>) -> Option<i64> {
        let days = match pending {
            Pending::Days(days) => days,
            Pending::ReturnDays => self.products.get(at.product)?.return_days?,
        };
        self.end_of(date(at.now.business_date)?.checked_add(i64::from(days).days()).ok()?)
    }

    /// Whether a member is in a segment now.
    #[must_use]
    pub fn is_in_segment(&self, name: &str, at: &Circumstances<'_>) -> bool {
        self.segments.iter().any(|segment| segment.name == name && segment.has(self, at))
    }

    /// When a card that is activated now is no longer accepted.
    #[must_use]
    pub fn card_expiry(&self, product: &Product, now: Now) -> Option<i64> {
        self.after_months(now, product.card_months)
    }

    /// When value ends that a refund brings back to a lot which has expired since: at the end of the last of its grace days.
    #[must_use]
    pub fn refund_grace(&self, product: &str, now: Now) -> Option<i64> {
        let days = self.products.get(product).map_or(0, |product| product.refund_grace_days);
        self.end_of(date(now.business_date)?.checked_add(i64::from(days).days()).ok()?)
    }

    /// The end of the day that many months after the one that ends at this Unix second.
    #[must_use]
    pub fn months_after(&self, from_s: i64, months: u16) -> Option<i64> {
        let business_date = self.business_date(from_s.checked_mul(1000)?.checked_sub(1)?).ok()?;
        let last = date(business_date)?.checked_add(i32::from(months).months()).ok()?;
        self.end_of(last)
    }

    /// The end of the business day that many months on; the 29th to 31st become the month's last day where it is
    /// shorter. The last business day is spendable to its end.
    #[must_use]
    pub fn after_months(&self, now: Now, months: Option<u16>) -> Option<i64> {
        let last = date(now.business_date)?.checked_add(i32::from(months?).months()).ok()?;
        self.end_of(last)
    }

    /// Whether cards of a product are corporate accounts.
    #[must_use]
    pub fn is_account(&self, product: &str) -> bool {
        self.products.get(product).is_some_and(|product| product.account)
    }

    /// Whether a sale of that business date can still be refunded: to the end of the last of its product's return days.
    #[must_use]
    pub fn is_returnable(&self, product: &str, business_date: u32, now: Now) -> bool {
        let Some(days) = self.products.get(product).and_then(|product| product.return_days) else {
            return true;
        };
        let last = date(business_date).and_then(|sold| sold.checked_add(i64::from(days).days()).ok());
        last.and_then(|last| self.end_of(last)).is_some_and(|end| now.s() < end)
    }

    /// The second at which a business day ends.
    fn end_of(&self, last: Date) -> Option<i64> {
        self.begin_of(last.tomorrow().ok()?).map(jiff::Timestamp::as_second)
    }

    /// When a business day begins: the cutover by the clock on the wall, also on a day that has 23 hours or 25. Where that clock is set on
    /// past the cutover, so much later; where it comes twice, the first time.
    #[must_use]
    pub fn begin_of(&self, day: Date) -> Option<jiff::Timestamp> {
        let (hour, minute) = (self.cutover_minutes / 60, self.cutover_minutes % 60);
        let cutover = day.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
        Some(cutover.to_zoned(self.zone.clone()).ok()?.timestamp())
    }

    /// Business date (YYYYMMDD) of a Unix time in milliseconds.
    ///
    /// # Errors
    /// [`super::Fault::Overflow`] for a time outside the calendar.
    pub fn business_date(&self, ms: i64) -> Result<u32, super::Fault> {
        let day = || {
            let at = jiff::Timestamp::from_millisecond(ms).ok()?;
            let date = at.to_zoned(self.zone.clone()).date();
            if at < self.begin_of(date)? { date.yesterday().ok() } else { Some(date) }
        };
        let date = day().ok_or(super::Fault::Overflow)?;
        let year = u32::try_from(date.year()).map_err(|_| super::Fault::Overflow)?;
        let month_day = u32::from(date.month().unsigned_abs()).saturating_mul(100);
        Ok(year
            .saturating_mul(10_000)
            .saturating_add(month_day)
            .saturating_add(u32::from(date.day().unsigned_abs())))
    }
}

/// YYYYMMDD as a date.
#[must_use]
pub fn date(business_date: u32) -> Option<Date> {
    let day = i8::try_from(business_date % 100).ok()?;
    let month = i8::try_from(business_date / 100 % 100).ok()?;
    Date::new(i16::try_from(business_date / 10_000).ok()?, month, day).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_bought_at_their_price_rounded_up_as_far_as_the_money_goes() {
        let rule = |points, pays| PointsPayment {
            rule: "points".into(),
            products: Vec::new(),
            points,
            pays,
            minimum: 1,
            step: 1,
            max_percent: 100,
        };
        let bought = |owed, most| rule(3, 50).bought(owed, most);
        assert_eq!([16, 17, 18].map(|most| bought(1, most)), [Some((0, 16)), Some((1, 17)), Some((1, 17))]);
        assert_eq!([49, 50, 51].map(|most| bought(3, most)), [Some((2, 49)), Some((3, 50)), Some((3, 50))]);
        assert_eq!([bought(0, 9), bought(9, 0)], [Some((0, 0)), Some((0, 0))]);
        // Four points are one minor unit: it buys no more than it is worth.
        let cheap = |owed, most| rule(4, 1).bought(owed, most);
        assert_eq!([cheap(3, 1), cheap(5, 1), cheap(5, 2)], [Some((3, 1)), Some((4, 1)), Some((5, 2))]);
        let most = i64::MAX;
        assert_eq!(rule(1, most).bought(most, most), Some((1, most)));
        assert_eq!(rule(most, 1).bought(most, most), Some((most, 1)));
        assert_eq!(rule(most, most).bought(most, most), Some((most, most)));
    }
}
