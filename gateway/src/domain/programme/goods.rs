//! Which goods a rule is about (消费积分, 商品类别; LOYALTY B1, B3).

use crate::domain::request::Sold;

/// Goods by item, category and brand; an empty list asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Goods {
    pub items: Vec<String>,
    pub categories: Vec<String>,
    pub brands: Vec<String>,
}

impl Goods {
    /// True when it is about whatever is sold, also when nobody says what that was.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.items.is_empty() && self.categories.is_empty() && self.brands.is_empty()
    }

    /// Whether a line of a sale is of these goods.
    #[must_use]
    pub fn has(&self, line: &Sold) -> bool {
        let named = |wanted: &[String], is: Option<&str>| {
            wanted.is_empty() || is.is_some_and(|is| wanted.iter().any(|name| name == is))
        };
        named(&self.items, Some(&line.item))
            && named(&self.categories, Some(&line.category))
            && named(&self.brands, line.brand.as_deref())
    }
}

/// A sale as rules see it. Amounts are minor units.
#[derive(Debug, Clone, Copy)]
pub struct Sale<'a> {
    /// Item by item; none when nobody said.
    pub sold: &'a [Sold],
    /// What was to be paid in all.
    pub due: i64,
    /// What balances paid of it.
    pub paid: i64,
}

impl Sale<'_> {
    /// What balances paid for these goods, by their share of what was sold, rounded down.
    #[must_use]
    pub fn paid_for(&self, goods: &Goods) -> i64 {
        if goods.is_everything() {
            return self.paid;
        }
        let of_goods = self.sum(goods, |line| line.amount);
        share(of_goods, self.paid, self.sum(&Goods::default(), |line| line.amount))
    }

    /// How many thousandths of these goods balances paid for, rounded down: all of them when they paid all that was due.
    #[must_use]
    pub fn units_of(&self, goods: &Goods) -> i64 {
        share(self.sum(goods, |line| line.quantity), self.paid, self.due)
    }

    fn sum(&self, goods: &Goods, of: impl Fn(&Sold) -> i64) -> i64 {
        self.sold.iter().filter(|line| goods.has(line)).fold(0, |sum, line| sum.saturating_add(of(line)))
    }
}

/// `all` x `part` / `whole`, rounded down; 0 of nothing.
fn share(all: i64, part: i64, whole: i64) -> i64 {
    let product = i128::from(all).checked_mul(i128::from(part));
    let share = product.and_then(|product| product.checked_div(i128::from(whole)));
    share.and_then(|share| i64::try_from(share).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sold(item: &str, category: &str, quantity: i64, amount: i64) -> Sold {
        let brand = item.starts_with('T').then(|| "tea-house".to_owned());
        Sold { item: item.into(), category: category.into(), brand, quantity, amount }
    }

    #[test]
    fn goods_have_their_share_of_what_balances_paid_rounded_down() {
        let lines = [sold("T1", "tea", 2_000, 3_000), sold("C1", "cup", 1_000, 7_000)];
        let of = |paid| Sale { sold: &lines, due: 10_000, paid };
        let tea = Goods { categories: vec!["tea".into()], ..Goods::default() };
        let brand = Goods { brands: vec!["tea-house".into()], ..Goods::default() };
        for (paid, tea_paid, tea_units) in [(10_000, 3_000, 2_000), (9_999, 2_999, 1_999), (0, 0, 0)] {
            assert_eq!((of(paid).paid_for(&tea), of(paid).units_of(&tea)), (tea_paid, tea_units));
            assert_eq!(of(paid).paid_for(&brand), tea_paid);
            assert_eq!(of(paid).paid_for(&Goods::default()), paid);
        }
        let other = Goods { items: vec!["X".into()], ..Goods::default() };
        assert_eq!((of(10_000).paid_for(&other), of(10_000).units_of(&other)), (0, 0));
        let unsaid = Sale { sold: &[], due: 10_000, paid: 10_000 };
        assert_eq!((unsaid.paid_for(&Goods::default()), unsaid.paid_for(&tea)), (10_000, 0), "nobody said");
    }
}
