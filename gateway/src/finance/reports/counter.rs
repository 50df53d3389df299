//! What is out of the ordinary at the counter, by terminal and by cashier: how often, of how many, and which entries.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use protocol::answer::Answer;
use protocol::cose::Sign1;
use protocol::field::EntryMode;
use protocol::frame::MessageType;
use protocol::request::Request;

use super::sheet::{Cell, Sheet, Table};
use super::{Source, Step, numbers, walk, words};
use crate::domain::effect::Effect;
use crate::domain::exception::ExceptionKind;
use crate::finance::files::dashed;
use crate::finance::take::Period;
use crate::journal::record::{Origin, Record};

const NOTES: [&str; 2] = [
    "Of is how many of the terminal's or cashier's messages that move value or state were approved, whatever they were. Rates are rounded down. An entry may be in several lines: a refund whose \
     card was keyed in and that a supervisor allowed is in three.",
    "What has to be looked into (cash taken, differences of totals, shortfalls, what was undone late) counts when it happened, also when it was settled since. gateway transaction explain says more of an entry.",
];

/// Voids, refunds and so on; the order of lines.
const KINDS: [&str; 12] = [
    "void",
    "refund",
    "reversal",
    "keyed in",
    "allowed by a supervisor",
    "approved offline",
    "totals differ",
    "cash taken, not credited",
    "reversed too late",
    "offline shortfall",
    "undone after its shift or day was closed",
    "refund above the largest balance",
];
const REVERSED_TOO_LATE: [ExceptionKind; 3] = [
    ExceptionKind::LoadReversedTooLate,
    ExceptionKind::SaleReversedTooLate,
    ExceptionKind::RefundReversedTooLate,
];

/// A store with its terminal, or with its cashier.
type Who = (String, String);

#[derive(Debug, Default)]
struct Counted {
    approved: BTreeMap<Who, u64>,
    entries: BTreeMap<(Who, usize), Vec<u64>>,
}

impl Counted {
    fn note(&mut self, who: Who, approved: bool, kinds: &[usize], index: u64) {
        let count = self.approved.entry(who.clone()).or_default();
        *count = count.saturating_add(u64::from(approved));
        for kind in kinds {
            self.entries.entry((who.clone(), *kind)).or_default().push(index);
        }
    }

    fn table(self, key: &'static str, title: &'static str, who: &'static str) -> Table {
        let mut table = Table::new(key, title, &["store", who, "what", "number", "of", "rate", "entries"])
            .drawing("number");
        for ((who, kind), entries) in self.entries {
            let (number, of) = (entries.len() as u64, self.approved.get(&who).copied().unwrap_or(0));
            table.rows.push(vec![
                Cell::Text(who.0),
                Cell::Text(who.1),
                Cell::text(KINDS.get(kind).copied().unwrap_or_default()),
                Cell::Count(number),
                Cell::Count(of),
                Cell::Share(number, of),
                Cell::Entries(entries),
            ]);
        }
        table
    }
}

pub(super) fn report(source: Source<'_>, period: Period, progress: impl FnMut(u64)) -> Result<Sheet> {
    let (mut terminals, mut cashiers) = (Counted::default(), Counted::default());
    let columns = [
        "entry",
        "business date",
        "store",
        "terminal",
        "cashier",
        "message",
        "code",
        "amount",
        "in",
        "order",
        "what",
    ];
    let mut behind = Table::new("entries", "The entries behind", &columns);
    let walked = walk(source, numbers(period)?, progress, |step| {
        if !step.within || !step.transaction.is_value {
            return Ok(());
        }
        let (approved, kinds) = kinds(step.record)?;
        let (t, index) = (step.transaction, step.transaction.index);
        terminals.note((t.store.clone(), t.terminal.clone()), approved, &kinds, index);
        cashiers.note((t.store.clone(), t.person.clone()), approved, &kinds, index);
        if !kinds.is_empty() {
            behind.rows.push(line(step, &kinds));
        }
        Ok(())
    })?;
    Ok(Sheet {
        report: "exceptions",
        title: "Out of the ordinary at the counter",
        period: words(period),
        complete: walked.complete,
        tables: vec![
            terminals.table("by_terminal", "By terminal", "terminal"),
            cashiers.table("by_cashier", "By cashier", "cashier"),
            behind,
        ],
        notes: NOTES.to_vec(),
    })
}

fn line(step: &Step<'_>, kinds: &[usize]) -> Vec<Cell> {
    let t = step.transaction;
    let date = dashed(t.business_date);
    let what: Vec<&str> = kinds.iter().filter_map(|kind| KINDS.get(*kind).copied()).collect();
    let texts = [
        &date,
        &t.store,
        &t.terminal,
        &t.person,
        &t.what,
        &t.code,
        &t.amount,
        &t.currency,
        &t.order_reference,
    ];
    let mut cells = vec![Cell::Count(t.index)];
    cells.extend(texts.map(|text| Cell::text(text.as_str())));
    cells.push(Cell::Text(what.join(", ")));
    cells
}

/// Whether a terminal's message was approved, and what is out of the ordinary with it.
fn kinds(record: &Record) -> Result<(bool, Vec<usize>)> {
    let Origin::Terminal { message, signed } = &record.origin else { return Ok((false, Vec::new())) };
    let message = MessageType(*message);
    let sign1 = Sign1::parse(signed).context("its request")?;
    let request =
        Request::decode_payload(message, sign1.payload.unwrap_or_default()).context("its request")?;
    let answer = Answer::decode(record.answer.as_deref().unwrap_or_default()).context("its answer")?;
    let approved = answer.code.is_approval();
    let raised =
        |kind: ExceptionKind| {
            record.details.effects.iter().any(
                |effect| matches!(effect, Effect::Exception { held, .. } if held.open && held.kind == kind),
            )
        };
    let is = [
        approved && message == MessageType::VOID,
        approved && [MessageType::REFUND, MessageType::UNLOAD].contains(&message),
        approved && message == MessageType::REVERSAL,
        approved && request.header.entry_mode == Some(EntryMode::KEYED),
        approved && request.body.supervisor().is_some(),
        approved && message == MessageType::ADVICE,
        raised(ExceptionKind::TotalsDiffer),
        raised(ExceptionKind::CashTaken),
        REVERSED_TOO_LATE.into_iter().any(raised),
        raised(ExceptionKind::OfflineShortfall),
        raised(ExceptionKind::ReversedLate),
        raised(ExceptionKind::AboveLargestBalance),
    ];
    Ok((approved, (0..).zip(is).filter(|(_, is)| *is).map(|(at, _)| at).collect()))
}
