//! Award: what the programme gives for an activity (活动积分; LOYALTY B5).

use super::Fault;
use super::decision::{Decision, Decline};
use super::facts::{Facts, accept_card};
use super::quoted::check_quote;
use super::request::{CardClaim, Now, Request};
use super::terminal::Terminal;

/// `quantity` of `named`, both as the request has them.
pub(super) fn decide(
    facts: Facts<'_>,
    _terminal: &Terminal,
    request: &Request,
    claim: &CardClaim,
    (_named, _quantity): (&str, i64),
    now: Now,
) -> Result<Decision, Fault> {
    let accepted = accept_card(facts, request.currency, claim, now)
        .and_then(|_| check_quote(facts.quoted, request, now));
    Ok(Decision::declined(accepted.err().unwrap_or(Decline::NotOffered)))
}
