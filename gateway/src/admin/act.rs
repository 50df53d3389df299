//! An operator's act as signed bytes (PROTOCOL.md section 12).

use minicbor::{Decoder, Encoder};
use protocol::cose::{Algorithm, Context, EMPTY_MAP, Sign1, sig_structure};
use protocol::field::Installation;

use crate::domain::act::Act;
use crate::domain::card::{CardReference, OwnLimits};
use crate::domain::schedule::Start;
use crate::domain::settle::Settlement;
use crate::domain::{Kind, Limits};
use crate::journal::record::{RecordError, written};
use crate::journal::{fixed, optional, optionally, role};
use crate::keys::SigningKey;

/// An act with the operator who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAct {
    pub operator: String,
    /// Unix seconds, by the operator's clock.
    pub time_s: i64,
    /// From the gateway, so that no act can be played back.
    pub nonce: [u8; 16],
    pub act: Act,
}

type Write = Result<(), minicbor::encode::Error<core::convert::Infallible>>;

impl SignedAct {
    /// The COSE_Sign1 of this act.
    #[must_use]
    pub fn sign(&self, key: &SigningKey, installation: &Installation) -> Vec<u8> {
        let payload = self.payload();
        let protected = Algorithm::Es256.protected_header();
        let signature = key.sign(&sig_structure(Context::Act, installation, &protected, &payload));
        Sign1 {
            protected: &protected,
            unprotected: EMPTY_MAP,
            payload: Some(&payload),
            signature: &signature,
        }
        .encode()
    }

    fn payload(&self) -> Vec<u8> {
        written(|e| {
            e.map(6)?.u8(0)?.u8(1)?.u8(1)?.str(name(&self.act))?.u8(2)?.str(&self.operator)?;
            e.u8(3)?.i64(self.time_s)?.u8(4)?.bytes(&self.nonce)?.u8(5)?;
            arguments(e, &self.act)
        })
    }

    /// Reads a payload; the signature is the caller's business.
    ///
    /// # Errors
    /// [`RecordError`] when it is no act of this version.
    pub fn decode(payload: &[u8]) -> Result<Self, RecordError> {
        let d = &mut Decoder::new(payload);
        let key = |d: &mut Decoder<'_>, expected: u8| -> Result<(), minicbor::decode::Error> {
            if d.u8()? == expected { Ok(()) } else { Err(minicbor::decode::Error::message("unexpected key")) }
        };
        if d.map()? != Some(6) {
            return Err(minicbor::decode::Error::message("not an act").into());
        }
        key(d, 0)?;
        key(d, 1)?;
        key(d, 1)?;
        let name = d.str()?.to_owned();
        key(d, 2)?;
        let operator = d.str()?.to_owned();
        key(d, 3)?;
        let time_s = d.i64()?;
        key(d, 4)?;
        let nonce = fixed(d)?;
        key(d, 5)?;
        let act = act(d, &name)?;
        if d.position() != payload.len() {
            return Err(minicbor::decode::Error::message("bytes after the act").into());
        }
        Ok(Self { operator, time_s, nonce, act })
    }
}

/// The act's name in its payload.
#[must_use]
pub fn name(act: &Act) -> &'static str {
    match act {
        Act::TerminalEnroll { .. } => "terminal-enroll",
        Act::TerminalSuspend { .. } => "terminal-suspend",
        Act::TerminalResume { .. } => "terminal-resume",
        Act::TerminalRevoke { .. } => "terminal-revoke",
        Act::CardIssue { .. } => "card-issue",
        Act::CardBlock { .. } => "card-block",
        Act::CardUnblock { .. } => "card-unblock",
        Act::CardReplace { .. } => "card-replace",
        Act::CardMerge { .. } => "card-merge",
        Act::CardRefund { .. } => "card-refund",
        Act::CardAdjust { .. } => "card-adjust",
        Act::AwardImport { .. } => "award-import",
        Act::CardPin { .. } => "card-pin",
        Act::CardExtend { .. } => "card-extend",
        Act::CardBind { .. } => "card-bind",
        Act::CardUnbind { .. } => "card-unbind",
        Act::CashierAdd { .. } => "cashier-add",
        Act::CashierPin { .. } => "cashier-pin",
        Act::CashierEnd { .. } => "cashier-end",
        Act::MemberErase { .. } => "member-erase",
        Act::MemberTag { .. } => "member-tag",
        Act::MemberMatch { .. } => "member-match",
        Act::ExceptionSettle { .. } => "exception-settle",
        Act::AdviceImport { .. } => "advice-import",
        Act::OperatorAdd { .. } => "operator-add",
        Act::OperatorRevoke { .. } => "operator-revoke",
        Act::ProgrammeActivate { .. } => "programme-activate",
        Act::DayClose { .. } => "day-close",
        Act::JournalArchive { .. } => "journal-archive",
        Act::ClockConfirm => "clock-confirm",
    }
}

