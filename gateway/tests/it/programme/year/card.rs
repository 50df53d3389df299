//! A card on paper: what it holds, owes and has counted, lot by lot.

use std::collections::BTreeMap;

use super::board::Product;
use super::calendar::month_of;

/// From so many lots on, money joins the newest lot of its kind too.
const LOTS: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Principal,
    Bonus,
    Points,
    Pending,
}

impl Kind {
    pub(super) fn is_money(self) -> bool {
        matches!(self, Self::Principal | Self::Bonus)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lot {
    pub(super) kind: Kind,
    pub(super) amount: i64,
    /// Unix second.
    pub(super) ends: Option<i64>,
}

/// What was put into a lot, or taken out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) card: usize,
    pub(super) lot: u32,
    pub(super) kind: Kind,
    pub(super) ends: Option<i64>,
    pub(super) amount: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Hold {
    /// Which request opened it.
    pub(super) of: usize,
    pub(super) ends: i64,
    pub(super) captured: i64,
    /// (lot, amount) in the order in which they are captured.
    pub(super) parts: Vec<(u32, i64)>,
}

impl Hold {
    pub(super) fn held(&self) -> i64 {
        self.parts.iter().map(|(_, amount)| amount).sum()
    }
}

/// What is counted of a member; all but the first and the last for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Count {
    /// By month.
    Spent,
    Purchases,
    Loads,
    Earned,
    /// What was paid, and points were not given for.
    Carried,
    /// The last Nth purchase that was rewarded.
    Turn,
    /// Members brought, by day.
    Brought,
}

#[derive(Debug, Clone)]
pub(super) struct Card {
    pub(super) at: usize,
    pub(super) product: &'static Product,
    pub(super) account: Option<usize>,
    /// Month and day.
    pub(super) birthday: (i64, i64),
    pub(super) lots: BTreeMap<u32, Lot>,
    pub(super) next: u32,
    pub(super) holds: Vec<Hold>,
    pub(super) debt: i64,
    pub(super) counts: BTreeMap<(Count, i64), i64>,
    pub(super) joined: bool,
}

impl Card {
    pub(super) fn new(at: usize, product: &'static Product, birthday: (i64, i64)) -> Self {
        Self {
            at,
            product,
            account: None,
            birthday,
            lots: BTreeMap::new(),
            next: 1,
            holds: Vec::new(),
            debt: 0,
            counts: BTreeMap::new(),
            joined: false,
        }
    }

    pub(super) fn free(&self, lot: u32) -> i64 {
        let held = self.holds.iter().flat_map(|hold| &hold.parts).filter(|(of, _)| *of == lot);
        self.lots.get(&lot).map_or(0, |lot| lot.amount) - held.map(|(_, amount)| amount).sum::<i64>()
    }

    pub(super) fn has(&self, kind: Kind) -> i64 {
        self.lots.iter().filter(|(_, lot)| lot.kind == kind).map(|(id, _)| self.free(*id)).sum()
    }

    pub(super) fn payable(&self) -> i64 {
        self.has(Kind::Principal) + self.has(Kind::Bonus)
    }

    /// All its money, what is held too.
    pub(super) fn worth(&self) -> i64 {
        self.lots.values().filter(|lot| lot.kind.is_money()).map(|lot| lot.amount).sum()
    }

    pub(super) fn counted(&self, what: Count, period: i64) -> i64 {
        self.counts.get(&(what, period)).copied().unwrap_or(0)
    }

    pub(super) fn count(&mut self, what: Count, period: i64, change: i64) {
        *self.counts.entry((what, period)).or_default() += change;
    }

    /// Spent in the twelve months that the day's is the last of.
    pub(super) fn spent_in_a_year(&self, day: i64) -> i64 {
        let last = month_of(day);
        (last - 11..=last).map(|month| self.counted(Count::Spent, month)).sum()
    }

    pub(super) fn spent_ever(&self) -> i64 {
        self.counts.iter().filter(|((what, _), _)| *what == Count::Spent).map(|(_, spent)| spent).sum()
    }

