//! What the terminal counts by itself, from its receipts: which shift is open, and what it came to. The gateway's totals
//! are worth comparing only with a count that does not come from the gateway's.

use std::collections::BTreeMap;

use protocol::code::ResponseCode;
use protocol::field::{Shift, Total, TotalMinor, Totals, TransactionState};
use protocol::frame::MessageType;

use super::roll::{Kept, Roll};
use crate::shift::{Own, Row};

/// The first shift of this generation after the last one that was closed.
pub(super) fn open_shift(roll: &Roll, generation: u32) -> Option<Shift> {
    // A 12 says that the shift was closed before.
    let closing = [ResponseCode::APPROVED, ResponseCode::TOTALS_DIFFER, ResponseCode::INVALID_TRANSACTION];
    let closed = roll
        .of(generation)
        .filter(|kept| kept.request.kind() == MessageType::RECONCILIATION)
        .filter(|kept| closing.contains(&kept.answer.code))
        .filter_map(|kept| kept.request.header.shift);
    closed.max().map_or(Some(Shift::FIRST), Shift::next)
}

/// The transactions of this generation that were undone, each with the STAN of what undid it.
pub(super) fn undone(roll: &Roll, generation: u32) -> BTreeMap<u32, u32> {
    let undoing = roll.of(generation).filter(|kept| {
        let Kept { request, answer, .. } = kept;
        matches!(request.kind(), MessageType::VOID | MessageType::REVERSAL)
            && answer.code.is_approval()
            && answer.state.is_some_and(TransactionState::is_undone)
    });
    let pairs = undoing.filter_map(|kept| {
        let original = kept.request.body.original()?;
        let own =
            original.terminal == kept.request.header.terminal && original.generation.get() == generation;
        own.then_some((original.stan.get(), kept.request.header.stan?.get()))
    });
    pairs.collect()
}

/// What this terminal has of a shift, by STAN: what could count in its totals, and whether it does.
pub(super) fn rows(roll: &Roll, generation: u32, shift: Shift) -> Own {
    let undone = undone(roll, generation);
    let own = roll
        .of(generation)
        .filter(|kept| kept.request.header.shift == Some(shift) && kept.request.kind().counts_in_shift());
    let row = |kept: &Kept| {
        let stan = kept.place().1;
        let answer = (kept.answer.code, kept.answer.approved_amount);
        (stan, Row::own(kept.request.kind(), answer, undone.contains_key(&stan)))
    };
    own.map(row).collect()
}

/// What this shift came to. `None` when a sum is larger than a total can be.
pub(super) fn totals(roll: &Roll, generation: u32, shift: Shift) -> Option<Totals> {
    let undone = undone(roll, generation);
    let mut sums: BTreeMap<MessageType, (u32, i64)> = BTreeMap::new();
    let live = roll.of(generation).filter(|kept| {
        kept.request.header.shift == Some(shift)
            && kept.answer.code.is_approval()
            && kept.request.kind().counts_in_shift()
            && !undone.contains_key(&kept.place().1)
    });
    for kept in live {
        let (count, sum) = sums.entry(kept.request.kind()).or_default();
        *count = count.checked_add(1)?;
        *sum = sum.checked_add(kept.answer.approved_amount.map_or(0, TotalMinor::get))?;
    }
    let total = |(kind, (count, sum))| Some(Total { kind, count, amount: TotalMinor::new(sum)? });
    Totals::new(sums.into_iter().map(total).collect::<Option<Vec<_>>>()?)
}
