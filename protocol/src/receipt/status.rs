//! The status (section 8.3): the gateway's signed word on where a transaction stands now.

use alloc::vec::Vec;

use super::ReceiptError;
use crate::Verify;
use crate::cbor::{Item, Map, Writer, read_map};
use crate::cose::{Algorithm, Context, EMPTY_MAP, Sign1, sig_structure};
use crate::error::{FormatError, Part, Problem};
use crate::field::{Installation, RequestId, TransactionState, UnixSeconds};

/// The payload of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Key 1: the transaction it is about.
    pub request_id: RequestId,
    /// Key 2.
    pub state: TransactionState,
    /// Key 3: when the gateway said so.
    pub time: UnixSeconds,
    /// Key 4.
    pub epoch: u64,
    /// Key 5: the last journal index at that time.
    pub last_index: u64,
}

impl Status {
    /// The payload to sign with [`crate::cose::sign`], context [`Context::Status`], ES256.
    pub fn encode_payload(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(64);
        let mut map = Map::open(&mut writer);
        map.put(1, &self.request_id);
        map.put(2, &self.state);
        map.put(3, &self.time);
        map.put(4, &self.epoch);
        map.put(5, &self.last_index);
        map.close();
        writer.finish()
    }

    /// Decodes a payload whose signature is checked elsewhere.
    pub fn decode_payload(payload: &[u8]) -> Result<Self, FormatError> {
        let (mut request_id, mut state, mut time, mut epoch, mut last_index) = (None, None, None, None, None);
        read_map(payload, Part::Status, |key, decoder| {
            match key {
                1 => request_id = Some(Item::read(decoder)?),
                2 => state = Some(Item::read(decoder)?),
                3 => time = Some(Item::read(decoder)?),
                4 => epoch = Some(Item::read(decoder)?),
                5 => last_index = Some(Item::read(decoder)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Status {
            request_id: need(request_id, 1)?,
            state: need(state, 2)?,
            time: need(time, 3)?,
            epoch: need(epoch, 4)?,
            last_index: need(last_index, 5)?,
        })
    }

    /// Decodes a signed status and checks that the gateway signed it and that it is about `request_id`.
    pub fn check(
        bytes: &[u8],
        request_id: &RequestId,
        installation: &Installation,
        verify: Verify<'_>,
    ) -> Result<Self, ReceiptError> {
        let sign1 = Sign1::parse(bytes)?;
        let fail = |problem| FormatError::whole(Part::Status, problem);
        if sign1.protected != Algorithm::Es256.protected_header() || sign1.unprotected != EMPTY_MAP {
            return Err(fail(Problem::Mismatch).into());
        }
        let payload = sign1.payload.ok_or(fail(Problem::Missing))?;
        let status = Status::decode_payload(payload)?;
        if !verify(&sig_structure(Context::Status, installation, sign1.protected, payload), sign1.signature) {
            return Err(ReceiptError::Signature);
        }
        if status.request_id != *request_id {
            return Err(ReceiptError::OtherRequest);
        }
        Ok(status)
    }
}

fn need<T>(field: Option<T>, key: u64) -> Result<T, FormatError> {
    field.ok_or(FormatError::at(Part::Status, key, Problem::Missing))
}
