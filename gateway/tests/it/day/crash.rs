//! T6: SIGKILL at each step of the close. The day is open or closed, a retry ends closed, and what is filed is the same to the byte.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use gateway::domain::day::closes;
use gateway::journal::record::Origin;
use serde_json::Value;

use super::{dashed, records, settlement, today};
use crate::counter::purchase;
use crate::disk::{FAIL_AT, FAIL_ERRNO, KILL_AT, Shim, operations};
use crate::harness::{BINARY, Done, Site};
use crate::till::Till;
use crate::trial::{Bench, TO_OPERATION, killed};

/// Operations on the disk that are tried after the gateway listens: its commit is a write of frames and a sync, its anchor the same.
const STEPS: u64 = 12;
/// More operations than filing needs.
const FAR: u64 = 16;
const ENOSPC: &str = "28";

/// Closes by hand that the journal has.
fn closed_by_hand(site: &Site) -> usize {
    let all = records(site);
    let by_hand = |origin: &Origin| matches!(origin, Origin::Operator { .. });
    all.iter().filter(|record| by_hand(&record.origin) && closes(&record.details.effects)).count()
}

fn close(site: &Site, out: &Path) -> Done {
    site.run(&["day", "close", "--yes", "--out", out.to_str().expect("a path")])
}

fn filed(out: &Path, day: u32) -> [Option<Vec<u8>>; 2] {
    ["txt", "json"].map(|form| fs::read(out.join(format!("settlement-{}.{form}", dashed(day)))).ok())
}

/// A gateway with a day's trade, stopped in order; the day.
async fn traded(site: &Site) -> u32 {
    let gateway = site.start();
    let mut till = Till::open(site, &gateway, "T0001").await;
    let card = till.sell(site, 1, &[100_00]).await.remove(0);
    till.deal(purchase(&card, 12_50), &card).await;
    let day = today(site);
    assert!(gateway.stop().success());
    day
}

#[tokio::test]
async fn t6_a_gateway_killed_at_each_step_of_the_close_leaves_the_day_open_or_closed() {
    let (mut open, mut closed) = (0, 0);
    for step in 1..=STEPS {
        let bench = Bench::new();
        let site = &bench.site;
        let day = traded(site).await;
        let log = site.beside("log");
        let first = bench.start_well(&log, &[]).expect("it starts");
        let base = operations(&log).expect("the layer's log");
        first.stop().expect("it stops");
        let kill_at = [(KILL_AT, (base + step).to_string())];
        let out = site.beside("days");
        match bench.start(&site.beside("log-killed"), &kill_at) {
            Ok(mut victim) => {
                drop(close(site, &out));
                // One that was not hit stops in order, or is hit while it does.
                victim.terminate();
                let ended = victim.ended_within(TO_OPERATION).expect("it ends");
                assert!(ended.success() || killed(ended).is_ok(), "{ended}");
            }
            Err(status) => killed(status).expect("by the layer"),
        }
        let before = closed_by_hand(site);
        assert!(before <= 1);
        *(if before == 0 { &mut open } else { &mut closed }) += 1;
        // What was filed, if it was, is of a day that is closed.
        assert!(before == 1 || filed(&out, day) == [None, None], "{step}");
        let gateway = site.start();
        assert_eq!(today(site) > day, before == 1, "{step}");
        let again = close(site, &out);
        assert_eq!(again.status.success(), before == 0, "{step}: {}", again.stderr);
        assert_eq!(closed_by_hand(site), 1, "{step}");
        let [text, json] = filed(&out, day);
        assert_eq!(text.as_deref(), Some(settlement(site, day, None).page().as_bytes()), "{step}");
        assert!(gateway.stop().success());
        let elsewhere = site.beside("again");
        site.json(&["day", "show", "--day", &dashed(day), "--out", elsewhere.to_str().expect("a path")]);
        assert_eq!(filed(&elsewhere, day), [text, json], "{step}");
        site.verify();
    }
    println!("{open} times the day was open, {closed} times closed");
    assert!(open > 0 && closed > 0, "the steps are on both sides of the commit: {open}, {closed}");
}

/// A copy of a site's data, whose gateway is stopped.
fn copied(site: &Site) -> Site {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir(to).expect("a directory");
        for entry in fs::read_dir(from).expect("a directory").map(|entry| entry.expect("an entry")) {
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            match entry.file_type().expect("a type") {
                kind if kind.is_dir() => copy(&from, &to),
                kind if kind.is_file() => drop(fs::copy(from, to).expect("copied")),
                _ => {}
            }
        }
    }
    let copy_of = Site::new();
    copy(&site.data(), &copy_of.data());
    copy_of
}

