//! Joining (入会; LOYALTY E1): a Join names who brought the member, how, and what they are; the card is the member's at once, or
//! from a purchase on, as the programme says. Until then the member is potential.

use std::collections::BTreeMap;

use super::card::{Card, CardReference, CardStatus};
use super::customer::Customer;
use super::decision::{Decision, Decline, Notes, Reason};
use super::effect::Effect;
use super::facts::{Facts, accept_card};
use super::ledger::Kind;
use super::member::{Member, Standing, Window};
use super::original::Original;
use super::payer::ended_on;
use super::points::{Award, award_points};
use super::programme::{Circumstances, Membership, Programme};
use super::quoted::check_quote;
use super::referral::{Brought, Came, bring, referrer};
use super::request::{CardClaim, Now, Request};
use super::terminal::Terminal;
use super::{Fault, State};

/// What a Join says of the member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joining<'a> {
    pub claim: &'a CardClaim,
    /// The digits of the card of the member who brought this one.
    pub referral: Option<&'a str>,
    /// 0 not said, 1 person, 2 company; others are kept.
    pub customer: u8,
}

/// Counters of a member, for ever: Joins that stand ...
const JOIN: &str = "join";
/// ... entries by which the card became the member's ...
const JOINED: &str = "joined";
/// ... of these the purchases: `join:by/INDEX` ...
const BY: &str = "join:by/";
/// ... what balances have paid since the Join, where a joining asks for it ...
const SPENT: &str = "join:spent";
/// ... and the first purchase since the Join.
const BOUGHT: &str = "join:bought";

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    joining: Joining<'_>,
    now: Now,
) -> Result<Decision, Fault> {
    let (card, membership, brought_by) = match check(facts, request, joining, now) {
        Ok(checked) => checked,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let (mut left, mut effects) = ended_on(facts, card, now)?;
    if request.holder.is_some() && request.holder != card.holder {
        let registered = Card { holder: request.holder, ..card.clone() };
        effects.push(registered.with_status(card.status, None));
    }
    effects.push(one_more(card.reference, JOIN, 1));
    let customer = Customer::of(facts, (card, &terminal.store), request.channel.as_deref(), &[], now);
    let standing = Standing {
        channel: request.channel.clone(),
        referrer: brought_by,
        customer: joining.customer,
        ..customer.at.member.standing.clone()
    };
    let mut explanation = Vec::new();
    if membership.spend.is_none() {
        let (more, reasons) = come_in(&customer, standing, &mut left, None)?;
        effects.extend(more);
        explanation = reasons;
    } else {
        effects.push(Effect::Member { card: card.reference, standing });
    }
    Ok(Decision { amount: Some(0), explanation, ..Decision::approved(effects) })
}

type Checked<'a> = (&'a Card, &'a Membership, Option<CardReference>);

fn check<'a>(
    facts: Facts<'a>,
    request: &Request,
    joining: Joining<'_>,
    now: Now,
) -> Result<Checked<'a>, Decline> {
    let (card, _) = accept_card(facts, request.currency, joining.claim, now)?;
    check_quote(facts.quoted, request, now)?;
    let membership = facts.programme.membership.as_ref().filter(|held| held.takes(&card.product));
    let membership = membership.ok_or(Decline::NotOffered)?;
    if card.holder.is_some_and(|held| request.holder.is_some_and(|holder| holder != held)) {
        return Err(Decline::OtherHolder);
    }
    let member = facts.state.members.get(&card.reference);
    if member.is_some_and(|member| member.standing.joined.is_some() || has(member, JOIN) > 0) {
        return Err(Decline::AlreadyJoined);
    }
    let referral = joining.referral.map(|code| {
        let named = code.parse().ok().filter(|_| code.len() == 16).map(CardReference);
        let found = named.and_then(|named| referrer(facts.state, named, card));
        let active = |held: &Card| held.status == CardStatus::Active && !held.is_over(now.s());
        found.filter(|(held, _)| active(held)).map(|(held, _)| held.reference).ok_or(Decline::ReferralUnknown)
    });
    Ok((card, membership, referral.transpose()?))
}

