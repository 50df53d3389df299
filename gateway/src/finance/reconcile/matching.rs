//! Which line of a statement is which movement of the journal. Pure. By reference first; then, for what has none, by amount
//! and day where there is exactly one candidate on either side; never by a guess. A line whose reference a spreadsheet has spoilt
//! is at best possibly a movement.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;

use super::alike::{Alike, Found, may_be};
use super::outcome::{By, Group, Line, Movement, Outcome, Span, Window, apart};

/// Compares both sides. Lines and movements of other days only serve to match those of the window's, up to `tolerance` days away.
#[must_use]
pub fn compare(lines: Vec<Line>, movements: Vec<Movement>, window: Window) -> Outcome {
    let mut comparing = Comparing::new(&lines, &movements, window);
    comparing.by_reference();
    comparing.by_amount(0);
    comparing.by_amount(window.tolerance);
    comparing.untie();
    comparing.alike();
    comparing.outcome()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Matched,
    Differing,
    Ambiguous,
    /// Undone, with what undid it.
    Aside,
}

struct Comparing<'a> {
    lines: &'a [Line],
    movements: &'a [Movement],
    window: Window,
    line_fates: Vec<Fate>,
    movement_fates: Vec<Fate>,
    pairs: Vec<(usize, usize, By)>,
    differing: Vec<(usize, usize)>,
    ambiguous: Vec<(Vec<usize>, Vec<usize>)>,
    /// Undone payments with what undid them.
    aside: Vec<Vec<usize>>,
    /// Payments and what undid them, on either side of the edge of the days: the statement of these days may have one of them.
    tied: Vec<Vec<usize>>,
    is_tied: Vec<bool>,
    /// Of which undone payments a reference is.
    aside_of: HashMap<&'a str, Vec<usize>>,
    /// References that are on both sides: whatever is left of them is about that payment, and no other.
    shared: BTreeSet<&'a str>,
}

impl<'a> Comparing<'a> {
    fn new(lines: &'a [Line], movements: &'a [Movement], window: Window) -> Self {
        let mut comparing = Self {
            lines,
            movements,
            window,
            line_fates: vec![Fate::Open; lines.len()],
            movement_fates: vec![Fate::Open; movements.len()],
            pairs: Vec::new(),
            differing: Vec::new(),
            ambiguous: Vec::new(),
            aside: Vec::new(),
            tied: Vec::new(),
            is_tied: vec![false; movements.len()],
            aside_of: HashMap::new(),
            shared: BTreeSet::new(),
        };
        comparing.net();
        comparing
    }

