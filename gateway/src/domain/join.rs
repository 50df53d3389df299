//! Join: a card becomes a member's (会员; LOYALTY E1).

use super::Fault;
use super::decision::{Decision, Decline};
use super::facts::{Facts, accept_card};
use super::quoted::check_quote;
use super::request::{CardClaim, Now, Request};

/// What a Join says of the member.
#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "who brought a member, and what they are, matters once there is a membership")]
pub(super) struct Joining<'a> {
    pub claim: &'a CardClaim,
    /// The digits of the card of the member who brought this one.
    pub referral: Option<&'a str>,
    /// 0 not said, 1 person, 2 company; others are kept.
    pub customer: u8,
}

pub(super) fn decide(
    facts: Facts<'_>,
    request: &Request,
    joining: Joining<'_>,
    now: Now,
) -> Result<Decision, Fault> {
    let Joining { claim, .. } = joining;
    let accepted = accept_card(facts, request.currency, claim, now)
        .and_then(|_| check_quote(facts.quoted, request, now));
    Ok(Decision::declined(accepted.err().unwrap_or(Decline::NotOffered)))
}
