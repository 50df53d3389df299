//! What tenders took and got back, by the journal: each leg on a tender's clearing account, with the reference of its tender line.
//! Groups are checked against their seals as they are read; where to begin is found by halving, so the cost goes by the period.

use std::borrow::Cow;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use protocol::cose::Sign1;
use protocol::field::Installation;
use protocol::frame::MessageType;
use protocol::request::Request;

use super::map::Map;
use super::outcome::{Movement, Span};
use crate::admin::act::{self, SignedAct};
use crate::domain::effect::{Account, Effect, TransactionState};
use crate::domain::ledger;
use crate::domain::request::message;
use crate::finance::Commodity;
use crate::journal::record::{Origin, Record};
use crate::journal::seal::{Head, seal_verifies};
use crate::journal::walk::{Group, head_before, next_group};
use crate::keys::PublicKey;
use crate::programme_file::currency_code;
use crate::storage::Storage;

/// An undone refund of a load is the longest way back; each step goes to an earlier entry.
const MOST_STEPS: u32 = 4;

/// Which movements are asked for.
#[derive(Debug)]
pub struct Asked<'a> {
    pub map: &'a Map,
    pub days: Span,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    pub movements: Vec<Movement>,
    /// First and last entry that was read.
    pub entries: (u64, u64),
    /// The journal goes on after these days: nothing of them can come any more.
    pub complete: bool,
}

/// The currency of the journal.
///
/// # Errors
/// When the first entry cannot be read.
pub fn currency(storage: &Storage) -> Result<Commodity> {
    let (number, exponent) = record_at(storage, 1)?.details.currency;
    let name = currency_code(number).map_or_else(|| format!("X{number:03}"), str::to_owned);
    Ok(Commodity { name, exponent })
}

/// Reads the movements of some days. `progress` is told each index that is read.
///
/// # Errors
/// When the journal is damaged.
pub fn movements(
    storage: &Storage,
    installation: &Installation,
    asked: &Asked<'_>,
    mut progress: impl FnMut(u64),
) -> Result<Found> {
    let Asked { map, days } = asked;
    let mut sealing = Vec::new();
    let genesis = next_group(storage, installation, &Head::GENESIS).context("the journal is damaged")?;
    let genesis = genesis.context("the journal is empty")?;
    check_seal(&genesis, installation, &mut sealing)?;
    let first = first_on(storage, &map.zone, days.from)?;
    let last = storage.last_index()?;
    let mut found =
        Found { movements: Vec::new(), entries: (first, first.saturating_sub(1)), complete: false };
    if first > last {
        return Ok(found);
    }
    let group = storage.entry(first)?.with_context(|| missing(first))?.group;
    let mut head = head_before(storage, group).context("the journal is damaged")?;
    while !found.complete
        && let Some(group) = next_group(storage, installation, &head).context("the journal is damaged")?
    {
        check_seal(&group, installation, &mut sealing)?;
        for entry in group.entries.iter().filter(|entry| entry.row.index >= first) {
            let index = entry.row.index;
            if day_of(&entry.record, &map.zone)? > days.to {
                found.complete = true;
                break;
            }
            found.entries.1 = index;
            if takes_part(&entry.record, map) {
                let read = read(storage, Cow::Borrowed(&entry.record), map, 0);
                found.movements.extend(read.with_context(|| format!("entry {index}"))?);
            }
        }
        head = group.sealed.head;
        progress(head.index);
    }
    Ok(found)
}

/// The seal is signed by the key in force before its group; the first group names its own.
fn check_seal(group: &Group, installation: &Installation, sealing: &mut Vec<u8>) -> Result<()> {
    let effects = group.entries.iter().flat_map(|entry| &entry.record.details.effects);
    let named = effects.filter_map(|effect| match effect {
        Effect::GatewayKey { public_key } => Some(public_key),
        _ => None,
    });
    let named = named.reduce(|_, newer| newer);
    if sealing.is_empty() {
        *sealing = named.cloned().unwrap_or_default();
    }
    let signed =
        PublicKey::from_spki(sealing).is_some_and(|key| seal_verifies(&group.seal, installation, &key));
    let first = group.seal.header.first_index;
    ensure!(signed, "the journal is damaged: entry {first}: its seal's signature does not verify");
    if let Some(next) = named {
        sealing.clone_from(next);
    }
    Ok(())
}