/// What a purchase of which balances paid `paid` minor units is for its member's joining, and for who brought them. A purchase that
/// points alone paid is nothing: a refund would have nothing to take back by. What comes by the joining itself stands last, behind its
/// mark ([`split`]).
pub(super) fn by_sale(customer: &Customer<'_>, left: &mut Card, paid: i64) -> Result<Brought, Fault> {
    let member = customer.at.member;
    let membership = customer.facts.pricing.membership.as_ref();
    let Some(membership) = membership.filter(|_| paid > 0 && has(member, JOIN) > 0) else {
        return Ok((Vec::new(), Vec::new()));
    };
    let mut effects = Vec::new();
    let first = has(member, BOUGHT) == 0;
    if first {
        effects.push(one_more(customer.card.reference, BOUGHT, 1));
    }
    let sale = Came::Sale { paid, first };
    let spent = has(member, SPENT).checked_add(paid).ok_or(Fault::Overflow)?;
    if membership.spend.is_some() {
        effects.push(one_more(customer.card.reference, SPENT, paid));
    }
    let not_yet = membership.spend.is_some_and(|needed| spent < needed);
    if member.standing.joined.is_some() || not_yet {
        let [(more, reasons)] = bring(customer, left, [sale])?;
        effects.extend(more);
        return Ok((effects, reasons));
    }
    let (more, reasons) = come_in(customer, member.standing.clone(), left, Some(sale))?;
    effects.extend(more);
    Ok((effects, reasons))
}

/// The card is the member's from now on, by a `sale` or by the Join alone. What is given for that is given once: a sale by which it
/// became theirs before a Join that was undone since has given it.
fn come_in(
    customer: &Customer<'_>,
    standing: Standing,
    left: &mut Card,
    sale: Option<Came>,
) -> Result<Brought, Fault> {
    let card = customer.card.reference;
    let standing = Standing { joined: Some(customer.now.business_date), ..standing };
    let member = Member { standing: standing.clone(), counters: customer.at.member.counters.clone() };
    let channel = member.standing.channel.as_deref();
    let new = Customer { at: Circumstances { member: &member, channel, ..customer.at }, ..*customer };
    let joined = Effect::Member { card, standing };
    if has(customer.at.member, JOINED) > 0 {
        let [(mut effects, reasons)] = match sale {
            Some(sale) => bring(&new, left, [sale])?,
            None => Default::default(),
        };
        effects.push(joined);
        return Ok((effects, reasons));
    }
    let (sold, by_joining) = match sale {
        Some(sale) => bring(&new, left, [sale, Came::Joined])?.into(),
        None => {
            (Default::default(), bring(&new, left, [Came::Joined])?.into_iter().next().unwrap_or_default())
        }
    };
    let (mut effects, mut reasons) = sold;
    let mark = format!("{BY}{}", customer.facts.index);
    effects.extend(sale.map(|_| one_more(card, &mark, 1)));
    effects.extend([one_more(card, JOINED, 1), joined]);
    for (more, why) in [by_joining, gift(&new, left)?] {
        effects.extend(more);
        reasons.extend(why);
    }
    Ok((effects, reasons))
}

/// What a new member is given.
fn gift(new: &Customer<'_>, left: &mut Card) -> Result<Brought, Fault> {
    let programme = new.facts.pricing;
    let gift = programme.membership.as_ref().and_then(|membership| membership.gift.as_ref());
    let given = gift.filter(|gift| gift.when.holds(programme, &new.at)).and_then(|gift| {
        let reason = Reason {
            rule: gift.rule.clone(),
            kind: gift.kind,
            base: 0,
            rate: gift.points.to_string(),
            result: gift.points,
            notes: Notes::NONE,
            other: None,
        };
        new.given(&gift.cap, reason, None)
    });
    let Some(given) = given else { return Ok((Vec::new(), Vec::new())) };
    let award = Award { kind: given.kind, points: given.amount, pending_until: None };
    let mut effects = award_points(left, award, programme, (new.facts.index, new.now))?;
    effects.extend(given.counts);
    Ok((effects, vec![given.reason]))
}

