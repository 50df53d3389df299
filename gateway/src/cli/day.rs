//! The business day: its settlement, and its close.

use std::fs;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json, to_value};

use super::Common;
use super::filed::{There, listed, put, try_directory};
use super::journal::open;
use super::operate::ask;
use super::out::flush;
use super::show::{bar, text};
use crate::admin::client::Client;
use crate::admin::socket::Ask;
use crate::alerts::date_of;
use crate::domain::act::Act;
use crate::domain::day::{dashed, day_after};
use crate::plain::plain;
use crate::settlement::{Closed, Counted, Settlement, settle};

/// A day that has not lasted so long since the one before it closed by itself is hardly over.
const FIRST_HOURS: SignedDuration = SignedDuration::from_hours(6);
/// What to do about a file that should not be there.
const LOOK: &str = "look into it, and name another directory";
/// Refused, or not whole.
const FAILED: u8 = 1;

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
  gateway day close --dry-run                    says what would be closed
  gateway day close                              says what is still open, and asks
  gateway day close --yes --out days             for scripts; files the settlement
  gateway day close --day 2026-11-22             that day and no other

Days close by themselves at the cutover; this is for the evening, when the shop shuts. It is of all stores. Without --day a day is not
closed on which nothing was loaded or paid yet, nor in the six hours after the day before has closed by itself: whoever is late
means that one. A day is closed once: of one that is, who closed it is said, the same settlement is printed (and filed), and the
exit code is 1.")]
    Close(Close),
}

#[derive(Debug, Args)]
pub(super) struct Close {
    /// Business date, YYYY-MM-DD [default: today by the gateway's clock and cutover].
    #[arg(long, value_name = "DATE")]
    day: Option<String>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Close nothing; say what would be.
    #[arg(long)]
    dry_run: bool,
    /// Write settlement-DATE.txt and .json there; whether that can be is tried before the day is closed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn day(common: &Common, command: Day) -> Result<ExitCode> {
    match command {
        Day::Show { day, store, out } => {
            let settlement = taken(common, day.as_deref().map(number).transpose()?, store.as_deref())?;
            let files = out.map_or(Ok(Vec::new()), |out| filed(&settlement, &out))?;
            print(common, &settlement, &files, None)?;
            Ok(ExitCode::SUCCESS)
        }
        Day::Close(asked) => close(common, &asked),
    }
}

fn close(common: &Common, asked: &Close) -> Result<ExitCode> {
    ensure!(asked.yes || asked.dry_run || !common.json, "with --json nobody can be asked: say --yes");
    let status = ask(common, &Ask::Status)?;
    let today = of(&status, "day_by_clock")?;
    let day = asked.day.as_deref().map_or(Ok(today), number)?;
    // Of a dry run nothing is filed.
    let out = asked.out.as_deref().filter(|_| !asked.dry_run);
    if day <= of(&status, "closed_through")? {
        return was_closed(common, day, out);
    }
    ensure!(day <= today, "business date {} has not begun; today is {}", dashed(day), dashed(today));
    match attempt(common, asked, day, &status) {
        Ok(false) => Ok(ExitCode::SUCCESS),
        Ok(true) => {
            let settlement = taken(common, Some(day), None).with_context(|| safe(common, day))?;
            let whole = told(common, &settlement, asked.out.as_deref(), None)?;
            Ok(if whole { ExitCode::SUCCESS } else { FAILED.into() })
        }
        Err(refused) => match ask(common, &Ask::Status).and_then(|status| of(&status, "closed_through")) {
            // Somebody else was first.
            Ok(through) if day <= through => was_closed(common, day, out),
            Ok(_) => Err(refused),
            Err(_) => Err(refused.context(format!(
                "whether {} is closed is not known; ask again when the gateway serves, it is closed once",
                dashed(day)
            ))),
        },
    }
}

