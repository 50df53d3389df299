//! Unload: what was loaded on a card is paid out again, the newest load first, each as a refund of that load would pay it
//! (PROTOCOL.md section 11).

use super::Fault;
use super::card::Card;
use super::count_back::count_back;
use super::decision::{Decision, Decline};
use super::effect::{Account, Effect, Fate, TransactionState};
use super::expiry::expire;
use super::facts::{Facts, accept_card};
use super::fall::fall;
use super::ledger::Kind;
use super::original::Original;
use super::pay_out::pay_out;
use super::pin::check_card_pin;
use super::programme::Product;
use super::request::{CardClaim, Now, Request, message};
use super::slice::Slice;
use super::supervision::{check_supervisor, reaches};
use super::taken_back::Returned;
use super::tally::{Counted, More, count};
use super::terminal::Terminal;

/// Most loads that one unload pays out.
const LOADS: usize = 16;
/// Most entries that are read to find them: bounds the time that everybody else waits.
const SOURCES: usize = 64;

/// Loads that an unload of this card may pay out, the newest first: those whose entries opened its principal lots, one more than
/// it may use. `find` reads an entry; what is no load counts among those that are read.
///
/// # Errors
/// That of `find`.
pub fn loads_on<E>(
    card: &Card,
    mut find: impl FnMut(u64) -> Result<Option<Original>, E>,
) -> Result<Vec<Original>, E> {
    let principal = card.lots.iter().filter(|lot| lot.kind == Kind::PRINCIPAL);
    let mut sources: Vec<u64> = principal.map(|lot| lot.source).collect();
    sources.sort_unstable_by(|one, other| other.cmp(one));
    sources.dedup();
    let mut loads = Vec::new();
    for source in sources.into_iter().take(SOURCES) {
        if loads.len() > LOADS {
            break;
        }
        loads.extend(find(source)?.filter(|found| found.message == message::LOAD));
    }
    Ok(loads)
}

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    claim: &CardClaim,
    amount: i64,
    now: Now,
) -> Result<Decision, Fault> {
    let accepted = accept_card(facts, request.currency, claim, now).and_then(|(card, product)| {
        check(facts, terminal, request, (card, product), amount).map(|()| (card, product))
    });
    let (card, product) = match accepted {
        Ok(accepted) => accepted,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let (card, mut effects) = expire(card, facts.programme, facts.index, now)?;
    let Some(returned) = cash_out(facts, terminal, &card, (amount, now))? else {
        return Ok(Decision::declined(Decline::NotEnoughLoaded));
    };
    let Returned { effects: more, reasons: explanation, paid } = returned;
    effects.extend(more);
    let more = More { card: &card, product, request, counted: Counted::Refund, amount: paid };
    match count(facts, more, now) {
        Ok(tallies) => effects.extend(tallies),
        Err(decline) => return Ok(Decision::declined(decline)),
    }
    Ok(Decision { amount: Some(paid), explanation, ..Decision::approved(effects) })
}

fn check(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    (card, product): (&Card, &Product),
    amount: i64,
) -> Result<(), Decline> {
    let most = product.max_unload.ok_or(Decline::UnloadNotAllowed)?;
    if card.account.is_some() {
        return Err(Decline::BoundToAccount);
    }
    check_card_pin(card, product, request, amount)?;
    if amount > terminal.limits.refund {
        return Err(Decline::AboveTerminalLimit);
    }
    if amount > most {
        return Err(Decline::AboveProductLimit);
    }
    let needed = reaches(amount, facts.programme.till.unload_from);
    check_supervisor(facts, terminal, request, needed)
}

/// Pays `amount` minor units of principal out of the card's loads: the effects, why, and what the customer gets; `None` when
/// there is not so much, or not in so few loads.
fn cash_out(
    facts: Facts<'_>,
    terminal: &Terminal,
    card: &Card,
    (amount, now): (i64, Now),
) -> Result<Option<Returned>, Fault> {
    let (mut left, mut effects, mut reasons) = (card.clone(), Vec::new(), Vec::new());
    let (mut missing, mut paid, mut used) = (amount, 0_i64, 0_usize);
    for load in loads_of(facts, terminal, card) {
        let Some((slice, fate)) = next_slice(facts, &left, load, missing)? else { continue };
        // What would be withheld whole stays where it is.
        let counted = count_back(facts.state, load, Some(slice))?;
        // What has fallen with the loads in front of it is among the effects.
        let so_far: Vec<Effect> = effects.iter().chain(&counted).cloned().collect();
        let fall = fall(facts, card.reference, &so_far, now)?;
        let Ok(out) = pay_out(facts, terminal, &left, load, (slice, &fall))? else { continue };
        // Two loads may have their bonus in one lot.
        for effect in &out.effects {
            match effect {
                Effect::Posting(posting) => left.book(posting)?,
                Effect::PointsDebt { kind, change, .. } => left.owe(*kind, *change)?,
                _ => {}
            }
        }
        effects.extend(out.effects);
        reasons.extend(out.reasons);
        effects.extend(counted.into_iter().chain(fall.counts));
        effects.push(Effect::Transaction { index: load.index, fate });
        missing = missing.checked_sub(slice.amount).ok_or(Fault::Overflow)?;
        paid = paid.checked_add(out.paid).ok_or(Fault::Overflow)?;
        used = used.saturating_add(1);
        if missing == 0 {
            return Ok(Some(Returned { effects, reasons, paid }));
        }
        if used == LOADS {
            break;
        }
    }
    Ok(None)
}

/// Loads of this card and merchant that have opened a lot of principal which is still there, the newest first. A lot that
/// came by transfer, by refund or by an operator has another source.
fn loads_of<'a>(facts: Facts<'a>, terminal: &Terminal, card: &Card) -> Vec<&'a Original> {
    let mut sources: Vec<u64> =
        card.lots.iter().filter(|lot| lot.kind == Kind::PRINCIPAL).map(|lot| lot.source).collect();
    sources.sort_unstable_by(|one, other| other.cmp(one));
    sources.dedup();
    let load = |source: u64| {
        facts.entries.iter().find(|load| {
            load.index == source
                && load.message == message::LOAD
                && load.approved
                && load.card == Some(card.reference)
                && load.merchant == terminal.merchant
        })
    };
    sources.into_iter().filter_map(load).collect()
}

