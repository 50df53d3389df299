//! Copies taken while the shop trades, and what they are worth elsewhere.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gateway::storage::{DATABASE, Storage, Synchronous};
use protocol::code::ResponseCode;
use terminal_sim::Card;
use terminal_sim::session::Session;

use crate::counter::{Clerk, cards, holdings, last_index, purchase};
use crate::harness::{BINARY, Site};

/// Sells for 0.01 until it is told to stop.
async fn sell(mut clerk: Clerk, mut session: Session, card: Card, stop: Arc<AtomicBool>) -> Clerk {
    while !stop.load(Ordering::Relaxed) {
        let answer = clerk.deal(&mut session, purchase(&card, 1), &card).await;
        assert_eq!(answer.code(), ResponseCode::APPROVED);
    }
    clerk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_trading_shop_is_done_in_time_starts_elsewhere_and_verifies() {
    let site = Site::new();
    // Ballast, so that the copy takes many steps, and the shop commits between any two of them.
    std::fs::create_dir(site.data()).expect("a data directory");
    drop(Storage::open(&site.data(), Synchronous::Full).expect("a database"));
    let connection = rusqlite::Connection::open(site.data().join(DATABASE)).expect("the database");
    connection.execute("INSERT INTO meta VALUES ('ballast', zeroblob(33554432))", []).expect("ballast");
    drop(connection);
    let gateway = site.start();
    let card = cards(&site, 1).remove(0);
    let quiet = Clerk::enrol(&site, &gateway, "T0009", "register").await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut tills = Vec::new();
    for till in 0..4 {
        let mut clerk = Clerk::enrol(&site, &gateway, &format!("T000{till}"), "register").await;
        let mut session = clerk.session(&gateway).await;
        if till == 0 {
            clerk.fill(&mut session, &card, &[4_000_00]).await;
        }
        tills.push(tokio::spawn(sell(clerk, session, card.clone(), Arc::clone(&stop))));
    }
    while last_index(&gateway) < 40 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = last_index(&gateway);
    let copy = site.beside("copy");
    let mut backup = Command::new(BINARY)
        .args(["backup", "--json", "--data"])
        .arg(site.data())
        .arg("--out")
        .arg(&copy)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the gateway's binary");
    let mut status = None;
    for _ in 0..240 {
        status = backup.try_wait().expect("its state");
        if status.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let during = last_index(&gateway);
    stop.store(true, Ordering::Relaxed);
    if status.is_none() {
        backup.kill().expect("killed");
        panic!("after 12 s of trade the backup is still copying");
    }
    assert!(status.expect("ended").success());
    assert!(during > before, "the shop went on meanwhile");
    let mut clerks = Vec::new();
    for till in tills {
        clerks.push(till.await.expect("a till that trades to the end"));
    }
    let now = holdings(&site, &card);
    gateway.kill();

    let elsewhere = Site::new();
    std::fs::rename(&copy, elsewhere.data()).expect("moved");
    let report = elsewhere.verify();
    let kept = report["entries"].as_u64().expect("a number");
    assert!((before..=during).contains(&kept), "{kept} entries of {before} to {during}");
    assert_eq!(report["faults"], serde_json::json!([]));
    let restored = elsewhere.start();
    assert!(holdings(&elsewhere, &card).payable() >= now.payable());
    // Who was not there since the copy sees no difference; who was, tells that something is missing.
    let mut quiet = quiet;
    let mut session = quiet.session(&restored).await;
    let answer = quiet.deal(&mut session, purchase(&card, 1), &card).await;
    assert_eq!(answer.code(), ResponseCode::APPROVED);
    let mut witness = clerks.remove(1);
    let mut session = witness.session(&restored).await;
    let answer = witness.deal(&mut session, purchase(&card, 1), &card).await;
    assert_eq!(answer.code(), ResponseCode::NOT_TAKING_MONEY);

    let again = site.run(&["backup", "--out", elsewhere.data().to_str().expect("a path")]);
    assert!(
        again.stderr.contains("name a directory that does not"),
        "never over another one: {}",
        again.stderr
    );
}
