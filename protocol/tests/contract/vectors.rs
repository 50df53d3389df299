//! The files in `vectors/`: each is what it says it is. They are verified, not made again.

use std::collections::{BTreeMap, BTreeSet};

use protocol::answer::{Answer, AnswerSidecar};
use protocol::code::{Class, ResponseCode};
use protocol::cose::{Algorithm, Sign1, open_request};
use protocol::field::{Blob, Generation, Hash, Hex, RequestId, TransactionState};
use protocol::frame::{self, Frame, Incoming, MessageType};
use protocol::hello::Hello;
use protocol::merkle::{leaf_hash, root_from_path};
use protocol::receipt::{Evidence, Grant, Receipt, ReceiptFile, Seal, Status, check, entry_leaf};
use protocol::request::{Request, RequestSidecar, key_name};

use super::files::{
    AnswerVector, BadAnswerVector, BadVector, FILES, FrameVector, GrantVector, Key, Keys, PersonalVector,
    RequestVector, answer_key_name, directory, fields, grant_key_name, read,
};
use super::keys::{INSTALLATION, SHA256, TestKey, gateway, hex, terminal_ed25519, terminal_p256};
use super::samples;

fn key_of(terminal: &str) -> TestKey {
    match terminal {
        "V0001" => terminal_p256(),
        "V0002" => terminal_ed25519(),
        other => panic!("no terminal {other}"),
    }
}

fn to_hex(bytes: &[u8]) -> String {
    Hex(bytes).to_string()
}

fn one_frame(text: &str) -> Frame {
    let bytes = hex(text);
    let Ok(Some((Incoming::Frame(frame), length))) = frame::decode(&bytes) else {
        panic!("no frame: {text}")
    };
    assert_eq!(length, bytes.len());
    frame
}

#[test]
fn the_readme_names_every_file_and_every_file_is_there() {
    let readme = std::fs::read_to_string(directory().join("README.md")).unwrap();
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(directory()).unwrap() {
        there.insert(entry.unwrap().file_name().into_string().unwrap());
    }
    there.remove("README.md");
    assert_eq!(there, FILES.map(str::to_owned).into());
    for file in FILES {
        assert!(readme.contains(&format!("`{file}`")), "{file}");
        let text = std::fs::read_to_string(directory().join(file)).unwrap();
        assert!(!text.contains('\\'), "nothing in {file} needs an escape");
    }
}

#[test]
fn the_keys_are_pairs() {
    let keys: Keys = read("keys.json");
    assert_eq!(keys.installation, to_hex(&INSTALLATION.0));
    let named: Vec<&str> = keys.terminals.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(named, ["V0001", "V0002"]);
    let check = |entry: &Key, key: TestKey| {
        assert_eq!(entry.algorithm, key.algorithm.to_string());
        assert_eq!((&entry.private, &entry.public), (&to_hex(&key.private), &to_hex(&key.public)));
        assert_eq!((&entry.spki, &entry.pkcs8), (&to_hex(&key.spki()), &to_hex(&key.pkcs8())));
        assert_eq!(entry.fingerprint, to_hex(&SHA256(&[&key.spki()])));
        assert_eq!(entry.key_id, entry.fingerprint[..8]);
        assert!(key.verify(b"message", &key.sign(b"message")));
    };
    for entry in &keys.terminals {
        assert_eq!(entry.generation, Some(1));
        check(entry, key_of(&entry.name));
    }
    check(&keys.gateway, gateway());
}

#[test]
fn the_private_keys_load_as_pkcs8() {
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    #[expect(clippy::disallowed_methods, reason = "ring checks a key pair by signing with it")]
    let random = ring::rand::SystemRandom::new();
    for key in [terminal_p256(), gateway()] {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.pkcs8(), &random).unwrap();
        assert_eq!(pair.public_key().as_ref(), key.public);
    }
    let key = terminal_ed25519();
    assert_eq!(
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&key.pkcs8()).unwrap().public_key().as_ref(),
        key.public
    );
}

