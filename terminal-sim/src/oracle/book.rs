//! The decisions about one purse, and the comparison of each with what it must be.

use std::collections::BTreeSet;

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use protocol::frame::MessageType;

use super::card::{CardModel, Expected, Request, Shown};
use super::fact::{Fact, Intent, ShiftTotals, TransactionKey, Wallet};
use super::programme::Programme;
use super::{Mismatch, describe, mismatch};
use crate::desk::Errand;

/// Whether the shift of a transaction was closed before an index; `None` when that cannot be known yet.
pub(super) type Shifts<'a> = dyn Fn(&TransactionKey, u64) -> Option<bool> + 'a;

/// Whether others than the card allow one more of this class and amount; `None` when that cannot be known yet.
pub(super) type Others<'a> = dyn Fn(usize, i64) -> Option<bool> + 'a;

/// What a decision about a card also depends on.
pub(super) struct Context<'a> {
    pub(super) shifts: &'a Shifts<'a>,
    pub(super) others: &'a Others<'a>,
    pub(super) programme: &'a Programme,
    /// Another card has taken the place of the one that it names.
    pub(super) replaced: bool,
    /// The corporate account whose money it would spend cannot be used.
    pub(super) account_refuses: bool,
}

/// What is going on about one purse.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    pub(super) open: BTreeSet<TransactionKey>,
    /// Decisions that wait until nothing is open, in the journal's order.
    pub(super) waiting: BTreeSet<Place>,
    /// Counts the requests begun: an inquiry counts only if none began meanwhile.
    pub(super) begun: u64,
}

/// An entry of the journal, and whose answer names it.
pub(super) type Place = (u64, TransactionKey);

/// What waits for its turn in the journal's order.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    Answer(Box<Answered>),
    Errand(Carried),
}

impl Waiting {
    /// What was meant by an answered request.
    pub(super) fn intent(&self) -> Option<&Intent> {
        match self {
            Waiting::Answer(answered) => Some(&answered.intent),
            Waiting::Errand(_) => None,
        }
    }

    /// The card that it is about, and the other one.
    pub(super) fn cards(&self) -> (u64, Option<u64>) {
        match self {
            Waiting::Answer(answered) => answered.cards,
            Waiting::Errand(carried) => carried.errand.cards(),
        }
    }
}

/// An operator's act.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    pub(super) errand: Errand,
    /// Of an extension: the end that the gateway says.
    pub(super) expires: Option<i64>,
    /// Of what gives value that may end: the business day that the gateway says.
    pub(super) date: Option<u32>,
    /// Something else about its cards was under way at the same time.
    pub(super) overlapped: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) intent: Intent,
    pub(super) fact: Fact,
    pub(super) shift_closed: bool,
    /// Something else about its purse was under way at the same time.
    pub(super) overlapped: bool,
    /// The card that it is about, and that of the other side of a Transfer.
    pub(super) cards: (u64, Option<u64>),
}

impl Answered {
    /// Checks and applies what was decided, to the card and, of a Transfer, to the other one.
    pub(super) fn check_and_apply(
        &self,
        model: &mut CardModel,
        mut partner: Option<&mut CardModel>,
        context: &Context<'_>,
    ) -> Option<Mismatch> {
        let Answered { intent, fact, shift_closed, .. } = self;
        *model = std::mem::take(model).at(fact.time);
        if let Some(partner) = partner.as_deref_mut() {
            *partner = std::mem::take(partner).at(fact.time);
        }
        let request = Request {
            intent,
            index: fact.index,
            time: fact.time,
            date: fact.date,
            shift_closed: *shift_closed,
            original_closed: intent
                .original
                .as_ref()
                .map_or(Some(false), |key| (context.shifts)(key, fact.index)),
            programme: context.programme,
            others: context.others,
            partner: partner.as_deref(),
            replaced: context.replaced,
            account_refuses: context.account_refuses,
            overlapped: self.overlapped,
            quoting: false,
        };
        let outcomes = if fact.kind == MessageType::REVERSAL.0 {
            let points_end = request.ends(request.programme.expiry.points);
            model.expected_reversal(&fact.about, intent.kind, (request.partner, points_end))
        } else {
            model.expected(&request)
        };
        let before = model.wallet();
        let expected: Vec<Expected> = outcomes.iter().map(|outcome| outcome.expected.clone()).collect();
        let right = outcomes.into_iter().find(|outcome| fits(&outcome.expected, fact, before));
        let is_right = right.is_some();
        match right {
            Some(outcome) => {
                *model = outcome.after;
                if let (Some(partner), Some(after)) = (partner.as_deref_mut(), outcome.partner) {
                    *partner = after;
                }
            }
            None => model.believe(intent, fact),
        }
        if fact.kind == MessageType::REVERSAL.0 && fact.state == Some(TransactionState::BLOCKED.0) {
            model.given_up(intent.extra.pin);
        }
        if fact.undoes() {
            let undone = intent.original.as_ref().filter(|_| fact.kind == MessageType::VOID.0);
            model.undone_on(undone.unwrap_or(&fact.about), fact.date);
        }
        model.settle();
        let mut is_sound = model.is_sound();
        if let Some(partner) = partner {
            partner.settle();
            is_sound &= partner.is_sound();
        }
        (!is_right || !is_sound).then(|| Mismatch {
            about: format!("{} about {} ({before:?} before)", describe(&fact.key), about(intent, fact)),
            expected: format!("{expected:?}"),
            got: format!("{fact:?} to {:?}", intent.extra),
        })
    }
}

fn about(intent: &Intent, fact: &Fact) -> String {
    let original = intent.original.as_ref().map(|key| format!(", which names {}", describe(key)));
    format!("{}{}", describe(&fact.about), original.unwrap_or_default())
}

/// Whether an answer is the expected one, with the balances that follow from it.
fn fits(expected: &Expected, fact: &Fact, before: Wallet) -> bool {
    // Only a Reversal that undoes nothing may say what the card holds, or say nothing of it.
    let may_show = fact.kind == MessageType::REVERSAL.0;
    let silent = fact.balances.is_none_or(|balances| may_show && balances == before);
    let shown = fact.balances.zip(fact.changes).map(|(balances, changes)| Shown { changes, balances });
    let shown_right = match expected.shown {
        Some(right) => shown == Some(right),
        None => silent && fact.changes.unwrap_or_default() == Wallet::default(),
    };
    expected.code == fact.code
        && expected.approved.unwrap_or(0) == fact.approved.unwrap_or(0)
        && expected.state == fact.state
        && expected.hold == fact.hold
        && expected.shortfall == fact.shortfall
        && expected.tries_left == fact.tries_left
        && shown_right
}

/// `ours` is what the shift adds up to; `None` when it was closed before.
pub(super) fn check_reconciliation(
    intent: &Intent,
    fact: &Fact,
    ours: Option<&ShiftTotals>,
) -> Option<Mismatch> {
    let code = match ours {
        None => ResponseCode::INVALID_TRANSACTION,
        Some(ours) if intent.totals.as_ref() == Some(ours) => ResponseCode::APPROVED,
        Some(_) => ResponseCode::TOTALS_DIFFER,
    };
    let right = fact.code == code.0 && ours.is_none_or(|ours| fact.totals.as_ref() == Some(ours));
    (!right).then(|| mismatch(&fact.key, &(code, ours), &fact))
}
