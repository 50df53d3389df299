//! Who sent it, and which of its transactions this is (section 11, identity).

use core::fmt;
use core::num::NonZeroU32;
use core::str::FromStr;

use minicbor::Decoder;

use super::bytes::RequestId;
use super::text::Inline;
use crate::cbor::{Item, Writer, expect_array, read_text};
use crate::error::Problem;

/// A terminal's name (TID): 1 to 16 of `A`-`Z` `0`-`9`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TerminalId(Inline<16>);

impl TerminalId {
    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for TerminalId {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.is_empty() {
            return Err(Problem::WrongLength);
        }
        if !text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
            return Err(Problem::Characters);
        }
        Inline::new(text).map(TerminalId).ok_or(Problem::WrongLength)
    }
}

impl fmt::Display for TerminalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TerminalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Item for TerminalId {
    fn write(&self, writer: &mut Writer) {
        writer.text(self.as_str());
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        read_text(decoder)?.parse()
    }
}

/// The code that lets a terminal enrol once: 20 characters of Crockford's base 32 (section 10). `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EnrolmentCode(Inline<20>);

impl EnrolmentCode {
    /// The code; only its hash belongs in storage.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for EnrolmentCode {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.len() != 20 {
            return Err(Problem::WrongLength);
        }
        if !text.bytes().all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte)) {
            return Err(Problem::Characters);
        }
        Inline::new(text).map(EnrolmentCode).ok_or(Problem::WrongLength)
    }
}

impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentCode(hidden)")
    }
}

impl Item for EnrolmentCode {
    fn write(&self, writer: &mut Writer) {
        writer.text(self.expose());
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        read_text(decoder)?.parse()
    }
}

macro_rules! positive_numbers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// The first: 1.
            pub const FIRST: $name = $name(NonZeroU32::MIN);

            /// `None` for 0.
            pub fn new(number: u32) -> Option<Self> {
                NonZeroU32::new(number).map($name)
            }

            /// The number, at least 1.
            pub const fn get(self) -> u32 {
                self.0.get()
            }

            /// The one after this, if there is one.
            pub fn next(self) -> Option<Self> {
                self.0.checked_add(1).map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl Item for $name {
            fn write(&self, writer: &mut Writer) {
                self.get().write(writer);
            }

            fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
                $name::new(u32::read(decoder)?).ok_or(Problem::OutOfRange)
            }
        }
    )*};
}

positive_numbers! {
    /// The number of a transaction within a terminal and generation, 1 to 2^32 - 1, never used twice.
    Stan;
    /// Counts a terminal's enrolments, from 1.
    Generation;
    /// A shift of a terminal, from 1.
    Shift;
}

/// The earlier request that this one is about (key 23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    /// Whose request it was.
    pub terminal: TerminalId,
    /// In which generation.
    pub generation: Generation,
    /// Its STAN.
    pub stan: Stan,
    /// Its request id.
    pub request_id: RequestId,
}

impl Item for Original {
    fn write(&self, writer: &mut Writer) {
        writer.array(4);
        self.terminal.write(writer);
        self.generation.write(writer);
        self.stan.write(writer);
        self.request_id.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 4)?;
        Ok(Original {
            terminal: Item::read(decoder)?,
            generation: Item::read(decoder)?,
            stan: Item::read(decoder)?,
            request_id: Item::read(decoder)?,
        })
    }
}
