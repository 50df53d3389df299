//! A provider's statement against the journal.

mod page;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::Common;
use super::journal::open;
use super::show::bar;
use crate::finance::Commodity;
use crate::finance::reconcile::{
    Asked, By, Census, Dropped, EXAMPLE, Found, Line, Map, Movement, Outcome, Pair, Span, Statement, Why,
    Window, census, compare, currency, movements, read,
};

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

/// Exit code when there was nothing to compare.
const NOTHING: u8 = 3;

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
    let mut said = read_file(statement, &map, &currency, days)?;
    let Some(days) = days.or(said.seen) else {
        bail!(
            "in {}: of {} lines none is a payment ({}); name the days with --from and --to",
            statement.display(),
            said.file,
            page::passed(&said)
        );
    };
    let progress = bar(storage.last_index()?, "reading", common.json);
    let wanted = Asked { map: &map, days: days.wider(map.tolerance) };
    let found = movements(&storage, &installation, &wanted, |at| progress.set_position(at))?;
    let lines = std::mem::take(&mut said.lines);
    let window = Window { days, tolerance: map.tolerance, seen: said.seen };
    let Found { movements, entries, complete } = found;
    let unseen = map.stores.iter().any(|store| movements.iter().all(|movement| movement.store != *store));
    let outcome = compare(lines, movements, window);
    let all = outcome.all();
    let compared = all.lines > 0 && all.movements > 0;
    let has = if unseen || !compared {
        Some(census(&storage, &map, |at| progress.set_position(at))?)
    } else {
        None
    };
    progress.finish_and_clear();
    if let Some(has) = &has {
        known_stores(&map, has)?;
    }
    said.dropped.retain(|line| line.day.is_none_or(|day| days.has(day)));
    let has = has.filter(|_| !compared);
    let told = Told { outcome, currency, days, entries, complete, said, map, has };
    let text = if common.json { format!("{}\n", told.json()) } else { page::page(&told, statement) };
    print!("{text}");
    Ok(ExitCode::from(told.code()))
}

