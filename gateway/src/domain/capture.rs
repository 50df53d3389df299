//! Capture: books what an authorize has set aside, in full or in part, once or several times.

use super::Fault;
use super::card::{Card, Hold};
use super::decision::{Decision, Decline};
use super::effect::{Effect, Fate, TransactionState};
use super::expiry::expire;
use super::facts::{Facts, Within, named_original};
use super::ledger::{Kind, named as named_leg, redemption};
use super::request::{Named, Now, Request, message};
use super::reward::reward_sale;
use super::terminal::Terminal;

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    named: &Named,
    (amount, more_follow): (i64, bool),
    now: Now,
) -> Result<Decision, Fault> {
    let original = match named_original(facts, terminal, request.currency, named, Within::Store) {
        Ok(original) => original,
        Err(declined) => return Ok(*declined),
    };
    let state = original.state(facts);
    let refused = |state, decline| Ok(Decision::declined_for(original, state, decline));
    if original.message != message::AUTHORIZE {
        return refused(state, Decline::NotAnAuthorize);
    }
    if state != TransactionState::Live {
        return refused(state, Decline::OriginalOver(state));
    }
    if original.raised_another() {
        return refused(state, Decline::RaisedAnother);
    }
    let card = original
        .card
        .and_then(|card| facts.state.cards.get(&card))
        .ok_or(Fault::Misfit("the original's card is gone"))?;
    let purse = original
        .held_on()
        .and_then(|(purse, _)| facts.state.cards.get(&purse))
        .ok_or(Fault::Misfit("the card of a hold is gone"))?;
    let (purse, mut effects) = expire(purse, facts.programme, facts.index, now)?;
    let (card, ended) = if card.reference == purse.reference {
        (purse.clone(), Vec::new())
    } else {
        expire(card, facts.programme, facts.index, now)?
    };
    effects.extend(ended);
    let Some(hold) = purse.hold(original.index) else {
        // Its time is over: that is booked here, so that what the answer says is so.
        let lapsed = TransactionState::Lapsed;
        let declined = Decision::declined_for(original, lapsed, Decline::OriginalOver(lapsed));
        return Ok(Decision { effects, ..declined });
    };
    if amount > terminal.limits.purchase {
        return Ok(Decision::declined(Decline::AboveTerminalLimit));
    }
    if amount > hold.held() {
        return Ok(Decision::declined(Decline::AboveHold));
    }
    let (hold, taken) = take(hold, amount, more_follow)?;
    effects.push(Effect::Hold { card: purse.reference, hold: hold.clone() });
    for (lot, part) in taken {
        effects.push(spend(&purse, lot, part)?);
    }
    effects.push(named_leg(redemption(&terminal.store), Kind::MONEY, amount));
    let (rewards, explanation) =
        reward_sale(facts, request, (&card, &terminal.store), (amount, amount), now)?;
    effects.extend(rewards);
    if hold.parts.is_empty() {
        // The hold is gone: its authorize remembers how much was captured, for a capture that is undone later.
        let fate = Fate { done: hold.captured, ..Fate::of(TransactionState::Captured) };
        effects.push(Effect::Transaction { index: hold.id, fate });
    }
    Ok(Decision {
        card: original.card,
        purse: Some(purse.reference),
        amount: Some(amount),
        explanation,
        hold: Some(hold),
        ..Decision::approved(effects)
    })
}

/// The hold afterwards, and what is taken from which lots, in the order in which it was held.
fn take(hold: &Hold, amount: i64, more_follow: bool) -> Result<(Hold, Vec<(u32, i64)>), Fault> {
    let mut missing = amount;
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for (lot, held) in &hold.parts {
        let part = missing.min(*held);
        missing = missing.checked_sub(part).ok_or(Fault::Overflow)?;
        let rest = held.checked_sub(part).ok_or(Fault::Overflow)?;
        taken.extend((part > 0).then_some((*lot, part)));
        left.extend((rest > 0 && more_follow).then_some((*lot, rest)));
    }
    let captured = hold.captured.checked_add(amount).ok_or(Fault::Overflow)?;
    Ok((Hold { captured, parts: left, ..*hold }, taken))
}

fn spend(card: &Card, lot: u32, part: i64) -> Result<Effect, Fault> {
    let held = card.lot(lot).ok_or(Fault::Misfit("a hold of a lot that is gone"))?;
    Ok(Effect::Posting(card.posting(held, part.checked_neg().ok_or(Fault::Overflow)?)))
}
