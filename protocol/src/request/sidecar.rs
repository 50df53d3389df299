//! The sidecar of a request (section 5.3): inside TLS, never signed, journalled or logged.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use minicbor::Decoder;

use super::rules::may_have_sidecar;
use crate::cbor::{Item, Map, Writer, read_map, read_map_head};
use crate::error::{FormatError, Part, Problem};
use crate::field::{Blob, CardSecret, Pin, Text};
use crate::frame::MessageType;

/// Personal fields in one sidecar, at most.
pub const MAX_PERSONAL_FIELDS: usize = 8;

/// Personal fields by number (key 10, reserved).
pub type PersonalFields = BTreeMap<u8, Text<64>>;

/// What stands beside the signed body. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RequestSidecar {
    /// Key 1.
    pub secret: Option<CardSecret>,
    /// Key 2, reserved.
    pub pin: Option<Pin>,
    /// Key 3, reserved.
    pub chip: Option<Blob<64>>,
    /// Key 10, reserved; at most [`MAX_PERSONAL_FIELDS`], absent when empty.
    pub personal: PersonalFields,
}

impl RequestSidecar {
    /// The bytes for the frame: none at all when nothing is set.
    pub fn encode(&self) -> Vec<u8> {
        if *self == RequestSidecar::default() {
            return Vec::new();
        }
        let mut writer = Writer::new();
        let mut map = Map::open(&mut writer);
        map.put_optional(1, self.secret.as_ref());
        map.put_optional(2, self.pin.as_ref());
        map.put_optional(3, self.chip.as_ref());
        if !self.personal.is_empty() {
            let writer = map.key(10);
            writer.map(self.personal.len());
            for (number, text) in &self.personal {
                writer.uint(u64::from(*number)).text(text.as_str());
            }
        }
        map.close();
        writer.finish()
    }

    /// Checks and decodes the sidecar of a request of type `kind`; a message without a card must have none.
    pub fn decode(kind: MessageType, bytes: &[u8]) -> Result<Self, FormatError> {
        let mut sidecar = RequestSidecar::default();
        if bytes.is_empty() {
            return Ok(sidecar);
        }
        if !may_have_sidecar(kind) {
            return Err(FormatError::whole(Part::RequestSidecar, Problem::Forbidden));
        }
        read_map(bytes, Part::RequestSidecar, |key, decoder| {
            match key {
                1 => sidecar.secret = Some(Item::read(decoder)?),
                2 => sidecar.pin = Some(Item::read(decoder)?),
                3 => sidecar.chip = Some(Item::read(decoder)?),
                10 => sidecar.personal = read_personal(decoder)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(sidecar)
    }
}

fn read_personal(decoder: &mut Decoder<'_>) -> Result<PersonalFields, Problem> {
    let count = read_map_head(decoder)?;
    if !(1..=MAX_PERSONAL_FIELDS).contains(&usize::try_from(count).map_err(|_| Problem::WrongLength)?) {
        return Err(Problem::WrongLength);
    }
    (0..count).map(|_| Ok((Item::read(decoder)?, Item::read(decoder)?))).collect()
}

impl core::fmt::Debug for RequestSidecar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RequestSidecar")
            .field("secret", &self.secret)
            .field("pin", &self.pin)
            .field("chip", &self.chip.is_some())
            .field("personal", &self.personal.len())
            .finish()
    }
}
