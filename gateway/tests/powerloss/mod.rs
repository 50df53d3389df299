//! Power loss for a real process: runs it under `undo.c`, and after its death makes its directory what a disk would hold.
//!
//! ```text
//! let shim = Shim::build()?;
//! let mut gateway = Command::new(bin).envs(shim.env(&data, &log)).spawn()?;
//! ...                                       // work; every answer that came is a promise
//! gateway.kill()?; gateway.wait()?;         // SIGKILL, and it must be gone
//! let report = cut_power(&log, &data, Cut::Torn { seed })?;
//! ...                                       // start again, without or with the shim, and look
//! ```
//!
//! `undo.c` says at its top what it sees and what it does not. Here:
//!
//! - All processes that change `data` between two cuts run under the shim with the same `log` directory, and none is alive
//!   at the cut. A cut makes what is left durable and empties `log`; a process that is only killed and started again goes on
//!   in the same log, and what it left unsynced is still at risk.
//! - [`Cut::DropAll`] keeps nothing but what was synced. It is the likeliest place for a lost acknowledgement to show.
//! - [`Cut::Torn`] keeps a part, drawn from the seed: of every 512-byte sector any one of the versions that were written
//!   since its last sync (a sector itself is never torn), so writes come reordered and torn. Names and sizes are a file
//!   system's metadata, which journalled file systems keep in order: of them it keeps all up to some moment. Bytes that a
//!   file was extended by and that never arrived read as zeros.
//! - SQLite's `-shm` files are deleted at a cut: they are mapped memory, made anew from the WAL.

// Which of this a test uses is the test's affair.
#![allow(dead_code, reason = "shared by several tests, each of which uses a part")]
#![allow(clippy::arithmetic_side_effects, reason = "test code: an overflow panics, and that fails the test")]

mod selftest;
mod undo_log;

use std::collections::HashMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use undo_log::{Kind, Log, Record, size};

/// Environment: SIGKILL just before the n-th operation of this log (see [`operations`]), counted from 1.
pub(crate) const KILL_AT: &str = "POWERLOSS_KILL_AT";
/// Environment: the n-th operation fails, with [`FAIL_ERRNO`]; every later one too when [`FAIL_EVER`] is 1.
pub(crate) const FAIL_AT: &str = "POWERLOSS_FAIL_AT";
/// Environment: the errno of [`FAIL_AT`] as a number; 0 makes a write short in place of failing it.
pub(crate) const FAIL_ERRNO: &str = "POWERLOSS_FAIL_ERRNO";
/// Environment: 1 makes [`FAIL_AT`] a fault for good.
pub(crate) const FAIL_EVER: &str = "POWERLOSS_FAIL_EVER";
/// Environment: 1 makes every sync a lie.
pub(crate) const LIE: &str = "POWERLOSS_LIE";
/// Environment: each sync takes that many milliseconds longer.
pub(crate) const SYNC_STALL_MS: &str = "POWERLOSS_SYNC_STALL_MS";

const SECTOR: u64 = 512;

/// The preloadable library, compiled.
pub(crate) struct Shim {
    library: PathBuf,
}

/// Compiles a library that is laid between a process and the system, unless this very text was compiled before.
pub(crate) fn preload(name: &str, source: &str) -> io::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    source.hash(&mut hasher);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = dir.join(format!("{name}-{:016x}.so", hasher.finish()));
    if library.exists() {
        return Ok(library);
    }
    fs::create_dir_all(dir)?;
    // Test processes build it side by side: each under its own name, then one atomic rename.
    let thread = format!("{:?}", std::thread::current().id()).replace(|c: char| !c.is_ascii_digit(), "");
    let fresh = dir.join(format!("{name}-{}-{thread}.tmp", std::process::id()));
    let options = "-std=gnu11 -O2 -Wall -Wextra -fPIC -shared -pthread -x c - -o".split(' ');
    let mut compiler = Command::new("cc").args(options).arg(&fresh).stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = compiler.stdin.take() {
        stdin.write_all(source.as_bytes())?;
    }
    if !compiler.wait()?.success() {
        return Err(io::Error::other(format!("cc could not compile {name}")));
    }
    fs::rename(&fresh, &library)?;
    Ok(library)
}

