//! Expiry by touch: what has ended is booked before anything else happens to a card (LOYALTY B8).

use super::Fault;
use super::card::Card;
use super::effect::Effect;
use super::ledger::{breakage, named};
use super::request::Now;

/// Books what has expired on a card, before anything else happens to it.
pub(super) fn expire(card: &Card, now: Now) -> Result<(Card, Vec<Effect>), Fault> {
    let mut left = card.clone();
    let mut effects = Vec::new();
    for lot in card.lots.iter().filter(|lot| lot.is_expired(now.s())) {
        let amount = lot.amount.checked_neg().ok_or(Fault::Overflow)?;
        left.lots.retain(|l| l.id != lot.id);
        effects.push(Effect::Posting(card.posting(lot, amount)));
        effects.push(named(breakage(), lot.kind, lot.amount));
    }
    Ok((left, effects))
}
