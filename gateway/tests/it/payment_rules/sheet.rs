//! One card's sheet of paper: lots, holds and points debt, and what an entry writes on it.

use super::calendar::{bonus_end, grace_end, points_end};
use super::world::MOST;

pub(super) const PRINCIPAL: u8 = 1;
pub(super) const BONUS: u8 = 2;
pub(super) const POINTS: u8 = 16;
/// From so many lots on a load joins one that ends with it.
const MANY_LOTS: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Account {
    /// By till's store, and tender.
    Clearing(&'static str, u8),
    Redemption(&'static str),
    BonusExpense,
    PointsExpense,
    PointsOwed,
    PointsPayment,
    Breakage,
    PointsBreakage,
}

impl Account {
    pub(super) fn name(self) -> String {
        match self {
            Self::Clearing(store, tender) => format!("clearing:{store}:{tender}"),
            Self::Redemption(store) => format!("redemption:{store}"),
            Self::BonusExpense => "bonus-expense".into(),
            Self::PointsExpense => "points-expense".into(),
            Self::PointsOwed => "receivable:points".into(),
            Self::PointsPayment => "points-payment".into(),
            Self::Breakage | Self::PointsBreakage => "breakage".into(),
        }
    }

    pub(super) fn counts_points(self) -> bool {
        matches!(self, Self::PointsExpense | Self::PointsOwed | Self::PointsBreakage)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Issued,
    Active,
    Blocked,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Lot {
    pub(super) kind: u8,
    pub(super) amount: i64,
    pub(super) ends: Option<i64>,
    pub(super) source: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Hold {
    /// The request that opened it, and its entry.
    pub(super) request: usize,
    pub(super) index: u64,
    pub(super) ends: i64,
    pub(super) parts: Vec<(usize, i64)>,
}

impl Hold {
    pub(super) fn held(&self) -> i64 {
        self.parts.iter().map(|part| part.1).sum()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub(super) status: Status,
    /// A card that was loaded once is never sold again.
    pub(super) was_loaded: bool,
    pub(super) debt: i64,
    /// Never taken out; one at zero is closed.
    pub(super) lots: Vec<Lot>,
    pub(super) holds: Vec<Hold>,
}

/// A line of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line {
    Lot(usize, i64),
    Named(Account, i64),
}

/// A card's sheet while an entry is written on it. The expiries that stand in front are apart from the entry's own lines.
pub(super) struct Draft {
    pub(super) sheet: Sheet,
    pub(super) now: i64,
    /// Entry that is being written.
    pub(super) index: u64,
    pub(super) expired: Vec<(Account, i64)>,
    pub(super) lapsed: Vec<usize>,
    pub(super) lines: Vec<Line>,
    pub(super) debt: i64,
    /// Lots at zero that got something back: what comes back as a new lot joins none of them.
    reopened: Vec<usize>,
}

impl Sheet {
    pub(super) fn new() -> Self {
        Self { status: Status::Issued, was_loaded: false, debt: 0, lots: Vec::new(), holds: Vec::new() }
    }

    pub(super) fn free(&self, lot: usize) -> i64 {
        let parts = self.holds.iter().flat_map(|hold| &hold.parts);
        self.lots[lot].amount - parts.filter(|part| part.0 == lot).map(|part| part.1).sum::<i64>()
    }

    fn open(&self) -> usize {
        self.lots.iter().filter(|lot| lot.amount > 0).count()
    }
}

impl Draft {
    pub(super) fn new(sheet: &Sheet, now: i64, index: u64) -> Self {
        let sheet = sheet.clone();
        let (expired, lapsed, lines, reopened) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut draft = Self { sheet, now, index, expired, lapsed, lines, debt: 0, reopened };
        draft.lapsed =
            draft.sheet.holds.iter().filter(|hold| hold.ends <= now).map(|hold| hold.request).collect();
        draft.sheet.holds.retain(|hold| hold.ends > now);
        for lot in 0..draft.sheet.lots.len() {
            let free = draft.sheet.free(lot);
            if draft.is_over(lot) && free > 0 {
                let points = draft.sheet.lots[lot].kind == POINTS;
                draft.sheet.lots[lot].amount -= free;
                draft.expired.push((if points { Account::PointsBreakage } else { Account::Breakage }, free));
            }
        }
        draft
    }

    fn is_over(&self, lot: usize) -> bool {
        self.sheet.lots[lot].ends.is_some_and(|ends| ends <= self.now)
    }

    pub(super) fn lot(&mut self, lot: usize, amount: i64) {
        if amount != 0 {
            self.sheet.lots[lot].amount += amount;
            self.lines.push(Line::Lot(lot, amount));
        }
    }

    pub(super) fn named(&mut self, account: Account, amount: i64) {
        if amount != 0 {
            self.lines.push(Line::Named(account, amount));
        }
    }

    pub(super) fn owe(&mut self, points: i64) {
        self.sheet.debt += points;
        self.debt += points;
    }

    /// What is free and has not expired, of one balance.
    pub(super) fn free_of(&self, kind: u8) -> i64 {
        self.queue(&[kind]).into_iter().map(|lot| self.sheet.free(lot)).sum()
    }

    pub(super) fn payable(&self) -> i64 {
        self.free_of(PRINCIPAL) + self.free_of(BONUS)
    }

    /// Principal and bonus, what is held too.
    pub(super) fn money(&self) -> i64 {
        self.sheet.lots.iter().filter(|lot| lot.kind != POINTS).map(|lot| lot.amount).sum()
    }

    /// Lots in the order in which they pay: what ends first, then the oldest; what never ends last.
    pub(super) fn queue(&self, kinds: &[u8]) -> Vec<usize> {
        let lots = self.sheet.lots.iter().enumerate();
        let mut queue: Vec<usize> = lots
            .filter(|(at, lot)| kinds.contains(&lot.kind) && lot.amount > 0 && !self.is_over(*at))
            .map(|(at, _)| at)
            .collect();
        queue.sort_by_key(|at| {
            let lot = self.sheet.lots[*at];
            (lot.ends.is_none(), lot.ends, lot.kind, *at)
        });
        queue
    }

    /// Which lots pay `amount`, by the card's spend order; there must be enough.
    pub(super) fn choose(&self, order: usize, amount: i64) -> Vec<(usize, i64)> {
        let (principal, bonus) = (self.free_of(PRINCIPAL), self.free_of(BONUS));
        let legs: Vec<(Vec<usize>, i64)> = match order {
            0 => vec![(self.queue(&[PRINCIPAL]), amount.min(principal)), (self.queue(&[BONUS]), i64::MAX)],
            1 => vec![(self.queue(&[BONUS]), amount.min(bonus)), (self.queue(&[PRINCIPAL]), i64::MAX)],
            2 => {
                let share = amount * bonus / (principal + bonus);
                vec![(self.queue(&[PRINCIPAL]), amount - share), (self.queue(&[BONUS]), share)]
            }
            _ => vec![(self.queue(&[PRINCIPAL, BONUS]), i64::MAX)],
        };
        let (mut missing, mut chosen) = (amount, Vec::new());
        for (queue, most) in legs {
            let mut most = most.min(missing);
            for lot in queue {
                let part = most.min(self.sheet.free(lot));
                if part > 0 {
                    (most, missing) = (most - part, missing - part);
                    chosen.push((lot, part));
                }
            }
        }
        assert_eq!(missing, 0, "there was enough");
        chosen
    }

    /// A new lot, or one that a load or points may join. `open` lots were there before the entry.
    pub(super) fn credit(
        &mut self,
        kind: u8,
        amount: i64,
        ends: Option<i64>,
        source: u64,
        open: usize,
    ) -> usize {
        let joins = kind == POINTS || open >= MANY_LOTS;
        let fits = |(at, lot): (usize, &Lot)| {
            let open = lot.amount > 0 && lot.source != self.index && !self.reopened.contains(&at);
            (joins && open && lot.kind == kind && lot.ends == ends).then_some(at)
        };
        let known = self.sheet.lots.iter().enumerate().filter_map(fits).next_back();
        let lot = known.unwrap_or(self.sheet.lots.len());
        if known.is_none() {
            self.sheet.lots.push(Lot { kind, amount: 0, ends, source });
        }
        self.lot(lot, amount);
        lot
    }

    pub(super) fn load(&mut self, amount: i64, bonus: i64, principal_end: Option<i64>) {
        let open = self.sheet.open();
        self.sheet.was_loaded = true;
        self.credit(PRINCIPAL, amount, principal_end, self.index, open);
        if bonus > 0 {
            self.credit(BONUS, bonus, Some(bonus_end(self.now)), self.index, open);
            self.named(Account::BonusExpense, -bonus);
        }
    }

    /// Points pay a debt first.
    pub(super) fn award(&mut self, points: i64) {
        let repaid = points.min(self.sheet.debt);
        self.named(Account::PointsExpense, -points);
        self.named(Account::PointsOwed, repaid);
        self.owe(-repaid);
        if points > repaid {
            self.credit(POINTS, points - repaid, Some(points_end(self.now)), self.index, 0);
        }
    }

    /// Takes points back: from their own lot, then from the oldest; what is missing is owed.
    pub(super) fn take_points(&mut self, own: Option<usize>, points: i64) {
        let mut lots: Vec<usize> = (0..self.sheet.lots.len()).collect();
        lots.retain(|lot| self.sheet.lots[*lot].kind == POINTS);
        lots.sort_by_key(|lot| (Some(*lot) != own, *lot));
        let mut missing = points;
        for lot in lots {
            let part = missing.min(self.sheet.free(lot));
            self.lot(lot, -part);
            missing -= part;
        }
        self.named(Account::PointsOwed, -missing);
        self.owe(missing);
    }

    /// Gives money back to a lot that paid; a lot that has ended comes back as one of the product's grace time.
    pub(super) fn give_back(&mut self, lot: usize, amount: i64, card: usize, open: usize) {
        if self.is_over(lot) {
            let kind = self.sheet.lots[lot].kind;
            self.credit(kind, amount, Some(grace_end(self.now, card)), self.index, open);
        } else {
            if self.sheet.lots[lot].amount == 0 {
                self.reopened.push(lot);
            }
            self.lot(lot, amount);
        }
    }

    pub(super) fn open(&self) -> usize {
        self.sheet.open()
    }

    /// What would be on the card after a load, against the largest balance.
    pub(super) fn is_full(&self, gained: i64) -> bool {
        self.money() + gained > MOST
    }
}
