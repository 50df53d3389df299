//! B13: points are given and taken back by two people.

use protocol::code::ResponseCode;

use super::points;
use crate::counter::{activate, cards, holdings, number, purchase};
use crate::harness::Site;
use crate::till::{APPROVED, Till, void};

#[tokio::test]
async fn points_given_wrongly_go_when_two_people_say_so_and_are_owed_where_they_are_gone() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    till.deal(purchase(&card, 30_00), &card).await;
    site.operators(&["ann", "bob"]);
    let number = number(&card);
    let adjust = |kind: &str, points: i64, reason: &str| {
        let points = format!("--points={points}");
        let act = ["card", "adjust", "--card", &number, "--kind", kind, &points, "--reason", reason];
        site.run(&[&act[..], &["--operator", "ann"]].concat())
    };
    let confirmed = |kind: &str, points: i64| {
        let proposed = adjust(kind, points, "given twice");
        let proposal = proposed.json["proposal"].as_u64().expect("a number").to_string();
        assert!(!site.run(&["act", "confirm", "--number", &proposal, "--operator", "ann"]).status.success());
        site.json(&["act", "confirm", "--number", &proposal, "--operator", "bob"]);
    };
    let refused = |kind: &str, points: i64, reason: &str, says: &str| {
        let done = adjust(kind, points, reason);
        assert!(!done.status.success() && done.stderr.contains(says), "{says}: {}", done.stderr);
    };
    refused("silver", 1, "why", "write ordinary, or the kind");
    refused("ordinary", 0, "why", "say how many points");
    refused("ordinary", i64::MIN, "why", "must be above zero and in range");
    refused("ordinary", 5, "", "a reason must be");

    confirmed("ordinary", -10);
    assert_eq!(points(&mut till, &card, [16, 17]).await, [20, 0]);
    confirmed("17", 7);
    assert_eq!(points(&mut till, &card, [16, 17]).await, [20, 7]);
    confirmed("ordinary", -50);
    assert_eq!((holdings(&site, &card).points, holdings(&site, &card).points_debt), (0, 30));
    confirmed("ordinary", 100);
    assert_eq!((holdings(&site, &card).points, holdings(&site, &card).points_debt), (70, 0));
    // A blocked card's points are corrected too; its holder cannot spend them meanwhile.
    site.json(&["card", "block", "--card", &number, "--reason", "looked into"]);
    confirmed("ordinary", -70);
    assert_eq!(holdings(&site, &card).points, 0);
    site.json(&["card", "unblock", "--card", &number]);
    assert_eq!(till.code(purchase(&card, 1_00), &card).await, APPROVED);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_card_that_owes_points_goes_to_nobody_else() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = cards(&site, 1).remove(0);
    let (sold, answer) = till.deal(activate(&card), &card).await;
    assert_eq!(answer.code(), APPROVED);
    site.json(&["operator", "add", "--name", "bob"]);
    let number = number(&card);
    let taken =
        site.json(&["card", "adjust", "--card", &number, "--points=-5", "--reason", "given to another"]);
    let proposal = taken["proposal"].as_u64().expect("a number").to_string();
    site.json(&["act", "confirm", "--number", &proposal, "--operator", "bob"]);
    // Neither by taking back the sale of the card, nor by stopping it and letting it go on.
    assert_eq!(till.code(void(&sold), &card).await, ResponseCode::INVALID_TRANSACTION);
    site.json(&["card", "block", "--card", &number, "--reason", "looked into"]);
    site.json(&["card", "unblock", "--card", &number]);
    let shown = site.json(&["card", "show", "--card", &number]);
    assert_eq!((&shown["status"], &shown["points_debt"]), (&"active".into(), &5.into()));
    drop(gateway);
    site.verify();
}
