//! The layer itself is tested with the very SQLite that the gateway is built with, in a child process: [`victim`].

use super::*;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use tempfile::TempDir;

/// Environment: what the victim does.
const ACT: &str = "POWERLOSS_VICTIM";
const SIGKILL: i32 = 9;
const EIO: &str = "5";
const ENOSPC: &str = "28";
const SHORT_WRITE: &str = "0";

/// One directory to lose, one for the log, and what the victim does in it.
struct Bench {
    shim: Shim,
    temp: TempDir,
    act: &'static str,
}

impl Bench {
    fn new(act: &'static str) -> io::Result<Self> {
        let bench = Self { shim: Shim::build()?, temp: TempDir::new()?, act };
        fs::create_dir(bench.data())?;
        fs::create_dir(bench.log())?;
        Ok(bench)
    }

    fn data(&self) -> PathBuf {
        self.temp.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.temp.path().join("log")
    }

    fn start(&self, env: &[(&str, String)]) -> io::Result<Child> {
        let module = module_path!().split_once("::").map_or("", |(_, path)| path);
        Command::new(std::env::current_exe()?)
            .args([&format!("{module}::victim"), "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .envs(self.shim.env(&self.data(), &self.log()))
            .env(ACT, self.act)
            .envs(env.iter().cloned())
            .current_dir(self.data())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    /// Runs the victim to its end or its death. Returns the numbers it reported, and whether it was killed.
    fn run(&self, env: &[(&str, String)]) -> io::Result<(Vec<u32>, bool)> {
        let output = self.start(env)?.wait_with_output()?;
        Ok((reported(&output.stdout), output.status.signal() == Some(SIGKILL)))
    }

    /// Runs the victim until it has reported `count` numbers, then kills it.
    fn kill_after(&self, count: usize) -> io::Result<Vec<u32>> {
        let mut child = self.start(&[])?;
        let mut output = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            while reported(&output).len() < count && stdout.read_until(b'\n', &mut output)? > 0 {}
            child.kill()?;
            io::Read::read_to_end(&mut stdout, &mut output)?;
        }
        child.wait()?;
        Ok(reported(&output))
    }

    /// The rows that are in the database now. An error when it is corrupt.
    fn rows(&self) -> Result<BTreeSet<u32>, Box<dyn std::error::Error>> {
        let db = Connection::open(self.data().join("db"))?;
        let check: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        if check != "ok" {
            return Err(check.into());
        }
        if !db.table_exists(None, "t")? {
            return Ok(BTreeSet::new());
        }
        let rows =
            db.prepare("SELECT n FROM t")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(rows)
    }
}

/// The complete lines "done N" of an output.
fn reported(output: &[u8]) -> Vec<u32> {
    output
        .split_inclusive(|byte| *byte == b'\n')
        .filter_map(|line| {
            std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?.strip_prefix("done ")?.parse().ok()
        })
        .collect()
}

/// Begins a line: the test runner may have left one open.
fn report(number: u32) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(format!("\ndone {number}\n").as_bytes())?;
    stdout.flush()
}

/// Not a test: the process that loses its power.
#[test]
#[ignore = "runs as a child of the tests here"]
fn victim() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::var(ACT).unwrap_or_default().as_str() {
        "full for ever" => commit_rows("WAL", "FULL", u32::MAX),
        "full" => commit_rows("WAL", "FULL", 12),
        "full, rollback journal" => commit_rows("DELETE", "FULL", 6),
        "extra, rollback journal" => commit_rows("DELETE", "EXTRA", 6),
        "off" => commit_rows("WAL", "OFF", 12),
        "off for ever" => commit_rows("WAL", "OFF", u32::MAX),
        "files" => change_files(),
        "threads for ever" => append_from_threads(),
        _ => Ok(()),
    }
}

fn commit_rows(journal: &str, synchronous: &str, count: u32) -> Result<(), Box<dyn std::error::Error>> {
    let db = Connection::open("db")?;
    db.pragma_update(None, "journal_mode", journal)?;
    db.pragma_update(None, "synchronous", synchronous)?;
    // Checkpoints come often, so that the database file too is being written when the power goes.
    db.pragma_update(None, "wal_autocheckpoint", 10)?;
    db.execute_batch("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, filling BLOB)")?;
    for n in 0..count {
        db.execute("INSERT INTO t VALUES (?1, randomblob(3000))", [n])?;
        report(n)?;
    }
    Ok(())
}

fn change_files() -> Result<(), Box<dyn std::error::Error>> {
    let sync_dir = |path: &str| File::open(path)?.sync_all();
    fs::write("replaced", "old")?;
    fs::write("removed", "old")?;
    fs::write("grown", "0123456789")?;
    fs::write("cut", vec![b'x'; 2000])?;
    for path in ["replaced", "removed", "grown", "cut", "."] {
        sync_dir(path)?;
    }
    // From here on nothing is synced but the contents of "new".
    fs::write("new", "synced, but its name is not")?;
    sync_dir("new")?;
    fs::write("replacement", "new")?;
    fs::rename("replacement", "replaced")?;
    fs::remove_file("removed")?;
    fs::create_dir("dir")?;
    fs::write("dir/file", "new")?;
    sync_dir("dir")?;
    let grown = File::options().append(true).open("grown")?;
    (&grown).write_all(b"abc")?;
    grown.write_all_at(b"XY", 0)?; // At the end too, because of O_APPEND.
    File::options().write(true).open("cut")?.write_all_at(b"new", 700)?;
    File::options().write(true).open("cut")?.set_len(10)?;
    fs::write("cut", "emptied and written anew")?;
    fs::copy("cut", "copied over")?;
    report(1)?;
    Ok(())
}

