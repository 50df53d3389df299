//! A sealed journal of a test's own making: any legs on any days, without a gateway.

use std::path::{Path, PathBuf};

use gateway::domain::card::CardReference;
use gateway::domain::effect::{Account, Effect, Posting};
use gateway::domain::ledger::Kind;
use gateway::finance::{Asked, Format, Names, Period, Taken, Trusted, reports, take};
use gateway::journal::record::{Details, Origin, Record, answer_hash};
use gateway::journal::seal::{CHAIN, Head, Sealer, leaf_of};
use gateway::journal::sha256;
use gateway::journal::walk::request_id;
use gateway::keys::{SigningKey, fingerprint};
use gateway::storage::{Row, SealRow, Storage, Synchronous};
use jiff::civil::Date;
use protocol::field::Installation;

pub(crate) const ALL: [Format; 5] =
    [Format::Csv, Format::Jsonl, Format::Hledger, Format::Beancount, Format::Xlsx];

pub(crate) struct Journal {
    directory: tempfile::TempDir,
    storage: Storage,
    sealer: Sealer,
    head: Head,
    /// Of the group that is not sealed yet.
    group: Vec<(Row, [u8; 32])>,
    index: u64,
}

/// A leg on a named account; `card:N/LOT` for a card's, of a lot that entry 1 opened, `card:N/LOT/ENTRY` of another one's.
pub(crate) fn leg(account: &str, kind: u8, amount: i64) -> Effect {
    let account = match account.strip_prefix("card:").and_then(|rest| rest.split_once('/')) {
        Some((card, lot)) => {
            let card = CardReference(card.parse().expect("a card"));
            let (lot, source) = lot.split_once('/').unwrap_or((lot, "1"));
            let (lot, source) = (lot.parse().expect("a lot"), source.parse().expect("an entry"));
            Account::Card { card, lot, expires: None, source }
        }
        None => Account::Named(account.into()),
    };
    Effect::Posting(Posting { account, kind: Kind(kind), amount })
}

/// 1 March 2027 and so many days.
pub(crate) fn day(days: i64) -> Date {
    Date::constant(2027, 3, 1) + jiff::Span::new().days(days)
}

impl Journal {
    /// With its first entry, which names the gateway's key, on day 0.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let storage = Storage::open(directory.path(), Synchronous::Off).expect("a database");
        let key = SigningKey::generate().expect("a key");
        let public_key = key.spki();
        let sealer = Sealer { key, installation: Installation([7; 16]) };
        let mut journal =
            Self { directory, storage, sealer, head: Head::GENESIS, group: Vec::new(), index: 0 };
        journal.entry(0, "S1", vec![Effect::GatewayKey { public_key }]);
        journal.seal();
        journal
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn last_index(&self) -> u64 {
        self.index
    }

    pub(crate) fn entry(&mut self, days: i64, store: &str, effects: Vec<Effect>) {
        self.index += 1;
        let key = self.index.to_string();
        let origin = Origin::System { name: "expiry".into(), key };
        let business_date = day(days).strftime("%Y%m%d").to_string().parse().expect("a number");
        let details = Details {
            chain: CHAIN,
            epoch: 1,
            index: self.index,
            time_ms: 1_803_873_600_000 + days * 86_400_000,
            business_date,
            merchant: "M1".into(),
            store: store.into(),
            currency: (156, 2),
            programme_version: 1,
            quoted_ms: None,
            effects,
        };
        let id = request_id(&origin, &self.sealer.installation).expect("an id");
        let leaf = leaf_of(id, answer_hash(None), sha256(&[&details.encode()]));
        let record = Record { origin, answer: None, details };
        let row = Row { index: self.index, group: 0, identity: None, leaf, record: record.encode() };
        self.group.push((row, leaf));
    }

    /// Seals what was entered since the last time.
    pub(crate) fn seal(&mut self) {
        let group = std::mem::take(&mut self.group);
        if group.is_empty() {
            return;
        }
        let leaves: Vec<_> = group.iter().map(|(_, leaf)| *leaf).collect();
        let sealed = self.sealer.seal(&self.head, &leaves, self.head.time_ms);
        let rows: Vec<_> =
            group.into_iter().map(|(row, _)| Row { group: sealed.head.group, ..row }).collect();
        let (first_index, last_index) = (self.head.index + 1, sealed.head.index);
        let row = SealRow { group: sealed.head.group, first_index, last_index, seal: sealed.bytes.clone() };
        self.storage.commit_group(&rows, &row).expect("a commit");
        self.head = sealed.head;
    }

    /// Another key seals from here on; gives the one that did.
    pub(crate) fn seal_by(&mut self, key: SigningKey) -> SigningKey {
        std::mem::replace(&mut self.sealer.key, key)
    }

    pub(crate) fn key(&self) -> Trusted {
        Trusted::Fingerprint(fingerprint(&self.sealer.key.spki()))
    }

    pub(crate) fn report(&self, asked: reports::Asked) -> reports::Sheet {
        let source = reports::Source { storage: &self.storage, installation: &self.sealer.installation };
        reports::report(source, asked, |_| ()).unwrap_or_else(|error| panic!("{asked:?}: {error:#}"))
    }

    /// Days `from` to `to`, in every form.
    pub(crate) fn try_take(
        &self,
        (from, to): (i64, i64),
        store: Option<&str>,
        out: &Path,
    ) -> anyhow::Result<Taken> {
        let asked = Asked {
            period: Period { from: day(from), to: day(to) },
            store: store.map(str::to_owned),
            formats: ALL.to_vec(),
            names: Names::default(),
        };
        take(&self.storage, &self.sealer.installation, &self.sealer.key, &asked, out, |_| ())
    }

    pub(crate) fn take(&self, days: (i64, i64), store: Option<&str>, name: &str) -> (Taken, PathBuf) {
        let out = self.beside(name);
        let taken = self.try_take(days, store, &out).unwrap_or_else(|error| panic!("{days:?}: {error:#}"));
        (taken, out)
    }
}
