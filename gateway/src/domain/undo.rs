//! Undoing a transaction exactly: every leg with its sign turned, to the very lots. What a reversal (a lost answer) and a
//! void (a person) have in common.

use std::collections::BTreeMap;

use super::Fault;
use super::card::{Card, CardReference, CardStatus, Hold};
use super::day::uncount;
use super::decision::Decline;
use super::effect::{Account, Effect, Fate, Posting, TransactionState};
use super::facts::Facts;
use super::ledger::{Kind, named, points_receivable};
use super::original::Original;
use super::request::{Now, message};

/// The effects that undo `original` and leave it in `state`, or why it stands.
pub(super) fn undo(
    facts: Facts<'_>,
    original: &Original,
    state: TransactionState,
    now: Now,
) -> Result<Result<Vec<Effect>, Decline>, Fault> {
    let card = original
        .card
        .and_then(|card| facts.state.cards.get(&card))
        .ok_or(Fault::Misfit("the original's card is gone"))?;
    let undone = match original.message {
        message::ACTIVATE => deactivate(card),
        message::LOAD | message::PURCHASE | message::TRANSFER => {
            mirror(facts, original)?.ok_or(Decline::LoadAlreadySpent)
        }
        message::CAPTURE => match mirror(facts, original)? {
            Some(effects) => hold_again(facts, card, original, effects, now)?,
            None => Err(Decline::LoadAlreadySpent),
        },
        message::REFUND => undo_refund(facts, original)?,
        message::AUTHORIZE => release(card, original, state),
        _ => return Err(Fault::Misfit("not a message that can be undone")),
    };
    let Ok(mut effects) = undone else { return Ok(undone) };
    effects.push(Effect::Transaction { index: original.index, fate: Fate::of(state) });
    effects.extend(count_out(facts, original)?);
    effects.extend(uncount(card, original, now));
    Ok(Ok(effects))
}

/// Once a card was loaded, reversing a sale may bring value back to it: it must stay able to hold it.
fn deactivate(card: &Card) -> Result<Vec<Effect>, Decline> {
    if card.next_lot != 1 || card.status != CardStatus::Active {
        return Err(Decline::ActivatedCardInUse);
    }
    Ok(vec![Effect::Card {
        card: card.reference,
        status: CardStatus::Issued,
        product: card.product.clone(),
        proof: card.proof,
        reason: None,
    }])
}

/// Every leg of the original with its sign turned; `None` when value that it gave is no longer free in its lot. Points
/// that are gone come from the card's other points, and what is missing then becomes a debt. What the original
/// let expire stays expired.
fn mirror(facts: Facts<'_>, original: &Original) -> Result<Option<Vec<Effect>>, Fault> {
    let mut left: BTreeMap<CardReference, Card> = BTreeMap::new();
    for card in original.cards() {
        let held = facts.state.cards.get(&card).ok_or(Fault::Misfit("the original's card is gone"))?;
        left.insert(card, held.clone());
    }
    let mut effects = Vec::new();
    let mut debt: i64 = 0;
    for posting in original.own_postings() {
        let amount = posting.amount.checked_neg().ok_or(Fault::Overflow)?;
        let Account::Card { card, lot, expires, source } = &posting.account else {
            effects.push(named(posting.account.clone(), posting.kind, amount));
            continue;
        };
        let left = left.get_mut(card).ok_or(Fault::Misfit("a posting to another card"))?;
        if amount > 0 {
            left.post(*lot, *expires, *source, posting.kind, amount)?;
            effects.push(Effect::Posting(Posting { amount, ..posting.clone() }));
            continue;
        }
        let wanted = posting.amount;
        let free = left.lot(*lot).map_or(0, |held| left.free(held));
        if free < wanted && posting.kind.is_money() {
            return Ok(None);
        }
        let missing = take_back(left, *lot, posting.kind, wanted, &mut effects)?;
        debt = debt.checked_add(missing).ok_or(Fault::Overflow)?;
    }
    // Points that the original's award repaid are owed again; points that it cannot give back become a debt.
    let change = debt.checked_sub(original.points_debt()).ok_or(Fault::Overflow)?;
    if debt > 0 {
        let owed = debt.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(named(points_receivable(), Kind::POINTS, owed));
    }
    if let Some(card) = original.card.filter(|_| change != 0) {
        effects.push(Effect::PointsDebt { card, change });
    }
    Ok(Some(effects))
}

/// Takes `wanted` from the lot, then from the card's other lots of that kind; returns what was missing.
pub(super) fn take_back(
    left: &mut Card,
    lot: u32,
    kind: Kind,
    wanted: i64,
    effects: &mut Vec<Effect>,
) -> Result<i64, Fault> {
    let mut missing = wanted;
    let mut order: Vec<u32> = left.lots.iter().filter(|l| l.kind == kind).map(|l| l.id).collect();
    order.sort_by_key(|id| (*id != lot, *id));
    for id in order {
        let Some(held) = left.lot(id).cloned() else { continue };
        let part = missing.min(left.free(&held));
        if part <= 0 {
            continue;
        }
        let taken = part.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(Effect::Posting(left.posting(&held, taken)));
        left.post(held.id, held.expires, held.source, kind, taken)?;
        missing = missing.checked_sub(part).ok_or(Fault::Overflow)?;
    }
    Ok(missing)
}

