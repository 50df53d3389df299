//! `programme due`: what will happen by itself until a time, if nobody touches a card before: by the very functions that will book
//! it, on the state that the journal leads to.

mod gifts;

use protocol::field::Installation;

use crate::domain::leaderboard::reward_rank;
use crate::domain::programme::Programme;
use crate::domain::programme::leaderboard::closing;
use crate::domain::standing::Standings;
use crate::domain::tier_review::review;
use crate::domain::{Card, CardReference, Fault, Kind, Member, Now, State};
use crate::explain::programmes;
use crate::journal::walk::{WalkError, head_before, replayed};
use crate::members::Birth;
use crate::programme_file;
use crate::storage::{Storage, StorageError};

/// Something that happens by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    pub card: CardReference,
    /// Unix second from which on it is so.
    pub at: i64,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// So much of a balance expires (minor units or points).
    Expires(Kind, i64),
    /// So many pending points can be spent; the kind that they become.
    Released(Kind, i64),
    /// So much money is no longer held, minor units.
    HoldEnds(i64),
    /// A tier changes, from one to another; `None` is none.
    Tier(Option<String>, Option<String>),
    /// A leaderboard closes, and a rank gets so many points: name, rank, balance, points.
    Rank(String, u64, Kind, i64),
    /// So many points of a currency are given for a birthday.
    BirthdayGift(Kind, i64),
}

/// Why nothing can be foreseen.
#[derive(Debug, thiserror::Error)]
pub enum ForeseeError {
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the journal has no programme that could be read")]
    NoProgramme,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What falls due up to a Unix second, by card and time. Of birthdays the journal says nothing: `births` are those that are kept.
///
/// # Errors
/// [`ForeseeError`] when the journal is damaged.
pub fn foresee(
    storage: &Storage,
    installation: &Installation,
    until_s: i64,
    births: &[Birth],
    progress: impl FnMut(u64),
) -> Result<Vec<Foreseen>, ForeseeError> {
    let mut state = replayed(storage, installation, progress)?;
    let in_force = state.programmes.iter().rev().find(|version| version.effective_from <= until_s);
    let programme = in_force.or(state.programmes.first()).ok_or(ForeseeError::NoProgramme)?;
    let programme = programme_file::parse(&programme.document).map_err(|_| ForeseeError::NoProgramme)?;
    let ms = until_s.saturating_mul(1000);
    let business_date = programme.business_date(ms).map_err(|_| ForeseeError::NoProgramme)?;
    let mut all = due(&state, &programme, Now { ms, business_date, certain: true });
    all.extend(of_boards(&state, until_s));
    let last = storage.last_seal()?.map_or(0, |seal| seal.group);
    let written_ms = head_before(storage, last.saturating_add(1))?.time_ms;
    all.extend(gifts::foreseen(&mut state, &programme, births, (written_ms, until_s))?);
    all.sort_by_key(|foreseen| (foreseen.card, foreseen.at));
    Ok(all)
}

/// What is due by then.
fn due(state: &State, programme: &Programme, now: Now) -> Vec<Foreseen> {
    let mut all: Vec<Foreseen> = state.cards.values().flat_map(|card| of_card(card, now)).collect();
    for (card, member) in &state.members {
        all.extend(of_member(programme, *card, member, now));
    }
    all
}

/// What ranks get when their leaderboards close by then, as they stand.
fn of_boards(state: &State, until_s: i64) -> Vec<Foreseen> {
    let versions = programmes(state, until_s);
    let mut standings = Standings::default();
    for (card, member) in &state.members {
        standings.learn_member(*card, member, &state.counters);
    }
    let mut all = Vec::new();
    for slot in standings.slots() {
        let each = versions.iter().map(|(_, effective_from, programme)| (*effective_from, programme));
        let Some((programme, board, at)) = closing(each, slot).filter(|(.., end)| *end <= until_s) else {
            continue;
        };
        let Some(standing) = standings.get(slot) else { continue };
        let now = Now { ms: at.saturating_mul(1000), business_date: 0, certain: false };
        for (place, points) in standing.rewarded(board) {
            let given = reward_rank(state, (programme, board), slot, (place.card, points), (0, now));
            if given.is_ok_and(|effects| !effects.is_empty()) {
                let what = What::Rank(board.name.clone(), place.rank, board.kind, points);
                all.push(Foreseen { card: place.card, at, what });
            }
        }
    }
    all
}

fn of_card(card: &Card, now: Now) -> Vec<Foreseen> {
    let foreseen = |at, what| Foreseen { card: card.reference, at, what };
    let holds = card.holds.iter().filter(|hold| hold.expires <= now.s());
    let holds = holds.map(|hold| foreseen(hold.expires, What::HoldEnds(hold.held())));
    let lots = card.lots.iter().filter(|lot| lot.is_expired(now.s()) && card.free(lot) > 0);
    let lots = lots.map(|lot| {
        let (kind, free) = (lot.kind.released(), card.free(lot));
        let what = if lot.kind.is_pending() { What::Released(kind, free) } else { What::Expires(kind, free) };
        foreseen(lot.expires.unwrap_or(i64::MAX), what)
    });
    holds.chain(lots).collect()
}

fn of_member(programme: &Programme, card: CardReference, member: &Member, now: Now) -> Option<Foreseen> {
    let reviewed = review(programme, card, member, now)?;
    let key = |held: Option<crate::domain::member::TierHeld>| held.map(|held| held.tier);
    let (from, to) = (key(programme.tiers.held(member)), key(reviewed.tier));
    let at = member.due().unwrap_or(now.s());
    (from != to).then_some(Foreseen { card, at, what: What::Tier(from, to) })
}
