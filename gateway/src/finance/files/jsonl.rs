//! JSON lines: the period and its opening balances, then a line a transaction, then the closing balances.

use std::borrow::Cow;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::json;

use super::{Counted, Form, Head, dashed};
use crate::domain::effect::Account;
use crate::finance::book::{Book, shown};
use crate::finance::entry::{Leg, Transaction};
use crate::finance::manifest::FileLine;

pub(super) struct Jsonl {
    file: Counted,
    head: Head,
    /// Room for a line.
    line: Vec<u8>,
}

impl Jsonl {
    pub(super) fn new(head: &Head, directory: &Path) -> Result<Self> {
        let file = Counted::create(directory, "journal.jsonl")?;
        Ok(Self { file, head: head.clone(), line: Vec::new() })
    }

    fn line(&mut self, value: &impl Serialize) -> Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value).context("writing journal.jsonl")?;
        self.line.push(b'\n');
        self.file.write_all(&self.line).context("writing journal.jsonl")
    }
}

/// A transaction. Here and below it, fields stand by their names, as in every other line.
#[derive(Serialize)]
struct Line<'a> {
    amount: &'a str,
    business_date: String,
    card: &'a str,
    code: &'a str,
    currency: &'a str,
    generation: &'a str,
    happened: &'a str,
    index: u64,
    merchant: &'a str,
    message: &'a str,
    order_reference: &'a str,
    origin: &'a str,
    person: &'a str,
    postings: Vec<Posting<'a>>,
    programme_version: u32,
    shift: &'a str,
    stan: &'a str,
    store: &'a str,
    tenders: &'a str,
    terminal: &'a str,
    time: &'a str,
}

#[derive(Serialize)]
struct Posting<'a> {
    account: &'a str,
    amount: String,
    commodity: &'a str,
    journal_account: Cow<'a, str>,
    kind: u8,
    lot: Option<Lot>,
    store: &'a str,
}

#[derive(Serialize)]
struct Lot {
    expires: Option<i64>,
    lot: u32,
    source: u64,
}

impl Form for Jsonl {
    fn begin(&mut self, book: &Book) -> Result<()> {
        let balances = book.openings().map(|(account, commodity, amount)| {
            json!({ "account": account, "commodity": commodity.name, "amount": shown(amount, commodity.exponent) })
        });
        let head = json!({ "from": self.head.from.to_string(), "to": self.head.to.to_string(), "store": self.head.store,
            "opening": balances.collect::<Vec<_>>() });
        self.line(&head)
    }

    fn transaction(&mut self, t: &Transaction) -> Result<()> {
        self.line(&Line {
            amount: &t.amount,
            business_date: dashed(t.business_date),
            card: &t.card,
            code: &t.code,
            currency: &t.currency,
            generation: &t.generation,
            happened: &t.happened,
            index: t.index,
            merchant: &t.merchant,
            message: &t.what,
            order_reference: &t.order_reference,
            origin: t.origin,
            person: &t.person,
            postings: t.legs.iter().map(posting).collect(),
            programme_version: t.programme_version,
            shift: &t.shift,
            stan: &t.stan,
            store: &t.store,
            tenders: &t.tenders,
            terminal: &t.terminal,
            time: &t.time,
        })
    }

    fn end(mut self: Box<Self>, book: &Book) -> Result<Vec<FileLine>> {
        let mut closing = Vec::new();
        for ((account, commodity), balance) in &book.balances {
            let amount = balance.closing().context("a balance leaves the range")?;
            let amount = shown(amount, commodity.exponent);
            closing.push(json!({ "account": account, "commodity": commodity.name, "amount": amount }));
        }
        self.line(&json!({ "closing": closing }))?;
        Ok(vec![self.file.finish()?])
    }
}

fn posting(leg: &Leg) -> Posting<'_> {
    let (journal_account, lot) = match &leg.posting.account {
        Account::Named(name) => (name.into(), None),
        Account::Card { card, lot, expires, source } => {
            let lot = Lot { expires: *expires, lot: *lot, source: *source };
            (format!("card:{}", card.0).into(), Some(lot))
        }
    };
    Posting {
        account: &leg.account,
        amount: shown(leg.amount, leg.commodity.exponent),
        commodity: &leg.commodity.name,
        journal_account,
        kind: leg.posting.kind.0,
        lot,
        store: &leg.store,
    }
}
