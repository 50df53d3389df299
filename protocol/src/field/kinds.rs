//! Numbers with a meaning. Each keeps values that this version does not know, where section 5 or 6 says so.

use core::fmt;

use minicbor::Decoder;

use crate::cbor::{Item, Writer};
use crate::error::Problem;

macro_rules! open_numbers {
    ($($(#[$doc:meta])* $name:ident($number:ty) { $($constant:ident = $value:literal $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $number);

        impl $name {
            $(#[doc = concat!($text, ".")] pub const $constant: $name = $name($value);)*

            /// The name in `PROTOCOL.md`, or "other".
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($value => $text,)*
                    _ => "other",
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", self.0, self.name())
            }
        }

        impl Item for $name {
            fn write(&self, writer: &mut Writer) {
                self.0.write(writer);
            }

            fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
                Item::read(decoder).map($name)
            }
        }
    )*};
}

open_numbers! {
    /// How the card was read (key 11).
    EntryMode(u8) {
        UNSPECIFIED = 0 "unspecified",
        KEYED = 1 "keyed",
        MAGNETIC_STRIPE = 2 "magnetic stripe",
        BAR_CODE = 3 "QR or bar code",
        CONTACTLESS = 4 "contactless",
    }
    /// What paid (key 21).
    TenderKind(u8) {
        CASH = 1 "cash",
        BANK_CARD = 2 "bank card",
        QR_WALLET = 3 "QR wallet",
        BANK_TRANSFER = 4 "bank transfer",
        VOUCHER = 5 "voucher",
        STORED_VALUE = 6 "stored value",
        OTHER = 7 "other",
    }
    /// Why a request is reversed, voided or refunded (key 25).
    Reason(u8) {
        NO_ANSWER = 1 "no answer",
        TERMINAL_FAULT = 2 "terminal fault",
        CANCELLED = 3 "cancelled before completion",
        GOODS_RETURNED = 4 "goods returned",
        WRONG_AMOUNT = 5 "wrong amount",
        CUSTOMERS_WISH = 6 "customer's wish",
    }
    /// Who the customer is (key 42).
    CustomerKind(u8) {
        PERSON = 1 "person",
        COMPANY = 2 "company",
    }
    /// What kind of value a balance or a posting counts (section 6).
    BalanceKind(u16) {
        MONEY = 0 "money",
        PRINCIPAL = 1 "principal",
        BONUS = 2 "bonus",
        POINTS = 16 "points",
    }
    /// What a route to a tier asks for (answer key 42).
    Measure(u8) {
        SPENT = 1 "amount spent",
        POINTS_EARNED = 2 "points earned",
        PURCHASES = 3 "purchases",
        LOADED = 4 "amount loaded",
        ACTIVITIES = 5 "activities",
        MEMBERS_BROUGHT = 6 "members brought",
        MEMBER_VALUE = 7 "member value",
    }
    /// What becomes of points in time (answer key 43).
    Due(u8) {
        EXPIRES = 1 "expires",
        RELEASED = 2 "is released",
    }
    /// What a terminal is for (answer key 28).
    Role(u8) {
        REGISTER = 1 "register",
        KIOSK = 2 "kiosk",
    }
    /// Where a transaction stands now (section 8.3).
    TransactionState(u8) {
        UNKNOWN = 0 "unknown",
        LIVE = 1 "live",
        REVERSED = 2 "reversed",
        VOIDED = 3 "voided",
        REFUNDED = 4 "refunded",
        DECLINED = 5 "declined",
        BLOCKED = 6 "blocked",
        REFUNDED_IN_PART = 7 "refunded in part",
        CAPTURED = 8 "captured",
        LAPSED = 9 "lapsed",
    }
}

/// From a point currency to its points that are pending.
const PENDING: u16 = 32;

impl BalanceKind {
    /// Points, pending ones too: 16 and up. The others are money.
    pub const fn is_points(self) -> bool {
        self.0 >= BalanceKind::POINTS.0
    }

