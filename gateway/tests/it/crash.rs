//! SIGKILL while a shop trades: before a commit, between a commit and its answer, after an answer, and at any time.

#![allow(clippy::arithmetic_side_effects, reason = "test code: an overflow panics, and that fails the test")]

#[allow(dead_code, reason = "what happened is read here, and nothing is undone")]
#[allow(
    clippy::duplicate_mod,
    reason = "the layer keeps its log to itself; only here a kill alone is looked at"
)]
#[path = "../powerloss/undo_log.rs"]
mod undo_log;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use terminal_sim::rng::Rng;

use crate::disk::KILL_AT;
use crate::trial::{Shop, TO_OPERATION, Trial, Victim, Wrong, killed, seed, wrong};
use undo_log::{Kind, Log};

/// Kills on each side of a commit.
const TARGETED: usize = 10;
const RANDOM: usize = 50;
/// Random kills come so long after a start.
const LIFE_MS: u64 = 500;
/// Length of the header of SQLite's log file; those of frames are shorter, pages are longer.
const HEADER: u64 = 32;

/// Where a kill struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Struck {
    /// The write group is not in the journal: not all of its frames were written.
    BeforeCommit,
    /// All of them were, and its answers had not left: the writer was about to sync them.
    BeforeAnswer,
    AfterAnswer,
    AtRandom,
    /// At an anchor or a checkpoint.
    Elsewhere,
}

/// What the layer's log says of a killed process.
struct Autopsy {
    struck: Struck,
    /// The operations that synced a commit, from 1.
    commits: Vec<u64>,
}

/// The log has a record of each operation that was done; the one that killed would have been the next. That a frame ends a
/// commit is SQLite's own mark: bytes 4 to 8 of the frame's header of 24 bytes, which comes before its page, are not 0.
fn autopsy(log: &Path, data: &Path) -> Autopsy {
    let records = Log::open(log).expect("the layer's log").records;
    let path = data.join("gateway.db-wal");
    let inode = fs::metadata(&path).map_or(0, |file| file.ino());
    let ends_commit = |page: u64| {
        let mut mark = [0; 4];
        let read = File::open(&path).and_then(|file| file.read_exact_at(&mut mark, page - 20));
        read.is_ok() && mark != [0; 4]
    };
    let struck = match records.last() {
        None => Struck::BeforeCommit,
        Some(last) if last.inode != inode => Struck::Elsewhere,
        Some(last) if last.kind == Kind::Write && last.length > HEADER && ends_commit(last.offset) => {
            Struck::BeforeAnswer
        }
        Some(_) => Struck::BeforeCommit,
    };
    let wal: Vec<_> = (1..).zip(&records).filter(|(_, record)| record.inode == inode).collect();
    // The header of a new log file is synced by itself.
    let commits = wal.windows(2).filter(|pair| pair[1].1.kind == Kind::Sync && pair[0].1.length > HEADER);
    Autopsy { struck, commits: commits.map(|pair| pair[1].0).collect() }
}

/// Starts gateways for a shop and kills them, and looks after each kill.
struct Killer {
    trial: Trial,
    shop: Shop,
    rng: Rng,
    found: BTreeMap<Struck, usize>,
    starts: usize,
    /// Operations that synced a commit before, and so are likely to do so again.
    aims: Vec<u64>,
}

impl Killer {
    fn new(seed: u64) -> Self {
        let trial = Trial::new(seed);
        let (shop, rng) = (trial.open_shop(), Rng::stream(seed, "kills"));
        Self { trial, shop, rng, found: BTreeMap::new(), starts: 0, aims: vec![8, 12] }
    }

    fn found(&self, struck: Struck) -> usize {
        self.found.get(&struck).copied().unwrap_or(0)
    }

    fn log(&self) -> PathBuf {
        self.trial.bench.site.beside(&format!("log-{}", self.starts))
    }

    fn start(&mut self, environment: &[(&str, String)]) -> Result<Victim, Wrong> {
        self.shop.check()?;
        self.starts += 1;
        self.trial.bench.start_well(&self.log(), environment)
    }

    fn bury(&mut self, victim: Victim, struck: Struck) -> Result<(), Wrong> {
        victim.kill().map_err(|wrong| format!("{wrong}\n{}", self.trial.bench.last_words()))?;
        *self.found.entry(struck).or_default() += 1;
        self.trial.bench.audit()
    }

