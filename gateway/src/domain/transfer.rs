//! Transfer: lots of one card go over to another, each with its balance and expiry.

use super::Fault;
use super::card::{Card, CardReference};
use super::decision::{Decision, Decline};
use super::effect::Effect;
use super::expiry::expire;
use super::facts::{Facts, accept_card, product_of, usable};
use super::pin::check_card_pin;
use super::programme::Product;
use super::request::{CardClaim, Now, Request};
use super::spend::choose;
use super::tally::{Counted, More, count};
use super::terminal::Terminal;

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    claim: &CardClaim,
    to: CardReference,
    amount: i64,
    now: Now,
) -> Result<Decision, Fault> {
    let accepted = accept_card(facts, request.currency, claim, now)
        .and_then(own_money)
        .and_then(|(card, product)| {
            product.max_transfer.map(|_| (card, product)).ok_or(Decline::TransferNotAllowed)
        })
        .and_then(|from| receiving(facts, request.currency, claim.card, to, now).map(|to| (from, to)))
        .and_then(|both| check_card_pin(both.0.0, both.0.1, request, amount).map(|()| both));
    let ((from, product), (to, to_product)) = match accepted {
        Ok(accepted) => accepted,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let (from, mut effects) = expire(from, facts.programme, facts.index, now)?;
    let (to, ended) = expire(to, facts.programme, facts.index, now)?;
    effects.extend(ended);
    if let Err(decline) = check(terminal, product, amount) {
        return Ok(Decision::declined(decline));
    }
    let Some(chosen) = choose(&from, product.spend, amount, now.s()) else {
        return Ok(Decision::declined(Decline::NotSufficientFunds));
    };
    let more = More { card: &from, product, request, counted: Counted::Purchase, amount };
    match count(facts, more, now) {
        Ok(tallies) => effects.extend(tallies),
        Err(decline) => return Ok(Decision::declined(decline)),
    }
    // Last of all: who has nothing to give does not learn what the other card holds.
    let balance = to.worth(now.s()).checked_add(amount);
    if balance.is_none_or(|balance| balance > to_product.max_balance) {
        return Ok(Decision::declined(Decline::AboveMaximumBalance));
    }
    if to_product.needs_holder(&to, balance) {
        return Ok(Decision::declined(Decline::HolderNotRegistered));
    }
    for (opened, (lot, part)) in (0_u32..).zip(chosen) {
        let lot = from.lot(lot).ok_or(Fault::Misfit("a lot that is not there was chosen"))?;
        effects.push(Effect::Posting(from.posting(lot, part.checked_neg().ok_or(Fault::Overflow)?)));
        let credit = to.credit(lot.kind, part, lot.expires, facts.index, opened);
        effects.push(Effect::Posting(credit));
    }
    Ok(Decision { amount: Some(amount), ..Decision::approved(effects) })
}

/// The card that is given to: in use, of a product that there is, and another one.
fn receiving<'a>(
    facts: Facts<'a>,
    currency: u16,
    from: CardReference,
    to: CardReference,
    now: Now,
) -> Result<(&'a Card, &'a Product), Decline> {
    let card = facts.state.cards.get(&to).ok_or(Decline::CardNotAccepted)?;
    if from == to {
        return Err(Decline::TransferToItself);
    }
    usable(card, now)?;
    let product = product_of(facts, currency, card)?;
    own_money((card, product))
}

fn check(terminal: &Terminal, product: &Product, amount: i64) -> Result<(), Decline> {
    let most = product.max_transfer.ok_or(Decline::TransferNotAllowed)?;
    if amount > terminal.limits.purchase {
        return Err(Decline::AboveTerminalLimit);
    }
    if amount > most {
        return Err(Decline::AboveProductLimit);
    }
    Ok(())
}

/// A card that spends an account's money has none to give, and takes none.
fn own_money<'a>(held: (&'a Card, &'a Product)) -> Result<(&'a Card, &'a Product), Decline> {
    if held.0.account.is_some() { Err(Decline::BoundToAccount) } else { Ok(held) }
}
