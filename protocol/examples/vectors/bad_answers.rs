//! Answers that a terminal must take for none, each for one reason.

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::frame::MessageType;

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
    vec![
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
    ]
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
