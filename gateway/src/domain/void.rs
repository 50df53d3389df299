//! Void: a person cancels a transaction of the same store while its shift is open (PROTOCOL.md section 11).

use super::Fault;
use super::decision::{Decision, Decline};
use super::effect::TransactionState;
use super::facts::{Facts, Within, named_original};
use super::original::Original;
use super::request::{Named, Now, message};
use super::terminal::Terminal;
use super::undo::undo;

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    named: &Named,
    now: Now,
) -> Result<Decision, Fault> {
    let original = match named_original(facts, terminal, named, Within::Store) {
        Ok(original) => original,
        Err(declined) => return Ok(*declined),
    };
    let state = original.state(facts);
    let refused = |decline| Ok(Decision::declined_for(original, state, decline));
    if state != TransactionState::Live {
        return refused(Decline::OriginalOver(state));
    }
    if original.message == message::AUTHORIZE && original.raised_another() {
        return refused(Decline::RaisedAnother);
    }
    if message::counts(original.message) && original.message != message::ACTIVATE && closed(facts, original) {
        return refused(Decline::ShiftClosed);
    }
    let held = original.hold().filter(|_| original.message == message::AUTHORIZE);
    let amount = match (held, original.card.and_then(|card| facts.state.cards.get(&card))) {
        (Some(hold), Some(card)) => card.hold(hold.id).map_or(0, super::card::Hold::held),
        _ => original.approved_amount,
    };
    match undo(facts, original, TransactionState::Voided, now)? {
        Ok(effects) => Ok(Decision {
            card: original.card,
            amount: Some(amount),
            original_state: Some(TransactionState::Voided),
            ..Decision::approved(effects)
        }),
        Err(decline @ Decline::OriginalOver(state)) => Ok(Decision::declined_for(original, state, decline)),
        Err(decline) => refused(decline),
    }
}

fn closed(facts: Facts<'_>, original: &Original) -> bool {
    let key = original.shift.map(|shift| (original.terminal.clone(), original.generation, shift));
    key.is_some_and(|key| facts.state.shifts.get(&key).is_some_and(|shift| shift.closed))
}
