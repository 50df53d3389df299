//! JSON lines: the period and its opening balances, then a line a transaction, then the closing balances.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Counted, Form, Head, dashed};
use crate::domain::effect::Account;
use crate::finance::book::{Book, shown};
use crate::finance::entry::{Leg, Transaction};
use crate::finance::manifest::FileLine;

pub(super) struct Jsonl {
    file: Counted,
    head: Head,
}

impl Jsonl {
    pub(super) fn new(head: &Head, directory: &Path) -> Result<Self> {
        Ok(Self { file: Counted::create(directory, "journal.jsonl")?, head: head.clone() })
    }

    fn line(&mut self, value: &Value) -> Result<()> {
        writeln!(self.file, "{value}").context("writing journal.jsonl")
    }
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
        self.line(&json!({
            "index": t.index,
            "time": t.time,
            "business_date": dashed(t.business_date),
            "merchant": t.merchant,
            "store": t.store,
            "origin": t.origin,
            "message": t.what,
            "code": t.code,
            "terminal": t.terminal,
            "generation": t.generation,
            "stan": t.stan,
            "card": t.card,
            "amount": t.amount,
            "currency": t.currency,
            "programme_version": t.programme_version,
            "person": t.person,
            "shift": t.shift,
            "order_reference": t.order_reference,
            "tenders": t.tenders,
            "happened": t.happened,
            "postings": t.legs.iter().map(posting).collect::<Vec<_>>(),
        }))
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

fn posting(leg: &Leg) -> Value {
    let amount = shown(leg.amount, leg.commodity.exponent);
    let (journal_account, lot) = match &leg.posting.account {
        Account::Named(name) => (name.clone(), Value::Null),
        Account::Card { card, lot, expires, source } => {
            (format!("card:{}", card.0), json!({ "lot": lot, "expires": expires, "source": source }))
        }
    };
    json!({ "account": leg.account, "store": leg.store, "commodity": leg.commodity.name, "amount": amount,
        "journal_account": journal_account, "kind": leg.posting.kind.0, "lot": lot })
}
