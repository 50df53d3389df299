//! Card reference, card secret and PIN (sections 5.2 and 5.3). None of them shows itself in a log.

use core::fmt;
use core::str::FromStr;

use minicbor::Decoder;

use super::text::Inline;
use crate::cbor::{Item, Writer, read_text};
use crate::error::Problem;

const SMALLEST: u64 = 9_000_000_000_000_000;
const LARGEST: u64 = 9_999_999_999_999_999;

/// The public number of a card: 16 digits, the first is 9, the last is the Luhn check digit.
///
/// `Debug` and `Display` show the last four digits only; [`CardReference::digits`] gives all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardReference(u64);

impl CardReference {
    /// Checks the number of digits, the first and the last digit.
    pub fn new(number: u64) -> Option<Self> {
        Self::check(number).ok()
    }

    /// Makes a reference from 14 digits of the issuer's choice (0 to 10^14 - 1) by adding the leading 9 and the check
    /// digit. `None` when there are more than 14 digits.
    pub fn from_parts(middle: u64) -> Option<Self> {
        let without_check =
            middle.checked_add(900_000_000_000_000).filter(|_| middle < 100_000_000_000_000)?;
        let number = without_check.checked_mul(10)?.checked_add(check_digit(without_check))?;
        Self::new(number)
    }

    /// The number itself.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// All 16 digits as text: for cards, receipts and files, not for logs.
    pub const fn digits(self) -> CardDigits {
        CardDigits(self.0)
    }

    fn check(number: u64) -> Result<Self, Problem> {
        if !(SMALLEST..=LARGEST).contains(&number) {
            return Err(Problem::OutOfRange);
        }
        if check_digit(number / 10) != number % 10 {
            return Err(Problem::CheckDigit);
        }
        Ok(CardReference(number))
    }
}

/// The Luhn check digit over all digits of `number` (ISO/IEC 7812-1, annex B).
fn check_digit(mut number: u64) -> u64 {
    let mut sum: u64 = 0;
    let mut double = true;
    while number > 0 {
        let digit = number % 10;
        let weighted = match (double, digit) {
            (false, _) => digit,
            (true, 0..5) => digit.saturating_mul(2),
            (true, _) => digit.saturating_mul(2).saturating_sub(9),
        };
        sum = sum.saturating_add(weighted);
        number /= 10;
        double = !double;
    }
    10_u64.saturating_sub(sum % 10) % 10
}

/// Accepts exactly 16 ASCII digits.
impl FromStr for CardReference {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.len() != 16 {
            return Err(Problem::WrongLength);
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Problem::Characters);
        }
        Self::check(text.parse().map_err(|_| Problem::OutOfRange)?)
    }
}

impl fmt::Display for CardReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "************{:04}", self.0 % 10_000)
    }
}

impl fmt::Debug for CardReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardReference(************{:04})", self.0 % 10_000)
    }
}

impl Item for CardReference {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.0);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        Self::check(u64::read(decoder)?)
    }
}

/// Shows all 16 digits of a [`CardReference`].
pub struct CardDigits(u64);

impl fmt::Display for CardDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016}", self.0)
    }
}

/// The card secret: 8 to 64 bytes of text. `Debug` hides it; only [`CardSecret::expose`] gives it.
#[derive(Clone, PartialEq, Eq)]
pub struct CardSecret(Inline<64>);

impl CardSecret {
    /// `None` unless it is 8 to 64 bytes without control characters.
    pub fn new(text: &str) -> Option<Self> {
        Self::check(text).ok()
    }

    /// The secret, for the proof that the gateway computes. Never log it.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    fn check(text: &str) -> Result<Self, Problem> {
        if text.len() < 8 {
            return Err(Problem::WrongLength);
        }
        if text.chars().any(super::text::is_control) {
            return Err(Problem::Characters);
        }
        Inline::new(text).map(CardSecret).ok_or(Problem::WrongLength)
    }
}

/// A PIN: 4 to 12 digits. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(Inline<12>);

impl Pin {
    /// `None` unless it is 4 to 12 ASCII digits.
    pub fn new(text: &str) -> Option<Self> {
        Self::check(text).ok()
    }

    /// The PIN. Never log it.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    fn check(text: &str) -> Result<Self, Problem> {
        if text.len() < 4 {
            return Err(Problem::WrongLength);
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Problem::Characters);
        }
        Inline::new(text).map(Pin).ok_or(Problem::WrongLength)
    }
}

macro_rules! hidden_text_item {
    ($($name:ident),*) => {$(
        impl Item for $name {
            fn write(&self, writer: &mut Writer) {
                writer.text(self.expose());
            }

            fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
                Self::check(read_text(decoder)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}(hidden)", stringify!($name))
            }
        }
    )*};
}

hidden_text_item!(CardSecret, Pin);

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    #[test]
    fn the_check_digit_is_that_of_iso_7812() {
        // Published examples: 79927398713, 49927398716, 17893729974.
        assert_eq!(check_digit(7_992_739_871), 3);
        assert_eq!(check_digit(4_992_739_871), 6);
        assert_eq!(check_digit(1_789_372_997), 4);
        assert_eq!(check_digit(0), 0);
    }

    #[test]
    fn every_single_digit_error_and_wrong_length_is_refused() {
        let card = CardReference::from_parts(12_345_678_901_234).unwrap();
        let digits = card.digits().to_string();
        assert_eq!(digits.len(), 16);
        assert!(digits.starts_with('9'));
        assert_eq!(digits.parse::<CardReference>().unwrap(), card);
        for place in 0..16_u32 {
            let weight = 10_u64.pow(place);
            let digit = card.number() / weight % 10;
            for other in (0..10).filter(|other| *other != digit) {
                assert_eq!(CardReference::new(card.number() - digit * weight + other * weight), None);
            }
        }
        assert_eq!(CardReference::new(card.number() / 10), None);
        assert_eq!(CardReference::new(4_111_111_111_111_111), None, "a bank card number");
        assert_eq!(CardReference::from_parts(100_000_000_000_000), None);
        assert_eq!("+912345678901234".parse::<CardReference>(), Err(Problem::Characters));
    }

    #[test]
    fn a_card_never_shows_itself() {
        let card = CardReference::from_parts(12_345_678_901_234).unwrap();
        let tail = card.number() % 10_000;
        assert_eq!(
            format!("{card} {card:?}"),
            format!("************{tail:04} CardReference(************{tail:04})")
        );
        assert_eq!(format!("{:?}", CardSecret::new("12345678").unwrap()), "CardSecret(hidden)");
        assert_eq!(format!("{:?}", Pin::new("1234").unwrap()), "Pin(hidden)");
    }

    #[test]
    fn secrets_and_pins_have_limits() {
        assert!(CardSecret::new("1234567").is_none() && CardSecret::new(&"9".repeat(65)).is_none());
        assert!(CardSecret::new(&"9".repeat(64)).is_some() && CardSecret::new("1234567\n").is_none());
        assert!(
            Pin::new("123").is_none() && Pin::new("1234567890123").is_none() && Pin::new("12a4").is_none()
        );
    }
}
