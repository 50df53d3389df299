//! Activate, Load and Purchase.

use protocol::code::ResponseCode;

use super::purse::{Balance, Part, opposite};
use super::refund::by_item;
use super::{CardModel, Decided, Outcome, Request};
use crate::oracle::fact::Wallet;
use crate::oracle::happened::Happened;
use crate::oracle::rules;

impl CardModel {
    pub(super) fn expected_activation(&self, request: &Request<'_>) -> Vec<Outcome> {
        let refused = match self.refuses(request.time) {
            Some(ResponseCode::CARD_NOT_ACTIVE) => None,
            Some(ResponseCode::EXPIRED_CARD) | None => Some(ResponseCode::INVALID_TRANSACTION),
            stopped => stopped,
        };
        if let Some(code) = refused {
            return self.declined(request, code);
        }
        // The end is a month away at least. Whoever it names is registered.
        let expires = self.product(request.programme).ends.then_some(i64::MAX);
        let after = CardModel { active: true, expires, ..self.clone() };
        let code = ResponseCode::APPROVED;
        vec![after.approved(request, code, Wallet::default(), Decided::default())]
    }

    pub(super) fn expected_load(&self, request: &Request<'_>) -> Vec<Outcome> {
        let (amount, product) = (request.intent.amount.unwrap_or(0), self.product(request.programme));
        let bonus = rules::bonus(amount);
        let gained = amount.saturating_add(bonus);
        let balance = self.purse.total().checked_add(gained);
        if amount < product.min_load {
            return self.declined(request, ResponseCode::INVALID_AMOUNT);
        }
        if amount > product.max_load
            || amount > request.intent.rules.max_load
            || balance.is_none_or(|balance| balance > product.max_balance)
        {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        if self.lacks_holder(product, balance.unwrap_or(0), request.intent.extra.holder) {
            return self.declined_for_holder(request, Happened { without_holder: 1, ..Happened::default() });
        }
        let mut after = CardModel { loaded: true, ..self.clone() };
        let expiry = request.programme.expiry;
        let given = [(Balance::Principal, amount, expiry.principal), (Balance::Bonus, bonus, expiry.bonus)];
        let (mut parts, mut changes, mut joined) = (Vec::new(), Wallet::default(), false);
        for (balance, amount, months) in given.into_iter().filter(|(_, amount, _)| *amount > 0) {
            let lots = after.purse.lots();
            let crowded = after.purse.alive().saturating_add(after.points.alive()) >= rules::LOTS_APART;
            let lot = after.purse.place((balance, request.ends(months)), crowded, usize::MAX);
            joined |= balance == Balance::Principal && lot < lots;
            let part = Part { lot, amount };
            changes = changes.plus(after.purse.book(&[part])).unwrap_or_default();
            parts.push(part);
        }
        let decided = Decided { approved: amount, parts, joined, ..Decided::default() };
        vec![after.approved(request, ResponseCode::APPROVED, changes, decided)]
    }

    pub(super) fn expected_purchase(&self, request: &Request<'_>) -> Vec<Outcome> {
        let amount = request.intent.amount.unwrap_or(0);
        if amount > request.intent.rules.max_purchase {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        let (used, worth) = match self.points_that_pay(request) {
            Ok(points) => points,
            Err(code) => return self.declined(request, code),
        };
        let Some((code, paid)) = self.payable_after(request, worth) else {
            return self.declined(request, ResponseCode::NOT_SUFFICIENT_FUNDS);
        };
        let mut after = self.clone();
        let paid_parts = opposite(&after.points.pay(used));
        let parts = opposite(&self.purse.choose(paid, self.product(request.programme).spend));
        let mut changes = after.purse.book(&parts);
        let earned = self.earned(request, paid);
        let points = after.points.earn(earned, request.ends(request.programme.expiry.points));
        changes.points = points.card().saturating_sub(used);
        let approved = paid.saturating_add(worth);
        let lines = by_item(&request.intent.extra.lines);
        let paid_points = (used, worth);
        let decided =
            Decided { approved, parts, points, earned, paid_points, paid_parts, lines, ..Decided::default() };
        vec![after.approved(request, code, changes, decided)]
    }

    /// The points that pay a part, and what they are worth.
    fn points_that_pay(&self, request: &Request<'_>) -> Result<(i64, i64), ResponseCode> {
        let (Some(used), Some(rule)) = (request.intent.extra.points, self.product(request.programme).points)
        else {
            return Ok((0, 0));
        };
        let (amount, worth) = (request.intent.amount.unwrap_or(0), rule.worth(used));
        let most = amount.saturating_mul(rule.max_percent).checked_div(100).unwrap_or(0);
        let odd = used.checked_rem(rule.step).is_some_and(|rest| rest != 0);
        if used < rule.minimum || odd || worth > most && rule.max_percent < 100 {
            return Err(ResponseCode::AMOUNT_LIMIT);
        }
        if worth > amount || !self.points.has(used) {
            return Err(ResponseCode::NOT_SUFFICIENT_FUNDS);
        }
        Ok((used, worth))
    }

    /// What the balances pay after the points.
    fn payable_after(&self, request: &Request<'_>, worth: i64) -> Option<(ResponseCode, i64)> {
        if worth == 0 {
            return self.payable(request);
        }
        let rest = request.intent.amount.unwrap_or(0).saturating_sub(worth);
        (rest <= self.wallet().payable().unwrap_or(i64::MAX)).then_some((ResponseCode::APPROVED, rest))
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
