//! Response codes (section 7), declared once; a test holds the table against `PROTOCOL.md`.

use core::fmt;

/// A two-digit response code. Codes that this version does not know are kept, and are declines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponseCode(pub u8);

/// Whether a decision stands behind a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Decided, journalled, sealed: the same bytes get the same answer for ever.
    Final,
    /// Nothing was recorded: the same bytes may be sent again.
    Transient,
    /// A code of a later version: a decline, final if a receipt came with it.
    Unknown,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $constant:ident = $code:literal $name:literal $class:ident;)*) => {
        impl ResponseCode {
            $($(#[$doc])* pub const $constant: ResponseCode = ResponseCode($code);)*
        }

        /// Every code of section 7 in the order of its table: code, name, class.
        pub const ALL: &[(ResponseCode, &str, Class)] =
            &[$((ResponseCode::$constant, $name, Class::$class),)*];
    };
}

codes! {
    /// Done.
    APPROVED = 0 "approved" Final;
    /// Only the approved amount was paid.
    APPROVED_IN_PART = 10 "approved in part" Final;
    /// The state does not allow it.
    INVALID_TRANSACTION = 12 "invalid transaction" Final;
    /// Below the product's minimum.
    INVALID_AMOUNT = 13 "invalid amount" Final;
    /// No such card, or its secret is wrong.
    CARD_NOT_ACCEPTED = 14 "card not accepted" Final;
    /// A reversal of this request came first.
    ALREADY_REVERSED = 21 "already reversed" Final;
    /// The original named has another request id, or is another terminal's.
    ORIGINAL_NOT_FOUND = 25 "original not found" Final;
    /// Another card has taken its place.
    CARD_REPLACED = 46 "card replaced" Final;
    /// Nothing was deducted.
    NOT_SUFFICIENT_FUNDS = 51 "not sufficient funds" Final;
    /// The card's time is over.
    EXPIRED_CARD = 54 "expired card" Final;
    /// The PIN of the card, or of the supervisor or cashier, is wrong.
    WRONG_PIN = 55 "wrong PIN" Final;
    /// The card's product does not allow it.
    NOT_PERMITTED_CARD = 57 "not permitted for this card" Final;
    /// The terminal's role or enrolment does not allow it.
    NOT_PERMITTED_TERMINAL = 58 "not permitted for this terminal" Final;
    /// Above the largest load, purchase, refund or balance.
    AMOUNT_LIMIT = 61 "amount limit" Final;
    /// The card is blocked.
    CARD_BLOCKED = 62 "card blocked" Final;
    /// Ask for the PIN and send a new request with it.
    PIN_NEEDED = 70 "PIN needed" Final;
    /// Locked until two operators unlock it.
    TOO_MANY_WRONG_PINS = 75 "too many wrong PINs" Final;
    /// Send a new request with a supervisor and that person's PIN.
    SUPERVISOR_NEEDED = 76 "supervisor needed" Final;
    /// Activate first.
    CARD_NOT_ACTIVE = 78 "card not active" Final;
    /// Shift closed, with a difference.
    TOTALS_DIFFER = 95 "totals differ" Final;
    /// Wait a second, send the same bytes.
    BUSY = 9 "busy" Transient;
    /// A fault in the terminal.
    FORMAT_ERROR = 30 "format error" Transient;
    /// The signature, key or algorithm is wrong.
    SECURITY_VIOLATION = 63 "security violation" Transient;
    /// Guessing defence.
    TOO_MANY_UNKNOWN_CARDS = 65 "too many unknown cards" Transient;
    /// The cashier named is not signed on in this session.
    CASHIER_NOT_SIGNED_ON = 77 "cashier not signed on" Transient;
    /// Cloned or rolled back.
    TERMINAL_LOCKED = 88 "terminal locked" Transient;
    /// Unknown, suspended or revoked.
    TERMINAL_NOT_ACTIVE = 89 "terminal not active" Transient;
    /// Storage, clock or journal in doubt.
    NOT_TAKING_MONEY = 91 "not taking money" Transient;
    /// The STAN was used for another request.
    STAN_USED = 94 "STAN used" Transient;
    /// Something inside the gateway failed.
    SYSTEM_MALFUNCTION = 96 "system malfunction" Transient;
    /// Sign on first.
    SIGN_ON_REQUIRED = 97 "sign-on required" Transient;
}

impl ResponseCode {
    /// The name in section 7's table, or "unknown code".
    pub fn name(self) -> &'static str {
        self.row().map_or("unknown code", |(_, name, _)| name)
    }

    /// Whether a decision stands behind this code.
    pub fn class(self) -> Class {
        self.row().map_or(Class::Unknown, |(_, _, class)| *class)
    }

    /// Approved, wholly or in part. Not enough to give out goods: see [`crate::receipt`] and section 8.3.
    pub const fn is_approval(self) -> bool {
        matches!(self, ResponseCode::APPROVED | ResponseCode::APPROVED_IN_PART)
    }

    fn row(self) -> Option<&'static (ResponseCode, &'static str, Class)> {
        ALL.iter().find(|(code, _, _)| *code == self)
    }
}

impl fmt::Debug for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02} {}", self.0, self.name())
    }
}

/// The two digits, as on a receipt.
impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, vec::Vec};

    #[test]
    fn the_table_is_that_of_section_7() {
        let text = include_str!("../PROTOCOL.md");
        let section = text.split("## 7. ").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows: Vec<Vec<&str>> = section
            .lines()
            .filter(|line| line.starts_with("| ") && !line.starts_with("| code"))
            .map(|line| line.split('|').map(str::trim).skip(1).take(3).collect())
            .collect();
        let ours: Vec<_> = ALL
            .iter()
            .map(|(code, name, class)| (format!("{code}"), *name, format!("{class:?}").to_lowercase()))
            .collect();
        assert_eq!(rows.len(), ours.len());
        for (row, (code, name, class)) in rows.iter().zip(&ours) {
            assert_eq!(row, &[code.as_str(), *name, class.as_str()]);
        }
    }

    #[test]
    fn a_code_of_a_later_version_is_unknown_and_no_approval() {
        assert_eq!(ResponseCode(79).class(), Class::Unknown);
        assert!(!ResponseCode(79).is_approval());
    }
}
