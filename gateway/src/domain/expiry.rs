//! Expiry (LOYALTY B8): what has ended cannot be spent by time alone, and is booked when the card is next touched or swept,
//! whichever comes first.

use super::Fault;
use super::card::Card;
use super::effect::Effect;
use super::ledger::{breakage, named};
use super::request::Now;

/// Books what has expired on a card: the card as it is afterwards, and the effects. Booked once, because a lot that has
/// been booked is gone. While the time is not certain nothing is booked, and what has ended stays unspendable.
///
/// # Errors
/// [`Fault::Overflow`] when an amount leaves its range.
pub fn expire(card: &Card, now: Now) -> Result<(Card, Vec<Effect>), Fault> {
    let mut left = card.clone();
    let mut effects = Vec::new();
    if !now.certain {
        return Ok((left, effects));
    }
    for lot in card.lots.iter().filter(|lot| lot.is_expired(now.s())) {
        let amount = lot.amount.checked_neg().ok_or(Fault::Overflow)?;
        left.lots.retain(|l| l.id != lot.id);
        effects.push(Effect::Posting(card.posting(lot, amount)));
        effects.push(named(breakage(), lot.kind, lot.amount));
    }
    Ok((left, effects))
}
