//! The shop manager's programme: checked, compared, put in force now or at a time, shown.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Subcommand;
use jiff::civil::{Date, DateTime};
use serde_json::{Value, json};

use super::Common;
use super::operate::{ask, show};
use super::show::{bar, rows, table, text};
use crate::admin::client::Client;
use crate::admin::socket::Ask;
use crate::domain::act::Act;
use crate::domain::programme::Programme;
use crate::domain::schedule::Start;
use crate::foresee::{Foreseen, What, foresee};
use crate::members::{Birth, Members};
use crate::programme_file::difference::{Difference, differences};
use crate::programme_file::{self, Problem};
use crate::storage::MEMBERS;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check a file: every problem with its line, and what to write instead.
    #[command(after_help = "Examples:
  gateway programme check programme.toml
  gateway programme check programme.toml --json

Exit codes: 0 the file is a whole programme, 1 it is not.")]
    Check { file: PathBuf },
    /// Say in words what changes from one programme to another.
    #[command(after_help = "Examples:
  gateway programme diff in-force programme.toml        what would change
  gateway programme diff 3 4                            what version 4 changed
  gateway programme diff old.toml new.toml

Each is a file, the number of a version of the serving gateway, or in-force. Comments and layout do not count.
Exit codes: 0 they say the same, 1 they differ, 2 one of them cannot be read.")]
    Diff { old: String, new: String },
    /// Put a file in force as a new version, now or at a time; says what changes, and asks.
    #[command(after_help = "Examples:
  gateway programme activate programme.toml
  gateway programme activate programme.toml --at '2027-01-01 04:00'
  gateway programme activate programme.toml --at 2027-01-01 --dry-run
  gateway programme activate programme.toml --at 2027-01-01T04:00:00+08:00 --yes

A date alone is the start of that business day, its cutover. Times are of the file's own time zone.
To change a version that is scheduled, activate another one for the same time. To take it back,
activate the one in force again (`programme show`): for that time, or now with --instead.")]
    Activate {
        file: PathBuf,
        /// When it comes into force: a time, or a business day [default: now].
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// Versions that are scheduled for later never come into force.
        #[arg(long)]
        instead: bool,
        /// Do not ask; --json does not either.
        #[arg(long)]
        yes: bool,
        /// Say what would change, and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Print a version's document as it was activated, by default that of the one in force.
    #[command(after_help = "Examples:
  gateway programme show > programme.toml
  gateway programme show --at '2026-12-24 18:00'
  gateway programme show --version 2")]
    Show {
        /// The version in force at a time, or at the start of a business day.
        #[arg(long, value_name = "TIME", conflicts_with = "version")]
        at: Option<String>,
        #[arg(long, value_name = "N")]
        version: Option<u32>,
    },
    /// List the versions in the journal: past, in force, scheduled, or replaced before they came into force.
    #[command(after_help = "Example:
  gateway programme list")]
    List,
    /// Show what points can be redeemed for, and how many pieces are left.
    Catalogue,
    /// Say what will happen by itself until a time: what expires, is released, is no longer held, which tiers change, what ranks get,
    /// and which birthday gifts are given.
    #[command(after_help = "Examples:
  gateway programme due --at 2027-01-01         what ends with the year, if nobody touches a card before
  gateway programme due --at '2026-12-24 18:00' --json

The journal is read; nothing is booked. Whether the gateway serves does not matter, but a time that is no RFC 3339 time is of the
zone of the programme in force, which a serving gateway tells. Birthdays are read from the personal data beside the journal:
whoever may read its key sees by this whose birthday is when.")]
    Due {
        /// A time, or the start of a business day.
        #[arg(long, value_name = "TIME")]
        at: String,
    },
}

pub(super) fn programme(common: &Common, command: Command) -> Result<ExitCode> {
    match command {
        Command::Check { file } => check(common, &file),
        Command::Diff { old, new } => Ok(diff(common, &old, &new).unwrap_or_else(|error| {
            super::told(common, &error);
            ExitCode::from(2)
        })),
        Command::Activate { file, at, instead, yes, dry_run } => {
            let (document, programme) = whole(&file)?;
            let from = at.map(|at| moment(&at, &programme)).transpose()?;
            activate(common, document, Start { from, instead }, Care { yes, dry_run })
        }
        Command::Show { at, version } => {
            let at = at.map(|at| moment(&at, &in_force(common)?)).transpose()?;
            let answer = ask(common, &Ask::Programme { version, at })?;
            show(common, &answer, |answer| {
                println!(
                    "# Version {}, {}, effective from {}, digest {}.\n",
                    answer["version"],
                    text(answer, "standing"),
                    text(answer, "effective"),
                    text(answer, "digest")
                );
                print!("{}", text(answer, "document"));
            })
        }
        Command::Due { at } => {
            let until = match at.parse::<jiff::Timestamp>() {
                Ok(exact) => exact.as_second(),
                Err(_) => moment(&at, &in_force(common)?)?,
            };
            due(common, until)
        }
        Command::Catalogue => {
            let answer = ask(common, &Ask::Catalogue)?;
            show(common, &answer, |answer| {
                let head = ["item", "name", "points of kind", "points", "gives", "pieces left"];
                let fields = ["item", "name", "kind", "points", "gives", "pieces_left"];
                table(head, rows(answer, "catalogue").map(|row| fields.map(|field| text(row, field))));
            })
        }
        Command::List => {
            let answer = ask(common, &Ask::Programmes)?;
            show(common, &answer, |answer| {
                let head = ["version", "name", "standing", "effective from", "digest"];
                let fields = ["version", "name", "standing", "effective", "digest"];
                table(head, rows(answer, "programmes").map(|row| fields.map(|field| text(row, field))));
            })
        }
    }
}

