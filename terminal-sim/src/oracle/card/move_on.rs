//! Transfer, Unload, Advice and CashTaken.

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use protocol::frame::MessageType;

use super::purse::{Part, opposite, sum};
use super::refund::Slice;
use super::{CardModel, Decided, Expected, Outcome, Request};
use crate::oracle::fact::{TransactionKey, Wallet};
use crate::oracle::happened::Happened;
use crate::oracle::rules;

/// An Unload is paid out of so many loads at most.
const MOST_LOADS: usize = 16;

impl CardModel {
    /// Why the product, or the card that is given to, does not allow it.
    pub(super) fn unfit(&self, request: &Request<'_>) -> Option<ResponseCode> {
        let not_permitted = Some(ResponseCode::NOT_PERMITTED_CARD);
        let (intent, product) = (request.intent, self.product(request.programme));
        let of_own = [MessageType::LOAD, MessageType::UNLOAD, MessageType::TRANSFER];
        match MessageType(intent.kind) {
            kind if self.bound.is_some() && of_own.contains(&kind) => not_permitted,
            MessageType::LOAD if self.is_somebody_elses(request) => not_permitted,
            MessageType::TRANSFER if product.max_transfer.is_none() => not_permitted,
            MessageType::TRANSFER if intent.extra.to == intent.card => {
                Some(ResponseCode::INVALID_TRANSACTION)
            }
            MessageType::TRANSFER => match request.partner {
                None => Some(ResponseCode::CARD_NOT_ACCEPTED),
                Some(partner) => {
                    partner.refuses(request.time).or(not_permitted.filter(|_| partner.bound.is_some()))
                }
            },
            MessageType::UNLOAD if product.max_unload.is_none() => not_permitted,
            MessageType::CHANGE_PIN if product.pin.is_none() => not_permitted,
            MessageType::PURCHASE if intent.extra.points.is_some() && product.points.is_none() => {
                not_permitted
            }
            MessageType::PURCHASE | MessageType::AUTHORIZE if request.account_refuses => {
                Some(ResponseCode::CARD_BLOCKED)
            }
            _ => None,
        }
    }

