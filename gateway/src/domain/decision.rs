//! What the rules say: a verdict with its reasons, and the effects to write.

use super::card::CardReference;
use super::effect::{Effect, TransactionState};
use super::ledger::Kind;

/// Why a request was declined. Final, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decline {
    ReversedBefore,
    MessageNotAllowedForRole,
    ShiftClosed,
    CardNotAccepted,
    CardBlocked,
    CardNotActive,
    CardAlreadyActive,
    CurrencyNotAccepted,
    ProductNotInProgramme,
    BelowMinimum,
    AboveTerminalLimit,
    AboveProductLimit,
    AboveMaximumBalance,
    NotSufficientFunds,
    LoadAlreadySpent,
    OriginalDiffers,
    OriginalOfAnotherTerminal,
    OriginalNotReversible,
    ActivatedCardInUse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Approved,
    ApprovedInPart,
    /// Reconciliation only: recorded, with a difference.
    TotalsDiffer,
    Declined(Decline),
}

/// One line of "why": which rule gave what, on which base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub rule: String,
    pub kind: Kind,
    pub base: i64,
    pub result: i64,
}

/// What to write and what to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub verdict: Verdict,
    pub effects: Vec<Effect>,
    pub card: Option<CardReference>,
    /// Approved, or for a reversal undone, in minor units.
    pub amount: Option<i64>,
    pub explanation: Vec<Reason>,
    /// Reversal only: what the original is now.
    pub original_state: Option<TransactionState>,
    /// Reconciliation only: the host's totals.
    pub totals: Option<Vec<(u8, i64, i64)>>,
}

impl Decision {
    pub(super) fn declined(decline: Decline) -> Self {
        Self { verdict: Verdict::Declined(decline), ..Self::approved(Vec::new()) }
    }

    pub(super) fn approved(effects: Vec<Effect>) -> Self {
        Self {
            verdict: Verdict::Approved,
            effects,
            card: None,
            amount: None,
            explanation: Vec::new(),
            original_state: None,
            totals: None,
        }
    }

    /// Whether the answer shows balances and changes: something was done to a card.
    #[must_use]
    pub fn changes_a_card(&self) -> bool {
        let undone = self.original_state.is_none_or(|state| state == TransactionState::Reversed);
        self.is_approved()
            && self.totals.is_none()
            && undone
            && self.original_state.is_none_or(|_| self.amount != Some(0))
    }

    /// True for full and partial approval.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        matches!(self.verdict, Verdict::Approved | Verdict::ApprovedInPart)
    }
}
