//! Who pays: a card spends its own money, or that of the corporate account that it is bound to (LOYALTY A7).

use super::card::Card;
use super::decision::Decline;
use super::effect::Effect;
use super::expiry::expire;
use super::facts::{Facts, accept_card, usable};
use super::programme::Product;
use super::request::{CardClaim, Now};
use super::{Fault, State};

/// The card whose money a card spends: its own, or the corporate account's that it is bound to (LOYALTY A7).
#[must_use]
pub fn purse_of<'a>(state: &'a State, card: &'a Card) -> Option<&'a Card> {
    let Some(account) = card.account else { return Some(card) };
    let mut held = state.cards.get(&account)?;
    while let Some(successor) = held.successor {
        held = state.cards.get(&successor.card)?;
    }
    Some(held)
}

/// The same, when it may be spent from.
pub(super) fn usable_purse<'a>(facts: Facts<'a>, card: &'a Card, now: Now) -> Result<&'a Card, Decline> {
    let purse = purse_of(facts.state, card).ok_or(Decline::AccountNotUsable)?;
    if purse.reference != card.reference && usable(purse, now).is_err() {
        return Err(Decline::AccountNotUsable);
    }
    Ok(purse)
}

/// A card with what has ended on it booked, and on the account whose money its answers show: a hold whose time is over is no longer
/// held, swept or not.
pub(super) fn ended_on(facts: Facts<'_>, card: &Card, now: Now) -> Result<(Card, Vec<Effect>), Fault> {
    let (left, mut effects) = expire(card, facts.programme, facts.index, now)?;
    if let Some(account) = purse_of(facts.state, card).filter(|purse| purse.reference != card.reference) {
        effects.extend(expire(account, facts.programme, facts.index, now)?.1);
    }
    Ok((left, effects))
}

/// A card that pays: itself, its product, and the card whose money it spends, with what has ended on both booked.
pub(super) struct Payer<'a> {
    pub card: Card,
    pub product: &'a Product,
    /// `None` when it spends its own.
    account: Option<Card>,
    pub effects: Vec<Effect>,
}

impl<'a> Payer<'a> {
    /// `permitted` says what else a card of this product must be allowed.
    pub(super) fn accept(
        facts: Facts<'a>,
        currency: u16,
        claim: &CardClaim,
        permitted: impl FnOnce(&Card) -> Result<(), Decline>,
        now: Now,
    ) -> Result<Result<Self, Decline>, Fault> {
        let accepted = accept_card(facts, currency, claim, now)
            .and_then(|(card, product)| permitted(card).map(|()| (card, product)))
            .and_then(|(card, product)| usable_purse(facts, card, now).map(|purse| (card, product, purse)));
        let (card, product, purse) = match accepted {
            Ok(accepted) => accepted,
            Err(decline) => return Ok(Err(decline)),
        };
        let bound = purse.reference != card.reference;
        let (card, mut effects) = expire(card, facts.programme, facts.index, now)?;
        let mut account = None;
        if bound {
            let (purse, ended) = expire(purse, facts.programme, facts.index, now)?;
            effects.extend(ended);
            account = Some(purse);
        }
        Ok(Ok(Self { card, product, account, effects }))
    }

    /// Whose lots pay.
    pub(super) fn purse(&self) -> &Card {
        self.account.as_ref().unwrap_or(&self.card)
    }
}
