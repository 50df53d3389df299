//! What a settlement says: counted by hand.

use protocol::code::ResponseCode;
use protocol::field::{Shift, TerminalTime, Total, TotalMinor, Totals};
use protocol::frame::MessageType;
use protocol::request::{Body, Header, Request, RequestSidecar};
use serde_json::Value;

use super::{dashed, number, settlement, today};
use crate::counter::{load, purchase, reversal};
use crate::harness::{Done, Site};
use crate::offline::wire::{advice, confirm, granted, two_operators};
use crate::till::{APPROVED, Till, refund, unload, void};

const DAY: u64 = 24 * 3600;

fn total(kind: MessageType, count: u32, minor: i64) -> Total {
    Total { kind, count, amount: TotalMinor::new(minor).expect("an amount") }
}

/// Closes a shift with what the terminal counts.
async fn reconcile(till: &mut Till, shift: u32, totals: Vec<Total>) -> ResponseCode {
    let body = Body::Reconciliation { totals: Totals::new(totals).expect("rising") };
    let more = |header| Header { shift: Shift::new(shift), ..header };
    let message = till.sign_with(body, &RequestSidecar::default(), more);
    till.send(&message).await.code()
}

fn counts(
    settlement: &gateway::settlement::Settlement,
    store: &str,
    terminal: &str,
) -> Vec<(String, u64, i64)> {
    let shifts = settlement.stores[store].shifts.iter().filter(|batch| batch.terminal == terminal);
    let lines = shifts.flat_map(|batch| batch.lines.iter().map(move |line| (batch.shift, line)));
    let name = |(shift, line): (u32, &gateway::settlement::Line)| {
        (format!("{shift} {} {}", line.kind, line.tender).trim().to_owned(), line.count, line.amount_minor)
    };
    lines.map(name).collect()
}

