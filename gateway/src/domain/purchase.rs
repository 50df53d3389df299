//! Purchase: principal pays first, then bonus; points are earned on what was paid (LOYALTY A6, B1).

use super::Fault;
use super::card::Card;
use super::decision::{Decision, Decline, Verdict};
use super::effect::{Effect, Posting};
use super::expiry::expire;
use super::facts::{Facts, accept_card};
use super::ledger::{Kind, named, redemption};
use super::points::award_points;
use super::request::{CardClaim, Now, Request};
use super::terminal::Terminal;

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    claim: &CardClaim,
    amount: i64,
    partial_allowed: bool,
    now: Now,
) -> Result<Decision, Fault> {
    let checked = accept_card(facts, request.currency, claim).and_then(|(card, _)| {
        if amount > terminal.max_purchase {
            return Err(Decline::AboveTerminalLimit);
        }
        let payable = card.payable(now.s());
        match amount.min(payable) {
            paid if paid == amount => Ok((card, paid, Verdict::Approved)),
            paid if paid > 0 && partial_allowed => Ok((card, paid, Verdict::ApprovedInPart)),
            _ => Err(Decline::NotSufficientFunds),
        }
    });
    let (card, paid, verdict) = match checked {
        Ok(checked) => checked,
        Err(decline) => return Ok(Decision::declined(decline)),
    };

    let (card, mut effects) = expire(card, now)?;
    effects.extend(pay(&card, paid, now)?.into_iter().map(Effect::Posting));
    effects.push(named(redemption(&terminal.store), Kind::MONEY, paid));
    let earned = facts.programme.purchase_points(&card.product, paid);
    if let Some(earned) = &earned {
        effects.extend(award_points(facts, &card, earned.result, now, 0)?);
    }
    Ok(Decision {
        verdict,
        amount: Some(paid),
        explanation: earned.into_iter().collect(),
        ..Decision::approved(effects)
    })
}

/// Principal first, then bonus; the caller has checked that both together suffice.
fn pay(card: &Card, amount: i64, now: Now) -> Result<Vec<Posting>, Fault> {
    let short = Fault::Misfit("not enough in the lots that were counted");
    let from_principal = amount.min(card.available(Kind::PRINCIPAL, now.s()));
    let from_bonus = amount.checked_sub(from_principal).ok_or(Fault::Overflow)?;
    let mut postings = card.take(Kind::PRINCIPAL, from_principal, now.s()).ok_or(short.clone())?;
    postings.extend(card.take(Kind::BONUS, from_bonus, now.s()).ok_or(short)?);
    Ok(postings)
}
