//! Section 14: every message fits in a frame, and the table of sizes is true.

use protocol::cose::{self, Context};
use protocol::field::Fingerprint;
use protocol::frame::{Frame, HEADER_LENGTH, MAX_LENGTH, MessageType};
use protocol::request::{Request, RequestSidecar};

use super::keys::INSTALLATION;
use super::samples::{self, Signer};

/// The bytes of a frame on the wire.
fn on_the_wire(kind: MessageType, body: Vec<u8>, sidecar: Vec<u8>) -> usize {
    let mut bytes = Vec::new();
    let frame = Frame { repeat: true, kind, correlation: u32::MAX, body, sidecar };
    frame.encode(&mut bytes).unwrap_or_else(|_| panic!("{kind:?} does not fit in a frame"));
    bytes.len()
}

fn signed(request: &Request) -> Vec<u8> {
    request.check().unwrap_or_else(|error| panic!("{error}: {request:?}"));
    let context = Context::Request(request.kind());
    let sign = |_: &[u8]| Ok::<_, ()>([0xff; 64]);
    cose::sign(context, cose::Algorithm::Es256, &INSTALLATION, &request.encode_payload(), sign).unwrap().body
}

fn request_size(request: &Request, sidecar: &RequestSidecar) -> usize {
    RequestSidecar::decode(request.kind(), &sidecar.encode()).unwrap();
    on_the_wire(request.kind(), signed(request), sidecar.encode())
}

fn typical(kind: MessageType) -> Request {
    let signer = Signer { terminal: "T0001".parse().unwrap(), key: Fingerprint([0x42; 32]) };
    samples::typical_request(kind, &signer, 4712)
}

/// The table of section 14.
fn table() -> String {
    let mut table =
        String::from("| message | typical request | typical answer | largest request | largest answer |\n");
    table.push_str("|---|---|---|---|---|\n");
    for kind in MessageType::requests() {
        let typical_request = request_size(&typical(kind), &samples::typical_request_sidecar(kind));
        let largest_request =
            request_size(&samples::largest_request(kind), &samples::largest_request_sidecar(kind));
        let (answer, sidecar) = (samples::typical_answer(kind), samples::typical_answer_sidecar(kind));
        let typical_answer = on_the_wire(kind.answer(), answer.encode(), sidecar.encode());
        let (answer, sidecar) = (samples::largest_answer(kind), samples::largest_answer_sidecar(kind));
        let largest_answer = on_the_wire(kind.answer(), answer.encode(), sidecar.encode());
        table.push_str(&format!(
            "| {kind} | {typical_request} | {typical_answer} | {largest_request} | {largest_answer} |\n"
        ));
    }
    let hello = on_the_wire(MessageType::HELLO, samples::hello().encode(), Vec::new());
    table.push_str(&format!("| Hello | - | {hello} | - | {hello} |\n"));
    table
}

#[test]
fn the_table_of_section_14_is_true() {
    let text = include_str!("../../PROTOCOL.md");
    let table = table();
    assert!(text.contains(&table), "put this into section 14:\n{table}");
}

#[test]
fn every_largest_message_fits_in_a_frame_with_all_its_keys() {
    for kind in MessageType::requests() {
        let request = samples::largest_request(kind);
        assert!(request_size(&request, &samples::largest_request_sidecar(kind)) <= MAX_LENGTH + 2);
        assert_eq!(Request::decode_payload(kind, &request.encode_payload()).unwrap(), request);
    }
    let purchase = samples::largest_request(MessageType::PURCHASE);
    let keys = purchase.encode_payload();
    assert_eq!(&keys[..2], &[0xb8, 28], "a Purchase with all 28 keys that it may have");
}

#[test]
fn every_answer_that_is_journalled_can_be_asked_for_again() {
    for kind in MessageType::requests().filter(|kind| kind.is_value()) {
        let length = samples::largest_answer(kind).encode().len();
        assert!(length <= protocol::answer::MAX_STORED_ANSWER, "{kind}: {length}");
    }
}

#[test]
fn a_typical_purchase_is_about_170_bytes_signed() {
    let body = signed(&typical(MessageType::PURCHASE)).len();
    assert!((160..=180).contains(&body), "{body}");
}

#[test]
fn the_largest_receipt_fits_in_a_sidecar() {
    let largest = samples::largest_receipt().encode().len();
    assert!(largest <= protocol::request::MAX_RECEIPT, "{largest}");
}

#[test]
fn a_frame_one_byte_too_large_is_refused() {
    let room = MAX_LENGTH - HEADER_LENGTH;
    let frame = |body, sidecar| Frame {
        repeat: false,
        kind: MessageType::ECHO,
        correlation: 0,
        body: vec![0; body],
        sidecar: vec![0; sidecar],
    };
    assert!(frame(room - 1, 1).encode(&mut Vec::new()).is_ok());
    assert!(frame(room, 1).encode(&mut Vec::new()).is_err());
    assert!(frame(0, 70_000).encode(&mut Vec::new()).is_err());
    assert!(frame(70_000, 0).encode(&mut Vec::new()).is_err());
}
