//! `journal verify`: everything that an outside auditor checks, and the snapshot besides.

use std::collections::HashSet;

use protocol::cose::{Algorithm, Context, EMPTY_MAP, Sign1, open_request, sig_structure};
use protocol::field::Installation;
use protocol::frame::MessageType;
use protocol::request::{Body, Request};
use serde::Serialize;

use super::anchor::Anchor;
use super::record::Origin;
use super::seal::{Head, seal_verifies, sealing_key};
use super::sha256;
use super::walk::{Damage, Entry, Group, WalkError, lost, next_group, replay};
use crate::admin::act::SignedAct;
use crate::domain::state::{Cell, State, Touched};
use crate::keys::{PublicKey, hex};
use crate::storage::{Identity, KINDS, Storage, StorageError, cell_key, decode_cell, due, key_of};

/// What was verified, and everything that was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    pub entries: u64,
    pub groups: u64,
    /// Signatures of terminals and operators.
    pub signatures: u64,
    /// Cards whose balance equals the replay of the journal.
    pub cards: u64,
    pub accounts: u64,
    pub anchors: u64,
    /// SHA-256 of the last seal, in hex.
    pub head: String,
    pub faults: Vec<String>,
}

/// Verifies the whole journal against itself, the anchors and the snapshot. Stops at the first entry that cannot be
/// built upon; lists everything else.
///
/// # Errors
/// When the database cannot be read.
pub fn verify(
    storage: &Storage,
    installation: &Installation,
    anchors: &[Anchor],
    mut progress: impl FnMut(u64),
) -> Result<(Report, State), StorageError> {
    let mut verifier = Verifier::default();
    let watermark = storage.watermark()?;
    if watermark == 0 {
        verifier.no_snapshot(storage)?;
    }
    let mut head = Head::GENESIS;
    let mut unmatched: Vec<&Anchor> = anchors.iter().collect();
    loop {
        let group = match next_group(storage, installation, &head) {
            Ok(Some(group)) => group,
            Ok(None) => break,
            Err(WalkError::Damage(damage)) => {
                verifier.fault(&damage);
                break;
            }
            Err(WalkError::Storage(error)) => return Err(error),
        };
        if !verifier.group(&group, installation) {
            break;
        }
        head = group.sealed.head;
        if let Some(damage) = lost(storage, &group)? {
            verifier.fault(&damage);
        }
        if watermark == head.index {
            verifier.snapshot(storage)?;
        } else if watermark < head.index && watermark >= group.seal.header.first_index {
            let fault = format!("snapshot: it stands within a group, at entry {watermark}");
            verifier.report.faults.push(fault);
        }
        let here =
            Anchor { epoch: head.epoch, group: head.group, index: head.index, seal_hash: head.seal_hash };
        unmatched.retain(|anchor| {
            let matches = **anchor == here;
            verifier.report.anchors = verifier.report.anchors.saturating_add(u64::from(matches));
            !matches
        });
        progress(head.index);
    }
    for anchor in unmatched {
        let fault =
            format!("anchor: group {} at entry {} is not in this journal", anchor.group, anchor.index);
        verifier.report.faults.push(fault);
    }
    if watermark > head.index {
        let fault = format!("snapshot: it is ahead of the journal, at entry {watermark}");
        verifier.report.faults.push(fault);
    }
    verifier.report.accounts = verifier.state.accounts.len() as u64;
    verifier.report.head = hex(&head.seal_hash);
    Ok((verifier.report, verifier.state))
}

/// A verification under way: what the journal has said so far, and what was wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    pub report: Report,
    pub state: State,
    /// Identities so far, each as a short hash: no STAN twice.
    seen: HashSet<[u8; 16]>,
}

impl Verifier {
    /// Verifies the next group, whose entries match its seal's root: signatures, effects, the seal's own signature.
    /// Whether it can be built upon; what else is wrong with it is in the report.
    pub fn group(&mut self, group: &Group, installation: &Installation) -> bool {
        let key_before = self.state.gateway_key.clone();
        for entry in &group.entries {
            self.signature(entry, installation);
            if let Err(damage) = replay_whole(&mut self.state, entry) {
                self.fault(&damage);
                return false;
            }
        }
        let signed = sealing_key(&key_before, &self.state)
            .is_some_and(|key| seal_verifies(&group.seal, installation, &key));
        if !signed {
            let index = group.seal.header.first_index;
            self.fault(&Damage { index, what: "its seal's signature does not verify" });
        }
        self.report.entries = group.sealed.head.index;
        self.report.groups = group.sealed.head.group;
        true
    }

