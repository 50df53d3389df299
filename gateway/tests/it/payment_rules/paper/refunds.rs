//! Money and value that go back.

use std::collections::BTreeMap;

use super::super::sheet::{Account, Draft};
use super::super::world::{MOST, PAY_WITH_POINTS, POINTS_PAY, TILLS, UNLOAD};
use super::sums::{from_the_end, share_up};
use super::{
    Deed, Done, Entry, Goods, IN_PART, LIVE, Occasion, Outcome, Paper, REFUNDED, Said, no, no_because, yes,
};

/// Most loads that one unload may need.
const MOST_LOADS: usize = 16;

fn by_item<'a>(goods: impl Iterator<Item = &'a Goods>) -> BTreeMap<u8, (i64, i64)> {
    let mut sums = BTreeMap::<u8, (i64, i64)>::new();
    for (item, quantity, price) in goods {
        let sum = sums.entry(*item).or_default();
        *sum = (sum.0 + quantity, sum.1 + price);
    }
    sums
}

impl Paper {
    /// What has come back of a sale by item: the lines of its refunds that stand.
    pub(in super::super) fn came_back(&self, of: usize) -> BTreeMap<u8, (i64, i64)> {
        let sale = self.entry(of);
        let standing = sale.refunds.iter().filter(|refund| self.entry(**refund).state == LIVE);
        let counts = !sale.goods.is_empty();
        by_item(standing.flat_map(|refund| &self.entry(*refund).goods).filter(|_| counts))
    }

    pub(in super::super) fn refunded(&self, of: usize) -> i64 {
        self.entry(of).refunded
    }

    pub(super) fn refund(&mut self, of: usize, amount: i64, goods: &[Goods], at: Occasion) -> Outcome {
        let entry = self.near(of, false, at)?;
        let refundable = matches!(entry.deed, Deed::Loaded { .. } | Deed::Paid { .. });
        if !refundable || !matches!(entry.state, LIVE | IN_PART) {
            return Err(no_because(12, entry.state));
        }
        let sold = by_item(entry.goods.iter());
        if !sold.is_empty() && goods.iter().any(|(item, ..)| !sold.contains_key(item)) {
            return Err(no_because(12, entry.state));
        }
        let (before, whole, card) = (entry.refunded, entry.amount, entry.card);
        let state = entry.state;
        let left = whole - before;
        if amount > MOST || amount > left {
            return Err(no(61));
        }
        if !sold.is_empty() && !goods.is_empty() {
            let mut back = self.came_back(of);
            for (item, sum) in by_item(goods.iter()) {
                let all = back.entry(item).or_default();
                *all = (all.0 + sum.0, all.1 + sum.1);
            }
            if back.iter().any(|(item, all)| all.0 > sold[item].0 || all.1 > sold[item].1) {
                return Err(no(61));
            }
        }
        let mut draft = self.draft(card, at);
        let paid = match &entry.deed {
            Deed::Loaded { .. } => {
                let paid = pay_out(&mut draft, entry, amount, self.store(at));
                paid.ok_or_else(|| no_because(51, state))?
            }
            Deed::Paid { .. } => amount - take_in(&mut draft, entry, amount, self.store(at)),
            _ => unreachable!("looked at before"),
        };
        let state = self.is_refunded(of, amount, at);
        let said = Said { state: Some(state), ..yes(paid) };
        Ok(Done { said, card, draft, deed: Deed::Refund { of: vec![(of, amount)] } })
    }

    fn is_refunded(&mut self, of: usize, amount: i64, at: Occasion) -> u8 {
        let original = self.entry_mut(of);
        original.refunded += amount;
        original.state = if original.refunded == original.amount { REFUNDED } else { IN_PART };
        original.refunds.push(at.request);
        original.state
    }

