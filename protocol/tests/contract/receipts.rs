//! Section 8: a receipt proves one answer to one request at one place of one journal, and nothing else.

use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::cose::{self, Context, Sign1, sig_structure};
use protocol::error::{Part, Problem};
use protocol::field::{Blob, Hash, Installation, RequestId, TransactionState};
use protocol::frame::MessageType;
use protocol::merkle::{Tree, leaf_hash};
use protocol::receipt::{
    CheckedReceipt, Evidence, MAX_PATH, Receipt, ReceiptError, ReceiptFile, Seal, SealHeader, Status, check,
    entry_leaf,
};

use super::keys::{INSTALLATION, SHA256, TestKey, gateway, terminal_p256};
use super::samples::{self, Signer};

/// A request with everything that proves it, as entry 3 of a group of 5 that begins at index 101.
struct Proven {
    request: Vec<u8>,
    request_id: RequestId,
    answer: Vec<u8>,
    details_hash: Hash,
    receipt: Receipt,
}

const HEADER: SealHeader = SealHeader {
    chain: 1,
    epoch: 2,
    group: 9,
    first_index: 101,
    last_index: 105,
    time_ms: 1_790_000_000_123,
};

fn proven() -> Proven {
    let terminal = terminal_p256();
    let signer = Signer { terminal: "V0001".parse().unwrap(), key: terminal.fingerprint() };
    let request = samples::typical_request(MessageType::PURCHASE, &signer, 7);
    let sign = |message: &[u8]| Ok::<_, ()>(terminal.sign(message));
    let context = Context::Request(MessageType::PURCHASE);
    let signed =
        cose::sign(context, terminal.algorithm, &INSTALLATION, &request.encode_payload(), sign).unwrap();
    let request_id = RequestId::of(&signed.to_be_signed, SHA256);
    let answer = Answer { reference: Some(103), ..samples::typical_answer(MessageType::PURCHASE) }.encode();
    let details_hash = Hash([0xde; 32]);
    let mut leaves: Vec<Hash> = (0..6_u8).map(|number| leaf_hash(&[number; 104], SHA256)).collect();
    leaves[3] = leaf_hash(&entry_leaf(&request_id, &Hash(SHA256(&[&answer])), &details_hash), SHA256);
    let tree = Tree::new(leaves, SHA256);
    let signature = gateway().sign(&HEADER.to_be_signed(&INSTALLATION, &tree.root()));
    let receipt =
        Receipt { seal: HEADER, tree_size: 6, leaf_index: 3, path: tree.path(3).unwrap(), signature };
    Proven { request: signed.body, request_id, answer, details_hash, receipt }
}

fn check_with(
    proven: &Proven,
    installation: &Installation,
    key: &TestKey,
) -> Result<CheckedReceipt, ReceiptError> {
    let receipt = proven.receipt.encode();
    let evidence = Evidence {
        request_id: &proven.request_id,
        answer: &proven.answer,
        details_hash: &proven.details_hash,
        receipt: &receipt,
    };
    check(&evidence, installation, SHA256, &|message, signature| key.verify(message, signature))
}

fn result(proven: &Proven) -> Result<CheckedReceipt, ReceiptError> {
    check_with(proven, &INSTALLATION, &gateway())
}

#[test]
fn a_true_receipt_gives_its_place_in_the_journal() {
    assert_eq!(result(&proven()), Ok(CheckedReceipt { seal: HEADER, index: 103 }));
}