    pub(super) fn expected_transfer(&self, request: &Request<'_>) -> Vec<Outcome> {
        let amount = request.intent.amount.unwrap_or(0);
        let product = self.product(request.programme);
        let most = product.max_transfer.unwrap_or(0).min(request.intent.rules.max_purchase);
        if amount > most {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        if self.wallet().payable().unwrap_or(0) < amount {
            return self.declined(request, ResponseCode::NOT_SUFFICIENT_FUNDS);
        }
        let mut partner = request.partner.cloned().unwrap_or_default();
        let (to_product, together) =
            (*partner.product(request.programme), partner.purse.total().saturating_add(amount));
        if together > to_product.max_balance {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        if partner.lacks_holder(&to_product, together, None) {
            return self.declined_for_holder(request, Happened { without_holder: 1, ..Happened::default() });
        }
        let mut after = self.clone();
        let taken = self.purse.choose(amount, product.spend);
        // Each with its balance and end.
        let crowded = partner.purse.alive().saturating_add(partner.points.alive()) >= rules::LOTS_APART;
        let (among, mut given) = (partner.purse.lots(), Vec::new());
        for part in &taken {
            let of = (after.purse.balance(part.lot), after.purse.ends(part.lot));
            given.push(Part { lot: partner.purse.place(of, crowded, among), amount: part.amount });
        }
        partner.purse.book(&given);
        partner.loaded = true;
        let parts = opposite(&taken);
        let changes = after.purse.book(&parts);
        let given_to = partner.number;
        let decided = Decided { approved: amount, parts, given, given_to, ..Decided::default() };
        let outcome = after.approved(request, ResponseCode::APPROVED, changes, decided);
        vec![Outcome { partner: Some(partner), ..outcome }]
    }

    /// The newest loads first, each as its Refund would pay it.
    pub(super) fn expected_unload(&self, request: &Request<'_>) -> Vec<Outcome> {
        let amount = request.intent.amount.unwrap_or(0);
        let most =
            self.product(request.programme).max_unload.unwrap_or(0).min(request.intent.rules.max_refund);
        if amount > most {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        if let Err(declined) = self.supervised(request, amount, request.programme.till.unload_from) {
            return declined;
        }
        let stands = [TransactionState::LIVE, TransactionState::REFUNDED_IN_PART];
        let mut loads: Vec<(TransactionKey, Decided)> = self
            .decided
            .iter()
            .filter(|(_, load)| load.kind == MessageType::LOAD.0 && stands.contains(&load.state))
            .map(|(key, load)| (key.clone(), load.clone()))
            .collect();
        loads.sort_by_key(|(_, load)| std::cmp::Reverse(load.index));
        let mut outcomes = self.unloaded(request, &loads);
        // Not checked: which of the loads pays that went into one lot, because the card had so many.
        if loads.iter().any(|(_, load)| load.joined) {
            loads.retain(|(_, load)| !load.joined);
            outcomes.extend(self.unloaded(request, &loads));
        }
        outcomes
    }

    /// Pays out of these loads, one after the other.
    fn unloaded(&self, request: &Request<'_>, loads: &[(TransactionKey, Decided)]) -> Vec<Outcome> {
        let mut after = self.clone();
        let mut done = Decided::default();
        let (mut missing, mut changes) = (request.intent.amount.unwrap_or(0), Wallet::default());
        for (key, load) in loads {
            let lot = load.parts.first().map_or(0, |part| part.lot);
            let left = load.approved.saturating_sub(load.refunded);
            let part = after.purse.free(lot).min(left).min(missing);
            if part <= 0 {
                continue;
            }
            let slice = Slice { before: load.refunded, amount: part, whole: load.approved };
            let Some((changed, paid)) = after.pay_out(load, slice) else { continue };
            missing = missing.saturating_sub(part);
            changes = changes.plus(changed).unwrap_or_default();
            done.approved = done.approved.saturating_add(paid.approved);
            done.parts.extend(paid.parts);
            after.refunded(key, slice.after(), Some(request.intent.key.clone()));
            done.refunds.push((key.clone(), part));
        }
        if missing > 0 || done.refunds.len() > MOST_LOADS {
            return self.declined(request, ResponseCode::NOT_SUFFICIENT_FUNDS);
        }
        vec![after.approved(request, ResponseCode::APPROVED, changes, done)]
    }

    /// Never declined for what the card is or has. The terminals of a shop keep to their grants.
    pub(super) fn expected_advice(&self, request: &Request<'_>) -> Vec<Outcome> {
        let amount = request.intent.amount.unwrap_or(0);
        let product = self.product(request.programme);
        let may_pay = self.refuses(request.time).is_none()
            && !request.replaced
            && self.bound.is_none()
            && product.offline;
        let paid = if may_pay { self.wallet().payable().unwrap_or(0).min(amount).max(0) } else { 0 };
        let mut after = self.clone();
        let parts = opposite(&self.purse.choose(paid, product.spend));
        let mut changes = after.purse.book(&parts);
        let earned = self.earned(request, paid);
        let points = after.points.earn(earned, request.ends(request.programme.expiry.points));
        changes.points = points.card();
        let decided =
            Decided { approved: paid, advised: amount, parts, points, earned, ..Decided::default() };
        let mut outcome = after.approved(request, ResponseCode::APPROVED, changes, decided);
        outcome.expected.approved = Some(amount);
        outcome.expected.shortfall = Some(amount.saturating_sub(paid));
        if paid == 0 {
            outcome.expected.shown = None;
        }
        vec![outcome]
    }

    /// It credits nobody and is declined for nothing that a card is.
    pub(super) fn expected_cash_taken(&self, request: &Request<'_>) -> Vec<Outcome> {
        let approved = request.intent.amount;
        let decided = Decided { kind: MessageType::CASH_TAKEN.0, index: request.index, ..Decided::default() };
        let mut after = self.clone();
        after.decided.insert(request.intent.key.clone(), decided);
        vec![Outcome { expected: Expected { approved, ..Expected::default() }, after, partner: None }]
    }

    /// The other card without what a Transfer gave it; `None` when that is spent.
    pub(super) fn without_given(&self, given: &[Part]) -> Option<CardModel> {
        let wanted = |lot| sum(given.iter().filter(|part| part.lot == lot).map(|part| part.amount));
        if given.iter().any(|part| self.purse.free(part.lot) < wanted(part.lot)) {
            return None;
        }
        let mut without = self.clone();
        without.purse.book(&opposite(given));
        Some(without)
    }
}
