//! Flipped bytes: one of every record, seal, leaf and column; some of the database file.

use std::path::Path;

use gateway::journal::seal::Head;
use gateway::journal::verify::{Verifier, verify};
use gateway::journal::walk::{WalkError, check_group, next_group};
use gateway::storage::{DATABASE, Identity, Row, SealRow, Storage};
use protocol::field::Installation;
use rusqlite::Connection;
use rusqlite::types::Value;
use terminal_sim::rng::Rng;

use super::busy_day;
use crate::counter::seed;
use crate::harness::Site;

/// A write group as it lies on the disk, with everything that came before it.
struct Sealed {
    before: Head,
    verifier: Verifier,
    seal: SealRow,
    rows: Vec<Row>,
}

impl Sealed {
    /// Whether the group verifies; what `journal verify` does with it.
    fn verifies(&self, installation: &Installation, seal: &SealRow, rows: &[Row]) -> bool {
        // As the database would give them: those in range, by rising index.
        let read = |first: u64, last: u64| {
            let mut found: Vec<Row> =
                rows.iter().filter(|row| (first..=last).contains(&row.index)).cloned().collect();
            found.sort_by_key(|row| row.index);
            Ok(found)
        };
        let Ok(group) = check_group(installation, &self.before, seal, read) else { return false };
        let mut verifier = self.verifier.clone();
        verifier.group(&group, installation) && verifier.report.faults.is_empty()
    }
}

fn open(data: &Path) -> (Storage, Installation) {
    let storage = Storage::open_read_only(data).expect("the database");
    let id = storage.meta("installation").expect("readable").expect("an installation id");
    (storage, Installation(id.try_into().expect("16 bytes")))
}

fn read_all(data: &Path) -> (Vec<Sealed>, Installation) {
    let (storage, installation) = open(data);
    let (mut before, mut verifier) = (Head::GENESIS, Verifier::default());
    let mut all = Vec::new();
    while let Some(group) = next_group(&storage, &installation, &before).expect("a sound journal") {
        let seal = storage.seal(before.group + 1).expect("readable").expect("a seal");
        let rows = storage.entries(seal.first_index, seal.last_index).expect("readable");
        all.push(Sealed { before, verifier: verifier.clone(), seal, rows });
        assert!(verifier.group(&group, &installation));
        before = group.sealed.head;
    }
    assert_eq!(verifier.report.faults, [""; 0]);
    (all, installation)
}

/// Flips one byte with a mask that changes it.
fn flip(bytes: &mut [u8], at: usize, mask: u8) {
    bytes[at] ^= mask;
}

fn flip_u64(number: &mut u64, at: usize, mask: u8) {
    let mut bytes = number.to_be_bytes();
    flip(&mut bytes, at, mask);
    *number = u64::from_be_bytes(bytes);
}

fn flip_u32(number: &mut u32, at: usize, mask: u8) {
    let mut bytes = number.to_be_bytes();
    flip(&mut bytes, at, mask);
    *number = u32::from_be_bytes(bytes);
}

/// Flips every byte of the group, one at a time; returns how many there were.
fn flip_each(sealed: &Sealed, installation: &Installation, rng: &mut Rng) -> usize {
    let mut flips: usize = 0;
    let group = sealed.seal.group;
    assert!(sealed.verifies(installation, &sealed.seal, &sealed.rows), "group {group} as it was written");
    let mut expect_found = |seal: &SealRow, rows: &[Row], what: &str, at: usize, mask: u8| {
        flips += 1;
        assert!(
            !sealed.verifies(installation, seal, rows),
            "group {group}: byte {at} of {what} went unnoticed with {mask:#04x} in it"
        );
    };
    let mut mask = || u8::try_from(rng.between(1, 255)).expect("a byte");

    for at in 0..sealed.seal.seal.len() {
        let (mut seal, mask) = (sealed.seal.clone(), mask());
        flip(&mut seal.seal, at, mask);
        expect_found(&seal, &sealed.rows, "the seal", at, mask);
    }
    for at in 0..8 {
        for column in ["grp", "first_idx", "last_idx"] {
            let (mut seal, mask) = (sealed.seal.clone(), mask());
            let number = match column {
                "grp" => &mut seal.group,
                "first_idx" => &mut seal.first_index,
                _ => &mut seal.last_index,
            };
            flip_u64(number, at, mask);
            expect_found(&seal, &sealed.rows, column, at, mask);
        }
    }
    let mut rows = sealed.rows.clone();
    for position in 0..rows.len() {
        let row = sealed.rows[position].clone();
        for at in 0..row.record.len() {
            let mask = mask();
            flip(&mut rows[position].record, at, mask);
            expect_found(&sealed.seal, &rows, &format!("record {}", row.index), at, mask);
            rows[position].record[at] = row.record[at];
        }
        for at in 0..row.leaf.len() {
            let mask = mask();
            flip(&mut rows[position].leaf, at, mask);
            expect_found(&sealed.seal, &rows, &format!("leaf {}", row.index), at, mask);
            rows[position].leaf = row.leaf;
        }
        for at in 0..8 {
            let mask = mask();
            flip_u64(&mut rows[position].index, at, mask);
            expect_found(&sealed.seal, &rows, &format!("index {}", row.index), at, mask);
            rows[position].index = row.index;
            flip_u64(&mut rows[position].group, at, mask);
            expect_found(&sealed.seal, &rows, &format!("group of {}", row.index), at, mask);
            rows[position].group = row.group;
        }
        let Some(identity) = &row.identity else {
            let planted = Identity { terminal: "T0001".into(), generation: 1, stan: 9_000 };
            rows[position].identity = Some(planted);
            expect_found(&sealed.seal, &rows, &format!("a planted identity of {}", row.index), 0, 0);
            rows[position].identity = None;
            continue;
        };
        let terminal_length = identity.terminal.len();
        for at in 0..terminal_length + 8 {
            // The name stays text: a bit above the seventh would be no UTF-8, and not even read.
            let mask = if at < terminal_length { mask() & 0x7f | 1 } else { mask() };
            let mut planted = identity.clone();
            match at.checked_sub(terminal_length) {
                None => {
                    let mut name = planted.terminal.into_bytes();
                    flip(&mut name, at, mask);
                    planted.terminal = String::from_utf8(name).expect("ASCII");
                }
                Some(at @ 0..4) => flip_u32(&mut planted.generation, at, mask),
                Some(at) => flip_u32(&mut planted.stan, at - 4, mask),
            }
            rows[position].identity = Some(planted);
            expect_found(&sealed.seal, &rows, &format!("identity of {}", row.index), at, mask);
            rows[position].identity = row.identity.clone();
        }
    }
    flips
}

