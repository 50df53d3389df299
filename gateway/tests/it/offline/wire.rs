//! The queue of a register that was cut off, over the wire; and what operators make of what it leaves.

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::cose::Sign1;
use protocol::field::{Blob, CardReference, TransactionState};
use protocol::receipt::{Grant, MAX_GRANT};
use protocol::request::{Body, Request, RequestSidecar};
use serde_json::Value;
use terminal_sim::Card;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;
use terminal_sim::session::Session;

use super::switch_on;
use crate::counter::{Clerk, amount, cards, holdings, last_index, load, number, purchase, reversal};
use crate::harness::{Done, Gateway, Site};

const APPROVED: ResponseCode = ResponseCode::APPROVED;

/// The grant of a sign-on, as it came.
pub(crate) fn granted(session: &Session) -> Blob<MAX_GRANT> {
    session.sign_on.grant.clone().expect("a grant")
}

fn payload(grant: &Blob<MAX_GRANT>) -> Grant {
    let sign1 = Sign1::parse(grant.as_bytes()).expect("a COSE_Sign1");
    Grant::decode_payload(sign1.payload.expect("a payload")).expect("a grant")
}

pub(crate) fn advice(card: &Card, minor: i64, grant: &Blob<MAX_GRANT>) -> Body {
    Body::Advice {
        card: card.reference,
        amount: amount(minor),
        tenders: None,
        lines: None,
        grant: grant.clone(),
    }
}

/// Signs a message without a sidecar under a new STAN.
pub(crate) fn sign(clerk: &mut Clerk, session: &Session, body: Body) -> SignedMessage {
    let header = session.value_header(clerk.next_stan()).expect("a header");
    session.sign(&Request { header, body }, &RequestSidecar::default()).expect("a signed message")
}

pub(crate) fn shortfall(answer: &Checked) -> i64 {
    assert_eq!(answer.code(), APPROVED);
    answer.answer.shortfall.expect("a shortfall").get()
}

pub(crate) fn exceptions(site: &Site, all: bool) -> Vec<Value> {
    let list: &[&str] = if all { &["exception", "list", "--all"] } else { &["exception", "list"] };
    site.json(list)["exceptions"].as_array().expect("a list").clone()
}

/// Has an act signed by a second operator.
pub(crate) fn confirm(site: &Site, proposed: &Value) -> Done {
    let number = proposed["proposal"].as_u64().expect("an act that waits").to_string();
    site.run(&["act", "confirm", "--number", &number, "--operator", "bob"])
}

pub(crate) fn settle(site: &Site, reference: u64, way: &[&str]) -> Value {
    let reference = reference.to_string();
    let first = ["exception", "settle", &reference, "--reason", "looked into", "--operator", "ann"];
    let proposed = site.json(&[&first, way].concat());
    let done = confirm(site, &proposed);
    assert!(done.status.success(), "{} {}", done.json, done.stderr);
    done.json
}

pub(crate) fn two_operators(site: &Site) {
    site.operators(&["ann", "bob"]);
}

/// A register with a grant, and cards of 100.00 and a bonus of 5.00 each.
pub(crate) async fn shop(count: u32) -> (Site, Gateway, Vec<Card>, Clerk, Session) {
    let site = Site::new();
    let gateway = site.start();
    switch_on(&site);
    let all = cards(&site, count);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    for card in &all {
        clerk.fill(&mut session, card, &[100_00]).await;
    }
    (site, gateway, all, clerk, session)
}

