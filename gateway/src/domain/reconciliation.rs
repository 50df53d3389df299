//! Reconciliation: both sides' totals of a shift, compared; the shift is closed either way.

use super::Fault;
use super::decision::{Decision, Verdict};
use super::effect::Effect;
use super::exception::{Bearer, Exception, ExceptionKind};
use super::facts::Facts;
use super::request::Request;

pub(super) fn decide(
    facts: Facts<'_>,
    request: &Request,
    totals: &[(u8, i64, i64)],
) -> Result<Decision, Fault> {
    let shift = request.shift.ok_or(Fault::Misfit("a reconciliation without a shift"))?;
    let key = (request.terminal.clone(), request.generation, shift);
    let ours = facts.state.shifts.get(&key).map(|s| s.totals.clone()).unwrap_or_default();
    let verdict = if ours == totals { Verdict::Approved } else { Verdict::TotalsDiffer };
    let mut effects = vec![Effect::ShiftClosed {
        terminal: request.terminal.clone(),
        generation: request.generation,
        shift,
    }];
    if verdict == Verdict::TotalsDiffer {
        let held = Exception::open(ExceptionKind::TotalsDiffer, 0, Bearer::Nobody);
        effects.push(Effect::Exception { index: facts.index, held });
    }
    Ok(Decision { verdict, totals: Some(ours), shows_card: false, ..Decision::approved(effects) })
}
