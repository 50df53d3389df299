//! Reversal and Void: exactly what was done is undone.

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use protocol::frame::MessageType;

use super::purse::{Hold, Part, opposite, sum};
use super::{CardModel, Decided, Expected, Outcome, Request, Shown};
use crate::oracle::fact::{TransactionKey, Wallet};
use crate::oracle::limits::class_of_void;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Reversal,
    Void,
}

/// The card without the original: what changed, and the amount that was undone.
struct Undone {
    after: CardModel,
    changes: Wallet,
    amount: i64,
    /// The other card of a Transfer.
    partner: Option<CardModel>,
}

impl CardModel {
    /// The outcomes that are right for a Reversal of `original`, decided now.
    pub(in crate::oracle) fn expected_reversal(
        &self,
        original: &TransactionKey,
        kind: u8,
        (partner, points_end): (Option<&CardModel>, Option<i64>),
    ) -> Vec<Outcome> {
        let answer = |code: ResponseCode, approved, state: Option<TransactionState>| {
            let state = state.map(|state| state.0);
            let expected = Expected { code: code.0, approved, state, ..Expected::default() };
            vec![Outcome { expected, after: self.clone(), partner: None }]
        };
        let (done, not_valid) = (ResponseCode::APPROVED, ResponseCode::INVALID_TRANSACTION);
        let Some(decided) = self.decided.get(original) else {
            let mut outcomes = answer(done, None, Some(TransactionState::BLOCKED));
            let blocked = Decided { kind, state: TransactionState::BLOCKED, ..Decided::default() };
            outcomes.iter_mut().for_each(|outcome| {
                outcome.after.decided.insert(original.clone(), blocked.clone());
            });
            return outcomes;
        };
        let state = decided.state;
        let never = [MessageType::VOID, MessageType::CHANGE_PIN, MessageType::CASH_TAKEN];
        if never.contains(&MessageType(decided.kind)) {
            return answer(not_valid, None, None);
        }
        match state {
            TransactionState::BLOCKED | TransactionState::DECLINED => answer(done, None, Some(state)),
            TransactionState::REVERSED | TransactionState::VOIDED => answer(done, Some(0), Some(state)),
            TransactionState::LIVE => {
                match self.undo(original, decided, Way::Reversal, (partner, points_end)) {
                    Err(code) => answer(code, None, Some(state)),
                    Ok(undone) => undone.into_iter().map(|undone| undone.reversed(original)).collect(),
                }
            }
            _ => answer(not_valid, None, Some(state)),
        }
    }

    pub(super) fn expected_void(&self, request: &Request<'_>) -> Vec<Outcome> {
        if !request.intent.genuine {
            return self.declined(request, ResponseCode::ORIGINAL_NOT_FOUND);
        }
        let (key, original) = match self.original(request) {
            Ok(found) => found,
            Err(declined) => return declined,
        };
        let state = original.state;
        let refused = |code| self.declined_in(request, code, Some(state));
        let raised = original.kind == MessageType::AUTHORIZE.0 && original.hold != Some(original.index);
        if state != TransactionState::LIVE || raised {
            return refused(ResponseCode::INVALID_TRANSACTION);
        }
        let kept = [MessageType::ACTIVATE, MessageType::AUTHORIZE].contains(&MessageType(original.kind));
        let closed = if kept { Some(false) } else { request.original_closed };
        let mut outcomes = Vec::new();
        if closed != Some(false) {
            outcomes.extend(refused(ResponseCode::INVALID_TRANSACTION));
        }
        if closed != Some(true) {
            outcomes.extend(self.voided_now(&key, original, request, &refused));
        }
        outcomes
    }

    /// A Void of what stands, in a shift that is open.
    fn voided_now(
        &self,
        key: &TransactionKey,
        original: &Decided,
        request: &Request<'_>,
        refused: &dyn Fn(ResponseCode) -> Vec<Outcome>,
    ) -> Vec<Outcome> {
        let points_end = request.ends(request.programme.expiry.points);
        let undone = self.undo(key, original, Way::Void, (request.partner, points_end));
        if let Err(ResponseCode::INVALID_TRANSACTION) = undone {
            return refused(ResponseCode::INVALID_TRANSACTION);
        }
        let hands_out = class_of_void(original.kind).is_some();
        if hands_out && self.void_amount(key) > request.intent.rules.max_refund {
            return self.declined(request, ResponseCode::AMOUNT_LIMIT);
        }
        let from = request.programme.till.void_from;
        if let Err(declined) = self.supervised(request, self.void_amount(key), from) {
            return declined;
        }
        // A person may not make the card owe more points than before where they are money.
        let owes_more = |undone: &Undone| undone.after.points.debt() > self.points.debt();
        match undone {
            Err(code) => refused(code),
            Ok(undone)
                if self.product(request.programme).points.is_some() && undone.iter().any(owes_more) =>
            {
                refused(ResponseCode::NOT_SUFFICIENT_FUNDS)
            }
            Ok(undone) => undone.into_iter().map(|undone| undone.voided(key, request)).collect(),
        }
    }

