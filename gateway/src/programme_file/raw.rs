//! The programme file as it is written, before anything is checked: its tables, each of which is in the file that checks it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::alert::RawAlert;
use super::birthday_gift::RawBirthdayGift;
use super::catalogue::{RawCatalogueItem, RawEntitlement, RawPointsWorth};
use super::currency::{RawCurrency, RawExpiry};
use super::earning::{RawLoadBonus, RawMultiplier, RawPurchasePoints, RawStacking};
use super::leaderboard::RawLeaderboard;
use super::member::{RawActivity, RawMembership, RawReferral};
use super::member_value::RawMemberValue;
use super::partner::RawPartner;
use super::price::{RawPrice, RawPrices};
use super::product::{RawLimits, RawProduct};
use super::segment::RawSegment;
use super::tier::{RawTier, RawTiers};
use super::till::{RawOffline, RawPointsPayment, RawTill};

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
    pub birthday_gift: Vec<RawBirthdayGift>,
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
