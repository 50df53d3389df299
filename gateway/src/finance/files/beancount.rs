//! A file for beancount: it balances by itself from the opening balances on, opens what it uses, and asserts what is there at
//! the end, to the last unit.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::hledger::describe;
use super::{Counted, Form, Head, append, dashed};
use crate::finance::book::{Book, Commodity, digits, show, shown};
use crate::finance::entry::Transaction;
use crate::finance::manifest::FileLine;
use crate::finance::names::is_beancount;

pub(super) struct Beancount {
    file: Counted,
    head: Head,
    /// Room for a transaction.
    text: String,
}

impl Beancount {
    pub(super) fn new(head: &Head, directory: &Path) -> Result<Self> {
        let file = Counted::create(directory, "journal.beancount")?;
        Ok(Self { file, head: head.clone(), text: String::new() })
    }
}

impl Form for Beancount {
    fn begin(&mut self, book: &Book) -> Result<()> {
        let store = self.head.store.as_ref().map_or(String::new(), |store| format!(", store {store}"));
        writeln!(
            self.file,
            "; Business dates {} to {}{store}. Debits are above zero.",
            self.head.from, self.head.to
        )?;
        let openings: Vec<_> = book.openings().collect();
        if openings.is_empty() {
            return Ok(());
        }
        let before = self.head.from.yesterday().context("the day before")?;
        writeln!(self.file, "\n{before} * \"Opening balances\"")?;
        for (account, commodity, opening) in openings {
            writeln!(self.file, "  {account}  {} {}", shown(opening, commodity.exponent), commodity.name)?;
        }
        Ok(())
    }

    fn transaction(&mut self, t: &Transaction) -> Result<()> {
        if t.legs.is_empty() {
            return Ok(());
        }
        let text = &mut self.text;
        text.clear();
        append(text, &["\n", &dashed(t.business_date), " * \""]);
        describe(text, t);
        text.push_str("\"\n  index: ");
        digits(text, t.index);
        text.push('\n');
        for leg in &t.legs {
            append(text, &["  ", &leg.account, "  "]);
            show(text, leg.amount, leg.commodity.exponent);
            append(text, &[" ", &leg.commodity.name, "\n"]);
        }
        Ok(self.file.write_all(text.as_bytes())?)
    }

    fn end(mut self: Box<Self>, book: &Book) -> Result<Vec<FileLine>> {
        let before = self.head.from.yesterday().context("the day before")?;
        let behind = self.head.to.tomorrow().context("the day after")?;
        writeln!(self.file, "\n; What it uses, and what is there at the end.")?;
        let commodities: BTreeSet<_> = book.balances.keys().map(|(_, commodity)| &commodity.name).collect();
        for commodity in commodities {
            writeln!(self.file, "{before} commodity {commodity}")?;
        }
        let accounts: BTreeSet<_> = book.balances.keys().map(|(account, _)| account).collect();
        for account in accounts {
            ensure!(
                is_beancount(account),
                "{account:?} is no account for beancount: it begins with Assets, Liabilities, Equity, Income or Expenses, and its \
                 parts with an upper-case letter or a digit"
            );
            writeln!(self.file, "{before} open {account}")?;
        }
        for (account, commodity) in book.balances.keys() {
            let closing = shown(with_below(book, account, commodity)?, commodity.exponent);
            // Without a tolerance of its own, beancount would let a cent pass.
            writeln!(self.file, "{behind} balance {account}  {closing} ~ 0 {}", commodity.name)?;
        }
        Ok(vec![self.file.finish()?])
    }
}

/// What beancount takes for an account's balance: its own and that of every account below it.
fn with_below(book: &Book, account: &str, commodity: &Commodity) -> Result<i64> {
    let is_below =
        |name: &str| name.strip_prefix(account).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    let each = book.balances.iter().filter(|((name, of), _)| of == commodity && is_below(name));
    let mut closings = each.map(|(_, balance)| balance.closing());
    let sum = closings.try_fold(0_i64, |sum, closing| sum.checked_add(closing?));
    sum.context("a balance leaves the range")
}
