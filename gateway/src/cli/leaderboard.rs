//! `gateway leaderboard`: who is where, for people; whose card it is stays masked.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::json;

use super::Common;
use super::journal::open;
use super::operate::show;
use super::show::{rows, table, text};
use crate::clock::Clock;
use crate::domain::CardReference;
use crate::domain::programme::leaderboard::{Run, Slot, is_closed};
use crate::domain::programme::{Leaderboard, Measure, Programme};
use crate::executor::{standing_in, state_now};
use crate::explain::programmes;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gateway leaderboard month-points                    this month, or the contest that is on
  gateway leaderboard month-points --period 202611    another month
  gateway leaderboard year-spent --period 2026 --json

References are masked but for their last four digits. The data is read; whether the gateway serves does not matter.
Exit codes: 0 shown, also when nobody has a place yet, 1 there is no such leaderboard.")]
pub(super) struct Board {
    /// Its key in the programme.
    key: String,
    /// A month (202611), a year (2026), or the first day of a contest (20270222) [default: the present one].
    #[arg(long, value_name = "PERIOD")]
    period: Option<u32>,
}

pub(super) fn leaderboard(common: &Common, wanted: &Board) -> Result<ExitCode> {
    let (storage, installation) = open(&common.directory())?;
    storage.hold_still()?;
    let ms = Clock::system().now_ms();
    let state = state_now(&storage, &installation)?;
    let versions = programmes(&state, ms.div_euclid(1000));
    let known = versions.iter().rev().find_map(|(_, _, programme)| {
        let board = programme.leaderboards.iter().find(|board| board.key == wanted.key)?;
        Some((programme, board))
    });
    let Some((programme, board)) = known else {
        let newest =
            versions.last().map(|(.., programme)| programme.leaderboards.as_slice()).unwrap_or_default();
        let keys: Vec<&str> = newest.iter().map(|board| board.key.as_str()).collect();
        bail!(
            "there is no leaderboard {:?}; there are: {}",
            wanted.key,
            if keys.is_empty() { "none".into() } else { keys.join(", ") }
        );
    };
    let today = programme.business_date(ms).context("the clock is out of range")?;
    let slot = slot(board, wanted.period, today)?;
    let standing = standing_in(&storage, &state, &slot)?;
    let places = standing.places().take_while(|place| place.count >= board.minimum);
    let shown = usize::try_from(board.shown).unwrap_or(usize::MAX);
    // Who ties with the last that is shown is shown too.
    let last = places.take(shown).last().map_or(0, |place| place.count);
    let listed = standing.places().take_while(|place| place.count >= board.minimum.max(last));
    let listed = listed.map(|place| {
        json!({
            "rank": place.rank, "card": masked(place.card), "count": place.count,
            "amount": (board.by == Measure::Spent).then(|| programme.money(place.count)),
            "title": board.title(place.count), "reward": board.reward(place.rank, place.tied),
        })
    });
    let (first, last) = board.days(&slot).unwrap_or_default();
    let state = if is_closed(&state.counters, &slot) { "closed" } else { "open" };
    let answer = json!({
        "leaderboard": board.key, "name": board.name, "by": board.by.counter(), "from": first, "until": last,
        "state": state, "members": standing.placed(board.minimum), "places": listed.collect::<Vec<_>>(),
    });
    show(common, &answer, |answer| print(programme, board, answer))
}

fn print(programme: &Programme, board: &Leaderboard, answer: &serde_json::Value) {
    println!(
        "{} ({}), {} to {}, {}: {} members have a place.",
        board.name,
        board.by.counter(),
        answer["from"],
        answer["until"],
        text(answer, "state"),
        answer["members"]
    );
    let rows = rows(answer, "places").map(|row| {
        let count = if board.by == Measure::Spent { text(row, "amount") } else { text(row, "count") };
        let reward = match row["reward"].as_i64() {
            Some(0) | None => String::new(),
            Some(points) => format!("{points} {}", currency(programme, board)),
        };
        [text(row, "rank"), text(row, "card"), count, text(row, "title"), reward]
    });
    table(["rank", "card", "count", "title", "reward at the close"], rows);
}

fn currency(programme: &Programme, board: &Leaderboard) -> String {
    let held = programme.currencies.values().find(|currency| currency.kind == board.kind);
    held.map_or_else(String::new, |currency| currency.name.clone())
}

/// What a period is counted under, as somebody wrote it.
fn slot(board: &Leaderboard, period: Option<u32>, today: u32) -> Result<Slot> {
    let day = match (board.over, period) {
        (Run::Contest { from, .. }, None) => from,
        (Run::Month, Some(month)) if (190_001..=999_912).contains(&month) => {
            month.saturating_mul(100).saturating_add(1)
        }
        (Run::Year, Some(year)) if (1900..=9999).contains(&year) => {
            year.saturating_mul(10_000).saturating_add(101)
        }
        (Run::Contest { .. }, Some(day)) => day,
        (_, None) => today,
        (Run::Month, Some(_)) => bail!("write a month such as --period 202611"),
        (Run::Year, Some(_)) => bail!("write a year such as --period 2026"),
    };
    let slot = board.slot(day).filter(|slot| board.days(slot).is_some());
    slot.with_context(|| format!("{day} is no day of this leaderboard"))
}

/// A reference for whoever may see the list: its last four digits.
pub(super) fn masked(card: CardReference) -> String {
    format!("************{:04}", card.0 % 10_000)
}
