//! Writes `vectors/*.json` anew: `cargo run -p protocol --example vectors`.
//!
//! ES256 signatures are random, so every run gives other files; the tests verify the files that are there. Run it when
//! the protocol's text has changed, not otherwise.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a tool for this repository: it may panic"
)]
#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are grouped at the minor units")]

mod answers;
mod bad;
mod bad_answers;
mod frames;
mod grants;
mod members;
mod personal;
mod requests;

#[path = "../../tests/contract/files.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod files;
#[path = "../../tests/contract/keys.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod keys;
#[path = "../../tests/contract/samples.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod samples;

use protocol::cose::Algorithm;
use protocol::field::{Hex, TerminalId};
use protocol::frame::{Frame, MessageType};
use serde::Serialize;

use keys::TestKey;

fn main() {
    let requests = requests::all();
    write("keys.json", &keys_file());
    write("answers.json", &answers::all(&requests));
    write("requests.json", &requests.iter().map(|made| &made.vector).collect::<Vec<_>>());
    write("frames.json", &frames::all());
    write("bad.json", &bad::all());
    write("bad_answers.json", &bad_answers::all());
    write("grants.json", &grants::all());
    write("personal.json", &personal::all());
}

fn write<T: Serialize>(file: &str, content: &T) {
    let mut text = serde_json::to_string_pretty(content).unwrap();
    text.push('\n');
    std::fs::write(files::directory().join(file), text).unwrap();
}

fn keys_file() -> files::Keys {
    files::Keys {
        installation: hex(&keys::INSTALLATION.0),
        terminals: terminals().map(|(name, key)| key_entry(name.as_str(), Some(1), &key)).into(),
        gateway: key_entry("gateway", None, &keys::gateway()),
    }
}

fn key_entry(name: &str, generation: Option<u32>, key: &TestKey) -> files::Key {
    files::Key {
        name: name.into(),
        generation,
        algorithm: key.algorithm.to_string(),
        private: hex(&key.private),
        public: hex(&key.public),
        spki: hex(&key.spki()),
        pkcs8: hex(&key.pkcs8()),
        fingerprint: key.fingerprint().to_string(),
        key_id: key.fingerprint().key_id().to_string(),
    }
}

/// The two terminals of the vectors: V0001 with P-256 and V0002 with Ed25519, both in generation 1.
fn terminals() -> [(TerminalId, TestKey); 2] {
    [("V0001".parse().unwrap(), keys::terminal_p256()), ("V0002".parse().unwrap(), keys::terminal_ed25519())]
}

fn hex(bytes: &[u8]) -> String {
    Hex(bytes).to_string()
}

fn frame_bytes(kind: MessageType, correlation: u32, repeat: bool, body: &[u8], sidecar: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frame = Frame { repeat, kind, correlation, body: body.to_vec(), sidecar: sidecar.to_vec() };
    frame.encode(&mut bytes).unwrap();
    bytes
}

/// `es256` or `eddsa`, for names of vectors.
fn suffix(algorithm: Algorithm) -> String {
    algorithm.to_string().to_lowercase()
}
