//! SQLite: one file, one writer. Whole operations, no SQL outside this folder.
//!
//! Invariant: an error from a commit means *undecided*. The caller must end the process and look again after a
//! restart; it must never answer "declined".

mod archive;
mod cell;
mod members;
mod schema;

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

pub use archive::ArchiveRow;
pub use cell::{KINDS, card_of_key, cell_key, decode_cell, due, encode_cell, key_of};
pub use members::{MEMBERS, MemberFile, MemberRow};

/// File name of the database inside the data directory.
pub const DATABASE: &str = "gateway.db";
/// SQLite's write-ahead log beside it.
const LOG: &str = "gateway.db-wal";

/// How hard a commit is pressed onto the medium. The gateway always runs [`Synchronous::Full`]; tests show with
/// [`Synchronous::Off`] that they would notice the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// A commit returns when the data has been synced.
    Full,
    /// A commit returns at once; a power loss may undo it.
    Off,
}

/// Storage failed. Nothing is said about whether a commit happened.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("migrating {path}: {reason}")]
    Migration { path: PathBuf, reason: String },
    #[error("SQLite did not accept {pragma}: it says {actual:?}")]
    Pragma { pragma: &'static str, actual: String },
    #[error("SQLite {0} is older than 3.51.3, which fixed a WAL corruption")]
    SqliteTooOld(&'static str),
    #[error("snapshot row is damaged: {0}")]
    Snapshot(String),
    #[error(transparent)]
    Archive(#[from] crate::archive::Unusable),
    #[error("what an earlier process has written cannot be synced: {0}")]
    Sync(io::Error),
}

type Result<T> = std::result::Result<T, StorageError>;

/// Identity of a terminal's request in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    pub terminal: String,
    pub generation: u32,
    /// 0 for an Enroll.
    pub stan: u32,
}

/// A journal row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub index: u64,
    pub group: u64,
    pub identity: Option<Identity>,
    pub leaf: [u8; 32],
    pub record: Vec<u8>,
}

/// A seal row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealRow {
    pub group: u64,
    pub first_index: u64,
    pub last_index: u64,
    pub seal: Vec<u8>,
}

/// Where a sweep of due rows stands: the second at which a row was due, and its key.
pub type DuePlace = (i64, Vec<u8>);

/// A dirty piece of state on its way to the snapshot.
#[derive(Debug)]
pub struct SnapshotRow {
    pub key: Vec<u8>,
    pub state: Vec<u8>,
    /// Unix second at which something of it expires.
    pub due: Option<i64>,
}

/// The database. Exactly one is open for writing, guarded by the data directory's lock.
#[derive(Debug)]
pub struct Storage {
    connection: Connection,
    directory: PathBuf,
    files: RefCell<archive::Files>,
}

impl Storage {
    /// Opens (and makes, and migrates) the database for the one writer.
    ///
    /// # Errors
    /// When SQLite is too old, a pragma does not take, or a migration fails.
    pub fn open(directory: &Path, synchronous: Synchronous) -> Result<Self> {
        let path = directory.join(DATABASE);
        if synchronous == Synchronous::Full {
            sync_log(directory)?;
        }
        let mut connection = Connection::open(&path)?;
        schema::prepare(&connection, synchronous)?;
        schema::migrate(&mut connection)
            .map_err(|reason| StorageError::Migration { path, reason: reason.to_string() })?;
        let storage = Self { connection, directory: directory.into(), files: RefCell::default() };
        storage.checkpoint()?;
        Ok(storage)
    }

    /// Opens the database for reading: reports, exports, verification.
    ///
    /// # Errors
    /// When there is no such database.
    pub fn open_read_only(directory: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let path = directory.join(DATABASE);
        let connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        archive::is_present(&connection, &path)?;
        Ok(Self { connection, directory: directory.into(), files: RefCell::default() })
    }

    /// Writes one group: its entries and their seal, in one SQL transaction.
    ///
    /// # Errors
    /// Any error leaves the group undecided.
    pub fn commit_group(&mut self, rows: &[Row], seal: &SealRow) -> Result<()> {
        self.commit_group_naming(rows, seal, &[])
    }

