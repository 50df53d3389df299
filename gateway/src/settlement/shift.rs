//! A terminal's shift: what the host has of it, and what the terminal said when it closed it.

use std::collections::{BTreeMap, BTreeSet};

use protocol::answer::Answer;
use protocol::field::Totals;
use protocol::frame::MessageType;
use serde::Serialize;

/// Count and sum of a kind of message; or of that part of its tender lines which was paid with one tender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The message's name; `declined` for all that were not approved.
    pub kind: String,
    /// Empty for the kind itself. Of loads, and of cash that was taken, a line for each tender says what it is made of.
    pub tender: String,
    pub count: u64,
    pub amount_minor: i64,
}

/// A kind of which terminal and host have counted differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub kind: String,
    pub terminal_count: i64,
    pub terminal_minor: i64,
    pub host_count: i64,
    pub host_minor: i64,
    /// What the host has of this kind in the shift.
    pub stans: Vec<Stan>,
}

/// A transaction that the host has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stan {
    pub stan: u32,
    pub amount_minor: i64,
    /// The entry that undid it, so that it counts no more; 0 for none.
    pub undone_by: u64,
    /// By itself it is as much as the difference.
    pub fits: bool,
}

/// A reconciliation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    pub entry: u64,
    /// Empty when terminal and host agree.
    pub differences: Vec<Difference>,
    /// STANs (first and last of each run) that the terminal went past and the journal does not have.
    pub missing: Vec<(u32, u32)>,
}

/// What one terminal did in one shift on one day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Batch {
    pub terminal: String,
    pub generation: u32,
    /// 0 for messages that named none.
    pub shift: u32,
    pub cashiers: BTreeSet<String>,
    pub lines: Vec<Line>,
    pub reconciled: Option<Reconciled>,
    /// By the end of the day.
    pub closed: bool,
}

/// A transaction of a shift, as it was decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub index: u64,
    pub stan: u32,
    pub message: u8,
    pub amount: i64,
}

/// A shift that is not reconciled yet.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Approved transactions that count in it.
    pub told: Vec<Told>,
    /// Where STANs of the terminal were left out meanwhile.
    pub missing: Vec<(u32, u32)>,
}

impl Run {
    /// A STAN that was left out has come after all.
    pub(super) fn came(&mut self, stan: u32) {
        let Some(at) = self.missing.iter().position(|(from, to)| (*from..=*to).contains(&stan)) else {
            return;
        };
        let (from, to) = self.missing.remove(at);
        let rest = [(from, stan.saturating_sub(1)), (stan.saturating_add(1), to)];
        self.missing.extend(rest.into_iter().filter(|(from, to)| from <= to));
        self.missing.sort_unstable();
    }

    /// Compares what the terminal said with what the host answered.
    pub(super) fn compare(
        &self,
        entry: u64,
        terminal: &Totals,
        answer: &Answer,
        undone: &BTreeMap<u64, u64>,
    ) -> Reconciled {
        let mut kinds: BTreeMap<u8, [(i64, i64); 2]> = BTreeMap::new();
        let host = answer.totals.as_ref().map_or(&[][..], Totals::as_slice);
        for (side, totals) in [terminal.as_slice(), host].into_iter().enumerate() {
            for total in totals {
                if let Some(place) = kinds.entry(total.kind.0).or_default().get_mut(side) {
                    *place = (i64::from(total.count), total.amount.get());
                }
            }
        }
        let differ = kinds.into_iter().filter(|(_, [terminal, host])| terminal != host);
        let differences = differ.map(|(kind, sides)| self.difference(kind, sides, undone));
        Reconciled { entry, differences: differences.collect(), missing: self.missing.clone() }
    }

    fn difference(
        &self,
        kind: u8,
        [(terminal_count, terminal_minor), (host_count, host_minor)]: [(i64, i64); 2],
        undone: &BTreeMap<u64, u64>,
    ) -> Difference {
        let more = host_count.saturating_sub(terminal_count);
        let by = host_minor.saturating_sub(terminal_minor);
        let stans = self.told.iter().filter(|told| told.message == kind).map(|told| {
            let undone_by = undone.get(&told.index).copied().unwrap_or(0);
            // The host counts it and the terminal does not, or the other way round because it is undone here.
            let sign = if undone_by == 0 { 1 } else { -1 };
            let fits = more == sign && by == told.amount.saturating_mul(sign);
            Stan { stan: told.stan, amount_minor: told.amount, undone_by, fits }
        });
        let stans = stans.collect();
        let kind = MessageType(kind).name().to_owned();
        Difference { kind, terminal_count, terminal_minor, host_count, host_minor, stans }
    }
}
