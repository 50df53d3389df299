//! A close that somebody gets wrong: too late, twice, at once, without a place to file it; and questions about days that are not there.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use gateway::domain::day::{day_after, day_before};
use protocol::field::{TenderKind, TenderLine, TenderLines};
use protocol::request::Body;
use serde_json::Value;

use super::cut::to_the_cut;
use super::{dashed, number, records, settlement, today};
use crate::counter::{amount, load, purchase};
use crate::harness::{BINARY, Done, Site, run_with};
use crate::till::{APPROVED, Till, refund};
use crate::timekeeping::{DAY, Machine, until};

/// A gateway's answer, which must be no.
fn refused(done: &Done, because: &str) {
    assert_eq!(done.status.code(), Some(1), "{} {}", done.json, done.stderr);
    assert!(done.stderr.contains(because), "{because:?} in {}", done.stderr);
}

fn closed_through(site: &Site) -> u32 {
    number(site.json(&["status"])["closed_through"].as_str().expect("a date"))
}

#[tokio::test]
async fn where_a_settlement_cannot_be_filed_the_day_stays_open() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    let day = today(&site);
    let file = site.beside("file");
    fs::write(&file, "").expect("written");
    let filed = site.beside("filed");
    fs::create_dir(&filed).expect("a directory");
    fs::write(filed.join(format!("settlement-{}.json", dashed(day))), "{}").expect("written");
    let text = |path: &std::path::Path| path.display().to_string();
    for (out, because) in [
        (text(&file), "is no directory"),
        (text(&file.join("below")), "is no directory"),
        (text(&filed), "is there already, of a day that is open"),
        ("/proc/nowhere".to_owned(), "nothing can be written to /proc/nowhere"),
    ] {
        for how in ["--yes", "--dry-run"] {
            let done = site.run(&["day", "close", how, "--out", &out]);
            refused(&done, because);
            assert!(done.stderr.contains("nothing was closed"), "{}", done.stderr);
            assert!(closed_through(&site) < day);
        }
    }
    // A dry run says what would be, and is no close.
    let out = text(&site.beside("days"));
    let dry = site.run(&["day", "close", "--dry-run", "--out", &out]);
    assert!(dry.status.success() && dry.stderr.contains("Nothing was closed"), "{}", dry.stderr);
    assert_eq!(dry.json["settlement"]["flow"]["loaded"]["amount_minor"], 100_00);
    assert_eq!(dry.json["settlement"]["closed"], Value::Null);
    assert!(closed_through(&site) < day && !site.beside("days").exists());
    assert_eq!(till.code(purchase(&card, 1_00), &card).await, APPROVED);
    let done = site.run(&["day", "close", "--yes", "--out", &out]);
    assert!(done.status.success(), "{}", done.stderr);
    assert_eq!(done.json["files"].as_array().map(Vec::len), Some(2));
    site.verify();
}

