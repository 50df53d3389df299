//! Points that are spent and whose sale comes back, as days in the shop: 3 points pay 0.50, so one costs 0.17, two 0.34, three
//! 0.50.

use super::paper::Deal;
use super::shop::Shop;
use super::world::Said;

fn buy(shop: &mut Shop, amount: i64, points: i64) -> usize {
    shop.done(Deal::Buy { card: 0, amount, points: Some(points), goods: Vec::new() })
}

fn refund(shop: &mut Shop, of: usize, amount: i64) -> i64 {
    let said = shop.ask(0, &Deal::Refund { of, amount });
    assert_eq!(said.code, 0, "{said:?}");
    said.amount.expect("an amount")
}

fn spent() -> Said {
    Said { code: 51, amount: None, state: Some(1) }
}

fn account(shop: &Shop, name: &str) -> (i64, i64) {
    shop.world.accounts().get(name).copied().unwrap_or((0, 0))
}

/// What must be as before when something was undone.
fn all(shop: &Shop) -> String {
    format!("{:?} {} {:?}", shop.has(), shop.debt(), shop.world.accounts())
}

/// A sale of 60.00 that earned 40 points, of which `left` are on the card.
fn sold(left: i64) -> (Shop, usize) {
    let mut shop = Shop::new();
    shop.load(100_00);
    let sale = shop.pay(60_00);
    // 2.00 to 2.99 that the balances pay earn nothing.
    let worth = (40 - left) * 50 / 3;
    buy(&mut shop, worth * 4 / 3 + 1, 40 - left);
    let extra = shop.has().2 - left;
    assert_eq!(extra, (worth * 4 / 3 + 1 - worth) / 3_00 * 2);
    (shop, sale)
}

#[test]
fn points_that_are_gone_are_paid_for_with_the_money_of_the_refund() {
    // 6 points are left, and each 1.50 takes one.
    for (amount, paid, left) in [
        (8_99, 8_99, 0),
        (9_00, 9_00, 0),
        (9_01, 9_01 - 17, 0),
        (10_50, 10_50 - 17, 0),
        (10_51, 10_51 - 34, 0),
        (12_00, 12_00 - 34, 0),
        (12_01, 12_01 - 50, 0),
        (13_51, 13_51 - 67, 0),
        (7_50, 7_50, 1),
    ] {
        let (mut shop, sale) = sold(6);
        let before = (shop.has().0, account(&shop, "redemption:S1"));
        assert_eq!(account(&shop, "points-payment"), (-5_66, 0));
        assert_eq!(refund(&mut shop, sale, amount), paid, "{amount}");
        assert_eq!((shop.has().0 - before.0, shop.has().2, shop.debt()), (paid, left, 0));
        assert_eq!(account(&shop, "points-payment"), (-5_66 + amount - paid, 0));
        assert_eq!(account(&shop, "redemption:S1"), (before.1.0 - amount, 0));
        assert_eq!(account(&shop, "points-expense"), (0, -left), "what was bought stays spent");
        assert_eq!(account(&shop, "receivable:points"), (0, 0));
        assert_eq!(shop.present(sale), 7);
    }
}

#[test]
fn a_refund_that_is_too_small_for_a_point_is_withheld_whole_and_the_point_is_owed() {
    for (amount, paid, debt) in [(16, 0, 1), (17, 0, 0), (18, 1, 0)] {
        let (mut shop, sale) = sold(0);
        assert_eq!(refund(&mut shop, sale, amount), paid);
        assert_eq!(shop.debt(), debt, "{amount}");
        assert_eq!(account(&shop, "receivable:points"), (0, -debt));
        // The next one pays for it, although it takes no point by itself.
        assert_eq!(refund(&mut shop, sale, 1_00), 1_00 - 17 * debt);
        assert_eq!(shop.debt(), 0);
    }
}

#[test]
fn slices_withhold_no_less_than_one_refund() {
    let whole = {
        let (mut shop, sale) = sold(0);
        refund(&mut shop, sale, 60_00)
    };
    assert_eq!(whole, 60_00 - 6_67);
    for slices in [&[1, 1_49][..], &[16, 1_34], &[50, 50, 50], &[1, 29_99], &[2_99, 1]] {
        let (mut shop, sale) = sold(0);
        let (mut refunded, mut paid) = (0, 0);
        for slice in slices.iter().cycle() {
            paid += refund(&mut shop, sale, *slice);
            refunded += slice;
            if refunded == 60_00 {
                break;
            }
        }
        assert!(paid <= whole, "{slices:?}: {paid}");
        assert_eq!(shop.debt(), 0, "{slices:?}");
    }
}

#[test]
fn undoing_such_a_refund_restores_all_and_it_can_be_given_again() {
    for (amount, paid) in [(16, 0), (10_51, 10_51 - 1_34), (60_00, 60_00 - 6_67)] {
        for undo in [Shop::void, Shop::reverse] {
            let (mut shop, sale) = sold(0);
            let before = all(&shop);
            let mut after = String::new();
            for _ in 0..2 {
                assert_eq!(refund(&mut shop, sale, amount), paid);
                assert!(after.is_empty() || after == all(&shop));
                after = all(&shop);
                let last = shop.last();
                undo(&mut shop, last);
                assert_eq!((all(&shop), shop.present(sale)), (before.clone(), 1));
            }
        }
    }
}

