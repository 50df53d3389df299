//! Pragmas that are asserted, and the migrations.

use refinery::{Migration, Runner};
use rusqlite::Connection;

use super::{Result, StorageError, Synchronous};

/// Forward only, tested from every earlier schema. The numbers are those of the files.
const MIGRATIONS: [(&str, &str); 2] = [
    ("V1__journal", include_str!("../../../migrations/sqlite/0001_journal.sql")),
    ("V2__archive", include_str!("../../../migrations/sqlite/0002_archive.sql")),
];

/// SQLite before 3.51.3 could corrupt a database when a WAL reset raced a checkpoint.
const OLDEST_SQLITE: i32 = 3_051_003;

pub(super) fn prepare(connection: &Connection, synchronous: Synchronous) -> Result<()> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StorageError::SqliteTooOld(rusqlite::version()));
    }
    connection.busy_timeout(std::time::Duration::from_secs(1))?;
    set(connection, "journal_mode", "wal", "wal")?;
    match synchronous {
        Synchronous::Full => set(connection, "synchronous", "FULL", "2")?,
        Synchronous::Off => set(connection, "synchronous", "OFF", "0")?,
    }
    set(connection, "foreign_keys", "ON", "1")?;
    set(connection, "trusted_schema", "OFF", "0")?;
    // After a long reader the write-ahead log shrinks back to this at the next checkpoint.
    set(connection, "journal_size_limit", "67108864", "67108864")?;
    // 64 MiB of page cache, in KiB: the hot pages of a mall's cards and of the identity index.
    set(connection, "cache_size", "-65536", "-65536")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Sets a pragma and reads it back: SQLite ignores what it does not like.
pub(super) fn set(connection: &Connection, pragma: &'static str, value: &str, expected: &str) -> Result<()> {
    connection.pragma_update_and_check(None, pragma, value, |_| Ok(())).or_else(|error| match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        other => Err(other),
    })?;
    let actual: rusqlite::types::Value = connection.pragma_query_value(None, pragma, |row| row.get(0))?;
    let actual = match actual {
        rusqlite::types::Value::Text(text) => text,
        rusqlite::types::Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    if actual == expected { Ok(()) } else { Err(StorageError::Pragma { pragma, actual }) }
}

pub(super) fn migrate(connection: &mut Connection) -> std::result::Result<(), refinery::Error> {
    let migrations = MIGRATIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    // Grouped: in one SQL transaction with its line in the history. By itself refinery commits the two one after the other,
    // and a start that is killed in between could never be repeated.
    Runner::new(&migrations).set_grouped(true).run(connection).map(drop)
}
