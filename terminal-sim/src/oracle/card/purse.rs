//! The money that a card spends, its own or its account's, lot by lot, and what of it is held.

use std::collections::BTreeMap;

use crate::oracle::fact::{TransactionKey, Wallet};
use crate::oracle::happened::Happened;
use crate::oracle::product::Spend;

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

/// Money of one balance that ends at one time.
#[derive(Clone, Copy, Debug)]
struct Lot {
    balance: Balance,
    amount: i64,
    ends: Option<i64>,
}

/// Lots stay in the order in which they were opened, empty ones too.
#[derive(Clone, Debug, Default)]
pub(super) struct Purse {
    lots: Vec<Lot>,
    /// What has ended by then is gone.
    now: i64,
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
    /// It is so late: holds whose time is over are gone, and what is free in lots that have ended. What is held does not end
    /// before its hold.
    pub(super) fn end(&mut self, time: i64) -> Happened {
        let mut happened = Happened::default();
        self.now = self.now.max(time);
        let now = self.now;
        let before = self.holds.len();
        self.holds.retain(|_, hold| hold.expires > now);
        happened.holds = (before as u64).saturating_sub(self.holds.len() as u64);
        for lot in 0..self.lots.len() {
            let free = self.free(lot);
            let Some(held) = self.lots.get_mut(lot).filter(|lot| has_ended(lot.ends, now)) else { continue };
            if free <= 0 {
                continue;
            }
            held.amount = held.amount.saturating_sub(free);
            let lots = match held.balance {
                Balance::Principal => &mut happened.principal_lots,
                Balance::Bonus => &mut happened.bonus_lots,
            };
            *lots = lots.saturating_add(1);
            happened.money = happened.money.saturating_add(free);
        }
        happened
    }

    /// The time as of which it is known.
    pub(super) const fn now(&self) -> i64 {
        self.now
    }

    /// What can be spent now.
    pub(super) fn money(&self) -> Wallet {
        let balance = |balance| sum(self.of(balance).map(|lot| self.free(lot)));
        Wallet { principal: balance(Balance::Principal), bonus: balance(Balance::Bonus), points: 0 }
    }

    /// Principal and bonus, held or not: what a largest balance bounds.
    pub(super) fn total(&self) -> i64 {
        let worth = |(at, lot): (usize, &Lot)| {
            if has_ended(lot.ends, self.now) { lot.amount.saturating_sub(self.free(at)) } else { lot.amount }
        };
        sum(self.lots.iter().enumerate().map(worth))
    }

    /// Nothing is below zero.
    pub(super) fn is_sound(&self) -> bool {
        (0..self.lots.len()).all(|lot| self.free(lot) >= 0)
    }

    /// What of a lot is not held.
    pub(super) fn free(&self, lot: usize) -> i64 {
        let parts = self.holds.values().flat_map(|hold| &hold.parts).map(|(_, part)| *part);
        let held = sum(parts.filter(|part| part.lot == lot).map(|part| part.amount));
        self.lots.get(lot).map_or(0, |lot| lot.amount.saturating_sub(held))
    }

    /// The lots that pay, in this order. The parts make up what is asked, or all that is free.
    pub(super) fn choose(&self, amount: i64, order: Spend) -> Vec<Part> {
        let (principal, bonus) =
            (self.soonest(self.of(Balance::Principal)), self.soonest(self.of(Balance::Bonus)));
        match order {
            Spend::PrincipalFirst => self.take(principal.into_iter().chain(bonus), amount),
            Spend::BonusFirst => self.take(bonus.into_iter().chain(principal), amount),
            // The sort leaves principal in front of bonus that ends with it.
            Spend::SoonestExpiry => {
                let both = self.soonest(principal.into_iter().chain(bonus));
                self.take(both.into_iter(), amount)
            }
            Spend::ProRata => {
                let money = self.money();
                let share = i128::from(amount).saturating_mul(i128::from(money.bonus));
                let share = share.checked_div(i128::from(money.payable().unwrap_or(0)));
                let of_bonus = share.and_then(|share| i64::try_from(share).ok()).unwrap_or(0);
                let mut parts = self.take(principal.into_iter(), amount.saturating_sub(of_bonus));
                parts.extend(self.take(bonus.into_iter(), of_bonus));
                parts
            }
        }
    }

