//! Authorize and Capture.

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use protocol::frame::MessageType;

use super::purse::{Hold, Part, opposite};
use super::{CardModel, Decided, Outcome, Request};
use crate::oracle::fact::{HoldShown, Wallet};
use crate::oracle::rules;

impl CardModel {
    /// How many holds it has.
    pub(in crate::oracle) fn holds(&self) -> usize {
        self.purse.holds.len()
    }

    pub(super) fn expected_authorize(&self, request: &Request<'_>) -> Vec<Outcome> {
        let opener = match &request.intent.original {
            None => None,
            Some(_) => match self.raised(request) {
                Ok(opener) => Some(opener),
                Err(declined) => return declined,
            },
        };
        let held = opener.and_then(|opener| self.purse.holds.get(&opener)).map_or(0, Hold::held);
        let amount = request.intent.amount.unwrap_or(0);
        if held.saturating_add(amount) > request.intent.rules.max_purchase {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        let Some((code, amount)) = self.payable(request) else {
            return self.declined(request, ResponseCode::NOT_SUFFICIENT_FUNDS);
        };
        if opener.is_none() && self.holds() >= rules::MOST_HOLDS {
            return self.declined(request, ResponseCode::INVALID_TRANSACTION);
        }
        let mut after = self.clone();
        let reference = opener.unwrap_or(request.index);
        let expires = request.time.saturating_add(self.product(request.programme).hold_seconds);
        let new = Hold { opener: Some(request.intent.key.clone()), expires, ..Hold::default() };
        let hold = after.purse.holds.entry(reference).or_insert(new);
        hold.parts.extend(
            self.purse
                .choose(amount, self.product(request.programme).spend)
                .into_iter()
                .map(|part| (request.index, part)),
        );
        let ends = Some(expires).filter(|_| opener.is_none());
        let decided = Decided { approved: amount, hold: Some(reference), ends, ..Decided::default() };
        vec![after.approved(request, code, Wallet::default(), decided)]
    }

    /// What the hold that is to be raised has already.
    pub(super) fn held_by_original(&self, request: &Request<'_>) -> i64 {
        let opener = request.intent.original.as_ref().and_then(|_| self.raised(request).ok());
        opener.and_then(|opener| self.purse.holds.get(&opener)).map_or(0, Hold::held)
    }

    /// The hold that is to be raised. Its original is judged as a Capture's, but one that is no Authorize of this card is
    /// not found, and nothing is said of its state.
    pub(super) fn raised(&self, request: &Request<'_>) -> Result<u64, Vec<Outcome>> {
        let not_found = || self.declined(request, ResponseCode::ORIGINAL_NOT_FOUND);
        let original = request.intent.original.as_ref().and_then(|key| self.decided.get(key));
        let original = original.ok_or_else(not_found)?;
        let blocked = original.state == TransactionState::BLOCKED;
        if original.kind != MessageType::AUTHORIZE.0 && !blocked {
            return Err(not_found());
        }
        match original.hold {
            Some(opener)
                if original.state == TransactionState::LIVE
                    && opener == original.index
                    && self.purse.holds.contains_key(&opener) =>
            {
                Ok(opener)
            }
            _ => Err(self.declined(request, ResponseCode::INVALID_TRANSACTION)),
        }
    }

    pub(super) fn expected_capture(&self, request: &Request<'_>) -> Vec<Outcome> {
        if !request.intent.genuine {
            return self.declined(request, ResponseCode::ORIGINAL_NOT_FOUND);
        }
        let (key, original) = match self.original(request) {
            Ok(found) => found,
            Err(declined) => return declined,
        };
        let is_live = original.state == TransactionState::LIVE;
        let opener = original.hold.filter(|opener| is_live && *opener == original.index);
        let found = opener.filter(|_| original.kind == MessageType::AUTHORIZE.0);
        let Some((reference, hold)) = found.and_then(|opener| self.purse.holds.get_key_value(&opener)) else {
            return self.declined_in(request, ResponseCode::INVALID_TRANSACTION, Some(original.state));
        };
        let amount = request.intent.amount.unwrap_or(0);
        if amount > request.intent.rules.max_purchase || amount > hold.held() {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        let mut after = self.clone();
        let taken = after.take_from_hold(*reference, amount, request.intent.more);
        if !after.purse.holds.contains_key(reference)
            && let Some(authorize) = after.decided.get_mut(&key)
        {
            authorize.state = TransactionState::CAPTURED;
        }
        let parts = opposite(&taken);
        let mut changes = after.purse.book(&parts);
        let earned = self.earned(request, amount);
        let points = after.points.earn(earned, request.ends(request.programme.expiry.points));
        changes.points = points.card();
        let hold = Some(*reference);
        let decided = Decided { approved: amount, parts, points, earned, hold, ..Decided::default() };
        vec![after.approved(request, ResponseCode::APPROVED, changes, decided)]
    }

    /// Takes an amount out of a hold, in the order in which it was held. The hold ends when nothing is left in it, or
    /// nothing more is to be captured.
    fn take_from_hold(&mut self, reference: u64, amount: i64, more: bool) -> Vec<Part> {
        let Some(hold) = self.purse.holds.get_mut(&reference) else { return Vec::new() };
        let (mut missing, mut taken) = (amount, Vec::new());
        for (_, part) in &mut hold.parts {
            let amount = part.amount.min(missing);
            missing = missing.saturating_sub(amount);
            part.amount = part.amount.saturating_sub(amount);
            taken.push(Part { amount, ..*part });
        }
        taken.retain(|part| part.amount > 0);
        hold.parts.retain(|(_, part)| part.amount > 0);
        hold.captured = hold.captured.saturating_add(amount);
        if hold.parts.is_empty() || !more {
            let ended = Hold { parts: Vec::new(), ..hold.clone() };
            self.purse.holds.remove(&reference);
            self.purse.ended.insert(reference, ended);
        }
        taken
    }

    /// Puts back in front what an undone capture had taken, if its Authorize still stands.
    pub(super) fn hold_again(&mut self, reference: u64, capture: &Decided) {
        let hold = self.purse.holds.get(&reference).or_else(|| self.purse.ended.get(&reference)).cloned();
        let key = hold.as_ref().and_then(|hold| hold.opener.as_ref());
        let stands = [TransactionState::LIVE, TransactionState::CAPTURED];
        let opener = key.and_then(|key| self.decided.get_mut(key));
        let opener = opener.filter(|opener| stands.contains(&opener.state));
        let in_time = hold.filter(|hold| hold.expires > self.purse.now());
        let (Some(opener), Some(mut hold)) = (opener, in_time) else { return };
        opener.state = TransactionState::LIVE;
        hold.captured = hold.captured.saturating_sub(capture.approved);
        let back = opposite(&capture.parts).into_iter().map(|part| (reference, part));
        hold.parts.splice(0..0, back);
        self.purse.ended.remove(&reference);
        self.purse.holds.insert(reference, hold);
    }

    /// Key 18 of an answer about this hold.
    pub(super) fn hold_shown(&self, reference: u64, request: &Request<'_>) -> HoldShown {
        let hold = self.purse.holds.get(&reference).or_else(|| self.purse.ended.get(&reference));
        let expires = hold.map_or_else(
            || request.time.saturating_add(self.product(request.programme).hold_seconds),
            |hold| hold.expires,
        );
        HoldShown { reference, held: hold.map_or(0, Hold::held), expires }
    }
}
