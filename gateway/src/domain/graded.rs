//! What a transaction makes of its member's tier, and why: lines for its answer (PROTOCOL.md section 11, *Explanation*). The tier itself
//! is booked right behind it (`follow`).

use super::Fault;
use super::card::CardReference;
use super::decision::{Notes, Reason};
use super::effect::Effect;
use super::facts::Facts;
use super::ledger::Kind;
use super::member::{Member, TierHeld};
use super::programme::tier::Stood;
use super::programme::{Measure, Programme};
use super::request::Now;
use super::tier_review::{resting, review};

/// Longest rate on the wire, in bytes.
const RATE: usize = 20;
/// Of a tier whose time was over, or whose threshold no longer is one.
const OVER: &str = "over";

/// A tier that is another one than before.
pub(super) struct Graded {
    pub tier: Option<TierHeld>,
    /// A line for each measure that it took; of a tier that is lost, for each of which too little is left.
    pub reasons: Vec<Reason>,
}

/// What becomes of the tier of a card's member by these effects.
pub(super) fn graded(
    facts: Facts<'_>,
    card: CardReference,
    effects: &[Effect],
    now: Now,
) -> Result<Option<Graded>, Fault> {
    let (programme, nobody) = (facts.programme, Member::nobody());
    let tiers = &programme.tiers;
    let member = facts.state.members.get(&card).unwrap_or(&nobody);
    let before = tiers.held(member);
    let member = member.after(card, effects)?;
    let reviewed = review(programme, card, &member, now);
    let tier = reviewed.map_or_else(|| tiers.held(&member), |reviewed| reviewed.tier);
    if tier == before {
        return Ok(None);
    }
    let rank = |held: &Option<TierHeld>| held.as_ref().and_then(|held| tiers.rank(&held.tier));
    let reasons = match (&tier, &before) {
        (Some(reached), _) if rank(&tier) >= rank(&before) => reasons_of(programme, &member, reached, now),
        (_, Some(lost)) => lost_by(programme, &member, lost),
        _ => Vec::new(),
    };
    Ok(Some(Graded { tier, reasons }))
}

/// Of a tier that is reached: each measure of the way that led there.
fn reasons_of(programme: &Programme, member: &Member, reached: &TierHeld, now: Now) -> Vec<Reason> {
    let all = programme.tiers.stood(member, now.business_date);
    let ways = all.chunk_by(|one, next| one.tier == next.tier && one.route == next.route);
    let mut ways = ways.filter(|way| way.first().is_some_and(|first| first.tier == reached.tier));
    let done = ways.find(|way| way.iter().all(|stood| stood.so_far >= stood.needed)).unwrap_or_default();
    let line = |stood: &Stood| {
        reason(programme, &reached.tier, (&stood.measure, stood.so_far, stood.needed), Notes::TIER)
    };
    or_over(done.iter().map(line).collect(), reached, Notes::TIER)
}

/// Of a tier that is lost: each measure of which less is left than it rests on.
fn lost_by(programme: &Programme, member: &Member, lost: &TierHeld) -> Vec<Reason> {
    let notes = Notes::TIER.and(Notes::TAKEN_BACK);
    let short = resting(member, &lost.tier).into_iter().filter(|(_, left, line)| left < line);
    let line = |(measure, left, line): (String, i64, i64)| {
        reason(programme, &lost.tier, (&measure, left, line), notes)
    };
    or_over(short.map(line).collect(), lost, notes)
}

/// Lines, or one that says that there is nothing to count.
fn or_over(lines: Vec<Reason>, held: &TierHeld, notes: Notes) -> Vec<Reason> {
    if !lines.is_empty() {
        return lines;
    }
    let rule = held.tier.clone();
    vec![Reason { rule, kind: Kind::MONEY, base: 0, rate: OVER.into(), result: 0, notes, other: None }]
}

/// What was counted, and what it takes, in the measure's own unit: amounts with the currency's digits.
fn reason(
    programme: &Programme,
    tier: &str,
    (measure, counted, needed): (&str, i64, i64),
    notes: Notes,
) -> Reason {
    let (named, amount) = Measure::told(measure);
    let needed = if amount { programme.money(needed) } else { needed.to_string() };
    let full = format!("{named} {needed}");
    Reason {
        rule: tier.to_owned(),
        kind: if measure == Measure::PointsEarned.counter() { Kind::POINTS } else { Kind::MONEY },
        base: counted,
        rate: if full.len() <= RATE { full } else { needed },
        result: 0,
        notes,
        other: None,
    }
}
