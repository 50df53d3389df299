//! Prices for members (专享折扣; LOYALTY C6): a percentage off for a tier, a day, a category or a brand, on each line of a sale, or on
//! its amount when nobody said what was sold. Coupons will take off their part behind them.

use super::Programme;
use super::goods::Goods;
use super::multiplier::How;
use super::when::{Circumstances, When};
use crate::domain::decision::{Notes, Reason};
use crate::domain::effect::Line;
use crate::domain::ledger::Kind;
use crate::domain::request::Sold;

/// A whole, in hundredths of a percent.
const WHOLE: i128 = 10_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    pub rule: String,
    pub when: When,
    pub goods: Goods,
    /// What it takes off, in hundredths of a percent, 1 to 10,000.
    pub off: u16,
}

/// All of them, and how those that hold go together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prices {
    pub rules: Vec<Price>,
    /// The best, their sum, or one after the other (10% and 10% are 19%).
    pub how: How,
    /// Most that comes off a line, in hundredths of a percent; `None` for all of it.
    pub most: Option<u16>,
}

/// What prices take off a sale.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Discount {
    /// Minor units, never above the amount.
    pub amount: i64,
    /// The same by item, rising; nothing without lines.
    pub lines: Vec<Line>,
    pub reasons: Vec<Reason>,
}

impl Prices {
    /// What comes off `amount` minor units by the rules that hold, rounded down: after each of them, in the order of the file.
    fn off(&self, rules: &[&Price], amount: i64) -> Vec<(usize, i64)> {
        let amount = i128::from(amount);
        let capped = |off: i128| off.min(self.most.map_or(amount, |most| share(amount, i128::from(most))));
        let of = |off: i128| i64::try_from(capped(off)).unwrap_or(0);
        if self.how == How::Best {
            let best = rules.iter().enumerate().rev().max_by_key(|(_, rule)| rule.off);
            return best
                .map(|(at, rule)| (at, of(share(amount, i128::from(rule.off)))))
                .into_iter()
                .collect();
        }
        let (mut sum, mut left, mut whole, mut before) = (0_i128, 1_i128, 1_i128, 0);
        let mut each = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let rule_off = i128::from(rule.off);
            sum = sum.saturating_add(rule_off).min(WHOLE);
            let next = left.checked_mul(WHOLE.saturating_sub(rule_off)).zip(whole.checked_mul(WHOLE));
            let off = match (self.how, next) {
                (How::Product, Some((after, of_whole))) => {
                    // What is left is rounded up, so that what comes off is rounded down. More rules than can be reckoned with
                    // exactly take nothing more off.
                    let Some(stays) = amount.checked_mul(after) else { break };
                    (left, whole) = (after, of_whole);
                    let up = stays
                        .saturating_add(of_whole.saturating_sub(1))
                        .checked_div(of_whole)
                        .unwrap_or(amount);
                    amount.saturating_sub(up)
                }
                (How::Product, None) => break,
                _ => share(amount, sum),
            };
            let off = of(off);
            each.push((at, off.saturating_sub(before)));
            before = off;
        }
        each
    }
}

/// Hundredths of a percent of an amount, rounded down.
fn share(amount: i128, of: i128) -> i128 {
    amount.saturating_mul(of).checked_div(WHOLE).unwrap_or(0)
}

impl Programme {
    /// What the prices that hold now take off a sale of `amount` minor units.
    #[must_use]
    pub fn discount(&self, at: &Circumstances<'_>, sold: &[Sold], amount: i64) -> Discount {
        let rules: Vec<&Price> = self.prices.rules.iter().filter(|rule| rule.when.holds(self, at)).collect();
        let mut bases: Vec<(i64, i64)> = vec![(0, 0); rules.len()];
        let mut discount = Discount::default();
        let mut take = |amount: i64, fits: &dyn Fn(&Price) -> bool| -> i64 {
            let (places, rules): (Vec<usize>, Vec<&Price>) =
                rules.iter().copied().enumerate().filter(|(_, rule)| fits(rule)).unzip();
            let mut sum = 0_i64;
            for (at, off) in self.prices.off(&rules, amount) {
                let Some(base) = places.get(at).and_then(|place| bases.get_mut(*place)) else { continue };
                *base = (base.0.saturating_add(amount), base.1.saturating_add(off));
                sum = sum.saturating_add(off);
            }
            sum
        };
        if sold.is_empty() {
            discount.amount = take(amount, &|rule| rule.goods.is_everything());
        }
        let mut left = amount;
        for line in sold {
            // Lines that come to more than the amount were not sold for more than it.
            let off = take(line.amount.min(left), &|rule| rule.goods.has(line));
            left = left.saturating_sub(line.amount.min(left));
            discount.amount = discount.amount.saturating_add(off);
            match discount.lines.iter_mut().find(|held| held.item == line.item) {
                _ if off == 0 => {}
                Some(held) => held.amount = held.amount.saturating_add(off),
                None => discount.lines.push(Line { item: line.item.clone(), quantity: 0, amount: off }),
            }
        }
        discount.lines.sort_by(|one, other| one.item.cmp(&other.item));
        let given = rules.iter().zip(bases).filter(|(_, (_, off))| *off > 0);
        discount.reasons = given
            .map(|(rule, (base, result))| Reason {
                rule: rule.rule.clone(),
                kind: Kind::MONEY,
                base,
                rate: percent(rule.off),
                result,
                notes: Notes::ROUNDED.when(is_rounded(rule.off, base)),
                other: None,
            })
            .collect();
        discount
    }
}

fn is_rounded(off: u16, base: i64) -> bool {
    i128::from(base).saturating_mul(i128::from(off)).checked_rem(WHOLE) != Some(0)
}

/// As a receipt prints it: `10%`, `12.5%`.
fn percent(off: u16) -> String {
    let text = rust_decimal::Decimal::new(i64::from(off), 2).normalize();
    format!("{text}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(off: u16) -> Price {
        Price { rule: format!("off-{off}"), when: When::default(), goods: Goods::default(), off }
    }

    #[test]
    fn rules_go_together_as_declared_rounded_down_and_capped() {
        let rules = [price(1_000), price(500), price(1_000)];
        let rules: Vec<&Price> = rules.iter().collect();
        for (how, most, amount, each) in [
            (How::Best, None, 37_50, vec![(0, 3_75)]),
            (How::Best, None, 9, vec![(0, 0)]),
            (How::Best, None, 10, vec![(0, 1)]),
            (How::Best, Some(800), 10_000, vec![(0, 8_00)]),
            (How::Sum, None, 10_000, vec![(0, 10_00), (1, 5_00), (2, 10_00)]),
            (How::Sum, Some(2_000), 10_000, vec![(0, 10_00), (1, 5_00), (2, 5_00)]),
            // 100.00, 90.00, 85.50, 76.95
            (How::Product, None, 10_000, vec![(0, 10_00), (1, 4_50), (2, 8_55)]),
            (How::Product, None, 99, vec![(0, 9), (1, 5), (2, 8)]),
        ] {
            let prices = Prices { rules: Vec::new(), how, most };
            assert_eq!(prices.off(&rules, amount), each, "{how:?} {amount}");
        }
        let all = [price(10_000), price(10_000)];
        for how in [How::Best, How::Sum, How::Product] {
            let prices = Prices { rules: Vec::new(), how, most: None };
            let off = prices.off(&all.iter().collect::<Vec<_>>(), 999_999_999_999);
            assert_eq!(off.iter().map(|(_, off)| off).sum::<i64>(), 999_999_999_999);
        }
    }
}
