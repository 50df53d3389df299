//! Entries that left the database for files, and how they leave. Who reads entries does not see where they are.

use std::path::Path;
use std::sync::Arc;

use protocol::field::Installation;
use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{Identity, Result, Row, Storage, StorageError, one_row};
use crate::archive::{Index, Unusable, check_named, opened, path, sha256_of};

/// A file that the journal has named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveRow {
    pub file: String,
    pub first_group: u64,
    pub last_group: u64,
    pub first_index: u64,
    pub last_index: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// SHA-256 of its signed index.
    pub proof: [u8; 32],
}

/// What was read of files last: indexes, and one block. Files themselves are opened anew each time, so that one that is gone is noticed.
#[derive(Debug, Default)]
pub(super) struct Files {
    known: Vec<(ArchiveRow, Option<Arc<Index>>)>,
    block: Arc<Vec<Row>>,
}

impl Storage {
    /// The files of the archive, in order.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn archives(&self) -> Result<Vec<ArchiveRow>> {
        let mut select = self.connection.prepare_cached(
            "SELECT file, first_grp, last_grp, first_idx, last_idx, bytes, sha256, proof FROM archive ORDER BY number",
        )?;
        let rows = select.query_map([], |row| {
            Ok(ArchiveRow {
                file: row.get(0)?,
                first_group: row.get(1)?,
                last_group: row.get(2)?,
                first_index: row.get(3)?,
                last_index: row.get(4)?,
                bytes: row.get(5)?,
                sha256: row.get(6)?,
                proof: row.get(7)?,
            })
        })?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// The first entry that is still a row; 0 in an empty journal.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn first_row(&self) -> Result<u64> {
        let mut select = self.connection.prepare_cached("SELECT coalesce(min(idx), 0) FROM journal")?;
        Ok(select.query_row([], |row| row.get(0))?)
    }

    /// Bytes of the records of rows.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn bytes_of(&self, first: u64, last: u64) -> Result<u64> {
        let mut select = self.connection.prepare_cached(
            "SELECT coalesce(sum(length(record)), 0) FROM journal WHERE idx BETWEEN ? AND ?",
        )?;
        Ok(select.query_row([first, last], |row| row.get(0))?)
    }

    /// Identities that the database knows, of rows and of entries that left, and its seals. Every page of both tables is looked at, which
    /// finds damage that who looks for one row may miss.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn counted(&self) -> Result<(u64, u64)> {
        let mut select = self.connection.prepare_cached(
            "SELECT (SELECT count(terminal) FROM journal NOT INDEXED) + (SELECT count(*) FROM archived),
                    (SELECT count(*) FROM seal)",
        )?;
        Ok(select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    pub(super) fn find_archived(&self, identity: &Identity) -> Result<Option<u64>> {
        let mut select = self
            .connection
            .prepare_cached("SELECT idx FROM archived WHERE terminal = ? AND generation = ? AND stan = ?")?;
        let parameters = params![identity.terminal, identity.generation, identity.stan];
        Ok(select.query_row(parameters, |row| row.get(0)).optional()?)
    }

    /// Entries `first` to `last` that are in files, in order.
    pub(super) fn archived_entries(&self, first: u64, last: u64) -> Result<Vec<Row>> {
        let (mut found, mut at) = (Vec::new(), first);
        while at <= last {
            let Some(block) = self.block_around(at)? else { break };
            let from = block.partition_point(|row| row.index < at);
            let until = block.partition_point(|row| row.index <= last);
            found.extend_from_slice(block.get(from..until).unwrap_or_default());
            at = block.last().map_or(last, |row| row.index).saturating_add(1);
        }
        Ok(found)
    }

    /// The rows of the block that holds an entry; `None` when the archive does not have it.
    fn block_around(&self, entry: u64) -> Result<Option<Arc<Vec<Row>>>> {
        let mut files = self.files.borrow_mut();
        let has = |rows: &[Row]| {
            let ends = rows.first().zip(rows.last());
            ends.is_some_and(|(first, last)| (first.index..=last.index).contains(&entry))
        };
        if has(&files.block) {
            return Ok(Some(Arc::clone(&files.block)));
        }
        if files.known.last().is_none_or(|(last, _)| last.last_index < entry) {
            // The row that names a file is committed before the first entry leaves.
            let known = files.known.len();
            files.known.extend(self.archives()?.into_iter().skip(known).map(|row| (row, None)));
        }
        let at = files.known.partition_point(|(row, _)| row.last_index < entry);
        let Some((row, held)) = files.known.get_mut(at).filter(|(row, _)| row.first_index <= entry) else {
            return Ok(None);
        };
        let file = path(&self.directory, &row.file);
        let index = match held {
            Some(index) => Arc::clone(index),
            None => {
                let index = Arc::new(opened(row, &file)?.index);
                *held = Some(Arc::clone(&index));
                index
            }
        };
        files.block = Arc::new(index.rows_around(&file, entry)?);
        Ok(Some(Arc::clone(&files.block)))
    }

    /// Checks all that the database says of its archive, each file to its last byte; blocks are taken apart by whoever reads the entries.
    ///
    /// # Errors
    /// [`StorageError::Archive`] with the first file that does not hold.
    pub fn check_archive(&self, by: (&Installation, &[u8]), through: Option<u64>) -> Result<()> {
        check_named(self, &self.directory, by, through)?;
        for row in self.archives()? {
            let file = path(&self.directory, &row.file);
            if sha256_of(&file)? != row.sha256 {
                return Err(Unusable::new(&file, "it has not the SHA-256 with which it was named").into());
            }
        }
        Ok(())
    }

    /// Whether rows are there that a file has, too.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn is_leaving(&self) -> Result<bool> {
        let through = self.archives()?.last().map_or(0, |last| last.last_index);
        Ok(self.first_row()? <= through)
    }

    /// Lets the first few rows leave that a file has: read from there, compared, and only then deleted, in one SQL transaction. `false` when
    /// there was none.
    ///
    /// # Errors
    /// [`StorageError::Archive`] when the file does not have them as they are; they stay then. Any other error leaves it undecided.
    pub fn leave(&mut self, at_once: u64) -> Result<bool> {
        let through = self.archives()?.last().map_or(0, |last| last.last_index);
        let first = self.first_row()?;
        if first > through {
            return Ok(false);
        }
        let last = through.min(first.saturating_add(at_once).saturating_sub(1));
        let rows = self.rows(first, last)?;
        if rows != self.archived_entries(first, last)? {
            let archives = self.archives()?;
            let at = archives.iter().find(|row| row.last_index >= first).map_or("", |row| row.file.as_str());
            let what = format!("entries {first} to {last} differ from the journal's, which keeps them");
            return Err(Unusable::new(&path(&self.directory, at), what).into());
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction
            .prepare_cached(
                "INSERT INTO archived (terminal, generation, stan, idx)
                 SELECT terminal, generation, stan, idx FROM journal WHERE idx BETWEEN ? AND ? AND terminal IS NOT NULL",
            )?
            .execute([first, last])?;
        transaction
            .prepare_cached("DELETE FROM journal WHERE idx BETWEEN ? AND ?")?
            .execute([first, last])?;
        transaction.commit()?;
        Ok(true)
    }
}

/// Names a file, in the commit of the group that says so.
pub(super) fn name(transaction: &Transaction<'_>, row: &ArchiveRow) -> Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO archive (file, first_grp, last_grp, first_idx, last_idx, bytes, sha256, proof)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            row.file,
            row.first_group,
            row.last_group,
            row.first_index,
            row.last_index,
            row.bytes,
            row.sha256,
            row.proof
        ])?;
    Ok(())
}

/// Whether the database is of this version; a reader cannot make it so.
pub(super) fn is_present(connection: &rusqlite::Connection, path: &Path) -> Result<()> {
    let found = one_row(connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'archived'")?;
    if found == 1 {
        return Ok(());
    }
    let reason = "it is of an earlier version; start this version's gateway once, which migrates it".into();
    Err(StorageError::Migration { path: path.into(), reason })
}
