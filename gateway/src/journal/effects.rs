//! Effects as bytes (PROTOCOL.md section 12). What is written here must decode for ever.

use minicbor::data::Type;
use minicbor::encode::Write;
use minicbor::{Decoder, Encoder};

use super::parts::{
    decode_cashier, decode_exception, decode_fate, decode_hold, decode_own_limits, decode_pin,
    decode_standing, decode_tally, encode_cashier, encode_exception, encode_fate, encode_hold,
    encode_own_limits, encode_pin, encode_standing, encode_tally,
};
use crate::domain::card::{CardReference, CardStatus, Successor};
use crate::domain::effect::{Account, Effect, Posting, Subject, TransactionState};
use crate::domain::exception::{Bearer, ExceptionKind};
use crate::domain::ledger::Kind;
use crate::domain::operator::Operator;
use crate::domain::tally::Period;
use crate::domain::terminal::{Limits, Role, TerminalStatus};

pub(super) type EncodeResult<W> = Result<(), minicbor::encode::Error<<W as Write>::Error>>;
pub(super) type DecodeResult<T> = Result<T, minicbor::decode::Error>;

pub(super) fn encode<W: Write>(e: &mut Encoder<W>, effect: &Effect) -> EncodeResult<W> {
    match effect {
        Effect::Posting(posting) => encode_posting(e, posting)?,
        Effect::PointsDebt { card, kind, change } => {
            e.array(4)?.u8(2)?.u64(card.0)?.u8(kind.0)?.i64(*change)?;
        }
        Effect::Card { card, status, product, proof, reason, expires, holder, account, own_limits } => {
            e.array(10)?.u8(3)?.u64(card.0)?.u8(*status as u8)?.str(product)?.bytes(proof)?;
            optional(e, reason.as_deref(), |e, reason| e.str(reason).map(drop))?;
            optional(e, expires.as_ref(), |e, at| e.i64(*at).map(drop))?;
            optional(e, holder.as_ref(), |e, holder| e.bytes(holder).map(drop))?;
            optional(e, account.as_ref(), |e, account| e.u64(account.0).map(drop))?;
            encode_own_limits(e, own_limits)?;
        }
        Effect::Transaction { index, fate } => {
            e.array(6)?.u8(4)?.u64(*index)?;
            encode_fate(e, fate)?;
        }
        Effect::Tombstone { terminal, generation, stan, request_id } => {
            e.array(5)?.u8(5)?.str(terminal)?.u32(*generation)?.u32(*stan)?.bytes(request_id)?;
        }
        Effect::ShiftTotals { terminal, generation, shift, message, count, amount } => {
            e.array(7)?.u8(6)?.str(terminal)?.u32(*generation)?.u32(*shift)?;
            e.u8(*message)?.i64(*count)?.i64(*amount)?;
        }
        Effect::ShiftClosed { terminal, generation, shift } => {
            e.array(4)?.u8(7)?.str(terminal)?.u32(*generation)?.u32(*shift)?;
        }
        Effect::Terminal {
            terminal,
            generation,
            status,
            role,
            algorithm,
            public_key,
            merchant,
            store,
            limits,
        } => {
            e.array(12)?.u8(8)?.str(terminal)?.u32(*generation)?.u8(*status as u8)?.u8(*role as u8)?;
            e.i8(*algorithm)?
                .bytes(public_key)?
                .str(merchant)?
                .str(store)?
                .i64(limits.load)?
                .i64(limits.purchase)?
                .i64(limits.refund)?;
        }
        Effect::EnrolmentCode { terminal, code_hash, expires, tries } => {
            e.array(5)?.u8(9)?.str(terminal)?;
            optional(e, code_hash.as_ref(), |e, hash| e.bytes(hash).map(drop))?;
            e.i64(*expires)?.u8(*tries)?;
        }
        Effect::Operator { operator, held } => {
            e.array(5)?.u8(10)?.str(operator)?.u8(if held.active { 1 } else { 2 })?;
            e.bytes(&held.public_key)?.i64(held.counts_from)?;
        }
        Effect::Programme { version, effective_from, document } => {
            e.array(4)?.u8(11)?.u32(*version)?.i64(*effective_from)?.str(document)?;
        }
        Effect::GatewayKey { public_key } => {
            e.array(2)?.u8(12)?.bytes(public_key)?;
        }
        Effect::LastStan { terminal, generation, stan } => {
            e.array(4)?.u8(13)?.str(terminal)?.u32(*generation)?.u32(*stan)?;
        }
        Effect::Version { subject, version, state_hash } => {
            e.array(4)?.u8(14)?;
            match subject {
                Subject::Card(card) => e.u64(card.0)?,
                Subject::Named(name) => e.str(name)?,
            };
            e.u64(*version)?.bytes(state_hash)?;
        }
        Effect::Hold { card, hold } => {
            e.array(6)?.u8(16)?.u64(card.0)?;
            encode_hold(e, hold)?;
        }
        Effect::Successor { card, successor } => {
            e.array(4)?.u8(17)?.u64(card.0)?.u64(successor.card.0)?.u32(successor.offset)?;
        }
        Effect::NextLot { card, next_lot } => {
            e.array(3)?.u8(18)?.u64(card.0)?.u32(*next_lot)?;
        }
        Effect::CardTally { card, period, tally } => {
            e.array(10)?.u8(19)?.u64(card.0)?.u8(*period as u8)?;
            encode_tally(e, tally)?;
        }
        Effect::Pin { card, pin } => {
            e.array(5)?.u8(20)?.u64(card.0)?;
            encode_pin(e, pin)?;
        }
        Effect::Tally { who, tally } => {
            e.array(9)?.u8(21)?.str(who)?;
            encode_tally(e, tally)?;
        }
        Effect::Cashier { cashier, held } => {
            e.array(9)?.u8(22)?.str(cashier)?;
            encode_cashier(e, held)?;
        }
        Effect::Exception { index, held } => {
            e.array(6)?.u8(23)?.u64(*index)?;
            encode_exception(e, held)?;
        }
        Effect::Member { card, standing } => {
            e.array(9)?.u8(24)?.u64(card.0)?;
            encode_standing(e, standing)?;
        }
        Effect::Counter { card, counter, period, change } => {
            e.array(5)?.u8(25)?;
            optional(e, card.as_ref(), |e, card| e.u64(card.0).map(drop))?;
            e.str(counter)?.u32(*period)?.i64(*change)?;
        }
    }
    Ok(())
}

