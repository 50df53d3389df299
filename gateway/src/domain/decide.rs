//! What a request does. Every check comes before any effect; the first that fails is the answer, in the order that
//! PROTOCOL.md section 7 gives.

use super::advice::Sale;
use super::authorize::Wish;
use super::decision::{Decision, Decline};
use super::effect::Effect;
use super::facts::Facts;
use super::request::{Command, Now, Request, message};
use super::terminal::{Role, Terminal};
use super::{
    Fault, activate, advice, authorize, capture, cash_taken, load, purchase, reconciliation, refund,
    reversal, transfer, void,
};

/// Decides one request of an active terminal. The effects include the terminal's last STAN and shift totals, and not
/// yet the versions of what was touched.
///
/// # Errors
/// [`Fault`] when a sum leaves its range; nothing is recorded then.
pub fn decide(facts: Facts<'_>, terminal: &Terminal, request: &Request, now: Now) -> Result<Decision, Fault> {
    let mut decision = check_terminal(facts, terminal, request).map_or_else(
        |decline| Ok(Decision::declined(decline)),
        |()| match &request.command {
            Command::Activate { claim } => activate::decide(facts, request, claim, now),
            Command::Load { claim, amount, tenders } => {
                load::decide(facts, terminal, request, claim, *amount, tenders, now)
            }
            Command::Purchase { claim, amount, partial_allowed } => {
                purchase::decide(facts, terminal, request, claim, *amount, *partial_allowed, now)
            }
            Command::Reversal { original } => reversal::decide(facts, request, original, now),
            Command::Refund { original, amount } => {
                refund::decide(facts, terminal, request, original, *amount, now)
            }
            Command::Void { original } => void::decide(facts, terminal, request.currency, original, now),
            Command::Authorize { claim, amount, partial_allowed, raises } => {
                let (amount, partial_allowed, raises) = (*amount, *partial_allowed, raises.as_ref());
                authorize::decide(
                    facts,
                    terminal,
                    request,
                    Wish { claim, amount, partial_allowed, raises },
                    now,
                )
            }
            Command::Transfer { claim, to, amount } => {
                transfer::decide(facts, terminal, request, claim, *to, *amount, now)
            }
            Command::Capture { original, amount, more_follow } => {
                capture::decide(facts, terminal, request.currency, original, (*amount, *more_follow), now)
            }
            Command::Reconciliation { totals } => reconciliation::decide(facts, request, totals),
            Command::CashTaken { card, amount, tenders } => {
                cash_taken::decide(facts, terminal, request, *card, *amount, tenders)
            }
            Command::Advice { card, amount, grant, time_s } => {
                let (card, amount, grant, time_s) = (*card, *amount, grant.as_ref(), *time_s);
                advice::decide(facts, terminal, request, Sale { card, amount, grant, time_s }, now)
            }
        },
    )?;
    if decision.card.is_none() {
        decision.card = request.command.claim().map(|claim| claim.card);
    }
    if request.stan > terminal.last_stan {
        decision.effects.push(Effect::LastStan {
            terminal: request.terminal.clone(),
            generation: request.generation,
            stan: request.stan,
        });
    }
    count_into_shift(facts, request, &mut decision);
    Ok(decision)
}

fn check_terminal(facts: Facts<'_>, terminal: &Terminal, request: &Request) -> Result<(), Decline> {
    let identity = (request.terminal.clone(), request.generation, request.stan);
    if facts.state.tombstones.contains_key(&identity) {
        return Err(Decline::ReversedBefore);
    }
    let sells = !matches!(
        request.command.message(),
        message::ACTIVATE | message::LOAD | message::REVERSAL | message::RECONCILIATION | message::CASH_TAKEN
    );
    if terminal.role == Role::Kiosk && sells {
        return Err(Decline::MessageNotAllowedForRole);
    }
    let undoes = matches!(request.command, Command::Reversal { .. } | Command::Void { .. });
    let any_shift = undoes || message::is_report(request.command.message());
    if !any_shift && in_closed_shift(facts, request) {
        return Err(Decline::ShiftClosed);
    }
    Ok(())
}

fn in_closed_shift(facts: Facts<'_>, request: &Request) -> bool {
    let shift = request.shift.map(|shift| (request.terminal.clone(), request.generation, shift));
    shift.is_some_and(|key| facts.state.shifts.get(&key).is_some_and(|held| held.closed))
}

/// What is approved counts into the shift that it names, unless that is closed; undoing it counts it out there.
fn count_into_shift(facts: Facts<'_>, request: &Request, decision: &mut Decision) {
    let message = request.command.message();
    let counted =
        message::counts(message) && !(message::is_report(message) && in_closed_shift(facts, request));
    if let (true, Some(shift), true) = (counted, request.shift, decision.is_approved()) {
        decision.effects.push(Effect::ShiftTotals {
            terminal: request.terminal.clone(),
            generation: request.generation,
            shift,
            message,
            count: 1,
            amount: decision.amount.unwrap_or(0),
        });
    }
}
