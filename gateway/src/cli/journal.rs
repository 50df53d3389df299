//! Commands that read the journal, whether the gateway serves or not.

use std::fs;
use std::io::BufWriter;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use protocol::field::Installation;
use protocol::receipt::ReceiptFile;
use serde_json::json;

use super::Common;
use super::show::{bar, table};
use crate::archive;
use crate::config::Config;
use crate::journal::anchor::{self, Anchor};
use crate::journal::export::export as write_journal;
use crate::journal::sha256;
use crate::journal::verify::{Report, verify};
use crate::keys::{DataDir, PublicKey, SigningKey, from_hex, hex, write_secret};
use crate::storage::{DATABASE, MEMBERS, MemberFile, Storage};

pub(super) fn open(data: &DataDir) -> Result<(Storage, Installation)> {
    let storage = Storage::open_read_only(&data.0)
        .with_context(|| format!("there is no gateway's data in {}", data.0.display()))?;
    let id = storage.meta("installation")?.and_then(|bytes| bytes.try_into().ok());
    let installation = Installation(id.context("the database has no installation id")?);
    Ok((storage, installation))
}

fn anchors_of(data: &DataDir, named: Option<PathBuf>) -> Result<Vec<Anchor>> {
    let path = match named {
        Some(path) => path,
        None => Config::load(None, &data.config())?.anchors.unwrap_or_else(|| data.anchors()),
    };
    if path.exists() { anchor::read_all(&path) } else { Ok(Vec::new()) }
}

/// The group of the last anchor; 0 where there is none.
pub(super) fn anchored_group(data: &DataDir) -> Result<u64> {
    Ok(anchors_of(data, None)?.last().map_or(0, |anchor| anchor.group))
}

