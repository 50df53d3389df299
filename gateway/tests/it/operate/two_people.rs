//! Acts that one person cannot do alone.

use serde_json::Value;

use crate::counter::{Clerk, cards, holdings, last_index, number};
use crate::harness::Site;

#[tokio::test]
async fn money_without_a_sale_goes_to_a_card_only_when_two_people_with_two_keys_have_signed() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[10_00]).await;
    for name in ["ann", "bob", "carl"] {
        site.json(&["operator", "add", "--name", name]);
    }
    let number = number(&card);
    let refund = ["card", "refund", "--card", &number, "--amount", "12.50", "--reason", "no receipt"];
    let propose = |operator: &'static str| {
        let arguments: Vec<&str> = refund.into_iter().chain(["--operator", operator]).collect();
        site.json(&arguments)["proposal"].as_u64().expect("a number").to_string()
    };
    let before = last_index(&gateway);
    let proposal = propose("ann");
    assert_eq!(last_index(&gateway), before, "nothing is recorded yet");
    let waiting = site.json(&["act", "list"]);
    assert_eq!(waiting["proposals"][0]["operator"], "ann", "{waiting}");

    let confirm = |number: &str, operator: &str| {
        site.run(&["act", "confirm", "--number", number, "--operator", operator])
    };
    assert!(!confirm(&proposal, "ann").status.success(), "not by the same person");
    std::fs::copy(site.data().join("keys/operator-ann.p8"), site.data().join("keys/operator-carl.p8"))
        .expect("a key");
    assert!(!confirm(&proposal, "carl").status.success(), "not with ann's key under another name");
    assert!(!confirm("99", "bob").status.success(), "there is no such act");
    assert_eq!(last_index(&gateway), before);
    let done = confirm(&proposal, "bob");
    assert!(done.status.success(), "{} {}", done.json, done.stderr);
    assert_eq!(done.json["index"].as_u64(), Some(before + 1));
    assert_eq!(holdings(&site, &card).principal, 22_50);
    assert!(!confirm(&proposal, "bob").status.success(), "once");

    // Whoever leaves takes the signature along.
    let proposal = propose("ann");
    site.json(&["operator", "revoke", "--name", "ann"]);
    assert!(!confirm(&proposal, "bob").status.success());
    // A restart forgets what waits.
    let proposal = propose("bob");
    gateway.kill();
    let gateway = site.start();
    assert!(!confirm(&proposal, "owner").status.success());
    assert_eq!(site.json(&["act", "list"])["proposals"], Value::Array(Vec::new()));
    assert_eq!(holdings(&site, &card).principal, 22_50);
    drop(gateway);
    site.verify();
}