#[test]
fn every_request_is_signed_and_is_what_it_says() {
    let vectors: Vec<RequestVector> = read("requests.json");
    let answers: Vec<AnswerVector> = read("answers.json");
    let quotes: Vec<_> = answers
        .iter()
        .filter_map(|vector| Answer::decode(&hex(&vector.body)).ok())
        .filter_map(|answer| Some((answer.quote?.id, answer.approved_amount.map(|amount| amount.get()))))
        .collect();
    let mut seen = BTreeSet::new();
    for vector in &vectors {
        let (kind, key) = (MessageType(vector.message_type), key_of(&vector.terminal));
        assert_eq!((kind.name(), &*vector.algorithm), (&*vector.message, &*key.algorithm.to_string()));
        seen.insert((kind, vector.algorithm.clone()));

        let frame = one_frame(&vector.frame);
        assert_eq!(
            (frame.kind, to_hex(&frame.body), to_hex(&frame.sidecar)),
            (kind, vector.body.clone(), vector.sidecar.clone())
        );
        let opened = open_request(&frame.body, &INSTALLATION, kind).unwrap();
        assert_eq!(opened.algorithm, key.algorithm);
        assert_eq!(
            (to_hex(opened.payload), to_hex(&opened.to_be_signed)),
            (vector.payload.clone(), vector.sig_structure.clone())
        );
        assert_eq!(RequestId::of(&opened.to_be_signed, SHA256).to_string(), vector.request_id);
        assert!(key.verify(&opened.to_be_signed, opened.signature), "{}", vector.name);

        let request = Request::decode_payload(kind, opened.payload).unwrap();
        assert_eq!(request.header.terminal.as_str(), vector.terminal);
        assert_eq!(request.header.key_id, key.fingerprint().key_id());
        assert_eq!(fields(opened.payload, key_name), vector.fields);
        if let Some(original) = request.body.original() {
            let named = vectors.iter().find(|other| other.request_id == original.request_id.to_string());
            let named = named.unwrap_or_else(|| panic!("{} names nothing", vector.name));
            let stan = original.stan.get().into();
            assert_eq!(
                (&named.terminal, &named.fields["STAN"]),
                (&vector.terminal, &stan),
                "{}",
                vector.name
            );
        }
        if let (Some(quote), "Load" | "Purchase") = (request.header.quote, kind.name()) {
            let amount = request.body.amount().map(|amount| amount.get());
            assert!(quotes.contains(&(quote, amount)), "{} cites nothing", vector.name);
        }
        let ignorable = vector.name.contains("ignorable");
        assert_eq!(request.encode_payload() == opened.payload, !ignorable, "{}", vector.name);
        RequestSidecar::decode(kind, &frame.sidecar).unwrap();
    }
    let algorithms = [Algorithm::Es256, Algorithm::EdDsa].map(|algorithm| algorithm.to_string());
    for kind in MessageType::requests() {
        for algorithm in &algorithms {
            assert!(seen.contains(&(kind, algorithm.clone())), "{kind} with {algorithm}");
        }
    }
}

#[test]
fn two_signatures_may_stand_for_one_request() {
    let vectors: Vec<RequestVector> = read("requests.json");
    let find = |name: &str| vectors.iter().find(|vector| vector.name == name).unwrap();
    let (first, other) = (find("Purchase-es256"), find("Purchase-es256-other-s"));
    assert_eq!(first.request_id, other.request_id);
    assert_ne!(first.body, other.body);
    assert!(one_frame(&other.frame).repeat);
}

