//! The forms in which a period is written. Each file is hashed as it is written, and none is held in memory.

mod beancount;
mod csv;
mod hledger;
mod jsonl;
mod xlsx;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use super::book::Book;
use super::entry::Transaction;
use super::manifest::FileLine;

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
pub(super) trait Form {
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

/// A file that is counted and hashed on its way to the disk.
pub(super) struct Counted {
    name: &'static str,
    file: BufWriter<File>,
    hash: ring::digest::Context,
    length: u64,
}

impl Counted {
    pub(super) fn create(directory: &Path, name: &'static str) -> Result<Self> {
        let path = directory.join(name);
        let file = File::create_new(&path).with_context(|| format!("making {}", path.display()))?;
        let hash = ring::digest::Context::new(&ring::digest::SHA256);
        Ok(Self { name, file: BufWriter::new(file), hash, length: 0 })
    }

    /// Presses it onto the medium.
    pub(super) fn finish(self) -> Result<FileLine> {
        let context = || format!("writing {}", self.name);
        let file = self.file.into_inner().with_context(context)?;
        file.sync_all().with_context(context)?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.hash.finish().as_ref());
        Ok(FileLine { name: self.name.to_owned(), length: self.length, sha256 })
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.length = self.length.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// `2026-11-21` of 20261121.
pub(super) fn dashed(business_date: u32) -> String {
    let digits = format!("{business_date:08}");
    let (year, rest) = digits.split_at(4);
    let (month, day) = rest.split_at(2);
    format!("{year}-{month}-{day}")
}
