//! Checking exports with nothing but their directories and the gateway's public key. Nothing in a directory is believed: the
//! key comes from elsewhere, the manifest's signature from the key, everything else from the manifest or from counting again.

mod recount;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{fs, iter};

use anyhow::{Context as _, Result};
use jiff::civil::Date;
use protocol::field::Installation;
use protocol::receipt::Seal;

use super::files::dashed;
use super::manifest::{End, FileLine, MANIFEST, MANIFEST_READABLE, Manifest, Signed, seal_hash};
use crate::journal::seal::seal_verifies;
use crate::keys::{PublicKey, fingerprint, hex};
use crate::workers::{Line, with_workers};

/// How the verifier knows the gateway's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trusted {
    /// SubjectPublicKeyInfo.
    Key(Vec<u8>),
    /// SHA-256 of it.
    Fingerprint([u8; 32]),
}

/// One export, as far as its manifest could be read.
#[derive(Debug, Clone)]
pub struct Checked {
    pub directory: PathBuf,
    pub manifest: Manifest,
}

/// What is proved, what is not, and what does not hold.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub exports: Vec<Checked>,
    pub proved: Vec<String>,
    pub unproved: Vec<String>,
    pub faults: Vec<String>,
}

/// Checks exports, each by itself and each as the one that follows the one before it.
///
/// # Errors
/// When a directory or file cannot be read at all.
pub fn verify(directories: &[PathBuf], trusted: &Trusted) -> Result<Report> {
    let mut report = Report::default();
    for directory in directories {
        if let Some(checked) = report.one(directory, trusted)? {
            report.exports.push(checked);
        }
    }
    if report.exports.len() == directories.len() {
        report.follow();
    }
    if report.faults.is_empty() {
        report.say();
    } else {
        report.proved.clear();
    }
    Ok(report)
}

impl Report {
    fn fault(&mut self, directory: &Path, what: impl std::fmt::Display) {
        self.faults.push(format!("{}: {what}", directory.display()));
    }

    fn one(&mut self, directory: &Path, trusted: &Trusted) -> Result<Option<Checked>> {
        let path = directory.join(MANIFEST);
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let signed = match Signed::parse(&bytes) {
            Ok(signed) => signed,
            Err(error) => {
                self.fault(directory, format_args!("{MANIFEST}: {error}"));
                return Ok(None);
            }
        };
        let is_trusted = match trusted {
            Trusted::Key(spki) => *spki == signed.manifest.key,
            Trusted::Fingerprint(hash) => *hash == fingerprint(&signed.manifest.key),
        };
        if !is_trusted {
            let named = hex(&fingerprint(&signed.manifest.key));
            self.fault(directory, format_args!("it is signed by another key, of the fingerprint {named}"));
            return Ok(None);
        }
        let verifies = PublicKey::from_spki(&signed.manifest.key)
            .is_some_and(|key| key.verify(&signed.message, &signed.signature));
        if !verifies {
            self.fault(directory, format_args!("{MANIFEST}: its signature does not verify"));
            return Ok(None);
        }
        let manifest = signed.manifest;
        self.files(directory, &manifest)?;
        self.sums(directory, &manifest);
        self.place(directory, &manifest);
        Ok(Some(Checked { directory: directory.into(), manifest }))
    }

    /// Every file is there as it was written, and nothing else is.
    fn files(&mut self, directory: &Path, manifest: &Manifest) -> Result<()> {
        let readable = fs::read_to_string(directory.join(MANIFEST_READABLE)).unwrap_or_default();
        if readable != manifest.readable() {
            self.fault(
                directory,
                format_args!("{MANIFEST_READABLE} is missing, or does not say what is signed"),
            );
        }
        let mut whole = true;
        for checked in check_files(directory, &manifest.files) {
            if let Err(what) = checked {
                whole = false;
                self.fault(directory, what);
            }
        }
        let mut known: BTreeSet<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
        known.extend([MANIFEST, MANIFEST_READABLE]);
        for entry in fs::read_dir(directory)? {
            let name = entry?.file_name();
            if !name.to_str().is_some_and(|name| known.contains(name)) {
                self.fault(directory, format_args!("{} is not of this export", name.display()));
            }
        }
        if whole {
            for fault in recount::faults(directory, manifest) {
                self.fault(directory, fault);
            }
        }
        Ok(())
    }

    fn sums(&mut self, directory: &Path, manifest: &Manifest) {
        if let Err(error) = manifest.book.check() {
            self.fault(directory, error);
        }
        let counted = manifest.kinds.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let entries = manifest.end.index.saturating_sub(manifest.before.index);
        if manifest.store.is_none() && counted != entries {
            self.fault(directory, format_args!("it counts {counted} entries, and there are {entries}"));
        }
    }

    /// The seals are the gateway's own, and of the groups that the ends are in.
    fn place(&mut self, directory: &Path, manifest: &Manifest) {
        if manifest.end.index < manifest.before.index {
            self.fault(directory, "it ends before it begins");
        }
        for end in [&manifest.before, &manifest.end] {
            if let Err(what) = check_end(end, manifest) {
                self.fault(directory, format_args!("the seal of entry {}: {what}", end.index));
            }
        }
    }

