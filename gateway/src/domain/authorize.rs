//! Authorize: sets an amount aside in the lots that would pay it, or raises what an earlier one has set aside.

use super::Fault;
use super::State;
use super::card::{CardReference, Hold};
use super::decision::{Decision, Decline, Verdict};
use super::effect::{Effect, TransactionState};
use super::facts::{Facts, Within, named_original};
use super::original::Original;
use super::payer::{Payer, purse_of};
use super::pin::check_card_pin;
use super::request::{CardClaim, Named, Now, Request, message};
use super::spend::choose;
use super::tally::{Counted, More, count};
use super::terminal::Terminal;

/// Most holds that one card has opened at a time: nobody takes all that the cards of one account may have.
const HOLDS: usize = 16;
/// Most holds on the lots of one card, an account's by all cards that are bound to it: bounds how many entries are read to
/// know whose they are.
const HOLDS_IN_ALL: usize = 256;
/// Most parts of one hold.
const PARTS: usize = 64;
/// Most parts of all of them: what a card costs to keep, and to copy for each decision, is what 16 holds of 64 parts cost.
const PARTS_IN_ALL: usize = 1024;

/// Entries that say which card has opened the holds on the lots that this card spends; none while they are few.
#[must_use]
pub fn opened_by(state: &State, card: CardReference) -> Vec<u64> {
    let purse = state.cards.get(&card).and_then(|card| purse_of(state, card));
    let holds = purse.map_or(&[][..], |purse| &purse.holds);
    if holds.len() < HOLDS { Vec::new() } else { holds.iter().map(|hold| hold.id).collect() }
}

/// Whether this card may open one more.
fn has_room(facts: Facts<'_>, payer: &Payer<'_>) -> bool {
    let anothers = |hold: &&Hold| {
        let opened = facts.entries.iter().find(|entry| entry.index == hold.id);
        opened.is_some_and(|opened| opened.card != Some(payer.card.reference))
    };
    let holds = &payer.purse().holds;
    let own = holds.len().saturating_sub(holds.iter().filter(anothers).count());
    own < HOLDS && holds.len() < HOLDS_IN_ALL
}

/// What an authorize asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub claim: &'a CardClaim,
    pub amount: i64,
    pub partial_allowed: bool,
    pub raises: Option<&'a Named>,
}

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    wish: Wish<'_>,
    now: Now,
) -> Result<Decision, Fault> {
    let payer = match Payer::accept(facts, request.currency, wish.claim, |_| Ok(()), now)? {
        Ok(payer) => payer,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let mut effects = payer.effects.clone();
    let before = match wish.raises {
        None => Ok(None),
        Some(named) => match named_original(facts, terminal, request.currency, named, Within::Store) {
            Ok(original) => raised(facts, &payer, original).map(Some),
            // The answer says nothing of an original's state, nor of another card.
            Err(declined) => {
                let verdict = match declined.verdict {
                    Verdict::Declined(Decline::OriginalNotReversible) => {
                        Verdict::Declined(Decline::NoHoldOfThisCard)
                    }
                    other => other,
                };
                return Ok(Decision { verdict, original_state: None, card: None, ..*declined });
            }
        },
    };
    let reserved = before.and_then(|before| reserve(facts, terminal, request, &payer, before, wish, now));
    match reserved {
        Ok((hold, verdict, amount)) => {
            let (card, product) = (&payer.card, payer.product);
            let more = More { card, product, request, counted: Counted::Purchase, amount };
            match count(facts, more, now) {
                Ok(tallies) => effects.extend(tallies),
                Err(decline) => return Ok(Decision::declined(decline)),
            }
            effects.push(Effect::Hold { card: payer.purse().reference, hold: hold.clone() });
            Ok(Decision { verdict, amount: Some(amount), hold: Some(hold), ..Decision::approved(effects) })
        }
        // Its time is over, and that is booked here.
        Err(decline @ Decline::OriginalOver(TransactionState::Lapsed)) => {
            Ok(Decision { effects, ..Decision::declined(decline) })
        }
        Err(decline) => Ok(Decision::declined(decline)),
    }
}

/// The hold that an authorize of this card has opened and that has not ended.
fn raised<'a>(facts: Facts<'_>, payer: &'a Payer<'_>, original: &Original) -> Result<&'a Hold, Decline> {
    if original.message != message::AUTHORIZE || original.card != Some(payer.card.reference) {
        return Err(Decline::NoHoldOfThisCard);
    }
    if original.raised_another() {
        return Err(Decline::RaisedAnother);
    }
    match (original.state(facts), payer.purse().hold(original.index)) {
        (TransactionState::Live, Some(hold)) => Ok(hold),
        (TransactionState::Live, None) => Err(Decline::OriginalOver(TransactionState::Lapsed)),
        _ => Err(Decline::HoldEnded),
    }
}

fn reserve(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    payer: &Payer<'_>,
    before: Option<&Hold>,
    wish: Wish<'_>,
    now: Now,
) -> Result<(Hold, Verdict, i64), Decline> {
    let total = before.map_or(0, Hold::held).saturating_add(wish.amount);
    check_card_pin(&payer.card, payer.product, request, total)?;
    let (purse, product) = (payer.purse(), payer.product);
    if total > terminal.limits.purchase {
        return Err(Decline::AboveTerminalLimit);
    }
    let payable = purse.payable(now.s());
    let (verdict, amount) = match wish.amount.min(payable) {
        held if held == wish.amount => (Verdict::Approved, held),
        held if held > 0 && wish.partial_allowed => (Verdict::ApprovedInPart, held),
        _ => return Err(Decline::NotSufficientFunds),
    };
    let chosen = choose(purse, product.spend, amount, now.s()).ok_or(Decline::NotSufficientFunds)?;
    let mut hold = match before {
        Some(before) => before.clone(),
        None if !has_room(facts, payer) => return Err(Decline::TooManyHolds),
        None => {
            let expires = now.s().saturating_add(product.hold_s);
            Hold { id: facts.index, expires, captured: 0, parts: Vec::new() }
        }
    };
    hold.parts.extend(chosen);
    let others = purse.holds.iter().filter(|other| other.id != hold.id).map(|other| other.parts.len());
    if hold.parts.len() > PARTS || others.sum::<usize>().saturating_add(hold.parts.len()) > PARTS_IN_ALL {
        return Err(Decline::TooManyHolds);
    }
    Ok((hold, verdict, amount))
}