const THREADS: u32 = 4;
const LINE: usize = 700;

/// Each thread appends to its own file, and reports the line when it is synced.
fn append_from_threads() -> Result<(), Box<dyn std::error::Error>> {
    for thread in 0..THREADS {
        File::create(thread.to_string())?.sync_all()?;
    }
    File::open(".")?.sync_all()?;
    std::thread::scope(|scope| {
        let append = |thread: u32| -> io::Result<()> {
            let mut file = File::options().append(true).open(thread.to_string())?;
            for line in 0.. {
                file.write_all(&[b'x'; LINE])?;
                file.sync_data()?;
                report(line * THREADS + thread)?;
            }
            Ok(())
        };
        for thread in 0..THREADS {
            scope.spawn(move || append(thread));
        }
    });
    Ok(())
}

#[test]
fn a_sync_in_one_thread_makes_nothing_of_another_durable() -> io::Result<()> {
    let bench = Bench::new("threads for ever")?;
    let promised = bench.kill_after(400)?;
    cut_power(&bench.log(), &bench.data(), Cut::DropAll)?;
    for thread in 0..THREADS {
        let promised = promised.iter().filter(|number| *number % THREADS == thread).count();
        let kept = fs::read(bench.data().join(thread.to_string()))?.len();
        assert_eq!(kept % LINE, 0, "half a line was synced");
        // Power may go between a sync and its report.
        assert!((promised..=promised + 1).contains(&(kept / LINE)), "{} lines of {promised}", kept / LINE);
    }
    Ok(())
}

#[test]
fn a_cut_puts_back_every_kind_of_unsynced_change() -> io::Result<()> {
    let bench = Bench::new("files")?;
    assert_eq!(bench.run(&[])?, (vec![1], false));
    assert_eq!(fs::read(bench.data().join("grown"))?, b"0123456789abcXY");
    let report = cut_power(&bench.log(), &bench.data(), Cut::DropAll)?;

    let mut names: Vec<_> =
        fs::read_dir(bench.data())?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    names.sort();
    assert_eq!(names, ["cut", "grown", "removed", "replaced"], "{report:?}");
    assert_eq!(fs::read(bench.data().join("cut"))?, [b'x'; 2000]);
    assert_eq!(fs::read(bench.data().join("grown"))?, b"0123456789");
    assert_eq!(fs::read(bench.data().join("removed"))?, b"old");
    assert_eq!(fs::read(bench.data().join("replaced"))?, b"old");
    assert_eq!(fs::read_dir(bench.log())?.count(), 0, "the log is empty after a cut");
    Ok(())
}

#[test]
fn a_torn_cut_is_a_function_of_log_and_seed() -> io::Result<()> {
    let bench = Bench::new("files")?;
    let mut outcomes = BTreeSet::new();
    // The log knows files by inode, which copies would not share: so the victim runs again for every cut.
    for seed in 0..20 {
        let mut contents = Vec::new();
        for _ in 0..2 {
            fs::remove_dir_all(bench.data())?;
            fs::create_dir(bench.data())?;
            fs::remove_dir_all(bench.log())?;
            fs::create_dir(bench.log())?;
            bench.run(&[])?;
            cut_power(&bench.log(), &bench.data(), Cut::Torn { seed })?;
            let mut files = Vec::new();
            for path in files_below(&bench.data())? {
                files.push((path.clone(), fs::read(path)?));
            }
            files.sort();
            contents.push(files);
        }
        assert_eq!(contents[0], contents[1], "seed {seed}");
        outcomes.insert(contents.swap_remove(0));
    }
    assert!(outcomes.len() > 5, "{} outcomes of 20 seeds", outcomes.len());
    Ok(())
}

#[test]
fn without_syncs_reported_commits_are_lost() -> Result<(), Box<dyn std::error::Error>> {
    let bench = Bench::new("off for ever")?;
    let promised = bench.kill_after(50)?;
    let report = cut_power(&bench.log(), &bench.data(), Cut::DropAll)?;
    let rows = bench.rows()?;
    let lost = promised.iter().filter(|n| !rows.contains(n)).count();
    assert!(lost > 0, "all of {} commits survived: the layer does not bite; {report:?}", promised.len());
    Ok(())
}

#[test]
fn killing_alone_loses_nothing_even_without_syncs() -> Result<(), Box<dyn std::error::Error>> {
    let bench = Bench::new("off for ever")?;
    let promised = bench.kill_after(50)?;
    let rows = bench.rows()?;
    assert!(promised.iter().all(|n| rows.contains(n)), "why this layer is needed");
    Ok(())
}

