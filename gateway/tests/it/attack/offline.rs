//! Attempts with what a register approved by itself, and with money that nobody was credited with.

use protocol::code::ResponseCode;
use protocol::cose::Algorithm;
use protocol::field::{Blob, TerminalTime};
use protocol::receipt::MAX_GRANT;
use protocol::request::{Body, Header, Request, RequestSidecar};
use terminal_sim::Card;
use terminal_sim::message::SignedMessage;
use terminal_sim::session::Session;

use crate::counter::{Clerk, amount, cards, holdings, load, number, purchase, reversal};
use crate::harness::Site;
use crate::offline::wire::{
    advice, confirm, exceptions, granted, settle, shop, shortfall, sign, two_operators,
};
use crate::offline::{programme, switch_on};
use crate::till::{APPROVED, put_in_force, refund, void};

/// An Advice of a sale so many seconds from now, by the terminal's clock.
fn advice_at(
    clerk: &mut Clerk,
    session: &Session,
    (card, minor, grant): (&Card, i64, &Blob<MAX_GRANT>),
    from_now_s: i64,
) -> SignedMessage {
    let header = session.value_header(clerk.next_stan()).expect("a header");
    let seconds = i64::try_from(header.time.seconds()).expect("in range") + from_now_s;
    let time = TerminalTime::new(u64::try_from(seconds).expect("after 1970"), 480).expect("a time");
    let request = Request { header: Header { time, ..header }, body: advice(card, minor, grant) };
    session.sign(&request, &RequestSidecar::default()).expect("a signed message")
}

fn bearers(site: &Site) -> Vec<(i64, String)> {
    let row = |row: &serde_json::Value| {
        (row["amount_minor"].as_i64().expect("an amount"), row["bearer"].as_str().expect("a name").to_owned())
    };
    exceptions(site, false).iter().rev().map(row).collect()
}

