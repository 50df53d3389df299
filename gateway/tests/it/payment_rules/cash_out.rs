//! Unload, as days in the shop. The card has 100.00 and a bonus of 5.00; principal pays first.

use gateway::domain::Command;

use super::paper::Deal;
use super::shop::Shop;
use super::world::{KIOSK, OTHER_MERCHANT, Said, claim, reference};

const LOAD: usize = 1;

fn unload(shop: &mut Shop, till: usize, amount: i64) -> Said {
    shop.ask(till, &Deal::Unload { card: 0, amount })
}

fn code(shop: &mut Shop, amount: i64) -> u8 {
    unload(shop, 0, amount).code
}

#[test]
fn the_newest_load_is_paid_out_first_with_its_bonus() {
    let mut shop = Shop::new();
    let second = shop.load(300_00);
    assert_eq!(unload(&mut shop, 0, 350_00), Said { code: 0, amount: Some(350_00), state: None });
    // All of the second bonus, and half of the first.
    assert_eq!(shop.has(), (50_00, 2_50, 0));
    assert_eq!((shop.present(second), shop.present(LOAD)), (4, 7));
    assert_eq!(code(&mut shop, 50_01), 51);
    assert_eq!(code(&mut shop, 50_00), 0);
    assert_eq!(shop.has(), (0, 0, 0));
}

#[test]
fn a_bonus_that_is_gone_is_withheld_from_the_cash() {
    let mut shop = Shop::new();
    shop.days_pass(40);
    assert_eq!(unload(&mut shop, 0, 60_00).amount, Some(57_00));
    assert_eq!(unload(&mut shop, 0, 40_00).amount, Some(38_00));
    assert_eq!(shop.has(), (0, 0, 0));
}

#[test]
fn what_is_held_is_not_cashed_out() {
    let mut shop = Shop::new();
    shop.hold(45_00);
    assert_eq!(code(&mut shop, 55_01), 51);
    assert_eq!(code(&mut shop, 55_00), 0);
}

#[test]
fn what_was_given_to_a_card_is_not_cashed_out_there_nor_back() {
    let mut shop = Shop::new();
    shop.give(60_00);
    shop.done(Deal::Load { card: 1, amount: 1_00 });
    assert_eq!(code(&mut shop, 40_01), 51);
    assert_eq!(code(&mut shop, 40_00), 0, "what stayed");
    let mut shop = Shop::new();
    shop.give(100_00);
    let back = Command::Transfer { claim: claim(1), to: reference(0), amount: 100_00 };
    assert_eq!(shop.say(0, back).code, 0);
    assert_eq!(shop.has(), (100_00, 5_00, 0));
    assert_eq!(code(&mut shop, 1), 51, "it came by a transfer");
}

#[test]
fn a_kiosk_another_merchant_and_a_product_without_it_pay_nothing_out() {
    let mut shop = Shop::new();
    assert_eq!(unload(&mut shop, KIOSK, 1_00).code, 58);
    assert_eq!(
        unload(&mut shop, OTHER_MERCHANT, 1_00).code,
        51,
        "a refund of that load would not be paid there"
    );
    assert_eq!(unload(&mut shop, 1, 1_00).code, 0, "another store of the merchant");
    shop.done(Deal::Activate { card: 1 });
    assert_eq!(shop.ask(0, &Deal::Unload { card: 1, amount: 1_00 }).code, 57);
    shop.done(Deal::Activate { card: 2 });
    assert_eq!(shop.ask(0, &Deal::Unload { card: 2, amount: 300_01 }).code, 61);
    assert_eq!(shop.ask(0, &Deal::Unload { card: 2, amount: 300_00 }).code, 51);
    assert_eq!(code(&mut shop, 2_000_01), 61);
}

#[test]
fn sixteen_loads_are_paid_out_at_once_and_seventeen_are_not() {
    let mut shop = Shop::new();
    for _ in 0..16 {
        shop.load(2_00);
    }
    assert_eq!(code(&mut shop, 32_01), 51);
    assert_eq!(code(&mut shop, 32_00), 0);
    assert_eq!(shop.has(), (100_00, 5_00, 0));
}

#[test]
fn a_load_that_joined_an_older_ones_lot_is_not_paid_out_as_that_ones() {
    let mut shop = Shop::new();
    for _ in 0..33 {
        shop.load(1_00);
    }
    let lots = shop.world.card(0).lots.len();
    assert_eq!(lots, 32, "31 loads, and a bonus");
    assert_eq!(shop.has().0, 133_00);
    // Three have joined the newest lot: its load gives back what it took and no more.
    assert_eq!(code(&mut shop, 16_01), 51);
    assert_eq!(code(&mut shop, 16_00), 0);
    assert_eq!(code(&mut shop, 16_00), 0);
    assert_eq!(shop.has().0, 101_00);
    assert_eq!(code(&mut shop, 98_01), 51);
    assert_eq!(code(&mut shop, 98_00), 0);
}

#[test]
fn an_unload_is_undone_whole_or_not_at_all() {
    let mut shop = Shop::new();
    let second = shop.load(300_00);
    let before = (shop.has(), shop.world.accounts().values().copied().collect::<Vec<_>>());
    let out = shop.done(Deal::Unload { card: 0, amount: 350_00 });
    shop.void(out);
    assert_eq!((shop.has(), shop.world.accounts().values().copied().collect()), before);
    assert_eq!((shop.present(second), shop.present(LOAD), shop.present(out)), (1, 1, 3));
    let out = shop.done(Deal::Unload { card: 0, amount: 350_00 });
    shop.refund(LOAD, 1_00);
    for undo in [Deal::Void { of: out }, Deal::Reverse { of: out }] {
        assert_eq!(shop.ask(0, &undo), Said { code: 12, amount: None, state: Some(1) });
    }
    assert_eq!((shop.has().0, shop.present(second)), (49_00, 4));
}

#[test]
fn loading_spending_and_cashing_out_over_and_over_gains_nothing() {
    let mut shop = Shop::new();
    let (mut goods, mut cash) = (0, 0);
    for _ in 0..50 {
        shop.load(100_00);
        let sale = shop.pay(3_00);
        goods += 3_00;
        if goods % 2 == 0 {
            shop.refund(sale, 3_00);
            goods -= 3_00;
        }
        let all = shop.has().0.min(100_00);
        cash += unload(&mut shop, 0, all).amount.expect("cash");
    }
    let (principal, bonus, _) = shop.has();
    // Every load was paid out, but for the goods and what is left; a bonus is only there for what is.
    assert!(goods + cash + principal + bonus <= 51 * 100_00 + 5_00, "{goods} {cash} {principal} {bonus}");
}
