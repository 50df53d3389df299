//! Byte strings: fixed sizes with a meaning each, and bounded ones.

use alloc::vec::Vec;
use core::fmt;

use minicbor::Decoder;

use crate::Sha256;
use crate::cbor::{Item, Writer, read_bytes};
use crate::error::Problem;

macro_rules! fixed_bytes {
    ($($(#[$doc:meta])* $name:ident($size:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $size]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Hex(&self.0), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), Hex(&self.0))
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

fixed_bytes! {
    /// SHA-256 of a request's Sig_structure (section 4).
    RequestId(32);
    /// A SHA-256 hash: of an answer body, of details, of a tree node.
    Hash(32);
    /// SHA-256 of a SubjectPublicKeyInfo (section 1).
    Fingerprint(32);
    /// The installation id from Hello; it never changes (section 4).
    Installation(16);
    /// The session nonce from Hello (section 9).
    Nonce(16);
    /// The first four bytes of a key's fingerprint (section 4).
    KeyId(4);
    /// The digest of the programme that a display rests on (section 5, key 14).
    ProgrammeDigest(8);
    /// The quote that a load or purchase follows (section 5, key 15; section 6, key 19).
    QuoteId(8);
    /// Which offline grant (section 9.1).
    GrantId(8);
}

impl RequestId {
    /// The request id of the bytes that were signed.
    pub fn of(to_be_signed: &[u8], sha256: Sha256) -> Self {
        RequestId(sha256(&[to_be_signed]))
    }
}

impl Fingerprint {
    /// The key id that requests signed by this key carry.
    pub const fn key_id(&self) -> KeyId {
        let [a, b, c, d, ..] = self.0;
        KeyId([a, b, c, d])
    }
}

/// A byte string of at most `MAX` bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Blob<MAX> {
    /// `None` when there are more than `MAX` bytes.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() <= MAX).then_some(Blob(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Blob<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl<const MAX: usize> Item for Blob<MAX> {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        let bytes = read_bytes(decoder)?;
        if bytes.len() > MAX { Err(Problem::WrongLength) } else { Ok(Blob(bytes.to_vec())) }
    }
}

/// Shows bytes in lower-case hex.
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