    pub(super) fn unload(&mut self, card: usize, amount: i64, at: Occasion) -> Outcome {
        self.usable(card)?;
        let Some(most) = UNLOAD[card] else { return Err(no(57)) };
        if amount > MOST || amount > most {
            return Err(no(61));
        }
        let mut draft = self.draft(card, at);
        let merchant = TILLS[self.slips[at.request].till].1;
        let mut loads: Vec<(u64, usize)> = Vec::new();
        for (request, slip) in self.slips.iter().enumerate() {
            let Some(entry) = &slip.entry else { continue };
            let Deed::Loaded { principal, .. } = &entry.deed else { continue };
            let own_lot = draft.sheet.lots.get(principal.0).is_some_and(|lot| lot.source == entry.index);
            let here = entry.card == card && TILLS[slip.till].1 == merchant;
            if here && matches!(entry.state, LIVE | IN_PART) && own_lot {
                loads.push((entry.index, request));
            }
        }
        loads.sort_unstable();
        let (mut missing, mut paid, mut parts) = (amount, 0, Vec::new());
        for (_, load) in loads.into_iter().rev() {
            let entry = self.entry(load);
            let Deed::Loaded { principal, .. } = &entry.deed else { unreachable!("a load") };
            let part = missing.min(entry.amount - entry.refunded).min(draft.sheet.free(principal.0));
            if part == 0 || parts.len() == MOST_LOADS {
                continue;
            }
            if let Some(cash) = pay_out(&mut draft, entry, part, self.store(at)) {
                (missing, paid) = (missing - part, paid + cash);
                parts.push((load, part));
            }
        }
        if missing > 0 {
            return Err(no(51));
        }
        for (load, part) in &parts {
            self.is_refunded(*load, *part, at);
        }
        Ok(Done { said: yes(paid), card, draft, deed: Deed::Refund { of: parts } })
    }
}

/// A load's money back to its tenders: what the customer gets, or nothing when that would be nothing.
fn pay_out(draft: &mut Draft, load: &Entry, amount: i64, store: &'static str) -> Option<i64> {
    let Deed::Loaded { principal: (lot, _), bonus, tenders } = &load.deed else { unreachable!("a load") };
    let (before, whole) = (load.refunded, load.amount);
    let wanted =
        bonus.map_or(0, |(_, all)| share_up(all, before + amount, whole) - share_up(all, before, whole));
    let taken = bonus.map_or(0, |(lot, _)| draft.sheet.free(lot)).min(wanted);
    let paid = amount - (wanted - taken);
    if draft.sheet.free(*lot) < amount || paid <= 0 {
        return None;
    }
    draft.lot(*lot, -amount);
    if let Some((lot, _)) = bonus {
        draft.lot(*lot, -taken);
    }
    draft.named(Account::BonusExpense, wanted);
    for (tender, part) in from_the_end(tenders, before, paid) {
        draft.named(Account::Clearing(store, tender), part);
    }
    Some(paid)
}

/// Goods that come back: the balances first, then the points that paid; and the points that it earned are gone. Returns what
/// is withheld of the balances for points that are owed.
fn take_in(draft: &mut Draft, sale: &Entry, amount: i64, store: &'static str) -> i64 {
    let Deed::Paid { parts, earned, points, by_points: (worth, used), .. } = &sale.deed else {
        unreachable!("a sale")
    };
    let (before, after, card) = (sale.refunded, sale.refunded + amount, sale.card);
    let by_money = sale.amount - worth;
    let open = draft.open();
    let (money_before, money_after) = (before.min(by_money), after.min(by_money));
    if *worth > 0 {
        let all: i64 = used.iter().map(|part| part.1).sum();
        let back = |refunded: i64| all * (refunded - refunded.min(by_money)) / worth;
        let came = back(after) - back(before);
        draft.named(Account::PointsExpense, -came);
        let owed = came.min(draft.sheet.debt);
        draft.named(Account::PointsOwed, owed);
        draft.owe(-owed);
        for (lot, part) in from_the_end(used, back(before) + owed, came - owed) {
            draft.give_back(lot, part, card, open);
        }
        draft.named(Account::PointsPayment, amount - (money_after - money_before));
    }
    if *earned > 0 {
        let gone = |refunded: i64| share_up(*earned, refunded, by_money);
        let wanted = gone(money_after) - gone(money_before);
        draft.named(Account::PointsExpense, wanted);
        draft.take_points(*points, wanted);
    }
    let money = money_after - money_before;
    let withheld = if PAY_WITH_POINTS[card] { buy_debt(draft, money) } else { 0 };
    for (lot, part) in from_the_end(parts, money_before, money - withheld) {
        draft.give_back(lot, part, card, open);
    }
    draft.named(Account::Redemption(store), -amount);
    withheld
}

/// Points that the card owes are bought with the money of a refund, one after the other: the price of all of them together is
/// rounded up, and money that is left when no whole point can be bought any more goes too.
fn buy_debt(draft: &mut Draft, money: i64) -> i64 {
    let (so_many, pay) = POINTS_PAY;
    let mut bought = 0;
    while bought < draft.sheet.debt && (bought + 1) * pay <= money * so_many {
        bought += 1;
    }
    let exact = bought * pay / so_many;
    let odd = i64::from(exact * so_many < bought * pay);
    let withheld = if bought < draft.sheet.debt { money } else { exact + odd };
    draft.named(Account::PointsPayment, withheld);
    draft.named(Account::PointsExpense, -bought);
    draft.named(Account::PointsOwed, bought);
    draft.owe(-bought);
    withheld
}
