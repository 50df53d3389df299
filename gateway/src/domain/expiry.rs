//! What ends by time (LOYALTY B8, B9): lots cannot be spent from their end on, pending points can be; both are booked when the
//! card is next touched or swept, whichever comes first. A hold holds until its end is booked.

use super::Fault;
use super::card::{Card, Lot};
use super::effect::{Effect, Fate, TransactionState};
use super::ledger::{breakage, named, points_release};
use super::points::credit_points;
use super::programme::Programme;
use super::request::Now;

/// Books what has ended on a card: the card as it is afterwards, and the effects. Booked once, because what has been
/// booked is gone. While the time is not certain nothing is booked, and what has expired stays unspendable. `index` is that of
/// the entry that books it.
///
/// # Errors
/// [`Fault`] when an amount leaves its range.
pub fn expire(
    card: &Card,
    programme: &Programme,
    index: u64,
    now: Now,
) -> Result<(Card, Vec<Effect>), Fault> {
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
    // What is still held does not expire before its hold ends. What is released may have ended since.
    while let Some(lot) = left.lots.iter().find(|lot| lot.is_expired(now.s()) && left.free(lot) > 0).cloned()
    {
        let free = left.free(&lot);
        let amount = free.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(Effect::Posting(card.posting(&lot, amount)));
        left.post(lot.id, lot.expires, lot.source, lot.kind, amount)?;
        if !lot.kind.is_pending() {
            effects.push(named(breakage(), lot.kind, free));
            continue;
        }
        // They come on the day on which they are released, whenever that is booked: so it makes no difference to their own end.
        let released = released_at(&lot, programme, now)?;
        // Each leg of a release stands in front of its counterpart, as that of an expiry does.
        effects.push(named(points_release(), lot.kind, free));
        for effect in credit_points(&mut left, lot.kind.released(), free, programme, (index, released))? {
            let leg = match &effect {
                Effect::Posting(posting) => Some(posting.amount),
                _ => None,
            };
            effects.push(effect);
            if let Some(leg) = leg {
                let counterpart = leg.checked_neg().ok_or(Fault::Overflow)?;
                effects.push(named(points_release(), lot.kind, counterpart));
            }
        }
    }
    Ok((left, effects))
}

/// When a pending lot has ended.
fn released_at(lot: &Lot, programme: &Programme, now: Now) -> Result<Now, Fault> {
    let ms = lot.expires.unwrap_or(now.s()).checked_mul(1000).ok_or(Fault::Overflow)?;
    Ok(Now { ms, business_date: programme.business_date(ms)?, ..now })
}
