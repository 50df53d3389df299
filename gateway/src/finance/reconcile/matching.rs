//! Which line of a statement is which movement of the journal. Pure. By reference first; then, for what has none, by amount
//! and day where there is exactly one candidate on either side; never by a guess.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;

use super::outcome::{By, Group, Line, Movement, Outcome, Pair, Span};

/// Compares both sides. Lines and movements of other days only serve to match those of `days`, up to `tolerance` days away.
#[must_use]
pub fn compare(lines: Vec<Line>, movements: Vec<Movement>, days: Span, tolerance: u32) -> Outcome {
    let mut comparing = Comparing::new(&lines, &movements);
    comparing.by_reference();
    comparing.by_amount(0);
    comparing.by_amount(tolerance);
    comparing.alike(tolerance);
    comparing.outcome(days, tolerance)
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
    line_fates: Vec<Fate>,
    movement_fates: Vec<Fate>,
    pairs: Vec<(usize, usize, By)>,
    differing: Vec<(usize, usize)>,
    ambiguous: Vec<(Vec<usize>, Vec<usize>)>,
    /// Undone payments with what undid them.
    aside: Vec<Vec<usize>>,
    /// Of which undone payments a reference is.
    aside_of: HashMap<&'a str, Vec<usize>>,
    /// References that are on both sides: whatever is left of them is about that payment, and no other.
    shared: BTreeSet<&'a str>,
}

impl<'a> Comparing<'a> {
    fn new(lines: &'a [Line], movements: &'a [Movement]) -> Self {
        let mut comparing = Self {
            lines,
            movements,
            line_fates: vec![Fate::Open; lines.len()],
            movement_fates: vec![Fate::Open; movements.len()],
            pairs: Vec::new(),
            differing: Vec::new(),
            ambiguous: Vec::new(),
            aside: Vec::new(),
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
            if sum == 0 {
                group.sort_unstable();
                group.iter().for_each(|at| self.movement_fates[*at] = Fate::Aside);
                if let Some(first) = group.first() {
                    let reference = self.movements[*first].reference.as_str();
                    self.aside_of.entry(reference).or_default().push(self.aside.len());
                }
                self.aside.push(group);
            }
        }
    }

    fn pair(&mut self, line: usize, movement: usize, by: By) {
        self.line_fates[line] = Fate::Matched;
        self.movement_fates[movement] = Fate::Matched;
        self.pairs.push((line, movement, by));
    }