#[test]
fn with_full_syncs_every_reported_commit_survives_a_cut_at_any_time() -> Result<(), Box<dyn std::error::Error>>
{
    for seed in 0..12 {
        let bench = Bench::new("full for ever")?;
        let promised = bench.kill_after(5 + seed * 7)?;
        let mode = if seed % 3 == 0 { Cut::DropAll } else { Cut::Torn { seed: seed as u64 } };
        let report = cut_power(&bench.log(), &bench.data(), mode)?;
        let rows = bench.rows()?;
        let lost: Vec<_> = promised.iter().filter(|n| !rows.contains(n)).collect();
        assert!(lost.is_empty(), "{mode:?}: {lost:?} of {} lost; {report:?}", promised.len());
    }
    Ok(())
}

#[test]
fn writes_that_arrive_in_any_order_corrupt_a_database_that_never_syncs()
-> Result<(), Box<dyn std::error::Error>> {
    for seed in 0..40 {
        let bench = Bench::new("off")?;
        bench.run(&[(KILL_AT, "60".to_owned())])?;
        cut_power(&bench.log(), &bench.data(), Cut::Torn { seed })?;
        if bench.rows().is_err() {
            return Ok(());
        }
    }
    Err("40 torn cuts did no harm: the layer does not tear".into())
}

#[test]
fn a_disk_that_lies_about_syncs_loses_reported_commits() -> Result<(), Box<dyn std::error::Error>> {
    let bench = Bench::new("full")?;
    let (promised, _) = bench.run(&[(LIE, "1".to_owned())])?;
    assert_eq!(promised.len(), 12);
    cut_power(&bench.log(), &bench.data(), Cut::DropAll)?;
    assert_eq!(bench.rows()?, BTreeSet::new());
    Ok(())
}

/// Power goes before each operation in turn. After each cut SQLite must open and check. Returns the operations before which
/// a cut lost a row that was reported.
fn cut_before_every_operation(act: &'static str) -> Result<Vec<(u64, Report)>, Box<dyn std::error::Error>> {
    let bench = Bench::new(act)?;
    bench.run(&[])?;
    let operations = operations(&bench.log())?;
    assert!(operations > 30, "{operations} operations");
    let mut losses = Vec::new();
    for kill_at in 1..=operations {
        let bench = Bench::new(act)?;
        let (promised, killed) = bench.run(&[(KILL_AT, kill_at.to_string())])?;
        assert!(killed, "operation {kill_at} of {operations} was not reached");
        let mode = if kill_at % 3 == 0 { Cut::DropAll } else { Cut::Torn { seed: kill_at } };
        let report = cut_power(&bench.log(), &bench.data(), mode)?;
        let rows = bench.rows()?;
        if promised.iter().any(|n| !rows.contains(n)) {
            losses.push((kill_at, report));
        }
    }
    Ok(losses)
}

#[test]
fn a_wal_survives_a_cut_before_each_operation() -> Result<(), Box<dyn std::error::Error>> {
    let losses = cut_before_every_operation("full")?;
    assert!(losses.is_empty(), "{losses:?}");
    Ok(())
}

#[test]
fn a_rollback_journal_survives_a_cut_before_each_operation() -> Result<(), Box<dyn std::error::Error>> {
    let losses = cut_before_every_operation("extra, rollback journal")?;
    assert!(losses.is_empty(), "{losses:?}");
    Ok(())
}

/// SQLite's manual says so of FULL: it does not sync the directory after it deletes the journal, which is the commit.
#[test]
fn a_rollback_journal_whose_deletion_is_not_synced_takes_the_last_commit_back()
-> Result<(), Box<dyn std::error::Error>> {
    assert!(
        !cut_before_every_operation("full, rollback journal")?.is_empty(),
        "the layer does not see names"
    );
    Ok(())
}

#[test]
fn a_disk_that_fails_harms_no_commit_that_was_reported_before() -> Result<(), Box<dyn std::error::Error>> {
    for fail_at in (25..60).step_by(5) {
        for (errno, ever) in [(EIO, "0"), (EIO, "1"), (ENOSPC, "0"), (ENOSPC, "1"), (SHORT_WRITE, "0")] {
            let bench = Bench::new("full")?;
            let env = [(FAIL_AT, &*fail_at.to_string()), (FAIL_ERRNO, errno), (FAIL_EVER, ever)];
            let (promised, killed) = bench.run(&env.map(|(key, value)| (key, value.to_owned())))?;
            let context = format!("operation {fail_at}, errno {errno}, ever {ever}: {promised:?}");
            assert!(!killed && (promised.len() < 12 || ever == "0"), "{context}");
            cut_power(&bench.log(), &bench.data(), Cut::DropAll)?;
            let rows = bench.rows().map_err(|error| format!("{context}: {error}"))?;
            assert!(promised.iter().all(|n| rows.contains(n)), "{context}, kept {rows:?}");
        }
    }
    Ok(())
}
