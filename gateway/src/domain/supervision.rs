//! A supervisor allows in one request what the programme wants a second person for (PROTOCOL.md section 9.2).

use super::cashier::Cashier;
use super::decision::{Decline, Tried};
use super::facts::Facts;
use super::request::Request;
use super::terminal::Terminal;

/// A supervisor who is named is always checked, needed or not.
pub(super) fn check_supervisor(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    needed: bool,
) -> Result<(), Decline> {
    if request.supervisor.is_none() {
        return if needed { Err(Decline::SupervisorNeeded) } else { Ok(()) };
    }
    // Nobody learns who is a supervisor by that, nor by leaving the PIN out.
    let pins = &request.pins;
    if !pins.supervisor_given {
        return Err(Decline::SupervisorNeeded);
    }
    let held = supervisor(facts, terminal, request).ok_or(Decline::WrongPin { left: None })?;
    held.pin.check(facts.programme.till.tries, true, pins.supervisor, Tried::Supervisor)
}

/// The supervisor that a request names, when that is one of this store and not its own cashier.
#[must_use]
pub fn supervisor<'a>(facts: Facts<'a>, terminal: &Terminal, request: &Request) -> Option<&'a Cashier> {
    let name = request.supervisor.as_ref().filter(|name| request.cashier.as_ref() != Some(name))?;
    let held = facts.state.cashiers.get(name)?;
    (held.supervisor && held.works_at(&terminal.merchant, &terminal.store)).then_some(held)
}

/// Whether `amount` minor units reach the amount from which a supervisor is needed.
pub(super) fn reaches(amount: i64, from: Option<i64>) -> bool {
    from.is_some_and(|from| amount >= from)
}
