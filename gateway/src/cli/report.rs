//! Reports of a period, for people, scripts and messengers. The journal is read; whether the gateway serves does not matter.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use serde_json::{Value, json, to_value};

use super::Common;
use super::operate::show;
use super::show::{bar, rows, table, text};
use crate::domain::CardReference;
use crate::report::{Books, Period, read};

#[derive(Debug, Subcommand)]
pub(super) enum Entitlements {
    /// Say what was promised and not delivered: who had each entitlement, how often they might use it, and how often they did.
    #[command(after_help = "Examples:
  gateway entitlements report --period 202612
  gateway entitlements report --period 2026 --json

Tiers are those at the end of the period. What was promised is what was used and what was still left; where uses are not
counted (a flag), nothing is.")]
    Report {
        /// A month (YYYYMM) or a year (YYYY) of business days.
        #[arg(long, value_name = "PERIOD")]
        period: Period,
    },
}

pub(super) fn entitlements(common: &Common, command: Entitlements) -> Result<ExitCode> {
    let Entitlements::Report { period } = command;
    let books = books(common, period)?;
    let all = to_value(books.entitlements())?;
    let answer = json!({ "period": books.period.name, "as_of": books.end.business_date,
        "complete": books.complete, "entitlements": all });
    show(common, &answer, |answer| {
        let fields = ["entitlement", "name", "tier", "members", "users", "promised", "used", "left"];
        table(fields, rows(answer, "entitlements").map(|row| fields.map(|field| text(row, field))));
        note(answer);
    })
}

pub(super) fn member(
    common: &Common,
    period: Period,
    card: Option<u64>,
    out: Option<&Path>,
) -> Result<ExitCode> {
    let books = books(common, period)?;
    match (card, out) {
        (Some(card), _) => {
            let Some(report) = books.of_member(CardReference(card)) else {
                bail!("the journal has no card {card} up to the end of {}", books.period.name)
            };
            show(common, &to_value(report)?, tell)
        }
        (None, Some(out)) => {
            let answer = all(common, &books, out)?;
            show(common, &answer, |answer| {
                println!("{} members are in {}.", answer["members"], text(answer, "file"));
                note(answer);
            })
        }
        (None, None) => bail!("name a card, or write --all --out DIR"),
    }
}

fn books(common: &Common, period: Period) -> Result<Books> {
    let (storage, installation) = super::journal::open(&common.directory())?;
    storage.hold_still()?;
    let progress = bar(storage.last_index()?, "reading", common.json);
    let books = read(&storage, &installation, period, |at| progress.set_position(at))?;
    progress.finish_and_clear();
    Ok(books)
}

/// Writes a line for each member into the period's file. It is there whole or not at all: whoever watches the folder reads no half.
fn all(common: &Common, books: &Books, out: &Path) -> Result<Value> {
    fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let file = out.join(format!("members-{}.jsonl", books.period.name));
    let unfinished = out.join(format!(".members-{}.{}.tmp", books.period.name, std::process::id()));
    let members = books.members();
    let progress = bar(members.len() as u64, "writing", common.json);
    let write = || -> Result<()> {
        let mut lines = BufWriter::new(File::create(&unfinished)?);
        for card in &members {
            if let Some(report) = books.of_member(*card) {
                serde_json::to_writer(&mut lines, &report)?;
                lines.write_all(b"\n")?;
            }
            progress.inc(1);
        }
        lines.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&unfinished, &file)?;
        File::open(out)?.sync_all()?;
        Ok(())
    };
    if let Err(error) = write() {
        drop(fs::remove_file(&unfinished));
        return Err(error.context(format!("writing {}", file.display())));
    }
    progress.finish_and_clear();
    Ok(json!({ "period": books.period.name, "as_of": books.end.business_date, "complete": books.complete,
        "file": file.display().to_string(), "members": members.len() }))
}

fn note(answer: &Value) {
    if answer["complete"] == false {
        println!("The journal ends on {}: the period may not be over.", answer["as_of"]);
    }
}

fn tell(report: &Value) {
    let plain = ["card", "period", "as_of", "joined", "principal_minor", "bonus_minor"];
    let tier = &report["tier"];
    let tier = [["tier".to_owned(), text(tier, "name")], ["tier until".to_owned(), text(tier, "until")]];
    table(
        ["what", "value"],
        plain.map(|field| [field.replace('_', " "), text(report, field)]).into_iter().chain(tier),
    );
    let fields = ["count", "amount_minor", "back_minor"];
    let of = |what: &str| {
        let [count, amount, back] = fields.map(|field| text(&report[what], field));
        [what.to_owned(), count, amount, back]
    };
    table(["transactions", "number", "amount", "came back"], ["purchases", "loads"].map(of));
    let fields =
        ["name", "gathered", "given_back", "spent", "taken_back", "expired", "held", "pending", "owed"];
    table(
        fields.map(|field| field.replace('_', " ")).each_ref().map(String::as_str),
        rows(report, "points").map(|row| fields.map(|field| text(row, field))),
    );
    let nearest = &report["nearest"];
    let steps = rows(report, "progress").flat_map(|route| {
        let is_nearest = route["tier"] == nearest["tier"] && route["route"] == nearest["route"];
        rows(route, "measures").map(move |measure| {
            let [name, so_far, needed, missing] =
                ["measure", "so_far", "needed", "missing"].map(|field| text(measure, field));
            let nearest = if is_nearest { "nearest" } else { "" };
            [text(route, "tier"), text(route, "route"), name, so_far, needed, missing, nearest.to_owned()]
        })
    });
    table(["to tier", "way", "measure", "so far", "needed", "missing", ""], steps);
    let fields = ["at", "kind", "what", "amount"];
    table(
        ["from", "balance", "what", "amount"],
        rows(report, "coming").map(|row| {
            let at = row["at"].as_i64().and_then(|at| jiff::Timestamp::from_second(at).ok());
            let mut cells = fields.map(|field| text(row, field));
            cells[0] = at.map_or_else(|| cells[0].clone(), |at| at.to_string());
            cells
        }),
    );
    note(report);
}
