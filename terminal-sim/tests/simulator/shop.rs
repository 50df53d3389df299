//! A whole shop on a bad network.

use std::time::Duration;

use terminal_sim::shop::{self, Options, Report};

use crate::gateway::Gateway;
use crate::ledger::Lie;

async fn trade(lie: Lie, seed: u64) -> Report {
    let gateway = Gateway::start(lie).await;
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        address: gateway.address.clone(),
        state: directory.path().to_owned(),
        cards: (0..20).map(|number| gateway.card(1_000 + number)).collect(),
        corporate: Vec::new(),
        people: Vec::new(),
        enrolments: ["T0001", "T0002", "T0003"].map(|name| gateway.ticket(name)).to_vec(),
        seed,
        transactions: 250,
        faults: true,
        receipts: Some(directory.path().join("receipts")),
        patience: Duration::from_secs(20),
    };
    shop::run(options.clone()).await.unwrap();
    // The second run goes on where the first one ended; wrong cards are unknown to this gateway either way.
    let report = shop::run(Options { transactions: 50, seed: seed + 1, ..options }).await.unwrap();
    let receipts = std::fs::read_dir(directory.path().join("receipts")).unwrap().count();
    assert!(receipts > 150, "{receipts} receipts for both runs");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_agrees_with_an_honest_gateway_through_faults_and_a_restart() {
    let report = trade(Lie::None, 11).await;
    assert!(report.is_right() && report.is_complete(), "seed 11\n{report}");
    assert_eq!(report.cards_agreed, 20);
    assert!(report.final_answers_before > 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cent_too_much_is_found_in_a_busy_shop() {
    let report = trade(Lie::Bonus, 12).await;
    assert!(!report.is_right(), "seed 12\n{report}");
}
