//! One request, one effect, one answer: however often, however fast, on whichever connection, before and after a crash.

use std::collections::BTreeSet;

use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, Shift, Stan, Totals, TransactionState};
use protocol::request::{Body, Header, Request, RequestSidecar};
use terminal_sim::Card;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;
use terminal_sim::rng::Rng;
use terminal_sim::session::Session;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::counter::{
    Clerk, activate, balance, cards, frames, holdings, last_index, load, purchase, reversal, seed,
    sign_partial, wire,
};
use crate::harness::{Gateway, Site};

pub(crate) const COPIES: usize = 100;

/// One message on `COPIES` connections of its terminal at once.
pub(crate) async fn at_once(clerk: &Clerk, gateway: &Gateway, message: &SignedMessage) -> Vec<Checked> {
    let mut sessions = Vec::new();
    for _ in 0..COPIES {
        sessions.push(clerk.session(gateway).await);
    }
    let barrier = std::sync::Arc::new(Barrier::new(COPIES));
    let mut copies = JoinSet::new();
    for (copy, mut session) in sessions.into_iter().enumerate() {
        let (message, barrier) = (message.clone(), std::sync::Arc::clone(&barrier));
        copies.spawn(async move {
            barrier.wait().await;
            // Half of them know that they are repeats; the others believe to be first.
            session.exchange(&message, copy % 2 == 0).await
        });
    }
    let answers = copies.join_all().await;
    answers.into_iter().map(|answer| answer.expect("an answer to every copy")).collect()
}

/// All these answers say the same, and all but `first` of them that it was said before.
pub(crate) fn assert_one_answer(answers: &[Checked], first: usize) -> &Checked {
    let one = &answers[0];
    for answer in answers {
        assert_eq!(answer.body, one.body, "every copy gets the same body");
        assert_eq!(answer.place, one.place, "and a receipt for the same entry");
        assert_eq!(answer.is_approval(), one.is_approval());
        assert_eq!(answer.repeat, answer.status.is_some(), "a repeat, and only a repeat, has a status");
    }
    let repeats = answers.iter().filter(|answer| answer.repeat).count();
    assert_eq!(answers.len() - repeats, first, "answers that are no repeats");
    one
}

#[tokio::test]
async fn a_hundred_copies_of_one_request_have_one_effect_and_one_answer() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[500_00]).await;
    let loading = clerk.sign(&session, load(&card, 100_00), &card);
    let paying = clerk.sign(&session, purchase(&card, 123_45), &card);
    let hopeless = clerk.sign(&session, purchase(&card, 9_999_99), &card);
    drop(session);
    let before = last_index(&gateway);

    let loaded = at_once(&clerk, &gateway, &loading).await;
    let paid = at_once(&clerk, &gateway, &paying).await;
    let declined = at_once(&clerk, &gateway, &hopeless).await;
    assert_one_answer(&loaded, 1);
    assert_eq!(assert_one_answer(&paid, 1).code(), ResponseCode::APPROVED);
    assert_eq!(assert_one_answer(&declined, 1).code(), ResponseCode::NOT_SUFFICIENT_FUNDS);
    assert_eq!(last_index(&gateway), before + 3, "three requests are three entries");
    let left = holdings(&site, &card);
    assert_eq!((left.principal, left.bonus, left.points), (600_00 - 123_45, 55_00, 123));

    gateway.kill();
    let gateway = site.start();
    for (message, first) in [(&loading, &loaded), (&paying, &paid), (&hopeless, &declined)] {
        let again = at_once(&clerk, &gateway, message).await;
        assert_one_answer(&again, 0);
        assert_eq!(again[0].body, first[0].body, "as before the power went");
        assert_eq!(again[0].place, first[0].place, "and at the same place of the journal");
    }
    assert_eq!(last_index(&gateway), before + 3, "nothing was written for a repeat");
    assert_eq!(holdings(&site, &card), left, "nothing was changed by a repeat");
    site.verify();
}

