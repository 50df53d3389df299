//! Personal data: a file of its own, so that what is erased is gone while the journal stays whole.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::schema::set;
use super::{Result, StorageError};

/// File name inside the data directory.
pub const MEMBERS: &str = "members.db";
const SCHEMA: &str = include_str!("../../../migrations/sqlite/members_0001.sql");

/// Personal data of one card's holder, encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    pub card: u64,
    pub commitment: [u8; 32],
    /// Keyed hash of the phone number.
    pub phone_tag: Option<[u8; 32]>,
    pub sealed: Vec<u8>,
    /// Unix milliseconds.
    pub kept_at: i64,
}

/// The file of personal data.
#[derive(Debug)]
pub struct MemberFile(Connection);

impl MemberFile {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// When it cannot be opened, or SQLite does not accept how it is to be kept.
    pub fn open(directory: &Path) -> Result<Self> {
        let connection = Connection::open(directory.join(MEMBERS))?;
        connection.busy_timeout(std::time::Duration::from_secs(1))?;
        // No write-ahead log, and deleted content is overwritten: nothing of an erased row stays in any file.
        set(&connection, "journal_mode", "truncate", "truncate")?;
        set(&connection, "secure_delete", "ON", "1")?;
        set(&connection, "synchronous", "FULL", "2")?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?,
            1 => {}
            other => {
                return Err(StorageError::Snapshot(format!(
                    "{MEMBERS} has schema {other}; this version knows 1"
                )));
            }
        }
        Ok(Self(connection))
    }

    /// Whether it holds nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.0.query_row("SELECT NOT EXISTS (SELECT 1 FROM member)", [], |row| row.get(0))?)
    }

    /// Keeps a row in the place of the card's earlier one.
    ///
    /// # Errors
    /// When it was not written.
    pub fn keep(&self, row: &MemberRow) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO member (card, commitment, phone_tag, sealed, kept_at) VALUES (?1, ?2, ?3, ?4, ?5)";
        let tag = row.phone_tag.as_ref().map(<[u8; 32]>::as_slice);
        let row = params![row.card, row.commitment.as_slice(), tag, row.sealed, row.kept_at];
        self.0.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// The row of a card.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_card(&self, card: u64) -> Result<Option<MemberRow>> {
        let sql = "SELECT card, commitment, phone_tag, sealed, kept_at FROM member WHERE card = ?1";
        Ok(self.0.prepare_cached(sql)?.query_row([card], read).optional()?)
    }

    /// Rows by rising card, after this card, at most `most`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn after(&self, card: u64, most: u32) -> Result<Vec<MemberRow>> {
        let sql = "SELECT card, commitment, phone_tag, sealed, kept_at FROM member WHERE card > ?1 ORDER BY card LIMIT ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(params![card, most], read)?;
        rows.map(|row| row.map_err(StorageError::from)).collect()
    }

    /// Cards that were registered by a commitment.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of_commitment(&self, commitment: &[u8; 32]) -> Result<Vec<u64>> {
        let sql = "SELECT card FROM member WHERE commitment = ?1 ORDER BY card";
        let mut statement = self.0.prepare_cached(sql)?;
        let cards = statement.query_map([commitment.as_slice()], |row| row.get(0))?;
        cards.map(|card| card.map_err(StorageError::from)).collect()
    }

    /// Rows with a phone number, the newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of_phone(&self, phone_tag: &[u8; 32], most: u32) -> Result<Vec<MemberRow>> {
        let sql = "SELECT card, commitment, phone_tag, sealed, kept_at FROM member WHERE phone_tag = ?1
                   ORDER BY kept_at DESC, card DESC LIMIT ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(params![phone_tag.as_slice(), most], read)?;
        rows.map(|row| row.map_err(StorageError::from)).collect()
    }

    /// Erases a card's row; false when there is none.
    ///
    /// # Errors
    /// When it was not erased.
    pub fn erase(&self, card: u64) -> Result<bool> {
        Ok(self.0.prepare_cached("DELETE FROM member WHERE card = ?1")?.execute([card])? > 0)
    }

    /// Copies the file as it is now.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn copy_to(&self, target: &Path) -> Result<()> {
        let mut copy = Connection::open(target)?;
        let backup = rusqlite::backup::Backup::new(&self.0, &mut copy)?;
        backup.run_to_completion(256, std::time::Duration::from_millis(20), None)?;
        Ok(())
    }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<MemberRow> {
    Ok(MemberRow {
        card: row.get(0)?,
        commitment: row.get(1)?,
        phone_tag: row.get(2)?,
        sealed: row.get(3)?,
        kept_at: row.get(4)?,
    })
}
