//! The signed index at the end of a file: which part of the journal it is, and where each entry is in it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use minicbor::encode::Write;
use minicbor::{Decoder, Encoder};
use protocol::cose::{Algorithm, Context, EMPTY_MAP, Sign1, sig_structure};
use protocol::field::Installation;

use super::Unusable;
use super::block::{Group, unpack};
use crate::journal::record::written;
use crate::journal::seal::{CHAIN, Head};
use crate::journal::{fixed, sha256};
use crate::keys::{PublicKey, SigningKey};

/// What a file begins with.
pub(super) const MAGIC: &[u8; 8] = b"SVGARCH\x01";
/// Bytes of the index's length, at the very end.
const TAIL: u64 = 8;
const VERSION: u8 = 1;
/// No index is longer: that would be a file of a hundred gigabytes.
const LONGEST: u64 = 64 << 20;

/// A block of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub first_index: u64,
    pub last_index: u64,
    /// Where it begins in the file; not written, because it is the sum of the lengths before.
    pub offset: u64,
    pub length: u64,
    /// Its length when it is inflated.
    pub inflated: u64,
    pub sha256: [u8; 32],
}

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    pub installation: [u8; 16],
    /// SubjectPublicKeyInfo of the gateway's key, which signs the index as it has signed the seals.
    pub key: Vec<u8>,
    /// Where the journal stood before the file's first group.
    pub before: Head,
    /// Where it stands after the last one.
    pub end: Head,
    /// Business dates of the first and the last entry, YYYYMMDD.
    pub dates: (u32, u32),
    pub blocks: Vec<Block>,
}

/// An index as it stands in its file. Its signature is not verified yet.
#[derive(Debug, Clone)]
pub struct Stored {
    pub index: Index,
    /// SHA-256 of the signed index: with it all the rest of the file is known.
    pub proof: [u8; 32],
    /// Bytes of the file.
    pub bytes: u64,
    message: Vec<u8>,
    signature: [u8; 64],
}

impl Stored {
    /// Whether the index is signed by this key, which it names.
    #[must_use]
    pub fn is_signed_by(&self, spki: &[u8]) -> bool {
        self.index.key == spki
            && PublicKey::from_spki(spki).is_some_and(|key| key.verify(&self.message, &self.signature))
    }
}

impl Index {
    /// First group.
    #[must_use]
    pub fn first_group(&self) -> u64 {
        self.before.group.saturating_add(1)
    }

    /// First entry.
    #[must_use]
    pub fn first_index(&self) -> u64 {
        self.before.index.saturating_add(1)
    }

