//! B13: lines for what is unusual, and who has crossed them, once each: on the command line, in the log and as a metric.

use gateway::programme_file::{DEFAULT, parse};
use serde_json::Value;
use terminal_sim::Card;

use super::redemption::redeem;
use crate::counter::{get, load, number, purchase, reversal};
use crate::harness::{Gateway, Site};
use crate::till::{APPROVED, People, Till, put_in_force, refund, void};

fn alert(name: &str, on: &str, by: &str, per: &str, line: &str) -> String {
    format!("[[alert]]\nalert = \"{name}\"\non = \"{on}\"\nby = \"{by}\"\nper = \"{per}\"\n{line}\n")
}

/// (alert, who, reached, reference) of what is listed; a person's exit code says whether there is something.
fn listed(site: &Site, arguments: &[&str]) -> Vec<(String, String, i64, u64)> {
    let done = site.run(&[&["alerts"], arguments].concat());
    let all = done.json["alerts"].as_array().unwrap_or_else(|| panic!("{}", done.stderr));
    assert_eq!(done.status.code(), Some(i32::from(!all.is_empty())));
    let text = |row: &Value, field: &str| row[field].as_str().expect("a text").to_owned();
    let number = |row: &Value, field: &str| row[field].as_i64().expect("a number");
    let row = |row: &Value| {
        let reference = u64::try_from(number(row, "reference")).expect("a reference");
        (text(row, "alert"), text(row, "who"), number(row, "reached"), reference)
    };
    all.iter().map(row).collect()
}

/// What is listed, without the references.
fn crossed(site: &Site) -> Vec<(String, String, i64)> {
    listed(site, &[]).into_iter().map(|(alert, who, reached, _)| (alert, who, reached)).collect()
}

fn is(rows: &[(&str, &str, i64)]) -> Vec<(String, String, i64)> {
    rows.iter().map(|(alert, who, reached)| ((*alert).into(), (*who).into(), *reached)).collect()
}

fn masked(card: &Card) -> String {
    format!("************{}", &number(card)[12..])
}

/// How often the metric says that a line was crossed.
fn metric(gateway: &Gateway, name: &str) -> u64 {
    let text = get(gateway, "/metrics").1;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("gateway_alerts_total{{alert=\"{name}\"}} ")));
    line.map_or(0, |number| number.parse().expect("a number"))
}

