//! What is encoded comes back, in one encoding only; and nothing that arrives makes a decoder panic.

use proptest::prelude::*;
use protocol::answer::{Answer, AnswerSidecar, ShiftTransactions};
use protocol::cose::{Sign1, open_request};
use protocol::error::FormatError;
use protocol::field::{Blob, TransactionState};
use protocol::frame::{self, Frame, Incoming, MAX_CONTENT, MAX_LENGTH, MessageType};
use protocol::hello::Hello;
use protocol::receipt::{Grant, Receipt, ReceiptFile, Seal, SealHeader, Status};
use protocol::request::{Request, RequestSidecar};
use protocol::strict;
use protocol::terminal::State;

use super::keys::INSTALLATION;
use super::{samples, strategies};

proptest! {
    #[test]
    fn requests_come_back(request in strategies::request()) {
        let payload = request.encode_payload();
        prop_assert_eq!(strict::check(&payload), Ok(()));
        prop_assert_eq!(Request::decode_payload(request.kind(), &payload), Ok(request));
    }

    #[test]
    fn a_request_is_refused_in_a_frame_of_another_type(request in strategies::request(), kind in any::<u8>()) {
        let payload = request.encode_payload();
        prop_assume!(kind != request.kind().0);
        prop_assert!(Request::decode_payload(MessageType(kind), &payload).is_err());
    }

    #[test]
    fn request_sidecars_come_back(sidecar in strategies::request_sidecar()) {
        for kind in MessageType::requests() {
            let may = |key| samples::may_have_in_sidecar(kind, key);
            let sidecar = RequestSidecar {
                secret: sidecar.secret.clone().filter(|_| may(1)),
                pin: sidecar.pin.clone().filter(|_| may(2)),
                chip: sidecar.chip.clone().filter(|_| may(3)),
                new_pin: sidecar.new_pin.clone().filter(|_| may(4)),
                cashier_pin: sidecar.cashier_pin.clone().filter(|_| may(5)),
                supervisor_pin: sidecar.supervisor_pin.clone().filter(|_| may(6)),
                personal: match kind {
                    MessageType::CARD_LOOKUP => {
                        let phone = sidecar.personal.get(&1).map_or("12345", |phone| phone.as_str());
                        samples::phone(phone)
                    }
                    _ if may(10) => sidecar.personal.clone(),
                    _ => Default::default(),
                },
            };
            prop_assert_eq!(RequestSidecar::decode(kind, &sidecar.encode()), Ok(sidecar));
        }
    }

    #[test]
    fn a_sidecar_is_refused_where_the_message_may_not_have_one_of_its_keys(
        sidecar in strategies::request_sidecar(),
    ) {
        let keys = [
            (1, sidecar.secret.is_some()),
            (2, sidecar.pin.is_some()),
            (3, sidecar.chip.is_some()),
            (4, sidecar.new_pin.is_some()),
            (5, sidecar.cashier_pin.is_some()),
            (6, sidecar.supervisor_pin.is_some()),
            (10, !sidecar.personal.is_empty()),
        ];
        for kind in MessageType::requests() {
            let allowed = keys.iter().all(|(key, there)| !there || samples::may_have_in_sidecar(kind, *key))
                && samples::may_have_fields(kind, &sidecar.personal);
            prop_assert_eq!(RequestSidecar::decode(kind, &sidecar.encode()).is_ok(), allowed, "{}", kind);
        }
    }

    #[test]
    fn grants_come_back(grant in strategies::grant()) {
        prop_assert_eq!(Grant::decode_payload(&grant.encode_payload()), Ok(grant));
    }

    #[test]
    fn answers_come_back(answer in strategies::answer()) {
        prop_assert_eq!(strict::check(&answer.encode()), Ok(()));
        prop_assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
    }

    #[test]
    fn answer_sidecars_come_back(sidecar in strategies::answer_sidecar()) {
        prop_assert_eq!(AnswerSidecar::decode(&sidecar.encode()), Ok(sidecar));
    }

    #[test]
    fn receipts_come_back(receipt in strategies::receipt()) {
        prop_assert_eq!(Receipt::parse(&receipt.encode()), Ok(receipt));
    }

    #[test]
    fn frames_come_back_from_any_split(
        repeat in any::<bool>(), kind in any::<u8>(), correlation in any::<u32>(),
        body in prop::collection::vec(any::<u8>(), 0..200), sidecar in prop::collection::vec(any::<u8>(), 0..200),
        more in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let sent = Frame { repeat, kind: MessageType(kind), correlation, body, sidecar };
        let mut bytes = Vec::new();
        sent.encode(&mut bytes).unwrap();
        for end in 0..bytes.len() {
            prop_assert_eq!(frame::decode(&bytes[..end]), Ok(None));
        }
        let length = bytes.len();
        bytes.extend(more);
        prop_assert_eq!(frame::decode(&bytes), Ok(Some((Incoming::Frame(sent), length))));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        feed_everything(&bytes);
    }

    /// Bytes that look like CBOR get deeper into the decoders.
    #[test]
    fn no_maps_make_a_decoder_panic(entries in prop::collection::vec((0..50_u8, any_item()), 0..23)) {
        let sorted: std::collections::BTreeMap<u8, Vec<u8>> = entries.into_iter().collect();
        let mut bytes = vec![0xa0 | u8::try_from(sorted.len()).unwrap()];
        for (key, item) in sorted {
            if key >= 24 {
                bytes.push(0x18);
            }
            bytes.push(key);
            bytes.extend(item);
        }
        feed_everything(&bytes);
    }

    #[test]
    fn a_broken_message_is_refused_or_is_another_message_in_its_one_encoding(
        request in strategies::request(), answer in strategies::answer(), receipt in strategies::receipt(),
        place in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<prop::sample::Index>(),
    ) {
        for bytes in [request.encode_payload(), answer.encode(), receipt.encode()] {
            let mut flipped = bytes.clone();
            flipped[place.index(bytes.len())] ^= 1 << bit;
            feed_everything(&flipped);
            let cut = &bytes[..cut.index(bytes.len())];
            prop_assert!(strict::check_cose(cut).is_err());
            feed_everything(cut);
        }
    }
}