/// Closes a day that was open when the gateway told its status; whether it did, and was not only asked what it would do.
fn attempt(common: &Common, asked: &Close, day: u32, status: &Value) -> Result<bool> {
    let so_far = taken(common, Some(day), None)?;
    let now = text(status, "time").parse().context("time of the gateway")?;
    if let Some(doubt) = doubt(&so_far, now).filter(|_| asked.day.is_none()) {
        bail!("{doubt}\nNothing was closed. To close {0} all the same, name it: --day {0}", dashed(day));
    }
    if let Some(out) = &asked.out {
        can_be_filed(day, out).context("nothing was closed")?;
    }
    if asked.dry_run {
        print(common, &so_far, &[], None)?;
        eprintln!("Nothing was closed. Without --dry-run, {} would be; {}.", dashed(day), next(day));
        return Ok(false);
    }
    if !asked.yes && !is_meant(&so_far, day)? {
        bail!("business date {} stays open", dashed(day));
    }
    Client::act(&common.directory(), &common.operator, Act::DayClose { day })?;
    Ok(true)
}

/// Why a day is hardly the one that is meant by whoever names none.
fn doubt(so_far: &Settlement, now: Timestamp) -> Option<String> {
    let day = &so_far.business_date;
    let flow = &so_far.flow;
    if flow.tenders.is_empty() && flow.paid == Counted::default() && flow.refunded == Counted::default() {
        return Some(format!(
            "it is business date {day}, on which nothing was loaded, paid or refunded yet; {}",
            earlier(so_far)
        ));
    }
    let before = so_far.before.as_ref().filter(|close| close.by.is_empty())?;
    let since = now.duration_since(before.at.parse().ok()?);
    (since < FIRST_HOURS).then(|| {
        format!("business date {day} has only begun: {} minutes ago; {}", since.as_mins(), earlier(so_far))
    })
}

fn earlier(so_far: &Settlement) -> String {
    let day = so_far.business_date.parse::<Date>().ok().and_then(|day| day.yesterday().ok());
    match (&so_far.before, day) {
        (Some(close), Some(day)) => format!("{day} was closed {}: gateway day show --day {day}", by(close)),
        _ => "no day was closed before".to_owned(),
    }
}

fn by(Closed { by, at, entry }: &Closed) -> String {
    let by = if by.is_empty() { "itself".to_owned() } else { plain(by) };
    format!("by {by} at {at}, entry {entry}")
}

fn next(day: u32) -> String {
    format!("what follows is booked on {}", day_after(day).map(dashed).unwrap_or_default())
}

/// Tells of a day that was closed before.
fn was_closed(common: &Common, day: u32, out: Option<&Path>) -> Result<ExitCode> {
    let settlement = taken(common, Some(day), None)?;
    let by = settlement.closed.as_ref().map(by).unwrap_or_default();
    let said = format!("business date {} was closed {by}; nothing was done", dashed(day));
    told(common, &settlement, out, Some(&said))?;
    Ok(FAILED.into())
}

/// What is to be done when a day is closed and its settlement is not where it was wanted.
fn safe(common: &Common, day: u32) -> String {
    let (day, data) = (dashed(day), common.data.display());
    format!(
        "business date {day} IS closed, and nothing of it is lost. Its settlement, once this is mended: \
         gateway day show --data {data} --day {day} --out DIR"
    )
}

/// Prints and files the settlement of a day that is closed; whether nothing went wrong. Whatever does, the day stays closed.
fn told(common: &Common, settlement: &Settlement, out: Option<&Path>, error: Option<&str>) -> Result<bool> {
    let day = number(&settlement.business_date)?;
    let filed = out.map_or(Ok(Vec::new()), |out| filed(settlement, out)).with_context(|| safe(common, day));
    let (files, unfiled) = match filed {
        Ok(files) => (files, None),
        Err(error) => (Vec::new(), Some(format!("{error:#}"))),
    };
    let errors: Vec<&str> = error.into_iter().chain(unfiled.as_deref()).collect();
    print(common, settlement, &files, (!errors.is_empty()).then(|| errors.join("; ")).as_deref())?;
    for error in &errors {
        eprintln!("error: {error}");
    }
    Ok(errors.is_empty())
}