    fn by_reference(&mut self) {
        let mut both: BTreeMap<&'a str, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (at, line) in self.lines.iter().enumerate().filter(|(_, line)| !line.reference.is_empty()) {
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

    /// Of one reference: those of one amount, in the order of their days.
    fn equal(&mut self, lines: &[usize], movements: &[usize]) {
        let mut open: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for at in movements.iter().copied().filter(|at| self.movement_fates[*at] == Fate::Open) {
            open.entry(self.movements[at].amount).or_default().push(at);
        }
        open.values_mut().for_each(|same| same.sort_by_key(|at| std::cmp::Reverse(self.movements[*at].day)));
        let mut lines = lines.to_vec();
        lines.sort_by_key(|at| self.lines[*at].day);
        for line in lines {
            let same = open.get_mut(&self.lines[line].amount);
            if let Some(movement) = same.and_then(Vec::pop) {
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
            if self.line_fates[at] == Fate::Open && free(&line.reference) {
                open.entry(line.amount).or_default().lines.add(line.day, &line.reference, at);
            }
        }
        for (at, movement) in self.movements.iter().enumerate() {
            if self.movement_fates[at] == Fate::Open && free(&movement.reference) {
                let alike = open.entry(movement.amount).or_default();
                alike.movements.add(movement.day, &movement.reference, at);
            }
        }
        open.retain(|_, alike| !alike.lines.0.is_empty() && !alike.movements.0.is_empty());
        open
    }

    /// Those of one amount, up to so many days apart, of which each is the other's only candidate.
    fn by_amount(&mut self, tolerance: u32) {
        for alike in self.open().into_values() {
            for movement in alike.movements.all() {
                let held = &self.movements[movement];
                let Found::One(line) = alike.lines.near(held.day, tolerance, &held.reference) else {
                    continue;
                };
                let held = &self.lines[line];
                if alike.movements.near(held.day, tolerance, &held.reference) == Found::One(movement) {
                    self.pair(line, movement, By::Amount);
                }
            }
        }
    }

    /// What is left and has candidates, which are too many: in groups by amount and days.
    fn alike(&mut self, tolerance: u32) {
        for alike in self.open().into_values() {
            let lines = alike.lines.all().filter(|at| {
                let held = &self.lines[*at];
                alike.movements.near(held.day, tolerance, &held.reference) != Found::None
            });
            let movements = alike.movements.all().filter(|at| {
                let held = &self.movements[*at];
                alike.lines.near(held.day, tolerance, &held.reference) != Found::None
            });
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

    fn outcome(self, days: Span, tolerance: u32) -> Outcome {
        let (lines, movements) = (self.lines, self.movements);
        let in_days =
            |line: usize, movement: usize| days.has(lines[line].day) || days.has(movements[movement].day);
        let pair = |line: usize, movement: usize, by| {
            let (line, movement) = (lines[line].clone(), movements[movement].clone());
            let days = apart(line.day, movement.day);
            Pair { line, movement, by, days }
        };
        let mut outcome = Outcome::default();
        let mut pairs = self.pairs;
        pairs.sort_unstable_by_key(|(line, movement, _)| (*line, *movement));
        let pairs = pairs.into_iter().filter(|(line, movement, _)| in_days(*line, *movement));
        outcome.matched = pairs.map(|(line, movement, by)| pair(line, movement, by)).collect();
        let late = outcome.matched.iter().enumerate().filter(|(_, pair)| pair.days > tolerance);
        outcome.late = late.map(|(at, _)| at).collect();
        let differing = self.differing.into_iter().filter(|(line, movement)| in_days(*line, *movement));
        outcome.differing = differing.map(|(line, movement)| pair(line, movement, By::Reference)).collect();
        for (those_lines, those_movements) in self.ambiguous {
            let group = Group {
                lines: those_lines.into_iter().map(|at| lines[at].clone()).collect(),
                movements: those_movements.into_iter().map(|at| movements[at].clone()).collect(),
            };
            let all = group.lines.iter().map(|line| line.day);
            if all.chain(group.movements.iter().map(|movement| movement.day)).any(|day| days.has(day)) {
                outcome.ambiguous.push(group);
            }
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
        outcome.repeated_lines =
            repeated(lines.iter().filter(|line| line.amount > 0 && days.has(line.day)), |line| {
                &line.reference
            });
        let standing = movements.iter().zip(&self.movement_fates).filter(|(movement, fate)| {
            **fate != Fate::Aside
                && movement.undoes.is_none()
                && movement.amount > 0
                && days.has(movement.day)
        });
        outcome.repeated_movements =
            repeated(standing.map(|(movement, _)| movement), |movement| &movement.reference);
        outcome
    }
}

/// Those of which several have one reference.
fn repeated<'a, T: Clone + 'a>(
    all: impl Iterator<Item = &'a T>,
    reference: impl Fn(&'a T) -> &'a str,
) -> Vec<Vec<T>> {
    let mut by: HashMap<&str, Vec<&T>> = HashMap::new();
    let mut order = Vec::new();
    for one in all.filter(|one| !reference(one).is_empty()) {
        let same = by.entry(reference(one)).or_default();
        if same.len() == 1 {
            order.push(reference(one));
        }
        same.push(one);
    }
    order.into_iter().filter_map(|of| by.remove(of)).map(|same| same.into_iter().cloned().collect()).collect()
}

fn apart(one: Date, other: Date) -> u32 {
    one.until(other).map_or(u32::MAX, |span| span.get_days().unsigned_abs())
}

/// Both sides of one amount.
#[derive(Default)]
struct Alike {
    lines: Side,
    movements: Side,
}

/// By day: those without a reference, and those with one.
#[derive(Default)]
struct Side(BTreeMap<Date, [Vec<usize>; 2]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    None,
    One(usize),
    Several,
}

impl Side {
    fn add(&mut self, day: Date, reference: &str, at: usize) {
        let [without, with] = self.0.entry(day).or_default();
        if reference.is_empty() { without.push(at) } else { with.push(at) }
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        self.0.values().flatten().flatten().copied()
    }

    /// What may be the same as something of that day. Two references that are not the same are two payments.
    fn near(&self, day: Date, tolerance: u32, reference: &str) -> Found {
        let Span { from, to } = Span { from: day, to: day }.wider(tolerance);
        let mut found = Found::None;
        for [without, with] in self.0.range(from..=to).map(|(_, both)| both) {
            let with = with.iter().filter(|_| reference.is_empty());
            for at in without.iter().chain(with) {
                if found != Found::None {
                    return Found::Several;
                }
                found = Found::One(*at);
            }
        }
        found
    }
}
