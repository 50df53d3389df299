//! The shape of `vectors/*.json`; `vectors/README.md` says what each field means.

use std::collections::BTreeMap;
use std::path::PathBuf;

use coset::cbor::Value;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) const FILES: [&str; 8] = [
    "keys.json",
    "requests.json",
    "answers.json",
    "frames.json",
    "bad.json",
    "bad_answers.json",
    "grants.json",
    "personal.json",
];

#[derive(Serialize, Deserialize)]
pub(crate) struct Keys {
    pub(crate) installation: String,
    pub(crate) terminals: Vec<Key>,
    pub(crate) gateway: Key,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) generation: Option<u32>,
    pub(crate) algorithm: String,
    pub(crate) private: String,
    pub(crate) public: String,
    pub(crate) spki: String,
    pub(crate) pkcs8: String,
    pub(crate) fingerprint: String,
    pub(crate) key_id: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RequestVector {
    pub(crate) name: String,
    pub(crate) note: String,
    pub(crate) message: String,
    pub(crate) message_type: u8,
    pub(crate) terminal: String,
    pub(crate) algorithm: String,
    pub(crate) fields: BTreeMap<String, serde_json::Value>,
    pub(crate) payload: String,
    pub(crate) sig_structure: String,
    pub(crate) request_id: String,
    pub(crate) body: String,
    pub(crate) sidecar: String,
    pub(crate) frame: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AnswerVector {
    pub(crate) name: String,
    pub(crate) note: String,
    /// The name of a request in `requests.json`; none for Hello and Reject.
    pub(crate) request: Option<String>,
    pub(crate) code: Option<u8>,
    pub(crate) fields: BTreeMap<String, serde_json::Value>,
    pub(crate) body: String,
    pub(crate) sidecar: String,
    pub(crate) frame: String,
    pub(crate) proof: Option<Proof>,
    pub(crate) status: Option<StatusVector>,
    /// What a terminal makes of it: approved, declined, undone, transient, or nothing (not a transaction).
    pub(crate) verdict: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Proof {
    pub(crate) request_id: String,
    pub(crate) answer_hash: String,
    pub(crate) details_hash: String,
    pub(crate) entry_leaf: String,
    pub(crate) leaf_hash: String,
    pub(crate) path: Vec<String>,
    pub(crate) root: String,
    pub(crate) seal: String,
    pub(crate) receipt: String,
    pub(crate) receipt_file: String,
    pub(crate) index: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StatusVector {
    pub(crate) status: String,
    pub(crate) request_id: String,
    pub(crate) state: u8,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct FrameVector {
    pub(crate) name: String,
    /// What arrives.
    pub(crate) bytes: String,
    /// `heartbeat`, `frame`, `incomplete` or `error`.
    pub(crate) result: String,
    /// Bytes that the first frame or heartbeat takes.
    pub(crate) taken: Option<usize>,
    pub(crate) message_type: Option<u8>,
    pub(crate) repeat: Option<bool>,
    pub(crate) correlation: Option<u32>,
    pub(crate) body: Option<String>,
    pub(crate) sidecar: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct BadVector {
    pub(crate) name: String,
    pub(crate) reason: String,
    pub(crate) code: u8,
    /// The terminal whose key the TLS connection has.
    pub(crate) terminal: String,
    pub(crate) message_type: u8,
    /// The type of the answer: the request's with bit 7 set, or 255 for a Reject.
    pub(crate) answer_type: u8,
    /// What was signed, when it was meant as a payload.
    pub(crate) payload: Option<String>,
    pub(crate) frame: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct BadAnswerVector {
    pub(crate) name: String,
    pub(crate) reason: String,
    /// The type of the request that it claims to answer.
    pub(crate) message_type: u8,
    pub(crate) body: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct PersonalVector {
    pub(crate) name: String,
    pub(crate) note: String,
    /// Personal fields by number.
    pub(crate) fields: BTreeMap<u8, String>,
    /// The map in sidecar key 10: what is hashed.
    pub(crate) encoded: String,
    /// The sidecar of a Load with these fields and nothing else.
    pub(crate) sidecar: String,
    pub(crate) commitment: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct GrantVector {
    pub(crate) name: String,
    pub(crate) note: String,
    /// Of a valid one.
    pub(crate) fields: BTreeMap<String, serde_json::Value>,
    /// What was signed, or was to be.
    pub(crate) payload: String,
    /// The bytes that a valid grant's signature is over.
    pub(crate) sig_structure: String,
    /// The COSE_Sign1.
    pub(crate) grant: String,
    /// Whether it is a grant of the gateway of `keys.json`.
    pub(crate) valid: bool,
}

/// The name of a grant's key in section 9.1.
pub(crate) fn grant_key_name(key: u64) -> Option<&'static str> {
    ["terminal", "generation", "grant id", "issued", "expires", "limits"]
        .get(usize::try_from(key.checked_sub(1)?).ok()?)
        .copied()
}

pub(crate) fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

pub(crate) fn read<T: DeserializeOwned>(file: &str) -> T {
    let path = directory().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The entries of an encoded map as JSON, by the names that `name` gives to keys: byte strings in hex, nested maps by
/// their keys.
pub(crate) fn fields(
    bytes: &[u8],
    name: impl Fn(u64) -> Option<&'static str>,
) -> BTreeMap<String, serde_json::Value> {
    let Value::Map(entries) = coset::cbor::de::from_reader(bytes).unwrap() else { panic!("no map") };
    let name = |key: Value| {
        let number: i128 = key.into_integer().unwrap().into();
        u64::try_from(number).ok().and_then(&name).map_or_else(|| number.to_string(), str::to_owned)
    };
    entries.into_iter().map(|(key, value)| (name(key), json(value))).collect()
}

fn json(value: Value) -> serde_json::Value {
    match value {
        Value::Integer(number) => i64::try_from(i128::from(number)).unwrap().into(),
        Value::Bytes(bytes) => protocol::field::Hex(&bytes).to_string().into(),
        Value::Text(text) => text.into(),
        Value::Array(items) => items.into_iter().map(json).collect(),
        Value::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| (i128::from(key.into_integer().unwrap()).to_string(), json(value)))
            .collect(),
        Value::Bool(value) => value.into(),
        Value::Null => serde_json::Value::Null,
        other => panic!("{other:?}"),
    }
}

/// The name of an answer key in section 6's table.
pub(crate) fn answer_key_name(key: u64) -> Option<&'static str> {
    let section = include_str!("../../PROTOCOL.md").split("\n## 6. ").nth(1)?.split("\n## 7. ").next()?;
    let mut rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    rows.find_map(|row| {
        let mut cells = row.split(" | ");
        (cells.next()?.parse() == Ok(key)).then(|| cells.next())?
    })
}