#[tokio::test]
async fn no_byte_of_the_journal_can_be_flipped_without_being_found() {
    let site = Site::new();
    busy_day::trade(&site).await;
    let seed = seed("no_byte_of_the_journal_can_be_flipped_without_being_found");
    let (groups, installation) = read_all(&site.data());
    let entries: usize = groups.iter().map(|sealed| sealed.rows.len()).sum();
    assert!(entries as u64 >= busy_day::ENTRIES);
    assert!(
        groups.iter().filter(|sealed| sealed.rows.len() > 2).count() > 10,
        "trees of more than one shape"
    );
    // Every other group on a thread of its own: two cores.
    let flips: usize = std::thread::scope(|scope| {
        let half = |odd: usize| {
            let (groups, installation) = (&groups, &installation);
            scope.spawn(move || {
                let mine = groups.iter().enumerate().filter(move |(at, _)| at % 2 == odd);
                mine.map(|(at, sealed)| flip_each(sealed, installation, &mut Rng::new(seed ^ at as u64)))
                    .sum::<usize>()
            })
        };
        let threads = [half(0), half(1)];
        threads.map(|thread| thread.join().expect("every flip found")).iter().sum()
    });
    println!("{flips} bytes of {entries} entries in {} groups", groups.len());
    assert!(flips > 100_000, "only {flips} bytes");
}

/// What `journal verify` finds wrong with a database; an error in reading it is a find too.
fn faults(data: &Path) -> Vec<String> {
    let report = Storage::open_read_only(data).and_then(|storage| {
        let id = storage.meta("installation")?.and_then(|id| id.try_into().ok());
        let Some(id) = id else { return Ok(vec!["no installation id".into()]) };
        verify(&storage, &Installation(id), &[], |_| {}).map(|(report, _)| report.faults)
    });
    report.unwrap_or_else(|error| vec![error.to_string()])
}

/// The same of entries and seals, read one group after the other on one thread; `None` when they cannot be read.
fn one_by_one(data: &Path) -> Option<Vec<String>> {
    let storage = Storage::open_read_only(data).ok()?;
    let installation = Installation(storage.meta("installation").ok()??.try_into().ok()?);
    let (mut before, mut verifier) = (Head::GENESIS, Verifier::default());
    loop {
        match next_group(&storage, &installation, &before) {
            Ok(Some(group)) if verifier.group(&group, &installation) => before = group.sealed.head,
            Ok(_) => return Some(verifier.report.faults),
            Err(WalkError::Damage(damage)) => {
                verifier.report.faults.push(damage.to_string());
                return Some(verifier.report.faults);
            }
            Err(WalkError::Storage(_)) => return None,
        }
    }
}

/// Every row of journal and seals, as SQLite gives them back.
fn rows(data: &Path) -> rusqlite::Result<Vec<Vec<Value>>> {
    let connection = Connection::open(data.join(DATABASE))?;
    let mut all = Vec::new();
    for query in ["SELECT * FROM journal ORDER BY idx", "SELECT * FROM seal ORDER BY grp"] {
        let mut select = connection.prepare(query)?;
        let columns = select.column_count();
        let read = select.query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?;
        all.extend(read.collect::<rusqlite::Result<Vec<Vec<Value>>>>()?);
    }
    Ok(all)
}