/// An entry in two: without what came by a joining, and that alone. What a purchase is and what it made of its member are undone by
/// themselves: the second when what was spent is no longer enough, whichever purchase came back.
pub(super) fn split(entry: &Original) -> (Original, Option<Original>) {
    let Some((own, joining)) = parts(&entry.effects) else { return (entry.clone(), None) };
    let lines = entry.by_joining.unwrap_or_else(|| lines_of_joining(entry));
    let (sold, by_joining) = entry.reasons.split_at(entry.reasons.len().saturating_sub(lines));
    let of = |effects, reasons: &[Reason], by_joining| {
        let reasons = reasons.to_vec();
        Original { effects, reasons, by_joining: Some(by_joining), ..entry.clone() }
    };
    (of(own, sold, 0), Some(of(joining, by_joining, lines)))
}

/// What a purchase did by itself, and what it did as a joining, when it was one.
fn parts(effects: &[Effect]) -> Option<(Vec<Effect>, Vec<Effect>)> {
    let is_mark = |effect: &Effect| matches!(effect, Effect::Counter { counter, change: 1.., .. } if counter.starts_with(BY));
    let mark = effects.iter().position(is_mark)?;
    let of_joining = |effect: &Effect| {
        matches!(
            effect,
            Effect::Posting(_) | Effect::PointsDebt { .. } | Effect::Counter { .. } | Effect::Member { .. }
        )
    };
    let (before, behind) = effects.split_at(mark);
    let (joining, own): (Vec<_>, Vec<_>) = behind.iter().cloned().partition(of_joining);
    Some((before.iter().cloned().chain(own).collect(), joining))
}

/// How many lines of an entry's answer are those of a joining, which are the last of them: so many as come to what it gave.
pub(super) fn lines_of_joining(entry: &Original) -> usize {
    let Some((_, joining)) = parts(&entry.effects) else { return 0 };
    let given = Original { effects: joining, ..entry.clone() }.points_earned();
    let mut left: BTreeMap<Kind, i64> = BTreeMap::new();
    for ((_, kind), (points, _)) in given.iter().filter(|((card, _), _)| Some(*card) == entry.card) {
        left.insert(*kind, *points);
    }
    let gave = |line: &&Reason| match left.get_mut(&line.kind).filter(|left| **left > 0) {
        Some(left) => {
            *left = left.saturating_sub(line.result);
            true
        }
        None => false,
    };
    entry.reasons.iter().rev().take_while(gave).count()
}

/// Entries by which the card of an original became its member's, and those that undoing it brings back: their indexes.
#[must_use]
pub fn joined_by(state: &State, original: &Original) -> Vec<u64> {
    let member = original.card.and_then(|card| state.members.get(&card));
    let of = |counter: &str| counter.strip_prefix(BY)?.parse().ok();
    let taken = original.effects.iter().filter_map(|effect| match effect {
        Effect::Counter { counter, change: ..=-1, .. } => of(counter),
        _ => None,
    });
    member.into_iter().flat_map(marks).chain(taken).collect()
}

fn marks(member: &Member) -> impl Iterator<Item = u64> {
    let from = (BY.to_owned(), 0);
    let marks = member.counters.range(from..).map_while(|((name, _), _)| name.strip_prefix(BY));
    marks.filter_map(|index| index.parse().ok())
}

/// Something of what a joining by spend rests on comes back.
pub(super) fn is_less(counted: &[Effect]) -> bool {
    counted
        .iter()
        .any(|effect| matches!(effect, Effect::Counter { counter, change: ..=-1, .. } if counter == SPENT))
}

