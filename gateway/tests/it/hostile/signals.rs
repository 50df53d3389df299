//! The operating system's part: a second gateway, a stop in the middle of trade, a pause.

use std::process::Command;
use std::time::Duration;

use protocol::code::ResponseCode;
use terminal_sim::Card;
use terminal_sim::message::SignedMessage;
use terminal_sim::session::Session;
use tokio::time::sleep;

use crate::counter::{Clerk, cards, frames, get, holdings, last_index, purchase, wire};
use crate::harness::{Gateway, Site};

fn signal(gateway: &Gateway, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &gateway.pid().to_string()]).status();
    assert!(sent.expect("kill").success());
}

#[tokio::test]
async fn a_second_gateway_on_the_same_data_does_not_start_and_harms_nothing() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[100_00]).await;
    for _ in 0..2 {
        let done = site.start_with(&[], &[]).map(drop).expect_err("the second one");
        assert_eq!(done.status.code(), Some(1));
        assert!(done.stderr.contains("another gateway serves"), "{}", done.stderr);
        let answer = clerk.deal(&mut session, purchase(&card, 1_00), &card).await;
        assert_eq!(answer.code(), ResponseCode::APPROVED, "the first one goes on");
    }
    assert_eq!(holdings(&site, &card).payable(), 105_00 - 2_00, "over its own admin socket");
    // A lock that nobody holds any more keeps nobody out.
    gateway.kill();
    let gateway = site.start();
    clerk.session(&gateway).await;
    site.verify();
}

/// Sells for 0.01 as fast as the session allows until the connection ends: what was answered, and what was not.
async fn sell_until_the_end(
    mut clerk: Clerk,
    mut session: Session,
    card: Card,
) -> (Clerk, Vec<SignedMessage>, Vec<SignedMessage>) {
    let (mut answered, mut open) = (Vec::new(), Vec::new());
    let in_flight = session.in_flight();
    loop {
        let first = clerk.last_stan;
        let messages: Vec<SignedMessage> =
            (0..in_flight).map(|_| clerk.sign(&session, purchase(&card, 1), &card)).collect();
        let all: Vec<&SignedMessage> = messages.iter().collect();
        open.extend(messages.iter().cloned());
        if session.connection.send_raw(&wire(&all, first)).await.is_err() {
            break;
        }
        let mut left = all.len();
        while left > 0
            && let Ok(frame) = session.connection.next_frame().await
        {
            let message = &messages[(frame.correlation - first) as usize];
            let answer = session.check(&frame, message).expect("an answer that holds");
            assert_eq!(answer.code(), ResponseCode::APPROVED, "{:?}", answer.answer.detail);
            open.retain(|other| other.request_id != message.request_id);
            answered.push(message.clone());
            left -= 1;
        }
        if left > 0 {
            break;
        }
    }
    (clerk, answered, open)
}

#[tokio::test]
async fn a_stop_under_load_answers_what_it_took_and_the_rest_is_safe_to_repeat() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut tills = Vec::new();
    for till in 0..6 {
        let mut clerk = Clerk::enrol(&site, &gateway, &format!("T000{till}"), "register").await;
        let mut session = clerk.session(&gateway).await;
        if till == 0 {
            clerk.fill(&mut session, &card, &[4_000_00]).await;
        }
        tills.push((clerk, session));
    }
    let before = holdings(&site, &card).payable();
    let trading: Vec<_> = tills
        .into_iter()
        .map(|(clerk, session)| tokio::spawn(sell_until_the_end(clerk, session, card.clone())))
        .collect();
    sleep(Duration::from_millis(700)).await;
    let status = tokio::task::spawn_blocking(move || gateway.stop()).await.expect("stopped");
    assert!(status.success(), "{status}: {}", site.log());

    let gateway = site.start();
    let (mut sales, mut repeated, mut unheard) = (0, 0, 0);
    for till in trading {
        let (clerk, answered, open) = till.await.expect("a till that trades to the end");
        let mut session = clerk.session(&gateway).await;
        sales += answered.len() + open.len();
        unheard += open.len();
        for messages in open.chunks(session.in_flight()) {
            let all: Vec<&SignedMessage> = messages.iter().collect();
            session.connection.send_raw(&wire(&all, 1)).await.expect("sent");
            for frame in frames(&mut session, all.len()).await {
                let message = &messages[frame.correlation as usize - 1];
                let answer = session.check(&frame, message).expect("an answer that holds");
                assert!(answer.is_approval(), "{:?}", answer.code());
                repeated += usize::from(answer.repeat);
            }
        }
        let last = answered.last().expect("the gateway answered before it stopped");
        assert!(session.exchange(last, true).await.expect("an answer").repeat, "what was answered is kept");
    }
    println!("{sales} sales; {unheard} without an answer at the stop, of which {repeated} had been decided");
    assert!(sales > 100, "there was load");
    let left = holdings(&site, &card).payable();
    assert_eq!(before - left, i64::try_from(sales).expect("few"), "each sale once, none twice");
    site.verify();
}

#[tokio::test]
async fn a_gateway_that_was_paused_goes_on_where_it_was() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[100_00]).await;
    let index = last_index(&gateway);
    let sale = clerk.sign(&session, purchase(&card, 1_00), &card);
    signal(&gateway, "STOP");
    let correlation = session.send(&sale, false).await.expect("sent into the pause");
    let meanwhile = tokio::net::TcpStream::connect(&gateway.listen).await.expect("the system accepts");
    sleep(Duration::from_secs(3)).await;
    signal(&gateway, "CONT");
    let frame = frames(&mut session, 1).await.remove(0);
    assert_eq!(frame.correlation, correlation);
    let answer = session.check(&frame, &sale).expect("an answer that holds");
    assert_eq!((answer.code(), answer.repeat), (ResponseCode::APPROVED, false));
    let again = session.exchange(&sale, true).await.expect("an answer");
    assert_eq!(again.body, answer.body);
    assert_eq!(last_index(&gateway), index + 1);
    drop(meanwhile);
    assert!(get(&gateway, "/healthz").0.contains("200"));
    assert!(clerk.session(&gateway).await.in_flight() > 0);
    site.verify();
}
