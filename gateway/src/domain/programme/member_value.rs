//! Member value (会员价值; LOYALTY B12): what a member has done, each thing weighed in money, over a time that forgets or does not. It
//! is worked out from the counters of calendar months and nothing is kept of it, so refunds and undoing need no rule of their own.

use crate::domain::member::{Counters, Member};

/// Parts of a minor unit that a weight is written in.
pub const PARTS: i64 = 1_000_000;
/// Parts of one that a power of the decay is rounded down to.
const ONE: i128 = 1_000_000_000_000;
/// Parts of one that a decay is written in.
pub const DECAY: u32 = 10_000;

/// What one counted thing is worth.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight {
    /// Name of its counter.
    pub counter: String,
    /// Millionths of a minor unit for each 1 that is counted.
    pub worth: i64,
}

/// How what was done long ago counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fading {
    /// As what was done today.
    Never,
    /// As what was done today for so many calendar months, the present one among them; then no more.
    Months(u16),
    /// So much of what it counted the month before, in ten-thousandths.
    Decay(u32),
}

/// A formula. Its name says it whole, so that a tier which rests on a value is looked at by the weights that led to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberValue {
    pub fading: Fading,
    pub weights: Vec<Weight>,
}

/// A month of the curve. Amounts are minor units, rounded down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// YYYYMM00.
    pub month: u32,
    /// What was done in it, as it counted then.
    pub done: i64,
    /// The value at its end.
    pub value: i64,
}

/// What one weight comes to. Amounts are minor units, rounded down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub counter: String,
    /// All that was counted.
    pub counted: i64,
    /// Millionths of a minor unit.
    pub worth: i64,
    pub value: i64,
}

const NAME: &str = "value:";

impl MemberValue {
    /// `value:TIME:WORTH*COUNTER;...`: `ever`, `12m` for months or `d9500` for a decay, and the weights.
    #[must_use]
    pub fn name(&self) -> String {
        let time = match self.fading {
            Fading::Never => "ever".to_owned(),
            Fading::Months(months) => format!("{months}m"),
            Fading::Decay(decay) => format!("d{decay}"),
        };
        let weight = |weight: &Weight| format!("{}*{}", weight.worth, weight.counter);
        format!("{NAME}{time}:{}", self.weights.iter().map(weight).collect::<Vec<_>>().join(";"))
    }

    /// The formula of such a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (time, weights) = name.strip_prefix(NAME)?.split_once(':')?;
        let fading = match (time.strip_suffix('m'), time.strip_prefix('d')) {
            (Some(months), _) => Fading::Months(months.parse().ok()?),
            (_, Some(decay)) => Fading::Decay(decay.parse().ok()?),
            _ => Fading::Never,
        };
        let weight = |text: &str| {
            let (worth, counter) = text.split_once('*')?;
            Some(Weight { counter: counter.to_owned(), worth: worth.parse().ok()? })
        };
        Some(Self { fading, weights: weights.split(';').map(weight).collect::<Option<_>>()? })
    }

    /// The value on a business date in minor units, rounded down once over all of it; each power of a decay is rounded down to
    /// twelve decimal places before.
    #[must_use]
    pub fn over(&self, counters: &Counters, business_date: u32) -> i64 {
        minor(self.exact(counters, "", business_date))
    }

    /// What promotions have used up of it, rounded up: it leads nowhere else. `prefixes` are what the counters' names begin with.
    pub(super) fn used_up<'a>(
        &self,
        counters: &Counters,
        prefixes: impl IntoIterator<Item = &'a str>,
        business_date: u32,
    ) -> i64 {
        let used = prefixes.into_iter().map(|prefix| self.exact(counters, prefix, business_date));
        minor(used.fold(0, i128::saturating_add).saturating_neg()).saturating_neg()
    }

    /// What each weight comes to by itself on a business date.
    #[must_use]
    pub fn shares(&self, member: &Member, business_date: u32) -> Vec<Share> {
        let share = |weight: &Weight| {
            let alone = Self { weights: vec![weight.clone()], ..*self };
            let counted = months_of(&member.counters, &weight.counter).map(|(_, counted)| counted);
            Share {
                counter: weight.counter.clone(),
                counted: counted.fold(0, i64::saturating_add),
                worth: weight.worth,
                value: alone.over(&member.counters, business_date),
            }
        };
        self.weights.iter().map(share).collect()
    }

    /// The value at the end of each month, from the first in which something was counted to that of the business date.
    #[must_use]
    pub fn curve(&self, member: &Member, business_date: u32) -> Vec<Point> {
        let months = self
            .weights
            .iter()
            .flat_map(|weight| months_of(&member.counters, &weight.counter))
            .map(|(at, _)| at);
        let Some(first) = months.min() else { return Vec::new() };
        let point = |at: u32| {
            let month = period_of(at);
            let of_month = |((name, period), counted): (&(String, u32), &i64)| {
                (*period == month).then(|| ((name.clone(), *period), *counted))
            };
            let alone: Counters = member.counters.iter().filter_map(of_month).collect();
            Point { month, done: self.over(&alone, month), value: self.over(&member.counters, month) }
        };
        (first..=month_number(business_date)).map(point).collect()
    }

    /// In parts of a minor unit that are exact but for the powers of a decay.
    fn exact(&self, counters: &Counters, prefix: &str, business_date: u32) -> i128 {
        let now = month_number(business_date);
        let mut powers = vec![ONE];
        let mut sum = 0_i128;
        for weight in &self.weights {
            for (at, counted) in months_of(counters, &format!("{prefix}{}", weight.counter)) {
                let Some(age) = now.checked_sub(at) else { continue };
                let worth = i128::from(counted).saturating_mul(i128::from(weight.worth));
                sum = sum.saturating_add(worth.saturating_mul(self.factor(age, &mut powers)));
            }
        }
        sum
    }

    /// How much of what was done so many months ago counts.
    fn factor(&self, age: u32, powers: &mut Vec<i128>) -> i128 {
        match self.fading {
            Fading::Never => ONE,
            Fading::Months(months) => {
                if age < u32::from(months) {
                    ONE
                } else {
                    0
                }
            }
            Fading::Decay(decay) => {
                let age = usize::try_from(age).unwrap_or(usize::MAX);
                while powers.len() <= age {
                    let last = powers.last().copied().unwrap_or(0);
                    if last == 0 {
                        return 0;
                    }
                    powers.push(last.saturating_mul(i128::from(decay)).div_euclid(i128::from(DECAY)));
                }
                powers.get(age).copied().unwrap_or(0)
            }
        }
    }
}