fn arguments(e: &mut Encoder<Vec<u8>>, act: &Act) -> Write {
    match act {
        Act::TerminalEnroll { terminal, role, merchant, store, limits, code_hash } => {
            e.map(8)?
                .u8(0)?
                .str(terminal)?
                .u8(1)?
                .u8(*role as u8)?
                .u8(2)?
                .str(merchant)?
                .u8(3)?
                .str(store)?;
            e.u8(4)?.i64(limits.load)?.u8(5)?.i64(limits.purchase)?.u8(6)?.i64(limits.refund)?;
            e.u8(7)?.bytes(code_hash)?.ok()
        }
        Act::TerminalSuspend { terminal }
        | Act::TerminalResume { terminal }
        | Act::TerminalRevoke { terminal } => e.map(1)?.u8(0)?.str(terminal)?.ok(),
        Act::CardIssue { product, count } => e.map(2)?.u8(0)?.str(product)?.u8(1)?.u32(*count)?.ok(),
        Act::CardBlock { card, reason } | Act::MemberErase { card, reason } => {
            e.map(2)?.u8(0)?.u64(card.0)?.u8(1)?.str(reason)?.ok()
        }
        Act::CardUnblock { card } | Act::CardUnbind { card } => e.map(1)?.u8(0)?.u64(card.0)?.ok(),
        Act::CardPin { card, clear, reason } => {
            e.map(3)?.u8(0)?.u64(card.0)?.u8(1)?.bool(*clear)?.u8(2)?.str(reason)?.ok()
        }
        Act::CardExtend { card, months } => e.map(2)?.u8(0)?.u64(card.0)?.u8(1)?.u16(*months)?.ok(),
        Act::CardBind { card, account, limits } => {
            e.map(4)?.u8(0)?.u64(card.0)?.u8(1)?.u64(account.0)?.u8(2)?;
            optional(e, limits.day.as_ref(), |e, most| e.i64(*most).map(drop))?;
            e.u8(3)?;
            optional(e, limits.month.as_ref(), |e, most| e.i64(*most).map(drop))
        }
        Act::CashierAdd { cashier, store, supervisor } => {
            e.map(3)?.u8(0)?.str(cashier)?.u8(1)?;
            optional(e, store.as_deref(), |e, store| e.str(store).map(drop))?;
            e.u8(2)?.bool(*supervisor)?.ok()
        }
        Act::CashierPin { cashier } | Act::CashierEnd { cashier } => e.map(1)?.u8(0)?.str(cashier)?.ok(),
        Act::CardRefund { card, amount, reason } => {
            e.map(3)?.u8(0)?.u64(card.0)?.u8(1)?.i64(*amount)?.u8(2)?.str(reason)?.ok()
        }
        Act::CardAdjust { card, kind, points, reason } => {
            e.map(4)?.u8(0)?.u64(card.0)?.u8(1)?.u8(kind.0)?.u8(2)?.i64(*points)?.u8(3)?.str(reason)?.ok()
        }
        Act::AwardImport { activity, file, awards } => {
            e.map(3)?.u8(0)?.str(activity)?.u8(1)?.bytes(file)?.u8(2)?.array(awards.len() as u64)?;
            awards.iter().try_for_each(|(card, quantity)| e.array(2)?.u64(card.0)?.i64(*quantity)?.ok())
        }
        Act::CardReplace { card, by: other, reason } | Act::CardMerge { card, into: other, reason } => {
            e.map(3)?.u8(0)?.u64(card.0)?.u8(1)?.u64(other.0)?.u8(2)?.str(reason)?.ok()
        }
        Act::MemberTag { card, add, remove } => {
            e.map(3)?.u8(0)?.u64(card.0)?;
            for (key, names) in [(1, add), (2, remove)] {
                e.u8(key)?.array(names.len() as u64)?;
                names.iter().try_for_each(|name| e.str(name)?.ok())?;
            }
            Ok(())
        }
        Act::MemberMatch { card, partner, statement } => {
            e.map(3)?.u8(0)?.u64(card.0)?.u8(1)?.str(partner)?.u8(2)?.bytes(statement)?.ok()
        }
        Act::ExceptionSettle { index, settlement, reason, another_note } => {
            let (number, card) = match settlement {
                Settlement::Card(card) => (1, Some(card)),
                Settlement::PaidOut => (2, None),
                Settlement::WriteOff => (3, None),
                Settlement::Explained => (4, None),
            };
            let more = u64::from(card.is_some()).saturating_add(u64::from(*another_note));
            e.map(more.saturating_add(3))?;
            e.u8(0)?.u64(*index)?.u8(1)?.u8(number)?.u8(2)?.str(reason)?;
            card.map_or(Ok(()), |card| e.u8(3)?.u64(card.0)?.ok())?;
            if *another_note { e.u8(4)?.bool(true)?.ok() } else { Ok(()) }
        }
        Act::AdviceImport { terminal, file } => e.map(2)?.u8(0)?.str(terminal)?.u8(1)?.bytes(file)?.ok(),
        Act::OperatorAdd { operator, public_key, by_two } => {
            e.map(3)?.u8(0)?.str(operator)?.u8(1)?.bytes(public_key)?.u8(2)?.bool(*by_two)?.ok()
        }
        Act::OperatorRevoke { operator } => e.map(1)?.u8(0)?.str(operator)?.ok(),
        Act::ProgrammeActivate { document, start } => {
            let more = u64::from(start.from.is_some()).saturating_add(u64::from(start.instead));
            e.map(more.saturating_add(1))?.u8(0)?.str(document)?;
            if let Some(from) = start.from {
                e.u8(1)?.i64(from)?;
            }
            if start.instead {
                e.u8(2)?.bool(true)?;
            }
            Ok(())
        }
        Act::DayClose { day } => e.map(1)?.u8(0)?.u32(*day)?.ok(),
        Act::JournalArchive { file, sha256, first, last } => {
            e.map(4)?.u8(0)?.str(file)?.u8(1)?.bytes(sha256)?.u8(2)?.u64(*first)?.u8(3)?.u64(*last)?.ok()
        }
        Act::ClockConfirm => e.map(0)?.ok(),
    }
}

