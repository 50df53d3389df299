//! A card of the test gateway: lots, holds and points.

use std::collections::BTreeMap;

use terminal_sim::oracle::Wallet;

/// A lot by its number, and what comes to it or goes from it.
pub(super) type Leg = (usize, i64);

#[derive(Clone, Debug, Default)]
pub(super) struct CardRow {
    pub(super) active: bool,
    /// Whether it is bonus, and what is in it.
    pub(super) lots: Vec<(bool, i64)>,
    pub(super) points: i64,
    /// By the reference of the Authorize; one that has ended holds nothing.
    pub(super) holds: BTreeMap<u64, HoldRow>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct HoldRow {
    pub(super) expires: i64,
    pub(super) captured: i64,
    pub(super) legs: Vec<Leg>,
}

impl HoldRow {
    pub(super) fn held(&self) -> i64 {
        self.legs.iter().map(|(_, amount)| amount).sum()
    }

    /// Takes an amount from the front, or from the back.
    pub(super) fn take(&mut self, amount: i64, from_back: bool) -> Vec<Leg> {
        if from_back {
            self.legs.reverse();
        }
        let (mut missing, mut taken) = (amount, Vec::new());
        for leg in &mut self.legs {
            let part = leg.1.min(missing);
            missing -= part;
            leg.1 -= part;
            taken.push((leg.0, part));
        }
        self.legs.retain(|leg| leg.1 > 0);
        if from_back {
            self.legs.reverse();
        }
        taken.retain(|leg| leg.1 > 0);
        taken
    }
}

impl CardRow {
    pub(super) fn free(&self, lot: usize) -> i64 {
        let held = self.holds.values().flat_map(|hold| &hold.legs).filter(|leg| leg.0 == lot);
        self.lots[lot].1 - held.map(|leg| leg.1).sum::<i64>()
    }

    pub(super) fn wallet(&self) -> Wallet {
        let balance = |bonus| {
            let lots = (0..self.lots.len()).filter(|lot| self.lots[*lot].0 == bonus);
            lots.map(|lot| self.free(lot)).sum()
        };
        Wallet { principal: balance(false), bonus: balance(true), points: self.points }
    }

    /// The lots that pay, or as much as they can.
    pub(super) fn choose(&self, amount: i64) -> Vec<Leg> {
        let mut missing = amount;
        let mut legs = Vec::new();
        for bonus in [false, true] {
            for lot in (0..self.lots.len()).filter(|lot| self.lots[*lot].0 == bonus) {
                let part = self.free(lot).min(missing);
                missing -= part;
                legs.extend((part > 0).then_some((lot, part)));
            }
        }
        legs
    }

    /// Books legs and points; says what changed.
    pub(super) fn book(&mut self, legs: &[Leg], points: i64) -> Wallet {
        let mut changes = Wallet { points, ..Wallet::default() };
        self.points += points;
        for (lot, amount) in legs {
            self.lots[*lot].1 += amount;
            *(if self.lots[*lot].0 { &mut changes.bonus } else { &mut changes.principal }) += amount;
        }
        changes
    }
}

pub(super) fn negated(legs: &[Leg]) -> Vec<Leg> {
    legs.iter().map(|(lot, amount)| (*lot, -amount)).collect()
}
