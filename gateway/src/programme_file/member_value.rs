//! What a member is worth, checked.

use rust_decimal::Decimal;
use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use crate::domain::programme::member_value::{DECAY, Fading, PARTS, Weight};
use crate::domain::programme::{Measure, MemberValue};

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

/// Units are counted in thousandths.
const THOUSANDTHS: i64 = 1_000;

impl Checker<'_> {
    pub(super) fn member_value(&mut self, raw: Spanned<RawMemberValue>) -> MemberValue {
        let at = Spanned::new(raw.span(), ());
        let raw = raw.into_inner();
        let mut weights = Vec::new();
        for (measure, worth) in [(Measure::Spent, &raw.spent), (Measure::InviteesSpent, &raw.invitees_spent)]
        {
            weights.extend(worth.as_ref().map(|worth| (measure, self.factor(worth))));
        }
        for RawWorthOn { category, brand, worth } in raw.spent_on {
            let measure = match (category, brand) {
                (Some(name), None) if !name.contains(';') => Measure::SpentOnCategory(name),
                (None, Some(name)) if !name.contains(';') => Measure::SpentOnBrand(name),
                _ => {
                    self.problem(&worth, "write a category or a brand with the worth, without ; in its name");
                    continue;
                }
            };
            weights.push((measure, self.factor(&worth)));
        }
        for (measure, worth) in [
            (Measure::Units, &raw.units),
            (Measure::Purchases, &raw.purchases),
            (Measure::Activities, &raw.activities),
            (Measure::Referrals, &raw.referrals),
        ] {
            let Some(worth) = worth else { continue };
            let each = if measure == Measure::Units { PARTS / THOUSANDTHS } else { PARTS };
            weights.push((measure, self.each(worth).saturating_mul(each)));
        }
        if weights.is_empty() {
            self.problem(&at, "nothing is worth anything; write for example spent = \"1\"");
        }
        weights.sort();
        if weights.windows(2).any(|pair| matches!(pair, [one, other] if one.0 == other.0)) {
            self.problem(&at, "write each category and brand once");
        }
        weights.iter().for_each(|(measure, _)| self.counts(measure.clone()));
        let fading = self.fading(raw.months, raw.decay);
        let weight = |(measure, worth): (Measure, i64)| Weight { counter: measure.counter(), worth };
        MemberValue { fading, weights: weights.into_iter().map(weight).collect() }
    }

    fn fading(&mut self, months: Option<Spanned<u16>>, decay: Option<Spanned<String>>) -> Fading {
        if let Some(decay) = decay {
            if months.is_some() {
                self.problem(&decay, "write months or decay, not both");
            }
            let parts = decay.get_ref().parse::<Decimal>().ok().and_then(|decimal| {
                let parts = decimal.checked_mul(Decimal::from(DECAY))?;
                u32::try_from(parts).ok().filter(|whole| Decimal::from(*whole) == parts)
            });
            return Fading::Decay(parts.filter(|parts| (1..DECAY).contains(parts)).unwrap_or_else(|| {
                self.problem(&decay, "write what is left after a month, such as \"0.95\": between 0 and 1");
                1
            }));
        }
        let Some(months) = months else { return Fading::Never };
        if !(1..=120).contains(months.get_ref()) {
            self.problem(&months, "write 1 to 120 calendar months, the present one among them");
        }
        Fading::Months(months.into_inner())
    }

    /// What 1.00 is worth, in millionths.
    fn factor(&mut self, text: &Spanned<String>) -> i64 {
        let parts = text.get_ref().parse::<Decimal>().ok().and_then(|decimal| {
            let parts = decimal.checked_mul(Decimal::from(PARTS))?;
            i64::try_from(parts).ok().filter(|whole| Decimal::from(*whole) == parts)
        });
        parts.filter(|parts| (1..=PARTS.saturating_mul(100)).contains(parts)).unwrap_or_else(|| {
            self.problem(text, "write what 1.00 is worth, above 0 and up to 100, such as \"0.1\"");
            1
        })
    }

    /// What one is worth, in minor units.
    fn each(&mut self, text: &Spanned<String>) -> i64 {
        let minor = self.amount(text);
        if !(1..=100_000_000).contains(&minor) {
            self.problem(text, "write what one is worth, above 0 and up to 1000000.00");
        }
        minor
    }

    /// The measure that a rule means by `value`.
    pub(super) fn value_of(&mut self, at: &Spanned<String>) -> Option<Measure> {
        if self.value.is_none() {
            self.problem(at, "nothing says what a member is worth; add [member_value]");
        }
        self.value.clone().map(Measure::Value)
    }
}
