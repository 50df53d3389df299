//! Hello (section 9): the gateway's first frame on a connection.

use alloc::vec::Vec;

use crate::cbor::{Item, Map, Writer, expect_uint, read_map};
use crate::error::{FormatError, Part, Problem};
use crate::field::{Installation, Nonce, ProtocolVersion, UnixSeconds};
use crate::frame::MessageType;
use crate::request::SCHEMA_VERSION;

/// What a terminal must know before it can sign anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Part of everything that is signed.
    pub installation: Installation,
    /// Part of every session message on this connection.
    pub nonce: Nonce,
    /// The gateway's clock.
    pub time: UnixSeconds,
    /// The highest frame version that the gateway speaks.
    pub protocol_version: ProtocolVersion,
}

impl Hello {
    /// The body of the frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(64);
        let mut map = Map::open(&mut writer);
        map.put(0, &SCHEMA_VERSION);
        map.put(1, &MessageType::HELLO.0);
        map.put(2, &self.installation);
        map.put(3, &self.nonce);
        map.put(4, &self.time);
        map.put(5, &self.protocol_version);
        map.close();
        writer.finish()
    }

    /// Checks and decodes the body of the frame.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let (mut version, mut kind) = (None, None);
        let (mut installation, mut nonce, mut time, mut protocol_version) = (None, None, None, None);
        read_map(bytes, Part::Hello, |key, decoder| {
            match key {
                0 => version = Some(expect_uint(decoder, SCHEMA_VERSION)?),
                1 => kind = Some(expect_uint(decoder, u64::from(MessageType::HELLO.0))?),
                2 => installation = Some(Item::read(decoder)?),
                3 => nonce = Some(Item::read(decoder)?),
                4 => time = Some(Item::read(decoder)?),
                5 => protocol_version = Some(Item::read(decoder)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        need(version, 0)?;
        need(kind, 1)?;
        Ok(Hello {
            installation: need(installation, 2)?,
            nonce: need(nonce, 3)?,
            time: need(time, 4)?,
            protocol_version: need(protocol_version, 5)?,
        })
    }
}

fn need<T>(field: Option<T>, key: u64) -> Result<T, FormatError> {
    field.ok_or(FormatError::at(Part::Hello, key, Problem::Missing))
}
