//! Members, at a terminal.

use protocol::answer::Answer;
use protocol::field::{Count, Flags, TotalMinor};
use protocol::frame::{Frame, MessageType};
use protocol::request::Body;
use protocol::terminal::{Alarm, Details, NoReply, Verdict};

use super::super::samples::members;
use super::behaviour::{Till, decoded};
use super::{authorize, card, purchase};

const VALUE: [MessageType; 4] =
    [MessageType::JOIN, MessageType::AWARD, MessageType::REDEEM, MessageType::USE_ENTITLEMENT];

fn body(kind: MessageType) -> Body {
    members::typical_body(kind, card()).unwrap()
}

#[test]
fn what_members_do_is_repeated_and_reversed_like_a_sale() {
    for kind in VALUE {
        let mut till = Till::signed_on();
        till.submit(body(kind));
        let first = till.sent[0].clone();
        till.answer();
        let mut till = till.restart();
        till.connect();
        assert_eq!(till.verdict(), Some((Verdict::Approved, 0)), "{kind}: the lost answer is fetched");
        assert_eq!(decoded(&first).body, body(kind));

        let mut till = Till::signed_on();
        let id = till.submit(body(kind));
        till.answer();
        till.give_up(id).unwrap();
        assert_eq!(till.sent[0].kind, MessageType::REVERSAL);
        till.serve();
        assert_eq!(till.verdict(), Some((Verdict::Reversed, 0)), "{kind}");
    }
}

/// What an answer with this fault is told apart by: the key.
fn fault(body: Body, spoil: impl FnOnce(&mut Answer)) -> Option<u64> {
    let mut till = Till::signed_on();
    let asks = body.kind().is_session();
    if asks {
        till.ask(body, Details::default()).unwrap();
    } else {
        till.submit(body);
    }
    let frame = till.answer();
    let mut answer = Answer::decode(&frame.body).unwrap();
    spoil(&mut answer);
    till.receive(Frame { body: answer.encode(), ..frame });
    if asks {
        return match till.reply() {
            Err(NoReply::Unreadable(error)) => error.key,
            _ => None,
        };
    }
    match till.alarm() {
        Some(Alarm::Unreadable { error, .. }) => {
            assert!(till.outcome().is_none(), "that is no answer");
            error.key
        }
        _ => None,
    }
}

#[test]
fn what_is_said_of_a_member_is_where_section_6_has_it_and_nowhere_else() {
    let (inquiry, catalogue) = (body(MessageType::MEMBER_INQUIRY), body(MessageType::CATALOGUE));
    assert_eq!(fault(inquiry.clone(), |_| ()), None);
    assert_eq!(fault(catalogue.clone(), |_| ()), None);
    assert_eq!(fault(inquiry.clone(), |answer| (answer.tier, answer.joined) = (None, None)), None);
    assert_eq!(fault(inquiry.clone(), |answer| answer.ranks = None), None, "there is no leaderboard");
    assert_eq!(fault(catalogue.clone(), |answer| answer.ranks = members::ranks()), Some(48));
    assert_eq!(fault(inquiry.clone(), |answer| answer.progress = None), Some(42));
    assert_eq!(fault(inquiry.clone(), |answer| answer.coming = None), Some(43));
    assert_eq!(fault(inquiry.clone(), |answer| answer.entitlements = None), Some(44));
    assert_eq!(fault(inquiry.clone(), |answer| answer.more = None), Some(46));
    assert_eq!(fault(catalogue.clone(), |answer| answer.catalogue = None), Some(45));
    assert_eq!(fault(catalogue.clone(), |answer| answer.more = None), Some(46));
    assert_eq!(fault(catalogue, |answer| answer.tier = Some(members::silver())), Some(41));
    assert_eq!(fault(Body::Echo, |answer| answer.more = Some(true)), Some(46));

    let uses = body(MessageType::USE_ENTITLEMENT);
    assert_eq!(fault(uses.clone(), |_| ()), None);
    assert_eq!(fault(uses, |answer| answer.uses_left = None), None, "it is not counted");
    assert_eq!(fault(purchase(1250), |answer| answer.uses_left = Some(Count::MIN)), Some(40));
    assert_eq!(fault(body(MessageType::AWARD), |answer| answer.discount = TotalMinor::new(1)), Some(39));
    assert_eq!(fault(authorize(1250), |answer| answer.tier = Some(members::silver())), Some(41));
}

/// The messages that section 6 names; the gateway's receipt is over other bytes, so that none of these counts.
#[test]
fn a_new_tier_is_said_by_the_messages_that_can_change_it() {
    for kind in VALUE {
        let key = fault(body(kind), |answer| answer.tier = Some(members::silver()));
        assert_eq!(key, (!members::changes_tier(kind)).then_some(41), "{kind}");
    }
}

#[test]
fn a_price_is_asked_with_the_flag_and_a_balance_without() {
    let mut till = Till::signed_on();
    let details = Details { flags: Some(Flags::PROGRAMME_PRICES), ..Details::default() };
    let price = Body::PurchaseQuote { card: card(), amount: super::amount(1250), lines: None, points: None };
    till.ask(price, details.clone()).unwrap();
    assert_eq!(decoded(&till.sent[0]).header.flags, Some(Flags::PROGRAMME_PRICES));
    till.ask(Body::BalanceInquiry { card: card() }, details).unwrap();
    assert_eq!(decoded(&till.sent[1]).header.flags, None);
}
