//! What the journal has at all of loads by tender, and which stores. It reads the whole journal, and is asked when there was nothing
//! to compare.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use super::map::Map;
use super::ours::{clearing_leg, day_of};
use super::outcome::Span;
use crate::domain::effect::Effect;
use crate::journal::record::Record;
use crate::storage::Storage;

/// Entries that are read at once.
const BATCH: u64 = 1000;

/// What the journal has.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Census {
    /// By tender: how many entries took money with it, and the first and last day of them.
    pub tenders: BTreeMap<u8, (u64, Span)>,
    pub stores: BTreeSet<String>,
}

/// Reads the journal from its first entry on; days are those of the map's time zone.
///
/// # Errors
/// When an entry cannot be read.
pub fn census(storage: &Storage, map: &Map, mut progress: impl FnMut(u64)) -> Result<Census> {
    let last = storage.last_index()?;
    let mut census = Census::default();
    let mut first = 1_u64;
    while first <= last {
        for row in storage.entries(first, first.saturating_add(BATCH).saturating_sub(1))? {
            let read = Record::decode(&row.record).with_context(|| format!("entry {}", row.index));
            let (record, _) = read?;
            census.add(&record, map)?;
        }
        first = first.saturating_add(BATCH);
        progress(first.min(last));
    }
    Ok(census)
}

impl Census {
    fn add(&mut self, record: &Record, map: &Map) -> Result<()> {
        let details = &record.details;
        if !details.store.is_empty() {
            self.stores.insert(details.store.clone());
        }
        let mut taken = BTreeSet::new();
        for effect in &details.effects {
            if let Effect::Terminal { store, .. } = effect {
                self.stores.insert(store.clone());
            }
            if let Some((tender, _, _)) = clearing_leg(effect).filter(|(.., amount)| *amount > 0) {
                taken.insert(tender);
            }
        }
        if taken.is_empty() {
            return Ok(());
        }
        let day = day_of(record, &map.zone)?;
        for tender in taken {
            let (number, days) = self.tenders.entry(tender).or_insert((0, Span { from: day, to: day }));
            *number = number.saturating_add(1);
            *days = Span { from: days.from.min(day), to: days.to.max(day) };
        }
        Ok(())
    }
}
