//! A short day at one till. An honest gateway passes; every lie is noticed.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::code::ResponseCode;
use protocol::cose::Algorithm;
use protocol::field::Reason;
use terminal_sim::faults::Fault;
use terminal_sim::oracle::Oracle;
use terminal_sim::{Act, Broken, Card, Error, Till};

use crate::gateway::Gateway;
use crate::ledger::Lie;

/// Every kind of transaction once, with lost answers and repeats.
async fn day(till: &mut Till, card: &Card) -> Result<(), Error> {
    till.trade(card, Act::Activate).await?;
    till.quote(card, 299_99).await?;
    till.trade(card, Act::Load(300_00)).await?;
    till.trade(card, Act::Purchase(10_50)).await?;
    till.trade(card, Act::Purchase(900_00)).await?;
    till.terminal.faults.force(Fault::LoseAnswer);
    let repeated = till.trade(card, Act::Purchase(12_34)).await?;
    till.terminal.repeat(&repeated).await?;
    till.inquire(card).await?;
    let sale = till.trade(card, Act::Purchase(20_00)).await?;
    till.reverse(sale.id, Reason::CANCELLED).await?;
    let again = till.terminal.repeat(&sale).await?;
    if again.is_approval() {
        return Err(Broken::Contradiction("a Reversal: its original is an approval".into()).into());
    }
    till.inquire(card).await?;
    counter(till, card).await?;
    let abandoned = till.begin(card, Act::Purchase(1_00), true).await?;
    till.terminal.cut();
    till.reverse(abandoned, Reason::NO_ANSWER).await?;
    till.trade(card, Act::PurchasePart(1_000_00)).await?;
    till.inquire(card).await?;
    let shift = till.open_shift();
    if till.close_shift(None).await?.code == ResponseCode::TOTALS_DIFFER {
        till.differing(shift).await?;
    }
    till.terminal.sign_off().await
}

/// What comes after the sale: goods brought back, a deposit.
async fn counter(till: &mut Till, card: &Card) -> Result<(), Error> {
    let sale = till.trade(card, Act::Purchase(30_00)).await?;
    let sale = till.original_of(&sale);
    for amount in [10_01, 19_99, 30_00] {
        till.trade(card, Act::Refund(amount, sale)).await?;
    }
    let deposit = till.trade(card, Act::Authorize(50_00)).await?;
    let deposit = till.original_of(&deposit);
    till.trade(card, Act::Raise(10_00, deposit)).await?;
    till.terminal.faults.force(Fault::LoseAnswer);
    till.trade(card, Act::CaptureMore(25_50, deposit)).await?;
    till.trade(card, Act::Capture(34_51, deposit)).await?;
    let rest = till.trade(card, Act::Capture(30_00, deposit)).await?;
    till.terminal.cut();
    let void = till.begin(card, Act::Void(till.original_of(&rest)), true).await?;
    till.finish(void).await?;
    till.trade(card, Act::Void(deposit)).await?;
    till.inquire(card).await?;
    Ok(())
}

/// What was noticed: an error, or the oracle's mismatches.
async fn noticed(lie: Lie, directory: &Path) -> Option<String> {
    let gateway = Gateway::start(lie).await;
    let oracle = Arc::new(Mutex::new(Oracle::default()));
    let card = gateway.card(4711);
    oracle.lock().unwrap().issue(card.reference);
    let result = async {
        let ticket = gateway.ticket("T0001");
        let address = gateway.address.clone();
        let mut till = Till::enrol(directory, address, &ticket, Algorithm::Es256, oracle.clone()).await?;
        till.terminal.patience = Duration::from_secs(5);
        day(&mut till, &card).await
    };
    let result = result.await;
    let oracle = oracle.lock().unwrap_or_else(PoisonError::into_inner);
    match result {
        Err(error) => Some(format!("{error:?}")),
        Ok(()) => oracle.mismatches().first().map(|mismatch| format!("{mismatch:?}")),
    }
}

/// The till names them, and no other; one that the host voided may have been voided by another till.
#[tokio::test]
async fn a_shift_that_differs_is_taken_apart_stan_by_stan() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(Lie::Shift).await;
    let oracle = Arc::new(Mutex::new(Oracle::default()));
    let card = gateway.card(4711);
    oracle.lock().unwrap().issue(card.reference);
    let (ticket, address) = (gateway.ticket("T0001"), gateway.address.clone());
    let till = Till::enrol(directory.path(), address, &ticket, Algorithm::Es256, oracle.clone()).await;
    let mut till = till.unwrap();
    for act in [Act::Activate, Act::Load(300_00)] {
        till.trade(&card, act).await.unwrap();
    }
    for amount in 1..=9 {
        till.trade(&card, Act::Purchase(amount)).await.unwrap();
    }
    till.close_shift(None).await.unwrap();
    let pages = till.differing(1).await.unwrap();
    let pages: Vec<Vec<_>> = pages
        .iter()
        .map(|page| page.differences.iter().map(|one| (one.stan, one.what())).collect())
        .collect();
    let found = [vec![(3, "amount"), (4, "only here")], vec![(9, "only here"), (10, "state")]];
    assert_eq!(pages.iter().filter(|page| !page.is_empty()).cloned().collect::<Vec<_>>(), found, "{pages:?}");
    let oracle = oracle.lock().unwrap();
    let about: Vec<&str> = oracle.mismatches().iter().map(|mismatch| mismatch.about.as_str()).collect();
    for stan in [3, 4, 9] {
        assert!(about.iter().any(|about| *about == format!("T0001/1/{stan}")), "{about:?}");
    }
}

#[tokio::test]
async fn an_honest_gateway_passes() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(noticed(Lie::None, directory.path()).await, None);
}

#[tokio::test]
async fn every_lie_is_noticed_for_what_it_is() {
    let lies = [
        (Lie::Bonus, "expected"),
        (Lie::Points, "expected"),
        (Lie::Overspend, "expected"),
        (Lie::DecidesTwice, "AnswerChanged"),
        (Lie::ChangesAnswers, "Unproven"),
        (Lie::NoReceipt, "Unproven"),
        (Lie::ForeignReceipt, "Unproven"),
        (Lie::NoStatus, "Unproven"),
        (Lie::AlwaysLive, "its original is an approval"),
        (Lie::KeepsTheMoney, "expected"),
        (Lie::Forgets, "its receipts"),
        (Lie::Inquiry, "inquiry"),
        (Lie::Quote, "quote"),
        (Lie::Totals, "code: 95"),
        (Lie::Shift, "code: 95"),
        (Lie::SameIndex, "journal index"),
        (Lie::OtherStored, "Unproven"),
        (Lie::OtherKey, "Unproven"),
        (Lie::CapturesMore, "expected"),
        (Lie::RefundsTwice, "expected"),
        (Lie::KeepsPoints, "expected"),
        (Lie::ZeroChanges, "expected"),
    ];
    for (lie, word) in lies {
        let directory = tempfile::tempdir().unwrap();
        let noticed = noticed(lie, directory.path()).await;
        let noticed = noticed.unwrap_or_else(|| panic!("{lie:?} went through"));
        assert!(noticed.contains(word), "{lie:?} was noticed as {noticed}");
    }
}
