//! Finance's reports, as tables, JSON, or a page to print. The journal is read; whether the gateway serves does not matter.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, Table, presets};

use super::Common;
use super::export::{Days, business_date};
use super::filed::{There, put, try_directory};
use super::show::bar;
use crate::finance::reports::{Asked, Cell, Sheet, Source, page, report as take};
use crate::plain::plain;

#[derive(Debug, Subcommand)]
pub(super) enum Report {
    /// What is owed to card holders at the end of a business date: principal, bonus, points; by store, product, age, month of expiry.
    #[command(after_help = "Examples:
  gateway report liability
  gateway report liability --as-of 2026-11-30 --html liability.html

The sums are the closing balances of an export of that day.")]
    Liability {
        /// Business date, YYYY-MM-DD [default: the last one that the journal has].
        #[arg(long, value_name = "DATE")]
        as_of: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// What stores owe each other: a card loaded in one and spent in another.
    #[command(after_help = "Examples:
  gateway report interstore --from 2026-11-01 --to 2026-11-30
  gateway report interstore --from 2026-11-01 --to 2026-11-30 --html settlement.html")]
    Interstore {
        #[command(flatten)]
        period: Days,
        #[command(flatten)]
        form: Form,
    },
    /// Voids, refunds, reversals, keyed cards, supervisors, offline sales and differences, by terminal and cashier.
    #[command(after_help = "Examples:
  gateway report exceptions --day 2026-11-21
  gateway report exceptions --from 2026-11-01 --to 2026-11-30 --json

What waits to be settled by two people: gateway exception list.")]
    Exceptions {
        #[command(flatten)]
        period: Days,
        #[command(flatten)]
        form: Form,
    },
    /// What bonuses on loads cost: given, clawed back, spent, expired; by rule and programme version, step and store.
    #[command(after_help = "Example:
  gateway report bonus --from 2026-11-01 --to 2026-11-30 --html bonus.html

Rules are asked again who gave what, so this takes longer than the other reports.")]
    Bonus {
        #[command(flatten)]
        period: Days,
        #[command(flatten)]
        form: Form,
    },
    /// What expired unspent, by kind, product, store and month.
    #[command(after_help = "Example:
  gateway report breakage --from 2026-01-01 --to 2026-12-31")]
    Breakage {
        #[command(flatten)]
        period: Days,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(Debug, Args)]
pub(super) struct Form {
    /// Write a page that can be printed and sent, in the place of tables; to a file that is not there yet, or says the same.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// What is in FILE gives way.
    #[arg(long, requires = "html")]
    force: bool,
}

pub(super) fn report(common: &Common, report: Report) -> Result<ExitCode> {
    let (asked, form) = match report {
        Report::Liability { as_of, form } => {
            (Asked::Liability(as_of.as_deref().map(business_date).transpose()?), form)
        }
        Report::Interstore { period, form } => (Asked::Interstore(period.period()?), form),
        Report::Exceptions { period, form } => (Asked::Counter(period.period()?), form),
        Report::Bonus { period, form } => (Asked::Bonus(period.period()?), form),
        Report::Breakage { period, form } => (Asked::Breakage(period.period()?), form),
    };
    if let Some(file) = &form.html {
        ensure!(!file.is_dir(), "{} is a directory; name a file in it", file.display());
        try_directory(file.parent().unwrap_or(Path::new("")))?;
    }
    let (storage, installation) = super::journal::open(&common.directory())?;
    storage.hold_still()?;
    let progress = bar(storage.last_index()?, "reading", common.json);
    let source = Source { storage: &storage, installation: &installation };
    let sheet = take(source, asked, |at| progress.set_position(at))?;
    progress.finish_and_clear();
    let mut same = false;
    if let Some(file) = &form.html {
        let there =
            if form.force { There::GivesWay } else { There::Stays("name another file, or say --force") };
        same = put(file, page(&sheet).as_bytes(), there)?;
    }
    if common.json {
        println!("{}", sheet.json());
    } else if let Some(file) = &form.html {
        let there = if same { "said the same already" } else { "is there" };
        println!("{} {there}: {} {}.", file.display(), sheet.title, sheet.period);
    } else {
        tell(&sheet);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(sheet: &Sheet) {
    println!("{}, {}", sheet.title, sheet.period);
    for table in &sheet.tables {
        println!("\n{}", table.title);
        if table.rows.is_empty() {
            println!("Nothing.");
            continue;
        }
        let mut shown = Table::new();
        shown.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(&table.columns);
        for row in &table.rows {
            shown.add_row(row.iter().map(|cell| plain(&cell.shown())));
        }
        for at in 0..table.columns.len() {
            let is_number = table.rows.iter().all(|row| row.get(at).is_some_and(Cell::is_number));
            if let Some(column) = shown.column_mut(at).filter(|_| is_number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        println!("{shown}");
    }
    for note in &sheet.notes {
        println!("\n{note}");
    }
    if !sheet.complete {
        println!("\nThe last business date is not closed: it may still change.");
    }
}