impl Shim {
    pub(crate) fn build() -> io::Result<Self> {
        preload("powerloss", include_str!("undo.c")).map(|library| Self { library })
    }

    /// The environment of a process whose writes below `dir` can be taken back. `log_dir` exists, is on the same file
    /// system and not below `dir`.
    pub(crate) fn env(&self, dir: &Path, log_dir: &Path) -> Vec<(String, String)> {
        [("LD_PRELOAD", self.library.as_path()), ("POWERLOSS_DIR", dir), ("POWERLOSS_LOG_DIR", log_dir)]
            .map(|(key, path)| (key.to_owned(), path.display().to_string()))
            .into()
    }
}

/// What of the unsynced changes is gone after the cut.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// All of them.
    DropAll,
    /// A part of them, reordered and torn; the same log and seed give the same part.
    Torn { seed: u64 },
}

/// What a cut did.
#[derive(Debug)]
pub(crate) struct Report {
    /// Operations that the shim counted since the last cut.
    pub(crate) operations: u64,
    /// Changes that were logged since the last cut.
    pub(crate) changes: usize,
    /// Changes that no sync had made durable.
    pub(crate) unsynced: usize,
    /// How the part to lose was chosen.
    pub(crate) loss: Loss,
    /// Names and sizes that were put back.
    pub(crate) names_and_sizes_undone: usize,
    /// Sector versions that were put back.
    pub(crate) sectors_undone: usize,
    /// Sector versions that stayed although they were not synced.
    pub(crate) sectors_kept: usize,
}

/// Operations that ran under the shim since the last cut: the range for [`KILL_AT`] and [`FAIL_AT`].
pub(crate) fn operations(log_dir: &Path) -> io::Result<u64> {
    Ok(Log::open(log_dir)?.operations)
}

/// Makes `dir` what a disk would hold that lost its power when the last process under the shim died, and empties
/// `log_dir` for the next one.
pub(crate) fn cut_power(log_dir: &Path, dir: &Path, mode: Cut) -> io::Result<Report> {
    let log = Log::open(log_dir)?;
    let unsynced = log.unsynced();
    let loss = Loss::choose(mode, &unsynced);
    let mut report = Report {
        operations: log.operations,
        changes: log.records.iter().filter(|record| record.kind != Kind::Sync).count(),
        unsynced: unsynced.len(),
        loss,
        names_and_sizes_undone: 0,
        sectors_undone: 0,
        sectors_kept: 0,
    };
    let mut disk = Disk {
        log: &log,
        files: open_files(&[log_dir, dir], &unsynced)?,
        versions: HashMap::new(),
        settled: Vec::new(),
    };
    for record in unsynced.iter().filter(|record| record.kind == Kind::Write) {
        for sector in disk.sectors(record)? {
            disk.versions.entry((record.inode, sector)).or_insert((0, 0)).0 += 1;
        }
    }
    for (index, record) in unsynced.iter().enumerate().rev() {
        disk.undo(index, record, loss, &mut report)?;
    }
    drop(disk);
    for path in files_below(dir)? {
        if path.as_os_str().as_encoded_bytes().ends_with(b"-shm") {
            fs::remove_file(path)?;
        }
    }
    log.clear()?;
    Ok(report)
}

/// Which of the unsynced changes are lost. Indices count the unsynced changes in the order in which they were made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    All,
    /// The disk wrote in order and stopped in the middle of change `torn_at`, after `sectors` of its sectors.
    InOrder {
        torn_at: usize,
        sectors: u64,
    },
    /// The disk wrote in any order: of a sector that was written n times the newest version arrived with a chance of
    /// `newest_of_16` in 16, else any. Names and sizes arrived up to change `metadata_until`.
    AnyOrder {
        seed: u64,
        newest_of_16: u64,
        metadata_until: usize,
    },
}

