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
use std::process::ExitStatus;
use std::thread::sleep;
use std::time::Duration;

use terminal_sim::rng::Rng;

use crate::disk::{KILL_AT, SYNC_STALL_MS};
use crate::trial::{Shop, TO_OPERATION, Trial, Victim, Wrong, killed, seed, within, wrong};
use undo_log::{Kind, Log, Record};

/// Kills on each side of a commit.
const TARGETED: usize = 10;
/// Kills that may miss: a machine that is busy with other things makes terminals late.
const MISSED: usize = 60;
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
    /// At a start, an anchor, a checkpoint, or between two commits.
    Elsewhere,
}

/// What a kill waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// The layer killed at an operation, in front of it.
    Operation,
    /// A sync of the database's log file.
    Sync,
    /// It did not come.
    Missed,
}

/// What the layer's log says of a killed process.
struct Autopsy {
    struck: Struck,
    /// Commits that were synced.
    commits: u64,
}

/// A record is in the log before its change is made, so what it says has been done only when something has begun since: the operation
/// that the layer killed at, or the sync of the log file. That a frame ends a commit is SQLite's own mark: bytes 4 to 8 of
/// the frame's header of 24 bytes, which comes before its page, are not 0.
fn autopsy(log: &Path, data: &Path, aim: Aim) -> Autopsy {
    let Log { records, syncing, .. } = Log::open(log).expect("the layer's log");
    let path = data.join("gateway.db-wal");
    let inode = fs::metadata(&path).map_or(0, |file| file.ino());
    let is_done = match aim {
        Aim::Operation => true,
        Aim::Sync => syncing == Some(inode),
        Aim::Missed => false,
    };
    let ends_commit = |page: u64| {
        let mut mark = [0; 4];
        let read = File::open(&path).and_then(|file| file.read_exact_at(&mut mark, page - 20));
        read.is_ok() && mark != [0; 4]
    };
    let wal: Vec<_> = records.iter().filter(|record| record.inode == inode).collect();
    let struck = match records.last() {
        Some(last) if is_done && last.inode == inode && last.kind == Kind::Write => {
            let page = last.length > HEADER;
            if page && ends_commit(last.offset) { Struck::BeforeAnswer } else { Struck::BeforeCommit }
        }
        _ => Struck::Elsewhere,
    };
    // The header of a new log file is synced by itself.
    let commits = wal.windows(2).filter(|pair| pair[1].kind == Kind::Sync && pair[0].length > HEADER);
    Autopsy { struck, commits: commits.count() as u64 }
}

/// Starts gateways for a shop and kills them, and looks after each kill.
struct Killer {
    trial: Trial,
    shop: Shop,
    rng: Rng,
    found: BTreeMap<Struck, usize>,
    starts: usize,
}

impl Killer {
    fn new(seed: u64) -> Self {
        let trial = Trial::new(seed);
        let (shop, rng) = (trial.open_shop(), Rng::stream(seed, "kills"));
        Self { trial, shop, rng, found: BTreeMap::new(), starts: 0 }
    }

    fn found(&self, struck: Struck) -> usize {
        self.found.get(&struck).copied().unwrap_or(0)
    }

    fn log(&self) -> PathBuf {
        self.trial.bench.site.beside(&format!("log-{}", self.starts))
    }

    fn start(&mut self, environment: &[(&str, String)]) -> Result<Result<Victim, ExitStatus>, Wrong> {
        self.shop.check()?;
        self.starts += 1;
        Ok(self.trial.bench.start(&self.log(), environment))
    }

