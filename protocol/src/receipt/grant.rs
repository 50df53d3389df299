//! What a terminal may approve by itself while the gateway is away (section 9.1), signed by the gateway.

use alloc::vec::Vec;

use minicbor::Decoder;

use super::ReceiptError;
use crate::Verify;
use crate::cbor::{Item, Map, Writer, expect_array, read_map};
use crate::cose::{Algorithm, Context, EMPTY_MAP, Sign1, sig_structure};
use crate::error::{FormatError, Part, Problem};
use crate::field::{Generation, GrantId, Installation, TerminalId, TotalMinor, UnixSeconds};

/// The largest signed grant, in bytes.
pub const MAX_GRANT: usize = 256;

/// The payload of an offline grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Key 1: the terminal that it was issued to.
    pub terminal: TerminalId,
    /// Key 2: that terminal's generation.
    pub generation: Generation,
    /// Key 3.
    pub id: GrantId,
    /// Key 4: from this second on.
    pub issued: UnixSeconds,
    /// Key 5: and before this one.
    pub expires: UnixSeconds,
    /// Key 6.
    pub limits: GrantLimits,
}

/// How much may be approved under one grant. Amounts are in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantLimits {
    /// In one transaction.
    pub transaction: TotalMinor,
    /// For one card, in all.
    pub card: TotalMinor,
    /// How many transactions.
    pub count: u32,
    /// In all.
    pub sum: TotalMinor,
}

impl Grant {
    /// The payload to sign with [`crate::cose::sign`], context [`Context::Grant`], ES256.
    pub fn encode_payload(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(96);
        let mut map = Map::open(&mut writer);
        map.put(1, &self.terminal);
        map.put(2, &self.generation);
        map.put(3, &self.id);
        map.put(4, &self.issued);
        map.put(5, &self.expires);
        map.put(6, &self.limits);
        map.close();
        writer.finish()
    }

    /// Decodes a payload whose signature is checked elsewhere.
    pub fn decode_payload(payload: &[u8]) -> Result<Self, FormatError> {
        let (mut terminal, mut generation, mut id) = (None, None, None);
        let (mut issued, mut expires, mut limits) = (None, None, None);
        read_map(payload, Part::Grant, |key, decoder| {
            match key {
                1 => terminal = Some(Item::read(decoder)?),
                2 => generation = Some(Item::read(decoder)?),
                3 => id = Some(Item::read(decoder)?),
                4 => issued = Some(Item::read(decoder)?),
                5 => expires = Some(Item::read(decoder)?),
                6 => limits = Some(Item::read(decoder)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Grant {
            terminal: need(terminal, 1)?,
            generation: need(generation, 2)?,
            id: need(id, 3)?,
            issued: need(issued, 4)?,
            expires: need(expires, 5)?,
            limits: need(limits, 6)?,
        })
    }

    /// Decodes a signed grant and checks that the gateway signed it. For whom, and when it holds, is the caller's part:
    /// [`Grant::is_for`], [`Grant::holds_at`].
    pub fn check(
        bytes: &[u8],
        installation: &Installation,
        verify: Verify<'_>,
    ) -> Result<Self, ReceiptError> {
        let sign1 = Sign1::parse(bytes)?;
        let fail = |problem| FormatError::whole(Part::Grant, problem);
        if bytes.len() > MAX_GRANT {
            return Err(fail(Problem::WrongLength).into());
        }
        if sign1.protected != Algorithm::Es256.protected_header() || sign1.unprotected != EMPTY_MAP {
            return Err(fail(Problem::Mismatch).into());
        }
        let payload = sign1.payload.ok_or(fail(Problem::Missing))?;
        let grant = Grant::decode_payload(payload)?;
        if !verify(&sig_structure(Context::Grant, installation, sign1.protected, payload), sign1.signature) {
            return Err(ReceiptError::Signature);
        }
        Ok(grant)
    }

    /// Whether it was issued to this terminal in this generation.
    pub fn is_for(&self, terminal: &TerminalId, generation: Generation) -> bool {
        self.terminal == *terminal && self.generation == generation
    }

    /// Whether it covers something done at this time (Unix seconds): from its issue on, and before its expiry.
    pub fn holds_at(&self, seconds: u64) -> bool {
        let (issued, expires) = (self.issued.get().unsigned_abs(), self.expires.get().unsigned_abs());
        (issued..expires).contains(&seconds)
    }
}

fn need<T>(field: Option<T>, key: u64) -> Result<T, FormatError> {
    field.ok_or(FormatError::at(Part::Grant, key, Problem::Missing))
}

impl Item for GrantLimits {
    fn write(&self, writer: &mut Writer) {
        writer.array(4);
        self.transaction.write(writer);
        self.card.write(writer);
        self.count.write(writer);
        self.sum.write(writer);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        expect_array(decoder, 4)?;
        Ok(GrantLimits {
            transaction: Item::read(decoder)?,
            card: Item::read(decoder)?,
            count: Item::read(decoder)?,
            sum: Item::read(decoder)?,
        })
    }
}
