//! How a file is made: planned, written from groups that were verified, made durable, read back and compared.

use std::fs::{self, DirBuilder, File};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use protocol::field::Installation;

use super::block::{encode_group, pack};
use super::check::check_file;
use super::index::{Block, Index, MAGIC};
use super::{FOLDER, Unusable, name, path};
use crate::alerts::{date_of, first_of};
use crate::domain::day::day_after;
use crate::journal::seal::seal_verifies;
use crate::journal::sha256;
use crate::journal::walk::{head_before, next_group};
use crate::keys::{PublicKey, SigningKey};
use crate::storage::{Row, SealRow, Storage};

/// Bytes of a block before it is deflated, unless one group alone has more.
const BLOCK: usize = 256 * 1024;

/// What would go.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// Name of the file.
    pub file: String,
    pub first_index: u64,
    pub last_index: u64,
    #[serde(skip)]
    pub first_group: u64,
    #[serde(skip)]
    pub last_group: u64,
    pub entries: u64,
    /// Business dates with an entry.
    pub days: u64,
    /// The first and the last of them, YYYYMMDD.
    pub from: u32,
    pub to: u32,
    /// Bytes of their records in the database.
    pub bytes: u64,
}

/// A file that is there, read back, and the same as the journal.
#[derive(Debug, Clone)]
pub struct Made {
    pub path: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
    pub sha256: [u8; 32],
    /// An earlier run had made it.
    pub found: bool,
}

/// The groups that are older than a business date; `None` when there is none. What holds the watermark or the last anchor (of group
/// `anchored`) stays, and so does the last group of all.
///
/// # Errors
/// When the journal cannot be read.
pub fn plan(storage: &Storage, before: u32, anchored: u64) -> Result<Option<Plan>> {
    let archives = storage.archives()?;
    let (first_group, first_index) = archives
        .last()
        .map_or((1, 1), |last| (last.last_group.saturating_add(1), last.last_index.saturating_add(1)));
    let newest = storage.last_seal()?.map_or(0, |seal| seal.group);
    let group_of = |index: u64| -> Result<u64> { Ok(storage.entry(index)?.map_or(newest, |row| row.group)) };
    let stays =
        [group_of(first_of(storage, before)?)?, group_of(storage.watermark()?.max(1))?, anchored, newest];
    let last_group = stays.into_iter().min().unwrap_or(0).saturating_sub(1);
    if last_group < first_group {
        return Ok(None);
    }
    let last_index =
        storage.seal(last_group)?.context("a seal is missing; run `gateway journal verify`")?.last_index;
    let date = |index| -> Result<u32> {
        date_of(storage, index)?.with_context(|| format!("entry {index} is missing"))
    };
    let (from, to) = (date(first_index)?, date(last_index)?);
    let (mut days, mut at) = (0_u64, first_index);
    while at <= last_index {
        days = days.saturating_add(1);
        at = first_of(storage, day_after(date(at)?).context("a date outside of the calendar")?)?;
    }
    Ok(Some(Plan {
        file: name(archives.len().saturating_add(1)),
        first_index,
        last_index,
        first_group,
        last_group,
        entries: last_index.saturating_sub(first_index).saturating_add(1),
        days,
        from,
        to,
        bytes: storage.bytes_of(first_index, last_index)?,
    }))
}

/// Makes the file, or takes the one that an earlier run has left, and reads it back. `progress` is told each index that is written, and
/// again each that is read back.
///
/// # Errors
/// When the journal is damaged, the file cannot be written, or is not what was written; the journal is as it was then.
pub fn make(
    storage: &Storage,
    installation: &Installation,
    key: &SigningKey,
    data: &Path,
    plan: &Plan,
    mut progress: impl FnMut(u64),
) -> Result<Made> {
    let folder = data.join(FOLDER);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("making {}", folder.display()))?;
    // Two runs at once would write one file. The lock ends with this process.
    let lock = File::open(&folder)?;
    lock.try_lock()
        .with_context(|| format!("another `gateway archive` works in {}; wait for it", folder.display()))?;
    let file = path(data, &plan.file);
    let found = same(storage, installation, key, &file, plan, &mut progress)?.is_ok();
    if !found {
        let unfinished = file.with_added_extension("new");
        write(storage, installation, key, &unfinished, plan, &mut progress)
            .with_context(|| format!("writing {}", unfinished.display()))?;
        fs::rename(&unfinished, &file)?;
    }
    // Also of one that was found: its name may not have been durable yet.
    File::open(&file)?.sync_all()?;
    lock.sync_all()?;
    File::open(data)?.sync_all()?;
    match same(storage, installation, key, &file, plan, &mut progress)? {
        Ok(made) => Ok(Made { found, ..made }),
        Err(reason) => bail!("what was written reads back as something else: {reason}; look after the disk"),
    }
}

