//! The archive: an operator names a file, and the entries in it leave the database bit by bit, between write groups.

use tracing::{error, info};

use super::housekeeping::Space;
use super::writer::{InDoubt, Step, Writer, in_doubt};
use crate::alerts::date_of;
use crate::archive::{Index, name, path};
use crate::domain::act::Act;
use crate::domain::archive::may_go_before;
use crate::journal::walk::{WalkError, head_before};
use crate::storage::{ArchiveRow, StorageError};

/// Rows that leave in one SQL transaction: a few milliseconds, so that terminals keep their latency.
const ROWS_AT_ONCE: u64 = 256;

/// A file that an act names, and the business date of its last entry.
pub(super) type Named = (ArchiveRow, u32);

impl Writer {
    /// The file that an act names, when it is what the journal wants next; of an act that names none, nothing. Its blocks are not read here,
    /// but when their entries leave.
    pub(super) fn named_file(&self, act: &Act) -> Result<Result<Option<Named>, String>, InDoubt> {
        let Act::JournalArchive { file, sha256, first, last } = act else { return Ok(Ok(None)) };
        match self.next_file(file, *sha256, (*first, *last)) {
            Ok(named) => Ok(named.map(Some)),
            Err(WalkError::Damage(damage)) => Ok(Err(damage.to_string())),
            Err(WalkError::Storage(StorageError::Archive(unusable))) => Ok(Err(unusable.to_string())),
            Err(WalkError::Storage(error)) => Err(in_doubt("reading the journal")(error)),
        }
    }

    fn next_file(
        &self,
        file: &str,
        sha256: [u8; 32],
        (first, last): (u64, u64),
    ) -> Result<Result<Named, String>, WalkError> {
        let next = name(self.storage.archives()?.len().saturating_add(1));
        if file != next {
            return Ok(Err(format!("the next file of the archive is {next}, not {file}")));
        }
        let stored = Index::open(&path(&self.directory, file)).map_err(StorageError::Archive)?;
        let index = &stored.index;
        let is_ours = stored.is_signed_by(&self.sealer.key.spki())
            && index.installation == self.sealer.installation.0
            && (index.first_index(), index.end.index) == (first, last);
        let stays = self.anchors.last().map_or(0, |anchor| anchor.group).min(self.head.group);
        if !is_ours || index.end.index >= self.watermark || index.end.group >= stays {
            return Ok(Err(format!("{file} is not what this journal can archive; make it anew")));
        }
        let after = |group: u64| head_before(&self.storage, group.saturating_add(1));
        if after(index.before.group)? != index.before || after(index.end.group)? != index.end {
            return Ok(Err(format!("{file} does not stand between the seals of this journal")));
        }
        let row = ArchiveRow {
            file: file.to_owned(),
            first_group: index.first_group(),
            last_group: index.end.group,
            first_index: first,
            last_index: last,
            bytes: stored.bytes,
            sha256,
            proof: stored.proof,
        };
        Ok(Ok((row, date_of(&self.storage, last)?.unwrap_or(u32::MAX))))
    }

    /// Whether rows wait to leave, and may.
    pub(super) fn lets_go(&self) -> bool {
        self.leaving && self.stopped.is_none() && self.space == Space::Enough
    }

    /// Lets the next few rows leave that a file has.
    pub(super) fn leave(&mut self) -> Step {
        if !self.lets_go() {
            return Ok(());
        }
        match self.storage.leave(ROWS_AT_ONCE) {
            Ok(true) => {}
            Ok(false) => {
                self.leaving = false;
                info!("archived entries have left the database");
            }
            Err(StorageError::Archive(unusable)) => {
                // Nothing is lost: what is not in the file as it was stays where it is.
                self.leaving = false;
                error!(%unusable, "archived entries stay in the database until the next start");
            }
            Err(error) => return Err(in_doubt("letting archived entries go")(error)),
        }
        Ok(())
    }

    /// The business date before which days may be archived now.
    pub(super) fn archive_before(&self) -> u32 {
        let now = self.now();
        may_go_before(&self.state, &self.in_force(now).programme, now)
    }
}
