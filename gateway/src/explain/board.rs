//! The close of a leaderboard, explained: who had which rank by what was counted of all members before the entry.

use super::{ExplainError, Explained, is_written};
use crate::domain::decision::{Notes, Reason};
use crate::domain::leaderboard::{close, reward_rank};
use crate::domain::programme::Leaderboard;
use crate::domain::programme::leaderboard::{Slot, closing, is_closed};
use crate::domain::standing::{Place, Standing};
use crate::domain::{CardReference, Effect, Now, Programme, State};
use crate::journal::record::Record;
use crate::programme_file;

/// What an entry says it is about: a slot, and the card that is rewarded.
fn about(effects: &[Effect]) -> Option<(Slot, Option<CardReference>)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Counter { card: None, counter, period, .. } => Some(((counter.clone(), *period), None)),
        Effect::Counter { card, counter, period, .. } => {
            let name = counter.strip_prefix(Leaderboard::WON)?;
            Some(((format!("{}{name}", Leaderboard::COUNTER), *period), *card))
        }
        _ => None,
    })
}

/// Explains an entry of a close; `base` is what it says of itself.
pub(super) fn explain(
    state: &State,
    (index, record): (u64, &Record),
    now: Now,
    base: Explained,
) -> Result<Explained, ExplainError> {
    let damaged = || ExplainError::Damaged(index);
    let (slot, card) = about(&record.details.effects).ok_or_else(damaged)?;
    let versions = programmes(state, now.s());
    let each = versions.iter().map(|(_, effective_from, programme)| (*effective_from, programme));
    let (programme, board, end) = closing(each, &slot).ok_or_else(damaged)?;
    let version =
        versions.iter().find(|(.., other)| std::ptr::eq(other, programme)).map(|(version, ..)| *version);
    let in_time = now.s() >= end && version == Some(record.details.programme_version);
    let standing = Standing::of(state.members.iter(), &slot);
    let given = |(place, points): (Place, i64)| {
        reward_rank(state, (programme, board), &slot, (place.card, points), (index, now))
    };
    let (mut reasons, mut effects) = (Vec::new(), Vec::new());
    match card {
        Some(card) => {
            let place = standing.rewarded(board).find(|(place, _)| place.card == card).ok_or_else(damaged)?;
            effects = given(place)?;
            reasons.push(reason(board, place));
        }
        None if is_closed(&state.counters, &slot) => {
            let mut all_given = true;
            for place in standing.rewarded(board) {
                all_given &= given(place)?.is_empty();
            }
            effects.extend(all_given.then(|| close(&slot, 1)));
        }
        None => {
            let rewards = standing.rewarded(board).next().is_some();
            effects.push(close(&slot, if rewards { 1 } else { 2 }));
        }
    }
    Ok(Explained { reasons, same: in_time && is_written(record, &effects), ..base })
}

fn reason(board: &Leaderboard, (place, points): (Place, i64)) -> Reason {
    let with =
        if place.tied > 1 { format!(" with {} others", place.tied.saturating_sub(1)) } else { String::new() };
    Reason {
        rule: board.name.clone(),
        kind: board.kind,
        base: place.count,
        rate: format!("rank {}{with}", place.rank),
        result: points,
        notes: Notes::NONE,
        other: None,
    }
}

/// Versions that had come into force by a Unix second: number, effective from, programme.
pub(crate) fn programmes(state: &State, s: i64) -> Vec<(u32, i64, Programme)> {
    let held = state.programmes.iter().filter(|version| version.effective_from <= s);
    let read = held.filter_map(|version| {
        let programme = programme_file::parse(&version.document).ok()?;
        Some((version.version, version.effective_from, programme))
    });
    read.collect()
}
