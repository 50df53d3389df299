//! Section 4: well-formed requests whose signature, key, algorithm, context or nonce is wrong.

use protocol::cbor::Writer;
use protocol::cose::{Algorithm, Context, EMPTY_MAP, Sign1, sig_structure};
use protocol::field::TerminalId;
use protocol::frame::MessageType;

use super::{NOT_ACTIVE, Payload, SECURITY, sign, signed, typical_payload, unsigned, v0001, v0002};
use crate::files::BadVector;
use crate::keys::{INSTALLATION, TestKey, gateway, hex};

const PURCHASE: MessageType = MessageType::PURCHASE;

/// n, the order of P-256's group.
pub(crate) const ORDER_P256: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
/// L, the order of Ed25519's group, little-endian.
const ORDER_ED25519: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

pub(super) fn all() -> Vec<BadVector> {
    let mut vectors = es256();
    vectors.extend(ed25519());
    vectors.extend(contexts());
    vectors.extend(identities());
    vectors
}

/// The body with another signature.
fn with_signature(body: &[u8], change: impl FnOnce(&mut [u8; 64])) -> Vec<u8> {
    let sign1 = Sign1::parse(body).unwrap();
    let mut signature = *sign1.signature;
    change(&mut signature);
    Sign1 { signature: &signature, ..sign1 }.encode()
}

/// A name, what happens to the signature, and why that is wrong.
type Forgery = (&'static str, fn(&mut [u8; 64]), &'static str);

fn es256() -> Vec<BadVector> {
    let body = sign(PURCHASE, &typical_payload(PURCHASE, &v0001()), &v0001().1);
    let cases: [Forgery; 9] = [
        ("ES256 first bit", |s| s[0] ^= 0x80, "one bit of r"),
        ("ES256 last bit", |s| s[63] ^= 0x01, "one bit of s"),
        ("ES256 zero", |s| *s = [0; 64], "r and s are 0"),
        ("ES256 r zero", |s| s[..32].fill(0), "r is 0"),
        ("ES256 s zero", |s| s[32..].fill(0), "s is 0"),
        ("ES256 r is n", |s| s[..32].copy_from_slice(&ORDER_P256), "r is the order of the group"),
        ("ES256 s is n", |s| s[32..].copy_from_slice(&ORDER_P256), "s is the order of the group"),
        ("ES256 all ones", |s| *s = [0xff; 64], "r and s above the order of the group"),
        ("ES256 r and s changed round", |s| s.rotate_left(32), "s before r"),
    ];
    let vector = |(name, change, reason)| {
        unsigned(name, reason, SECURITY, PURCHASE, &with_signature(&body, change), &v0001())
    };
    cases.into_iter().map(vector).collect()
}

fn ed25519() -> Vec<BadVector> {
    let body = sign(PURCHASE, &typical_payload(PURCHASE, &v0002()), &v0002().1);
    let cases: [Forgery; 6] = [
        ("EdDSA first bit", |s| s[0] ^= 0x01, "one bit of R"),
        ("EdDSA S plus L", add_order, "S + L instead of S: S must be below L"),
        ("EdDSA high bit of S", |s| s[63] |= 0x80, "a bit that is always 0"),
        ("EdDSA zero", |s| *s = [0; 64], "R and S are 0"),
        ("EdDSA S zero", |s| s[32..].fill(0), "S is 0"),
        ("EdDSA R and S changed round", |s| s.rotate_left(32), "S before R"),
    ];
    let vector = |(name, change, reason)| {
        unsigned(name, reason, SECURITY, PURCHASE, &with_signature(&body, change), &v0002())
    };
    cases.into_iter().map(vector).collect()
}

/// Adds L to S; both are little-endian.
fn add_order(signature: &mut [u8; 64]) {
    let mut carry = 0_u16;
    for (byte, order) in signature[32..].iter_mut().zip(hex(ORDER_ED25519)) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
}

