//! Refund: gives back what a sale took, to the very lots that paid, and takes back what it gave; or pays a load out again
//! (LOYALTY A5, B10).

use super::Fault;
use super::card::{Card, Lot};
use super::decision::{Decision, Decline};
use super::effect::{Account, Effect, Fate, TransactionState};
use super::expiry::expire;
use super::facts::{Facts, Within, named_original};
use super::ledger::{
    Kind, bonus_expense, clearing, named as named_leg, points_expense, points_receivable, redemption,
};
use super::original::Original;
use super::request::{Named, Now, Request, message};
use super::tally::{Counted, More, count};
use super::terminal::Terminal;
use super::undo::take_back;

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    named: &Named,
    amount: i64,
    now: Now,
) -> Result<Decision, Fault> {
    let original = match named_original(facts, terminal, request.currency, named, Within::Merchant) {
        Ok(original) => original,
        Err(declined) => return Ok(*declined),
    };
    let state = original.state(facts);
    let refused = |decline| Ok(Decision::declined_for(original, state, decline));
    if !matches!(original.message, message::LOAD | message::PURCHASE | message::CAPTURE | message::ADVICE) {
        return refused(Decline::NotRefundable);
    }
    if !matches!(state, TransactionState::Live | TransactionState::RefundedInPart) {
        return refused(Decline::OriginalOver(state));
    }
    let product = original.card.and_then(|card| facts.state.cards.get(&card)).map(|card| &card.product);
    let returnable =
        product.is_none_or(|product| facts.programme.is_returnable(product, original.business_date, now));
    if original.message != message::LOAD && !returnable {
        return refused(Decline::ReturnTimeOver);
    }
    let before = facts.state.transactions.get(&original.index).map_or(0, |fate| fate.done);
    let whole = original.refundable();
    let left = whole.checked_sub(before).ok_or(Fault::Overflow)?;
    if amount > terminal.limits.refund {
        return Ok(Decision::declined(Decline::AboveTerminalLimit));
    }
    if amount > left {
        return Ok(Decision::declined(Decline::AboveRefundable));
    }
    let card = original
        .card
        .and_then(|card| facts.state.cards.get(&card))
        .ok_or(Fault::Misfit("the original's card is gone"))?;
    let (card, mut effects) = expire(card, now)?;
    let slice = Slice { before, amount, whole };
    let paid = if original.message == message::LOAD {
        match pay_out(terminal, &card, original, slice)? {
            Ok((more, paid)) => {
                effects.extend(more);
                paid
            }
            Err(decline) => return refused(decline),
        }
    } else {
        effects.extend(give_back(facts, terminal, &card, original, slice, now)?);
        amount
    };
    let refunded = before.checked_add(amount).ok_or(Fault::Overflow)?;
    let state = if amount == left { TransactionState::Refunded } else { TransactionState::RefundedInPart };
    if let Some(product) = facts.programme.products.get(&card.product) {
        let more = More { card: &card, product, request, counted: Counted::Refund, amount };
        match count(facts, more, now) {
            Ok(tallies) => effects.extend(tallies),
            Err(decline) => return Ok(Decision::declined(decline)),
        }
    }
    let fate = Fate { state, done: refunded, last_refund: facts.index, lines: Vec::new() };
    effects.push(Effect::Transaction { index: original.index, fate });
    Ok(Decision {
        card: original.card,
        amount: Some(paid),
        original_state: Some(state),
        ..Decision::approved(effects)
    })
}

/// This refund's place among all refunds of an original: `amount` after `before`, of `whole`.
#[derive(Debug, Clone, Copy)]
struct Slice {
    before: i64,
    amount: i64,
    whole: i64,
}

impl Slice {
    /// This refund's part of `all`: of what was earned on the whole, rounded up over all refunds so far, so that nothing is
    /// left of it when nothing is left of the whole, and never too much before.
    fn share_of(self, all: i64) -> Result<i64, Fault> {
        let upto = |refunded: i64| -> Option<i64> {
            let product = i128::from(all).checked_mul(i128::from(refunded))?;
            let whole = i128::from(self.whole);
            let up = product.checked_add(whole.checked_sub(1)?)?.checked_div(whole)?;
            i64::try_from(up).ok()
        };
        let after = self.before.checked_add(self.amount).and_then(upto);
        after
            .zip(upto(self.before))
            .and_then(|(after, before)| after.checked_sub(before))
            .ok_or(Fault::Overflow)
    }