fn any_item() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(|value| minicbor_bytes(|e| drop(e.u64(value >> (value % 64))))),
        any::<i64>().prop_map(|value| minicbor_bytes(|e| drop(e.i64(value)))),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|value| minicbor_bytes(|e| drop(e.bytes(&value)))),
        "[ -~]{0,40}".prop_map(|value| minicbor_bytes(|e| drop(e.str(&value)))),
        Just(vec![0xf6]),
        Just(vec![0xf5]),
    ];
    leaf.prop_recursive(3, 32, 8, |inner| {
        prop::collection::vec(inner, 0..8).prop_map(|items| {
            let mut bytes = vec![0x80 | u8::try_from(items.len()).unwrap()];
            bytes.extend(items.concat());
            bytes
        })
    })
}

fn minicbor_bytes(write: impl Fn(&mut minicbor::Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut minicbor::Encoder::new(&mut bytes));
    bytes
}

/// Gives the bytes to every decoder. Whatever a decoder accepts must come back as the same bytes, unless it has keys
/// from 100, which decoders leave out.
fn feed_everything(bytes: &[u8]) {
    let _ = frame::decode(bytes);
    let _ = open_request(bytes, &INSTALLATION, MessageType::PURCHASE);
    for kind in MessageType::requests() {
        same(Request::decode_payload(kind, bytes), bytes, |request| request.encode_payload());
        same(RequestSidecar::decode(kind, bytes), bytes, RequestSidecar::encode);
    }
    same(Answer::decode(bytes), bytes, Answer::encode);
    same(AnswerSidecar::decode(bytes), bytes, AnswerSidecar::encode);
    same(Hello::decode(bytes), bytes, Hello::encode);
    same(Sign1::parse(bytes), bytes, Sign1::encode);
    same(Receipt::parse(bytes), bytes, Receipt::encode);
    same(Seal::parse(bytes), bytes, Seal::encode);
    same(SealHeader::decode(bytes), bytes, SealHeader::encode);
    same(Status::decode_payload(bytes), bytes, Status::encode_payload);
    same(Grant::decode_payload(bytes), bytes, Grant::encode_payload);
    same(ReceiptFile::decode(bytes), bytes, ReceiptFile::encode);
    same(State::decode(bytes), bytes, State::encode);
}

fn same<T: std::fmt::Debug>(decoded: Result<T, FormatError>, bytes: &[u8], encode: impl Fn(&T) -> Vec<u8>) {
    match decoded {
        Ok(value) if encode(&value).len() < bytes.len() => {} // Keys from 100, or a sidecar that says nothing.
        Ok(value) => assert_eq!(encode(&value), bytes, "{value:?}"),
        Err(error) => assert!(error.to_string().len() <= 80, "{error}"),
    }
}

