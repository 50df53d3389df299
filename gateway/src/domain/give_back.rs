//! A sale's refund: the lots that paid get it back, what was spent last first, then the points that paid; points that the
//! sale earned go in proportion to what the balances had paid. Where points pay, points that are owed are bought with the
//! money of the refund (PROTOCOL.md section 11).

use std::collections::BTreeMap;

use super::Fault;
use super::card::{Card, CardReference, Lot};
use super::decision::Reason;
use super::effect::{Account, Effect, Posting};
use super::expiry::expire;
use super::facts::Facts;
use super::fall::Fall;
use super::ledger::{Kind, named, points_expense, points_payment, points_receivable, redemption};
use super::original::Original;
use super::points::{owe, owed_all, take_back_or_owe};
use super::request::Now;
use super::slice::Slice;
use super::taken_back::{Returned, bought, comes_back, taken_back};
use super::terminal::Terminal;

/// What falls with it is taken back too.
pub(super) fn give_back(
    facts: Facts<'_>,
    terminal: &Terminal,
    (card, purse): (&Card, &Card),
    original: &Original,
    (slice, fall): (Slice, &Fall),
    now: Now,
) -> Result<Returned, Fault> {
    let worth = original.points_worth();
    let paid = original.refundable().checked_sub(worth).ok_or(Fault::Overflow)?;
    let (money, by_points) = slice.split(paid)?;
    let left = card.clone();
    let others = BTreeMap::from([(purse.reference, purse.clone())]);
    let mut giving =
        Giving { facts, now, card, purse, left, others, opened: 0, effects: Vec::new(), reasons: Vec::new() };
    if by_points.amount > 0 {
        giving.points(original, by_points)?;
    }
    let withheld = giving.take_back_earned(original, money, fall)?;
    let left = Slice { amount: money.amount.checked_sub(withheld).ok_or(Fault::Overflow)?, ..money };
    giving.put_into_lots(left.of_legs(&legs(original.spent())?)?)?;
    giving.leg(redemption(&terminal.store), Kind::MONEY, minus(slice.amount)?);
    let by_points = by_points.amount.checked_add(withheld).ok_or(Fault::Overflow)?;
    giving.leg(points_payment(), Kind::MONEY, by_points);
    let paid = slice.amount.checked_sub(withheld).ok_or(Fault::Overflow)?;
    Ok(Returned { effects: giving.effects, reasons: giving.reasons, paid })
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
    /// Others that it gave points to, as they are by then.
    others: BTreeMap<CardReference, Card>,
    /// Lots that were opened.
    opened: u32,
    effects: Vec<Effect>,
    reasons: Vec<Reason>,
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
        self.reasons.push(comes_back(original, by_points, (all, back.amount)));
        self.leg(points_expense(), Kind::POINTS, minus(back.amount)?);
        let repaid = back.amount.min(self.left.points_debt(Kind::POINTS));
        if repaid > 0 {
            self.leg(points_receivable(), Kind::POINTS, repaid);
            self.owe(Kind::POINTS, minus(repaid)?)?;
        }
        let before = back.before.checked_add(repaid).ok_or(Fault::Overflow)?;
        let amount = back.amount.checked_sub(repaid).ok_or(Fault::Overflow)?;
        self.put_into_lots(Slice { before, amount, ..back }.of_legs(&spent)?)
    }

    /// What the sale earned goes in proportion, on every card that it gave points to, and what falls with it whole. Points that are no longer there are owed;
    /// where points pay, what the card owes by then is bought with the money of this refund, as far as that goes; returns how
    /// much of it is withheld for that.
    fn take_back_earned(&mut self, original: &Original, money: Slice, fall: &Fall) -> Result<i64, Fault> {
        let mut bought_for = 0;
        let mut earned = original.points_earned();
        earned.entry((self.card.reference, Kind::POINTS)).or_default();
        for of in fall.points.keys() {
            earned.entry(*of).or_default();
        }
        for ((reference, kind), (points, lot)) in earned {
            let fallen = fall.points.get(&(reference, kind)).copied().unwrap_or(0);
            let part = money.share_of(points)?;
            let parts = [(lot, part), (0, fallen)];
            let own = reference == self.card.reference;
            if !own {
                self.take_back_from(reference, kind, parts)?;
                continue;
            }
            self.reasons.extend(taken_back(original, kind, money, (points, part)));
            let rule = self.facts.programme.points_payment(&self.card.product);
            let rule = rule.filter(|_| kind == Kind::POINTS);
            let buys = |owed: i64, missing: i64| match rule {
                Some(rule) => rule.bought(owed.checked_add(missing)?, money.amount),
                None => Some((0, 0)),
            };
            let paid_for = take_back_or_owe(&mut self.left, kind, parts, buys, &mut self.effects)?;
            self.reasons.extend(rule.and_then(|rule| bought(self.facts.programme, rule, paid_for)));
            bought_for = if kind == Kind::POINTS { paid_for.1 } else { bought_for };
        }
        self.reasons.extend(fall.reasons.iter().cloned());
        Ok(bought_for)
    }

    /// From a member who got points by somebody else's sale.
    fn take_back_from(
        &mut self,
        card: CardReference,
        kind: Kind,
        parts: [(u32, i64); 2],
    ) -> Result<(), Fault> {
        let mut held = match self.others.remove(&card) {
            Some(held) => held,
            None => {
                let held = self.facts.state.cards.get(&card);
                let held = held.ok_or(Fault::Misfit("a card that got points is gone"))?;
                let (held, ended) = expire(held, self.facts.programme, self.facts.index, self.now)?;
                self.effects.splice(0..0, ended);
                held
            }
        };
        take_back_or_owe(&mut held, kind, parts, owed_all, &mut self.effects)?;
        self.others.insert(card, held);
        Ok(())
    }

    fn owe(&mut self, kind: Kind, change: i64) -> Result<(), Fault> {
        self.effects.push(owe(&mut self.left, kind, change)?);
        Ok(())
    }
}
