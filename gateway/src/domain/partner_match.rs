//! Partner match (合作伙伴会员互认; LOYALTY C9): a partner's tier is honoured at one of ours until a day. It stands beside what the member
//! has earned: that is reviewed as if there were no match, and the higher of the two is the member's tier.

use super::State;
use super::act::Drawn;
use super::card::{CardReference, CardStatus};
use super::effect::Effect;
use super::member::{MATCHED, Member, Window, counted};
use super::programme::Programme;
use super::refusal::Refusal;
use super::request::Now;

/// What a partner's statement says, once its signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The partner's name, in the statement.
    pub issuer: String,
    /// SHA-256 of what was signed: a statement is used once.
    pub hash: [u8; 32],
    /// The partner's tier.
    pub tier: String,
    /// Unix seconds.
    pub issued: i64,
    pub until: i64,
}

/// How far a partner's clock may be ahead, in seconds.
const AHEAD_S: i64 = 3_600;

/// Honours a claim for a card's member.
pub(super) fn honour(
    state: &State,
    programme: &Programme,
    card: CardReference,
    partner: &str,
    drawn: Drawn<'_>,
    now: Now,
) -> Result<Vec<Effect>, Refusal> {
    let held = state.cards.get(&card).ok_or(Refusal::NoSuchCard)?;
    if held.status != CardStatus::Active {
        return Err(Refusal::CardState { is: held.status.name(), needs: "an active" });
    }
    let nobody = Member::nobody();
    let member = state.members.get(&card).unwrap_or(&nobody);
    if !programme.is_member(member) {
        return Err(Refusal::NotAMember);
    }
    let known = programme.partners.iter().find(|held| held.name == partner);
    let known = known.ok_or_else(|| Refusal::NoSuchPartner(partner.into()))?;
    let claim = drawn.claim.filter(|claim| claim.issuer == partner);
    let claim = claim.ok_or(Refusal::Statement("its signature was not verified"))?;
    if !now.certain {
        return Err(Refusal::Statement("the gateway's clock is in doubt; see `gateway clock confirm`"));
    }
    if claim.until <= now.s() {
        return Err(Refusal::Statement("it is over"));
    }
    if claim.issued > now.s().saturating_add(AHEAD_S) {
        return Err(Refusal::Statement("it was issued in the future; compare the clocks"));
    }
    let counter = used(&claim.hash);
    if counted(&state.counters, &counter, Window::Ever, 0) > 0 {
        return Err(Refusal::Statement("it has been used"));
    }
    let Some(tier) = known.honoured(&claim.tier) else {
        return Err(Refusal::NotHonoured { partner: partner.into(), tier: claim.tier.clone() });
    };
    let until =
        programme.after_months(now, Some(known.months)).map_or(claim.until, |most| most.min(claim.until));
    if brings_nothing(programme, member, tier, until) {
        return Err(Refusal::NoHigher);
    }
    let mut effects = Vec::new();
    for (what, value) in [("since", i64::from(now.business_date)), ("until", until)] {
        let counter = format!("{MATCHED}{tier}/{what}");
        let change = value.saturating_sub(member.counted(&counter, Window::Ever, 0));
        if change != 0 {
            effects.push(Effect::Counter { card: Some(card), counter, period: 0, change });
        }
    }
    effects.push(Effect::Counter { card: None, counter, period: 0, change: 1 });
    Ok(effects)
}

/// Whether the member has as much already, and for as long.
fn brings_nothing(programme: &Programme, member: &Member, tier: &str, until: i64) -> bool {
    let rank = programme.tiers.rank(tier);
    let own = member.standing.tier.clone();
    let mut held = member.matched().chain(own);
    held.any(|held| programme.tiers.rank(&held.tier) >= rank && held.until.is_none_or(|end| end >= until))
}

/// The programme's counter of a statement.
fn used(hash: &[u8; 32]) -> String {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("statement:{hex}")
}
