//! The receipt roll: the receipt file (section 8.4) of every final answer, one file each. What later commands name, what
//! is printed again, and what the shift's totals are counted from is read from here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use protocol::answer::Answer;
use protocol::cose;
use protocol::field::{Original, RequestId};
use protocol::receipt::ReceiptFile;
use protocol::request::Request;

use crate::error::Error;
use crate::hash::{hex, sha256};
use crate::store::Store;

const EXTENSION: &str = "receipt";
/// So much of the receipt's hash is printed: 12 hex digits.
const SHORT_HASH: usize = 6;

/// A receipt file, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) request: Request,
    pub(super) request_id: RequestId,
    pub(super) answer: Answer,
    /// The first digits of the SHA-256 of the receipt, for people to compare.
    pub(super) short_hash: String,
    file: ReceiptFile,
}

impl Kept {
    pub(super) fn read(file: ReceiptFile) -> Result<Kept, Error> {
        let damaged = |error: &dyn std::fmt::Display| Error::Usage(format!("not a receipt file: {error}"));
        let opened = cose::open_request(file.request.as_bytes(), &file.installation, file.kind);
        let opened = opened.map_err(|error| damaged(&error))?;
        let request = Request::decode_payload(file.kind, opened.payload).map_err(|error| damaged(&error))?;
        let request_id = RequestId::of(&opened.to_be_signed, sha256);
        let answer = Answer::decode(file.answer.as_bytes()).map_err(|error| damaged(&error))?;
        let hash = sha256(&[file.receipt.as_bytes()]);
        let short_hash = hex(hash.get(..SHORT_HASH).unwrap_or_default());
        Ok(Kept { request, request_id, answer, short_hash, file })
    }

    /// Generation and STAN, each 0 where a request has none; those of value messages have both.
    pub(super) fn place(&self) -> (u32, u32) {
        let header = &self.request.header;
        (header.generation.map_or(0, |generation| generation.get()), header.stan.map_or(0, |stan| stan.get()))
    }

    /// How a later request names it.
    pub(super) fn original(&self) -> Option<Original> {
        let header = &self.request.header;
        Some(Original {
            terminal: header.terminal,
            generation: header.generation?,
            stan: header.stan?,
            request_id: self.request_id,
        })
    }
}

/// One terminal's receipts.
#[derive(Debug)]
pub(super) struct Roll {
    store: Store,
    kept: BTreeMap<(u32, u32), Kept>,
}

impl Roll {
    /// Reads what is in the directory, and makes it if it is not there.
    pub(super) fn open(directory: &Path) -> Result<Roll, Error> {
        let store = Store::create(directory)?;
        let mut kept = BTreeMap::new();
        for entry in fs::read_dir(directory).map_err(Error::file(directory))? {
            let path = entry.map_err(Error::file(directory))?.path();
            if path.extension().is_none_or(|extension| extension != EXTENSION) {
                continue;
            }
            let bytes = fs::read(&path).map_err(Error::file(&path))?;
            let damaged = |error: String| Error::Usage(format!("{}: {error}", path.display()));
            let file = ReceiptFile::decode(&bytes).map_err(|error| damaged(error.to_string()))?;
            let one = Kept::read(file).map_err(|error| damaged(error.to_string()))?;
            kept.insert(one.place(), one);
        }
        Ok(Roll { store, kept })
    }

    /// Puts a receipt on the roll; it is durable on return. `false` when it was there already.
    pub(super) fn put(&mut self, kept: Kept) -> Result<bool, Error> {
        let place = kept.place();
        if self.kept.contains_key(&place) {
            return Ok(false);
        }
        let (generation, stan) = place;
        self.store.write(&format!("{generation}-{stan:010}.{EXTENSION}"), &kept.file.encode())?;
        self.kept.insert(place, kept);
        Ok(true)
    }

    pub(super) fn get(&self, generation: u32, stan: u32) -> Option<&Kept> {
        self.kept.get(&(generation, stan))
    }

    /// The receipts of a generation, by rising STAN.
    pub(super) fn of(&self, generation: u32) -> impl DoubleEndedIterator<Item = &Kept> {
        self.kept.range((generation, 0)..=(generation, u32::MAX)).map(|(_, kept)| kept)
    }
}
