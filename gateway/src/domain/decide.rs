//! What a request does. Every check comes before any effect; the first that fails is the answer, in the order that
//! PROTOCOL.md section 7 gives.

use super::advice::Sale;
use super::authorize::Wish;
use super::cashier::Cashier;
use super::decision::{Decision, Decline, Verdict};
use super::effect::Effect;
use super::facts::Facts;
use super::graded::graded;
use super::join::Joining;
use super::pin::Pin;
use super::request::{Command, Now, Request, message};
use super::supervision::supervisor;
use super::taken_back::owed;
use super::terminal::{Role, Terminal};
use super::{
    Fault, activate, advice, authorize, award, capture, cash_taken, change_pin, join, load, purchase,
    reconciliation, redeem, refund, reversal, transfer, unload, use_entitlement, void,
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
            Command::Purchase { claim, amount, partial_allowed, points, .. } => {
                let (amount, partial_allowed, points) = (*amount, *partial_allowed, *points);
                let wish = purchase::Wish { claim, amount, partial_allowed, points };
                purchase::decide(facts, terminal, request, wish, now)
            }
            Command::Reversal { original } => reversal::decide(facts, terminal, request, original, now),
            Command::Refund { original, amount, lines } => {
                refund::decide(facts, terminal, request, original, (*amount, lines), now)
            }
            Command::Void { original } => void::decide(facts, terminal, request, original, now),
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
            Command::Unload { claim, amount } => {
                unload::decide(facts, terminal, request, claim, *amount, now)
            }
            Command::Capture { original, amount, more_follow, .. } => {
                capture::decide(facts, terminal, request, original, (*amount, *more_follow), now)
            }
            Command::ChangePin { claim } => change_pin::decide(facts, request, claim, now),
            Command::Reconciliation { totals } => reconciliation::decide(facts, request, totals),
            Command::CashTaken { card, amount, tenders } => {
                cash_taken::decide(facts, terminal, request, *card, *amount, tenders)
            }
            Command::Join { claim, referral, customer } => {
                let (referral, customer) = (referral.as_deref(), *customer);
                join::decide(facts, terminal, request, Joining { claim, referral, customer }, now)
            }
            Command::Award { claim, activity, quantity } => {
                award::decide(facts, terminal, request, claim, (activity, *quantity), now)
            }
            Command::Redeem { claim, item, quantity } => {
                redeem::decide(facts, terminal, request, claim, (item, *quantity), now)
            }
            Command::UseEntitlement { claim, entitlement, quantity } => {
                use_entitlement::decide(facts, terminal, request, claim, (entitlement, *quantity), now)
            }
            Command::Advice { card, amount, grant, time_s } => {
                let (card, amount, grant, time_s) = (*card, *amount, grant.as_ref(), *time_s);
                advice::decide(facts, terminal, request, Sale { card, amount, grant, time_s }, now)
            }
        },
    )?;
    if let Verdict::Declined(Decline::PinUntried(_)) = decision.verdict {
        return Ok(decision);
    }
    forgive_tries(facts, terminal, request, &mut decision);
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
    if let Some(card) = decision.card.filter(|_| decision.is_approved()) {
        decision.explanation.extend(owed(facts.state, card, &decision.effects));
        if message::says_tier(request.command.message())
            && let Some(graded) = graded(facts, card, &decision.effects, now)?
        {
            decision.explanation.extend(graded.reasons);
            decision.tier = Some(graded.tier);
        }
    }
    Ok(decision)
}

fn check_terminal(facts: Facts<'_>, terminal: &Terminal, request: &Request) -> Result<(), Decline> {
    let identity = (request.terminal.clone(), request.generation, request.stan);
    if facts.state.tombstones.contains_key(&identity) {
        return Err(Decline::ReversedBefore);
    }
    let sells = !matches!(
        request.command.message(),
        message::ACTIVATE
            | message::LOAD
            | message::REVERSAL
            | message::RECONCILIATION
            | message::CHANGE_PIN
            | message::CASH_TAKEN
            | message::JOIN
            | message::AWARD
            | message::REDEEM
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

/// A right PIN sets its tries back to none, whatever else the answer says.
fn forgive_tries(facts: Facts<'_>, terminal: &Terminal, request: &Request, decision: &mut Decision) {
    let right = |pin: &Pin, hash: Option<[u8; 32]>| pin.tries > 0 && hash.is_some_and(|hash| pin.is(&hash));
    let card = request.command.claim().and_then(|claim| facts.state.cards.get(&claim.card));
    let changed = matches!(request.command, Command::ChangePin { .. }) && decision.is_approved();
    if let Some(card) = card.filter(|card| !changed && right(&card.pin, request.pins.card)) {
        let pin = Pin { tries: 0, ..card.pin };
        decision.effects.push(Effect::Pin { card: card.reference, pin });
    }
    let held = supervisor(facts, terminal, request).zip(request.supervisor.clone());
    if let Some((held, cashier)) = held.filter(|(held, _)| right(&held.pin, request.pins.supervisor)) {
        let held = Cashier { pin: Pin { tries: 0, ..held.pin }, ..held.clone() };
        decision.effects.push(Effect::Cashier { cashier, held });
    }
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
