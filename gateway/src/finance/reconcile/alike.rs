//! Both sides of one amount: which lines and movements may be each other, by day and by what their references say.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::outcome::{Line, Movement, Span};
use super::spoiled::could_become;

/// Two different references are two payments, unless a spreadsheet may have made one of the other.
pub(super) fn may_be(line: &Line, movement: &Movement) -> bool {
    line.reference.is_empty()
        || movement.reference.is_empty()
        || could_become(&line.reference, &movement.reference)
}

/// Both sides of one amount.
#[derive(Default)]
pub(super) struct Alike {
    pub lines: Side,
    pub movements: Side,
}

/// By day.
#[derive(Default)]
pub(super) struct Side(BTreeMap<Date, Vec<usize>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    None,
    One(usize),
    Several,
}

impl Side {
    pub(super) fn add(&mut self, day: Date, at: usize) {
        self.0.entry(day).or_default().push(at);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        self.0.values().flatten().copied()
    }

    /// What may be the same as something of that day.
    pub(super) fn near(&self, day: Date, tolerance: u32, may: impl Fn(usize) -> bool) -> Found {
        let Span { from, to } = Span { from: day, to: day }.wider(tolerance);
        let mut found = Found::None;
        for at in self.0.range(from..=to).flat_map(|(_, those)| those).copied().filter(|at| may(*at)) {
            if found != Found::None {
                return Found::Several;
            }
            found = Found::One(at);
        }
        found
    }
}
