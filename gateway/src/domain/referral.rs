//! Rewards for bringing members (推荐有礼; LOYALTY B4), booked in the new member's own entries: whatever undoes or refunds one takes
//! them back.

use super::card::{Card, CardReference, CardStatus};
use super::customer::{Customer, Given};
use super::decision::{Notes, Reason};
use super::effect::Effect;
use super::expiry::expire;
use super::member::{Member, Window};
use super::payer::purse_of;
use super::points::{Award, award_points};
use super::programme::referral::On;
use super::programme::{Cap, Circumstances, Measure, Referral};
use super::{Fault, State};

/// What a new member has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// The card has become theirs.
    Joined,
    /// Balances have paid this much, minor units; the first time since the Join, or not.
    Sale { paid: i64, first: bool },
}

/// What is booked, and why.
pub(super) type Brought = (Vec<Effect>, Vec<Reason>);

/// The member who brings another one, and the card that they have by now: one that has joined, is not `new` itself, and not the
/// account whose money that one spends.
pub(super) fn referrer<'a>(
    state: &'a State,
    named: CardReference,
    new: &Card,
) -> Option<(&'a Card, &'a Member)> {
    let mut held = state.cards.get(&named)?;
    while let Some(successor) = held.successor {
        held = state.cards.get(&successor.card)?;
    }
    let member = state.members.get(&held.reference)?;
    let own = held.reference == new.reference;
    let purse = purse_of(state, new).is_some_and(|purse| purse.reference == held.reference);
    (member.standing.joined.is_some() && !own && !purse).then_some((held, member))
}

/// Rewards whoever brought a member, and the member (`left`: the card as it is by now), for what has come, each by itself and in that
/// order. A card that is blocked or over gets nothing, then or later.
pub(super) fn bring<const N: usize>(
    new: &Customer<'_>,
    left: &mut Card,
    came: [Came; N],
) -> Result<[Brought; N], Fault> {
    let (facts, now) = (new.facts, new.at.now);
    // Rules ask how the member was won, whatever the purchase came by.
    let channel = new.at.member.standing.channel.as_deref();
    let new = &Customer { at: Circumstances { channel, ..new.at }, ..*new };
    let mut brought = came.map(|_| Brought::default());
    let named = new.at.member.standing.referrer;
    let Some((card, member)) = named.and_then(|named| referrer(facts.state, named, left)) else {
        return Ok(brought);
    };
    let joins = i64::from(came.contains(&Came::Joined));
    let members = Measure::Referrals.over(member, None, now.business_date).saturating_add(joins);
    let usable = card.status == CardStatus::Active && !card.is_over(now.s());
    let (mut theirs, mut ended) = expire(card, facts.programme, facts.index, now)?;
    let by = Customer { facts, card, at: Circumstances { member, ..new.at }, now: new.now };
    let holds = |rule: &&Referral| rule.when.holds(facts.pricing, &new.at);
    for (came, (effects, reasons)) in came.iter().zip(&mut brought) {
        if *came == Came::Joined && facts.pricing.measures.contains(&Measure::Referrals) {
            effects.extend(Measure::Referrals.count(card.reference, 1, now.business_date));
        }
        let placed = (&Measure::Referrals, i64::from(*came == Came::Joined));
        effects.extend(facts.pricing.placed(
            (card.reference, member),
            placed,
            &facts.state.counters,
            now.business_date,
        ));
        if let Came::Sale { paid, .. } = came
            && facts.pricing.measures.contains(&Measure::InviteesSpent)
        {
            effects.extend(Measure::InviteesSpent.count(card.reference, *paid, now.business_date));
        }
        for rule in facts.pricing.referrals.iter().filter(holds) {
            let Some(paid) = applies(new, rule, *came) else { continue };
            let mut spent = 0;
            if usable && let Some(given) = given_for(&by, rule, paid, members)? {
                spent = given.amount;
                let award = Award { kind: given.kind, points: given.amount, pending_until: None };
                effects.append(&mut ended);
                effects.extend(award_points(&mut theirs, award, facts.pricing, (facts.index, now))?);
                effects.extend(given.counts);
                reasons.push(Reason { other: Some(card.reference), ..given.reason });
            }
            if let Some(given) = own(new, rule, spent) {
                let award = Award { kind: given.kind, points: given.amount, pending_until: None };
                effects.extend(award_points(left, award, facts.pricing, (facts.index, now))?);
                effects.extend(given.counts);
                reasons.push(given.reason);
            }
        }
    }
    Ok(brought)
}

/// What balances paid in what a rule pays for, if it is that.
fn applies(new: &Customer<'_>, rule: &Referral, came: Came) -> Option<i64> {
    match (rule.on, came) {
        (On::Joining, Came::Joined) => Some(0),
        (On::FirstPurchase, Came::Sale { paid, first: true }) => Some(paid),
        (On::Purchases { months }, Came::Sale { paid, .. }) => {
            let joined = new.at.member.standing.joined?;
            new.facts.pricing.is_within_months(months, joined, new.at.now.business_date).then_some(paid)
        }
        _ => None,
    }
}

fn given_for(by: &Customer<'_>, rule: &Referral, paid: i64, brought: i64) -> Result<Option<Given>, Fault> {
    let result = rule.wanted(paid, brought).ok_or(Fault::Overflow)?;
    Ok(by.given(&rule.cap, reason(rule, paid, result), None))
}

/// What the new member gets: bounded by what the rule's budget leaves after `spent`.
fn own(new: &Customer<'_>, rule: &Referral, spent: i64) -> Option<Given> {
    let left = |(window, most): &(Window, i64)| (*window, most.saturating_sub(spent));
    let cap = Cap { budget: rule.cap.budget.iter().map(left).collect(), ..Cap::default() };
    new.given(&cap, reason(rule, 0, rule.own), None)
}

fn reason(rule: &Referral, base: i64, result: i64) -> Reason {
    let (rule, kind, rate) = (rule.rule.clone(), rule.kind, result.to_string());
    Reason { rule, kind, base, rate, result, notes: Notes::NONE, other: None }
}
