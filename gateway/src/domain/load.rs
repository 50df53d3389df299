//! Load: principal for money taken, and the bonus of the step that the amount reaches (LOYALTY A1, A2, A4).

use super::Fault;
use super::card::Card;
use super::customer::{Customer, Given};
use super::decision::{Decision, Decline};
use super::effect::Effect;
use super::expiry::expire;
use super::facts::{Facts, accept_card};
use super::ledger::{Kind, bonus_expense, clearing, named};
use super::points::{Award, award_points};
use super::programme::{Measure, Product};
use super::quoted::{Promise, check_promise, check_quote};
use super::request::{CardClaim, Command, Now, Request};
use super::reward::ordinary;
use super::taken_back::owed;
use super::tally::{Counted, More, count};
use super::terminal::Terminal;

pub(super) fn decide(
    facts: Facts<'_>,
    terminal: &Terminal,
    request: &Request,
    claim: &CardClaim,
    amount: i64,
    tenders: &[(u8, i64)],
    now: Now,
) -> Result<Decision, Fault> {
    let (card, product) = match accept_card(facts, request.currency, claim, now) {
        Ok(accepted) => accepted,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    if card.account.is_some() {
        return Ok(Decision::declined(Decline::BoundToAccount));
    }
    // Whoever has found a card does not become its holder.
    if card.holder.is_some_and(|held| request.holder.is_some_and(|holder| holder != held)) {
        return Ok(Decision::declined(Decline::OtherHolder));
    }
    if let Err(decline) = check_quote(facts.quoted, request, now) {
        return Ok(Decision::declined(decline));
    }
    let (card, mut effects) = expire(card, facts.programme, facts.index, now)?;
    let holder = request.holder.or(card.holder);
    let registered = Card { holder, ..card.clone() };
    let kinds: Vec<u8> = tenders.iter().map(|(kind, _)| *kind).collect();
    let customer =
        Customer::of(facts, (&registered, &terminal.store), request.channel.as_deref(), &kinds, now);
    let given = match check_load(terminal, product, &customer, amount) {
        Ok(given) => given,
        Err(decline) => return Ok(Decision::declined(decline)),
    };
    let promise = Promise::of((amount, 0), given.iter().map(|given| &given.reason));
    let more = More { card: &card, product, request, counted: Counted::Load, amount };
    match check_promise(facts.quoted, &promise).and_then(|()| count(facts, more, now)) {
        Ok(tallies) => effects.extend(tallies),
        Err(decline) => return Ok(Decision::declined(decline)),
    }
    if holder != card.holder {
        effects.push(registered.with_status(card.status, None));
    }
    let minus = |value: i64| value.checked_neg().ok_or(Fault::Overflow);
    let principal = card.credit(Kind::PRINCIPAL, amount, facts.pricing.principal_expiry(now), facts.index, 0);
    let mut left = card.clone();
    left.book(&principal)?;
    effects.push(Effect::Posting(principal));
    for (tender, part) in tenders {
        effects.push(named(clearing(&terminal.store, *tender), Kind::MONEY, minus(*part)?));
    }
    let mut explanation = Vec::new();
    let points = ordinary(&given);
    // What several rules give is one lot, so that a refund finds all of it.
    let bonus = given.iter().filter(|given| given.kind.is_money());
    let bonus = bonus.map(|given| given.amount).try_fold(0, i64::checked_add).ok_or(Fault::Overflow)?;
    if bonus > 0 {
        let posting = left.credit(Kind::BONUS, bonus, facts.pricing.bonus_expiry(now), facts.index, 0);
        left.book(&posting)?;
        effects.push(Effect::Posting(posting));
        effects.push(named(bonus_expense(), Kind::MONEY, minus(bonus)?));
    }
    for given in given {
        if !given.kind.is_money() {
            let award = Award { kind: given.kind, points: given.amount, pending_until: given.pending_until };
            effects.extend(award_points(&mut left, award, facts.pricing, (facts.index, now))?);
        }
        effects.extend(given.counts);
        explanation.push(given.reason);
    }
    let measures = [(Measure::Loaded, amount), (Measure::Loads, 1), (Measure::PointsEarned, points)];
    effects.extend(customer.measured(&measures));
    Ok(Decision { amount: Some(amount), explanation, ..Decision::approved(effects) })
}

/// What a load of `amount` would bring, if the amount is allowed.
fn check_load(
    terminal: &Terminal,
    product: &Product,
    customer: &Customer<'_>,
    amount: i64,
) -> Result<Vec<Given>, Decline> {
    let (card, now) = (customer.card, customer.at.now);
    if amount < product.min_load {
        return Err(Decline::BelowMinimum);
    }
    if amount > terminal.limits.load {
        return Err(Decline::AboveTerminalLimit);
    }
    if amount > product.max_load {
        return Err(Decline::AboveProductLimit);
    }
    let given = customer.load_bonus(amount);
    let money = given.iter().filter(|given| given.kind.is_money());
    let gained = money.into_iter().try_fold(amount, |sum, given| sum.checked_add(given.amount));
    let balance = gained.and_then(|gained| card.worth(now.s()).checked_add(gained));
    if balance.is_none_or(|balance| balance > product.max_balance) {
        return Err(Decline::AboveMaximumBalance);
    }
    if product.needs_holder(card, balance) {
        return Err(Decline::HolderNotRegistered);
    }
    Ok(given)
}

/// What a load would do (LOYALTY A3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// That of the load itself; nobody writes its effects.
    pub decision: Decision,
    /// How much more reaches the next step, and the bonus there.
    pub next_step: Option<(i64, i64)>,
}

/// What a load of `amount` would do now, decided as the load itself.
///
/// # Errors
/// [`Fault`] when an amount leaves its range.
pub fn quote(
    facts: Facts<'_>,
    terminal: &Terminal,
    claim: &CardClaim,
    currency: u16,
    amount: i64,
    now: Now,
) -> Result<Quote, Fault> {
    let command = Command::Load { claim: *claim, amount, tenders: Vec::new() };
    let request = Request::quote(terminal, currency, command);
    let mut decision = decide(facts, terminal, &request, claim, amount, &[], now)?;
    let card = facts.state.cards.get(&claim.card).filter(|_| decision.is_approved());
    let Some(card) = card else { return Ok(Quote { decision, next_step: None }) };
    decision.explanation.extend(owed(facts.state, claim.card, &decision.effects));
    let (card, _) = expire(card, facts.programme, facts.index, now)?;
    let customer = Customer::of(facts, (&card, &terminal.store), None, &[], now);
    let next_step = customer.next_step(amount);
    Ok(Quote { decision, next_step })
}
