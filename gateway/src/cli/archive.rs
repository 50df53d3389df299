//! The archive: old days leave the database for files that prove themselves.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Common;
use super::export::{KeyArgument, business_date, trusted};
use super::journal::{anchored_group, open};
use super::operate::ask;
use super::show::{bar, table, text};
use crate::admin::client::Client;
use crate::admin::socket::Ask;
use crate::archive::{Checked, Made, Plan, check_file, make, path, plan};
use crate::domain::act::Act;
use crate::domain::day::dashed;
use crate::finance::Trusted;
use crate::keys::{SigningKey, fingerprint, hex};
use crate::storage::Storage;

/// How often the leaving of rows is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Archive {
    #[command(subcommand)]
    command: Option<Command>,
    /// Business date, YYYY-MM-DD: the days before it go.
    #[arg(long, value_name = "DATE", required = true)]
    before: Option<String>,
    /// Say what would go, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the files of the archive.
    List,
    /// Check files with nothing but the gateway's public key.
    #[command(after_help = "Examples:
  gateway export key > gateway.pem
  gateway archive verify data/archive/000001.svga --key gateway.pem
  gateway archive verify 000001.svga 000002.svga --fingerprint 4be1...

Files in the order of their numbers are checked as a chain too: nothing fell between them.
Exit codes: 0 everything holds, 1 something does not, 2 wrong usage.")]
    Verify {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        key: KeyArgument,
    },
}

pub(super) fn archive(common: &Common, archive: Archive) -> Result<ExitCode> {
    match archive.command {
        Some(Command::List) => list(common),
        Some(Command::Verify { files, key }) => verify(common, &files, &trusted(&key)?),
        None => {
            let before = archive.before.context("--before is missing")?;
            let date = business_date(&before)?.strftime("%Y%m%d").to_string().parse()?;
            take_away(common, date, archive.dry_run)
        }
    }
}