/// What a capture took goes back into its hold, in front, unless the hold's time is over or somebody has ended it.
fn hold_again(
    facts: Facts<'_>,
    card: &Card,
    original: &Original,
    mut effects: Vec<Effect>,
    now: Now,
) -> Result<Result<Vec<Effect>, Decline>, Fault> {
    let after = original.hold().ok_or(Fault::Misfit("a capture without a hold"))?;
    let fate = facts.state.transactions.get(&after.id).map(|fate| fate.state);
    let ended_otherwise = !matches!(fate, None | Some(TransactionState::Live | TransactionState::Captured));
    if after.expires <= now.s() || ended_otherwise {
        return Ok(Ok(effects));
    }
    let present = card.hold(after.id);
    let captured = present.map_or(after.captured, |hold| hold.captured);
    let mut parts: Vec<(u32, i64)> = original
        .spent()
        .filter_map(|posting| match &posting.account {
            Account::Card { lot, .. } => posting.amount.checked_neg().map(|amount| (*lot, amount)),
            Account::Named(_) => None,
        })
        .collect();
    parts.extend(present.into_iter().flat_map(|hold| hold.parts.iter().copied()));
    let hold = Hold {
        id: after.id,
        expires: after.expires,
        captured: captured.checked_sub(original.approved_amount).ok_or(Fault::Overflow)?,
        parts,
    };
    effects.push(Effect::Hold { card: card.reference, hold });
    effects.push(Effect::Transaction { index: after.id, fate: Fate::of(TransactionState::Live) });
    Ok(Ok(effects))
}

/// A refund is undone like a sale, and its original counts as refunded by so much less; only the last one of an original,
/// because each refund goes on where the one before it stopped.
fn undo_refund(facts: Facts<'_>, original: &Original) -> Result<Result<Vec<Effect>, Decline>, Fault> {
    let (refunded, then) = original.refund_of().ok_or(Fault::Misfit("a refund without an original"))?;
    let last = facts.state.transactions.get(&refunded).map(|fate| fate.last_refund);
    if last != Some(original.index) {
        return Ok(Err(Decline::RefundedAgainSince));
    }
    let Some(mut effects) = mirror(facts, original)? else { return Ok(Err(Decline::RefundAlreadySpent)) };
    let before = then.refunded.checked_sub(original.refunded_amount()).ok_or(Fault::Overflow)?;
    let state = if before == 0 { TransactionState::Live } else { TransactionState::RefundedInPart };
    let fate = Fate { state, refunded: before, last_refund: 0 };
    effects.push(Effect::Transaction { index: refunded, fate });
    Ok(Ok(effects))
}

/// Ends a hold, or takes from it what a later authorize has added.
fn release(card: &Card, original: &Original, state: TransactionState) -> Result<Vec<Effect>, Decline> {
    let hold = original.hold().and_then(|then| card.hold(then.id));
    let hold = hold.ok_or(Decline::HoldEnded)?;
    let left = if hold.id == original.index {
        if hold.captured != 0 && state == TransactionState::Reversed {
            return Err(Decline::CapturedSince);
        }
        hold.ended()
    } else {
        if hold.captured != 0 {
            return Err(Decline::CapturedSince);
        }
        without_last(hold, original.approved_amount).ok_or(Decline::HoldEnded)?
    };
    Ok(vec![Effect::Hold { card: card.reference, hold: left }])
}

/// The hold without the last `amount` of it; `None` when it would end by that.
fn without_last(hold: &Hold, amount: i64) -> Option<Hold> {
    let mut parts = hold.parts.clone();
    let mut missing = amount;
    while missing > 0 {
        let last = parts.last_mut()?;
        let part = missing.min(last.1);
        missing = missing.checked_sub(part)?;
        last.1 = last.1.checked_sub(part)?;
        if last.1 == 0 {
            parts.pop();
        }
    }
    (!parts.is_empty()).then_some(Hold { parts, ..*hold })
}

/// The original no longer counts in the shift that it named, while that is open.
fn count_out(facts: Facts<'_>, original: &Original) -> Result<Option<Effect>, Fault> {
    let Some(shift) = original.shift.filter(|_| message::counts(original.message)) else { return Ok(None) };
    let key = (original.terminal.clone(), original.generation, shift);
    if facts.state.shifts.get(&key).is_none_or(|held| held.closed) {
        return Ok(None);
    }
    Ok(Some(Effect::ShiftTotals {
        terminal: original.terminal.clone(),
        generation: original.generation,
        shift,
        message: original.message,
        count: -1,
        amount: original.approved_amount.checked_neg().ok_or(Fault::Overflow)?,
    }))
}
