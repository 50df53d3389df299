//! What the rules say: a verdict with its reasons, and the effects to write.

use super::card::{CardReference, Hold};
use super::effect::{Effect, TransactionState};
use super::ledger::Kind;
use super::member::TierHeld;
use super::original::Original;
use super::tally::Period;

/// Why a request was declined. Final, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decline {
    ReversedBefore,
    MessageNotAllowedForRole,
    ShiftClosed,
    CardNotAccepted,
    CardBlocked,
    CardReplaced,
    CardNotActive,
    CardAlreadyActive,
    CurrencyNotAccepted,
    ProductNotInProgramme,
    CardExpired,
    /// Its balance would be too large for a card without a registered holder.
    HolderNotRegistered,
    OtherHolder,
    AccountNotUsable,
    BoundToAccount,
    PinNeeded,
    NoPin,
    PinNotUsed,
    PinLocked,
    WrongPin {
        left: Option<u8>,
    },
    /// No answer: its hash is to be worked out first, and the request decided again.
    PinUntried(Tried),
    SupervisorNeeded,
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
    OriginalNotFound,
    /// Of another merchant, or another store.
    OriginalElsewhere,
    /// What it is now, which leaves nothing to do.
    OriginalOver(TransactionState),
    NotRefundable,
    ReturnTimeOver,
    /// Its return time is over, and nobody says why it comes back.
    LateReturnWithoutReason,
    AboveRefundable,
    /// No line of the sale has such an item.
    ItemNotSold,
    /// More of an item than was sold and has not come back.
    AboveItemSold,
    RefundAlreadySpent,
    /// Undoing it would leave a points debt, where points pay.
    PointsAlreadySpent,
    /// Undoing a refund would bring back a reward whose room was given away since.
    GivenAgain,
    RefundedAgainSince,
    NotAnAuthorize,
    NoHoldOfThisCard,
    RaisedAnother,
    CapturedSince,
    HoldEnded,
    QuoteGone,
    /// What was quoted is not to be had any more: it would bring less now.
    QuoteWorse,
    /// Of its card's product, in a day or a month.
    AboveCardLimit(Period),
    /// Of the terminal's or the cashier's day.
    AboveTillLimit,
    TransferNotAllowed,
    PointsNotAccepted,
    /// Too few, not in the programme's steps, worth nothing, or for too large a share of the amount.
    PointsNotAllowed,
    NotEnoughPoints,
    UnloadNotAllowed,
    /// Less of what was loaded on this card is still there.
    NotEnoughLoaded,
    TransferToItself,
    AboveHold,
    /// The programme has no such thing, or not for this member.
    NotOffered,
    /// Not at this time.
    NotNow,
    /// It has not begun, for this member.
    NotYet,
    /// The member has had all that there is for them, or nothing is left for anybody.
    Exhausted,
    AlreadyJoined,
    ReferralUnknown,
    TooManyHolds,
}

/// A PIN that was not looked at yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    Card,
    Supervisor,
    /// A new one, of which a hash is to be made. There is nothing to count.
    New,
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
    /// Of the balance that it is about; money for a price.
    pub kind: Kind,
    /// Minor units, points or pieces that it looked at.
    pub base: i64,
    /// As a receipt prints it: `1/1.00`, `5%`, `x2`.
    pub rate: String,
    pub result: i64,
    pub notes: Notes,
    /// Another member's card than the request's, that it was given to: told to nobody at the till.
    pub other: Option<CardReference>,
}

/// What else there is to say of a rule's result, as bits (PROTOCOL.md section 11, *Explanation*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes(pub u8);

impl Notes {
    pub const NONE: Self = Self(0);
    /// It was rounded down.
    pub const ROUNDED: Self = Self(1);
    /// A member's cap cut it.
    pub const MEMBER_CAP: Self = Self(2);
    /// A budget cut it.
    pub const BUDGET: Self = Self(4);
    pub const PENDING: Self = Self(8);
    /// It undoes what another transaction did: takes back what that gave, or brings back what it took.
    pub const TAKEN_BACK: Self = Self(16);
    /// Points that are owed now, or that paid what was owed.
    pub const OWED: Self = Self(32);
    /// It is paid for with money that is not paid out, or not given back.
    pub const WITHHELD: Self = Self(64);
    /// Why the member's tier is another one: what was counted, and how much of it the tier takes.
    pub const TIER: Self = Self(128);

    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These, when it is so.
    #[must_use]
    pub fn when(self, so: bool) -> Self {
        if so { self } else { Self::NONE }
    }
}

/// What to write and what to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub verdict: Verdict,
    pub effects: Vec<Effect>,
    pub card: Option<CardReference>,
    /// The card whose money it moved, when that may be another than the card spends now.
    pub purse: Option<CardReference>,
    /// Approved, undone or paid back, in minor units.
    pub amount: Option<i64>,
    pub explanation: Vec<Reason>,
    /// What the original that the request named is now.
    pub original_state: Option<TransactionState>,
    /// Reconciliation only: the host's totals.
    pub totals: Option<Vec<(u8, i64, i64)>>,
    /// Authorize and capture only: the hold as it is now.
    pub hold: Option<Hold>,
    /// Advice only: what the card could not pay, minor units.
    pub shortfall: Option<i64>,
    /// UseEntitlement only: uses left in the present period, when they are counted.
    pub uses_left: Option<i64>,
    /// Purchase only: what prices took off the amount, minor units.
    pub discount: Option<i64>,
    /// The member's tier by now, when it is another one; the inner `None` when there is none.
    pub tier: Option<Option<TierHeld>>,
    /// Whether the answer shows balances and changes: something was done to a card.
    pub shows_card: bool,
}

impl Decision {
    pub(super) fn declined(decline: Decline) -> Self {
        Self { verdict: Verdict::Declined(decline), shows_card: false, ..Self::approved(Vec::new()) }
    }

    /// Declined because of what the original is, which the answer says.
    pub(super) fn declined_for(original: &Original, state: TransactionState, decline: Decline) -> Self {
        Self { card: original.card, original_state: Some(state), ..Self::declined(decline) }
    }

    pub(super) fn approved(effects: Vec<Effect>) -> Self {
        Self {
            verdict: Verdict::Approved,
            effects,
            card: None,
            purse: None,
            amount: None,
            explanation: Vec::new(),
            original_state: None,
            totals: None,
            hold: None,
            shortfall: None,
            uses_left: None,
            discount: None,
            tier: None,
            shows_card: true,
        }
    }

    /// True for full and partial approval.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        matches!(self.verdict, Verdict::Approved | Verdict::ApprovedInPart)
    }
}