type Tamper = (&'static str, fn(&mut Proven));

#[test]
fn each_part_of_a_receipt_is_bound_by_the_signature() {
    let tampers: [Tamper; 14] = [
        ("request", |p| p.request_id.0[31] ^= 1),
        ("answer", |p| *p.answer.last_mut().unwrap() ^= 1),
        ("details", |p| p.details_hash.0[0] ^= 1),
        ("chain", |p| p.receipt.seal.chain += 1),
        ("epoch", |p| p.receipt.seal.epoch += 1),
        ("group", |p| p.receipt.seal.group += 1),
        ("first index", |p| p.receipt.seal.first_index += 1),
        ("last index", |p| p.receipt.seal.last_index += 1),
        ("last index and size", |p| {
            p.receipt.seal.last_index += 1;
            p.receipt.tree_size += 1;
        }),
        ("time", |p| p.receipt.seal.time_ms += 1),
        ("path", |p| p.receipt.path[1].0[0] ^= 1),
        ("leaf index", |p| p.receipt.leaf_index = 2),
        ("signature", |p| p.receipt.signature[0] ^= 1),
        ("shorter path", |p| p.receipt.path.truncate(2)),
    ];
    for (part, tamper) in tampers {
        let mut proven = proven();
        tamper(&mut proven);
        let error = result(&proven).expect_err(part);
        assert!(matches!(error, ReceiptError::Signature | ReceiptError::Path), "{part}: {error}");
    }
}

#[test]
fn a_receipt_of_another_gateway_or_installation_proves_nothing() {
    let mut elsewhere = INSTALLATION;
    elsewhere.0[0] ^= 1;
    assert_eq!(check_with(&proven(), &elsewhere, &gateway()), Err(ReceiptError::Signature));
    assert_eq!(check_with(&proven(), &INSTALLATION, &terminal_p256()), Err(ReceiptError::Signature));
}

#[test]
fn the_place_must_be_inside_the_tree_and_not_the_previous_seal() {
    for (index, size) in [(0, 6), (6, 6), (3, 0), (3, 3), (u64::MAX >> 1, 6)] {
        let mut proven = proven();
        (proven.receipt.leaf_index, proven.receipt.tree_size) = (index, size);
        assert_eq!(result(&proven), Err(ReceiptError::Path), "{index} of {size}");
    }
}

/// RFC 9162 alone does not bind the place of a leaf: leaf 4 of 5 and leaf 1 of 2 have the same way up. The signed
/// header does.
#[test]
fn a_receipt_cannot_be_moved_to_another_place() {
    let mut proven = proven();
    let answer_hash = Hash(SHA256(&[&proven.answer]));
    let entry = entry_leaf(&proven.request_id, &answer_hash, &proven.details_hash);
    let mut leaves = vec![Hash([1; 32]); 5];
    leaves[4] = leaf_hash(&entry, SHA256);
    let tree = Tree::new(leaves, SHA256);
    proven.receipt.seal.last_index = 104;
    proven.receipt.signature = gateway().sign(&proven.receipt.seal.to_be_signed(&INSTALLATION, &tree.root()));
    proven.receipt.path = tree.path(4).unwrap();
    (proven.receipt.tree_size, proven.receipt.leaf_index) = (5, 4);
    let verify = |message: &[u8], signature: &[u8]| gateway().verify(message, signature);
    assert_eq!(proven.receipt.verify(&entry, &INSTALLATION, SHA256, &verify).unwrap().index, 104);
    (proven.receipt.tree_size, proven.receipt.leaf_index) = (2, 1);
    assert_eq!(proven.receipt.verify(&entry, &INSTALLATION, SHA256, &verify), Err(ReceiptError::Path));
}

#[test]
fn an_answer_that_names_another_entry_is_refused() {
    let mut proven = proven();
    let answer = Answer { reference: Some(104), ..Answer::decode(&proven.answer).unwrap() };
    proven.answer = answer.encode();
    let answer_hash = Hash(SHA256(&[&proven.answer]));
    let leaf = leaf_hash(&entry_leaf(&proven.request_id, &answer_hash, &proven.details_hash), SHA256);
    let tree = Tree::new(vec![Hash([1; 32]), Hash([2; 32]), Hash([3; 32]), leaf], SHA256);
    proven.receipt.tree_size = 4;
    proven.receipt.seal.last_index = 103;
    proven.receipt.seal.last_index = 103;
    proven.receipt.path = tree.path(3).unwrap();
    proven.receipt.signature = gateway().sign(&proven.receipt.seal.to_be_signed(&INSTALLATION, &tree.root()));
    assert_eq!(result(&proven), Err(ReceiptError::Reference));
}

#[test]
fn receipts_and_seals_come_back_from_their_bytes() {
    let receipt = proven().receipt;
    assert_eq!(Receipt::parse(&receipt.encode()), Ok(receipt));
    let largest = samples::largest_receipt();
    assert_eq!(Receipt::parse(&largest.encode()), Ok(largest));
    let seal = Seal { header: HEADER, root: Hash([7; 32]), signature: [8; 64] };
    assert_eq!(Seal::parse(&seal.encode()), Ok(seal));
    let protected = HEADER.encode();
    let with_key_id = Sign1 {
        protected: &protected,
        unprotected: &[0xa1, 0x04, 0x40],
        payload: Some(&seal.root.0),
        signature: &seal.signature,
    };
    assert!(Seal::parse(&with_key_id.encode()).is_err(), "an unprotected header");
    assert!(Seal::parse(&proven().receipt.encode()).is_err() && Receipt::parse(&seal.encode()).is_err());
}

#[test]
fn a_path_that_is_too_long_is_no_receipt() {
    let mut receipt = proven().receipt;
    receipt.path = vec![Hash([0; 32]); MAX_PATH + 1];
    let error = Receipt::parse(&receipt.encode()).unwrap_err();
    assert_eq!((error.part, error.problem), (Part::Receipt, Problem::WrongLength));
}

/// The parts of a receipt, with one of them changed.
fn assembled(unprotected: &[u8], payload: Option<&[u8]>) -> Vec<u8> {
    let receipt = proven().receipt;
    let protected = receipt.seal.encode();
    Sign1 { protected: &protected, unprotected, payload, signature: &receipt.signature }.encode()
}

#[test]
fn a_receipt_has_no_payload_and_its_proof_is_in_the_deterministic_encoding() {
    let unprotected = |proof: &str| {
        let proof = super::keys::hex(proof);
        let mut writer = protocol::cbor::Writer::new();
        writer.map(1).uint(396).map(1).int(-1).array(1).bytes(&proof);
        writer.finish()
    };
    let good = unprotected("83060380");
    assert!(Receipt::parse(&assembled(&good, None)).is_ok());
    assert!(Receipt::parse(&assembled(&good, Some(&[0; 32]))).is_err(), "the payload is detached");
    for (proof, reason) in [
        ("8318060380", "a long integer"),
        ("8306038000", "a byte after the proof"),
        ("820603", "no path"),
        ("8306038141aa", "a short hash"),
        ("8320038000", "a negative size"),
    ] {
        assert!(Receipt::parse(&assembled(&unprotected(proof), None)).is_err(), "{reason}");
    }
}

#[test]
fn the_protected_header_of_any_signature_is_one_map_in_the_deterministic_encoding() {
    let parse = |protected: &str| {
        let protected = super::keys::hex(protected);
        Sign1::parse(
            &Sign1 { protected: &protected, unprotected: &[0xa0], payload: None, signature: &[0; 64] }
                .encode(),
        )
        .is_ok()
    };
    assert!(parse("a10126") && parse("a0"));
    for bad in ["", "80", "a1013806", "a1012600", "a20127012600", "bf0126ff"] {
        assert!(!parse(bad), "{bad}");
    }
}

#[test]
fn the_bytes_of_a_receipt_are_those_of_section_8_1() {
    let mut receipt = proven().receipt;
    receipt.path.truncate(1);
    receipt.path[0] = Hash([0xaa; 32]);
    receipt.signature = [0xbb; 64];
    let (node, signature) = ("aa".repeat(32), "bb".repeat(64));
    let protected = "a3012619018b013a000100008601020918651869".to_owned() + "1b000001a0c4506c7b";
    let proof = format!("830603815820{node}");
    let expected = format!("84581d{protected}a119018ca120815826{proof}f65840{signature}");
    assert_eq!(protocol::field::Hex(&receipt.encode()).to_string(), expected);
}

// ---- status ----

fn status_bytes(state: TransactionState) -> Vec<u8> {
    let status = status(state);
    let sign = |message: &[u8]| Ok::<_, ()>(gateway().sign(message));
    cose::sign(Context::Status, cose::Algorithm::Es256, &INSTALLATION, &status.encode_payload(), sign)
        .unwrap()
        .body
}

fn status(state: TransactionState) -> Status {
    let time = samples::seconds(samples::TIME);
    Status { request_id: RequestId([1; 32]), state, time, epoch: 1, last_index: 500 }
}

#[test]
fn a_status_is_about_one_request_and_signed_by_the_gateway() {
    let verify = |message: &[u8], signature: &[u8]| gateway().verify(message, signature);
    let bytes = status_bytes(TransactionState::REVERSED);
    let (mine, other) = (RequestId([1; 32]), RequestId([2; 32]));
    assert_eq!(Status::check(&bytes, &mine, &INSTALLATION, &verify), Ok(status(TransactionState::REVERSED)));
    assert_eq!(Status::check(&bytes, &other, &INSTALLATION, &verify), Err(ReceiptError::OtherRequest));
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << bit;
            assert!(
                Status::check(&flipped, &mine, &INSTALLATION, &verify).is_err(),
                "byte {place} bit {bit}"
            );
        }
    }
}