    /// The number of the journal's last write group, and the receipts for it that terminals hold.
    fn last_group(&self) -> Result<(u64, Vec<PathBuf>), Wrong> {
        let storage = self.trial.bench.storage()?;
        let seal = storage.last_seal().map_err(wrong)?.ok_or("no seal")?;
        let rows = storage.entries(seal.first_index, seal.last_index).map_err(wrong)?;
        let names = rows.into_iter().filter_map(|row| row.identity);
        let names = names.map(|id| format!("{}-{}-{}.receipt", id.terminal, id.generation, id.stan));
        let receipts = self.trial.bench.receipts();
        Ok((seal.group, names.map(|name| receipts.join(name)).filter(|path| path.exists()).collect()))
    }

    /// The layer kills at an operation of a commit: the sync, or any other.
    fn kill_at_operation(&mut self) -> Result<(), Wrong> {
        let any = 1 + self.rng.below(40);
        let aim = if self.rng.chance(3, 4) { self.rng.pick(&self.aims).copied().unwrap_or(any) } else { any };
        let (group_before, _) = self.last_group()?;
        self.shop.check()?;
        self.starts += 1;
        let mut victim = match self.trial.bench.start(&self.log(), &[(KILL_AT, aim.to_string())]) {
            Ok(victim) => victim,
            Err(status) => return killed(status),
        };
        if victim.ended_within(TO_OPERATION).is_none() {
            return self.bury(victim, Struck::Elsewhere);
        }
        let Autopsy { struck, commits } = autopsy(&self.log(), &self.trial.bench.site.data());
        self.bury(victim, struck)?;
        let (group, answered) = self.last_group()?;
        let unanswered = u64::from(struck == Struck::BeforeAnswer);
        if unanswered == 1 && !answered.is_empty() {
            return Err(format!("answered before the commit was synced: {answered:?}"));
        }
        if struck != Struck::Elsewhere && group - group_before != commits.len() as u64 + unanswered {
            return Err(format!("{struck:?}: from group {group_before} to {group} by commits {commits:?}"));
        }
        self.aims.extend(commits);
        Ok(())
    }

    /// A terminal has its answer and its receipt; then SIGKILL.
    fn kill_after_answer(&mut self) -> Result<(), Wrong> {
        let receipts = self.trial.bench.receipts();
        let held = || fs::read_dir(&receipts).map_or(0, Iterator::count);
        let victim = self.start(&[])?;
        let before = held();
        for _ in 0..TO_OPERATION.as_millis() {
            if held() > before {
                return self.bury(victim, Struck::AfterAnswer);
            }
            sleep(Duration::from_millis(1));
        }
        Err(format!("nobody trades\n{}", self.trial.bench.last_words()))
    }

    /// SIGKILL at any time, now and then in the middle of an orderly stop.
    fn kill_at_random(&mut self) -> Result<(), Wrong> {
        let victim = self.start(&[])?;
        sleep(Duration::from_millis(self.rng.below(LIFE_MS)));
        if !self.rng.chance(1, 5) {
            return self.bury(victim, Struck::AtRandom);
        }
        victim.terminate();
        sleep(Duration::from_millis(self.rng.below(10)));
        let status = victim.finish_off();
        if !status.success() {
            killed(status)?;
            *self.found.entry(Struck::AtRandom).or_default() += 1;
        }
        self.trial.bench.audit()
    }

    fn kill_often(&mut self) -> Result<(), Wrong> {
        while self.found(Struck::BeforeCommit).min(self.found(Struck::BeforeAnswer)) < TARGETED {
            self.kill_at_operation()?;
            if self.starts > 10 * TARGETED {
                return Err(format!("the aim is bad: {:?}", self.found));
            }
        }
        while self.found(Struck::AfterAnswer) < TARGETED {
            self.kill_after_answer()?;
        }
        while self.found(Struck::AtRandom) < RANDOM {
            self.kill_at_random()?;
        }
        Ok(())
    }
}

#[test]
fn a_shop_that_trades_through_sigkill_loses_nothing_and_pays_nothing_twice() {
    let mut killer = Killer::new(seed());
    let killed = killer.kill_often();
    let log = killer.trial.bench.site.beside("log-last");
    let Killer { mut trial, shop, found, .. } = killer;
    killed.unwrap_or_else(|wrong| panic!("{wrong}\nafter {found:?}"));
    let account = trial.settle(shop, &log);
    println!("{found:?}; {}", account.unwrap_or_else(|wrong| panic!("{wrong}\nafter {found:?}")));
}
