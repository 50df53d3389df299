//! What one programme says of a member to another (section 12.1): which tier they have there, and until when.

use alloc::vec::Vec;

use crate::cbor::{Item, Map, Writer, read_map};
use crate::cose::{Algorithm, EMPTY_MAP, Sign1};
use crate::error::{FormatError, Part, Problem};
use crate::field::{Code, Hash, Text, UnixSeconds};
use crate::{Signature, strict};

/// The largest signed statement, in bytes.
pub const MAX_STATEMENT: usize = 320;

/// The context string of its signature.
pub const CONTEXT: &str = "svgp.statement";

/// The payload of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Key 1: the name by which the other side knows whoever says so.
    pub issuer: Text<32>,
    /// Key 2: who the member is there: says nothing to anybody else.
    pub member: Hash,
    /// Key 3: its key in the issuer's programme.
    pub tier: Code<16>,
    /// Key 4.
    pub issued: UnixSeconds,
    /// Key 5: it is held before this second.
    pub until: UnixSeconds,
}

/// A statement, taken apart. Its signature is not verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// What it says.
    pub statement: Statement,
    /// The algorithm that it names; it must be the issuer's key's.
    pub algorithm: Algorithm,
    /// The Sig_structure: verify the signature over it. Its SHA-256 names the statement; the signature is no part of that, because
    /// some signatures can be written in two ways.
    pub to_be_signed: Vec<u8>,
    /// The signature.
    pub signature: &'a Signature,
}

impl Statement {
    fn encode_payload(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(128);
        let mut map = Map::open(&mut writer);
        map.put(1, &self.issuer);
        map.put(2, &self.member);
        map.put(3, &self.tier);
        map.put(4, &self.issued);
        map.put(5, &self.until);
        map.close();
        writer.finish()
    }

    fn decode_payload(payload: &[u8]) -> Result<Self, FormatError> {
        let (mut issuer, mut member, mut tier, mut issued, mut until) = (None, None, None, None, None);
        read_map(payload, Part::Statement, |key, decoder| {
            match key {
                1 => issuer = Some(Item::read(decoder)?),
                2 => member = Some(Item::read(decoder)?),
                3 => tier = Some(Item::read(decoder)?),
                4 => issued = Some(Item::read(decoder)?),
                5 => until = Some(Item::read(decoder)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Statement {
            issuer: need(issuer, 1)?,
            member: need(member, 2)?,
            tier: need(tier, 3)?,
            issued: need(issued, 4)?,
            until: need(until, 5)?,
        })
    }

    /// The signed statement: an encoded COSE_Sign1. `sign` gets the Sig_structure and returns the raw signature.
    pub fn sign(&self, algorithm: Algorithm, sign: impl FnOnce(&[u8]) -> Signature) -> Vec<u8> {
        let (payload, protected) = (self.encode_payload(), algorithm.protected_header());
        let signature = sign(&to_be_signed(&protected, &payload));
        Sign1 {
            protected: &protected,
            unprotected: EMPTY_MAP,
            payload: Some(&payload),
            signature: &signature,
        }
        .encode()
    }

    /// Reads a signed statement. Whoever believes it verifies the signature first.
    pub fn open(bytes: &[u8]) -> Result<Opened<'_>, FormatError> {
        let fail = |problem| FormatError::whole(Part::Statement, problem);
        if bytes.len() > MAX_STATEMENT {
            return Err(fail(Problem::WrongLength));
        }
        let sign1 = Sign1::parse(bytes)?;
        let algorithm = Algorithm::from_protected_header(sign1.protected).ok_or(fail(Problem::Mismatch))?;
        if sign1.unprotected != EMPTY_MAP {
            return Err(fail(Problem::Mismatch));
        }
        let payload = sign1.payload.ok_or(fail(Problem::Missing))?;
        strict::check(payload).map_err(|error| fail(Problem::Encoding(error)))?;
        let statement = Statement::decode_payload(payload)?;
        let to_be_signed = to_be_signed(sign1.protected, payload);
        Ok(Opened { statement, algorithm, to_be_signed, signature: sign1.signature })
    }
}

/// The Sig_structure: its external data is `["svgp.statement", 1]`, because whoever verifies it knows no installation.
fn to_be_signed(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut aad = Writer::with_capacity(20);
    aad.array(2).text(CONTEXT).uint(1);
    let aad = aad.finish();
    let mut structure = Writer::with_capacity(payload.len().saturating_add(64));
    structure.array(4).text("Signature1").bytes(protected).bytes(&aad).bytes(payload);
    structure.finish()
}

fn need<T>(field: Option<T>, key: u64) -> Result<T, FormatError> {
    field.ok_or(FormatError::at(Part::Statement, key, Problem::Missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            issuer: "Sea Hotel".parse().unwrap(),
            member: Hash([7; 32]),
            tier: "gold".parse().unwrap(),
            issued: UnixSeconds::new(1_800_000_000).unwrap(),
            until: UnixSeconds::new(1_830_000_000).unwrap(),
        }
    }

    #[test]
    fn a_statement_reads_back_with_what_was_signed() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let mut signed = Vec::new();
            let bytes = statement().sign(algorithm, |message| {
                signed = message.to_vec();
                [9; 64]
            });
            let opened = Statement::open(&bytes).unwrap();
            assert_eq!(
                (opened.statement, opened.algorithm, opened.to_be_signed),
                (statement(), algorithm, signed)
            );
            assert_eq!(opened.signature, &[9; 64]);
        }
        let longest = Statement {
            issuer: "x".repeat(32).parse().unwrap(),
            tier: "x".repeat(16).parse().unwrap(),
            ..statement()
        };
        assert!(longest.sign(Algorithm::EdDsa, |_| [9; 64]).len() <= MAX_STATEMENT);
    }

    #[test]
    fn what_is_signed_is_what_the_protocol_shows() {
        let mut shown = alloc::string::String::new();
        statement().sign(Algorithm::Es256, |message| {
            shown = alloc::format!("{}", crate::field::Hex(message));
            [9; 64]
        });
        let protocol = include_str!("../PROTOCOL.md");
        let vector =
            protocol.split("what is signed is\n\n```\n").nth(1).and_then(|rest| rest.split("```").next());
        assert_eq!(vector.map(|vector| vector.replace('\n', "")), Some(shown));
    }

    #[test]
    fn nothing_else_is_one() {
        let bytes = statement().sign(Algorithm::Es256, |_| [9; 64]);
        for length in 0..bytes.len() {
            assert!(Statement::open(&bytes[..length]).is_err(), "{length}");
        }
        assert!(Statement::open(&[bytes.as_slice(), &[0]].concat()).is_err());
        // Another key, and a key that is not there.
        let at = bytes.windows(2).position(|pair| pair == [0xa5, 1]).unwrap();
        for (place, byte) in [(at, 0xa4), (at, 0xa6), (at + 1, 6)] {
            let mut other = bytes.clone();
            other[place] = byte;
            assert!(Statement::open(&other).is_err(), "{place}");
        }
    }
}
