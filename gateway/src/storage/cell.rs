//! Pieces of state as snapshot rows.

use minicbor::Decoder;

use super::StorageError;
use crate::domain::card::CardReference;
use crate::domain::member::Member;
use crate::domain::operator::Operator;
use crate::domain::programme::ProgrammeVersion;
use crate::domain::state::{Cell, Touched};
use crate::domain::terminal::{EnrolmentCode, Limits, Shift, Terminal};
use crate::journal::record::{RecordError, written};
use crate::journal::{
    decode_cashier, decode_counters, decode_exception, decode_fate, decode_standing, decode_tally,
    encode_cashier, encode_counters, encode_exception, encode_fate, encode_standing, encode_tally, fixed,
    optional, optionally, role, state_hash, terminal_status,
};

/// Kinds of snapshot rows are 1 to this.
pub const KINDS: u8 = 14;

/// First byte of a snapshot key.
#[must_use]
pub fn cell_key(touched: &Touched) -> u8 {
    match touched {
        Touched::Card(_) => 1,
        Touched::Account(_) => 2,
        Touched::Terminal(_) => 3,
        Touched::Shift(_) => 4,
        Touched::Transaction(_) => 5,
        Touched::Tombstone(_) => 6,
        Touched::Operator(_) => 7,
        Touched::Programme(_) => 8,
        Touched::GatewayKey => 9,
        Touched::Tally(_) => 10,
        Touched::Cashier(_) => 11,
        Touched::Exception(_) => 12,
        Touched::Member(_) => 13,
        Touched::Counter(_) => 14,
    }
}

/// A snapshot key: the kind byte, then the subject, so that one kind is one range.
#[must_use]
pub fn key_of(touched: &Touched) -> Vec<u8> {
    let mut key = vec![cell_key(touched)];
    let identity = |key: &mut Vec<u8>, (text, a, b): &(String, u32, u32)| {
        key.extend(text.as_bytes());
        key.push(0);
        key.extend(a.to_be_bytes());
        key.extend(b.to_be_bytes());
    };
    match touched {
        Touched::Card(card) | Touched::Member(card) => key.extend(card.0.to_be_bytes()),
        Touched::Counter((counter, period)) => {
            key.extend(period.to_be_bytes());
            key.extend(counter.as_bytes());
        }
        Touched::Account(name)
        | Touched::Terminal(name)
        | Touched::Operator(name)
        | Touched::Tally(name)
        | Touched::Cashier(name) => key.extend(name.as_bytes()),
        Touched::Shift(shift) => identity(&mut key, shift),
        Touched::Transaction(index) | Touched::Exception(index) => key.extend(index.to_be_bytes()),
        Touched::Tombstone(request) => identity(&mut key, request),
        Touched::Programme(version) => key.extend(version.to_be_bytes()),
        Touched::GatewayKey => {}
    }
    key
}

/// Unix second at which something of this piece expires.
#[must_use]
pub fn due(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Card(card) => card.due(),
        Cell::Member(member) => member.due(),
        _ => None,
    }
}

/// The card whose row, or whose member's, has this key.
///
/// # Errors
/// [`StorageError::Snapshot`] when it is neither.
pub fn card_of_key(key: &[u8]) -> Result<CardReference, StorageError> {
    match touched_of(key) {
        Some(Touched::Card(card) | Touched::Member(card)) => Ok(card),
        _ => Err(StorageError::Snapshot("only cards and members fall due".into())),
    }
}

/// The subject that a key names.
fn touched_of(key: &[u8]) -> Option<Touched> {
    let (kind, rest) = key.split_first()?;
    let text = || String::from_utf8(rest.to_vec()).ok();
    let identity = || {
        let (name, numbers) = rest.split_at(rest.iter().position(|b| *b == 0)?);
        let (a, b) = numbers.get(1..)?.split_at_checked(4)?;
        let name = String::from_utf8(name.to_vec()).ok()?;
        Some((name, u32::from_be_bytes(a.try_into().ok()?), u32::from_be_bytes(b.try_into().ok()?)))
    };
    Some(match kind {
        1 => Touched::Card(CardReference(u64::from_be_bytes(rest.try_into().ok()?))),
        2 => Touched::Account(text()?),
        3 => Touched::Terminal(text()?),
        4 => Touched::Shift(identity()?),
        5 => Touched::Transaction(u64::from_be_bytes(rest.try_into().ok()?)),
        6 => Touched::Tombstone(identity()?),
        7 => Touched::Operator(text()?),
        8 => Touched::Programme(u32::from_be_bytes(rest.try_into().ok()?)),
        9 => Touched::GatewayKey,
        10 => Touched::Tally(text()?),
        11 => Touched::Cashier(text()?),
        12 => Touched::Exception(u64::from_be_bytes(rest.try_into().ok()?)),
        13 => Touched::Member(CardReference(u64::from_be_bytes(rest.try_into().ok()?))),
        14 => {
            let (period, counter) = rest.split_at_checked(4)?;
            let counter = String::from_utf8(counter.to_vec()).ok()?;
            Touched::Counter((counter, u32::from_be_bytes(period.try_into().ok()?)))
        }
        _ => return None,
    })
}

