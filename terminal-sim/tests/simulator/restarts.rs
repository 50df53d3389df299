//! A till that is killed at any moment goes on where it was.

use std::path::Path;
use std::sync::{Arc, Mutex};

use protocol::cose::Algorithm;
use protocol::field::{Reason, TransactionState};
use protocol::frame::MessageType;
use terminal_sim::faults::Fault;
use terminal_sim::oracle::{Oracle, Wallet};
use terminal_sim::terminal::Verdict;
use terminal_sim::{Act, Card, Till};

use crate::gateway::Gateway;
use crate::ledger::Lie;

struct Stage {
    gateway: Gateway,
    directory: tempfile::TempDir,
    card: Card,
}

impl Stage {
    /// A till with a card of 100.00 and 5.00 bonus.
    async fn open() -> (Stage, Till) {
        let gateway = Gateway::start(Lie::None).await;
        let directory = tempfile::tempdir().unwrap();
        let card = gateway.card(1);
        let (ticket, oracle) = (gateway.ticket("T0001"), oracle(&card));
        let address = gateway.address.clone();
        let mut till =
            Till::enrol(directory.path(), address, &ticket, Algorithm::EdDsa, oracle).await.unwrap();
        for act in [Act::Activate, Act::Load(100_00)] {
            let outcome = till.trade(&card, act).await.unwrap();
            till.terminal.acknowledge(outcome.id);
        }
        (Stage { gateway, directory, card }, till)
    }

    /// Opens the till anew, with an oracle that knows nothing but the diary, and resolves what is open.
    async fn reopen(&self) -> (Till, usize) {
        let oracle = oracle(&self.card);
        oracle.lock().unwrap().replay();
        let path: &Path = self.directory.path();
        let mut till = Till::open(path, self.gateway.address.clone(), oracle.clone()).unwrap();
        oracle.lock().unwrap().replayed();
        let resolved = till.resolve().await.unwrap();
        assert_eq!(till.inquire(&self.card).await.unwrap(), Some(true));
        assert_eq!(oracle.lock().unwrap().mismatches(), []);
        assert_eq!(oracle.lock().unwrap().open().count(), 0);
        (till, resolved)
    }

    fn entries(&self) -> usize {
        self.gateway.ledger.lock().unwrap().journal.len()
    }
}

fn oracle(card: &Card) -> Arc<Mutex<Oracle>> {
    let mut oracle = Oracle::default();
    oracle.issue(card.reference);
    Arc::new(Mutex::new(oracle))
}

fn wallet(till: &Till, card: &Card) -> Wallet {
    till.oracle().card(card.reference).unwrap().1
}

#[tokio::test]
async fn a_sale_that_was_never_sent_did_not_happen_and_its_stan_is_used_by_the_next() {
    let (stage, mut till) = Stage::open().await;
    // Killed after the line in the diary and before the terminal's state: that is put back as it was.
    let state = stage.directory.path().join("state.cbor");
    let before = std::fs::read(&state).unwrap();
    till.terminal.cut();
    let killed = till.begin(&stage.card, Act::Purchase(30_00), true).await.unwrap();
    drop(till);
    std::fs::write(&state, before).unwrap();
    let entries = stage.entries();
    let (mut till, _) = stage.reopen().await;
    assert_eq!((stage.entries(), wallet(&till, &stage.card).principal), (entries, 100_00));
    let sold = till.trade(&stage.card, Act::Purchase(1_00)).await.unwrap();
    assert_eq!(sold.id, killed, "the same STAN");
    drop(till);
    let (till, _) = stage.reopen().await;
    assert_eq!(wallet(&till, &stage.card), Wallet { principal: 99_00, bonus: 5_00, points: 1 });
}

#[tokio::test]
async fn a_sale_without_an_answer_is_repeated_and_applied_once() {
    let (stage, mut till) = Stage::open().await;
    let entries = stage.entries();
    till.begin(&stage.card, Act::Purchase(30_00), true).await.unwrap();
    drop(till);
    let (till, resolved) = stage.reopen().await;
    assert_eq!((resolved, stage.entries()), (1, entries + 1));
    assert_eq!(wallet(&till, &stage.card), Wallet { principal: 70_00, bonus: 5_00, points: 30 });
    drop(till);
    let (till, resolved) = stage.reopen().await;
    assert_eq!(resolved, 0, "nothing is open any more");
    assert_eq!(wallet(&till, &stage.card), Wallet { principal: 70_00, bonus: 5_00, points: 30 });
}

#[tokio::test]
async fn a_sale_given_up_before_the_kill_is_reversed_after_it_and_never_sent_again() {
    let (stage, mut till) = Stage::open().await;
    let sale = till.begin(&stage.card, Act::Purchase(30_00), true).await.unwrap();
    till.terminal.cut();
    till.terminal.give_up(sale, Reason::NO_ANSWER).await.unwrap();
    drop(till);
    let (till, resolved) = stage.reopen().await;
    assert_eq!(resolved, 1);
    assert_eq!(wallet(&till, &stage.card), Wallet { principal: 100_00, bonus: 5_00, points: 0 });
}

