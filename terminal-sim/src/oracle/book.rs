//! The decisions about one card, and the comparison of each with what it must be.

use std::collections::BTreeSet;

use protocol::code::ResponseCode;
use protocol::frame::MessageType;

use super::card::{CardModel, Expected, Request, Shown};
use super::fact::{Fact, Intent, ShiftTotals, TransactionKey, Wallet};
use super::{Mismatch, describe, mismatch};

/// Whether the shift of a transaction was closed before an index; `None` when that cannot be known yet.
pub(super) type Shifts<'a> = dyn Fn(&TransactionKey, u64) -> Option<bool> + 'a;

#[derive(Clone, Debug, Default)]
pub(super) struct CardBook {
    pub(super) model: CardModel,
    pub(super) open: BTreeSet<TransactionKey>,
    /// Decisions that wait until nothing is open.
    pub(super) waiting: Vec<Waiting>,
    /// Counts the requests begun: an inquiry counts only if none began meanwhile.
    pub(super) begun: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) intent: Intent,
    pub(super) fact: Fact,
    pub(super) shift_closed: bool,
}

impl CardBook {
    /// Checks and applies what has waited, in the journal's order, unless something is still open.
    pub(super) fn apply_waiting(&mut self, shifts: &Shifts<'_>) -> Vec<Mismatch> {
        if !self.open.is_empty() {
            return Vec::new();
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|waiting| waiting.fact.index);
        waiting.iter().filter_map(|waiting| self.check_and_apply(waiting, shifts)).collect()
    }

    fn check_and_apply(&mut self, waiting: &Waiting, shifts: &Shifts<'_>) -> Option<Mismatch> {
        let Waiting { intent, fact, shift_closed } = waiting;
        let request = Request {
            intent,
            index: fact.index,
            time: fact.time,
            shift_closed: *shift_closed,
            original_closed: intent.original.as_ref().map_or(Some(false), |key| shifts(key, fact.index)),
        };
        let outcomes = if fact.kind == MessageType::REVERSAL.0 {
            self.model.expected_reversal(&fact.about, intent.kind)
        } else {
            self.model.expected(&request)
        };
        let before = self.model.wallet();
        let expected: Vec<Expected> = outcomes.iter().map(|outcome| outcome.expected.clone()).collect();
        let right = outcomes.into_iter().find(|outcome| fits(&outcome.expected, fact, before));
        let is_right = right.is_some();
        match right {
            Some(outcome) => self.model = outcome.after,
            None => self.model.believe(intent, fact),
        }
        self.model.settle();
        (!is_right || !self.model.is_sound()).then(|| Mismatch {
            about: format!("{} about {} ({before:?} before)", describe(&fact.key), about(intent, fact)),
            expected: format!("{expected:?}"),
            got: format!("{fact:?}"),
        })
    }
}

fn about(intent: &Intent, fact: &Fact) -> String {
    let original = intent.original.as_ref().map(|key| format!(", which names {}", describe(key)));
    format!("{}{}", describe(&fact.about), original.unwrap_or_default())
}

/// Whether an answer is the expected one, with the balances that follow from it.
fn fits(expected: &Expected, fact: &Fact, before: Wallet) -> bool {
    // Only a Reversal that undoes nothing may say what the card holds, or say nothing of it.
    let may_show = fact.kind == MessageType::REVERSAL.0;
    let silent = fact.balances.is_none_or(|balances| may_show && balances == before);
    let shown = fact.balances.zip(fact.changes).map(|(balances, changes)| Shown { changes, balances });
    let shown_right = match expected.shown {
        Some(right) => shown == Some(right),
        None => silent && fact.changes.unwrap_or_default() == Wallet::default(),
    };
    expected.code == fact.code
        && expected.approved.unwrap_or(0) == fact.approved.unwrap_or(0)
        && expected.state == fact.state
        && expected.hold == fact.hold
        && shown_right
}

/// `ours` is what the shift adds up to; `None` when it was closed before.
pub(super) fn check_reconciliation(
    intent: &Intent,
    fact: &Fact,
    ours: Option<&ShiftTotals>,
) -> Option<Mismatch> {
    let code = match ours {
        None => ResponseCode::INVALID_TRANSACTION,
        Some(ours) if intent.totals.as_ref() == Some(ours) => ResponseCode::APPROVED,
        Some(_) => ResponseCode::TOTALS_DIFFER,
    };
    let right = fact.code == code.0 && ours.is_none_or(|ours| fact.totals.as_ref() == Some(ours));
    (!right).then(|| mismatch(&fact.key, &(code, ours), &fact))
}
