//! Which lots pay: the product's spend order (LOYALTY A4).

use super::card::{Card, Lot};
use super::ledger::Kind;

/// In which order a card's balances pay. Within a balance the lot that expires first comes first, then the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpendOrder {
    #[default]
    PrincipalFirst,
    BonusFirst,
    /// Bonus pays its share of the two balances, rounded down; principal the rest.
    ProRata,
    /// Over both balances; where two lots expire together, principal first.
    SoonestExpiry,
}

/// Lots, and what each pays, that pay `amount` minor units together; `None` when what is free is not enough.
#[must_use]
pub fn choose(card: &Card, order: SpendOrder, amount: i64, now_s: i64) -> Option<Vec<(u32, i64)>> {
    let (principal, bonus) = (card.available(Kind::PRINCIPAL, now_s), card.available(Kind::BONUS, now_s));
    let from_bonus = match order {
        SpendOrder::SoonestExpiry => {
            return from_lots(card, |kind| kind.is_money(), amount, now_s);
        }
        SpendOrder::PrincipalFirst => amount.saturating_sub(principal).max(0),
        SpendOrder::BonusFirst => amount.min(bonus),
        SpendOrder::ProRata => share(amount, bonus, principal.checked_add(bonus)?)?,
    };
    let principal = from_lots(card, |kind| kind == Kind::PRINCIPAL, amount.checked_sub(from_bonus)?, now_s)?;
    let bonus = from_lots(card, |kind| kind == Kind::BONUS, from_bonus, now_s)?;
    Some(match order {
        SpendOrder::BonusFirst => bonus.into_iter().chain(principal).collect(),
        _ => principal.into_iter().chain(bonus).collect(),
    })
}

/// `amount` x `part` / `whole`, rounded down; `None` when there is no whole.
fn share(amount: i64, part: i64, whole: i64) -> Option<i64> {
    let product = i128::from(amount).checked_mul(i128::from(part))?;
    i64::try_from(product.checked_div(i128::from(whole))?).ok()
}

pub(super) fn from_lots(
    card: &Card,
    counts: impl Fn(Kind) -> bool,
    amount: i64,
    now_s: i64,
) -> Option<Vec<(u32, i64)>> {
    let mut lots: Vec<&Lot> =
        card.lots.iter().filter(|lot| counts(lot.kind) && !lot.is_expired(now_s)).collect();
    lots.sort_by_key(|lot| (lot.expires.unwrap_or(i64::MAX), lot.kind, lot.id));
    let mut missing = amount;
    let mut chosen = Vec::new();
    for lot in lots {
        let part = missing.min(card.free(lot));
        if part > 0 {
            missing = missing.checked_sub(part)?;
            chosen.push((lot.id, part));
        }
    }
    (missing == 0).then_some(chosen)
}
