//! The archive of old days: whole groups from the journal's front, in files that prove themselves (PROTOCOL.md section 13.2).
//!
//! A file is eight bytes that say what it is, blocks (each deflated by itself), the signed index of the blocks, and the index's length.
//! So an entry costs one block, and whoever has the file and the gateway's public key can check it alone.
//!
//! Invariant: a file is complete, durable and read back before the journal names it, and never written again.
//! Invariant: no byte of it is believed before its hash stands in an index that is signed.

mod block;
mod check;
mod index;
mod make;

use std::path::{Path, PathBuf};

pub(crate) use check::opened;
pub use check::{Checked, check_file, check_named, faults_beside, sha256_of};
pub use index::{Block, Index, Stored};
pub use make::{Made, Plan, make, plan};

/// Folder of the files inside the data directory.
pub const FOLDER: &str = "archive";

/// A file of the archive that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("archive file {}: {what}; put the file back from a backup: each that was taken since holds it", file.display())]
pub struct Unusable {
    pub file: PathBuf,
    pub what: String,
}

impl Unusable {
    pub(crate) fn new(file: &Path, what: impl Into<String>) -> Self {
        Self { file: file.into(), what: what.into() }
    }
}

/// Name of the n-th file, counted from 1.
#[must_use]
pub fn name(number: usize) -> String {
    format!("{number:06}.svga")
}

/// Where a file is.
#[must_use]
pub fn path(data: &Path, file: &str) -> PathBuf {
    data.join(FOLDER).join(file)
}