    /// Nothing fell between one export and the next.
    fn follow(&mut self) {
        let mut faults = Vec::new();
        for pair in self.exports.windows(2) {
            let [one, next] = pair else { continue };
            let (a, b) = (&one.manifest, &next.manifest);
            let mut say = |what: &str| {
                faults.push(format!(
                    "{} does not follow {}: {what}",
                    next.directory.display(),
                    one.directory.display()
                ));
            };
            if a.installation != b.installation || a.store != b.store {
                say("it is of another gateway or store");
            }
            if a.end != b.before {
                say(&format!(
                    "it begins behind entry {}, and the other ends at entry {}",
                    b.before.index, a.end.index
                ));
            }
            if date(a.to).and_then(|to| to.tomorrow().ok()) != date(b.from) {
                say("a business date is in neither of them, or in both");
            }
            if !rolls_forward(a, b) {
                say("its opening balances are not the closing balances of the other");
            }
        }
        self.faults.extend(faults);
    }

    /// Says what a sound report proves, and what it cannot.
    fn say(&mut self) {
        for Checked { directory, manifest } in &self.exports {
            let (from, to) = (dashed(manifest.from), dashed(manifest.to));
            self.proved.push(format!(
                "{}: the gateway signed these {} files, to the byte, as business dates {from} to {to}, entries {} to {}",
                directory.display(),
                manifest.files.len(),
                manifest.first_index(),
                manifest.end.index
            ));
            if !manifest.complete {
                self.unproved.push(format!(
                    "{}: that business date {to} was over; take the export again when it is",
                    directory.display()
                ));
            }
            if let Some(store) = &manifest.store {
                self.unproved
                    .push(format!("{}: anything about other stores than {store}", directory.display()));
            }
        }
        self.proved.push(
            "every transaction, also in each store's own books, and every trial balance comes to zero, and opening plus movements is closing"
                .into(),
        );
        if self.exports.len() > 1 {
            self.proved
                .push("nothing fell between these exports: each begins where the one before it ends".into());
        }
        if let Some(last) = self.exports.last().filter(|last| !last.manifest.end.seal.is_empty()) {
            self.unproved.push(format!(
                "that the gateway's journal still ends up here: look for the seal {} in its anchors, or run `gateway journal verify`",
                seal_hash(&last.manifest.end)
            ));
        }
        self.unproved
            .push("that the key is the gateway's: compare its fingerprint with one from elsewhere".into());
    }
}

/// As many at once as there are cores.
fn check_files(directory: &Path, files: &[FileLine]) -> Vec<Result<(), String>> {
    with_workers(|workers| {
        let mut line = Line::new(workers);
        files.iter().for_each(|file| line.give(move || check_file(directory, file)));
        iter::from_fn(|| line.take()).collect()
    })
}

fn check_file(directory: &Path, line: &FileLine) -> Result<(), String> {
    let name = &line.name;
    let read = || -> std::io::Result<(u64, [u8; 32])> {
        let mut file = fs::File::open(directory.join(name))?;
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        let (mut length, mut buffer) = (0_u64, vec![0; recount::PIECE]);
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(buffer.get(..read).unwrap_or_default());
            length = length.saturating_add(read as u64);
        }
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(hash.finish().as_ref());
        Ok((length, sha256))
    };
    match read() {
        Ok(found) if found == (line.length, line.sha256) => Ok(()),
        Ok((length, _)) if length != line.length => {
            Err(format!("{name} has {length} bytes; it was written with {}", line.length))
        }
        Ok(_) => Err(format!("{name} was changed")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

fn check_end(end: &End, manifest: &Manifest) -> Result<(), &'static str> {
    if end.index == 0 {
        return if end.seal.is_empty() { Ok(()) } else { Err("there is none") };
    }
    let seal = Seal::parse(&end.seal).map_err(|_| "it cannot be read")?;
    if !(seal.header.first_index..=seal.header.last_index).contains(&end.index) {
        return Err("it is of other entries");
    }
    let key = PublicKey::from_spki(&manifest.key).ok_or("the key cannot be read")?;
    let signed = seal_verifies(&seal, &Installation(manifest.installation), &key);
    if signed { Ok(()) } else { Err("its signature does not verify") }
}

fn rolls_forward(one: &Manifest, next: &Manifest) -> bool {
    let closings = one.book.balances.iter().map(|(account, balance)| (account, balance.closing()));
    let openings = next.book.balances.iter().map(|(account, balance)| (account, Some(balance.opening)));
    let closings: BTreeSet<_> = closings.filter(|(_, amount)| *amount != Some(0)).collect();
    openings.filter(|(_, amount)| *amount != Some(0)).collect::<BTreeSet<_>>() == closings
}

fn date(number: u32) -> Option<Date> {
    dashed(number).parse().ok()
}
