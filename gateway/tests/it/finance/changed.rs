//! Whoever changes an export is found out, whatever it is: a byte, a line, a file, an order, a signature.

use std::fs;
use std::path::{Path, PathBuf};

use gateway::domain::effect::Effect;
use gateway::finance::{MANIFEST, Trusted, verify};
use gateway::keys::{SigningKey, fingerprint};
use gateway::storage::DATABASE;
use rusqlite::{Connection, params};

use super::journal::{Journal, leg};

/// Three days with something on each.
fn traded() -> Journal {
    let mut journal = Journal::new();
    for days in 1..=3 {
        journal.entry(
            days,
            "S1",
            vec![
                leg("card:9000000000000014/1", 1, 100_00 + days),
                leg("clearing:S1:1", 0, -100_00 - days),
                leg("card:9000000000000014/2", 2, 5_00),
                leg("bonus-expense", 0, -5_00),
            ],
        );
        journal.entry(days, "S1", vec![leg("card:9000000000000014/1", 1, -7), leg("redemption:S1", 0, 7)]);
        journal.entry(days, "S1", vec![leg("card:9000000000000014/3", 16, 3), leg("points-expense", 16, -3)]);
        journal.seal();
    }
    journal
}

fn files(out: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(out).expect("a directory").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn sound(out: &Path, key: &Trusted) -> bool {
    verify(&[out.to_path_buf()], key).is_ok_and(|report| report.faults.is_empty())
}

#[test]
fn no_byte_of_any_file_can_be_changed_added_or_taken_away() {
    let journal = traded();
    let (_, out) = journal.take((1, 2), None, "out");
    let key = journal.key();
    assert!(sound(&out, &key));
    let mut tried = 0;
    for file in files(&out) {
        let whole = fs::read(&file).expect("a file");
        let name = file.display();
        // Every byte of the manifest; of the others enough to meet every column.
        let step = if file.ends_with(MANIFEST) { 1 } else { 41 };
        for at in (0..whole.len()).step_by(step) {
            for (what, bytes) in [
                ("changed", {
                    let mut bytes = whole.clone();
                    bytes[at] ^= 1;
                    bytes
                }),
                ("gone", [&whole[..at], &whole[at + 1..]].concat()),
                ("twice", [&whole[..=at], &whole[at..]].concat()),
            ] {
                fs::write(&file, bytes).expect("written");
                assert!(!sound(&out, &key), "{name}: byte {at} {what}");
                tried += 1;
            }
        }
        fs::write(&file, &whole).expect("written");
    }
    assert!(tried > 3_000, "{tried}");
    assert!(sound(&out, &key), "put back, it holds again");
}

#[test]
fn no_line_or_file_can_be_added_taken_away_or_moved() {
    let journal = traded();
    let (_, out) = journal.take((1, 2), None, "out");
    let key = journal.key();
    for file in files(&out) {
        let whole = fs::read(&file).expect("a file");
        let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        for at in 0..lines.len() {
            let (before, line, behind) = (lines[..at].concat(), lines[at], lines[at + 1..].concat());
            for bytes in [[&before[..], &behind].concat(), [&before[..], line, line, &behind].concat()] {
                fs::write(&file, bytes).expect("written");
                assert!(!sound(&out, &key), "{}: line {at}", file.display());
            }
        }
        fs::remove_file(&file).expect("removed");
        assert!(!sound(&out, &key), "{} is gone", file.display());
        fs::write(&file, &whole).expect("written");
    }
    let more = out.join("more.csv");
    fs::write(&more, "").expect("written");
    assert!(!sound(&out, &key), "a file that nobody signed");
    fs::remove_file(more).expect("removed");
    assert!(sound(&out, &key));
    let (postings, lots) = (out.join("postings.csv"), out.join("lots.csv"));
    fs::rename(&postings, out.join("x")).and_then(|()| fs::rename(&lots, &postings)).expect("renamed");
    fs::rename(out.join("x"), &lots).expect("renamed");
    assert!(!sound(&out, &key), "two files in each other's place");
}

#[test]
fn only_the_gateway_that_is_named_vouches_and_only_in_its_own_order() {
    let journal = traded();
    let days: Vec<_> = (1..=3).map(|day| journal.take((day, day), None, &day.to_string()).1).collect();
    let faults = |which: &[usize], key: &Trusted| {
        let directories: Vec<_> = which.iter().map(|at| days[*at].clone()).collect();
        verify(&directories, key).expect("read").faults
    };
    assert_eq!(faults(&[0, 1, 2], &journal.key()), Vec::<String>::new());
    for which in [&[0, 2][..], &[1, 0], &[0, 0], &[2, 1, 0]] {
        assert!(!faults(which, &journal.key()).is_empty(), "{which:?}");
    }
    let stranger = SigningKey::generate().expect("a key").spki();
    for key in [Trusted::Fingerprint(fingerprint(&stranger)), Trusted::Key(stranger)] {
        assert!(faults(&[0], &key)[0].contains("another key"));
    }
    // Another gateway's whole export in the place of this one's.
    let other = traded();
    let (_, elsewhere) = other.take((2, 2), None, "out");
    let mixed = [days[0].clone(), elsewhere];
    assert!(!verify(&mixed, &journal.key()).expect("read").faults.is_empty());
}

#[test]
fn what_is_in_the_way_is_never_written_over() {
    let journal = traded();
    let (_, out) = journal.take((1, 1), None, "out");
    let error = journal.try_take((1, 2), None, &out).map(|_| ()).expect_err("another period");
    for said in [
        "holds another export: ",
        "all stores, up to entry ",
        "which is not what is asked for",
        "name another directory for ",
    ] {
        assert!(error.to_string().contains(said), "{said:?} in {error}");
    }
    let postings = out.join("postings.csv");
    let whole = fs::read_to_string(&postings).expect("a file");
    fs::write(&postings, whole.replacen("100.01", "900.01", 1)).expect("written");
    let error = journal.try_take((1, 1), None, &out).map(|_| ()).expect_err("a changed file");
    assert!(error.to_string().contains("was changed"), "{error}");
    let other = journal.beside("other");
    fs::create_dir(&other).expect("a directory");
    journal.try_take((1, 1), None, &other).expect("an empty directory is taken");
    let third = journal.beside("third");
    fs::create_dir(&third).and_then(|()| fs::write(third.join("mine"), "x")).expect("somebody's own");
    assert!(journal.try_take((1, 1), None, &third).is_err());
    assert_eq!(fs::read_to_string(third.join("mine")).expect("still there"), "x");
}

/// Why an export of all days is refused.
fn refused(journal: &Journal, what: &str) -> String {
    let out = journal.beside("refused");
    let error = journal.try_take((0, 9), None, &out).map(|_| ()).expect_err(what);
    assert!(!out.exists(), "{what}: nothing is there");
    format!("{error:#}")
}

#[test]
fn no_seal_can_be_changed_though_only_the_last_signature_is_verified() {
    let journal = traded();
    let connection = Connection::open(journal.beside(DATABASE)).expect("the database");
    for group in 1..=4 {
        let seal: Vec<u8> = connection
            .query_row("SELECT seal FROM seal WHERE grp = ?", [group], |row| row.get(0))
            .expect("a seal");
        let store = |seal: &[u8]| {
            let changed = connection.execute("UPDATE seal SET seal = ? WHERE grp = ?", params![seal, group]);
            assert_eq!(changed, Ok(1));
        };
        for at in 0..seal.len() {
            let mut changed = seal.clone();
            changed[at] ^= 1;
            store(&changed);
            let error = refused(&journal, &format!("byte {at} of seal {group}"));
            assert!(error.contains("the journal is damaged"), "{error}");
        }
        store(&seal);
    }
    journal.try_take((0, 9), None, &journal.beside("whole")).expect("put back, it holds again");
}

#[test]
fn a_journal_that_another_key_goes_on_with_is_refused_unless_the_old_key_says_so() {
    let stranger = || SigningKey::generate().expect("a key");
    let spend = |journal: &mut Journal, more: Vec<Effect>| {
        let legs = vec![leg("card:9000000000000014/1", 1, -7), leg("redemption:S1", 0, 7)];
        journal.entry(4, "S1", legs.into_iter().chain(more).collect());
        journal.seal();
    };
    // Somebody else writes the end of it.
    let mut journal = traded();
    let own = journal.seal_by(stranger());
    spend(&mut journal, Vec::new());
    spend(&mut journal, Vec::new());
    journal.seal_by(own);
    assert!(refused(&journal, "forged").contains("entry 12: its seal's signature does not verify"));

    // The old key hands over to a new one: sealed by itself it holds, and by the new one it does not.
    for handed_over in [true, false] {
        let mut journal = traded();
        let new = stranger();
        let change = vec![Effect::GatewayKey { public_key: new.spki() }];
        if handed_over {
            spend(&mut journal, change);
            journal.seal_by(new);
        } else {
            journal.seal_by(new);
            spend(&mut journal, change);
        }
        spend(&mut journal, Vec::new());
        if handed_over {
            journal.try_take((0, 9), None, &journal.beside("out")).expect("the old key vouches for the new");
        } else {
            let error = refused(&journal, "handed over by nobody");
            assert!(error.contains("entry 11: its seal's signature does not verify"), "{error}");
        }
    }
}