fn check(common: &Common, file: &Path) -> Result<ExitCode> {
    let document = read(file)?;
    let Err(problems) = programme_file::parse(&document) else {
        return show(common, &json!({ "ok": true, "bytes": document.len() }), |_| {
            println!(
                "{0} is a whole programme. Put it in force with `gateway programme activate {0}`.",
                file.display()
            );
        });
    };
    let told = problems.iter().map(|problem| {
        json!({ "line": problem.line, "text": line_text(&document, problem), "problem": problem.message })
    });
    let answer = json!({ "ok": false, "problems": told.collect::<Vec<_>>() });
    show(common, &answer, |_| println!("{}", explained(file, &document, &problems)))?;
    Ok(ExitCode::from(1))
}

/// Every problem under the line that it is about.
fn explained(file: &Path, document: &str, problems: &[Problem]) -> String {
    let told = problems.iter().map(|problem| match line_text(document, problem) {
        Some(text) => format!("{}: {problem}\n    {text}", file.display()),
        None => format!("{}: {problem}", file.display()),
    });
    told.collect::<Vec<_>>().join("\n")
}

fn line_text<'a>(document: &'a str, problem: &Problem) -> Option<&'a str> {
    document.lines().nth(problem.line?.checked_sub(1)?).map(str::trim)
}

fn diff(common: &Common, old: &str, new: &str) -> Result<ExitCode> {
    let (old_document, new_document) = (document(common, old)?, document(common, new)?);
    // What compares cannot say which of the two it could not read.
    for (name, document) in [(old, &old_document), (new, &new_document)] {
        differences(document, document).map_err(|problem| anyhow!("{name}: {problem}"))?;
    }
    let found = differences(&old_document, &new_document).map_err(|problem| anyhow!("{problem}"))?;
    let words: Vec<String> = found.iter().map(Difference::to_string).collect();
    let answer = json!({ "same": found.is_empty(), "words": words, "differences": found });
    show(common, &answer, |_| {
        if words.is_empty() {
            println!("{old} and {new} say the same.");
        }
        words.iter().for_each(|words| println!("{words}"));
    })?;
    Ok(ExitCode::from(u8::from(!words.is_empty())))
}

/// A file, a version of the serving gateway, or what is in force there.
fn document(common: &Common, which: &str) -> Result<String> {
    let version = match (which, which.parse()) {
        ("in-force", _) => None,
        (_, Ok(version)) => Some(version),
        _ => return read(Path::new(which)),
    };
    let answer = ask(common, &Ask::Programme { version, at: None })?;
    answer["document"].as_str().map(String::from).context("no document in the answer")
}

struct Care {
    yes: bool,
    dry_run: bool,
}

fn activate(common: &Common, document: String, start: Start, care: Care) -> Result<ExitCode> {
    let Start { from, instead } = start;
    let trial = ask(common, &Ask::ProgrammeTrial { document: document.clone(), from, instead })?;
    if care.dry_run {
        return show(common, &json!({ "dry_run": true, "change": trial }), |_| {
            tell(&trial);
            println!("Nothing was changed.");
        });
    }
    if !common.json {
        tell(&trial);
        if !care.yes && !confirmed()? {
            bail!("nothing was changed; answer y, or say --yes");
        }
    }
    let mut done =
        Client::act(&common.directory(), &common.operator, Act::ProgrammeActivate { document, start })?;
    if let Some(done) = done.as_object_mut() {
        done.insert("change".into(), trial);
    }
    show(common, &done, |done| println!("Done: journal entry {}.", done["index"]))
}

fn tell(trial: &Value) {
    let list = |field: &str| trial[field].as_array().map(Vec::as_slice).unwrap_or_default().to_vec();
    let words = list("words");
    println!("Compared with version {}:", trial["compared_with"]);
    if words.is_empty() {
        println!("  nothing changes");
    }
    for words in words.iter().filter_map(Value::as_str) {
        println!("  {words}");
    }
    let at_once = trial["at_once"].as_bool().unwrap_or(false);
    let when = if at_once { "at once".to_owned() } else { format!("at {}", text(trial, "effective")) };
    println!("It comes into force {when}, as version {}.", trial["version"]);
    for version in list("replaces") {
        println!("Version {version}, which is scheduled, never comes into force then.");
    }
}

