//! Reads the log that `undo.c` wrote.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const LOG_MAGIC: u64 = u64::from_le_bytes(*b"UNDOLOG1");
const RECORD_MAGIC: u64 = 0x4452_4355;
const HEADER_LEN: usize = 32;
const RECORD_LEN: usize = 72;

/// As `enum kind` in `undo.c`, which says what each field then holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Write,
    Resize,
    Name,
    Unname,
    Move,
    MakeDir,
    DropDir,
    Sync,
}

#[derive(Debug)]
pub(super) struct Record {
    /// Where in the log it begins: records are ordered by it.
    pub(super) at: u64,
    pub(super) kind: Kind,
    pub(super) inode: u64,
    pub(super) inode2: u64,
    pub(super) moved: u64,
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) old_size: u64,
    pub(super) path: PathBuf,
    pub(super) path2: PathBuf,
    /// The kept link of the file that a move replaced.
    pub(super) path3: Option<PathBuf>,
    data_at: u64,
    data_len: usize,
}

pub(super) struct Log {
    dir: PathBuf,
    file: Option<File>,
    pub(super) operations: u64,
    /// The file that was being synced, by its inode, while this was read or when the process died.
    pub(super) syncing: Option<u64>,
    pub(super) records: Vec<Record>,
}

impl Log {
    /// A directory without a log is one in which nothing has happened yet.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let mut log =
            Self { dir: dir.to_owned(), file: None, operations: 0, syncing: None, records: Vec::new() };
        let file = match File::open(dir.join("undo.log")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(log),
            file => file?,
        };
        let [magic, end, operations, syncing] = words(&read(&file, 0, HEADER_LEN)?);
        if magic != LOG_MAGIC {
            return Err(io::Error::other("undo.log has no header"));
        }
        let mut at = HEADER_LEN as u64;
        while at < end {
            let record = Record::read(&file, at)?;
            at = record.data_at + record.data_len as u64;
            log.records.push(record);
        }
        log.operations = operations;
        log.syncing = Some(syncing).filter(|inode| *inode != 0);
        log.file = Some(file);
        Ok(log)
    }

    /// The changes that no sync has made durable, in the order in which they were made.
    pub(super) fn unsynced(&self) -> Vec<&Record> {
        let mut synced = HashMap::new();
        for record in self.records.iter().filter(|record| record.kind == Kind::Sync) {
            let until = synced.entry(record.inode).or_insert(0);
            *until = record.offset.max(*until);
        }
        let synced = |inode: u64, at: u64| synced.get(&inode).is_some_and(|until| at < *until);
        self.records
            .iter()
            .filter(|record| match record.kind {
                Kind::Sync => false,
                Kind::Move => !(synced(record.inode, record.at) && synced(record.inode2, record.at)),
                _ => !synced(record.inode, record.at),
            })
            .collect()
    }

    /// The old bytes that a record carries.
    pub(super) fn data(&self, record: &Record) -> io::Result<Vec<u8>> {
        match &self.file {
            Some(file) => read(file, record.data_at, record.data_len),
            None => Ok(Vec::new()),
        }
    }

    /// Forgets all: the log and the kept links.
    pub(super) fn clear(self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name() == "undo.log" || entry.file_name().as_encoded_bytes().starts_with(b"kept-") {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Record {
    fn read(file: &File, at: u64) -> io::Result<Self> {
        let [magic_kind, inode, inode2, moved, offset, length, old_size, path_lens, data_len] =
            words(&read(file, at, RECORD_LEN)?);
        let kind = match magic_kind >> 32 {
            1 => Kind::Write,
            2 => Kind::Resize,
            3 => Kind::Name,
            4 => Kind::Unname,
            5 => Kind::Move,
            6 => Kind::MakeDir,
            7 => Kind::DropDir,
            8 => Kind::Sync,
            _ => return Err(io::Error::other(format!("undo.log has a record of unknown kind at {at}"))),
        };
        if magic_kind & 0xffff_ffff != RECORD_MAGIC {
            return Err(io::Error::other(format!("undo.log has no record at {at}")));
        }
        let (path_len, path2_len) = (size(path_lens & 0xffff_ffff)?, size(path_lens >> 32)?);
        let path = read_path(file, at + RECORD_LEN as u64, path_len)?;
        let path2 = read_path(file, at + (RECORD_LEN + path_len) as u64, path2_len)?;
        let (data_at, data_len) = (at + (RECORD_LEN + path_len + path2_len) as u64, size(data_len)?);
        let path3 = match kind {
            Kind::Move if data_len > 0 => Some(read_path(file, data_at, data_len)?),
            _ => None,
        };
        Ok(Self {
            at,
            kind,
            inode,
            inode2,
            moved,
            offset,
            length,
            old_size,
            path,
            path2,
            path3,
            data_at,
            data_len,
        })
    }
}

fn read(file: &File, at: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

fn read_path(file: &File, at: u64, len: usize) -> io::Result<PathBuf> {
    Ok(OsString::from_vec(read(file, at, len)?).into())
}

/// The log is in the machine's byte order, and the shim runs on little-endian machines only.
fn words<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let mut words = [0; N];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = chunk.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    words
}

pub(super) fn size(value: u64) -> io::Result<usize> {
    usize::try_from(value).map_err(io::Error::other)
}