#[test]
fn what_was_asked_for_counts_as_refunded_and_not_what_was_paid() {
    let (mut shop, sale) = sold(0);
    assert_eq!(refund(&mut shop, sale, 20_00), 20_00 - 2_34);
    assert_eq!(shop.ask(0, &Deal::Refund { of: sale, amount: 40_01 }).code, 61);
    assert_eq!(refund(&mut shop, sale, 40_00), 40_00 - 4_34);
    assert_eq!(shop.present(sale), 4);
    let last = shop.last();
    shop.void(last);
    assert_eq!(shop.present(sale), 7);
    assert_eq!(refund(&mut shop, sale, 40_00), 40_00 - 4_34);
}

#[test]
fn captures_and_advices_are_sales_too() {
    let sales: [fn(&mut Shop) -> usize; 2] = [
        |shop| shop.advise(30_00),
        |shop| {
            let hold = shop.hold(30_00);
            shop.capture(hold, 30_00, false)
        },
    ];
    for sell in sales {
        let mut shop = Shop::new();
        let sale = sell(&mut shop);
        buy(&mut shop, 5_00, 20);
        assert_eq!(shop.has().2, 0);
        assert_eq!(shop.ask(0, &Deal::Void { of: sale }), spent());
        assert_eq!(refund(&mut shop, sale, 30_00), 30_00 - 3_34);
    }
}

#[test]
fn only_the_money_part_is_withheld() {
    let (mut shop, _) = sold(0);
    // A sale that points pay half of, and whose own points are spent.
    let earning = shop.pay(60_00);
    let sale = buy(&mut shop, 12_00, 36);
    assert_eq!(shop.has().2, 8, "6.00 by balances have earned 4");
    buy(&mut shop, 2_00, 8);
    // 6.00 come back less 4 points, then 36 points; they pay no debt, since none is left.
    let mut whole = refund(&mut shop, sale, 6_01);
    assert_eq!((whole, shop.has().2), (6_01 - 67, 0));
    whole += refund(&mut shop, sale, 5_99);
    assert_eq!((whole, shop.has().2, shop.debt()), (12_00 - 67, 36, 0));
    // With a debt from elsewhere the points pay it first, and the money what is left of it.
    let other = buy(&mut shop, 12_00, 36);
    shop.reverse(earning);
    assert_eq!((shop.has().2, shop.debt()), (0, 36));
    assert_eq!(refund(&mut shop, other, 12_00), 12_00 - 67, "36 come back; its own 4 are gone");
    assert_eq!((shop.has().2, shop.debt()), (0, 0));
}

#[test]
fn where_points_do_not_pay_they_are_owed_and_nothing_is_withheld() {
    let mut shop = Shop::of(2);
    let sale = shop.pay(30_00);
    shop.days_pass(100);
    assert_eq!(refund(&mut shop, sale, 30_00), 30_00);
    assert_eq!(shop.debt(), 20);
    let sale = shop.pay(30_00);
    assert_eq!((shop.debt(), shop.has().2), (0, 0));
    shop.void(sale);
    assert_eq!(shop.debt(), 20);
}

#[test]
fn a_sale_whose_points_are_spent_is_refunded_and_not_voided() {
    for (amount, points, left, code) in [(10_00, 4, 42, 0), (10_00, 6, 40, 0), (12_00, 8, 38, 51)] {
        let mut shop = Shop::new();
        let sale = shop.pay(60_00);
        buy(&mut shop, amount, points);
        assert_eq!(shop.has().2, left);
        let before = all(&shop);
        let said = shop.ask(0, &Deal::Void { of: sale });
        assert_eq!(said.code, code, "{left} points left");
        if code == 51 {
            assert_eq!((said, all(&shop), shop.present(sale)), (spent(), before, 1));
            shop.reverse(sale);
            assert_eq!((shop.debt(), shop.has().2), (2, 0), "a lost answer is undone whatever was spent");
        }
    }
}

#[test]
fn a_sale_whose_points_paid_a_debt_is_not_voided() {
    for (second, debt) in [(57_00, 2), (60_00, 0), (63_00, 0)] {
        let (mut shop, sale) = sold(0);
        shop.load(100_00);
        shop.reverse(sale);
        assert_eq!(shop.debt(), 40);
        let sale = shop.pay(second);
        assert_eq!(shop.debt(), debt);
        assert_eq!(shop.ask(0, &Deal::Void { of: sale }), spent());
        let whole = second / 3_00 * 2;
        let missing = whole.min(40) + debt;
        assert_eq!(refund(&mut shop, sale, second), second - (missing * 50 + 2) / 3);
        assert_eq!((shop.debt(), shop.has().2), (0, 0));
    }
}

#[test]
fn whoever_spends_the_points_returns_the_sale_and_throws_the_card_away_has_gained_nothing() {
    let mut shop = Shop::new();
    let (mut goods, mut thrown) = (0, 0);
    for _ in 0..4 {
        let sale = shop.pay(60_00);
        let points = shop.has().2 / 2 * 2;
        let price = points * 50 / 3 * 4 / 3 + 1;
        buy(&mut shop, price, points);
        goods += price;
        refund(&mut shop, sale, 60_00);
        thrown += shop.debt();
    }
    let (principal, bonus, _) = shop.has();
    assert_eq!(thrown, 0);
    assert_eq!((goods, goods + principal + bonus), (4 * 8_89, 105_00 - 4), "each price was rounded up");
}
