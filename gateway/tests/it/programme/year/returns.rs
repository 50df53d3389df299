//! On paper: what comes back by refunds, and what is undone.

use super::calendar::ends;
use super::card::{Count, Kind, Leg};
use super::paper::{Act, Books, Deed, Draft, INVALID, LIMIT, NO_FUNDS, Paper, State};

/// Days for which value comes back to where it has ended since.
const GRACE_DAYS: i64 = 30;

/// Of so much, what goes with a part of a whole: rounded up over all parts so far.
fn up(all: i64, (before, part, whole): (i64, i64, i64)) -> i64 {
    let upto = |done: i64| (all * done + whole - 1) / whole;
    if part == 0 { 0 } else { upto(before + part) - upto(before) }
}

/// The same, rounded down (towards nothing).
fn down(all: i64, (before, part, whole): (i64, i64, i64)) -> i64 {
    let upto = |done: i64| all * done / whole;
    if part == 0 { 0 } else { upto(before + part) - upto(before) }
}

/// Lines of what goes of what rules gave: one each when nothing is left, else one of all of them.
fn goes(gave: Vec<(String, i64)>, part: i64) -> Vec<(String, i64)> {
    if part == 0 {
        return Vec::new();
    }
    if gave.iter().map(|(_, given)| given).sum::<i64>() == part {
        return gave.into_iter().map(|(rule, given)| (rule, -given)).collect();
    }
    let names: Vec<String> = gave.into_iter().map(|(rule, _)| rule).collect();
    let all = names.join(" + ");
    vec![(if all.len() > 32 { format!("{} rules", names.len()) } else { all }, -part)]
}

/// A part of what was taken, from its end.
fn from_the_end(taken: &[Leg], before: i64, part: i64) -> Vec<Leg> {
    let (mut skip, mut missing) = (before, part);
    let mut back = Vec::new();
    for leg in taken.iter().rev() {
        let of_leg = -leg.amount;
        let skipped = skip.min(of_leg);
        skip -= skipped;
        let amount = missing.min(of_leg - skipped);
        missing -= amount;
        back.extend((amount > 0).then_some(Leg { amount, ..*leg }));
    }
    assert_eq!(missing, 0, "more than was taken");
    back
}

impl Paper {
    pub(super) fn refund(&mut self, at: usize, of: usize, amount: i64) -> Result<Draft, u8> {
        let sale = self.acts[of].clone();
        let refundable = matches!(sale.deed, Deed::Load | Deed::Buy | Deed::Capture);
        if !refundable || !matches!(sale.state, State::Live | State::Part) {
            return Err(INVALID);
        }
        let returns = self.cards[sale.card].product.returns;
        if sale.deed != Deed::Load && returns.is_some_and(|days| self.now >= ends(sale.day + days)) {
            return Err(INVALID);
        }
        if amount > sale.amount - sale.done {
            return Err(LIMIT);
        }
        let mut draft = self.draft(Deed::Refund, sale.card);
        draft.act.purse = sale.purse;
        let by = if sale.deed == Deed::Load {
            pay_out(&mut draft, &sale, amount, self.board.load_rule)?;
            (sale.done, amount, sale.amount)
        } else {
            self.give_back(&mut draft, &sale, amount)
        };
        self.count_back(&mut draft, &sale, by);
        draft.act.amount = draft.answer.amount;
        draft.act.of = Some((of, amount));
        let original = &mut self.acts[of];
        original.done += amount;
        original.state = if original.done == original.amount { State::Refunded } else { State::Part };
        original.last_refund = Some(at);
        Ok(draft)
    }