    /// This refund's part of a list of amounts that make up the whole, taken from its end.
    fn of_legs<T: Clone>(self, legs: &[(T, i64)]) -> Result<Vec<(T, i64)>, Fault> {
        let (mut skip, mut missing) = (self.before, self.amount);
        let mut part = Vec::new();
        for (leg, amount) in legs.iter().rev() {
            let skipped = skip.min(*amount);
            skip = skip.checked_sub(skipped).ok_or(Fault::Overflow)?;
            let taken = missing.min(amount.checked_sub(skipped).ok_or(Fault::Overflow)?);
            missing = missing.checked_sub(taken).ok_or(Fault::Overflow)?;
            if taken > 0 {
                part.push((leg.clone(), taken));
            }
        }
        if missing == 0 { Ok(part) } else { Err(Fault::Misfit("a refund of more than was paid")) }
    }
}

/// A sale's refund: the lots that paid get it back, what was spent last first, and points go in proportion.
fn give_back(
    facts: Facts<'_>,
    terminal: &Terminal,
    card: &Card,
    original: &Original,
    slice: Slice,
    now: Now,
) -> Result<Vec<Effect>, Fault> {
    let mut spent = Vec::new();
    for posting in original.spent() {
        if let Account::Card { lot, expires, source, .. } = &posting.account {
            let lot = Lot { id: *lot, kind: posting.kind, amount: 0, expires: *expires, source: *source };
            spent.push((lot, posting.amount.checked_neg().ok_or(Fault::Overflow)?));
        }
    }
    let mut effects = Vec::new();
    let mut opened = 0_u32;
    for (lot, part) in slice.of_legs(&spent)? {
        if lot.is_expired(now.s()) {
            let ends = facts.programme.refund_grace(&card.product, now);
            effects.push(Effect::Posting(card.credit(lot.kind, part, ends, facts.index, opened)));
            opened = opened.saturating_add(1);
        } else {
            effects.push(Effect::Posting(card.posting(&lot, part)));
        }
    }
    let out = slice.amount.checked_neg().ok_or(Fault::Overflow)?;
    effects.push(named_leg(redemption(&terminal.store), Kind::MONEY, out));
    effects.extend(take_back_points(card, original, slice)?);
    Ok(effects)
}

fn take_back_points(card: &Card, original: &Original, slice: Slice) -> Result<Vec<Effect>, Fault> {
    let wanted = slice.share_of(original.points_earned())?;
    if wanted == 0 {
        return Ok(Vec::new());
    }
    let mut effects = Vec::new();
    let missing =
        take_back(&mut card.clone(), original.points_lot().unwrap_or(0), Kind::POINTS, wanted, &mut effects)?;
    effects.push(named_leg(points_expense(), Kind::POINTS, wanted));
    if missing > 0 {
        let owed = missing.checked_neg().ok_or(Fault::Overflow)?;
        effects.push(named_leg(points_receivable(), Kind::POINTS, owed));
        effects.push(Effect::PointsDebt { card: card.reference, change: missing });
    }
    Ok(effects)
}

/// A load's refund: the money goes back to its tenders, the bonus in proportion; bonus that is no longer in its lot is
/// withheld from the money. Returns what the customer gets.
fn pay_out(
    terminal: &Terminal,
    card: &Card,
    original: &Original,
    slice: Slice,
) -> Result<Result<(Vec<Effect>, i64), Decline>, Fault> {
    let given = |kind: Kind| original.given().find(|posting| posting.kind == kind);
    let lot_of = |kind: Kind| {
        given(kind).and_then(|posting| match &posting.account {
            Account::Card { lot, .. } => card.lot(*lot),
            Account::Named(_) => None,
        })
    };
    let minus = |amount: i64| amount.checked_neg().ok_or(Fault::Overflow);
    let principal = lot_of(Kind::PRINCIPAL).filter(|lot| card.free(lot) >= slice.amount);
    let Some(principal) = principal else { return Ok(Err(Decline::LoadAlreadySpent)) };
    let mut effects = vec![Effect::Posting(card.posting(principal, minus(slice.amount)?))];
    let bonus = slice.share_of(given(Kind::BONUS).map_or(0, |posting| posting.amount))?;
    let bonus_lot = lot_of(Kind::BONUS);
    let taken = bonus.min(bonus_lot.map_or(0, |lot| card.free(lot)));
    if let Some(lot) = bonus_lot.filter(|_| taken > 0) {
        effects.push(Effect::Posting(card.posting(lot, minus(taken)?)));
    }
    let withheld = bonus.checked_sub(taken).ok_or(Fault::Overflow)?;
    let paid = slice.amount.checked_sub(withheld).ok_or(Fault::Overflow)?;
    if paid <= 0 {
        return Ok(Err(Decline::LoadAlreadySpent));
    }
    if bonus > 0 {
        effects.push(named_leg(bonus_expense(), Kind::MONEY, bonus));
    }
    let tenders: Vec<(u8, i64)> = original.tenders()?;
    for (tender, part) in (Slice { amount: paid, ..slice }).of_legs(&tenders)? {
        effects.push(named_leg(clearing(&terminal.store, tender), Kind::MONEY, part));
    }
    Ok(Ok((effects, paid)))
}
