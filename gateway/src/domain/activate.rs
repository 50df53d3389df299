//! Activate: an issued card becomes usable.

use super::Fault;
use super::card::{Card, CardStatus};
use super::decision::{Decision, Decline};
use super::facts::{Facts, product_of, prove_card};
use super::request::{CardClaim, Now, Request};

pub(super) fn decide(
    facts: Facts<'_>,
    request: &Request,
    claim: &CardClaim,
    now: Now,
) -> Result<Decision, Fault> {
    let checked = prove_card(facts, claim).and_then(|card| match card.status {
        CardStatus::Blocked => Err(Decline::CardBlocked),
        CardStatus::Replaced => Err(Decline::CardReplaced),
        CardStatus::Active => Err(Decline::CardAlreadyActive),
        CardStatus::Issued => product_of(facts, request.currency, card).map(|product| (card, product)),
    });
    let (card, product) = match checked {
        Ok(checked) => checked,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let active = Card {
        expires: facts.programme.card_expiry(product, now),
        holder: request.holder.or(card.holder),
        ..card.clone()
    };
    let effects = vec![active.with_status(CardStatus::Active, None)];
    Ok(Decision { amount: Some(0), ..Decision::approved(effects) })
}
