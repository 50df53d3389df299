//! On paper: loads, purchases, holds, redemptions and joining, by the board.

use super::board::Occasion;
use super::calendar::{date, days_in, ends, is_leap, month_of};
use super::card::{Card, Count, Hold, Kind};
use super::paper::{
    Act, Answer, Books, Deed, Draft, Goods, IN_PART, INVALID, INVALID_AMOUNT, LIMIT, NO_FUNDS, NOT_PERMITTED,
    Paper, State,
};

/// A week.
const HOLD_LASTS: i64 = 7 * 24 * 3600;

/// Points that a sale brings.
#[derive(Debug, Default)]
struct Earned {
    why: Vec<(String, i64)>,
    points: i64,
    /// What was paid, and what of that and of what was left over points were given for.
    carried: Option<(i64, i64)>,
    turn: i64,
}

impl Paper {
    pub(super) fn load(&mut self, card: usize, amount: i64) -> Result<Draft, u8> {
        let mut draft = self.draft(Deed::Load, card);
        let held = &self.cards[card];
        let product = held.product;
        if held.account.is_some() {
            return Err(NOT_PERMITTED);
        }
        if amount < product.min_load {
            return Err(INVALID_AMOUNT);
        }
        let bonus =
            product.steps.iter().rev().find(|(from, _)| amount >= *from).map_or(0, |(_, bonus)| *bonus);
        if amount > product.max_load || held.worth() + amount + bonus > product.max_balance {
            return Err(LIMIT);
        }
        let first = self
            .board
            .first_load
            .filter(|(_, from, _)| amount >= *from && held.counted(Count::Loads, 0) == 0);
        let leg = draft.cards[card].credit(Kind::Principal, amount, None);
        draft.act.legs.push(leg);
        if bonus > 0 {
            let leg = draft.cards[card].credit(Kind::Bonus, bonus, None);
            draft.act.legs.push(leg);
            draft.answer.why.push((self.board.load_rule.into(), bonus));
        }
        if let Some((rule, _, points)) = first {
            draft.award(card, points, self.points_end(self.today()));
            draft.act.earned = points;
            draft.answer.why.push((rule.into(), points));
            draft.count(card, Count::Earned, 0, points);
        }
        draft.count(card, Count::Loads, 0, 1);
        draft.act.books = Books { clearing: -amount, bonus_expense: -bonus, ..Books::default() };
        draft.act.amount = amount;
        draft.answer.amount = amount;
        Ok(draft)
    }

    pub(super) fn buy(
        &mut self,
        card: usize,
        amount: i64,
        (part, points): (bool, Option<i64>),
        goods: &[Goods],
        prices: bool,
    ) -> Result<Draft, u8> {
        let mut draft = self.draft(Deed::Buy, card);
        let product = self.cards[card].product;
        let most = match (points, product.pays) {
            (Some(_), None) => return Err(NOT_PERMITTED),
            (_, percent) => percent.unwrap_or(0),
        };
        let (discount, why) = if prices { self.off(card, amount, goods) } else { (0, Vec::new()) };
        (draft.prices, draft.answer.why) = (why.len(), why);
        let due = amount - discount;
        let worth = points.unwrap_or(0) * 100;
        if let Some(points) = points {
            if worth > due * most / 100 {
                return Err(LIMIT);
            }
            if self.cards[card].has(Kind::Points) < points {
                return Err(NO_FUNDS);
            }
            draft.act.legs = draft.cards[card].take_points(points);
            draft.answer.why.push((self.board.payment_rule.into(), -points));
        }
        let purse = draft.act.purse;
        let (wanted, there) = (due - worth, self.cards[purse].payable());
        let money = wanted.min(there);
        if money < wanted && (!part || points.is_some() || money == 0) {
            return Err(NO_FUNDS);
        }
        draft.answer.code = if money < wanted { IN_PART } else { 0 };
        // Points look for their lot among those that were there before.
        self.reward(&mut draft, money);
        let parts = draft.cards[purse].choose(money).expect("enough");
        let legs = draft.cards[purse].take(&parts);
        draft.act.legs.extend(legs);
        draft.act.worth = worth;
        draft.act.amount = money + worth;
        draft.act.books = Books { redemption: money + worth, points_payment: -worth, ..Books::default() };
        draft.answer.amount = money + worth;
        draft.answer.discount = discount;
        Ok(draft)
    }

