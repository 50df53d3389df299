//! Offline sales of a terminal that cannot send them any more, from a file.

use protocol::request::Body;
use serde_json::Value;
use terminal_sim::message::SignedMessage;

use super::wire::{advice, confirm, shop, sign, two_operators};
use crate::counter::{Clerk, cards, holdings, last_index, purchase};
use crate::harness::Site;

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Proposes the file and has it confirmed; a line for each message.
pub(crate) fn import(site: &Site, name: &str, bytes: &[u8]) -> Vec<Value> {
    let file = site.beside(name);
    std::fs::write(&file, bytes).expect("a file");
    let path = file.to_str().expect("a path");
    let proposed = site.json(&["advice", "import", path, "--terminal", "T0001", "--operator", "ann"]);
    let done = confirm(site, &proposed);
    assert!(done.status.success(), "{} {}", done.json, done.stderr);
    done.json["advices"].as_array().expect("a report").clone()
}

pub(crate) fn outcomes(report: &[Value]) -> Vec<&str> {
    report.iter().map(|line| line["outcome"].as_str().expect("an outcome")).collect()
}

#[tokio::test]
async fn t5_the_queue_of_a_revoked_terminal_comes_in_from_a_file_and_a_bad_message_harms_no_other() {
    let (site, gateway, all, mut clerk, mut session) = shop(1).await;
    two_operators(&site);
    let card = &all[0];
    let grant = session.sign_on.grant.clone().expect("a grant");
    let mut queue: Vec<SignedMessage> =
        [10_00, 20_00, 30_00].map(|minor| sign(&mut clerk, &session, advice(card, minor, &grant))).to_vec();
    let sent = clerk.send(&mut session, &queue[1]).await;
    let sale = clerk.sign(&session, purchase(card, 1_00), card);
    let mut other = Clerk::enrol(&site, &gateway, "T0002", "register").await;
    let beside = other.session(&gateway).await;
    let foreign = sign(&mut other, &beside, advice(card, 1_00, &grant));
    site.json(&["terminal", "revoke", "--id", "T0001"]);
    assert!(clerk.try_session(&gateway).await.is_err());

    let mut forged = queue[0].body.clone();
    *forged.last_mut().expect("a byte") ^= 1;
    let bodies: Vec<Vec<u8>> =
        [&queue[2].body, &forged, &sale.body, &foreign.body, &queue[1].body, &queue[0].body, &queue[2].body]
            .into_iter()
            .cloned()
            .collect();
    let mut lines: Vec<String> = bodies.iter().map(|body| hex(body)).collect();
    lines.insert(1, "abc".into());
    lines.insert(2, "00".into());
    let before = (last_index(&gateway), holdings(&site, card));
    let file = site.beside("queue.hex");
    std::fs::write(&file, lines.join("\n")).expect("a file");
    let path = file.to_str().expect("a path");
    let proposed = site.json(&["advice", "import", path, "--terminal", "T0001", "--operator", "ann"]);
    let what = site.json(&["act", "list"])["proposals"][0]["what"].as_str().expect("words").to_owned();
    assert!(
        what.contains("T0001")
            && what.contains(&hex(&gateway::journal::sha256(&[lines.join("\n").as_bytes()])))
    );
    assert_eq!((last_index(&gateway), holdings(&site, card)), before, "one person brings nothing in");
    let done = confirm(&site, &proposed);
    assert!(done.status.success(), "{} {}", done.json, done.stderr);
    let report = done.json["advices"].as_array().expect("a report").clone();
    assert_eq!(
        outcomes(&report),
        [
            "decided",
            "cannot be read",
            "cannot be read",
            "is not signed with the terminal's key",
            "is no Advice, or one that cannot be read",
            "is another terminal's",
            "known",
            "decided",
            "known",
        ]
    );
    assert_eq!(report[6]["reference"].as_u64(), sent.answer.reference);
    assert_eq!(report[8]["reference"], report[0]["reference"]);
    assert!(report[0]["shortfall_minor"] == 0 && report[7]["amount_minor"] == 10_00);
    assert_eq!(holdings(&site, card).principal, 40_00);

    // The same again, as a CBOR sequence with its end cut off, after a restart.
    gateway.kill();
    let gateway = site.start();
    let mut sequence: Vec<u8> = bodies.concat();
    sequence.extend(&queue.remove(0).body[..50]);
    let report = import(&site, "queue.cbor", &sequence);
    assert_eq!(report.len(), 8);
    assert_eq!(
        [&report[0]["outcome"], &report[4]["outcome"], &report[7]["outcome"]],
        ["known", "known", "cannot be read"]
    );
    assert_eq!(holdings(&site, card).principal, 40_00);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t5_an_import_needs_a_file_a_terminal_and_its_last_enrolment() {
    let (site, gateway, all, mut clerk, session) = shop(1).await;
    two_operators(&site);
    let grant = session.sign_on.grant.clone().expect("a grant");
    let message = sign(&mut clerk, &session, advice(&all[0], 10_00, &grant));
    let file = site.beside("queue.hex");
    let path = file.to_str().expect("a path");
    let propose =
        |terminal: &str| site.run(&["advice", "import", path, "--terminal", terminal, "--operator", "ann"]);
    assert!(!propose("T0001").status.success(), "there is no file");
    std::fs::write(&file, "").expect("a file");
    assert!(!propose("T0001").status.success(), "there is nothing in it");
    std::fs::write(&file, hex(&message.body)).expect("a file");
    assert!(propose("T0009").stderr.contains("no terminal T0009"));
    // Enrolled anew before its queue came in: the old key says nothing any more.
    Clerk::enrol_with(&gateway, &site.enrolment("T0001", "register"), protocol::cose::Algorithm::Es256).await;
    let report = import(&site, "late.hex", hex(&message.body).as_bytes());
    assert_eq!(outcomes(&report), ["is of another generation than the terminal's last"]);
    assert_eq!(holdings(&site, &all[0]).principal, 100_00);
    assert_eq!(cards(&site, 1).len(), 1);
    assert!(matches!(advice(&all[0], 1, &grant), Body::Advice { .. }));
    drop(gateway);
    site.verify();
}