#[tokio::test]
async fn a_line_is_crossed_by_one_more_and_said_once_also_after_a_restart() {
    let site = Site::new();
    let gateway = site.start();
    let rules = [
        alert("voids", "voids", "cashier", "day", "above_times = 2"),
        alert("refunds", "refunds", "store", "month", "above = \"10.00\""),
        alert("undone", "voids", "terminal", "day", "above_times = 8"),
    ];
    put_in_force(&site, &format!("{DEFAULT}\n{}", rules.concat()));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[900_00]).await.remove(0);
    assert_eq!(crossed(&site), []);
    // Two voids of Amy's and two of Bob's are not above two; a reversal that names nobody is its terminal's.
    for name in ["amy", "bob", "amy", "bob"] {
        let (sale, _) = till.deal(purchase(&card, 5_00), &card).await;
        assert_eq!(till.by(People::cashier(name), void(&sale), &card).await.1.code(), APPROVED);
        let (sale, _) = till.deal(purchase(&card, 5_00), &card).await;
        assert_eq!(till.code(reversal(&sale), &card).await, APPROVED);
    }
    let (sale, _) = till.deal(purchase(&card, 50_00), &card).await;
    for part in [9_99, 1] {
        assert_eq!(till.code(refund(&sale, part), &card).await, APPROVED);
    }
    assert_eq!((crossed(&site), metric(&gateway, "voids"), metric(&gateway, "refunds")), (vec![], 0, 0));
    // One more of each; a reversal is one as a void is.
    let (third, _) = till.deal(purchase(&card, 5_00), &card).await;
    let (_, answer) = till.by(People::cashier("amy"), reversal(&third), &card).await;
    assert_eq!(answer.code(), APPROVED);
    let reference = answer.answer.reference.expect("a reference");
    let store = site.json(&["terminal", "show", "--id", "T0001"])["terminal"]["store"].clone();
    let store = store.as_str().expect("a store");
    assert_eq!(till.code(refund(&sale, 1), &card).await, APPROVED);
    let expected = is(&[("voids", "amy", 3), ("undone", "T0001", 9), ("refunds", store, 10_01)]);
    assert_eq!(crossed(&site), expected.clone());
    assert_eq!(listed(&site, &[])[0].3.to_string(), reference.to_string(), "the entry that crossed it");
    assert_eq!((metric(&gateway, "voids"), metric(&gateway, "refunds")), (1, 1));
    assert!(gateway.stop().success());

    // A start remembers who was how near, and who was told of.
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    for name in ["amy", "bob"] {
        let (sale, _) = till.deal(purchase(&card, 5_00), &card).await;
        assert_eq!(till.by(People::cashier(name), void(&sale), &card).await.1.code(), APPROVED);
    }
    assert_eq!(crossed(&site), [expected, is(&[("voids", "bob", 3)])].concat());
    assert_eq!((metric(&gateway, "voids"), metric(&gateway, "refunds")), (1, 0), "Bob's; Amy's was said");
    assert_eq!(site.log().matches("see `gateway alerts`").count(), 4);
    // Other days have none.
    assert_eq!(listed(&site, &["--from", "2020-01-01", "--to", "2020-12-31"]), []);
    assert_eq!(listed(&site, &["--from", "2099-01-01"]), []);
    let wrong = site.run(&["alerts", "--from", "soon"]);
    assert_eq!(wrong.status.code(), Some(2));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn points_bonus_redemption_and_adjustments_are_looked_at_by_member_terminal_and_rule() {
    let site = Site::new();
    let gateway = site.start();
    let rules = [
        alert("given", "points-given", "member", "day", "above = 100"),
        alert("by-rule", "points-given", "rule", "month", "above = 150"),
        alert("bonus", "bonus-given", "terminal", "day", "above = \"5.00\""),
        alert("bonus-rule", "bonus-given", "rule", "day", "above = \"9.99\""),
        alert("redeemed", "points-redeemed", "member", "day", "above_times = 1"),
        alert("adjusted", "adjustments", "member", "month", "above = 30"),
    ];
    let gift = "[[catalogue]]\nitem = \"pen\"\nname = \"Pen\"\npoints = 10\ngives = \"gift\"\n";
    put_in_force(&site, &format!("{DEFAULT}\n{gift}{}", rules.concat()));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let both = till.sell(&site, 2, &[99_00]).await;
    let [one, other] = [&both[0], &both[1]];
    // 100 of either; the second 5.00 of the terminal and its rule are both above.
    assert_eq!(till.code(load(one, 100_00), one).await, APPROVED);
    assert_eq!(crossed(&site), []);
    assert_eq!(till.code(load(other, 100_00), other).await, APPROVED);
    let mut expected = is(&[("bonus", "T0001", 10_00), ("bonus-rule", "load-steps", 10_00)]);
    assert_eq!(crossed(&site), expected);
    let (sale, _) = till.deal(purchase(one, 100_00), one).await;
    assert_eq!(till.code(purchase(other, 50_00), other).await, APPROVED);
    assert_eq!(crossed(&site), expected);
    // What was undone counts too.
    assert_eq!(till.code(reversal(&sale), one).await, APPROVED);
    assert_eq!(till.code(purchase(one, 1_00), one).await, APPROVED);
    expected.extend(is(&[("given", &masked(one), 101), ("by-rule", "spend-points", 151)]));
    assert_eq!(crossed(&site), expected);
    for _ in 0..2 {
        assert_eq!(till.code(redeem(other, "pen", 1), other).await, APPROVED);
    }
    expected.extend(is(&[("redeemed", &masked(other), 2)]));
    assert_eq!(crossed(&site), expected);
    site.operators(&["ann", "bob"]);
    for points in ["--points=20", "--points=-10", "--points=1"] {
        assert_eq!(crossed(&site), expected);
        let act = ["card", "adjust", "--card", &number(one), points, "--reason", "why", "--operator", "ann"];
        let proposal = site.run(&act).json["proposal"].as_u64().expect("a number").to_string();
        site.json(&["act", "confirm", "--number", &proposal, "--operator", "bob"]);
    }
    expected.extend(is(&[("adjusted", &masked(one), 31)]));
    assert_eq!(crossed(&site), expected);
    for (alert, ..) in &expected {
        assert_eq!(metric(&gateway, alert), 1, "{alert}");
    }
    // Nowhere a whole reference.
    let said = [site.log(), get(&gateway, "/metrics").1, site.run(&["alerts"]).json.to_string()].concat();
    assert!(both.iter().all(|card| !said.contains(&number(card))));
    drop(gateway);
    site.verify();
}

#[test]
fn mistakes_of_an_alert_name_their_line_and_what_to_write() {
    for (on, by, per, line, at, says) in [
        ("nothing", "member", "day", "above_times = 1", 2, "write one of \"points-given\""),
        ("voids", "anybody", "day", "above_times = 1", 3, "write one of \"member\""),
        ("voids", "cashier", "week", "above_times = 1", 4, "write one of \"day\", \"month\""),
        ("voids", "rule", "day", "above_times = 1", 3, "are by a rule"),
        ("adjustments", "cashier", "day", "above_times = 1", 3, "operators adjust points"),
        ("voids", "cashier", "day", "", 1, "one of them"),
        ("voids", "cashier", "day", "above_times = 1\nabove = \"5.00\"", 1, "one of them"),
        ("voids", "cashier", "day", "above = 5", 5, "write an amount"),
        ("points-given", "cashier", "day", "above = \"5.00\"", 5, "write a number of points"),
    ] {
        let document = format!("{DEFAULT}\n{}", alert("a", on, by, per, line));
        let first = document.lines().position(|line| line == "[[alert]]").expect("the table") + 1;
        let problems = parse(&document).expect_err(says);
        let found = problems.iter().find(|problem| problem.line == Some(first + at));
        assert!(found.is_some_and(|problem| problem.message.contains(says)), "{says}: {problems:?}");
    }
    let one = alert("a", "voids", "cashier", "day", "above_times = 1");
    let twice = parse(&format!("{DEFAULT}\n{one}{one}")).expect_err("two of one name");
    assert!(twice[0].message.contains("another [[alert]]"));
}