    /// Undoes a live original, or says why it stands: one result, or two where it is left open which of two holds' lots
    /// are freed.
    fn undo(
        &self,
        key: &TransactionKey,
        original: &Decided,
        way: Way,
        (partner, points_end): (Option<&CardModel>, Option<i64>),
    ) -> Result<Vec<Undone>, ResponseCode> {
        let in_use = Err(ResponseCode::INVALID_TRANSACTION);
        match MessageType(original.kind) {
            MessageType::ACTIVATE if self.is_in_use() => in_use,
            MessageType::ACTIVATE => {
                let pin = super::pin::CardPin::default();
                let after = CardModel { active: false, expires: None, pin, holder: None, ..self.clone() };
                Ok(vec![Undone { after, changes: Wallet::default(), amount: 0, partner: None }])
            }
            MessageType::AUTHORIZE => self.release(original, way),
            MessageType::REFUND | MessageType::UNLOAD => {
                for (refunded, _) in &original.refunds {
                    let before = self.decided.get(refunded);
                    if before.is_none_or(|before| before.last_refund.as_ref() != Some(key)) {
                        return in_use;
                    }
                }
                let mut undone = self.mirror(original, points_end)?;
                for (refunded, by) in &original.refunds {
                    let before = self.decided.get(refunded).map_or(0, |before| before.refunded);
                    undone.after.refunded(refunded, before.saturating_sub(*by), None);
                    undone.after.bring(refunded, &original.lines, false);
                }
                Ok(vec![undone])
            }
            MessageType::TRANSFER => {
                let spent = ResponseCode::NOT_SUFFICIENT_FUNDS;
                if original.given_to == self.number {
                    // The two cards are one by now.
                    let without = self.without_given(&original.given).ok_or(spent)?;
                    let mut undone = without.mirror(original, points_end)?;
                    let given = self.clone().purse.book(&opposite(&original.given));
                    undone.changes = undone.changes.plus(given).unwrap_or_default();
                    return Ok(vec![undone]);
                }
                let partner = partner.ok_or(spent)?.without_given(&original.given).ok_or(spent)?;
                let undone = self.mirror(original, points_end)?;
                Ok(vec![Undone { partner: Some(partner), ..undone }])
            }
            _ => {
                let mut undone = self.mirror(original, points_end)?;
                if let Some(reference) = original.hold {
                    undone.after.hold_again(reference, original);
                }
                Ok(vec![undone])
            }
        }
    }

    /// Every part back where it was: what the original gave must be free in its very lots.
    fn mirror(&self, original: &Decided, points_end: Option<i64>) -> Result<Undone, ResponseCode> {
        let given: Vec<&Part> = original.parts.iter().filter(|part| part.amount > 0).collect();
        let gone = |lot| {
            let wanted = sum(given.iter().filter(|part| part.lot == lot).map(|part| part.amount));
            self.purse.free(lot) < wanted
        };
        if given.iter().any(|part| gone(part.lot)) {
            return Err(ResponseCode::NOT_SUFFICIENT_FUNDS);
        }
        let refunds = original.kind == MessageType::REFUND.0;
        let mut after = self.clone();
        let mut changes = after.purse.book(&opposite(&original.parts));
        let points = after.points.undo(&original.paid_parts, &original.points, refunds, points_end);
        changes.points = points.ok_or(ResponseCode::NOT_SUFFICIENT_FUNDS)?;
        Ok(Undone { after, changes, amount: original.approved.max(original.advised), partner: None })
    }

    /// Frees a whole hold, or what a later Authorize has added to it.
    fn release(&self, original: &Decided, way: Way) -> Result<Vec<Undone>, ResponseCode> {
        let hold = original.hold.and_then(|reference| Some((reference, self.purse.holds.get(&reference)?)));
        let Some((reference, hold)) = hold else { return Err(ResponseCode::INVALID_TRANSACTION) };
        let opened = reference == original.index;
        let all = opened || original.approved < hold.held();
        if way == Way::Reversal && hold.captured != 0 || !all {
            return Err(ResponseCode::INVALID_TRANSACTION);
        }
        let amount = if way == Way::Void { hold.held() } else { original.approved };
        let without = |parts: Option<Vec<(u64, Part)>>| {
            let mut after = self.clone();
            match parts {
                None => after.purse.holds.remove(&reference),
                Some(parts) => after.purse.holds.insert(reference, Hold { parts, ..hold.clone() }),
            };
            Undone { after, changes: Wallet::default(), amount, partner: None }
        };
        if opened {
            return Ok(vec![without(None)]);
        }
        let own = hold.parts.iter().filter(|(by, _)| *by != original.index).copied().collect();
        Ok(vec![without(Some(own)), without(Some(without_last(hold, original.approved)))])
    }
}

/// The parts of a hold without the last `amount` of them.
fn without_last(hold: &Hold, amount: i64) -> Vec<(u64, Part)> {
    let mut parts = hold.parts.clone();
    let mut missing = amount;
    for (_, part) in parts.iter_mut().rev() {
        let off = part.amount.min(missing);
        missing = missing.saturating_sub(off);
        part.amount = part.amount.saturating_sub(off);
    }
    parts.retain(|(_, part)| part.amount > 0);
    parts
}

impl Undone {
    fn reversed(mut self, original: &TransactionKey) -> Outcome {
        let state = TransactionState::REVERSED;
        self.after.set_state(original, state);
        let expected = Expected {
            code: ResponseCode::APPROVED.0,
            approved: Some(self.amount),
            shown: Some(Shown { changes: self.changes, balances: self.after.wallet() }),
            state: Some(state.0),
            ..Expected::default()
        };
        Outcome { expected, after: self.after, partner: self.partner }
    }

    fn voided(mut self, original: &TransactionKey, request: &Request<'_>) -> Outcome {
        let state = TransactionState::VOIDED;
        self.after.set_state(original, state);
        let decided = Decided { approved: self.amount, ..Decided::default() };
        let mut outcome = self.after.approved(request, ResponseCode::APPROVED, self.changes, decided);
        outcome.expected.state = Some(state.0);
        outcome.partner = self.partner;
        outcome
    }
}

impl CardModel {
    fn set_state(&mut self, key: &TransactionKey, state: TransactionState) {
        if let Some(decided) = self.decided.get_mut(key) {
            decided.state = state;
        }
    }
}