    fn fault(&mut self, damage: &Damage) {
        self.report.faults.push(damage.to_string());
    }

    /// The origin's signature by the key in force before the entry, and the identity columns beside it.
    fn signature(&mut self, entry: &Entry, installation: &Installation) {
        let verified = match &entry.record.origin {
            Origin::Terminal { message, signed } => {
                self.terminal_signature(entry, MessageType(*message), signed, installation)
            }
            _ if entry.row.identity.is_some() => Err("its identity columns differ"),
            Origin::Operator { signed } => self.act_signatures(signed, installation),
            Origin::System { .. } => return,
        };
        match verified {
            Ok(()) => self.report.signatures = self.report.signatures.saturating_add(1),
            Err(what) => self.fault(&Damage { index: entry.row.index, what }),
        }
    }

    fn terminal_signature(
        &mut self,
        entry: &Entry,
        message: MessageType,
        signed: &[u8],
        installation: &Installation,
    ) -> Result<(), &'static str> {
        // What is unsigned must be empty, or bytes could hide there.
        let opened = open_request(signed, installation, message).map_err(|_| "its request cannot be read")?;
        let request =
            Request::decode_payload(message, opened.payload).map_err(|_| "its request cannot be read")?;
        let terminal = request.header.terminal.as_str();
        let (key, generation, stan) = match &request.body {
            Body::Enroll { public_key, .. } => {
                let before = self.state.terminals.get(terminal).map_or(0, |held| held.generation);
                (public_key.as_bytes().to_vec(), before.saturating_add(1), 0)
            }
            _ => {
                let held = self.state.terminals.get(terminal).ok_or("its terminal was not enrolled")?;
                let generation = request.header.generation.map_or(0, |g| g.get());
                if held.generation != generation {
                    return Err("its enrolment generation was not in force");
                }
                (held.public_key.clone(), generation, request.header.stan.map_or(0, |s| s.get()))
            }
        };
        let identity = Identity { terminal: terminal.into(), generation, stan };
        if entry.row.identity.as_ref() != Some(&identity) {
            return Err("its identity columns differ");
        }
        let mut short = [0; 16];
        let whole = sha256(&[terminal.as_bytes(), &[0], &generation.to_be_bytes(), &stan.to_be_bytes()]);
        short.copy_from_slice(&whole[..16]);
        if !self.seen.insert(short) {
            return Err("its STAN was used before");
        }
        let key = PublicKey::from_spki(&key).ok_or("its terminal's key cannot be read")?;
        let verifies = opened.algorithm.number() == key.algorithm()
            && key.verify(&opened.to_be_signed, opened.signature);
        if verifies { Ok(()) } else { Err("its terminal's signature does not verify") }
    }

    /// Every signature verifies; an act that needs two people has those of two, on the same act, and no other act has.
    fn act_signatures(&self, signed: &[Vec<u8>], installation: &Installation) -> Result<(), &'static str> {
        let acts = signed.iter().map(|act| self.act_signature(act, installation));
        match acts.collect::<Result<Vec<_>, _>>()?.as_slice() {
            [(act, _)] if !act.act.needs_two() => Ok(()),
            [(one, key), (other, other_key)] if one.act.needs_two() => {
                let two_people = one.operator != other.operator && key != other_key;
                if two_people && one.act == other.act {
                    Ok(())
                } else {
                    Err("it is not signed by two people")
                }
            }
            _ => Err("it has not the number of signatures that its act needs"),
        }
    }

    fn act_signature(
        &self,
        act: &[u8],
        installation: &Installation,
    ) -> Result<(SignedAct, &[u8]), &'static str> {
        let sign1 = Sign1::parse(act).map_err(|_| "its act cannot be read")?;
        let payload = sign1.payload.ok_or("its act has no payload")?;
        if sign1.protected != Algorithm::Es256.protected_header() || sign1.unprotected != EMPTY_MAP {
            return Err("its act has other headers than an act has");
        }
        let decoded = SignedAct::decode(payload).map_err(|_| "its act cannot be read")?;
        let operator = self.state.operators.get(&decoded.operator).filter(|(active, _)| *active);
        let (_, spki) = operator.ok_or("its operator was not active")?;
        let key = PublicKey::from_spki(spki).ok_or("its operator's key cannot be read")?;
        let message = sig_structure(Context::Act, installation, sign1.protected, payload);
        if key.verify(&message, sign1.signature) {
            Ok((decoded, spki))
        } else {
            Err("its operator's signature does not verify")
        }
    }

    /// A snapshot that is true up to entry 0 has no rows.
    fn no_snapshot(&mut self, storage: &Storage) -> Result<(), StorageError> {
        let mut rows: u64 = 0;
        for kind in 1..=KINDS {
            storage.each_snapshot(kind, |_, _, _| {
                rows = rows.saturating_add(1);
                Ok(())
            })?;
        }
        if rows > 0 {
            self.report.faults.push(format!("snapshot: {rows} rows, but it says it stands at entry 0"));
        }
        Ok(())
    }

    /// Every snapshot row equals the replayed state, and none is missing.
    fn snapshot(&mut self, storage: &Storage) -> Result<(), StorageError> {
        for kind in 1..=KINDS {
            let mut rows: u64 = 0;
            let mut differing: u64 = 0;
            let state = &self.state;
            let read = storage.each_snapshot(kind, |key, bytes, at| {
                let (touched, cell) = decode_cell(&key, &bytes)?;
                rows = rows.saturating_add(1);
                if expected(state, &touched).as_ref() != Some(&cell) || due(&cell) != at {
                    differing = differing.saturating_add(1);
                }
                Ok(())
            });
            match read {
                Ok(()) => {}
                Err(StorageError::Snapshot(what)) => self.report.faults.push(format!("snapshot: {what}")),
                Err(error) => return Err(error),
            }
            if differing > 0 {
                self.report
                    .faults
                    .push(format!("snapshot: {differing} rows of kind {kind} differ from the replay"));
            }
            let wanted = keys_of_kind(&self.state, kind)
                .filter(|touched| !matches!(storage.snapshot(&key_of(touched)), Ok(Some(_))));
            let missing = wanted.count();
            if missing > 0 {
                self.report.faults.push(format!("snapshot: {missing} rows of kind {kind} are missing"));
            }
            if kind == cell_key(&Touched::Card(crate::domain::CardReference(0))) {
                self.report.cards = rows;
            }
        }
        Ok(())
    }
}

