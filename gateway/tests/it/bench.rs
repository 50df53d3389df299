//! What every test of the pure rules needs: a terminal, a journal's memory of what was decided, and state that takes nothing
//! but entries that add up and lines that say what they changed.

use std::collections::BTreeMap;

use gateway::domain::ledger::check_balanced;
use gateway::domain::{
    Account, Decision, Effect, Fault, Limits, Now, Original, Request, Role, State, Terminal, TerminalStatus,
    Verdict,
};
use gateway::translate;

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
    lines_add_up(decision);
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
        reasons: translate::reasons(translate::explanation(&decision.explanation).as_ref()),
        effects: decision.effects.clone(),
        by_joining: None,
    }
}

/// An answer's lines come to what changed on its card: of each point currency, what is pending with it; of the bonus where rules gave
/// or took some. A payment takes bonus as it does principal, and says so by its changes alone.
fn lines_add_up(decision: &Decision) {
    let Some(card) = decision.card.filter(|_| decision.is_approved()) else { return };
    let legs: Vec<_> = decision
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Posting(posting) => Some(posting),
            _ => None,
        })
        .collect();
    let is = |at: usize, names: &[&str]| match legs.get(at).map(|leg| &leg.account) {
        Some(Account::Named(name)) => names.contains(&name.as_str()),
        _ => false,
    };
    let by_rules = (0..legs.len()).any(|at| is(at, &["bonus-expense"]));
    let (mut changed, mut said) = (BTreeMap::<u8, i64>::new(), BTreeMap::<u8, i64>::new());
    for (at, leg) in legs.iter().enumerate() {
        let own = matches!(&leg.account, Account::Card { card: of, .. } if *of == card);
        let counts = leg.kind.0 >= 16 || leg.kind.0 == 2 && by_rules;
        // What had ended before it stands in front of the account that it went to.
        if own && counts && !is(at + 1, &["breakage", "points-release"]) {
            let kind = if leg.kind.0 >= 48 { leg.kind.0 - 32 } else { leg.kind.0 };
            *changed.entry(kind).or_default() += leg.amount;
        }
    }
    for line in decision.explanation.iter().filter(|line| line.kind.0 != 0 && line.other.is_none()) {
        *said.entry(line.kind.0).or_default() += line.result;
    }
    changed.retain(|_, change| *change != 0);
    said.retain(|_, result| *result != 0);
    assert_eq!(said, changed, "what the lines say, and what changed: {decision:#?}");
}
