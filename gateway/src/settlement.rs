//! The settlement of a business day (日结单): what each store, terminal and shift did, and what a manager files. A pure function of the
//! journal up to the day's end, so it comes out the same whenever it is taken; once the day is closed, for ever.

mod fold;
mod page;
mod shift;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use protocol::field::Installation;
use serde::Serialize;

pub use self::shift::{Batch, Difference, Line, Reconciled, Stan};
use crate::domain::day::dashed;
use crate::finance::{Calendar, closing, message_of};
use crate::journal::record::Record;
use crate::journal::seal::Head;
use crate::journal::walk::next_group;
use crate::storage::Storage;
use fold::Fold;

/// A number of transactions, and their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counted {
    pub count: u64,
    pub amount_minor: i64,
}

/// Money of a tender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tender {
    /// Lines of loads that were paid with it; a load of two tenders has two.
    pub lines: u64,
    pub in_minor: i64,
    pub out_minor: i64,
}

/// Points of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Points {
    pub issued: i64,
    /// Spent, or taken back.
    pub redeemed: i64,
    pub expired: i64,
}

/// What moved in a day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Flow {
    /// Journal entries.
    pub entries: u64,
    /// Legs that were booked.
    pub postings: u64,
    /// Loads, each once however it was paid; what was undone later is in `tenders` as paid out.
    pub loaded: Counted,
    pub tenders: BTreeMap<String, Tender>,
    /// Purchases, captures and offline sales; the sum is less what was undone.
    pub paid: Counted,
    /// What came back to cards.
    pub refunded: Counted,
    pub bonus_minor: i64,
    /// Money on cards that expired.
    pub expired_minor: i64,
    pub points: BTreeMap<String, Points>,
}

/// What cards hold at the day's end, over all stores.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Held {
    pub principal_minor: i64,
    pub bonus_minor: i64,
    /// Cash credited to nobody, less what offline approvals lack.
    pub suspense_minor: i64,
    pub points: BTreeMap<String, i64>,
    pub pending: BTreeMap<String, i64>,
    /// Holds that stand, and what they hold.
    pub holds: Counted,
}

/// What people have to look into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenException {
    /// For `gateway exception settle`.
    pub reference: u64,
    pub what: &'static str,
    pub amount_minor: i64,
    pub bearer: &'static str,
    /// Business date since which.
    pub since: String,
    /// It is of an earlier day.
    pub carried: bool,
    pub store: String,
    pub terminal: String,
    pub stan: String,
}

/// A sale that a terminal made without the gateway, and told of on this day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Late {
    pub entry: u64,
    pub store: String,
    pub terminal: String,
    pub stan: u32,
    pub amount_minor: i64,
    /// Business date on which it was made; empty for a terminal without a clock.
    pub happened: String,
}

/// What one store did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StoreBatch {
    pub flow: Flow,
    pub shifts: Vec<Batch>,
    /// Acts of operators and due items, by name.
    pub others: BTreeMap<String, u64>,
}

/// Who closed a day, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// The operator; empty when it was closed because it was over.
    pub by: String,
    pub at: String,
    pub entry: u64,
}

/// A day's settlement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Settlement {
    pub business_date: String,
    /// Only this store's entries.
    pub store: Option<String>,
    pub closed: Option<Closed>,
    /// The close that the day began behind; `None` in the journal's first days.
    #[serde(skip)]
    pub before: Option<Closed>,
    pub currency: String,
    pub exponent: u8,
    /// 0 when the day has no entry.
    pub first_entry: u64,
    pub last_entry: u64,
    pub flow: Flow,
    /// `None` for one store: what cards hold is every store's.
    pub held: Option<Held>,
    pub stores: BTreeMap<String, StoreBatch>,
    pub offline_sales: Vec<Late>,
    pub exceptions: Vec<OpenException>,
    /// Exceptions that were settled on this day.
    pub settled: Vec<u64>,
}

impl Settlement {
    /// Shifts that nobody has reconciled, each with its store. Messages that name no shift are in none.
    pub fn open_shifts(&self) -> impl Iterator<Item = (&str, &Batch)> {
        let all = self
            .stores
            .iter()
            .flat_map(|(store, batch)| batch.shifts.iter().map(move |shift| (store.as_str(), shift)));
        all.filter(|(_, batch)| !batch.closed && batch.shift != 0)
    }

    /// For people, and to be filed.
    #[must_use]
    pub fn page(&self) -> String {
        page::page(self)
    }
}

/// Takes the settlement of a business date. The journal is read from its beginning: what was open before is part of it. `progress` is told
/// each index that is read.
///
/// # Errors
/// When the journal is damaged, does not reach to that day on either side, or knows no such store by then.
pub fn settle(
    storage: &Storage,
    installation: &Installation,
    (day, store): (u32, Option<&str>),
    mut progress: impl FnMut(u64),
) -> Result<Settlement> {
    let (mut head, mut calendar, mut fold) = (Head::GENESIS, Calendar::default(), Fold::new(day, store));
    let (mut closed, mut before, mut latest) = (None, None, 0);
    while closed.is_none()
        && let Some(group) = next_group(storage, installation, &head).context("the journal is damaged")?
    {
        for entry in &group.entries {
            let (index, record) = (entry.row.index, &entry.record);
            latest = record.details.business_date;
            ensure!(
                index > 1 || latest <= day,
                "the journal begins on {}; of {} it knows nothing",
                dashed(latest),
                dashed(day)
            );
            calendar.learn(record);
            if latest <= day {
                let told = fold.entry(record, &calendar, |index| earlier(storage, index));
                told.with_context(|| format!("entry {index}"))?;
            }
            match close_of(record)? {
                Some((through, close)) if through >= day => closed = closed.or(Some(close)),
                Some((_, close)) => before = Some(close),
                None => {}
            }
        }
        head = group.sealed.head;
        progress(head.index);
    }
    if latest < day && closed.is_none() {
        bail!("the journal has not come to {} yet; it is at {}", dashed(day), dashed(latest));
    }
    fold.knows_its_store()?;
    Ok(Settlement { closed, before, ..fold.finish() })
}

/// Through which day an entry closes, who has closed it, and when.
fn close_of(record: &Record) -> Result<Option<(u32, Closed)>> {
    let Some((through, by)) = closing(record) else { return Ok(None) };
    let at = jiff::Timestamp::from_millisecond(record.details.time_ms).context("the time of a close")?;
    Ok(Some((through, Closed { by, at: at.to_string(), entry: record.details.index })))
}

/// The message type of an earlier entry.
fn earlier(storage: &Storage, index: u64) -> Result<Option<u8>> {
    let row = storage.entry(index)?.with_context(|| format!("entry {index} is missing"))?;
    let (record, _) = Record::decode(&row.record).with_context(|| format!("entry {index}"))?;
    Ok(message_of(&record))
}