#[test]
fn every_answer_is_proven_as_it_says() {
    let requests: Vec<RequestVector> = read("requests.json");
    let requests: BTreeMap<&str, &RequestVector> =
        requests.iter().map(|vector| (&*vector.name, vector)).collect();
    let answers: Vec<AnswerVector> = read("answers.json");
    let (mut answered, mut codes) = (BTreeSet::new(), BTreeSet::new());
    for vector in &answers {
        let frame = one_frame(&vector.frame);
        assert_eq!(
            (to_hex(&frame.body), to_hex(&frame.sidecar)),
            (vector.body.clone(), vector.sidecar.clone())
        );
        if frame.kind == MessageType::HELLO {
            let hello = Hello::decode(&frame.body).unwrap();
            assert_eq!((hello.installation, hello.encode()), (INSTALLATION, frame.body));
            continue;
        }
        let answer = Answer::decode(&frame.body).unwrap();
        let holds = matches!(answer.kind, MessageType::AUTHORIZE | MessageType::CAPTURE);
        assert_eq!(answer.hold.is_some(), holds && answer.code.is_approval(), "{}", vector.name);
        let quotes = matches!(answer.kind, MessageType::LOAD_QUOTE | MessageType::PURCHASE_QUOTE);
        assert_eq!(answer.quote.is_some(), quotes && answer.code.is_approval(), "{}", vector.name);
        let advice = answer.kind == MessageType::ADVICE;
        assert_eq!(answer.shortfall.is_some(), advice && answer.code.is_approval(), "{}", vector.name);
        let wrong_pin = answer.code == ResponseCode::WRONG_PIN;
        assert!(answer.tries_left.is_none() || wrong_pin, "{}", vector.name);
        assert!(answer.grant.is_none() || answer.kind == MessageType::SIGN_ON, "{}", vector.name);
        codes.insert(answer.code.0);
        let finds = answer.kind == MessageType::CARD_LOOKUP && answer.code.is_approval();
        assert_eq!(answer.cards.is_some(), finds, "{}", vector.name);
        check_member_keys(&answer, &vector.name);
        let reports = answer.kind == MessageType::SHIFT_REPORT;
        assert_eq!(answer.transactions.is_some(), reports, "{}", vector.name);
        assert_eq!((answer.encode(), Some(answer.code.0)), (frame.body.clone(), vector.code));
        assert_eq!(fields(&frame.body, answer_key_name), vector.fields);
        let request = vector.request.as_deref().map(|name| requests[name]);
        assert_eq!(vector.verdict, verdict(&frame, &answer, request), "{}", vector.name);
        check_proof(vector, &answer, request);
        if let Some(request) = request {
            let asked = one_frame(&request.frame);
            assert_eq!((frame.kind, frame.correlation), (asked.kind.answer(), asked.correlation));
            answered.insert(asked.kind);
        }
    }
    assert!(MessageType::requests().all(|kind| answered.contains(&kind)));
    assert!([14, 55, 65, 70, 75, 76, 77].iter().all(|code| codes.contains(code)), "{codes:?}");
}

/// Keys 39 to 48 are where section 6 has them.
fn check_member_keys(answer: &Answer, name: &str) {
    let is = |kind| answer.kind == kind && answer.code.is_approval();
    let (member, lists) = (is(MessageType::MEMBER_INQUIRY), is(MessageType::CATALOGUE));
    let priced = is(MessageType::PURCHASE) || is(MessageType::PURCHASE_QUOTE);
    assert!(answer.discount.is_none_or(|discount| priced && discount.get() > 0), "{name}");
    assert!(answer.uses_left.is_none() || is(MessageType::USE_ENTITLEMENT), "{name}");
    assert!(answer.tier.is_none() || member || says_tier(answer), "{name}");
    let told = [answer.progress.is_some(), answer.coming.is_some(), answer.entitlements.is_some()];
    assert_eq!(told, [member; 3], "{name}");
    assert_eq!((answer.catalogue.is_some(), answer.more.is_some()), (lists, lists || member), "{name}");
    assert!((answer.joined.is_none() && answer.ranks.is_none()) || member, "{name}");
}

fn says_tier(answer: &Answer) -> bool {
    answer.code.is_approval() && samples::members::changes_tier(answer.kind)
}

