//! Answers that a terminal must take for none, each for one reason.

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::field::{Count, TotalMinor};
use protocol::frame::MessageType;

use crate::bad::Payload;
use crate::files::BadAnswerVector;
use crate::hex;
use crate::samples;

const LOOKUP: MessageType = MessageType::CARD_LOOKUP;

pub(crate) fn all() -> Vec<BadAnswerVector> {
    let found = samples::typical_answer(LOOKUP);
    let card = |middle| samples::card(middle).number();
    let nine: Vec<u64> = (1..=9).map(card).collect();
    let typical = |kind| Answer { cards: found.cards.clone(), ..samples::typical_answer(kind) };
    let declined = Answer { code: ResponseCode::CARD_NOT_ACCEPTED, ..found.clone() };
    let none = Answer { cards: None, ..found.clone() };
    let mut vectors = vec![
        vector("a card twice", "none twice", LOOKUP, with_cards(&[card(1), card(2), card(1)])),
        vector("nine cards", "8 at most", LOOKUP, with_cards(&nine)),
        vector("an empty list of cards", "1 at least", LOOKUP, with_cards(&[])),
        vector(
            "a card with a wrong check digit",
            "Luhn",
            LOOKUP,
            with_cards(&[card(1) / 10 * 10 + (card(1) + 1) % 10]),
        ),
        vector("no list of cards", "an approval has key 38", LOOKUP, none.encode()),
        vector("cards with code 14", "no decline has key 38", LOOKUP, declined.encode()),
        vector(
            "cards with a BalanceInquiry",
            "only a CardLookup has key 38",
            MessageType::BALANCE_INQUIRY,
            typical(MessageType::BALANCE_INQUIRY).encode(),
        ),
        vector(
            "cards with an Echo",
            "only a CardLookup has key 38",
            MessageType::ECHO,
            typical(MessageType::ECHO).encode(),
        ),
    ];
    vectors.extend(misplaced());
    vectors.extend(malformed());
    vectors
}

/// Keys 39 to 47 left out of an approval that has them, or in an answer that has not.
fn misplaced() -> Vec<BadAnswerVector> {
    let (inquiry, catalogue) = (MessageType::MEMBER_INQUIRY, MessageType::CATALOGUE);
    let (uses, quote) = (MessageType::USE_ENTITLEMENT, MessageType::PURCHASE_QUOTE);
    let (load, balance) = (MessageType::LOAD, MessageType::BALANCE_INQUIRY);
    let answer = samples::typical_answer;
    let (member, items) = (answer(inquiry), answer(catalogue));
    let declined = ResponseCode::CARD_NOT_ACCEPTED;
    let without = |key: u64, kind: MessageType, answer: Answer| {
        (format!("{kind} without key {key}"), format!("an approval has key {key}"), answer)
    };
    let with = |key: u64, kind: MessageType, answer: Answer| {
        (format!("{kind} with key {key}"), format!("it has no key {key}"), Answer { kind, ..answer })
    };
    [
        without(42, inquiry, Answer { progress: None, ..member.clone() }),
        without(43, inquiry, Answer { coming: None, ..member.clone() }),
        without(44, inquiry, Answer { entitlements: None, ..member.clone() }),
        without(46, inquiry, Answer { more: None, ..member.clone() }),
        without(45, catalogue, Answer { catalogue: None, ..items.clone() }),
        without(46, catalogue, Answer { more: None, ..items.clone() }),
        with(39, load, Answer { discount: TotalMinor::new(1), ..answer(load) }),
        with(39, MessageType::ADVICE, Answer { discount: TotalMinor::new(1), ..answer(MessageType::ADVICE) }),
        with(40, quote, Answer { uses_left: Count::new(1), ..answer(quote) }),
        with(41, MessageType::AUTHORIZE, Answer { tier: member.tier, ..answer(MessageType::AUTHORIZE) }),
        with(41, uses, Answer { tier: member.tier, ..answer(uses) }),
        with(42, balance, Answer { progress: member.progress.clone(), ..answer(balance) }),
        with(43, balance, Answer { coming: member.coming.clone(), ..answer(balance) }),
        with(44, balance, Answer { entitlements: member.entitlements.clone(), ..answer(balance) }),
        with(45, inquiry, Answer { catalogue: items.catalogue.clone(), ..member.clone() }),
        with(46, balance, Answer { more: Some(false), ..answer(balance) }),
        with(47, catalogue, Answer { joined: member.joined, ..items.clone() }),
        with(48, catalogue, Answer { ranks: member.ranks.clone(), ..items }),
        with(41, MessageType::JOIN, Answer { code: declined, ..answer(MessageType::JOIN) }),
    ]
    .into_iter()
    .map(|(name, reason, answer)| vector(&name, &reason, answer.kind, answer.encode()))
    .collect()
}

