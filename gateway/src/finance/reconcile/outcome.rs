//! Both sides of a comparison, and what came of it.

use jiff::ToSpan as _;
use jiff::civil::Date;

/// A line of the statement; money that came is above zero, money that went back below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub line: u64,
    /// Empty for none.
    pub reference: String,
    /// Minor units.
    pub amount: i64,
    pub day: Date,
}

/// What a tender took, or got back (below zero), by an entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Of the entry.
    pub index: u64,
    /// The entry that this one has undone.
    pub undoes: Option<u64>,
    /// Of the tender line, which a refund has of its load; empty for none.
    pub reference: String,
    /// Minor units.
    pub amount: i64,
    pub day: Date,
    /// The message or act, by name.
    pub what: String,
    /// Whose request: terminal, generation and STAN; empty for an act.
    pub request: String,
    pub store: String,
}

/// Days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Date,
    pub to: Date,
}

impl Span {
    #[must_use]
    pub fn has(self, day: Date) -> bool {
        (self.from..=self.to).contains(&day)
    }

    /// With so many days more at either end.
    #[must_use]
    pub fn wider(self, days: u32) -> Self {
        let days = i64::from(days).days();
        Self { from: self.from.saturating_sub(days), to: self.to.saturating_add(days) }
    }
}

/// What two sides were found the same by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Reference,
    Amount,
}

/// A line and its movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub line: Line,
    pub movement: Movement,
    pub by: By,
    /// How many days lie between the two.
    pub days: u32,
}

/// Lines and movements that cannot be told apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    pub lines: Vec<Line>,
    pub movements: Vec<Movement>,
}

/// What became of every line and every movement of the time; each is in exactly one of the lists up to `missing_there`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    pub matched: Vec<Pair>,
    /// The same reference, another amount.
    pub differing: Vec<Pair>,
    pub ambiguous: Vec<Group>,
    /// In the statement only.
    pub missing_here: Vec<Line>,
    /// In the journal only.
    pub missing_there: Vec<Movement>,
    /// Payments that were undone here, with what undid them, and not in the statement either: they come to nothing.
    pub undone: Vec<Vec<Movement>>,
    /// Payments of the statement with one reference.
    pub repeated_lines: Vec<Vec<Line>>,
    /// Payments of the journal with one reference.
    pub repeated_movements: Vec<Vec<Movement>>,
    /// Matched, and further apart than the map allows: positions in `matched`.
    pub late: Vec<usize>,
}

/// Number and sum on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub lines: u64,
    pub statement: i128,
    pub movements: u64,
    pub here: i128,
}

impl Totals {
    fn of<'a>(
        lines: impl IntoIterator<Item = &'a Line>,
        movements: impl IntoIterator<Item = &'a Movement>,
    ) -> Self {
        let mut totals = Self::default();
        for line in lines {
            totals.lines = totals.lines.saturating_add(1);
            totals.statement = totals.statement.saturating_add(i128::from(line.amount));
        }
        for movement in movements {
            totals.movements = totals.movements.saturating_add(1);
            totals.here = totals.here.saturating_add(i128::from(movement.amount));
        }
        totals
    }

    #[must_use]
    pub fn difference(self) -> i128 {
        self.statement.saturating_sub(self.here)
    }
}

impl Outcome {
    /// Whether all of it is the same on either side.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.differing.is_empty()
            && self.ambiguous.is_empty()
            && self.missing_here.is_empty()
            && self.missing_there.is_empty()
            && self.late.is_empty()
    }

    /// By name: matched by reference, by amount, differing, ambiguous, missing here, missing there, and all together.
    #[must_use]
    pub fn totals(&self) -> [(&'static str, Totals); 7] {
        let pairs = |pairs: &[Pair], by: Option<By>| {
            let those = || pairs.iter().filter(move |pair| by.is_none_or(|by| pair.by == by));
            Totals::of(those().map(|pair| &pair.line), those().map(|pair| &pair.movement))
        };
        let ambiguous = Totals::of(
            self.ambiguous.iter().flat_map(|group| &group.lines),
            self.ambiguous.iter().flat_map(|group| &group.movements),
        );
        let parts = [
            ("matched by reference", pairs(&self.matched, Some(By::Reference))),
            ("matched by amount", pairs(&self.matched, Some(By::Amount))),
            ("amount differs", pairs(&self.differing, None)),
            ("ambiguous", ambiguous),
            ("missing here", Totals::of(&self.missing_here, [])),
            ("missing in the statement", Totals::of([], &self.missing_there)),
        ];
        let mut all = Totals::default();
        for (_, part) in &parts {
            all.lines = all.lines.saturating_add(part.lines);
            all.statement = all.statement.saturating_add(part.statement);
            all.movements = all.movements.saturating_add(part.movements);
            all.here = all.here.saturating_add(part.here);
        }
        let [first, second, third, fourth, fifth, sixth] = parts;
        [first, second, third, fourth, fifth, sixth, ("in all", all)]
    }
}
