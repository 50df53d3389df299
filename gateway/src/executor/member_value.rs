//! What a member is worth, and what can be said of them to a partner, for the operator who asks (LOYALTY B12, C9).

use serde_json::{Value, json};

use super::writer::{InDoubt, Writer};
use crate::domain::card::CardReference;
use crate::domain::programme::member_value::{DECAY, Fading, PARTS, Share};
use crate::domain::programme::{MemberValue, Programme};
use crate::domain::refusal::Refusal;
use crate::domain::{Member, Now};

/// A tier that does not end is stated for so many months.
const STATED_MONTHS: u16 = 12;

impl Writer {
    /// The value of a card's member by now, what it is made of, and its curve.
    pub(super) fn member_value(&mut self, card: CardReference, now: Now) -> Result<Value, InDoubt> {
        self.fetch_card(card)?;
        if !self.state.cards.contains_key(&card) {
            return Ok(json!({ "error": Refusal::NoSuchCard.to_string() }));
        }
        let in_force = self.in_force(now);
        let programme = &in_force.programme;
        let Some(value) = &programme.member_value else {
            let error =
                "the programme in force does not say what a member is worth; add [member_value] to it";
            return Ok(json!({ "error": error }));
        };
        let nobody = Member::nobody();
        let member = self.state.members.get(&card).unwrap_or(&nobody);
        let minor = value.over(&member.counters, now.business_date);
        let measures = value.shares(member, now.business_date);
        let curve = value.curve(member, now.business_date).into_iter().map(|point| {
            json!({
                "month": format!("{:04}-{:02}", point.month / 10_000, point.month / 100 % 100),
                "done": programme.money(point.done), "done_minor": point.done,
                "value": programme.money(point.value), "value_minor": point.value,
            })
        });
        Ok(json!({
            "card": card.0.to_string(),
            "programme_version": in_force.version,
            "value": programme.money(minor),
            "value_minor": minor,
            "time": time(value),
            "measures": measures.iter().map(|share| share_value(programme, share)).collect::<Vec<_>>(),
            "curve": curve.collect::<Vec<_>>(),
        }))
    }
}

impl Writer {
    /// What can be said of a card's member to a partner: the tier that they have earned here, not one that is only honoured.
    pub(super) fn member_statement(&mut self, card: CardReference, now: Now) -> Result<Value, InDoubt> {
        self.fetch_card(card)?;
        if !self.state.cards.contains_key(&card) {
            return Ok(json!({ "error": Refusal::NoSuchCard.to_string() }));
        }
        let in_force = self.in_force(now);
        let tiers = &in_force.programme.tiers;
        let held = self.state.members.get(&card).and_then(|member| member.standing.tier.as_ref());
        let held = held.filter(|held| held.until.is_none_or(|until| until > now.s()));
        let Some(held) = held.filter(|held| now.certain && tiers.rank(&held.tier).is_some()) else {
            let error =
                "there is no tier to state: the member has earned none here, or the clock is in doubt";
            return Ok(json!({ "error": error }));
        };
        Ok(json!({
            "issuer": in_force.programme.name,
            "member": crate::keys::hex(&self.card_key.member(card.0)),
            "tier": held.tier, "until": held.until, "issued": now.s(),
            "latest": in_force.programme.after_months(now, Some(STATED_MONTHS)),
        }))
    }
}

fn time(value: &MemberValue) -> String {
    match value.fading {
        Fading::Never => "all there is".into(),
        Fading::Months(months) => format!("the last {months} calendar months"),
        Fading::Decay(decay) => format!("{} of it left a month later", decimal(decay.into(), DECAY.into())),
    }
}

fn share_value(programme: &Programme, share: &Share) -> Value {
    // A rate of money is per 1.00 as per minor unit; of the others, an amount of money for one, units in thousandths.
    let money =
        ["spent", "invitees-spent"].contains(&share.counter.as_str()) || share.counter.starts_with("spent:");
    let each = if share.counter == "units" { 1_000 } else { 1 };
    let counted = if money { programme.money(share.counted) } else { decimal(share.counted, each) };
    let minor = share.worth.saturating_mul(each).checked_div(PARTS).unwrap_or(0);
    let worth = if money { decimal(share.worth, PARTS) } else { programme.money(minor) };
    json!({
        "measure": share.counter, "counted": counted, "worth": worth,
        "value": programme.money(share.value), "value_minor": share.value,
    })
}

/// So many parts of one as a decimal, without zeros at its end.
fn decimal(parts: i64, of: i64) -> String {
    let sign = if parts < 0 { "-" } else { "" };
    let (parts, of) = (parts.unsigned_abs(), of.unsigned_abs().max(1));
    let places = usize::try_from(of.ilog10()).unwrap_or(0);
    let (whole, rest) = (parts.checked_div(of).unwrap_or(0), parts.checked_rem(of).unwrap_or(0));
    let rest = format!("{rest:0places$}");
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn parts_are_written_as_a_decimal() {
        let told =
            [(50_000, 1_000_000), (1_000_000, 1_000_000), (9_500, 10_000), (-1_500, 1_000), (7, 1), (0, 1)];
        let told = told.map(|(parts, of)| decimal(parts, of));
        assert_eq!(told, ["0.05", "1", "0.95", "-1.5", "7", "0"]);
    }
}
