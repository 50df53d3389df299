//! Reversals, voids and refunds of offline sales, and loads that were reversed too late.

use gateway::domain::exception::{Bearer, ExceptionKind};
use gateway::domain::grant::of_grant;
use gateway::domain::settle::Settlement;
use gateway::domain::{Command, Decline, TransactionState, Verdict};

use super::bench::{Bench, CARD, OTHER};

/// A card with 5.00 has paid a part of 12.00; the entry.
fn short() -> (Bench, u64) {
    let mut bench = Bench::new();
    bench.terminal.limits.purchase = 100_00;
    bench.sale(CARD, 95_00);
    bench.advice(CARD, 12_00);
    assert_eq!(bench.shortfall(), Some((7_00, Bearer::Merchant)));
    let index = bench.index;
    (bench, index)
}

#[test]
fn undoing_an_offline_sale_turns_all_of_it_and_settles_its_shortfall() {
    for void in [true, false] {
        let (mut bench, index) = short();
        let undone = if void { bench.void(index) } else { bench.reverse(index) };
        assert!(undone.is_approved());
        assert_eq!((bench.money(CARD), bench.points(CARD)), (5_00, 95));
        assert_eq!((bench.account("suspense:S"), bench.account("redemption:S")), (0, 95_00));
        assert!(!bench.exception(index).expect("an exception").open);
        assert!(bench.settle(index, Settlement::WriteOff).is_err(), "there is nothing left to write off");
        let tally = bench.state.tallies[&of_grant(&bench.grant())];
        assert_eq!(
            (tally.purchases, tally.purchase_sum),
            (1, 12_00),
            "it counts under its grant all the same"
        );
    }
}

#[test]
fn undoing_what_was_written_off_takes_the_loss_back() {
    let (mut bench, index) = short();
    bench.settle(index, Settlement::WriteOff).expect("written off");
    assert_eq!((bench.account("suspense:S"), bench.account("offline-loss:S")), (0, -7_00));
    assert!(bench.void(index).is_approved());
    assert_eq!((bench.account("suspense:S"), bench.account("offline-loss:S")), (0, 0));
    assert_eq!((bench.money(CARD), bench.account("redemption:S")), (5_00, 95_00));
    assert!(!bench.exception(index).expect("an exception").open);
}

#[test]
fn refunds_give_back_what_the_card_paid_and_no_more() {
    let (mut bench, index) = short();
    assert_eq!(bench.refund(index, 5_01).verdict, Verdict::Declined(Decline::AboveRefundable));
    let points = bench.points(CARD);
    let part = bench.refund(index, 4_99);
    assert_eq!(part.original_state, Some(TransactionState::RefundedInPart));
    let rest = bench.refund(index, 1);
    assert_eq!(rest.original_state, Some(TransactionState::Refunded));
    assert_eq!((bench.money(CARD), points - bench.points(CARD)), (5_00, 5), "all five points are gone");
    assert_eq!(
        bench.refund(index, 1).verdict,
        Verdict::Declined(Decline::OriginalOver(TransactionState::Refunded))
    );
    assert_eq!(bench.account("suspense:S"), -7_00, "the shortfall stays");
    assert!(bench.exception(index).expect("an exception").open);
    let last = bench.index - 1;
    assert!(bench.reverse(last).is_approved(), "a refund of it is undone like any other");
    assert_eq!(bench.money(CARD), 4_99);
}

