//! Acts that one person cannot do alone.

use serde_json::Value;

use crate::counter::{Clerk, cards, holdings, last_index, number};
use crate::harness::{Done, Site};
use crate::timekeeping::Machine;

#[tokio::test]
async fn money_without_a_sale_goes_to_a_card_only_when_two_people_with_two_keys_have_signed() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[10_00]).await;
    site.operators(&["ann", "bob", "carl"]);
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

/// Money on a card without a sale, proposed by one and confirmed by the other; `Err` says why it is refused.
fn money_back(run: impl Fn(&[&str]) -> Done, card: &str, one: &str, other: &str) -> Result<(), String> {
    let refund = ["card", "refund", "--card", card, "--amount", "1.00", "--reason", "x", "--operator", one];
    let proposed = run(&refund);
    if !proposed.status.success() {
        return Err(format!("proposed: {}", proposed.stderr));
    }
    let proposal = proposed.json["proposal"].to_string();
    let confirmed = run(&["act", "confirm", "--number", &proposal, "--operator", other]);
    if confirmed.status.success() { Ok(()) } else { Err(format!("confirmed: {}", confirmed.stderr)) }
}

/// Each operator, and whether that is somebody who may be one of two now.
fn operators(site: &Site) -> Vec<(String, bool)> {
    let list = site.json(&["operator", "list"]);
    let rows = list["operators"].as_array().expect("operators").iter();
    rows.map(|row| (row["operator"].as_str().expect("a name").into(), row["one_of_two"] == true)).collect()
}

fn added_alone(site: &Site) -> usize {
    let list = site.json(&["exception", "list"]);
    let rows = list["exceptions"].as_array().expect("exceptions").iter();
    rows.filter(|row| row["what"] == "operator added by one person").count()
}

#[tokio::test]
async fn whom_one_person_adds_alone_is_not_one_of_two_until_three_days_are_over() {
    const THREE_DAYS: i64 = 72 * 3600;
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = machine.start();
    let card = cards(site, 1).remove(0);
    let mut clerk = Clerk::enrol(site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[10_00]).await;
    let card = number(&card);
    let two = |one: &str, other: &str| money_back(|arguments| site.run(arguments), &card, one, other);
    let waits = |refused: Result<(), String>, step: &str| {
        let why = refused.expect_err("two names of one person");
        assert!(why.starts_with(step) && why.contains("added by one person alone"), "{why}");
    };

    // The second that there ever was; everybody after that is somebody whom one person could have made up.
    site.json(&["operator", "add", "--name", "sock1"]);
    assert_eq!(added_alone(site), 0);
    site.json(&["operator", "add", "--name", "sock2"]);
    site.json(&["operator", "add", "--name", "sock3", "--operator", "sock2"]);
    assert_eq!(added_alone(site), 2, "everybody sees it");
    waits(two("sock2", "sock3"), "proposed");
    waits(two("sock2", "owner"), "proposed");
    waits(two("owner", "sock2"), "confirmed");
    let by_socks = site.run(&["operator", "add", "--name", "x", "--by-two", "--operator", "sock3"]);
    assert!(by_socks.stderr.contains("added by one person alone"), "{}", by_socks.stderr);
    assert_eq!(two("owner", "sock1"), Ok(()));
    site.add_by_two("carl", "sock1");
    assert_eq!(added_alone(site), 2);
    assert_eq!(two("carl", "owner"), Ok(()), "whom two people add need not wait");

    // Whoever is left alone adds somebody, and that somebody waits as well.
    for name in ["carl", "sock1", "sock2", "sock3"] {
        site.json(&["operator", "revoke", "--name", name]);
    }
    site.json(&["operator", "add", "--name", "dora"]);
    waits(two("owner", "dora"), "confirmed");
    let all = [("carl", false), ("dora", false), ("owner", true), ("sock1", false), ("sock2", false)];
    assert_eq!(operators(site)[..5], all.map(|(name, may)| (name.to_owned(), may)));

    // To the second: how long the commands took is not known, so an hour either side.
    for (ahead, may) in [(THREE_DAYS - 3600, false), (THREE_DAYS + 3600, true)] {
        machine.set_clock(ahead);
        assert!(machine.run(&["clock", "confirm"]).status.success());
        let done = money_back(|arguments| machine.run(arguments), &card, "owner", "dora");
        assert_eq!(done.is_ok(), may, "{ahead}: {done:?}");
    }
    assert!(operators(site).contains(&("dora".into(), true)));
    let (kind, open) = ("operator added by one person", site.json(&["exception", "list"]));
    let row = open["exceptions"].as_array().expect("exceptions").iter().find(|row| row["what"] == kind);
    let reference = row.expect("dora's")["reference"].to_string();
    let settle = ["exception", "settle", &reference, "--explained", "--reason", "dora is the new manager"];
    let proposal = machine.run(&settle).json["proposal"].to_string();
    let confirm = ["act", "confirm", "--number", &proposal, "--operator", "dora"];
    assert!(machine.run(&confirm).status.success());
    assert_eq!(added_alone(site), 2);
    drop(gateway);
    site.verify();
}
