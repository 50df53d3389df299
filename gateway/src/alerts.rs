//! What entries did that alerts look at (LOYALTY B13), and which lines they crossed: from the journal alone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use protocol::answer::Answer;
use protocol::cose::Sign1;
use protocol::field::Installation;
use protocol::frame::MessageType;
use protocol::request::Request;

use crate::admin::act::SignedAct;
use crate::domain::act::Act;
use crate::domain::member::Window;
use crate::domain::programme::Programme;
use crate::domain::programme::alert::{Alert, Deed, Done, Raised, Watch};
use crate::domain::request::message;
use crate::domain::schedule::in_force_at;
use crate::domain::{Account, CardReference, State};
use crate::executor::{OpenError, in_effect, state_now};
use crate::journal::record::{Origin, Record};
use crate::journal::walk::{WalkError, head_before, next_group};
use crate::programme_file;
use crate::storage::{Storage, StorageError};

/// Messages that give points or bonus.
const GIVING: [u8; 7] = [
    message::ACTIVATE,
    message::LOAD,
    message::PURCHASE,
    message::CAPTURE,
    message::ADVICE,
    message::JOIN,
    message::AWARD,
];

/// The alerts cannot be worked out.
#[derive(Debug, thiserror::Error)]
pub enum AlertsError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the programme in force at entry {0} cannot be read")]
    NoProgramme(u64),
}

/// Lines that were crossed in the business dates `from` to `until`, both included, by the programmes that were in force: counted from
/// the beginning of the first one's month.
///
/// # Errors
/// [`AlertsError`] when the journal is damaged.
pub fn alerts(
    storage: &Storage,
    installation: &Installation,
    (from, until): (u32, u32),
    mut progress: impl FnMut(u64),
) -> Result<Vec<Raised>, AlertsError> {
    let state = state_now(storage, installation)?;
    let first = first_of(storage, Window::Month.of(from))?;
    let (mut watch, mut raised) = (Watch::default(), Vec::new());
    let mut compiled: BTreeMap<u32, Vec<Alert>> = BTreeMap::new();
    let Some(row) = storage.entry(first)? else { return Ok(raised) };
    let mut head = head_before(storage, row.group)?;
    while let Some(group) = next_group(storage, installation, &head)? {
        for entry in group.entries.iter().filter(|entry| entry.row.index >= first) {
            let (index, details) = (entry.row.index, &entry.record.details);
            if details.business_date > until {
                return Ok(raised);
            }
            let rules = rules(&state, details.time_ms.div_euclid(1000), &mut compiled);
            let rules = rules.ok_or(AlertsError::NoProgramme(index))?;
            let crossed = seen(&mut watch, rules, (index, &entry.record));
            raised.extend(crossed.into_iter().filter(|raised| raised.business_date >= from));
        }
        head = group.sealed.head;
        progress(head.index);
    }
    Ok(raised)
}

/// The alerts that were in force at a Unix second.
fn rules<'a>(state: &State, s: i64, compiled: &'a mut BTreeMap<u32, Vec<Alert>>) -> Option<&'a Vec<Alert>> {
    let version = in_force_at(&state.programmes, s).or(state.programmes.first())?;
    match compiled.entry(version.version) {
        Entry::Occupied(held) => Some(held.into_mut()),
        Entry::Vacant(place) => {
            let programme: Programme = programme_file::parse(&version.document).ok()?;
            Some(place.insert(programme.alerts))
        }
    }
}

/// What an entry crosses.
pub(crate) fn seen(watch: &mut Watch, alerts: &[Alert], (index, record): (u64, &Record)) -> Vec<Raised> {
    if alerts.is_empty() {
        return Vec::new();
    }
    deeds(index, record).iter().flat_map(|done| watch.see(alerts, done)).collect()
}

