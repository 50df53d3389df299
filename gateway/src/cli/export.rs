//! What finance takes out, and whoever checks it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;

use super::Common;
use super::journal::open;
use super::show::{bar, table};
use crate::finance::{Asked, Format, Manifest, Names, Period, Report, Taken, Trusted, shown, take, verify};
use crate::keys::{PublicKey, SigningKey, fingerprint, from_hex, hex};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Export {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    period: Days,
    /// Only one store's own books.
    #[arg(long, value_name = "CODE")]
    store: Option<String>,
    /// One or more, with commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "csv")]
    format: Vec<Format>,
    /// Names of accounts, stores, tenders and points, where they are to be other than the chart's.
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// A directory that is not there yet.
    #[arg(long, value_name = "DIR", required = true)]
    out: Option<PathBuf>,
}

/// Business dates that are asked for.
#[derive(Debug, Args)]
pub(super) struct Days {
    /// One business date, YYYY-MM-DD.
    #[arg(long, value_name = "DATE", required_unless_present = "from", conflicts_with_all = ["from", "to"])]
    day: Option<String>,
    /// First business date.
    #[arg(long, value_name = "DATE", requires = "to")]
    from: Option<String>,
    /// Last business date, included.
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check exports with nothing but their directories and the gateway's public key.
    #[command(after_help = "Examples:
  gateway export verify november --key gateway.pem
  gateway export verify october november december --fingerprint 4be1...

Exports in the order of their periods are checked as a chain too: nothing fell between them. The key must come from
elsewhere than the export: `gateway export key` prints it at the gateway.
Exit codes: 0 everything holds, 1 something does not, 2 wrong usage.")]
    Verify {
        #[arg(required = true, value_name = "DIR")]
        directories: Vec<PathBuf>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Print the gateway's public key, for whoever checks exports.
    #[command(after_help = "Example:
  gateway export key > gateway.pem                give it to the auditor, with the fingerprint by another way")]
    Key,
    /// Print the accounts file that changes nothing, to begin one's own with.
    #[command(after_help = "Example:
  gateway export accounts > accounts.toml")]
    Accounts,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct KeyArgument {
    /// The gateway's public key, PEM.
    #[arg(long, value_name = "PEM")]
    key: Option<PathBuf>,
    /// SHA-256 of the gateway's public key, in hex.
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<String>,
}

pub(super) fn export(common: &Common, export: Export) -> Result<ExitCode> {
    match export.command {
        Some(Command::Verify { directories, key }) => check(common, &directories, &key),
        Some(Command::Key) => public_key(common),
        Some(Command::Accounts) => {
            print!("{}", Names::default().document());
            Ok(ExitCode::SUCCESS)
        }
        None => {
            let names = match &export.accounts {
                Some(file) => {
                    let text = std::fs::read_to_string(file)
                        .with_context(|| format!("reading {}", file.display()))?;
                    Names::parse(&text).with_context(|| format!("in {}", file.display()))?
                }
                None => Names::default(),
            };
            let out = export.out.context("--out is missing")?;
            let asked =
                Asked { period: export.period.period()?, store: export.store, formats: export.format, names };
            take_it(common, &asked, &out)
        }
    }
}

impl Days {
    pub(super) fn period(&self) -> Result<Period> {
        let date = |text: &Option<String>| -> Result<Date> {
            let text = text.as_ref().or(self.day.as_ref()).context("no business date")?;
            business_date(text)
        };
        let period = Period { from: date(&self.from)?, to: date(&self.to)? };
        ensure!(period.from <= period.to, "--from {} is behind --to {}", period.from, period.to);
        Ok(period)
    }
}

/// A business date as it is written.
pub(super) fn business_date(text: &str) -> Result<Date> {
    let date = text.parse().with_context(|| format!("{text:?} is no date; write YYYY-MM-DD"))?;
    // The day before and the day after must have numbers too.
    let sound = (Date::constant(1, 1, 2)..=Date::constant(9999, 12, 30)).contains(&date);
    ensure!(sound, "{text:?} is outside of the calendar");
    Ok(date)
}

fn take_it(common: &Common, asked: &Asked, out: &Path) -> Result<ExitCode> {
    let data = common.directory();
    let (storage, installation) = open(&data)?;
    let key = SigningKey::load(&data.gateway_key())?;
    let progress = bar(storage.last_index()?, "exporting", common.json);
    let taken = take(&storage, &installation, &key, asked, out, |at| progress.set_position(at))?;
    progress.finish_and_clear();
    if common.json {
        println!("{}", json!({ "export": said(&taken, out) }));
        return Ok(ExitCode::SUCCESS);
    }
    let Period { from, to } = asked.period;
    println!(
        "{from} to {to}: entries {} to {}, {} transactions, {} postings; every sum was counted twice.",
        taken.manifest.first_index(),
        taken.manifest.end.index,
        taken.transactions,
        taken.postings
    );
    totals(&taken.manifest);
    for file in &taken.manifest.files {
        println!("  {}", out.join(&file.name).display());
    }
    if taken.unchanged {
        println!("{} held this very export already; nothing was written.", out.display());
    }
    if !taken.manifest.complete {
        println!(
            "Business date {to} is not over: entries may follow. Take it again tomorrow, into another directory."
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn totals(manifest: &Manifest) {
    table(
        ["account", "in", "opening", "debit", "credit", "closing"],
        manifest.book.balances.iter().map(|((account, commodity), balance)| {
            let text = |amount: i64| shown(amount, commodity.exponent);
            let closing = balance.closing().map_or_else(String::new, text);
            [
                account.clone(),
                commodity.name.clone(),
                text(balance.opening),
                text(balance.debit),
                text(balance.credit),
                closing,
            ]
        }),
    );
}

fn said(taken: &Taken, out: &Path) -> serde_json::Value {
    let manifest = &taken.manifest;
    let files = manifest.files.iter().map(|file| out.join(&file.name).display().to_string());
    json!({
        "from": manifest.from,
        "to": manifest.to,
        "store": manifest.store,
        "complete": manifest.complete,
        "first_index": manifest.first_index(),
        "last_index": manifest.end.index,
        "transactions": taken.transactions,
        "postings": taken.postings,
        "entries": manifest.kinds,
        "unchanged": taken.unchanged,
        "files": files.collect::<Vec<_>>(),
    })
}

fn check(common: &Common, directories: &[PathBuf], key: &KeyArgument) -> Result<ExitCode> {
    let report = verify(directories, &trusted(key)?)?;
    let sound = report.faults.is_empty();
    if common.json {
        println!(
            "{}",
            json!({ "ok": sound, "proved": report.proved, "not_proved": report.unproved, "faults": report.faults })
        );
    } else {
        told(&report);
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn told(report: &Report) {
    for fault in &report.faults {
        println!("FAULT       {fault}");
    }
    for proved in &report.proved {
        println!("proved      {proved}");
    }
    for unproved in &report.unproved {
        println!("not proved  {unproved}");
    }
    if report.faults.is_empty() {
        println!("Everything holds.");
    } else {
        println!(
            "{} faults. Do not book from these files; have the export taken again.",
            report.faults.len()
        );
    }
}

pub(super) fn trusted(key: &KeyArgument) -> Result<Trusted> {
    if let Some(hash) = &key.fingerprint {
        let hash = from_hex(hash).and_then(|bytes| bytes.try_into().ok());
        return hash.map(Trusted::Fingerprint).context("--fingerprint is not 64 digits of hex");
    }
    let file = key.key.as_ref().context("--key is missing")?;
    let context = || format!("reading {}: it is no PEM of a public key", file.display());
    let spki = SubjectPublicKeyInfoDer::from_pem_file(file).map_err(|_| anyhow::anyhow!(context()))?;
    PublicKey::from_spki(&spki).with_context(context)?;
    Ok(Trusted::Key(spki.to_vec()))
}

fn public_key(common: &Common) -> Result<ExitCode> {
    let spki = SigningKey::load(&common.directory().gateway_key())?.spki();
    if common.json {
        println!("{}", json!({ "key": hex(&spki), "fingerprint": hex(&fingerprint(&spki)) }));
    } else {
        print!("{}", in_pem(&spki));
        eprintln!("fingerprint {}", hex(&fingerprint(&spki)));
    }
    Ok(ExitCode::SUCCESS)
}

/// A SubjectPublicKeyInfo as a file that every tool reads (RFC 7468).
fn in_pem(spki: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in spki.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = ALPHABET[usize::from(u8::try_from((bits >> shift) & 63).unwrap_or(0))];
            text.push(if at <= three.len() { char::from(digit) } else { '=' });
        }
    }
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .filter_map(|at| text.get(at..text.len().min(at.saturating_add(64))))
        .collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_own_file() {
        for length in [0, 1, 2, 3, 47, 48, 49, 91] {
            let bytes: Vec<u8> = (0..length).map(|at| at ^ 0xa5).collect();
            let read = SubjectPublicKeyInfoDer::from_pem_slice(in_pem(&bytes).as_bytes());
            assert_eq!(read.expect("PEM").to_vec(), bytes);
        }
    }
}
