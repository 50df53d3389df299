//! The sidecar of a request (section 5.3): inside TLS, never signed, journalled or logged.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use minicbor::Decoder;

use super::rules::{KeySet, sidecar_keys};
use crate::Sha256;
use crate::cbor::{Item, Map, Writer, read_map, read_map_head};
use crate::error::{FormatError, Part, Problem};
use crate::field::{Blob, CardSecret, Date, Hash, Pin, Text};
use crate::frame::MessageType;

/// Personal fields in one sidecar, at most.
pub const MAX_PERSONAL_FIELDS: usize = 8;

/// The number of the salt among the personal fields: 32 hexadecimal digits in lower case.
pub const SALT: u8 = 0;
/// The number of the phone among the personal fields: 5 to 15 digits, country code first, no sign.
pub const PHONE: u8 = 1;
/// The number of the birthday among the personal fields: `YYYY-MM-DD`.
pub const BIRTHDAY: u8 = 3;

/// Personal fields by number (key 10; section 5.4).
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
    /// Key 10; of a CardLookup, the [`PHONE`] alone; at most [`MAX_PERSONAL_FIELDS`], absent when empty.
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
            write_personal(map.key(10), &self.personal);
        }
        map.close();
        writer.finish()
    }

    /// The encoding of the map in key 10, which is what a commitment hashes (section 5.4); `None` without personal fields.
    pub fn personal_bytes(&self) -> Option<Vec<u8>> {
        (!self.personal.is_empty()).then(|| {
            let mut writer = Writer::new();
            write_personal(&mut writer, &self.personal);
            writer.finish()
        })
    }

    /// The commitment to the personal fields (request key 47); `None` without any. It hides them only when the
    /// [`SALT`] is among them.
    pub fn personal_commitment(&self, sha256: Sha256) -> Option<Hash> {
        self.personal_bytes().map(|bytes| Hash(sha256(&[&bytes])))
    }

    /// Whether anybody's PIN is in it. Such a sidecar is never written to storage.
    pub fn has_pin(&self) -> bool {
        [&self.pin, &self.new_pin, &self.cashier_pin, &self.supervisor_pin].into_iter().any(Option::is_some)
    }

    /// Checks and decodes the sidecar of a request of type `kind`: it has no key that the message's row in section 5.1
    /// does not name, and where that names none, there is no sidecar. A CardLookup's has the [`PHONE`] and nothing else.
    pub fn decode(kind: MessageType, bytes: &[u8]) -> Result<Self, FormatError> {
        let mut sidecar = RequestSidecar::default();
        if bytes.is_empty() {
            sidecar.check_lookup(kind)?;
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
        sidecar.check_lookup(kind)?;
        Ok(sidecar)
    }

    /// A CardLookup asks with field 1 alone (section 5.4).
    fn check_lookup(&self, kind: MessageType) -> Result<(), FormatError> {
        let problem = match (self.personal.contains_key(&PHONE), self.personal.len()) {
            _ if kind != MessageType::CARD_LOOKUP => return Ok(()),
            (true, 1) => return Ok(()),
            (true, _) => Problem::Forbidden,
            (false, _) => Problem::Missing,
        };
        Err(FormatError::at(Part::RequestSidecar, 10, problem))
    }
}

fn write_personal(writer: &mut Writer, fields: &PersonalFields) {
    writer.map(fields.len());
    for (number, text) in fields {
        writer.uint(u64::from(*number)).text(text.as_str());
    }
}

fn read_personal(decoder: &mut Decoder<'_>) -> Result<PersonalFields, Problem> {
    let count = read_map_head(decoder)?;
    if !(1..=MAX_PERSONAL_FIELDS).contains(&usize::try_from(count).map_err(|_| Problem::WrongLength)?) {
        return Err(Problem::WrongLength);
    }
    (0..count)
        .map(|_| {
            let (number, text) = (Item::read(decoder)?, Item::read(decoder)?);
            check_personal(number, &text)?;
            Ok((number, text))
        })
        .collect()
}

/// The form that section 5.4 gives to some fields. A birthday is a date like any other of the protocol: which days a month
/// has is not looked at.
fn check_personal(number: u8, text: &Text<64>) -> Result<(), Problem> {
    let bytes = text.as_str().as_bytes();
    let (lengths, allowed) = match number {
        SALT => (32..=32, bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))),
        PHONE => (5..=15, bytes.iter().all(u8::is_ascii_digit)),
        BIRTHDAY => (10..=10, is_date_shaped(bytes)),
        _ => return Ok(()),
    };
    if !lengths.contains(&bytes.len()) {
        return Err(Problem::WrongLength);
    }
    if !allowed {
        return Err(Problem::Characters);
    }
    let digits = || bytes.iter().filter(|byte| **byte != b'-').map(|byte| u32::from(byte.wrapping_sub(b'0')));
    let is_date = || {
        let number = digits().fold(0_u32, |number, digit| number.saturating_mul(10).saturating_add(digit));
        Date::new(number).is_some()
    };
    if number == BIRTHDAY && !is_date() { Err(Problem::OutOfRange) } else { Ok(()) }
}

fn is_date_shaped(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().all(|(place, byte)| match place {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    })
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