#[test]
fn a_status_in_another_context_is_refused() {
    let verify = |message: &[u8], signature: &[u8]| gateway().verify(message, signature);
    let sign = |message: &[u8]| Ok::<_, ()>(gateway().sign(message));
    let payload = status(TransactionState::LIVE).encode_payload();
    let act = cose::sign(Context::Act, cose::Algorithm::Es256, &INSTALLATION, &payload, sign).unwrap().body;
    let refused = Status::check(&act, &RequestId([1; 32]), &INSTALLATION, &verify);
    assert_eq!(refused, Err(ReceiptError::Signature));
}

#[test]
fn a_status_has_the_headers_of_section_8_3_and_no_others() {
    let verify = |message: &[u8], signature: &[u8]| gateway().verify(message, signature);
    let payload = status(TransactionState::LIVE).encode_payload();
    let check = |protected: &[u8], unprotected: &[u8]| {
        let message = sig_structure(Context::Status, &INSTALLATION, protected, &payload);
        let signature = gateway().sign(&message);
        let bytes = Sign1 { protected, unprotected, payload: Some(&payload), signature: &signature }.encode();
        Status::check(&bytes, &RequestId([1; 32]), &INSTALLATION, &verify).is_ok()
    };
    assert!(check(&[0xa1, 0x01, 0x26], &[0xa0]));
    assert!(!check(&[0xa1, 0x01, 0x27], &[0xa0]), "another algorithm");
    assert!(!check(&[0xa0], &[0xa0]), "no algorithm");
    assert!(!check(&[0xa1, 0x01, 0x26], &[0xa1, 0x04, 0x40]), "something that is not signed");
}

