//! Purchase: the card's lots pay in the product's order; points are earned on what was paid (LOYALTY A6, B1).

use super::Fault;
use super::card::Card;
use super::decision::{Decision, Decline, Verdict};
use super::effect::Effect;
use super::facts::Facts;
use super::ledger::{Kind, named, redemption};
use super::payer::Payer;
use super::pin::check_card_pin;
use super::points_payment;
use super::quoted::check_quote;
use super::request::{CardClaim, Command, Now, Request};
use super::reward::reward_sale;
use super::spend::choose;
use super::tally::{Counted, More, count};
use super::terminal::{Role, Terminal};

/// What a purchase asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub claim: &'a CardClaim,
    /// Minor units.
    pub amount: i64,
    pub partial_allowed: bool,
    /// Points that pay a part of it.
    pub points: Option<i64>,
}

/// What a purchase would do now, decided by the same checks; in part, when the card cannot pay it all.
///
/// # Errors
/// [`Fault`] when an amount leaves its range.
pub fn purchase_quote(
    facts: Facts<'_>,
    terminal: &Terminal,
    claim: &CardClaim,
    currency: u16,
    (amount, points): (i64, Option<i64>),
    now: Now,
) -> Result<Decision, Fault> {
    if terminal.role == Role::Kiosk {
        return Ok(Decision::declined(Decline::MessageNotAllowedForRole));
    }
    let (partial_allowed, lines) = (true, Vec::new());
    let command = Command::Purchase { claim: *claim, amount, partial_allowed, points, lines };
    let request = Request::quote(terminal, currency, command);
    decide(facts, terminal, &request, Wish { claim, amount, partial_allowed, points }, now)
}

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    wish: Wish<'_>,
    now: Now,
) -> Result<Decision, Fault> {
    let permitted =
        |card: &Card| wish.points.map_or(Ok(()), |_| points_payment::accepted(facts, &card.product));
    let mut payer = match Payer::accept(facts, request.currency, wish.claim, permitted, now)? {
        Ok(payer) => payer,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let (key, product) = (payer.card.product.clone(), payer.product);
    let checked = check_card_pin(&payer.card, product, request, wish.amount)
        .and_then(|()| check_quote(facts.quoted, request, now));
    if let Err(decline) = checked {
        return Ok(Decision::declined(decline));
    }
    let mut effects = std::mem::take(&mut payer.effects);
    if wish.amount > terminal.limits.purchase {
        return Ok(Decision::declined(Decline::AboveTerminalLimit));
    }
    let tendered =
        wish.points.map(|points| points_payment::tendered(facts, &key, wish.amount, points)).transpose();
    let tendered = match tendered {
        Ok(tendered) => tendered,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    if let Some(tendered) = &tendered {
        let Some(taken) = tendered.take(&mut payer.card, now)? else {
            return Ok(Decision::declined(Decline::NotEnoughPoints));
        };
        effects.extend(taken);
    }
    let by_points = tendered.as_ref().map_or(0, |tendered| tendered.worth);
    let (card, purse) = (&payer.card, payer.purse());
    // Minor units that the balances pay.
    let wanted = wish.amount.checked_sub(by_points).ok_or(Fault::Overflow)?;
    let (money, verdict) = match wanted.min(purse.payable(now.s())) {
        money if money == wanted => (money, Verdict::Approved),
        money if money > 0 && wish.partial_allowed && tendered.is_none() => (money, Verdict::ApprovedInPart),
        _ => return Ok(Decision::declined(Decline::NotSufficientFunds)),
    };
    let paid = money.checked_add(by_points).ok_or(Fault::Overflow)?;
    let more = More { card, product, request, counted: Counted::Purchase, amount: paid };
    match count(facts, more, now) {
        Ok(tallies) => effects.extend(tallies),
        Err(decline) => return Ok(Decision::declined(decline)),
    }
    let lots = if money == 0 { Some(Vec::new()) } else { choose(purse, product.spend, money, now.s()) };
    for (lot, part) in lots.ok_or(Fault::Misfit("not enough in the lots that were counted"))? {
        let lot = purse.lot(lot).ok_or(Fault::Misfit("a lot that is not there was chosen"))?;
        let taken = part.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(Effect::Posting(purse.posting(lot, taken)));
    }
    effects.push(named(redemption(&terminal.store), Kind::MONEY, paid));
    let (rewards, earned) = reward_sale(facts, request, (card, &terminal.store), (wish.amount, money), now)?;
    effects.extend(rewards);
    let used = tendered.map(|tendered| tendered.reason());
    Ok(Decision {
        verdict,
        amount: Some(paid),
        explanation: used.into_iter().chain(earned).collect(),
        ..Decision::approved(effects)
    })
}
