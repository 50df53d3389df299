//! The sidecar of a request (section 5.3): inside TLS, never signed, journalled or logged.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use minicbor::Decoder;

use super::rules::{KeySet, sidecar_keys};
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
    /// Key 2: of the card.
    pub pin: Option<Pin>,
    /// Key 3, reserved.
    pub chip: Option<Blob<64>>,
    /// Key 4: what a ChangePin sets.
    pub new_pin: Option<Pin>,
    /// Key 5: of the cashier who signs on.
    pub cashier_pin: Option<Pin>,
    /// Key 6: of the supervisor in request key 37.
    pub supervisor_pin: Option<Pin>,
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
        map.put_optional(4, self.new_pin.as_ref());
        map.put_optional(5, self.cashier_pin.as_ref());
        map.put_optional(6, self.supervisor_pin.as_ref());
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

    /// Whether anybody's PIN is in it. Such a sidecar is never written to storage.
    pub fn has_pin(&self) -> bool {
        [&self.pin, &self.new_pin, &self.cashier_pin, &self.supervisor_pin].into_iter().any(Option::is_some)
    }

    /// Checks and decodes the sidecar of a request of type `kind`: it has no key that the message's row in section 5.1
    /// does not name, and where that names none, there is no sidecar.
    pub fn decode(kind: MessageType, bytes: &[u8]) -> Result<Self, FormatError> {
        let mut sidecar = RequestSidecar::default();
        if bytes.is_empty() {
            return Ok(sidecar);
        }
        let allowed = sidecar_keys(kind);
        if allowed == KeySet::EMPTY {
            return Err(FormatError::whole(Part::RequestSidecar, Problem::Forbidden));
        }
        read_map(bytes, Part::RequestSidecar, |key, decoder| {
            if matches!(key, 1..=6 | 10) && !allowed.contains(key) {
                return Err(Problem::Forbidden);
            }
            match key {
                1 => sidecar.secret = Some(Item::read(decoder)?),
                2 => sidecar.pin = Some(Item::read(decoder)?),
                3 => sidecar.chip = Some(Item::read(decoder)?),
                4 => sidecar.new_pin = Some(Item::read(decoder)?),
                5 => sidecar.cashier_pin = Some(Item::read(decoder)?),
                6 => sidecar.supervisor_pin = Some(Item::read(decoder)?),
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
            .field("new_pin", &self.new_pin)
            .field("cashier_pin", &self.cashier_pin)
            .field("supervisor_pin", &self.supervisor_pin)
            .field("personal", &self.personal.len())
            .finish()
    }
}
