//! Start: the first entry of a new journal, or everything that must hold before an old one is trusted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use protocol::field::Installation;
use tracing::info;

use super::birthdays::Round;
use super::boards::standings;
use super::budget::GuessBudget;
use super::housekeeping::{Space, SpaceLimits};
use super::proposals::Proposals;
use super::quotes::Quotes;
use super::watch::watched;
use super::writer::{InForce, Writer};
use super::{Handle, Job, QUEUE, Registry};
use crate::alerts::date_of;
use crate::archive::check_named;
use crate::clock::{self, Clock};
use crate::domain::archive::archived_through;
use crate::domain::day::{close_through, day_before};
use crate::domain::effect::Effect;
use crate::domain::operator::Operator;
use crate::domain::state::{Cell, State, Touched};
use crate::domain::{Now, Reading, Timekeeper};
use crate::journal::anchor::AnchorFile;
use crate::journal::record::{Details, Origin, answer_hash, encode_parts};
use crate::journal::seal::{CHAIN, Head, Sealer, leaf_of, seal_verifies, sealing_key};
use crate::journal::sha256;
use crate::journal::walk::{self, WalkError};
use crate::keys::{CardKey, DataDir, PublicKey, SigningKey};
use crate::members::Members;
use crate::metrics::Metrics;
use crate::programme_file;
use crate::storage::{
    DuePlace, Row, SealRow, Storage, StorageError, Synchronous, cell_key, decode_cell, key_of,
};
use crate::translate::GatewayWord;

/// What the writer needs to know to start.
#[derive(Debug)]
pub struct Options {
    pub data: DataDir,
    pub anchors: std::path::PathBuf,
    pub synchronous: Synchronous,
    pub space: SpaceLimits,
    pub in_flight: u16,
    pub heartbeat_s: u32,
    pub merchant: String,
    pub store: String,
}

