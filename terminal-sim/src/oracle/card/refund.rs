//! Refund: of a sale to the very lots that paid, of a load to who paid it.

use std::collections::BTreeMap;

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use protocol::frame::MessageType;

use super::points::Points;
use super::purse::{Part, opposite};
use super::{CardModel, Decided, Outcome, Request};
use crate::oracle::fact::{Line, TransactionKey, Wallet};
use crate::oracle::happened::Happened;
use crate::oracle::product::Product;
use crate::oracle::rules;

/// The present refund of an original.
#[derive(Clone, Copy)]
pub(super) struct Slice {
    pub(super) before: i64,
    pub(super) amount: i64,
    pub(super) whole: i64,
}

impl Slice {
    pub(super) fn after(self) -> i64 {
        self.before.saturating_add(self.amount)
    }

    /// What this refund takes back of what was given on the whole.
    fn taken_back(self, given: i64) -> i64 {
        let [before, after] = [self.before, self.after()].map(|to| rules::taken_back(given, to, self.whole));
        after.saturating_sub(before)
    }
}

impl CardModel {
    pub(super) fn expected_refund(&self, request: &Request<'_>) -> Vec<Outcome> {
        if !request.intent.genuine {
            return self.declined(request, ResponseCode::ORIGINAL_NOT_FOUND);
        }
        let (key, original) = match self.original(request) {
            Ok(found) => found,
            Err(declined) => return declined,
        };
        let refundable =
            [MessageType::LOAD, MessageType::PURCHASE, MessageType::CAPTURE, MessageType::ADVICE];
        let stands = [TransactionState::LIVE, TransactionState::REFUNDED_IN_PART];
        if !refundable.contains(&MessageType(original.kind)) || !stands.contains(&original.state) {
            return self.declined_in(request, ResponseCode::INVALID_TRANSACTION, Some(original.state));
        }
        let amount = request.intent.amount.unwrap_or(0);
        let slice = Slice { before: original.refunded, amount, whole: original.approved };
        if let Some(state) = original.has_other_items(&request.intent.extra.lines) {
            return self.declined_in(request, ResponseCode::INVALID_TRANSACTION, Some(state));
        }
        if amount > request.intent.rules.max_refund || slice.after() > slice.whole {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        let returned = match original.bring_back(&request.intent.extra.lines) {
            Ok(returned) => returned,
            Err(code) => return self.declined(request, code),
        };
        if let Err(declined) = self.supervised(request, amount, request.programme.till.refund_from) {
            return declined;
        }
        let mut after = self.clone();
        let done = if original.kind == MessageType::LOAD.0 {
            after.pay_out(original, slice)
        } else {
            Some(after.give_back(original, slice, self.product(request.programme), request))
        };
        let Some((changes, decided)) = done else {
            return self.declined_in(request, ResponseCode::NOT_SUFFICIENT_FUNDS, Some(original.state));
        };
        let state = after.refunded(&key, slice.after(), Some(request.intent.key.clone()));
        after.bring(&key, &returned, true);
        let decided = Decided { refunds: vec![(key, amount)], lines: returned, ..decided };
        let mut outcome = after.approved(request, ResponseCode::APPROVED, changes, decided);
        outcome.expected.state = state.map(|state| state.0);
        vec![outcome]
    }

    /// Notes how much of an original is refunded now.
    pub(super) fn refunded(
        &mut self,
        key: &TransactionKey,
        refunded: i64,
        last: Option<TransactionKey>,
    ) -> Option<TransactionState> {
        let original = self.decided.get_mut(key)?;
        original.state = match refunded {
            0 => TransactionState::LIVE,
            refunded if refunded < original.approved => TransactionState::REFUNDED_IN_PART,
            _ => TransactionState::REFUNDED,
        };
        (original.refunded, original.last_refund) = (refunded, last);
        Some(original.state)
    }

    /// What was spent last comes back first; points go in proportion. Where points pay, those that the card owes then are
    /// paid for out of what goes back to the balances. What comes back to a lot that has ended comes as a new one, which lasts
    /// for the product's grace time.
    fn give_back(
        &mut self,
        original: &Decided,
        slice: Slice,
        product: &Product,
        request: &Request<'_>,
    ) -> (Wallet, Decided) {
        let (rule, grace) = (product.points, request.grace(product));
        // The balances come back first, then the points that paid.
        let (used, worth) = original.paid_points;
        let balances = slice.whole.saturating_sub(worth);
        let of_balances = |refunded: i64| refunded.min(balances);
        let back = |refunded: i64| {
            let of_points = i128::from(refunded.saturating_sub(balances).max(0));
            let product = i128::from(used).saturating_mul(of_points);
            product.checked_div(i128::from(worth)).and_then(|back| i64::try_from(back).ok()).unwrap_or(0)
        };
        let [before, after] = [slice.before, slice.after()];
        let gone = |refunded| match balances {
            0 => 0,
            _ => rules::taken_back(original.earned, of_balances(refunded), balances),
        };
        let points_back = back(after).saturating_sub(back(before));
        let (came_back, mut late) =
            self.points.bring_back(from_the_end(&original.paid_parts, back(before), points_back), grace);
        let taken = self.points.take(gone(after).saturating_sub(gone(before)), original.points.lot());
        let to_balances = of_balances(after).saturating_sub(of_balances(before));
        let (withheld, paid_for) = match rule {
            Some(rule) => rule.withheld(self.points.debt(), to_balances),
            None => (0, 0),
        };
        self.points.pay_debt(paid_for);

        let left = to_balances.saturating_sub(withheld);
        let mut parts = from_the_end(&opposite(&original.parts), before, left);
        let crowded = self.purse.alive().saturating_add(self.points.alive()) >= rules::LOTS_APART;
        let among = self.purse.lots();
        let over: Vec<&mut Part> = parts.iter_mut().filter(|part| self.purse.is_over(part.lot)).collect();
        for part in over {
            late = late.saturating_add(1);
            part.lot = self.purse.place((self.purse.balance(part.lot), grace), crowded, among);
        }
        self.happened = self.happened.plus(Happened { late_refunds: late, ..Happened::default() });
        let mut changes = self.purse.book(&parts);
        let points = Points {
            parts: came_back.parts.into_iter().chain(taken.parts).collect(),
            debt: came_back.debt.saturating_add(taken.debt).saturating_sub(paid_for),
        };
        changes.points = points.card();
        let approved = slice.amount.saturating_sub(withheld);
        (changes, Decided { approved, parts, points, ..Decided::default() })
    }

    /// The money must be in the load's own lot. Bonus that is not in its lot any more is withheld; where nothing would be
    /// paid then, the load counts as spent.
    pub(super) fn pay_out(&mut self, original: &Decided, slice: Slice) -> Option<(Wallet, Decided)> {
        let principal = original.parts.first()?;
        let wanted = original.parts.get(1).map_or(0, |bonus| slice.taken_back(bonus.amount));
        let there = original.parts.get(1).map_or(0, |bonus| self.purse.free(bonus.lot).max(0));
        let taken = wanted.min(there);
        let approved = slice.amount.saturating_sub(wanted.saturating_sub(taken));
        if self.purse.free(principal.lot) < slice.amount || approved <= 0 {
            return None;
        }
        let mut parts = vec![Part { lot: principal.lot, amount: slice.amount.saturating_neg() }];
        let bonus = original.parts.get(1).filter(|_| taken > 0);
        parts.extend(bonus.map(|bonus| Part { lot: bonus.lot, amount: taken.saturating_neg() }));
        let changes = self.purse.book(&parts);
        Some((changes, Decided { approved, parts, ..Decided::default() }))
    }
}

/// Parts of what paid, from its end: `amount` of it after the first `skipped`.
fn from_the_end(paid: &[Part], mut skipped: i64, mut amount: i64) -> Vec<Part> {
    let mut parts = Vec::new();
    for part in paid.iter().rev() {
        let skip = part.amount.min(skipped);
        skipped = skipped.saturating_sub(skip);
        let back = part.amount.saturating_sub(skip).min(amount);
        amount = amount.saturating_sub(back);
        parts.push(Part { lot: part.lot, amount: back });
    }
    parts.retain(|part| part.amount > 0);
    parts
}

impl Decided {
    /// Its state, when something is brought back that was not among what it sold.
    fn has_other_items(&self, lines: &[Line]) -> Option<TransactionState> {
        let unsold = |line: &Line| !self.lines.contains_key(&line.item);
        (!self.lines.is_empty() && lines.iter().any(unsold)).then_some(self.state)
    }

