//! The published vectors against a live gateway: every bad one is refused as it says, every good one decided once.

use std::path::Path;
use std::time::Duration;

use gateway::keys::{DataDir, from_hex};
use gateway::storage::{Storage, Synchronous};
use protocol::answer::Answer;
use protocol::code::{Class, ResponseCode};
use protocol::cose::Algorithm;
use protocol::frame::{Frame, Incoming, MessageType};
use serde_json::Value;
use terminal_sim::client::Connection;
use terminal_sim::keys::TerminalKey;
use tokio::time::timeout;

use crate::counter::{Clerk, PATIENCE, last_index};
use crate::harness::{Gateway, Site};

fn vectors(name: &str) -> Value {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").join("protocol/vectors");
    let text = std::fs::read_to_string(folder.join(name)).expect("a vector file");
    serde_json::from_str(&text).expect("JSON")
}

fn list(name: &str) -> Vec<Value> {
    vectors(name).as_array().expect("a list").clone()
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap_or_else(|| panic!("{field} of {vector}"))
}

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    from_hex(text(vector, field)).expect("hex")
}

fn key_of(terminal: &Value) -> TerminalKey {
    let (private, public) = (bytes(terminal, "private"), bytes(terminal, "public"));
    let key = match text(terminal, "algorithm") {
        "ES256" => TerminalKey::from_pkcs8(Algorithm::Es256, bytes(terminal, "pkcs8")),
        // The vectors have version 1 of PKCS #8 (RFC 8410, section 7); ring wants version 2, with the public key.
        _ => {
            let head = from_hex("3051020101300506032b657004220420").expect("hex");
            let pkcs8 = [head, private, vec![0x81, 0x21, 0], public].concat();
            TerminalKey::from_pkcs8(Algorithm::EdDsa, pkcs8)
        }
    };
    key.expect("a key")
}

/// A gateway with the vectors' installation id, and the vectors' terminals enrolled.
struct Bench {
    site: Site,
    gateway: Gateway,
    clerks: Vec<Clerk>,
}

impl Bench {
    async fn new() -> Self {
        let site = Site::new();
        let keys = vectors("keys.json");
        let data = DataDir(site.data());
        data.create().expect("a data directory");
        let storage = Storage::open(&site.data(), Synchronous::Full).expect("a database");
        storage.set_meta("installation", &bytes(&keys, "installation")).expect("the installation id");
        drop(storage);
        std::fs::write(data.gateway_key(), bytes(&keys["gateway"], "pkcs8")).expect("the gateway's key");
        let gateway = site.start();
        let mut clerks = Vec::new();
        for terminal in keys["terminals"].as_array().expect("terminals") {
            let key = key_of(terminal);
            let string = site.enrolment(text(terminal, "name"), "register");
            let (clerk, answer) = Clerk::try_enrol(&gateway.listen, &string, key).await;
            assert_eq!(answer.expect("enrolled").generation.map(|number| number.get()), Some(1));
            clerks.push(clerk);
        }
        Self { site, gateway, clerks }
    }

    fn clerk(&self, name: &str) -> &Clerk {
        let found = self.clerks.iter().find(|clerk| clerk.identity.terminal.as_str() == name);
        found.unwrap_or_else(|| panic!("{name} is not enrolled"))
    }
}

async fn answer_to(connection: &mut Connection, bytes: &[u8]) -> Frame {
    connection.send_raw(bytes).await.expect("sent");
    let frame = timeout(PATIENCE, connection.next_frame()).await;
    frame.expect("in time").expect("an answer")
}

