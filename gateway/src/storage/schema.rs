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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DATABASE, Identity, Row, SealRow, Storage};

    #[test]
    fn a_database_of_the_first_version_is_made_the_present_one_with_all_that_it_holds() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join(DATABASE);
        let (name, sql) = MIGRATIONS[0];
        let first = [Migration::unapplied(name, sql).expect("a migration")];
        let mut connection = Connection::open(&path).expect("a database");
        Runner::new(&first).set_grouped(true).run(&mut connection).expect("migrated");
        let row = "INSERT INTO journal VALUES (1, 1, 'T1', 1, 7, zeroblob(32), x'00')";
        connection.execute(row, []).expect("a row");
        drop(connection);

        let early = Storage::open_read_only(directory.path()).expect_err("a reader does not migrate");
        assert!(early.to_string().contains("start this version's gateway once"), "{early}");
        for _ in 0..2 {
            let mut storage = Storage::open(directory.path(), Synchronous::Off).expect("migrated");
            let identity = Identity { terminal: "T1".into(), generation: 1, stan: 7 };
            assert_eq!(storage.find(&identity).expect("read"), Some(1));
            assert_eq!(
                (storage.first_row().expect("read"), storage.archives().expect("read")),
                (1, Vec::new())
            );
            let last = storage.last_index().expect("read");
            let row =
                Row { index: last + 1, group: last + 1, identity: None, leaf: [0; 32], record: vec![1] };
            let seal =
                SealRow { group: last + 1, first_index: last + 1, last_index: last + 1, seal: vec![2] };
            storage.commit_group(&[row], &seal).expect("written");
        }
        assert!(Storage::open_read_only(directory.path()).is_ok());
    }
}