/// What a terminal makes of an answer that it has checked.
fn verdict(frame: &Frame, answer: &Answer, request: Option<&RequestVector>) -> &'static str {
    let sidecar = AnswerSidecar::decode(&frame.sidecar).unwrap();
    let Some(request) = request else { return "nothing" };
    let kind = MessageType(request.message_type);
    if !kind.is_value() && kind != MessageType::ENROLL {
        return "nothing";
    }
    if answer.code.class() == Class::Transient {
        assert!(sidecar.receipt.is_none());
        return "transient";
    }
    let verify = |message: &[u8], signature: &[u8]| gateway().verify(message, signature);
    let request_id = RequestId(hex(&request.request_id).try_into().unwrap());
    let (receipt, details_hash) = (sidecar.receipt.unwrap(), sidecar.details_hash.unwrap());
    let evidence = Evidence {
        request_id: &request_id,
        answer: &frame.body,
        details_hash: &details_hash,
        receipt: receipt.as_bytes(),
    };
    check(&evidence, &INSTALLATION, SHA256, &verify).unwrap();
    let state = sidecar
        .status
        .map(|status| Status::check(status.as_bytes(), &request_id, &INSTALLATION, &verify).unwrap().state);
    assert_eq!(frame.repeat, state.is_some());
    match (answer.code.is_approval(), state) {
        (false, _) => "declined",
        (true, None) => "approved",
        (true, Some(state)) => {
            if state.is_approval() {
                "approved"
            } else {
                "undone"
            }
        }
    }
}

/// Every intermediate value of section 8.2, step by step.
fn check_proof(vector: &AnswerVector, answer: &Answer, request: Option<&RequestVector>) {
    let verify = |message: &[u8], signature: &[u8]| gateway().verify(message, signature);
    let sidecar = AnswerSidecar::decode(&hex(&vector.sidecar)).unwrap();
    let status = sidecar.status.as_ref().map(|status| to_hex(status.as_bytes()));
    assert_eq!(status, vector.status.as_ref().map(|status| status.status.clone()));
    if let Some(status) = &vector.status {
        let request_id = RequestId(hex(&status.request_id).try_into().unwrap());
        let signed = Status::check(&hex(&status.status), &request_id, &INSTALLATION, &verify).unwrap();
        assert_eq!(signed.state, TransactionState(status.state));
    }
    if let Some(stored) = &answer.stored_answer {
        // Of a TransactionStatus: the proof in the sidecar is that of the stored answer.
        let request_id = RequestId(hex(&vector.status.as_ref().unwrap().request_id).try_into().unwrap());
        let (receipt, details_hash) = (sidecar.receipt.clone().unwrap(), sidecar.details_hash.unwrap());
        let evidence = Evidence {
            request_id: &request_id,
            answer: stored.as_bytes(),
            details_hash: &details_hash,
            receipt: receipt.as_bytes(),
        };
        check(&evidence, &INSTALLATION, SHA256, &verify).unwrap();
    }
    let Some(proof) = &vector.proof else { return };
    let receipt = Receipt::parse(&hex(&proof.receipt)).unwrap();
    assert_eq!(sidecar.receipt.map(|receipt| to_hex(receipt.as_bytes())), Some(proof.receipt.clone()));
    assert_eq!(sidecar.details_hash.map(|hash| hash.to_string()), Some(proof.details_hash.clone()));
    assert_eq!(proof.request_id, request.unwrap().request_id);
    assert_eq!(proof.answer_hash, to_hex(&SHA256(&[&hex(&vector.body)])));

    let hash = |text: &str| -> [u8; 32] { hex(text).try_into().unwrap() };
    let leaf = entry_leaf(
        &RequestId(hash(&proof.request_id)),
        &Hash(hash(&proof.answer_hash)),
        &Hash(hash(&proof.details_hash)),
    );
    assert_eq!(proof.entry_leaf, to_hex(&leaf));
    assert_eq!(proof.leaf_hash, leaf_hash(&leaf, SHA256).to_string());
    assert_eq!(proof.path, receipt.path.iter().map(ToString::to_string).collect::<Vec<_>>());
    let root = root_from_path(
        receipt.leaf_index,
        receipt.tree_size,
        &Hash(hash(&proof.leaf_hash)),
        &receipt.path,
        SHA256,
    );
    assert_eq!(root.map(|root| root.to_string()).as_ref(), Some(&proof.root));
    assert_eq!((Some(proof.index), receipt.index()), (answer.reference, Some(proof.index)));

    let seal = Seal::parse(&hex(&proof.seal)).unwrap();
    assert_eq!(
        (seal.header, seal.signature, seal.root.to_string()),
        (receipt.seal, receipt.signature, proof.root.clone())
    );
    assert!(verify(&seal.header.to_be_signed(&INSTALLATION, &seal.root), &seal.signature));
    let file = ReceiptFile::decode(&hex(&proof.receipt_file)).unwrap();
    assert_eq!(file.check(SHA256, &verify).unwrap().place.index, proof.index);
    assert_eq!(Some(file.request), Blob::new(hex(&request.unwrap().body)));
}