#[tokio::test]
async fn who_comes_too_late_does_not_close_the_day_that_has_only_begun() {
    let (machine, cut) = (Machine::new(), to_the_cut());
    let site = &machine.site;
    let gateway = machine.start();
    let day = today(site);
    let next = day_after(day).expect("a date");
    // Nobody has bought anything yet.
    refused(&site.run(&["day", "close", "--yes"]), "nothing was loaded, paid or refunded yet");
    let mut till = Till::open(site, &gateway, "T0001").await;
    let card = till.sell(site, 1, &[100_00]).await.remove(0);
    let to = |seconds: i64| {
        machine.set_clock(seconds);
        site.json(&["clock", "confirm"]);
    };
    to(cut + 60);
    until("the day is closed", || closed_through(site) == day);
    let late = site.run(&["day", "close", "--yes"]);
    refused(&late, "nothing was loaded, paid or refunded yet");
    for said in [format!("{} was closed by itself", dashed(day)), format!("--day {}", dashed(next))] {
        assert!(late.stderr.contains(&said), "{said} in {}", late.stderr);
    }
    assert_eq!(till.code(purchase(&card, 5_00), &card).await, APPROVED);
    for seconds in [cut + 600, cut + 6 * 3600 - 60] {
        to(seconds);
        refused(&site.run(&["day", "close", "--yes"]), "has only begun");
        refused(&site.run(&["day", "close", "--dry-run"]), "has only begun");
    }
    assert_eq!(closed_through(site), day);
    // Named, it is meant; and after some hours it needs no name.
    let dry = site.run(&["day", "close", "--dry-run", "--day", &dashed(next)]);
    assert!(dry.status.success(), "{}", dry.stderr);
    to(cut + 7 * 3600);
    let done = site.run(&["day", "close", "--yes"]);
    assert!(done.status.success(), "{}", done.stderr);
    assert_eq!(closed_through(site), next);
    let filed = |name: &str| {
        let out = site.beside(name);
        for day in [day, next] {
            site.json(&["day", "show", "--day", &dashed(day), "--out", out.to_str().expect("a path")]);
        }
        let files = fs::read_dir(out).expect("there").map(|file| file.expect("a file").path());
        let mut files: Vec<_> = files.map(|file| fs::read_to_string(file).expect("a text")).collect();
        files.sort();
        files
    };
    let at_once = filed("at-once");
    assert_eq!(at_once.len(), 4);
    // Closed by hand, the next one may be closed as early as anybody likes.
    let third = day_after(next).expect("a date");
    to(cut + DAY + 60);
    assert_eq!(till.code(purchase(&card, 5_00), &card).await, APPROVED);
    assert_eq!(today(site), third);
    let done = site.run(&["day", "close", "--yes"]);
    assert!(done.status.success(), "{}", done.stderr);
    assert_eq!(closed_through(site), third);
    // The clock is set back: the day stays closed, and what is sold is not of it.
    to(cut + 3 * 3600);
    let set_back = till.deal(purchase(&card, 5_00), &card).await.1;
    assert_eq!(set_back.code(), APPROVED);
    assert!(records(site).iter().map(|record| record.details.business_date).max() == day_after(third));
    assert!(records(site).is_sorted_by_key(|record| record.details.business_date));
    // A year later, when points have ended and the rules are others, the settlements are the same to the byte.
    to(cut + 400 * DAY);
    until("the year's days are closed", || closed_through(site) > third + 10_000);
    assert_eq!(till.again(&gateway).await.code(purchase(&card, 5_00), &card).await, APPROVED);
    let rules = gateway::programme_file::DEFAULT.replacen("cutover = \"04:00\"", "cutover = \"02:00\"", 1);
    crate::till::put_in_force(site, &rules);
    assert_eq!(filed("a-year-on"), at_once);
    // Who closes a closed day as a dry run files nothing.
    let nowhere = site.beside("nowhere").display().to_string();
    refused(
        &site.run(&["day", "close", "--dry-run", "--day", &dashed(day), "--out", &nowhere]),
        "was closed by itself",
    );
    assert!(!site.beside("nowhere").exists());
    site.verify();
}

#[tokio::test]
async fn of_many_who_close_at_once_while_tills_trade_one_does_and_all_get_the_settlement() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[500_00]).await.remove(0);
    let day = today(&site);
    let out = site.beside("days").display().to_string();
    let close = || {
        let done = Command::new(BINARY)
            .args(["day", "close", "--yes", "--json", "--out", &out, "--data"])
            .arg(site.data())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        done.expect("the gateway's binary")
    };
    let mut closing: Vec<_> = (0..6).map(|_| close()).collect();
    let mut sold = 0;
    while closing.iter_mut().any(|child| child.try_wait().expect("its state").is_none()) {
        assert_eq!(till.code(purchase(&card, 1), &card).await, APPROVED);
        sold += 1;
    }
    assert_eq!(till.code(purchase(&card, 1), &card).await, APPROVED);
    let done: Vec<_> = closing.into_iter().map(|child| child.wait_with_output().expect("its end")).collect();
    assert_eq!(done.iter().filter(|done| done.status.success()).count(), 1, "one has closed it");
    let said: Vec<Value> =
        done.iter().map(|done| serde_json::from_slice(&done.stdout).expect("JSON")).collect();
    for (done, said) in done.iter().zip(&said) {
        assert_eq!(said["settlement"], said_by(&site, day), "each gets the settlement of the journal");
        assert_eq!(said["files"].as_array().map(Vec::len), Some(2));
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() || stderr.contains("was closed by owner at"), "{stderr}");
    }
    // What was sold meanwhile is on one of the two days.
    let next = day_after(day).expect("a date");
    let paid: u64 = [day, next].map(|day| settlement(&site, day, None).flow.paid.count).iter().sum();
    assert_eq!(paid, sold + 1);
    let left: Vec<_> = fs::read_dir(site.beside("days")).expect("there").collect();
    assert_eq!(left.len(), 2, "{left:?}");
    site.verify();
}