    /// What a member's prices take off, and why.
    fn off(&self, card: usize, amount: i64, goods: &[Goods]) -> (i64, Vec<(String, i64)>) {
        let tiers = self.board.tiers;
        let Some(tier) = tiers.get(self.ladders[card].rank()) else { return (0, Vec::new()) };
        let Some((rule, percent)) = tier.price else { return (0, Vec::new()) };
        let (.., of_month) = date(self.today());
        let by_day = self.board.day_price.filter(|(_, _, day, off)| *day == of_month && *off > percent);
        let whole = [("", amount)];
        let (mut usual, mut special) = (0, 0);
        for (category, amount) in if goods.is_empty() { &whole } else { goods } {
            match by_day.filter(|(_, dear, ..)| dear == category) {
                Some((.., off)) => special += amount * off / 100,
                None => usual += amount * percent / 100,
            }
        }
        let mut why = vec![(rule.to_owned(), usual)];
        why.extend(self.board.day_price.map(|(rule, ..)| (rule.to_owned(), special)));
        why.retain(|(_, off)| *off > 0);
        (usual + special, why)
    }

    /// Points for what balances paid, and what is counted of it.
    pub(super) fn reward(&self, draft: &mut Draft, money: i64) {
        let (card, day) = (draft.act.card, self.today());
        let held = &self.cards[card];
        let earned = self.earned(held, money);
        if earned.points > 0 {
            if self.board.pending {
                let until = ends(day + held.product.returns.expect("return days"));
                let leg = draft.cards[card].credit(Kind::Pending, earned.points, Some(until));
                draft.act.legs.push(leg);
            } else {
                draft.award(card, earned.points, self.points_end(day));
            }
        }
        draft.act.earned = earned.points;
        draft.answer.why.extend(earned.why);
        for (what, period, change) in [
            (Count::Carried, 0, earned.carried.map_or(0, |(paid, _)| paid)),
            (Count::Carried, 0, -earned.carried.map_or(0, |(_, given_for)| given_for)),
            (Count::Turn, 0, earned.turn),
            (Count::Spent, month_of(day), money),
            (Count::Purchases, 0, 1),
            (Count::Earned, 0, earned.points),
        ] {
            if change != 0 {
                draft.count(card, what, period, change);
            }
        }
    }

    fn earned(&self, card: &Card, money: i64) -> Earned {
        let board = self.board;
        let mut earned = Earned::default();
        if !card.product.earns || money <= 0 {
            return earned;
        }
        let ever = card.counted(Count::Earned, 0);
        let (_, gives) = *board.gives.iter().rev().find(|(from, _)| ever >= *from).expect("a first step");
        let left_over = if board.carries { card.counted(Count::Carried, 0) } else { 0 };
        let times = (money + left_over).max(0) / board.per;
        earned.carried = board.carries.then_some((money, times * board.per));
        earned.why.push((board.points_rule.into(), times * gives));
        if let Some((rule, nth, points)) = board.nth {
            let visit = card.counted(Count::Purchases, 0) + 1;
            let due = visit / nth - card.counted(Count::Turn, 0);
            if visit % nth == 0 && due > 0 {
                earned.why.push((rule.into(), points));
                earned.turn = due;
            }
        }
        let plain: i64 = earned.why.iter().map(|(_, points)| points).sum();
        let best = board.times.iter().filter(|times| self.is_occasion(card, &times.on));
        // The first of those that give as much.
        let best = best
            .map(|times| (times.rule, plain * times.halves / 2 - plain))
            .rev()
            .max_by_key(|(_, more)| *more);
        earned.why.extend(best.map(|(rule, more)| (rule.to_owned(), more)));
        earned.why.retain(|(_, points)| *points > 0);
        earned.points = earned.why.iter().map(|(_, points)| points).sum();
        earned
    }

