//! Alerts as they happen: a log line and a metric for each line that an entry crosses. A start looks at the entries of the present month
//! again, so that it does not forget what was counted, and says nothing of what it had said.

use tracing::warn;

use super::group::Group;
use super::writer::{InForce, Writer};
use crate::alerts::{date_of, first_of, seen};
use crate::domain::member::Window;
use crate::domain::programme::alert::{Raised, Watch, Who};
use crate::journal::record::Record;
use crate::programme_file::alert_words;
use crate::storage::{Storage, StorageError};

/// Entries that a start reads at once.
const AT_ONCE: u64 = 1024;

/// What was seen in the month of the last entry so far; nothing where no programme has alerts.
pub(super) fn watched(storage: &Storage, programmes: &[InForce], last: u64) -> Result<Watch, StorageError> {
    let mut watch = Watch::default();
    if programmes.iter().all(|version| version.programme.alerts.is_empty()) {
        return Ok(watch);
    }
    let Some(date) = date_of(storage, last)? else { return Ok(watch) };
    let mut first = first_of(storage, Window::Month.of(date))?;
    while first <= last {
        let until = first.saturating_add(AT_ONCE).saturating_sub(1);
        for row in storage.entries(first, until)? {
            let Ok((record, _)) = Record::decode(&row.record) else { continue };
            let s = record.details.time_ms.div_euclid(1000);
            let version = programmes.iter().rev().find(|version| version.effective_from <= s);
            if let Some(version) = version {
                drop(seen(&mut watch, &version.programme.alerts, (row.index, &record)));
            }
        }
        first = until.saturating_add(1);
    }
    Ok(watch)
}

impl Writer {
    /// Looks at what a group has done that is committed; `first` is the index of its first entry.
    pub(super) fn watch(&mut self, group: &Group, first: u64) {
        let now = self.now();
        let alerts = &self.in_force(now).programme;
        if alerts.alerts.is_empty() {
            return;
        }
        for (entry, index) in group.entries.iter().zip(first..) {
            let Ok((record, _)) = Record::decode(&entry.record) else { continue };
            for raised in seen(&mut self.watch, &alerts.alerts, (index, &record)) {
                self.metrics.alert(&raised.alert.alert);
                log(&raised);
            }
        }
        self.watch.forget_before(now.business_date);
    }
}

fn log(raised: &Raised) {
    let (on, by, per) = alert_words(&raised.alert);
    let who = match &raised.who {
        Who::Card(card) => format!("************{:04}", card.0 % 10_000),
        Who::Named(name) => name.clone(),
    };
    warn!(
        alert = raised.alert.alert,
        on,
        by,
        per,
        who,
        reached = raised.reached,
        reference = raised.index,
        "unusual: see `gateway alerts`"
    );
}