/// The first entry of a day or a later one; one behind the last entry when there is none. Time in the journal never goes back.
fn first_on(storage: &Storage, zone: &TimeZone, day: Date) -> Result<u64> {
    let (mut from, mut to) = (1, storage.last_index()?.saturating_add(1));
    while from < to {
        let middle = from.midpoint(to);
        if day_of(&record_at(storage, middle)?, zone)? < day {
            from = middle.saturating_add(1);
        } else {
            to = middle;
        }
    }
    Ok(from)
}

fn record_at(storage: &Storage, index: u64) -> Result<Record> {
    let row = storage.entry(index)?.with_context(|| missing(index))?;
    let (record, _) = Record::decode(&row.record).with_context(|| format!("entry {index}"))?;
    Ok(record)
}

fn missing(index: u64) -> String {
    format!("entry {index} is missing; run `gateway journal verify`")
}

pub(super) fn day_of(record: &Record, zone: &TimeZone) -> Result<Date> {
    let time = Timestamp::from_millisecond(record.details.time_ms).context("its time")?;
    Ok(zone.to_datetime(time).date())
}

/// What a leg has taken by a tender, and in which store; below zero for what was given back.
pub(super) fn clearing_leg(effect: &Effect) -> Option<(u8, &str, i64)> {
    let Effect::Posting(posting) = effect else { return None };
    let tender = ledger::tender_of(&posting.account)?;
    let Account::Named(name) = &posting.account else { return None };
    let (store, _) = name.strip_prefix("clearing:")?.rsplit_once(':')?;
    Some((tender, store, posting.amount.saturating_neg()))
}

/// A leg of the map's tenders and stores.
fn leg<'a>(effect: &'a Effect, map: &Map) -> Option<(u8, &'a str, i64)> {
    clearing_leg(effect).filter(|(tender, store, _)| {
        map.tenders.contains(tender)
            && (map.stores.is_empty() || map.stores.iter().any(|named| named == store))
    })
}

fn takes_part(record: &Record, map: &Map) -> bool {
    record.details.effects.iter().any(|effect| leg(effect, map).is_some())
}

/// The movements of an entry, each with its reference.
fn read(storage: &Storage, record: Cow<'_, Record>, map: &Map, steps: u32) -> Result<Vec<Movement>> {
    ensure!(steps <= MOST_STEPS, "it is about too many earlier entries");
    let details = &record.details;
    let index = details.index;
    let (what, request, undoing) = told(&record)?;
    let effects = &details.effects;
    let undone = effects.iter().filter(|_| undoing).find_map(|effect| match effect {
        Effect::Transaction { index, fate }
            if matches!(fate.state, TransactionState::Reversed | TransactionState::Voided) =>
        {
            Some(*index)
        }
        _ => None,
    });
    let mut movements = match undone {
        // What undoes an entry has its legs with the other sign.
        Some(undone) => {
            let earlier =
                read(storage, Cow::Owned(earlier(storage, index, undone)?), map, steps.saturating_add(1))?;
            let turned = earlier
                .into_iter()
                .map(|movement| Movement { amount: movement.amount.saturating_neg(), ..movement });
            turned.collect()
        }
        None => booked(storage, &record, map)?,
    };
    let legs = effects.iter().filter_map(|effect| leg(effect, map)).map(|(_, _, amount)| i128::from(amount));
    let read: i128 = movements.iter().map(|movement| i128::from(movement.amount)).sum();
    ensure!(legs.sum::<i128>() == read, "its legs are not those of entry {}", undone.unwrap_or(index));
    let day = day_of(&record, &map.zone)?;
    for movement in &mut movements {
        (movement.index, movement.undoes, movement.day) = (index, undone, day);
        (movement.what, movement.request) = (what.clone(), request.clone());
    }
    Ok(movements)
}

fn earlier(storage: &Storage, index: u64, wanted: u64) -> Result<Record> {
    ensure!(wanted < index, "it is about entry {wanted}, which is not before it");
    record_at(storage, wanted)
}

