//! What each terminal's shifts add up to (section 11, Reconciliation), at any place of the journal.

use std::collections::BTreeMap;

use protocol::code::ResponseCode;
use protocol::field::TotalMinor;
use protocol::frame::MessageType;

use super::fact::{Fact, Intent, ShiftTotals};
use crate::shift::{Own, Row};

/// The shifts of one terminal and generation.
#[derive(Clone, Debug, Default)]
pub(super) struct ShiftBook {
    /// Closed shifts, and the journal index at which they were closed.
    closed: BTreeMap<u32, u64>,
    /// Approved transactions that count, by STAN.
    counted: BTreeMap<u32, Counted>,
    /// Undone transactions by STAN, and the journal index at which they were undone.
    undone: BTreeMap<u32, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    shift: u32,
    kind: u8,
    amount: i64,
    index: u64,
}

impl ShiftBook {
    pub(super) fn is_closed(&self, shift: Option<u32>) -> bool {
        self.is_closed_before(shift, u64::MAX)
    }

    /// Whether the shift was closed before this journal index.
    pub(super) fn is_closed_before(&self, shift: Option<u32>, index: u64) -> bool {
        shift.and_then(|shift| self.closed.get(&shift)).is_some_and(|closed| *closed < index)
    }

    /// The totals of a shift as it was before this journal index; kinds with count 0 are left out.
    pub(super) fn totals_before(&self, shift: u32, index: u64) -> ShiftTotals {
        let mut totals = ShiftTotals::new();
        // What is undone after the shift was closed has been counted.
        let end = self.closed.get(&shift).map_or(index, |closed| index.min(*closed));
        for (stan, counted) in &self.counted {
            let undone = self.undone.get(stan).is_some_and(|undone| *undone < end);
            if counted.shift == shift && counted.index < end && !undone {
                let (count, sum) = totals.entry(counted.kind).or_default();
                *count = count.saturating_add(1);
                *sum = sum.saturating_add(counted.amount);
            }
        }
        totals
    }

    /// What counts, or did before it was undone, by STAN.
    pub(super) fn rows(&self, shift: u32) -> Own {
        let own = self.counted.iter().filter(|(_, counted)| counted.shift == shift);
        let row = |(stan, counted): (&u32, &Counted)| {
            let answer = (ResponseCode::APPROVED, TotalMinor::new(counted.amount));
            (*stan, Row::own(MessageType(counted.kind), answer, self.undone.contains_key(stan)))
        };
        own.map(row).collect()
    }

    /// Counts an approved transaction, closes a shift.
    pub(super) fn apply(&mut self, intent: &Intent, fact: &Fact) {
        let Some(shift) = intent.shift else { return };
        let closes = [ResponseCode::APPROVED.0, ResponseCode::TOTALS_DIFFER.0].contains(&fact.code);
        if fact.kind == MessageType::RECONCILIATION.0 && closes {
            self.closed.entry(shift).or_insert(fact.index);
        } else if MessageType(fact.kind).counts_in_shift() && fact.is_approval() {
            let (kind, amount, index) = (fact.kind, fact.approved.unwrap_or(0), fact.index);
            self.counted.insert(fact.key.stan, Counted { shift, kind, amount, index });
        }
    }

    /// A transaction of this terminal was undone, by whomever.
    pub(super) fn undo(&mut self, stan: u32, index: u64) {
        let first = self.undone.entry(stan).or_insert(index);
        *first = index.min(*first);
    }
}
