//! What is counted of a member, month by month and in all, for tiers, segments and steps (LOYALTY B1, C2, E7): what was earned and
//! done, never what is left. Counting begins with the first programme version that asks for a measure.

use super::MemberValue;
use crate::domain::card::CardReference;
use crate::domain::effect::Effect;
use crate::domain::member::{Counters, Member, Window, counted};

/// Something that is counted. Amounts are minor units.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// What balances paid in purchases.
    Spent,
    /// Ordinary points that transactions gave.
    PointsEarned,
    Purchases,
    /// Principal loaded.
    Loaded,
    Loads,
    Activities,
    /// Members brought.
    Referrals,
    /// What balances paid for goods of a category.
    SpentOnCategory(String),
    /// The same, of a brand.
    SpentOnBrand(String),
    /// Thousandths of goods that balances paid for.
    Units,
    /// What the members whom one has brought have spent.
    InviteesSpent,
    /// Of several, each weighed; what they are is counted, not this.
    Value(MemberValue),
}

impl Measure {
    /// The name of its counter.
    #[must_use]
    pub fn counter(&self) -> String {
        match self {
            Self::Spent => "spent".into(),
            Self::PointsEarned => "points-earned".into(),
            Self::Purchases => "purchases".into(),
            Self::Loaded => "loaded".into(),
            Self::Loads => "loads".into(),
            Self::Activities => "activities".into(),
            Self::Referrals => "referrals".into(),
            Self::SpentOnCategory(category) => format!("spent:category:{category}"),
            Self::SpentOnBrand(brand) => format!("spent:brand:{brand}"),
            Self::Units => "units".into(),
            Self::InviteesSpent => "invitees-spent".into(),
            Self::Value(value) => value.name(),
        }
    }

    /// Of the name of a measure's counter: what it is called in a line of an answer, and whether it is an amount.
    #[must_use]
    pub(in crate::domain) fn told(counter: &str) -> (&str, bool) {
        let name = counter.split(':').next().unwrap_or(counter);
        (name, matches!(name, "spent" | "loaded" | "invitees-spent" | "value"))
    }

    /// The names of the counters that it is worked out from.
    #[must_use]
    pub fn counters(&self) -> Vec<String> {
        match self {
            Self::Value(value) => value.weights.iter().map(|weight| weight.counter.clone()).collect(),
            counted => vec![counted.counter()],
        }
    }

    /// Its counters after so much more.
    #[must_use]
    pub fn count(&self, card: CardReference, change: i64, business_date: u32) -> Vec<Effect> {
        if change == 0 || matches!(self, Self::Value(_)) {
            return Vec::new();
        }
        let windows = [Window::Month, Window::Ever];
        let count = |window: Window| Effect::Counter {
            card: Some(card),
            counter: self.counter(),
            period: window.of(business_date),
            change,
        };
        windows.map(count).into()
    }

    /// Its number in PROTOCOL.md section 11, *MemberInquiry*; what was spent on some goods is an amount spent.
    #[must_use]
    pub fn number(&self) -> u8 {
        match self {
            Self::Spent | Self::SpentOnCategory(_) | Self::SpentOnBrand(_) => 1,
            Self::PointsEarned => 2,
            Self::Purchases => 3,
            Self::Loaded | Self::Loads => 4,
            Self::Activities => 5,
            Self::Referrals => 6,
            Self::Value(_) | Self::Units | Self::InviteesSpent => 7,
        }
    }

    /// What was counted in the last `months` calendar months, the present one among them; `None` for all there is. A value looks
    /// back as its formula says.
    #[must_use]
    pub fn over(&self, member: &Member, months: Option<u16>, business_date: u32) -> i64 {
        over(&member.counters, &self.counter(), months, business_date)
    }
}

/// What a counter says of the last `months` calendar months, the one of the business date among them; `None` for all there is.
/// Of a value's name, the value.
#[must_use]
pub fn over(counters: &Counters, counter: &str, months: Option<u16>, business_date: u32) -> i64 {
    if let Some(value) = MemberValue::named(counter) {
        return value.over(counters, business_date);
    }
    let Some(months) = months else {
        return counted(counters, counter, Window::Ever, business_date);
    };
    let (year, month) = (business_date / 10_000, business_date / 100 % 100);
    let last = year.saturating_mul(12).saturating_add(month.saturating_sub(1));
    let first = last.saturating_sub(u32::from(months).saturating_sub(1));
    (first..=last).fold(0, |sum: i64, at| {
        let period =
            (at / 12).saturating_mul(10_000).saturating_add((at % 12).saturating_add(1).saturating_mul(100));
        sum.saturating_add(counters.get(&(counter.to_owned(), period)).copied().unwrap_or(0))
    })
}
