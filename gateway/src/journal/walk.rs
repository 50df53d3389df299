//! Reading the journal group by group, believing nothing: places, leaves, tree and seal must fit together.

use protocol::cose::{Context, Sign1, sig_structure};
use protocol::field::Installation;
use protocol::frame::MessageType;
use protocol::receipt::Seal;

use super::record::{Origin, Record, answer_hash};
use super::seal::{CHAIN, Head, Sealed, leaf_of};
use super::sha256;
use super::state_hash::{encode_account, encode_card, state_hash};
use crate::domain::effect::{Effect, Subject};
use crate::domain::ledger::check_balanced;
use crate::domain::state::{Cell, State, Touched};
use crate::storage::{Row, SealRow, Storage, StorageError};

/// What is wrong, and at which entry (0: with the journal as a whole).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub index: u64,
    pub what: &'static str,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "entry {}: {}", self.index, self.what)
    }
}

/// The walk cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    #[error("{0}")]
    Damage(Damage),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn damage<T>(index: u64, what: &'static str) -> Result<T, WalkError> {
    Err(WalkError::Damage(Damage { index, what }))
}

/// An entry whose bytes match its leaf.
#[derive(Debug)]
pub struct Entry {
    pub row: Row,
    pub record: Record,
    pub request_id: [u8; 32],
}

/// A group whose entries match its seal's root. The seal's signature is checked by the caller, who knows the key.
#[derive(Debug)]
pub struct Group {
    pub entries: Vec<Entry>,
    pub seal: Seal,
    pub sealed: Sealed,
}

/// The head before `group`.
///
/// # Errors
/// When the seal before it is missing or cannot be read.
pub fn head_before(storage: &Storage, group: u64) -> Result<Head, WalkError> {
    let Some(before) = group.checked_sub(1).filter(|before| *before > 0) else { return Ok(Head::GENESIS) };
    let Some(row) = storage.seal(before)? else { return damage(0, "a seal is missing") };
    let Ok(seal) = Seal::parse(&row.seal) else { return damage(row.last_index, "its seal cannot be read") };
    Ok(Head {
        epoch: seal.header.epoch,
        group: before,
        index: row.last_index,
        seal_hash: sha256(&[&row.seal]),
        time_ms: i64::try_from(seal.header.time_ms).unwrap_or(i64::MAX),
    })
}

/// A group as the database has it: its seal stands in its place, its entries are not looked at yet.
#[derive(Debug)]
pub struct Unchecked {
    before: Head,
    stored: SealRow,
    seal: Seal,
    rows: Vec<Row>,
}

/// Reads the group after `before`; `None` at the end of the journal.
///
/// # Errors
/// [`WalkError::Damage`] at the first thing that does not fit.
pub fn next_group(
    storage: &Storage,
    installation: &Installation,
    before: &Head,
) -> Result<Option<Group>, WalkError> {
    let Some(unchecked) = read_group(storage, before)? else { return Ok(None) };
    unchecked.check(installation).map(Some).map_err(WalkError::Damage)
}

/// Reads the group after `before` and leaves its entries to be checked; `None` at the end of the journal.
///
/// # Errors
/// [`WalkError::Damage`] when its seal does not stand in its place.
pub fn read_group(storage: &Storage, before: &Head) -> Result<Option<Unchecked>, WalkError> {
    let group = before.group.saturating_add(1);
    let first = before.index.saturating_add(1);
    let Some(stored) = storage.seal(group)? else {
        return if storage.last_index()? > before.index
            || storage.last_seal()?.is_some_and(|last| last.group > group)
        {
            damage(first, "its seal is missing")
        } else {
            Ok(None)
        };
    };
    unchecked(before, stored, |first, last| storage.entries(first, last)).map(Some)
}

/// Checks a group as it was read. `entries` gives the rows from one index to another, those that there are.
///
/// # Errors
/// [`WalkError::Damage`] at the first thing that does not fit.
pub fn check_group(
    installation: &Installation,
    before: &Head,
    stored: &SealRow,
    entries: impl FnOnce(u64, u64) -> Result<Vec<Row>, StorageError>,
) -> Result<Group, WalkError> {
    unchecked(before, stored.clone(), entries)?.check(installation).map_err(WalkError::Damage)
}

