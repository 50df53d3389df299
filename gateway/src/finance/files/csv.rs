//! CSV: what happened, every leg, every card lot that moved, and the roll-forward.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Counted, Form, dashed};
use crate::domain::effect::Account;
use crate::domain::ledger::Kind;
use crate::finance::book::{Book, shown};
use crate::finance::entry::{Leg, Transaction};
use crate::finance::manifest::FileLine;

const TRANSACTIONS: [&str; 24] = [
    "index",
    "time",
    "business_date",
    "merchant",
    "store",
    "origin",
    "message",
    "code",
    "terminal",
    "generation",
    "stan",
    "card",
    "amount",
    "currency",
    "principal",
    "bonus",
    "points",
    "programme_version",
    "person",
    "shift",
    "order_reference",
    "tenders",
    "happened",
    "legs",
];
const POSTINGS: [&str; 10] = [
    "index",
    "business_date",
    "store",
    "account",
    "commodity",
    "amount",
    "debit",
    "credit",
    "journal_account",
    "kind",
];
const LOTS: [&str; 10] =
    ["index", "business_date", "store", "card", "lot", "kind", "commodity", "amount", "expires", "source"];
const TOTALS: [&str; 6] = ["account", "commodity", "opening", "debit", "credit", "closing"];

pub(super) struct Csv {
    transactions: csv::Writer<Counted>,
    postings: csv::Writer<Counted>,
    lots: csv::Writer<Counted>,
    totals: csv::Writer<Counted>,
}

impl Csv {
    pub(super) fn new(directory: &Path) -> Result<Self> {
        let open = |name: &'static str, columns: &[&str]| -> Result<_> {
            let mut writer = csv::Writer::from_writer(Counted::create(directory, name)?);
            writer.write_record(columns)?;
            Ok(writer)
        };
        Ok(Self {
            transactions: open("transactions.csv", &TRANSACTIONS)?,
            postings: open("postings.csv", &POSTINGS)?,
            lots: open("lots.csv", &LOTS)?,
            totals: open("totals.csv", &TOTALS)?,
        })
    }

    fn leg(&mut self, transaction: &Transaction, leg: &Leg) -> Result<()> {
        let index = transaction.index.to_string();
        let date = dashed(transaction.business_date);
        let (amount, kind) = (shown(leg.amount, leg.commodity.exponent), leg.posting.kind.0.to_string());
        let side = shown(leg.posting.amount.saturating_abs(), leg.commodity.exponent);
        let (debit, credit) = if leg.amount > 0 { (side.as_str(), "") } else { ("", side.as_str()) };
        let (store, commodity) = (leg.store.as_str(), leg.commodity.name.as_str());
        let journal_account = match &leg.posting.account {
            Account::Card { card, .. } => format!("card:{}", card.0),
            Account::Named(name) => name.clone(),
        };
        let (account, from) = (leg.account.as_str(), journal_account.as_str());
        self.postings
            .write_record([&index, &date, store, account, commodity, &amount, debit, credit, from, &kind])?;
        let Account::Card { card, lot, expires, source } = &leg.posting.account else { return Ok(()) };
        let expires = match expires {
            Some(at) => jiff::Timestamp::from_second(*at).context("the end of a lot")?.to_string(),
            None => String::new(),
        };
        let (card, lot, source) = (card.0.to_string(), lot.to_string(), source.to_string());
        let held = shown(leg.posting.amount, leg.commodity.exponent);
        self.lots
            .write_record([&index, &date, store, &card, &lot, &kind, commodity, &held, &expires, &source])?;
        Ok(())
    }
}

impl Form for Csv {
    fn begin(&mut self, _: &Book) -> Result<()> {
        Ok(())
    }

    fn transaction(&mut self, t: &Transaction) -> Result<()> {
        let exponent =
            t.legs.iter().find(|leg| leg.posting.kind.is_money()).map_or(2, |leg| leg.commodity.exponent);
        let money = |kind: Kind| match t.change(kind) {
            0 => String::new(),
            change => shown(change, exponent),
        };
        self.transactions.write_record([
            t.index.to_string().as_str(),
            &t.time,
            &dashed(t.business_date),
            &t.merchant,
            &t.store,
            t.origin,
            &t.what,
            &t.code,
            &t.terminal,
            &t.generation,
            &t.stan,
            &t.card,
            &t.amount,
            &t.currency,
            &money(Kind::PRINCIPAL),
            &money(Kind::BONUS),
            &t.change(Kind::POINTS).to_string(),
            &t.programme_version.to_string(),
            &t.person,
            &t.shift,
            &no_formula(&t.order_reference),
            &t.tenders,
            &t.happened,
            &t.legs.len().to_string(),
        ])?;
        t.legs.iter().try_for_each(|leg| self.leg(t, leg))
    }

    fn end(mut self: Box<Self>, book: &Book) -> Result<Vec<FileLine>> {
        for ((account, commodity), balance) in &book.balances {
            let closing = balance.closing().context("a balance leaves the range")?;
            let [opening, debit, credit, closing] = [balance.opening, balance.debit, balance.credit, closing]
                .map(|amount| shown(amount, commodity.exponent));
            self.totals.write_record([account, &commodity.name, &opening, &debit, &credit, &closing])?;
        }
        let files = [self.transactions, self.postings, self.lots, self.totals];
        let finish = |writer: csv::Writer<Counted>| {
            writer.into_inner().map_err(|error| anyhow::anyhow!("writing CSV: {error}"))?.finish()
        };
        files.into_iter().map(finish).collect()
    }
}

/// A text that a spreadsheet will not run: what would begin a formula gets an apostrophe before it.
fn no_formula(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reference_cannot_run_in_a_spreadsheet() {
        assert_eq!(no_formula("=cmd()"), "'=cmd()");
        assert_eq!(no_formula("A-1"), "A-1");
    }
}