pub(super) fn verify_journal(common: &Common, anchors: Option<PathBuf>) -> Result<ExitCode> {
    let data = common.directory();
    // Anchors first: while the gateway serves, an anchor that is read later may be ahead of what is held still here.
    let anchors = anchors_of(&data, anchors)?;
    let (storage, installation) = open(&data)?;
    storage.hold_still()?;
    let progress = bar(storage.last_index()?, "verifying", common.json);
    let (report, _) = verify(&storage, &installation, &anchors, |at| progress.set_position(at))?;
    progress.finish_and_clear();
    print_report(common, &report);
    Ok(if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn print_report(common: &Common, report: &Report) {
    if common.json {
        println!("{}", json!({ "ok": report.faults.is_empty(), "report": report }));
        return;
    }
    table(
        ["verified", "number"],
        [
            ["entries, each in its sealed group".into(), report.entries.to_string()],
            ["groups, each chained to the one before".into(), report.groups.to_string()],
            ["signatures of terminals and operators".into(), report.signatures.to_string()],
            ["cards whose snapshot equals the replay".into(), report.cards.to_string()],
            ["named accounts".into(), report.accounts.to_string()],
            ["anchors".into(), report.anchors.to_string()],
        ],
    );
    if report.faults.is_empty() {
        println!("Everything holds. Head: {}", report.head);
        return;
    }
    for fault in &report.faults {
        println!("FAULT  {fault}");
    }
    println!("{} faults. Do not trade on this data; restore a backup that verifies.", report.faults.len());
}

pub(super) fn export_journal(common: &Common, out: &Path) -> Result<ExitCode> {
    let data = common.directory();
    let (storage, installation) = open(&data)?;
    storage.hold_still()?;
    let key = SigningKey::load(&data.gateway_key())?;
    let file = fs::File::create_new(out).with_context(|| format!("making {}", out.display()))?;
    let progress = bar(storage.last_index()?, "exporting", common.json);
    let mut writer = BufWriter::new(&file);
    let exported =
        write_journal(&storage, &installation, &key.spki(), &mut writer, |at| progress.set_position(at))?;
    drop(writer);
    file.sync_all()?;
    progress.finish_and_clear();
    if common.json {
        println!("{}", json!({ "file": out.display().to_string(), "exported": exported }));
    } else {
        println!(
            "{}: {} entries in {} groups, head {}",
            out.display(),
            exported.entries,
            exported.groups,
            exported.head
        );
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn verify_receipt(common: &Common, file: &Path, key: Option<String>) -> Result<ExitCode> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let receipt = ReceiptFile::decode(&bytes).context("not a receipt file")?;
    let spki = match key {
        Some(key) => from_hex(&key).context("--key is not hex")?,
        None => SigningKey::load(&common.directory().gateway_key())?.spki(),
    };
    let key = PublicKey::from_spki(&spki).context("not a P-256 public key")?;
    let checked = receipt
        .check(sha256, &|message: &[u8], signature: &[u8]| key.verify(message, signature))
        .context("the receipt does not hold")?;
    if common.json {
        println!(
            "{}",
            json!({ "ok": true, "index": checked.place.index, "group": checked.place.seal.group,
            "epoch": checked.place.seal.epoch, "request_id": hex(&checked.request_id.0) })
        );
    } else {
        println!(
            "The receipt holds: {} is entry {} of the journal, sealed in group {}.",
            receipt.kind.name(),
            checked.place.index,
            checked.place.seal.group
        );
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn backup(common: &Common, out: &Path) -> Result<ExitCode> {
    let data = common.directory();
    let (storage, installation) = open(&data)?;
    ensure!(!out.exists(), "{} exists; name a directory that does not", out.display());
    let copy = DataDir(out.to_path_buf());
    copy.create()?;
    // Without this every commit of a serving gateway would make the copy begin anew, and a busy shop's would never end.
    storage.hold_still()?;
    let progress = bar(0, "copying pages", common.json);
    storage.copy_to(&out.join(DATABASE), |done, total| {
        progress.set_length(total as u64);
        progress.set_position(done as u64);
    })?;
    if data.0.join(MEMBERS).exists() {
        MemberFile::open(&data.0)?.copy_to(&out.join(MEMBERS))?;
    }
    // The write-ahead log may shrink again while the copy is verified.
    drop(storage);
    progress.finish_and_clear();
    for entry in fs::read_dir(data.0.join("keys"))? {
        let entry = entry?;
        write_secret(&out.join("keys").join(entry.file_name()), &fs::read(entry.path())?)?;
    }
    if data.config().exists() {
        fs::copy(data.config(), copy.config())?;
    }
    let (copied, _) = open(&copy)?;
    // Behind the database: no row that was copied names a file that is not there.
    copy_archive(&copied, &data, out)?;
    let last = copied.last_index()?;
    // Anchors younger than the copy would make it look cut off.
    let kept: Vec<Anchor> =
        anchors_of(&data, None)?.into_iter().filter(|anchor| anchor.index <= last).collect();
    let mut anchors = anchor::AnchorFile::open(&copy.anchors())?;
    kept.iter().try_for_each(|anchor| anchors.append(*anchor))?;
    let checking = bar(last, "verifying", common.json);
    let (report, _) = verify(&copied, &installation, &kept, |at| checking.set_position(at))?;
    checking.finish_and_clear();
    if !report.faults.is_empty() {
        print_report(common, &report);
        bail!("the copy in {} does not verify; do not rely on it", out.display());
    }
    if common.json {
        println!("{}", json!({ "out": out.display().to_string(), "report": report }));
    } else {
        println!(
            "{}: {} entries, verified. It holds the private keys; keep it safe.",
            out.display(),
            report.entries
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The files that the copied database names, durable.
fn copy_archive(copied: &Storage, data: &DataDir, out: &Path) -> Result<()> {
    let files = copied.archives()?;
    if files.is_empty() {
        return Ok(());
    }
    let folder = out.join(archive::FOLDER);
    fs::DirBuilder::new().mode(0o700).create(&folder)?;
    for row in files {
        let (from, to) = (archive::path(&data.0, &row.file), archive::path(out, &row.file));
        fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
        fs::File::open(&to)?.sync_all()?;
    }
    fs::File::open(&folder)?.sync_all()?;
    Ok(())
}
