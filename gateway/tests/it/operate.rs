//! What operators do, and what it does to those who trade.

mod backup;
mod day;
mod printing;
mod programme;
mod secrets;
mod terminals;
mod two_people;

use protocol::code::ResponseCode;
use protocol::field::{Shift, Totals};
use protocol::request::{Body, Header, Request, RequestSidecar};

use crate::counter::{Clerk, activate, cards, get, holdings, last_index, load, number, purchase, reversal};
use crate::harness::Site;

#[tokio::test]
async fn a_blocked_card_keeps_its_value_until_it_is_unblocked() {
    let site = Site::new();
    let gateway = site.start();
    let both = cards(&site, 2);
    let (card, new) = (&both[0], &both[1]);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, card, &[100_00]).await;
    let sale = clerk.sign(&session, purchase(card, 10_00), card);
    clerk.send(&mut session, &sale).await;
    let before = holdings(&site, card);
    let act = |what: &str, card: &terminal_sim::Card| {
        let digits = number(card);
        let reason: &[&str] = if what == "block" { &["--reason", "reported lost"] } else { &[] };
        site.run(&[&["card", what, "--card", &digits], reason].concat())
    };
    assert!(act("block", card).status.success());
    for body in [purchase(card, 1_00), load(card, 10_00), activate(card)] {
        let answer = clerk.deal(&mut session, body, card).await;
        assert_eq!(answer.code(), ResponseCode::CARD_BLOCKED);
    }
    assert_eq!(holdings(&site, card), before);
    let wrong = clerk.deal(&mut session, purchase(card, 1_00), &card.with_wrong_secret()).await;
    assert_eq!(
        wrong.code(),
        ResponseCode::CARD_NOT_ACCEPTED,
        "who cannot prove the card does not learn that"
    );
    let undone = clerk.deal(&mut session, reversal(&sale), card).await;
    assert_eq!(undone.code(), ResponseCode::APPROVED, "what was taken comes back, to a blocked card too");
    assert!(!act("block", card).status.success(), "it is blocked already");
    assert!(act("unblock", card).status.success());
    assert!(!act("unblock", card).status.success(), "it is not blocked");
    let answer = clerk.deal(&mut session, purchase(card, 105_00), card).await;
    assert_eq!(answer.code(), ResponseCode::APPROVED);
    // A card that was never sold goes back to being for sale.
    assert!(act("block", new).status.success() && act("unblock", new).status.success());
    let answer = clerk.deal(&mut session, purchase(new, 1), new).await;
    assert_eq!(answer.code(), ResponseCode::CARD_NOT_ACTIVE);
    site.verify();
}

#[tokio::test]
async fn an_operator_acts_from_admission_to_revocation_and_under_no_other_name() {
    let site = Site::new();
    let gateway = site.start();
    let issue = |operator: &str| site.run(&["--operator", operator, "card", "issue", "--count", "1"]);
    let refused = |operator: &str, why: &str| {
        let index = last_index(&gateway);
        let done = issue(operator);
        assert!(!done.status.success(), "{operator} acts");
        assert!(done.stderr.contains(why), "{operator}: {}", done.stderr);
        assert_eq!(last_index(&gateway), index, "nothing was written");
    };
    refused("ann", "has no key here");
    let last = site.run(&["operator", "revoke", "--name", "owner"]);
    assert!(last.stderr.contains("last active operator"), "{}", last.stderr);
    site.json(&["operator", "add", "--name", "ann"]);
    assert!(issue("ann").status.success());
    let keys = site.data().join("keys");
    std::fs::copy(keys.join("operator-ann.p8"), keys.join("operator-bob.p8")).expect("copied");
    refused("bob", "there is no active operator bob");
    std::fs::copy(keys.join("operator-ann.p8"), keys.join("operator-owner.p8.kept")).expect("copied");
    std::fs::rename(keys.join("operator-owner.p8"), keys.join("kept")).expect("moved");
    std::fs::rename(keys.join("operator-owner.p8.kept"), keys.join("operator-owner.p8")).expect("moved");
    refused("owner", "the signature is not that of operator owner");
    std::fs::rename(keys.join("kept"), keys.join("operator-owner.p8")).expect("moved back");
    site.json(&["operator", "revoke", "--name", "ann"]);
    refused("ann", "there is no active operator ann");
    let again = site.run(&["operator", "add", "--name", "ann"]);
    assert!(!again.status.success(), "a revoked name is not given out again");
    assert!(issue("owner").status.success());
    gateway.kill();
    let gateway = site.start();
    let index = last_index(&gateway);
    assert!(!issue("ann").status.success(), "after a restart neither");
    assert_eq!(last_index(&gateway), index);
    site.verify();
}

