//! `journal export`: the whole journal in one file that an outside verifier needs (PROTOCOL.md section 13).

use std::io::Write;

use anyhow::{Context as _, Result};
use protocol::field::Installation;

use super::record::written;
use super::seal::{CHAIN, Head};
use super::walk::next_group;
use crate::storage::Storage;

/// What was written.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Exported {
    pub entries: u64,
    pub groups: u64,
    /// SHA-256 of the last seal, in hex: compare it with an anchor.
    pub head: String,
}

/// Writes header, groups and trailer. Entries are checked against their seals on the way.
///
/// # Errors
/// When the journal is damaged or `out` cannot be written.
pub fn export(
    storage: &Storage,
    installation: &Installation,
    gateway_key: &[u8],
    out: &mut impl Write,
    mut progress: impl FnMut(u64),
) -> Result<Exported> {
    let header = written(|e| {
        e.map(7)?.u8(0)?.u8(1)?.u8(1)?.bytes(&installation.0)?.u8(2)?.u64(CHAIN)?;
        e.u8(3)?
            .bytes(gateway_key)?
            .u8(4)?
            .u64(1)?
            .u8(5)?
            .u64(1)?
            .u8(6)?
            .bytes(&Head::GENESIS.seal_hash)?
            .ok()
    });
    out.write_all(&header)?;
    let mut head = Head::GENESIS;
    while let Some(group) = next_group(storage, installation, &head).context("the journal is damaged")? {
        let bytes = written(|e| {
            e.array(2)?.bytes(&group.sealed.bytes)?.array(group.entries.len() as u64)?;
            group.entries.iter().try_for_each(|entry| e.bytes(&entry.row.record)?.ok())
        });
        out.write_all(&bytes)?;
        head = group.sealed.head;
        progress(head.index);
    }
    let trailer = written(|e| {
        e.map(3)?.u8(0)?.u64(head.index)?.u8(1)?.u64(head.group)?.u8(2)?.bytes(&head.seal_hash)?.ok()
    });
    out.write_all(&trailer)?;
    out.flush()?;
    Ok(Exported { entries: head.index, groups: head.group, head: crate::keys::hex(&head.seal_hash) })
}
