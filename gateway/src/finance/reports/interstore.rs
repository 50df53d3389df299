//! What stores owe each other (跨店清算): who has to pay whom, and by what it came.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use super::sheet::{Cell, Sheet, Table};
use super::{Source, add, numbers, walk, words};
use crate::domain::effect::Account;
use crate::finance::book::Commodity;
use crate::finance::take::Period;

const NOTES: [&str; 2] = [
    "A store that took the cash for a lot owes what others take out of it, and is owed what others put in. Paying is booked in your own books, so what \
     was paid is not taken off here.",
    "In the matrix a store's line says what each other store owes it, and below zero what it owes the other; each line is in that store's own books.",
];

/// Of a pair of stores: before the period, and its two sides.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    opening: i64,
    /// What came to be owed to the first of the two, and to the second.
    sides: [i64; 2],
}

impl Pair {
    fn closing(&self) -> Result<i64> {
        let closing = self.opening.checked_add(self.sides[0]).and_then(|sum| sum.checked_sub(self.sides[1]));
        closing.context("a sum leaves the range")
    }
}

type Stores = (String, String);

pub(super) fn report(source: Source<'_>, period: Period, progress: impl FnMut(u64)) -> Result<Sheet> {
    let mut pairs: BTreeMap<(Commodity, Stores), Pair> = BTreeMap::new();
    let mut by_message: BTreeMap<(Commodity, Stores, String), (u64, i64)> = BTreeMap::new();
    let walked = walk(source, numbers(period)?, progress, |step| {
        for leg in &step.transaction.legs {
            let Account::Named(name) = &leg.posting.account else { continue };
            let Some((store, other)) = name.strip_prefix("interstore:").and_then(|rest| rest.split_once('>'))
            else {
                continue;
            };
            if store > other {
                continue;
            }
            let (store, other) = (store.to_owned(), other.to_owned());
            let pair = pairs.entry((leg.commodity.clone(), (store.clone(), other.clone()))).or_default();
            if !step.within {
                add(&mut pair.opening, leg.amount)?;
                continue;
            }
            add(&mut pair.sides[usize::from(leg.amount < 0)], leg.amount.saturating_abs())?;
            // Who came to be owed stands first.
            let owed = if leg.amount > 0 { (store, other) } else { (other, store) };
            let (count, sum) =
                by_message.entry((leg.commodity.clone(), owed, step.transaction.what.clone())).or_default();
            *count = count.saturating_add(1);
            add(sum, leg.amount.saturating_abs())?;
        }
        Ok(())
    })?;
    let mut messages =
        Table::new("by_message", "By what it came", &["debtor", "creditor", "what", "number", "in", "owed"]);
    for ((commodity, (creditor, debtor), what), (count, sum)) in by_message {
        messages.rows.push(vec![
            Cell::Text(debtor),
            Cell::Text(creditor),
            Cell::Text(what),
            Cell::Count(count),
            Cell::text(&commodity.name),
            Cell::Amount(sum, commodity),
        ]);
    }
    Ok(Sheet {
        report: "interstore",
        title: "Settlement between stores",
        period: words(period),
        complete: walked.complete,
        tables: vec![settlement(&pairs)?, matrix(&pairs)?, messages],
        notes: NOTES.to_vec(),
    })
}

/// Who pays whom, so that nobody owes anybody anything.
fn settlement(pairs: &BTreeMap<(Commodity, Stores), Pair>) -> Result<Table> {
    let columns = ["debtor", "creditor", "in", "opening", "owed", "owed back", "closing"];
    let mut table = Table::new("settlement", "Who owes whom", &columns).drawing("closing");
    for ((commodity, (store, other)), pair) in pairs {
        let closing = pair.closing()?;
        let [mut owed, mut back] = pair.sides;
        let (mut debtor, mut creditor, mut sign) = (other, store, 1);
        if closing < 0 {
            (debtor, creditor, sign) = (store, other, -1);
            (owed, back) = (back, owed);
        }
        let amount = |amount: i64| Cell::Amount(amount.saturating_mul(sign), commodity.clone());
        table.rows.push(vec![
            Cell::text(debtor),
            Cell::text(creditor),
            Cell::text(&commodity.name),
            amount(pair.opening),
            Cell::Amount(owed, commodity.clone()),
            Cell::Amount(back, commodity.clone()),
            amount(closing),
        ]);
    }
    Ok(table)
}

/// What each store is owed by each other one, a line each.
fn matrix(pairs: &BTreeMap<(Commodity, Stores), Pair>) -> Result<Table> {
    let mut lines: BTreeSet<(Commodity, Stores, i64)> = BTreeSet::new();
    for ((commodity, (store, other)), pair) in pairs {
        let closing = pair.closing()?;
        let owed = closing.checked_neg().context("a sum leaves the range")?;
        lines.insert((commodity.clone(), (store.clone(), other.clone()), closing));
        lines.insert((commodity.clone(), (other.clone(), store.clone()), owed));
    }
    let mut table = Table::new("matrix", "Matrix at the end", &["store", "other", "in", "is owed"]);
    for (commodity, (store, other), owed) in lines {
        let cells = [store, other, commodity.name.clone()].map(Cell::Text);
        table.rows.push(cells.into_iter().chain([Cell::Amount(owed, commodity)]).collect());
    }
    Ok(table)
}
