//! A decline in the wire's words: its code (PROTOCOL.md section 7) and the cashier's second line.

use protocol::code::ResponseCode;

use crate::domain::effect::TransactionState;
use crate::domain::{Decline, Period, Verdict};

/// The wire's code for a verdict; a table of PROTOCOL.md section 7.
#[must_use]
pub fn code(verdict: Verdict) -> ResponseCode {
    match verdict {
        Verdict::Approved => ResponseCode::APPROVED,
        Verdict::ApprovedInPart => ResponseCode::APPROVED_IN_PART,
        Verdict::TotalsDiffer => ResponseCode::TOTALS_DIFFER,
        Verdict::Declined(decline) => match decline {
            Decline::ReversedBefore => ResponseCode::ALREADY_REVERSED,
            Decline::MessageNotAllowedForRole => ResponseCode::NOT_PERMITTED_TERMINAL,
            Decline::ShiftClosed
            | Decline::CardAlreadyActive
            | Decline::OriginalNotReversible
            | Decline::ActivatedCardInUse
            | Decline::OriginalOver(_)
            | Decline::NotRefundable
            | Decline::ReturnTimeOver
            | Decline::LateReturnWithoutReason
            | Decline::ItemNotSold
            | Decline::RefundedAgainSince
            | Decline::NotAnAuthorize
            | Decline::RaisedAnother
            | Decline::CapturedSince
            | Decline::HoldEnded
            | Decline::TooManyHolds
            | Decline::QuoteGone
            | Decline::QuoteWorse
            | Decline::NotNow
            | Decline::NotYet
            | Decline::AlreadyJoined
            | Decline::ReferralUnknown
            | Decline::TransferToItself => ResponseCode::INVALID_TRANSACTION,
            Decline::CardNotAccepted => ResponseCode::CARD_NOT_ACCEPTED,
            Decline::CardBlocked | Decline::AccountNotUsable => ResponseCode::CARD_BLOCKED,
            Decline::CardReplaced => ResponseCode::CARD_REPLACED,
            Decline::CardNotActive => ResponseCode::CARD_NOT_ACTIVE,
            Decline::CardExpired => ResponseCode::EXPIRED_CARD,
            Decline::CurrencyNotAccepted
            | Decline::ProductNotInProgramme
            | Decline::TransferNotAllowed
            | Decline::HolderNotRegistered
            | Decline::OtherHolder
            | Decline::BoundToAccount
            | Decline::PointsNotAccepted
            | Decline::UnloadNotAllowed
            | Decline::NotOffered
            | Decline::PinNotUsed => ResponseCode::NOT_PERMITTED_CARD,
            Decline::PinNeeded | Decline::NoPin => ResponseCode::PIN_NEEDED,
            Decline::PinLocked => ResponseCode::TOO_MANY_WRONG_PINS,
            Decline::WrongPin { .. } => ResponseCode::WRONG_PIN,
            Decline::SupervisorNeeded => ResponseCode::SUPERVISOR_NEEDED,
            // Never answered: the PIN is looked at first.
            Decline::PinUntried(_) => ResponseCode::SYSTEM_MALFUNCTION,
            Decline::BelowMinimum => ResponseCode::INVALID_AMOUNT,
            Decline::Exhausted
            | Decline::AboveTerminalLimit
            | Decline::AboveProductLimit
            | Decline::AboveMaximumBalance
            | Decline::AboveRefundable
            | Decline::AboveItemSold
            | Decline::AboveCardLimit(_)
            | Decline::AboveTillLimit
            | Decline::PointsNotAllowed
            | Decline::GivenAgain
            | Decline::AboveHold => ResponseCode::AMOUNT_LIMIT,
            Decline::NotSufficientFunds
            | Decline::NotEnoughLoaded
            | Decline::NotEnoughPoints
            | Decline::LoadAlreadySpent
            | Decline::RefundAlreadySpent
            | Decline::PointsAlreadySpent => ResponseCode::NOT_SUFFICIENT_FUNDS,
            Decline::OriginalDiffers
            | Decline::OriginalOfAnotherTerminal
            | Decline::OriginalNotFound
            | Decline::NoHoldOfThisCard
            | Decline::OriginalElsewhere => ResponseCode::ORIGINAL_NOT_FOUND,
        },
    }
}

