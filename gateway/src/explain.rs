//! Why an entry gave, took and priced what it did: worked out again from the journal alone, by the same rules, and compared with
//! what was written then.

mod board;
mod unsaid;

use std::collections::HashSet;
use std::ops::RangeInclusive;

pub(crate) use board::programmes;
use protocol::answer::Answer;
use protocol::cose::Sign1;
use protocol::field::Installation;
use protocol::frame::MessageType;
use protocol::request::{Request as WireRequest, RequestSidecar};
use unsaid::{at_each_age, possible};

use crate::admin::act::{SignedAct, name as act_name};
use crate::domain::act::{Act, Drawn, Place, decide_act};
use crate::domain::authorize::opened_by;
use crate::domain::birthday::birthday_gift;
use crate::domain::decision::Reason;
use crate::domain::effect::{Effect, Posting};
use crate::domain::follow::follow;
use crate::domain::join::joined_by;
use crate::domain::member::TierHeld;
use crate::domain::programme::birthday_gift::births_on;
use crate::domain::programme::tier::Stood;
use crate::domain::quoted::goods;
use crate::domain::request::message;
use crate::domain::tier_review::review;
use crate::domain::unload::loads_on;
use crate::domain::{CardReference, Member, expire};
use crate::domain::{Command, Decision, Facts, Now, Original, Pins, Programme, Quoted, Request, State};
use crate::domain::{Fault, decide};
use crate::executor::remembered;
use crate::journal::record::{Details, Origin, Record};
use crate::journal::seal::Head;
use crate::journal::walk::{Entry, WalkError, next_group, replay};
use crate::keys::PublicKey;
use crate::programme_file;
use crate::statement::claimed;
use crate::storage::{Identity, Storage};
use crate::translate::{self, GatewayWord};

/// An entry cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error("the journal has no entry {0}")]
    NoEntry(u64),
    #[error("no rule has decided this entry: {0}")]
    NoRules(String),
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
    /// The message, the operator's act, or the name of what was due.
    pub what: String,
    /// Of an answer.
    pub code: Option<u8>,
    /// The card that an answer is about: the rules' lines are of its balances.
    pub card: Option<u64>,
    pub time_ms: i64,
    /// YYYYMMDD: what it was booked on.
    pub business_date: u32,
    /// The programme version that priced it, and its name.
    pub programme: (u32, String),
    /// Every rule that fired, also those for which the answer had no place.
    pub reasons: Vec<Reason>,
    /// What was booked, what had ended before it included.
    pub postings: Vec<Posting>,
    /// What was counted: whose card (`None` the programme's), what, in which period, by how much.
    pub counters: Vec<(Option<u64>, String, u32, i64)>,
    /// Of a tier that was looked at: what became of it.
    pub tier: Option<TierStory>,
    /// Whether deciding again came to exactly what the journal has.
    pub same: bool,
}

/// What became of a member's tier, and why.
#[derive(Debug, Clone)]
pub struct TierStory {
    pub before: Option<TierHeld>,
    pub after: Option<TierHeld>,
    /// What was counted is looked at as of this business date (YYYYMMDD): the last one of a period that is over.
    pub as_of: u32,
    /// How far each way to each tier was.
    pub stood: Vec<Stood>,
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
    told: impl FnMut(u64, Result<Explained, ExplainError>),
) -> Result<(), ExplainError> {
    let (end, mut last) = (*wanted.end(), 0);
    let looked_at = |record: &Record| {
        last = record.details.index;
        progress(last);
        wanted.contains(&last)
    };
    explain_those(storage, installation, end, looked_at, told)?;
    if last < *wanted.start() { Err(ExplainError::NoEntry(*wanted.start())) } else { Ok(()) }
}

