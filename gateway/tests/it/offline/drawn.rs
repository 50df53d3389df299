//! Drawn days: whatever is sold, undone, refunded and settled in whatever order, what waits on suspense is what is open.

use gateway::domain::exception::ExceptionKind;
use gateway::domain::settle::Settlement;
use gateway::domain::{Command, Grant};
use terminal_sim::rng::Rng;

use super::bench::{Bench, CARD, OTHER};
use crate::counter::seed;

/// Cash taken less shortfalls, of the open exceptions.
fn open(bench: &Bench) -> i64 {
    let held = bench.state.exceptions.values().filter(|held| held.open);
    held.map(|held| match held.kind {
        ExceptionKind::CashTaken => held.amount,
        ExceptionKind::OfflineShortfall => -held.amount,
        _ => 0,
    })
    .sum()
}

#[test]
fn what_waits_on_suspense_is_what_is_open_whatever_happens() {
    let mut rng = Rng::new(seed("suspense"));
    let (mut settled, mut undone) = (0, 0);
    for _ in 0..200 {
        let mut bench = Bench::new();
        bench.terminal.limits.purchase = 500_00;
        let mut shift = 1;
        for _ in 0..60 {
            let card = [CARD, OTHER][usize::try_from(rng.below(2)).expect("small")];
            let amount = i64::try_from(rng.below(60_00)).expect("small") + 1;
            let of = 11 + rng.below(bench.index - 10);
            match rng.below(12) {
                0 => drop(bench.load(card, amount.max(1_00))),
                1 => drop(bench.sale(card, amount)),
                2..=4 => {
                    let id = [u8::try_from(rng.below(3)).expect("small"); 8];
                    let grant = Grant { id, ..bench.grant() };
                    let grant = (rng.below(8) > 0).then_some(grant);
                    drop(bench.advice_under(card, amount, grant, bench.now.s()));
                }
                5 => drop(bench.cash(&[(1, amount), (3, 1)])),
                6 => undone += u32::from(bench.void(of).is_approved()),
                7 => undone += u32::from(bench.reverse(of).is_approved()),
                8 => drop(bench.refund(of, amount.min(10_00))),
                9 if rng.below(4) == 0 => {
                    drop(bench.ask(Command::Reconciliation { totals: Vec::new() }));
                    shift += 1;
                    bench.shift = Some(shift);
                }
                _ => {
                    let ways = [
                        Settlement::Card(card),
                        Settlement::PaidOut,
                        Settlement::WriteOff,
                        Settlement::Explained,
                    ];
                    for way in ways {
                        settled += u32::from(bench.settle(of, way).is_ok());
                    }
                }
            }
            assert_eq!(bench.account("suspense:S"), open(&bench));
        }
        // Every minor unit that is lost or waits is somewhere, and all of it sums to zero.
        let cards: i64 = bench.state.cards.values().map(|card| card.worth(bench.now.s())).sum();
        let named = bench.state.accounts.values().map(|held| held.balance(gateway::domain::Kind::MONEY));
        assert_eq!(cards + named.sum::<i64>(), 0);
        assert!(bench.account("offline-loss:S") <= 0);
        for (who, tally) in &bench.state.tallies {
            let most = if who.ends_with(|end: char| end.is_ascii_digit()) && who.matches('/').count() == 3 {
                80_00
            } else {
                200_00
            };
            assert!(tally.purchase_sum <= most && tally.purchases <= 5, "{who}: {tally:?}");
        }
    }
    assert!(settled > 200 && undone > 300, "{settled} settled, {undone} undone");
}