fn take_away(common: &Common, before: u32, dry_run: bool) -> Result<ExitCode> {
    let status = ask(common, &Ask::Status)?;
    let latest = text(&status, "archive_before");
    ensure!(
        dashed(before) <= latest,
        "days from {latest} on stay: terminals keep their requests for 35 days, and only closed days may go; the latest possible is `--before {latest}`"
    );
    let data = common.directory();
    let (storage, installation) = open(&data)?;
    if !dry_run && status["leaving"] == Value::Bool(true) {
        // An earlier run was ended while it waited for this.
        left(common, &storage)?;
    }
    let Some(plan) = plan(&storage, before, anchored_group(&data)?)? else {
        if common.json {
            println!("{}", json!({ "plan": null }));
        } else {
            println!(
                "No whole group of entries is older than {}: there is nothing to archive.",
                dashed(before)
            );
        }
        return Ok(ExitCode::SUCCESS);
    };
    if dry_run {
        if common.json {
            println!("{}", json!({ "plan": plan, "dry_run": true }));
        } else {
            told(&plan);
            println!("Nothing was changed.");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let key = SigningKey::load(&data.gateway_key())?;
    let progress = bar(plan.entries, "writing, reading back", common.json);
    let at = |index: u64| progress.set_position(index.saturating_sub(plan.first_index).saturating_add(1));
    let made = make(&storage, &installation, &key, &data.0, &plan, at)?;
    progress.finish_and_clear();
    let act = Act::JournalArchive {
        file: plan.file.clone(),
        sha256: made.sha256,
        first: plan.first_index,
        last: plan.last_index,
    };
    let done = Client::act(&data, &common.operator, act)
        .with_context(|| format!("{} is there and not in use; say the command again", made.path.display()))?;
    left(common, &storage)?;
    said(common, &plan, &made, &done);
    Ok(ExitCode::SUCCESS)
}

/// Waits until the gateway has let the rows go. It does that by itself: whoever does not wait for it loses nothing.
fn left(common: &Common, storage: &Storage) -> Result<()> {
    let through = storage.archives()?.last().map_or(0, |last| last.last_index);
    let first = storage.first_row()?;
    let progress = bar(through.saturating_add(1).saturating_sub(first), "leaving the database", common.json);
    loop {
        let status = ask(common, &Ask::Status)
            .context("the file is in use; its entries go on leaving the database at the next start")?;
        let at = storage.first_row()?;
        if at > through {
            break;
        }
        if status["leaving"] == Value::Bool(false) {
            bail!("the gateway keeps entries from {at} on, and its log says why; nothing is lost");
        }
        if !status["stopped"].is_null() {
            bail!("the gateway takes no money and lets nothing go: {}", text(&status, "stopped"));
        }
        progress.set_position(at.saturating_sub(first));
        sleep(LOOK_EVERY);
    }
    progress.finish_and_clear();
    Ok(())
}

fn told(plan: &Plan) {
    table(
        ["what would go", ""],
        [
            ["entries".to_owned(), format!("{} ({} to {})", plan.entries, plan.first_index, plan.last_index)],
            [
                "business days".to_owned(),
                format!("{} ({} to {})", plan.days, dashed(plan.from), dashed(plan.to)),
            ],
            ["bytes of records".to_owned(), plan.bytes.to_string()],
            ["to the file".to_owned(), plan.file.clone()],
        ],
    );
}

fn said(common: &Common, plan: &Plan, made: &Made, done: &Value) {
    if common.json {
        let file = json!({ "path": made.path.display().to_string(), "bytes": made.bytes, "sha256": hex(&made.sha256),
            "found": made.found });
        println!("{}", json!({ "plan": plan, "file": file, "entry": done["index"] }));
        return;
    }
    println!(
        "{}: entries {} to {}, business dates {} to {}, {} bytes of records in {}; read back and compared.",
        made.path.display(),
        plan.first_index,
        plan.last_index,
        dashed(plan.from),
        dashed(plan.to),
        plan.bytes,
        made.bytes
    );
    println!("SHA-256 {}, journal entry {}.", hex(&made.sha256), done["index"]);
    println!(
        "Leave the file where it is: answers, exports and the start need it. `gateway backup` copies it."
    );
}

fn list(common: &Common) -> Result<ExitCode> {
    let data = common.directory();
    let (storage, _) = open(&data)?;
    let archives = storage.archives()?;
    let first = storage.first_row()?;
    if common.json {
        let files = archives.iter().map(|row| {
            json!({ "file": row.file, "first_index": row.first_index, "last_index": row.last_index, "bytes": row.bytes,
                "sha256": hex(&row.sha256), "there": path(&data.0, &row.file).exists() })
        });
        println!("{}", json!({ "files": files.collect::<Vec<_>>(), "first_row": first }));
    } else {
        table(
            ["file", "entries", "bytes", "there", "SHA-256"],
            archives.iter().map(|row| {
                let there = if path(&data.0, &row.file).exists() { "yes" } else { "MISSING" };
                let entries = format!("{} to {}", row.first_index, row.last_index);
                [row.file.clone(), entries, row.bytes.to_string(), there.to_owned(), hex(&row.sha256)]
            }),
        );
        println!("The database holds the entries from {first} on.");
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(common: &Common, files: &[PathBuf], by: &Trusted) -> Result<ExitCode> {
    let mut before: Option<Checked> = None;
    let mut checked = Vec::new();
    for file in files {
        let one = checked_alone(common, file, by)?;
        if let Some(before) = before.replace(one.clone()) {
            ensure!(
                before.index.end == one.index.before && before.index.installation == one.index.installation,
                "{} does not follow on {}: a file between them is missing, or they are out of order",
                file.display(),
                files
                    .get(checked.len().saturating_sub(1))
                    .map_or_else(String::new, |file| file.display().to_string())
            );
        }
        checked.push(value(file, &one));
    }
    if common.json {
        println!("{}", json!({ "ok": true, "files": checked }));
    } else {
        let fields = ["file", "first_index", "last_index", "groups", "from", "to", "sha256"];
        let head = ["file", "first", "last", "groups", "from", "to", "SHA-256"];
        table(head, checked.iter().map(|value| fields.map(|field| text(value, field))));
        println!(
            "Everything holds: each entry is in its group, each group in the chain, each signature the gateway's."
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn checked_alone(common: &Common, file: &Path, by: &Trusted) -> Result<Checked> {
    let trusted = |spki: &[u8]| match by {
        Trusted::Key(key) => key == spki,
        Trusted::Fingerprint(hash) => *hash == fingerprint(spki),
    };
    let bytes = File::open(file).and_then(|file| file.metadata()).map_or(0, |there| there.len());
    let progress = bar(bytes, "checking", common.json);
    let checked = check_file(file, trusted, |seal, rows| {
        let read = rows.iter().fold(seal.seal.len(), |sum, row| sum.saturating_add(row.record.len()));
        // Records are about twice as long as what a file has of them.
        progress.inc((read / 2) as u64);
        Ok(())
    });
    progress.finish_and_clear();
    checked.map_err(|unusable| anyhow::anyhow!("{}: {}", unusable.file.display(), unusable.what))
}

fn value(file: &Path, checked: &Checked) -> Value {
    let index = &checked.index;
    json!({
        "file": file.display().to_string(),
        "installation": hex(&index.installation),
        "fingerprint": hex(&fingerprint(&index.key)),
        "first_index": index.first_index(),
        "last_index": index.end.index,
        "groups": checked.groups,
        "from": dashed(index.dates.0),
        "to": dashed(index.dates.1),
        "head": hex(&index.end.seal_hash),
        "bytes": checked.bytes,
        "sha256": hex(&checked.sha256),
    })
}
