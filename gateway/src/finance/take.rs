//! Taking an export: the journal is read once, group by group, checked against its seals on the way, and written as it is read.
//! Groups are checked on all cores and added up here in their order; each form is written on a thread of its own. What is in
//! memory is the balances of the accounts and the few groups that are under way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, Scope};
use std::{fs, mem};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::civil::Date;
use protocol::field::Installation;

use super::book::Book;
use super::calendar::Calendar;
use super::entry::{Reader, Transaction, message_of};
use super::files::{BATCH, Behind, Counted, Form, Format, Head, form};
use super::homes::Homes;
use super::manifest::{End, FileLine, MANIFEST, MANIFEST_READABLE, Manifest, Signed};
use super::names::{ACCOUNTS_FILE, Names};
use super::read::{EntryRead, Read, Seals};
use super::verify::{Trusted, verify};
use crate::domain::Effect;
use crate::journal::ahead::Ahead;
use crate::journal::record::{Details, Record};
use crate::keys::{SigningKey, fingerprint};
use crate::storage::Storage;
use crate::workers::with_workers;

/// Business dates, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub from: Date,
    pub to: Date,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub period: Period,
    /// Only this store's books.
    pub store: Option<String>,
    pub formats: Vec<Format>,
    pub names: Names,
}

/// What was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub manifest: Manifest,
    pub transactions: u64,
    pub postings: u64,
    /// The directory held this very export already.
    pub unchanged: bool,
}

/// Writes an export into `out`, which appears whole or not at all. Taken again into the same directory, it is compared with
/// what is there. `progress` is told each index that is read.
///
/// # Errors
/// When the journal is damaged, something else is in `out`, a file cannot be written, or the files do not verify.
pub fn take(
    storage: &Storage,
    installation: &Installation,
    key: &SigningKey,
    asked: &Asked,
    out: &Path,
    progress: impl FnMut(u64),
) -> Result<Taken> {
    ensure!(asked.period.from <= asked.period.to, "the period ends before it begins");
    let beside = beside(out)?;
    if beside.exists() {
        fs::remove_dir_all(&beside).with_context(|| format!("removing {}", beside.display()))?;
    }
    fs::create_dir_all(&beside).with_context(|| format!("making {}", beside.display()))?;
    let taken = write(storage, installation, key, asked, &beside, progress).and_then(|mut taken| {
        taken.unchanged = put_in_place(&beside, out, &taken.manifest)?;
        Ok(taken)
    });
    if beside.exists() {
        drop(fs::remove_dir_all(&beside));
    }
    taken
}

/// A name beside `out` on the same medium, that nobody takes for an export.
fn beside(out: &Path) -> Result<PathBuf> {
    let name = out.file_name().with_context(|| format!("{} names no directory", out.display()))?;
    Ok(out.with_file_name(format!(".{}.gateway-export", name.to_string_lossy())))
}

/// Whether the same export was there already; its signature is another, everything that is signed the same.
fn put_in_place(beside: &Path, out: &Path, manifest: &Manifest) -> Result<bool> {
    let there = match fs::read(out.join(MANIFEST)) {
        Ok(bytes) => Signed::parse(&bytes).ok().map(|signed| signed.manifest),
        Err(_) => None,
    };
    if let Some(there) = there {
        ensure!(
            there == *manifest,
            "{} holds another export: {}. It stays as it is; name another directory for {}",
            out.display(),
            there.beside(manifest),
            manifest.about()
        );
        let report = verify(&[out.to_path_buf()], &Trusted::Fingerprint(fingerprint(&manifest.key)))?;
        ensure!(report.faults.is_empty(), "{} was changed: {}", out.display(), report.faults.join("; "));
        return Ok(true);
    }
    ensure!(
        out.is_dir() || !out.exists(),
        "{} is no directory; name one that is not there yet",
        out.display()
    );
    let empty = !out.exists() || fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none());
    ensure!(empty, "{} is not empty, and no export; name a directory that is not there yet", out.display());
    fs::rename(beside, out).with_context(|| format!("making {}", out.display()))?;
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(parent).and_then(|parent| parent.sync_all()).context("syncing the directory")?;
    Ok(false)
}

