//! Award: what the programme gives for an activity (活动积分; LOYALTY B5).

use super::card::Card;
use super::customer::{Customer, Given};
use super::decision::{Decision, Decline, Notes, Reason};
use super::effect::Effect;
use super::facts::{Facts, accept_card, not_now};
use super::member::{Window, counted};
use super::payer::ended_on;
use super::points::{Award, award_points};
use super::programme::activity::Activity;
use super::programme::{Cap, Measure};
use super::quoted::check_quote;
use super::request::{CardClaim, Now, Request};
use super::terminal::Terminal;
use super::{Fault, State};

/// `quantity` of `named`, both as the request has them.
pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    claim: &CardClaim,
    (named, quantity): (&str, i64),
    now: Now,
) -> Result<Decision, Fault> {
    let accepted = accept_card(facts, request.currency, claim, now)
        .and_then(|(card, _)| check_quote(facts.quoted, request, now).map(|()| card));
    let card = match accepted {
        Ok(card) => card,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    Ok(match award(facts, card, (&terminal.store, request.channel.as_deref()), (named, quantity), now)? {
        Ok((effects, reason)) => {
            Decision { amount: Some(0), explanation: vec![reason], ..Decision::approved(effects) }
        }
        Err(decline) => Decision::declined(decline),
    })
}

/// What an award does to a card that may be used, and why.
pub(super) fn award(
    facts: Facts<'_>,
    card: &Card,
    (store, channel): (&str, Option<&str>),
    (named, quantity): (&str, i64),
    now: Now,
) -> Result<Result<(Vec<Effect>, Reason), Decline>, Fault> {
    let (mut left, mut effects) = ended_on(facts, card, now)?;
    let customer = Customer::of(facts, (card, store), channel, &[], now);
    let activity = match offered(&customer, named) {
        Ok(activity) => activity,
        Err(decline) => return Ok(Err(decline)),
    };
    let wanted = activity.wanted(quantity).ok_or(Fault::Overflow)?;
    let reason = Reason {
        rule: activity.rule.clone(),
        kind: activity.kind,
        base: quantity,
        rate: format!("{}{}", activity.points, if activity.per_unit { "/1" } else { "" }),
        result: wanted,
        notes: Notes::NONE,
        other: None,
    };
    let Some(given) = given(&customer, activity, reason) else {
        return Ok(Err(Decline::Exhausted));
    };
    let award = Award { kind: given.kind, points: given.amount, pending_until: None };
    effects.extend(award_points(&mut left, award, facts.pricing, (facts.index, now))?);
    effects.extend(given.counts);
    effects.extend(took_part(card, activity, &customer));
    effects.extend(customer.measured(&[(Measure::Activities, 1)]));
    Ok(Ok((effects, given.reason)))
}

/// The activity, when this member is invited to it, it is its time, and there is a place.
fn offered<'a>(customer: &Customer<'a>, named: &str) -> Result<&'a Activity, Decline> {
    let (programme, member) = (customer.facts.pricing, customer.at.member);
    let activity = programme.activities.iter().find(|activity| activity.code == named);
    let activity = activity.filter(|_| programme.is_member(member)).ok_or(Decline::NotOffered)?;
    let took_part = |code: &str| member.counted(&place(code), Window::Ever, 0) > 0;
    if !activity.when.is_for(programme, &customer.at)
        || activity.needs.as_deref().is_some_and(|code| !took_part(code))
    {
        return Err(Decline::NotOffered);
    }
    if !activity.when.is_time(programme, &customer.at) {
        return Err(not_now(&activity.when, programme, &customer.at));
    }
    let taken = counted(&customer.facts.state.counters, &place(named), Window::Ever, 0);
    if activity.members.is_some_and(|members| taken >= members) && !took_part(named) {
        return Err(Decline::Exhausted);
    }
    Ok(activity)
}

/// What the activity gives within its cap; taking part in one that gives no points is bounded by how often.
fn given(customer: &Customer<'_>, activity: &Activity, reason: Reason) -> Option<Given> {
    if activity.points > 0 {
        return customer.given(&activity.cap, reason, None);
    }
    let times = Cap { times: activity.cap.times.clone(), ..Cap::default() };
    let given = customer.given(&times, Reason { result: 1, ..reason }, None)?;
    Some(Given { amount: 0, reason: Reason { result: 0, ..given.reason }, ..given })
}

/// A member takes one place, however often they take part.
fn took_part(card: &Card, activity: &Activity, customer: &Customer<'_>) -> Vec<Effect> {
    let count = |card, counter| Effect::Counter { card, counter, period: 0, change: 1 };
    let mut counts = vec![count(Some(card.reference), format!("{TIMES}{}", activity.code))];
    let place = place(&activity.code);
    if customer.at.member.counted(&place, Window::Ever, 0) == 0 {
        counts.extend([count(Some(card.reference), place.clone()), count(None, place)]);
    }
    counts
}

fn place(code: &str) -> String {
    format!("activity:{code}")
}

/// Counter of a member: awards of an activity that stand.
const TIMES: &str = "activity-times:";

/// The same counters, with the places of members of whose taking part nothing is left when they have changed; the others keep
/// theirs, whichever award had taken it.
pub(super) fn places_free_again(state: &State, mut counted: Vec<Effect>) -> Vec<Effect> {
    let undone = counted.iter().find_map(|effect| match effect {
        Effect::Counter { card: Some(card), counter, period: 0, change } => {
            Some((*card, counter.strip_prefix(TIMES)?.to_owned(), *change))
        }
        _ => None,
    });
    let Some((card, code, change)) = undone else { return counted };
    let place = place(&code);
    counted.retain(|effect| !matches!(effect, Effect::Counter { counter, .. } if *counter == place));
    let Some(member) = state.members.get(&card) else { return counted };
    let has = |counter: &str| member.counted(counter, Window::Ever, 0);
    let places = has(&place);
    if places != 0 && has(&format!("{TIMES}{code}")).saturating_add(change) <= 0 {
        let free = |card| Effect::Counter {
            card,
            counter: place.clone(),
            period: 0,
            change: places.saturating_neg(),
        };
        counted.extend([free(Some(card)), free(None)]);
    }
    counted
}
