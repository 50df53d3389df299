//! Purchase: the card's lots pay in the product's order; points are earned on what was paid (LOYALTY A6, B1).

use super::Fault;
use super::decision::{Decision, Decline, Verdict};
use super::effect::Effect;
use super::facts::Facts;
use super::ledger::{Kind, named, redemption};
use super::payer::Payer;
use super::pin::check_card_pin;
use super::points::award_points;
use super::quoted::check_quote;
use super::request::{CardClaim, Command, Now, Request};
use super::spend::choose;
use super::tally::{Counted, More, count};
use super::terminal::{Role, Terminal};

/// What a purchase would do now, decided by the same checks; in part, when the card cannot pay it all.
///
/// # Errors
/// [`Fault`] when an amount leaves its range.
pub fn purchase_quote(
    facts: Facts<'_>,
    terminal: &Terminal,
    claim: &CardClaim,
    currency: u16,
    amount: i64,
    now: Now,
) -> Result<Decision, Fault> {
    if terminal.role == Role::Kiosk {
        return Ok(Decision::declined(Decline::MessageNotAllowedForRole));
    }
    let command = Command::Purchase { claim: *claim, amount, partial_allowed: true };
    let request = Request::quote(terminal, currency, command);
    decide(facts, terminal, &request, claim, amount, true, now)
}

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    claim: &CardClaim,
    amount: i64,
    partial_allowed: bool,
    now: Now,
) -> Result<Decision, Fault> {
    let payer = match Payer::accept(facts, request.currency, claim, now)? {
        Ok(payer) => payer,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let checked = check_card_pin(&payer.card, payer.product, request, amount)
        .and_then(|()| check_quote(facts.quoted, request, now));
    if let Err(decline) = checked {
        return Ok(Decision::declined(decline));
    }
    let (card, purse, product) = (&payer.card, payer.purse(), payer.product);
    let mut effects = payer.effects.clone();
    if amount > terminal.limits.purchase {
        return Ok(Decision::declined(Decline::AboveTerminalLimit));
    }
    let (paid, verdict) = match amount.min(purse.payable(now.s())) {
        paid if paid == amount => (paid, Verdict::Approved),
        paid if paid > 0 && partial_allowed => (paid, Verdict::ApprovedInPart),
        _ => return Ok(Decision::declined(Decline::NotSufficientFunds)),
    };
    let more = More { card, product, request, counted: Counted::Purchase, amount: paid };
    match count(facts, more, now) {
        Ok(tallies) => effects.extend(tallies),
        Err(decline) => return Ok(Decision::declined(decline)),
    }
    let lots = choose(purse, product.spend, paid, now.s());
    for (lot, part) in lots.ok_or(Fault::Misfit("not enough in the lots that were counted"))? {
        let lot = purse.lot(lot).ok_or(Fault::Misfit("a lot that is not there was chosen"))?;
        let taken = part.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(Effect::Posting(purse.posting(lot, taken)));
    }
    effects.push(named(redemption(&terminal.store), Kind::MONEY, paid));
    let earned = facts.pricing.purchase_points(&card.product, paid);
    if let Some(earned) = &earned {
        effects.extend(award_points(facts, card, earned.result, now, 0)?);
    }
    Ok(Decision {
        verdict,
        amount: Some(paid),
        explanation: earned.into_iter().collect(),
        ..Decision::approved(effects)
    })
}