fn confirmed() -> Result<bool> {
    print!("Put it in force? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// A file that is a whole programme.
fn whole(file: &Path) -> Result<(String, Programme)> {
    let document = read(file)?;
    match programme_file::parse(&document) {
        Ok(programme) => Ok((document, programme)),
        Err(problems) => {
            bail!("{} is not a whole programme:\n{}", file.display(), explained(file, &document, &problems))
        }
    }
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}

fn in_force(common: &Common) -> Result<Programme> {
    let document = document(common, "in-force")?;
    programme_file::parse(&document).map_err(|_| anyhow!("the programme in force cannot be read"))
}

fn due(common: &Common, until_s: i64) -> Result<ExitCode> {
    let (storage, installation) = super::journal::open(&common.directory())?;
    storage.hold_still()?;
    let progress = bar(storage.last_index()?, "reading", common.json);
    let births = births(common)?;
    let all = foresee(&storage, &installation, until_s, &births, |at| progress.set_position(at))?;
    progress.finish_and_clear();
    let tier = |tier: &Option<String>| tier.clone().unwrap_or_else(|| "none".into());
    let due = all.iter().map(|Foreseen { card, at, what }| {
        let (what, kind, amount) = match what {
            What::Expires(kind, amount) => ("expires".to_owned(), Some(kind.0), Some(*amount)),
            What::Released(kind, amount) => ("is released".to_owned(), Some(kind.0), Some(*amount)),
            What::HoldEnds(amount) => ("is no longer held".to_owned(), None, Some(*amount)),
            What::Rank(board, rank, kind, points) => {
                (format!("rank {rank} of {board}"), Some(kind.0), Some(*points))
            }
            What::BirthdayGift(kind, points) => ("birthday gift".to_owned(), Some(kind.0), Some(*points)),
            What::Tier(from, to) => (format!("tier {} to {}", tier(from), tier(to)), None, None),
        };
        let at = jiff::Timestamp::from_second(*at).map_or_else(|_| at.to_string(), |at| at.to_string());
        json!({ "card": card.0.to_string(), "at": at, "what": what, "kind": kind, "amount": amount })
    });
    let answer = json!({ "due": due.collect::<Vec<_>>() });
    show(common, &answer, |answer| {
        if rows(answer, "due").next().is_none() {
            println!("Nothing happens by itself until then.");
            return;
        }
        let fields = ["card", "at", "what", "kind", "amount"];
        table(
            ["card", "from", "what", "balance", "amount"],
            rows(answer, "due").map(|row| fields.map(|field| text(row, field))),
        );
    })
}

/// The birthdays that are kept here, if any are.
fn births(common: &Common) -> Result<Vec<Birth>> {
    let data = common.directory();
    let (mut births, mut after) = (Vec::new(), 0);
    if data.member_key().exists() && data.0.join(MEMBERS).exists() {
        let members = Members::open(&data.0, &data.member_key())?;
        while let Some((last, more)) = members.births_after(after, 4096)? {
            births.extend(more);
            after = last;
        }
    }
    Ok(births)
}

/// A time that a person wrote, in Unix seconds: RFC 3339, a time in the programme's zone, or a business day's start.
fn moment(written: &str, programme: &Programme) -> Result<i64> {
    let zoned = |time: DateTime| Some(time.to_zoned(programme.zone.clone()).ok()?.timestamp());
    // Exact first: what has an offset would be read without it as well.
    if let Ok(exact) = written.parse::<jiff::Timestamp>() {
        return Ok(exact.as_second());
    }
    // A date's reader passes over a time that follows, and a time's reader takes a date for its midnight.
    let at = match (written.contains(':'), written.parse::<Date>(), written.parse::<DateTime>()) {
        (false, Ok(day), _) if written.len() == "2027-01-01".len() => programme.begin_of(day),
        (true, _, Ok(time)) => zoned(time),
        _ => {
            bail!(
                "{written:?} is no time; write \"2027-01-01 04:00\", \"2027-01-01T04:00:00+08:00\", \
                 or \"2027-01-01\" for the start of that business day"
            )
        }
    };
    Ok(at.with_context(|| format!("{written:?} is outside the calendar"))?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_the_programmes_zone_and_a_day_begins_at_its_cutover() {
        let programme = programme_file::parse(programme_file::DEFAULT).expect("default programme");
        let four = 1_798_747_200; // 2026-12-31T20:00:00Z
        for written in [
            "2027-01-01",
            "2027-01-01 04:00",
            "2027-01-01T04:00",
            "2027-01-01 04:00:00",
            "2027-01-01T04:00:00+08:00",
            "2026-12-31T20:00:00Z",
            "2026-12-31 20:00:00Z",
        ] {
            assert_eq!(moment(written, &programme).expect(written), four, "{written}");
        }
        for wrong in ["", "tomorrow", "2027-13-01", "2027-01-01 25:00", "04:00", "2027-01-01 4", "20270101"] {
            assert!(moment(wrong, &programme).is_err(), "{wrong}");
        }
    }
}
