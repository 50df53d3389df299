//! Frames in pieces, frames of every length, bytes that are no frames.

use std::time::Duration;

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::frame::{Frame, HEARTBEAT, Incoming, MAX_CONTENT, MAX_LENGTH, MessageType};
use protocol::request::{Body, RequestSidecar};
use terminal_sim::client::Connection;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::counter::{Clerk, PATIENCE, cards, frames, holdings, last_index, purchase, wire};
use crate::harness::Site;

#[tokio::test]
async fn a_sale_is_one_sale_however_its_frame_is_split() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[100_00]).await;
    let sale = clerk.sign(&session, purchase(&card, 1_00), &card);
    let frame = wire(&[&sale], 1);
    let mut first: Option<Vec<u8>> = None;
    let mut check = |answer: Frame| {
        assert_eq!(answer.repeat, first.is_some());
        let body = first.get_or_insert_with(|| answer.body.clone());
        assert_eq!(*body, answer.body, "the same answer");
    };
    for cut in 1..frame.len() {
        session.connection.send_raw(&frame[..cut]).await.expect("sent");
        // A TLS record and a packet of its own: the gateway has read the first part by then, or reads both at once.
        if cut % 4 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        session.connection.send_raw(&frame[cut..]).await.expect("sent");
        check(frames(&mut session, 1).await.remove(0));
    }
    for byte in &frame {
        session.connection.send_raw(&[*byte]).await.expect("sent");
    }
    check(frames(&mut session, 1).await.remove(0));
    // Two and a half frames and a heartbeat in one write, then the rest.
    let glued = [&frame[..], &HEARTBEAT, &frame, &frame].concat();
    let cut = glued.len() - frame.len() / 2;
    session.connection.send_raw(&glued[..cut]).await.expect("sent");
    session.connection.send_raw(&glued[cut..]).await.expect("sent");
    for answer in frames(&mut session, 3).await {
        check(answer);
    }
    assert_eq!(holdings(&site, &card).payable(), 105_00 - 1_00, "paid once");
    site.verify();
}

/// What comes back for these bytes: the code of an answer, a heartbeat, or the end.
async fn said(connection: &mut Connection, bytes: &[u8]) -> Option<(MessageType, ResponseCode)> {
    connection.send_raw(bytes).await.expect("sent");
    match timeout(PATIENCE, connection.reader.next()).await.expect("in time") {
        Ok(Incoming::Frame(frame)) => {
            Some((frame.kind, Answer::decode(&frame.body).expect("an answer").code))
        }
        Ok(Incoming::Heartbeat) => Some((MessageType(0), ResponseCode::APPROVED)),
        Err(_) => None,
    }
}

fn frame_of(length: usize) -> Vec<u8> {
    let mut bytes = u16::try_from(length).expect("16 bits").to_be_bytes().to_vec();
    let body = u16::try_from(length.saturating_sub(8)).expect("16 bits").to_be_bytes();
    let header = [0x10, MessageType::PURCHASE.0, 0, 0, 0, 7, body[0], body[1]];
    bytes.extend_from_slice(&header[..header.len().min(length)]);
    bytes.resize(length.min(MAX_LENGTH) + 2, 0xf6);
    bytes
}

#[tokio::test]
async fn a_length_that_no_frame_has_ends_the_connection_and_every_other_one_is_answered() {
    let site = Site::new();
    let gateway = site.start();
    let clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let reject = Some((MessageType::REJECT, ResponseCode::FORMAT_ERROR));
    for length in [1, 2, 7, MAX_LENGTH + 1, 0x1fff, 0x8000, 65_535] {
        let mut connection = clerk.connect(&gateway).await;
        assert_eq!(said(&mut connection, &frame_of(length)).await, reject, "length {length}");
        assert_eq!(said(&mut connection, &HEARTBEAT).await, None, "length {length}: closed");
    }
    let mut connection = clerk.connect(&gateway).await;
    let format = Some((MessageType::PURCHASE.answer(), ResponseCode::FORMAT_ERROR));
    for length in [8, 9, 100, MAX_LENGTH - 1, MAX_LENGTH] {
        assert_eq!(said(&mut connection, &frame_of(length)).await, format, "length {length}");
    }
    let heartbeat = Some((MessageType(0), ResponseCode::APPROVED));
    assert_eq!(said(&mut connection, &HEARTBEAT).await, heartbeat, "it lives on");
    let huge = Frame {
        repeat: false,
        kind: MessageType::PURCHASE,
        correlation: 1,
        body: Vec::new(),
        sidecar: vec![0; MAX_CONTENT],
    };
    let mut bytes = Vec::new();
    huge.encode(&mut bytes).expect("the largest frame");
    assert_eq!(said(&mut connection, &bytes).await, format, "nothing but a sidecar");
    // A length alone says enough: nobody waits for 65,535 bytes.
    let mut connection = clerk.connect(&gateway).await;
    assert_eq!(said(&mut connection, &[0xff, 0xff]).await, reject);
    site.verify();
}

#[tokio::test]
async fn sixteen_faults_end_a_connection_and_no_other() {
    let site = Site::new();
    let gateway = site.start();
    let clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut good = clerk.session(&gateway).await;
    let mut bad = clerk.session(&gateway).await;
    for fault in 1..=16 {
        assert!(said(&mut bad.connection, &frame_of(20)).await.is_some(), "fault {fault} is answered");
    }
    assert!(
        timeout(PATIENCE, bad.connection.reader.next()).await.expect("in time").is_err(),
        "and that was all"
    );
    let question = good.question(Body::Echo, &RequestSidecar::default()).expect("a question");
    let answer = good.exchange(&question, false).await.expect("an answer");
    assert_eq!(answer.code(), ResponseCode::APPROVED);
}

#[tokio::test]
async fn garbage_behind_the_handshake_ends_that_connection_alone() {
    let site = Site::new();
    let gateway = site.start();
    let clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut good = clerk.session(&gateway).await;
    let index = last_index(&gateway);
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x17, 3, 3, 0, 32, 1, 2, 3], &[0xff; 64]] {
        let connection = clerk.connect(&gateway).await;
        let stream = connection.reader.into_inner().unsplit(connection.writer.into_inner());
        let (mut socket, _) = stream.into_inner();
        socket.write_all(garbage).await.expect("sent");
        socket.shutdown().await.expect("and no more");
        let mut rest = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut rest);
        // An alert may come before the end, or a reset in its place.
        drop(timeout(PATIENCE, read).await.expect("the gateway ends it"));
    }
    let question = good.question(Body::Echo, &RequestSidecar::default()).expect("a question");
    assert_eq!(good.exchange(&question, false).await.expect("an answer").code(), ResponseCode::APPROVED);
    assert_eq!(last_index(&gateway), index);
}
