//! What the person at the terminal does next, by response code (section 7).

use protocol::code::ResponseCode;

/// One or two sentences; `None` after an approval, which needs none.
pub(super) const fn advice(code: ResponseCode) -> Option<&'static str> {
    Some(match code {
        ResponseCode::APPROVED => return None,
        ResponseCode::APPROVED_IN_PART => "Take the rest by other means, or type reverse.",
        ResponseCode::INVALID_TRANSACTION => {
            "Nothing was done: what it names does not allow this now. Ask with status, or quote again."
        }
        ResponseCode::INVALID_AMOUNT => "The amount is too small for this card. Take a larger one.",
        ResponseCode::CARD_NOT_ACCEPTED => "Read the card again. If it stays so, do not take it.",
        ResponseCode::ALREADY_REVERSED => "It was given up and will never be applied. Start anew.",
        ResponseCode::ORIGINAL_NOT_FOUND => "Look at the STAN on the receipt; only this shop's can be named.",
        ResponseCode::CARD_REPLACED => "Take this card in, and ask for the new one.",
        ResponseCode::NOT_SUFFICIENT_FUNDS => {
            "Nothing was deducted. Ask for the balance, take a part, or other means."
        }
        ResponseCode::EXPIRED_CARD => "The card's time is over. Take other means.",
        ResponseCode::NOT_PERMITTED_CARD => "This card cannot do that. Take other means.",
        ResponseCode::NOT_PERMITTED_TERMINAL => "Go to a terminal that may do that.",
        ResponseCode::AMOUNT_LIMIT => "The amount is above a limit. Take a smaller one.",
        ResponseCode::CARD_BLOCKED => "Do not take the card. Its owner asks the shop's office.",
        ResponseCode::CARD_NOT_ACTIVE => "Type activate first.",
        ResponseCode::WRONG_PIN => {
            "The PIN is wrong. Ask for it again, then type pin and send the message anew."
        }
        ResponseCode::PIN_NEEDED => {
            "Ask for the card's PIN: type pin, and send the message anew. A card without one: change-pin."
        }
        ResponseCode::TOO_MANY_WRONG_PINS => {
            "The PIN is locked. Call the office: two people unlock a card's, one gives a supervisor a new one."
        }
        ResponseCode::SUPERVISOR_NEEDED => {
            "A supervisor must allow it: type supervisor, and send the message anew."
        }
        ResponseCode::CASHIER_NOT_SIGNED_ON => "Type sign-on with the cashier's name and PIN.",
        ResponseCode::TOTALS_DIFFER => "The shift is closed. Write the difference down for the office.",
        ResponseCode::BUSY => "Wait a second, and try again.",
        ResponseCode::FORMAT_ERROR => "A fault in this terminal. Call a technician.",
        ResponseCode::SECURITY_VIOLATION => "This terminal's key or code is not accepted. Call a technician.",
        ResponseCode::TOO_MANY_UNKNOWN_CARDS => "Too many wrong cards. Wait a minute, and try again.",
        ResponseCode::TERMINAL_LOCKED => "This terminal is locked and must be enrolled again.",
        ResponseCode::TERMINAL_NOT_ACTIVE => "This terminal is not in use. Call the office.",
        ResponseCode::NOT_TAKING_MONEY => "The gateway takes no money now. Take other means.",
        ResponseCode::STAN_USED => "This terminal's books are not the gateway's. Call a technician.",
        ResponseCode::SYSTEM_MALFUNCTION => "The gateway has a fault. Try again, or take other means.",
        ResponseCode::SIGN_ON_REQUIRED => "Try again.",
        _ => "Declined for a reason that this terminal does not know. Take other means.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_table_has_advice_of_its_own() {
        let all: Vec<_> = protocol::code::ALL.iter().map(|(code, ..)| advice(*code)).collect();
        assert_eq!(all.iter().filter(|advice| advice.is_none()).count(), 1, "an approval alone");
        let mut distinct = all.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), all.len());
        assert!(!all.contains(&advice(ResponseCode(79))), "{:?}", advice(ResponseCode(79)));
    }
}
