//! Programmes: checked with line numbers, put in force for what comes, never for what was.

use std::fs::File;
use std::process::Command;

use protocol::code::ResponseCode;
use protocol::field::BalanceKind;

use serde_json::{Value, json};

use crate::counter::{Clerk, cards, holdings, last_index, load};
use crate::harness::{BINARY, Site};
use crate::timekeeping::Machine;

const HOUR: i64 = 3600;
const DEFAULT: &str = gateway::programme_file::DEFAULT;

fn file(site: &Site, name: &str, document: &str) -> String {
    let path = site.beside(name);
    std::fs::write(&path, document).expect("a programme file");
    path.to_str().expect("a path").to_owned()
}

#[tokio::test]
async fn a_programme_with_mistakes_is_refused_line_by_line_and_changes_nothing() {
    let site = Site::new();
    let gateway = site.start();
    let index = last_index(&gateway);
    let line_of = |text: &str| DEFAULT.lines().position(|line| line.contains(text)).expect("there") + 1;
    for (from, to, line) in [
        ("cutover = \"04:00\"", "cutover = \"4 o'clock\"", "cutover"),
        ("zone = \"Asia/Shanghai\"", "zone = \"Asia/Atlantis\"", "zone ="),
        ("from = \"300.00\"", "from = \"100.00\"", "from = \"300.00\""),
        ("bonus = \"50.00\"", "bonus = \"50.001\"", "bonus = \"50.00\""),
        ("gives = 1", "gives = 0", "gives = 1"),
        ("min_load", "mim_load", "min_load"),
    ] {
        assert!(DEFAULT.contains(from), "{from}");
        let broken = DEFAULT.replacen(from, to, 1);
        let path = file(&site, "broken.toml", &broken);
        let checked = site.run(&["programme", "check", &path]);
        assert_eq!(checked.status.code(), Some(1), "{to}");
        let problems = checked.json["problems"].as_array().expect("problems");
        let written = broken.lines().nth(line_of(line) - 1).map(str::trim);
        let named = |problem: &Value| {
            problem["line"].as_u64() == u64::try_from(line_of(line)).ok()
                && problem["text"].as_str() == written
        };
        assert!(problems.iter().any(named), "{to}: {problems:?}");
        let activated = site.run(&["programme", "activate", &path]);
        assert_eq!(activated.status.code(), Some(1), "{to}");
        assert!(activated.stderr.contains(&format!("line {}:", line_of(line))), "{}", activated.stderr);
    }
    let dollars = file(&site, "dollars.toml", &DEFAULT.replace("\"CNY\"", "\"USD\""));
    assert_eq!(site.json(&["programme", "check", &dollars])["ok"], true);
    let done = site.run(&["programme", "activate", &dollars]);
    assert!(done.stderr.contains("cannot change the currency"), "{}", done.stderr);
    assert_eq!(last_index(&gateway), index, "nothing was written");
    assert_eq!(site.json(&["programme", "list"])["programmes"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_new_programme_prices_the_next_load_and_no_earlier_one() {
    let site = Site::new();
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[]).await;
    let early = clerk.sign(&session, load(&card, 100_00), &card);
    let first = clerk.send(&mut session, &early).await;
    assert_eq!((first.answer.programme_version, bonus(&first)), (Some(1), 5_00));
    let digest = session.sign_on.programme_digest;

    let generous = DEFAULT.replacen("bonus = \"5.00\"", "bonus = \"7.00\"", 1);
    let path = file(&site, "generous.toml", &generous);
    assert_eq!(site.json(&["programme", "check", &path])["ok"], true);
    site.json(&["programme", "activate", &path]);
    let answer = clerk.deal(&mut session, load(&card, 100_00), &card).await;
    assert_eq!((answer.answer.programme_version, bonus(&answer)), (Some(2), 7_00));
    let again = session.exchange(&early, true).await.expect("an answer");
    assert_eq!((&again.body, again.repeat), (&first.body, true), "what was priced keeps its price");
    assert_ne!(clerk.session(&gateway).await.sign_on.programme_digest, digest, "terminals are told");

    // A restart reads the versions from the journal, and prices the same.
    gateway.kill();
    let gateway = site.start();
    let mut session = clerk.session(&gateway).await;
    let answer = clerk.deal(&mut session, load(&card, 100_00), &card).await;
    assert_eq!((answer.answer.programme_version, bonus(&answer)), (Some(2), 7_00));
    let again = session.exchange(&early, true).await.expect("an answer");
    assert_eq!(again.body, first.body);
    assert_eq!(holdings(&site, &card).bonus, 19_00);

    // Without its product a card is worth nothing, and loses nothing.
    let other = generous.replace("[product.standard]", "[product.other]");
    site.json(&["programme", "activate", &file(&site, "other.toml", &other)]);
    let answer = clerk.deal(&mut session, load(&card, 100_00), &card).await;
    assert_eq!(answer.code(), ResponseCode::NOT_PERMITTED_CARD);
    let done = site.run(&["card", "issue", "--count", "1"]);
    assert!(done.stderr.contains("no product \"standard\""), "{}", done.stderr);
    site.json(&["programme", "activate", &path]);
    let answer = clerk.deal(&mut session, load(&card, 100_00), &card).await;
    assert_eq!((answer.answer.programme_version, bonus(&answer)), (Some(4), 7_00));
    site.verify();
}

/// Two hours from now, to the second, as a shop in Shanghai writes it.
fn in_two_hours() -> (i64, String) {
    let now = gateway::clock::Clock::system().now_ms() / 1000;
    let at = jiff::Timestamp::from_second(now + 2 * HOUR).expect("a time");
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("a zone");
    (at.as_second(), at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

fn standings(site: &Site) -> Vec<String> {
    let list = site.json(&["programme", "list"]);
    let rows = list["programmes"].as_array().expect("versions");
    rows.iter().map(|row| row["standing"].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn a_scheduled_programme_comes_into_force_at_its_time_and_not_before() {
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = machine.start();
    let card = cards(site, 1).remove(0);
    let mut clerk = Clerk::enrol(site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[]).await;
    let generous = |bonus: &str| DEFAULT.replacen("bonus = \"5.00\"", &format!("bonus = \"{bonus}\""), 1);
    let (seven, nine) =
        (file(site, "seven.toml", &generous("7.00")), file(site, "nine.toml", &generous("9.00")));
    let (at_s, at) = in_two_hours();

    // What would be is told, and is not.
    let index = last_index(&gateway);
    let trial = site.json(&["programme", "activate", &seven, "--at", &at, "--dry-run"]);
    assert_eq!(trial["change"]["effective_from"], at_s);
    let words = json!(["load_bonus \"load-steps\": step from 100.00: bonus 5.00 -> 7.00"]);
    assert_eq!(trial["change"]["words"], words);
    for (at, why) in [("2020-01-01", "that time is over"), ("soon", "is no time; write")] {
        let done = site.run(&["programme", "activate", &seven, "--at", at]);
        assert!(!done.status.success() && done.stderr.contains(why), "{at}: {}", done.stderr);
    }
    assert_eq!(last_index(&gateway), index, "nothing was written");

    site.json(&["programme", "activate", &seven, "--at", &at]);
    assert_eq!(standings(site), ["in force", "scheduled"]);
    assert_eq!(site.json(&["programme", "show"])["document"], DEFAULT);
    assert_eq!(site.json(&["programme", "show", "--at", &at])["document"], generous("7.00"));
    assert_eq!(site.json(&["programme", "show", "--version", "2"])["standing"], "scheduled");
    for missing in [["--version", "3"], ["--at", "2020-01-01"]] {
        assert!(!site.run(&[&["programme", "show"][..], &missing].concat()).status.success());
    }
    let early = clerk.sign(&session, load(&card, 100_00), &card);
    let first = clerk.send(&mut session, &early).await;
    assert_eq!((first.answer.programme_version, bonus(&first)), (Some(1), 5_00));

    // Nothing slips in before it; another one takes its place.
    let index = last_index(&gateway);
    let done = site.run(&["programme", "activate", &nine]);
    assert!(done.stderr.contains("version 2 is scheduled for"), "{}", done.stderr);
    assert_eq!(last_index(&gateway), index, "nothing was written");
    let done = site.json(&["programme", "activate", &nine, "--at", &at]);
    assert_eq!(
        (&done["change"]["replaces"], &done["change"]["compared_with"]),
        (&json!([2]), &json!(1)),
        "{done}"
    );
    assert_eq!(standings(site), ["in force", "replaced", "scheduled"]);

    // A restart on the way changes nothing.
    drop(session);
    gateway.kill();
    machine.set_clock(HOUR);
    let gateway = machine.start();
    let mut session = clerk.session(&gateway).await;
    let answer = clerk.deal(&mut session, load(&card, 100_00), &card).await;
    assert_eq!((answer.answer.programme_version, bonus(&answer)), (Some(1), 5_00));
    let digest = session.sign_on.programme_digest;
    machine.set_clock(2 * HOUR + 5);
    let answer = clerk.deal(&mut session, load(&card, 100_00), &card).await;
    assert_eq!((answer.answer.programme_version, bonus(&answer)), (Some(3), 9_00));
    assert_eq!(standings(site), ["past", "replaced", "in force"]);
    let mut session = clerk.session(&gateway).await;
    assert_ne!(session.sign_on.programme_digest, digest, "terminals are told");
    let again = session.exchange(&early, true).await.expect("an answer");
    assert_eq!((&again.body, again.repeat), (&first.body, true), "what was priced keeps its price");
    assert_eq!(holdings(site, &card).bonus, 5_00 + 5_00 + 9_00);
    site.verify();
}

#[test]
fn a_scheduled_programme_can_be_withdrawn() {
    let site = Site::new();
    let _gateway = site.start();
    let path = file(&site, "seven.toml", &DEFAULT.replacen("bonus = \"5.00\"", "bonus = \"7.00\"", 1));
    site.json(&["programme", "activate", &path, "--at", "2999-01-01"]);
    let default = file(&site, "default.toml", DEFAULT);
    let done = site.json(&["programme", "activate", &default, "--instead"]);
    assert_eq!(done["change"]["replaces"], json!([2]));
    assert_eq!(standings(&site)[1..], ["replaced", "in force"]);
    assert_eq!(site.json(&["programme", "show", "--at", "2999-01-02"])["version"], 3);
    site.verify();
}

#[test]
fn differences_are_told_of_files_and_versions_and_by_the_exit_code() {
    let site = Site::new();
    let _gateway = site.start();
    let path = file(&site, "later.toml", &DEFAULT.replace("points_months = 12", "points_months = 24"));
    let told = |old: &str, new: &str| {
        let done = site.run(&["programme", "diff", old, new]);
        (done.status.code(), done.json["words"].clone())
    };
    let longer = (Some(1), json!(["expiry: points_months 12 -> 24"]));
    assert_eq!(told("1", "in-force"), (Some(0), json!([])));
    assert_eq!(told("in-force", &path), longer);
    site.json(&["programme", "activate", &path]);
    assert_eq!(told("1", "2"), longer);
    assert_eq!(told("in-force", &path), (Some(0), json!([])));
    for wrong in ["3", "nowhere.toml", &file(&site, "no.toml", "a = ")] {
        assert_eq!(told("1", wrong).0, Some(2), "{wrong}");
    }
    // What `show` prints is a programme file that says the same.
    let shown = cli(&site, &["programme", "show", "--version", "1"], "");
    assert!(shown.1.starts_with("# Version 1, "), "{}", shown.1);
    assert_eq!(told("1", &file(&site, "shown.toml", &shown.1)), (Some(0), json!([])));
}

#[test]
fn people_are_asked_before_a_programme_comes_into_force() {
    let site = Site::new();
    let gateway = site.start();
    let path = file(&site, "later.toml", &DEFAULT.replace("points_months = 12", "points_months = 24"));
    let index = last_index(&gateway);
    for answer in ["", "n\n", "what\n"] {
        let (code, said) = cli(&site, &["programme", "activate", &path], answer);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("  expiry: points_months 12 -> 24\n"), "{said}");
    }
    assert_eq!(cli(&site, &["programme", "activate", &path, "--dry-run"], "").0, Some(0));
    assert_eq!(last_index(&gateway), index, "nothing was written");
    assert_eq!(cli(&site, &["programme", "activate", &path], "y\n").0, Some(0));
    assert_eq!(cli(&site, &["programme", "activate", &path, "--yes"], "").0, Some(0));
    assert_eq!(
        standings(&site).iter().map(|standing| standing == "in force").collect::<Vec<_>>(),
        [false, false, true]
    );
}

/// Runs a command as people do, who may answer: its exit code, and what it printed.
fn cli(site: &Site, arguments: &[&str], answer: &str) -> (Option<i32>, String) {
    let spoken = site.beside("answer");
    std::fs::write(&spoken, answer).expect("an answer");
    let output = Command::new(BINARY)
        .args(arguments)
        .arg("--data")
        .arg(site.data())
        .stdin(File::open(spoken).expect("an answer"))
        .output()
        .expect("the gateway's binary");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn bonus(answer: &terminal_sim::checked::Checked) -> i64 {
    let changes = answer.answer.changes.as_ref().expect("changes");
    changes.get(&BalanceKind::BONUS).copied().unwrap_or(0)
}