#[test]
fn every_grant_is_one_or_is_not_as_it_says() {
    let verify = |message: &[u8], signature: &[u8]| gateway().verify(message, signature);
    let vectors: Vec<GrantVector> = read("grants.json");
    for vector in &vectors {
        let checked = Grant::check(&hex(&vector.grant), &INSTALLATION, &verify);
        assert_eq!(checked.is_ok(), vector.valid, "{}: {checked:?}", vector.name);
        let Ok(grant) = checked else { continue };
        assert_eq!(grant.encode_payload(), hex(&vector.payload));
        assert_eq!(fields(&hex(&vector.payload), grant_key_name), vector.fields);
        let signed = Sign1::parse(&hex(&vector.grant)).map(|sign1| *sign1.signature).unwrap();
        assert!(verify(&hex(&vector.sig_structure), &signed));
    }
    assert!(vectors.iter().filter(|vector| !vector.valid).count() >= 10);
    let in_use: Vec<AnswerVector> = read("answers.json");
    let in_use = in_use.iter().filter_map(|vector| Answer::decode(&hex(&vector.body)).ok()?.grant);
    assert!(in_use.into_iter().all(|grant| Grant::check(grant.as_bytes(), &INSTALLATION, &verify).is_ok()));
}

#[test]
fn every_commitment_is_the_hash_of_its_fields() {
    let vectors: Vec<PersonalVector> = read("personal.json");
    let mut commitments = BTreeSet::new();
    for vector in &vectors {
        let sidecar = RequestSidecar::decode(MessageType::LOAD, &hex(&vector.sidecar)).unwrap();
        assert_eq!(sidecar.personal_bytes(), Some(hex(&vector.encoded)), "{}", vector.name);
        assert_eq!(vector.sidecar, format!("a10a{}", vector.encoded), "hashed as it is sent");
        assert_eq!(vector.commitment, to_hex(&SHA256(&[&hex(&vector.encoded)])));
        let commitment = sidecar.personal_commitment(SHA256).map(|hash| hash.to_string());
        assert_eq!(commitment.as_ref(), Some(&vector.commitment));
        let said = fields(&hex(&vector.encoded), |_| None);
        assert!(
            said.into_iter().eq(vector
                .fields
                .iter()
                .map(|(key, text)| (key.to_string(), text.as_str().into()))
                .collect::<BTreeMap<String, serde_json::Value>>())
        );
        commitments.insert(&vector.commitment);
    }
    assert!(commitments.len() == vectors.len() && vectors.len() >= 6);
    assert!(RequestSidecar::default().personal_bytes().is_none());
    assert!(RequestSidecar::default().personal_commitment(SHA256).is_none());

    // What the requests commit to is what their sidecars say.
    let requests: Vec<RequestVector> = read("requests.json");
    let mut with_fields = 0;
    for vector in &requests {
        let kind = MessageType(vector.message_type);
        let request = Request::decode_payload(kind, &hex(&vector.payload)).unwrap();
        let committed = request.header.reserved.and_then(|reserved| reserved.personal_commitment);
        let sidecar = RequestSidecar::decode(kind, &hex(&vector.sidecar)).unwrap();
        if let (Some(committed), Some(hash)) = (committed, sidecar.personal_commitment(SHA256)) {
            assert_eq!(committed, hash, "{}", vector.name);
            with_fields += 1;
        }
    }
    assert_eq!(with_fields, 4, "an Activate and a Join in both algorithms");
}

