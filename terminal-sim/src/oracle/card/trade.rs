//! Activate, Load and Purchase.

use protocol::code::ResponseCode;

use super::purse::{Balance, opposite};
use super::{CardModel, Decided, Outcome, Request};
use crate::oracle::fact::Wallet;
use crate::oracle::rules;

impl CardModel {
    pub(super) fn expected_activation(&self, request: &Request<'_>) -> Vec<Outcome> {
        let after = CardModel { active: true, ..self.clone() };
        let code = ResponseCode::APPROVED;
        vec![after.approved(request, code, Wallet::default(), Decided::default())]
    }

    pub(super) fn expected_load(&self, request: &Request<'_>) -> Vec<Outcome> {
        let amount = request.intent.amount.unwrap_or(0);
        let bonus = rules::bonus(amount);
        let gained = amount.saturating_add(bonus);
        let balance = self.wallet().payable().and_then(|payable| payable.checked_add(gained));
        if amount < rules::MIN_LOAD {
            return self.declined(request, ResponseCode::INVALID_AMOUNT);
        }
        if amount > rules::MAX_LOAD
            || amount > request.intent.rules.max_load
            || balance.is_none_or(|balance| balance > rules::MAX_BALANCE)
        {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        let mut after = CardModel { loaded: true, ..self.clone() };
        let given = [(Balance::Principal, amount), (Balance::Bonus, bonus)];
        let parts = after.purse.open(given.get(..if bonus > 0 { 2 } else { 1 }).unwrap_or_default());
        let changes = after.purse.book(&parts);
        let decided = Decided { approved: amount, parts, ..Decided::default() };
        vec![after.approved(request, ResponseCode::APPROVED, changes, decided)]
    }

    pub(super) fn expected_purchase(&self, request: &Request<'_>) -> Vec<Outcome> {
        let amount = request.intent.amount.unwrap_or(0);
        if amount > request.intent.rules.max_purchase {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        let Some((code, paid)) = self.payable(request) else {
            return self.declined(request, ResponseCode::NOT_SUFFICIENT_FUNDS);
        };
        let mut after = self.clone();
        let parts = opposite(&self.purse.choose(paid));
        let mut changes = after.purse.book(&parts);
        let earned = rules::points(paid);
        let points = after.purse.earn(earned);
        changes.points = points.card;
        let decided = Decided { approved: paid, parts, points, earned, ..Decided::default() };
        vec![after.approved(request, code, changes, decided)]
    }

    /// How much of what is asked for can be paid or held now; `None` for nothing.
    pub(super) fn payable(&self, request: &Request<'_>) -> Option<(ResponseCode, i64)> {
        let amount = request.intent.amount.unwrap_or(0);
        let payable = self.wallet().payable().unwrap_or(i64::MAX);
        if amount <= payable {
            return Some((ResponseCode::APPROVED, amount));
        }
        (request.intent.partial && payable > 0).then_some((ResponseCode::APPROVED_IN_PART, payable))
    }
}
