//! A card's day: how much it may load and spend in a business day, where its product limits that (LOYALTY A8).

use super::card::{Card, Day};
use super::decision::Decline;
use super::effect::Effect;
use super::original::Original;
use super::programme::Product;
use super::request::{Now, message};

/// What a transaction counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Load,
    /// Purchases, authorizes by what they hold, and transfers.
    Purchase,
}

/// The card's day with one more transaction, if its product limits it and the limit allows it.
pub(super) fn count(
    card: &Card,
    product: &Product,
    now: Now,
    counted: Counted,
    amount: i64,
) -> Result<Option<Effect>, Decline> {
    let Some(limits) = &product.daily else { return Ok(None) };
    let mut day = today(card, now);
    let (count, sum, most, most_in_all) = match counted {
        Counted::Load => (&mut day.loads, &mut day.load_sum, limits.loads, limits.load_sum),
        Counted::Purchase => {
            (&mut day.purchases, &mut day.purchase_sum, limits.purchases, limits.purchase_sum)
        }
    };
    *count = count.saturating_add(1);
    *sum = sum.saturating_add(amount);
    if most.is_some_and(|most| *count > most) || most_in_all.is_some_and(|most| *sum > most) {
        return Err(Decline::AboveDailyLimit);
    }
    Ok(Some(Effect::CardDay { card: card.reference, day }))
}

/// The card's day without what was undone of a transaction of the same business day; `whole` when nothing of it stays.
pub(super) fn uncount(
    card: &Card,
    original: &Original,
    (amount, whole): (i64, bool),
    now: Now,
) -> Option<Effect> {
    let counted = original.card_day().filter(|day| day.business_date == now.business_date)?;
    let mut day = card.day.filter(|day| day.business_date == counted.business_date)?;
    let (count, sum) = match original.message {
        message::LOAD => (&mut day.loads, &mut day.load_sum),
        _ => (&mut day.purchases, &mut day.purchase_sum),
    };
    *count = count.saturating_sub(u32::from(whole));
    *sum = sum.saturating_sub(amount).max(0);
    Some(Effect::CardDay { card: card.reference, day })
}

fn today(card: &Card, now: Now) -> Day {
    let fresh = Day { business_date: now.business_date, ..Day::default() };
    card.day.filter(|day| day.business_date == now.business_date).unwrap_or(fresh)
}