impl Loss {
    fn choose(mode: Cut, unsynced: &[&Record]) -> Self {
        let Cut::Torn { seed } = mode else { return Self::All };
        let below = |salt: u64, bound: usize| {
            usize::try_from(draw(&[seed, salt]) % (bound as u64)).unwrap_or_default()
        };
        let changes = unsynced.len();
        match below(1, 4) {
            0 if changes > 0 => {
                let torn_at = below(2, changes);
                let sectors = unsynced[torn_at].length.min(1 << 20).div_ceil(SECTOR);
                Self::InOrder { torn_at, sectors: draw(&[seed, 3]) % (sectors + 1) }
            }
            style => {
                let newest_of_16 = [8, 1, 8, 15][style];
                Self::AnyOrder { seed, newest_of_16, metadata_until: below(2, changes + 1) }
            }
        }
    }

    /// Whether the change to names and sizes that is number `index` is lost.
    fn loses_metadata(self, index: usize) -> bool {
        match self {
            Self::All => true,
            Self::InOrder { torn_at, .. } => index >= torn_at,
            Self::AnyOrder { metadata_until, .. } => index >= metadata_until,
        }
    }

    /// Whether version `version` (from 1, of `versions`) of a sector is lost, which change `index` wrote as its
    /// `position`-th (from 0). Whatever the answer, an earlier version is never lost when a later one is not.
    fn loses_sector(
        self,
        index: usize,
        position: u64,
        sector: (u64, u64),
        version: u64,
        versions: u64,
    ) -> bool {
        match self {
            Self::All => true,
            Self::InOrder { torn_at, sectors } => {
                index > torn_at || (index == torn_at && position >= sectors)
            }
            Self::AnyOrder { seed, newest_of_16, .. } => {
                let newest = draw(&[seed, 4, sector.0, sector.1]) % 16 < newest_of_16;
                let arrived =
                    if newest { versions } else { draw(&[seed, 5, sector.0, sector.1]) % (versions + 1) };
                version > arrived
            }
        }
    }
}