/// Whether a file is what the plan wants, each entry as the database has it.
fn same(
    storage: &Storage,
    installation: &Installation,
    key: &SigningKey,
    file: &Path,
    plan: &Plan,
    progress: &mut dyn FnMut(u64),
) -> Result<std::result::Result<Made, Unusable>> {
    let stored = match Index::open(file) {
        Ok(stored) => stored,
        Err(reason) => return Ok(Err(reason)),
    };
    let differs = |what: &str| Unusable::new(file, what);
    if (stored.index.first_index(), stored.index.end.index) != (plan.first_index, plan.last_index)
        || stored.index.before != head_before(storage, plan.first_group)?
        || stored.index.installation != installation.0
    {
        return Ok(Err(differs("it holds something else")));
    }
    let checked = check_file(
        file,
        |spki| spki == key.spki(),
        |seal: &SealRow, rows: &[Row]| {
            progress(seal.last_index);
            let stands = storage.seal(seal.group).map_err(|error| differs(&error.to_string()))?;
            let entries = storage
                .entries(seal.first_index, seal.last_index)
                .map_err(|error| differs(&error.to_string()))?;
            let is_same = stands.as_ref() == Some(seal) && entries == rows;
            is_same.then_some(()).ok_or_else(|| differs("it differs from the journal"))
        },
    );
    Ok(checked.map(|checked| Made {
        path: file.into(),
        bytes: checked.bytes,
        sha256: checked.sha256,
        found: false,
    }))
}

fn write(
    storage: &Storage,
    installation: &Installation,
    key: &SigningKey,
    file: &Path,
    plan: &Plan,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let public = PublicKey::from_spki(&key.spki()).context("the gateway's key cannot be read")?;
    let before = head_before(storage, plan.first_group)?;
    let mut out = Blocks::new(file, before.index)?;
    let (mut head, mut dates) = (before, None);
    while head.group < plan.last_group {
        let group = next_group(storage, installation, &head)?.context("the journal ends too early")?;
        ensure!(
            seal_verifies(&group.seal, installation, &public),
            "group {} is not signed by this gateway's key",
            group.seal.header.group
        );
        for entry in &group.entries {
            let date = entry.record.details.business_date;
            dates = Some((dates.map_or(date, |(first, _)| first), date));
        }
        head = group.sealed.head;
        let seal = SealRow {
            group: head.group,
            first_index: group.seal.header.first_index,
            last_index: head.index,
            seal: group.sealed.bytes,
        };
        let rows: Vec<Row> = group.entries.into_iter().map(|entry| entry.row).collect();
        out.put(&encode_group(&seal, &rows), head.index)?;
        progress(head.index);
    }
    let (mut file, blocks) = out.finish()?;
    let dates = dates.context("nothing to archive")?;
    let index = Index { installation: installation.0, key: key.spki(), before, end: head, dates, blocks };
    file.write_all(&index.sign(key))?;
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok(())
}

/// Groups on their way into blocks.
struct Blocks {
    file: BufWriter<File>,
    offset: u64,
    blocks: Vec<Block>,
    /// What waits for its block: groups, their bytes, and their last entry.
    waiting: (u64, Vec<u8>, u64),
    written: u64,
}

impl Blocks {
    fn new(path: &Path, before: u64) -> Result<Self> {
        // One that is there is what a run left that was killed.
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(MAGIC)?;
        Ok(Self {
            file,
            offset: MAGIC.len() as u64,
            blocks: Vec::new(),
            waiting: (0, Vec::new(), 0),
            written: before,
        })
    }

    fn put(&mut self, group: &[u8], last_index: u64) -> Result<()> {
        if self.waiting.0 > 0 && self.waiting.1.len().saturating_add(group.len()) > BLOCK {
            self.flush()?;
        }
        self.waiting.0 = self.waiting.0.saturating_add(1);
        self.waiting.1.extend(group);
        self.waiting.2 = last_index;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let (groups, bytes, last_index) = std::mem::take(&mut self.waiting);
        let (inflated, packed) = pack(groups, &bytes)?;
        self.file.write_all(&packed)?;
        let length = packed.len() as u64;
        let first_index = self.written.saturating_add(1);
        let (offset, sha256) = (self.offset, sha256(&[&packed]));
        self.blocks.push(Block {
            first_index,
            last_index,
            offset,
            length,
            inflated: inflated as u64,
            sha256,
        });
        self.offset = offset.saturating_add(length);
        self.written = last_index;
        Ok(())
    }

    fn finish(mut self) -> Result<(BufWriter<File>, Vec<Block>)> {
        if self.waiting.0 > 0 {
            self.flush()?;
        }
        Ok((self.file, self.blocks))
    }
}
