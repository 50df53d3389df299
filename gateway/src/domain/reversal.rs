//! Reversal: undoes what a lost answer may have done; before its original it leaves a tombstone (PROTOCOL.md section 11).

use super::Fault;
use super::decision::{Decision, Decline};
use super::effect::{Effect, TransactionState};
use super::exception::{Bearer, Exception, ExceptionKind};
use super::facts::Facts;
use super::original::Original;
use super::request::{Named, Now, Request, message};
use super::terminal::Terminal;
use super::undo::{Undone, undo};

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    named: &Named,
    now: Now,
) -> Result<Decision, Fault> {
    // STANs rise within a generation, so an original is older than its reversal; a fresh STAN can have no tombstone.
    let older = (named.generation, named.stan) < (request.generation, request.stan);
    if named.terminal != request.terminal || !older {
        return Ok(Decision::declined(Decline::OriginalOfAnotherTerminal));
    }
    let tombstone = facts.state.tombstones.get(&named.identity());
    if tombstone.is_some_and(|id| *id != named.request_id) {
        return Ok(Decision::declined(Decline::OriginalDiffers));
    }
    let Some(original) = facts.original else { return Ok(block(named, tombstone.is_some())) };
    // The terminal's name may have gone to another merchant since, with a later generation.
    if original.merchant != terminal.merchant {
        return Ok(Decision::declined(Decline::OriginalElsewhere));
    }
    if original.request_id != named.request_id {
        return Ok(Decision::declined(Decline::OriginalDiffers));
    }
    if tombstone.is_some() {
        return Ok(settled(original, TransactionState::Blocked, None));
    }
    if message::is_never_undone(original.message) {
        return Ok(Decision::declined(Decline::OriginalNotReversible));
    }
    let state = original.state(facts);
    match state {
        TransactionState::Declined => Ok(settled(original, state, None)),
        TransactionState::Reversed | TransactionState::Voided => Ok(settled(original, state, Some(0))),
        TransactionState::Live => {
            let reversed = TransactionState::Reversed;
            let undone = undo(facts, original, reversed, now)?;
            let late = matches!(undone, Undone::Stands(_)).then(|| late(facts, original)).flatten();
            let mut decision = undone.decision(original, reversed);
            decision.effects.extend(late);
            decision.effects.extend(after_the_close(facts, original, &decision, now));
            Ok(decision)
        }
        _ => {
            let decision = Decision::declined_for(original, state, Decline::OriginalOver(state));
            Ok(Decision { effects: late(facts, original).into_iter().collect(), ..decision })
        }
    }
}

/// What was approved stands for good, and its terminal took it for undone or will: once, somebody must look into it.
fn late(facts: Facts<'_>, original: &Original) -> Option<Effect> {
    if facts.state.exceptions.contains_key(&original.index) {
        return None;
    }
    let approved = original.approved_amount;
    let (kind, amount) = match original.message {
        // The money of a load that was refunded has gone out twice.
        message::LOAD => (ExceptionKind::LoadReversedTooLate, approved),
        message::REFUND | message::UNLOAD => (ExceptionKind::RefundReversedTooLate, approved),
        // Neither moves anything.
        message::ACTIVATE | message::AUTHORIZE => return None,
        _ => {
            let refunded = facts.state.transactions.get(&original.index).map_or(0, |fate| fate.done);
            (ExceptionKind::SaleReversedTooLate, approved.saturating_sub(refunded))
        }
    };
    let held = Exception::open(kind, amount, Bearer::Nobody);
    (amount > 0).then_some(Effect::Exception { index: original.index, held })
}

/// A lost answer may be undone after any time. But what a shift or a day has been closed with was counted with it: whoever has
/// the money by then must be asked for.
fn after_the_close(facts: Facts<'_>, original: &Original, decision: &Decision, now: Now) -> Option<Effect> {
    let undone = decision.original_state == Some(TransactionState::Reversed);
    let moved = matches!(
        original.message,
        message::LOAD
            | message::PURCHASE
            | message::CAPTURE
            | message::ADVICE
            | message::REFUND
            | message::UNLOAD
    );
    let over = original.business_date < now.business_date || original.shift_is_closed(facts);
    let held = Exception::open(ExceptionKind::ReversedLate, original.approved_amount, Bearer::Nobody);
    (undone && moved && original.approved_amount > 0 && over)
        .then_some(Effect::Exception { index: facts.index, held })
}

/// Nothing is undone; the answer says what the original is.
fn settled(original: &Original, state: TransactionState, amount: Option<i64>) -> Decision {
    Decision {
        card: original.card,
        amount,
        original_state: Some(state),
        shows_card: false,
        ..Decision::approved(Vec::new())
    }
}

fn block(named: &Named, blocked: bool) -> Decision {
    Decision {
        original_state: Some(TransactionState::Blocked),
        shows_card: false,
        ..Decision::approved(if blocked { Vec::new() } else { vec![named.tombstone()] })
    }
}
