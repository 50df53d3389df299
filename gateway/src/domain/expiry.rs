//! What ends by time (LOYALTY B8): lots cannot be spent from their end on, and are booked when the card is next touched or
//! swept, whichever comes first; a hold holds until its end is booked.

use super::Fault;
use super::card::Card;
use super::effect::{Effect, Fate, TransactionState};
use super::ledger::{breakage, named};
use super::request::Now;

/// Books what has ended on a card: the card as it is afterwards, and the effects. Booked once, because what has been
/// booked is gone. While the time is not certain nothing is booked, and what has expired stays unspendable.
///
/// # Errors
/// [`Fault`] when an amount leaves its range.
pub fn expire(card: &Card, now: Now) -> Result<(Card, Vec<Effect>), Fault> {
    let mut left = card.clone();
    let mut effects = Vec::new();
    if !now.certain {
        return Ok((left, effects));
    }
    for hold in card.holds.iter().filter(|hold| hold.expires <= now.s()) {
        left.set_hold(hold.ended())?;
        effects.push(Effect::Hold { card: card.reference, hold: hold.ended() });
        effects.push(Effect::Transaction { index: hold.id, fate: Fate::of(TransactionState::Lapsed) });
    }
    // What is still held does not expire before its hold ends.
    let expired = left.lots.iter().filter(|lot| lot.is_expired(now.s()) && left.free(lot) > 0);
    for lot in expired.cloned().collect::<Vec<_>>() {
        let free = left.free(&lot);
        let amount = free.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(Effect::Posting(card.posting(&lot, amount)));
        effects.push(named(breakage(), lot.kind, free));
        left.post(lot.id, lot.expires, lot.source, lot.kind, amount)?;
    }
    Ok((left, effects))
}