    /// Points that cannot be spent yet: 48 to 79.
    pub const fn is_pending(self) -> bool {
        matches!(self.0, 48..=79)
    }

    /// The kind of a point currency's pending points; `None` of what is no point currency (16 to 47).
    pub const fn pending(self) -> Option<BalanceKind> {
        match self.0 {
            16..=47 => Some(BalanceKind(self.0.saturating_add(PENDING))),
            _ => None,
        }
    }

    /// What pending points become; `None` of what is not pending.
    pub const fn released(self) -> Option<BalanceKind> {
        if self.is_pending() { Some(BalanceKind(self.0.saturating_sub(PENDING))) } else { None }
    }
}

impl TransactionState {
    /// A terminal may treat the request as approved: live, refunded in part, or captured.
    pub const fn is_approval(self) -> bool {
        matches!(
            self,
            TransactionState::LIVE | TransactionState::REFUNDED_IN_PART | TransactionState::CAPTURED
        )
    }

    /// Nothing of it is left, and nothing ever will be: reversed, voided, refunded or blocked.
    pub const fn is_undone(self) -> bool {
        matches!(
            self,
            TransactionState::REVERSED
                | TransactionState::VOIDED
                | TransactionState::REFUNDED
                | TransactionState::BLOCKED
        )
    }
}

macro_rules! bits {
    ($($(#[$doc:meta])* $name:ident($number:ty) { $($(#[$bit:meta])* $constant:ident = $value:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub $number);

        impl $name {
            $($(#[$bit])* pub const $constant: $name = $name($value);)*

            /// Whether all bits of `other` are set here.
            pub const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// The bits of both.
            #[must_use]
            pub const fn union(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }
        }

        impl Item for $name {
            fn write(&self, writer: &mut Writer) {
                self.0.write(writer);
            }

            fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
                Item::read(decoder).map($name)
            }
        }
    )*};
}

bits! {
    /// Bits of key 13. Bits that this version does not know are kept.
    Flags(u32) {
        /// Bit 0: the terminal approved it while offline.
        OFFLINE_APPROVED = 1,
        /// Bit 1: the gateway may approve less than the amount.
        PARTIAL_ALLOWED = 2,
        /// Bit 2: the card's PIN is in the sidecar.
        PIN_USED = 4,
        /// Bit 3: of a Capture: more captures follow, so what it leaves stays held.
        MORE_CAPTURES = 8,
        /// Bit 4: of a Purchase or PurchaseQuote: the programme's prices hold for the member.
        PROGRAMME_PRICES = 16,
    }
    /// What else is to be said of a line of explanation (answer key 13). Bits that this version does not know are kept.
    Notes(u8) {
        /// Bit 0: the result was rounded down.
        ROUNDED_DOWN = 1,
        /// Bit 1: a member's cap cut it.
        MEMBER_CAP = 2,
        /// Bit 2: a budget cut it.
        BUDGET = 4,
        /// Bit 3: it is pending.
        PENDING = 8,
        /// Bit 4: it undoes what another transaction did: takes back what that gave, or (above 0) brings back what it took.
        TAKEN_BACK = 16,
        /// Bit 5: points that are owed now, or (below 0) that paid what was owed.
        OWED = 32,
        /// Bit 6: it is paid for with money that is withheld, which is the base.
        WITHHELD = 64,
        /// Bit 7: why the member's tier (key 41) is another one; the result is 0.
        TIER = 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_points_lie_32_above_their_kind() {
        assert_eq!(BalanceKind::POINTS.pending(), Some(BalanceKind(48)));
        assert_eq!(BalanceKind(47).pending(), Some(BalanceKind(79)));
        assert_eq!(BalanceKind(79).released(), Some(BalanceKind(47)));
        assert!(BalanceKind::BONUS.pending().is_none() && BalanceKind(48).pending().is_none());
        assert!(BalanceKind(47).released().is_none() && BalanceKind(80).released().is_none());
    }
}