/// What of a load can be paid out next, up to `wanted`, and what becomes of the load by that: no more than what it gave and
/// was not refunded, and no more than what is free in its lot. Others may have put their money there too.
fn next_slice(
    facts: Facts<'_>,
    card: &Card,
    load: &Original,
    wanted: i64,
) -> Result<Option<(Slice, Fate)>, Fault> {
    if !matches!(load.state(facts), TransactionState::Live | TransactionState::RefundedInPart) {
        return Ok(None);
    }
    let lot = load.given().find_map(|posting| match &posting.account {
        Account::Card { lot, source, .. } if posting.kind == Kind::PRINCIPAL && *source == load.index => {
            card.lot(*lot)
        }
        _ => None,
    });
    let fate = facts.state.transactions.get(&load.index);
    let before = fate.map_or(0, |fate| fate.done);
    let left = load.approved_amount.checked_sub(before).ok_or(Fault::Overflow)?;
    let amount = wanted.min(left).min(lot.map_or(0, |lot| card.free(lot)));
    if amount <= 0 {
        return Ok(None);
    }
    let state = if amount == left { TransactionState::Refunded } else { TransactionState::RefundedInPart };
    let done = before.checked_add(amount).ok_or(Fault::Overflow)?;
    let lines = fate.map_or(Vec::new(), |fate| fate.lines.clone());
    let after = Fate { state, done, last_refund: facts.index, lines };
    Ok(Some((Slice { before, amount, whole: load.approved_amount }, after)))
}
