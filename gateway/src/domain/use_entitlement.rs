//! UseEntitlement: a counted benefit of the member's tier (权益; LOYALTY C7).

use super::Fault;
use super::customer::Customer;
use super::decision::{Decision, Decline};
use super::effect::Effect;
use super::facts::Facts;
use super::payer::Payer;
use super::quoted::check_quote;
use super::request::{CardClaim, Now, Request};
use super::terminal::Terminal;

/// `quantity` of `named`, both as the request has them.
pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    claim: &CardClaim,
    (named, quantity): (&str, i64),
    now: Now,
) -> Result<Decision, Fault> {
    let mut payer = match Payer::accept(facts, request.currency, claim, |_| Ok(()), now)? {
        Ok(payer) => payer,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let mut effects = std::mem::take(&mut payer.effects);
    let store = (&payer.card, terminal.store.as_str());
    let customer = Customer::of(facts, store, request.channel.as_deref(), &[], now);
    let used = check_quote(facts.quoted, request, now).and_then(|()| used(&customer, named, quantity));
    match used {
        Err(decline) => Ok(Decision::declined(decline)),
        Ok((counts, uses_left)) => {
            effects.extend(counts);
            Ok(Decision { amount: Some(0), uses_left, ..Decision::approved(effects) })
        }
    }
}

/// The counters of so many uses, and how many are left then; `None` when they are not counted.
fn used(customer: &Customer<'_>, named: &str, quantity: i64) -> Result<(Vec<Effect>, Option<i64>), Decline> {
    let Customer { facts, card, at, .. } = customer;
    let (programme, date) = (facts.programme, at.now.business_date);
    let entitlement = programme.entitlements.iter().find(|held| held.entitlement == named);
    let entitlement = entitlement
        .filter(|held| programme.is_member(at.member) && held.when.is_for(programme, at))
        .ok_or(Decline::NotOffered)?;
    let uses = entitlement.of(programme, at.member).ok_or(Decline::NotOffered)?;
    if !entitlement.when.is_time(programme, at) {
        return Err(Decline::NotNow);
    }
    let left = match entitlement.left(uses, at.member, date) {
        Some(left) => Some(left.checked_sub(quantity).filter(|left| *left >= 0).ok_or(Decline::Exhausted)?),
        None => None,
    };
    let count = |window: super::member::Window| Effect::Counter {
        card: Some(card.reference),
        counter: entitlement.counter(),
        period: window.of(date),
        change: quantity,
    };
    Ok((entitlement.windows().into_iter().map(count).collect(), left))
}
