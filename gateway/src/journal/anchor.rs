//! Head anchors: a line outside the database, at least every second, that a rolled-back database cannot deny.
//!
//! A line is `epoch group index sha256-of-seal` (PROTOCOL.md section 13).

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::keys::{from_hex, hex};

/// The head of the journal at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    pub epoch: u64,
    pub group: u64,
    pub index: u64,
    pub seal_hash: [u8; 32],
}

/// No line is longer: three numbers of at most 20 digits and 64 digits of hash.
const MAX_LINE: u64 = 128;

impl Anchor {
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split(' ');
        let mut number = || parts.next()?.parse().ok();
        let (epoch, group, index) = (number()?, number()?, number()?);
        let seal_hash = from_hex(parts.next()?)?.try_into().ok()?;
        parts.next().is_none().then_some(Self { epoch, group, index, seal_hash })
    }
}

/// The file that anchors are appended to.
#[derive(Debug)]
pub struct AnchorFile {
    path: PathBuf,
    file: File,
    last: Option<Anchor>,
}

impl AnchorFile {
    /// Opens the file and reads its last whole line; a torn last line is cut off.
    ///
    /// # Errors
    /// When the file cannot be opened, or holds a whole line that is no anchor.
    pub fn open(path: &Path) -> Result<Self> {
        let context = || format!("anchor file {}", path.display());
        let mut file =
            OpenOptions::new().create(true).read(true).append(true).open(path).with_context(context)?;
        let last = last_anchor(&mut file).with_context(context)?;
        // The name must survive a power loss as the lines do.
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            File::open(directory).and_then(|directory| directory.sync_all()).with_context(context)?;
        }
        Ok(Self { path: path.into(), file, last })
    }

    /// The newest anchor.
    #[must_use]
    pub fn last(&self) -> Option<Anchor> {
        self.last
    }

    /// Appends and syncs. Writing the same head again does nothing.
    ///
    /// # Errors
    /// When the medium fails.
    pub fn append(&mut self, anchor: Anchor) -> Result<()> {
        if self.last == Some(anchor) {
            return Ok(());
        }
        let line = format!("{} {} {} {}\n", anchor.epoch, anchor.group, anchor.index, hex(&anchor.seal_hash));
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.with_context(|| format!("anchor file {}", self.path.display()))?;
        self.last = Some(anchor);
        Ok(())
    }
}

/// Every whole line of an anchor file.
///
/// # Errors
/// When a line is no anchor.
pub fn read_all(path: &Path) -> Result<Vec<Anchor>> {
    let bytes = std::fs::read(path).with_context(|| format!("anchor file {}", path.display()))?;
    let text = std::str::from_utf8(arrived(&bytes))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |(number, line): (usize, &str)| {
        Anchor::parse(line).with_context(|| format!("line {} is no anchor", number.saturating_add(1)))
    };
    whole.lines().enumerate().map(parse).collect()
}

fn last_anchor(file: &mut File) -> Result<Option<Anchor>> {
    let length = file.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(MAX_LINE.saturating_mul(2));
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let tail = arrived(&tail);
    let Some(end) = tail.iter().rposition(|b| *b == b'\n') else {
        file.set_len(start)?;
        return Ok(None);
    };
    let whole = u64::try_from(end)?.saturating_add(1).saturating_add(start);
    if whole < length {
        file.set_len(whole)?;
    }
    let lines = std::str::from_utf8(tail.get(..end).unwrap_or_default())?;
    let line = lines.rsplit('\n').next().unwrap_or_default();
    Anchor::parse(line).context("the last line is no anchor").map(Some)
}

/// When the power goes during an append, its first sector may be lost and its end be there: zeros stand in between.
fn arrived(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_is_cut_and_the_one_before_it_stands() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("anchors.log");
        let anchor = |index| Anchor { epoch: 1, group: index, index, seal_hash: [7; 32] };
        let mut file = AnchorFile::open(&path).expect("new file");
        assert_eq!(file.last(), None);
        for index in 1..=5 {
            file.append(anchor(index)).expect("append");
        }
        drop(file);
        for torn in [&b"1 6 6 07"[..], b"\0\0\0\0", b"\x00\x00\x00\x00\x00\x00\x00707\n", b"1 6 6 \x000707\n"]
        {
            OpenOptions::new().append(true).open(&path).expect("open").write_all(torn).expect("tear");
            assert_eq!(read_all(&path).expect("lines").len(), 5);
            assert_eq!(AnchorFile::open(&path).expect("torn file").last(), Some(anchor(5)));
        }
        let mut file = AnchorFile::open(&path).expect("mended file");
        file.append(anchor(6)).expect("append");
        drop(file);
        assert_eq!(read_all(&path).expect("lines").len(), 6);
        assert_eq!(AnchorFile::open(&path).expect("file").last(), Some(anchor(6)));
    }
}
