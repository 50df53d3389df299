//! What entries did with a card: purchases and loads, points by what became of them, uses of entitlements.

use std::collections::{BTreeMap, HashMap};

use protocol::answer::Answer;
use protocol::cose::Sign1;
use protocol::frame::MessageType;
use protocol::request::Request;

use super::ReportError;
use crate::admin::act::SignedAct;
use crate::domain::act::Act;
use crate::domain::request::message;
use crate::domain::{Account, Effect, Fault, Posting};
use crate::journal::record::{Origin, Record};
use crate::journal::walk::Entry;
use crate::storage::{Identity, Storage};

/// What was done with a card in a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    pub purchases: Turnover,
    pub loads: Turnover,
    /// By kind.
    pub points: BTreeMap<u8, PointsFlow>,
    /// Uses of each entitlement, less what was undone.
    pub uses: BTreeMap<String, i64>,
}

/// Transactions, and what came back of some.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turnover {
    pub count: i64,
    /// Minor units.
    pub amount: i64,
    /// Minor units that were refunded, voided, reversed or cashed out.
    pub back: i64,
}

/// What became of points. What is held (with what is pending, less what is owed) changes by gathered and given back, less spent,
/// taken back and expired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PointsFlow {
    pub gathered: i64,
    /// Spent points that came back when what they bought was undone.
    pub given_back: i64,
    pub spent: i64,
    /// Gathered points that went when what they were for was undone, or by an operator's correction.
    pub taken_back: i64,
    pub expired: i64,
}

impl Flow {
    /// Takes in another card's.
    pub(super) fn add(&mut self, other: &Self) -> Result<(), Fault> {
        for (own, more) in [(&mut self.purchases, other.purchases), (&mut self.loads, other.loads)] {
            raise(&mut own.count, more.count)?;
            raise(&mut own.amount, more.amount)?;
            raise(&mut own.back, more.back)?;
        }
        for (kind, more) in &other.points {
            let own = self.points.entry(*kind).or_default();
            raise(&mut own.gathered, more.gathered)?;
            raise(&mut own.given_back, more.given_back)?;
            raise(&mut own.spent, more.spent)?;
            raise(&mut own.taken_back, more.taken_back)?;
            raise(&mut own.expired, more.expired)?;
        }
        for (name, more) in &other.uses {
            raise(self.uses.entry(name.clone()).or_default(), *more)?;
        }
        Ok(())
    }
}

fn raise(value: &mut i64, by: i64) -> Result<(), Fault> {
    *value = value.checked_add(by).ok_or(Fault::Overflow)?;
    Ok(())
}

/// What an entry's points are: when more come, and when some go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Gathered, spent.
    Trade,
    /// Given back, taken back.
    Undone,
    /// Gathered, taken back.
    Given,
    /// From one card of a member to another.
    Moved,
}

/// Notes what an entry did, by card, in a period that begins at a Unix second.
pub(super) fn note(
    storage: &Storage,
    entry: &Entry,
    begins: i64,
    flows: &mut HashMap<u64, Flow>,
) -> Result<(), ReportError> {
    let (index, record) = (entry.row.index, &entry.record);
    let why = why(record).ok_or(ReportError::Damaged(index))?;
    if why != Why::Moved {
        points(record, (why, begins), flows)?;
        uses(record, flows)?;
    }
    if let Origin::Terminal { message, .. } = &record.origin {
        turnover(storage, (index, *message), record, flows)?;
    }
    Ok(())
}

fn why(record: &Record) -> Option<Why> {
    let undoes = [message::REFUND, message::REVERSAL, message::VOID, message::UNLOAD];
    Some(match &record.origin {
        Origin::Terminal { message, .. } if undoes.contains(message) => Why::Undone,
        Origin::Terminal { .. } => Why::Trade,
        Origin::Operator { signed } => {
            let act =
                Sign1::parse(signed.first()?).ok()?.payload.and_then(|act| SignedAct::decode(act).ok())?;
            let moves = matches!(act.act, Act::CardReplace { .. } | Act::CardMerge { .. });
            if moves { Why::Moved } else { Why::Given }
        }
        Origin::System { .. } => Why::Given,
    })
}