fn unchecked(
    before: &Head,
    stored: SealRow,
    entries: impl FnOnce(u64, u64) -> Result<Vec<Row>, StorageError>,
) -> Result<Unchecked, WalkError> {
    let seal = parse_seal(&stored, before)?;
    let rows = entries(before.index.saturating_add(1), stored.last_index)?;
    Ok(Unchecked { before: *before, stored, seal, rows })
}

impl Unchecked {
    /// How much there is to check.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.iter().fold(0, |sum, row| sum.saturating_add(row.record.len()))
    }

    /// Where the journal ends behind this group, if its entries are sound.
    #[must_use]
    pub fn head(&self) -> Head {
        let header = self.seal.header;
        Head {
            epoch: header.epoch,
            group: header.group,
            index: header.last_index,
            seal_hash: sha256(&[&self.stored.seal]),
            time_ms: i64::try_from(header.time_ms).unwrap_or(i64::MAX),
        }
    }

    /// Checks the entries: each in its one encoding, as its leaf says, in its place; and their tree under the seal.
    ///
    /// # Errors
    /// [`Damage`] at the first thing that does not fit.
    pub fn check(self, installation: &Installation) -> Result<Group, Damage> {
        let Self { before, stored, seal, rows } = self;
        let first = before.index.saturating_add(1);
        let mut checked: Vec<Entry> = Vec::with_capacity(rows.len());
        for row in rows {
            let expected = first.saturating_add(checked.len() as u64);
            checked.push(read_entry(row, installation, &seal, expected)?);
        }
        let leaves: Vec<[u8; 32]> = checked.iter().map(|entry: &Entry| entry.row.leaf).collect();
        let damage = |what| Err(Damage { index: first, what });
        let Some(sealed) = Sealed::stored(&seal, &stored.seal, &before.seal_hash, &leaves) else {
            return damage("its group does not match its seal");
        };
        if sealed.head.index != stored.last_index {
            return damage("its group's seal row names another end");
        }
        Ok(Group { entries: checked, seal, sealed })
    }
}

/// The first request of a sound group that is not found under its own STAN: its repeat would be decided a second time.
///
/// # Errors
/// When the database cannot be read.
pub fn lost(storage: &Storage, group: &Group) -> Result<Option<Damage>, StorageError> {
    for Row { index, identity, .. } in group.entries.iter().map(|entry| &entry.row) {
        if let Some(identity) = identity
            && storage.find(identity)? != Some(*index)
        {
            return Ok(Some(Damage { index: *index, what: "is not found under its STAN" }));
        }
    }
    Ok(None)
}

fn parse_seal(stored: &SealRow, before: &Head) -> Result<Seal, WalkError> {
    let first = before.index.saturating_add(1);
    let Ok(seal) = Seal::parse(&stored.seal) else { return damage(first, "its seal cannot be read") };
    let header = seal.header;
    let in_place = header.chain == CHAIN
        && header.group == before.group.saturating_add(1)
        && stored.group == header.group
        && header.first_index == first
        && stored.first_index == first
        && header.last_index == stored.last_index
        && header.epoch >= before.epoch;
    if !in_place {
        return damage(first, "its seal names another place");
    }
    if i64::try_from(header.time_ms).map_or(true, |ms| ms < before.time_ms) {
        return damage(first, "its seal is older than the one before");
    }
    if stored.seal != seal.encode() {
        return damage(first, "its seal is not in its one encoding");
    }
    Ok(seal)
}

fn read_entry(row: Row, installation: &Installation, seal: &Seal, expected: u64) -> Result<Entry, Damage> {
    let index = row.index;
    let damage = |index, what| Err(Damage { index, what });
    if index != expected || row.group != seal.header.group {
        return damage(expected, "missing, or in another group");
    }
    let Ok((record, details)) = Record::decode(&row.record) else { return damage(index, "cannot be read") };
    if !record.is_encoded(&row.record, details) {
        return damage(index, "is not in its one encoding");
    }
    let Some(signed) = signed_bytes(&record.origin, installation) else {
        return damage(index, "its origin cannot be read");
    };
    let request_id = sha256(&[&signed]);
    let leaf = leaf_of(request_id, answer_hash(record.answer.as_deref()), sha256(&[details]));
    if leaf != row.leaf {
        return damage(index, "does not match its leaf");
    }
    let details = &record.details;
    if (details.chain, details.epoch, details.index) != (CHAIN, seal.header.epoch, index) {
        return damage(index, "names another place");
    }
    Ok(Entry { row, record, request_id })
}

