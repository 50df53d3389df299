//! `journal verify`: everything that an outside auditor checks, and the snapshot besides.

use std::collections::HashSet;

use protocol::cose::{Algorithm, Context, EMPTY_MAP, Sign1, open_request, sig_structure};
use protocol::field::Installation;
use protocol::frame::MessageType;
use protocol::request::{Body, Request};
use serde::Serialize;

use super::ahead::Ahead;
use super::anchor::Anchor;
use super::record::Origin;
use super::seal::{Head, sealing_spki};
use super::sha256;
use super::walk::{Damage, Entry, Group, WalkError, lost, replay_whole};
use crate::admin::act::SignedAct;
use crate::archive::faults_beside;
use crate::domain::archive::archived_through;
use crate::domain::operator::are_two;
use crate::domain::state::{Cell, State, Touched};
use crate::keys::{PublicKey, hex};
use crate::storage::{Identity, KINDS, Storage, StorageError, cell_key, decode_cell, due, key_of};
use crate::workers::{Line, with_workers};

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
    let claims = |group: Group| {
        let claims: Vec<_> = group.entries.iter().map(|entry| claim(entry, installation)).collect();
        (group, claims)
    };
    with_workers(|workers| {
        let groups = Ahead::new(workers, storage, installation, &claims);
        let signatures = Line::new(workers);
        verify_groups(storage, installation, anchors, groups, signatures, &mut progress)
    })
}

type Claims = Vec<Result<Option<Claim>, &'static str>>;

/// Entries are checked ahead on all cores, and signatures behind; what lies between them is replayed here, one entry after the
/// other.
fn verify_groups(
    storage: &Storage,
    installation: &Installation,
    anchors: &[Anchor],
    mut groups: Ahead<'_, '_, (Group, Claims)>,
    mut signatures: Line<'_, '_, Vec<Verdict>>,
    progress: &mut dyn FnMut(u64),
) -> Result<(Report, State), StorageError> {
    let mut verifier = Verifier::default();
    let watermark = storage.watermark()?;
    if watermark == 0 {
        verifier.no_snapshot(storage)?;
    }
    let mut head = Head::GENESIS;
    let mut unmatched: Vec<&Anchor> = anchors.iter().collect();
    loop {
        let (group, claims) = match groups.take() {
            Ok(Some(group)) => group,
            Ok(None) => break,
            Err(WalkError::Damage(damage)) => {
                verifier.fault(&damage);
                break;
            }
            Err(WalkError::Storage(StorageError::Archive(unusable))) => {
                verifier.say(unusable.to_string());
                break;
            }
            Err(WalkError::Storage(error)) => return Err(error),
        };
        let (stands, given) = verifier.build(&group, claims, installation);
        if signatures.is_full() {
            verifier.judged(signatures.take());
        }
        signatures.give(move || given.iter().map(Given::verdict).collect());
        if !stands {
            break;
        }
        head = group.sealed.head;
        if let Some(damage) = lost(storage, &group)? {
            verifier.fault(&damage);
        }
        if watermark == head.index {
            verifier.snapshot(storage)?;
        } else if watermark < head.index && watermark >= group.seal.header.first_index {
            verifier.say(format!("snapshot: it stands within a group, at entry {watermark}"));
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
    while let Some(verdicts) = signatures.take() {
        verifier.judged(Some(verdicts));
    }
    if verifier.report.faults.is_empty() {
        verifier.archive(storage, installation)?;
    }
    for anchor in unmatched {
        let (group, index) = (anchor.group, anchor.index);
        verifier.say(format!("anchor: group {group} at entry {index} is not in this journal"));
    }
    if watermark > head.index {
        verifier.say(format!("snapshot: it is ahead of the journal, at entry {watermark}"));
    }
    verifier.report.accounts = verifier.state.accounts.len() as u64;
    verifier.report.head = hex(&head.seal_hash);
    Ok((verifier.report, verifier.state))
}

/// What a terminal's request says of itself, taken apart where no state is needed.
#[derive(Debug)]
struct Claim {
    terminal: String,
    /// `None` of an Enroll, which brings the key.
    generation: Option<u32>,
    stan: u32,
    key: Option<Vec<u8>>,
    algorithm: i8,
    message: Vec<u8>,
    signature: protocol::Signature,
}

/// The claim of an entry; `None` when no terminal has made it.
fn claim(entry: &Entry, installation: &Installation) -> Result<Option<Claim>, &'static str> {
    let Origin::Terminal { message, signed } = &entry.record.origin else { return Ok(None) };
    let message = MessageType(*message);
    // What is unsigned must be empty, or bytes could hide there.
    let opened = open_request(signed, installation, message).map_err(|_| "its request cannot be read")?;
    let request =
        Request::decode_payload(message, opened.payload).map_err(|_| "its request cannot be read")?;
    let header = &request.header;
    let (key, generation, stan) = match &request.body {
        Body::Enroll { public_key, .. } => (Some(public_key.as_bytes().to_vec()), None, 0),
        _ => {
            let generation = header.generation.map_or(0, |generation| generation.get());
            (None, Some(generation), header.stan.map_or(0, |stan| stan.get()))
        }
    };
    Ok(Some(Claim {
        terminal: header.terminal.as_str().into(),
        generation,
        stan,
        key,
        algorithm: opened.algorithm.number(),
        message: opened.to_be_signed,
        signature: *opened.signature,
    }))
}

/// A signature with the key that was in force at its place.
#[derive(Debug)]
struct Given {
    /// Its place among everything that is found.
    place: u64,
    index: u64,
    spki: Vec<u8>,
    message: Vec<u8>,
    signature: protocol::Signature,
    /// The algorithm that the request names; `None` for a seal.
    algorithm: Option<i8>,
}

/// Whether a signature verifies.
#[derive(Debug)]
struct Verdict {
    place: u64,
    is_terminals: bool,
    damage: Option<Damage>,
}

impl Given {
    fn verdict(&self) -> Verdict {
        let what = match (PublicKey::from_spki(&self.spki), self.algorithm) {
            (None, Some(_)) => Some("its terminal's key cannot be read"),
            (Some(key), Some(algorithm)) => {
                let verifies = algorithm == key.algorithm() && key.verify(&self.message, &self.signature);
                (!verifies).then_some("its terminal's signature does not verify")
            }
            (key, None) => {
                let verifies = key.is_some_and(|key| key.verify(&self.message, &self.signature));
                (!verifies).then_some("its seal's signature does not verify")
            }
        };
        let damage = what.map(|what| Damage { index: self.index, what });
        Verdict { place: self.place, is_terminals: self.algorithm.is_some(), damage }
    }
}

/// A verification under way: what the journal has said so far, and what was wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    pub report: Report,
    pub state: State,
    /// Identities so far, each as a short hash: no STAN twice.
    seen: HashSet<[u8; 16]>,
    /// Where each fault of the report was found.
    places: Vec<u64>,
    /// The last place.
    place: u64,
}

