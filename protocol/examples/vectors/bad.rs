//! Requests that a gateway must refuse, each for one reason.

mod encoding;
mod fields;
mod keys;
mod members;
mod signatures;

use std::collections::{BTreeMap, BTreeSet};

use minicbor::Decoder;
use protocol::cose::{self, Context};
use protocol::field::TerminalId;
use protocol::frame::MessageType;

use crate::files::BadVector;
use crate::keys::{INSTALLATION, TestKey};
use crate::samples::{self, Signer};
use crate::{frame_bytes, hex, terminals};

pub(crate) use signatures::ORDER_P256;

const FORMAT: u8 = 30;
const SECURITY: u8 = 63;
const NOT_ACTIVE: u8 = 89;

pub(crate) fn all() -> Vec<BadVector> {
    let vectors: Vec<BadVector> =
        [encoding::all(), fields::all(), members::all(), keys::all(), signatures::all()]
            .into_iter()
            .flatten()
            .collect();
    let names: BTreeSet<&str> = vectors.iter().map(|vector| vector.name.as_str()).collect();
    assert_eq!(names.len(), vectors.len(), "two vectors of one name");
    vectors
}

/// The terminal that most vectors come from: V0001, P-256.
fn v0001() -> (TerminalId, TestKey) {
    let [first, _] = terminals();
    first
}

/// V0002, Ed25519.
fn v0002() -> (TerminalId, TestKey) {
    let [_, second] = terminals();
    second
}

fn typical_payload(kind: MessageType, (terminal, key): &(TerminalId, TestKey)) -> Vec<u8> {
    let signer = Signer { terminal: *terminal, key: key.fingerprint() };
    samples::typical_request(kind, &signer, 2001).encode_payload()
}

/// A payload as its entries, so that one can be changed.
#[derive(Clone)]
pub(crate) struct Payload {
    kind: MessageType,
    entries: BTreeMap<u64, Vec<u8>>,
}

impl Payload {
    /// The typical payload of terminal V0001.
    fn of(kind: MessageType) -> Self {
        Payload::from_bytes(kind, &typical_payload(kind, &v0001()))
    }

    pub(crate) fn from_bytes(kind: MessageType, bytes: &[u8]) -> Self {
        let mut decoder = Decoder::new(bytes);
        let count = decoder.map().unwrap().unwrap();
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let key = decoder.u64().unwrap();
            let start = decoder.position();
            decoder.skip().unwrap();
            entries.insert(key, bytes[start..decoder.position()].to_vec());
        }
        Payload { kind, entries }
    }

    /// With this item (in hex) under the key.
    pub(crate) fn with(mut self, key: u64, item: &str) -> Self {
        self.entries.insert(key, crate::keys::hex(&item.replace(' ', "")));
        self
    }

    fn without(mut self, key: u64) -> Self {
        self.entries.remove(&key);
        self
    }

    /// The encoded entries, without the head of the map.
    fn items(&self) -> Vec<Vec<u8>> {
        self.entries
            .iter()
            .map(|(key, item)| {
                let mut encoded = protocol::cbor::Writer::new();
                encoded.uint(*key).raw(item);
                encoded.finish()
            })
            .collect()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut encoded = protocol::cbor::Writer::new();
        encoded.map(self.entries.len()).raw(&self.items().concat());
        encoded.finish()
    }

    /// A vector whose only fault is in the payload: its signature is right.
    fn bad(&self, name: &str, reason: &str) -> BadVector {
        signed(name, reason, FORMAT, self.kind, &self.encode(), &v0001())
    }
}

/// A payload that is signed as it should be, in the frame that it should be in.
fn signed(
    name: &str,
    reason: &str,
    code: u8,
    kind: MessageType,
    payload: &[u8],
    signer: &(TerminalId, TestKey),
) -> BadVector {
    let vector = unsigned(name, reason, code, kind, &sign(kind, payload, &signer.1), signer);
    BadVector { payload: Some(hex(payload)), ..vector }
}

/// A body as it is, in a frame with the typical sidecar.
fn unsigned(
    name: &str,
    reason: &str,
    code: u8,
    kind: MessageType,
    body: &[u8],
    signer: &(TerminalId, TestKey),
) -> BadVector {
    let sidecar =
        if kind.is_request() { samples::typical_request_sidecar(kind).encode() } else { Vec::new() };
    in_frame(name, reason, code, kind, body, &sidecar, signer)
}

fn in_frame(
    name: &str,
    reason: &str,
    code: u8,
    kind: MessageType,
    body: &[u8],
    sidecar: &[u8],
    signer: &(TerminalId, TestKey),
) -> BadVector {
    let answer = if kind.is_request() { kind.answer() } else { MessageType::REJECT };
    BadVector {
        name: name.into(),
        reason: reason.into(),
        code,
        terminal: signer.0.to_string(),
        message_type: kind.0,
        answer_type: answer.0,
        payload: None,
        frame: hex(&frame_bytes(kind, 0xbad, false, body, sidecar)),
    }
}

fn sign(kind: MessageType, payload: &[u8], key: &TestKey) -> Vec<u8> {
    let sign = |message: &[u8]| Ok::<_, ()>(key.sign(message));
    cose::sign(Context::Request(kind), key.algorithm, &INSTALLATION, payload, sign).unwrap().body
}