/// A number that depends on nothing but `of` (splitmix64 over its words).
fn draw(of: &[u64]) -> u64 {
    of.iter().fold(0, |state, word| {
        let mut z = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// The directory while its past is put back. Files are held open by inode: names come and go underneath.
struct Disk<'log> {
    log: &'log Log,
    files: HashMap<u64, OpenFile>,
    /// By inode and sector: how many unsynced versions there are, and how many of them were walked past.
    versions: HashMap<(u64, u64), (u64, u64)>,
    /// Sectors (inode, first, end) that a truncation which arrived has dropped: nothing older can come back.
    settled: Vec<(u64, u64, u64)>,
}

struct OpenFile {
    file: File,
    /// The n-th file of the log. Draws use it in place of the inode, which differs from run to run.
    number: u64,
    /// No unsynced change reached beyond this many bytes.
    extent: u64,
}

impl Disk<'_> {
    fn undo(&mut self, index: usize, record: &Record, loss: Loss, report: &mut Report) -> io::Result<()> {
        let metadata_lost = loss.loses_metadata(index);
        match record.kind {
            Kind::Write => return self.undo_write(index, record, loss, report),
            Kind::Resize => return self.undo_resize(record, metadata_lost, report),
            _ if !metadata_lost => return Ok(()),
            Kind::Name => ignore_missing(fs::remove_file(&record.path))?,
            Kind::MakeDir => ignore_missing(fs::remove_dir_all(&record.path))?,
            Kind::DropDir if !record.path.exists() => fs::create_dir(&record.path)?,
            Kind::Unname if !record.path.exists() && record.path2.exists() => {
                fs::hard_link(&record.path2, &record.path)?
            }
            Kind::Move => undo_move(record)?,
            Kind::DropDir | Kind::Unname | Kind::Sync => return Ok(()),
        }
        report.names_and_sizes_undone += 1;
        Ok(())
    }

    fn undo_write(
        &mut self,
        index: usize,
        record: &Record,
        loss: Loss,
        report: &mut Report,
    ) -> io::Result<()> {
        let sectors = self.sectors(record)?;
        let Some(OpenFile { file, number, .. }) = self.files.get(&record.inode) else { return Ok(()) };
        let old = self.log.data(record)?;
        let first = sectors.start;
        for sector in sectors {
            let Some((versions, walked)) = self.versions.get_mut(&(record.inode, sector)) else { continue };
            let version = *versions - *walked;
            *walked += 1;
            let settled = self
                .settled
                .iter()
                .any(|&(inode, from, end)| inode == record.inode && (from..end).contains(&sector));
            if settled || !loss.loses_sector(index, sector - first, (*number, sector), version, *versions) {
                report.sectors_kept += 1;
                continue;
            }
            report.sectors_undone += 1;
            let from = record.offset.max(sector * SECTOR);
            let end = (record.offset + record.length).min((sector + 1) * SECTOR).min(file.metadata()?.len());
            let mut before = vec![0; size(end.saturating_sub(from))?];
            let known = old.get(size(from - record.offset)?..).unwrap_or_default();
            let known = &known[..known.len().min(before.len())];
            before[..known.len()].copy_from_slice(known);
            file.write_all_at(&before, from)?;
        }
        if loss.loses_metadata(index) && file.metadata()?.len() != record.old_size {
            file.set_len(record.old_size)?;
            report.names_and_sizes_undone += 1;
        }
        Ok(())
    }

    fn undo_resize(&mut self, record: &Record, lost: bool, report: &mut Report) -> io::Result<()> {
        let Some(OpenFile { file, .. }) = self.files.get(&record.inode) else { return Ok(()) };
        if lost {
            file.set_len(record.old_size)?;
            file.write_all_at(&self.log.data(record)?, record.offset)?;
            report.names_and_sizes_undone += 1;
        } else if record.offset < record.old_size {
            self.settled.push((
                record.inode,
                record.offset.div_ceil(SECTOR),
                record.old_size.div_ceil(SECTOR),
            ));
        }
        Ok(())
    }

    /// The sectors that a write touched, as far as the file ever reached.
    fn sectors(&self, record: &Record) -> io::Result<std::ops::Range<u64>> {
        let extent = self.files.get(&record.inode).map_or(0, |file| file.extent);
        let end = record.offset.saturating_add(record.length).min(extent);
        Ok(record.offset / SECTOR..end.max(record.offset).div_ceil(SECTOR))
    }
}

/// Back from `path2` to `path`, when it is there that the moved file is: the move may never have happened.
fn undo_move(record: &Record) -> io::Result<()> {
    match fs::symlink_metadata(&record.path2) {
        Ok(moved) if moved.ino() == record.moved => {}
        _ => return Ok(()),
    }
    fs::rename(&record.path2, &record.path)?;
    match &record.path3 {
        Some(replaced) => fs::hard_link(replaced, &record.path2),
        None => Ok(()),
    }
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Opens each file that bytes or a size may have to be put back in, wherever it is now.
fn open_files(dirs: &[&Path], unsynced: &[&Record]) -> io::Result<HashMap<u64, OpenFile>> {
    let mut paths = HashMap::new();
    for dir in dirs {
        for path in files_below(dir)? {
            paths.insert(fs::symlink_metadata(&path)?.ino(), path);
        }
    }
    let mut files = HashMap::new();
    for record in unsynced.iter().filter(|record| matches!(record.kind, Kind::Write | Kind::Resize)) {
        let number = files.len() as u64;
        if let (false, Some(path)) = (files.contains_key(&record.inode), paths.get(&record.inode)) {
            let file = File::options().read(true).write(true).open(path)?;
            let extent = file.metadata()?.len();
            files.insert(record.inode, OpenFile { file, number, extent });
        }
        if let Some(open) = files.get_mut(&record.inode) {
            open.extent = open.extent.max(record.old_size);
        }
    }
    Ok(files)
}

fn files_below(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() => dirs.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    Ok(files)
}