    /// To the lots that paid, last first, then the points that paid; points that were earned go. Says which part of what balances
    /// had paid comes back.
    fn give_back(&self, draft: &mut Draft, sale: &Act, amount: i64) -> (i64, i64, i64) {
        let card = sale.card;
        let balances = sale.amount - sale.worth;
        let (before, after) = (sale.done, sale.done + amount);
        let money = (before.min(balances), after.min(balances) - before.min(balances), balances);
        let by_points = (before - money.0, amount - money.1, sale.worth);
        let taken = |money: bool| -> Vec<Leg> {
            let taken = sale.legs.iter().filter(|leg| leg.amount < 0 && leg.kind.is_money() == money);
            taken.copied().collect()
        };
        if by_points.1 > 0 {
            let spent = taken(false);
            let all: i64 = spent.iter().map(|leg| -leg.amount).sum();
            let (gone, back) = (all * by_points.0 / by_points.2, down(all, by_points));
            let repaid = back.min(draft.cards[card].debt);
            draft.cards[card].debt -= repaid;
            draft.owe(card, -repaid);
            self.put_back(draft, &from_the_end(&spent, gone + repaid, back - repaid));
            draft.answer.why.extend((back > 0).then(|| (self.board.payment_rule.to_owned(), back)));
        }
        let own =
            sale.legs.iter().rev().find(|leg| leg.card == card && !leg.kind.is_money() && leg.amount > 0);
        let points = up(sale.earned, money);
        let (legs, missing) = draft.cards[card].take_back(own.map_or(0, |leg| leg.lot), points);
        draft.act.legs.extend(legs);
        let gave = sale.why.iter().filter(|(_, points)| *points > 0).cloned().collect();
        draft.answer.why.extend(goes(gave, points));
        let owed = draft.cards[card].debt + missing;
        // Where points pay 1.00, whoever owes some buys them with the money of the refund, as far as it goes.
        let (bought, withheld) = match draft.cards[card].product.pays {
            Some(_) if owed * 100 <= money.1 => (owed, owed * 100),
            Some(_) => (money.1 / 100, money.1),
            None => (0, 0),
        };
        draft.cards[card].debt = owed - bought;
        draft.owe(card, missing - bought);
        draft.answer.why.extend((withheld > 0).then(|| (self.board.payment_rule.to_owned(), bought)));
        self.put_back(draft, &from_the_end(&taken(true), money.0, money.1 - withheld));
        draft.act.books =
            Books { redemption: -amount, points_payment: by_points.1 + withheld, ..Books::default() };
        draft.answer.amount = amount - withheld;
        if balances > 0 { money } else { (sale.done, amount, sale.amount) }
    }

    /// Into the very lots, or for the days of grace where they have ended.
    fn put_back(&self, draft: &mut Draft, legs: &[Leg]) {
        for leg in legs {
            let leg = if leg.ends.is_some_and(|ends| ends <= self.now) {
                let grace = ends(self.today() + GRACE_DAYS);
                draft.cards[leg.card].credit(leg.kind, leg.amount, Some(grace))
            } else {
                draft.cards[leg.card].post(*leg);
                *leg
            };
            draft.act.legs.push(leg);
        }
    }

    fn count_back(&self, draft: &mut Draft, sale: &Act, by: (i64, i64, i64)) {
        for (card, what, period, change) in sale.counts.clone() {
            let part = match what {
                Count::Carried if change > 0 => up(change, by),
                // Back comes what those points were given for that go.
                Count::Carried if sale.earned > 0 => {
                    let gone = up(sale.earned, (0, by.0, by.2));
                    down(change, (gone, up(sale.earned, by), sale.earned))
                }
                _ => down(change, by),
            };
            if part != 0 {
                draft.count(card, what, period, -part);
            }
        }
    }

    pub(super) fn undo(&mut self, of: usize, by_person: bool) -> Result<Draft, u8> {
        let act = self.acts[of].clone();
        let mut draft = self.draft(Deed::Other, act.card);
        match act.state {
            State::Live => {}
            State::Declined | State::Undone if !by_person => return Ok(draft),
            _ => return Err(INVALID),
        }
        draft.answer.amount = act.amount;
        if act.deed == Deed::Hold {
            let holds = &mut draft.cards[act.purse].holds;
            let hold = holds.iter().find(|hold| hold.of == of).expect("a live hold");
            if !by_person && hold.captured > 0 {
                return Err(INVALID);
            }
            draft.answer.amount = hold.held();
            holds.retain(|hold| hold.of != of);
        }
        if let Some((refunded, _)) = act.of
            && self.acts[refunded].last_refund != Some(of)
        {
            return Err(INVALID);
        }
        draft.answer.why = act.why.iter().map(|(rule, given)| (rule.clone(), -given)).collect();
        mirror(&mut draft, &act, self.points_end(self.today()))?;
        let more_is_owed = draft.cards[act.card].debt > self.cards[act.card].debt;
        if by_person && more_is_owed && self.cards[act.card].product.pays.is_some() {
            return Err(NO_FUNDS);
        }
        for (card, what, period, change) in &act.counts {
            draft.cards[*card].count(*what, *period, -change);
        }
        if act.deed == Deed::Join {
            draft.cards[act.card].joined = false;
        }
        if let Some((refunded, amount)) = act.of {
            let original = &mut self.acts[refunded];
            original.done -= amount;
            original.state = if original.done == 0 { State::Live } else { State::Part };
            original.last_refund = None;
        }
        draft.act.books.add(act.books, -1);
        self.acts[of].state = State::Undone;
        Ok(draft)
    }
}