fn write(
    storage: &Storage,
    installation: &Installation,
    key: &SigningKey,
    asked: &Asked,
    directory: &Path,
    mut progress: impl FnMut(u64),
) -> Result<Taken> {
    let taken = with_workers(|workers| {
        thread::scope(|scope| {
            let mut taking = Taking::new(storage, asked, directory, scope)?;
            let (mut groups, mut seals) =
                (Ahead::new(workers, storage, installation, &Read::of), Seals::default());
            while !taking.complete
                && let Some(group) = groups.take().context("the journal is damaged")?
            {
                seals.next(&group, installation)?;
                let last = group.last_index;
                taking.group(group)?;
                progress(last);
            }
            seals.check(installation)?;
            taking.knows_its_store()?;
            taking.finish(installation, key)
        })
    })?;
    let (manifest, mut files) = (taken.manifest.sign(key), [MANIFEST, MANIFEST_READABLE].into_iter());
    for bytes in [manifest.as_slice(), taken.manifest.readable().as_bytes()] {
        let name = files.next().unwrap_or(MANIFEST);
        written(directory, name, bytes)?;
    }
    fs::File::open(directory).and_then(|directory| directory.sync_all()).context("syncing the directory")?;
    // Counted twice: once on the way out of the journal, once from what a reader of the files sees.
    let trusted = Trusted::Fingerprint(fingerprint(&taken.manifest.key));
    let report = verify(&[directory.to_path_buf()], &trusted)?;
    ensure!(report.faults.is_empty(), "what was written does not verify: {}", report.faults.join("; "));
    Ok(taken)
}

fn written(directory: &Path, name: &'static str, bytes: &[u8]) -> Result<FileLine> {
    let mut file = Counted::create(directory, name)?;
    std::io::Write::write_all(&mut file, bytes).with_context(|| format!("writing {name}"))?;
    file.finish()
}

/// An export under way.
struct Taking<'a, 'scope, 'env> {
    storage: &'a Storage,
    asked: &'a Asked,
    directory: &'a Path,
    scope: &'scope Scope<'scope, 'env>,
    from: u32,
    to: u32,
    homes: Homes,
    /// Stores that have terminals, or entries, by the end of the period.
    known: BTreeSet<String>,
    book: Book,
    calendar: Calendar,
    /// Until the period begins.
    forms: Vec<Box<dyn Form>>,
    /// From then on.
    files: Vec<Behind<'scope>>,
    /// Transactions that the files do not have yet.
    waiting: Vec<Transaction>,
    begun: bool,
    before: End,
    end: End,
    /// An entry behind the period was seen, or the close of its last day.
    complete: bool,
    manifest_kinds: BTreeMap<String, u64>,
    /// Room for the kind of an entry.
    kind: String,
    transactions: u64,
    postings: u64,
}

impl<'a, 'scope, 'env> Taking<'a, 'scope, 'env> {
    fn new(
        storage: &'a Storage,
        asked: &'a Asked,
        directory: &'a Path,
        scope: &'scope Scope<'scope, 'env>,
    ) -> Result<Self> {
        let Period { from, to } = asked.period;
        let head = Head { from, to, store: asked.store.clone() };
        let mut formats = asked.formats.clone();
        formats.sort();
        formats.dedup();
        let forms =
            formats.into_iter().map(|format| form(format, &head, directory)).collect::<Result<_>>()?;
        Ok(Self {
            storage,
            asked,
            directory,
            scope,
            from: number(from)?,
            to: number(to)?,
            homes: Homes::default(),
            known: BTreeSet::new(),
            book: Book::default(),
            calendar: Calendar::default(),
            forms,
            files: Vec::new(),
            waiting: Vec::new(),
            begun: false,
            before: End::default(),
            end: End::default(),
            complete: false,
            manifest_kinds: BTreeMap::new(),
            kind: String::new(),
            transactions: 0,
            postings: 0,
        })
    }

