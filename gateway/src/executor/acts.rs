//! Operators' acts: checked, decided, recorded.

use std::collections::HashSet;

use protocol::cose::{Algorithm, Context, EMPTY_MAP, Sign1, sig_structure};
use serde::Serialize;
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::exceptions::Subject;
use super::group::{Cause, Group};
use super::import::Imported;
use super::proposals::{LIFETIME_S, Proposal};
use super::writer::{InDoubt, InForce, Writer, in_doubt};
use crate::admin::act::{SignedAct, name};
use crate::clock;
use crate::domain::Pin;
use crate::domain::act::{Act, Drawn, MAX_CARDS_PER_ACT, Place, decide_act};
use crate::domain::card::CardReference;
use crate::domain::effect::Effect;
use crate::domain::operator::are_two;
use crate::domain::refusal::Refusal;
use crate::domain::settle::{About, Settlement};
use crate::domain::state::Touched;
use crate::journal::record::Origin;
use crate::journal::sha256;
use crate::keys::PublicKey;
use crate::programme_file;
use crate::server::stretch;
use crate::statement::claimed;

/// An act as it comes from its operator.
#[derive(Debug)]
pub(super) struct Paper {
    pub signed: Vec<u8>,
    pub nonce: [u8; 16],
    /// The proposal that this is the second signature of.
    pub confirms: Option<u32>,
    /// What came with it, where the act names a file.
    pub file: Vec<u8>,
}

/// An act's signature, before it is known whether it needs another.
struct Waiting {
    signed: Vec<u8>,
    request_id: [u8; 32],
    confirms: Option<u32>,
    file: Vec<u8>,
}

/// What came of an act, after its commit.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ActDone {
    /// Index of its entry; 0 while it waits for a second person.
    pub index: u64,
    /// Cards that were issued: reference and secret, shown this once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cards: Vec<IssuedCard>,
    /// A cashier's PIN, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// What became of each message of an imported file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advices: Vec<Imported>,
    /// Number under which it waits for a second person; nothing is recorded yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposal: Option<u32>,
}

/// A card as it goes to the printer.
#[derive(Debug, Clone, Serialize)]
pub struct IssuedCard {
    pub reference: String,
    pub secret: String,
}

impl Writer {
    /// Checks, decides and records an act.
    pub(super) fn act(
        &mut self,
        group: &mut Group,
        paper: Paper,
        reply: oneshot::Sender<Result<ActDone, String>>,
    ) -> Result<(), InDoubt> {
        let Paper { signed, nonce, confirms, file } = paper;
        let opened = match self.open_act(&signed, nonce) {
            Ok(opened) => opened,
            Err(reason) => {
                warn!(reason, "an act was refused");
                drop(reply.send(Err(reason)));
                return Ok(());
            }
        };
        let (act, request_id) = opened;
        match &act.act {
            Act::CardBlock { card, .. }
            | Act::CardUnblock { card }
            | Act::CardRefund { card, .. }
            | Act::CardAdjust { card, .. }
            | Act::CardPin { card, .. }
            | Act::CardExtend { card, .. }
            | Act::CardUnbind { card }
            | Act::MemberMatch { card, .. }
            | Act::MemberTag { card, .. }
            | Act::MemberErase { card, .. } => self.fetch_card(*card)?,
            Act::CardReplace { card, by: other, .. }
            | Act::CardMerge { card, into: other, .. }
            | Act::CardBind { card, account: other, .. } => {
                self.fetch_card(*card)?;
                self.fetch_card(*other)?;
            }
            Act::AwardImport { awards, .. } => {
                for (card, _) in awards {
                    self.fetch_card(*card)?;
                }
            }
            Act::ExceptionSettle { settlement: Settlement::Card(card), .. } => self.fetch_card(*card)?,
            _ => {}
        }
        // What was due for the members whom an act's rules ask about stands in front of it.
        let asked: Vec<_> = match &act.act {
            Act::CardMerge { card, into, .. } => vec![*card, *into],
            Act::AwardImport { awards, .. } => awards.iter().map(|(card, _)| *card).collect(),
            Act::MemberMatch { card, .. } => vec![*card],
            _ => Vec::new(),
        };
        self.follow_all(group, asked, self.now());
        let named = self.entry_of_act(group, &act.act)?;
        let named = named.as_ref().map(Subject::about);
        if let Err(reason) = self.check_file(&act.act, confirms, &file) {
            drop(reply.send(Err(reason)));
            return Ok(());
        }
        let waiting = Waiting { signed, request_id, confirms, file };
        let (signatures, request_id) = match self.signatures(group, &act, waiting, named) {
            Ok(Signed::Enough(signatures, request_id)) => (signatures, request_id),
            Ok(Signed::Proposed(number)) => {
                info!(
                    act = name(&act.act),
                    operator = act.operator,
                    number,
                    "an act waits for a second person"
                );
                let done = ActDone { proposal: Some(number), ..ActDone::default() };
                drop(reply.send(Ok(done)));
                return Ok(());
            }
            Err(reason) => {
                drop(reply.send(Err(reason)));
                return Ok(());
            }
        };
        if act.act == Act::ClockConfirm {
            // Before it is recorded, so that its entry has the time that it vouches for.
            self.timekeeper.vouch(self.clock.now_ms(), self.clock.steady_ms());
            self.look_at_clock();
        }
        let drawn = match &act.act {
            Act::CardIssue { count, .. } if *count <= MAX_CARDS_PER_ACT => self.draw_cards(*count)?,
            _ => Vec::new(),
        };
        let pin = match &act.act {
            Act::CashierAdd { .. } | Act::CashierPin { .. } => self.draw_pin(),
            _ => None,
        };
        let archive = match self.named_file(&act.act)? {
            Ok(archive) => archive,
            Err(reason) => {
                drop(reply.send(Err(reason)));
                return Ok(());
            }
        };
        let proofs: Vec<_> = drawn.iter().map(|(card, _, proof)| (*card, *proof)).collect();
        let claim = match claimed(&self.in_force(self.now()).programme, &act.act) {
            Ok(claim) => claim,
            Err(reason) => {
                drop(reply.send(Err(reason)));
                return Ok(());
            }
        };
        let pin_of = pin.as_ref().map(|(_, pin)| *pin).unwrap_or_default();
        let archived = archive.as_ref().map_or(0, |(_, date)| *date);
        let for_act = Drawn { cards: &proofs, pin: pin_of, archived, claim: claim.as_ref() };
        let erased = match &act.act {
            Act::MemberErase { card, .. } => self.kept_under(*card)?,
            _ => Vec::new(),
        };
        match self.record_act(group, &act, (signatures, request_id), for_act, named) {
            Ok(index) => {
                for card in erased {
                    self.members.erase(card).map_err(in_doubt("erasing personal data"))?;
                }
                group.files.extend(archive.map(|(row, _)| row));
                let file = confirms.and_then(|number| self.proposals.forget(number));
                let advices = match &act.act {
                    Act::AdviceImport { terminal, .. } => {
                        self.import(group, terminal, &file.map(|waiting| waiting.file).unwrap_or_default())?
                    }
                    _ => Vec::new(),
                };
                info!(act = name(&act.act), operator = act.operator, index, "operator's act");
                let cards = drawn
                    .into_iter()
                    .map(|(card, secret, _)| IssuedCard { reference: card.0.to_string(), secret });
                let pin = pin.map(|(pin, _)| pin);
                let done = ActDone { index, cards: cards.collect(), pin, advices, proposal: None };
                group.acts.push((reply, done));
            }
            Err(reason) => drop(reply.send(Err(reason))),
        }
        Ok(())
    }