/// The joining, by one of `entries` or several, that rests on too little now that this is counted of the member: where members who
/// each had joined are one, as much must stand for each of them, and the last ones go first.
pub(super) fn undone(programme: &Programme, member: &Member, entries: &[Original]) -> Option<Original> {
    let needed = programme.membership.as_ref().and_then(|membership| membership.spend);
    let enough_for = has(member, SPENT).checked_div(needed?.max(1)).map_or(0, |enough| enough.max(0));
    let mut fallen: Vec<u64> = marks(member).collect();
    fallen.sort_unstable();
    fallen.drain(..usize::try_from(enough_for).unwrap_or(usize::MAX).min(fallen.len()));
    let joinings =
        entries.iter().filter(|entry| fallen.contains(&entry.index)).filter_map(|entry| split(entry).1);
    joinings.reduce(|mut all, one| {
        all.effects.extend(one.effects);
        all.reasons.extend(one.reasons);
        all
    })
}

/// Members of whose joining nothing is left when these counters have changed: what a Join said of them goes, and the date.
pub(super) fn left_again(state: &State, counted: &[Effect]) -> Vec<Effect> {
    let mut members: Vec<(CardReference, Standing)> = Vec::new();
    for effect in counted {
        let Effect::Counter { card: Some(card), counter, period: 0, .. } = effect else { continue };
        let Some(member) = state.members.get(card).filter(|_| counter == JOIN || counter == JOINED) else {
            continue;
        };
        if has(member, counter).saturating_add(change_of(counted, *card, counter)) > 0 {
            continue;
        }
        let held = members.iter().position(|(held, _)| held == card).unwrap_or_else(|| {
            members.push((*card, member.standing.clone()));
            members.len().saturating_sub(1)
        });
        let standing = &mut members[held].1;
        standing.joined = None;
        if counter == JOIN {
            *standing = Standing { tier: standing.tier.clone(), ..Standing::default() };
        }
    }
    let both = |(card, standing): (CardReference, Standing)| {
        // What it was stands in front, for a refund that is undone.
        let before = state.members.get(&card).map(|member| member.standing.clone());
        let before = before.filter(|before| before.joined.is_some());
        before.into_iter().chain([standing]).map(move |standing| Effect::Member { card, standing })
    };
    members.into_iter().flat_map(both).collect()
}

/// Members who have joined after all, when these counters have changed, because a refund is undone by which they had not.
pub(super) fn came_back(state: &State, refund: &Original, counted: &[Effect]) -> Vec<Effect> {
    let again = counted.iter().filter_map(|effect| {
        let Effect::Counter { card: Some(card), counter, period: 0, change: 1.. } = effect else {
            return None;
        };
        let member = state.members.get(card).filter(|member| counter == JOINED && has(member, JOIN) > 0)?;
        let joined = refund.effects.iter().find_map(|effect| match effect {
            Effect::Member { card: of, standing } if of == card => standing.joined,
            _ => None,
        });
        let standing = Standing { joined: Some(joined?), ..member.standing.clone() };
        member.standing.joined.is_none().then_some(Effect::Member { card: *card, standing })
    });
    again.collect()
}

/// What of a member is for once.
pub(super) fn at_most(counter: &str) -> Option<i64> {
    (counter == BOUGHT || counter == JOINED).then_some(1)
}

fn change_of(counted: &[Effect], of: CardReference, named: &str) -> i64 {
    let changes = counted.iter().filter_map(|effect| match effect {
        Effect::Counter { card, counter, change, .. } if *card == Some(of) && counter == named => {
            Some(*change)
        }
        _ => None,
    });
    changes.fold(0, i64::saturating_add)
}

fn has(member: &Member, counter: &str) -> i64 {
    member.counted(counter, Window::Ever, 0)
}

fn one_more(card: CardReference, counter: &str, change: i64) -> Effect {
    Effect::Counter { card: Some(card), counter: counter.into(), period: 0, change }
}