fn said_by(site: &Site, day: u32) -> Value {
    serde_json::to_value(settlement(site, day, None)).expect("JSON")
}

#[tokio::test]
async fn days_and_stores_that_are_not_there_are_said_to_be_so() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    site.json(&["terminal", "enroll", "--id", "T0002", "--store", "S002"]);
    till.sell(&site, 1, &[100_00]).await;
    let day = today(&site);
    let (before, after) = (day_before(day).expect("a date"), day_after(day).expect("a date"));
    let show = |day: &str, more: &[&str]| site.run(&[&["day", "show", "--day", day], more].concat());
    for first in [dashed(before), "1999-12-31".to_owned()] {
        refused(&show(&first, &[]), &format!("the journal begins on {}", dashed(day)));
        refused(&site.run(&["day", "close", "--yes", "--day", &first]), "the journal begins on");
    }
    for later in [dashed(after), "2999-12-31".to_owned()] {
        refused(&show(&later, &[]), &format!("it is at {}", dashed(day)));
        refused(&site.run(&["day", "close", "--yes", "--day", &later]), "has not begun");
    }
    refused(&show(&dashed(day), &["--store", "S003"]), "store S003 is not known");
    refused(&show(&dashed(day), &["--store", "S003"]), "there are S001, S002");
    refused(&show(&dashed(day), &["--store", "S\u{202e}3\u{1b}"]), "store S\u{fffd}3\u{fffd} is not known");
    refused(&show("tomorrow", &[]), "write YYYY-MM-DD");
    // It has a terminal, and no day yet.
    let quiet = show(&dashed(day), &["--store", "S002"]);
    assert!(quiet.status.success(), "{}", quiet.stderr);
    assert_eq!(quiet.json["settlement"]["flow"]["entries"], 0);
}

#[tokio::test]
async fn a_load_that_is_paid_by_two_tenders_is_one_load_of_two_lines() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[50_00]).await.remove(0);
    let line = |(kind, minor)| TenderLine { kind: TenderKind(kind), amount: amount(minor), reference: None };
    let tenders = TenderLines::new([(1, 30_00), (2, 70_00)].map(line).to_vec()).expect("two lines");
    let body = Body::Load { card: card.reference, amount: amount(100_00), tenders };
    assert_eq!(till.deal(body, &card).await.1.code(), APPROVED);
    let (sale, _) = till.deal(purchase(&card, 20_00), &card).await;
    assert_eq!(till.code(refund(&sale, 5_00), &card).await, APPROVED);
    assert_eq!(till.code(load(&card, 10_00), &card).await, APPROVED);
    let settlement = settlement(&site, today(&site), None);
    let flow = &settlement.flow;
    assert_eq!((flow.loaded.count, flow.loaded.amount_minor), (3, 160_00));
    let tenders: Vec<_> =
        flow.tenders.values().map(|tender| (tender.lines, tender.in_minor, tender.out_minor)).collect();
    assert_eq!(tenders, [(1, 70_00, 0), (3, 90_00, 0)], "{:?}", flow.tenders);
    let [shift] = settlement.stores["S001"].shifts.as_slice() else { panic!("{settlement:?}") };
    let loads: Vec<_> = shift
        .lines
        .iter()
        .filter(|line| line.kind == "Load")
        .map(|line| (line.tender.is_empty(), line.count, line.amount_minor))
        .collect();
    assert_eq!(loads, [(true, 3, 160_00), (false, 1, 70_00), (false, 3, 90_00)], "{:?}", shift.lines);
    let page = settlement.page();
    let squeezed = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed.contains("loaded onto cards 3 160.00"), "{page}");
    assert!(squeezed.contains("Load 3 160.00 of it"), "{page}");
    crate::day::agree_with_export(&site, &dashed(today(&site)), "out");
}

