//! `gateway alerts`: what was unusual, for the person who looks, and for a cron job.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use super::Common;
use super::journal::open;
use super::leaderboard::masked;
use super::operate::show;
use super::show::{bar, rows, table, text};
use crate::alerts::{alerts, date_of};
use crate::clock::Clock;
use crate::domain::programme::alert::{Above, Raised, Who};
use crate::executor::state_now;
use crate::explain::programmes;
use crate::programme_file::alert_words;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gateway alerts                                  what was crossed today
  gateway alerts --from 2026-12-01                since then
  gateway alerts --from 2026-12-01 --to 2026-12-31 --json
  gateway alerts > alerts.txt || mail shop < alerts.txt      in a cron job

The lines are those of [[alert]] in the programmes that were in force; each is crossed once by each member, cashier, terminal, store or
rule in its day or month. The reference is that of the entry that crossed it: `gateway transaction explain REFERENCE`. The journal is
read from the month of the first day on; whether the gateway serves does not matter.
Exit codes: 0 there are none, 1 there are some, 2 they cannot be worked out.")]
pub(super) struct Span {
    /// First business date, YYYY-MM-DD [default: the present one].
    #[arg(long, value_name = "DATE")]
    from: Option<jiff::civil::Date>,
    /// Last business date; it counts [default: the present one].
    #[arg(long, value_name = "DATE")]
    to: Option<jiff::civil::Date>,
}

pub(super) fn told(common: &Common, span: &Span) -> ExitCode {
    raised(common, span).unwrap_or_else(|error| {
        super::told(common, &error);
        ExitCode::from(2)
    })
}

fn raised(common: &Common, span: &Span) -> Result<ExitCode> {
    let (storage, installation) = open(&common.directory())?;
    storage.hold_still()?;
    let ms = Clock::system().now_ms();
    let state = state_now(&storage, &installation)?;
    let versions = programmes(&state, ms.div_euclid(1000));
    let (.., programme) = versions.last().context("the journal has no programme that could be read")?;
    let today = programme.business_date(ms).context("the clock is out of range")?;
    // A day that was closed early has more to it than the clock says.
    let booked = date_of(&storage, storage.last_index()?)?.unwrap_or(today);
    let number = |day: jiff::civil::Date| {
        let text = day.strftime("%Y%m%d").to_string();
        text.parse::<u32>().with_context(|| format!("{day} is outside the calendar"))
    };
    let from = span.from.map_or(Ok(today), number)?;
    let until = span.to.map_or(Ok(today.max(booked).max(from)), number)?;
    let progress = bar(storage.last_index()?, "reading", common.json);
    let all = alerts(&storage, &installation, (from, until), |at| progress.set_position(at))?;
    progress.finish_and_clear();
    let told = all.iter().map(|raised| {
        let Raised { alert, who, period, business_date, index, reached } = raised;
        let (on, by, per) = alert_words(alert);
        let who = match who {
            Who::Card(card) => masked(*card),
            Who::Named(name) => name.clone(),
        };
        let (line, unit) = match alert.above {
            Above::Times(times) => (times, "times"),
            Above::Amount(amount) => (amount, "amount"),
        };
        json!({
            "alert": alert.alert, "on": on, "by": by, "who": who, "per": per, "period": period, "date": business_date,
            "reference": index, "reached": reached, "above": line, "unit": unit,
        })
    });
    let answer = json!({ "from": from, "until": until, "alerts": told.collect::<Vec<_>>() });
    show(common, &answer, |answer| {
        if all.is_empty() {
            println!("Nothing unusual from {from} to {until}.");
            return;
        }
        let fields = ["alert", "on", "by", "who", "date", "per", "reached", "above", "unit", "reference"];
        table(fields, rows(answer, "alerts").map(|row| fields.map(|field| text(row, field))));
    })?;
    Ok(ExitCode::from(u8::from(!all.is_empty())))
}
