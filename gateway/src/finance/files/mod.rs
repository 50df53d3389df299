//! The forms in which a period is written. Each file is hashed as it is written, and none is held in memory.

mod beancount;
mod behind;
mod csv;
mod hledger;
mod jsonl;
mod xlsx;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use super::book::{Book, digits};
use super::entry::Transaction;
use super::manifest::FileLine;

pub(super) use behind::{BATCH, Behind};

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Format {
    /// transactions.csv, postings.csv, lots.csv, totals.csv
    Csv,
    /// journal.jsonl
    Jsonl,
    /// journal.hledger
    Hledger,
    /// journal.beancount
    Beancount,
    /// finance.xlsx
    Xlsx,
}

/// What a file's head says.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub from: jiff::civil::Date,
    pub to: jiff::civil::Date,
    pub store: Option<String>,
}

/// Files of one form, being written.
pub(super) trait Form: Send {
    /// Writes what comes before the period: the opening balances.
    fn begin(&mut self, book: &Book) -> Result<()>;
    /// Writes one transaction.
    fn transaction(&mut self, transaction: &Transaction) -> Result<()>;
    /// Writes what comes behind the period: the closing balances.
    fn end(self: Box<Self>, book: &Book) -> Result<Vec<FileLine>>;
}

/// Begins the files of a form in a directory.
pub(super) fn form(format: Format, head: &Head, directory: &Path) -> Result<Box<dyn Form>> {
    Ok(match format {
        Format::Csv => Box::new(csv::Csv::new(directory)?),
        Format::Jsonl => Box::new(jsonl::Jsonl::new(head, directory)?),
        Format::Hledger => Box::new(hledger::Hledger::new(head, directory)?),
        Format::Beancount => Box::new(beancount::Beancount::new(head, directory)?),
        Format::Xlsx => Box::new(xlsx::Xlsx::new(head, directory)?),
    })
}

/// A file that is counted and hashed on its way to the disk, in pieces that are worth the way.
pub(super) struct Counted {
    name: &'static str,
    file: File,
    waiting: Vec<u8>,
    hash: ring::digest::Context,
    length: u64,
}

/// Bytes that are written at once.
const PIECE: usize = 256 * 1024;

impl Counted {
    pub(super) fn create(directory: &Path, name: &'static str) -> Result<Self> {
        let path = directory.join(name);
        let file = File::create_new(&path).with_context(|| format!("making {}", path.display()))?;
        let hash = ring::digest::Context::new(&ring::digest::SHA256);
        Ok(Self { name, file, waiting: Vec::with_capacity(PIECE), hash, length: 0 })
    }

    /// Presses it onto the medium.
    pub(super) fn finish(mut self) -> Result<FileLine> {
        let context = || format!("writing {}", self.name);
        let synced = self.file.write_all(&self.waiting).and_then(|()| self.file.sync_all());
        synced.with_context(context)?;
        self.hash.update(&self.waiting);
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.hash.finish().as_ref());
        Ok(FileLine { name: self.name.to_owned(), length: self.length, sha256 })
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.waiting.len().saturating_add(bytes.len()) > PIECE {
            self.flush()?;
        }
        self.waiting.extend_from_slice(bytes);
        self.length = self.length.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.write_all(&self.waiting)?;
        self.hash.update(&self.waiting);
        self.waiting.clear();
        Ok(())
    }
}

/// Puts texts behind each other, without asking how each wants to be formatted.
fn append(text: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| text.push_str(part));
}

/// `2026-11-21` of 20261121.
pub(super) fn dashed(business_date: u32) -> String {
    let mut date = String::with_capacity(10);
    digits(&mut date, business_date.into());
    while date.len() < 8 {
        date.insert(0, '0');
    }
    date.insert(6, '-');
    date.insert(4, '-');
    date
}
