//! A group of the journal as far as it can be read by itself, on any thread. What hangs on other groups is left to whoever has
//! them in order.

use anyhow::{Result, ensure};
use protocol::field::Installation;
use protocol::receipt::Seal;

use super::entry::{Told, closing};
use crate::domain::effect::Effect;
use crate::journal::record::Record;
use crate::journal::seal::seal_verifies;
use crate::journal::walk::Group;
use crate::keys::PublicKey;

/// Whose journal is read.
pub(super) struct Journal<'a> {
    pub installation: &'a Installation,
    /// The gateway's present key, which has sealed nearly everything.
    pub own: Vec<u8>,
}

/// A group that was read.
pub(super) struct Read {
    /// The seal as stored.
    pub seal: Vec<u8>,
    pub last_index: u64,
    pub entries: Vec<EntryRead>,
    signed: Seal,
    /// Whether the gateway's present key signed it.
    is_own: bool,
    /// Keys that its entries bring into force.
    keys: Vec<Vec<u8>>,
}

/// An entry of such a group.
pub(super) struct EntryRead {
    pub record: Record,
    /// Whether it can be read matters only when its turn comes, and it is of the period.
    pub told: Result<Told>,
    /// Through which business date it closes all days.
    pub closes: Option<u32>,
}

impl Journal<'_> {
    pub(super) fn read(&self, group: Group) -> Read {
        let Group { entries, seal, sealed } = group;
        let effects = entries.iter().flat_map(|entry| &entry.record.details.effects);
        let keys = effects.filter_map(|effect| match effect {
            Effect::GatewayKey { public_key } => Some(public_key.clone()),
            _ => None,
        });
        let keys = keys.collect();
        Read {
            is_own: self.is_signed(&seal, &self.own),
            signed: seal,
            last_index: sealed.head.index,
            seal: sealed.bytes,
            keys,
            entries: entries.into_iter().map(|entry| EntryRead::of(entry.record)).collect(),
        }
    }

    fn is_signed(&self, seal: &Seal, key: &[u8]) -> bool {
        PublicKey::from_spki(key).is_some_and(|key| seal_verifies(seal, self.installation, &key))
    }

    /// The seal is signed by the key in force before the group, which is `sealing`; the first group names its own.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn check_seal(&self, group: &Read, sealing: &mut Vec<u8>) -> Result<()> {
        if sealing.is_empty() {
            *sealing = group.keys.first().cloned().unwrap_or_default();
        }
        let signed = if *sealing == self.own { group.is_own } else { self.is_signed(&group.signed, sealing) };
        let first = group.signed.header.first_index;
        ensure!(signed, "the journal is damaged: entry {first}: its seal's signature does not verify");
        if let Some(next) = group.keys.last() {
            sealing.clone_from(next);
        }
        Ok(())
    }
}

impl EntryRead {
    fn of(record: Record) -> Self {
        Self { told: Told::of(&record), closes: closing(&record).map(|(day, _)| day), record }
    }
}
