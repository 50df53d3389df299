//! Offline grants (section 9.1): what a terminal may approve by itself, and what it must not take for a grant.

use protocol::cose::{self, Algorithm, Context, EMPTY_MAP, Sign1, sig_structure};
use protocol::field::Installation;
use protocol::receipt::Grant;

use crate::files::{GrantVector, fields, grant_key_name};
use crate::hex;
use crate::keys::{INSTALLATION, TestKey, gateway, terminal_p256};
use crate::samples;

pub(crate) fn all() -> Vec<GrantVector> {
    let typical = samples::typical_grant("V0001".parse().unwrap());
    let payload = typical.encode_payload();
    let good = sign(Context::Grant, &INSTALLATION, &payload, &gateway());
    let parts = Sign1::parse(&good).unwrap();
    let protected = Sign1 { protected: &[0xa1, 0x01, 0x27], ..parts }.encode();
    let unprotected = Sign1 { unprotected: &[0xa1, 0x04, 0x41, 0x00], ..parts }.encode();
    let detached = Sign1 { payload: None, ..parts }.encode();
    let mut flipped = good.clone();
    flipped[30] ^= 1;
    let elsewhere = Installation([0; 16]);

    let mut vectors = vec![
        vector("typical", "what V0001 may approve on an ordinary day", &payload, &good, true),
        of("largest", "every number as large as it can be", &samples::largest_grant()),
        vector(
            "changed byte",
            "one bit of the payload differs from what was signed",
            &payload,
            &flipped,
            false,
        ),
        vector("EdDSA header", "grants are signed with ES256", &payload, &protected, false),
        vector("unprotected header", "it must be empty", &payload, &unprotected, false),
        vector("detached payload", "payload null", &payload, &detached, false),
        vector("empty", "no COSE_Sign1", &payload, &[], false),
    ];
    for (name, note, context, installation, key) in [
        ("signed by a terminal", "not the gateway's key", Context::Grant, &INSTALLATION, terminal_p256()),
        ("context of a status", "svgp.status", Context::Status, &INSTALLATION, gateway()),
        ("context of an act", "svgp.act", Context::Act, &INSTALLATION, gateway()),
        ("another installation", "another installation id was signed", Context::Grant, &elsewhere, gateway()),
    ] {
        let bytes = sign(context, installation, &payload, &key);
        vectors.push(vector(name, note, &payload, &bytes, false));
    }
    for (name, note, payload) in bad_payloads(&payload) {
        let bytes = sign(Context::Grant, &INSTALLATION, &payload, &gateway());
        vectors.push(vector(name, note, &payload, &bytes, false));
    }
    vectors
}

/// Payloads that are signed as they should be and are no grant.
fn bad_payloads(good: &[u8]) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let count = |by: i16| u8::try_from(i16::from(good[0]) + by).unwrap();
    let limits = good.iter().rposition(|byte| *byte == 0x84).unwrap();
    let shorter = {
        let mut bytes = good[..good.len() - 5].to_vec();
        bytes[limits] = 0x83;
        bytes
    };
    let without_limits = [&[count(-1)], &good[1..limits - 1]].concat();
    let unknown_key = [&[count(1)], &good[1..], &[0x07, 0x00]].concat();
    let long = [&[count(1)], &good[1..], &[0x18, 0x64, 0x58, 0xff], &[0; 255][..]].concat();
    let trailing = [good, &[0x00]].concat();
    vec![
        ("three limits", "per transaction, per card, count and sum: four", shorter),
        ("no limits", "key 6 is required", without_limits),
        ("unknown key", "keys below 100 must be understood", unknown_key),
        ("byte after the payload", "exactly one item, no bytes after it", trailing),
        ("too long", "256 bytes at most", long),
    ]
}

fn of(name: &str, note: &str, grant: &Grant) -> GrantVector {
    let payload = grant.encode_payload();
    vector(name, note, &payload, &sign(Context::Grant, &INSTALLATION, &payload, &gateway()), true)
}

fn sign(context: Context, installation: &Installation, payload: &[u8], key: &TestKey) -> Vec<u8> {
    let sign = |message: &[u8]| Ok::<_, ()>(key.sign(message));
    cose::sign(context, Algorithm::Es256, installation, payload, sign).unwrap().body
}

fn vector(name: &str, note: &str, payload: &[u8], grant: &[u8], valid: bool) -> GrantVector {
    let protected = Algorithm::Es256.protected_header();
    assert_eq!(EMPTY_MAP, [0xa0]);
    GrantVector {
        name: name.into(),
        note: note.into(),
        fields: if valid { fields(payload, grant_key_name) } else { Default::default() },
        payload: hex(payload),
        sig_structure: hex(&sig_structure(Context::Grant, &INSTALLATION, &protected, payload)),
        grant: hex(grant),
        valid,
    }
}
