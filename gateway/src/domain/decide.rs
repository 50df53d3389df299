//! What a request does. Every check comes before any effect; the first that fails is the answer, in the order that
//! PROTOCOL.md section 7 gives.

use super::decision::{Decision, Decline};
use super::effect::Effect;
use super::facts::Facts;
use super::request::{Command, Now, Request};
use super::terminal::{Role, Terminal};
use super::{Fault, activate, load, purchase, reconciliation, reversal};

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
            Command::Reversal { .. } => reversal::decide(facts, request, now),
            Command::Reconciliation { totals } => reconciliation::decide(facts, request, totals),
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
    count_into_shift(request, &mut decision);
    Ok(decision)
}

fn check_terminal(facts: Facts<'_>, terminal: &Terminal, request: &Request) -> Result<(), Decline> {
    let identity = (request.terminal.clone(), request.generation, request.stan);
    if facts.state.tombstones.contains_key(&identity) {
        return Err(Decline::ReversedBefore);
    }
    if terminal.role == Role::Kiosk && matches!(request.command, Command::Purchase { .. }) {
        return Err(Decline::MessageNotAllowedForRole);
    }
    let shift = request.shift.map(|shift| (request.terminal.clone(), request.generation, shift));
    let closed = shift.is_some_and(|key| facts.state.shifts.get(&key).is_some_and(|s| s.closed));
    if closed && !matches!(request.command, Command::Reversal { .. }) {
        return Err(Decline::ShiftClosed);
    }
    Ok(())
}

/// An approved Activate, Load or Purchase counts into the shift it names; a reversal counts its original out there.
fn count_into_shift(request: &Request, decision: &mut Decision) {
    let counts =
        matches!(request.command, Command::Activate { .. } | Command::Load { .. } | Command::Purchase { .. });
    if let (true, Some(shift), true) = (counts, request.shift, decision.is_approved()) {
        let message = request.command.message();
        let amount = decision.amount.unwrap_or(0);
        decision.effects.push(Effect::ShiftTotals {
            terminal: request.terminal.clone(),
            generation: request.generation,
            shift,
            message,
            count: 1,
            amount,
        });
    }
}