/// A piece of state as a row's bytes.
#[must_use]
pub fn encode_cell(touched: &Touched, cell: &Cell) -> Vec<u8> {
    match cell {
        Cell::Card(card) => state_hash::encode_card(card),
        Cell::Account(account) => {
            let Touched::Account(name) = touched else { unreachable!("an account's key names an account") };
            state_hash::encode_account(name, account)
        }
        Cell::Terminal(terminal) => encode_terminal(terminal),
        Cell::Shift(shift) => written(|e| {
            e.array(2)?.bool(shift.closed)?.array(shift.totals.len() as u64)?;
            shift.totals.iter().try_for_each(|(message, count, amount)| {
                e.array(3)?.u8(*message)?.i64(*count)?.i64(*amount)?.ok()
            })
        }),
        Cell::Transaction(fate) => written(|e| {
            e.array(4)?;
            encode_fate(e, fate)
        }),
        Cell::Tombstone(request_id) => written(|e| e.bytes(request_id)?.ok()),
        Cell::Operator(held) => {
            written(|e| e.array(3)?.bool(held.active)?.bytes(&held.public_key)?.i64(held.counts_from)?.ok())
        }
        Cell::Programme(programme) => written(|e| {
            e.array(3)?.u32(programme.version)?.i64(programme.effective_from)?.str(&programme.document)?.ok()
        }),
        Cell::GatewayKey(key) => written(|e| e.bytes(key)?.ok()),
        Cell::Tally(tally) => written(|e| {
            e.array(7)?;
            encode_tally(e, tally)
        }),
        Cell::Cashier(cashier) => written(|e| {
            e.array(7)?;
            encode_cashier(e, cashier)
        }),
        Cell::Exception(exception) => written(|e| {
            e.array(4)?;
            encode_exception(e, exception)
        }),
        Cell::Member(member) => written(|e| {
            e.array(8)?;
            encode_standing(e, &member.standing)?;
            encode_counters(e, &member.counters)
        }),
        Cell::Counter(value) => written(|e| e.i64(*value)?.ok()),
    }
}

fn encode_terminal(t: &Terminal) -> Vec<u8> {
    written(|e| {
        e.array(12)?.u32(t.generation)?.u8(t.status as u8)?.u8(t.role as u8)?.i8(t.algorithm)?;
        e.bytes(&t.public_key)?.str(&t.merchant)?.str(&t.store)?.i64(t.limits.load)?;
        e.i64(t.limits.purchase)?.i64(t.limits.refund)?;
        e.u32(t.last_stan)?;
        optional(e, t.code.as_ref(), |e, code| {
            e.array(3)?;
            optional(e, code.hash.as_ref(), |e, hash| e.bytes(hash).map(drop))?;
            e.i64(code.expires)?.u8(code.tries)?.ok()
        })
    })
}

/// Counterpart of [`key_of`] and [`encode_cell`].
///
/// # Errors
/// [`StorageError::Snapshot`] when key or state cannot be read.
pub fn decode_cell(key: &[u8], state: &[u8]) -> Result<(Touched, Cell), StorageError> {
    let touched = touched_of(key).ok_or_else(|| StorageError::Snapshot("unknown key".into()))?;
    let cell = decode_state(&touched, state).map_err(|e| StorageError::Snapshot(e.to_string()))?;
    Ok((touched, cell))
}

fn decode_state(touched: &Touched, state: &[u8]) -> Result<Cell, RecordError> {
    let d = &mut Decoder::new(state);
    Ok(match touched {
        Touched::Card(_) => Cell::Card(state_hash::decode_card(state)?),
        Touched::Account(_) => Cell::Account(state_hash::decode_account(state)?),
        Touched::Terminal(tid) => Cell::Terminal(decode_terminal(tid, d)?),
        Touched::Shift(_) => {
            d.array()?;
            let closed = d.bool()?;
            let count = d.array()?.unwrap_or(0);
            let total = |d: &mut Decoder<'_>| -> Result<_, minicbor::decode::Error> {
                d.array()?;
                Ok((d.u8()?, d.i64()?, d.i64()?))
            };
            Cell::Shift(Shift { closed, totals: (0..count).map(|_| total(d)).collect::<Result<_, _>>()? })
        }
        Touched::Transaction(_) => {
            d.array()?;
            Cell::Transaction(decode_fate(d)?)
        }
        Touched::Tombstone(_) => Cell::Tombstone(fixed(d)?),
        Touched::Operator(_) => {
            d.array()?;
            let (active, public_key) = (d.bool()?, d.bytes()?.into());
            Cell::Operator(Operator { active, public_key, counts_from: d.i64()? })
        }
        Touched::Programme(_) => {
            d.array()?;
            Cell::Programme(ProgrammeVersion {
                version: d.u32()?,
                effective_from: d.i64()?,
                document: d.str()?.into(),
            })
        }
        Touched::GatewayKey => Cell::GatewayKey(d.bytes()?.into()),
        Touched::Tally(_) => {
            d.array()?;
            Cell::Tally(decode_tally(d)?)
        }
        Touched::Cashier(_) => {
            d.array()?;
            Cell::Cashier(decode_cashier(d)?)
        }
        Touched::Exception(_) => {
            d.array()?;
            Cell::Exception(decode_exception(d)?)
        }
        Touched::Member(_) => {
            d.array()?;
            Cell::Member(Member { standing: decode_standing(d)?, counters: decode_counters(d)? })
        }
        Touched::Counter(_) => Cell::Counter(d.i64()?),
    })
}

fn decode_terminal(tid: &str, d: &mut Decoder<'_>) -> Result<Terminal, minicbor::decode::Error> {
    d.array()?;
    Ok(Terminal {
        terminal: tid.into(),
        generation: d.u32()?,
        status: terminal_status(d.u8()?)?,
        role: role(d.u8()?)?,
        algorithm: d.i8()?,
        public_key: d.bytes()?.into(),
        merchant: d.str()?.into(),
        store: d.str()?.into(),
        limits: Limits { load: d.i64()?, purchase: d.i64()?, refund: d.i64()? },
        last_stan: d.u32()?,
        code: optionally(d, |d| {
            d.array()?;
            Ok(EnrolmentCode { hash: optionally(d, fixed)?, expires: d.i64()?, tries: d.u8()? })
        })?,
    })
}
