//! Cards are sold and loaded, and pay.

use super::super::calendar::principal_end;
use super::super::sheet::{Account, Draft, Line, POINTS, Status};
use super::super::world::{MOST, PAY_WITH_POINTS, POINTS_FEWEST_AND_STEP};
use super::sums::{bonus_of, points_of, tenders_of, worth_of};
use super::{Deed, Done, Occasion, Outcome, Paper, Said, no, yes};

impl Paper {
    pub(super) fn activate(&self, card: usize, at: Occasion) -> Outcome {
        match self.sheets[card].status {
            Status::Blocked => Err(no(62)),
            Status::Active => Err(no(12)),
            Status::Issued => {
                let mut draft = self.draft(card, at);
                draft.sheet.status = Status::Active;
                Ok(Done { said: yes(0), card, draft, deed: Deed::Activated })
            }
        }
    }

    pub(super) fn load(&self, card: usize, amount: i64, at: Occasion) -> Outcome {
        self.usable(card)?;
        if amount < 1_00 {
            return Err(no(13));
        }
        let (mut draft, bonus) = (self.draft(card, at), bonus_of(amount));
        if amount > MOST || draft.is_full(amount + bonus) {
            return Err(no(61));
        }
        draft.load(amount, bonus, self.principal_ends.then(|| principal_end(at.now)));
        let lots: Vec<usize> = draft.lines.iter().filter_map(lot_of).collect();
        let tenders = tenders_of(amount);
        for (tender, part) in &tenders {
            draft.named(Account::Clearing(self.store(at), *tender), -part);
        }
        let deed = Deed::Loaded {
            principal: (lots[0], amount),
            bonus: lots.get(1).map(|lot| (*lot, bonus)),
            tenders,
        };
        Ok(Done { said: yes(amount), card, draft, deed })
    }

    pub(super) fn purchase(&self, card: usize, amount: i64, partial: bool, at: Occasion) -> Outcome {
        self.usable(card)?;
        if amount > MOST {
            return Err(no(61));
        }
        let mut draft = self.draft(card, at);
        let paid = amount.min(draft.payable());
        if paid == 0 || paid < amount && !partial {
            return Err(no(51));
        }
        let parts = draft.choose(card, paid);
        let deed = self.pay(&mut draft, parts, paid, None, at);
        let code = if paid < amount { 10 } else { 0 };
        Ok(Done { said: Said { code, ..yes(paid) }, card, draft, deed })
    }

    /// Points pay a part, or somebody wrote down the goods.
    pub(super) fn buy(&self, card: usize, amount: i64, points: Option<i64>, at: Occasion) -> Outcome {
        let Some(points) = points else { return self.purchase(card, amount, false, at) };
        self.usable(card)?;
        if !PAY_WITH_POINTS[card] {
            return Err(no(57));
        }
        let (fewest, step) = POINTS_FEWEST_AND_STEP;
        let worth = worth_of(points, amount).filter(|_| points >= fewest && points % step == 0);
        let Some(worth) = worth.filter(|_| amount <= MOST) else { return Err(no(61)) };
        let mut draft = self.draft(card, at);
        let money = amount - worth;
        if points > draft.free_of(POINTS) || money > draft.payable() {
            return Err(no(51));
        }
        let mut missing = points;
        let mut used = Vec::new();
        for lot in draft.queue(&[POINTS]) {
            let part = missing.min(draft.sheet.free(lot));
            if part > 0 {
                used.push((lot, part));
                missing -= part;
            }
        }
        for (lot, part) in &used {
            draft.lot(*lot, -part);
        }
        draft.named(Account::PointsExpense, points);
        draft.named(Account::PointsPayment, -worth);
        draft.named(Account::Redemption(self.store(at)), worth);
        let parts = if money > 0 { draft.choose(card, money) } else { Vec::new() };
        let mut deed = self.pay(&mut draft, parts, money, None, at);
        if let Deed::Paid { by_points, .. } = &mut deed {
            *by_points = (worth, used);
        }
        Ok(Done { said: yes(amount), card, draft, deed })
    }

    /// Books money that leaves the card for goods, and its points.
    pub(super) fn pay(
        &self,
        draft: &mut Draft,
        parts: Vec<(usize, i64)>,
        paid: i64,
        hold: Option<(usize, i64)>,
        at: Occasion,
    ) -> Deed {
        for (lot, part) in &parts {
            draft.lot(*lot, -part);
        }
        draft.named(Account::Redemption(self.store(at)), paid);
        let earned = points_of(paid);
        let before = draft.lines.len();
        draft.award(earned);
        let points = draft.lines[before..].iter().find_map(lot_of);
        Deed::Paid { parts, earned, points, by_points: (0, Vec::new()), hold }
    }
}

fn lot_of(line: &Line) -> Option<usize> {
    match line {
        Line::Lot(lot, _) => Some(*lot),
        Line::Named(..) => None,
    }
}
