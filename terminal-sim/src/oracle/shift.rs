//! What each terminal's shifts add up to (section 11, Reconciliation).

use std::collections::BTreeMap;

use protocol::code::ResponseCode;
use protocol::frame::MessageType;

use super::fact::{Fact, Intent, ShiftTotals};

/// The shifts of one terminal and generation.
#[derive(Clone, Debug, Default)]
pub(super) struct ShiftBook {
    shifts: BTreeMap<u32, Shift>,
    /// Live transactions that count, by STAN: shift, message type and approved amount.
    live: BTreeMap<u32, (u32, u8, i64)>,
}

#[derive(Clone, Debug, Default)]
struct Shift {
    closed: bool,
    totals: ShiftTotals,
}

impl ShiftBook {
    pub(super) fn is_closed(&self, shift: Option<u32>) -> bool {
        shift.and_then(|shift| self.shifts.get(&shift)).is_some_and(|shift| shift.closed)
    }

    /// The totals of a shift; kinds with count 0 are left out.
    pub(super) fn totals(&self, shift: u32) -> ShiftTotals {
        self.shifts.get(&shift).map(|shift| shift.totals.clone()).unwrap_or_default()
    }

    /// Counts an approved transaction, uncounts a reversed one, closes a shift.
    pub(super) fn apply(&mut self, intent: &Intent, fact: &Fact) {
        match (MessageType(fact.kind), intent.shift) {
            (MessageType::REVERSAL, _) if fact.undoes() => self.uncount(fact.about.stan),
            (MessageType::RECONCILIATION, Some(shift))
                if [ResponseCode::APPROVED.0, ResponseCode::TOTALS_DIFFER.0].contains(&fact.code) =>
            {
                self.shifts.entry(shift).or_default().closed = true;
            }
            (MessageType::ACTIVATE | MessageType::LOAD | MessageType::PURCHASE, Some(shift))
                if fact.is_approval() =>
            {
                let amount = fact.approved.unwrap_or(0);
                self.live.insert(fact.key.stan, (shift, fact.kind, amount));
                let totals = &mut self.shifts.entry(shift).or_default().totals;
                let (count, sum) = totals.entry(fact.kind).or_default();
                *count = count.saturating_add(1);
                *sum = sum.saturating_add(amount);
            }
            _ => {}
        }
    }

    fn uncount(&mut self, stan: u32) {
        let Some((shift, kind, amount)) = self.live.remove(&stan) else { return };
        let Some(shift) = self.shifts.get_mut(&shift).filter(|shift| !shift.closed) else { return };
        if let Some((count, sum)) = shift.totals.get_mut(&kind) {
            *count = count.saturating_sub(1);
            *sum = sum.saturating_sub(amount);
        }
        shift.totals.retain(|_, (count, _)| *count > 0);
    }
}
