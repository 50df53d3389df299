//! Writes `fuzz/seeds/<target>/` from `vectors/*.json`: `cargo run -p protocol --example fuzz_seeds`.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a tool for this repository: it may panic"
)]

use std::path::{Path, PathBuf};

use protocol::frame::MessageType;
use serde_json::Value;

fn main() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let seeds = Seeds(root.join("../fuzz/seeds"));
    std::fs::remove_dir_all(&seeds.0).unwrap();
    let read = |file: &str| -> Vec<Value> {
        serde_json::from_str(&std::fs::read_to_string(root.join("vectors").join(file)).unwrap()).unwrap()
    };
    for request in read("requests.json") {
        let kind = request["message_type"].as_u64().unwrap();
        let choice = MessageType::requests().position(|other| u64::from(other.0) == kind).unwrap();
        let chosen = |bytes: Vec<u8>| [vec![u8::try_from(choice).unwrap()], bytes].concat();
        seeds.write("request", &request, "payload", chosen(hex(&request["payload"])));
        seeds.write("request", &request, "body", chosen(hex(&request["body"])));
        seeds.write("request", &request, "sidecar", chosen(hex(&request["sidecar"])));
        seeds.write("strict", &request, "payload", hex(&request["payload"]));
        seeds.write("frame", &request, "frame", hex(&request["frame"]));
    }
    for answer in read("answers.json") {
        seeds.write("answer", &answer, "body", hex(&answer["body"]));
        seeds.write("answer", &answer, "sidecar", hex(&answer["sidecar"]));
        seeds.write("strict", &answer, "sidecar", hex(&answer["sidecar"]));
        for part in ["receipt", "seal", "receipt_file"] {
            seeds.write("receipt", &answer, part, hex(&answer["proof"][part]));
            seeds.write("strict", &answer, part, hex(&answer["proof"][part]));
        }
        seeds.write("receipt", &answer, "status", hex(&answer["status"]["status"]));
        seeds.write("terminal", &answer, "session", session(&hex(&answer["body"]), &hex(&answer["sidecar"])));
    }
    for bad in read("bad_answers.json") {
        seeds.write("answer", &bad, "bad", hex(&bad["body"]));
        seeds.write("terminal", &bad, "bad", session(&hex(&bad["body"]), &[]));
    }
    for frame in read("frames.json") {
        let bytes = hex(&frame["bytes"]);
        if bytes.len() < 100 {
            seeds.write("frame", &frame, "bytes", bytes);
        }
    }
    for grant in read("grants.json") {
        seeds.write("receipt", &grant, "grant", hex(&grant["grant"]));
        seeds.write("receipt", &grant, "grant_payload", hex(&grant["payload"]));
    }
    // One bad input in five: the fuzzer finds the neighbours of each by itself.
    for bad in read("bad.json").iter().step_by(5).filter(|bad| bad["payload"].is_string()) {
        seeds.write("strict", bad, "bad", hex(&bad["payload"]));
    }
}

/// Connect, Hello, sign-on, a message of the answer's kind (or a sale), and this answer to it.
fn session(body: &[u8], sidecar: &[u8]) -> Vec<u8> {
    let hello = protocol::hello::Hello {
        installation: protocol::field::Installation([7; 16]),
        nonce: protocol::field::Nonce([0; 16]),
        time: protocol::field::UnixSeconds::MIN,
        protocol_version: protocol::field::ProtocolVersion::MIN,
    }
    .encode();
    let signed_on = protocol::answer::Answer::new(
        MessageType::SIGN_ON,
        protocol::code::ResponseCode::APPROVED,
        protocol::field::UnixSeconds::MIN,
    )
    .encode();
    let submit = match protocol::answer::Answer::decode(body).map(|answer| answer.kind) {
        Ok(MessageType::REFUND) => 9,
        Ok(MessageType::VOID) => 17,
        Ok(MessageType::AUTHORIZE) => 25,
        Ok(MessageType::CAPTURE) => 33,
        Ok(MessageType::TRANSFER) => 41,
        Ok(MessageType::PURCHASE_QUOTE) => 49,
        Ok(MessageType::SHIFT_REPORT) => 57,
        Ok(MessageType::UNLOAD) => 65,
        Ok(MessageType::CHANGE_PIN) => 73,
        Ok(MessageType::CASH_TAKEN) => 81,
        Ok(MessageType::ADVICE) => 89,
        Ok(MessageType::CASHIER_SIGN_ON) => 97,
        Ok(MessageType::CARD_LOOKUP) => 105,
        Ok(MessageType::JOIN) => 113,
        Ok(MessageType::AWARD) => 121,
        Ok(MessageType::REDEEM) => 129,
        Ok(MessageType::USE_ENTITLEMENT) => 137,
        Ok(MessageType::MEMBER_INQUIRY) => 145,
        Ok(MessageType::CATALOGUE) => 153,
        _ => 1,
    };
    let frame = |step: u8, body: &[u8], sidecar: &[u8]| {
        let length = |bytes: usize| u8::try_from(bytes).unwrap_or(u8::MAX);
        let content = [body, sidecar].concat();
        let head = [step, length(content.len()), length(body.len())];
        [&head[..], &content[..content.len().min(255)]].concat()
    };
    [
        vec![0],
        frame(7, &hello, &[]),
        frame(6, &signed_on, &[]),
        vec![submit],
        frame(6, body, sidecar),
        vec![2, 3],
    ]
    .concat()
}

struct Seeds(PathBuf);

impl Seeds {
    /// Writes one seed under a name made of the vector's; an empty one is no use.
    fn write(&self, target: &str, vector: &Value, part: &str, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let name: String = vector["name"]
            .as_str()
            .unwrap()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let directory: &Path = &self.0.join(target);
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(directory.join(format!("{name}.{part}")), bytes).unwrap();
    }
}

/// The bytes of a hex string; none where there is no string.
fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_default();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
