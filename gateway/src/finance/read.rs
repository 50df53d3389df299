//! A group of the journal as far as it can be read by itself, on any thread. What hangs on other groups is left to whoever has
//! them in order.

use anyhow::{Result, ensure};
use protocol::field::Installation;
use protocol::receipt::Seal;

use super::entry::{Reader, Transaction};
use super::names::Names;
use crate::domain::effect::Effect;
use crate::journal::record::Record;
use crate::journal::seal::seal_verifies;
use crate::journal::walk::Group;
use crate::keys::PublicKey;

/// What is read, and by which names.
pub(super) struct Wanted<'a> {
    pub installation: &'a Installation,
    /// The gateway's present key, which has sealed nearly everything.
    pub own: Vec<u8>,
    pub names: &'a Names,
    pub store: Option<&'a str>,
    /// Last business date, YYYYMMDD.
    pub to: u32,
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
    pub index: u64,
    pub business_date: u32,
    pub told: Told,
}

pub(super) enum Told {
    /// It is another store's, or behind the period.
    Nothing,
    Whole(Box<Result<Transaction>>),
    /// What it undoes must be looked up first.
    Undoes(Box<Record>),
}

impl Wanted<'_> {
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
            entries: entries.into_iter().map(|entry| self.entry(entry.record)).collect(),
        }
    }

    fn entry(&self, record: Record) -> EntryRead {
        let details = &record.details;
        let (index, business_date) = (details.index, details.business_date);
        if business_date > self.to || self.store.is_some_and(|store| *store != details.store) {
            return EntryRead { index, business_date, told: Told::Nothing };
        }
        let mut undoes = false;
        let transaction = Reader { names: self.names }.read(&record, |_| {
            undoes = true;
            Ok(None)
        });
        let told = if undoes { Told::Undoes(Box::new(record)) } else { Told::Whole(Box::new(transaction)) };
        EntryRead { index, business_date, told }
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
    /// The transaction; `None` where nothing was wanted. `read` reads a record that undoes an earlier entry.
    ///
    /// # Errors
    /// When the entry cannot be read.
    pub(super) fn transaction(
        self,
        read: impl FnOnce(&Record) -> Result<Transaction>,
    ) -> Result<Option<Transaction>> {
        match self.told {
            Told::Nothing => Ok(None),
            Told::Whole(transaction) => transaction.map(Some),
            Told::Undoes(record) => read(&record).map(Some),
        }
    }
}
