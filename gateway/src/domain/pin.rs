//! PINs of cards and of people at the till: kept as a salted, memory-hard and keyed hash, and tried one by one. A try is
//! counted in an entry of its own before anybody looks at the PIN, so that no cut connection gives one back
//! (PROTOCOL.md section 9.3).

use super::card::Card;
use super::decision::{Decline, Tried};
use super::facts::constant_time_eq;
use super::programme::Product;
use super::request::Request;

/// A PIN and its tries. Without a secret there is none.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Pin {
    /// Salt and keyed hash.
    pub secret: Option<([u8; 16], [u8; 32])>,
    /// Wrong tries so far. One that is being looked at counts as wrong until it is right.
    pub tries: u8,
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pin({}, {} tries)", if self.secret.is_some() { "set" } else { "none" }, self.tries)
    }
}

impl Pin {
    /// The same with one more try.
    #[must_use]
    pub fn tried(self) -> Self {
        Self { tries: self.tries.saturating_add(1), ..self }
    }

    /// Whether `hash` is the PIN's.
    #[must_use]
    pub fn is(&self, hash: &[u8; 32]) -> bool {
        self.secret.is_some_and(|(_, expected)| constant_time_eq(hash, &expected))
    }

    /// Checks a PIN of which at most `most` wrong ones are allowed: `hash` once it is worked out, for which its try is
    /// counted before.
    ///
    /// # Errors
    /// [`Decline::PinUntried`] asks for the hash; the others are answers.
    pub fn check(&self, most: u8, given: bool, hash: Option<[u8; 32]>, tried: Tried) -> Result<(), Decline> {
        if self.secret.is_none() {
            return Err(Decline::NoPin);
        }
        if !given {
            return Err(Decline::PinNeeded);
        }
        match hash {
            Some(hash) if self.is(&hash) => Ok(()),
            Some(_) => Err(Decline::WrongPin { left: Some(most.saturating_sub(self.tries)) }),
            None if self.tries >= most => Err(Decline::PinLocked),
            None => Err(Decline::PinUntried(tried)),
        }
    }
}

/// The holder's PIN, where the card's product asks for it at this amount. A quote needs none.
pub(super) fn check_card_pin(
    card: &Card,
    product: &Product,
    request: &Request,
    amount: i64,
) -> Result<(), Decline> {
    match &product.pin {
        Some(rule) if amount >= rule.from && !request.is_quote() => {
            card.pin.check(rule.tries, request.pins.card_given, request.pins.card, Tried::Card)
        }
        _ => Ok(()),
    }
}
