//! Leaderboards: where a member is on those that are open, and the close of those whose time is over, a few rewards at a time. An item is
//! booked once, because it counts that it was; downtime only makes it late.

use std::collections::HashMap;

use protocol::answer::{Rank, Ranks};
use protocol::field::{Count, Date, Installation, Measure};
use tracing::{info, warn};

use super::group::{Cause, Group};
use super::open::{OpenError, restore};
use super::writer::{InDoubt, InForce, Writer};
use crate::domain::leaderboard::{close, reward_rank};
use crate::domain::programme::Leaderboard;
use crate::domain::programme::leaderboard::{Slot, closing, is_closed};
use crate::domain::standing::{Place, Standing, Standings};
use crate::domain::state::{Cell, State, Touched};
use crate::domain::{CardReference, Effect, Member, Now, Programme};
use crate::journal::record::Origin;
use crate::storage::{Storage, StorageError, cell_key, decode_cell};

/// Rewards in one look. A write group of so many entries takes a few milliseconds.
const REWARDS_AT_ONCE: usize = 128;

/// The boards that are open, from the snapshot and what the state has changed since; read only where a programme has some.
pub(crate) fn standings<'a>(
    storage: &Storage,
    state: &State,
    mut programmes: impl Iterator<Item = &'a Programme>,
) -> Result<Standings, StorageError> {
    let mut standings = Standings::default();
    if programmes.all(|programme| programme.leaderboards.is_empty()) {
        return Ok(standings);
    }
    each_member(storage, &state.members, |card, member| {
        standings.learn_member(card, member, &state.counters);
    })?;
    for (card, member) in &state.members {
        standings.learn_member(*card, member, &state.counters);
    }
    Ok(standings)
}

/// The state that the database leads to, without the members who have not changed lately.
///
/// # Errors
/// [`OpenError`] when something does not hold.
pub(crate) fn state_now(storage: &Storage, installation: &Installation) -> Result<State, OpenError> {
    restore(storage, installation).map(|(state, ..)| state)
}

/// How all members stand in a slot; of those who have changed lately the state knows more.
///
/// # Errors
/// When the snapshot cannot be read.
pub(crate) fn standing_in(storage: &Storage, state: &State, slot: &Slot) -> Result<Standing, StorageError> {
    let mut standing = Standing::of(state.members.iter(), slot);
    each_member(storage, &state.members, |card, member| {
        standing.set(card, 0, member.counters.get(slot).copied().unwrap_or(0));
    })?;
    Ok(standing)
}

/// Every member of the snapshot but for those that have changed since.
fn each_member(
    storage: &Storage,
    changed: &HashMap<CardReference, Member>,
    mut visit: impl FnMut(CardReference, &Member),
) -> Result<(), StorageError> {
    storage.each_snapshot(cell_key(&Touched::Member(CardReference(0))), |key, bytes, _| {
        if let (Touched::Member(card), Cell::Member(member)) = decode_cell(&key, &bytes)?
            && !changed.contains_key(&card)
        {
            visit(card, &member);
        }
        Ok(())
    })
}

/// What is still to be given at a close.
struct Rewards {
    in_force: InForce,
    key: String,
    /// The places to reward next.
    next: Vec<(Place, i64)>,
    /// There are more behind them.
    more: bool,
}

impl Writer {
    /// Closes the boards whose time is over, and books the next few of their rewards.
    pub(super) fn close_boards(&mut self, group: &mut Group) -> Result<(), InDoubt> {
        let now = self.now();
        let mut room = REWARDS_AT_ONCE;
        for slot in self.standings.slots().cloned().collect::<Vec<_>>() {
            if room == 0 {
                break;
            }
            let Some(rewards) = self.rewards(&slot, room, now) else { continue };
            room = room.saturating_sub(rewards.next.len());
            self.close_board(group, &slot, rewards, now)?;
        }
        Ok(())
    }