/// Items of keys 13 and 41 to 45 that are not what section 6 says.
fn malformed() -> Vec<BadAnswerVector> {
    let line = "86 6141 10 01 6131 01 00";
    let lot = |time: &str, what: &str| format!("84 {time} 10 01 {what}");
    let item = |item: &str| format!("85 {item} 6141 10 01 f6");
    [
        (
            "13 lines of explanation",
            MessageType::PURCHASE,
            13,
            format!("8d {}", line.repeat(13)),
            "12 at most",
        ),
        ("explanation with four items", MessageType::PURCHASE, 13, "81 84 6141 10 01 01".into(), "six items"),
        (
            "explanation without a rate",
            MessageType::PURCHASE,
            13,
            "81 86 6141 10 01 60 01 00".into(),
            "1 byte at least",
        ),
        (
            "notes of two bytes",
            MessageType::PURCHASE,
            13,
            "81 86 6141 10 01 6131 01 190100".into(),
            "255 at most",
        ),
        ("tier without an end", MessageType::JOIN, 41, "82 6141 6141".into(), "three items"),
        (
            "13 lines of progress",
            MessageType::MEMBER_INQUIRY,
            42,
            format!("8d {}", "85 6141 01 01 00 01".repeat(13)),
            "12 at most",
        ),
        (
            "what comes out of order",
            MessageType::MEMBER_INQUIRY,
            43,
            format!("82 {} {}", lot("02", "01"), lot("01", "01")),
            "rising by time",
        ),
        (
            "33 lots that come",
            MessageType::MEMBER_INQUIRY,
            43,
            format!("9821 {}", lot("01", "01").repeat(33)),
            "32 at most",
        ),
        (
            "17 entitlements",
            MessageType::MEMBER_INQUIRY,
            44,
            format!("91 {}", "83 6141 6141 f6".repeat(17)),
            "16 at most",
        ),
        (
            "an item twice",
            MessageType::CATALOGUE,
            45,
            format!("82 {} {}", item("6141"), item("6141")),
            "rising by item",
        ),
        (
            "items out of order",
            MessageType::CATALOGUE,
            45,
            format!("82 {} {}", item("6142"), item("6141")),
            "rising by item",
        ),
        (
            "pieces below zero",
            MessageType::CATALOGUE,
            45,
            "81 85 6141 6141 10 01 20".into(),
            "0 at least, or null",
        ),
    ]
    .into_iter()
    .map(|(name, kind, key, list, reason)| vector(name, reason, kind, with_item(kind, key, &list)))
    .collect()
}

/// The typical answer with this item (in hex) under the key.
fn with_item(kind: MessageType, key: u64, item: &str) -> Vec<u8> {
    Payload::from_bytes(kind, &samples::typical_answer(kind).encode()).with(key, item).encode()
}

/// The typical answer to a CardLookup with these numbers under key 38, which is its last.
fn with_cards(cards: &[u64]) -> Vec<u8> {
    let typical = samples::typical_answer(LOOKUP).encode();
    let list = typical.windows(3).rposition(|three| three == [0x18, 38, 0x81]).unwrap() + 2;
    let mut writer = protocol::cbor::Writer::new();
    writer.raw(&typical[..list]).array(cards.len());
    for card in cards {
        writer.uint(*card);
    }
    writer.finish()
}

fn vector(name: &str, reason: &str, kind: MessageType, body: Vec<u8>) -> BadAnswerVector {
    BadAnswerVector { name: name.into(), reason: reason.into(), message_type: kind.0, body: hex(&body) }
}
