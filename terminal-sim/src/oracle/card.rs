//! One card as it must be, and what must come of each request about it.

use std::collections::BTreeMap;

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use protocol::frame::MessageType;

use super::fact::{Fact, Intent, TerminalRules, TransactionKey, Wallet};
use super::rules;

/// What must come of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) code: u8,
    pub(super) approved: Option<i64>,
    pub(super) changes: Wallet,
    pub(super) state: Option<u8>,
}

/// A card and what was decided about it.
#[derive(Clone, Debug, Default)]
pub(super) struct CardModel {
    pub(super) active: bool,
    pub(super) wallet: Wallet,
    decided: BTreeMap<TransactionKey, Decided>,
    /// It has been loaded, whatever became of that: its activation stands.
    loaded: bool,
    /// Counts what took value from the card: a load before the last of them may be spent in part.
    takings: u64,
}

#[derive(Clone, Copy, Debug)]
struct Decided {
    kind: u8,
    approved: Option<i64>,
    changes: Wallet,
    state: TransactionState,
    takings_before: u64,
}

impl CardModel {
    /// The outcomes that are right for a request, decided now.
    pub(super) fn expected(&self, intent: &Intent, shift_closed: bool) -> Expected {
        let declined = |code: ResponseCode| Expected {
            code: code.0,
            approved: None,
            changes: Wallet::default(),
            state: None,
        };
        let (kind, terminal) = (MessageType(intent.kind), intent.rules);
        let amount = intent.amount.unwrap_or(0);
        let payable = self.wallet.payable().unwrap_or(i64::MAX);
        if kind == MessageType::PURCHASE && !terminal.sells {
            return declined(ResponseCode::NOT_PERMITTED_TERMINAL);
        }
        if shift_closed {
            return declined(ResponseCode::INVALID_TRANSACTION);
        }
        if !intent.genuine {
            return declined(ResponseCode::CARD_NOT_ACCEPTED);
        }
        match (kind, self.active) {
            (MessageType::ACTIVATE, true) => declined(ResponseCode::INVALID_TRANSACTION),
            (MessageType::ACTIVATE, false) => {
                Expected { code: ResponseCode::APPROVED.0, ..declined(ResponseCode::APPROVED) }
            }
            (_, false) => declined(ResponseCode::CARD_NOT_ACTIVE),
            (MessageType::LOAD, true) => self.expected_load(amount, payable, terminal, &declined),
            (_, true) => self.expected_purchase(intent, payable, &declined),
        }
    }

    fn expected_load(
        &self,
        amount: i64,
        payable: i64,
        terminal: TerminalRules,
        declined: &dyn Fn(ResponseCode) -> Expected,
    ) -> Expected {
        let bonus = rules::bonus(amount);
        let after = payable.checked_add(amount).and_then(|sum| sum.checked_add(bonus));
        if amount < rules::MIN_LOAD {
            return declined(ResponseCode::INVALID_AMOUNT);
        }
        if amount > rules::MAX_LOAD
            || amount > terminal.max_load
            || after.is_none_or(|after| after > rules::MAX_BALANCE)
        {
            return declined(ResponseCode::AMOUNT_LIMIT);
        }
        let changes = Wallet { principal: amount, bonus, points: 0 };
        Expected { approved: Some(amount), changes, ..declined(ResponseCode::APPROVED) }
    }

    fn expected_purchase(
        &self,
        intent: &Intent,
        payable: i64,
        declined: &dyn Fn(ResponseCode) -> Expected,
    ) -> Expected {
        let amount = intent.amount.unwrap_or(0);
        if amount > intent.rules.max_purchase {
            return declined(ResponseCode::AMOUNT_LIMIT);
        }
        let (code, paid) = match amount {
            amount if amount <= payable => (ResponseCode::APPROVED, amount),
            _ if intent.partial && payable > 0 => (ResponseCode::APPROVED_IN_PART, payable),
            _ => return declined(ResponseCode::NOT_SUFFICIENT_FUNDS),
        };
        let principal = paid.min(self.wallet.principal);
        let taken = Wallet { principal, bonus: paid.saturating_sub(principal), points: 0 };
        let changes = Wallet { points: rules::points(paid), ..taken.negated().unwrap_or_default() };
        Expected { approved: Some(paid), changes, ..declined(code) }
    }

    /// The outcomes that are right for a Reversal of `original`, decided now: one, or two where `PROTOCOL.md` leaves
    /// open from which load's value a later purchase was paid.
    pub(super) fn expected_reversal(&self, original: &TransactionKey) -> Vec<Expected> {
        let answer = |code: ResponseCode, approved, changes, state: TransactionState| Expected {
            code: code.0,
            approved,
            changes,
            state: Some(state.0),
        };
        let nothing = Wallet::default();
        let (approved_code, live) = (ResponseCode::APPROVED, TransactionState::LIVE);
        let Some(decided) = self.decided.get(original) else {
            return vec![answer(approved_code, None, nothing, TransactionState::BLOCKED)];
        };
        match decided.state {
            TransactionState::REVERSED => vec![answer(approved_code, Some(0), nothing, decided.state)],
            TransactionState::LIVE => {
                let back = decided.changes.negated().unwrap_or_default();
                let undone = answer(
                    approved_code,
                    Some(decided.approved.unwrap_or(0)),
                    back,
                    TransactionState::REVERSED,
                );
                let spent = answer(ResponseCode::NOT_SUFFICIENT_FUNDS, None, nothing, live);
                match MessageType(decided.kind) {
                    MessageType::ACTIVATE if self.loaded => {
                        vec![answer(ResponseCode::INVALID_TRANSACTION, None, nothing, live)]
                    }
                    MessageType::LOAD if !self.wallet.plus(back).is_some_and(Wallet::is_sound) => vec![spent],
                    MessageType::LOAD if self.takings > decided.takings_before => vec![undone, spent],
                    _ => vec![undone],
                }
            }
            state => vec![answer(approved_code, None, nothing, state)],
        }
    }

    /// Takes a decision for true: its changes, and where its original stands now.
    pub(super) fn apply(&mut self, fact: &Fact) {
        let changes = fact.changes.filter(|_| fact.is_approval()).unwrap_or_default();
        self.wallet = self.wallet.plus(changes).unwrap_or(self.wallet);
        self.loaded |= fact.is_approval() && fact.kind == MessageType::LOAD.0;
        let takings_before = self.takings;
        if changes.principal < 0 || changes.bonus < 0 {
            self.takings = self.takings.saturating_add(1);
        }
        if fact.kind == MessageType::REVERSAL.0 {
            let Some(state) = fact.state.map(TransactionState) else { return };
            let decided = self.decided.entry(fact.about.clone()).or_insert(Decided {
                kind: 0,
                approved: None,
                changes: Wallet::default(),
                state,
                takings_before,
            });
            let undone = fact.undoes() && decided.state == TransactionState::LIVE;
            decided.state = state;
            if undone && decided.kind == MessageType::ACTIVATE.0 {
                self.active = false;
            }
            return;
        }
        let blocked = fact.code == ResponseCode::ALREADY_REVERSED.0;
        let state = match (fact.is_approval(), blocked) {
            (true, _) => TransactionState::LIVE,
            (false, true) => TransactionState::BLOCKED,
            (false, false) => TransactionState::DECLINED,
        };
        if fact.is_approval() && fact.kind == MessageType::ACTIVATE.0 {
            self.active = true;
        }
        let decided = Decided { kind: fact.kind, approved: fact.approved, changes, state, takings_before };
        self.decided.insert(fact.key.clone(), decided);
    }
}
