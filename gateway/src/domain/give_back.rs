//! A sale's refund: the lots that paid get it back, what was spent last first, then the points that paid; points that the
//! sale earned go in proportion to what the balances had paid. Where points pay, points that are owed are bought with the
//! money of the refund (PROTOCOL.md section 11).

use super::Fault;
use super::card::{Card, Lot};
use super::effect::{Account, Effect, Posting};
use super::facts::Facts;
use super::ledger::{Kind, named, points_expense, points_payment, points_receivable, redemption};
use super::original::Original;
use super::request::Now;
use super::slice::Slice;
use super::terminal::Terminal;
use super::undo::take_back;

/// Returns what the customer gets too.
pub(super) fn give_back(
    facts: Facts<'_>,
    terminal: &Terminal,
    (card, purse): (&Card, &Card),
    original: &Original,
    slice: Slice,
    now: Now,
) -> Result<(Vec<Effect>, i64), Fault> {
    let worth = original.points_worth();
    let paid = original.refundable().checked_sub(worth).ok_or(Fault::Overflow)?;
    let (money, by_points) = slice.split(paid)?;
    let left = card.clone();
    let mut giving = Giving { facts, now, card, purse, left, opened: 0, effects: Vec::new() };
    if by_points.amount > 0 {
        giving.points(original, by_points)?;
    }
    let withheld = giving.take_back_earned(original, money)?;
    let left = Slice { amount: money.amount.checked_sub(withheld).ok_or(Fault::Overflow)?, ..money };
    giving.put_into_lots(left.of_legs(&legs(original.spent())?)?)?;
    giving.leg(redemption(&terminal.store), Kind::MONEY, minus(slice.amount)?);
    let by_points = by_points.amount.checked_add(withheld).ok_or(Fault::Overflow)?;
    giving.leg(points_payment(), Kind::MONEY, by_points);
    let paid = slice.amount.checked_sub(withheld).ok_or(Fault::Overflow)?;
    Ok((giving.effects, paid))
}

fn minus(amount: i64) -> Result<i64, Fault> {
    amount.checked_neg().ok_or(Fault::Overflow)
}

/// Lots that paid, and how much, in the order in which it was taken.
fn legs<'a>(spent: impl Iterator<Item = &'a Posting>) -> Result<Vec<(Lot, i64)>, Fault> {
    let mut legs = Vec::new();
    for posting in spent {
        if let Account::Card { lot, expires, source, .. } = &posting.account {
            let lot = Lot { id: *lot, kind: posting.kind, amount: 0, expires: *expires, source: *source };
            legs.push((lot, minus(posting.amount)?));
        }
    }
    Ok(legs)
}

struct Giving<'a> {
    facts: Facts<'a>,
    now: Now,
    /// As it was; its points come and go.
    card: &'a Card,
    /// The card whose money was spent.
    purse: &'a Card,
    /// The first as it is by then.
    left: Card,
    /// Lots that were opened.
    opened: u32,
    effects: Vec<Effect>,
}

impl Giving<'_> {
    fn leg(&mut self, account: Account, kind: Kind, amount: i64) {
        if amount != 0 {
            self.effects.push(named(account, kind, amount));
        }
    }

    /// To the very lots; one that has expired since comes back as a new one of the product's grace time.
    fn put_into_lots(&mut self, parts: Vec<(Lot, i64)>) -> Result<(), Fault> {
        for (lot, part) in parts {
            let on = if lot.kind.is_money() { self.purse } else { self.card };
            let posting = if lot.is_expired(self.now.s()) {
                let ends = self.facts.programme.refund_grace(&self.card.product, self.now);
                let posting = on.credit(lot.kind, part, ends, self.facts.index, self.opened);
                self.opened = self.opened.saturating_add(1);
                posting
            } else {
                on.posting(&lot, part)
            };
            if on.reference == self.left.reference {
                self.left.book(&posting)?;
            }
            self.effects.push(Effect::Posting(posting));
        }
        Ok(())
    }

    /// Points that paid come back, rounded down over all refunds so far; like all points they pay a debt first.
    fn points(&mut self, original: &Original, by_points: Slice) -> Result<(), Fault> {
        let spent = legs(original.points_spent())?;
        let all = spent.iter().fold(0_i64, |sum, (_, part)| sum.saturating_add(*part));
        let back = by_points.rounded_down(all)?;
        if back.amount == 0 {
            return Ok(());
        }
        self.leg(points_expense(), Kind::POINTS, minus(back.amount)?);
        let repaid = back.amount.min(self.left.points_debt);
        if repaid > 0 {
            self.leg(points_receivable(), Kind::POINTS, repaid);
            self.owe(minus(repaid)?)?;
        }
        let before = back.before.checked_add(repaid).ok_or(Fault::Overflow)?;
        let amount = back.amount.checked_sub(repaid).ok_or(Fault::Overflow)?;
        self.put_into_lots(Slice { before, amount, ..back }.of_legs(&spent)?)
    }

    /// Points that are no longer on the card are owed. Where points pay, what the card owes by then is bought with the money
    /// of this refund, as far as that goes; returns how much of it is withheld for that.
    fn take_back_earned(&mut self, original: &Original, money: Slice) -> Result<i64, Fault> {
        let wanted = money.share_of(original.points_earned())?;
        let own = original.points_lot().unwrap_or(0);
        let missing = take_back(&mut self.left, own, Kind::POINTS, wanted, &mut self.effects)?;
        let owed = self.left.points_debt.checked_add(missing).ok_or(Fault::Overflow)?;
        let (bought, withheld) = match self.facts.programme.points_payment(&self.card.product) {
            Some(rule) => rule.bought(owed, money.amount).ok_or(Fault::Overflow)?,
            None => (0, 0),
        };
        self.leg(points_expense(), Kind::POINTS, wanted.checked_sub(bought).ok_or(Fault::Overflow)?);
        let change = missing.checked_sub(bought).ok_or(Fault::Overflow)?;
        if change != 0 {
            self.leg(points_receivable(), Kind::POINTS, minus(change)?);
            self.owe(change)?;
        }
        Ok(withheld)
    }

    fn owe(&mut self, change: i64) -> Result<(), Fault> {
        self.left.points_debt = self.left.points_debt.checked_add(change).ok_or(Fault::Overflow)?;
        self.effects.push(Effect::PointsDebt { card: self.card.reference, change });
        Ok(())
    }
}
