//! The receipt file (section 8.4): a receipt that is handed to somebody else, with all that it proves.

use alloc::vec::Vec;

use super::{CheckedReceipt, Evidence, ReceiptError, check};
use crate::cbor::{Item, Map, Writer, expect_uint, read_map};
use crate::cose::{OpenedRequest, open_request};
use crate::error::{FormatError, Part, Problem};
use crate::field::{Blob, Hash, Installation, RequestId};
use crate::frame::{MAX_CONTENT, MessageType};
use crate::request::MAX_RECEIPT;
use crate::{Sha256, Verify};

const VERSION: u64 = 1;

/// A request, its answer, and the receipt that binds them into the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptFile {
    /// Key 1.
    pub installation: Installation,
    /// Key 2.
    pub kind: MessageType,
    /// Key 3: the COSE_Sign1 that the terminal sent.
    pub request: Blob<MAX_CONTENT>,
    /// Key 4: the answer's body.
    pub answer: Blob<MAX_CONTENT>,
    /// Key 5.
    pub details_hash: Hash,
    /// Key 6.
    pub receipt: Blob<MAX_RECEIPT>,
}

/// What a receipt file proves, once checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedFile<'a> {
    /// The request; its signature is checked only by whoever has the terminal's key.
    pub request: OpenedRequest<'a>,
    /// Its request id.
    pub request_id: RequestId,
    /// Where the journal has it.
    pub place: CheckedReceipt,
}

impl ReceiptFile {
    /// The encoded file.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let mut map = Map::open(&mut writer);
        map.put(0, &VERSION);
        map.put(1, &self.installation);
        map.put(2, &self.kind.0);
        map.put(3, &self.request);
        map.put(4, &self.answer);
        map.put(5, &self.details_hash);
        map.put(6, &self.receipt);
        map.close();
        writer.finish()
    }

    /// Checks the encoding and decodes; verifies nothing.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut version = None;
        let (mut installation, mut kind, mut request) = (None, None, None);
        let (mut answer, mut details_hash, mut receipt) = (None, None, None);
        read_map(bytes, Part::ReceiptFile, |key, decoder| {
            match key {
                0 => version = Some(expect_uint(decoder, VERSION)?),
                1 => installation = Some(Item::read(decoder)?),
                2 => kind = Some(MessageType(Item::read(decoder)?)),
                3 => request = Some(Item::read(decoder)?),
                4 => answer = Some(Item::read(decoder)?),
                5 => details_hash = Some(Item::read(decoder)?),
                6 => receipt = Some(Item::read(decoder)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        need(version, 0)?;
        Ok(ReceiptFile {
            installation: need(installation, 1)?,
            kind: need(kind, 2)?,
            request: need(request, 3)?,
            answer: need(answer, 4)?,
            details_hash: need(details_hash, 5)?,
            receipt: need(receipt, 6)?,
        })
    }

    /// Section 8.2 for all that is in the file. `verify` verifies with the gateway's key.
    pub fn check(&self, sha256: Sha256, verify: Verify<'_>) -> Result<CheckedFile<'_>, ReceiptError> {
        let request = open_request(self.request.as_bytes(), &self.installation, self.kind)?;
        let request_id = RequestId::of(&request.to_be_signed, sha256);
        let evidence = Evidence {
            request_id: &request_id,
            answer: self.answer.as_bytes(),
            details_hash: &self.details_hash,
            receipt: self.receipt.as_bytes(),
        };
        let place = check(&evidence, &self.installation, sha256, verify)?;
        Ok(CheckedFile { request, request_id, place })
    }
}

fn need<T>(field: Option<T>, key: u64) -> Result<T, FormatError> {
    field.ok_or(FormatError::at(Part::ReceiptFile, key, Problem::Missing))
}