/// The first entry of a business date or of a later one: dates never fall.
///
/// # Errors
/// When an entry cannot be read.
pub(crate) fn first_of(storage: &Storage, business_date: u32) -> Result<u64, StorageError> {
    let (mut low, mut high) = (1, storage.last_index()?.saturating_add(1));
    while low < high {
        let middle = low.midpoint(high);
        if date_of(storage, middle)?.is_some_and(|date| date < business_date) {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The business date of an entry.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn date_of(storage: &Storage, index: u64) -> Result<Option<u32>, StorageError> {
    let row = storage.entry(index)?;
    Ok(row.and_then(|row| Some(Record::decode(&row.record).ok()?.0.details.business_date)))
}

/// What an entry did.
fn deeds(index: u64, record: &Record) -> Vec<Done> {
    let details = &record.details;
    let done = |deed, amount| Done {
        index,
        business_date: details.business_date,
        deed,
        card: None,
        cashier: None,
        terminal: None,
        store: Some(details.store.clone()),
        rule: None,
        amount,
    };
    match &record.origin {
        Origin::Terminal { message, signed } => {
            let payload = Sign1::parse(signed).ok().and_then(|signed| signed.payload);
            let request =
                payload.and_then(|payload| Request::decode_payload(MessageType(*message), payload).ok());
            let answer = record.answer.as_deref().and_then(|body| Answer::decode(body).ok());
            let Some((request, answer)) = request.zip(answer) else { return Vec::new() };
            if !answer.code.is_approval() {
                return Vec::new();
            }
            let mut all = by_terminal(*message, record, &answer, done);
            for done in &mut all {
                done.terminal = Some(request.header.terminal.as_str().to_owned());
                done.cashier = request.header.cashier.map(|cashier| cashier.as_str().to_owned());
            }
            all.extend(by_rules(*message, &answer).into_iter().map(|(deed, rule, amount)| Done {
                store: None,
                rule: Some(rule),
                ..done(deed, amount)
            }));
            all
        }
        Origin::Operator { signed } => {
            let payload = signed.first().and_then(|act| Sign1::parse(act).ok()).and_then(|act| act.payload);
            match payload.and_then(|payload| SignedAct::decode(payload).ok()).map(|signed| signed.act) {
                Some(Act::CardAdjust { card, points, .. }) => {
                    vec![Done { card: Some(card), ..done(Deed::Adjustments, points.saturating_abs()) }]
                }
                Some(Act::AwardImport { .. }) => points_given(record, done),
                _ => Vec::new(),
            }
        }
        Origin::System { name, .. } if [Origin::TIER, Origin::LEADERBOARD].contains(&name.as_str()) => {
            points_given(record, done)
        }
        Origin::System { .. } => Vec::new(),
    }
}

fn by_terminal(kind: u8, record: &Record, answer: &Answer, done: impl Fn(Deed, i64) -> Done) -> Vec<Done> {
    let card = answer.card.map(|card| CardReference(card.number()));
    let approved = answer.approved_amount.map_or(0, |amount| amount.get());
    let of_card = |deed, amount| Done { card, ..done(deed, amount) };
    let mut all = Vec::new();
    if GIVING.contains(&kind) {
        all.extend(points_given(record, &done));
    }
    let original = in_effect(record);
    match kind {
        message::VOID => all.push(of_card(Deed::Voids, approved)),
        // A reversal needs nobody's leave; one that found nothing to undo has done nothing.
        message::REVERSAL if approved > 0 => all.push(of_card(Deed::Voids, approved)),
        message::REFUND => all.push(of_card(Deed::Refunds, approved)),
        message::LOAD => {
            let bonus = original.given().filter(|posting| posting.kind == crate::domain::Kind::BONUS);
            let bonus = bonus.fold(0, |sum: i64, posting| sum.saturating_add(posting.amount));
            all.extend((bonus > 0).then(|| of_card(Deed::BonusGiven, bonus)));
        }
        message::PURCHASE | message::REDEEM => {
            let on_card = |account: &Account| matches!(account, Account::Card { .. });
            let taken = original.own_postings().filter(|leg| !leg.kind.is_money() && leg.amount < 0);
            let taken = taken.filter(|leg| on_card(&leg.account));
            let points = taken.fold(0, |sum: i64, leg| sum.saturating_sub(leg.amount));
            all.extend((points > 0).then(|| of_card(Deed::PointsRedeemed, points)));
        }
        _ => {}
    }
    all
}

/// Points that came to each card.
fn points_given(record: &Record, done: impl Fn(Deed, i64) -> Done) -> Vec<Done> {
    let mut cards: BTreeMap<CardReference, i64> = BTreeMap::new();
    for ((card, _), (points, _)) in in_effect(record).points_earned() {
        let held = cards.entry(card).or_default();
        *held = held.saturating_add(points);
    }
    cards
        .into_iter()
        .map(|(card, points)| Done { card: Some(card), ..done(Deed::PointsGiven, points) })
        .collect()
}

/// What the rules on the receipt gave.
fn by_rules(kind: u8, answer: &Answer) -> Vec<(Deed, String, i64)> {
    let lines = answer.explanation.iter().flat_map(|lines| lines.iter());
    let given = lines.filter(|line| GIVING.contains(&kind) && line.result > 0).filter_map(|line| {
        let deed = match line.kind.is_points() {
            true => Deed::PointsGiven,
            false if kind == message::LOAD => Deed::BonusGiven,
            false => return None,
        };
        Some((deed, line.rule.as_str().to_owned(), line.result))
    });
    given.collect()
}
