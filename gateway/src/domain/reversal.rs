//! Reversal: undoes exactly what the original did, to the very lots; before its original it leaves a tombstone.

use super::Fault;
use super::card::{Card, CardStatus};
use super::decision::{Decision, Decline};
use super::effect::{Account, Effect, Posting, TransactionState};
use super::facts::Facts;
use super::ledger::{Kind, named, points_receivable};
use super::request::{Command, Now, Original, Request};

const ACTIVATE: u8 = 0x10;
const REVERSAL: u8 = 0x15;
const RECONCILIATION: u8 = 0x17;

pub(super) fn decide(facts: Facts<'_>, request: &Request, now: Now) -> Result<Decision, Fault> {
    let Command::Reversal { terminal, generation, stan, request_id } = &request.command else {
        return Err(Fault::Misfit("not a reversal"));
    };
    // STANs rise within a generation, so an original is older than its reversal; a fresh STAN can have no tombstone.
    let older = (*generation, *stan) < (request.generation, request.stan);
    if *terminal != request.terminal || !older {
        return Ok(Decision::declined(Decline::OriginalOfAnotherTerminal));
    }
    let tombstone = facts.state.tombstones.get(&(terminal.clone(), *generation, *stan));
    if tombstone.is_some_and(|id| id != request_id) {
        return Ok(Decision::declined(Decline::OriginalDiffers));
    }
    let Some(original) = facts.original else {
        return Ok(block(request, (*generation, *stan), *request_id, tombstone.is_some()));
    };
    if original.request_id != *request_id {
        return Ok(Decision::declined(Decline::OriginalDiffers));
    }
    if tombstone.is_some() {
        return Ok(settled(original, TransactionState::Blocked, None));
    }
    if matches!(original.message, REVERSAL | RECONCILIATION) {
        return Ok(Decision::declined(Decline::OriginalNotReversible));
    }
    if !original.approved {
        return Ok(settled(original, TransactionState::Declined, None));
    }
    if facts.state.transactions.get(&original.index) == Some(&TransactionState::Reversed) {
        return Ok(settled(original, TransactionState::Reversed, Some(0)));
    }
    undo(facts, (terminal, *generation), original, now)
}

/// Nothing is undone; the answer says what the original is.
fn settled(original: &Original, state: TransactionState, amount: Option<i64>) -> Decision {
    Decision { card: original.card, amount, original_state: Some(state), ..Decision::approved(Vec::new()) }
}

fn block(request: &Request, (generation, stan): (u32, u32), request_id: [u8; 32], blocked: bool) -> Decision {
    let tombstone = Effect::Tombstone { terminal: request.terminal.clone(), generation, stan, request_id };
    Decision {
        original_state: Some(TransactionState::Blocked),
        ..Decision::approved(if blocked { Vec::new() } else { vec![tombstone] })
    }
}

fn undo(facts: Facts<'_>, owner: (&str, u32), original: &Original, _now: Now) -> Result<Decision, Fault> {
    let card = original
        .card
        .and_then(|card| facts.state.cards.get(&card))
        .ok_or(Fault::Misfit("the original's card is gone"))?;
    let mut effects = if original.message == ACTIVATE {
        // Once a card was loaded, reversing a sale may bring value back to it: it must stay able to hold it.
        if card.next_lot != 1 || card.status != CardStatus::Active {
            return Ok(still_live(original, Decline::ActivatedCardInUse));
        }
        vec![Effect::Card {
            card: card.reference,
            status: CardStatus::Issued,
            product: card.product.clone(),
            proof: card.proof,
            reason: None,
        }]
    } else {
        match mirror(card, original)? {
            Some(effects) => effects,
            None => return Ok(still_live(original, Decline::LoadAlreadySpent)),
        }
    };
    effects.push(Effect::Transaction { index: original.index, state: TransactionState::Reversed });
    if let Some(shift) = original.shift {
        let key = (owner.0.to_owned(), owner.1, shift);
        if facts.state.shifts.get(&key).is_some_and(|s| !s.closed) {
            effects.push(Effect::ShiftTotals {
                terminal: owner.0.into(),
                generation: owner.1,
                shift,
                message: original.message,
                count: -1,
                amount: original.approved_amount.checked_neg().ok_or(Fault::Overflow)?,
            });
        }
    }
    Ok(Decision {
        card: original.card,
        amount: Some(original.approved_amount),
        original_state: Some(TransactionState::Reversed),
        ..Decision::approved(effects)
    })
}

fn still_live(original: &Original, decline: Decline) -> Decision {
    Decision {
        card: original.card,
        original_state: Some(TransactionState::Live),
        ..Decision::declined(decline)
    }
}

/// Every leg of the original with its sign turned; `None` when value that it gave is no longer in its lot. Points
/// that are gone come from the card's other points, and what is missing then becomes a debt. What the original
/// let expire stays expired.
fn mirror(card: &Card, original: &Original) -> Result<Option<Vec<Effect>>, Fault> {
    let mut left = card.clone();
    let mut effects = Vec::new();
    let mut debt: i64 = 0;
    for posting in &original.postings {
        let amount = posting.amount.checked_neg().ok_or(Fault::Overflow)?;
        match &posting.account {
            Account::Named(name) if name == "breakage" => {}
            Account::Named(_) => effects.push(named(posting.account.clone(), posting.kind, amount)),
            Account::Card { lot, expires, source, .. } if amount > 0 => {
                if was_expiry(original, posting) {
                    continue;
                }
                left.post(*lot, *expires, *source, posting.kind, amount)?;
                effects.push(Effect::Posting(Posting { amount, ..posting.clone() }));
            }
            Account::Card { lot, .. } => {
                let wanted = posting.amount;
                let held = left.lots.iter().find(|l| l.id == *lot).map_or(0, |l| l.amount);
                if held < wanted && posting.kind != Kind::POINTS {
                    return Ok(None);
                }
                let missing = take_back(&mut left, *lot, posting.kind, wanted, &mut effects)?;
                debt = debt.checked_add(missing).ok_or(Fault::Overflow)?;
            }
        }
    }
    // Points that the original's award repaid are owed again; points that it cannot give back become a debt.
    let change = debt.checked_sub(original.points_debt).ok_or(Fault::Overflow)?;
    if debt > 0 {
        let owed = debt.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(named(points_receivable(), Kind::POINTS, owed));
    }
    if change != 0 {
        effects.push(Effect::PointsDebt { card: card.reference, change });
    }
    Ok(Some(effects))
}

/// True for a leg that booked an expiry along the way: its lot lost value that nobody was paid.
fn was_expiry(original: &Original, posting: &Posting) -> bool {
    let Account::Card { lot, .. } = &posting.account else { return false };
    let mut legs = original.postings.iter().peekable();
    while let Some(leg) = legs.next() {
        let names_lot = matches!(&leg.account, Account::Card { lot: l, .. } if l == lot);
        let then_breakage = legs
            .peek()
            .is_some_and(|next| matches!(&next.account, Account::Named(name) if name == "breakage"));
        if names_lot && then_breakage {
            return true;
        }
    }
    false
}

/// Takes `wanted` from the lot, then from the card's other lots of that kind; returns what was missing.
fn take_back(
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
        let Some(held) = left.lots.iter().find(|l| l.id == id).cloned() else { continue };
        let part = missing.min(held.amount);
        if part == 0 {
            break;
        }
        let taken = part.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(Effect::Posting(left.posting(&held, taken)));
        left.post(held.id, held.expires, held.source, kind, taken)?;
        missing = missing.checked_sub(part).ok_or(Fault::Overflow)?;
    }
    Ok(missing)
}