fn encode_posting<W: Write>(e: &mut Encoder<W>, posting: &Posting) -> EncodeResult<W> {
    match &posting.account {
        Account::Card { card, lot, expires, source } => {
            e.array(7)?.u8(1)?.u64(card.0)?.u8(posting.kind.0)?.i64(posting.amount)?.u32(*lot)?;
            optional(e, expires.as_ref(), |e, at| e.i64(*at).map(drop))?;
            e.u64(*source)?;
        }
        Account::Named(name) => {
            e.array(4)?.u8(1)?.str(name)?.u8(posting.kind.0)?.i64(posting.amount)?;
        }
    }
    Ok(())
}

/// `null`, or what `some` writes.
pub(crate) fn optional<W: Write, T: ?Sized>(
    e: &mut Encoder<W>,
    value: Option<&T>,
    some: impl Fn(&mut Encoder<W>, &T) -> EncodeResult<W>,
) -> EncodeResult<W> {
    match value {
        Some(value) => some(e, value),
        None => e.null().map(drop),
    }
}

/// The counterpart of [`optional`].
pub(crate) fn optionally<'b, T>(
    d: &mut Decoder<'b>,
    some: impl Fn(&mut Decoder<'b>) -> DecodeResult<T>,
) -> DecodeResult<Option<T>> {
    if d.datatype()? == Type::Null { d.null().map(|()| None) } else { some(d).map(Some) }
}

/// A byte string of exactly `N` bytes.
pub(crate) fn fixed<const N: usize>(d: &mut Decoder<'_>) -> DecodeResult<[u8; N]> {
    d.bytes()?.try_into().map_err(|_| minicbor::decode::Error::message("byte string of another length"))
}