#[test]
fn every_bad_answer_breaks_a_rule_of_section_6() {
    let vectors: Vec<BadAnswerVector> = read("bad_answers.json");
    let names: BTreeSet<&str> = vectors.iter().map(|vector| vector.name.as_str()).collect();
    assert!(names.len() == vectors.len() && names.len() >= 30);
    for vector in &vectors {
        let Ok(answer) = Answer::decode(&hex(&vector.body)) else { continue };
        assert_eq!(answer.kind.0, vector.message_type);
        let is = |kind| answer.kind == kind && answer.code.is_approval();
        let (member, lists) = (is(MessageType::MEMBER_INQUIRY), is(MessageType::CATALOGUE));
        let right = [
            answer.cards.is_some() == is(MessageType::CARD_LOOKUP),
            answer.discount.is_none() || is(MessageType::PURCHASE) || is(MessageType::PURCHASE_QUOTE),
            answer.uses_left.is_none() || is(MessageType::USE_ENTITLEMENT),
            answer.tier.is_none() || member || says_tier(&answer),
            answer.progress.is_some() == member,
            answer.coming.is_some() == member,
            answer.entitlements.is_some() == member,
            answer.catalogue.is_some() == lists,
            answer.more.is_some() == (member || lists),
            answer.joined.is_none() || member,
            answer.ranks.is_none() || member,
        ];
        assert_eq!(right.iter().filter(|right| !**right).count(), 1, "{}", vector.name);
    }
    let refused = vectors.iter().filter(|vector| Answer::decode(&hex(&vector.body)).is_err());
    assert_eq!(refused.count(), 16);
}

#[test]
fn every_framing_case_ends_as_section_2_says() {
    let vectors: Vec<FrameVector> = read("frames.json");
    for vector in &vectors {
        let bytes = hex(&vector.bytes);
        let expected = by_section_2(&bytes);
        assert_eq!(vector.result, expected, "{}", vector.name);
        match frame::decode(&bytes) {
            Ok(None) => assert_eq!(expected, "incomplete"),
            Ok(Some((Incoming::Heartbeat, taken))) => {
                assert_eq!((expected, vector.taken), ("heartbeat", Some(taken)))
            }
            Ok(Some((Incoming::Frame(frame), taken))) => {
                assert_eq!((expected, vector.taken), ("frame", Some(taken)));
                assert_eq!((vector.message_type, vector.repeat), (Some(frame.kind.0), Some(frame.repeat)));
                assert_eq!(vector.correlation, Some(frame.correlation));
                assert_eq!(
                    (&vector.body, &vector.sidecar),
                    (&Some(to_hex(&frame.body)), &Some(to_hex(&frame.sidecar)))
                );
            }
            Err(error) => assert_eq!((expected, vector.correlation), ("error", error.correlation)),
        }
    }
    for result in ["heartbeat", "frame", "incomplete", "error"] {
        assert!(vectors.iter().any(|vector| vector.result == result));
    }
    for length in [0_u16, 1, 7, 8, 4096, 4097, 65535] {
        assert!(
            vectors.iter().any(|vector| vector.bytes.starts_with(&to_hex(&length.to_be_bytes()))),
            "{length}"
        );
    }
}

