//! Void: a person cancels a transaction of the same store while its shift is open (PROTOCOL.md section 11).

use super::Fault;
use super::card::Hold;
use super::decision::{Decision, Decline};
use super::effect::TransactionState;
use super::facts::{Facts, Within, named_original};
use super::original::Original;
use super::request::{Named, Now, Request, message};
use super::supervision::{check_supervisor, reaches};
use super::tally::count_void;
use super::terminal::Terminal;
use super::undo::{Undone, undo};

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    named: &Named,
    now: Now,
) -> Result<Decision, Fault> {
    let original = match named_original(facts, terminal, request.currency, named, Within::Store) {
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
    if message::counts(original.message)
        && original.message != message::ACTIVATE
        && original.shift_is_closed(facts)
    {
        return refused(Decline::ShiftClosed);
    }
    let voided = TransactionState::Voided;
    let mut undone = undo(facts, original, voided, now)?;
    // What the original does not allow needs nobody's leave, and costs no try of a PIN; whether its value is there still is
    // looked at last (PROTOCOL.md section 7).
    let may_be = match &undone {
        Undone::Done { .. } => true,
        Undone::Stands(decline) => matches!(
            decline,
            Decline::LoadAlreadySpent
                | Decline::RefundAlreadySpent
                | Decline::PointsAlreadySpent
                | Decline::GivenAgain
        ),
        Undone::Lapsed(_) => false,
    };
    if may_be {
        // An authorize may hold more than it asked for, once others have raised it.
        let held = original.held_on().and_then(|(on, then)| facts.state.cards.get(&on)?.hold(then.id));
        let amount = held.map_or(0, Hold::held).max(original.approved_amount);
        if gives_back(original) && amount > terminal.limits.refund {
            return Ok(Decision::declined(Decline::AboveTerminalLimit));
        }
        let needed = reaches(amount, facts.programme.till.void_from);
        if let Err(decline) = check_supervisor(facts, terminal, request, needed) {
            return Ok(Decision::declined(decline));
        }
    }
    if let Undone::Done { effects, amount, .. } = &mut undone
        && gives_back(original)
        && let Err(decline) = count_void(facts, request, *amount, effects, now)
    {
        return Ok(Decision::declined(decline));
    }
    Ok(undone.decision(original, voided))
}

/// Whether a person hands out money or value by undoing it, as a refund of it would: what only frees a hold, moves between
/// two cards or takes a refund back does not.
fn gives_back(original: &Original) -> bool {
    matches!(original.message, message::LOAD | message::PURCHASE | message::CAPTURE | message::ADVICE)
}