/// A load is paid out again: its principal must be there; bonus that is not is withheld, points that are not are owed.
fn pay_out(draft: &mut Draft, load: &Act, amount: i64, load_rule: &str) -> Result<(), u8> {
    let by = (load.done, amount, load.amount);
    let card = &mut draft.cards[load.card];
    let lot_of = |kind: Kind| load.legs.iter().find(|leg| leg.kind == kind && leg.amount > 0);
    let principal = lot_of(Kind::Principal).expect("principal").lot;
    if card.free(principal) < amount {
        return Err(NO_FUNDS);
    }
    let mut parts = vec![(principal, amount)];
    let bonus = lot_of(Kind::Bonus).map_or(0, |leg| up(leg.amount, by));
    let there = lot_of(Kind::Bonus).map_or(0, |leg| card.free(leg.lot).min(bonus));
    parts.extend(lot_of(Kind::Bonus).filter(|_| there > 0).map(|leg| (leg.lot, there)));
    let paid = amount - (bonus - there);
    if paid <= 0 {
        return Err(NO_FUNDS);
    }
    let mut legs = card.take(&parts);
    let points = up(load.earned, by);
    let (taken, missing) = card.take_back(lot_of(Kind::Points).map_or(0, |leg| leg.lot), points);
    legs.extend(taken);
    card.debt += missing;
    draft.owe(load.card, missing);
    draft.act.legs.extend(legs);
    let (by_load, more): (Vec<_>, Vec<_>) = load.why.iter().cloned().partition(|(rule, _)| rule == load_rule);
    let why = &mut draft.answer.why;
    why.extend(goes(by_load, bonus));
    why.extend((bonus > there).then(|| ("withheld".to_owned(), bonus - there)));
    why.extend(goes(more, points));
    draft.act.books = Books { clearing: paid, bonus_expense: bonus, ..Books::default() };
    draft.answer.amount = paid;
    Ok(())
}

/// Everything the other way round: what was taken first, then what was given, which must be there if it is worth money.
fn mirror(draft: &mut Draft, act: &Act, points_end: Option<i64>) -> Result<(), u8> {
    let mut missing: Vec<(usize, i64)> = act.debts.iter().map(|(card, change)| (*card, -change)).collect();
    let took = act.legs.iter().filter(|leg| leg.amount < 0);
    for leg in took {
        draft.cards[leg.card].post(Leg { amount: -leg.amount, ..*leg });
    }
    for leg in act.legs.iter().filter(|leg| leg.amount > 0) {
        let card = &mut draft.cards[leg.card];
        if leg.kind.is_money() || act.deed == Deed::Refund {
            if card.free(leg.lot) < leg.amount {
                return Err(NO_FUNDS);
            }
            card.take(&[(leg.lot, leg.amount)]);
        } else {
            missing.push((leg.card, card.take_back(leg.lot, leg.amount).1));
        }
    }
    missing.sort_unstable();
    for owing in missing.chunk_by(|one, other| one.0 == other.0) {
        let card = &mut draft.cards[owing[0].0];
        let owed = card.debt + owing.iter().map(|(_, points)| points).sum::<i64>();
        card.debt = owed.max(0);
        if owed < 0 {
            card.credit(Kind::Points, -owed, points_end);
        }
    }
    Ok(())
}