    pub(super) fn post(&mut self, leg: Leg) {
        let Leg { lot, kind, ends, amount, .. } = leg;
        let held = self.lots.entry(lot).or_insert(Lot { kind, amount: 0, ends });
        assert_eq!((held.kind, held.ends), (kind, ends), "another lot");
        held.amount += amount;
        assert!(held.amount >= 0, "a lot below nothing on paper");
        if held.amount == 0 {
            self.lots.remove(&lot);
        }
        self.next = self.next.max(lot + 1);
    }

    /// Puts something on the card: into the newest lot that ends with it, where it may join, or into a new one.
    pub(super) fn credit(&mut self, kind: Kind, amount: i64, ends: Option<i64>) -> Leg {
        let joins = kind == Kind::Points || self.lots.len() >= LOTS;
        let same = self.lots.iter().rev().find(|(_, lot)| joins && lot.kind == kind && lot.ends == ends);
        let lot = same.map_or(self.next, |(id, _)| *id);
        let leg = Leg { card: self.at, lot, kind, ends, amount };
        self.post(leg);
        leg
    }

    fn leg(&self, lot: u32, amount: i64) -> Leg {
        let held = &self.lots[&lot];
        Leg { card: self.at, lot, kind: held.kind, ends: held.ends, amount }
    }

    /// Takes money out of it, principal first and the oldest first; `None` when there is not so much.
    pub(super) fn choose(&self, amount: i64) -> Option<Vec<(u32, i64)>> {
        let mut missing = amount;
        let mut chosen = Vec::new();
        for kind in [Kind::Principal, Kind::Bonus] {
            for (id, _) in self.lots.iter().filter(|(_, lot)| lot.kind == kind) {
                let part = self.free(*id).min(missing);
                missing -= part;
                chosen.extend((part > 0).then_some((*id, part)));
            }
        }
        (missing == 0).then_some(chosen)
    }

    pub(super) fn take(&mut self, parts: &[(u32, i64)]) -> Vec<Leg> {
        let mut legs = Vec::new();
        for (lot, part) in parts {
            let leg = self.leg(*lot, -part);
            self.post(leg);
            legs.push(leg);
        }
        legs
    }

    /// Takes points to spend: what ends first, then the oldest.
    pub(super) fn take_points(&mut self, points: i64) -> Vec<Leg> {
        let of_points = self.lots.iter().filter(|(_, lot)| lot.kind == Kind::Points);
        let mut order: Vec<(Option<i64>, u32)> = of_points.map(|(id, lot)| (lot.ends, *id)).collect();
        order.sort_unstable();
        self.take_in_order(order.into_iter().map(|(_, id)| id), points).0
    }

    /// Takes points back: pending ones first, of either its own lot first, then the oldest; and how many were missing.
    pub(super) fn take_back(&mut self, own: u32, points: i64) -> (Vec<Leg>, i64) {
        let of_points = self.lots.iter().filter(|(_, lot)| !lot.kind.is_money());
        let mut order: Vec<(bool, bool, u32)> =
            of_points.map(|(id, lot)| (lot.kind != Kind::Pending, *id != own, *id)).collect();
        order.sort_unstable();
        self.take_in_order(order.into_iter().map(|(_, _, id)| id), points)
    }

    fn take_in_order(&mut self, order: impl Iterator<Item = u32>, points: i64) -> (Vec<Leg>, i64) {
        let mut missing = points;
        let mut parts = Vec::new();
        for id in order {
            let part = self.lots[&id].amount.min(missing);
            missing -= part;
            parts.extend((part > 0).then_some((id, part)));
        }
        (self.take(&parts), missing)
    }

    /// Points that can be spent at once: a debt is paid first. What went on the card, and what of the debt was paid.
    pub(super) fn credit_points(&mut self, points: i64, ends: Option<i64>) -> (Option<Leg>, i64) {
        let repaid = points.min(self.debt);
        self.debt -= repaid;
        let leg = (points > repaid).then(|| self.credit(Kind::Points, points - repaid, ends));
        (leg, repaid)
    }
}