// ---- receipt file ----

#[test]
fn a_receipt_file_proves_itself() {
    let verify = |message: &[u8], signature: &[u8]| gateway().verify(message, signature);
    let Proven { request, request_id, answer, details_hash, receipt } = proven();
    let file = ReceiptFile {
        installation: INSTALLATION,
        kind: MessageType::PURCHASE,
        request: Blob::new(request).unwrap(),
        answer: Blob::new(answer).unwrap(),
        details_hash,
        receipt: Blob::new(receipt.encode()).unwrap(),
    };
    let bytes = file.encode();
    let decoded = ReceiptFile::decode(&bytes).unwrap();
    assert_eq!(decoded, file);
    let checked = decoded.check(SHA256, &verify).unwrap();
    assert_eq!((checked.request_id, checked.place.index), (request_id, 103));
    assert!(terminal_p256().verify(&checked.request.to_be_signed, checked.request.signature));

    for (place, bit) in (0..bytes.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << bit;
        let Ok(file) = ReceiptFile::decode(&flipped) else { continue };
        let Ok(checked) = file.check(SHA256, &verify) else { continue };
        // The gateway's receipt covers everything but the terminal's signature.
        let request = checked.request;
        assert!(!terminal_p256().verify(&request.to_be_signed, request.signature), "{place}.{bit}");
    }
}

#[test]
fn an_answer_without_a_reference_has_no_receipt() {
    let mut proven = proven();
    proven.answer = Answer::new(MessageType::PURCHASE, ResponseCode::BUSY, samples::seconds(1)).encode();
    assert!(result(&proven).is_err());
}