    /// The next rewards of a slot whose time is over; `None` while it is open.
    fn rewards(&self, slot: &Slot, room: usize, now: Now) -> Option<Rewards> {
        let versions = self.programmes.iter().filter(|version| version.effective_from <= now.s());
        let each = versions.clone().map(|version| (version.effective_from, version.programme.as_ref()));
        let (programme, board, end) = closing(each, slot)?;
        if now.s() < end {
            return None;
        }
        let in_force = versions.rev().find(|version| std::ptr::eq(version.programme.as_ref(), programme))?;
        let after = self.rewarded.get(slot);
        let behind = |place: &Place| after.is_none_or(|last| (place.rank, place.card) > *last);
        let mut left = self.standings.get(slot)?.rewarded(board).filter(|(place, _)| behind(place));
        let next = left.by_ref().take(room).collect();
        Some(Rewards {
            in_force: in_force.clone(),
            key: board.key.clone(),
            next,
            more: left.next().is_some(),
        })
    }

    fn close_board(
        &mut self,
        group: &mut Group,
        slot: &Slot,
        rewards: Rewards,
        now: Now,
    ) -> Result<(), InDoubt> {
        let Rewards { in_force, key, next, more } = rewards;
        let closed = is_closed(&self.state.counters, slot);
        let named = format!("{}/{}", slot.0, slot.1);
        let nothing = next.is_empty() && !more;
        if !closed {
            info!(board = key, period = slot.1, "a leaderboard is closed");
            let change = if nothing { 2 } else { 1 };
            self.book_board(group, &in_force, named.clone(), vec![close(slot, change)], now);
        }
        for (place, points) in &next {
            self.fetch_card(place.card)?;
            let at = (self.next_index(group), now);
            let Some(board) = in_force.programme.leaderboards.iter().find(|board| board.key == key) else {
                break;
            };
            let what = (in_force.programme.as_ref(), board);
            match reward_rank(&self.state, what, slot, (place.card, *points), at) {
                Ok(effects) if effects.is_empty() => {}
                Ok(effects) => {
                    self.book_board(group, &in_force, format!("{named}/{}", place.card.0), effects, now);
                }
                Err(fault) => warn!(card = place.card.0, %fault, "a rank's reward could not be booked"),
            }
            self.rewarded.insert(slot.clone(), (place.rank, place.card));
        }
        if !more && (closed || !nothing) {
            self.book_board(group, &in_force, format!("{named}/done"), vec![close(slot, 1)], now);
            self.rewarded.remove(slot);
        }
        Ok(())
    }

    fn book_board(
        &mut self,
        group: &mut Group,
        in_force: &InForce,
        key: String,
        effects: Vec<Effect>,
        now: Now,
    ) {
        let place = self.place.clone();
        let cause = Cause::system(Origin::LEADERBOARD, key, (&place.0, &place.1), now, effects);
        if let Err(fault) = self.append(group, in_force, cause, |_| None) {
            warn!(%fault, "the close of a leaderboard could not be booked");
        }
    }

    /// Where a member is on the boards that are open.
    pub(super) fn ranks(
        &self,
        programme: &Programme,
        (card, member): (CardReference, &Member),
        now: Now,
    ) -> Option<Ranks> {
        let boards = programme.leaderboards.iter().filter(|_| programme.is_member(member));
        let ranks = boards.filter_map(|board| self.rank(board, (card, member), now));
        Ranks::new(ranks.collect())
    }

    fn rank(&self, board: &Leaderboard, (_, member): (CardReference, &Member), now: Now) -> Option<Rank> {
        let slot = board.slot(now.business_date)?;
        if is_closed(&self.state.counters, &slot) {
            return None;
        }
        let count = member.counters.get(&slot).copied().unwrap_or(0).max(0);
        let standing = self.standings.get(&slot);
        let number = |number: u64| i64::try_from(number).ok().and_then(Count::new);
        let rank =
            standing.filter(|_| count >= board.minimum).and_then(|standing| number(standing.rank(count)));
        Some(Rank {
            board: board.key.parse().ok()?,
            name: board.name.parse().ok()?,
            measure: Measure(board.by.number()),
            until: Date::new(board.days(&slot)?.1)?,
            count: Count::new(count)?,
            rank,
            members: number(standing.map_or(0, |standing| standing.placed(board.minimum)))?,
            title: board.title(count).and_then(|title| title.parse().ok()),
        })
    }
}
