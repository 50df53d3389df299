//! A provider's statement against the journal.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::Common;
use super::journal::open;
use super::show::{bar, table};
use crate::finance::Commodity;
use crate::finance::reconcile::{
    Asked, By, EXAMPLE, Found, Line, Map, Movement, Outcome, Pair, Span, Statement, compare, currency,
    movements, read,
};

/// Most lines of each list that are printed for people.
const MOST: usize = 40;

#[derive(Debug, Args)]
pub(super) struct Reconcile {
    /// The provider's file, CSV in UTF-8.
    #[arg(long, value_name = "CSV", required_unless_present = "print_map")]
    statement: Option<PathBuf>,
    /// How the file is read, and which tenders it is about.
    #[arg(long, value_name = "TOML", required_unless_present = "print_map")]
    map: Option<PathBuf>,
    /// First day, by the map's time zone [default: the file's first].
    #[arg(long, value_name = "DATE", requires = "to")]
    from: Option<String>,
    /// Last day, included [default: the file's last].
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<String>,
    /// Print a map with every key explained, to begin one's own with.
    #[arg(long, conflicts_with_all = ["statement", "map", "from", "to"])]
    print_map: bool,
}

pub(super) fn reconcile(common: &Common, asked: &Reconcile) -> Result<ExitCode> {
    let (Some(statement), Some(map)) = (&asked.statement, &asked.map) else {
        print!("{EXAMPLE}");
        return Ok(ExitCode::SUCCESS);
    };
    let document = std::fs::read_to_string(map).with_context(|| format!("reading {}", map.display()))?;
    let map = Map::parse(&document).with_context(|| format!("in {}", map.display()))?;
    let days = asked.days()?;
    let (storage, installation) = open(&common.directory())?;
    let currency = currency(&storage)?;
    let (said, days) = read_file(statement, &map, &currency, days)?;
    let progress = bar(storage.last_index()?, "reading", common.json);
    let wanted = Asked { map: &map, days: days.wider(map.tolerance) };
    let found = movements(&storage, &installation, &wanted, |at| progress.set_position(at))?;
    progress.finish_and_clear();
    let Found { movements, entries, complete } = found;
    let Statement { lines, ignored, outside, fees } = said;
    let outcome = compare(lines, movements, days, map.tolerance);
    let told = Told { outcome, currency, days, entries, complete, ignored, outside, fees, map };
    if common.json {
        println!("{}", told.json());
    } else {
        told.print(statement);
    }
    Ok(if told.outcome.agrees() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl Reconcile {
    fn days(&self) -> Result<Option<Span>> {
        let date = |text: &String| -> Result<Date> {
            text.parse().with_context(|| format!("{text:?} is no date; write YYYY-MM-DD"))
        };
        let (Some(from), Some(to)) = (&self.from, &self.to) else { return Ok(None) };
        let days = Span { from: date(from)?, to: date(to)? };
        ensure!(days.from <= days.to, "--from {} is behind --to {}", days.from, days.to);
        Ok(Some(days))
    }
}

/// The file's lines, and the days that are compared.
fn read_file(path: &Path, map: &Map, currency: &Commodity, days: Option<Span>) -> Result<(Statement, Span)> {
    let file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    let wanted = days.map(|days| days.wider(map.tolerance));
    let said = read(BufReader::new(file), map, currency, wanted)
        .with_context(|| format!("in {}", path.display()))?;
    let each = || said.lines.iter().map(|line| line.day);
    let own = each().min().zip(each().max()).map(|(from, to)| Span { from, to });
    let days = days
        .or(own)
        .with_context(|| format!("{} has no payments; name the days with --from and --to", path.display()))?;
    Ok((said, days))
}

struct Told {
    outcome: Outcome,
    currency: Commodity,
    days: Span,
    entries: (u64, u64),
    complete: bool,
    ignored: u64,
    outside: u64,
    fees: i64,
    map: Map,
}

impl Told {
    /// With all its decimal places; a sum of many amounts may be longer than one.
    fn shown(&self, amount: i128) -> String {
        let places = usize::from(self.currency.exponent);
        let digits = format!("{:0>width$}", amount.unsigned_abs(), width = places.saturating_add(1));
        let (whole, part) = digits.split_at(digits.len().saturating_sub(places));
        let sign = if amount < 0 { "-" } else { "" };
        if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
    }

    fn print(&self, statement: &Path) {
        let Span { from, to } = self.days;
        let outcome = &self.outcome;
        let tenders: Vec<String> = self.map.tenders.iter().map(u8::to_string).collect();
        println!(
            "{} and tender {}, {from} to {to}, in {}; journal entries {} to {}",
            statement.display(),
            tenders.join(", "),
            self.currency.name,
            self.entries.0,
            self.entries.1
        );
        table(
            ["", "lines", "statement", "here", "sum here", "difference"],
            outcome.totals().map(|(name, totals)| {
                [
                    name.to_owned(),
                    totals.lines.to_string(),
                    self.shown(totals.statement),
                    totals.movements.to_string(),
                    self.shown(totals.here),
                    self.shown(totals.difference()),
                ]
            }),
        );
        self.print_pairs("The amount differs:", outcome.differing.iter());
        let late = outcome.late.iter().filter_map(|at| outcome.matched.get(*at));
        self.print_pairs("The same, but too many days apart:", late);
        self.print_sides("In the statement, and not here:", &outcome.missing_here, &[]);
        self.print_sides("Here, and not in the statement:", &[], &outcome.missing_there);
        for group in outcome.ambiguous.iter().take(MOST) {
            self.print_sides("Which is which cannot be told:", &group.lines, &group.movements);
        }
        more(outcome.ambiguous.len());
        for group in outcome.repeated_lines.iter().take(MOST) {
            self.print_sides("One reference, several payments in the statement:", group, &[]);
        }
        more(outcome.repeated_lines.len());
        for group in outcome.repeated_movements.iter().take(MOST) {
            self.print_sides("One reference, several payments here:", &[], group);
        }
        more(outcome.repeated_movements.len());
        let undone: Vec<Movement> = outcome.undone.iter().flatten().cloned().collect();
        self.print_sides("Undone here, and so nothing:", &[], &undone);
        self.print_notes();
    }

    fn print_pairs<'a>(&self, title: &str, pairs: impl Iterator<Item = &'a Pair>) {
        let pairs: Vec<&Pair> = pairs.collect();
        if pairs.is_empty() {
            return;
        }
        println!("\n{title}");
        table(
            ["reference", "line", "day", "statement", "entry", "day", "here", "difference"],
            pairs.iter().take(MOST).map(|pair| {
                let Pair { line, movement, .. } = pair;
                let difference = i128::from(line.amount).saturating_sub(i128::from(movement.amount));
                [
                    line.reference.clone(),
                    line.line.to_string(),
                    line.day.to_string(),
                    self.shown(line.amount.into()),
                    movement.index.to_string(),
                    movement.day.to_string(),
                    self.shown(movement.amount.into()),
                    self.shown(difference),
                ]
            }),
        );
        more(pairs.len());
    }

    fn print_sides(&self, title: &str, lines: &[Line], movements: &[Movement]) {
        if lines.is_empty() && movements.is_empty() {
            return;
        }
        println!("\n{title}");
        let lines = lines.iter().map(|line| {
            let place = format!("line {}", line.line);
            [
                place,
                line.day.to_string(),
                self.shown(line.amount.into()),
                line.reference.clone(),
                String::new(),
            ]
        });
        let movements = movements.iter().map(|movement| {
            let what = format!("{} {} {}", movement.what, movement.request, movement.store);
            let place = format!("entry {}", movement.index);
            let amount = self.shown(movement.amount.into());
            [place, movement.day.to_string(), amount, movement.reference.clone(), what]
        });
        let number = lines.len().saturating_add(movements.len());
        table(["where", "day", "amount", "reference", "what"], lines.chain(movements).take(MOST));
        more(number);
    }

    fn print_notes(&self) {
        println!();
        if self.map.says_fees() {
            println!("The provider has kept {} in fees.", self.shown(self.fees.into()));
        }
        if self.ignored > 0 {
            println!(
                "{} lines were passed over: [types] ignores them, or they are about nothing.",
                self.ignored
            );
        }
        if self.outside > 0 {
            println!("{} lines are of other days.", self.outside);
        }
        if !self.complete {
            println!("The journal has not come past these days: payments may follow.");
        }
        if self.outcome.agrees() {
            println!("All of it matches.");
        } else {
            println!("Not all of it matches.");
        }
    }

    fn json(&self) -> Value {
        let line = |line: &Line| {
            json!({ "line": line.line, "day": line.day.to_string(), "amount": self.shown(line.amount.into()),
                "reference": line.reference })
        };
        let own = |movement: &Movement| {
            json!({ "entry": movement.index, "undoes": movement.undoes, "day": movement.day.to_string(),
                "amount": self.shown(movement.amount.into()), "reference": movement.reference,
                "what": movement.what, "request": movement.request, "store": movement.store })
        };
        let pair = |pair: &Pair| {
            let by = if pair.by == By::Reference { "reference" } else { "amount" };
            json!({ "line": line(&pair.line), "here": own(&pair.movement), "by": by, "days_apart": pair.days })
        };
        let lines = |all: &[Line]| all.iter().map(line).collect::<Vec<_>>();
        let owns = |all: &[Movement]| all.iter().map(own).collect::<Vec<_>>();
        let outcome = &self.outcome;
        let late = outcome.late.iter().filter_map(|at| outcome.matched.get(*at));
        let groups = outcome.ambiguous.iter();
        let totals = outcome.totals().map(|(name, totals)| {
            json!({ "what": name, "lines": totals.lines, "statement": self.shown(totals.statement),
                "movements": totals.movements, "here": self.shown(totals.here),
                "difference": self.shown(totals.difference()) })
        });
        json!({
            "ok": outcome.agrees(),
            "from": self.days.from.to_string(),
            "to": self.days.to.to_string(),
            "currency": self.currency.name,
            "complete": self.complete,
            "totals": totals,
            "matched": outcome.matched.iter().map(pair).collect::<Vec<_>>(),
            "differing": outcome.differing.iter().map(pair).collect::<Vec<_>>(),
            "late": late.map(pair).collect::<Vec<_>>(),
            "missing_here": lines(&outcome.missing_here),
            "missing_there": owns(&outcome.missing_there),
            "ambiguous": groups.map(|group| json!({ "lines": lines(&group.lines), "here": owns(&group.movements) }))
                .collect::<Vec<_>>(),
            "repeated_lines": outcome.repeated_lines.iter().map(|all| lines(all)).collect::<Vec<_>>(),
            "repeated_here": outcome.repeated_movements.iter().map(|all| owns(all)).collect::<Vec<_>>(),
            "undone": outcome.undone.iter().map(|all| owns(all)).collect::<Vec<_>>(),
            "fees": self.shown(self.fees.into()),
            "ignored_lines": self.ignored,
            "lines_of_other_days": self.outside,
        })
    }
}

fn more(number: usize) {
    if number > MOST {
        println!("and {} more; --json has all of them", number.saturating_sub(MOST));
    }
}
