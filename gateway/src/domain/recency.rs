//! When a member last bought (LOYALTY E7). A counter a day for each member would be too much, so the last few days on which they bought
//! are remembered, each with how many purchases of it stand: what is undone, or comes back whole, takes its own away, in any order.

use super::card::CardReference;
use super::effect::Effect;
use super::member::{Member, Window};

/// Purchases of a business day that stand.
const DAY: &str = "purchase-day";
/// Days that are remembered. When all of them are undone, the member has not bought, as far as is known.
const KEPT: usize = 4;

/// One more purchase of a business day; what is too long ago is forgotten.
pub(super) fn bought(member: &Member, card: CardReference, business_date: u32) -> Vec<Effect> {
    let count = |period, change| Effect::Counter { card: Some(card), counter: DAY.into(), period, change };
    let mut effects = vec![count(Window::Day.of(business_date), 1)];
    let others = days(member).rev().filter(|(day, _)| *day != business_date);
    effects.extend(others.skip(KEPT.saturating_sub(1)).map(|(day, held)| count(day, held.saturating_neg())));
    effects
}

/// The business date of the last purchase that stands.
#[must_use]
pub(super) fn last_purchase(member: &Member) -> Option<u32> {
    days(member).filter(|(_, held)| *held > 0).map(|(day, _)| day).next_back()
}

fn days(member: &Member) -> impl DoubleEndedIterator<Item = (u32, i64)> {
    let all = member.counters.range((DAY.to_owned(), 0)..=(DAY.to_owned(), u32::MAX));
    all.map(|((_, day), held)| (*day, *held))
}
