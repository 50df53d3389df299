//! The body and sidecar of a request: the first byte chooses the message, the second where the sidecar begins.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::cose::{Context, Sign1, open_request, sig_structure};
use protocol::field::Installation;
use protocol::frame::MessageType;
use protocol::request::{Request, RequestSidecar};
use protocol_fuzz::same_or_refused;

fuzz_target!(|data: &[u8]| {
    let [choice, rest @ ..] = data else { return };
    let kinds: Vec<MessageType> = MessageType::requests().collect();
    let kind = kinds[usize::from(*choice) % kinds.len()];

    if let Some(request) = same_or_refused(Request::decode_payload(kind, rest), rest, Request::encode_payload)
    {
        assert_eq!(request.kind(), kind);
        assert_eq!(request.check(), Ok(()));
        for other in kinds.iter().filter(|other| **other != kind) {
            assert!(Request::decode_payload(*other, rest).is_err());
        }
    }
    same_or_refused(RequestSidecar::decode(kind, rest), rest, RequestSidecar::encode);

    same_or_refused(Sign1::parse(rest), rest, Sign1::encode);
    if let Ok(opened) = open_request(rest, &Installation([7; 16]), kind) {
        let protected = opened.algorithm.protected_header();
        let signed =
            sig_structure(Context::Request(kind), &Installation([7; 16]), &protected, opened.payload);
        assert_eq!(signed, opened.to_be_signed);
        let _ = Request::decode_payload(kind, opened.payload);
    }
});
