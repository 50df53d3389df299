//! Finance's reports: what is owed, between whom, what went wrong at the counter, what bonuses cost, what expired. Each is a
//! replay of the journal from its first entry on, and the same to the byte when it is taken again.
//!
//! Invariant: a report adds up the legs that exports have, so it cannot differ from them. Nothing here changes anything.

mod bonus;
mod breakage;
mod counter;
mod interstore;
mod liability;
mod page;
mod sheet;

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result, ensure};
use jiff::civil::Date;
use protocol::field::Installation;

pub use self::page::{escaped, page};
pub use self::sheet::{Cell, Sheet, Table};
use super::entry::{Leg, Reader, Transaction, closing};
use super::files::dashed;
use super::homes::Homes;
use super::names::Names;
use super::take::{Period, earlier, number};
use crate::domain::effect::{Account, Effect};
use crate::domain::ledger::Kind;
use crate::domain::{Programme, card::CardReference};
use crate::journal::record::Record;
use crate::journal::seal::Head;
use crate::journal::walk::next_group;
use crate::programme_file;
use crate::storage::Storage;

/// Where a report is taken from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub storage: &'a Storage,
    pub installation: &'a Installation,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// What is owed at the end of a business date; `None` at the end of the journal.
    Liability(Option<Date>),
    Interstore(Period),
    /// Voids, refunds and the like by terminal and cashier.
    Counter(Period),
    Bonus(Period),
    Breakage(Period),
}

/// Takes a report. `progress` is told each index that is read.
///
/// # Errors
/// When the journal is damaged, a date is outside of the calendar, or a sum leaves the range.
pub fn report(source: Source<'_>, asked: Asked, progress: impl FnMut(u64)) -> Result<Sheet> {
    match asked {
        Asked::Liability(as_of) => liability::report(source, as_of, progress),
        Asked::Interstore(period) => interstore::report(source, period, progress),
        Asked::Counter(period) => counter::report(source, period, progress),
        Asked::Bonus(period) => bonus::report(source, period, progress),
        Asked::Breakage(period) => breakage::report(source, period, progress),
    }
}

/// An entry on its way past.
struct Step<'a> {
    transaction: &'a Transaction,
    record: &'a Record,
    homes: &'a Homes,
    /// It is of the period, and not before it.
    within: bool,
}

/// Where a walk ended.
struct Walked {
    homes: Homes,
    /// The last business date is closed, or a later one has begun: nothing can be booked on it any more.
    complete: bool,
    /// The last entry, and its business date.
    index: u64,
    last: Option<u32>,
}

/// The end of a period that ends with the journal.
const TO_THE_END: u32 = u32::MAX;

/// Reads the journal up to the end of a period.
fn walk(
    source: Source<'_>,
    (from, to): (u32, u32),
    mut progress: impl FnMut(u64),
    mut each: impl FnMut(&Step<'_>) -> Result<()>,
) -> Result<Walked> {
    let (names, mut head) = (Names::default(), Head::GENESIS);
    let mut walked = Walked { homes: Homes::default(), complete: false, index: 0, last: None };
    let mut closed_through = 0;
    while let Some(group) =
        next_group(source.storage, source.installation, &head).context("the journal is damaged")?
    {
        for entry in &group.entries {
            let (record, details) = (&entry.record, &entry.record.details);
            if details.business_date > to {
                walked.complete = true;
                return Ok(walked);
            }
            let context = || format!("entry {}", details.index);
            walked.homes.note(details.index, &details.store).with_context(context)?;
            let reader = Reader { names: &names, homes: &walked.homes };
            let transaction =
                reader.read(record, |index| earlier(source.storage, index)).with_context(context)?;
            let within = details.business_date >= from;
            let step = Step { transaction: &transaction, record, homes: &walked.homes, within };
            each(&step).with_context(context)?;
            (walked.index, walked.last) = (details.index, Some(details.business_date));
            closed_through = closing(record).map_or(closed_through, |(through, _)| through);
            walked.complete = closed_through >= if to == TO_THE_END { details.business_date } else { to };
            if walked.complete && to != TO_THE_END {
                return Ok(walked);
            }
        }
        head = group.sealed.head;
        progress(head.index);
    }
    Ok(walked)
}

fn numbers(period: Period) -> Result<(u32, u32)> {
    ensure!(period.from <= period.to, "the period ends before it begins");
    Ok((number(period.from)?, number(period.to)?))
}

fn words(period: Period) -> String {
    if period.from == period.to {
        period.from.to_string()
    } else {
        format!("{} to {}", period.from, period.to)
    }
}

/// `2026-11` of 202611.
fn month(number: u32) -> String {
    let day = dashed(number.saturating_mul(100));
    day.get(..7).unwrap_or_default().to_owned()
}

fn add(sum: &mut i64, more: i64) -> Result<()> {
    *sum = sum.checked_add(more).context("a sum leaves the range")?;
    Ok(())
}

/// What a balance is called.
fn kind_name(kind: Kind) -> String {
    let name = match kind.released() {
        Kind::PRINCIPAL => "principal".to_owned(),
        Kind::BONUS => "bonus".to_owned(),
        Kind::POINTS => "points".to_owned(),
        Kind(other) => format!("points {other}"),
    };
    if kind.is_pending() { format!("{name}, pending") } else { name }
}

fn is_named(leg: &Leg, wanted: &str) -> bool {
    matches!(&leg.posting.account, Account::Named(name) if name.split(':').next() == Some(wanted))
}

/// Legs on cards, each with whether it is an expiry: a leg with breakage behind it.
fn card_legs(transaction: &Transaction) -> impl Iterator<Item = (&Leg, bool)> {
    let behind = transaction.legs.iter().skip(1).map(Some).chain([None]);
    let each = transaction.legs.iter().zip(behind);
    let cards = each.filter(|(leg, _)| matches!(leg.posting.account, Account::Card { .. }));
    cards.map(|(leg, behind)| (leg, behind.is_some_and(|behind| is_named(behind, "breakage"))))
}

/// Which product each card is of.
#[derive(Debug, Default)]
struct Products {
    of: HashMap<CardReference, String>,
}

impl Products {
    fn note(&mut self, record: &Record) {
        for effect in &record.details.effects {
            if let Effect::Card { card, product, .. } = effect {
                self.of.insert(*card, product.clone());
            }
        }
    }

    fn of(&self, card: CardReference) -> String {
        self.of.get(&card).cloned().unwrap_or_default()
    }
}

/// Programmes by version, and since when each is in force (Unix seconds).
#[derive(Debug, Default)]
struct Programmes {
    by_version: BTreeMap<u32, (i64, Programme)>,
}

impl Programmes {
    fn note(&mut self, record: &Record) -> Result<()> {
        for effect in &record.details.effects {
            if let Effect::Programme { version, effective_from, document } = effect {
                let programme = programme_file::parse(document);
                let programme =
                    programme.ok().with_context(|| format!("programme version {version} cannot be read"))?;
                self.by_version.insert(*version, (*effective_from, programme));
            }
        }
        Ok(())
    }

    /// In force at a Unix second, or the first.
    fn at(&self, second: i64) -> Option<&Programme> {
        let mut newest = self.by_version.values().rev();
        let held = newest.find(|(from, _)| *from <= second).or(self.by_version.values().next());
        held.map(|(_, programme)| programme)
    }
}
