//! What came of a shop's day.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Options;
use crate::desk;
use crate::error::{Broken, Error};
use crate::oracle::{Happened, Mismatch, Oracle};
use crate::terminal::{Outcome, Verdict};

/// Counts while the shop trades.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    outcomes: BTreeMap<String, BTreeMap<String, u64>>,
    outages: u64,
    cards_agreed: u64,
    cards_unknown: u64,
    broken: Vec<String>,
    failures: Vec<String>,
    pub(super) settled_before: usize,
}

impl Tally {
    pub(super) fn outcome(&mut self, scenario: &str, outcome: &Outcome) {
        let result = match outcome.verdict {
            Verdict::Approved => "approved".to_owned(),
            Verdict::Declined => format!("declined {}", outcome.code),
            Verdict::Reversed => "reversed".to_owned(),
            Verdict::NotReversed => format!("not reversed {}", outcome.code),
            Verdict::Unresolved => "unresolved".to_owned(),
        };
        self.count(scenario, &result);
    }

    pub(super) fn question(&mut self, scenario: &str, agreed: Option<bool>) {
        self.count(scenario, answer_word(agreed));
    }

    pub(super) fn errand(&mut self, name: &str, outcome: &desk::Outcome) {
        let result = match outcome {
            desk::Outcome::Done { .. } => "done",
            desk::Outcome::Refused { .. } => "refused",
            desk::Outcome::Proposed => "proposed",
            desk::Outcome::DoneByOne { .. } => "done by one",
        };
        self.count(name, result);
    }

    pub(super) fn checked(&mut self, agreed: Option<bool>) {
        match agreed {
            Some(true) => self.cards_agreed = self.cards_agreed.saturating_add(1),
            Some(false) => {}
            None => self.cards_unknown = self.cards_unknown.saturating_add(1),
        }
    }

    pub(super) fn outage(&mut self) {
        self.outages = self.outages.saturating_add(1);
    }

    pub(super) fn broken(&mut self, broken: &Broken) {
        self.broken.push(broken.to_string());
    }

    pub(super) fn failed(&mut self, error: &Error) {
        self.failures.push(with_sources(error));
    }

    fn count(&mut self, scenario: &str, result: &str) {
        let results = self.outcomes.entry(scenario.to_owned()).or_default();
        let count = results.entry(result.to_owned()).or_default();
        *count = count.saturating_add(1);
    }
}

fn answer_word(agreed: Option<bool>) -> &'static str {
    match agreed {
        Some(true) => "agreed",
        Some(false) => "disagreed",
        None => "not comparable",
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {}", with_sources(source)));
    format!("{error}{}", source.unwrap_or_default())
}

/// The account of a shop's day.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What it was drawn from.
    pub seed: u64,
    /// Terminals.
    pub terminals: usize,
    /// Cards.
    pub cards: usize,
    /// Scenario to result to how often.
    pub outcomes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Final answers that the oracle took in. Each had a receipt that verifies.
    pub final_answers: usize,
    /// Those that earlier runs with the same directory had left.
    pub final_answers_before: usize,
    /// Scenarios that outlasted their patience and were finished later.
    pub outages: u64,
    /// Cards whose balances were asked for at the end and are those of the oracle.
    pub cards_agreed: u64,
    /// Cards that could not be compared, because something about them is still open.
    pub cards_unknown: u64,
    /// Transactions and operators' acts whose outcome is still unknown.
    pub open: usize,
    /// What time and the rules about people have done to the cards, in earlier runs with the same directory too.
    pub happened: Happened,
    /// Where gateway and oracle disagree.
    pub mismatches: Vec<Mismatch>,
    /// Promises of the protocol that the gateway broke.
    pub broken: Vec<String>,
    /// What went wrong on this side, or kept a terminal from going on.
    pub failures: Vec<String>,
    /// How long it took.
    pub milliseconds: u64,
}

impl Report {
    pub(super) fn new(options: &Options, oracle: &Oracle, tally: Tally, took: Duration) -> Self {
        Report {
            seed: options.seed,
            terminals: options.enrolments.len(),
            cards: options.cards.len(),
            outcomes: tally.outcomes,
            final_answers: oracle.settled().saturating_sub(tally.settled_before),
            final_answers_before: tally.settled_before,
            outages: tally.outages,
            cards_agreed: tally.cards_agreed,
            cards_unknown: tally.cards_unknown,
            open: oracle.open().count().saturating_add(oracle.errands().count()),
            happened: oracle.happened(),
            mismatches: oracle.mismatches().to_vec(),
            broken: tally.broken,
            failures: tally.failures,
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// How often a scenario came to this, such as `desk: replace` to `done`; `None` counts all scenarios.
    #[must_use]
    pub fn count(&self, scenario: Option<&str>, result: &str) -> u64 {
        let wanted = self.outcomes.iter().filter(|(name, _)| scenario.is_none_or(|wanted| wanted == *name));
        wanted.filter_map(|(_, results)| results.get(result)).sum()
    }

    /// No promise was broken, as far as could be seen.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.mismatches.is_empty() && self.broken.is_empty()
    }

    /// All that was to be done was done and compared.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.open == 0 && self.cards_agreed == self.cards as u64 && self.failures.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (scenario, results) in &self.outcomes {
            for (result, count) in results {
                writeln!(f, "{scenario:<24} {result:<18} {count:>9}")?;
            }
        }
        let per_second = (self.final_answers as u64).saturating_mul(1000).checked_div(self.milliseconds);
        writeln!(f)?;
        writeln!(f, "seed {}, {} terminals, {} cards", self.seed, self.terminals, self.cards)?;
        writeln!(
            f,
            "{} final answers in {} ms ({} a second), each with a receipt that verifies; {} from before",
            self.final_answers,
            self.milliseconds,
            per_second.unwrap_or(0),
            self.final_answers_before
        )?;
        writeln!(
            f,
            "cards: {} agree with the oracle, {} not comparable; open transactions: {}; outages: {}",
            self.cards_agreed, self.cards_unknown, self.open, self.outages
        )?;
        if self.happened != Happened::default() {
            writeln!(f, "{}", self.happened)?;
        }
        for mismatch in &self.mismatches {
            let Mismatch { about, expected, got } = mismatch;
            writeln!(f, "MISMATCH {about}\n  expected {expected}\n  got      {got}")?;
        }
        self.broken.iter().try_for_each(|broken| writeln!(f, "BROKEN {broken}"))?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "FAILED {failure}"))?;
        let verdict = match (self.is_right(), self.is_complete()) {
            (false, _) => "WRONG: the gateway broke its promises",
            (true, false) => "UNFINISHED: not everything could be resolved",
            (true, true) => "RIGHT: everything agrees",
        };
        writeln!(f, "{verdict}")
    }
}
