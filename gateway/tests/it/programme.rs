//! The loyalty programme over the wire, row by row.

mod activities;
mod adjusting;
mod alerts;
mod audit;
mod birthday_gifts;
mod book;
mod catalogue;
mod classic_points;
mod early_access;
mod entitlements;
mod gifts_in_kind;
mod given_back;
mod greedy;
mod guide;
mod joining;
mod leaderboards;
mod load_bonus;
mod member_inquiry;
mod member_value;
mod multipliers;
mod partner;
mod point_time;
mod prices;
mod quotes;
mod redemption;
mod referral;
mod reports;
mod rows;
mod segments;
mod spend_points;
mod tea_shop;
mod tier_review;
mod tiers;
mod travel_agency;
mod why_back;
mod wire;
mod year;

use protocol::field::{BalanceKind, CustomerKind};
use protocol::request::{Body, Header, Reserved};
use terminal_sim::Card;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;

use crate::counter::{balance, number};
use crate::till::Till;

/// What a Join says of the member.
#[derive(Clone, Copy, Default)]
pub(crate) struct Said<'a> {
    pub(crate) referral: Option<&'a str>,
    pub(crate) channel: Option<&'a str>,
    pub(crate) customer: Option<u8>,
}

/// A Join as a terminal sends it.
pub(crate) async fn join(till: &mut Till, card: &Card, said: Said<'_>) -> (SignedMessage, Checked) {
    let reserved = Reserved {
        referral: said.referral.map(|code| code.parse().expect("a code")),
        channel: said.channel.map(|code| code.parse().expect("a code")),
        customer_kind: said.customer.map(CustomerKind),
        ..Reserved::default()
    };
    let reserved = (reserved != Reserved::default()).then(|| Box::new(reserved));
    let body = Body::Join { card: card.reference };
    let message = till.sign_with(body, &card.sidecar(), |header| Header { reserved, ..header });
    let answer = till.send(&message).await;
    (message, answer)
}

/// A Join that names who brought the member.
pub(crate) async fn join_by(till: &mut Till, card: &Card, by: &Card) -> (SignedMessage, Checked) {
    join(till, card, Said { referral: Some(&number(by)), ..Said::default() }).await
}

/// What a card has of some currencies of points.
pub(crate) async fn points<const N: usize>(till: &mut Till, card: &Card, kinds: [u16; N]) -> [i64; N] {
    let answer = till.ask(Body::BalanceInquiry { card: card.reference }, card).await;
    kinds.map(|kind| balance(&answer, BalanceKind(kind)))
}

/// Of an answer: each rule that gave something, and what.
pub(crate) fn why(answer: &Checked) -> Vec<(String, i64)> {
    let lines = answer.answer.explanation.iter().flat_map(|lines| lines.iter());
    lines.map(|line| (line.rule.to_string(), line.result)).collect()
}
