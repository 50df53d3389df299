//! The programme file as it is written, before anything is checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::alert::RawAlert;
use super::leaderboard::RawLeaderboard;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub programme: Head,
    pub product: BTreeMap<String, RawProduct>,
    #[serde(default)]
    pub load_bonus: Vec<RawLoadBonus>,
    #[serde(default)]
    pub purchase_points: Vec<RawPurchasePoints>,
    pub membership: Option<RawMembership>,
    #[serde(default)]
    pub referral: Vec<RawReferral>,
    #[serde(default)]
    pub activity: Vec<RawActivity>,
    #[serde(default)]
    pub leaderboard: Vec<RawLeaderboard>,
    #[serde(default)]
    pub alert: Vec<RawAlert>,
    #[serde(default)]
    pub birthday_gift: Vec<super::birthday_gift::RawBirthdayGift>,
    #[serde(default)]
    pub catalogue: Vec<RawCatalogueItem>,
    #[serde(default)]
    pub points_worth: Vec<RawPointsWorth>,
    #[serde(default)]
    pub entitlement: Vec<RawEntitlement>,
    #[serde(default)]
    pub tiers: RawTiers,
    #[serde(default)]
    pub tier: Vec<RawTier>,
    #[serde(default)]
    pub prices: RawPrices,
    #[serde(default)]
    pub price: Vec<RawPrice>,
    #[serde(default)]
    pub multiplier: Vec<RawMultiplier>,
    #[serde(default)]
    pub stacking: RawStacking,
    #[serde(default)]
    pub points: BTreeMap<String, Spanned<RawCurrency>>,
    #[serde(default)]
    pub partner: Vec<RawPartner>,
    pub member_value: Option<Spanned<RawMemberValue>>,
    #[serde(default)]
    pub segment: Vec<RawSegment>,
    #[serde(default)]
    pub expiry: RawExpiry,
    pub points_payment: Option<RawPointsPayment>,
    #[serde(default)]
    pub limits: RawLimits,
    #[serde(default)]
    pub till: RawTill,
    pub offline: Option<RawOffline>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub name: Spanned<String>,
    pub currency: Spanned<String>,
    pub zone: Spanned<String>,
    pub cutover: Spanned<String>,
}

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
    pub cashier_day: Option<RawAllowance>,
}

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
    pub bonus: Spanned<toml::Value>,
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
    pub from: Spanned<toml::Value>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCurrency {
    pub kind: Option<Spanned<u8>>,
    pub name: String,
    pub months: Option<Spanned<u16>>,
    pub ends: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSegment {
    pub segment: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    #[serde(default)]
    pub joined_by: Vec<String>,
    #[serde(default)]
    pub tags: Vec<Spanned<String>>,
    pub age: Option<Spanned<RawAge>>,
    pub last_purchase: Option<Spanned<RawLastPurchase>>,
    #[serde(default)]
    pub measures: Vec<RawBound>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBound {
    pub measure: Spanned<String>,
    pub months: Option<Spanned<u16>>,
    pub from: Option<Spanned<toml::Value>>,
    pub below: Option<Spanned<toml::Value>>,
}

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMembership {
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    pub joining: Spanned<String>,
    pub spend: Option<Spanned<String>>,
    pub gift: Option<RawGift>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGift {
    pub rule: Spanned<String>,
    #[serde(default)]
    pub when: RawWhen,
    #[serde(default)]
    pub most: RawCap,
    pub points: Spanned<i64>,
    pub of: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReferral {
    pub rule: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    #[serde(default)]
    pub most: RawCap,
    pub on: Spanned<String>,
    pub months: Option<Spanned<u16>>,
    pub of: Option<Spanned<String>>,
    pub points: Option<Spanned<i64>>,
    pub per: Option<Spanned<String>>,
    pub gives: Option<Spanned<i64>>,
    pub own: Option<Spanned<i64>>,
    #[serde(default)]
    pub grades: Vec<RawGrade>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGrade {
    pub from: Spanned<i64>,
    pub times: Spanned<String>,
    pub name: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawActivity {
    pub code: Spanned<String>,
    pub rule: Spanned<String>,
    #[serde(default)]
    pub products: Vec<Spanned<String>>,
    #[serde(default)]
    pub when: RawWhen,
    pub early: Option<RawEarly>,
    #[serde(default)]
    pub most: RawCap,
    pub of: Option<Spanned<String>>,
    pub points: Spanned<i64>,
    #[serde(default)]
    pub per_unit: bool,
    pub members: Option<Spanned<i64>>,
    pub needs: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpiry {
    pub principal_months: Option<Spanned<u16>>,
    pub bonus_months: Option<Spanned<u16>>,
    pub points_months: Option<Spanned<u16>>,
    pub points_ends: Option<Spanned<String>>,
}

/// Conditions of any rule; what is left out does not matter.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWhen {
    pub tiers: Vec<Spanned<String>>,
    pub segments: Vec<Spanned<String>>,
    pub stores: Vec<Spanned<String>>,
    pub channels: Vec<Spanned<String>>,
    pub tenders: Vec<Spanned<String>>,
    pub from: Option<Spanned<String>>,
    pub until: Option<Spanned<String>>,
    pub weekdays: Vec<Spanned<String>>,
    pub days: Vec<Spanned<u8>>,
    pub hours: Option<Spanned<String>>,
    pub birthday: Option<Spanned<String>>,
    pub customer: Option<Spanned<String>>,
}

/// Who comes in before the others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEarly {
    pub tiers: Vec<Spanned<String>>,
    pub days: Spanned<u16>,
}

/// Bounds of any rule that gives something; amounts of money are text, points are numbers.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCap {
    pub member: Option<Spanned<toml::Value>>,
    pub member_day: Option<Spanned<toml::Value>>,
    pub member_month: Option<Spanned<toml::Value>>,
    pub member_year: Option<Spanned<toml::Value>>,
    pub times: Option<Spanned<u32>>,
    pub times_day: Option<Spanned<u32>>,
    pub times_month: Option<Spanned<u32>>,
    pub times_year: Option<Spanned<u32>>,
    pub budget: Option<Spanned<toml::Value>>,
    pub budget_day: Option<Spanned<toml::Value>>,
    pub budget_month: Option<Spanned<toml::Value>>,
    pub budget_year: Option<Spanned<toml::Value>>,
}

/// What each thing that a member does is worth.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMemberValue {
    pub spent: Option<Spanned<String>>,
    #[serde(default)]
    pub spent_on: Vec<RawWorthOn>,
    pub units: Option<Spanned<String>>,
    pub purchases: Option<Spanned<String>>,
    pub activities: Option<Spanned<String>>,
    pub referrals: Option<Spanned<String>>,
    pub invitees_spent: Option<Spanned<String>>,
    pub months: Option<Spanned<u16>>,
    pub decay: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWorthOn {
    pub category: Option<String>,
    pub brand: Option<String>,
    pub worth: Spanned<String>,
}

/// Another programme whose tiers are honoured.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPartner {
    pub name: Spanned<String>,
    pub public_key: Spanned<String>,
    pub honours: Spanned<BTreeMap<String, Spanned<String>>>,
    pub most_months: Spanned<u16>,
}

/// Whole years, at least and less than.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAge {
    pub from: Option<u16>,
    pub below: Option<u16>,
}

/// Business days since the last purchase.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLastPurchase {
    pub within_days: Option<u16>,
    pub over_days: Option<u16>,
}