pub(super) fn decode(d: &mut Decoder<'_>) -> DecodeResult<Effect> {
    let length = d.array()?.ok_or_else(|| minicbor::decode::Error::message("indefinite array"))?;
    let number = d.u8()?;
    let effect = match (number, length) {
        (1, 7) => {
            let card = CardReference(d.u64()?);
            let (kind, amount) = (Kind(d.u8()?), d.i64()?);
            let (lot, expires, source) = (d.u32()?, optionally(d, Decoder::i64)?, d.u64()?);
            Effect::Posting(Posting { account: Account::Card { card, lot, expires, source }, kind, amount })
        }
        (1, 4) => {
            let account = Account::Named(d.str()?.into());
            Effect::Posting(Posting { account, kind: Kind(d.u8()?), amount: d.i64()? })
        }
        (2, 4) => Effect::PointsDebt { card: CardReference(d.u64()?), kind: Kind(d.u8()?), change: d.i64()? },
        (3, 10) => Effect::Card {
            card: CardReference(d.u64()?),
            status: card_status(d.u8()?)?,
            product: d.str()?.into(),
            proof: fixed(d)?,
            reason: optionally(d, |d| d.str().map(Into::into))?,
            expires: optionally(d, Decoder::i64)?,
            holder: optionally(d, fixed)?,
            account: optionally(d, |d| d.u64().map(CardReference))?,
            own_limits: decode_own_limits(d)?,
        },
        (4, 6) => Effect::Transaction { index: d.u64()?, fate: decode_fate(d)? },
        (5, 5) => Effect::Tombstone {
            terminal: d.str()?.into(),
            generation: d.u32()?,
            stan: d.u32()?,
            request_id: fixed(d)?,
        },
        (6, 7) => Effect::ShiftTotals {
            terminal: d.str()?.into(),
            generation: d.u32()?,
            shift: d.u32()?,
            message: d.u8()?,
            count: d.i64()?,
            amount: d.i64()?,
        },
        (7, 4) => Effect::ShiftClosed { terminal: d.str()?.into(), generation: d.u32()?, shift: d.u32()? },
        (8, 12) => Effect::Terminal {
            terminal: d.str()?.into(),
            generation: d.u32()?,
            status: terminal_status(d.u8()?)?,
            role: role(d.u8()?)?,
            algorithm: d.i8()?,
            public_key: d.bytes()?.into(),
            merchant: d.str()?.into(),
            store: d.str()?.into(),
            limits: Limits { load: d.i64()?, purchase: d.i64()?, refund: d.i64()? },
        },
        (9, 5) => Effect::EnrolmentCode {
            terminal: d.str()?.into(),
            code_hash: optionally(d, fixed)?,
            expires: d.i64()?,
            tries: d.u8()?,
        },
        (10, 5) => Effect::Operator {
            operator: d.str()?.into(),
            held: Operator { active: d.u8()? == 1, public_key: d.bytes()?.into(), counts_from: d.i64()? },
        },
        (11, 4) => {
            Effect::Programme { version: d.u32()?, effective_from: d.i64()?, document: d.str()?.into() }
        }
        (12, 2) => Effect::GatewayKey { public_key: d.bytes()?.into() },
        (13, 4) => Effect::LastStan { terminal: d.str()?.into(), generation: d.u32()?, stan: d.u32()? },
        (14, 4) => {
            let subject = match d.datatype()? {
                Type::String => Subject::Named(d.str()?.into()),
                _ => Subject::Card(CardReference(d.u64()?)),
            };
            Effect::Version { subject, version: d.u64()?, state_hash: fixed(d)? }
        }
        (16, 6) => Effect::Hold { card: CardReference(d.u64()?), hold: decode_hold(d)? },
        (17, 4) => {
            let card = CardReference(d.u64()?);
            let successor = Successor { card: CardReference(d.u64()?), offset: d.u32()? };
            Effect::Successor { card, successor }
        }
        (19, 10) => Effect::CardTally {
            card: CardReference(d.u64()?),
            period: period(d.u8()?)?,
            tally: decode_tally(d)?,
        },
        (20, 5) => Effect::Pin { card: CardReference(d.u64()?), pin: decode_pin(d)? },
        (21, 9) => Effect::Tally { who: d.str()?.into(), tally: decode_tally(d)? },
        (22, 9) => Effect::Cashier { cashier: d.str()?.into(), held: decode_cashier(d)? },
        (23, 6) => Effect::Exception { index: d.u64()?, held: decode_exception(d)? },
        (24, 9) => Effect::Member { card: CardReference(d.u64()?), standing: decode_standing(d)? },
        (25, 5) => Effect::Counter {
            card: optionally(d, |d| d.u64().map(CardReference))?,
            counter: d.str()?.into(),
            period: d.u32()?,
            change: d.i64()?,
        },
        (18, 3) => Effect::NextLot { card: CardReference(d.u64()?), next_lot: d.u32()? },
        _ => return Err(minicbor::decode::Error::message("unknown effect")),
    };
    Ok(effect)
}

/// One table a type: the number on disk and the variant.
macro_rules! numbered {
    ($name:ident, $type:ty, $($variant:path),+) => {
        pub(crate) fn $name(number: u8) -> DecodeResult<$type> {
            $(if number == $variant as u8 { return Ok($variant); })+
            Err(minicbor::decode::Error::message(concat!("unknown ", stringify!($name))))
        }
    };
}

numbered!(
    card_status,
    CardStatus,
    CardStatus::Issued,
    CardStatus::Active,
    CardStatus::Blocked,
    CardStatus::Replaced
);
numbered!(role, Role, Role::Register, Role::Kiosk);
numbered!(
    terminal_status,
    TerminalStatus,
    TerminalStatus::Awaiting,
    TerminalStatus::Active,
    TerminalStatus::Suspended,
    TerminalStatus::Revoked,
    TerminalStatus::Locked
);
numbered!(
    transaction_state,
    TransactionState,
    TransactionState::Unknown,
    TransactionState::Live,
    TransactionState::Reversed,
    TransactionState::Voided,
    TransactionState::Refunded,
    TransactionState::Declined,
    TransactionState::Blocked,
    TransactionState::RefundedInPart,
    TransactionState::Captured,
    TransactionState::Lapsed
);
numbered!(period, Period, Period::Day, Period::Month);
numbered!(
    exception_kind,
    ExceptionKind,
    ExceptionKind::CashTaken,
    ExceptionKind::TotalsDiffer,
    ExceptionKind::LoadReversedTooLate,
    ExceptionKind::OfflineShortfall,
    ExceptionKind::OperatorAddedAlone,
    ExceptionKind::ReversedLate,
    ExceptionKind::SaleReversedTooLate,
    ExceptionKind::RefundReversedTooLate,
    ExceptionKind::AboveLargestBalance
);
numbered!(bearer, Bearer, Bearer::Nobody, Bearer::Merchant, Bearer::Store);