#[tokio::test]
async fn t5_a_queue_in_any_order_twice_cut_in_the_middle_and_after_a_kill_is_booked_once() {
    let (site, mut gateway, all, mut clerk, mut session) = shop(2).await;
    let grant = granted(&session);
    let amounts = [50_00, 30_00, 20_00, 40_00, 10_00];
    let mut queue: Vec<SignedMessage> = Vec::new();
    for (at, minor) in amounts.into_iter().enumerate() {
        queue.push(sign(&mut clerk, &session, advice(&all[at % 2], minor, &grant)));
    }
    let before = last_index(&gateway);
    // The gateway is back: the last two go out and the line is cut before any answer was read.
    for message in queue.iter().rev().take(2) {
        session.send(message, false).await.expect("sent");
    }
    drop(session);
    gateway.kill();
    gateway = site.start();
    let mut session = clerk.session(&gateway).await;
    assert_eq!(payload(&granted(&session)), payload(&grant), "no second grant for one who signs on again");
    let mut answers: Vec<Answer> = Vec::new();
    for order in [[2, 0, 4, 1, 3], [3, 1, 4, 0, 2]] {
        for at in order {
            let answer = session.exchange(&queue[at], true).await.expect("an answer");
            assert_eq!(answer.answer.approved_amount.map(|sum| sum.get()), Some(amounts[at]));
            answers.push(answer.answer.clone());
        }
        gateway.kill();
        gateway = site.start();
        session = clerk.session(&gateway).await;
    }
    assert_eq!(last_index(&gateway) - before, 5, "an entry each");
    let reference = |at: usize| answers[at].reference;
    assert_eq!([reference(0), reference(1), reference(2)], [reference(9), reference(8), reference(7)]);
    // The first card was to pay 80.00, the second 70.00, both within the grant.
    assert_eq!([holdings(&site, &all[0]).principal, holdings(&site, &all[1]).principal], [20_00, 30_00]);
    assert!(answers.iter().all(|answer| answer.shortfall.map(|sum| sum.get()) == Some(0)));
    let sixth = sign(&mut clerk, &session, advice(&all[0], 1, &grant));
    assert_eq!(
        shortfall(&clerk.send(&mut session, &sixth).await),
        1,
        "the grant was for five, restarts or not"
    );
    assert_eq!(exceptions(&site, false)[0]["bearer"], "store");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t5_a_shortfall_waits_for_two_people_and_is_settled_once() {
    let (site, gateway, all, mut clerk, mut session) = shop(2).await;
    two_operators(&site);
    let grant = granted(&session);
    let spent = clerk.deal(&mut session, purchase(&all[0], 98_00), &all[0]).await;
    assert_eq!(spent.code(), APPROVED);
    let message = sign(&mut clerk, &session, advice(&all[0], 10_00, &grant));
    let answer = clerk.send(&mut session, &message).await;
    assert_eq!((shortfall(&answer), holdings(&site, &all[0]).payable()), (3_00, 0));
    let open = exceptions(&site, false);
    assert_eq!(open.len(), 1, "{open:?}");
    let row = &open[0];
    assert_eq!(row["reference"].as_u64(), answer.answer.reference);
    assert_eq!((&row["what"], &row["bearer"]), (&"offline shortfall".into(), &"merchant".into()));
    assert_eq!((row["amount_minor"].as_i64(), &row["terminal"]), (Some(3_00), &"T0001".into()));
    let reference = row["reference"].as_u64().expect("a reference");
    let text = reference.to_string();
    let alone = ["exception", "settle", &text, "--write-off", "--reason", "empty", "--operator", "ann"];
    let proposed = site.json(&alone);
    let number = proposed["proposal"].as_u64().expect("an act that waits").to_string();
    assert!(!site.run(&["act", "confirm", "--number", &number, "--operator", "ann"]).status.success());
    assert_eq!(exceptions(&site, false).len(), 1, "one person settles nothing");
    assert!(confirm(&site, &proposed).status.success());
    assert!(exceptions(&site, false).is_empty());
    assert_eq!(exceptions(&site, true)[0]["open"], false);
    let again = site.run(&alone);
    assert!(again.stderr.contains("settled already"), "{}", again.stderr);
    assert!(!site.run(&["exception", "settle", &text, "--reason", "x"]).status.success(), "a way is needed");
    let both = ["exception", "settle", &text, "--paid-out", "--explained", "--reason", "x"];
    assert!(!site.run(&both).status.success(), "and one only");
    gateway.kill();
    let gateway = site.start();
    assert!(exceptions(&site, false).is_empty(), "after a restart too");
    assert!(site.run(&alone).stderr.contains("settled already"));
    let mut session = clerk.session(&gateway).await;
    let undo = Body::Void { original: message.original().expect("it"), reason: None, supervisor: None };
    let undo = sign(&mut clerk, &session, undo);
    let undone = clerk.send(&mut session, &undo).await;
    assert_eq!((undone.code(), undone.answer.state), (APPROVED, Some(TransactionState::VOIDED)));
    assert_eq!(holdings(&site, &all[0]).payable(), 7_00);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t5_what_is_not_the_gateways_word_to_this_terminal_takes_nothing_from_a_card() {
    let (site, gateway, all, mut clerk, mut session) = shop(1).await;
    let mut other = Clerk::enrol(&site, &gateway, "T0002", "register").await;
    let stranger = other.session(&gateway).await;
    let mut forged = granted(&session).as_bytes().to_vec();
    *forged.last_mut().expect("a byte") ^= 1;
    let wrong =
        [Blob::new(forged).expect("a blob"), granted(&stranger), Blob::new(vec![0xA0]).expect("a blob")];
    for grant in wrong {
        let message = sign(&mut clerk, &session, advice(&all[0], 1_00, &grant));
        let answer = clerk.send(&mut session, &message).await;
        assert_eq!((shortfall(&answer), answer.answer.balances.clone()), (1_00, None));
    }
    assert_eq!(holdings(&site, &all[0]).principal, 100_00);
    assert!(exceptions(&site, false).iter().all(|row| row["bearer"] == "store"));
    // Nobody learns by it what cards there are, and nobody has to reverse it.
    let grant = granted(&session);
    let nobody = CardReference::from_parts(12_345_678_901_234).expect("a reference");
    let nobody = Card { reference: nobody, ..all[0].clone() };
    let message = sign(&mut clerk, &session, advice(&nobody, 1_00, &grant));
    let answer = clerk.send(&mut session, &message).await;
    assert_eq!((shortfall(&answer), answer.answer.balances.clone()), (1_00, None));
    let undone = sign(&mut clerk, &session, reversal(&message));
    assert_eq!(clerk.send(&mut session, &undone).await.code(), APPROVED);
    other.last_stan = 0;
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t5_grants_are_for_registers_where_the_programme_has_them() {
    let site = Site::new();
    let gateway = site.start();
    let clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    assert!(clerk.session(&gateway).await.sign_on.grant.is_none(), "off unless it is switched on");
    switch_on(&site);
    let kiosk = Clerk::enrol(&site, &gateway, "K0001", "kiosk").await;
    assert!(kiosk.session(&gateway).await.sign_on.grant.is_none());
    let grant = payload(&granted(&clerk.session(&gateway).await));
    assert!(grant.is_for(&clerk.identity.terminal, clerk.identity.generation));
    assert_eq!(grant.limits.transaction.get(), 50_00);
    assert_eq!((grant.limits.card.get(), grant.limits.count, grant.limits.sum.get()), (80_00, 5, 200_00));
    assert_eq!(grant.expires.get() - grant.issued.get(), 24 * 3600);
    let other = Clerk::enrol(&site, &gateway, "T0002", "register").await;
    assert_ne!(payload(&granted(&other.session(&gateway).await)).id, grant.id, "each terminal its own");
}

#[tokio::test]
async fn t5_a_claim_beside_a_load_that_came_through_is_not_credited_again() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut kiosk = Clerk::enrol(&site, &gateway, "K0001", "kiosk").await;
    let mut session = kiosk.session(&gateway).await;
    kiosk.fill(&mut session, &card, &[]).await;
    two_operators(&site);
    let made = kiosk.sign(&session, load(&card, 50_00), &card);
    assert_eq!(kiosk.send(&mut session, &made).await.code(), APPROVED);
    let body = Body::CashTaken {
        card: None,
        amount: amount(50_00),
        tenders: terminal_sim::terminal::cash(amount(50_00)).expect("one tender"),
        original: Some(made.original().expect("it")),
        reason: protocol::field::Reason::NO_ANSWER,
    };
    let taken = sign(&mut kiosk, &session, body);
    let answer = kiosk.send(&mut session, &taken).await;
    assert_eq!((answer.code(), answer.answer.card), (APPROVED, None));
    assert_eq!(exceptions(&site, false)[0]["load"], "stands");
    let reference = answer.answer.reference.expect("a reference");
    let (text, digits) = (reference.to_string(), card.reference.digits().to_string());
    let credit = ["exception", "settle", &text, "--card", &digits, "--reason", "claim"];
    assert!(site.run(&credit).stderr.contains("stands"), "the customer has it already");
    let undone = kiosk.sign(&session, reversal(&made), &card);
    assert_eq!(kiosk.send(&mut session, &undone).await.code(), APPROVED);
    assert_eq!(exceptions(&site, false)[0]["load"], "undone");
    settle(&site, reference, &["--card", &digits]);
    assert_eq!(holdings(&site, &card).payable(), 50_00);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t5_cash_that_a_kiosk_took_is_written_down_on_a_full_disk_and_credited_by_two_people() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut kiosk = Clerk::enrol(&site, &gateway, "K0001", "kiosk").await;
    let mut session = kiosk.session(&gateway).await;
    kiosk.fill(&mut session, &card, &[]).await;
    two_operators(&site);
    // The load gets no answer; the notes are swallowed.
    let lost = kiosk.sign(&session, load(&card, 100_00), &card);
    let tenders = terminal_sim::terminal::cash(amount(100_00)).expect("one tender");
    let body = Body::CashTaken {
        card: Some(card.reference),
        amount: amount(100_00),
        tenders,
        original: Some(lost.original().expect("it")),
        reason: protocol::field::Reason::NO_ANSWER,
    };
    let taken = sign(&mut kiosk, &session, body);
    let gone = sign(&mut kiosk, &session, reversal(&lost));
    assert!(gateway.stop().success());
    let endless = 1_u64 << 40;
    let limits = format!("stop_loads_below_mib = {endless}\nstop_sales_below_mib = {endless}\n");
    std::fs::write(site.data().join("gateway.toml"), limits).expect("a configuration");
    let gateway = site.start();
    let mut session = kiosk.session(&gateway).await;
    assert_eq!(kiosk.send(&mut session, &gone).await.code(), APPROVED);
    let answer = kiosk.send(&mut session, &taken).await;
    assert_eq!(answer.code(), APPROVED, "money that is in the box is written down, whatever the disk says");
    assert_eq!(answer.answer.approved_amount.map(|sum| sum.get()), Some(100_00));
    assert_eq!((answer.answer.card, answer.answer.balances.clone()), (Some(card.reference), None));
    assert!(session.exchange(&taken, true).await.expect("an answer").repeat);
    assert_eq!(holdings(&site, &card).payable(), 0);
    let open = exceptions(&site, false);
    assert_eq!((open.len(), &open[0]["claim"]), (1, &format!("K0001-1-{}", kiosk.last_stan - 1).into()));
    assert_eq!(open[0]["card"], card.reference.digits().to_string());
    let reference = open[0]["reference"].as_u64().expect("a reference");
    settle(&site, reference, &["--card", &card.reference.digits().to_string()]);
    let held = holdings(&site, &card);
    assert_eq!((held.principal, held.bonus), (100_00, 0));
    assert!(exceptions(&site, false).is_empty());
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t5_a_load_that_comes_after_its_claim_was_settled_is_not_credited_beside_it() {
    let site = Site::new();
    let mut gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut kiosk = Clerk::enrol(&site, &gateway, "K0001", "kiosk").await;
    let mut session = kiosk.session(&gateway).await;
    kiosk.fill(&mut session, &card, &[]).await;
    two_operators(&site);
    let digits = card.reference.digits().to_string();
    let mut expected = 0;
    for way in [&["--card", &digits][..], &["--paid-out"]] {
        let lost = kiosk.sign(&session, load(&card, 50_00), &card);
        let later = kiosk.sign(&session, load(&card, 20_00), &card);
        let body = Body::CashTaken {
            card: Some(card.reference),
            amount: amount(50_00),
            tenders: terminal_sim::terminal::cash(amount(50_00)).expect("one tender"),
            original: Some(lost.original().expect("it")),
            reason: protocol::field::Reason::NO_ANSWER,
        };
        let taken = sign(&mut kiosk, &session, body);
        let answer = kiosk.send(&mut session, &taken).await;
        assert_eq!(exceptions(&site, false)[0]["load"], "never came; it may still");
        settle(&site, answer.answer.reference.expect("a reference"), way);
        expected += if way.len() == 2 { 50_00 } else { 0 };
        assert_eq!(holdings(&site, &card).principal, expected);
        assert_eq!(exceptions(&site, true)[0]["load"], "never came");
        gateway.kill();
        gateway = site.start();
        session = kiosk.session(&gateway).await;
        let late = session.exchange(&lost, true).await.expect("an answer");
        assert_eq!(late.code(), ResponseCode::ALREADY_REVERSED, "the money went where the claim says");
        assert_eq!(holdings(&site, &card).principal, expected);
        // Another load is not in its way.
        assert_eq!(kiosk.send(&mut session, &later).await.code(), APPROVED);
        expected += 20_00;
    }
    assert_eq!(holdings(&site, &card).principal, expected);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t5_a_claim_blocks_no_load_of_another_terminal_and_none_that_was_yet_to_come() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut kiosk = Clerk::enrol(&site, &gateway, "K0001", "kiosk").await;
    let mut session = kiosk.session(&gateway).await;
    kiosk.fill(&mut session, &card, &[]).await;
    let mut till = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut beside = till.session(&gateway).await;
    two_operators(&site);
    let claim = |of: &SignedMessage| Body::CashTaken {
        card: None,
        amount: amount(5_00),
        tenders: terminal_sim::terminal::cash(amount(5_00)).expect("one tender"),
        original: Some(of.original().expect("it")),
        reason: protocol::field::Reason::NO_ANSWER,
    };
    let foreign = till.sign(&beside, load(&card, 5_00), &card);
    let mut ahead = kiosk.clone();
    ahead.last_stan += 5;
    let future = ahead.sign(&session, load(&card, 5_00), &card);
    for of in [&foreign, &future] {
        let taken = sign(&mut kiosk, &session, claim(of));
        let answer = kiosk.send(&mut session, &taken).await;
        assert_eq!(answer.code(), APPROVED);
        settle(&site, answer.answer.reference.expect("a reference"), &["--paid-out"]);
    }
    assert_eq!(till.send(&mut beside, &foreign).await.code(), APPROVED);
    assert_eq!(kiosk.send(&mut session, &future).await.code(), APPROVED);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t5_one_swallowed_note_is_settled_once_however_often_it_was_claimed() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut kiosk = Clerk::enrol(&site, &gateway, "K0001", "kiosk").await;
    let mut session = kiosk.session(&gateway).await;
    kiosk.fill(&mut session, &card, &[]).await;
    two_operators(&site);
    let (lost, other) =
        (kiosk.sign(&session, load(&card, 5_00), &card), kiosk.sign(&session, load(&card, 5_00), &card));
    let mut references = Vec::new();
    for of in [&lost, &lost, &lost, &other] {
        let claim = Body::CashTaken {
            card: None,
            amount: amount(5_00),
            tenders: terminal_sim::terminal::cash(amount(5_00)).expect("one tender"),
            original: Some(of.original().expect("it")),
            reason: protocol::field::Reason::NO_ANSWER,
        };
        let taken = sign(&mut kiosk, &session, claim);
        let answer = kiosk.send(&mut session, &taken).await;
        assert_eq!(answer.code(), APPROVED);
        references.push(answer.answer.reference.expect("a reference"));
    }
    let number = number(&card);
    let to_card = ["--card", &number];
    settle(&site, references[0], &to_card);
    for way in [&to_card[..], &["--paid-out"]] {
        let again = ["exception", "settle", &references[1].to_string(), "--reason", "x"];
        let refused = site.run(&[&again, way].concat());
        let says = format!("exception {} claims cash for the same load", references[0]);
        assert!(!refused.status.success() && refused.stderr.contains(&says), "{}", refused.stderr);
    }
    assert_eq!(holdings(&site, &card).principal, 5_00);
    settle(&site, references[3], &to_card);
    assert_eq!(holdings(&site, &card).principal, 10_00, "another load's note");
    // Somebody has seen two notes in the box.
    settle(&site, references[1], &[&to_card[..], &["--another-note"]].concat());
    assert_eq!(holdings(&site, &card).principal, 15_00);
    settle(&site, references[2], &["--paid-out", "--another-note"]);
    drop(gateway);
    site.verify();
}
