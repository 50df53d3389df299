//! Activate: an issued card becomes usable.

use super::Fault;
use super::card::CardStatus;
use super::decide::{CardClaim, Decision, Decline, Facts, Now, Request, product_of, prove_card};
use super::effect::Effect;

pub(super) fn decide(
    facts: Facts<'_>,
    request: &Request,
    claim: &CardClaim,
    _now: Now,
) -> Result<Decision, Fault> {
    let checked = prove_card(facts, claim).and_then(|card| match card.status {
        CardStatus::Blocked => Err(Decline::CardBlocked),
        CardStatus::Active => Err(Decline::CardAlreadyActive),
        CardStatus::Issued => product_of(facts, request.currency, card).map(|_| card),
    });
    let card = match checked {
        Ok(card) => card,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let effects = vec![Effect::Card {
        card: card.reference,
        status: CardStatus::Active,
        product: card.product.clone(),
        proof: card.proof,
        reason: None,
    }];
    Ok(Decision { amount: Some(0), ..Decision::approved(effects) })
}