/// Minor units, rounded down.
fn minor(exact: i128) -> i64 {
    let whole = exact.div_euclid(ONE.saturating_mul(i128::from(PARTS)));
    i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX })
}

/// What was counted under a name, by month.
fn months_of(counters: &Counters, name: &str) -> impl Iterator<Item = (u32, i64)> {
    let own = counters.range((name.to_owned(), 0)..).take_while(move |((is, _), _)| is == name);
    let of_month = |period: u32| period.is_multiple_of(100) && !period.is_multiple_of(10_000);
    own.filter(move |((_, period), _)| of_month(*period))
        .map(|((_, period), counted)| (month_number(*period), *counted))
}

/// Months since year 0, of a business date or of a month's period.
fn month_number(business_date: u32) -> u32 {
    let (year, month) = (business_date / 10_000, business_date / 100 % 100);
    year.saturating_mul(12).saturating_add(month.saturating_sub(1))
}

fn period_of(month: u32) -> u32 {
    (month / 12).saturating_mul(10_000).saturating_add((month % 12).saturating_add(1).saturating_mul(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(fading: Fading) -> MemberValue {
        let weight = |counter: &str, worth| Weight { counter: counter.into(), worth };
        MemberValue { fading, weights: vec![weight("spent", 50_000), weight("spent:brand:a:b", 7)] }
    }

    #[test]
    fn a_name_says_the_formula_whole() {
        for fading in [Fading::Never, Fading::Months(12), Fading::Decay(9_500)] {
            assert_eq!(MemberValue::named(&value(fading).name()), Some(value(fading)));
        }
        assert_eq!(value(Fading::Months(12)).name(), "value:12m:50000*spent;7*spent:brand:a:b");
        for other in ["spent", "value:", "value:12m:", "value:x", "value:12m:5"] {
            assert_eq!(MemberValue::named(other), None, "{other}");
        }
    }

    #[test]
    fn powers_of_a_decay_end_and_nothing_overflows() {
        let most = Counters::from([(("spent".to_owned(), 20_270_100), i64::MAX)]);
        let all = MemberValue {
            weights: vec![Weight { counter: "spent".into(), worth: i64::MAX }],
            fading: Fading::Decay(9_999),
        };
        assert_eq!(all.over(&most, 20_270_131), i64::MAX);
        assert_eq!(all.over(&most, 20_261_231), 0, "not yet");
        let half = MemberValue { fading: Fading::Decay(5_000), ..value(Fading::Never) };
        let spent = Counters::from([(("spent".to_owned(), 20_270_100), 20_000)]);
        let worth = [20_270_101, 20_270_201, 20_271_231, 99_991_231].map(|day| half.over(&spent, day));
        assert_eq!(worth, [1_000, 500, 0, 0]);
        assert_eq!(
            half.used_up(&Counters::from([(("x/spent".to_owned(), 20_270_100), 1)]), ["x/"], 20_270_301),
            1
        );
    }
}
