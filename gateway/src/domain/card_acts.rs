//! What operators do to one card: stop it, extend it, bind it to a corporate account, put money on it.

use super::State;
use super::act::Place;
use super::card::{Card, CardReference, CardStatus, OwnLimits};
use super::effect::Effect;
use super::expiry::expire;
use super::ledger::{Kind, named, redemption};
use super::programme::{Product, Programme};
use super::refusal::{Refusal, check_reason};
use super::request::Now;

pub(super) fn set_card(
    state: &State,
    card: CardReference,
    from_blocked: bool,
    to: CardStatus,
    reason: Option<&str>,
) -> Result<Vec<Effect>, Refusal> {
    let held = state.cards.get(&card).ok_or(Refusal::NoSuchCard)?;
    let fits = match held.status {
        CardStatus::Blocked => from_blocked,
        CardStatus::Issued | CardStatus::Active => !from_blocked,
        CardStatus::Replaced => false,
    };
    if !fits {
        let needs = if from_blocked { "a blocked" } else { "an unblocked" };
        return Err(Refusal::CardState { is: held.status.name(), needs });
    }
    // A card that was never sold goes back to being for sale.
    let sold = held.next_lot != 1
        || !held.points_debts.is_empty()
        || held.account.is_some()
        || held.expires.is_some()
        || held.holder.is_some()
        || held.pin.secret.is_some();
    let never_used = to == CardStatus::Active && !sold;
    let status = if never_used { CardStatus::Issued } else { to };
    Ok(vec![held.with_status(status, reason)])
}

pub(super) fn extend(
    state: &State,
    programme: &Programme,
    card: CardReference,
    months: u16,
    now: Now,
) -> Result<Vec<Effect>, Refusal> {
    let held = state.cards.get(&card).ok_or(Refusal::NoSuchCard)?;
    let until = held
        .expires
        .ok_or(Refusal::CardState { is: held.status.name(), needs: "one that ends by time, an active" })?;
    if !matches!(held.status, CardStatus::Active | CardStatus::Blocked) {
        return Err(Refusal::CardState { is: held.status.name(), needs: "an active or blocked" });
    }
    if !(1..=120).contains(&months) {
        return Err(Refusal::Months);
    }
    let expires = if until > now.s() {
        programme.months_after(until, months)
    } else {
        programme.after_months(now, Some(months))
    };
    let expires = expires.ok_or(Refusal::Months)?;
    let extended = Card { expires: Some(expires), ..held.clone() };
    Ok(vec![extended.with_status(held.status, None)])
}

/// A card that is bound holds no money of its own and nothing is held on it; its points stay.
pub(super) fn bind(
    state: &State,
    programme: &Programme,
    card: CardReference,
    (account, limits): (CardReference, OwnLimits),
    place: Place<'_>,
    now: Now,
) -> Result<Vec<Effect>, Refusal> {
    let find = |card: CardReference| state.cards.get(&card).ok_or(Refusal::NoSuchCard);
    let (held, account) = (find(card)?, find(account)?);
    let is_account =
        |card: &Card| programme.products.get(&card.product).is_some_and(|product| product.account);
    if held.status != CardStatus::Active || account.status != CardStatus::Active {
        let not = if held.status == CardStatus::Active { account } else { held };
        return Err(Refusal::CardState { is: not.status.name(), needs: "an active" });
    }
    let (held, mut effects) = expire(held, programme, place.index, now).map_err(|_| Refusal::Range)?;
    let empty = held.holds.is_empty() && !held.lots.iter().any(|lot| lot.kind.is_money());
    if !empty || is_account(&held) || !is_account(account) || account.account.is_some() {
        return Err(Refusal::Binding);
    }
    if [limits.day, limits.month].into_iter().flatten().any(|most| most < 0) {
        return Err(Refusal::Range);
    }
    let bound = Card { account: Some(account.reference), own_limits: limits, ..held.clone() };
    effects.push(bound.with_status(held.status, None));
    Ok(effects)
}

/// A new lot of principal, taken back from what the store has sold.
pub(super) fn refund_without_sale(
    state: &State,
    programme: &Programme,
    card: CardReference,
    amount: i64,
    reason: &str,
    place: Place<'_>,
    now: Now,
) -> Result<Vec<Effect>, Refusal> {
    check_reason(reason)?;
    let held = state.cards.get(&card).ok_or(Refusal::NoSuchCard)?;
    if held.status != CardStatus::Active || held.account.is_some() {
        return Err(Refusal::CardState { is: held.status.name(), needs: "an active, unbound" });
    }
    let product = programme.products.get(&held.product);
    let out = amount.checked_neg().filter(|_| amount > 0).ok_or(Refusal::Range)?;
    check_balance(product, held, held.worth(now.s()).checked_add(amount))?;
    let (held, mut effects) = expire(held, programme, place.index, now).map_err(|_| Refusal::Range)?;
    let credit = held.credit(Kind::PRINCIPAL, amount, programme.principal_expiry(now), place.index, 0);
    effects.push(Effect::Posting(credit));
    effects.push(named(redemption(place.store), Kind::MONEY, out));
    Ok(effects)
}

/// Whether a card may have this balance (minor units; `None` for more than can be counted).
///
/// # Errors
/// [`Refusal`] when it may not.
pub(super) fn check_balance(
    product: Option<&Product>,
    card: &Card,
    balance: Option<i64>,
) -> Result<(), Refusal> {
    let most = product.map_or(0, |product| product.max_balance);
    if balance.is_none_or(|balance| balance > most) {
        return Err(Refusal::MaximumBalance);
    }
    if product.is_some_and(|product| product.needs_holder(card, balance)) {
        return Err(Refusal::NotRegistered);
    }
    Ok(())
}
