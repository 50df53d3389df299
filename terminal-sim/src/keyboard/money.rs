//! Amounts as a person types and reads them: units of the currency on the outside, minor units inside.

use protocol::field::AmountMinor;

/// How many decimal places the currency has: the exponent of the sign-on answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Decimal places of the minor unit.
    pub exponent: u8,
}

impl Unit {
    /// Minor units of `12.50`; the error says what an amount looks like.
    pub(super) fn read(self, text: &str) -> Result<i64, String> {
        self.minor(text).ok_or_else(|| {
            let places = match self.exponent {
                0 => "digits alone".to_owned(),
                places => format!("digits, and at most {places} after a point"),
            };
            format!("\"{text}\" is no amount: {places}, such as {}", self.example())
        })
    }

    fn minor(self, text: &str) -> Option<i64> {
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let (whole, places) = match text.split_once('.') {
            Some((whole, places)) if is_number(places) => (whole, places),
            Some(_) => return None,
            None => (text, ""),
        };
        let missing = usize::from(self.exponent).checked_sub(places.len())?;
        let digits = [whole, places, &"0".repeat(missing)].concat();
        let minor = digits.parse().ok().filter(|_| is_number(whole))?;
        AmountMinor::new(minor).map(AmountMinor::get)
    }

    /// `12.50` of 1250 minor units.
    pub(super) fn show(self, minor: i64) -> String {
        let places = usize::from(self.exponent);
        let digits = format!("{:0>width$}", minor.unsigned_abs(), width = places.saturating_add(1));
        let sign = if minor < 0 { "-" } else { "" };
        let (whole, rest) = digits.split_at(digits.len().saturating_sub(places));
        if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
    }

    /// The same with a plus before what is added.
    pub(super) fn show_change(self, minor: i64) -> String {
        let plus = if minor > 0 { "+" } else { "" };
        format!("{plus}{}", self.show(minor))
    }

    /// An amount with all the places that it may have.
    pub(super) fn example(self) -> &'static str {
        match self.exponent {
            0 => "1250",
            1 => "12.5",
            _ => "12.50",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_minor_unit_and_nothing_else_is() {
        let read = |exponent, text: &str| Unit { exponent }.read(text).ok();
        for (exponent, text, minor) in [
            (2, "12.50", 1250),
            (2, "12.5", 1250),
            (2, "12", 1200),
            (2, "0.01", 1),
            (0, "12", 12),
            (3, "1.005", 1005),
            (2, "9999999999.99", 999_999_999_999),
        ] {
            assert_eq!(read(exponent, text), Some(minor), "{text}");
        }
        for wrong in ["", ".", "12.", ".5", "0", "0.00", "-1", "+1", "1,50", "1e3", "12.505", "1.2.3", "1 0"]
        {
            assert_eq!(read(2, wrong), None, "{wrong}");
        }
        assert_eq!(read(2, "10000000000.00"), None, "more than a request may have");
        assert_eq!(read(2, "99999999999999999999"), None);
        assert_eq!(read(0, "12.5"), None);
        let said = Unit { exponent: 0 }.read("1.5").unwrap_err();
        assert_eq!(said, "\"1.5\" is no amount: digits alone, such as 1250");
    }

    #[test]
    fn amounts_are_shown_with_all_their_places() {
        let show = |exponent, minor| Unit { exponent }.show(minor);
        assert_eq!(show(2, 5), "0.05");
        assert_eq!(show(2, -1250), "-12.50");
        assert_eq!(show(0, 1250), "1250");
        assert_eq!(show(3, 0), "0.000");
        assert_eq!(show(2, i64::MIN), "-92233720368547758.08");
        assert_eq!(Unit { exponent: 2 }.show_change(1), "+0.01");
        assert_eq!(Unit { exponent: 2 }.show_change(-1), "-0.01");
    }
}
