//! A file checked alone, and the files that a database names checked against its seals.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use protocol::field::Installation;
use protocol::receipt::Seal;

use super::index::{Index, Stored};
use super::{Unusable, name, path};
use crate::journal::seal::{Head, seal_verifies};
use crate::journal::walk::{WalkError, check_group, head_before};
use crate::keys::PublicKey;
use crate::storage::{ArchiveRow, Row, SealRow, Storage, StorageError};

/// A file in which everything holds.
#[derive(Debug, Clone)]
pub struct Checked {
    pub index: Index,
    pub bytes: u64,
    /// Of the whole file, as the act that named it has it.
    pub sha256: [u8; 32],
    pub groups: u64,
}

/// Checks a file by itself: its index's signature by a key that `trusted` knows, each block, each entry in its sealed group, each seal's
/// signature, and the chain from group to group. `each` sees every group.
///
/// # Errors
/// [`Unusable`] at the first thing that does not hold.
pub fn check_file(
    path: &Path,
    trusted: impl FnOnce(&[u8]) -> bool,
    mut each: impl FnMut(&SealRow, &[Row]) -> Result<(), Unusable>,
) -> Result<Checked, Unusable> {
    let unusable = |what: &str| Unusable::new(path, what);
    let stored = Index::open(path)?;
    let index = &stored.index;
    if !trusted(&index.key) || !stored.is_signed_by(&index.key) {
        return Err(unusable("its index is not signed by the gateway's key"));
    }
    let key = PublicKey::from_spki(&index.key).ok_or_else(|| unusable("its key cannot be read"))?;
    let installation = Installation(index.installation);
    let (mut head, mut dates, mut groups) = (index.before, None, 0_u64);
    for block in &index.blocks {
        for (seal, rows) in index.read(path, block)? {
            let at = |what: &str| Unusable::new(path, format!("group {}: {what}", seal.group));
            let signed = Seal::parse(&seal.seal).is_ok_and(|seal| seal_verifies(&seal, &installation, &key));
            if !signed {
                return Err(at("its seal's signature does not verify"));
            }
            let group = check_group(&installation, &head, &seal, |_, _| Ok(rows.clone()));
            let group = group.map_err(|error| at(&error.to_string()))?;
            for entry in &group.entries {
                let date = entry.record.details.business_date;
                dates = Some((dates.map_or(date, |(first, _)| first), date));
            }
            head = group.sealed.head;
            groups = groups.saturating_add(1);
            each(&seal, &rows)?;
        }
    }
    if head != index.end || dates != Some(index.dates) {
        return Err(unusable("its groups do not end where its index says"));
    }
    let sha256 = sha256_of(path)?;
    Ok(Checked { bytes: stored.bytes, sha256, groups, index: stored.index })
}

/// SHA-256 of a whole file.
///
/// # Errors
/// [`Unusable`] when it cannot be read.
pub fn sha256_of(path: &Path) -> Result<[u8; 32], Unusable> {
    let wrong = |error: std::io::Error| Unusable::new(path, error.to_string());
    let mut file = File::open(path).map_err(wrong)?;
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut part = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut part).map_err(wrong)?;
        if read == 0 {
            break;
        }
        context.update(part.get(..read).unwrap_or_default());
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Ok(hash)
}

/// Checks what the database says of its archive, without reading blocks: each file is there, as long as it was, signed, and stands between
/// the seals beside it; they follow on each other from the first entry to `through`, where
/// the journal says that they end, if that is known.
///
/// # Errors
/// [`StorageError::Archive`] with the first file that does not hold.
pub fn check_named(
    storage: &Storage,
    directory: &Path,
    (installation, spki): (&Installation, &[u8]),
    through: Option<u64>,
) -> Result<(), StorageError> {
    let archives = storage.archives()?;
    let mut at = Head::GENESIS;
    for (row, number) in archives.iter().zip(1..) {
        let file = path(directory, &row.file);
        let unusable = |what: &str| Unusable::new(&file, what);
        if row.file != name(number) {
            return Err(unusable("the database names it where another one belongs").into());
        }
        let stored = opened(row, &file)?;
        if !stored.is_signed_by(spki) || stored.index.installation != installation.0 {
            return Err(unusable("its index is not signed by this gateway's key").into());
        }
        let end = head_after(storage, row.last_group, &file)?;
        let index = &stored.index;
        let named = (row.first_group, row.first_index) == (index.first_group(), index.first_index())
            && (row.last_group, row.last_index) == (index.end.group, index.end.index);
        if !named || index.before != at || index.end != end {
            return Err(unusable("it does not stand between the seals of this journal").into());
        }
        at = end;
    }
    if let Some(through) = through.filter(|through| *through != at.index) {
        let file = path(directory, &name(archives.len().saturating_add(1)));
        let what = format!(
            "the journal says that entries up to {through} are archived, and the database names no file for those after {}",
            at.index
        );
        return Err(Unusable::new(&file, what).into());
    }
    Ok(())
}

/// What the database says beside a journal that was verified, and should not: of files that it names up to another end than the journal
/// does, or that are not those; of requests and seals, of which the journal has so many. The journal is the end of its archive, its requests, its groups.
///
/// # Errors
/// When the database cannot be read.
pub fn faults_beside(
    storage: &Storage,
    by: (&Installation, &[u8]),
    (through, requests, groups): (u64, u64, u64),
) -> Result<Vec<String>, StorageError> {
    let mut faults = Vec::new();
    match storage.check_archive(by, Some(through)) {
        Err(StorageError::Archive(unusable)) => faults.push(unusable.to_string()),
        checked => checked?,
    }
    let (identities, seals) = storage.counted()?;
    if identities != requests {
        faults.push(format!(
            "the database finds {identities} requests by their STAN, and the journal has {requests}"
        ));
    }
    if seals != groups {
        faults.push(format!("the database has {seals} seals, and the journal {groups} groups"));
    }
    Ok(faults)
}

/// The index of a file that a row names, the very one.
pub(crate) fn opened(row: &ArchiveRow, file: &Path) -> Result<Stored, Unusable> {
    let stored = Index::open(file)?;
    if stored.bytes == row.bytes && stored.proof == row.proof {
        Ok(stored)
    } else {
        Err(Unusable::new(file, "it is another file than the database names"))
    }
}

fn head_after(storage: &Storage, group: u64, file: &Path) -> Result<Head, StorageError> {
    head_before(storage, group.saturating_add(1)).map_err(|error| match error {
        WalkError::Storage(error) => error,
        WalkError::Damage(damage) => Unusable::new(file, format!("the seal at its end: {damage}")).into(),
    })
}
