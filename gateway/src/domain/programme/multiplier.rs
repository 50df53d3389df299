//! Multipliers of a sale's points (多倍积分; LOYALTY B3): member day (会员日), double-points day (积分翻倍日), birthday, tier, campaign.

use rust_decimal::Decimal;

use super::Cap;
use super::goods::{Goods, Sale};
use super::when::When;
use crate::domain::ledger::Kind;

#[derive(Debug, Clone, PartialEq)]
pub struct Multiplier {
    pub rule: String,
    pub when: When,
    /// Points of this kind are multiplied ...
    pub kind: Kind,
    /// ... those for these goods, by their share of what balances paid.
    pub goods: Goods,
    /// Above 1.
    pub times: Decimal,
    pub cap: Cap,
}

/// How several multipliers that hold go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum How {
    /// The one that gives most.
    #[default]
    Best,
    /// x2 and x3 is x4: what each adds is added.
    Sum,
    /// x2 and x3 is x6.
    Product,
}

/// Stacking of multipliers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Multiplying {
    pub how: How,
    /// Points are multiplied by no more than this in all.
    pub most: Option<Decimal>,
}

/// A factor: numerator and denominator, both above 0; exact, as long as they are no longer than [`LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor(i128, i128);

/// Two numbers so long, and one of them with points, can be multiplied.
const LONGEST: i128 = 1 << 60;

impl Factor {
    pub const ONE: Self = Self(1, 1);

    fn of(decimal: Decimal) -> Option<Self> {
        Self(decimal.mantissa(), 10_i128.checked_pow(decimal.scale())?).reduced()
    }

    fn reduced(self) -> Option<Self> {
        let (mut a, mut b) = (self.0, self.1);
        while b != 0 {
            (a, b) = (b, a.checked_rem(b)?);
        }
        Some(Self(self.0.checked_div(a)?, self.1.checked_div(a)?).shortened())
    }

    /// Rounded down where it is too long to be multiplied: shares of many goods of a large sale.
    fn shortened(self) -> Self {
        let Self(mut top, mut bottom) = self;
        while top > LONGEST || bottom > LONGEST {
            (top, bottom) = (top.div_euclid(2), bottom.div_euclid(2).saturating_add(1));
        }
        Self(top, bottom)
    }

    /// Points multiplied, rounded down, and whether something was rounded off.
    #[must_use]
    pub fn apply(self, points: i64) -> Option<(i64, bool)> {
        let product = i128::from(points).checked_mul(self.0)?;
        Some((i64::try_from(product.checked_div(self.1)?).ok()?, product.checked_rem(self.1)? != 0))
    }
}

impl Multiplier {
    /// By how much it multiplies the points of a sale; `None` outside the range, or when it is about none of the goods.
    #[must_use]
    pub fn factor(&self, sale: Sale<'_>) -> Option<Factor> {
        let Factor(times, one) = Factor::of(self.times)?;
        let (goods, all) = (i128::from(sale.paid_for(&self.goods)), i128::from(sale.paid));
        if goods <= 0 {
            return None;
        }
        // 1 + (times - 1) x goods / all
        let whole = one.checked_mul(all)?;
        let more = times.checked_sub(one)?.checked_mul(goods)?;
        Factor(whole.checked_add(more)?, whole).reduced()
    }
}

impl Multiplying {
    /// The factor of those before with one more, no more than the most.
    #[must_use]
    pub fn with(&self, before: Factor, more: Factor) -> Option<Factor> {
        let (Factor(a, b), Factor(c, d)) = (before, more);
        let bottom = b.checked_mul(d)?;
        let top = match self.how {
            How::Best => return self.capped(more),
            How::Sum => a.checked_mul(d)?.checked_add(c.checked_mul(b)?)?.checked_sub(bottom)?,
            How::Product => a.checked_mul(c)?,
        };
        self.capped(Factor(top, bottom).reduced()?)
    }

    fn capped(&self, factor: Factor) -> Option<Factor> {
        let Some(most) = self.most else { return Some(factor) };
        let most = Factor::of(most)?;
        let above = factor.0.checked_mul(most.1)? > most.0.checked_mul(factor.1)?;
        Some(if above { most } else { factor })
    }
}