/// The request id of an entry (PROTOCOL.md section 12).
#[must_use]
pub fn request_id(origin: &Origin, installation: &Installation) -> Option<[u8; 32]> {
    Some(sha256(&[&signed_bytes(origin, installation)?]))
}

/// What the origin has signed; of the system, which signs nothing, the origin itself.
fn signed_bytes(origin: &Origin, installation: &Installation) -> Option<Vec<u8>> {
    let (signed, context) = match origin {
        Origin::Terminal { message, signed } => (signed, Context::Request(MessageType(*message))),
        Origin::Operator { signed } => (signed.first()?, Context::Act),
        Origin::System { .. } => return Some(origin.bytes()),
    };
    let sign1 = Sign1::parse(signed).ok()?;
    Some(sig_structure(context, installation, sign1.protected, sign1.payload?))
}

/// Applies an entry's effects and compares every state hash that it records. `fetch` brings what the state does not
/// hold.
///
/// # Errors
/// [`WalkError::Damage`] when the entry does not balance, does not fit, or leads to another state.
pub fn replay(
    state: &mut State,
    index: u64,
    record: &Record,
    mut fetch: impl FnMut(&Touched) -> Result<Option<Cell>, StorageError>,
) -> Result<(), WalkError> {
    balanced(index, record).map_err(WalkError::Damage)?;
    for effect in &record.details.effects {
        let touched = State::touched_by(effect);
        if !state.has(&touched)
            && let Some(cell) = fetch(&touched)?
        {
            state.put(&touched, Some(cell));
        }
        apply(state, index, effect).map_err(WalkError::Damage)?;
    }
    Ok(())
}

/// The same of a state that began at the first entry and holds everything.
///
/// # Errors
/// [`Damage`] when the entry does not balance, does not fit, or leads to another state.
pub fn replay_whole(state: &mut State, index: u64, record: &Record) -> Result<(), Damage> {
    balanced(index, record)?;
    record.details.effects.iter().try_for_each(|effect| apply(state, index, effect))
}

fn balanced(index: u64, record: &Record) -> Result<(), Damage> {
    let postings = record.details.effects.iter().filter_map(|effect| match effect {
        Effect::Posting(posting) => Some(posting),
        _ => None,
    });
    check_balanced(postings).map_err(|_| Damage { index, what: "does not sum to zero" })
}

fn apply(state: &mut State, index: u64, effect: &Effect) -> Result<(), Damage> {
    if state.apply(effect).is_err() {
        return Err(Damage { index, what: "an effect does not fit the state before it" });
    }
    match effect {
        Effect::Version { subject, state_hash, .. } if subject_hash(state, subject) != *state_hash => {
            Err(Damage { index, what: "leads to another state than it records" })
        }
        _ => Ok(()),
    }
}

/// What the whole journal leads to. `progress` is told each index that is read.
///
/// # Errors
/// [`WalkError`] at the first thing that does not fit.
pub fn replayed(
    storage: &Storage,
    installation: &Installation,
    mut progress: impl FnMut(u64),
) -> Result<State, WalkError> {
    let (mut state, mut head) = (State::default(), Head::GENESIS);
    while let Some(group) = next_group(storage, installation, &head)? {
        for entry in &group.entries {
            replay_whole(&mut state, entry.row.index, &entry.record).map_err(WalkError::Damage)?;
        }
        head = group.sealed.head;
        progress(head.index);
    }
    Ok(state)
}

/// The state hash of a card or named account as it stands.
#[must_use]
pub fn subject_hash(state: &State, subject: &Subject) -> [u8; 16] {
    let bytes = match subject {
        Subject::Card(card) => state.cards.get(card).map(encode_card),
        Subject::Named(name) => state.accounts.get(name).map(|account| encode_account(name, account)),
    };
    bytes.map_or([0; 16], |bytes| state_hash(&bytes))
}