fn act(d: &mut Decoder<'_>, name: &str) -> Result<Act, minicbor::decode::Error> {
    let entries = d.map()?.unwrap_or(0);
    let key = |d: &mut Decoder<'_>| d.u8().map(drop);
    let text = |d: &mut Decoder<'_>| -> Result<String, minicbor::decode::Error> {
        d.u8()?;
        d.str().map(String::from)
    };
    let number = |d: &mut Decoder<'_>| -> Result<i64, minicbor::decode::Error> {
        d.u8()?;
        d.i64()
    };
    let maybe = |d: &mut Decoder<'_>| -> Result<Option<i64>, minicbor::decode::Error> {
        d.u8()?;
        optionally(d, Decoder::i64)
    };
    let truth = |d: &mut Decoder<'_>| -> Result<bool, minicbor::decode::Error> {
        d.u8()?;
        d.bool()
    };
    Ok(match name {
        "terminal-enroll" => Act::TerminalEnroll {
            terminal: text(d)?,
            role: {
                key(d)?;
                role(d.u8()?)?
            },
            merchant: text(d)?,
            store: text(d)?,
            limits: Limits { load: number(d)?, purchase: number(d)?, refund: number(d)? },
            code_hash: {
                key(d)?;
                fixed(d)?
            },
        },
        "terminal-suspend" => Act::TerminalSuspend { terminal: text(d)? },
        "terminal-resume" => Act::TerminalResume { terminal: text(d)? },
        "terminal-revoke" => Act::TerminalRevoke { terminal: text(d)? },
        "card-issue" => Act::CardIssue {
            product: text(d)?,
            count: u32::try_from(number(d)?).map_err(|_| minicbor::decode::Error::message("count"))?,
        },
        "card-block" => Act::CardBlock { card: card(d)?, reason: text(d)? },
        "card-unblock" => Act::CardUnblock { card: card(d)? },
        "card-replace" => Act::CardReplace { card: card(d)?, by: card(d)?, reason: text(d)? },
        "card-refund" => Act::CardRefund { card: card(d)?, amount: number(d)?, reason: text(d)? },
        "card-adjust" => Act::CardAdjust {
            card: card(d)?,
            kind: Kind(u8::try_from(number(d)?).map_err(|_| minicbor::decode::Error::message("kind"))?),
            points: number(d)?,
            reason: text(d)?,
        },
        "award-import" => Act::AwardImport {
            activity: text(d)?,
            file: {
                key(d)?;
                fixed(d)?
            },
            awards: {
                key(d)?;
                let mut awards = Vec::new();
                for _ in 0..d.array()?.unwrap_or(0) {
                    d.array()?;
                    awards.push((CardReference(d.u64()?), d.i64()?));
                }
                awards
            },
        },
        "card-merge" => Act::CardMerge { card: card(d)?, into: card(d)?, reason: text(d)? },
        "card-pin" => Act::CardPin { card: card(d)?, clear: truth(d)?, reason: text(d)? },
        "card-extend" => Act::CardExtend {
            card: card(d)?,
            months: u16::try_from(number(d)?).map_err(|_| minicbor::decode::Error::message("months"))?,
        },
        "card-bind" => Act::CardBind {
            card: card(d)?,
            account: card(d)?,
            limits: OwnLimits { day: maybe(d)?, month: maybe(d)? },
        },
        "card-unbind" => Act::CardUnbind { card: card(d)? },
        "cashier-add" => Act::CashierAdd {
            cashier: text(d)?,
            store: {
                key(d)?;
                optionally(d, |d| d.str().map(String::from))?
            },
            supervisor: truth(d)?,
        },
        "cashier-pin" => Act::CashierPin { cashier: text(d)? },
        "cashier-end" => Act::CashierEnd { cashier: text(d)? },
        "member-erase" => Act::MemberErase { card: card(d)?, reason: text(d)? },
        "member-tag" => Act::MemberTag { card: card(d)?, add: names(d)?, remove: names(d)? },
        "member-match" => Act::MemberMatch {
            card: card(d)?,
            partner: text(d)?,
            statement: {
                key(d)?;
                d.bytes()?.into()
            },
        },
        "exception-settle" => {
            let (index, number, reason) = (number(d)?, number(d)?, text(d)?);
            let settlement = match number {
                1 => Settlement::Card(card(d)?),
                2 => Settlement::PaidOut,
                3 => Settlement::WriteOff,
                4 => Settlement::Explained,
                _ => return Err(minicbor::decode::Error::message("settlement")),
            };
            let index = self::index(index)?;
            let least = if matches!(settlement, Settlement::Card(_)) { 4 } else { 3 };
            let another_note = entries > least && truth(d)?;
            Act::ExceptionSettle { index, settlement, reason, another_note }
        }
        "advice-import" => Act::AdviceImport {
            terminal: text(d)?,
            file: {
                key(d)?;
                fixed(d)?
            },
        },
        "operator-add" => Act::OperatorAdd {
            operator: text(d)?,
            public_key: {
                key(d)?;
                d.bytes()?.into()
            },
            by_two: truth(d)?,
        },
        "operator-revoke" => Act::OperatorRevoke { operator: text(d)? },
        "programme-activate" => {
            let document = text(d)?;
            let mut start = Start::default();
            for _ in 1..entries {
                match d.u8()? {
                    1 => start.from = Some(d.i64()?),
                    2 => start.instead = d.bool()?,
                    _ => return Err(minicbor::decode::Error::message("unknown argument")),
                }
            }
            Act::ProgrammeActivate { document, start }
        }
        "journal-archive" => Act::JournalArchive {
            file: text(d)?,
            sha256: {
                key(d)?;
                fixed(d)?
            },
            first: index(number(d)?)?,
            last: index(number(d)?)?,
        },
        "day-close" => Act::DayClose {
            day: u32::try_from(number(d)?).map_err(|_| minicbor::decode::Error::message("day"))?,
        },
        "clock-confirm" => Act::ClockConfirm,
        _ => return Err(minicbor::decode::Error::message("unknown act")),
    })
}