    /// What ends first stands first; otherwise the order is left as it is.
    fn soonest(&self, lots: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut lots: Vec<usize> = lots.collect();
        lots.sort_by_key(|lot| self.ends(*lot).unwrap_or(i64::MAX));
        lots
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
            let Some(lot) = self.lots.get_mut(part.lot) else { continue };
            lot.amount = lot.amount.saturating_add(part.amount);
            let change = match lot.balance {
                Balance::Principal => &mut changes.principal,
                Balance::Bonus => &mut changes.bonus,
            };
            *change = change.saturating_add(part.amount);
        }
        changes
    }

    /// How many lots have something in them.
    pub(super) fn alive(&self) -> usize {
        self.lots.iter().filter(|lot| lot.amount != 0).count()
    }

    /// The lot that something goes to: a new one, or, once there are too many, the last one of the same balance and end among
    /// the first so many.
    pub(super) fn place(
        &mut self,
        (balance, ends): (Balance, Option<i64>),
        crowded: bool,
        among: usize,
    ) -> usize {
        let same = |lot: &Lot| lot.balance == balance && lot.ends == ends && lot.amount != 0;
        let joins = self.lots.iter().take(among).rposition(same).filter(|_| crowded);
        joins.unwrap_or_else(|| {
            self.lots.push(Lot { balance, amount: 0, ends });
            self.lots.len().saturating_sub(1)
        })
    }

    /// Which balance a lot is of.
    pub(super) fn balance(&self, lot: usize) -> Balance {
        self.lots.get(lot).map_or(Balance::Principal, |lot| lot.balance)
    }

    /// When a lot ends.
    pub(super) fn ends(&self, lot: usize) -> Option<i64> {
        self.lots.get(lot).and_then(|lot| lot.ends)
    }

    /// Whether a lot has ended.
    pub(super) fn is_over(&self, lot: usize) -> bool {
        has_ended(self.ends(lot), self.now)
    }

    /// Makes the balances those that the gateway says, where it was not believed to be right.
    pub(super) fn force(&mut self, said: Wallet) {
        let now = self.money();
        let wrong = [
            (Balance::Principal, said.principal.saturating_sub(now.principal)),
            (Balance::Bonus, said.bonus.saturating_sub(now.bonus)),
        ];
        let wrong = wrong.into_iter().filter(|(_, amount)| *amount != 0);
        self.lots.extend(wrong.map(|(balance, amount)| Lot { balance, amount, ends: None }));
    }

    /// How many lots it ever had.
    pub(super) fn lots(&self) -> usize {
        self.lots.len()
    }

    /// No money is in it, held or not.
    pub(super) fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.lots.iter().all(|lot| lot.amount == 0)
    }

    /// Takes over all of another purse; says by how much the numbers of its lots have grown.
    pub(super) fn take_over(&mut self, other: &mut Purse) -> usize {
        let now = self.now.max(other.now);
        let Purse { lots, holds, ended, .. } = std::mem::replace(other, Purse { now, ..Purse::default() });
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

    /// The lots of a balance that have not ended, the oldest first.
    fn of(&self, wanted: Balance) -> impl Iterator<Item = usize> + '_ {
        let lots = self.lots.iter().enumerate();
        let counts = move |(_, lot): &(usize, &Lot)| lot.balance == wanted && !has_ended(lot.ends, self.now);
        lots.filter(counts).map(|(at, _)| at)
    }
}

/// It cannot be spent from this second on.
pub(super) fn has_ended(ends: Option<i64>, now: i64) -> bool {
    ends.is_some_and(|end| end <= now)
}

pub(super) fn sum(amounts: impl Iterator<Item = i64>) -> i64 {
    amounts.fold(0, i64::saturating_add)
}

/// The same parts with their signs turned.
pub(super) fn opposite(parts: &[Part]) -> Vec<Part> {
    parts.iter().map(|part| Part { amount: part.amount.saturating_neg(), ..*part }).collect()
}
