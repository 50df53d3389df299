//! T6: SIGKILL at each step of the close. The day is open or closed, a retry ends closed, and what is filed is the same to the byte.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use gateway::domain::day::closes;
use gateway::journal::record::Origin;

use super::{dashed, records, settlement, today};
use crate::counter::purchase;
use crate::disk::{KILL_AT, Shim, operations};
use crate::harness::{BINARY, Done, Site};
use crate::till::Till;
use crate::trial::{Bench, TO_OPERATION, killed};

/// Operations on the disk that are tried after the gateway listens: its commit is a write of frames and a sync, its anchor the same.
const STEPS: u64 = 12;

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

#[tokio::test]
async fn t6_a_close_that_is_killed_while_it_files_leaves_no_half_and_files_the_same_when_it_is_asked_again() {
    let site = Site::new();
    let day = traded(&site).await;
    let gateway = site.start();
    let whole = site.beside("whole");
    let (shim, mut step, mut kinds) = (Shim::build().expect("the layer"), 1, [0, 0, 0]);
    let mut reference = [None, None];
    loop {
        let (out, log) = (site.beside(&format!("days-{step}")), site.beside(&format!("log-{step}")));
        for directory in [&out, &log] {
            fs::create_dir_all(directory).expect("a directory");
        }
        let ended = Command::new(BINARY)
            .args(["day", "close", "--yes", "--json", "--data"])
            .arg(site.data())
            .arg("--out")
            .arg(&out)
            .envs(shim.env(&out, &log))
            .env(KILL_AT, step.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the gateway's binary");
        assert_eq!(closed_by_hand(&site), 1, "it files after it has closed");
        if step == 1 {
            close(&site, &whole);
            reference = filed(&whole, day);
            assert!(reference.iter().all(Option::is_some));
        }
        let there = filed(&out, day);
        for (file, must) in there.iter().zip(&reference) {
            assert!(file.is_none() || file == must, "{step}: half a file");
        }
        kinds[there.iter().flatten().count()] += 1;
        let again = close(&site, &out);
        assert_eq!(again.status.code(), Some(1), "closed already, and said so");
        assert_eq!(filed(&out, day), reference, "{step}");
        if ended.code().is_some() {
            break;
        }
        killed(ended).expect("by the layer");
        step += 1;
    }
    println!("{step} steps; files there after the kill: {kinds:?}");
    assert!(kinds.iter().all(|count| *count > 0), "before the first rename, between, and behind: {kinds:?}");
    drop(gateway);
    site.verify();
}
