//! Leaderboards (积分/推荐排行榜; LOYALTY B14) and contests (推荐大赛; B4): who has most of a measure in a month, a year, or a window
//! of days. What counts is a counter of the member in the entry that causes it, so whatever is undone or refunded while the board is
//! open is taken back; when it is closed, nothing changes it any more.

use super::{Measure, Programme, date};
use crate::domain::card::CardReference;
use crate::domain::effect::Effect;
use crate::domain::ledger::Kind;
use crate::domain::member::{Counters, Member, Window};

/// The counter of a board and the period that it is counted in: of members how much they have, of the programme whether it is closed.
pub type Slot = (String, u32);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaderboard {
    /// 1 to 24 bytes.
    pub key: String,
    /// As members read it, 1 to 32 bytes.
    pub name: String,
    pub by: Measure,
    pub over: Run,
    /// Places that a list shows.
    pub shown: u32,
    /// Whoever has less has no place; at least 1.
    pub minimum: i64,
    pub title: Option<Title>,
    /// Of the rewards.
    pub kind: Kind,
    /// By rising rank, without overlap.
    pub rewards: Vec<RankReward>,
    pub ties: Ties,
}

/// The time that a board counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Each calendar month of business days.
    Month,
    /// Each calendar year.
    Year,
    /// Once, from one business date to another; both count.
    Contest { from: u32, until: u32 },
}

/// What a member is called who has enough (积分英雄), whatever their rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    pub name: String,
    pub from: i64,
}

/// What each of some ranks gets at the close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RankReward {
    pub from: u32,
    pub to: u32,
    pub points: i64,
}

/// Who gets what when several have the same rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Each of them what their rank gets.
    Each,
    /// Each an equal share of what their places get together, rounded down: never more than was set out.
    Share,
}

impl Leaderboard {
    /// With it the names of the counters begin.
    pub const COUNTER: &'static str = "board:";
    /// With it begins the counter of what a member was given for a rank.
    pub const WON: &'static str = "board-won:";

    /// Where a business date counts; `None` when no contest is on.
    #[must_use]
    pub fn slot(&self, business_date: u32) -> Option<Slot> {
        let name = format!("{}{}", Self::COUNTER, self.key);
        match self.over {
            Run::Month => Some((name, Window::Month.of(business_date))),
            Run::Year => Some((name, Window::Year.of(business_date))),
            Run::Contest { from, until } => {
                (from..=until).contains(&business_date).then(|| (format!("{name}/{from}"), 0))
            }
        }
    }

    /// The first and last business date that a slot counts; `None` when it is not one of this board.
    #[must_use]
    pub fn days(&self, slot: &Slot) -> Option<(u32, u32)> {
        let first = match self.over {
            Run::Contest { from, .. } => from,
            Run::Month => slot.1.saturating_add(1),
            Run::Year => slot.1.saturating_add(101),
        };
        let day = date(first).filter(|_| self.slot(first).as_ref() == Some(slot))?;
        let last = match self.over {
            Run::Contest { until, .. } => return Some((first, until)),
            Run::Month => {
                first.saturating_sub(1).saturating_add(u32::from(day.days_in_month().unsigned_abs()))
            }
            Run::Year => slot.1.saturating_add(1231),
        };
        Some((first, last))
    }

    /// What each of `tied` members gets who have this rank.
    #[must_use]
    pub fn reward(&self, rank: u64, tied: u64) -> i64 {
        let last = match self.ties {
            Ties::Each => rank,
            Ties::Share => rank.saturating_add(tied).saturating_sub(1),
        };
        let together = self.rewards.iter().fold(0_i128, |sum, reward| {
            let (from, to) = (u64::from(reward.from).max(rank), u64::from(reward.to).min(last));
            let places = to.saturating_add(1).saturating_sub(from);
            sum.saturating_add(i128::from(places).saturating_mul(i128::from(reward.points)))
        });
        let shares = if self.ties == Ties::Share { i128::from(tied).max(1) } else { 1 };
        i64::try_from(together.checked_div(shares).unwrap_or(0)).unwrap_or(i64::MAX)
    }

    /// The last rank that gets something.
    #[must_use]
    pub fn rewarded(&self) -> u64 {
        self.rewards.last().map_or(0, |reward| u64::from(reward.to))
    }

    /// What a member is called who has so much.
    #[must_use]
    pub fn title(&self, count: i64) -> Option<&str> {
        self.title.as_ref().filter(|title| count >= title.from).map(|title| title.name.as_str())
    }
}

/// Whether a slot is closed: what was counted there stays as it is.
#[must_use]
pub fn is_closed(programme: &Counters, slot: &Slot) -> bool {
    slot.0.starts_with(Leaderboard::COUNTER) && programme.get(slot).is_some_and(|closed| *closed > 0)
}

