//! Somebody at the till who undoes instead of refunding: another till's ceiling and limits, after the close, from elsewhere.

use gateway::domain::exception::{Exception, ExceptionKind};
use gateway::domain::{Command, Effect, Shift, Tally};

use super::shop::{A, At, R1, Shop, authorize, purchase, shop};

const R2: At = At { terminal: "R2", ..R1 };
const AMY: At = At { cashier: Some("AMY"), ..R1 };
const DAY: i64 = 86_400;
/// What a person hands out by undoing it.
const HANDED_OUT: [&str; 3] = ["load", "purchase", "capture"];

/// One of those, of card A.
fn done(shop: &mut Shop, what: &str, amount: i64) -> usize {
    match what {
        "load" => shop.load(A, amount),
        "purchase" => shop.ask(purchase(A, amount), 0),
        _ => {
            let hold = shop.ask(authorize(A, amount), 0);
            let original = shop.named(hold);
            shop.ask(Command::Capture { original, amount, more_follow: false, lines: Vec::new() }, 0)
        }
    }
}

fn reverse(shop: &mut Shop, entry: usize, code: u8) -> usize {
    shop.ask(Command::Reversal { original: shop.named(entry) }, code)
}

#[test]
fn a_void_hands_out_no_more_than_a_refund_at_the_same_terminal() {
    for what in HANDED_OUT {
        for (amount, code) in [(9_99, 0), (10_00, 0), (10_01, 61)] {
            let mut shop = shop("");
            shop.load(A, 500_00);
            let original = done(&mut shop, what, amount);
            shop.state.terminals.get_mut("R2").expect("a till").limits.refund = 10_00;
            shop.at = R2;
            shop.void(original, code);
            assert_eq!(shop.entries.last().expect("an entry").approved, code == 0, "{what}");
            shop.at = R1;
            shop.void(original, if code == 0 { 12 } else { 0 });
        }
    }
    // What hands nothing out is not held to it.
    let mut shop = shop("");
    shop.load(A, 500_00);
    let hold = shop.ask(authorize(A, 400_00), 0);
    let sale = shop.ask(purchase(A, 50_00), 0);
    let refund = shop.refund(sale, 50_00, 0);
    shop.state.terminals.get_mut("R2").expect("a till").limits.refund = 10_00;
    shop.at = R2;
    shop.void(hold, 0);
    shop.void(refund, 0);
}

#[test]
fn a_void_counts_as_a_refund_of_its_terminal_and_cashier() {
    for limits in ["terminal_day", "cashier_day"] {
        for what in HANDED_OUT {
            let mut shop = shop("");
            shop.load(A, 1000_00);
            shop.programme = super::shop::read(&format!(
                "[till]\ncashiers = \"sign-on\"\n[limits]\n{limits} = {{ refunds = 2, refund_sum = \"100.00\", loads = 9, purchase_sum = \"900.00\" }}"
            ));
            shop.at = AMY;
            let sale = shop.ask(purchase(A, 200_00), 0);
            let [small, large] = [60_00, 40_01].map(|amount| done(&mut shop, what, amount));
            let who = if limits == "terminal_day" { "terminal:R1" } else { "cashier:AMY" };
            let before = shop.state.tallies[who];
            shop.void(small, 0);
            let undone = match what {
                "load" => Tally { loads: before.loads - 1, load_sum: before.load_sum - 60_00, ..before },
                "purchase" => Tally {
                    purchases: before.purchases - 1,
                    purchase_sum: before.purchase_sum - 60_00,
                    ..before
                },
                _ => before,
            };
            assert_eq!(shop.state.tallies[who], Tally { refunds: 1, refund_sum: 60_00, ..undone }, "{what}");
            shop.void(large, 61);
            let refund = shop.refund(sale, 40_00, 0);
            shop.refund(sale, 1, 61);
            shop.void(refund, 0);
            assert_eq!(shop.state.tallies[who].refund_sum, 60_00, "a refund that is taken back is none");
            shop.refund(sale, 40_00, 0);
            assert_eq!((shop.state.tallies[who].refunds, shop.state.tallies[who].refund_sum), (2, 100_00));
            // Another till, and the next day, have their own.
            shop.at = At { cashier: Some("BOB"), ..R2 };
            shop.void(large, 0);
        }
    }
}

/// The exceptions that the last entry has opened.
fn opened(shop: &Shop) -> Vec<(u64, Exception)> {
    let last = shop.entries.last().expect("an entry");
    let opened = last.effects.iter().filter_map(|effect| match effect {
        Effect::Exception { index, held } => Some((*index, *held)),
        _ => None,
    });
    opened.collect()
}

/// Reverses it, and says whether that is to be looked into.
fn shows(shop: &mut Shop, entry: usize, amount: i64) -> bool {
    let reversal = reverse(shop, entry, 0);
    let index = shop.entries[reversal].index;
    let opened = opened(shop);
    for (of, held) in &opened {
        assert_eq!((*of, held.kind, held.amount), (index, ExceptionKind::ReversedLate, amount));
        assert!(held.open);
    }
    let shown = !opened.is_empty();
    reverse(shop, entry, 0);
    assert_eq!(self::opened(shop), [], "nothing is undone twice");
    shown
}

#[test]
fn what_is_reversed_after_the_close_of_its_shift_or_day_is_undone_and_has_to_be_looked_into() {
    for what in HANDED_OUT {
        for (closed, days, looked_into) in [
            (None, 0, false),
            (Some(false), 0, false),
            (Some(true), 0, true),
            (None, 1, true),
            (Some(true), 400, true),
        ] {
            let mut shop = shop("");
            shop.load(A, 500_00);
            let original = done(&mut shop, what, 30_00);
            if let Some(closed) = closed {
                shop.entries[original].shift = Some(7);
                let held = Shift { closed, ..Shift::default() };
                shop.state.shifts.insert(("R1".into(), 1, 7), held);
            }
            let s = shop.now.ms / 1000;
            shop.clock(s + days * DAY);
            assert_eq!(shows(&mut shop, original, 30_00), looked_into, "{what} {closed:?} {days}");
        }
    }
    let mut shop = shop("");
    shop.load(A, 500_00);
    let (sale, hold) = (shop.ask(purchase(A, 50_00), 0), shop.ask(authorize(A, 50_00), 0));
    let refund = shop.refund(sale, 20_00, 0);
    let s = shop.now.ms / 1000;
    shop.clock(s + DAY);
    assert!(shows(&mut shop, refund, 20_00), "the customer has the value, or the till had it");
    assert!(!shows(&mut shop, hold, 50_00), "a hold is nobody's money");
}

#[test]
fn the_next_to_get_a_terminals_name_reverses_nothing_of_another_merchants() {
    for (merchant, code) in [("M9", 25), ("M", 0)] {
        let mut shop = shop("");
        let load = shop.load(A, 500_00);
        shop.state.terminals.get_mut("R1").expect("a till").merchant = merchant.into();
        reverse(&mut shop, load, code);
        assert_eq!(shop.money(), if code == 0 { 0 } else { 500_00 });
    }
}
