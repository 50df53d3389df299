//! Cards as `gateway card issue --json` prints them.

use std::path::Path;

use protocol::field::{CardReference, CardSecret};
use protocol::request::RequestSidecar;
use serde::Deserialize;

use crate::error::Error;
use crate::store::read_json;

/// A card in somebody's hand. `Debug` shows neither its secret nor all of its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The public number.
    pub reference: CardReference,
    /// What the stripe, code or chip holds.
    pub secret: CardSecret,
    /// The secret of the card whose place it took: the holder has the same PIN.
    pub pins: Option<CardSecret>,
}

impl Card {
    /// `None` unless both are what section 5.2 says.
    #[must_use]
    pub fn new(reference: &str, secret: &str) -> Option<Self> {
        Some(Card { reference: reference.parse().ok()?, secret: CardSecret::new(secret)?, pins: None })
    }

    /// The sidecar that proves the card is there.
    #[must_use]
    pub fn sidecar(&self) -> RequestSidecar {
        RequestSidecar { secret: Some(self.secret.clone()), ..RequestSidecar::default() }
    }

    /// The card, when it took the place of this one: its PINs are the old one's.
    #[must_use]
    pub fn in_place_of(self, old: &Card) -> Self {
        Card { pins: Some(old.pins.as_ref().unwrap_or(&old.secret).clone()), ..self }
    }

    /// The same card with a secret that is not its own.
    #[must_use]
    pub fn with_wrong_secret(&self) -> Self {
        let last = if self.secret.expose().ends_with('0') { "1" } else { "0" };
        let digits = self.secret.expose();
        let kept = digits.char_indices().next_back().and_then(|(end, _)| digits.get(..end));
        let wrong = CardSecret::new(&[kept.unwrap_or_default(), last].concat());
        Card { secret: wrong.unwrap_or_else(|| self.secret.clone()), ..self.clone() }
    }
}

/// Reads `{"cards":[{"reference":"9...","secret":"..."}]}`.
pub fn read_file(path: &Path) -> Result<Vec<Card>, Error> {
    #[derive(Deserialize)]
    struct File {
        cards: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        reference: String,
        secret: String,
    }
    let file: File = read_json(path)?;
    let cards = file.cards.iter().map(|entry| {
        Card::new(&entry.reference, &entry.secret)
            .ok_or_else(|| Error::Usage(format!("{}: an entry is no card", path.display())))
    });
    cards.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_file_is_read_and_a_number_with_a_wrong_check_digit_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cards.json");
        let reference = CardReference::from_parts(42).unwrap().digits().to_string();
        let file = |reference: &str| {
            format!(r#"{{"cards":[{{"reference":"{reference}","secret":"12345678901234567890"}}]}}"#)
        };
        std::fs::write(&path, file(&reference)).unwrap();
        let cards = read_file(&path).unwrap();
        assert_eq!(cards[0].reference.digits().to_string(), reference);
        let wrong = cards[0].with_wrong_secret();
        assert_ne!(wrong.secret, cards[0].secret);
        assert_eq!(wrong.secret.expose().len(), 20);
        let number: u64 = reference.parse().unwrap();
        let wrong_digit = number - number % 10 + (number + 1) % 10;
        std::fs::write(&path, file(&wrong_digit.to_string())).unwrap();
        assert!(read_file(&path).is_err());
    }
}