impl Verifier {
    /// Verifies the next group, whose entries match its seal's root: signatures, effects, the seal's own signature.
    /// Whether it can be built upon; what else is wrong with it is in the report.
    pub fn group(&mut self, group: &Group, installation: &Installation) -> bool {
        let claims = group.entries.iter().map(|entry| claim(entry, installation)).collect();
        let (stands, given) = self.build(group, claims, installation);
        self.judged(Some(given.iter().map(Given::verdict).collect()));
        stands
    }

    /// Replays the next group. Gives its signatures with the keys that they must verify by, for whoever has the time.
    fn build(&mut self, group: &Group, claims: Claims, installation: &Installation) -> (bool, Vec<Given>) {
        let key_before = self.state.gateway_key.clone();
        let mut given = Vec::with_capacity(group.entries.len().saturating_add(1));
        for (entry, claim) in group.entries.iter().zip(claims) {
            let index = entry.row.index;
            match claim.and_then(|claim| self.signed(entry, claim, installation)) {
                Ok(signature) => given.extend(signature),
                Err(what) => self.fault(&Damage { index, what }),
            }
            if let Err(damage) = replay_whole(&mut self.state, index, &entry.record) {
                self.fault(&damage);
                return (false, given);
            }
        }
        let seal = &group.seal;
        given.push(Given {
            place: self.next_place(),
            index: seal.header.first_index,
            spki: sealing_spki(&key_before, &self.state).to_vec(),
            message: seal.header.to_be_signed(installation, &seal.root),
            signature: seal.signature,
            algorithm: None,
        });
        self.report.entries = group.sealed.head.index;
        self.report.groups = group.sealed.head.group;
        (true, given)
    }

    fn judged(&mut self, verdicts: Option<Vec<Verdict>>) {
        for Verdict { place, is_terminals, damage } in verdicts.into_iter().flatten() {
            match damage {
                Some(damage) => self.found(place, damage.to_string()),
                None => {
                    let verified = self.report.signatures.saturating_add(u64::from(is_terminals));
                    self.report.signatures = verified;
                }
            }
        }
    }

    fn next_place(&mut self) -> u64 {
        self.place = self.place.saturating_add(1);
        self.place
    }

    fn fault(&mut self, damage: &Damage) {
        self.say(damage.to_string());
    }

    fn say(&mut self, fault: String) {
        let place = self.next_place();
        self.found(place, fault);
    }

    /// Puts a fault where it belongs: before what was found behind its place.
    fn found(&mut self, place: u64, fault: String) {
        let at = self.places.partition_point(|known| *known < place);
        self.places.insert(at, place);
        self.report.faults.insert(at, fault);
    }

