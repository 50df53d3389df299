//! What no longer holds once something was taken back of what is counted of a member: their joining by what they have spent, and the
//! gifts of tiers (LOYALTY B10, C4). It is taken back in the entry that undoes it, so that a refund can withhold what is spent of it.

use std::collections::BTreeMap;

use super::Fault;
use super::card::CardReference;
use super::count_back::count_back;
use super::decision::Reason;
use super::effect::Effect;
use super::facts::Facts;
use super::join;
use super::ledger::Kind;
use super::request::Now;
use super::taken_back::{fallen_gift, undone};
use super::tier_review::gifts_lost;

/// What is taken back beside the transaction's own.
#[derive(Debug, Default)]
pub(super) struct Fall {
    /// Points, by card and kind.
    pub points: BTreeMap<(CardReference, Kind), i64>,
    /// What was counted of it.
    pub counts: Vec<Effect>,
    /// Why, of the card's own points.
    pub reasons: Vec<Reason>,
}

/// What falls for the member of a card when these counters have changed.
pub(super) fn fall(
    facts: Facts<'_>,
    card: CardReference,
    counted: &[Effect],
    now: Now,
) -> Result<Fall, Fault> {
    let mut fall = Fall::default();
    let Some(member) = facts.state.members.get(&card) else { return Ok(fall) };
    let member = member.after(card, counted)?;
    // A load that comes back takes nothing of what a joining rests on, whatever the programme asks for by now.
    let joining = join::is_less(counted).then(|| join::undone(facts.programme, &member, facts.entries));
    if let Some(joining) = joining.flatten() {
        for (of, (points, _)) in joining.points_earned() {
            fall.add(of, points)?;
        }
        fall.counts.extend(count_back(facts.state, &joining, None)?);
        fall.reasons.extend(undone(&joining));
    }
    let member = member.after(card, &fall.counts)?;
    let (gifts, counts) = gifts_lost(facts.programme, card, &member, now);
    for (tier, points) in gifts {
        fall.add((card, Kind::POINTS), points)?;
        fall.reasons.push(fallen_gift(&tier, points));
    }
    fall.counts.extend(counts);
    Ok(fall)
}

impl Fall {
    fn add(&mut self, of: (CardReference, Kind), points: i64) -> Result<(), Fault> {
        if points != 0 {
            let held = self.points.entry(of).or_default();
            *held = held.checked_add(points).ok_or(Fault::Overflow)?;
        }
        Ok(())
    }
}