#[tokio::test]
async fn an_approved_sale_whose_reversal_was_cut_short_ends_reversed() {
    let (stage, mut till) = Stage::open().await;
    let sale = till.trade(&stage.card, Act::Purchase(30_00)).await.unwrap();
    till.terminal.cut();
    till.terminal.patience = std::time::Duration::ZERO;
    assert!(till.reverse(sale.id, Reason::CANCELLED).await.is_err(), "no time to connect");
    drop(till);
    let (till, _) = stage.reopen().await;
    assert_eq!(wallet(&till, &stage.card), Wallet { principal: 100_00, bonus: 5_00, points: 0 });
}

#[tokio::test]
async fn a_void_without_an_answer_is_repeated_after_the_kill_and_cannot_be_given_up() {
    let (stage, mut till) = Stage::open().await;
    let sale = till.trade(&stage.card, Act::Purchase(30_00)).await.unwrap();
    let original = till.original_of(&sale);
    till.terminal.acknowledge(sale.id);
    let entries = stage.entries();
    let void = till.begin(&stage.card, Act::Void(original), true).await.unwrap();
    assert!(till.reverse(void, Reason::CANCELLED).await.is_err());
    drop(till);
    let (till, resolved) = stage.reopen().await;
    assert_eq!((resolved, stage.entries()), (1, entries + 1));
    assert_eq!(wallet(&till, &stage.card), Wallet { principal: 100_00, bonus: 5_00, points: 0 });
}

#[tokio::test]
async fn a_capture_given_up_before_the_kill_leaves_its_hold_as_it_was() {
    let (stage, mut till) = Stage::open().await;
    let hold = till.trade(&stage.card, Act::Authorize(60_00)).await.unwrap();
    let original = till.original_of(&hold);
    till.terminal.acknowledge(hold.id);
    let capture = till.begin(&stage.card, Act::CaptureMore(25_00, original), true).await.unwrap();
    till.terminal.cut();
    till.terminal.give_up(capture, Reason::NO_ANSWER).await.unwrap();
    drop(till);
    let (mut till, resolved) = stage.reopen().await;
    assert_eq!(resolved, 1);
    assert_eq!(wallet(&till, &stage.card), Wallet { principal: 40_00, bonus: 5_00, points: 0 });
    let standing = till.oracle().newest(stage.card.reference, 24);
    assert_eq!(standing.iter().map(|standing| standing.held).max(), Some(60_00));
    let captured = till.trade(&stage.card, Act::Capture(60_00, original)).await.unwrap();
    assert!(captured.is_approved());
    assert_eq!(till.inquire(&stage.card).await.unwrap(), Some(true));
}

/// A request or its answer is late: the terminal has repeated it meanwhile, or given it up.
#[tokio::test]
async fn an_answer_that_comes_late_finds_its_sale_repeated_or_given_up() {
    for fault in [Fault::LateAnswer, Fault::LateRequest] {
        let (stage, mut till) = Stage::open().await;
        let sales = || {
            let ledger = stage.gateway.ledger.lock().unwrap();
            ledger.value_messages.iter().filter(|kind| **kind == MessageType::PURCHASE).count()
        };
        let before = stage.entries();
        till.terminal.faults.force(fault);
        let sale = till.trade(&stage.card, Act::Purchase(10_00)).await.unwrap();
        assert!(sale.is_approved(), "{fault:?}: {sale:?}");
        // What comes late is read before the answer to the next question is.
        assert_eq!(till.inquire(&stage.card).await.unwrap(), Some(true), "{fault:?}");
        assert_eq!(
            (sales(), stage.entries() - before),
            (2, 1),
            "{fault:?}: it came twice and was decided once"
        );

        till.terminal.faults.force(fault);
        let given_up = till.begin(&stage.card, Act::Purchase(20_00), true).await.unwrap();
        let undone = till.reverse(given_up, Reason::NO_ANSWER).await.unwrap();
        assert_eq!(undone.verdict, Verdict::Reversed, "{fault:?}");
        let state = undone.answer.as_ref().unwrap().state.unwrap();
        let expected =
            if fault == Fault::LateAnswer { TransactionState::REVERSED } else { TransactionState::BLOCKED };
        assert_eq!(state, expected, "{fault:?}: which of them was first");
        assert_eq!(till.inquire(&stage.card).await.unwrap(), Some(true), "{fault:?}");
        assert_eq!(sales(), 3, "{fault:?}: it is never sent again");
        assert_eq!(till.oracle().mismatches(), [], "{fault:?}");
        assert_eq!(wallet(&till, &stage.card).payable(), Some(95_00), "{fault:?}");
    }
}