fn points(record: &Record, (why, begins): (Why, i64), flows: &mut HashMap<u64, Flow>) -> Result<(), Fault> {
    let named = |effect: Option<&Effect>, name: &str| matches!(effect, Some(Effect::Posting(Posting { account: Account::Named(account), .. })) if account == name);
    let effects = &record.details.effects;
    for (at, effect) in effects.iter().enumerate() {
        let next = at.checked_add(1).and_then(|next| effects.get(next));
        let before = at.checked_sub(1).and_then(|before| effects.get(before));
        let (card, kind, change, ends) = match effect {
            Effect::Posting(Posting { account: Account::Card { card, expires, .. }, kind, amount }) => {
                (card.0, kind.released(), *amount, *expires)
            }
            Effect::PointsDebt { card, kind, change } => {
                (card.0, *kind, change.checked_neg().ok_or(Fault::Overflow)?, None)
            }
            _ => continue,
        };
        // A release changes what can be spent and not what there is; it stands beside its counterpart.
        let debt = matches!(effect, Effect::PointsDebt { .. });
        let released = if debt { named(before, "points-release") } else { named(next, "points-release") };
        if kind.is_money() || released {
            continue;
        }
        let flow = flows.entry(card).or_default().points.entry(kind.0).or_default();
        let gone = change.checked_neg().ok_or(Fault::Overflow)?;
        match (why, change > 0) {
            // What had ended before was that period's, though it was booked now.
            (_, false) if !debt && named(next, "breakage") => {
                if ends.is_none_or(|ends| ends >= begins) {
                    raise(&mut flow.expired, gone)?;
                }
            }
            (Why::Undone, true) => raise(&mut flow.given_back, change)?,
            (_, true) => raise(&mut flow.gathered, change)?,
            (Why::Trade, false) => raise(&mut flow.spent, gone)?,
            (_, false) => raise(&mut flow.taken_back, gone)?,
        }
    }
    Ok(())
}

/// A use is counted in several periods at once: one of them is looked at.
fn uses(record: &Record, flows: &mut HashMap<u64, Flow>) -> Result<(), Fault> {
    let mut seen: BTreeMap<(u64, &str), i64> = BTreeMap::new();
    for effect in &record.details.effects {
        if let Effect::Counter { card: Some(card), counter, change, .. } = effect
            && let Some(entitlement) = counter.strip_prefix("used:")
        {
            seen.insert((card.0, entitlement), *change);
        }
    }
    for ((card, entitlement), change) in seen {
        raise(flows.entry(card).or_default().uses.entry(entitlement.to_owned()).or_default(), change)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Of {
    Purchases,
    Loads,
}

fn turnover(
    storage: &Storage,
    (index, message): (u64, u8),
    record: &Record,
    flows: &mut HashMap<u64, Flow>,
) -> Result<(), ReportError> {
    let answer = record.answer.as_deref().and_then(|body| Answer::decode(body).ok());
    let answer = answer.ok_or(ReportError::Damaged(index))?;
    let approved = answer.code.is_approval();
    let (Some(card), Some(amount)) = (answer.card.filter(|_| approved), answer.approved_amount) else {
        return Ok(());
    };
    let Some((of, undone)) = about(storage, (index, message), record)? else { return Ok(()) };
    let flow = flows.entry(card.number()).or_default();
    let turnover = match of {
        Of::Purchases => &mut flow.purchases,
        Of::Loads => &mut flow.loads,
    };
    match undone {
        0 => {
            raise(&mut turnover.count, 1)?;
            raise(&mut turnover.amount, amount.get())?;
        }
        // An undoing that is undone comes back to what it was about.
        times if times % 2 == 1 => raise(&mut turnover.back, amount.get())?,
        _ => raise(&mut turnover.back, amount.get().saturating_neg())?,
    }
    Ok(())
}

/// What a transaction is about in the end, and how often it is undone on the way there.
fn about(
    storage: &Storage,
    (mut index, mut message): (u64, u8),
    record: &Record,
) -> Result<Option<(Of, u32)>, ReportError> {
    let (mut record, mut undone) = (record.clone(), 0_u32);
    loop {
        let of = match message {
            message::PURCHASE | message::CAPTURE | message::ADVICE => Of::Purchases,
            message::LOAD => Of::Loads,
            message::UNLOAD => return Ok(Some((Of::Loads, undone.saturating_add(1)))),
            message::REFUND | message::VOID | message::REVERSAL => {
                let Some((found, earlier)) = original(storage, index, &record)? else { return Ok(None) };
                let Origin::Terminal { message: named, .. } = &earlier.origin else { return Ok(None) };
                (index, message, undone) = (found, *named, undone.saturating_add(1));
                record = earlier;
                continue;
            }
            _ => return Ok(None),
        };
        return Ok(Some((of, undone)));
    }
}

/// The entry that a request names, if it came before it.
fn original(storage: &Storage, index: u64, record: &Record) -> Result<Option<(u64, Record)>, ReportError> {
    let Origin::Terminal { message, signed } = &record.origin else { return Ok(None) };
    let payload = Sign1::parse(signed).ok().and_then(|sign1| sign1.payload);
    let request = payload.and_then(|payload| Request::decode_payload(MessageType(*message), payload).ok());
    let request = request.ok_or(ReportError::Damaged(index))?;
    let Some(named) = request.body.original() else { return Ok(None) };
    let identity = Identity {
        terminal: named.terminal.as_str().into(),
        generation: named.generation.get(),
        stan: named.stan.get(),
    };
    let Some(found) = storage.find(&identity)?.filter(|found| *found < index) else { return Ok(None) };
    let row = storage.entry(found)?.ok_or(ReportError::Damaged(found))?;
    let (record, _) = Record::decode(&row.record).map_err(|_| ReportError::Damaged(found))?;
    Ok(Some((found, record)))
}