#[tokio::test]
async fn a_report_of_a_day_that_was_closed_by_hand_is_whole_and_its_page_gives_way_only_where_that_is_meant()
{
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[300_00]).await.remove(0);
    let day = today(&site);
    let reports = ["liability", "interstore", "exceptions", "bonus", "breakage"];
    let take = |report: &str, to: u32, more: &[&str]| {
        let (from, to) = (dashed(day), dashed(to));
        let days: &[&str] =
            if report == "liability" { &["--as-of", &to] } else { &["--from", &from, "--to", &to] };
        site.run(&[&["report", report], days, more].concat())
    };
    let next = day_after(day).expect("a date");
    let complete = |to: u32| {
        reports.map(|report| take(report, to, &[]).json["complete"].as_bool().expect("said")).to_vec()
    };
    assert_eq!(complete(day), [false; 5]);
    let page = site.beside("page.html");
    let page = page.to_str().expect("a path");
    assert!(take("bonus", day, &["--html", page]).status.success());
    let open = fs::read_to_string(page).expect("a page");
    assert!(open.contains("it may still change"));
    assert!(take("bonus", day, &["--html", page]).status.success(), "it says the same");

    assert!(site.run(&["day", "close", "--yes"]).status.success());
    assert_eq!(complete(day), [true; 5]);
    assert_eq!(site.json(&["report", "liability"])["complete"], true, "the journal ends with its close");
    assert_eq!(complete(next), [false; 5], "the next one has not even begun");
    let closed = ["liability", "bonus"].map(|report| take(report, day, &[]).json);
    assert_eq!(till.code(purchase(&card, 5_00), &card).await, APPROVED);
    assert_eq!(["liability", "bonus"].map(|report| take(report, day, &[]).json), closed);
    assert_eq!(complete(next), [false; 5]);
    assert_eq!(site.json(&["report", "liability"])["complete"], false);

    refused(&take("bonus", day, &["--html", page]), "name another file, or say --force");
    assert_eq!(fs::read_to_string(page).expect("a page"), open, "nothing was overwritten");
    assert!(take("bonus", day, &["--html", page, "--force"]).status.success());
    let whole = fs::read_to_string(page).expect("a page");
    assert!(whole != open && !whole.contains("it may still change"));
    refused(&take("bonus", day, &["--html", &site.beside("").display().to_string()]), "is a directory");
    let nowhere = site.beside("page.html/x.html").display().to_string();
    refused(&take("bonus", day, &["--html", &nowhere]), "is no directory");
    let left = fs::read_dir(site.beside("")).expect("there").filter_map(Result::ok);
    let hidden = left.filter(|file| file.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0, "nothing is left beside it");
}

#[tokio::test]
async fn the_question_before_a_close_takes_no_other_word_for_yes() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    till.sell(&site, 1, &[300_00]).await;
    let day = today(&site);
    let answer = |word: &str| {
        let mut child = Command::new(BINARY)
            .args(["day", "close", "--data"])
            .arg(site.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the gateway's binary");
        child.stdin.take().expect("piped").write_all(word.as_bytes()).expect("written");
        child.wait_with_output().expect("its end")
    };
    for word in ["", "\n", "n\n", "yeah\n", "no\n", "Y E S\n"] {
        let done = answer(word);
        assert_eq!((done.status.code(), closed_through(&site) < day), (Some(1), true), "{word:?}");
    }
    let done = answer("Yes\n");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.contains(&format!("Close business date {} now", dashed(day))));
    assert_eq!(closed_through(&site), day);
}

/// Daylight-saving time begins and ends; the programme's zone has a day of 23 hours and one of 25, and each is one business day.
#[test]
fn a_day_on_which_the_clocks_are_changed_is_one_day() {
    let document = gateway::programme_file::DEFAULT.replacen("Asia/Shanghai", "Europe/Berlin", 1);
    let programme = gateway::programme_file::parse(&document).expect("a programme");
    // The cutover at 04:00 follows the change, which is at 01:00 UTC.
    for (last_before, first_after) in [
        ("2027-03-27T02:59:59Z", "2027-03-27T03:00:00Z"),
        ("2027-03-28T01:59:59Z", "2027-03-28T02:00:00Z"),
        ("2027-03-29T01:59:59Z", "2027-03-29T02:00:00Z"),
        ("2027-10-30T01:59:59Z", "2027-10-30T02:00:00Z"),
        ("2027-10-31T02:59:59Z", "2027-10-31T03:00:00Z"),
    ] {
        let day = |at: &str| {
            let at: jiff::Timestamp = at.parse().expect("a time");
            programme.business_date(at.as_millisecond()).expect("a date")
        };
        assert_eq!(day_after(day(last_before)), Some(day(first_after)), "{last_before}");
    }
    let none = run_with(&Site::new().data(), &["day", "show"], &[]);
    assert_eq!(none.status.code(), Some(1), "no journal at all is an error: {}", none.stderr);
}