    /// Whether an act has all the signatures that it needs; one that lacks the second is kept for it.
    fn signatures(
        &mut self,
        group: &Group,
        act: &SignedAct,
        waiting: Waiting,
        named: Option<About<'_>>,
    ) -> Result<Signed, String> {
        let Waiting { signed, request_id, confirms, file } = waiting;
        let now_s = self.now().s();
        match (act.act.needs_two(), confirms) {
            (false, None) => Ok(Signed::Enough(vec![signed], request_id)),
            (false, Some(_)) => Err("this act needs no second person".into()),
            (true, None) => {
                self.check_counts(&act.operator, now_s)?;
                // What could not be done anyway is refused before anybody is asked to confirm it.
                self.decide(&act.act, Drawn::default(), self.next_index(group), named)?;
                let expires = now_s.saturating_add(LIFETIME_S);
                let proposal = Proposal { act: act.clone(), signed, file, request_id, expires };
                let number = self.proposals.keep(proposal, now_s);
                number.map(Signed::Proposed).ok_or_else(|| "too many acts wait for a second person".into())
            }
            (true, Some(number)) => {
                let first = self.proposals.find(number, now_s);
                let first = first.ok_or("no such act waits; `gateway act list` shows those that do")?;
                if first.act.act != act.act {
                    return Err("the second signature is on another act".into());
                }
                self.check_counts(&act.operator, now_s)?;
                if !are_two(&self.state, (&first.act.operator, &act.operator), now_s) {
                    return Err("the second signature must be another operator's, with another key".into());
                }
                Ok(Signed::Enough(vec![first.signed.clone(), signed], first.request_id))
            }
        }
    }

    /// An operator who was added by one person alone is not one of two at once.
    fn check_counts(&self, operator: &str, now_s: i64) -> Result<(), String> {
        let from = self.state.operators.get(operator).map_or(0, |held| held.counts_from);
        if from <= now_s {
            return Ok(());
        }
        let from = jiff::Timestamp::from_second(from).map(|time| time.to_string()).unwrap_or_default();
        Err(format!(
            "operator {operator} was added by one person alone, and may be one of two people from {from} on; until then two others \
             must sign this. Whom two people add, by `operator add --by-two`, need not wait"
        ))
    }