/// Section 2, written a second time.
fn by_section_2(bytes: &[u8]) -> &'static str {
    if bytes.len() < 2 {
        return "incomplete";
    }
    let length = usize::from(bytes[0]) * 256 + usize::from(bytes[1]);
    if length == 0 {
        return "heartbeat";
    }
    if !(8..=4096).contains(&length) || (bytes.len() > 2 && !matches!(bytes[2], 0x10 | 0x11)) {
        return "error";
    }
    if bytes.len() < length + 2 {
        return "incomplete";
    }
    let body = usize::from(bytes[8]) * 256 + usize::from(bytes[9]);
    if body > length - 8 { "error" } else { "frame" }
}

#[test]
fn every_bad_input_is_refused_with_its_code() {
    let vectors: Vec<BadVector> = read("bad.json");
    let names: BTreeSet<&str> = vectors.iter().map(|vector| vector.name.as_str()).collect();
    assert!(names.len() == vectors.len() && names.len() >= 60);
    for vector in &vectors {
        let frame = one_frame(&vector.frame);
        assert_eq!(frame.kind, MessageType(vector.message_type), "{}", vector.name);
        assert_eq!(gateway_code(&frame, &vector.terminal), vector.code, "{}: {}", vector.name, vector.reason);
        let answer = if frame.kind.is_request() { frame.kind.answer() } else { MessageType::REJECT };
        assert_eq!(answer.0, vector.answer_type);
    }
    for code in [30, 63, 89] {
        assert!(vectors.iter().any(|vector| vector.code == code));
    }
}

/// The first checks of a gateway, in section 7's order, on a connection with the key of `connected`; 0 when all pass.
fn gateway_code(frame: &Frame, connected: &str) -> u8 {
    const NONCE: [u8; 16] = [0; 16];
    let Ok(opened) = open_request(&frame.body, &INSTALLATION, frame.kind) else { return 30 };
    let Ok(request) = Request::decode_payload(frame.kind, opened.payload) else { return 30 };
    if RequestSidecar::decode(frame.kind, &frame.sidecar).is_err() {
        return 30;
    }
    let header = request.header;
    if header.terminal.as_str() != connected
        || header.generation.is_some_and(|generation| generation != Generation::FIRST)
    {
        return 89;
    }
    let key = key_of(connected);
    let wrong_nonce = header.nonce.is_some_and(|nonce| nonce.0 != NONCE);
    let signed = opened.algorithm == key.algorithm && key.verify(&opened.to_be_signed, opened.signature);
    if !signed || header.key_id != key.fingerprint().key_id() || wrong_nonce { 63 } else { 0 }
}

/// A bad vector must be bad for its own reason alone: the typical request that it was made from is accepted.
#[test]
fn the_typical_requests_pass_the_same_checks() {
    let vectors: Vec<RequestVector> = read("requests.json");
    for vector in vectors.iter().filter(|vector| MessageType(vector.message_type).is_value()) {
        assert_eq!(gateway_code(&one_frame(&vector.frame), &vector.terminal), 0, "{}", vector.name);
    }
}

/// Format errors must not hide behind one another: each bad payload that is signed differs from an accepted one.
#[test]
fn bad_payloads_are_signed_well() {
    let vectors: Vec<BadVector> = read("bad.json");
    for vector in vectors.iter().filter(|vector| vector.payload.is_some()) {
        let frame = one_frame(&vector.frame);
        let opened = open_request(&frame.body, &INSTALLATION, frame.kind).unwrap();
        assert_eq!(Some(to_hex(opened.payload)), vector.payload);
        assert!(key_of(&vector.terminal).verify(&opened.to_be_signed, opened.signature), "{}", vector.name);
        assert!(RequestSidecar::decode(frame.kind, &frame.sidecar).is_ok(), "{}", vector.name);
    }
}