/// `day close` under the layer, which has this to do at an operation on the files of `out`.
fn close_under(site: &Site, shim: &Shim, out: &Path, trouble: &[(&str, String)]) -> Output {
    let log = site.beside("log");
    for directory in [out, &log] {
        fs::create_dir_all(directory).expect("a directory");
    }
    Command::new(BINARY)
        .args(["day", "close", "--yes", "--json", "--data"])
        .arg(site.data())
        .arg("--out")
        .arg(out)
        .envs(shim.env(out, &log))
        .envs(trouble.iter().cloned())
        .stdin(Stdio::null())
        .output()
        .expect("the gateway's binary")
}

#[tokio::test]
async fn t6_a_close_that_is_killed_at_each_step_of_its_command_leaves_no_half_and_files_the_same_when_it_is_asked_again()
 {
    let (shim, origin) = (Shim::build().expect("the layer"), Site::new());
    let day = traded(&origin).await;
    let (mut step, mut open, mut there_after) = (1, 0, [0, 0, 0]);
    loop {
        let site = copied(&origin);
        let gateway = site.start();
        let out = site.beside("days");
        let ended = close_under(&site, &shim, &out, &[(KILL_AT, step.to_string())]).status;
        let closed = closed_by_hand(&site);
        let there = filed(&out, day);
        assert!(closed == 1 || there == [None, None], "{step}: it files after it has closed");
        assert!(closed == 1 || open + 1 == step, "{step}: what is tried is tried before it closes");
        open += u64::from(closed == 0);
        let again = close(&site, &out);
        assert_eq!(again.status.code(), Some(i32::from(closed == 1)), "{step}: {}", again.stderr);
        assert_eq!(closed_by_hand(&site), 1, "{step}: once");
        let now = filed(&out, day);
        assert_eq!(now[0].as_deref(), Some(settlement(&site, day, None).page().as_bytes()), "{step}");
        assert!(now[1].is_some());
        if closed == 1 {
            for (file, must) in there.iter().zip(&now) {
                assert!(file.is_none() || file == must, "{step}: half a file");
            }
            there_after[there.iter().flatten().count()] += 1;
        }
        // Months later, by another command and with the gateway off.
        assert!(gateway.stop().success());
        let elsewhere = site.beside("again");
        site.json(&["day", "show", "--day", &dashed(day), "--out", elsewhere.to_str().expect("a path")]);
        assert_eq!(filed(&elsewhere, day), now, "{step}");
        site.verify();
        if ended.code().is_some() {
            break;
        }
        killed(ended).expect("by the layer");
        step += 1;
    }
    println!("{step} steps, the day open after {open}; files there after the others: {there_after:?}");
    assert!(
        open > 0 && there_after.iter().all(|count| *count > 0),
        "before the close, and behind it before, between and behind the renames"
    );
}

#[tokio::test]
async fn a_disk_that_fails_at_each_step_leaves_the_day_open_or_says_that_it_is_closed_and_how_to_file_it() {
    let (shim, origin) = (Shim::build().expect("the layer"), Site::new());
    let day = traded(&origin).await;
    let (mut step, mut open, mut closed) = (1, 0, 0);
    loop {
        let site = copied(&origin);
        let gateway = site.start();
        let out = site.beside("days");
        let trouble = [(FAIL_AT, step.to_string()), (FAIL_ERRNO, ENOSPC.to_owned())];
        let done = close_under(&site, &shim, &out, &trouble);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() {
            assert!(filed(&out, day).iter().all(Option::is_some), "{step}");
            // What is removed behind the trial is not missed.
            if step > FAR {
                break;
            }
        } else if closed_by_hand(&site) == 0 {
            open += 1;
            assert!(said.contains("nothing was closed"), "{step}: {said}");
            assert!(close(&site, &out).status.success(), "{step}");
        } else {
            closed += 1;
            for words in ["IS closed, and nothing of it is lost", "gateway day show --data", &dashed(day)] {
                assert!(said.contains(words), "{step}: {words:?} in {said}");
            }
            let json: Value = serde_json::from_slice(&done.stdout).expect("one line of JSON");
            assert_eq!(json["settlement"], serde_json::to_value(settlement(&site, day, None)).expect("JSON"));
            let to = out.to_str().expect("a path");
            site.json(&["day", "show", "--day", &dashed(day), "--out", to]);
            assert!(filed(&out, day).iter().all(Option::is_some), "{step}");
        }
        drop(gateway);
        step += 1;
    }
    println!("{step} steps: {open} failed before the close, {closed} behind it");
    assert!(open > 0 && closed > 0, "{open} {closed}");
}
