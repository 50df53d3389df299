//! What every test of the pure rules needs: a terminal, a journal's memory of what was decided, and state that takes nothing
//! but entries that add up.

use gateway::domain::ledger::check_balanced;
use gateway::domain::{
    Decision, Effect, Fault, Limits, Now, Original, Request, Role, State, Terminal, TerminalStatus, Verdict,
};

/// A register with its first key, of merchant `M` and store `S`, that may do up to `most` minor units at once.
pub(crate) fn register(name: &str, most: i64) -> Terminal {
    Terminal {
        terminal: name.into(),
        generation: 1,
        status: TerminalStatus::Active,
        role: Role::Register,
        algorithm: -7,
        public_key: Vec::new(),
        merchant: "M".into(),
        store: "S".into(),
        limits: Limits { load: most, purchase: most, refund: most },
        last_stan: 0,
        code: None,
    }
}

/// Applies an entry, if it sums to zero and moves something with each of its legs.
pub(crate) fn apply(state: &mut State, effects: &[Effect]) -> Result<(), Fault> {
    let postings = effects.iter().filter_map(|effect| match effect {
        Effect::Posting(posting) => Some(posting),
        _ => None,
    });
    check_balanced(postings.clone())?;
    if postings.into_iter().any(|posting| posting.amount == 0) {
        return Err(Fault::Misfit("a leg of nothing"));
    }
    effects.iter().try_for_each(|effect| state.apply(effect))
}

/// What the journal has of a request once it was decided.
pub(crate) fn entry(
    index: u64,
    request: &Request,
    terminal: &Terminal,
    now: Now,
    decision: &Decision,
) -> Original {
    Original {
        index,
        request_id: request.request_id,
        message: request.command.message(),
        terminal: request.terminal.clone(),
        generation: request.generation,
        merchant: terminal.merchant.clone(),
        store: terminal.store.clone(),
        business_date: now.business_date,
        shift: request.shift,
        card: decision.card,
        approved: !matches!(decision.verdict, Verdict::Declined(_)),
        approved_amount: decision.amount.unwrap_or(0),
        lines: request.command.lines().to_vec(),
        effects: decision.effects.clone(),
    }
}