/// Signatures over something else than section 4 says.
fn contexts() -> Vec<BadVector> {
    let mut elsewhere = INSTALLATION.0;
    elsewhere[0] ^= 1;
    let structure = |tag: &str, context: &str, installation: &[u8], direction: u64, kind: u64| {
        let mut aad = Writer::new();
        aad.array(4).text(context).bytes(installation).uint(direction).uint(kind);
        let mut structure = Writer::new();
        let payload = typical_payload(PURCHASE, &v0001());
        structure.array(4).text(tag).bytes(&hex("a10126")).bytes(&aad.finish()).bytes(&payload);
        structure.finish()
    };
    let (here, request) = (&INSTALLATION.0[..], "svgp.request");
    let empty_aad = {
        let mut structure = Writer::new();
        let payload = typical_payload(PURCHASE, &v0001());
        structure.array(4).text("Signature1").bytes(&hex("a10126")).bytes(&[]).bytes(&payload);
        structure.finish()
    };
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("context of a status", structure("Signature1", "svgp.status", here, 0, 0x13), "svgp.status"),
        ("context of an act", structure("Signature1", "svgp.act", here, 0, 0x13), "svgp.act"),
        (
            "another installation",
            structure("Signature1", request, &elsewhere, 0, 0x13),
            "one bit of the installation id",
        ),
        ("wrong direction", structure("Signature1", request, here, 1, 0x13), "direction 1"),
        ("signed for another type", structure("Signature1", request, here, 0, 0x12), "signed for a Load"),
        ("signed for the answer's type", structure("Signature1", request, here, 0, 0x93), "type 0x93"),
        (
            "structure of COSE_Sign",
            structure("Signature", request, here, 0, 0x13),
            "Signature, not Signature1",
        ),
        ("no external data", empty_aad, "external_aad is empty"),
        ("payload alone", typical_payload(PURCHASE, &v0001()), "signed without the Sig_structure"),
    ];
    let vector = |(name, message, reason): (&str, Vec<u8>, &str)| {
        let signature = v0001().1.sign(&message);
        let body = assembled(Algorithm::Es256, &typical_payload(PURCHASE, &v0001()), &signature);
        unsigned(name, reason, SECURITY, PURCHASE, &body, &v0001())
    };
    cases.into_iter().map(vector).collect()
}

fn assembled(algorithm: Algorithm, payload: &[u8], signature: &[u8; 64]) -> Vec<u8> {
    let protected = algorithm.protected_header();
    Sign1 { protected: &protected, unprotected: EMPTY_MAP, payload: Some(payload), signature }.encode()
}

/// Requests that name somebody or something else than the connection and the enrolment do.
fn identities() -> Vec<BadVector> {
    let purchase = || Payload::of(PURCHASE);
    let signed_by = |name: &str, reason: &str, key: &TestKey| {
        let body = sign(PURCHASE, &purchase().encode(), key);
        unsigned(name, reason, SECURITY, PURCHASE, &body, &v0001())
    };
    let other_key = v0002().1.fingerprint().key_id().to_string();
    // Signed with the terminal's own key over the very structure that the body names: only the algorithm is wrong.
    let misnamed = |algorithm: Algorithm, (terminal, key): (TerminalId, TestKey)| {
        let payload = typical_payload(PURCHASE, &(terminal, key.clone()));
        let context = Context::Request(PURCHASE);
        let message = sig_structure(context, &INSTALLATION, &algorithm.protected_header(), &payload);
        assembled(algorithm, &payload, &key.sign(&message))
    };
    let header_of_eddsa = misnamed(Algorithm::EdDsa, v0001());
    let header_of_es256 = misnamed(Algorithm::Es256, v0002());
    let bad_code = |name, reason, code, payload: Payload| {
        signed(name, reason, code, payload.kind, &payload.encode(), &v0001())
    };
    vec![
        signed_by("signed by the gateway's key", "not the key of V0001", &gateway()),
        signed_by("signed by another terminal's key", "V0002 signs with EdDSA for V0001", &v0002().1),
        unsigned(
            "EdDSA for a P-256 key",
            "the algorithm is fixed by the key",
            SECURITY,
            PURCHASE,
            &header_of_eddsa,
            &v0001(),
        ),
        unsigned(
            "ES256 for an Ed25519 key",
            "the algorithm is fixed by the key",
            SECURITY,
            PURCHASE,
            &header_of_es256,
            &v0002(),
        ),
        bad_code(
            "key id of another key",
            "key 5 is V0002's",
            SECURITY,
            purchase().with(5, &format!("44{other_key}")),
        ),
        bad_code("nonce of another connection", "an old nonce", SECURITY, Payload::of(MessageType::ECHO)),
        bad_code("unknown terminal", "there is no V0003", NOT_ACTIVE, purchase().with(2, "65 5630303033")),
        bad_code(
            "another terminal's name",
            "V0002, on V0001's connection",
            NOT_ACTIVE,
            purchase().with(2, "65 5630303032"),
        ),
        bad_code("generation to come", "generation 2 is not in force", NOT_ACTIVE, purchase().with(3, "02")),
    ]
}
