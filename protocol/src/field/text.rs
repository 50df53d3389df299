//! Short text held inline: no allocation, `Copy`, and never longer than its field allows.

use core::fmt;
use core::str::FromStr;

use minicbor::Decoder;

use crate::cbor::{Item, Writer, read_text};
use crate::error::Problem;

/// **Code**: 1 to `MAX` of `A`-`Z` `a`-`z` `0`-`9` `-` `_` `.` `:` `/` (section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code<const MAX: usize>(Inline<MAX>);

/// **Text**: 1 to `MAX` bytes of UTF-8 without control characters (section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: usize>(Inline<MAX>);

/// The characters that text may not have: U+0000 to U+001F and U+007F.
pub(super) const fn is_control(character: char) -> bool {
    matches!(character, '\0'..='\u{1f}' | '\u{7f}')
}

const fn is_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/')
}

impl<const MAX: usize> FromStr for Code<MAX> {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if !text.bytes().all(is_code) {
            return Err(Problem::Characters);
        }
        Inline::new(text).filter(|text| !text.is_empty()).map(Code).ok_or(Problem::WrongLength)
    }
}

impl<const MAX: usize> FromStr for Text<MAX> {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.chars().any(is_control) {
            return Err(Problem::Characters);
        }
        Inline::new(text).filter(|text| !text.is_empty()).map(Text).ok_or(Problem::WrongLength)
    }
}

impl<const MAX: usize> Text<MAX> {
    /// Text cut to `MAX` bytes at a character boundary, with control characters left out; `None` when nothing is left.
    pub fn fitted(text: &str) -> Option<Self> {
        let mut inline = Inline::EMPTY;
        for character in text.chars().filter(|character| !is_control(*character)) {
            if !inline.push(character) {
                break;
            }
        }
        Some(Text(inline)).filter(|text| !text.0.is_empty())
    }
}

macro_rules! inline_text {
    ($($name:ident),*) => {$(
        impl<const MAX: usize> $name<MAX> {
            /// The text; at least one byte.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl<const MAX: usize> fmt::Display for $name<MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl<const MAX: usize> fmt::Debug for $name<MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl<const MAX: usize> AsRef<str> for $name<MAX> {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl<const MAX: usize> Item for $name<MAX> {
            fn write(&self, writer: &mut Writer) {
                writer.text(self.as_str());
            }

            fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
                read_text(decoder)?.parse()
            }
        }
    )*};
}

inline_text!(Code, Text);

/// UTF-8 text of at most `MAX` bytes (and at most 255).
///
/// Invariant: `bytes[..length]` is UTF-8 and what follows is zero, so that the derived orders are those of the text
/// wherever the text has no U+0000 (no field of the protocol allows it).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Inline<const MAX: usize> {
    bytes: [u8; MAX],
    length: u8,
}

impl<const MAX: usize> Inline<MAX> {
    const EMPTY: Self = Inline { bytes: [0; MAX], length: 0 };

    pub(super) fn new(text: &str) -> Option<Self> {
        let mut inline = Self::EMPTY;
        inline.bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        inline.length = u8::try_from(text.len()).ok()?;
        Some(inline)
    }

    pub(super) fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.length))
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends a character; `false` when it does not fit.
    fn push(&mut self, character: char) -> bool {
        let start = usize::from(self.length);
        let mut buffer = [0; 4];
        let encoded = character.encode_utf8(&mut buffer).as_bytes();
        let end = start.saturating_add(encoded.len());
        let (Some(space), Ok(length)) = (self.bytes.get_mut(start..end), u8::try_from(end)) else {
            return false;
        };
        space.copy_from_slice(encoded);
        self.length = length;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_text_keep_to_their_sets_and_lengths() {
        assert_eq!("Aa0-_.:/".parse::<Code<8>>().unwrap().as_str(), "Aa0-_.:/");
        for bad in ["a b", "ä", "a\0", "a*"] {
            assert_eq!(bad.parse::<Code<8>>(), Err(Problem::Characters), "{bad:?}");
        }
        assert_eq!("".parse::<Code<8>>(), Err(Problem::WrongLength));
        assert_eq!("123456789".parse::<Code<8>>(), Err(Problem::WrongLength));
        assert_eq!("Käse 5€".parse::<Text<10>>().unwrap().as_str(), "Käse 5€");
        assert_eq!("Käse 5€".parse::<Text<9>>(), Err(Problem::WrongLength));
        for bad in ["\u{1f}", "a\u{7f}", "\n"] {
            assert_eq!(bad.parse::<Text<8>>(), Err(Problem::Characters), "{bad:?}");
        }
        assert!("\u{80}".parse::<Text<8>>().is_ok());
    }

    #[test]
    fn fitted_text_is_cut_between_characters() {
        assert_eq!(Text::<4>::fitted("ab\n€x").unwrap().as_str(), "ab");
        assert_eq!(Text::<5>::fitted("ab\n€x").unwrap().as_str(), "ab€");
        assert_eq!(Text::<5>::fitted("\n"), None);
    }

    #[test]
    fn text_is_ordered_as_text() {
        let mut words = ["b", "ab", "a", "abc"].map(|word| word.parse::<Code<4>>().unwrap());
        words.sort();
        assert_eq!(words.map(|word| word.as_str().len()), [1, 2, 3, 1]);
    }
}
