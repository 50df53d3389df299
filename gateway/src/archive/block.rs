//! A block: whole groups as CBOR, deflated. What is read back is what the journal's rows were, byte for byte.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use minicbor::{Decoder, Encoder};
use protocol::receipt::Seal;

use crate::journal::record::written;
use crate::journal::{fixed, optional, optionally};
use crate::storage::{Identity, Row, SealRow};

/// A sealed group as the database has it.
pub(super) type Group = (SealRow, Vec<Row>);

/// A group's bytes: its seal, and its entries with what stands beside each.
pub(super) fn encode_group(seal: &SealRow, rows: &[Row]) -> Vec<u8> {
    written(|e| {
        e.array(2)?.bytes(&seal.seal)?.array(rows.len() as u64)?;
        rows.iter().try_for_each(|row| {
            e.array(3)?;
            optional(e, row.identity.as_ref(), |e, id| {
                e.array(3)?.str(&id.terminal)?.u32(id.generation)?.u32(id.stan).map(drop)
            })?;
            e.bytes(&row.leaf)?.bytes(&row.record)?.ok()
        })
    })
}

/// The block of so many groups: the bytes before and after.
pub(super) fn pack(groups: u64, bytes: &[u8]) -> std::io::Result<(usize, Vec<u8>)> {
    let head = written(|e: &mut Encoder<Vec<u8>>| e.array(groups)?.ok());
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(&head)?;
    deflate.write_all(bytes)?;
    Ok((head.len().saturating_add(bytes.len()), deflate.finish()?))
}

/// The groups of a block whose hash was right; `None` when it does not hold groups of `first` to `last`.
pub(super) fn unpack(packed: &[u8], inflated: u64, (first, last): (u64, u64)) -> Option<Vec<Group>> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed).take(inflated.checked_add(1)?).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 != inflated {
        return None;
    }
    let groups = decode(&bytes, first).ok()?;
    let begins = groups.first().is_some_and(|(seal, _)| seal.first_index == first);
    let ends = groups.last().is_some_and(|(seal, _)| seal.last_index == last);
    (begins && ends).then_some(groups)
}

fn decode(bytes: &[u8], first: u64) -> Result<Vec<Group>, minicbor::decode::Error> {
    let wrong = minicbor::decode::Error::message;
    let d = &mut Decoder::new(bytes);
    let (mut groups, mut index) = (Vec::new(), first);
    for _ in 0..d.array()?.ok_or_else(|| wrong("an indefinite array"))? {
        expect(d, 2)?;
        let seal_bytes = d.bytes()?.to_vec();
        let header = Seal::parse(&seal_bytes).map_err(|_| wrong("no seal"))?.header;
        let mut rows = Vec::new();
        for _ in 0..d.array()?.ok_or_else(|| wrong("an indefinite array"))? {
            expect(d, 3)?;
            let identity = optionally(d, |d| {
                expect(d, 3)?;
                Ok(Identity { terminal: d.str()?.into(), generation: d.u32()?, stan: d.u32()? })
            })?;
            let (leaf, record) = (fixed(d)?, d.bytes()?.to_vec());
            rows.push(Row { index, group: header.group, identity, leaf, record });
            index = index.checked_add(1).ok_or_else(|| wrong("too many entries"))?;
        }
        let (first_index, last_index) = (header.first_index, header.last_index);
        if rows.first().map(|row| row.index) != Some(first_index) || last_index.checked_add(1) != Some(index)
        {
            return Err(wrong("a group that is not where its seal says"));
        }
        groups.push((SealRow { group: header.group, first_index, last_index, seal: seal_bytes }, rows));
    }
    if d.position() == bytes.len() { Ok(groups) } else { Err(wrong("bytes after the block")) }
}

fn expect(d: &mut Decoder<'_>, length: u64) -> Result<(), minicbor::decode::Error> {
    if d.array()? == Some(length) { Ok(()) } else { Err(minicbor::decode::Error::message("another array")) }
}