fn names(d: &mut Decoder<'_>) -> Result<Vec<String>, minicbor::decode::Error> {
    d.u8()?;
    let count = d.array()?.unwrap_or(0);
    (0..count).map(|_| d.str().map(String::from)).collect()
}

fn card(d: &mut Decoder<'_>) -> Result<CardReference, minicbor::decode::Error> {
    d.u8()?;
    d.u64().map(CardReference)
}

fn index(number: i64) -> Result<u64, minicbor::decode::Error> {
    u64::try_from(number).map_err(|_| minicbor::decode::Error::message("index"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Limits, Role};

    #[test]
    fn every_act_reads_back() {
        let card = CardReference(9_000_000_000_000_006);
        let terminal = || "T1".to_owned();
        let acts = [
            Act::TerminalEnroll {
                terminal: terminal(),
                role: Role::Kiosk,
                merchant: "M".into(),
                store: "S".into(),
                limits: Limits { load: 1, purchase: 2, refund: 3 },
                code_hash: [3; 32],
            },
            Act::TerminalSuspend { terminal: terminal() },
            Act::TerminalResume { terminal: terminal() },
            Act::TerminalRevoke { terminal: terminal() },
            Act::CardIssue { product: "standard".into(), count: 7 },
            Act::CardBlock { card, reason: "lost".into() },
            Act::CardUnblock { card },
            Act::CardRefund { card, amount: 5, reason: "no receipt".into() },
            Act::CardAdjust { card, kind: Kind::POINTS, points: -50, reason: "given twice".into() },
            Act::AwardImport {
                activity: "talk".into(),
                file: [4; 32],
                awards: vec![(card, 1), (CardReference(9), 3)],
            },
            Act::CardReplace { card, by: CardReference(9), reason: "lost".into() },
            Act::CardMerge { card, into: CardReference(9), reason: "two of them".into() },
            Act::CardPin { card, clear: true, reason: "forgotten".into() },
            Act::CardExtend { card, months: 12 },
            Act::CardBind { card, account: CardReference(9), limits: OwnLimits::default() },
            Act::CardBind {
                card,
                account: CardReference(9),
                limits: OwnLimits { day: Some(5), month: Some(0) },
            },
            Act::CardUnbind { card },
            Act::MemberErase { card, reason: "asked for it".into() },
            Act::MemberTag { card, add: vec!["vip".into(), "学生".into()], remove: Vec::new() },
            Act::MemberMatch { card, partner: "Sea Hotel".into(), statement: vec![1; 200] },
            Act::CashierAdd { cashier: "amy".into(), store: Some("S".into()), supervisor: true },
            Act::CashierAdd { cashier: "amy".into(), store: None, supervisor: false },
            Act::CashierPin { cashier: "amy".into() },
            Act::CashierEnd { cashier: "amy".into() },
            Act::ExceptionSettle {
                index: 7,
                settlement: Settlement::Card(card),
                reason: "claim".into(),
                another_note: false,
            },
            Act::ExceptionSettle {
                index: 7,
                settlement: Settlement::Card(card),
                reason: "claim".into(),
                another_note: true,
            },
            Act::ExceptionSettle {
                index: 7,
                settlement: Settlement::PaidOut,
                reason: "claim".into(),
                another_note: true,
            },
            Act::ExceptionSettle {
                index: 7,
                settlement: Settlement::WriteOff,
                reason: "old".into(),
                another_note: false,
            },
            Act::ExceptionSettle {
                index: 7,
                settlement: Settlement::Explained,
                reason: "seen".into(),
                another_note: false,
            },
            Act::AdviceImport { terminal: terminal(), file: [4; 32] },
            Act::OperatorAdd { operator: "ann".into(), public_key: vec![1, 2], by_two: false },
            Act::OperatorAdd { operator: "bob".into(), public_key: vec![3], by_two: true },
            Act::OperatorRevoke { operator: "ann".into() },
            Act::ProgrammeActivate { document: "x".repeat(5000), start: Start::default() },
            Act::ProgrammeActivate {
                document: String::new(),
                start: Start { from: Some(1_800_000_000), instead: false },
            },
            Act::ProgrammeActivate {
                document: String::new(),
                start: Start { from: Some(1_800_000_000), instead: true },
            },
            Act::ProgrammeActivate { document: String::new(), start: Start { from: None, instead: true } },
            Act::DayClose { day: 20_261_122 },
            Act::JournalArchive { file: "000001.svga".into(), sha256: [4; 32], first: 1, last: 7 },
            Act::ClockConfirm,
        ];
        for act in acts {
            let signed = SignedAct { operator: "owner".into(), time_s: 5, nonce: [9; 16], act };
            let payload = signed.payload();
            protocol::strict::check(&payload).expect("deterministic");
            assert_eq!(SignedAct::decode(&payload).expect("reads back"), signed);
        }
    }
}
