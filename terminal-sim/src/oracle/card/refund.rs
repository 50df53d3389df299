//! Refund: of a sale to the very lots that paid, of a load to who paid it.

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use protocol::frame::MessageType;

use super::purse::Part;
use super::{CardModel, Decided, Outcome, Request};
use crate::oracle::fact::{TransactionKey, Wallet};
use crate::oracle::rules;

/// The present refund of an original.
#[derive(Clone, Copy)]
struct Slice {
    before: i64,
    amount: i64,
    whole: i64,
}

impl Slice {
    fn after(self) -> i64 {
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
        let refundable = [MessageType::LOAD, MessageType::PURCHASE, MessageType::CAPTURE];
        let stands = [TransactionState::LIVE, TransactionState::REFUNDED_IN_PART];
        if !refundable.contains(&MessageType(original.kind)) || !stands.contains(&original.state) {
            return self.declined_in(request, ResponseCode::INVALID_TRANSACTION, Some(original.state));
        }
        let amount = request.intent.amount.unwrap_or(0);
        let slice = Slice { before: original.refunded, amount, whole: original.approved };
        if amount > request.intent.rules.max_refund || slice.after() > slice.whole {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        let mut after = self.clone();
        let done = if original.kind == MessageType::LOAD.0 {
            after.pay_out(original, slice)
        } else {
            Some(after.give_back(original, slice))
        };
        let Some((changes, decided)) = done else {
            return self.declined_in(request, ResponseCode::NOT_SUFFICIENT_FUNDS, Some(original.state));
        };
        let state = after.refunded(&key, slice.after(), Some(request.intent.key.clone()));
        let decided = Decided { refunds: Some((key, amount)), ..decided };
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

    /// What was spent last comes back first; points go in proportion.
    fn give_back(&mut self, original: &Decided, slice: Slice) -> (Wallet, Decided) {
        let (mut skipped, mut missing) = (slice.before, slice.amount);
        let mut parts = Vec::new();
        for spent in original.parts.iter().rev() {
            let whole = spent.amount.saturating_neg();
            let skip = whole.min(skipped);
            skipped = skipped.saturating_sub(skip);
            let amount = whole.saturating_sub(skip).min(missing);
            missing = missing.saturating_sub(amount);
            parts.push(Part { lot: spent.lot, amount });
        }
        parts.retain(|part| part.amount > 0);
        let mut changes = self.purse.book(&parts);
        let points = self.purse.take_points(slice.taken_back(original.earned));
        changes.points = points.card;
        (changes, Decided { approved: slice.amount, parts, points, ..Decided::default() })
    }

    /// The money must be in the load's own lot. Bonus that is not in its lot any more is withheld; where nothing would be
    /// paid then, the load counts as spent.
    fn pay_out(&mut self, original: &Decided, slice: Slice) -> Option<(Wallet, Decided)> {
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
