//! How much a rule gives at most (LOYALTY A2, B4, B5, B7): to a member in a time, and to all together. What is given is counted in
//! the entry that gives it, so that terminals that race cannot give more, and undoing it makes room again.

use super::Programme;
use crate::domain::card::CardReference;
use crate::domain::decision::Notes;
use crate::domain::effect::Effect;
use crate::domain::member::{Counters, Member, Window, counted};

/// Bounds of a rule, in what it gives (minor units or points); none asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cap {
    /// To one member.
    pub member: Vec<(Window, i64)>,
    /// How often to one member.
    pub times: Vec<(Window, i64)>,
    /// To all together.
    pub budget: Vec<(Window, i64)>,
}

/// Whose counters a cap looks at.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    pub card: CardReference,
    pub member: &'a Member,
    pub programme: &'a Counters,
    pub business_date: u32,
}

/// What of `wanted` a cap leaves, and what cut it.
#[must_use]
pub fn capped(cap: &Cap, rule: &str, wanted: i64, of: Counted<'_>) -> (i64, Notes) {
    let left = |counters: &Counters, counter: &str, bound| left(counters, counter, bound, of.business_date);
    let own = &of.member.counters;
    let spent_times = cap.times.iter().any(|cap| left(own, &times(rule), *cap) == 0);
    let own_left = cap.member.iter().map(|cap| left(own, &gave(rule), *cap)).min();
    let own_left = if spent_times { 0 } else { own_left.unwrap_or(i64::MAX) };
    let budget_left = left_for_all(cap, rule, of.programme, of.business_date).unwrap_or(i64::MAX);
    let given = wanted.min(own_left).min(budget_left);
    let notes = match given {
        given if given == wanted => Notes::NONE,
        _ if budget_left < own_left => Notes::BUDGET,
        _ => Notes::MEMBER_CAP,
    };
    (given, notes)
}

/// What is left of a cap's budget; `None` when it has none.
#[must_use]
pub fn left_for_all(cap: &Cap, rule: &str, programme: &Counters, business_date: u32) -> Option<i64> {
    cap.budget.iter().map(|bound| left(programme, &gave(rule), *bound, business_date)).min()
}

/// The least that a programme's rules of earning give at most by a counter, own or of all together, in such a window.
pub fn bound(programme: &Programme, counter: &str, own: bool, window: Window) -> Option<i64> {
    let (rule, often) = match (counter.strip_prefix(GAVE), counter.strip_prefix(TIMES)) {
        (Some(rule), _) => (rule, false),
        (None, Some(rule)) => (rule, true),
        (None, None) => return None,
    };
    let bounds =
        caps(programme).filter(|(named, _)| *named == rule).flat_map(|(_, cap)| match (own, often) {
            (true, true) => &cap.times,
            (true, false) => &cap.member,
            (false, _) => &cap.budget,
        });
    bounds.filter(|(of, _)| *of == window).map(|(_, most)| *most).min()
}

/// The rules by which loads, purchases and those who join are rewarded, and what each gives at most.
fn caps(programme: &Programme) -> impl Iterator<Item = (&str, &Cap)> {
    let loads = programme.load_bonuses.iter().map(|rule| (rule.rule.as_str(), &rule.cap));
    let sales = programme.purchase_points.iter().map(|rule| (rule.rule.as_str(), &rule.cap));
    let more = programme.multipliers.iter().map(|rule| (rule.rule.as_str(), &rule.cap));
    let brought = programme.referrals.iter().map(|rule| (rule.rule.as_str(), &rule.cap));
    let gift = programme.membership.iter().filter_map(|membership| membership.gift.as_ref());
    loads.chain(sales).chain(more).chain(brought).chain(gift.map(|gift| (gift.rule.as_str(), &gift.cap)))
}

fn left(counters: &Counters, counter: &str, (window, most): (Window, i64), business_date: u32) -> i64 {
    most.saturating_sub(counted(counters, counter, window, business_date)).max(0)
}

/// The counters that a cap looks at, after so much was given once.
#[must_use]
pub fn count_given(cap: &Cap, rule: &str, given: i64, of: Counted<'_>) -> Vec<Effect> {
    let count = |card: Option<CardReference>, counter: String, window: Window, change: i64| Effect::Counter {
        card,
        counter,
        period: window.of(of.business_date),
        change,
    };
    let own = cap.member.iter().map(|(window, _)| count(Some(of.card), gave(rule), *window, given));
    let often = cap.times.iter().map(|(window, _)| count(Some(of.card), times(rule), *window, 1));
    let all = cap.budget.iter().map(|(window, _)| count(None, gave(rule), *window, given));
    own.chain(often).chain(all).collect()
}

/// What a rule gave ...
const GAVE: &str = "gave:";
/// ... and how often.
const TIMES: &str = "times:";

fn gave(rule: &str) -> String {
    format!("{GAVE}{rule}")
}

fn times(rule: &str) -> String {
    format!("{TIMES}{rule}")
}