    /// The origin's signature with the key in force before the entry, the identity columns beside it compared. Of an act the
    /// signatures are verified at once.
    fn signed(
        &mut self,
        entry: &Entry,
        claim: Option<Claim>,
        installation: &Installation,
    ) -> Result<Option<Given>, &'static str> {
        if let Some(claim) = claim {
            return self.terminal_signature(entry, claim).map(Some);
        }
        if entry.row.identity.is_some() {
            return Err("its identity columns differ");
        }
        if let Origin::Operator { signed } = &entry.record.origin {
            self.act_signatures(signed, entry.record.details.time_ms.div_euclid(1000), installation)?;
            self.report.signatures = self.report.signatures.saturating_add(1);
        }
        Ok(None)
    }

    fn terminal_signature(&mut self, entry: &Entry, claim: Claim) -> Result<Given, &'static str> {
        let Claim { terminal, generation, stan, key, algorithm, message, signature } = claim;
        let held = self.state.terminals.get(&terminal);
        let (spki, generation) = match (key, generation) {
            (Some(key), _) => (key, held.map_or(0, |held| held.generation).saturating_add(1)),
            (None, generation) => {
                let held = held.ok_or("its terminal was not enrolled")?;
                if Some(held.generation) != generation {
                    return Err("its enrolment generation was not in force");
                }
                (held.public_key.clone(), held.generation)
            }
        };
        let identity = Identity { terminal, generation, stan };
        if entry.row.identity.as_ref() != Some(&identity) {
            return Err("its identity columns differ");
        }
        let mut short = [0; 16];
        let name = identity.terminal.as_bytes();
        let whole = sha256(&[name, &[0], &generation.to_be_bytes(), &stan.to_be_bytes()]);
        short.copy_from_slice(&whole[..16]);
        if !self.seen.insert(short) {
            return Err("its STAN was used before");
        }
        let (place, algorithm) = (self.next_place(), Some(algorithm));
        Ok(Given { place, index: entry.row.index, spki, message, signature, algorithm })
    }

    /// Every signature verifies; an act that needs two people has those of two, on the same act, and no other act has.
    fn act_signatures(
        &self,
        signed: &[Vec<u8>],
        now_s: i64,
        installation: &Installation,
    ) -> Result<(), &'static str> {
        let acts = signed.iter().map(|act| self.act_signature(act, installation));
        match acts.collect::<Result<Vec<_>, _>>()?.as_slice() {
            [act] if !act.act.needs_two() => Ok(()),
            [one, other] if one.act.needs_two() => {
                let two_people = are_two(&self.state, (&one.operator, &other.operator), now_s);
                if two_people && one.act == other.act {
                    Ok(())
                } else {
                    Err("it is not signed by two people")
                }
            }
            _ => Err("it has not the number of signatures that its act needs"),
        }
    }

    fn act_signature(&self, act: &[u8], installation: &Installation) -> Result<SignedAct, &'static str> {
        let sign1 = Sign1::parse(act).map_err(|_| "its act cannot be read")?;
        let payload = sign1.payload.ok_or("its act has no payload")?;
        if sign1.protected != Algorithm::Es256.protected_header() || sign1.unprotected != EMPTY_MAP {
            return Err("its act has other headers than an act has");
        }
        let decoded = SignedAct::decode(payload).map_err(|_| "its act cannot be read")?;
        let operator = self.state.operators.get(&decoded.operator).filter(|held| held.active);
        let operator = operator.ok_or("its operator was not active")?;
        let key = PublicKey::from_spki(&operator.public_key).ok_or("its operator's key cannot be read")?;
        let message = sig_structure(Context::Act, installation, sign1.protected, payload);
        if key.verify(&message, sign1.signature) {
            Ok(decoded)
        } else {
            Err("its operator's signature does not verify")
        }
    }

    /// The database names the files that the journal does, they are those, and it knows no request that the journal does not.
    fn archive(&mut self, storage: &Storage, installation: &Installation) -> Result<(), StorageError> {
        let by = (installation, self.state.gateway_key.as_slice());
        let journal = (archived_through(&self.state), self.seen.len() as u64, self.report.groups);
        faults_beside(storage, by, journal)?.into_iter().for_each(|fault| self.say(fault));
        Ok(())
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
            self.say(format!("snapshot: {rows} rows, but it says it stands at entry 0"));
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
                Err(StorageError::Snapshot(what)) => self.say(format!("snapshot: {what}")),
                Err(error) => return Err(error),
            }
            if differing > 0 {
                self.say(format!("snapshot: {differing} rows of kind {kind} differ from the replay"));
            }
            let wanted = keys_of_kind(&self.state, kind)
                .filter(|touched| !matches!(storage.snapshot(&key_of(touched)), Ok(Some(_))));
            let missing = wanted.count();
            if missing > 0 {
                self.say(format!("snapshot: {missing} rows of kind {kind} are missing"));
            }
            if kind == cell_key(&Touched::Card(crate::domain::CardReference(0))) {
                self.report.cards = rows;
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_late_stands_where_it_belongs() {
        let mut verifier = Verifier::default();
        let (first, third) = (verifier.next_place(), {
            verifier.say("second".into());
            verifier.next_place()
        });
        verifier.say("fourth".into());
        verifier.found(third, "third".into());
        verifier.found(first, "first".into());
        assert_eq!(verifier.report.faults, ["first", "second", "third", "fourth"]);
    }
}