    /// The same of a group whose acts name files of the archive.
    ///
    /// # Errors
    /// Any error leaves the group undecided.
    pub fn commit_group_naming(&mut self, rows: &[Row], seal: &SealRow, files: &[ArchiveRow]) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO journal (idx, grp, terminal, generation, stan, leaf, record) VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?;
            for row in rows {
                let identity = row.identity.as_ref();
                insert.execute(params![
                    row.index,
                    row.group,
                    identity.map(|i| &i.terminal),
                    identity.map(|i| i.generation),
                    identity.map(|i| i.stan),
                    row.leaf,
                    row.record
                ])?;
            }
            let mut insert = transaction
                .prepare_cached("INSERT INTO seal (grp, first_idx, last_idx, seal) VALUES (?, ?, ?, ?)")?;
            insert.execute(params![seal.group, seal.first_index, seal.last_index, seal.seal])?;
        }
        files.iter().try_for_each(|file| archive::name(&transaction, file))?;
        transaction.commit()?;
        Ok(())
    }

    /// Writes dirty state and the index up to which the snapshot is now true, in one SQL transaction.
    ///
    /// # Errors
    /// Any error leaves the snapshot as it was, or written; both are sound.
    pub fn flush_snapshot(&mut self, rows: &[SnapshotRow], watermark: u64) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut upsert = transaction.prepare_cached(
                "INSERT INTO snapshot (key, state, due, hash) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET state = ?2, due = ?3, hash = ?4",
            )?;
            for row in rows {
                let hash = row_hash(&row.key, &row.state, row.due);
                upsert.execute(params![row.key, row.state, row.due, hash])?;
            }
            set_meta(&transaction, "watermark", &watermark.to_be_bytes())?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Index up to which the snapshot is true; 0 when there is none.
    ///
    /// # Errors
    /// When the row is damaged.
    pub fn watermark(&self) -> Result<u64> {
        match self.meta("watermark")? {
            None => Ok(0),
            Some(bytes) => bytes
                .try_into()
                .map(u64::from_be_bytes)
                .map_err(|_| StorageError::Snapshot("watermark".into())),
        }
    }

    /// A small named value.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let mut select = self.connection.prepare_cached("SELECT value FROM meta WHERE name = ?")?;
        Ok(select.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Sets a small named value.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn set_meta(&self, name: &str, value: &[u8]) -> Result<()> {
        set_meta(&self.connection, name, value)
    }

    /// One snapshot row's state, its hash checked.
    ///
    /// # Errors
    /// [`StorageError::Snapshot`] when the row does not match its hash.
    pub fn snapshot(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut select =
            self.connection.prepare_cached("SELECT state, due, hash FROM snapshot WHERE key = ?")?;
        let row: Option<(Vec<u8>, Option<i64>, Vec<u8>)> =
            select.query_row([key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        row.map(|(state, due, hash)| checked_state(key, state, due, &hash)).transpose()
    }

    /// Keys of snapshot rows of which something has expired by `now_s` (Unix seconds), the longest due first, at most
    /// `limit` of them, after the place `after`.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn due(&self, now_s: i64, after: &DuePlace, limit: u32) -> Result<Vec<DuePlace>> {
        let mut select = self.connection.prepare_cached(
            "SELECT due, key FROM snapshot WHERE due <= ?1 AND (due, key) > (?2, ?3) ORDER BY due, key LIMIT ?4",
        )?;
        let rows = select
            .query_map(params![now_s, after.0, after.1, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// Visits every snapshot row whose key begins with `kind`, in key order: key, state, and when it is due.
    ///
    /// # Errors
    /// When a row does not match its hash, or `visit` fails.
    pub fn each_snapshot(
        &self,
        kind: u8,
        mut visit: impl FnMut(Vec<u8>, Vec<u8>, Option<i64>) -> Result<()>,
    ) -> Result<()> {
        let mut select = self.connection.prepare_cached(
            "SELECT key, state, due, hash FROM snapshot WHERE key >= ? AND key < ? ORDER BY key",
        )?;
        let after = kind.saturating_add(1);
        let mut rows = select.query(params![[kind].as_slice(), [after].as_slice()])?;
        while let Some(row) = rows.next()? {
            let (key, state): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let (due, hash): (Option<i64>, Vec<u8>) = (row.get(2)?, row.get(3)?);
            let state = checked_state(&key, state, due, &hash)?;
            visit(key, state, due)?;
        }
        Ok(())
    }

    /// Index of a request's entry.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn find(&self, identity: &Identity) -> Result<Option<u64>> {
        let mut select = self.connection.prepare_cached(
            "SELECT idx FROM journal WHERE terminal = ? AND generation = ? AND stan = ? AND terminal IS NOT NULL",
        )?;
        let parameters = params![identity.terminal, identity.generation, identity.stan];
        // One that leaves in between is found behind: it is never in neither.
        match select.query_row(parameters, |row| row.get(0)).optional()? {
            Some(index) => Ok(Some(index)),
            None => self.find_archived(identity),
        }
    }

    /// STAN and entry of a terminal's requests after the STAN of `after`, by STAN, at most `limit`.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn requests_after(&self, after: &Identity, limit: u32) -> Result<Vec<(u32, u64)>> {
        let mut select = self.connection.prepare_cached(
            "SELECT stan, idx FROM archived WHERE terminal = ?1 AND generation = ?2 AND stan > ?3
             UNION ALL
             SELECT stan, idx FROM journal WHERE terminal = ?1 AND generation = ?2 AND stan > ?3 AND terminal IS NOT NULL
             ORDER BY stan LIMIT ?4",
        )?;
        let parameters = params![after.terminal, after.generation, after.stan, limit];
        let rows = select.query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// One entry.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn entry(&self, index: u64) -> Result<Option<Row>> {
        Ok(self.entries(index, index)?.pop())
    }

    /// Entries `first` to `last`, in order; those that exist, wherever they are. Of one that is in both places the row is taken.
    ///
    /// # Errors
    /// When SQLite fails, or a file of the archive is not as it was.
    pub fn entries(&self, first: u64, last: u64) -> Result<Vec<Row>> {
        let rows = self.rows(first, last)?;
        // Entries leave from the front, so what is not there any more stands before what is.
        let until = rows.first().map_or(last, |row| row.index.saturating_sub(1));
        if until < first {
            return Ok(rows);
        }
        let mut entries = self.archived_entries(first, until)?;
        entries.extend(rows);
        Ok(entries)
    }

    fn rows(&self, first: u64, last: u64) -> Result<Vec<Row>> {
        let mut select = self.connection.prepare_cached(
            "SELECT idx, grp, terminal, generation, stan, leaf, record FROM journal
             WHERE idx BETWEEN ? AND ? ORDER BY idx",
        )?;
        let rows = select.query_map([first, last], |row| {
            let terminal: Option<String> = row.get(2)?;
            let identity = match terminal {
                None => None,
                Some(terminal) => Some(Identity { terminal, generation: row.get(3)?, stan: row.get(4)? }),
            };
            Ok(Row {
                index: row.get(0)?,
                group: row.get(1)?,
                identity,
                leaf: row.get(5)?,
                record: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// Leaf hashes of a group's entries, in order.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn leaves(&self, seal: &SealRow) -> Result<Vec<[u8; 32]>> {
        let mut select = self
            .connection
            .prepare_cached("SELECT leaf FROM journal WHERE idx BETWEEN ? AND ? ORDER BY idx")?;
        let rows = select.query_map([seal.first_index, seal.last_index], |row| row.get(0))?;
        let leaves: Vec<_> = rows.collect::<std::result::Result<_, _>>()?;
        let all = seal.last_index.saturating_sub(seal.first_index).saturating_add(1);
        if leaves.len() as u64 == all {
            return Ok(leaves);
        }
        Ok(self.entries(seal.first_index, seal.last_index)?.into_iter().map(|row| row.leaf).collect())
    }

    /// One seal.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn seal(&self, group: u64) -> Result<Option<SealRow>> {
        self.one_seal("SELECT grp, first_idx, last_idx, seal FROM seal WHERE grp = ?", params![group])
    }

    /// The newest seal.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn last_seal(&self) -> Result<Option<SealRow>> {
        self.one_seal("SELECT grp, first_idx, last_idx, seal FROM seal ORDER BY grp DESC LIMIT 1", params![])
    }

    /// The newest entry's index; 0 in an empty journal.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn last_index(&self) -> Result<u64> {
        let mut select = self.connection.prepare_cached("SELECT coalesce(max(idx), 0) FROM journal")?;
        Ok(select.query_row([], |row| row.get(0))?)
    }

    fn one_seal(&self, sql: &str, parameters: &[&dyn rusqlite::ToSql]) -> Result<Option<SealRow>> {
        let mut select = self.connection.prepare_cached(sql)?;
        let row = select.query_row(parameters, |row| {
            Ok(SealRow {
                group: row.get(0)?,
                first_index: row.get(1)?,
                last_index: row.get(2)?,
                seal: row.get(3)?,
            })
        });
        Ok(row.optional()?)
    }

    /// Copies the whole database, live, into `target`, a few pages at a time.
    ///
    /// # Errors
    /// When either side fails.
    pub fn copy_to(&self, target: &Path, progress: impl Fn(usize, usize)) -> Result<()> {
        let mut copy = Connection::open(target)?;
        {
            let backup = rusqlite::backup::Backup::new(&self.connection, &mut copy)?;
            loop {
                let step = backup.step(256)?;
                let now = backup.progress();
                let total = usize::try_from(now.pagecount).unwrap_or(0);
                let left = usize::try_from(now.remaining).unwrap_or(0);
                progress(total.saturating_sub(left), total);
                match step {
                    rusqlite::backup::StepResult::Done => break,
                    rusqlite::backup::StepResult::More => {}
                    _ => std::thread::sleep(std::time::Duration::from_millis(20)),
                }
            }
        }
        // The copy must be as durable as the original before anybody relies on it.
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        drop(copy);
        File::open(target)
            .and_then(|file| file.sync_all())
            .map_err(|error| StorageError::Snapshot(format!("syncing {}: {error}", target.display())))
    }

    /// From here on this connection sees the database as it is now. Keep it short where a gateway serves: the
    /// write-ahead log cannot shrink meanwhile.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn hold_still(&self) -> Result<()> {
        self.connection.execute_batch("BEGIN; SELECT count(*) FROM meta;")?;
        Ok(())
    }

    /// Moves the write-ahead log into the database file and empties it.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn checkpoint(&self) -> Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

/// Makes durable what an earlier process wrote and was killed before it could sync: SQLite takes it for committed, and an
/// answer may rest on it before the next commit. The checkpoint that follows also writes it a second time, into the
/// database, because a page whose sync has failed once is not tried again.
fn sync_log(directory: &Path) -> Result<()> {
    let sync = |path: &Path| match File::open(path) {
        Ok(file) => file.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    sync(&directory.join(LOG)).and_then(|()| sync(directory)).map_err(StorageError::Sync)
}

fn one_row(connection: &Connection, sql: &str) -> Result<u64> {
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

fn set_meta(connection: &Connection, name: &str, value: &[u8]) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
        )?
        .execute(params![name, value])?;
    Ok(())
}

fn row_hash(key: &[u8], state: &[u8], due: Option<i64>) -> [u8; 16] {
    let due = due.map(i64::to_be_bytes);
    let mut short = [0; 16];
    let full = crate::journal::sha256(&[key, state, due.as_ref().map_or(&[], |due| due)]);
    short.copy_from_slice(&full[..16]);
    short
}

fn checked_state(key: &[u8], state: Vec<u8>, due: Option<i64>, hash: &[u8]) -> Result<Vec<u8>> {
    if row_hash(key, &state, due) == hash {
        Ok(state)
    } else {
        Err(StorageError::Snapshot("a row does not match its hash".into()))
    }
}