/// Explains the entries up to `end` that `wanted` says yes to.
///
/// # Errors
/// [`ExplainError`] when the journal is damaged.
pub fn explain_those(
    storage: &Storage,
    installation: &Installation,
    end: u64,
    mut wanted: impl FnMut(&Record) -> bool,
    mut told: impl FnMut(u64, Result<Explained, ExplainError>),
) -> Result<(), ExplainError> {
    let mut state = State::default();
    let mut head = Head::GENESIS;
    let mut tried = Tried::default();
    while let Some(group) = next_group(storage, installation, &head)? {
        for entry in &group.entries {
            let index = entry.row.index;
            if wanted(&entry.record) {
                told(index, explain_entry(storage, installation, (&state, &tried), entry));
            }
            tried.note(&entry.record);
            if index >= end {
                return Ok(());
            }
            replay(&mut state, index, &entry.record, |_| Ok(None))?;
        }
        head = group.sealed.head;
    }
    Ok(())
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
        Origin::Operator { signed } => return explain_act(state, entry, signed),
        Origin::System { name, key } => return explain_due(state, entry, name, key),
    };
    if !answer.code.is_approval() {
        let detail = answer.detail.as_ref().map_or("", |detail| detail.as_str()).to_owned();
        return Err(ExplainError::Declined { code: answer.code.0, detail });
    }
    let find = |wanted: u64| original(storage, state, wanted);
    let request = request(state, tried, installation, entry).ok_or(ExplainError::Damaged(index))?;
    let (decision, pricing) = decide_again(storage, (state, entry, &answer), &request, find)?;
    let same = is_written(record, &decision.effects) && says(&answer, &decision);
    Ok(Explained {
        card: answer.card.map(|card| card.number()),
        code: Some(answer.code.0),
        reasons: decision.explanation,
        same,
        ..told(entry, message.name(), &pricing)
    })
}

/// What an entry says of itself, before it is decided again.
fn told(entry: &Entry, what: &str, pricing: &Programme) -> Explained {
    let details = &entry.record.details;
    Explained {
        index: entry.row.index,
        what: what.to_owned(),
        code: None,
        card: None,
        time_ms: details.time_ms,
        business_date: details.business_date,
        programme: (details.programme_version, pricing.name.clone()),
        reasons: Vec::new(),
        postings: postings(&entry.record),
        counters: counters(&entry.record),
        tier: None,
        same: false,
    }
}

fn is_written(record: &Record, effects: &[Effect]) -> bool {
    let written = record.details.effects.iter().filter(|effect| !matches!(effect, Effect::Version { .. }));
    written.eq(effects)
}

/// Whether the answer says what the rules say of their reasons.
fn says(answer: &Answer, decision: &Decision) -> bool {
    answer.explanation == translate::explained(answer.kind, decision)
}

/// Explains what was due by itself: expiries, what has become of a tier, birthday gifts, and the close of a leaderboard.
fn explain_due(state: &State, entry: &Entry, name: &str, key: &str) -> Result<Explained, ExplainError> {
    if ![Origin::TIER, Origin::EXPIRY, Origin::LEADERBOARD, Origin::BIRTHDAY].contains(&name) {
        return Err(ExplainError::NoRules(name.to_owned()));
    }
    let (index, details) = (entry.row.index, &entry.record.details);
    let damaged = || ExplainError::Damaged(index);
    let programme = compiled(state, in_force(state, details).ok_or_else(damaged)?).ok_or_else(damaged)?;
    // Nothing was due while the time was in doubt.
    let now = time_of(&programme, details).ok_or_else(damaged)?;
    if name == Origin::LEADERBOARD {
        let pricing = compiled(state, details.programme_version).ok_or_else(damaged)?;
        return board::explain(state, (index, &entry.record), now, told(entry, name, &pricing));
    }
    let base = told(entry, name, &programme);
    let card = key.split('/').next().and_then(|card| card.parse().ok()).map(CardReference);
    let card = card.ok_or_else(damaged)?;
    if name == Origin::BIRTHDAY {
        let year = key.split('/').nth(1).and_then(|year| year.parse().ok()).ok_or_else(damaged)?;
        let gift = gift_again(state, &programme, entry, (card, year), now)?;
        let (same, reasons) = gift.map_or((false, Vec::new()), |reason| (true, vec![reason]));
        return Ok(Explained { same, reasons, ..base });
    }
    if name == Origin::EXPIRY {
        let held = state.cards.get(&card).ok_or_else(damaged)?;
        let (_, effects) = expire(held, &programme, index, now)?;
        return Ok(Explained { same: is_written(&entry.record, &effects), ..base });
    }
    let effects = follow(state, &programme, card, (index, now))?;
    let nobody = Member::nobody();
    let member = state.members.get(&card).unwrap_or(&nobody);
    let before = programme.tiers.held(member);
    let after =
        review(&programme, card, member, now).map_or_else(|| before.clone(), |reviewed| reviewed.tier);
    let over = member.standing.tier.as_ref().and_then(|held| held.until).filter(|until| *until <= now.s());
    let last = over.and_then(|until| until.checked_mul(1000)?.checked_sub(1));
    let as_of = last.and_then(|ms| programme.business_date(ms).ok()).unwrap_or(now.business_date);
    let stood = programme.tiers.stood(member, as_of);
    let tier = Some(TierStory { before, after, as_of, stood });
    Ok(Explained { tier, same: is_written(&entry.record, &effects), ..base })
}