/// Sends purchases of a card one behind the other, some of them ready to take less; the answers.
async fn spend(
    mut clerk: Clerk,
    mut session: Session,
    card: Card,
    mut rng: Rng,
    count: usize,
) -> Vec<Checked> {
    let mut answers = Vec::new();
    let in_flight = session.in_flight();
    let mut waiting = Vec::new();
    for _ in 0..count {
        let stan = clerk.next_stan();
        let minor = rng.between(1, 40_00);
        let message = if rng.chance(1, 4) {
            sign_partial(&session, stan, &card, minor)
        } else {
            session.value(stan, purchase(&card, minor), &card.sidecar()).expect("a signed message")
        };
        let correlation = session.send(&message, false).await.expect("sent");
        waiting.push((correlation, message));
        if waiting.len() == in_flight || rng.chance(1, 3) {
            for frame in frames(&mut session, waiting.len()).await {
                let at = waiting.iter().position(|(number, _)| *number == frame.correlation);
                let (_, message) = waiting.swap_remove(at.expect("an answer to what was asked"));
                answers.push(session.check(&frame, &message).expect("an answer that holds"));
            }
        }
    }
    for frame in frames(&mut session, waiting.len()).await {
        let (_, message) = waiting.iter().find(|(number, _)| *number == frame.correlation).expect("asked");
        answers.push(session.check(&frame, message).expect("an answer that holds"));
    }
    answers
}

#[tokio::test]
async fn two_tills_that_race_for_one_balance_never_overspend() {
    let mut rng = Rng::new(seed("two_tills_that_race_for_one_balance_never_overspend"));
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut tills = Vec::new();
    for name in ["T0001", "T0002"] {
        let clerk = Clerk::enrol(&site, &gateway, name, "register").await;
        let session = clerk.session(&gateway).await;
        tills.push((clerk, session));
    }
    let (clerk, session) = &mut tills[0];
    clerk.fill(session, &card, &[1_000_00, 500_00]).await;
    let filled = holdings(&site, &card);
    assert_eq!(filled.payable(), 1_500_00 + 170_00);

    let racing: Vec<_> = tills
        .into_iter()
        .map(|(clerk, session)| {
            tokio::spawn(spend(clerk, session, card.clone(), Rng::new(rng.next_u64()), 200))
        })
        .collect();
    let (mut spent, mut points, mut refused) = (0, 0, 0);
    let mut by_index = Vec::new();
    for till in racing {
        by_index.extend(till.await.expect("a till that trades to its end"));
    }
    by_index.sort_by_key(|answer| answer.place.expect("a receipt").index);
    for answer in &by_index {
        match answer.code() {
            ResponseCode::APPROVED | ResponseCode::APPROVED_IN_PART => {
                let paid = answer.answer.approved_amount.expect("an amount").get();
                assert!(paid > 0);
                spent += paid;
                points += paid / 100;
                let (principal, bonus) =
                    (balance(answer, BalanceKind::PRINCIPAL), balance(answer, BalanceKind::BONUS));
                assert!(principal >= 0 && bonus >= 0, "nothing below zero");
                assert_eq!(principal + bonus, filled.payable() - spent, "in the journal's order");
                assert_eq!(balance(answer, BalanceKind::POINTS), points);
            }
            ResponseCode::NOT_SUFFICIENT_FUNDS => refused += 1,
            other => panic!("no purchase here gets {other:?}"),
        }
    }
    assert_eq!(by_index.len(), 400);
    assert!(refused > 20, "the race is about money that does not suffice; only {refused} were refused");
    let left = holdings(&site, &card);
    assert_eq!(left.payable(), filled.payable() - spent, "what was paid and what is left is what was there");
    assert_eq!(left.points, points);
    site.verify();
}

/// One message of each kind that has a STAN, all under this one.
fn others_under(session: &Session, stan: Stan, card: &Card, used: &SignedMessage) -> Vec<SignedMessage> {
    let bodies = [
        (purchase(card, 10_01), card.sidecar()),
        (load(card, 100_00), card.sidecar()),
        (activate(card), card.sidecar()),
        (reversal(used), RequestSidecar::default()),
        (
            Body::Reconciliation { totals: Totals::new(Vec::new()).expect("no totals") },
            RequestSidecar::default(),
        ),
    ];
    let sign = |(body, sidecar): (Body, RequestSidecar)| {
        let shift = matches!(body, Body::Reconciliation { .. }).then_some(Shift::FIRST);
        let header = Header { shift, ..session.value_header(stan).expect("a header") };
        session.sign(&Request { header, body }, &sidecar).expect("a signed message")
    };
    bodies.map(sign).into()
}

