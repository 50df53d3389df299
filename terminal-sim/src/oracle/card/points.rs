//! The points of a card, which are its own whoever's money it spends, lot by lot, and what it owes of them.

use super::purse::{Part, has_ended, sum};
use crate::oracle::happened::Happened;

/// Points that came or went: in which lots of the card, and in what it owes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Points {
    pub(super) parts: Vec<Part>,
    pub(super) debt: i64,
}

impl Points {
    /// What came to the card, or went from it.
    pub(super) fn card(&self) -> i64 {
        sum(self.parts.iter().map(|part| part.amount))
    }

    /// The lot that what it gave went to.
    pub(super) fn lot(&self) -> Option<usize> {
        self.parts.iter().rev().find(|part| part.amount > 0).map(|part| part.lot)
    }
}

/// Points that end together.
#[derive(Clone, Copy, Debug)]
struct Lot {
    amount: i64,
    ends: Option<i64>,
}

/// What a card has of them, in the order in which lots were opened, and what it owes.
#[derive(Clone, Debug, Default)]
pub(super) struct PointsHeld {
    lots: Vec<Lot>,
    debt: i64,
    /// What has ended by then is gone.
    now: i64,
}

impl PointsHeld {
    /// It is so late: what has ended is gone.
    pub(super) fn end(&mut self, time: i64) -> Happened {
        let mut happened = Happened::default();
        self.now = self.now.max(time);
        for lot in self.lots.iter_mut().filter(|lot| has_ended(lot.ends, self.now) && lot.amount > 0) {
            happened.points_lots = happened.points_lots.saturating_add(1);
            happened.points = happened.points.saturating_add(lot.amount);
            lot.amount = 0;
        }
        happened
    }

    /// What can be spent now.
    pub(super) fn held(&self) -> i64 {
        sum(self.lots.iter().filter(|lot| !has_ended(lot.ends, self.now)).map(|lot| lot.amount))
    }

    /// Nothing is below zero.
    pub(super) fn is_sound(&self) -> bool {
        self.debt >= 0 && self.lots.iter().all(|lot| lot.amount >= 0)
    }

    /// How many lots have something in them.
    pub(super) fn alive(&self) -> usize {
        self.lots.iter().filter(|lot| lot.amount != 0).count()
    }

    /// Whether there are so many points.
    pub(super) fn has(&self, points: i64) -> bool {
        points <= self.held()
    }

    /// Points that the card owes.
    pub(super) const fn debt(&self) -> i64 {
        self.debt
    }

    /// Pays with points, of the lots that end first, the oldest of them first.
    pub(super) fn pay(&mut self, points: i64) -> Vec<Part> {
        let mut lots: Vec<usize> = (0..self.lots.len()).filter(|lot| !self.is_over(*lot)).collect();
        lots.sort_by_key(|lot| self.ends(*lot).unwrap_or(i64::MAX));
        self.take_of(lots, points).0
    }

    /// Earns points that end then: they pay what the card owes first.
    pub(super) fn earn(&mut self, points: i64, ends: Option<i64>) -> Points {
        let repaid = self.repay(points);
        let parts = self.put(points.saturating_sub(repaid), ends, usize::MAX);
        Points { parts, debt: repaid.saturating_neg() }
    }

    /// Takes points back, of this lot first, then of the oldest: what the card no longer has, it owes.
    pub(super) fn take(&mut self, points: i64, lot: Option<usize>) -> Points {
        let (parts, missing) = self.take_back(points, lot);
        self.debt = self.debt.saturating_add(missing);
        Points { parts, debt: missing }
    }

    /// Points that had paid, these parts of lots, come back: they pay what the card owes first. To a lot that has ended they come
    /// as a new one that ends then; says how many of those there were.
    pub(super) fn bring_back(&mut self, mut parts: Vec<Part>, grace: Option<i64>) -> (Points, u64) {
        let mut repaid = self.repay(sum(parts.iter().map(|part| part.amount)));
        let debt = repaid.saturating_neg();
        for part in &mut parts {
            let off = part.amount.min(repaid);
            repaid = repaid.saturating_sub(off);
            part.amount = part.amount.saturating_sub(off);
        }
        let (among, mut late, mut done) = (self.lots.len(), 0_u64, Vec::new());
        for part in parts.into_iter().filter(|part| part.amount > 0) {
            if self.is_over(part.lot) {
                late = late.saturating_add(1);
                done.extend(self.put(part.amount, grace, among));
            } else {
                self.post(part.lot, part.amount);
                done.push(part);
            }
        }
        (Points { parts: done, debt }, late)
    }

