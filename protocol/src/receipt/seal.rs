//! The seal of a write group (section 8.1).

use alloc::vec::Vec;

use minicbor::Decoder;

use crate::cbor::{Item, Writer, expect_array, expect_uint, read_map_head};
use crate::cose::{Context, EMPTY_MAP, Sign1, sig_structure};
use crate::error::{FormatError, Part, Problem};
use crate::field::{Hash, Installation};
use crate::{Sha256, Signature, strict};

/// The label of the verifiable data structure (RFC 9942), and its number for RFC 9162 with SHA-256.
const STRUCTURE: u64 = 395;
const RFC9162_SHA256: u64 = 1;
/// The label of the place in the journal; private use.
const PLACE: i64 = -65537;
const ES256: i64 = -7;

/// Which group of which chain a root is of; signed with the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealHeader {
    /// The chain id.
    pub chain: u64,
    /// Rises by one with every restore.
    pub epoch: u64,
    /// The group's number, from 1.
    pub group: u64,
    /// The index of the group's first entry, from 1.
    pub first_index: u64,
    /// Index of the group's last entry.
    pub last_index: u64,
    /// Unix milliseconds.
    pub time_ms: u64,
}

impl SealHeader {
    /// Leaves of the group's tree: the seal before, and one for each entry. `None` when the indices make no sense.
    pub fn tree_size(&self) -> Option<u64> {
        self.last_index.checked_sub(self.first_index)?.checked_add(2)
    }

    /// The encoded protected header.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(80);
        writer.map(3).uint(1).int(ES256).uint(STRUCTURE).uint(RFC9162_SHA256).int(PLACE).array(6);
        for number in [self.chain, self.epoch, self.group, self.first_index, self.last_index, self.time_ms] {
            writer.uint(number);
        }
        writer.finish()
    }

    /// Checks and decodes a protected header; nothing but the three labels may be there.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        Self::decode_parts(bytes).map_err(|problem| FormatError::whole(Part::Receipt, problem))
    }

    /// What the gateway signs: the Sig_structure over the group's root.
    pub fn to_be_signed(&self, installation: &Installation, root: &Hash) -> Vec<u8> {
        sig_structure(Context::Seal, installation, &self.encode(), &root.0)
    }

    fn decode_parts(bytes: &[u8]) -> Result<Self, Problem> {
        strict::check_cose(bytes)?;
        let decoder = &mut Decoder::new(bytes);
        if read_map_head(decoder)? != 3 {
            return Err(Problem::WrongLength);
        }
        expect_uint(decoder, 1)?;
        expect_int(decoder, ES256)?;
        expect_uint(decoder, STRUCTURE)?;
        expect_uint(decoder, RFC9162_SHA256)?;
        expect_int(decoder, PLACE)?;
        expect_array(decoder, 6)?;
        Ok(SealHeader {
            chain: Item::read(decoder)?,
            epoch: Item::read(decoder)?,
            group: Item::read(decoder)?,
            first_index: Item::read(decoder)?,
            last_index: Item::read(decoder)?,
            time_ms: Item::read(decoder)?,
        })
    }
}

fn expect_int(decoder: &mut Decoder<'_>, value: i64) -> Result<(), Problem> {
    if i64::read(decoder)? == value { Ok(()) } else { Err(Problem::Mismatch) }
}

/// A group's seal as it is stored, hashed into the next group, and exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Which group.
    pub header: SealHeader,
    /// The root of its tree.
    pub root: Hash,
    /// The gateway's signature.
    pub signature: Signature,
}

impl Seal {
    /// The encoded COSE_Sign1: empty unprotected header, the root as payload.
    pub fn encode(&self) -> Vec<u8> {
        let protected = self.header.encode();
        let sign1 = Sign1 {
            protected: &protected,
            unprotected: EMPTY_MAP,
            payload: Some(&self.root.0),
            signature: &self.signature,
        };
        sign1.encode()
    }

    /// Checks the encoding and takes the seal apart; verifies nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let sign1 = Sign1::parse(bytes)?;
        let fail = |problem| FormatError::whole(Part::Receipt, problem);
        if sign1.unprotected != EMPTY_MAP {
            return Err(fail(Problem::Mismatch));
        }
        let payload = sign1.payload.ok_or(fail(Problem::Missing))?;
        let root = payload.try_into().map_err(|_| fail(Problem::WrongLength))?;
        let header = SealHeader::decode(sign1.protected)?;
        Ok(Seal { header, root: Hash(root), signature: *sign1.signature })
    }

    /// The hash of an encoded seal: leaf 0 of the next group, and the last word of an anchor line.
    pub fn hash(encoded: &[u8], sha256: Sha256) -> Hash {
        Hash(sha256(&[encoded]))
    }
}