    fn start_well(&mut self, environment: &[(&str, String)]) -> Result<Victim, Wrong> {
        let started = self.start(environment)?;
        started.map_err(|status| format!("it does not start: {status}\n{}", self.trial.bench.last_words()))
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

    /// The layer kills at a drawn operation: likely one that writes a commit.
    fn kill_at_operation(&mut self) -> Result<(), Wrong> {
        let kill_at = 10 + self.rng.below(60);
        let (group, _) = self.last_group()?;
        match self.start(&[(KILL_AT, kill_at.to_string())])? {
            Ok(mut victim) => {
                let ended = victim.ended_within(TO_OPERATION).is_some();
                self.dissect(victim, group, if ended { Aim::Operation } else { Aim::Missed })
            }
            Err(status) => killed(status),
        }
    }

    /// Each sync takes so long that SIGKILL finds the writer in one: that of its first commit, or of a later one.
    fn kill_in_sync(&mut self) -> Result<(), Wrong> {
        const STALL: Duration = Duration::from_millis(25);
        let (group, _) = self.last_group()?;
        let victim = self.start_well(&[(SYNC_STALL_MS, STALL.as_millis().to_string())])?;
        let log_file = self.trial.bench.site.data().join("gateway.db-wal");
        let inode = fs::metadata(log_file).map_err(wrong)?.ino();
        // A log file that is begun anew gets a header, which is synced before a commit is written.
        let commits = |log: &Log| {
            let page = |record: &Record| {
                record.inode == inode && record.kind == Kind::Write && record.length > HEADER
            };
            log.syncing == Some(inode) && log.records.last().is_some_and(page)
        };
        let in_sync = || {
            Log::open(&self.log())
                .map_or_else(|error| Some(Err(error)), |log| commits(&log).then_some(Ok(())))
        };
        let aim = match within(TO_OPERATION, in_sync).transpose().map_err(wrong)? {
            Some(()) => Aim::Sync,
            None => Aim::Missed,
        };
        self.dissect(victim, group, aim)
    }

    /// Whether the journal has what the layer says that it must have, and no terminal more than that.
    fn dissect(&mut self, victim: Victim, group_before: u64, aim: Aim) -> Result<(), Wrong> {
        let status = victim.finish_off();
        killed(status).map_err(|wrong| format!("{wrong}\n{}", self.trial.bench.last_words()))?;
        let Autopsy { struck: place, commits } = autopsy(&self.log(), &self.trial.bench.site.data(), aim);
        *self.found.entry(place).or_default() += 1;
        self.trial.bench.audit()?;
        let (group, answered) = self.last_group()?;
        let unanswered = place == Struck::BeforeAnswer;
        if unanswered && !answered.is_empty() {
            return Err(format!("answered before the commit was synced: {answered:?}"));
        }
        if place != Struck::Elsewhere && group - group_before != commits + u64::from(unanswered) {
            return Err(format!("{place:?}: from group {group_before} to {group} by {commits} commits"));
        }
        Ok(())
    }

    /// A terminal has its answer and its receipt; then SIGKILL.
    fn kill_after_answer(&mut self) -> Result<(), Wrong> {
        let receipts = self.trial.bench.receipts();
        let held = || fs::read_dir(&receipts).map_or(0, Iterator::count);
        let victim = self.start_well(&[])?;
        let before = held();
        let answered = within(TO_OPERATION, || (held() > before).then_some(()));
        self.bury(victim, if answered.is_some() { Struck::AfterAnswer } else { Struck::Elsewhere })
    }

    /// SIGKILL at any time, now and then in the middle of an orderly stop.
    fn kill_at_random(&mut self) -> Result<(), Wrong> {
        let victim = self.start_well(&[])?;
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
        for (struck, kill) in [
            (Struck::BeforeCommit, Self::kill_at_operation as fn(&mut Self) -> Result<(), Wrong>),
            (Struck::BeforeAnswer, Self::kill_in_sync),
            (Struck::AfterAnswer, Self::kill_after_answer),
        ] {
            while self.found(struck) < TARGETED {
                kill(self)?;
                if self.found(Struck::Elsewhere) > MISSED {
                    let said = self.trial.bench.last_words();
                    return Err(format!("the aim is bad: {:?}\n{said}", self.found));
                }
            }
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