/// A column, and what tells its rows apart.
const COLUMNS: [(&str, &str, &str); 15] = [
    ("journal", "idx", "idx"),
    ("journal", "grp", "idx"),
    ("journal", "terminal", "idx"),
    ("journal", "generation", "idx"),
    ("journal", "stan", "idx"),
    ("journal", "leaf", "idx"),
    ("journal", "record", "idx"),
    ("seal", "grp", "grp"),
    ("seal", "first_idx", "grp"),
    ("seal", "last_idx", "grp"),
    ("seal", "seal", "grp"),
    ("snapshot", "key", "key"),
    ("snapshot", "state", "key"),
    ("snapshot", "hash", "key"),
    ("meta", "value", "name"),
];

/// The value with one of its bytes flipped; `None` when it has none.
fn flipped(value: &Value, rng: &mut Rng) -> Option<Value> {
    let mask = u8::try_from(rng.between(1, 255)).expect("a byte");
    match value {
        Value::Integer(number) => {
            let mut bytes = number.to_be_bytes();
            flip(&mut bytes, rng.index(8), mask);
            Some(Value::Integer(i64::from_be_bytes(bytes)))
        }
        Value::Blob(bytes) if !bytes.is_empty() => {
            let mut bytes = bytes.clone();
            let at = rng.index(bytes.len());
            flip(&mut bytes, at, mask);
            Some(Value::Blob(bytes))
        }
        Value::Text(text) if !text.is_empty() => {
            let mut bytes = text.clone().into_bytes();
            let at = rng.index(bytes.len());
            flip(&mut bytes, at, mask & 0x7f | 1);
            Some(Value::Text(String::from_utf8(bytes).expect("ASCII")))
        }
        _ => None,
    }
}

#[tokio::test]
async fn journal_verify_finds_a_flipped_byte_in_any_column_of_the_database() {
    let site = Site::new();
    busy_day::trade(&site).await;
    let mut rng = Rng::new(seed("journal_verify_finds_a_flipped_byte_in_any_column_of_the_database"));
    let data = site.data();
    assert_eq!(faults(&data), [""; 0], "as it was written");
    let connection = Connection::open(data.join(DATABASE)).expect("the database");
    for (table, column, key) in COLUMNS {
        let mut select = connection
            .prepare(&format!("SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL"))
            .expect("a query");
        let cells = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        let cells: Vec<(Value, Value)> = cells.collect::<Result<_, _>>().expect("rows");
        for _ in 0..8 {
            let (key_value, value) = rng.pick(&cells).expect("a row");
            let other = flipped(value, &mut rng).expect("a byte to flip");
            let update = format!("UPDATE {table} SET {column} = ?1 WHERE {key} = ?2");
            // A key that is taken cannot be put in another row's place.
            if connection.execute(&update, [&other, key_value]).is_err() {
                continue;
            }
            let mut found = faults(&data);
            assert_ne!(found, [""; 0], "{table}.{column} of {key_value:?}: {value:?} -> {other:?}");
            if let Some(expected) = one_by_one(&data) {
                found.retain(|fault| fault.starts_with("entry") && !fault.ends_with("under its STAN"));
                assert_eq!(found, expected, "all cores find what one finds, in its order");
            }
            let now_key = if key == column { &other } else { key_value };
            assert_eq!(connection.execute(&update, [value, now_key]).expect("put back"), 1);
        }
    }
    assert_eq!(faults(&data), [""; 0], "put back as it was");
}

#[tokio::test]
async fn a_flipped_byte_in_the_database_file_is_found_or_touches_no_entry() {
    let site = Site::new();
    busy_day::trade(&site).await;
    let mut rng = Rng::new(seed("a_flipped_byte_in_the_database_file_is_found_or_touches_no_entry"));
    let file = site.data().join(DATABASE);
    let (sound, good) = (rows(&site.data()).expect("readable"), std::fs::read(&file).expect("the database"));
    let (mut found, mut harmless) = (0, 0);
    for round in 0..120 {
        // Half of them at the beginning of a page, where its structure is.
        let at = match round % 2 {
            0 => rng.index(good.len()),
            _ => rng.index(good.len() / 4096) * 4096 + rng.index(64),
        };
        let mut bad = good.clone();
        flip(&mut bad, at, u8::try_from(rng.between(1, 255)).expect("a byte"));
        std::fs::write(&file, &bad).expect("written");
        if faults(&site.data()).is_empty() {
            harmless += 1;
            let left = rows(&site.data()).expect("verify has read it");
            assert!(left == sound, "byte {at} changed a row, and was not found");
        } else {
            found += 1;
        }
        for beside in ["gateway.db-wal", "gateway.db-shm"] {
            let _ = std::fs::remove_file(site.data().join(beside));
        }
    }
    println!("{found} found, {harmless} in free space and the like");
    assert!(found > 40, "only {found} of 120 flips were found");
}