#[test]
fn hello_comes_back() {
    assert_eq!(Hello::decode(&samples::hello().encode()), Ok(samples::hello()));
}

#[test]
fn samples_come_back_and_every_cut_of_them_is_refused() {
    for kind in MessageType::requests() {
        let (request, answer) = (samples::largest_request(kind), samples::largest_answer(kind));
        let payload = request.encode_payload();
        assert_eq!(Request::decode_payload(kind, &payload), Ok(request));
        assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
        for end in 0..payload.len() {
            assert!(Request::decode_payload(kind, &payload[..end]).is_err());
        }
    }
}

#[test]
fn keys_from_100_are_accepted_and_unknown_ones_below_are_not() {
    let answer = samples::typical_answer(MessageType::ECHO).encode();
    let with = |key: u8| {
        let mut bytes = answer.clone();
        bytes[0] += 1;
        bytes.extend([0x18, key, 0x82, 0x01, 0x61, 0x78]);
        bytes
    };
    assert!(Answer::decode(&with(100)).is_ok() && Answer::decode(&with(99)).is_err());
}

/// The map without its `skipped`th entry.
fn without_entry(map: &[u8], skipped: u64) -> Vec<u8> {
    let mut decoder = minicbor::Decoder::new(map);
    let count = decoder.map().unwrap().unwrap();
    let mut bytes = vec![0xa0 | u8::try_from(count - 1).unwrap()];
    for place in 0..count {
        let start = decoder.position();
        decoder.skip().unwrap();
        decoder.skip().unwrap();
        if place != skipped {
            bytes.extend(&map[start..decoder.position()]);
        }
    }
    bytes
}

#[test]
fn maps_whose_keys_are_all_required_are_refused_without_any_one_of_them() {
    let status = Status {
        request_id: protocol::field::RequestId([1; 32]),
        state: TransactionState::LIVE,
        time: samples::seconds(1),
        epoch: 1,
        last_index: 1,
    };
    let file = ReceiptFile {
        installation: INSTALLATION,
        kind: MessageType::LOAD,
        request: Blob::new(vec![]).unwrap(),
        answer: Blob::new(vec![]).unwrap(),
        details_hash: protocol::field::Hash([1; 32]),
        receipt: Blob::new(vec![]).unwrap(),
    };
    for place in 0..5 {
        assert!(
            Status::decode_payload(&without_entry(&status.encode_payload(), place)).is_err(),
            "status {place}"
        );
    }
    let grant = samples::typical_grant("T1".parse().unwrap()).encode_payload();
    for place in 0..6 {
        assert!(Grant::decode_payload(&without_entry(&grant, place)).is_err(), "grant {place}");
    }
    for place in 0..6 {
        assert!(Hello::decode(&without_entry(&samples::hello().encode(), place)).is_err(), "hello {place}");
    }
    for place in 0..7 {
        assert!(ReceiptFile::decode(&without_entry(&file.encode(), place)).is_err(), "file {place}");
    }
    let state = State::new("T1".parse().unwrap()).encode();
    for place in 0..4 {
        assert!(State::decode(&without_entry(&state, place)).is_err(), "state {place}");
    }
}

#[test]
fn maps_have_no_more_entries_than_section_6_allows_and_no_empty_personal_fields() {
    let answer = |count: u16| Answer {
        balances: Some((0..count).map(|kind| (protocol::field::BalanceKind(kind), 0)).collect()),
        ..samples::typical_answer(MessageType::ECHO)
    };
    assert!(Answer::decode(&answer(16).encode()).is_ok() && Answer::decode(&answer(17).encode()).is_err());
    assert!(RequestSidecar::decode(MessageType::LOAD, &super::keys::hex("a10aa0")).is_err());
    assert!(RequestSidecar::decode(MessageType::LOAD, &super::keys::hex("a10aa1026161")).is_ok());
}