#[test]
fn a_load_that_is_reversed_after_it_was_spent_is_an_exception_once() {
    let mut bench = Bench::new();
    bench.terminal.limits.purchase = 200_00;
    bench.load(CARD, 20_00);
    let load = bench.index;
    bench.sale(CARD, 110_00);
    let sale = bench.index;
    let late = bench.reverse(load);
    assert_eq!(late.verdict, Verdict::Declined(Decline::LoadAlreadySpent));
    let held = bench.exception(load).expect("an exception of the load");
    assert_eq!((held.kind, held.amount, held.open), (ExceptionKind::LoadReversedTooLate, 20_00, true));
    assert_eq!(bench.state.exceptions.len(), 1);
    bench.settle(load, Settlement::Explained).expect("explained");
    bench.reverse(load);
    assert!(!bench.exception(load).expect("it").open, "a second reversal does not open it again");
    // Where the value comes back, the load can be undone, and nothing is left to look into.
    let mut other = Bench::new();
    other.terminal.limits.purchase = 200_00;
    other.load(CARD, 20_00);
    let load = other.index;
    other.sale(CARD, 110_00);
    let spent = other.index;
    other.void(load);
    assert!(other.exception(load).is_none(), "a person who voids knows what came of it");
    other.reverse(load);
    assert!(other.exception(load).expect("it").open);
    other.reverse(spent);
    assert!(other.reverse(load).is_approved());
    assert!(!other.exception(load).expect("it").open);
    assert_ne!(sale, 0);
}

/// Whatever a Reversal cannot undo any more, and stands against the word of its terminal, is somebody's to look into: once.
#[test]
fn what_a_reversal_leaves_standing_is_an_exception_of_its_original_once() {
    let fresh = || {
        let mut bench = Bench::new();
        bench.terminal.limits.purchase = 200_00;
        bench.load(CARD, 20_00);
        let load = bench.index;
        (bench, load)
    };
    let opened = |bench: &mut Bench, index: u64, kind: ExceptionKind, amount: i64| {
        for _ in 0..2 {
            assert!(!bench.reverse(index).is_approved());
            let held = bench.exception(index).expect("an exception");
            assert_eq!((held.kind, held.amount, held.open), (kind, amount, true));
            assert_eq!(bench.state.exceptions.len(), 1);
        }
        assert!(bench.settle(index, Settlement::WriteOff).is_err());
        bench.settle(index, Settlement::Explained).expect("explained");
        bench.reverse(index);
        assert!(!bench.exception(index).expect("it").open, "it is not opened again");
    };
    // A load of which a cent, or all, was refunded: its money goes out twice.
    for refunded in [1, 20_00] {
        let (mut bench, load) = fresh();
        assert!(bench.refund(load, refunded).is_approved());
        opened(&mut bench, load, ExceptionKind::LoadReversedTooLate, 20_00);
    }
    // A sale of which a cent was refunded: the rest of it stands.
    let (mut bench, _) = fresh();
    bench.sale(CARD, 9_00);
    let sale = bench.index;
    assert!(bench.refund(sale, 1).is_approved());
    opened(&mut bench, sale, ExceptionKind::SaleReversedTooLate, 8_99);
    // A refund with another one behind it.
    let (mut bench, load) = fresh();
    assert!(bench.refund(load, 4_00).is_approved());
    let first = bench.index;
    assert!(bench.refund(load, 6_00).is_approved());
    opened(&mut bench, first, ExceptionKind::RefundReversedTooLate, 4_00);
    // A refund whose value was spent.
    let (mut bench, _) = fresh();
    bench.sale(CARD, 110_00);
    assert!(bench.refund(bench.index, 110_00).is_approved());
    let refund = bench.index;
    bench.sale(CARD, 120_00);
    opened(&mut bench, refund, ExceptionKind::RefundReversedTooLate, 110_00);
    // Of a sale that came back whole nothing stands.
    let (mut bench, _) = fresh();
    bench.sale(CARD, 9_00);
    let sale = bench.index;
    assert!(bench.refund(sale, 9_00).is_approved());
    assert!(!bench.reverse(sale).is_approved());
    assert!(bench.state.exceptions.is_empty());
}

#[test]
fn totals_that_differ_are_an_exception_and_those_that_agree_are_none() {
    let mut bench = Bench::new();
    let totals = bench.state.shifts[&("T1".to_owned(), 1, 1)].totals.clone();
    bench.ask(Command::Reconciliation { totals });
    assert!(bench.state.exceptions.is_empty());
    bench.shift = Some(2);
    bench.advice(OTHER, 1_00);
    bench.ask(Command::Reconciliation { totals: Vec::new() });
    let held = bench.exception(bench.index).expect("an exception");
    assert_eq!((held.kind, held.amount, held.bearer), (ExceptionKind::TotalsDiffer, 0, Bearer::Nobody));
}
