//! ChangePin: sets a card's PIN; the present one, if there is one, must go with it (PROTOCOL.md section 9.3).

use super::Fault;
use super::decision::{Decision, Decline, Tried};
use super::effect::Effect;
use super::facts::{Facts, accept_card};
use super::payer::ended_on;
use super::pin::Pin;
use super::request::{CardClaim, Now, Request};

pub(super) fn decide(
    facts: Facts<'_>,
    request: &Request,
    claim: &CardClaim,
    now: Now,
) -> Result<Decision, Fault> {
    let checked = accept_card(facts, request.currency, claim, now).and_then(|(card, product)| {
        let rule = product.pin.ok_or(Decline::PinNotUsed)?;
        // A try is not spent on what could not be done anyway.
        if !request.pins.new_given {
            return Err(Decline::PinNeeded);
        }
        if card.pin.secret.is_some() {
            card.pin.check(rule.tries, request.pins.card_given, request.pins.card, Tried::Card)?;
        }
        let secret = request.pins.new.ok_or(Decline::PinUntried(Tried::New))?;
        Ok((card, Effect::Pin { card: card.reference, pin: Pin { secret: Some(secret), tries: 0 } }))
    });
    let (card, pin) = match checked {
        Ok(checked) => checked,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let (_, mut effects) = ended_on(facts, card, now)?;
    effects.push(pin);
    Ok(Decision { amount: Some(0), ..Decision::approved(effects) })
}