    /// Sets aside what was undone, with what undid it.
    fn net(&mut self) {
        let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, movement) in self.movements.iter().enumerate() {
            if let Some(undone) = movement.undoes {
                groups.entry(undone).or_default().push(at);
            }
        }
        for (at, movement) in self.movements.iter().enumerate() {
            if let Some(group) = groups.get_mut(&movement.index) {
                group.push(at);
            }
        }
        for mut group in groups.into_values() {
            let sum = group.iter().map(|at| i128::from(self.movements[*at].amount)).sum::<i128>();
            if sum != 0 {
                continue;
            }
            group.sort_unstable();
            let within = group.iter().filter(|at| self.window.days.has(self.movements[**at].day)).count();
            if within == 0 || within == group.len() {
                self.set_aside(group);
            } else {
                group.iter().for_each(|at| self.is_tied[*at] = true);
                self.tied.push(group);
            }
        }
    }

    fn set_aside(&mut self, group: Vec<usize>) {
        group.iter().for_each(|at| self.movement_fates[*at] = Fate::Aside);
        if let Some(first) = group.first() {
            let reference = self.movements[*first].reference.as_str();
            self.aside_of.entry(reference).or_default().push(self.aside.len());
        }
        self.aside.push(group);
    }

    /// Of a payment that was undone beyond the edge of the days, and of which no line says anything, there is nothing to find.
    /// That takes a statement which has the payment's day.
    fn untie(&mut self) {
        for group in std::mem::take(&mut self.tied) {
            let open = group.iter().all(|at| self.movement_fates[*at] == Fate::Open);
            let earliest = group.iter().map(|at| self.movements[*at].day).min();
            let seen = |day| self.window.days.has(day) || self.window.seen.is_some_and(|seen| seen.has(day));
            if open && earliest.is_some_and(seen) {
                self.set_aside(group);
            }
        }
    }

    fn pair(&mut self, line: usize, movement: usize, by: By) {
        self.line_fates[line] = Fate::Matched;
        self.movement_fates[movement] = Fate::Matched;
        self.pairs.push((line, movement, by));
    }

    /// Lines with a reference that can be believed.
    fn named_lines(&self) -> impl Iterator<Item = (usize, &'a Line)> + use<'a> {
        self.lines.iter().enumerate().filter(|(_, line)| !line.reference.is_empty() && !line.cut)
    }

    fn by_reference(&mut self) {
        let mut both: BTreeMap<&'a str, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (at, line) in self.named_lines() {
            both.entry(&line.reference).or_default().0.push(at);
        }
        for (at, movement) in self.movements.iter().enumerate() {
            if let Some((_, movements)) = both.get_mut(movement.reference.as_str()) {
                movements.push(at);
            }
        }
        for (reference, (lines, movements)) in both {
            if movements.is_empty() {
                continue;
            }
            self.shared.insert(reference);
            self.equal(&lines, &movements);
            self.undone_on_both(reference, &lines, &movements);
            for sign in [1, -1] {
                self.unequal(&lines, &movements, sign);
            }
        }
    }

    /// Of one reference: those of one amount, in the order of their days. What is tied comes in where a line is left for it.
    fn equal(&mut self, lines: &[usize], movements: &[usize]) {
        let mut open: BTreeMap<i64, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for at in lines.iter().copied() {
            open.entry(self.lines[at].amount).or_default().0.push(at);
        }
        for at in movements.iter().copied().filter(|at| self.movement_fates[*at] == Fate::Open) {
            open.entry(self.movements[at].amount).or_default().1.push(at);
        }
        for (mut lines, mut movements) in open.into_values() {
            lines.sort_by_key(|at| self.lines[*at].day);
            movements.sort_by_key(|at| (self.is_tied[*at], self.movements[*at].day));
            movements.truncate(lines.len());
            movements.sort_by_key(|at| self.movements[*at].day);
            for (line, movement) in lines.into_iter().zip(movements) {
                self.pair(line, movement, By::Reference);
            }
        }
    }

    /// Of one reference: payments that were undone here, and in the statement too.
    fn undone_on_both(&mut self, reference: &str, lines: &[usize], movements: &[usize]) {
        for group in self.aside_of.get(reference).cloned().unwrap_or_default() {
            let members = self.aside[group].clone();
            if !members.iter().all(|at| movements.contains(at)) {
                continue;
            }
            let mut open: Vec<usize> =
                lines.iter().copied().filter(|at| self.line_fates[*at] == Fate::Open).collect();
            let mut found = Vec::new();
            for movement in &members {
                let amount = self.movements[*movement].amount;
                if let Some(at) = open.iter().position(|line| self.lines[*line].amount == amount) {
                    found.push((open.remove(at), *movement));
                }
            }
            if found.len() == members.len() {
                found.into_iter().for_each(|(line, movement)| self.pair(line, movement, By::Reference));
                self.aside[group].clear();
            }
        }
    }

    /// Of one reference: one payment (or refund) on either side whose amounts differ; of several nobody knows which is which.
    fn unequal(&mut self, lines: &[usize], movements: &[usize], sign: i64) {
        let lines: Vec<usize> = lines
            .iter()
            .copied()
            .filter(|at| self.line_fates[*at] == Fate::Open && self.lines[*at].amount.signum() == sign)
            .collect();
        let movements: Vec<usize> = movements
            .iter()
            .copied()
            .filter(|at| {
                self.movement_fates[*at] == Fate::Open && self.movements[*at].amount.signum() == sign
            })
            .collect();
        match (lines.as_slice(), movements.as_slice()) {
            ([], _) | (_, []) => {}
            ([line], [movement]) => {
                self.line_fates[*line] = Fate::Differing;
                self.movement_fates[*movement] = Fate::Differing;
                self.differing.push((*line, *movement));
            }
            _ => self.unclear(lines, movements),
        }
    }

    fn unclear(&mut self, lines: Vec<usize>, movements: Vec<usize>) {
        lines.iter().for_each(|at| self.line_fates[*at] = Fate::Ambiguous);
        movements.iter().for_each(|at| self.movement_fates[*at] = Fate::Ambiguous);
        self.ambiguous.push((lines, movements));
    }

    /// What is open and may be matched by its amount, by that.
    fn open(&self) -> BTreeMap<i64, Alike> {
        let mut open: BTreeMap<i64, Alike> = BTreeMap::new();
        let free = |reference: &str| reference.is_empty() || !self.shared.contains(reference);
        for (at, line) in self.lines.iter().enumerate() {
            if self.line_fates[at] == Fate::Open && (line.cut || free(&line.reference)) {
                open.entry(line.amount).or_default().lines.add(line.day, at);
            }
        }
        for (at, movement) in self.movements.iter().enumerate() {
            if self.movement_fates[at] == Fate::Open && free(&movement.reference) {
                open.entry(movement.amount).or_default().movements.add(movement.day, at);
            }
        }
        open.retain(|_, alike| !alike.lines.is_empty() && !alike.movements.is_empty());
        open
    }

    fn may_be(&self, line: usize, movement: usize) -> bool {
        may_be(&self.lines[line], &self.movements[movement])
    }

    /// Lines of that amount that a movement may be.
    fn lines_near(&self, alike: &Alike, movement: usize, tolerance: u32) -> Found {
        alike.lines.near(self.movements[movement].day, tolerance, |line| self.may_be(line, movement))
    }

    fn movements_near(&self, alike: &Alike, line: usize, tolerance: u32) -> Found {
        alike.movements.near(self.lines[line].day, tolerance, |movement| self.may_be(line, movement))
    }

    /// Those of one amount, up to so many days apart, of which each is the other's only candidate.
    fn by_amount(&mut self, tolerance: u32) {
        for alike in self.open().into_values() {
            for movement in alike.movements.all() {
                let Found::One(line) = self.lines_near(&alike, movement, tolerance) else { continue };
                if self.movements_near(&alike, line, tolerance) == Found::One(movement) {
                    let held = &self.lines[line];
                    let spoilt = held.cut
                        || !held.reference.is_empty() && !self.movements[movement].reference.is_empty();
                    self.pair(line, movement, if spoilt { By::Perhaps } else { By::Amount });
                }
            }
        }
    }

    /// What is left and has candidates, which are too many: in groups by amount and days.
    fn alike(&mut self) {
        let tolerance = self.window.tolerance;
        for alike in self.open().into_values() {
            let lines =
                alike.lines.all().filter(|at| self.movements_near(&alike, *at, tolerance) != Found::None);
            let movements =
                alike.movements.all().filter(|at| self.lines_near(&alike, *at, tolerance) != Found::None);
            let lines = lines.map(|at| (self.lines[at].day, Ok(at)));
            let movements = movements.map(|at| (self.movements[at].day, Err(at)));
            let mut those: Vec<(Date, Result<usize, usize>)> = lines.chain(movements).collect();
            those.sort_unstable();
            let near = |one: &(Date, _), other: &(Date, _)| apart(one.0, other.0) <= tolerance;
            for group in those.chunk_by(near) {
                let lines = group.iter().filter_map(|(_, side)| side.ok()).collect();
                self.unclear(lines, group.iter().filter_map(|(_, side)| side.err()).collect());
            }
        }
    }

    fn outcome(self) -> Outcome {
        let (lines, movements) = (self.lines, self.movements);
        let Window { days, tolerance, .. } = self.window;
        let mut outcome = Outcome::empty(days);
        let edge = lines
            .iter()
            .zip(&self.line_fates)
            .filter(|(line, fate)| matches!(fate, Fate::Open) && !days.has(line.day));
        outcome.other_days = u64::try_from(edge.count()).unwrap_or(u64::MAX);
        let mut pairs = self.pairs;
        pairs.extend(self.differing.into_iter().map(|(line, movement)| (line, movement, By::Reference)));
        pairs.sort_unstable_by_key(|(line, movement, _)| (*line, *movement));
        for (line, movement, by) in pairs {
            outcome.add(&lines[line], &movements[movement], by);
        }
        let late = outcome.matched.iter().enumerate().filter(|(_, pair)| pair.days > tolerance);
        outcome.late = late.map(|(at, _)| at).collect();
        for (those_lines, those_movements) in self.ambiguous {
            outcome.add_group(Group {
                lines: those_lines.into_iter().map(|at| lines[at].clone()).collect(),
                movements: those_movements.into_iter().map(|at| movements[at].clone()).collect(),
            });
        }
        let open = lines.iter().zip(&self.line_fates).filter(|(_, fate)| **fate == Fate::Open);
        outcome.missing_here = open.map(|(line, _)| line.clone()).filter(|line| days.has(line.day)).collect();
        let open = movements.iter().zip(&self.movement_fates).filter(|(_, fate)| **fate == Fate::Open);
        let open = open.map(|(movement, _)| movement.clone());
        outcome.missing_there = open.filter(|movement| days.has(movement.day)).collect();
        for group in self.aside.into_iter().filter(|group| !group.is_empty()) {
            let group: Vec<Movement> = group.into_iter().map(|at| movements[at].clone()).collect();
            if group.iter().any(|movement| days.has(movement.day)) {
                outcome.undone.push(group);
            }
        }
        let named = lines.iter().filter(|line| !line.cut);
        outcome.repeated_lines =
            repeated(named, days, |line| (line.reference.as_str(), line.amount, line.day));
        let standing = movements.iter().zip(&self.movement_fates).filter(|(_, fate)| **fate != Fate::Aside);
        outcome.repeated_movements = repeated(standing.map(|(movement, _)| movement), days, |movement| {
            (movement.reference.as_str(), movement.amount, movement.day)
        });
        outcome
    }
}

/// Payments of which several have one reference, one of them in these days. One that went back whole is none.
fn repeated<'a, T: Clone + 'a>(
    all: impl Iterator<Item = &'a T>,
    days: Span,
    of: impl Fn(&'a T) -> (&'a str, i64, Date),
) -> Vec<Vec<T>> {
    let mut by: BTreeMap<&str, (Vec<&T>, Vec<i64>)> = BTreeMap::new();
    for one in all {
        match of(one) {
            ("", ..) => {}
            (reference, amount, _) if amount < 0 => by.entry(reference).or_default().1.push(amount),
            (reference, ..) => by.entry(reference).or_default().0.push(one),
        }
    }
    let groups = by.into_values().map(|(mut paid, back)| {
        for amount in back {
            if let Some(at) = paid.iter().position(|one| of(one).1 == amount.saturating_neg()) {
                paid.remove(at);
            }
        }
        paid
    });
    let several = groups.filter(|paid| paid.len() > 1 && paid.iter().any(|one| days.has(of(one).2)));
    several.map(|paid| paid.into_iter().cloned().collect()).collect()
}