    /// The opposite of what paid and of what was done: what it took goes back first. Points that a refund brought back must be in
    /// their very lots; others come from wherever they are, and what is missing is owed. What was owed by it and is repaid by now
    /// comes back as points that end then. Says by how much the card's points change; `None` when it cannot be.
    pub(super) fn undo(
        &mut self,
        paid: &[Part],
        done: &Points,
        is_refund: bool,
        ends: Option<i64>,
    ) -> Option<i64> {
        let (mut change, mut missing) = (0_i64, 0_i64);
        let taken = done.parts.iter().copied().filter(|part| part.amount < 0);
        let taken = taken.map(|part| Part { amount: part.amount.saturating_neg(), ..part });
        for part in paid.iter().copied().chain(taken) {
            self.post(part.lot, part.amount);
            change = change.saturating_add(part.amount);
        }
        for part in done.parts.iter().filter(|part| part.amount > 0) {
            if is_refund {
                let there = self.lots.get(part.lot).is_some_and(|lot| lot.amount >= part.amount);
                self.post(part.lot, part.amount.saturating_neg());
                change = there.then(|| change.saturating_sub(part.amount))?;
            } else {
                let (parts, gone) = self.take_back(part.amount, Some(part.lot));
                change = change.saturating_add(sum(parts.iter().map(|part| part.amount)));
                missing = missing.saturating_add(gone);
            }
        }
        let wanted = missing.saturating_sub(done.debt);
        let repaid = self.debt.saturating_add(wanted).min(0).saturating_neg();
        self.debt = self.debt.saturating_add(wanted).saturating_add(repaid);
        self.put(repaid, ends, usize::MAX);
        Some(change.saturating_add(repaid))
    }

    /// So much of what the card owes is paid for with money.
    pub(super) fn pay_debt(&mut self, points: i64) {
        self.debt = self.debt.saturating_sub(points);
    }

    /// Takes over all that another card has and owes; says by how much the numbers of its lots have grown.
    pub(super) fn take_over(&mut self, other: &mut PointsHeld) -> usize {
        let now = self.now.max(other.now);
        let PointsHeld { lots, debt, .. } =
            std::mem::replace(other, PointsHeld { now, ..PointsHeld::default() });
        let offset = self.lots.len();
        self.lots.extend(lots);
        self.debt = self.debt.saturating_add(debt);
        offset
    }

    /// Makes the points those that the gateway says, where it was not believed to be right.
    pub(super) fn force(&mut self, said: i64) {
        let amount = said.saturating_sub(self.held());
        self.lots.extend((amount != 0).then_some(Lot { amount, ends: None }));
    }

    /// What of so many points pays what the card owes.
    fn repay(&mut self, points: i64) -> i64 {
        let repaid = points.min(self.debt).max(0);
        self.debt = self.debt.saturating_sub(repaid);
        repaid
    }

    /// To the last lot among the first so many that ends then, or to a new one.
    fn put(&mut self, points: i64, ends: Option<i64>, among: usize) -> Vec<Part> {
        if points == 0 {
            return Vec::new();
        }
        let same = |lot: &Lot| lot.ends == ends && lot.amount != 0;
        let lot = self.lots.iter().take(among).rposition(same).unwrap_or(self.lots.len());
        if lot == self.lots.len() {
            self.lots.push(Lot { amount: 0, ends });
        }
        self.post(lot, points);
        vec![Part { lot, amount: points }]
    }

    fn take_back(&mut self, points: i64, lot: Option<usize>) -> (Vec<Part>, i64) {
        let others = (0..self.lots.len()).filter(|other| Some(*other) != lot);
        let order: Vec<usize> = lot.into_iter().chain(others).collect();
        self.take_of(order, points)
    }

    /// Takes points of lots in this order; says what was missing.
    fn take_of(&mut self, lots: Vec<usize>, points: i64) -> (Vec<Part>, i64) {
        let (mut missing, mut parts) = (points, Vec::new());
        for lot in lots {
            let there = self.lots.get(lot).map_or(0, |lot| lot.amount);
            let amount = there.min(missing).max(0);
            missing = missing.saturating_sub(amount);
            if amount > 0 {
                self.post(lot, amount.saturating_neg());
                parts.push(Part { lot, amount: amount.saturating_neg() });
            }
        }
        (parts, missing)
    }

    fn post(&mut self, lot: usize, points: i64) {
        if let Some(lot) = self.lots.get_mut(lot) {
            lot.amount = lot.amount.saturating_add(points);
        }
    }

    fn ends(&self, lot: usize) -> Option<i64> {
        self.lots.get(lot).and_then(|lot| lot.ends)
    }

    fn is_over(&self, lot: usize) -> bool {
        has_ended(self.ends(lot), self.now)
    }
}
