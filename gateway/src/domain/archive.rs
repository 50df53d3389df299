//! Which days may leave the database for a file: those that are closed and older than what a terminal keeps, from the first entry on.

use super::day::{closed_through, dashed, day_after};
use super::effect::Effect;
use super::member::{Window, counted};
use super::programme::Programme;
use super::refusal::Refusal;
use super::request::Now;
use super::state::State;

/// A terminal keeps requests and receipts that are younger than this, so that it can resubmit after the gateway was restored from a backup.
pub const BACKUP_HORIZON_S: i64 = 35 * 24 * 3600;

/// Counter of the programme, for ever: the entry through which the journal is archived.
pub const ARCHIVED_THROUGH: &str = "archived-through";

/// The entry through which the journal is archived; 0 where nothing is.
#[must_use]
pub fn archived_through(state: &State) -> u64 {
    u64::try_from(counted(&state.counters, ARCHIVED_THROUGH, Window::Ever, 0)).unwrap_or(0)
}

/// The business date before which days may go.
#[must_use]
pub fn may_go_before(state: &State, programme: &Programme, now: Now) -> u32 {
    let kept_ms = BACKUP_HORIZON_S.saturating_mul(1000);
    let kept_from = programme.business_date(now.ms.saturating_sub(kept_ms)).unwrap_or(0);
    kept_from.min(day_after(closed_through(state)).unwrap_or(0))
}

/// An operator archives entries from the first that is not, `first`, to `last`, which was booked on `last_date`.
pub(super) fn archive(
    state: &State,
    programme: &Programme,
    (first, last): (u64, u64),
    last_date: u32,
    now: Now,
) -> Result<Vec<Effect>, Refusal> {
    let through = archived_through(state);
    if through.checked_add(1) != Some(first) || last < first {
        return Err(Refusal::ArchivedElsewhere(through));
    }
    let before = may_go_before(state, programme, now);
    if last_date >= before {
        return Err(Refusal::TooYoungToArchive(dashed(before)));
    }
    let change =
        i64::try_from(last.saturating_sub(through)).map_err(|_| Refusal::ArchivedElsewhere(through))?;
    Ok(vec![Effect::Counter { card: None, counter: ARCHIVED_THROUGH.into(), period: 0, change }])
}
