//! A write group: entries decided and applied in memory, then sealed and committed at once.

use std::collections::{BTreeSet, HashMap};

use protocol::answer::AnswerSidecar;
use protocol::code::ResponseCode;
use protocol::field::{Blob, Hash};
use tokio::sync::oneshot;

use super::{ActDone, Reply};
use crate::domain::Now;
use crate::domain::effect::{Effect, Subject};
use crate::domain::ledger::check_balanced;
use crate::domain::state::{Cell, Touched};
use crate::domain::{Fault, State};
use crate::journal::record::{Details, Origin, answer_hash, encode_parts};
use crate::journal::seal::leaf_of;
use crate::journal::sha256;
use crate::journal::walk::subject_hash;
use crate::storage::{ArchiveRow, Identity};

/// An entry that waits for its group's commit.
#[derive(Debug)]
pub(super) struct Entry {
    pub identity: Option<Identity>,
    pub request_id: [u8; 32],
    pub record: Vec<u8>,
    pub leaf: [u8; 32],
    pub details_hash: [u8; 32],
    /// Answer body and its code.
    pub answer: Option<(Vec<u8>, ResponseCode)>,
}

/// A terminal that waits for the commit.
#[derive(Debug)]
pub(super) enum Waiting {
    /// Depends on nothing but that everything before it is committed.
    Ready(Reply),
    /// The entry's answer, with its receipt.
    Fresh(usize),
    /// The same, asked for once more in the same group.
    Repeated(usize),
}

#[derive(Debug, Default)]
pub(super) struct Group {
    pub entries: Vec<Entry>,
    pub by_identity: HashMap<Identity, usize>,
    pub waiting: Vec<(oneshot::Sender<Reply>, Waiting)>,
    pub acts: Vec<(oneshot::Sender<Result<ActDone, String>>, ActDone)>,
    pub queries: Vec<(oneshot::Sender<serde_json::Value>, serde_json::Value)>,
    /// Files of the archive that its acts name.
    pub files: Vec<ArchiveRow>,
    /// A business day ends with one of its entries.
    pub closes_day: bool,
    /// Terminals whose view must be published after the commit.
    pub terminals: BTreeSet<String>,
}

/// What an entry is made of, besides its answer.
pub(super) struct Draft {
    pub origin: Origin,
    pub identity: Option<Identity>,
    pub request_id: [u8; 32],
    pub details: Details,
}

/// Who caused an entry, where and when, and what it does.
pub(super) struct Cause<'a> {
    pub origin: Origin,
    /// Only a terminal's request has one.
    pub identity: Option<Identity>,
    pub request_id: [u8; 32],
    pub merchant: &'a str,
    pub store: &'a str,
    pub now: Now,
    /// When the quote was given that is honoured.
    pub quoted_ms: Option<i64>,
    pub effects: Vec<Effect>,
}

impl<'a> Cause<'a> {
    /// A due item of the system's own: its name and key make it happen once. `place` is merchant and store.
    pub(super) fn system(
        name: &str,
        key: String,
        place: (&'a str, &'a str),
        now: Now,
        effects: Vec<Effect>,
    ) -> Self {
        let origin = Origin::System { name: name.into(), key };
        let request_id = sha256(&[&origin.bytes()]);
        let (merchant, store) = place;
        Self { origin, identity: None, request_id, merchant, store, now, quoted_ms: None, effects }
    }
}

impl Group {
    pub(super) fn answer_now(&mut self, to: oneshot::Sender<Reply>, reply: Reply) {
        self.waiting.push((to, Waiting::Ready(reply)));
    }

    /// Applies the draft's effects to the state, adds the new versions of what they touched, and appends the entry.
    /// `answer` sees the state after the effects. When an effect does not fit, the state is put back and nothing is
    /// appended.
    pub(super) fn append(
        &mut self,
        state: &mut State,
        dirty: &mut std::collections::HashSet<Touched>,
        mut draft: Draft,
        answer: impl FnOnce(&State) -> Option<(Vec<u8>, ResponseCode)>,
    ) -> Result<usize, Fault> {
        check_balanced(draft.details.effects.iter().filter_map(|effect| match effect {
            Effect::Posting(posting) => Some(posting),
            _ => None,
        }))?;
        let mut before: Vec<(Touched, Option<Cell>)> = Vec::new();
        if let Err(fault) = apply_all(state, &mut draft.details.effects, &mut before) {
            for (touched, cell) in before {
                state.put(&touched, cell);
            }
            return Err(fault);
        }
        for effect in &draft.details.effects {
            if let Effect::Terminal { terminal, .. } | Effect::EnrolmentCode { terminal, .. } = effect {
                self.terminals.insert(terminal.clone());
            }
        }
        dirty.extend(before.into_iter().map(|(touched, _)| touched));

        let answer = answer(state);
        let details = draft.details.encode();
        let details_hash = sha256(&[&details]);
        let body = answer.as_ref().map(|(body, _)| body.as_slice());
        let record = encode_parts(&draft.origin, body, &details);
        let leaf = leaf_of(draft.request_id, answer_hash(body), details_hash);
        let position = self.entries.len();
        if let Some(identity) = &draft.identity {
            self.by_identity.insert(identity.clone(), position);
        }
        self.entries.push(Entry {
            identity: draft.identity,
            request_id: draft.request_id,
            record,
            leaf,
            details_hash,
            answer,
        });
        Ok(position)
    }
}

fn apply_all(
    state: &mut State,
    effects: &mut Vec<Effect>,
    before: &mut Vec<(Touched, Option<Cell>)>,
) -> Result<(), Fault> {
    for effect in effects.iter() {
        let touched = State::touched_by(effect);
        if !before.iter().any(|(seen, _)| *seen == touched) {
            before.push((touched.clone(), state.cell(&touched)));
        }
        state.apply(effect)?;
    }
    let mut versions = Vec::new();
    for (touched, _) in before.iter() {
        if let Some(version) = next_version(state, touched)? {
            state.apply(&version)?;
            versions.push(with_hash(state, version));
        }
    }
    effects.extend(versions);
    Ok(())
}

/// The next version of a card or named account; the other kinds of state carry none.
fn next_version(state: &State, touched: &Touched) -> Result<Option<Effect>, Fault> {
    let (subject, version) = match touched {
        Touched::Card(card) => {
            let held = state.cards.get(card).ok_or(Fault::Misfit("no such card"))?;
            (Subject::Card(*card), held.version)
        }
        Touched::Account(name) => {
            let version = state.accounts.get(name).map_or(0, |account| account.version);
            (Subject::Named(name.clone()), version)
        }
        _ => return Ok(None),
    };
    let version = version.checked_add(1).ok_or(Fault::Overflow)?;
    Ok(Some(Effect::Version { subject, version, state_hash: [0; 16] }))
}

fn with_hash(state: &State, effect: Effect) -> Effect {
    match effect {
        Effect::Version { subject, version, .. } => {
            let state_hash = subject_hash(state, &subject);
            Effect::Version { subject, version, state_hash }
        }
        other => other,
    }
}

/// The sidecar of a final answer.
pub(super) fn sidecar(receipt: Option<Vec<u8>>, details_hash: [u8; 32], status: Option<Vec<u8>>) -> Vec<u8> {
    AnswerSidecar {
        receipt: receipt.and_then(Blob::new),
        details_hash: Some(Hash(details_hash)),
        status: status.and_then(Blob::new),
    }
    .encode()
}