    /// What of it comes back by line, by item, or why that cannot be.
    fn bring_back(&self, lines: &[Line]) -> Result<BTreeMap<String, (i64, i64)>, ResponseCode> {
        let asked = by_item(lines);
        if self.lines.is_empty() {
            return Ok(BTreeMap::new());
        }
        for (item, (quantity, amount)) in &asked {
            let sold = self.lines.get(item).copied().unwrap_or_default();
            let before = self.returned.get(item).copied().unwrap_or_default();
            if before.0.saturating_add(*quantity) > sold.0 || before.1.saturating_add(*amount) > sold.1 {
                return Err(ResponseCode::AMOUNT_LIMIT);
            }
        }
        Ok(asked)
    }
}

impl CardModel {
    /// Notes what came back by line, or that it did not.
    pub(super) fn bring(&mut self, key: &TransactionKey, lines: &BTreeMap<String, (i64, i64)>, back: bool) {
        let Some(original) = self.decided.get_mut(key) else { return };
        for (item, (quantity, amount)) in lines {
            let (there, worth) = original.returned.entry(item.clone()).or_default();
            let sign = if back { 1 } else { -1 };
            *there = there.saturating_add(quantity.saturating_mul(sign));
            *worth = worth.saturating_add(amount.saturating_mul(sign));
        }
    }
}

/// Quantity and amount of each item.
pub(super) fn by_item(lines: &[Line]) -> BTreeMap<String, (i64, i64)> {
    let mut items: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for line in lines {
        let (quantity, amount) = items.entry(line.item.clone()).or_default();
        *quantity = quantity.saturating_add(line.quantity);
        *amount = amount.saturating_add(line.amount);
    }
    items
}
