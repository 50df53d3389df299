//! CSV: what happened, every leg, every card lot that moved, and the roll-forward.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Counted, Form, dashed};
use crate::domain::card::CardReference;
use crate::domain::effect::Account;
use crate::domain::ledger::Kind;
use crate::finance::book::{Book, digits, show, shown};
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
    line: Line,
    /// The end of the last lot, which many have.
    end: (i64, String),
}

/// A line under way, in memory that lines share.
#[derive(Default)]
struct Line {
    fields: csv::ByteRecord,
    field: String,
}

impl Line {
    fn text(&mut self, text: &str) -> &mut Self {
        self.fields.push_field(text.as_bytes());
        self
    }

    fn number(&mut self, number: impl Into<u64>) -> &mut Self {
        self.field.clear();
        digits(&mut self.field, number.into());
        self.fields.push_field(self.field.as_bytes());
        self
    }

    fn amount(&mut self, amount: i64, exponent: u8) -> &mut Self {
        self.field.clear();
        show(&mut self.field, amount, exponent);
        self.fields.push_field(self.field.as_bytes());
        self
    }

    fn card(&mut self, card: CardReference) -> &mut Self {
        self.field.clear();
        self.field.push_str("card:");
        digits(&mut self.field, card.0);
        self.fields.push_field(self.field.as_bytes());
        self
    }

    fn write(&mut self, file: &mut csv::Writer<Counted>) -> Result<()> {
        file.write_byte_record(&self.fields)?;
        self.fields.clear();
        Ok(())
    }
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
            line: Line::default(),
            end: (0, timestamp(0)?),
        })
    }

    fn leg(&mut self, (index, date): (u64, &str), leg: &Leg) -> Result<()> {
        let (posting, exponent) = (&leg.posting, leg.commodity.exponent);
        let (kind, side) = (posting.kind.0, posting.amount.saturating_abs());
        let line = &mut self.line;
        line.number(index).text(date).text(&leg.store).text(&leg.account).text(&leg.commodity.name);
        line.amount(leg.amount, exponent);
        if leg.amount > 0 {
            line.amount(side, exponent).text("")
        } else {
            line.text("").amount(side, exponent)
        };
        match &posting.account {
            Account::Card { card, .. } => line.card(*card),
            Account::Named(name) => line.text(name),
        };
        line.number(kind).write(&mut self.postings)?;

        let Account::Card { card, lot, expires, source } = &posting.account else { return Ok(()) };
        if let Some(at) = expires.filter(|at| *at != self.end.0) {
            self.end = (at, timestamp(at)?);
        }
        let end = if expires.is_some() { self.end.1.as_str() } else { "" };
        line.number(index).text(date).text(&leg.store).number(card.0).number(*lot).number(kind);
        line.text(&leg.commodity.name).amount(posting.amount, exponent).text(end).number(*source);
        line.write(&mut self.lots)
    }
}

fn timestamp(second: i64) -> Result<String> {
    Ok(jiff::Timestamp::from_second(second).context("the end of a lot")?.to_string())
}

impl Form for Csv {
    fn begin(&mut self, _: &Book) -> Result<()> {
        Ok(())
    }

    fn transaction(&mut self, t: &Transaction) -> Result<()> {
        let exponent =
            t.legs.iter().find(|leg| leg.posting.kind.is_money()).map_or(2, |leg| leg.commodity.exponent);
        let date = dashed(t.business_date);
        let line = &mut self.line;
        line.number(t.index).text(&t.time).text(&date).text(&t.merchant).text(&t.store).text(t.origin);
        line.text(&t.what).text(&t.code).text(&t.terminal).text(&t.generation).text(&t.stan).text(&t.card);
        line.text(&t.amount).text(&t.currency);
        for kind in [Kind::PRINCIPAL, Kind::BONUS] {
            match t.change(kind) {
                0 => line.text(""),
                change => line.amount(change, exponent),
            };
        }
        line.amount(t.change(Kind::POINTS), 0).number(t.programme_version).text(&t.person).text(&t.shift);
        line.text(&no_formula(&t.order_reference)).text(&t.tenders).text(&t.happened);
        line.number(t.legs.len() as u64).write(&mut self.transactions)?;
        t.legs.iter().try_for_each(|leg| self.leg((t.index, &date), leg))
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
fn no_formula(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}").into() } else { text.into() }
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