#[tokio::test]
async fn a_stan_that_was_used_for_something_else_gets_94_and_changes_nothing() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[500_00]).await;
    let first = clerk.sign(&session, purchase(&card, 10_00), &card);
    let stan = first.stan.expect("a STAN");
    let paid = session.exchange(&first, false).await.expect("an answer");
    let (before, index) = (holdings(&site, &card), last_index(&gateway));

    for message in others_under(&session, stan, &card, &first) {
        for repeat in [false, true] {
            let answer = session.exchange(&message, repeat).await.expect("an answer");
            assert_eq!(answer.code(), ResponseCode::STAN_USED, "{}", message.kind);
            assert!(!answer.is_final(), "94 decides nothing");
        }
    }
    gateway.kill();
    let gateway = site.start();
    let mut session = clerk.session(&gateway).await;
    for message in others_under(&session, stan, &card, &first) {
        let answer = session.exchange(&message, false).await.expect("an answer");
        assert_eq!(answer.code(), ResponseCode::STAN_USED, "{} after a restart", message.kind);
    }
    assert_eq!(last_index(&gateway), index, "nothing was written");
    assert_eq!(holdings(&site, &card), before, "nothing was changed");
    let again = session.exchange(&first, true).await.expect("an answer");
    assert_eq!((again.body, again.repeat), (paid.body, true), "the first request keeps its answer");
    site.verify();
}

#[tokio::test]
async fn of_many_requests_under_one_stan_at_once_one_is_decided() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[500_00]).await;
    let index = last_index(&gateway);
    let mut decided = BTreeSet::new();
    for round in 0..12_i64 {
        let stan = clerk.next_stan();
        let messages: Vec<SignedMessage> = (1..=12)
            .map(|n| session.value(stan, purchase(&card, round * 100 + n), &card.sidecar()).expect("signed"))
            .collect();
        let all: Vec<&SignedMessage> = messages.iter().collect();
        session.connection.send_raw(&wire(&all, 1)).await.expect("sent");
        let mut approved = 0;
        for frame in frames(&mut session, messages.len()).await {
            let message = &messages[frame.correlation as usize - 1];
            let answer = session.check(&frame, message).expect("an answer that holds");
            match answer.code() {
                ResponseCode::APPROVED => {
                    approved += 1;
                    decided.insert(answer.place.expect("a receipt").index);
                }
                code => assert_eq!(code, ResponseCode::STAN_USED),
            }
        }
        assert_eq!(approved, 1, "one of twelve in round {round}");
    }
    assert_eq!(last_index(&gateway), index + 12);
    assert_eq!(decided.len(), 12);
    site.verify();
}

/// Where the gateway says that a message stands.
async fn state_of(session: &mut Session, message: &SignedMessage) -> Option<TransactionState> {
    let original = message.original().expect("a value message");
    let question = session
        .question(Body::TransactionStatus { original }, &RequestSidecar::default())
        .expect("a question");
    session.exchange(&question, false).await.expect("an answer").answer.state
}

/// An original and its reversal after both have been answered: undone or never done, and nothing else.
async fn assert_undone(
    session: &mut Session,
    (original, reversed): (&SignedMessage, &SignedMessage),
    (answer, undoing): (&Checked, &Checked),
) -> TransactionState {
    let end = match (answer.code(), undoing.answer.state) {
        (ResponseCode::APPROVED, Some(TransactionState::REVERSED)) => TransactionState::REVERSED,
        (ResponseCode::ALREADY_REVERSED, Some(TransactionState::BLOCKED)) => TransactionState::BLOCKED,
        other => panic!("an original and its reversal came to {other:?}"),
    };
    assert_eq!(undoing.code(), ResponseCode::APPROVED);
    let undone = undoing.answer.approved_amount;
    assert_eq!(undone, answer.answer.approved_amount, "as much as was done");
    assert_eq!(state_of(session, original).await, Some(end));
    for (message, first) in [(original, answer), (reversed, undoing)] {
        let again = session.exchange(message, true).await.expect("an answer");
        assert_eq!(again.body, first.body);
    }
    let late = session.exchange(original, true).await.expect("an answer");
    assert_eq!(late.status.map(|status| status.state), Some(end), "a late copy is told where it stands");
    assert!(!late.is_approval(), "nobody hands out goods for it");
    end
}