/// Whether all rewards of a slot were given too.
#[must_use]
pub fn is_done(programme: &Counters, slot: &Slot) -> bool {
    programme.get(slot).is_some_and(|closed| *closed > 1)
}

impl Programme {
    /// What a member's change of a measure counts for, on the boards that are open.
    #[must_use]
    pub fn placed(
        &self,
        (card, member): (CardReference, &Member),
        (measure, change): (&Measure, i64),
        closed: &Counters,
        business_date: u32,
    ) -> Vec<Effect> {
        let boards = self.leaderboards.iter().filter(|board| board.by == *measure);
        let slots = boards.filter_map(|board| board.slot(business_date));
        let open = slots.filter(|slot| change != 0 && self.is_member(member) && !is_closed(closed, slot));
        open.map(|(counter, period)| Effect::Counter { card: Some(card), counter, period, change }).collect()
    }

    /// The second from which on a slot of a board can be closed.
    #[must_use]
    pub fn closes(&self, board: &Leaderboard, slot: &Slot) -> Option<i64> {
        self.end_of(date(board.days(slot)?.1)?)
    }
}

/// The board that a slot is closed by, and when: the newest version that came into force before the slot's time was over decides, so
/// that a new version takes back nothing that members have worked for. `versions` are (effective from, programme) by rising number.
#[must_use]
pub fn closing<'a>(
    versions: impl DoubleEndedIterator<Item = (i64, &'a Programme)>,
    slot: &Slot,
) -> Option<(&'a Programme, &'a Leaderboard, i64)> {
    let mut newer = i64::MAX;
    for (effective_from, programme) in versions.rev() {
        // One that was replaced before it came into force never was.
        if effective_from >= newer {
            continue;
        }
        newer = effective_from;
        let ends = |board: &'a Leaderboard| Some((board, programme.closes(board, slot)?));
        let found = programme.leaderboards.iter().find_map(ends);
        if let Some((board, end)) = found.filter(|(_, end)| effective_from < *end) {
            return Some((programme, board, end));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(over: Run, ties: Ties) -> Leaderboard {
        Leaderboard {
            key: "b".into(),
            name: "B".into(),
            by: Measure::Spent,
            over,
            shown: 10,
            minimum: 1,
            title: None,
            kind: Kind::POINTS,
            rewards: vec![
                RankReward { from: 1, to: 1, points: 500 },
                RankReward { from: 2, to: 3, points: 100 },
                RankReward { from: 4, to: 10, points: 7 },
            ],
            ties,
        }
    }

    #[test]
    fn a_slot_has_its_days_and_no_others() {
        let month = board(Run::Month, Ties::Each);
        let slot = month.slot(20_280_229).expect("a month");
        assert_eq!(slot, ("board:b".into(), 20_280_200));
        assert_eq!(month.days(&slot), Some((20_280_201, 20_280_229)));
        let year = board(Run::Year, Ties::Each);
        assert_eq!(year.days(&("board:b".into(), 20_270_000)), Some((20_270_101, 20_271_231)));
        assert_eq!(year.days(&slot), None, "a month is no year");
        assert_eq!(month.days(&("board:b".into(), 20_270_000)), None);
        assert_eq!(month.days(&("board:c".into(), 20_280_200)), None, "another board's");
        let contest = board(Run::Contest { from: 20_270_222, until: 20_270_313 }, Ties::Each);
        let days = [20_270_221, 20_270_222, 20_270_313, 20_270_314];
        assert_eq!(days.map(|day| contest.slot(day).is_some()), [false, true, true, false]);
        let slot = contest.slot(20_270_301).expect("it is on");
        assert_eq!(slot, ("board:b/20270222".into(), 0));
        assert_eq!(contest.days(&slot), Some((20_270_222, 20_270_313)));
    }

    #[test]
    fn those_who_tie_get_each_their_ranks_reward_or_share_those_of_their_places() {
        let each = |rank, tied| board(Run::Month, Ties::Each).reward(rank, tied);
        assert_eq!(
            [each(1, 1), each(1, 9), each(2, 1), each(3, 4), each(4, 1), each(10, 99)],
            [500, 500, 100, 100, 7, 7]
        );
        assert_eq!([each(0, 1), each(11, 1)], [0, 0]);
        let share = |rank, tied| board(Run::Month, Ties::Share).reward(rank, tied);
        // 500 + 100 for two, 500 + 200 for three, 500 + 200 + 49 for twelve.
        assert_eq!([share(1, 1), share(1, 2), share(1, 3), share(1, 12)], [500, 300, 233, 62]);
        assert_eq!([share(2, 3), share(10, 1), share(10, 8), share(11, 2)], [69, 7, 0, 0]);
    }
}
