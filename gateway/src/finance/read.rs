//! A group of the journal as far as it can be read by itself, on any thread. What hangs on other groups is left to whoever has
//! them in order.

use anyhow::{Result, ensure};
use protocol::field::Installation;
use protocol::receipt::Seal;

use super::entry::{Told, closing};
use crate::domain::effect::Effect;
use crate::journal::record::{Details, Record};
use crate::journal::seal::seal_verifies;
use crate::journal::walk::Group;
use crate::keys::PublicKey;

/// The seals of a journal that is read from its first group on. Each has the hash of the one before it under its signature, so one
/// signature stands for all before it: the last one that each key has made is verified.
#[derive(Debug, Default)]
pub(super) struct Seals {
    /// The key in force.
    key: Vec<u8>,
    /// Made by that key, and under no signature yet that was verified.
    last: Option<Seal>,
}

/// A group that was read.
pub(super) struct Read {
    /// The seal as stored.
    pub seal: Vec<u8>,
    pub last_index: u64,
    pub entries: Vec<EntryRead>,
    signed: Seal,
    /// Keys that its entries bring into force.
    keys: Vec<Vec<u8>>,
}

/// An entry of such a group.
pub(super) struct EntryRead {
    pub details: Details,
    /// Whether it can be read matters only when its turn comes, and it is of the period.
    pub told: Result<Told>,
    /// Through which business date it closes all days.
    pub closes: Option<u32>,
}

impl Read {
    pub(super) fn of(group: Group) -> Self {
        let Group { entries, seal, sealed } = group;
        let effects = entries.iter().flat_map(|entry| &entry.record.details.effects);
        let keys = effects.filter_map(|effect| match effect {
            Effect::GatewayKey { public_key } => Some(public_key.clone()),
            _ => None,
        });
        let keys = keys.collect();
        Self {
            signed: seal,
            last_index: sealed.head.index,
            seal: sealed.bytes,
            keys,
            entries: entries.into_iter().map(|entry| EntryRead::of(entry.record)).collect(),
        }
    }
}

impl Seals {
    /// Takes the next group's seal, which is signed by the key in force before the group; the first group names its own.
    ///
    /// # Errors
    /// When the group brings another key and the old one has not signed it.
    pub(super) fn next(&mut self, group: &Read, installation: &Installation) -> Result<()> {
        if self.key.is_empty() {
            self.key = group.keys.first().cloned().unwrap_or_default();
        }
        self.last = Some(group.signed);
        if let Some(next) = group.keys.last() {
            self.check(installation)?;
            self.key.clone_from(next);
        }
        Ok(())
    }

    /// Verifies the last seal, and so every one before it.
    ///
    /// # Errors
    /// When the key in force has not signed it.
    pub(super) fn check(&mut self, installation: &Installation) -> Result<()> {
        let Some(seal) = self.last.take() else { return Ok(()) };
        let signed =
            PublicKey::from_spki(&self.key).is_some_and(|key| seal_verifies(&seal, installation, &key));
        let first = seal.header.first_index;
        ensure!(signed, "the journal is damaged: entry {first}: its seal's signature does not verify");
        Ok(())
    }
}

impl EntryRead {
    fn of(record: Record) -> Self {
        Self {
            told: Told::of(&record),
            closes: closing(&record).map(|(day, _)| day),
            details: record.details,
        }
    }
}
