//! State of cards and named accounts as bytes: what their state hashes cover and what snapshots store.

use minicbor::Decoder;

use super::effects::{card_status, fixed, optional, optionally, period};
use super::parts::{
    decode_hold, decode_own_limits, decode_pin, decode_tally, encode_hold, encode_own_limits, encode_pin,
    encode_tally,
};
use super::record::{RecordError, written};
use super::sha256;
use crate::domain::card::{Card, CardReference, Lot, Successor};
use crate::domain::ledger::{Kind, NamedAccount};

/// First 16 bytes of SHA-256 over a state's bytes.
#[must_use]
pub fn state_hash(bytes: &[u8]) -> [u8; 16] {
    let hash = sha256(&[bytes]);
    let mut short = [0; 16];
    short.copy_from_slice(&hash[..16]);
    short
}

/// `[reference, version, status, product, proof, expires, holder, account, own limits, PIN, next lot, points debts, lots, holds, successor,
/// tallies]`.
#[must_use]
pub fn encode_card(card: &Card) -> Vec<u8> {
    written(|e| {
        e.array(16)?.u64(card.reference.0)?.u64(card.version)?.u8(card.status as u8)?.str(&card.product)?;
        e.bytes(&card.proof)?;
        optional(e, card.expires.as_ref(), |e, at| e.i64(*at).map(drop))?;
        optional(e, card.holder.as_ref(), |e, holder| e.bytes(holder).map(drop))?;
        optional(e, card.account.as_ref(), |e, account| e.u64(account.0).map(drop))?;
        encode_own_limits(e, &card.own_limits)?;
        e.array(3)?;
        encode_pin(e, &card.pin)?;
        e.u32(card.next_lot)?.array(card.points_debts.len() as u64)?;
        for (kind, debt) in &card.points_debts {
            e.array(2)?.u8(kind.0)?.i64(*debt)?;
        }
        e.array(card.lots.len() as u64)?;
        for lot in &card.lots {
            e.array(5)?.u32(lot.id)?.u8(lot.kind.0)?.i64(lot.amount)?;
            optional(e, lot.expires.as_ref(), |e, at| e.i64(*at).map(drop))?;
            e.u64(lot.source)?;
        }
        e.array(card.holds.len() as u64)?;
        card.holds.iter().try_for_each(|hold| {
            e.array(4)?;
            encode_hold(e, hold)
        })?;
        optional(e, card.successor.as_ref(), |e, successor| {
            e.array(2)?.u64(successor.card.0)?.u32(successor.offset)?.ok()
        })?;
        e.array(card.tallies.len() as u64)?;
        card.tallies.iter().try_for_each(|(period, tally)| {
            e.array(8)?.u8(*period as u8)?;
            encode_tally(e, tally)
        })
    })
}

/// Counterpart of [`encode_card`].
///
/// # Errors
/// [`RecordError`] when the bytes are damaged.
pub fn decode_card(bytes: &[u8]) -> Result<Card, RecordError> {
    let d = &mut Decoder::new(bytes);
    d.array()?;
    let (reference, version, status) = (CardReference(d.u64()?), d.u64()?, card_status(d.u8()?)?);
    let (product, proof, expires) = (d.str()?.into(), fixed(d)?, optionally(d, Decoder::i64)?);
    let holder = optionally(d, fixed)?;
    let account = optionally(d, |d| d.u64().map(CardReference))?;
    let own_limits = decode_own_limits(d)?;
    d.array()?;
    let pin = decode_pin(d)?;
    let next_lot = d.u32()?;
    let count = d.array()?.unwrap_or(0);
    let debt = |d: &mut Decoder<'_>| -> Result<_, minicbor::decode::Error> {
        d.array()?;
        Ok((Kind(d.u8()?), d.i64()?))
    };
    let points_debts = (0..count).map(|_| debt(d)).collect::<Result<_, _>>()?;
    let count = d.array()?.unwrap_or(0);
    let lot = |d: &mut Decoder<'_>| -> Result<Lot, minicbor::decode::Error> {
        d.array()?;
        let (id, kind, amount) = (d.u32()?, Kind(d.u8()?), d.i64()?);
        Ok(Lot { id, kind, amount, expires: optionally(d, Decoder::i64)?, source: d.u64()? })
    };
    let lots = (0..count).map(|_| lot(d)).collect::<Result<_, _>>()?;
    let count = d.array()?.unwrap_or(0);
    let hold = |d: &mut Decoder<'_>| {
        d.array()?;
        decode_hold(d)
    };
    let holds = (0..count).map(|_| hold(d)).collect::<Result<_, _>>()?;
    let successor = optionally(d, |d| {
        d.array()?;
        Ok(Successor { card: CardReference(d.u64()?), offset: d.u32()? })
    })?;
    let count = d.array()?.unwrap_or(0);
    let tally = |d: &mut Decoder<'_>| -> Result<_, minicbor::decode::Error> {
        d.array()?;
        Ok((period(d.u8()?)?, decode_tally(d)?))
    };
    let tallies = (0..count).map(|_| tally(d)).collect::<Result<_, _>>()?;
    Ok(Card {
        reference,
        version,
        status,
        product,
        proof,
        expires,
        holder,
        account,
        own_limits,
        pin,
        next_lot,
        points_debts,
        lots,
        holds,
        successor,
        tallies,
    })
}

/// `[name, version, [[kind, balance], …]]`.
#[must_use]
pub fn encode_account(name: &str, account: &NamedAccount) -> Vec<u8> {
    written(|e| {
        e.array(3)?.str(name)?.u64(account.version)?.array(account.balances.len() as u64)?;
        account.balances.iter().try_for_each(|(kind, balance)| e.array(2)?.u8(kind.0)?.i64(*balance)?.ok())
    })
}

/// Counterpart of [`encode_account`].
///
/// # Errors
/// [`RecordError`] when the bytes are damaged.
pub fn decode_account(bytes: &[u8]) -> Result<NamedAccount, RecordError> {
    let d = &mut Decoder::new(bytes);
    d.array()?;
    d.str()?;
    let version = d.u64()?;
    let count = d.array()?.unwrap_or(0);
    let balance = |d: &mut Decoder<'_>| -> Result<_, minicbor::decode::Error> {
        d.array()?;
        Ok((Kind(d.u8()?), d.i64()?))
    };
    let balances = (0..count).map(|_| balance(d)).collect::<Result<_, _>>()?;
    Ok(NamedAccount { version, balances })
}