/// What a cashier's second line says; never card data, at most 80 bytes.
#[must_use]
pub fn detail(decline: Decline) -> &'static str {
    match decline {
        Decline::ReversedBefore => "a reversal of this request came first",
        Decline::MessageNotAllowedForRole => "a kiosk activates and loads, and says what it took",
        Decline::ShiftClosed => "this shift is closed",
        Decline::CardNotAccepted => "card or secret not accepted",
        Decline::CardBlocked => "card is blocked",
        Decline::CardReplaced => "another card has taken the place of this one",
        Decline::CardNotActive => "card is not active; activate it first",
        Decline::CardExpired => "the card's time is over; an operator can extend it",
        Decline::HolderNotRegistered => "so large a balance needs a registered holder (key 47)",
        Decline::OtherHolder => "another holder is registered; an operator can erase that",
        Decline::AccountNotUsable => "its corporate account cannot be used",
        Decline::BoundToAccount => "it spends a corporate account's money and has none of its own",
        Decline::PinNeeded => "ask for the PIN",
        Decline::NoPin => "no PIN is set yet; set one first",
        Decline::PinNotUsed => "cards of this product have no PIN",
        Decline::PinLocked => "too many wrong PINs; two operators unlock a card's, one gives staff a new one",
        Decline::WrongPin { .. } => "wrong PIN",
        Decline::PinUntried(_) => "the PIN was not looked at",
        Decline::SupervisorNeeded => "a supervisor must allow it",
        Decline::CardAlreadyActive => "card is active already",
        Decline::CurrencyNotAccepted => "this programme has another currency",
        Decline::ProductNotInProgramme => "the programme in force has no such product",
        Decline::BelowMinimum => "below the smallest load of this product",
        Decline::AboveTerminalLimit => "above this terminal's limit",
        Decline::AboveProductLimit => "above this product's limit",
        Decline::AboveMaximumBalance => "the balance would exceed this product's maximum",
        Decline::NotSufficientFunds => "not enough on the card",
        Decline::LoadAlreadySpent => "what it gave is spent already, at least in part",
        Decline::OriginalDiffers => "that STAN was another request",
        Decline::OriginalOfAnotherTerminal => {
            "only the same terminal may reverse, a later STAN an earlier one"
        }
        Decline::OriginalNotReversible => "a message of this kind cannot be undone",
        Decline::ActivatedCardInUse => "the card has been used since",
        Decline::OriginalNotFound => "there is no such request",
        Decline::OriginalElsewhere => "that was in another store",
        Decline::OriginalOver(state) => match state {
            TransactionState::Reversed => "it was reversed",
            TransactionState::Voided => "it was voided",
            TransactionState::Refunded => "all of it was refunded",
            TransactionState::RefundedInPart => "a part of it was refunded",
            TransactionState::Captured => "it was captured; void or refund the capture",
            TransactionState::Lapsed => "its hold has ended by time",
            TransactionState::Declined => "it was declined",
            _ => "a reversal has blocked it",
        },
        Decline::NotRefundable => "only a load, a purchase or a capture can be refunded",
        Decline::LateReturnWithoutReason => "its return time is over: say why it comes back",
        Decline::ReturnTimeOver => "its return time is over; two operators can still pay it back",
        Decline::AboveRefundable => "more than is left to refund",
        Decline::ItemNotSold => "no line of that sale has such an item",
        Decline::AboveItemSold => "more of an item than was sold and has not come back",
        Decline::RefundAlreadySpent => "what the refund gave back is spent already",
        Decline::PointsAlreadySpent => "points that it gave are spent already; refund it",
        Decline::GivenAgain => "a reward that it took back was given again since; sell it again",
        Decline::RefundedAgainSince => "it was refunded again since; undo that one",
        Decline::NotAnAuthorize => "only an authorize can be captured",
        Decline::NoHoldOfThisCard => "that is no authorize of this card",
        Decline::RaisedAnother => "it raised another; name the first authorize",
        Decline::CapturedSince => "something was captured since",
        Decline::HoldEnded => "the hold has ended",
        Decline::AboveHold => "more than is held",
        Decline::NotOffered => "the programme does not have it for this card",
        Decline::NotNow => "not at this time",
        Decline::NotYet => "not yet",
        Decline::Exhausted => "there is no more of it",
        Decline::AlreadyJoined => "this card has joined already",
        Decline::ReferralUnknown => "no member has this referral code",
        Decline::TooManyHolds => "the card has too many holds",
        Decline::QuoteWorse => "it would bring less than was quoted; quote again",
        Decline::QuoteGone => "the quote is not known any more; quote again",
        Decline::AboveCardLimit(Period::Day) => "above what this card may do in a day",
        Decline::AboveCardLimit(Period::Month) => "above what this card may do in a month",
        Decline::AboveTillLimit => "above what this terminal or cashier may do in a day",
        Decline::TransferNotAllowed => "cards of this product give nothing to others",
        Decline::PointsNotAccepted => "points pay for no card of this product",
        Decline::PointsNotAllowed => "too few points, not in their steps, or too large a share of the amount",
        Decline::NotEnoughPoints => "not so many points on the card",
        Decline::UnloadNotAllowed => "cards of this product are not cashed out",
        Decline::NotEnoughLoaded => "less than that was loaded on this card and is still there",
        Decline::TransferToItself => "a card cannot give to itself",
    }
}