#[tokio::test]
async fn a_settlement_says_what_each_shift_did_and_which_stan_is_in_dispute() {
    let site = Site::new();
    let gateway = site.start();
    two_operators(&site);
    crate::till::add_to_programme(&site, "max_unload = \"500.00\"", "");
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let mut branch = Till::elsewhere(&site, &gateway, "T0002", ["--store", "S002"]).await;
    let day = today(&site);
    let cards = till.sell(&site, 2, &[100_00]).await;
    let (card, other) = (&cards[0], &cards[1]);
    for minor in [10_00, 7_50, 5_00] {
        assert_eq!(till.in_shift(1, purchase(card, minor), card).await.code(), APPROVED);
    }
    let last = till.clerk.last_stan;
    assert_eq!(till.in_shift(1, load(card, 50_00), card).await.code(), APPROVED);
    assert!(!till.in_shift(1, purchase(card, 9_000_00), card).await.code().is_approval());
    // STANs that never come.
    till.clerk.last_stan += 2;
    let (sale, _) = branch.deal(purchase(other, 40_00), other).await;
    assert_eq!(branch.code(refund(&sale, 15_00), other).await, APPROVED);
    let (wrong, _) = branch.deal(purchase(other, 3_00), other).await;
    assert_eq!(branch.code(void(&wrong), other).await, APPROVED);
    assert_eq!(branch.code(unload(other, 20_00), other).await, APPROVED);
    let so_far = settlement(&site, day, None);
    let open: Vec<_> =
        so_far.open_shifts().map(|(store, batch)| (store, batch.terminal.as_str(), batch.shift)).collect();
    assert_eq!(open, [("S001", "T0001", 1)]);
    // The terminal has lost the sale of 7.50.
    let told = vec![total(MessageType::LOAD, 1, 50_00), total(MessageType::PURCHASE, 2, 15_00)];
    assert_eq!(reconcile(&mut till, 1, told).await, ResponseCode::TOTALS_DIFFER);

    let all = settlement(&site, day, None);
    assert_eq!(
        counts(&all, "S001", "T0001"),
        [
            ("0 Activate", 2, 0),
            ("0 Load", 2, 200_00),
            ("0 Load Cash", 2, 200_00),
            ("1 Load", 1, 50_00),
            ("1 Load Cash", 1, 50_00),
            ("1 Purchase", 3, 22_50),
            ("1 Reconciliation", 1, 0),
            ("1 declined", 1, 0),
        ]
        .map(|(name, count, sum)| (name.to_owned(), count, sum))
    );
    assert_eq!(
        counts(&all, "S002", "T0002"),
        [("0 Purchase", 2, 43_00), ("0 Refund", 1, 15_00), ("0 Unload", 1, 20_00), ("0 Void", 1, 3_00)]
            .map(|(name, count, sum)| (name.to_owned(), count, sum))
    );
    let cash = all.flow.tenders["Cash"];
    assert_eq!((cash.lines, cash.in_minor, cash.out_minor), (3, 250_00, 20_00));
    assert_eq!((all.flow.paid.count, all.flow.paid.amount_minor), (5, 62_50), "less what was voided");
    assert_eq!((all.flow.refunded.count, all.flow.refunded.amount_minor), (1, 15_00));
    let held = all.held.as_ref().expect("of all stores");
    let shown = |card| crate::counter::holdings(&site, card);
    let (one, two) = (shown(card), shown(other));
    assert_eq!(
        (held.principal_minor, held.bonus_minor),
        (one.principal + two.principal, one.bonus + two.bonus)
    );
    assert_eq!(held.points["PTS"], one.points + two.points - one.points_debt - two.points_debt);
    assert_eq!(all.stores["S002"].flow.paid.amount_minor, 40_00);

    let shift = all.stores["S001"].shifts.iter().find(|batch| batch.shift == 1).expect("shift 1");
    let reconciled = shift.reconciled.as_ref().expect("reconciled");
    assert!(shift.closed);
    let [difference] = reconciled.differences.as_slice() else { panic!("{:?}", reconciled.differences) };
    assert_eq!((difference.terminal_count, difference.host_count, difference.host_minor), (2, 3, 22_50));
    let stans: Vec<_> =
        difference.stans.iter().map(|stan| (stan.stan, stan.amount_minor, stan.fits)).collect();
    assert_eq!(stans, [(last - 2, 10_00, false), (last - 1, 7_50, true), (last, 5_00, false)]);
    assert_eq!(reconciled.missing, [(last + 3, last + 4)]);
    assert_eq!(all.open_shifts().count(), 0, "messages without a shift are in none that could be open");
    let [open] = all.exceptions.as_slice() else { panic!("{:?}", all.exceptions) };
    assert_eq!((open.what, open.carried, open.terminal.as_str()), ("totals differ", false, "T0001"));
    let page = all.page();
    for line in ["TOTALS DIFFER", "as much as the difference", "STANs that never came", "Not closed"] {
        assert!(page.contains(line), "{line}\n{page}");
    }

    // A mismatch closes all the same, and is carried until it is explained.
    let reference = open.reference.to_string();
    let closed = close(&site, &[]);
    assert!(closed.status.success(), "{}", closed.stderr);
    assert!(today(&site) > day);
    assert_eq!(till.code(purchase(card, 1_00), card).await, APPROVED);
    let next = today(&site);
    let carried = settlement(&site, next, None);
    assert_eq!(carried.exceptions.iter().map(|open| open.carried).collect::<Vec<_>>(), [true]);
    assert_eq!(carried.flow.paid.amount_minor, 1_00);
    let explain =
        ["exception", "settle", &reference, "--explained", "--reason", "lost roll", "--operator", "ann"];
    let proposed = site.json(&explain);
    assert!(confirm(&site, &proposed).status.success());
    let explained = settlement(&site, next, None);
    assert_eq!((explained.exceptions.len(), explained.settled.len()), (0, 1));
    assert_eq!(settlement(&site, day, None).exceptions.len(), 1, "the day before says what it said");
    // One store by itself, and the sums of both.
    let [one, two] = ["S001", "S002"].map(|store| settlement(&site, day, Some(store)));
    let whole = settlement(&site, day, None);
    assert_eq!(one.flow.entries + two.flow.entries, whole.flow.entries);
    assert_eq!(one.flow.paid.amount_minor + two.flow.paid.amount_minor, whole.flow.paid.amount_minor);
    assert!(one.held.is_none() && one.exceptions.len() == 1 && two.exceptions.is_empty());
    site.verify();
}

fn close(site: &Site, more: &[&str]) -> Done {
    site.run(&[&["day", "close", "--yes"], more].concat())
}

