//! A journal for hledger: it balances by itself from the opening balances on, declares what it uses, and asserts what is there
//! at the end.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Counted, Form, Head, append, dashed};
use crate::finance::book::{Book, Commodity, digits, show};
use crate::finance::entry::Transaction;
use crate::finance::manifest::FileLine;

pub(super) struct Hledger {
    file: Counted,
    head: Head,
    /// Room for a transaction.
    text: String,
}

impl Hledger {
    pub(super) fn new(head: &Head, directory: &Path) -> Result<Self> {
        let file = Counted::create(directory, "journal.hledger")?;
        Ok(Self { file, head: head.clone(), text: String::new() })
    }
}

/// A symbol with digits stands in quotes.
fn symbol(commodity: &Commodity) -> Cow<'_, str> {
    let name = commodity.name.as_str();
    if name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        name.into()
    } else {
        format!("\"{name}\"").into()
    }
}

fn amount(amount: i64, commodity: &Commodity) -> String {
    let mut text = String::new();
    append_amount(&mut text, amount, commodity);
    text
}

fn append_amount(text: &mut String, amount: i64, commodity: &Commodity) {
    show(text, amount, commodity.exponent);
    append(text, &[" ", &symbol(commodity)]);
}

impl Form for Hledger {
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
        writeln!(self.file, "\n{before} Opening balances")?;
        for (account, commodity, opening) in openings {
            writeln!(self.file, "    {account}  {}", amount(opening, commodity))?;
        }
        Ok(())
    }

    fn transaction(&mut self, t: &Transaction) -> Result<()> {
        if t.legs.is_empty() {
            return Ok(());
        }
        let text = &mut self.text;
        text.clear();
        append(text, &["\n", &dashed(t.business_date), " ("]);
        digits(text, t.index);
        text.push_str(") ");
        describe(text, t);
        text.push('\n');
        for leg in &t.legs {
            append(text, &["    ", &leg.account, "  "]);
            append_amount(text, leg.amount, &leg.commodity);
            text.push('\n');
        }
        Ok(self.file.write_all(text.as_bytes())?)
    }

    fn end(mut self: Box<Self>, book: &Book) -> Result<Vec<FileLine>> {
        if !book.balances.is_empty() {
            writeln!(self.file, "\n{} Closing balances", self.head.to)?;
        }
        for ((account, commodity), balance) in &book.balances {
            let closing = balance.closing().context("a balance leaves the range")?;
            writeln!(self.file, "    {account}  {} = {}", amount(0, commodity), amount(closing, commodity))?;
        }
        writeln!(self.file, "\n; What it uses, for `hledger check --strict`.")?;
        let accounts: BTreeSet<_> = book.balances.keys().map(|(account, _)| account).collect();
        for account in accounts {
            writeln!(self.file, "account {account}")?;
        }
        let commodities: BTreeSet<_> = book.balances.keys().map(|(_, commodity)| commodity).collect();
        for commodity in commodities {
            let places = "0".repeat(usize::from(commodity.exponent));
            writeln!(self.file, "commodity 1000.{places} {}", symbol(commodity))?;
        }
        Ok(vec![self.file.finish()?])
    }
}

/// Words that have no free text in them: what a till writes must not become a directive.
pub(super) fn describe(text: &mut String, t: &Transaction) {
    t.append_kind(text);
    if !t.terminal.is_empty() {
        append(text, &[" ", &t.terminal, "/", &t.generation, "/", &t.stan]);
    }
}
