//! A card that takes another one's place: lots, holds and debts go over whole, and what is known of the old card's
//! transactions holds on the new one.

use super::State;
use super::card::{Card, CardReference, CardStatus, Hold, Successor};
use super::card_acts::check_balance;
use super::effect::{Account, Effect, Posting};
use super::member::{Member, Standing};
use super::programme::Programme;
use super::refusal::{Refusal, check_reason};
use super::request::Now;
use super::tier_review::goes_over;

/// A new card takes the place of a lost or worn one.
pub(super) fn replace(
    state: &State,
    card: CardReference,
    by: CardReference,
    reason: &str,
) -> Result<Vec<Effect>, Refusal> {
    let (old, new) = pair(state, card, by, reason)?;
    if new.status != CardStatus::Issued {
        return Err(Refusal::CardState { is: new.status.name(), needs: "an issued" });
    }
    let mut effects = hand_over(state, old, new, reason)?;
    let (expires, holder, account, own_limits) = (old.expires, old.holder, old.account, old.own_limits);
    let taking = Card { expires, holder, account, own_limits, ..new.clone() };
    effects.push(taking.with_status(CardStatus::Active, Some(reason)));
    // The holder is the same, and a PIN that is locked stays locked.
    effects.push(Effect::Pin { card: new.reference, pin: old.pin });
    Ok(effects)
}

/// A card in use takes over what another one holds.
pub(super) fn merge(
    state: &State,
    programme: &Programme,
    (card, into): (CardReference, CardReference),
    reason: &str,
    now: Now,
) -> Result<Vec<Effect>, Refusal> {
    let (old, new) = pair(state, card, into, reason)?;
    if old.account.is_some() {
        return Err(Refusal::CardPair);
    }
    if new.status != CardStatus::Active {
        return Err(Refusal::CardState { is: new.status.name(), needs: "an active" });
    }
    let together = old.worth(now.s()).checked_add(new.worth(now.s()));
    check_balance(programme.products.get(&new.product), new, together)?;
    hand_over(state, old, new, reason)
}

fn pair<'a>(
    state: &'a State,
    card: CardReference,
    other: CardReference,
    reason: &str,
) -> Result<(&'a Card, &'a Card), Refusal> {
    check_reason(reason)?;
    let find = |card: CardReference| state.cards.get(&card).ok_or(Refusal::NoSuchCard);
    let (old, new) = (find(card)?, find(other)?);
    if card == other || old.product != new.product || new.account.is_some() {
        return Err(Refusal::CardPair);
    }
    if !matches!(old.status, CardStatus::Active | CardStatus::Blocked) {
        return Err(Refusal::CardState { is: old.status.name(), needs: "an active or blocked" });
    }
    Ok((old, new))
}

/// The member goes over with all that was counted of them. When both cards have one, the joining, tier and referrer of the card
/// that stays hold, and what it lacks comes from the other.
fn member_moves(state: &State, old: CardReference, new: CardReference) -> Result<Vec<Effect>, Refusal> {
    let Some(member) = state.members.get(&old).filter(|member| **member != Member::default()) else {
        return Ok(Vec::new());
    };
    let mut effects = Vec::new();
    let own = state.members.get(&new).cloned().unwrap_or_default();
    for ((counter, period), value) in &member.counters {
        let change = value.checked_neg().ok_or(Refusal::Range)?;
        let moved = |card, change| Effect::Counter {
            card: Some(card),
            counter: counter.clone(),
            period: *period,
            change,
        };
        effects.push(moved(old, change));
        if goes_over(counter, &own) {
            effects.push(moved(new, *value));
        }
    }
    let own = own.standing;
    let standing = Standing {
        joined: own.joined.or(member.standing.joined),
        channel: own.channel.or(member.standing.channel.clone()),
        referrer: own.referrer.or(member.standing.referrer),
        customer: if own.customer == 0 { member.standing.customer } else { own.customer },
        tier: own.tier.or(member.standing.tier.clone()),
    };
    if standing != Standing::default() {
        effects.push(Effect::Member { card: new, standing });
    }
    if member.standing != Standing::default() {
        effects.push(Effect::Member { card: old, standing: Standing::default() });
    }
    Ok(effects)
}

/// Lot n of the old card becomes lot n + offset of the new one.
fn hand_over(state: &State, old: &Card, new: &Card, reason: &str) -> Result<Vec<Effect>, Refusal> {
    let offset = new.next_lot.checked_sub(1).ok_or(Refusal::Range)?;
    let moved = |lot: u32| lot.checked_add(offset).ok_or(Refusal::Range);
    let mut effects = Vec::new();
    for hold in &old.holds {
        effects.push(Effect::Hold { card: old.reference, hold: hold.ended() });
    }
    for lot in &old.lots {
        let out = lot.amount.checked_neg().ok_or(Refusal::Range)?;
        effects.push(Effect::Posting(old.posting(lot, out)));
        effects.push(Effect::Posting(Posting {
            account: Account::Card {
                card: new.reference,
                lot: moved(lot.id)?,
                expires: lot.expires,
                source: lot.source,
            },
            kind: lot.kind,
            amount: lot.amount,
        }));
    }
    for hold in &old.holds {
        let parts = hold.parts.iter().map(|(lot, amount)| Ok((moved(*lot)?, *amount)));
        let parts = parts.collect::<Result<_, Refusal>>()?;
        effects.push(Effect::Hold { card: new.reference, hold: Hold { parts, ..*hold } });
    }
    for (kind, debt) in old.points_debts.iter().copied() {
        let change = debt.checked_neg().ok_or(Refusal::Range)?;
        effects.push(Effect::PointsDebt { card: old.reference, kind, change });
        effects.push(Effect::PointsDebt { card: new.reference, kind, change: debt });
    }
    for (period, tally) in &old.tallies {
        let tally = new.tally(*period).map_or(*tally, |own| own.together(*tally));
        effects.push(Effect::CardTally { card: new.reference, period: *period, tally });
    }
    effects.extend(member_moves(state, old.reference, new.reference)?);
    effects.push(Effect::NextLot { card: new.reference, next_lot: moved(old.next_lot)? });
    let successor = Successor { card: new.reference, offset };
    effects.push(Effect::Successor { card: old.reference, successor });
    effects.push(old.with_status(CardStatus::Replaced, Some(reason)));
    Ok(effects)
}
