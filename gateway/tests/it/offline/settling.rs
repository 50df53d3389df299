//! What two operators may make of an exception.

use gateway::domain::act::Act;
use gateway::domain::card::CardStatus;
use gateway::domain::refusal::Refusal;
use gateway::domain::settle::Settlement;
use gateway::domain::{Command, Kind};

use super::bench::{Bench, CARD, OTHER};

/// Cash of 50.00 in two tenders waits; the entry.
fn claim() -> (Bench, u64) {
    let mut bench = Bench::new();
    bench.cash(&[(1, 30_00), (5, 20_00)]);
    let index = bench.index;
    (bench, index)
}

const WAYS: [Settlement; 4] =
    [Settlement::Card(OTHER), Settlement::PaidOut, Settlement::WriteOff, Settlement::Explained];

#[test]
fn cash_is_credited_as_principal_without_a_bonus_and_once() {
    let (mut bench, index) = claim();
    bench.settle(index, Settlement::Card(OTHER)).expect("credited");
    assert_eq!((bench.money(OTHER), bench.account("suspense:S")), (150_00, 0));
    assert_eq!(bench.state.cards[&OTHER].available(Kind::BONUS, bench.now.s()), 0);
    assert!(!bench.exception(index).expect("it").open);
    for way in WAYS {
        assert_eq!(bench.settle(index, way), Err(Refusal::ExceptionSettled(index)));
    }
    assert_eq!(bench.money(OTHER), 150_00);
}

#[test]
fn a_claim_whose_load_stands_is_not_credited_a_second_time() {
    let (mut bench, index) = claim();
    bench.load_stands = true;
    assert_eq!(bench.settle(index, Settlement::Card(OTHER)), Err(Refusal::LoadStands));
    bench.settle(index, Settlement::PaidOut).expect("there was no second money");
    assert_eq!((bench.money(OTHER), bench.account("suspense:S")), (100_00, 0));
}

#[test]
fn cash_that_is_given_back_comes_from_the_tenders_that_took_it() {
    let (mut bench, index) = claim();
    let before = bench.account("clearing:S:1");
    bench.settle(index, Settlement::PaidOut).expect("paid out");
    assert_eq!(bench.account("clearing:S:1") - before, 30_00);
    assert_eq!((bench.account("clearing:S:5"), bench.account("suspense:S")), (0, 0));
}

#[test]
fn a_card_takes_a_claim_up_to_its_largest_balance_and_only_while_it_is_in_use() {
    for (most, fits) in [(149_99, false), (150_00, true), (150_01, true)] {
        let (mut bench, index) = claim();
        bench.programme.products.get_mut("standard").expect("a product").max_balance = most;
        assert_eq!(bench.settle(index, Settlement::Card(OTHER)).is_ok(), fits, "{most}");
        assert_eq!(bench.exception(index).expect("it").open, !fits);
    }
    for (named, fits) in [(false, false), (true, true)] {
        let (mut bench, index) = claim();
        bench.programme.products.get_mut("standard").expect("a product").real_name_above = Some(149_99);
        bench.state.cards.get_mut(&OTHER).expect("a card").holder = named.then_some([1; 32]);
        assert_eq!(bench.settle(index, Settlement::Card(OTHER)).is_ok(), fits, "registered: {named}");
    }
    for status in [CardStatus::Blocked, CardStatus::Issued, CardStatus::Replaced] {
        let (mut bench, index) = claim();
        bench.state.cards.get_mut(&OTHER).expect("a card").status = status;
        assert!(bench.settle(index, Settlement::Card(OTHER)).is_err(), "{status:?}");
    }
    let (mut bench, index) = claim();
    bench.state.cards.get_mut(&OTHER).expect("a card").expires = Some(bench.now.s());
    assert!(bench.settle(index, Settlement::Card(OTHER)).is_err());
    bench.state.cards.get_mut(&OTHER).expect("a card").expires = None;
    bench.state.cards.get_mut(&OTHER).expect("a card").account = Some(CARD);
    assert!(bench.settle(index, Settlement::Card(OTHER)).is_err());
    bench.state.cards.remove(&OTHER);
    assert_eq!(bench.settle(index, Settlement::Card(OTHER)), Err(Refusal::NoSuchCard));
    assert_eq!(bench.account("suspense:S"), 50_00, "it waits on");
}

#[test]
fn every_kind_is_settled_in_its_own_ways_alone() {
    let (mut bench, cash) = claim();
    bench.advice_under(CARD, 1_00, None, 0);
    let short = bench.index;
    bench.ask(Command::Reconciliation { totals: Vec::new() });
    let totals = bench.index;
    bench.terminal.limits.purchase = 200_00;
    bench.shift = Some(2);
    bench.load(CARD, 1_00);
    let load = bench.index;
    bench.sale(CARD, 101_00);
    bench.reverse(load);
    let fits = [(cash, [true, true, false, false]), (short, [false, false, true, false])];
    let explained = [false, false, false, true];
    for (index, ways) in fits.into_iter().chain([(totals, explained), (load, explained)]) {
        for (way, fits) in WAYS.into_iter().zip(ways) {
            let mut bench = Bench {
                state: bench.state.clone(),
                decided: bench.decided.clone(),
                index: bench.index,
                ..Bench::new()
            };
            assert_eq!(bench.settle(index, way).is_ok(), fits, "{index} by {way:?}");
        }
    }
    bench.settle(short, Settlement::WriteOff).expect("written off");
    assert_eq!((bench.account("offline-loss:S"), bench.account("suspense:S")), (-1_00, 50_00));
    assert_eq!(bench.settle(9999, Settlement::Explained), Err(Refusal::NoSuchException(9999)));
    let silent = Act::ExceptionSettle {
        index: cash,
        settlement: Settlement::PaidOut,
        reason: String::new(),
        another_note: false,
    };
    assert!(bench.act(&silent).is_err(), "without a reason");
}
