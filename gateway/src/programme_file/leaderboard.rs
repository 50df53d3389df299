//! What the file says of leaderboards and contests.

use serde::Deserialize;
use toml::{Spanned, Value};

use super::Checker;
use crate::domain::Kind;
use crate::domain::programme::Measure;
use crate::domain::programme::leaderboard::{Leaderboard, RankReward, Run, Ties, Title};

/// An answer has room for so many.
const MOST: usize = 8;
/// Places that a list shows, and the last rank that gets something.
const PLACES: u32 = 1000;
const BY: [(&str, u8); 3] = [("points-earned", 0), ("referrals", 1), ("spent", 2)];
const TIES: [(&str, Ties); 2] = [("each", Ties::Each), ("share", Ties::Share)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLeaderboard {
    pub key: Spanned<String>,
    pub name: Spanned<String>,
    pub by: Spanned<String>,
    pub period: Option<Spanned<String>>,
    pub from: Option<Spanned<String>>,
    pub until: Option<Spanned<String>>,
    pub shown: Option<Spanned<u32>>,
    pub minimum: Option<Spanned<Value>>,
    pub title: Option<RawTitle>,
    pub of: Option<Spanned<String>>,
    #[serde(default)]
    pub rewards: Vec<RawRankReward>,
    pub ties: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTitle {
    pub name: Spanned<String>,
    pub from: Spanned<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRankReward {
    pub rank: Option<Spanned<u32>>,
    pub to: Option<Spanned<u32>>,
    pub points: Spanned<i64>,
}

impl Checker<'_> {
    pub(super) fn leaderboards(&mut self, all: Vec<RawLeaderboard>) -> Vec<Leaderboard> {
        let mut boards: Vec<Leaderboard> = Vec::new();
        for raw in all {
            if boards.iter().any(|board| board.key == *raw.key.get_ref()) {
                self.problem(
                    &raw.key,
                    "another [[leaderboard]] has this key; what counts for them is counted by it",
                );
            }
            if boards.len() == MOST {
                self.problem(&raw.key, format!("a programme has at most {MOST} leaderboards; take one away"));
            }
            let board = self.leaderboard(raw);
            boards.push(board);
        }
        boards
    }

    fn leaderboard(&mut self, raw: RawLeaderboard) -> Leaderboard {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let key = raw.key.get_ref();
        if !(1..=24).contains(&key.len()) || !key.bytes().all(fits) {
            self.problem(&raw.key, "a leaderboard's key has 1 to 24 letters, digits, - and _");
        }
        let measures = [Measure::PointsEarned, Measure::Referrals, Measure::Spent];
        let by = measures[usize::from(self.word(&raw.by, &BY)).min(2)].clone();
        let unit = if by == Measure::Spent { Kind::MONEY } else { Kind::POINTS };
        let over = self.run(&raw);
        let shown = raw.shown.map_or(10, |shown| self.place(&shown));
        let minimum = raw.minimum.map_or(1, |minimum| self.above_zero(&minimum, unit));
        let name = self.shown_name(&raw.name);
        let title = raw.title.map(|title| Title {
            from: self.above_zero(&title.from, unit),
            name: self.shown_name(&title.name),
        });
        Leaderboard {
            key: raw.key.into_inner(),
            name,
            by,
            over,
            shown,
            minimum,
            title,
            kind: self.point_kind(raw.of),
            rewards: self.rank_rewards(raw.rewards),
            ties: raw.ties.map_or(Ties::Each, |word| self.word(&word, &TIES)),
        }
    }

    fn run(&mut self, raw: &RawLeaderboard) -> Run {
        match (&raw.period, &raw.from, &raw.until) {
            (Some(period), None, None) => self.word(period, &[("month", Run::Month), ("year", Run::Year)]),
            (None, Some(first), Some(last)) => {
                let (from, until) = (self.day(first), self.day(last));
                if from > until {
                    self.problem(last, "until is before from; both days count");
                }
                Run::Contest { from, until }
            }
            _ => {
                let says = "write period = \"month\" or \"year\", or from and until for a contest, not both";
                self.problem(&raw.key, says);
                Run::Month
            }
        }
    }

    fn rank_rewards(&mut self, all: Vec<RawRankReward>) -> Vec<RankReward> {
        let mut rewards: Vec<RankReward> = Vec::new();
        for raw in all {
            let after = rewards.last().map_or(0, |before: &RankReward| before.to);
            let (from, last) = match (&raw.rank, &raw.to) {
                (Some(rank), None) => (*rank.get_ref(), rank),
                (None, Some(to)) => (after.saturating_add(1), to),
                _ => {
                    self.problem(&raw.points, "write rank = 1, or to = 10 for all from the one before on");
                    continue;
                }
            };
            let to = self.place(last);
            if from <= after || from > to {
                self.problem(last, "ranks must rise; this one is not behind those before it");
            }
            if !(1..=1_000_000_000).contains(raw.points.get_ref()) {
                self.problem(&raw.points, "write 1 to 1,000,000,000 points");
            }
            rewards.push(RankReward { from, to, points: raw.points.into_inner() });
        }
        rewards
    }

    fn place(&mut self, place: &Spanned<u32>) -> u32 {
        if !(1..=PLACES).contains(place.get_ref()) {
            self.problem(place, format!("write 1 to {PLACES} places"));
            return 1;
        }
        *place.get_ref()
    }

    fn above_zero(&mut self, value: &Spanned<Value>, unit: Kind) -> i64 {
        let given = self.given(value, unit);
        if given == 0 {
            self.problem(value, "write something above zero");
        }
        given.max(1)
    }
}
