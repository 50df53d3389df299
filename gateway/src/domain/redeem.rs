//! Redeem: points for something of the catalogue (积分兑换; LOYALTY B7, B11).

use super::Fault;
use super::card::Card;
use super::customer::Customer;
use super::decision::{Decision, Decline, Notes, Reason};
use super::effect::Effect;
use super::facts::{Facts, not_now};
use super::ledger::{Kind, bonus_expense, named};
use super::payer::Payer;
use super::pin::check_card_pin;
use super::points::{Award, award_points, take_points};
use super::programme::cap::{capped, count_given};
use super::programme::catalogue::Price;
use super::programme::{CatalogueItem, Gives, Product, Programme};
use super::quoted::check_quote;
use super::request::{CardClaim, Now, Request};
use super::terminal::Terminal;

/// Pieces of an item that a card may have, for its points.
struct Redemption<'a> {
    item: &'a CatalogueItem,
    quantity: i64,
    price: Price<'a>,
    /// All that it costs.
    points: i64,
    /// Pieces that are counted by it.
    counts: Vec<Effect>,
}

/// `quantity` of `named`, both as the request has them.
pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    claim: &CardClaim,
    (named, quantity): (&str, i64),
    now: Now,
) -> Result<Decision, Fault> {
    let mut payer = match Payer::accept(facts, request.currency, claim, |_| Ok(()), now)? {
        Ok(payer) => payer,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    // Where a product's cards have a PIN, each redemption needs it, whatever it is worth.
    let wanted = check_card_pin(&payer.card, payer.product, request, i64::MAX)
        .and_then(|()| check_quote(facts.quoted, request, now))
        .and_then(|()| {
            let store = (&payer.card, terminal.store.as_str());
            let customer = Customer::of(facts, store, request.channel.as_deref(), &[], now);
            redemption(&customer, facts.programme, payer.product, (named, quantity))
        });
    let redemption = match wanted {
        Ok(redemption) => redemption,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let mut effects = std::mem::take(&mut payer.effects);
    let taken = take_points(&mut payer.card, redemption.item.kind, redemption.points, now)?;
    effects.extend(taken.ok_or(Fault::Misfit("fewer points in the lots than were counted"))?);
    effects.extend(redemption.given(&mut payer.card, facts, now)?);
    let explanation = redemption.explanation(facts.programme);
    effects.extend(redemption.counts);
    Ok(Decision { amount: Some(0), explanation, ..Decision::approved(effects) })
}

/// What a card gets, when it may have it (PROTOCOL.md section 11, *Members*).
fn redemption<'p>(
    customer: &Customer<'_>,
    programme: &'p Programme,
    product: &Product,
    (named, quantity): (&str, i64),
) -> Result<Redemption<'p>, Decline> {
    let Customer { card, at, .. } = customer;
    let now = at.now;
    let item = programme
        .item(named)
        .filter(|item| programme.is_member(at.member) && item.when.is_for(programme, at))
        .ok_or(Decline::NotOffered)?;
    if card.account.is_some() && matches!(item.gives, Gives::Bonus(_)) {
        return Err(Decline::BoundToAccount);
    }
    if !item.when.is_time(programme, at) {
        return Err(not_now(&item.when, programme, at));
    }
    let price = programme.price(item, at);
    let points = price.points.checked_mul(quantity).ok_or(Decline::NotEnoughPoints)?;
    if card.available(item.kind, now.s()) < points.max(item.minimum) {
        return Err(Decline::NotEnoughPoints);
    }
    let (rule, counted) = (item.counter(), customer.counted());
    if capped(&item.most, &rule, quantity, counted).0 < quantity {
        return Err(Decline::Exhausted);
    }
    if let Gives::Bonus(piece) = item.gives {
        let balance = piece.checked_mul(quantity).and_then(|money| card.worth(now.s()).checked_add(money));
        if balance.is_none_or(|balance| balance > product.max_balance) {
            return Err(Decline::AboveMaximumBalance);
        }
        if product.needs_holder(card, balance) {
            return Err(Decline::HolderNotRegistered);
        }
    }
    let counts = count_given(&item.most, &rule, quantity, counted);
    Ok(Redemption { item, quantity, price, points, counts })
}

impl Redemption<'_> {
    /// What it gives, booked on the card.
    fn given(&self, card: &mut Card, facts: Facts<'_>, now: Now) -> Result<Vec<Effect>, Fault> {
        let all = |piece: i64| piece.checked_mul(self.quantity).ok_or(Fault::Overflow);
        match self.item.gives {
            Gives::Handed => Ok(Vec::new()),
            Gives::Bonus(piece) => {
                let money = all(piece)?;
                let expires = facts.programme.bonus_expiry(now);
                let posting = card.credit(Kind::BONUS, money, expires, facts.index, 0);
                card.book(&posting)?;
                let cost = money.checked_neg().ok_or(Fault::Overflow)?;
                Ok(vec![Effect::Posting(posting), named(bonus_expense(), Kind::MONEY, cost)])
            }
            Gives::Points(kind, piece) => {
                let award = Award { kind, points: all(piece)?, pending_until: None };
                award_points(card, award, facts.programme, (facts.index, now))
            }
        }
    }

    /// What it costs usually, what of that a rule takes off, and what it gives.
    fn explanation(&self, programme: &Programme) -> Vec<Reason> {
        let Self { item, quantity, price, .. } = self;
        let reason = |rule: &str, kind, base, rate: String, result| Reason {
            rule: rule.into(),
            kind,
            base,
            rate,
            result,
            notes: Notes::NONE,
            other: None,
        };
        let usual = item.points.saturating_mul(*quantity);
        let mut lines =
            vec![reason(&item.item, item.kind, *quantity, item.points.to_string(), usual.saturating_neg())];
        if let Some(rule) = price.rule {
            let less = usual.saturating_sub(self.points);
            lines.push(reason(&rule.rule, item.kind, usual, format!("x{}", rule.worth.normalize()), less));
        }
        let gives = match item.gives {
            Gives::Handed => None,
            Gives::Bonus(piece) => Some((Kind::BONUS, programme.money(piece), piece)),
            Gives::Points(kind, piece) => Some((kind, piece.to_string(), piece)),
        };
        lines.extend(gives.map(|(kind, rate, piece)| {
            reason(&item.item, kind, *quantity, rate, piece.saturating_mul(*quantity))
        }));
        lines
    }
}
