//! Message types (section 2), declared once; a test holds the table against `PROTOCOL.md`.

use core::fmt;

/// The message type of a frame. Types that this version does not know are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(pub u8);

/// How a message is told from others of its terminal (section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    /// From the gateway, unsigned.
    Gateway,
    /// Signed over the connection's nonce.
    Session,
    /// Signed, with a STAN, journalled.
    Value,
}

macro_rules! message_types {
    ($($constant:ident = $number:literal $name:literal $identity:ident;)*) => {
        impl MessageType {
            $(#[doc = concat!($name, " (section 2).")] pub const $constant: MessageType = MessageType($number);)*
        }

        const ALL: &[(MessageType, &str, Identity)] =
            &[$((MessageType::$constant, $name, Identity::$identity),)*];
    };
}

message_types! {
    HELLO = 0x01 "Hello" Gateway;
    ENROLL = 0x02 "Enroll" Session;
    SIGN_ON = 0x03 "SignOn" Session;
    SIGN_OFF = 0x04 "SignOff" Session;
    ECHO = 0x05 "Echo" Session;
    ACTIVATE = 0x10 "Activate" Value;
    LOAD_QUOTE = 0x11 "LoadQuote" Session;
    LOAD = 0x12 "Load" Value;
    PURCHASE = 0x13 "Purchase" Value;
    BALANCE_INQUIRY = 0x14 "BalanceInquiry" Session;
    REVERSAL = 0x15 "Reversal" Value;
    TRANSACTION_STATUS = 0x16 "TransactionStatus" Session;
    RECONCILIATION = 0x17 "Reconciliation" Value;
    REFUND = 0x18 "Refund" Value;
    VOID = 0x19 "Void" Value;
    AUTHORIZE = 0x1a "Authorize" Value;
    CAPTURE = 0x1b "Capture" Value;
    PURCHASE_QUOTE = 0x1c "PurchaseQuote" Session;
    TRANSFER = 0x1d "Transfer" Value;
    SHIFT_REPORT = 0x1e "ShiftReport" Session;
    UNLOAD = 0x1f "Unload" Value;
    CHANGE_PIN = 0x20 "ChangePin" Value;
    CASH_TAKEN = 0x21 "CashTaken" Value;
    ADVICE = 0x22 "Advice" Value;
    CASHIER_SIGN_ON = 0x23 "CashierSignOn" Session;
    CARD_LOOKUP = 0x24 "CardLookup" Session;
    JOIN = 0x25 "Join" Value;
    AWARD = 0x26 "Award" Value;
    REDEEM = 0x27 "Redeem" Value;
    USE_ENTITLEMENT = 0x28 "UseEntitlement" Value;
    MEMBER_INQUIRY = 0x29 "MemberInquiry" Session;
    CATALOGUE = 0x2a "Catalogue" Session;
    REJECT = 0xff "Reject" Gateway;
}

const ANSWER_BIT: u8 = 0x80;

impl MessageType {
    /// The thirty-one request types, in the order of section 2's table.
    pub fn requests() -> impl Iterator<Item = MessageType> {
        ALL.iter().filter(|(_, _, identity)| *identity != Identity::Gateway).map(|(kind, _, _)| *kind)
    }

    /// The name of the message; of an answer, the name of its request.
    pub fn name(self) -> &'static str {
        let kind = if self.is_answer() { self.request() } else { self };
        kind.row().map_or("unknown", |(_, name, _)| name)
    }

    /// A request with a STAN: it can change something and is journalled.
    pub fn is_value(self) -> bool {
        self.identity() == Some(Identity::Value)
    }

    /// A value message that a Reversal can undo: all but Reversal, Void, Reconciliation, ChangePin and CashTaken
    /// (section 11).
    pub fn is_reversible(self) -> bool {
        let never = [
            MessageType::REVERSAL,
            MessageType::VOID,
            MessageType::RECONCILIATION,
            MessageType::CHANGE_PIN,
            MessageType::CASH_TAKEN,
        ];
        self.is_value() && !never.contains(&self)
    }

    /// A value message that a terminal may give up, by a Reversal: what is reversible, but for an Advice. Every other one
    /// is repeated until it has an answer (section 11).
    pub fn may_be_given_up(self) -> bool {
        self.is_reversible() && self != MessageType::ADVICE
    }

    /// Says what has happened already: money was taken, goods were handed out. No refusal makes that undone.
    pub fn is_report(self) -> bool {
        matches!(self, MessageType::CASH_TAKEN | MessageType::ADVICE)
    }

    /// Its approved transactions count in the totals of the shift that they name (section 11, Reconciliation).
    pub fn counts_in_shift(self) -> bool {
        self.is_reversible() && self != MessageType::AUTHORIZE || self == MessageType::CASH_TAKEN
    }

    /// A request with a session nonce: it changes no balance.
    pub fn is_session(self) -> bool {
        self.identity() == Some(Identity::Session)
    }

    /// A request of this version.
    pub fn is_request(self) -> bool {
        self.is_value() || self.is_session()
    }

    /// Bit 7 is set, and it is not Reject.
    pub const fn is_answer(self) -> bool {
        self.0 & ANSWER_BIT != 0 && self.0 != MessageType::REJECT.0
    }

    /// The type of the answer to this request.
    #[must_use]
    pub const fn answer(self) -> MessageType {
        MessageType(self.0 | ANSWER_BIT)
    }

    /// The type of the request that this answers.
    #[must_use]
    pub const fn request(self) -> MessageType {
        MessageType(self.0 & !ANSWER_BIT)
    }

    fn identity(self) -> Option<Identity> {
        self.row().map(|(_, _, identity)| *identity)
    }

    fn row(self) -> Option<&'static (MessageType, &'static str, Identity)> {
        ALL.iter().find(|(kind, _, _)| *kind == self)
    }
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x} {}", self.0, self.name())
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;
    use std::{format, string::String};

    #[test]
    fn the_table_is_that_of_section_2() {
        let text = include_str!("../PROTOCOL.md");
        let section = text.split("### Message types").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows: Vec<String> = section
            .lines()
            .filter(|line| line.starts_with("| `0x"))
            .map(|line| {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                format!("{} {} {}", cells[1], cells[2], cells[5].split(':').next().unwrap())
            })
            .collect();
        let ours: Vec<String> = ALL
            .iter()
            .map(|(kind, name, identity)| {
                let stan = match identity {
                    Identity::Gateway => "-",
                    Identity::Session => "no",
                    Identity::Value => "yes",
                };
                format!("`0x{:02X}` {name} {stan}", kind.0)
            })
            .collect();
        assert_eq!(rows, ours);
    }

    /// The row of section 11 whose originals get 12 whatever is to be done to them.
    #[test]
    fn what_can_be_reversed_is_what_section_11_says() {
        let text = include_str!("../PROTOCOL.md");
        let row = text.lines().find(|line| line.starts_with("| a Reversal, Void, Reconciliation,")).unwrap();
        assert!(row.contains(" ChangePin or CashTaken |") && row.ends_with("| 12 | 12 | 12 | 12 |"));
        for kind in MessageType::requests().filter(|kind| kind.is_value()) {
            let never =
                matches!(kind.name(), "Reversal" | "Void" | "Reconciliation" | "ChangePin" | "CashTaken");
            assert_eq!(kind.is_reversible(), !never, "{kind}");
            assert_eq!(kind.may_be_given_up(), !never && kind.name() != "Advice", "{kind}");
            let uncounted =
                matches!(kind.name(), "Reversal" | "Void" | "Reconciliation" | "ChangePin" | "Authorize");
            assert_eq!(kind.counts_in_shift(), !uncounted, "{kind}");
        }
        assert!(!MessageType::ECHO.is_reversible() && !MessageType::PURCHASE.answer().is_reversible());
        assert!(!MessageType::ECHO.may_be_given_up() && !MessageType::CASHIER_SIGN_ON.is_report());
    }

    #[test]
    fn an_answer_names_its_request() {
        assert_eq!(MessageType::PURCHASE.answer(), MessageType(0x93));
        assert_eq!(MessageType(0x93).request(), MessageType::PURCHASE);
        assert_eq!(MessageType(0x93).name(), "Purchase");
        assert!(MessageType(0x93).is_answer() && !MessageType::REJECT.is_answer());
        assert!(!MessageType(0x93).is_request() && !MessageType::HELLO.is_request());
    }
}