#[tokio::test]
async fn a_day_that_is_closed_early_goes_on_on_the_next_and_closes_once() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    let day = today(&site);
    let sold = till.deal(purchase(&card, 10_00), &card).await;
    assert_eq!(sold.1.answer.business_date.map(protocol::field::Date::number), Some(day));
    let out = site.beside("days");
    let out = ["--out", out.to_str().expect("a path")];
    let unfiled = site.run(&["day", "show", out[0], out[1]]);
    assert!(!unfiled.status.success() && unfiled.stderr.contains("not closed"), "{}", unfiled.stderr);
    let done = close(&site, &out);
    assert!(done.status.success(), "{}", done.stderr);
    let closed = &done.json["settlement"];
    assert_eq!(closed["closed"]["by"], "owner");
    assert_eq!(closed["closed"]["entry"], closed["last_entry"], "the close is the day's last entry");
    let file = |form: &str| {
        std::fs::read(site.beside("days").join(format!("settlement-{}.{form}", dashed(day)))).expect("filed")
    };
    let filed = [file("txt"), file("json")];
    assert_eq!(serde_json::from_slice::<Value>(&filed[1]).expect("JSON"), *closed);

    let next = today(&site);
    assert!(next > day);
    let status = site.json(&["status"]);
    assert_eq!(
        ["day_by_clock", "closed_through"].map(|field| number(status[field].as_str().expect("a date"))),
        [day; 2]
    );
    // Sold in the evening: booked on the next day, by the rules of this one; it can be given back and undone as ever.
    let (late, answer) = till.deal(purchase(&card, 20_00), &card).await;
    assert_eq!(answer.answer.business_date.map(protocol::field::Date::number), Some(next));
    assert_eq!(till.code(refund(&late, 5_00), &card).await, APPROVED);
    assert_eq!(till.code(refund(&sold.0, 5_00), &card).await, APPROVED);
    let (undone, _) = till.deal(purchase(&card, 2_00), &card).await;
    assert_eq!(till.code(reversal(&undone), &card).await, APPROVED);
    let question = Body::BalanceInquiry { card: card.reference };
    assert_eq!(
        till.ask(question, &card).await.answer.business_date.map(protocol::field::Date::number),
        Some(next)
    );

    // Twice is refused, says who and when, and shows and files the same.
    let again = close(&site, &out);
    assert_eq!(again.status.code(), Some(1));
    assert!(again.stderr.contains("was closed by owner at"), "{}", again.stderr);
    assert_eq!(again.json["settlement"], *closed);
    assert_eq!([file("txt"), file("json")], filed);
    let ahead = close(&site, &["--day", &dashed(next)]);
    assert!(!ahead.status.success() && ahead.stderr.contains("has not begun"), "{}", ahead.stderr);
    // Whoever changes the file is found out.
    let changed = site.beside("days").join(format!("settlement-{}.txt", dashed(day)));
    std::fs::write(&changed, "all is well").expect("written");
    assert!(close(&site, &out).stderr.contains("something else than the journal"));

    // Its export is complete, and the next day's follows on it.
    let taken = |day: u32, name: &str| {
        let to = site.beside(name).display().to_string();
        let said = site.json(&["export", "--day", &dashed(day), "--out", &to]);
        (said["export"]["complete"].clone(), to)
    };
    let ((whole, first), (open, second)) = (taken(day, "one"), taken(next, "two"));
    assert_eq!((whole, open), (Value::Bool(true), Value::Bool(false)));
    let checked = site.json(&["export", "verify", &first, &second, "--fingerprint", &gateway.fingerprint]);
    assert_eq!(checked["ok"], true, "{checked}");

    // A start changes nothing of it.
    assert!(gateway.stop().success());
    let gateway = site.start();
    assert_eq!(today(&site), next);
    let mut till = till.again(&gateway).await;
    assert_eq!(till.code(purchase(&card, 1_00), &card).await, APPROVED);
    assert!(super::records(&site).is_sorted_by_key(|record| record.details.business_date));
    // The close has left an anchor.
    let anchors = std::fs::read_to_string(site.data().join("anchors.log")).expect("anchors");
    let entry = closed["closed"]["entry"].to_string();
    assert!(anchors.lines().any(|line| line.split(' ').nth(2) == Some(&entry)), "{entry} in {anchors}");
    site.verify();
}

#[tokio::test]
async fn a_sale_that_was_told_late_is_of_the_day_it_came_and_says_when_it_was_made() {
    let (site, gateway, cards, mut clerk, mut session) = crate::offline::wire::shop(1).await;
    let grant = granted(&session);
    let day = today(&site);
    let yesterday = number(&gateway::domain::day::day_before(day).map(dashed).expect("a date"));
    for days_ago in [0, 1] {
        let header = session.value_header(clerk.next_stan()).expect("a header");
        let time = TerminalTime::new(header.time.seconds() - days_ago * DAY, 0).expect("a time");
        let body = advice(&cards[0], 10_00, &grant);
        let request = Request { header: Header { time, ..header }, body };
        let message = session.sign(&request, &RequestSidecar::default()).expect("a signed message");
        assert_eq!(clerk.send(&mut session, &message).await.code(), APPROVED);
    }
    let told = settlement(&site, day, None).offline_sales;
    let told: Vec<_> = told.iter().map(|late| (late.amount_minor, late.happened.clone())).collect();
    assert_eq!(told, [(10_00, dashed(day)), (10_00, dashed(yesterday))]);
    drop(gateway);
    let out = site.beside("out").display().to_string();
    site.json(&["export", "--day", &dashed(day), "--format", "csv,jsonl", "--out", &out]);
    let mut lines = csv::Reader::from_path(site.beside("out/transactions.csv")).expect("CSV");
    let rows: Vec<std::collections::BTreeMap<String, String>> =
        lines.deserialize().map(|row| row.expect("a row")).collect();
    let happened = rows.iter().filter(|row| row["message"] == "Advice").map(|row| row["happened"].as_str());
    assert_eq!(happened.collect::<Vec<_>>(), [dashed(day), dashed(yesterday)]);
    assert!(rows.iter().all(|row| row["message"] == "Advice" || row["happened"].is_empty()));
}
