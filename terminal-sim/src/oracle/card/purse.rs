//! The money that a card spends, its own or its account's, lot by lot, and what of it is held.

use std::collections::BTreeMap;

use crate::oracle::fact::{TransactionKey, Wallet};
use crate::oracle::product::Spend;
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

/// Lots never expire here: they stay in the order in which they were opened, empty ones too.
#[derive(Clone, Debug, Default)]
pub(super) struct Purse {
    lots: Vec<(Balance, i64)>,
    /// By the reference of the Authorize that opened it.
    pub(super) holds: BTreeMap<u64, Hold>,
    /// Holds that have ended with their last capture: one that is undone opens them again.
    pub(super) ended: BTreeMap<u64, Hold>,
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
    /// What can be spent now.
    pub(super) fn money(&self) -> Wallet {
        let balance = |balance| sum(self.of(balance).map(|(lot, _)| self.free(lot)));
        Wallet { principal: balance(Balance::Principal), bonus: balance(Balance::Bonus), points: 0 }
    }

    /// Principal and bonus, held or not: what a largest balance bounds.
    pub(super) fn total(&self) -> i64 {
        sum(self.lots.iter().map(|(_, amount)| *amount))
    }

    /// Nothing is below zero.
    pub(super) fn is_sound(&self) -> bool {
        (0..self.lots.len()).all(|lot| self.free(lot) >= 0)
    }

    /// What of a lot is not held.
    pub(super) fn free(&self, lot: usize) -> i64 {
        let parts = self.holds.values().flat_map(|hold| &hold.parts).map(|(_, part)| *part);
        let held = sum(parts.filter(|part| part.lot == lot).map(|part| part.amount));
        self.lots.get(lot).map_or(0, |(_, amount)| amount.saturating_sub(held))
    }

    /// The lots that pay, in this order. The parts make up what is asked, or all that is free.
    pub(super) fn choose(&self, amount: i64, order: Spend) -> Vec<Part> {
        let lots = |balance| self.of(balance).map(|(lot, _)| lot);
        let (principal, bonus) = (lots(Balance::Principal), lots(Balance::Bonus));
        match order {
            Spend::PrincipalFirst => self.take(principal.chain(bonus), amount),
            Spend::BonusFirst => self.take(bonus.chain(principal), amount),
            Spend::ProRata => {
                let money = self.money();
                let share = i128::from(amount).saturating_mul(i128::from(money.bonus));
                let share = share.checked_div(i128::from(money.payable().unwrap_or(0)));
                let of_bonus = share.and_then(|share| i64::try_from(share).ok()).unwrap_or(0);
                let mut parts = self.take(principal, amount.saturating_sub(of_bonus));
                parts.extend(self.take(bonus, of_bonus));
                parts
            }
        }
    }

    fn take(&self, lots: impl Iterator<Item = usize>, amount: i64) -> Vec<Part> {
        let mut missing = amount;
        let parts = lots.map(|lot| {
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

    /// Opens lots of a load, principal and then bonus, or joins what is there once there are too many, the lot of the card's
    /// points among them; says which.
    pub(super) fn open(&mut self, given: &[(Balance, i64)], has_points: bool) -> Vec<Part> {
        let alive = self.lots.iter().filter(|(_, amount)| *amount != 0).count();
        let crowded = alive.saturating_add(usize::from(has_points)) >= rules::LOTS_APART;
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
    pub(super) fn receive(&mut self, lot: (Balance, i64), has_points: bool) -> Vec<Part> {
        let parts = self.open(&[lot], has_points);
        self.book(&parts);
        parts
    }

    /// Makes the balances those that the gateway says, where it was not believed to be right.
    pub(super) fn force(&mut self, said: Wallet) {
        let now = self.money();
        let wrong = [
            (Balance::Principal, said.principal.saturating_sub(now.principal)),
            (Balance::Bonus, said.bonus.saturating_sub(now.bonus)),
        ];
        self.lots.extend(wrong.into_iter().filter(|(_, amount)| *amount != 0));
    }

    /// How many lots it ever had.
    pub(super) fn lots(&self) -> usize {
        self.lots.len()
    }

    /// No money is in it, held or not.
    pub(super) fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.lots.iter().all(|(_, amount)| *amount == 0)
    }

    /// Takes over all of another purse; says by how much the numbers of its lots have grown.
    pub(super) fn take_over(&mut self, other: &mut Purse) -> usize {
        let Purse { lots, holds, ended } = std::mem::take(other);
        let offset = self.lots.len();
        self.lots.extend(lots);
        let moved = |(reference, mut hold): (u64, Hold)| {
            hold.parts.iter_mut().for_each(|(_, part)| part.lot = part.lot.saturating_add(offset));
            (reference, hold)
        };
        self.holds.extend(holds.into_iter().map(moved));
        self.ended.extend(ended.into_iter().map(moved));
        offset
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