#[test]
fn a_shift_s_transactions_rise_and_are_no_more_than_section_6_allows() {
    let transactions = |stans: &[u32]| {
        let one =
            |stan: &u32| samples::transaction(*stan, MessageType::LOAD, Some(1), TransactionState::LIVE);
        ShiftTransactions::new(stans.iter().map(one).collect())
    };
    let all: Vec<u32> = (1..=49).collect();
    assert!(transactions(&all[..48]).is_some() && transactions(&[]).is_some());
    assert!(transactions(&all).is_none(), "49");
    assert!(transactions(&[2, 1]).is_none() && transactions(&[1, 1]).is_none());

    let answer = |transactions: &str| {
        let head = super::keys::hex("a5000101181e020004001821");
        Answer::decode(&[head, super::keys::hex(&transactions.replace(' ', ""))].concat())
    };
    let decoded = answer("82 85 01 13 00 05 01 85 02 13 1863 f6 05").unwrap();
    assert_eq!(decoded.transactions.unwrap().as_slice()[1].amount, None);
    for (transactions, what) in [
        ("82 85 02 13 00 05 01 85 01 13 00 05 01", "out of order"),
        ("82 85 01 13 00 05 01 85 01 13 00 05 01", "a STAN twice"),
        ("81 85 00 13 00 05 01", "STAN 0"),
        ("81 85 01 13 1864 05 01", "code 100"),
        ("81 85 01 13 00 20 01", "an amount below zero"),
        ("81 85 01 13 00 f5 01", "an amount that is no number"),
        ("81 84 01 13 00 05", "four items"),
        ("81 86 01 13 00 05 01 00", "six items"),
    ] {
        assert!(answer(transactions).is_err(), "{what}");
    }
    let forty_nine: String = (24..73).map(|stan| format!("85 18{stan:02x} 13 00 05 01")).collect();
    assert!(answer(&format!("9831{forty_nine}")).is_err());
}

#[test]
fn an_answer_has_its_four_keys_and_a_code_of_two_digits() {
    let answer = |entries: &str| {
        let entries: Vec<&str> = entries.split(' ').collect();
        let count = u8::try_from(entries.len()).unwrap();
        let bytes = [vec![0xa0 | count], super::keys::hex(&entries.concat())].concat();
        Answer::decode(&bytes).is_ok()
    };
    assert!(answer("0001 0105 0200 0400") && answer("0001 0105 021863 0400"));
    assert!(!answer("0001 0105 021864 0400"), "code 100");
    assert!(!answer("0002 0105 0200 0400"), "schema version 2");
    for missing in ["0105 0200 0400", "0001 0200 0400", "0001 0105 0400", "0001 0105 0200"] {
        assert!(!answer(missing), "{missing}");
    }
}

#[test]
fn framing_errors_are_those_of_section_2() {
    use frame::FrameProblem::{BodyLength, Flags, TooLong, TooShort, Version};
    let header = |length: u16, first: u8, body: u16| {
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend([first, 0x13, 1, 2, 3, 4]);
        bytes.extend(body.to_be_bytes());
        bytes.resize(usize::from(length).max(8) + 2, 0);
        bytes
    };
    for (bytes, problem, correlation) in [
        (header(1, 0x10, 0), TooShort, None),
        (header(5, 0x10, 0), TooShort, None),
        (header(6, 0x10, 0), TooShort, Some(0x0102_0304)),
        (header(7, 0x10, 0), TooShort, Some(0x0102_0304)),
        (header(4097, 0x10, 0), TooLong, Some(0x0102_0304)),
        (header(65535, 0x10, 0), TooLong, Some(0x0102_0304)),
        (header(8, 0x00, 0), Version, Some(0x0102_0304)),
        (header(8, 0x20, 0), Version, Some(0x0102_0304)),
        (header(8, 0x12, 0), Flags, Some(0x0102_0304)),
        (header(8, 0x14, 0), Flags, Some(0x0102_0304)),
        (header(8, 0x18, 0), Flags, Some(0x0102_0304)),
        (header(8, 0x10, 1), BodyLength, Some(0x0102_0304)),
        (header(4096, 0x10, 4089), BodyLength, Some(0x0102_0304)),
        (header(4096, 0x10, 65535), BodyLength, Some(0x0102_0304)),
    ] {
        let error = frame::decode(&bytes).unwrap_err();
        assert_eq!((error.problem, error.correlation), (problem, correlation), "{:02x?}", &bytes[..10]);
    }
    assert_eq!(frame::decode(&[0, 0, 9]), Ok(Some((Incoming::Heartbeat, 2))));
    assert!(matches!(frame::decode(&header(8, 0x10, 0)), Ok(Some((Incoming::Frame(_), 10)))));
    let full = u16::try_from(MAX_CONTENT).unwrap();
    assert!(
        matches!(frame::decode(&header(4096, 0x11, full)), Ok(Some((Incoming::Frame(_), length))) if length == MAX_LENGTH + 2)
    );
    // Errors in the first bytes are seen before the frame is there.
    assert!(frame::decode(&[0x10, 0x01]).is_err() && frame::decode(b"GE").is_err());
    assert!(frame::decode(&[0x00, 0x08, 0x20]).is_err());
}
