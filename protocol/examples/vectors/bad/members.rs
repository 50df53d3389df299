//! Section 5's keys of members, with a wrong type or out of range. Every payload is signed as it should be.

use protocol::frame::MessageType;

use super::Payload;
use super::fields::{number, text};
use crate::files::BadVector;

const AWARD: MessageType = MessageType::AWARD;
const REDEEM: MessageType = MessageType::REDEEM;
const USE: MessageType = MessageType::USE_ENTITLEMENT;
const INQUIRY: MessageType = MessageType::MEMBER_INQUIRY;
const CATALOGUE: MessageType = MessageType::CATALOGUE;

pub(super) fn all() -> Vec<BadVector> {
    let wrong_types = [
        (AWARD, 48, "41 61"),
        (AWARD, 49, "61 31"),
        (REDEEM, 49, "f6"),
        (REDEEM, 50, "00"),
        (USE, 51, "f6"),
        (INQUIRY, 52, "61 31"),
        (CATALOGUE, 50, "f6"),
        (MessageType::PURCHASE_QUOTE, 13, "f5"),
    ]
    .map(|(kind, key, item)| {
        let name = format!("wrong type of key {key} in {kind}");
        Payload::of(kind).with(key, item).bad(&name, "another CBOR type than the key's")
    });
    let out_of_range: [(&str, MessageType, u64, String, &str); 14] = [
        ("empty activity", AWARD, 48, "60".into(), "1 character at least"),
        ("activity of 25 characters", AWARD, 48, text(25, "61"), "24 bytes at most"),
        ("activity with a space", AWARD, 48, "63 612062".into(), "not in the set of a code"),
        ("Award of nothing", AWARD, 49, "00".into(), "1 at least"),
        ("Award of less than nothing", AWARD, 49, "20".into(), "1 at least"),
        ("Award over the maximum", AWARD, 49, "1a000f4241".into(), "1,000,000 at most"),
        ("Redeem of nothing", REDEEM, 49, "00".into(), "1 at least"),
        ("Redeem over the maximum", REDEEM, 49, number(1 << 40), "1,000,000 at most"),
        ("empty item", REDEEM, 50, "60".into(), "1 character at least"),
        ("item of 25 characters in a Catalogue", CATALOGUE, 50, text(25, "61"), "24 bytes at most"),
        ("UseEntitlement of nothing", USE, 49, "00".into(), "1 at least"),
        ("entitlement of 25 characters", USE, 51, text(25, "61"), "24 bytes at most"),
        ("after a time below zero", INQUIRY, 52, "20".into(), "0 at least"),
        ("after a time of 41 bits", INQUIRY, 52, number(1 << 40), "2^40 - 1 at most"),
    ];
    let out_of_range = out_of_range
        .map(|(name, kind, key, item, reason)| Payload::of(kind).with(key, &item).bad(name, reason));
    wrong_types.into_iter().chain(out_of_range).collect()
}
