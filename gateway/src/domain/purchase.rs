//! Purchase: the card's lots pay in the product's order; points are earned on what was paid (LOYALTY A6, B1).

use super::Fault;
use super::decision::{Decision, Decline, Verdict};
use super::effect::Effect;
use super::expiry::expire;
use super::facts::{Facts, accept_card};
use super::ledger::{Kind, named, redemption};
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
    let command = Command::Purchase { claim: *claim, amount, partial_allowed: true, lines: Vec::new() };
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
    let (card, product) = match accept_card(facts, request.currency, claim) {
        Ok(accepted) => accepted,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    if let Err(decline) = check_quote(facts.quoted, request, now) {
        return Ok(Decision::declined(decline));
    }
    let (card, mut effects) = expire(card, now)?;
    if amount > terminal.limits.purchase {
        return Ok(Decision::declined(Decline::AboveTerminalLimit));
    }
    let (paid, verdict) = match amount.min(card.payable(now.s())) {
        paid if paid == amount => (paid, Verdict::Approved),
        paid if paid > 0 && partial_allowed => (paid, Verdict::ApprovedInPart),
        _ => return Ok(Decision::declined(Decline::NotSufficientFunds)),
    };
    let more = More { card: &card, product, request, counted: Counted::Purchase, amount: paid };
    match count(facts, more, now) {
        Ok(tallies) => effects.extend(tallies),
        Err(decline) => return Ok(Decision::declined(decline)),
    }
    let lots = choose(&card, product.spend, paid, now.s());
    for (lot, part) in lots.ok_or(Fault::Misfit("not enough in the lots that were counted"))? {
        let lot = card.lot(lot).ok_or(Fault::Misfit("a lot that is not there was chosen"))?;
        let taken = part.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(Effect::Posting(card.posting(lot, taken)));
    }
    effects.push(named(redemption(&terminal.store), Kind::MONEY, paid));
    let earned = facts.pricing.purchase_points(&card.product, paid);
    if let Some(earned) = &earned {
        effects.extend(award_points(facts, &card, earned.result, now, 0)?);
    }
    Ok(Decision {
        verdict,
        amount: Some(paid),
        explanation: earned.into_iter().collect(),
        ..Decision::approved(effects)
    })
}
