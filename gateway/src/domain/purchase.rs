//! Purchase: the card's lots pay in the product's order; points are earned on what was paid (LOYALTY A6, B1).

use super::Fault;
use super::card::Card;
use super::customer::Customer;
use super::decision::{Decision, Decline, Verdict};
use super::effect::{Effect, Fate, TransactionState};
use super::facts::Facts;
use super::ledger::{Kind, named, redemption};
use super::payer::Payer;
use super::pin::check_card_pin;
use super::points_payment;
use super::programme::Discount;
use super::quoted::{Promise, check_promise, check_quote};
use super::request::{CardClaim, Command, Now, Request, Sold};
use super::reward::{STORED_VALUE, reward_sale};
use super::spend::choose;
use super::taken_back::owed;
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

/// What a purchase quote asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// ISO 4217 number.
    pub currency: u16,
    /// Minor units.
    pub amount: i64,
    /// Points that pay a part of it.
    pub points: Option<i64>,
    /// The programme's prices hold.
    pub prices: bool,
    /// What would be sold, when somebody says so.
    pub sold: Vec<Sold>,
}

/// What a purchase would do now, decided by the same checks; in part, when the card cannot pay it all.
///
/// # Errors
/// [`Fault`] when an amount leaves its range.
pub fn purchase_quote(
    facts: Facts<'_>,
    terminal: &Terminal,
    claim: &CardClaim,
    asked: Asked,
    now: Now,
) -> Result<Decision, Fault> {
    if terminal.role == Role::Kiosk {
        return Ok(Decision::declined(Decline::MessageNotAllowedForRole));
    }
    let Asked { currency, amount, points, prices, sold } = asked;
    let (partial_allowed, lines) = (true, Vec::new());
    let command = Command::Purchase { claim: *claim, amount, partial_allowed, points, lines };
    let request = Request { prices, sold, ..Request::quote(terminal, currency, command) };
    let mut decision =
        decide(facts, terminal, &request, Wish { claim, amount, partial_allowed, points }, now)?;
    decision.explanation.extend(owed(facts.state, claim.card, &decision.effects));
    Ok(decision)
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
    let discount = discount(facts, request, (&payer.card, &terminal.store), wish.amount, now);
    let due = wish.amount.checked_sub(discount.amount).ok_or(Fault::Overflow)?;
    let tendered = wish.points.map(|points| points_payment::tendered(facts, &key, due, points)).transpose();
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
    let wanted = due.checked_sub(by_points).ok_or(Fault::Overflow)?;
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
    if paid != 0 {
        effects.push(named(redemption(&terminal.store), Kind::MONEY, paid));
    }
    let (rewards, earned) = reward_sale(facts, request, (card, &terminal.store), (due, money), now)?;
    effects.extend(rewards);
    let promise = Promise::of((paid, discount.amount), earned.iter());
    if let Err(decline) = check_promise(facts.quoted, &promise) {
        return Ok(Decision::declined(decline));
    }
    if !discount.lines.is_empty() {
        // What prices took off an item was never paid for it, so it cannot come back by line.
        let fate = Fate { lines: discount.lines, ..Fate::of(TransactionState::Live) };
        effects.push(Effect::Transaction { index: facts.index, fate });
    }
    let used = tendered.map(|tendered| tendered.reason());
    Ok(Decision {
        verdict,
        amount: Some(paid),
        discount: Some(discount.amount),
        explanation: discount.reasons.into_iter().chain(used).chain(earned).collect(),
        ..Decision::approved(effects)
    })
}

/// What the programme's prices take off, where the terminal asks for them.
fn discount(
    facts: Facts<'_>,
    request: &Request,
    (card, store): (&Card, &str),
    amount: i64,
    now: Now,
) -> Discount {
    if !request.prices {
        return Discount::default();
    }
    let customer = Customer::of(facts, (card, store), request.channel.as_deref(), &[STORED_VALUE], now);
    facts.pricing.discount(&customer.at, &request.sold, amount)
}
