//! A period's roll-forward: what every account began with, what moved, and what it ended with.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

/// What is counted: money of a currency, or points of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commodity {
    /// ISO 4217, or `PTS` for ordinary points, `PTS17` and so on for others.
    pub name: String,
    /// Decimal places.
    pub exponent: u8,
}

/// One account in one commodity. Debits are above zero, credits below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    pub opening: i64,
    /// Sum of the period's debits.
    pub debit: i64,
    /// Sum of the period's credits, above zero.
    pub credit: i64,
}

impl Balance {
    /// What it ends with; `None` outside the range.
    #[must_use]
    pub fn closing(&self) -> Option<i64> {
        self.opening.checked_add(self.debit)?.checked_sub(self.credit)
    }

    /// Books an amount of the period.
    ///
    /// # Errors
    /// When a sum leaves the range.
    pub fn post(&mut self, amount: i64) -> Result<()> {
        let side = if amount > 0 { &mut self.debit } else { &mut self.credit };
        let moved = amount.checked_abs().and_then(|amount| side.checked_add(amount));
        *side = moved.context("a sum leaves the range")?;
        Ok(())
    }
}

/// An account and its commodity, owned or not: most legs are of an account that is in the book, and need no copy of its name.
trait Named {
    fn named(&self) -> (&str, &Commodity);
}

impl Named for (String, Commodity) {
    fn named(&self) -> (&str, &Commodity) {
        (&self.0, &self.1)
    }
}

impl Named for (&str, &Commodity) {
    fn named(&self) -> (&str, &Commodity) {
        *self
    }
}

impl<'a> Borrow<dyn Named + 'a> for (String, Commodity) {
    fn borrow(&self) -> &(dyn Named + 'a) {
        self
    }
}

impl PartialEq for dyn Named + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.named() == other.named()
    }
}

impl Eq for dyn Named + '_ {}

impl PartialOrd for dyn Named + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Named + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.named().cmp(&other.named())
    }
}

/// All accounts, by name and commodity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book {
    pub balances: BTreeMap<(String, Commodity), Balance>,
}

impl Book {
    /// Books an amount before the period.
    ///
    /// # Errors
    /// When a sum leaves the range.
    pub fn open(&mut self, account: &str, commodity: &Commodity, amount: i64) -> Result<()> {
        let held = self.of(account, commodity);
        held.opening = held.opening.checked_add(amount).context("an opening balance leaves the range")?;
        Ok(())
    }

    /// Books an amount of the period.
    ///
    /// # Errors
    /// When a sum leaves the range.
    pub fn post(&mut self, account: &str, commodity: &Commodity, amount: i64) -> Result<()> {
        self.of(account, commodity).post(amount)
    }

    fn of(&mut self, account: &str, commodity: &Commodity) -> &mut Balance {
        let known = (account, commodity);
        if !self.balances.contains_key(&known as &dyn Named) {
            self.balances.insert((account.to_owned(), commodity.clone()), Balance::default());
        }
        self.balances.get_mut(&known as &dyn Named).expect("an account that was just there or put there")
    }

    /// What every account begins with, those at nothing left out.
    pub fn openings(&self) -> impl Iterator<Item = (&str, &Commodity, i64)> {
        let each = self.balances.iter().filter(|(_, balance)| balance.opening != 0);
        each.map(|((account, commodity), balance)| (account.as_str(), commodity, balance.opening))
    }

    /// Proves that debits are credits: in what was there, in what moved, and so in what is there.
    ///
    /// # Errors
    /// Says in which commodity they are not.
    pub fn check(&self) -> Result<()> {
        let mut sums: BTreeMap<&Commodity, [i128; 3]> = BTreeMap::new();
        for ((account, commodity), balance) in &self.balances {
            let closing = balance.closing().with_context(|| format!("{account} leaves the range"))?;
            let moved = i128::from(balance.debit).checked_sub(i128::from(balance.credit));
            let parts = [i128::from(balance.opening), moved.unwrap_or(i128::MAX), i128::from(closing)];
            for (sum, part) in sums.entry(commodity).or_default().iter_mut().zip(parts) {
                *sum = sum.saturating_add(part);
            }
        }
        for (commodity, sums) in sums {
            ensure!(sums == [0, 0, 0], "the trial balance of {} does not come to zero", commodity.name);
        }
        Ok(())
    }
}

/// An amount with all its decimal places: `-12.05` for -1205 at two.
#[must_use]
pub fn shown(amount: i64, exponent: u8) -> String {
    let mut text = String::with_capacity(24);
    show(&mut text, amount, exponent);
    text
}

/// Appends what [`shown`] gives.
pub(super) fn show(text: &mut String, amount: i64, exponent: u8) {
    let places = usize::from(exponent);
    if amount < 0 {
        text.push('-');
    }
    let begin = text.len();
    digits(text, amount.unsigned_abs());
    // A digit before the point at least.
    let lacking = places.saturating_add(1).saturating_sub(text.len().saturating_sub(begin));
    if lacking > 0 {
        text.insert_str(begin, &"0".repeat(lacking));
    }
    if places > 0 {
        text.insert(text.len().saturating_sub(places), '.');
    }
}

/// Appends a number; files have millions of them.
pub(super) fn digits(text: &mut String, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut length: usize = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0'.saturating_add(u8::try_from(number % 10).unwrap_or(0));
        length = length.saturating_add(1);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    let from = digits.len().saturating_sub(length);
    text.push_str(str::from_utf8(digits.get(from..).unwrap_or_default()).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_all_their_places() {
        for (amount, exponent, text) in [
            (-1205, 2, "-12.05"),
            (5, 2, "0.05"),
            (0, 2, "0.00"),
            (1205, 0, "1205"),
            (-7, 0, "-7"),
            (1, 3, "0.001"),
        ] {
            assert_eq!(shown(amount, exponent), text);
        }
        assert_eq!(shown(i64::MIN, 2), "-92233720368547758.08");
        for exponent in 0..=6 {
            for amount in
                [0, 1, -1, 9, -10, 99, 100, -101, 999_999, 1_000_000, -1_000_001, i64::MAX, i64::MIN]
            {
                let decimal = rust_decimal::Decimal::new(amount, u32::from(exponent));
                assert_eq!(shown(amount, exponent), decimal.to_string());
            }
        }
    }

    #[test]
    fn a_trial_balance_comes_to_zero_or_says_in_what_it_does_not() {
        let (money, points) = (commodity("CNY", 2), commodity("PTS", 0));
        let mut book = Book::default();
        book.open("a", &money, 5).expect("in range");
        book.open("b", &money, -5).expect("in range");
        for (account, commodity, amount) in [
            ("a", &money, 100),
            ("b", &money, -100),
            ("a", &money, -30),
            ("b", &money, 30),
            ("a", &points, 7),
        ] {
            book.post(account, commodity, amount).expect("in range");
        }
        assert!(book.check().unwrap_err().to_string().contains("PTS"));
        book.post("p", &points, -7).expect("in range");
        book.check().expect("zero");
        let a = book.balances[&("a".to_owned(), money.clone())];
        assert_eq!((a.opening, a.debit, a.credit, a.closing()), (5, 100, 30, Some(75)));
        // Two wrongs that cancel out at the end are still two wrongs.
        book.open("c", &money, 1).expect("in range");
        book.post("c", &money, -1).expect("in range");
        assert!(book.check().is_err());
    }

    fn commodity(name: &str, exponent: u8) -> Commodity {
        Commodity { name: name.into(), exponent }
    }
}
