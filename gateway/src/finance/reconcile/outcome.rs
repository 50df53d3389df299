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
    /// What the provider kept of it; below zero for what came back with a refund.
    pub fee: i64,
    /// A spreadsheet has spoilt its reference.
    pub cut: bool,
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

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The days whose payments are asked for.
    pub days: Span,
    /// Most days between a payment and its line.
    pub tolerance: u32,
    /// First and last day that the statement has.
    pub seen: Option<Span>,
}

/// What two sides were found the same by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Reference,
    Amount,
    /// By amount too, and a spreadsheet has spoilt the reference that would have said so.
    Perhaps,
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

/// What became of every line and every movement of the days; each is in exactly one of the lists up to `missing_there`. A pair
/// belongs to the day of its movement, so that the payments of two times are together those of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub days: Span,
    pub matched: Vec<Pair>,
    /// The same reference, another amount.
    pub differing: Vec<Pair>,
    /// The same but for a reference that a spreadsheet has spoilt.
    pub possible: Vec<Pair>,
    pub ambiguous: Vec<Group>,
    /// In the statement only.
    pub missing_here: Vec<Line>,
    /// In the journal only.
    pub missing_there: Vec<Movement>,
    /// Lines of these days whose payments are of other days.
    pub elsewhere: Vec<Pair>,
    /// Lines of other days that are about nothing of these days.
    pub other_days: u64,
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
    /// What the provider kept of the lines.
    pub fees: i128,
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
            totals.fees = totals.fees.saturating_add(i128::from(line.fee));
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
    pub(super) fn empty(days: Span) -> Self {
        Self {
            days,
            matched: Vec::new(),
            differing: Vec::new(),
            possible: Vec::new(),
            ambiguous: Vec::new(),
            missing_here: Vec::new(),
            missing_there: Vec::new(),
            elsewhere: Vec::new(),
            other_days: 0,
            undone: Vec::new(),
            repeated_lines: Vec::new(),
            repeated_movements: Vec::new(),
            late: Vec::new(),
        }
    }

    /// Puts a pair where it belongs.
    pub(super) fn add(&mut self, line: &Line, movement: &Movement, by: By) {
        let (of_line, of_movement) = (self.days.has(line.day), self.days.has(movement.day));
        if !of_line && (by == By::Perhaps || !of_movement) {
            self.other_days = self.other_days.saturating_add(1);
        }
        if !of_line && !of_movement {
            return;
        }
        let days = apart(line.day, movement.day);
        let pair = Pair { line: line.clone(), movement: movement.clone(), by, days };
        let list = match by {
            By::Perhaps => &mut self.possible,
            _ if !of_movement => &mut self.elsewhere,
            _ if line.amount != movement.amount => &mut self.differing,
            _ => &mut self.matched,
        };
        list.push(pair);
    }

    /// A group of which anything is of these days.
    pub(super) fn add_group(&mut self, group: Group) {
        let others = group.lines.iter().filter(|line| !self.days.has(line.day)).count();
        self.other_days = self.other_days.saturating_add(u64::try_from(others).unwrap_or(u64::MAX));
        let of_days = others < group.lines.len();
        if of_days || group.movements.iter().any(|movement| self.days.has(movement.day)) {
            self.ambiguous.push(group);
        }
    }

    /// Whether all of it is the same on either side.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.differing.is_empty()
            && self.possible.is_empty()
            && self.ambiguous.is_empty()
            && self.missing_here.is_empty()
            && self.missing_there.is_empty()
            && self.late.is_empty()
            && self.repeated_lines.is_empty()
            && self.repeated_movements.is_empty()
            && self.elsewhere.iter().all(|pair| pair.line.amount == pair.movement.amount)
    }

    /// By name: matched by reference, by amount, differing, possible, ambiguous, missing here, missing there, and all together.
    #[must_use]
    pub fn totals(&self) -> [(&'static str, Totals); 8] {
        let those = |pairs: &[Pair], by: Option<By>| {
            let those = || pairs.iter().filter(move |pair| by.is_none_or(|by| pair.by == by));
            Totals::of(those().map(|pair| &pair.line), those().map(|pair| &pair.movement))
        };
        // What is no pair for certain belongs to its own day, on either side.
        let line = |line: &&Line| self.days.has(line.day);
        let movement = |movement: &&Movement| self.days.has(movement.day);
        let possible = Totals::of(
            self.possible.iter().map(|pair| &pair.line).filter(line),
            self.possible.iter().map(|pair| &pair.movement).filter(movement),
        );
        let ambiguous = Totals::of(
            self.ambiguous.iter().flat_map(|group| &group.lines).filter(line),
            self.ambiguous.iter().flat_map(|group| &group.movements).filter(movement),
        );
        let parts = [
            ("matched by reference", those(&self.matched, Some(By::Reference))),
            ("matched by amount", those(&self.matched, Some(By::Amount))),
            ("amount differs", those(&self.differing, None)),
            ("possible", possible),
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
            all.fees = all.fees.saturating_add(part.fees);
        }
        let [first, second, third, fourth, fifth, sixth, seventh] = parts;
        [first, second, third, fourth, fifth, sixth, seventh, ("in all", all)]
    }

    /// All of it.
    #[must_use]
    pub fn all(&self) -> Totals {
        let [.., (_, all)] = self.totals();
        all
    }

    /// How many times as much as ours each amount of the statement is, when that is 100 or a hundredth: the unit is wrong.
    #[must_use]
    pub fn in_another_unit(&self) -> Option<&'static str> {
        let all = |fits: &dyn Fn(i128, i128) -> bool| {
            self.differing.iter().all(|pair| fits(pair.line.amount.into(), pair.movement.amount.into()))
        };
        let hundred = |one: i128, other: i128| one == other.saturating_mul(100);
        if self.differing.is_empty() {
            None
        } else if all(&hundred) {
            Some("minor")
        } else if all(&|line, here| hundred(here, line)) {
            Some("major")
        } else {
            None
        }
    }
}

pub(super) fn apart(one: Date, other: Date) -> u32 {
    one.until(other).map_or(u32::MAX, |span| span.get_days().unsigned_abs())
}