/// A birthday gift, decided again: why it was given. Whose birthday it is is not in the journal, so every day of that year is tried
/// on which it can have been.
fn gift_again(
    state: &State,
    programme: &Programme,
    entry: &Entry,
    (card, year): (CardReference, i16),
    now: Now,
) -> Result<Option<Reason>, ExplainError> {
    let (index, record) = (entry.row.index, &entry.record);
    let days = programme.birthdays_due(0, 0, now.business_date).ok_or(ExplainError::Damaged(index))?;
    let (mut day, first) = (*days.end(), *days.start());
    while day >= first {
        let of_year = births_on(day).first().copied().filter(|_| day.year() == year);
        for born in of_year.into_iter().flat_map(|on| at_each_age(on, day.year(), programme)) {
            let store = record.details.store.as_str();
            let gift = birthday_gift(state, programme, (card, store), (year, born), (index, now))?;
            if let Some((_, reason)) = gift.filter(|(effects, _)| is_written(record, effects)) {
                return Ok(Some(reason));
            }
        }
        let Ok(before) = day.yesterday() else { break };
        day = before;
    }
    Ok(None)
}

/// Explains an operator's act that rules have decided from what the journal has.
fn explain_act(state: &State, entry: &Entry, signed: &[Vec<u8>]) -> Result<Explained, ExplainError> {
    let (index, details) = (entry.row.index, &entry.record.details);
    let damaged = || ExplainError::Damaged(index);
    let payload = signed.first().and_then(|act| Sign1::parse(act).ok()).and_then(|act| act.payload);
    let act = payload.and_then(|payload| SignedAct::decode(payload).ok()).ok_or_else(damaged)?.act;
    let by_rules = matches!(
        act,
        Act::AwardImport { .. }
            | Act::CardAdjust { .. }
            | Act::CardRefund { .. }
            | Act::CardReplace { .. }
            | Act::MemberMatch { .. }
            | Act::MemberTag { .. }
            | Act::CardMerge { .. }
    );
    if !by_rules {
        return Err(ExplainError::NoRules(act_name(&act).to_owned()));
    }
    let programme = compiled(state, in_force(state, details).ok_or_else(damaged)?).ok_or_else(damaged)?;
    let place = Place { merchant: &details.merchant, store: &details.store, index, about: None };
    let now = time_of(&programme, details).ok_or_else(damaged)?;
    let claim = claimed(&programme, &act).map_err(ExplainError::NoRules)?;
    let drawn = Drawn { claim: claim.as_ref(), ..Drawn::default() };
    let same = [true, false].into_iter().any(|certain| {
        let decided = decide_act(state, &programme, &act, drawn, place, Now { certain, ..now });
        decided.is_ok_and(|effects| is_written(&entry.record, &effects))
    });
    Ok(Explained { same, ..told(entry, act_name(&act), &programme) })
}

/// The time at which an entry was decided. Its day for the rules is that of the clock, also when the entry was booked on a later one because
/// the day was closed.
fn time_of(programme: &Programme, details: &Details) -> Option<Now> {
    let business_date = programme.business_date(details.time_ms).ok()?;
    Some(Now { ms: details.time_ms, business_date, certain: true })
}

/// The programme version in force when an entry was written.
fn in_force(state: &State, details: &Details) -> Option<u32> {
    let now_s = details.time_ms.div_euclid(1000);
    let in_force = state.programmes.iter().rev().find(|held| held.effective_from <= now_s);
    Some(in_force.or(state.programmes.first())?.version)
}

