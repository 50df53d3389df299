//! Loads at the real gateway against what a provider would write of them.

use gateway::clock::Clock;
use protocol::field::{Reason, TenderKind, TenderLine, TenderLines};
use protocol::request::{Body, RequestSidecar};

use crate::counter::{amount, load, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, add_to_programme, refund, unload, void};
use terminal_sim::Card;

const MAP: &str = r#"
[about]
tenders = [3]
[columns]
reference = "Order"
amount = "Amount"
date = "Time"
[dates]
format = "%Y-%m-%d %H:%M:%S"
timezone = "UTC"
"#;

/// By kind, amount and reference.
fn tenders(all: &[(u8, i64, &str)]) -> TenderLines {
    let line = |(kind, minor, reference): &(u8, i64, &str)| TenderLine {
        kind: TenderKind(*kind),
        amount: amount(*minor),
        reference: (!reference.is_empty()).then(|| reference.parse().expect("a reference")),
    };
    TenderLines::new(all.iter().map(line).collect()).expect("tenders")
}

fn load_by(card: &Card, all: &[(u8, i64, &str)]) -> Body {
    let whole = all.iter().map(|(_, minor, _)| minor).sum();
    Body::Load { card: card.reference, amount: amount(whole), tenders: tenders(all) }
}

/// Money that the till takes and cannot credit, and that two operators have given back.
async fn taken_and_given_back(site: &Site, till: &mut Till, reference: &str) {
    let body = Body::CashTaken {
        card: None,
        amount: amount(35_00),
        tenders: tenders(&[(3, 35_00, reference)]),
        original: None,
        reason: Reason::NO_ANSWER,
    };
    let message = till.sign_with(body, &RequestSidecar::default(), |header| header);
    assert_eq!(till.send(&message).await.code(), APPROVED);
    site.operators(&["ann", "bob"]);
    let open = site.json(&["exception", "list"])["exceptions"][0]["reference"].to_string();
    let words = ["exception", "settle", &open, "--paid-out", "--reason", "given back", "--operator", "ann"];
    let proposal = site.json(&words)["proposal"].to_string();
    site.json(&["act", "confirm", "--number", &proposal, "--operator", "bob"]);
}

#[tokio::test]
async fn a_wallets_statement_is_matched_with_loads_refunds_and_what_was_undone() {
    let site = Site::new();
    let gateway = site.start();
    add_to_programme(&site, "max_unload = \"500.00\"", "");
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[50_00]).await.remove(0);
    let mut paid = Vec::new();
    for (tenders, _) in [
        (&[(3, 100_00, "W1")][..], 0),
        (&[(3, 60_00, "W2"), (1, 40_00, "")], 0),
        (&[(3, 70_00, "W3")], 0),
        (&[(3, 80_00, "W4")], 0),
        (&[(3, 90_00, "")], 0),
        (&[(2, 30_00, "B1")], 0),
    ] {
        let (message, answer) = till.deal(load_by(&card, tenders), &card).await;
        assert_eq!(answer.code(), APPROVED);
        paid.push(message);
    }
    // W1: a part comes back. W3: undone. W4: undone, and paid again with the same order.
    assert_eq!(till.code(refund(&paid[0], 25_00), &card).await, APPROVED);
    assert_eq!(till.code(void(&paid[2]), &card).await, APPROVED);
    assert_eq!(till.code(reversal(&paid[3]), &card).await, APPROVED);
    assert_eq!(till.code(load_by(&card, &[(3, 80_00, "W4")]), &card).await, APPROVED);
    // A refund that is undone is nothing either: 40.00 in cash and 10.00 to the wallet.
    let (back, _) = till.deal(refund(&paid[1], 50_00), &card).await;
    assert_eq!(till.code(void(&back), &card).await, APPROVED);
    // Cash-out: the newest load, W4, and nothing else.
    assert_eq!(till.code(unload(&card, 80_00), &card).await, APPROVED);
    assert_eq!(till.code(load(&card, 20_00), &card).await, APPROVED);
    taken_and_given_back(&site, &mut till, "C1").await;
    drop(gateway);
    site.verify();

    let now = jiff::Timestamp::from_millisecond(Clock::system().now_ms()).expect("a time");
    let today = now.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let (map, statement) = (site.beside("map.toml"), site.beside("statement.csv"));
    std::fs::write(&map, MAP).expect("written");
    let reconcile = |lines: &[(&str, &str)]| {
        let each = lines.iter().map(|(order, amount)| format!("{order},{amount},{today}\n"));
        std::fs::write(&statement, format!("Order,Amount,Time\n{}", each.collect::<String>()))
            .expect("written");
        let path = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
        site.run(&["reconcile", "--statement", &path(&statement), "--map", &path(&map)])
    };
    let whole = [
        ("W1", "100.00"),
        ("W1", "-25.00"),
        ("W2", "60.00"),
        ("W4", "80.00"),
        ("W4", "-80.00"),
        ("W5", "90.00"),
        ("C1", "35.00"),
        ("C1", "-35.00"),
    ];
    let done = reconcile(&whole);
    assert!(done.status.success(), "{} {}", done.json, done.stderr);
    assert_eq!(done.json["ok"], true);
    assert_eq!(done.json["totals"][7]["statement"], "225.00");
    assert_eq!(done.json["totals"][7]["here"], "225.00");
    assert_eq!(done.json["totals"][1]["lines"], 1, "the one without a reference");
    assert_eq!(done.json["undone"].as_array().map(Vec::len), Some(3), "{}", done.json);

    // The provider took W3 all the same, took one fen more for W2, and never had W4's refund.
    let mut faulty = whole.to_vec();
    (faulty[2].1, faulty[4]) = ("60.01", ("W3", "70.00"));
    let done = reconcile(&faulty);
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(done.json["missing_here"][0]["reference"], "W3");
    assert_eq!(done.json["missing_there"][0]["reference"], "W4");
    assert_eq!(done.json["missing_there"][0]["amount"], "-80.00");
    assert_eq!(done.json["missing_there"][0]["what"], "Unload");
    assert_eq!(done.json["differing"][0]["line"]["line"], 4);
    assert_eq!(done.json["totals"][7]["difference"], "150.01");
    let back = whole.iter().find(|line| line.0 == "C1" && line.1.starts_with('-'));
    let done = reconcile(&whole.iter().filter(|line| Some(*line) != back).copied().collect::<Vec<_>>());
    assert_eq!(done.json["missing_there"][0]["what"], "exception-settle");
    assert_eq!(done.json["missing_there"][0]["reference"], "C1");
    nothing_compared_is_no_match(&site, &today[..10]);
    let words = site.run(&["reconcile", "--print-map"]);
    assert!(words.status.success());
    let done = site.run(&["reconcile", "--statement", "x"]);
    assert_eq!(done.status.code(), Some(2), "a map is needed");
}

