//! The business day: its settlement, and its close.

use std::fs::{self, File};
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Subcommand;
use jiff::civil::Date;
use serde_json::{Value, json, to_value};

use super::Common;
use super::journal::open;
use super::operate::ask;
use super::show::{bar, text};
use crate::admin::client::Client;
use crate::admin::socket::Ask;
use crate::alerts::date_of;
use crate::domain::act::Act;
use crate::domain::day::{dashed, day_after};
use crate::settlement::{Closed, Settlement, settle};

#[derive(Debug, Subcommand)]
pub(super) enum Day {
    /// Print a day's settlement: a page for the manager, then each store, terminal and shift.
    #[command(after_help = "Examples:
  gateway day show                               the latest day
  gateway day show --day 2026-11-21 --store S001
  gateway day show --day 2026-11-21 --out days   file it: text and JSON

It is read from the journal, whether the gateway serves or not. Of a day that is closed it is the same for ever, to the byte.")]
    Show {
        /// Business date, YYYY-MM-DD [default: that of the last entry].
        #[arg(long, value_name = "DATE")]
        day: Option<String>,
        /// Only what one store has booked.
        #[arg(long, value_name = "CODE", conflicts_with = "out")]
        store: Option<String>,
        /// Write settlement-DATE.txt and .json there; only of a day that is closed.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Close the present day before its cutover: what follows is booked on the next.
    #[command(after_help = "Examples:
  gateway day close                              says what is still open, and asks
  gateway day close --yes --out days             for scripts; files the settlement

Days close by themselves at the cutover; this is for the evening, when the shop shuts. It is of all stores. A day is closed once: of one
that is, who closed it is said, the same settlement is printed (and filed), and the exit code is 1.")]
    Close {
        /// Business date, YYYY-MM-DD [default: today by the gateway's clock and cutover].
        #[arg(long, value_name = "DATE")]
        day: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// Write settlement-DATE.txt and .json there.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

pub(super) fn day(common: &Common, command: Day) -> Result<ExitCode> {
    match command {
        Day::Show { day, store, out } => {
            let settlement = taken(common, day.as_deref().map(number).transpose()?, store.as_deref())?;
            print(common, &settlement, out.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Day::Close { day, yes, out } => close(common, day, yes, out.as_deref()),
    }
}

fn close(common: &Common, day: Option<String>, yes: bool, out: Option<&Path>) -> Result<ExitCode> {
    ensure!(yes || !common.json, "with --json nobody can be asked: say --yes");
    let status = ask(common, &Ask::Status)?;
    let of = |field: &str| number(&text(&status, field)).with_context(|| format!("{field} of the gateway"));
    let day = day.as_deref().map_or_else(|| of("day_by_clock"), number)?;
    if day > of("closed_through")? {
        let so_far = taken(common, Some(day), None)?;
        if !yes && !asked(&so_far, day)? {
            bail!("business date {} stays open", dashed(day));
        }
        Client::act(&common.directory(), &common.operator, Act::DayClose { day })?;
        print(common, &taken(common, Some(day), None)?, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let settlement = taken(common, Some(day), None)?;
    print(common, &settlement, out)?;
    let by = match &settlement.closed {
        Some(Closed { by, at, entry }) if by.is_empty() => format!("by itself at {at}, entry {entry}"),
        Some(Closed { by, at, entry }) => format!("by {by} at {at}, entry {entry}"),
        None => "before the journal's first day".to_owned(),
    };
    eprintln!("error: business date {} was closed {by}; nothing was done", dashed(day));
    Ok(ExitCode::from(1))
}

/// Says what is still open, and asks.
fn asked(so_far: &Settlement, day: u32) -> Result<bool> {
    print!("{}", so_far.page());
    let next = day_after(day).map(dashed).unwrap_or_default();
    print!(
        "\nClose business date {} now, in all stores? What follows is booked on {next}. [y/N] ",
        dashed(day)
    );
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

fn taken(common: &Common, day: Option<u32>, store: Option<&str>) -> Result<Settlement> {
    let (storage, installation) = open(&common.directory())?;
    storage.hold_still()?;
    let last = storage.last_index()?;
    let day = match day {
        Some(day) => day,
        None => date_of(&storage, last)?.context("the journal has no entry")?,
    };
    let progress = bar(last, "reading", common.json);
    let settlement = settle(&storage, &installation, (day, store), |at| progress.set_position(at))?;
    progress.finish_and_clear();
    Ok(settlement)
}

/// Files the settlement where that is asked for, and prints it.
fn print(common: &Common, settlement: &Settlement, out: Option<&Path>) -> Result<()> {
    let value = to_value(settlement)?;
    let files = out.map_or(Ok(Vec::new()), |out| filed(settlement, &value, out))?;
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    if common.json {
        println!("{}", json!({ "settlement": value, "files": names }));
        return Ok(());
    }
    print!("{}", settlement.page());
    if !names.is_empty() {
        println!("\nFiled: {}", names.join(", "));
    }
    Ok(())
}

/// Each file is there whole or not at all; one that is there already must say the same.
fn filed(settlement: &Settlement, value: &Value, out: &Path) -> Result<Vec<PathBuf>> {
    let day = &settlement.business_date;
    ensure!(settlement.closed.is_some(), "business date {day} is not closed: there may be more of it");
    fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let mut json = serde_json::to_string_pretty(value)?;
    json.push('\n');
    let files = [("txt", settlement.page()), ("json", json)].map(|(form, text)| {
        let name = format!("settlement-{day}.{form}");
        put(out, &name, text.as_bytes()).with_context(|| format!("writing {name}"))
    });
    files.into_iter().collect()
}

fn put(out: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let (file, unfinished) = (out.join(name), out.join(format!(".{name}.tmp")));
    if let Ok(there) = fs::read(&file) {
        ensure!(
            there == bytes,
            "{} says something else than the journal; look into it, and name another directory",
            file.display()
        );
        return Ok(file);
    }
    let mut written = File::create(&unfinished)?;
    written.write_all(bytes)?;
    written.sync_all()?;
    fs::rename(&unfinished, &file)?;
    File::open(out)?.sync_all()?;
    Ok(file)
}

/// YYYYMMDD of YYYY-MM-DD.
fn number(text: &str) -> Result<u32> {
    let date: Date = text.parse().with_context(|| format!("{text:?} is no date; write YYYY-MM-DD"))?;
    date.strftime("%Y%m%d")
        .to_string()
        .parse()
        .with_context(|| format!("{text:?} is outside of the calendar"))
}
