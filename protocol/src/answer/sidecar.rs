//! What comes beside the body of an answer.

use alloc::vec::Vec;

use crate::cbor::{Item, Map, Writer, read_map};
use crate::error::{FormatError, Part};
use crate::field::{Blob, Hash};

/// The largest receipt in a sidecar, in bytes.
pub const MAX_RECEIPT: usize = crate::request::MAX_RECEIPT;

/// The sidecar of an answer: what proves it, and where the transaction stands now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerSidecar {
    /// Key 1: the receipt (section 8.1).
    pub receipt: Option<Blob<MAX_RECEIPT>>,
    /// Key 2: the details hash that the receipt's leaf needs.
    pub details_hash: Option<Hash>,
    /// Key 3: the status (section 8.3).
    pub status: Option<Blob<256>>,
}

impl AnswerSidecar {
    /// The bytes for the frame: none at all when nothing is set.
    pub fn encode(&self) -> Vec<u8> {
        if *self == AnswerSidecar::default() {
            return Vec::new();
        }
        let mut writer = Writer::with_capacity(512);
        let mut map = Map::open(&mut writer);
        map.put_optional(1, self.receipt.as_ref());
        map.put_optional(2, self.details_hash.as_ref());
        map.put_optional(3, self.status.as_ref());
        map.close();
        writer.finish()
    }

    /// Checks and decodes the sidecar of an answer.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut sidecar = AnswerSidecar::default();
        if bytes.is_empty() {
            return Ok(sidecar);
        }
        read_map(bytes, Part::AnswerSidecar, |key, decoder| {
            match key {
                1 => sidecar.receipt = Some(Item::read(decoder)?),
                2 => sidecar.details_hash = Some(Item::read(decoder)?),
                3 => sidecar.status = Some(Item::read(decoder)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(sidecar)
    }
}
