//! What is on a card, lot by lot, and what of it is held.

use std::collections::BTreeMap;

use crate::oracle::fact::{TransactionKey, Wallet};
use crate::oracle::rules;

/// One of the two balances that pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Balance {
    Principal,
    Bonus,
}

/// Part of an amount, and the lot that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) lot: usize,
    pub(super) amount: i64,
}

/// Points that came or went: on the card, and in what it owes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Points {
    pub(super) card: i64,
    pub(super) debt: i64,
}

/// Lots never expire by the default programme: they stay in the order in which they were opened, empty ones too.
#[derive(Clone, Debug, Default)]
pub(super) struct Purse {
    lots: Vec<(Balance, i64)>,
    points: i64,
    debt: i64,
    /// By the reference of the Authorize that opened it.
    pub(super) holds: BTreeMap<u64, Hold>,
}

/// What an Authorize has set aside.
#[derive(Clone, Debug, Default)]
pub(super) struct Hold {
    /// The Authorize that opened it.
    pub(super) opener: Option<TransactionKey>,
    pub(super) expires: i64,
    /// What was captured of it and not undone.
    pub(super) captured: i64,
    /// In the order in which it will be captured, each with the reference of the Authorize that set it aside.
    pub(super) parts: Vec<(u64, Part)>,
}

impl Hold {
    /// What is still held.
    pub(super) fn held(&self) -> i64 {
        sum(self.parts.iter().map(|(_, part)| part.amount))
    }
}

impl Purse {
    /// What can be spent now, and the points.
    pub(super) fn wallet(&self) -> Wallet {
        let balance = |balance| sum(self.of(balance).map(|(lot, _)| self.free(lot)));
        Wallet { principal: balance(Balance::Principal), bonus: balance(Balance::Bonus), points: self.points }
    }

    /// Principal and bonus, held or not: what a largest balance bounds.
    pub(super) fn total(&self) -> i64 {
        sum(self.lots.iter().map(|(_, amount)| *amount))
    }

    /// Nothing is below zero.
    pub(super) fn is_sound(&self) -> bool {
        self.points >= 0 && (0..self.lots.len()).all(|lot| self.free(lot) >= 0)
    }

    /// What of a lot is not held.
    pub(super) fn free(&self, lot: usize) -> i64 {
        let parts = self.holds.values().flat_map(|hold| &hold.parts).map(|(_, part)| *part);
        let held = sum(parts.filter(|part| part.lot == lot).map(|part| part.amount));
        self.lots.get(lot).map_or(0, |(_, amount)| amount.saturating_sub(held))
    }

    /// Principal pays first, of each balance the oldest lot. The parts make up what is asked, or all that is free.
    pub(super) fn choose(&self, amount: i64) -> Vec<Part> {
        let mut missing = amount;
        let lots = self.of(Balance::Principal).chain(self.of(Balance::Bonus));
        let parts = lots.map(|(lot, _)| {
            let amount = self.free(lot).min(missing).max(0);
            missing = missing.saturating_sub(amount);
            Part { lot, amount }
        });
        parts.filter(|part| part.amount > 0).collect()
    }

    /// Books changes of lots; says what they change of each balance.
    pub(super) fn book(&mut self, parts: &[Part]) -> Wallet {
        let mut changes = Wallet::default();
        for part in parts {
            let Some((balance, amount)) = self.lots.get_mut(part.lot) else { continue };
            *amount = amount.saturating_add(part.amount);
            let change = match balance {
                Balance::Principal => &mut changes.principal,
                Balance::Bonus => &mut changes.bonus,
            };
            *change = change.saturating_add(part.amount);
        }
        changes
    }

    /// Opens lots of a load, principal and then bonus, or joins what is there once there are too many; says which.
    pub(super) fn open(&mut self, given: &[(Balance, i64)]) -> Vec<Part> {
        let alive = self.lots.iter().filter(|(_, amount)| *amount != 0).count();
        let crowded = alive.saturating_add(usize::from(self.points != 0)) >= rules::LOTS_APART;
        let last = |balance| self.of(balance).filter(|(_, amount)| *amount != 0).last();
        let joined: Vec<_> = given.iter().map(|(balance, _)| last(*balance).filter(|_| crowded)).collect();
        let mut parts = Vec::new();
        for ((balance, amount), joined) in given.iter().zip(joined) {
            let lot = joined.map_or(self.lots.len(), |(lot, _)| lot);
            if lot == self.lots.len() {
                self.lots.push((*balance, 0));
            }
            parts.push(Part { lot, amount: *amount });
        }
        parts
    }

    /// Whether the lot is there.
    pub(super) fn has(&self, lot: usize) -> bool {
        lot < self.lots.len()
    }

    /// Which balance a lot is of.
    pub(super) fn balance(&self, lot: usize) -> Balance {
        self.lots.get(lot).map_or(Balance::Principal, |(balance, _)| *balance)
    }

    /// Takes in what another card gave.
    pub(super) fn receive(&mut self, lot: (Balance, i64)) -> Vec<Part> {
        let parts = self.open(&[lot]);
        self.book(&parts);
        parts
    }

    /// Whether there are so many points.
    pub(super) fn has_points(&self, points: i64) -> bool {
        points <= self.points
    }

    /// Points that the card owes.
    pub(super) const fn debt(&self) -> i64 {
        self.debt
    }

    /// Earns points: they pay what the card owes first.
    pub(super) fn earn(&mut self, points: i64) -> Points {
        let repaid = points.min(self.debt);
        self.move_points(Points { card: points.saturating_sub(repaid), debt: repaid.saturating_neg() })
    }

    /// Takes points back: what the card no longer has, it owes.
    pub(super) fn take_points(&mut self, points: i64) -> Points {
        let taken = points.min(self.points).max(0);
        self.move_points(Points { card: taken.saturating_neg(), debt: points.saturating_sub(taken) })
    }

    /// The opposite of what was done.
    pub(super) fn undo_points(&mut self, done: Points) -> Points {
        let back = if done.card > 0 {
            self.take_points(done.card)
        } else {
            self.move_points(Points { card: done.card.saturating_neg(), debt: 0 })
        };
        self.debt = self.debt.saturating_sub(done.debt);
        Points { debt: back.debt.saturating_sub(done.debt), ..back }
    }

    /// Makes the balances those that the gateway says, where it was not believed to be right.
    pub(super) fn force(&mut self, said: Wallet) {
        let now = self.wallet();
        let wrong = [
            (Balance::Principal, said.principal.saturating_sub(now.principal)),
            (Balance::Bonus, said.bonus.saturating_sub(now.bonus)),
        ];
        self.lots.extend(wrong.into_iter().filter(|(_, amount)| *amount != 0));
        self.points = said.points;
    }

    pub(super) fn move_points(&mut self, points: Points) -> Points {
        self.points = self.points.saturating_add(points.card);
        self.debt = self.debt.saturating_add(points.debt);
        points
    }

    fn of(&self, wanted: Balance) -> impl Iterator<Item = (usize, i64)> + '_ {
        let lots = self.lots.iter().enumerate();
        lots.filter(move |(_, (balance, _))| *balance == wanted).map(|(lot, (_, amount))| (lot, *amount))
    }
}

pub(super) fn sum(amounts: impl Iterator<Item = i64>) -> i64 {
    amounts.fold(0, i64::saturating_add)
}

/// The same parts with their signs turned.
pub(super) fn opposite(parts: &[Part]) -> Vec<Part> {
    parts.iter().map(|part| Part { amount: part.amount.saturating_neg(), ..*part }).collect()
}