#[tokio::test]
async fn one_sale_told_again_under_other_stans_takes_no_more_than_the_grant_and_undoing_gives_none_back() {
    let (site, gateway, all, mut clerk, mut session) = shop(1).await;
    let (card, grant) = (&all[0], granted(&session));
    let mut told = Vec::new();
    for expected in [0, 0, 40_00, 40_00] {
        // The card's share of the grant is 80.00.
        let message = sign(&mut clerk, &session, advice(card, 40_00, &grant));
        assert_eq!(shortfall(&clerk.send(&mut session, &message).await), expected);
        told.push(message);
    }
    assert_eq!(holdings(&site, card).principal, 20_00);
    for message in &told[..2] {
        let undo = sign(&mut clerk, &session, void(message));
        assert_eq!(clerk.send(&mut session, &undo).await.code(), APPROVED);
    }
    assert_eq!(holdings(&site, card).principal, 100_00);
    let message = sign(&mut clerk, &session, advice(card, 1_00, &grant));
    assert_eq!(
        shortfall(&clerk.send(&mut session, &message).await),
        1_00,
        "the grant is used up for this card"
    );
    // What the card did not pay is not refunded to it.
    let out = sign(&mut clerk, &session, refund(&told[2], 1));
    assert_eq!(clerk.send(&mut session, &out).await.code(), ResponseCode::AMOUNT_LIMIT);
    assert_eq!(holdings(&site, card).payable(), 105_00);
    assert!(bearers(&site).iter().all(|(_, bearer)| bearer == "store"), "{:?}", bearers(&site));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_grant_holds_in_its_time_for_its_generation_and_as_it_was_issued() {
    let (site, gateway, all, mut clerk, mut session) = shop(1).await;
    let (card, grant) = (&all[0], granted(&session));
    for (from_now_s, expected) in [(-25 * 3600, 1_00), (25 * 3600, 1_00), (10 * 365 * 86_400, 1_00), (0, 0)] {
        let message = advice_at(&mut clerk, &session, (card, 1_00, &grant), from_now_s);
        assert_eq!(shortfall(&clerk.send(&mut session, &message).await), expected, "{from_now_s} s from now");
    }
    assert_eq!(holdings(&site, card).principal, 99_00);
    // Limits that come into force later are those of later grants.
    put_in_force(&site, &programme().replace("per_transaction = \"50.00\"", "per_transaction = \"2.00\""));
    let message = sign(&mut clerk, &session, advice(card, 20_00, &grant));
    assert_eq!(
        shortfall(&clerk.send(&mut session, &message).await),
        0,
        "it was approved under the one before"
    );
    session = clerk.session(&gateway).await;
    let smaller = granted(&session);
    assert_ne!(smaller, grant);
    let message = sign(&mut clerk, &session, advice(card, 2_01, &smaller));
    assert_eq!(shortfall(&clerk.send(&mut session, &message).await), 2_01);
    // A product that does not take part any more pays nothing, and the terminal bears nothing of it.
    put_in_force(&site, &programme().replace("offline = true\n", ""));
    let message = sign(&mut clerk, &session, advice(card, 1_00, &grant));
    assert_eq!(shortfall(&clerk.send(&mut session, &message).await), 1_00);
    assert_eq!(bearers(&site).last().expect("one"), &(1_00, "merchant".to_owned()));
    switch_on(&site);

    // Enrolled again: the old one's messages are refused, and its grant is worth nothing to the new one.
    let old = sign(&mut clerk, &session, advice(card, 1_00, &grant));
    let mut anew = Clerk::enrol_with(&gateway, &site.enrolment("T0001", "register"), Algorithm::Es256).await;
    let mut beside = anew.session(&gateway).await;
    assert_eq!(
        beside.exchange(&old, false).await.expect("an answer").code(),
        ResponseCode::TERMINAL_NOT_ACTIVE
    );
    let message = sign(&mut anew, &beside, advice(card, 1_00, &grant));
    assert_eq!(shortfall(&anew.send(&mut beside, &message).await), 1_00);
    assert_eq!(bearers(&site).last().expect("one"), &(1_00, "store".to_owned()));
    // A kiosk has none, and may not use another's.
    let mut kiosk = Clerk::enrol(&site, &gateway, "K0001", "kiosk").await;
    let mut session = kiosk.session(&gateway).await;
    let message = sign(&mut kiosk, &session, advice(card, 1_00, &grant));
    let refused = kiosk.send(&mut session, &message).await;
    assert_eq!(refused.code(), ResponseCode::NOT_PERMITTED_TERMINAL);
    // No PIN or secret goes with one.
    let message = sign(&mut anew, &beside, advice(card, 1_00, &grant));
    let sidecar = card.sidecar().encode();
    let with_secret = SignedMessage { sidecar, ..message };
    let refused = beside.exchange(&with_secret, false).await.expect("an answer");
    assert_eq!(refused.code(), ResponseCode::FORMAT_ERROR);
    assert_eq!(holdings(&site, card).principal, 79_00);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_claim_is_settled_once_by_two_people_to_a_card_that_is_in_use() {
    let site = Site::new();
    let gateway = site.start();
    let all = cards(&site, 3);
    let mut kiosk = Clerk::enrol(&site, &gateway, "K0001", "kiosk").await;
    let mut session = kiosk.session(&gateway).await;
    kiosk.fill(&mut session, &all[0], &[]).await;
    two_operators(&site);
    site.add_by_two("carl", "ann");
    let claim = Body::CashTaken {
        card: Some(all[0].reference),
        amount: amount(50_00),
        tenders: terminal_sim::terminal::cash(amount(50_00)).expect("one tender"),
        original: None,
        reason: protocol::field::Reason::NO_ANSWER,
    };
    let taken = sign(&mut kiosk, &session, claim);
    let reference = kiosk.send(&mut session, &taken).await.answer.reference.expect("a reference");
    let text = reference.to_string();
    let propose = |card: &Card, by: &str| {
        let digits = number(card);
        let way = ["--card", &digits, "--reason", "claim", "--operator", by];
        site.run(&[&["exception", "settle", &text][..], &way].concat())
    };
    // One person with two keys, or two names and one key.
    let keys = site.data().join("keys");
    let proposed = propose(&all[0], "ann").json;
    std::fs::copy(keys.join("operator-ann.p8"), keys.join("operator-carl.p8")).expect("a key");
    let waiting = proposed["proposal"].as_u64().expect("an act that waits").to_string();
    for by in ["ann", "carl"] {
        let done = site.run(&["act", "confirm", "--number", &waiting, "--operator", by]);
        assert!(!done.status.success(), "{by}");
    }
    assert_eq!((exceptions(&site, false).len(), holdings(&site, &all[0]).payable()), (1, 0));
    // Two proposals of the same: the second one finds it settled.
    let again = propose(&all[0], "owner").json;
    assert!(confirm(&site, &proposed).status.success());
    let late = confirm(&site, &again);
    assert!(!late.status.success() && late.stderr.contains("settled already"), "{}", late.stderr);
    assert_eq!(holdings(&site, &all[0]).payable(), 50_00);
    // No reversal takes it back, and none of what was credited is cash at the till.
    let undo = sign(&mut kiosk, &session, reversal(&taken));
    let refused = kiosk.send(&mut session, &undo).await;
    assert_eq!(refused.code(), ResponseCode::INVALID_TRANSACTION);

    // To a card that was replaced while it waited for its second signature.
    let taken = sign(
        &mut kiosk,
        &session,
        Body::CashTaken {
            card: None,
            amount: amount(5_00),
            tenders: terminal_sim::terminal::cash(amount(5_00)).expect("one tender"),
            original: None,
            reason: protocol::field::Reason::NO_ANSWER,
        },
    );
    let reference = kiosk.send(&mut session, &taken).await.answer.reference.expect("a reference");
    let digits = [number(&all[0]), number(&all[1]), number(&all[2])];
    let text = reference.to_string();
    let way = ["--card", &digits[0], "--reason", "claim", "--operator", "ann"];
    let proposed = site.json(&[&["exception", "settle", &text][..], &way].concat());
    site.json(&["card", "replace", "--card", &digits[0], "--by", &digits[1], "--reason", "lost"]);
    let late = confirm(&site, &proposed);
    assert!(!late.status.success() && late.stderr.contains("replaced"), "{}", late.stderr);
    let issued = ["--card", &digits[2], "--reason", "claim", "--operator", "ann"];
    assert!(!site.run(&[&["exception", "settle", &text][..], &issued].concat()).status.success());
    settle(&site, reference, &["--card", &digits[1]]);
    assert_eq!(holdings(&site, &all[1]).payable(), 55_00);
    assert_eq!(kiosk.deal(&mut session, load(&all[1], 1_00), &all[1]).await.code(), APPROVED);
    let refused = kiosk.deal(&mut session, purchase(&all[1], 1_00), &all[1]).await;
    assert_eq!(refused.code(), ResponseCode::NOT_PERMITTED_TERMINAL);
    drop(gateway);
    site.verify();
}