/// Each leg by itself. Legs that stand in front of what is said of an earlier entry have that entry's references.
fn booked(storage: &Storage, record: &Record, map: &Map) -> Result<Vec<Movement>> {
    let details = &record.details;
    let mut movements: Vec<Movement> = Vec::new();
    let mut tenders = Vec::new();
    let mut begins = 0;
    for effect in &details.effects {
        if let Some((tender, store, amount)) = leg(effect, map) {
            tenders.push(tender);
            movements.push(Movement {
                index: details.index,
                undoes: None,
                reference: String::new(),
                amount,
                day: Date::default(),
                what: String::new(),
                request: String::new(),
                store: store.to_owned(),
            });
        }
        let about = match effect {
            Effect::Transaction { index, .. } | Effect::Exception { index, .. } => *index,
            _ => continue,
        };
        if about != details.index && begins < movements.len() {
            let lines = tender_lines(&earlier(storage, details.index, about)?)?;
            for (movement, tender) in movements.iter_mut().zip(&tenders).skip(begins) {
                movement.reference = reference_of(&lines, *tender, movement.amount);
            }
        }
        if about != details.index {
            begins = movements.len();
        }
    }
    // Its own lines, in the order of its legs.
    let own = tender_lines(record)?;
    let mut own = own.into_iter().filter(|line| map.tenders.contains(&line.tender));
    for movement in movements.iter_mut().skip(begins) {
        if let Some(line) = own.next() {
            movement.reference = line.reference;
        }
    }
    Ok(movements)
}

struct TenderLine {
    tender: u8,
    amount: i64,
    reference: String,
}

/// The reference of what was given back by a tender: that of all lines of this tender, or of the only one of that amount.
fn reference_of(lines: &[TenderLine], tender: u8, amount: i64) -> String {
    let only = |fits: &dyn Fn(&&TenderLine) -> bool| {
        let mut those = lines.iter().filter(|line| line.tender == tender).filter(fits);
        let first = those.next()?;
        those.all(|line| line.reference == first.reference).then(|| first.reference.clone())
    };
    let of_all = only(&|_| true);
    of_all.or_else(|| only(&|line| line.amount == amount.saturating_abs())).unwrap_or_default()
}

/// The tender lines of a Load or CashTaken.
fn tender_lines(record: &Record) -> Result<Vec<TenderLine>> {
    let Origin::Terminal { message: named, .. } = &record.origin else { return Ok(Vec::new()) };
    if ![message::LOAD, message::CASH_TAKEN].contains(named) {
        return Ok(Vec::new());
    }
    let request = request(record)?.context("its request")?;
    let lines = request.body.tenders().into_iter().flat_map(|lines| lines.iter());
    let lines = lines.map(|line| TenderLine {
        tender: line.kind.0,
        amount: line.amount.get(),
        reference: line.reference.map(|text| text.as_str().trim().to_owned()).unwrap_or_default(),
    });
    Ok(lines.collect())
}

/// What was asked, whose request it was, and whether it undoes another.
fn told(record: &Record) -> Result<(String, String, bool)> {
    match &record.origin {
        Origin::Terminal { message: named, .. } => {
            let request = request(record)?.context("its request")?;
            let header = &request.header;
            let number = |number: Option<u32>| number.map_or_else(String::new, |number| format!("-{number}"));
            let id = format!(
                "{}{}{}",
                header.terminal.as_str(),
                number(header.generation.map(|generation| generation.get())),
                number(header.stan.map(|stan| stan.get()))
            );
            let undoes = [message::VOID, message::REVERSAL].contains(named);
            Ok((MessageType(*named).name().to_owned(), id, undoes))
        }
        Origin::Operator { signed } => {
            let sign1 = Sign1::parse(signed.first().context("its act")?).context("its act")?;
            let signed = SignedAct::decode(sign1.payload.unwrap_or_default()).context("its act")?;
            Ok((act::name(&signed.act).to_owned(), String::new(), false))
        }
        Origin::System { name, .. } => Ok((name.clone(), String::new(), false)),
    }
}

fn request(record: &Record) -> Result<Option<Request>> {
    let Origin::Terminal { message, signed } = &record.origin else { return Ok(None) };
    let sign1 = Sign1::parse(signed).context("its request")?;
    let payload = sign1.payload.unwrap_or_default();
    Ok(Some(Request::decode_payload(MessageType(*message), payload).context("its request")?))
}