    fn is_occasion(&self, card: &Card, occasion: &Occasion) -> bool {
        let (year, month, of_month) = date(self.today());
        let (born_month, born) = card.birthday;
        match occasion {
            Occasion::Days(days, rank) => days.contains(&of_month) && self.ladders[card.at].rank() >= *rank,
            Occasion::BirthdayMonth => month == born_month,
            Occasion::Birthday => {
                let born = if is_leap(year) { born } else { born.min(days_in(year, born_month)) };
                (month, of_month) == (born_month, born)
            }
            Occasion::Spent(least, below) => (*least..*below).contains(&card.spent_in_a_year(self.today())),
        }
    }

    pub(super) fn hold(&mut self, at: usize, card: usize, amount: i64, part: bool) -> Result<Draft, u8> {
        let mut draft = self.draft(Deed::Hold, card);
        let purse = draft.act.purse;
        let held = self.cards[purse].payable().min(amount);
        if held < amount && (!part || held == 0) {
            return Err(NO_FUNDS);
        }
        let parts = self.cards[purse].choose(held).expect("enough");
        draft.cards[purse].holds.push(Hold { of: at, ends: self.now + HOLD_LASTS, captured: 0, parts });
        draft.answer =
            Answer { code: if held < amount { IN_PART } else { 0 }, amount: held, ..Answer::default() };
        draft.act.amount = held;
        Ok(draft)
    }

    pub(super) fn capture(&mut self, of: usize, amount: i64, more: bool) -> Result<Draft, u8> {
        let Act { deed, state, card, purse, .. } = self.acts[of];
        if deed != Deed::Hold || state != State::Live {
            return Err(INVALID);
        }
        let mut draft = self.draft(Deed::Capture, card);
        draft.act.purse = purse;
        let place = draft.cards[purse].holds.iter().position(|hold| hold.of == of).expect("a live hold");
        let mut hold = draft.cards[purse].holds.remove(place);
        if amount > hold.held() {
            return Err(LIMIT);
        }
        let (mut missing, mut taken, mut left) = (amount, Vec::new(), Vec::new());
        for (lot, held) in hold.parts {
            let part = held.min(missing);
            missing -= part;
            taken.extend((part > 0).then_some((lot, part)));
            left.extend((held > part && more).then_some((lot, held - part)));
        }
        hold = Hold { parts: left, captured: hold.captured + amount, ..hold };
        if hold.parts.is_empty() {
            self.acts[of].state = State::Captured;
        } else {
            draft.cards[purse].holds.insert(place, hold);
        }
        self.reward(&mut draft, amount);
        let legs = draft.cards[purse].take(&taken);
        draft.act.legs.extend(legs);
        draft.act.amount = amount;
        draft.act.books.redemption = amount;
        draft.answer.amount = amount;
        Ok(draft)
    }

    pub(super) fn redeem(&mut self, card: usize, item: &str, pieces: i64) -> Result<Draft, u8> {
        let mut draft = self.draft(Deed::Redeem, card);
        let listed = self.board.catalogue.iter().find(|(listed, _)| *listed == item);
        let price = listed.ok_or(NOT_PERMITTED)?.1 * pieces;
        if self.cards[card].has(Kind::Points) < price {
            return Err(NO_FUNDS);
        }
        draft.act.legs = draft.cards[card].take_points(price);
        draft.answer.why = vec![(item.to_owned(), -price)];
        Ok(draft)
    }

    pub(super) fn join(&mut self, card: usize, by: Option<usize>) -> Result<Draft, u8> {
        let mut draft = self.draft(Deed::Join, card);
        if !self.cards[card].product.joins {
            return Err(NOT_PERMITTED);
        }
        if self.cards[card].joined || by.is_some_and(|by| by == card || !self.cards[by].joined) {
            return Err(INVALID);
        }
        draft.cards[card].joined = true;
        let bounds = by.zip(self.board.brings);
        if let Some((by, (points, _))) =
            bounds.filter(|(by, (_, a_day))| self.cards[*by].counted(Count::Brought, self.today()) < *a_day)
        {
            draft.award(by, points, self.points_end(self.today()));
            draft.count(by, Count::Brought, self.today(), 1);
        }
        Ok(draft)
    }
}