    /// The next group of the journal, up to the first entry behind the period or the close of its last day.
    fn group(&mut self, group: Read) -> Result<()> {
        let (mut before, mut end) = (None, None);
        for entry in group.entries {
            let (index, business_date) = (entry.details.index, entry.details.business_date);
            let closes_last = entry.closes.is_some_and(|day| day >= self.to);
            if business_date > self.to {
                self.complete = true;
                break;
            }
            let is_before = business_date < self.from;
            end = Some(index);
            before = end.filter(|_| is_before).or(before);
            self.entry(entry, is_before).with_context(|| format!("entry {index}"))?;
            if closes_last {
                self.complete = true;
                break;
            }
        }
        for (place, index) in [(&mut self.before, before), (&mut self.end, end)] {
            if let Some(index) = index {
                *place = End { index, seal: group.seal.clone() };
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: EntryRead, is_before: bool) -> Result<()> {
        let EntryRead { details, told, .. } = entry;
        self.calendar.learn_from(&details.effects);
        self.homes.note(details.index, &details.store)?;
        let storage = self.storage;
        let reader = Reader { names: &self.asked.names, homes: &self.homes };
        let told = told?;
        let sold_at = told.sold_at;
        let mut transaction = reader.place(told, &details.effects, |index| earlier(storage, index))?;
        if let Some(store) = &self.asked.store {
            self.meets(&details);
            let Some(own) = transaction.in_books_of(store) else { return Ok(()) };
            transaction = own;
        }
        if is_before {
            for leg in &transaction.legs {
                self.book.open(&leg.account, &leg.commodity, leg.amount)?;
            }
            return Ok(());
        }
        transaction.happened = self.calendar.happened(sold_at);
        self.write(transaction)
    }

    /// Its store, and that of a terminal that it names.
    fn meets(&mut self, details: &Details) {
        let of_terminals = details.effects.iter().filter_map(|effect| match effect {
            Effect::Terminal { store, .. } => Some(store),
            _ => None,
        });
        for store in of_terminals.chain([&details.store]).filter(|store| !store.is_empty()) {
            if !self.known.contains(store) {
                self.known.insert(store.clone());
            }
        }
    }

    /// An export of a store that is nobody's would say, signed, that it took nothing.
    fn knows_its_store(&self) -> Result<()> {
        let Some(store) = &self.asked.store else { return Ok(()) };
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        ensure!(
            self.known.contains(store),
            "store {store} is not known by {}; there are {}",
            self.asked.period.to,
            known.join(", ")
        );
        Ok(())
    }

    fn write(&mut self, transaction: Transaction) -> Result<()> {
        self.begin()?;
        self.kind.clear();
        transaction.append_kind(&mut self.kind);
        match self.manifest_kinds.get_mut(&self.kind) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(self.manifest_kinds.insert(self.kind.clone(), 1)),
        }
        if !transaction.is_listed() {
            return Ok(());
        }
        for leg in &transaction.legs {
            self.book.post(&leg.account, &leg.commodity, leg.amount)?;
        }
        self.transactions = self.transactions.saturating_add(1);
        self.postings = self.postings.saturating_add(transaction.legs.len() as u64);
        self.waiting.push(transaction);
        if self.waiting.len() >= BATCH { self.hand_over() } else { Ok(()) }
    }

    /// Gives the files what waits for them.
    fn hand_over(&mut self) -> Result<()> {
        let batch = Arc::new(mem::take(&mut self.waiting));
        match self.files.iter().position(|file| !file.write(&batch)) {
            None => Ok(()),
            Some(failed) => self.files.swap_remove(failed).form().map(drop),
        }
    }

    /// The opening balances are known when the first entry of the period is there, or the journal is at its end.
    fn begin(&mut self) -> Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        for mut form in mem::take(&mut self.forms) {
            form.begin(&self.book)?;
            self.files.push(Behind::new(self.scope, form));
        }
        Ok(())
    }

    fn finish(mut self, installation: &Installation, key: &SigningKey) -> Result<Taken> {
        self.begin()?;
        self.hand_over()?;
        self.book.check()?;
        let mut files = vec![written(self.directory, ACCOUNTS_FILE, self.asked.names.document().as_bytes())?];
        for file in self.files {
            files.extend(file.form()?.end(&self.book)?);
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        let manifest = Manifest {
            installation: installation.0,
            key: key.spki(),
            from: self.from,
            to: self.to,
            store: self.asked.store.clone(),
            complete: self.complete,
            before: self.before,
            end: self.end,
            files,
            book: self.book,
            kinds: self.manifest_kinds,
        };
        Ok(Taken { manifest, transactions: self.transactions, postings: self.postings, unchanged: false })
    }
}

/// The message type of an earlier entry.
pub(super) fn earlier(storage: &Storage, index: u64) -> Result<Option<u8>> {
    let Some(row) = storage.entry(index)? else { bail!("entry {index} is missing; run `journal verify`") };
    let (record, _) = Record::decode(&row.record).with_context(|| format!("entry {index}"))?;
    Ok(message_of(&record))
}

/// YYYYMMDD.
pub(super) fn number(date: Date) -> Result<u32> {
    date.strftime("%Y%m%d").to_string().parse().context("a date outside the range")
}