/// Replay from the first entry: there is nothing to fetch.
fn replay_whole(state: &mut State, entry: &Entry) -> Result<(), Damage> {
    match replay(state, entry.row.index, &entry.record, |_| Ok(None)) {
        Ok(()) => Ok(()),
        Err(WalkError::Damage(damage)) => Err(damage),
        Err(WalkError::Storage(_)) => unreachable!("nothing was fetched"),
    }
}

fn expected(state: &State, touched: &Touched) -> Option<Cell> {
    state.cell(touched)
}

/// The pieces of one kind that the replay knows.
fn keys_of_kind(state: &State, kind: u8) -> Box<dyn Iterator<Item = Touched> + '_> {
    match kind {
        1 => Box::new(state.cards.keys().map(|card| Touched::Card(*card))),
        2 => Box::new(state.accounts.keys().cloned().map(Touched::Account)),
        3 => Box::new(state.terminals.keys().cloned().map(Touched::Terminal)),
        4 => Box::new(state.shifts.keys().cloned().map(Touched::Shift)),
        5 => Box::new(state.transactions.keys().copied().map(Touched::Transaction)),
        6 => Box::new(state.tombstones.keys().cloned().map(Touched::Tombstone)),
        7 => Box::new(state.operators.keys().cloned().map(Touched::Operator)),
        8 => Box::new(state.programmes.iter().map(|p| Touched::Programme(p.version))),
        10 => Box::new(state.tallies.keys().cloned().map(Touched::Tally)),
        11 => Box::new(state.cashiers.keys().cloned().map(Touched::Cashier)),
        12 => Box::new(state.exceptions.keys().copied().map(Touched::Exception)),
        13 => Box::new(state.members.keys().copied().map(Touched::Member)),
        14 => Box::new(state.counters.keys().cloned().map(Touched::Counter)),
        _ => Box::new(std::iter::once(Touched::GatewayKey)),
    }
}