/// Says what is still open, and asks.
fn is_meant(so_far: &Settlement, day: u32) -> Result<bool> {
    print!("{}", so_far.page());
    print!("\nClose business date {} now, in all stores? Then {}. [y/N] ", dashed(day), next(day));
    flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

fn of(status: &Value, field: &str) -> Result<u32> {
    number(&text(status, field)).with_context(|| format!("{field} of the gateway"))
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

fn print(common: &Common, settlement: &Settlement, files: &[PathBuf], error: Option<&str>) -> Result<()> {
    let names = listed(files);
    if common.json {
        let mut said = json!({ "settlement": to_value(settlement)?, "files": names });
        if let Some(error) = error {
            said["error"] = error.into();
        }
        println!("{said}");
        return Ok(());
    }
    print!("{}", settlement.page());
    if !names.is_empty() {
        println!("\nFiled: {}", names.join(", "));
    }
    Ok(())
}

/// What is filed of a day, in two forms.
fn names(day: &str) -> [String; 2] {
    ["txt", "json"].map(|form| format!("settlement-{day}.{form}"))
}

/// Whether the settlement of a day that is still open could be filed once it is closed.
fn can_be_filed(day: u32, out: &Path) -> Result<()> {
    try_directory(out)?;
    for file in names(&dashed(day)).map(|name| out.join(name)) {
        let there = file.symlink_metadata().is_ok();
        ensure!(!there, "{} is there already, of a day that is open; {LOOK}", file.display());
    }
    Ok(())
}

fn filed(settlement: &Settlement, out: &Path) -> Result<Vec<PathBuf>> {
    let day = &settlement.business_date;
    ensure!(settlement.closed.is_some(), "business date {day} is not closed: there may be more of it");
    fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let mut json = serde_json::to_string_pretty(&to_value(settlement)?)?;
    json.push('\n');
    let [text_name, json_name] = names(day).map(|name| out.join(name));
    put(&text_name, settlement.page().as_bytes(), There::Stays(LOOK))?;
    put(&json_name, json.as_bytes(), There::Stays(LOOK))?;
    Ok(vec![text_name, json_name])
}

/// YYYYMMDD of YYYY-MM-DD.
fn number(text: &str) -> Result<u32> {
    let date: Date = text.parse().with_context(|| format!("{text:?} is no date; write YYYY-MM-DD"))?;
    date.strftime("%Y%m%d")
        .to_string()
        .parse()
        .with_context(|| format!("{text:?} is outside of the calendar"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settlement::Flow;

    #[test]
    fn a_day_that_has_only_begun_is_hardly_meant_by_whoever_names_none() {
        let begun = "2026-11-21T20:00:00Z";
        let close = |by: &str| Some(Closed { by: by.into(), at: begun.into(), entry: 7 });
        let traded = Flow { paid: Counted { count: 1, amount_minor: 5_00 }, ..Flow::default() };
        let undone = Flow { paid: Counted { count: 1, amount_minor: 0 }, ..Flow::default() };
        let expired = Flow { expired_minor: 9_00, entries: 3, postings: 6, ..Flow::default() };
        let hours = 6 * 3600;
        for (flow, before, seconds, wanted) in [
            (&traded, close(""), 0, Some("has only begun: 0 minutes ago")),
            (&traded, close(""), hours - 1, Some("has only begun: 359 minutes ago")),
            (&traded, close(""), hours, None),
            (&traded, close(""), hours + 1, None),
            (&traded, close("owner"), 0, None),
            (&traded, None, 0, None),
            (&undone, close("owner"), 0, None),
            (&expired, close("owner"), hours + 1, Some("nothing was loaded, paid or refunded yet")),
            (&Flow::default(), None, hours, Some("no day was closed before")),
        ] {
            let so_far = Settlement {
                business_date: "2026-11-22".into(),
                flow: flow.clone(),
                before,
                ..Settlement::default()
            };
            let now = begun.parse::<Timestamp>().expect("a time") + SignedDuration::from_secs(seconds);
            match (doubt(&so_far, now), wanted) {
                (Some(said), Some(wanted)) => assert!(said.contains(wanted), "{said}"),
                (said, wanted) => assert_eq!(said.as_deref(), wanted, "{seconds} {so_far:?}"),
            }
        }
    }
}