/// A store that the journal never heard of is a slip of the pen, and would look like one that took nothing.
fn known_stores(map: &Map, has: &Census) -> Result<()> {
    let Some(unknown) = map.stores.iter().find(|store| !has.stores.contains(*store)) else { return Ok(()) };
    let names: Vec<&str> = has.stores.iter().map(String::as_str).collect();
    bail!(
        "the journal has no store {unknown:?}, which [about] of the map names; it has: {}",
        names.join(", ")
    )
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

fn read_file(path: &Path, map: &Map, currency: &Commodity, days: Option<Span>) -> Result<Statement> {
    let file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    let wanted = days.map(|days| days.wider(map.tolerance));
    read(BufReader::new(file), map, currency, wanted).with_context(|| format!("in {}", path.display()))
}

struct Told {
    outcome: Outcome,
    currency: Commodity,
    days: Span,
    entries: (u64, u64),
    complete: bool,
    /// What the file says, but for the lines that were compared.
    said: Statement,
    map: Map,
    /// What the journal has at all; when there was nothing to compare on one side or on both.
    has: Option<Census>,
}

impl Told {
    fn agrees(&self) -> bool {
        self.outcome.agrees() && !self.said.dropped.iter().any(Dropped::looks_paid)
    }

    /// Nothing on either side: neither a match nor a difference.
    fn nothing(&self) -> bool {
        let all = self.outcome.all();
        (all.lines, all.movements) == (0, 0) && self.outcome.elsewhere.is_empty()
    }

    fn code(&self) -> u8 {
        match (self.agrees(), self.nothing()) {
            (false, _) => 1,
            (true, true) => NOTHING,
            (true, false) => 0,
        }
    }

    /// Lines of the file by what became of them; they add up to the file.
    fn accounted(&self) -> Vec<(&'static str, u64)> {
        let elsewhere = u64::try_from(self.outcome.elsewhere.len()).unwrap_or(u64::MAX);
        let passed = |why: Why| self.said.passed.get(&why).copied().unwrap_or(0);
        let other_days = passed(Why::Days).saturating_add(self.outcome.other_days);
        let mut rows = vec![
            ("in the sums", self.outcome.all().lines),
            ("in sums of other days", elsewhere),
            (Why::Days.name(), other_days),
        ];
        let others = self.said.passed.iter().filter(|(why, _)| **why != Why::Days);
        rows.extend(others.map(|(why, number)| (why.name(), *number)));
        rows.retain(|(_, number)| *number > 0);
        rows
    }

    /// With all its decimal places; a sum of many amounts may be longer than one.
    fn shown(&self, amount: i128) -> String {
        let places = usize::from(self.currency.exponent);
        let digits = format!("{:0>width$}", amount.unsigned_abs(), width = places.saturating_add(1));
        let (whole, part) = digits.split_at(digits.len().saturating_sub(places));
        let sign = if amount < 0 { "-" } else { "" };
        if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
    }

    fn json(&self) -> Value {
        let line = |line: &Line| {
            json!({ "line": line.line, "day": line.day.to_string(), "amount": self.shown(line.amount.into()),
                "reference": line.reference, "fee": self.shown(line.fee.into()), "spoilt": line.cut })
        };
        let own = |movement: &Movement| {
            json!({ "entry": movement.index, "undoes": movement.undoes, "day": movement.day.to_string(),
                "amount": self.shown(movement.amount.into()), "reference": movement.reference,
                "what": movement.what, "request": movement.request, "store": movement.store })
        };
        let pair = |pair: &Pair| {
            let by = match pair.by {
                By::Reference => "reference",
                By::Amount => "amount",
                By::Perhaps => "possible",
            };
            json!({ "line": line(&pair.line), "here": own(&pair.movement), "by": by, "days_apart": pair.days })
        };
        let lines = |all: &[Line]| all.iter().map(line).collect::<Vec<_>>();
        let owns = |all: &[Movement]| all.iter().map(own).collect::<Vec<_>>();
        let outcome = &self.outcome;
        let late = outcome.late.iter().filter_map(|at| outcome.matched.get(*at));
        let groups = outcome.ambiguous.iter();
        let totals = outcome.totals().map(|(name, totals)| {
            json!({ "what": name, "lines": totals.lines, "statement": self.shown(totals.statement),
                "movements": totals.movements, "here": self.shown(totals.here), "fees": self.shown(totals.fees),
                "difference": self.shown(totals.difference()) })
        });
        json!({
            "ok": self.code() == 0,
            "compared": self.has.is_none(),
            "from": self.days.from.to_string(),
            "to": self.days.to.to_string(),
            "currency": self.currency.name,
            "complete": self.complete,
            "totals": totals,
            "matched": outcome.matched.iter().map(pair).collect::<Vec<_>>(),
            "differing": outcome.differing.iter().map(pair).collect::<Vec<_>>(),
            "possible": outcome.possible.iter().map(pair).collect::<Vec<_>>(),
            "elsewhere": outcome.elsewhere.iter().map(pair).collect::<Vec<_>>(),
            "late": late.map(pair).collect::<Vec<_>>(),
            "missing_here": lines(&outcome.missing_here),
            "missing_there": owns(&outcome.missing_there),
            "ambiguous": groups.map(|group| json!({ "lines": lines(&group.lines), "here": owns(&group.movements) }))
                .collect::<Vec<_>>(),
            "repeated_lines": outcome.repeated_lines.iter().map(|all| lines(all)).collect::<Vec<_>>(),
            "repeated_here": outcome.repeated_movements.iter().map(|all| owns(all)).collect::<Vec<_>>(),
            "undone": outcome.undone.iter().map(|all| owns(all)).collect::<Vec<_>>(),
            "fees": self.shown(outcome.all().fees),
            "file": { "lines": self.said.file, "of_them": self.accounted().into_iter().collect::<BTreeMap<_, _>>(),
                "first_day": self.said.seen.map(|seen| seen.from.to_string()),
                "last_day": self.said.seen.map(|seen| seen.to.to_string()) },
            "dropped": self.said.dropped.iter().map(|line| json!({ "line": line.line, "why": line.why.name(),
                "amount": self.shown(line.amount.into()), "day": line.day.map(|day| day.to_string()),
                "looks_paid": line.looks_paid() })).collect::<Vec<_>>(),
            "journal": self.has.as_ref().map(|has| json!({ "stores": has.stores,
                "loads": has.tenders.iter().map(|(tender, (number, days))| json!({ "tender": tender, "entries": number,
                    "first_day": days.from.to_string(), "last_day": days.to.to_string() })).collect::<Vec<_>>() })),
        })
    }
}