fn compiled(state: &State, version: u32) -> Option<Programme> {
    let held = state.programmes.iter().find(|held| held.version == version)?;
    programme_file::parse(&held.document).ok()
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
    (state, entry, answer): (&State, &Entry, &Answer),
    request: &Request,
    find: impl Fn(u64) -> Result<Option<Original>, ExplainError>,
) -> Result<(Decision, Programme), ExplainError> {
    let (index, details) = (entry.row.index, &entry.record.details);
    let damaged = || ExplainError::Damaged(index);
    let programme = in_force(state, details).and_then(|version| compiled(state, version));
    let programme = programme.ok_or_else(damaged)?;
    let pricing = compiled(state, details.programme_version).ok_or_else(damaged)?;
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
    let on = match &request.command {
        Command::Unload { claim, .. } => state.cards.get(&claim.card),
        _ => None,
    };
    let joined_by = match &request.command {
        Command::Authorize { claim, .. } => opened_by(state, claim.card),
        _ => original.as_ref().map_or(Vec::new(), |original| joined_by(state, original)),
    };
    let joined_by =
        joined_by.into_iter().filter_map(|index| find(index).transpose()).collect::<Result<Vec<_>, _>>()?;
    let loads = on.map_or(Ok(Vec::new()), |card| loads_on(card, find))?;
    let entries = if loads.is_empty() { joined_by } else { loads };
    let quoted = quoted(request, details, &pricing);
    let terminal = state.terminals.get(&request.terminal).ok_or_else(damaged)?;
    // A right time is all that was ever booked.
    let now = time_of(&programme, details).ok_or_else(damaged)?;
    let written = || details.effects.iter().filter(|effect| !matches!(effect, Effect::Version { .. }));
    let mut first = None;
    // Whose birthday it is, and when the clock was in doubt, is not in the journal: it shows in what was written.
    for (birthday, certain) in possible(now.business_date, &[&programme, &pricing]) {
        let facts = Facts {
            state,
            programme: &programme,
            pricing: &pricing,
            index,
            original: original.as_ref(),
            entries: &entries,
            quoted: quoted.as_ref(),
            birthday,
        };
        let decision = decide(facts, terminal, request, Now { certain, ..now })?;
        if written().eq(&decision.effects) && says(answer, &decision) {
            return Ok((decision, pricing));
        }
        first.get_or_insert(decision);
    }
    Ok((first.ok_or_else(damaged)?, pricing))
}

/// The request as it was decided: what came beside it is not in the journal, and was right if it was approved.
fn request(state: &State, tried: &Tried, installation: &Installation, entry: &Entry) -> Option<Request> {
    let Origin::Terminal { message, signed } = &entry.record.origin else { return None };
    let payload = Sign1::parse(signed).ok()?.payload?;
    let wire = WireRequest::decode_payload(MessageType(*message), payload).ok()?;
    let gateway = GatewayWord { installation: *installation, key: PublicKey::from_spki(&state.gateway_key) };
    let proof = |card: CardReference| state.cards.get(&card).map(|card| card.proof);
    let nothing = RequestSidecar::default();
    let mut request = translate::command(&wire, entry.request_id, &nothing, &proof, &gateway)?;
    let card = request.command.claim().and_then(|claim| state.cards.get(&claim.card));
    let of = (request.terminal.clone(), request.generation, request.stan);
    let pin = card.filter(|_| tried.cards.contains(&of)).and_then(|card| card.pin.secret);
    let pin = pin.map(|(_, hash)| hash);
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

/// A quote that was honoured then, if the request cites one.
fn quoted(request: &Request, details: &Details, pricing: &Programme) -> Option<Quoted> {
    let ms = details.quoted_ms?;
    Some(Quoted {
        terminal: request.terminal.clone(),
        message: request.command.message(),
        card: request.command.claim()?.card,
        amount: request.command.amount()?,
        points: request.command.points(),
        prices: request.prices,
        goods: goods(&request.sold),
        programme_version: details.programme_version,
        at: Now { ms, business_date: pricing.business_date(ms).ok()?, certain: true },
        promised: None,
        expires: i64::MAX,
    })
}
