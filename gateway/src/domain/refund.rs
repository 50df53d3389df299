//! Refund: gives back what a sale took, or pays a load out again, in whole or in part (LOYALTY A5, B10).

use super::Fault;
use super::card::{Card, CardReference};
use super::count_back::count_back;
use super::decision::{Decision, Decline};
use super::effect::{Effect, Fate, Line, TransactionState};
use super::exception::{Bearer, Exception, ExceptionKind};
use super::expiry::expire;
use super::facts::{Facts, Within, named_original};
use super::fall::fall;
use super::give_back::give_back;
use super::items;
use super::join::split;
use super::pay_out::pay_out;
use super::request::{Named, Now, Request, message};
use super::slice::Slice;
use super::supervision::{check_supervisor, reaches};
use super::taken_back::Returned;
use super::tally::{Counted, More, count};
use super::terminal::Terminal;

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    named: &Named,
    (amount, lines): (i64, &[Line]),
    now: Now,
) -> Result<Decision, Fault> {
    let original = match named_original(facts, terminal, request.currency, named, Within::Merchant) {
        Ok(original) => original,
        Err(declined) => return Ok(*declined),
    };
    let state = original.state(facts);
    let refused = |decline| Ok(Decision::declined_for(original, state, decline));
    let sale = &split(original).0;
    if !matches!(original.message, message::LOAD | message::PURCHASE | message::CAPTURE | message::ADVICE) {
        return refused(Decline::NotRefundable);
    }
    if !matches!(state, TransactionState::Live | TransactionState::RefundedInPart) {
        return refused(Decline::OriginalOver(state));
    }
    let product = original.card.and_then(|card| facts.state.cards.get(&card)).map(|card| &card.product);
    let returnable =
        product.is_none_or(|product| facts.programme.is_returnable(product, original.business_date, now));
    let late = original.message != message::LOAD && !returnable;
    if late && !facts.programme.till.late_returns {
        return refused(Decline::ReturnTimeOver);
    }
    if late && request.reason.is_none() {
        return refused(Decline::LateReturnWithoutReason);
    }
    let fate = facts.state.transactions.get(&original.index);
    let before = fate.map_or(0, |fate| fate.done);
    let returned = fate.map_or(&[][..], |fate| &fate.lines);
    let lines = match items::returned(&original.lines, returned, lines)? {
        Err(decline @ Decline::ItemNotSold) => return refused(decline),
        looked_at => looked_at,
    };
    let whole = original.refundable();
    let left = whole.checked_sub(before).ok_or(Fault::Overflow)?;
    if amount > terminal.limits.refund {
        return Ok(Decision::declined(Decline::AboveTerminalLimit));
    }
    if amount > left {
        return Ok(Decision::declined(Decline::AboveRefundable));
    }
    let lines = match lines {
        Ok(lines) => lines,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let needed = late || reaches(amount, facts.programme.till.refund_from);
    if let Err(decline) = check_supervisor(facts, terminal, request, needed) {
        return Ok(Decision::declined(decline));
    }
    let held = |card: Option<CardReference>| {
        let held = card.and_then(|card| facts.state.cards.get(&card));
        held.ok_or(Fault::Misfit("the original's card is gone"))
    };
    let (card, purse) = (held(original.card)?, held(original.purse())?);
    let bound = card.reference != purse.reference;
    let (card, mut effects) = expire(card, facts.programme, facts.index, now)?;
    let (purse, ended) =
        if bound { expire(purse, facts.programme, facts.index, now)? } else { (card.clone(), Vec::new()) };
    effects.extend(ended);
    let slice = Slice { before, amount, whole };
    let counted = count_back(facts.state, sale, Some(slice))?;
    let fall = fall(facts, card.reference, &counted, now)?;
    let returned = if original.message == message::LOAD {
        match pay_out(facts, terminal, &card, original, (slice, &fall))? {
            Ok(returned) => returned,
            Err(decline) => return refused(decline),
        }
    } else {
        give_back(facts, terminal, (&card, &purse), sale, (slice, &fall), now)?
    };
    let Returned { effects: more, reasons: explanation, paid } = returned;
    effects.extend(above_largest(facts, &purse, &more, now)?);
    effects.extend(more);
    effects.extend(counted.into_iter().chain(fall.counts));
    let refunded = before.checked_add(amount).ok_or(Fault::Overflow)?;
    let state = if amount == left { TransactionState::Refunded } else { TransactionState::RefundedInPart };
    if let Some(product) = facts.programme.products.get(&card.product) {
        let more = More { card: &card, product, request, counted: Counted::Refund, amount: paid };
        match count(facts, more, now) {
            Ok(tallies) => effects.extend(tallies),
            Err(decline) => return Ok(Decision::declined(decline)),
        }
    }
    let fate = Fate { state, done: refunded, last_refund: facts.index, lines };
    effects.push(Effect::Transaction { index: original.index, fate });
    Ok(Decision {
        card: original.card,
        purse: original.purse(),
        amount: Some(paid),
        original_state: Some(state),
        explanation,
        ..Decision::approved(effects)
    })
}

/// What is owed to a customer is given back whatever the card holds by then: that it holds more than it may is for people, who
/// register its holder or pay out. No load comes through until it is below again.
fn above_largest(
    facts: Facts<'_>,
    purse: &Card,
    effects: &[Effect],
    now: Now,
) -> Result<Option<Effect>, Fault> {
    let Some(product) = facts.programme.products.get(&purse.product) else { return Ok(None) };
    let mut after = purse.clone();
    for effect in effects {
        if let Effect::Posting(posting) = effect {
            after.book(posting)?;
        }
    }
    let unnamed = product.real_name_above.filter(|_| purse.holder.is_none());
    let most = unnamed.map_or(product.max_balance, |most| most.min(product.max_balance));
    let worth = after.worth(now.s());
    let above = worth.checked_sub(most).ok_or(Fault::Overflow)?;
    if above <= 0 || worth <= purse.worth(now.s()) {
        return Ok(None);
    }
    let held = Exception::open(ExceptionKind::AboveLargestBalance, above, Bearer::Nobody);
    Ok(Some(Effect::Exception { index: facts.index, held }))
}
