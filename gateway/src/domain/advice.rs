//! Advice: a sale that a terminal approved by itself (PROTOCOL.md section 9.1). The goods are gone, so it is booked in full; what
//! the card cannot pay, or may not pay without its secret, is a shortfall that somebody bears.

use super::Fault;
use super::card::{Card, CardReference, CardStatus};
use super::decision::{Decision, Decline};
use super::effect::Effect;
use super::exception::{Bearer, Exception, ExceptionKind};
use super::expiry::expire;
use super::facts::Facts;
use super::grant::{Grant, within};
use super::ledger::{Kind, named, redemption, suspense};
use super::programme::Product;
use super::request::{Now, Request};
use super::reward::reward_sale;
use super::spend::choose;
use super::tally::{Counted, More, count_card, count_till};
use super::terminal::Terminal;

/// A sale as the terminal tells it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sale<'a> {
    pub card: CardReference,
    /// Minor units.
    pub amount: i64,
    /// `None` when it is not the gateway's word.
    pub grant: Option<&'a Grant>,
    /// Unix seconds, by the terminal's clock.
    pub time_s: i64,
}

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    sale: Sale<'_>,
    now: Now,
) -> Result<Decision, Fault> {
    let Sale { card, amount, grant, time_s } = sale;
    if request.currency != facts.programme.currency {
        return Ok(Decision { card: Some(card), ..Decision::declined(Decline::CurrencyNotAccepted) });
    }
    let mut effects = Vec::new();
    let granted = grant.and_then(|grant| within(facts.state, grant, request, (card, amount, time_s)));
    let bearer = if granted.is_some() { Bearer::Merchant } else { Bearer::Store };
    let payer = granted.as_ref().and_then(|_| payer(facts, card, now));
    for (who, tally) in granted.into_iter().flatten() {
        effects.push(Effect::Tally { who, tally });
    }
    effects.extend(count_till(facts, request, Counted::Purchase, amount, now).0);
    let (mut paid, mut rewarded, mut explanation) = (0, Vec::new(), Vec::new());
    if let Some((held, product)) = payer {
        let (held, ended) = expire(held, facts.programme, facts.index, now)?;
        effects.extend(ended);
        paid = amount.min(held.payable(now.s())).max(0);
        if paid > 0 {
            let more = More { card: &held, product, request, counted: Counted::Purchase, amount: paid };
            effects.extend(count_card(more, now).0);
            let lots = choose(&held, product.spend, paid, now.s());
            for (lot, part) in lots.ok_or(Fault::Misfit("not enough in the lots that were counted"))? {
                let lot = held.lot(lot).ok_or(Fault::Misfit("a lot that is not there was chosen"))?;
                effects.push(Effect::Posting(held.posting(lot, part.checked_neg().ok_or(Fault::Overflow)?)));
            }
            let (rewards, earned) =
                reward_sale(facts, request, (&held, &terminal.store), (amount, paid), now)?;
            (rewarded, explanation) = (rewards, earned);
        }
    }
    effects.push(named(redemption(&terminal.store), Kind::MONEY, amount));
    let shortfall = amount.checked_sub(paid).ok_or(Fault::Overflow)?;
    if shortfall > 0 {
        let lacking = shortfall.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(named(suspense(&terminal.store), Kind::MONEY, lacking));
        let held = Exception::open(ExceptionKind::OfflineShortfall, shortfall, bearer);
        effects.push(Effect::Exception { index: facts.index, held });
    }
    effects.extend(rewarded);
    Ok(Decision {
        card: Some(card),
        amount: Some(amount),
        explanation,
        shortfall: Some(shortfall),
        shows_card: paid > 0,
        ..Decision::approved(effects)
    })
}

/// The card with its product, when it may be debited without its secret.
fn payer(facts: Facts<'_>, card: CardReference, now: Now) -> Option<(&Card, &Product)> {
    let held = facts.state.cards.get(&card)?;
    let over = held.expires.is_some_and(|at| at <= now.s());
    // The money of a bound card is its account's, whose limits cannot be looked at afterwards.
    if held.status != CardStatus::Active || over || held.account.is_some() {
        return None;
    }
    let product = facts.programme.products.get(&held.product).filter(|product| product.offline)?;
    Some((held, product))
}
