//! Why an entry gave, took and priced what it did: worked out again from the journal alone, by the same rules, and compared with
//! what was written then.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use protocol::answer::Answer;
use protocol::cose::Sign1;
use protocol::field::Installation;
use protocol::frame::MessageType;
use protocol::request::{Request as WireRequest, RequestSidecar};

use crate::domain::decision::Reason;
use crate::domain::effect::{Effect, Posting};
use crate::domain::request::message;
use crate::domain::{Command, Decision, Facts, Kind, Now, Original, Pins, Programme, Quoted, Request, State};
use crate::domain::{Fault, decide};
use crate::executor::{LOADS, SOURCES, remembered};
use crate::journal::record::{Origin, Record};
use crate::journal::seal::Head;
use crate::journal::walk::{Entry, WalkError, next_group, replay};
use crate::keys::PublicKey;
use crate::programme_file;
use crate::storage::{Identity, Storage};
use crate::translate::{self, GatewayWord};

/// An entry cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error("the journal has no entry {0}")]
    NoEntry(u64),
    #[error("no terminal asked for this entry: {0}")]
    NotATerminals(String),
    /// What it was declined for may be a secret, a PIN or a quote, which the journal does not have.
    #[error("it was declined with code {code:02} ({detail}): nothing was given or priced")]
    Declined { code: u8, detail: String },
    #[error("{0} gives and prices nothing")]
    NothingPriced(&'static str),
    #[error("entry {0} cannot be read; run `journal verify`")]
    Damaged(u64),
    #[error("the rules could not decide it again: {0}")]
    Fault(#[from] Fault),
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error(transparent)]
    Storage(#[from] crate::storage::StorageError),
}

/// An entry, explained.
#[derive(Debug, Clone)]
pub struct Explained {
    pub index: u64,
    pub message: MessageType,
    pub answer: Answer,
    pub time_ms: i64,
    /// YYYYMMDD.
    pub business_date: u32,
    /// The programme version that priced it, and its name.
    pub programme: (u32, String),
    /// Every rule that fired, also those for which the answer had no place.
    pub reasons: Vec<Reason>,
    /// What was booked, what had ended before it included.
    pub postings: Vec<Posting>,
    /// What was counted: whose card (`None` the programme's), what, in which period, by how much.
    pub counters: Vec<(Option<u64>, String, u32, i64)>,
    /// Whether deciding again came to exactly what the journal has.
    pub same: bool,
}

/// Explains the entries of a range, one after the other; each is told with what came of it. The journal is read from its
/// beginning, because a rule may look at all that was before.
///
/// # Errors
/// [`ExplainError`] when the journal is damaged.
pub fn explain(
    storage: &Storage,
    installation: &Installation,
    wanted: RangeInclusive<u64>,
    mut progress: impl FnMut(u64),
    mut told: impl FnMut(u64, Result<Explained, ExplainError>),
) -> Result<(), ExplainError> {
    let mut state = State::default();
    let mut head = Head::GENESIS;
    let mut tried = Tried::default();
    while let Some(group) = next_group(storage, installation, &head)? {
        for entry in &group.entries {
            let index = entry.row.index;
            if wanted.contains(&index) {
                told(index, explain_entry(storage, installation, (&state, &tried), entry));
            }
            tried.note(&entry.record);
            if index >= *wanted.end() {
                return Ok(());
            }
            replay(&mut state, index, &entry.record, |_| Ok(None))?;
        }
        head = group.sealed.head;
        progress(head.index);
    }
    if head.index < *wanted.start() { Err(ExplainError::NoEntry(*wanted.start())) } else { Ok(()) }
}

/// Explains an entry; `state` is what was before it.
fn explain_entry(
    storage: &Storage,
    installation: &Installation,
    (state, tried): (&State, &Tried),
    entry: &Entry,
) -> Result<Explained, ExplainError> {
    let (index, record) = (entry.row.index, &entry.record);
    let (message, answer) = match &record.origin {
        Origin::Terminal { message, .. } => {
            let answer = record.answer.as_deref().and_then(|body| Answer::decode(body).ok());
            (MessageType(*message), answer.ok_or(ExplainError::Damaged(index))?)
        }
        Origin::Operator { .. } => return Err(ExplainError::NotATerminals("an operator's act".into())),
        Origin::System { name, .. } => return Err(ExplainError::NotATerminals(name.clone())),
    };
    if !answer.code.is_approval() {
        let detail = answer.detail.as_ref().map_or("", |detail| detail.as_str()).to_owned();
        return Err(ExplainError::Declined { code: answer.code.0, detail });
    }
    let find = |wanted: u64| original(storage, state, wanted);
    let request = request(state, tried, installation, entry).ok_or(ExplainError::Damaged(index))?;
    let (decision, pricing) = decide_again(storage, (state, entry), &request, find)?;
    let written = record.details.effects.iter().filter(|effect| !matches!(effect, Effect::Version { .. }));
    Ok(Explained {
        index,
        message,
        time_ms: record.details.time_ms,
        business_date: record.details.business_date,
        programme: (record.details.programme_version, pricing.name.clone()),
        same: written.eq(&decision.effects),
        reasons: decision.explanation,
        postings: postings(record),
        counters: counters(record),
        answer,
    })
}

/// Requests whose PINs were looked at: what a right one did to its tries is in their entries.
#[derive(Debug, Default)]
struct Tried {
    cards: HashSet<(String, u32, u32)>,
    people: HashSet<(String, u32, u32)>,
}

impl Tried {
    /// Notes a try that an entry counted (PROTOCOL.md section 12, `pin-try`).
    fn note(&mut self, record: &Record) {
        let Origin::System { name, key } = &record.origin else { return };
        if name != Origin::PIN_TRY {
            return;
        }
        let mut parts = key.split('/');
        let (Some(terminal), Some(generation), Some(stan)) = (parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        let (Ok(generation), Ok(stan)) = (generation.parse(), stan.parse()) else { return };
        let of = (terminal.to_owned(), generation, stan);
        for effect in &record.details.effects {
            match effect {
                Effect::Pin { .. } => drop(self.cards.insert(of.clone())),
                Effect::Cashier { .. } => drop(self.people.insert(of.clone())),
                _ => {}
            }
        }
    }
}

fn postings(record: &Record) -> Vec<Posting> {
    let legs = record.details.effects.iter().filter_map(|effect| match effect {
        Effect::Posting(posting) => Some(posting.clone()),
        _ => None,
    });
    legs.collect()
}

fn counters(record: &Record) -> Vec<(Option<u64>, String, u32, i64)> {
    let counted = record.details.effects.iter().filter_map(|effect| match effect {
        Effect::Counter { card, counter, period, change } => {
            Some((card.map(|card| card.0), counter.clone(), *period, *change))
        }
        _ => None,
    });
    counted.collect()
}

/// What the journal remembers of a terminal's entry, on the cards that have taken its cards' places since.
fn original(storage: &Storage, state: &State, index: u64) -> Result<Option<Original>, ExplainError> {
    let row = storage.entry(index)?.ok_or(ExplainError::NoEntry(index))?;
    let (record, _) = Record::decode(&row.record).map_err(|_| ExplainError::Damaged(index))?;
    if !matches!(record.origin, Origin::Terminal { .. }) {
        return Ok(None);
    }
    let named = remembered(index, [0; 32], &record).map_err(|_| ExplainError::Damaged(index))?;
    Ok(Some(named.followed(state)))
}

/// The decision, made again by the rules of the versions that were in force then.
fn decide_again(
    storage: &Storage,
    (state, entry): (&State, &Entry),
    request: &Request,
    find: impl Fn(u64) -> Result<Option<Original>, ExplainError>,
) -> Result<(Decision, Programme), ExplainError> {
    let (index, details) = (entry.row.index, &entry.record.details);
    let damaged = || ExplainError::Damaged(index);
    let compiled = |version: u32| -> Result<Programme, ExplainError> {
        let held = state.programmes.iter().find(|held| held.version == version).ok_or_else(damaged)?;
        programme_file::parse(&held.document).map_err(|_| damaged())
    };
    let now_s = details.time_ms.div_euclid(1000);
    let in_force = state.programmes.iter().rev().find(|held| held.effective_from <= now_s);
    let in_force = in_force.or(state.programmes.first()).ok_or_else(damaged)?.version;
    let (programme, pricing) = (compiled(in_force)?, compiled(details.programme_version)?);
    let message = request.command.message();
    if matches!(message, message::RECONCILIATION | message::CHANGE_PIN) {
        return Err(ExplainError::NothingPriced(MessageType(message).name()));
    }
    let named = match request.command.original() {
        Some(named) => {
            let (terminal, generation, stan) = named.identity();
            storage.find(&Identity { terminal, generation, stan })?.filter(|found| *found < index)
        }
        None => None,
    };
    let original = match named {
        Some(found) => {
            let id = request.command.original().map_or([0; 32], |named| named.request_id);
            find(found)?.map(|original| Original { request_id: id, ..original })
        }
        None => None,
    };
    let loads = loads(state, &request.command, find)?;
    let quoted = quoted(request, details.programme_version);
    let terminal = state.terminals.get(&request.terminal).ok_or_else(damaged)?;
    // A right time is all that was ever booked.
    let now = Now { ms: details.time_ms, business_date: details.business_date, certain: true };
    let written = || details.effects.iter().filter(|effect| !matches!(effect, Effect::Version { .. }));
    let mut first = None;
    // Whose birthday it is, and when the clock was in doubt, is not in the journal: it shows in what was written.
    for (birthday, certain) in possible(details.business_date) {
        let facts = Facts {
            state,
            programme: &programme,
            pricing: &pricing,
            index,
            original: original.as_ref(),
            loads: &loads,
            quoted: quoted.as_ref(),
            birthday,
        };
        let decision = decide(facts, terminal, request, Now { certain, ..now })?;
        if written().eq(&decision.effects) {
            return Ok((decision, pricing));
        }
        first.get_or_insert(decision);
    }
    Ok((first.ok_or_else(damaged)?, pricing))
}

/// What the journal does not say: no birthday, one on that day, or another day of that month; a clock that was believed, or not.
fn possible(business_date: u32) -> Vec<(Option<(u8, u8)>, bool)> {
    let part = |number: u32| u8::try_from(number % 100).unwrap_or(0);
    let (month, day) = (part(business_date / 100), part(business_date));
    let other = if day == 1 { 2 } else { 1 };
    let birthdays = [None, Some((month, day)), Some((month, other))];
    birthdays.into_iter().flat_map(|birthday| [(birthday, true), (birthday, false)]).collect()
}

/// The request as it was decided: what came beside it is not in the journal, and was right if it was approved.
fn request(state: &State, tried: &Tried, installation: &Installation, entry: &Entry) -> Option<Request> {
    let Origin::Terminal { message, signed } = &entry.record.origin else { return None };
    let payload = Sign1::parse(signed).ok()?.payload?;
    let wire = WireRequest::decode_payload(MessageType(*message), payload).ok()?;
    let gateway = GatewayWord { installation: *installation, key: PublicKey::from_spki(&state.gateway_key) };
    let mut request =
        translate::command(&wire, entry.request_id, &RequestSidecar::default(), None, &gateway)?;
    let card = request.command.claim().and_then(|claim| state.cards.get(&claim.card));
    let of = (request.terminal.clone(), request.generation, request.stan);
    let pin = card.filter(|_| tried.cards.contains(&of)).and_then(|card| card.pin.secret);
    let pin = pin.map(|(_, hash)| hash);
    let proof = card.map(|card| card.proof);
    if let Some(claim) = request.command.claim_mut() {
        claim.proof = proof;
    }
    let supervisor = request.supervisor.as_ref().filter(|_| tried.people.contains(&of));
    let supervisor = supervisor.and_then(|name| state.cashiers.get(name));
    let supervisor = supervisor.and_then(|held| held.pin.secret).map(|(_, hash)| hash);
    request.pins = Pins {
        card_given: pin.is_some(),
        card: pin,
        supervisor_given: supervisor.is_some(),
        supervisor,
        ..Pins::default()
    };
    Some(request)
}

/// What an unload could pay out, the newest first.
fn loads(
    state: &State,
    command: &Command,
    find: impl Fn(u64) -> Result<Option<Original>, ExplainError>,
) -> Result<Vec<Original>, ExplainError> {
    let Command::Unload { claim, .. } = command else { return Ok(Vec::new()) };
    let lots = state.cards.get(&claim.card).into_iter().flat_map(|card| &card.lots);
    let mut sources: Vec<u64> =
        lots.filter(|lot| lot.kind == Kind::PRINCIPAL).map(|lot| lot.source).collect();
    sources.sort_unstable_by(|one, other| other.cmp(one));
    sources.dedup();
    let mut loads = Vec::new();
    for source in sources.into_iter().take(SOURCES) {
        if loads.len() == LOADS {
            break;
        }
        loads.extend(find(source)?.filter(|found| found.message == message::LOAD));
    }
    Ok(loads)
}

/// A quote that was honoured then, if the request cites one.
fn quoted(request: &Request, version: u32) -> Option<Quoted> {
    request.quote?;
    Some(Quoted {
        terminal: request.terminal.clone(),
        message: request.command.message(),
        card: request.command.claim()?.card,
        amount: request.command.amount()?,
        points: request.command.points(),
        prices: request.prices,
        programme_version: version,
        expires: i64::MAX,
    })
}
