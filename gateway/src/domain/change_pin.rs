//! ChangePin: sets a card's PIN; the present one, if there is one, must go with it (PROTOCOL.md section 9.3).

use super::Fault;
use super::decision::{Decision, Decline, Tried};
use super::effect::Effect;
use super::facts::{Facts, accept_card};
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
        if card.pin.secret.is_some() {
            card.pin.check(rule.tries, request.pins.card_given, request.pins.card, Tried::Card)?;
        }
        let secret = match (request.pins.new, request.pins.new_given) {
            (Some(secret), _) => secret,
            (None, true) => return Err(Decline::PinUntried(Tried::New)),
            (None, false) => return Err(Decline::PinNeeded),
        };
        Ok(Effect::Pin { card: card.reference, pin: Pin { secret: Some(secret), tries: 0 } })
    });
    Ok(match checked {
        Ok(effect) => Decision { amount: Some(0), ..Decision::approved(vec![effect]) },
        Err(decline) => Decision::declined(decline),
    })
}