    /// What is written at the end of the file.
    pub(super) fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let (payload, protected) = (self.encode(), Algorithm::Es256.protected_header());
        let installation = Installation(self.installation);
        let signature = key.sign(&sig_structure(Context::Archive, &installation, &protected, &payload));
        let sign1 = Sign1 {
            protected: &protected,
            unprotected: EMPTY_MAP,
            payload: Some(&payload),
            signature: &signature,
        };
        let mut bytes = sign1.encode();
        let length = bytes.len() as u64;
        bytes.extend(length.to_be_bytes());
        bytes
    }

    /// Reads the index of a file; the blocks are as long as the file says, and nothing lies between or behind them.
    ///
    /// # Errors
    /// [`Unusable`] when the file is not there, or not as it was written.
    pub fn open(path: &Path) -> Result<Stored, Unusable> {
        let unusable = |what: &str| Unusable::new(path, what);
        let file = opened(path)?;
        let bytes = file.metadata().map_err(|error| unusable(&error.to_string()))?.len();
        let cut = || unusable("it is cut off, or not an archive file");
        let tail = bytes.checked_sub(TAIL).ok_or_else(cut)?;
        let mut length = [0; 8];
        read_at(path, &file, &mut length, tail)?;
        let length = u64::from_be_bytes(length);
        let from = tail.checked_sub(length).filter(|_| length <= LONGEST).ok_or_else(cut)?;
        let mut signed = vec![0; usize::try_from(length).map_err(|_| cut())?];
        read_at(path, &file, &mut signed, from)?;
        let mut magic = [0; 8];
        read_at(path, &file, &mut magic, 0)?;
        let changed = || unusable("its index was changed");
        let sign1 = Sign1::parse(&signed).map_err(|_| changed())?;
        if sign1.protected != Algorithm::Es256.protected_header()
            || sign1.unprotected != EMPTY_MAP
            || sign1.encode() != signed
        {
            return Err(changed());
        }
        let payload = sign1.payload.ok_or_else(changed)?;
        let index = Self::decode(payload).map_err(|_| changed())?;
        if index.encode() != payload || !index.is_whole() {
            return Err(changed());
        }
        let end = index.blocks.last().map_or(0, |block| block.offset.saturating_add(block.length));
        if magic != *MAGIC || end != from {
            return Err(unusable("it is not as long as it was, or its beginning was changed"));
        }
        let installation = Installation(index.installation);
        let message = sig_structure(Context::Archive, &installation, sign1.protected, payload);
        let (proof, signature) = (sha256(&[&signed]), *sign1.signature);
        Ok(Stored { index, proof, bytes, message, signature })
    }

    /// The groups of one block.
    ///
    /// # Errors
    /// [`Unusable`] when the file is not there, or the block is not as it was written.
    pub(super) fn read(&self, path: &Path, block: &Block) -> Result<Vec<Group>, Unusable> {
        let changed = || {
            let (first, last) = (block.first_index, block.last_index);
            Unusable::new(path, format!("its block of entries {first} to {last} was changed"))
        };
        let mut packed = vec![0; usize::try_from(block.length).map_err(|_| changed())?];
        read_at(path, &opened(path)?, &mut packed, block.offset)?;
        if sha256(&[&packed]) != block.sha256 {
            return Err(changed());
        }
        unpack(&packed, block.inflated, (block.first_index, block.last_index)).ok_or_else(changed)
    }

    /// The rows of the block that holds an entry.
    ///
    /// # Errors
    /// [`Unusable`] as [`Index::open`] has it, or when no block has the entry.
    pub fn rows_around(&self, path: &Path, entry: u64) -> Result<Vec<crate::storage::Row>, Unusable> {
        let at = self.blocks.partition_point(|block| block.last_index < entry);
        let block = self.blocks.get(at).filter(|block| block.first_index <= entry);
        let block = block.ok_or_else(|| Unusable::new(path, format!("it has no entry {entry}")))?;
        Ok(self.read(path, block)?.into_iter().flat_map(|(_, rows)| rows).collect())
    }

    /// The blocks follow on each other, from the first entry to the last.
    fn is_whole(&self) -> bool {
        let mut next = self.first_index();
        let follows = self.blocks.iter().all(|block| {
            let fits = block.first_index == next && block.last_index >= next;
            next = block.last_index.saturating_add(1);
            fits
        });
        follows && !self.blocks.is_empty() && self.end.index.checked_add(1) == Some(next)
    }

    fn encode(&self) -> Vec<u8> {
        written(|e| {
            e.map(8)?.u8(0)?.u8(VERSION)?.u8(1)?.bytes(&self.installation)?.u8(2)?.u64(CHAIN)?;
            e.u8(3)?.bytes(&self.key)?;
            for (key, head) in [(4, &self.before), (5, &self.end)] {
                e.u8(key)?;
                encode_head(e, head)?;
            }
            e.u8(6)?.array(2)?.u32(self.dates.0)?.u32(self.dates.1)?;
            e.u8(7)?.array(self.blocks.len() as u64)?;
            self.blocks.iter().try_for_each(|block| {
                e.array(4)?.u64(block.last_index)?.u64(block.length)?.u64(block.inflated)?;
                e.bytes(&block.sha256)?.ok()
            })
        })
    }

    fn decode(payload: &[u8]) -> Result<Self, minicbor::decode::Error> {
        let wrong = minicbor::decode::Error::message;
        let d = &mut Decoder::new(payload);
        let key = |d: &mut Decoder<'_>| d.u8().map(drop);
        d.map()?;
        key(d)?;
        if d.u8()? != VERSION {
            return Err(wrong("another version"));
        }
        key(d)?;
        let installation = fixed(d)?;
        key(d)?;
        d.u64()?;
        key(d)?;
        let spki = d.bytes()?.to_vec();
        key(d)?;
        let before = decode_head(d)?;
        key(d)?;
        let end = decode_head(d)?;
        key(d)?;
        d.array()?;
        let dates = (d.u32()?, d.u32()?);
        key(d)?;
        let (mut blocks, mut offset) = (Vec::new(), MAGIC.len() as u64);
        let mut first_index = before.index.saturating_add(1);
        for _ in 0..d.array()?.ok_or_else(|| wrong("an indefinite array"))? {
            d.array()?;
            let (last_index, length, inflated) = (d.u64()?, d.u64()?, d.u64()?);
            blocks.push(Block { first_index, last_index, offset, length, inflated, sha256: fixed(d)? });
            offset = offset.checked_add(length).ok_or_else(|| wrong("too long"))?;
            first_index = last_index.saturating_add(1);
        }
        // Bytes behind it would be another encoding, which the caller looks for.
        Ok(Self { installation, key: spki, before, end, dates, blocks })
    }
}

type Written<W> = Result<(), minicbor::encode::Error<<W as Write>::Error>>;

fn encode_head<W: Write>(e: &mut Encoder<W>, head: &Head) -> Written<W> {
    e.array(5)?.u64(head.epoch)?.u64(head.group)?.u64(head.index)?;
    e.bytes(&head.seal_hash)?.i64(head.time_ms)?.ok()
}

fn decode_head(d: &mut Decoder<'_>) -> Result<Head, minicbor::decode::Error> {
    d.array()?;
    let (epoch, group, index) = (d.u64()?, d.u64()?, d.u64()?);
    Ok(Head { epoch, group, index, seal_hash: fixed(d)?, time_ms: d.i64()? })
}

fn opened(path: &Path) -> Result<File, Unusable> {
    File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Unusable::new(path, "it is not there"),
        _ => Unusable::new(path, format!("it cannot be read: {error}")),
    })
}

fn read_at(path: &Path, file: &File, into: &mut [u8], from: u64) -> Result<(), Unusable> {
    file.read_exact_at(into, from).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Unusable::new(path, "it is cut off"),
        _ => Unusable::new(path, format!("it cannot be read: {error}")),
    })
}
