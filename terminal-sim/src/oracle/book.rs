//! The decisions about one card, and the comparison of each with what it must be.

use std::collections::BTreeSet;

use protocol::code::ResponseCode;
use protocol::frame::MessageType;

use super::card::{CardModel, Expected};
use super::fact::{Fact, Intent, ShiftTotals, TransactionKey, Wallet};
use super::{Mismatch, describe, mismatch};

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
    pub(super) fn apply_waiting(&mut self) -> Vec<Mismatch> {
        if !self.open.is_empty() {
            return Vec::new();
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|waiting| waiting.fact.index);
        waiting.iter().filter_map(|waiting| self.check_and_apply(waiting)).collect()
    }

    fn check_and_apply(&mut self, waiting: &Waiting) -> Option<Mismatch> {
        let Waiting { intent, fact, shift_closed } = waiting;
        let candidates = if fact.kind == MessageType::REVERSAL.0 {
            self.model.expected_reversal(&fact.about)
        } else {
            vec![self.model.expected(intent, *shift_closed)]
        };
        let before = self.model.wallet;
        let right = candidates.iter().any(|expected| fits(expected, fact, before));
        self.model.apply(fact);
        let sound = self.model.wallet.is_sound();
        (!right || !sound).then(|| Mismatch {
            about: format!("{} about {} ({before:?} before)", describe(&fact.key), describe(&fact.about)),
            expected: format!("{candidates:?}"),
            got: format!("{fact:?}"),
        })
    }
}

/// Whether an answer is the expected one, with the balances that follow from it.
fn fits(expected: &Expected, fact: &Fact, before: Wallet) -> bool {
    let approval = ResponseCode(expected.code).is_approval();
    let is_reversal = fact.kind == MessageType::REVERSAL.0;
    let moved = expected.changes != Wallet::default();
    expected.code == fact.code
        && expected.approved.unwrap_or(0) == fact.approved.unwrap_or(0)
        && expected.state == fact.state
        && fact.changes.unwrap_or_default() == expected.changes
        // A Reversal that changes nothing may leave the balances out.
        && (!approval || (is_reversal && !moved && fact.balances.is_none()) || fact.balances == before.plus(expected.changes))
}

pub(super) fn check_reconciliation(
    intent: &Intent,
    fact: &Fact,
    ours: &ShiftTotals,
    shift_closed: bool,
) -> Option<Mismatch> {
    let agree = intent.totals.as_ref() == Some(ours);
    let (code, totals) = match (shift_closed, agree) {
        (true, _) => (ResponseCode::INVALID_TRANSACTION, None),
        (false, true) => (ResponseCode::APPROVED, Some(ours)),
        (false, false) => (ResponseCode::TOTALS_DIFFER, Some(ours)),
    };
    let right = fact.code == code.0 && totals.is_none_or(|totals| fact.totals.as_ref() == Some(totals));
    (!right).then(|| mismatch(&fact.key, &(code, totals), &fact))
}