/// Why the gateway does not start. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("keys: {0:#}")]
    Keys(anyhow::Error),
    #[error("anchors: {0:#}")]
    Anchors(anyhow::Error),
    #[error(
        "the journal ends at entry {journal}, an anchor names entry {anchor}: the end was cut off or an old copy put back; restore the newest one"
    )]
    BehindAnchor { journal: u64, anchor: u64 },
    #[error(
        "group {0} is not the one that was anchored: this is another history; restore the right database"
    )]
    AnchorDiffers(u64),
    #[error("journal entry {index}: {what}; run `gateway journal verify` for the whole picture")]
    Damaged { index: u64, what: &'static str },
    #[error("{0}; run `gateway journal verify` for the whole picture")]
    Journal(#[from] WalkError),
    #[error("the key file does not belong to this journal")]
    ForeignKey,
    #[error("programme version {version} in the journal: {problem}")]
    Programme { version: u32, problem: String },
}

type Result<T> = std::result::Result<T, OpenError>;

/// Opens the journal, verifies head, anchors and tail, and returns the writer with the way to reach it.
///
/// # Errors
/// [`OpenError`] when anything does not hold.
pub fn open(
    options: Options,
    clock: Clock,
    metrics: Arc<Metrics>,
) -> Result<(Writer, Handle, Receiver<Job>)> {
    let key = SigningKey::load_or_generate(&options.data.gateway_key()).map_err(OpenError::Keys)?;
    let card_key = CardKey::load_or_generate(&options.data.card_key()).map_err(OpenError::Keys)?;
    let members = Members::open(&options.data.0, &options.data.member_key()).map_err(OpenError::Keys)?;
    let mut storage = Storage::open(&options.data.0, options.synchronous)?;
    let anchors = AnchorFile::open(&options.anchors).map_err(OpenError::Anchors)?;
    if storage.last_index()? == 0 {
        if let Some(anchor) = anchors.last() {
            return Err(OpenError::BehindAnchor { journal: 0, anchor: anchor.index });
        }
        let owner =
            SigningKey::load_or_generate(&options.data.operator_key("owner")).map_err(OpenError::Keys)?;
        begin(&mut storage, &key, &owner, &options, &clock)?;
    }
    let installation = installation(&storage)?;
    let sealer = Sealer { key, installation };
    check_anchors(&storage, &anchors)?;
    let (state, head, dirty) = restore(&storage, &installation)?;
    if state.gateway_key != sealer.key.spki() {
        return Err(OpenError::ForeignKey);
    }
    let through = Some(archived_through(&state));
    check_named(&storage, &options.data.0, (&installation, &state.gateway_key), through)?;
    let mut timekeeper = Timekeeper::new(head.time_ms, clock.steady_ms());
    let time = timekeeper.observe(clock.now_ms(), clock.steady_ms());
    let registry = Arc::new(Registry::default());
    registry.fill(state.terminals.values());
    let (sender, receiver) = sync_channel(QUEUE);
    let handle = Handle { sender, registry: Arc::clone(&registry), installation };
    let watermark = storage.watermark()?;
    info!(
        index = head.index,
        group = head.group,
        replayed = head.index.saturating_sub(watermark),
        "journal open"
    );
    let latest_date = date_of(&storage, head.index)?.unwrap_or(0);
    let programmes = compile(&state)?;
    let compiled = programmes.iter().map(|version| version.programme.as_ref());
    let standings = standings(&storage, &state, compiled)?;
    let watch = watched(&storage, &programmes, head.index)?;
    let writer = Writer {
        programmes,
        watch,
        standings,
        rewarded: HashMap::new(),
        dirty,
        leaving: storage.is_leaving()?,
        storage,
        state,
        sealer,
        card_key: Arc::new(card_key),
        members,
        tried: HashMap::new(),
        lookups: GuessBudget::default(),
        head,
        clock,
        timekeeper,
        // Looked at again, and reported, when the writer runs.
        time: Reading { doubt: None, ..time },
        last_used: HashMap::new(),
        anchors,
        registry,
        metrics,
        budget: GuessBudget::default(),
        quotes: Quotes::default(),
        proposals: Proposals::default(),
        stopped: None,
        space: Space::Enough,
        directory: options.data.0,
        limits: options.space,
        in_flight: options.in_flight,
        heartbeat_s: options.heartbeat_s,
        place: (options.merchant, options.store),
        watermark,
        latest_ms: head.time_ms,
        latest_date,
        swept: DuePlace::default(),
        birthdays: Round::default(),
    };
    Ok((writer, handle, receiver))
}

impl Writer {
    /// The key that turns card secrets into proofs, for the sessions.
    #[must_use]
    pub fn card_key(&self) -> Arc<CardKey> {
        Arc::clone(&self.card_key)
    }

    /// What grants are checked with.
    #[must_use]
    pub fn word(&self) -> GatewayWord {
        let key = PublicKey::from_spki(&self.sealer.key.spki());
        GatewayWord { installation: self.sealer.installation, key }
    }

    /// The gateway's key, for the TLS stack.
    #[must_use]
    pub fn gateway_key(&self) -> &SigningKey {
        &self.sealer.key
    }
}

fn installation(storage: &Storage) -> Result<Installation> {
    let stored = storage.meta("installation")?;
    let id = stored.and_then(|bytes| bytes.try_into().ok());
    id.map(Installation).ok_or(OpenError::Damaged { index: 0, what: "no installation id" })
}

/// Entry 1: the gateway's key, the owner's key, the default programme.
fn begin(
    storage: &mut Storage,
    key: &SigningKey,
    owner: &SigningKey,
    options: &Options,
    clock: &Clock,
) -> Result<()> {
    let installation = match storage.meta("installation")? {
        Some(_) => installation(storage)?,
        None => {
            let id = clock::random::<16>();
            storage.set_meta("installation", &id)?;
            Installation(id)
        }
    };
    let ms = clock.now_ms();
    let document = programme_file::DEFAULT.to_owned();
    let programme = programme_file::parse(&document).map_err(|problems| OpenError::Programme {
        version: 1,
        problem: problems.iter().map(ToString::to_string).collect(),
    })?;
    let business_date = programme
        .business_date(ms)
        .map_err(|_| OpenError::Damaged { index: 0, what: "the clock is out of range" })?;
    let now = Now { ms, business_date, certain: true };
    let origin = Origin::System { name: Origin::GENESIS.into(), key: crate::keys::hex(&installation.0) };
    let details = Details {
        chain: CHAIN,
        epoch: 1,
        index: 1,
        time_ms: ms,
        business_date,
        merchant: options.merchant.clone(),
        store: options.store.clone(),
        currency: (programme.currency, programme.exponent),
        programme_version: 1,
        quoted_ms: None,
        effects: vec![
            Effect::GatewayKey { public_key: key.spki() },
            Effect::Operator { operator: "owner".into(), held: Operator::first(owner.spki()) },
            Effect::Programme { version: 1, effective_from: now.s(), document },
        ]
        .into_iter()
        .chain(day_before(business_date).and_then(|day| close_through(&State::default(), day)))
        .collect(),
    };
    let encoded = details.encode();
    let leaf = leaf_of(sha256(&[&origin.bytes()]), answer_hash(None), sha256(&[&encoded]));
    let sealer =
        Sealer { key: SigningKey::load(&options.data.gateway_key()).map_err(OpenError::Keys)?, installation };
    let sealed = sealer.seal(&Head::GENESIS, &[leaf], ms);
    let record = encode_parts(&origin, None, &encoded);
    let row = Row { index: 1, group: 1, identity: None, leaf, record };
    let seal = SealRow { group: 1, first_index: 1, last_index: 1, seal: sealed.bytes };
    storage.commit_group(&[row], &seal)?;
    Ok(())
}

fn check_anchors(storage: &Storage, anchors: &AnchorFile) -> Result<()> {
    let Some(anchor) = anchors.last() else { return Ok(()) };
    let journal = storage.last_index()?;
    match storage.seal(anchor.group)? {
        None => Err(OpenError::BehindAnchor { journal, anchor: anchor.index }),
        Some(seal) if sha256(&[&seal.seal]) != anchor.seal_hash || seal.last_index != anchor.index => {
            Err(OpenError::AnchorDiffers(anchor.group))
        }
        Some(_) => Ok(()),
    }
}

/// The snapshot, and on top of it the verified tail of the journal; with what the tail has changed.
pub(crate) fn restore(
    storage: &Storage,
    installation: &Installation,
) -> Result<(State, Head, HashSet<Touched>)> {
    let mut state = small_state(storage)?;
    let watermark = storage.watermark()?;
    let damaged = |index, what| OpenError::Damaged { index, what };
    let last = storage.last_seal()?.ok_or(damaged(0, "no seal"))?;
    if last.last_index != storage.last_index()? || watermark > last.last_index {
        return Err(damaged(last.last_index, "the last seal is not at the end"));
    }
    // The group that holds the watermark is verified too, so that at least one seal is.
    let from = storage.entry(watermark.max(1))?.ok_or(damaged(watermark, "missing"))?.group;
    let mut head = walk::head_before(storage, from)?;
    let mut dirty = HashSet::new();
    while let Some(group) = walk::next_group(storage, installation, &head)? {
        let key_before = state.gateway_key.clone();
        for entry in group.entries.iter().filter(|entry| entry.row.index > watermark) {
            walk::replay(&mut state, entry.row.index, &entry.record, |touched| fetch(storage, touched))?;
            dirty.extend(entry.record.details.effects.iter().map(State::touched_by));
        }
        let first = group.seal.header.first_index;
        let key = sealing_key(&key_before, &state).ok_or(damaged(first, "no gateway key before it"))?;
        if !seal_verifies(&group.seal, installation, &key) {
            return Err(damaged(first, "its seal's signature does not verify"));
        }
        head = group.sealed.head;
    }
    Ok((state, head, dirty))
}

/// What is kept in memory whole.
fn small_state(storage: &Storage) -> Result<State> {
    let mut state = State::default();
    let kinds = [
        Touched::Account(String::new()),
        Touched::Terminal(String::new()),
        Touched::Operator(String::new()),
        Touched::Programme(0),
        Touched::GatewayKey,
        Touched::Cashier(String::new()),
        Touched::Exception(0),
        Touched::Counter((String::new(), 0)),
    ];
    for kind in kinds {
        storage.each_snapshot(cell_key(&kind), |key, bytes, _| {
            let (touched, cell) = decode_cell(&key, &bytes)?;
            state.put(&touched, Some(cell));
            Ok(())
        })?;
    }
    Ok(state)
}

fn fetch(storage: &Storage, touched: &Touched) -> std::result::Result<Option<Cell>, StorageError> {
    let key = key_of(touched);
    storage.snapshot(&key)?.map(|bytes| decode_cell(&key, &bytes).map(|(_, cell)| cell)).transpose()
}

/// Every programme version of the journal, compiled.
pub(super) fn compile(state: &State) -> Result<Vec<InForce>> {
    let compiled = state.programmes.iter().map(|version| {
        let programme =
            programme_file::parse(&version.document).map_err(|problems| OpenError::Programme {
                version: version.version,
                problem: problems.first().map(ToString::to_string).unwrap_or_default(),
            })?;
        let mut digest = [0; 8];
        digest.copy_from_slice(&sha256(&[version.document.as_bytes()])[..8]);
        Ok(InForce {
            version: version.version,
            effective_from: version.effective_from,
            digest,
            programme: Arc::new(programme),
        })
    });
    compiled.collect()
}