#[tokio::test]
async fn on_a_disk_that_fills_up_loads_stop_first_then_sales_and_reversals_never() {
    // More mebibytes than any disk has.
    let endless = 1_u64 << 40;
    for (limits, sales) in [
        (format!("stop_loads_below_mib = {endless}\nstop_sales_below_mib = 0\n"), ResponseCode::APPROVED),
        (
            format!("stop_loads_below_mib = {endless}\nstop_sales_below_mib = {endless}\n"),
            ResponseCode::NOT_TAKING_MONEY,
        ),
    ] {
        let site = Site::new();
        let gateway = site.start();
        let both = cards(&site, 2);
        let card = &both[0];
        let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
        let mut session = clerk.session(&gateway).await;
        clerk.fill(&mut session, card, &[100_00]).await;
        let sale = clerk.sign(&session, purchase(card, 10_00), card);
        clerk.send(&mut session, &sale).await;
        assert!(gateway.stop().success());
        std::fs::write(site.data().join("gateway.toml"), limits).expect("a configuration");
        let gateway = site.start();
        let mut session = clerk.session(&gateway).await;
        let index = last_index(&gateway);
        for body in [load(card, 10_00), activate(&both[1])] {
            let answer = clerk.deal(&mut session, body, card).await;
            assert_eq!(answer.code(), ResponseCode::NOT_TAKING_MONEY);
        }
        assert_eq!(last_index(&gateway), index, "nothing was written");
        assert_eq!(clerk.deal(&mut session, purchase(card, 1_00), card).await.code(), sales);
        let totals = Totals::new(Vec::new()).expect("no totals");
        let header = session.value_header(clerk.next_stan()).expect("a header");
        let closing = Request {
            header: Header { shift: Some(Shift::FIRST), ..header },
            body: Body::Reconciliation { totals },
        };
        let closing = session.sign(&closing, &RequestSidecar::default()).expect("a signed message");
        assert_eq!(clerk.send(&mut session, &closing).await.code(), sales, "a shift is closed like a sale");
        let answer = clerk.deal(&mut session, reversal(&sale), card).await;
        assert_eq!(answer.code(), ResponseCode::APPROVED, "what was taken by mistake always comes back");
        let again = session.exchange(&sale, true).await.expect("an answer");
        assert!(again.repeat, "and what was decided is still known");
        let question = Body::BalanceInquiry { card: card.reference };
        let question = session.question(question, &card.sidecar()).expect("a question");
        let answer = session.exchange(&question, false).await.expect("an answer");
        assert_eq!(answer.code(), ResponseCode::APPROVED);
        assert!(gateway.stop().success());
        std::fs::remove_file(site.data().join("gateway.toml")).expect("the disk is empty again");
        let gateway = site.start();
        let mut session = clerk.session(&gateway).await;
        assert_eq!(clerk.deal(&mut session, load(card, 10_00), card).await.code(), ResponseCode::APPROVED);
        site.verify();
    }
}

#[tokio::test]
async fn the_gateway_says_how_it_is_and_counts_what_it_does() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[100_00]).await;
    for minor in [1_00, 9_999_99] {
        clerk.deal(&mut session, purchase(&card, minor), &card).await;
    }
    let (status, health) = get(&gateway, "/healthz");
    assert!(status.contains("200 OK"), "{status}");
    let health: serde_json::Value = serde_json::from_str(&health).expect("JSON");
    let entries = health["index"].as_u64().expect("an index");
    assert_eq!(site.json(&["status"])["index"], health["index"]);
    let (status, page) = get(&gateway, "/metrics");
    assert!(status.contains("200 OK"), "{status}");
    let value = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {page}")).trim().parse::<u64>().expect("a number")
    };
    assert_eq!(value("gateway_entries_total"), entries - 1, "since the start, so without the first");
    assert_eq!(value("gateway_answers_total{code=\"51\"}"), 1);
    assert_eq!(value("gateway_connections"), 1);
    assert_eq!(value("gateway_stopped"), 0);
    assert!(value("gateway_free_bytes") > 0);
    assert!(page.trim_end().ends_with("# EOF"), "whole");
    assert!(get(&gateway, "/secrets").0.contains("404"));
    assert!(site.enrolment("T0002", "kiosk").ends_with(&gateway.fingerprint));
}
