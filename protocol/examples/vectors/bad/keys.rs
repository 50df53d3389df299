//! Section 5.1: keys that a message must have and lacks, keys that it may not have, and keys that nobody knows.

use protocol::frame::MessageType;
use protocol::request::key_name;

use super::Payload;
use crate::files::BadVector;
use crate::samples;

pub(super) fn all() -> Vec<BadVector> {
    let mut vectors = Vec::new();
    for kind in MessageType::requests() {
        vectors.extend(missing(kind));
        vectors.extend(forbidden(kind));
    }
    for (key, item) in [(17, "00"), (18, "f6"), (19, "80"), (38, "00"), (39, "00"), (53, "6131"), (99, "00")]
    {
        let reason = "keys below 100 must be understood";
        vectors.push(
            Payload::of(MessageType::PURCHASE).with(key, item).bad(&format!("unknown key {key}"), reason),
        );
    }
    vectors
}

/// Each required key of the message left out. Which keys are required is what is left when every optional one is not
/// there: the typical messages have some optional ones.
fn missing(kind: MessageType) -> Vec<BadVector> {
    let payload = Payload::of(kind);
    let keys: Vec<u64> = payload.entries.keys().copied().collect();
    let is_required = |key: &u64| {
        let without = payload.clone().without(*key).encode();
        protocol::request::Request::decode_payload(kind, &without).is_err()
    };
    keys.into_iter()
        .filter(is_required)
        .map(|key| {
            let name = format!("{kind} without key {key}");
            let reason = format!("{} is required", key_name(key).unwrap());
            payload.clone().without(key).bad(&name, &reason)
        })
        .collect()
}

/// Keys of other messages, with a value that is right there.
fn forbidden(kind: MessageType) -> Vec<BadVector> {
    let identity = if kind.is_value() { 16 } else { 4 };
    let allowed = largest(kind);
    let mut foreign: Vec<(u64, Vec<u8>)> = Vec::new();
    for other in MessageType::requests() {
        for (key, item) in Payload::of(other).entries.into_iter().chain(largest(other)) {
            if !allowed.contains_key(&key) && !foreign.iter().any(|(known, _)| *known == key) {
                foreign.push((key, item));
            }
        }
    }
    // One of each kind of key is enough in files; a test in the library holds all of them against the table.
    let wanted = [
        3, 6, 8, 9, 10, 12, 13, 14, 20, 21, 22, 23, 24, 25, 26, 29, 33, 34, 35, 36, 37, 40, 47, 48, 49, 50,
        51, 52, identity,
    ];
    foreign.retain(|(key, _)| wanted.contains(key));
    foreign
        .into_iter()
        .map(|(key, item)| {
            let mut payload = Payload::of(kind);
            payload.entries.insert(key, item);
            let reason = format!("{} is not allowed in this message", key_name(key).unwrap());
            payload.bad(&format!("{kind} with key {key}"), &reason)
        })
        .collect()
}

/// The entries of the largest message: every key that it may have.
fn largest(kind: MessageType) -> std::collections::BTreeMap<u64, Vec<u8>> {
    Payload::from_bytes(kind, &samples::largest_request(kind).encode_payload()).entries
}
