//! Activate: an issued card becomes usable.

use super::Fault;
use super::card::CardStatus;
use super::decision::{Decision, Decline};
use super::facts::{Facts, product_of, prove_card};
use super::request::{CardClaim, Now, Request};

pub(super) fn decide(
    facts: Facts<'_>,
    request: &Request,
    claim: &CardClaim,
    _now: Now,
) -> Result<Decision, Fault> {
    let checked = prove_card(facts, claim).and_then(|card| match card.status {
        CardStatus::Blocked => Err(Decline::CardBlocked),
        CardStatus::Replaced => Err(Decline::CardReplaced),
        CardStatus::Active => Err(Decline::CardAlreadyActive),
        CardStatus::Issued => product_of(facts, request.currency, card).map(|_| card),
    });
    let card = match checked {
        Ok(card) => card,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let effects = vec![card.with_status(CardStatus::Active, None)];
    Ok(Decision { amount: Some(0), ..Decision::approved(effects) })
}