#[tokio::test]
async fn a_reversal_that_races_its_original_ends_with_nothing_done() {
    let mut rng = Rng::new(seed("a_reversal_that_races_its_original_ends_with_nothing_done"));
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut here = clerk.session(&gateway).await;
    let mut there = clerk.session(&gateway).await;
    clerk.fill(&mut here, &card, &[500_00]).await;
    let before = holdings(&site, &card);
    let (mut ends, mut same_group) = (Vec::new(), 0);
    for round in 0..40 {
        let body = if rng.chance(1, 3) {
            load(&card, rng.between(100_00, 300_00))
        } else {
            purchase(&card, rng.between(1, 100_00))
        };
        let original = clerk.sign(&here, body, &card);
        let reversed = clerk.sign(&here, reversal(&original), &card);
        // On one connection the order is known, and both often fall into one write group; on two nobody knows.
        let (answer, undoing) = match round % 4 {
            0 => on_one_connection(&mut here, [&original, &reversed]).await,
            1 => {
                let (undoing, answer) = on_one_connection(&mut here, [&reversed, &original]).await;
                (answer, undoing)
            }
            2 => {
                let (answer, undoing) =
                    tokio::join!(here.exchange(&original, false), there.exchange(&reversed, false));
                (answer.expect("an answer"), undoing.expect("an answer"))
            }
            _ => {
                let (undoing, answer) =
                    tokio::join!(there.exchange(&reversed, false), here.exchange(&original, false));
                (answer.expect("an answer"), undoing.expect("an answer"))
            }
        };
        let group = |answer: &Checked| answer.place.expect("a receipt").seal.group;
        same_group += usize::from(group(&answer) == group(&undoing));
        let end = assert_undone(&mut there, (&original, &reversed), (&answer, &undoing)).await;
        match round % 4 {
            0 => assert_eq!(end, TransactionState::REVERSED, "the original came first"),
            1 => assert_eq!(end, TransactionState::BLOCKED, "the reversal came first"),
            _ => {}
        }
        ends.push(end);
    }
    assert_eq!(holdings(&site, &card), before, "to the lot");
    assert!(same_group > 0, "no race was decided within one write group");
    let reversed = ends.iter().filter(|end| **end == TransactionState::REVERSED).count();
    println!("{reversed} of 40 reversed, the others blocked; {same_group} races within one write group");
    site.verify();
}

/// Two messages in one write to the socket; their answers in the order of the messages.
async fn on_one_connection(session: &mut Session, messages: [&SignedMessage; 2]) -> (Checked, Checked) {
    session.connection.send_raw(&wire(&messages, 1)).await.expect("sent");
    let mut answers = frames(session, 2).await;
    answers.sort_by_key(|frame| frame.correlation);
    let mut checked = answers.iter().zip(messages).map(|(frame, message)| session.check(frame, message));
    let mut next = || checked.next().expect("two answers").expect("an answer that holds");
    (next(), next())
}

#[tokio::test]
async fn copies_of_a_blocked_original_are_all_told_that_it_is_blocked() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[500_00]).await;
    let mut same_group = 0;
    for _ in 0..8 {
        let original = clerk.sign(&session, purchase(&card, 1_00), &card);
        let reversed = clerk.sign(&session, reversal(&original), &card);
        let messages = [&reversed, &original, &original, &original];
        session.connection.send_raw(&wire(&messages, 1)).await.expect("sent");
        let mut places = Vec::new();
        for frame in frames(&mut session, messages.len()).await {
            let message = messages[frame.correlation as usize - 1];
            let answer = session.check(&frame, message).expect("an answer that holds");
            if frame.correlation == 1 {
                continue;
            }
            assert_eq!(answer.code(), ResponseCode::ALREADY_REVERSED);
            if answer.repeat {
                let status = answer.status.expect("a status");
                assert_eq!(status.state, TransactionState::BLOCKED, "section 8.3: blocked, not declined");
                // A status that is as old as the entry itself was given in the entry's own write group.
                same_group +=
                    usize::from(status.last_index == answer.place.expect("a receipt").seal.last_index);
            }
            places.push(answer.place.expect("a receipt").index);
        }
        places.dedup();
        assert_eq!(places.len(), 1, "one entry for the original");
    }
    assert!(same_group > 0, "no copy was answered in the write group of the first one");
}