#[tokio::test]
async fn every_bad_vector_gets_its_code_and_changes_nothing() {
    let bench = Bench::new().await;
    let index = last_index(&bench.gateway);
    let bad = list("bad.json");
    assert!(bad.len() >= 500);
    for terminal in ["V0001", "V0002"] {
        let mine: Vec<&Value> = bad.iter().filter(|vector| text(vector, "terminal") == terminal).collect();
        // After 16 of them the gateway would close.
        for some in mine.chunks(15) {
            let mut connection = bench.clerk(terminal).connect(&bench.gateway).await;
            for vector in some {
                let name = text(vector, "name");
                let frame = answer_to(&mut connection, &bytes(vector, "frame")).await;
                assert_eq!(Some(u64::from(frame.kind.0)), vector["answer_type"].as_u64(), "{name}");
                assert_eq!(frame.correlation, 0x0bad, "{name}");
                let answer = Answer::decode(&frame.body).expect(name);
                let detail = answer.detail.map(|detail| detail.as_str().to_owned());
                assert_eq!(Some(u64::from(answer.code.0)), vector["code"].as_u64(), "{name}: {detail:?}");
                assert_eq!(answer.code.class(), Class::Transient, "{name}");
                assert!(frame.sidecar.is_empty() && answer.reference.is_none() && !frame.repeat, "{name}");
            }
        }
    }
    assert_eq!(last_index(&bench.gateway), index, "nothing was written");
    for clerk in &bench.clerks {
        clerk.session(&bench.gateway).await;
    }
    bench.site.verify();
}

#[tokio::test]
async fn every_good_value_message_among_the_vectors_is_decided_once() {
    let bench = Bench::new().await;
    let good = list("requests.json");
    let is_value = |vector: &&Value| vector["fields"]["STAN"].is_u64();
    for clerk in &bench.clerks {
        let mut clerk = clerk.clone();
        clerk.last_stan = 9_999;
        let name = clerk.identity.terminal.as_str().to_owned();
        let mut session = clerk.session(&bench.gateway).await;
        let mut first: Vec<(String, Vec<u8>)> = Vec::new();
        for round in 0..2 {
            for vector in good.iter().filter(is_value).filter(|vector| text(vector, "terminal") == name) {
                let about = text(vector, "name");
                let frame = answer_to(&mut session.connection, &bytes(vector, "frame")).await;
                let answer = Answer::decode(&frame.body).expect(about);
                assert_eq!(answer.code.class(), Class::Final, "{about}: {:?}", answer.detail);
                let request_id = text(vector, "request_id").to_owned();
                match first.iter().find(|(id, _)| *id == request_id) {
                    // The other valid ES256 signature over the same bytes is the same request.
                    Some((_, body)) => {
                        assert!(frame.repeat && *body == frame.body, "{about} in round {round}")
                    }
                    None => {
                        assert!(!frame.repeat && round == 0, "{about}");
                        first.push((request_id, frame.body));
                    }
                }
            }
        }
        assert!(first.len() >= 5, "{name} has {} value messages", first.len());
    }
    bench.site.verify();
}

#[tokio::test]
async fn every_framing_vector_is_read_as_it_says() {
    let bench = Bench::new().await;
    let index = last_index(&bench.gateway);
    for vector in list("frames.json") {
        let name = text(&vector, "name");
        let mut connection = bench.clerks[0].connect(&bench.gateway).await;
        connection.send_raw(&bytes(&vector, "bytes")).await.expect("sent");
        let result = text(&vector, "result");
        let patience = if result == "incomplete" { Duration::from_millis(30) } else { PATIENCE };
        let next = timeout(patience, connection.reader.next());
        match result {
            "heartbeat" => {
                assert_eq!(next.await.expect("in time").expect(name), Incoming::Heartbeat, "{name}");
            }
            "frame" => {
                let Incoming::Frame(frame) = next.await.expect("in time").expect(name) else {
                    panic!("{name}: a heartbeat");
                };
                assert_eq!(Some(u64::from(frame.correlation)), vector["correlation"].as_u64(), "{name}");
            }
            "error" => {
                let Incoming::Frame(frame) = next.await.expect("in time").expect(name) else {
                    panic!("{name}: a heartbeat");
                };
                let answer = Answer::decode(&frame.body).expect(name);
                assert_eq!(
                    (frame.kind, answer.code),
                    (MessageType::REJECT, ResponseCode::FORMAT_ERROR),
                    "{name}"
                );
                let correlation = vector["correlation"].as_u64().unwrap_or(0);
                assert_eq!(u64::from(frame.correlation), correlation, "{name}");
                let end = timeout(PATIENCE, connection.reader.next()).await.expect("in time");
                assert!(end.is_err(), "{name}: cannot be repaired, so the gateway closes");
            }
            "incomplete" => {
                assert!(next.await.is_err(), "{name}: the gateway waits for more");
            }
            other => panic!("{name}: {other}"),
        }
    }
    assert_eq!(last_index(&bench.gateway), index);
}