    fn open_act(&self, signed: &[u8], nonce: [u8; 16]) -> Result<(SignedAct, [u8; 32]), String> {
        let sign1 = Sign1::parse(signed).map_err(|error| error.to_string())?;
        let payload = sign1.payload.ok_or("the act has no payload")?;
        if sign1.unprotected != EMPTY_MAP {
            return Err("the act's unprotected header is not empty".into());
        }
        let act = SignedAct::decode(payload).map_err(|error| error.to_string())?;
        let operator = self.state.operators.get(&act.operator).filter(|held| held.active);
        let operator = operator.ok_or_else(|| format!("there is no active operator {}", act.operator))?;
        let key = PublicKey::from_spki(&operator.public_key).ok_or("the operator's key cannot be read")?;
        let message = sig_structure(Context::Act, &self.sealer.installation, sign1.protected, payload);
        if sign1.protected != Algorithm::Es256.protected_header() || !key.verify(&message, sign1.signature) {
            return Err(format!("the signature is not that of operator {}", act.operator));
        }
        if act.nonce != nonce {
            return Err("the act was signed for another connection; send it again".into());
        }
        Ok((act, sha256(&[&message])))
    }

    fn record_act(
        &mut self,
        group: &mut Group,
        act: &SignedAct,
        (signed, request_id): (Vec<Vec<u8>>, [u8; 32]),
        drawn: Drawn<'_>,
        named: Option<About<'_>>,
    ) -> Result<u64, String> {
        let now = self.now();
        let in_force = self.in_force(now);
        if let Act::ProgrammeActivate { document, .. } = &act.act {
            check_programme(document, &in_force)?;
        }
        let index = self.next_index(group);
        let place = self.place.clone();
        let effects = self.decide(&act.act, drawn, index, named)?;
        let cause = Cause {
            origin: Origin::Operator { signed },
            identity: None,
            request_id,
            merchant: &place.0,
            store: &place.1,
            now,
            quoted_ms: None,
            effects,
        };
        self.append(group, &in_force, cause, |_| None)
            .map_err(|fault| format!("could not be recorded: {fault}"))?;
        if let Act::ProgrammeActivate { .. } = &act.act {
            self.programmes = super::open::compile(&self.state).map_err(|error| error.to_string())?;
        }
        Ok(index)
    }

    pub(super) fn decide(
        &self,
        act: &Act,
        drawn: Drawn<'_>,
        index: u64,
        named: Option<About<'_>>,
    ) -> Result<Vec<Effect>, String> {
        let now = self.now();
        let here = Place { merchant: &self.place.0, store: &self.place.1, index, about: named };
        decide_act(&self.state, &self.in_force(now).programme, act, drawn, here, now)
            .map_err(|refusal: Refusal| refusal.to_string())
    }

    /// Cards that do not exist yet, each with a secret and its proof.
    fn draw_cards(&mut self, count: u32) -> Result<Vec<(CardReference, String, [u8; 32])>, InDoubt> {
        let mut drawn = Vec::new();
        let mut taken = HashSet::new();
        while u32::try_from(drawn.len()) != Ok(count) {
            let middle = u64::from_be_bytes(clock::random()) % 100_000_000_000_000;
            let Some(reference) = protocol::field::CardReference::from_parts(middle) else { continue };
            let card = CardReference(reference.number());
            self.fetch(&Touched::Card(card))?;
            if self.state.cards.contains_key(&card) || !taken.insert(card) {
                continue;
            }
            let secret = draw_secret();
            let proof = self.card_key.proof(card.0, &secret);
            drawn.push((card, secret, proof));
        }
        Ok(drawn)
    }

    /// Six digits and what is kept of them. The writer waits for this hash: it is a person's rare act.
    fn draw_pin(&self) -> Option<(String, Pin)> {
        let text = format!("{:06}", u64::from_be_bytes(clock::random()) % 1_000_000);
        let salt = clock::random();
        let stretched = stretch(&protocol::field::Pin::new(&text)?, salt)?;
        let pin = Pin { secret: Some((salt, self.card_key.pin_hash(&stretched))), tries: 0 };
        Some((text, pin))
    }
}

/// What an act's signatures come to.
enum Signed {
    /// The signatures to journal, and the request id of the first.
    Enough(Vec<Vec<u8>>, [u8; 32]),
    Proposed(u32),
}

/// A programme that may follow the one in force.
pub(super) fn check_programme(document: &str, in_force: &InForce) -> Result<(), String> {
    let programme = programme_file::parse(document)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let (old, new) = (&in_force.programme, &programme);
    if (old.currency, old.exponent) != (new.currency, new.exponent) {
        return Err("a programme cannot change the currency of cards that hold value".into());
    }
    Ok(())
}

/// 20 decimal digits: 66 bits, and they fit on a magnetic stripe beside the reference. The bias of one part in 10^18
/// of the modulus is below anything that guessing could use.
fn draw_secret() -> String {
    let number = u128::from_be_bytes(clock::random()) % 100_000_000_000_000_000_000;
    format!("{number:020}")
}