/// Another year, another tender, a store that is not there, no payment at all; and an output that cannot be written.
fn nothing_compared_is_no_match(site: &Site, today: &str) {
    let (map, statement) = (site.beside("other.toml"), site.beside("other.csv"));
    let path = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
    let of = |changed: (&str, &str), lines: &str, days: &[&str]| {
        std::fs::write(&map, MAP.replace(changed.0, changed.1)).expect("written");
        std::fs::write(&statement, format!("Order,Amount,Time\n{lines}")).expect("written");
        let (statement, map) = (path(&statement), path(&map));
        let words = [&["reconcile", "--statement", &statement, "--map", &map], days].concat();
        site.run(&words)
    };
    let other_year = ["--from", "2001-01-01", "--to", "2001-01-31"];
    let paid = format!("W1,100.00,{today} 12:00:00\n");
    let done = of(("", ""), &paid, &other_year);
    assert_eq!(
        (done.status.code(), &done.json["ok"], &done.json["compared"]),
        (Some(3), &false.into(), &false.into())
    );
    assert_eq!(done.json["file"]["first_day"], today);
    assert_eq!(done.json["journal"]["loads"][2]["tender"], 3, "{}", done.json);
    let done = of(("[3]", "[9]"), "", &["--from", today, "--to", today]);
    assert_eq!(done.status.code(), Some(3), "nobody takes tender 9");
    let done = of(("[3]", "[9]"), &paid, &["--from", today, "--to", today]);
    assert_eq!(
        (done.status.code(), &done.json["compared"]),
        (Some(1), &false.into()),
        "a payment without a load"
    );
    let done = of(("[3]", "[3]\nstores = [\"S999\"]"), &paid, &[]);
    assert_eq!(done.status.code(), Some(1));
    assert!(done.stderr.contains("no store \"S999\"") && done.stderr.contains("it has: "), "{}", done.stderr);
    let done = of(("", ""), "", &[]);
    assert!(done.stderr.contains("none is a payment (header 1)"), "{}", done.stderr);
    let full = std::process::Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(["reconcile", "--print-map"])
        .stdout(std::fs::File::create("/dev/full").expect("a device"))
        .output()
        .expect("it runs");
    assert_eq!(full.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&full.stderr).contains("is not whole"));
}
