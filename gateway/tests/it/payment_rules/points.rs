//! Points that pay, as days in the shop: 3 points pay 0.50, at least 4, in twos, up to 75 % of the amount. Each full 3.00 paid
//! earns 2 points.

use super::paper::Deal;
use super::shop::Shop;
use super::world::Said;

/// A shop where the card has `paid / 3.00 x 2` points.
fn after(paid: i64) -> Shop {
    let mut shop = Shop::new();
    shop.load(100_00);
    shop.pay(paid);
    shop
}

fn buy(shop: &mut Shop, amount: i64, points: i64) -> Said {
    shop.ask(0, &Deal::Buy { card: 0, amount, points: Some(points), goods: Vec::new() })
}

fn yes(amount: i64) -> Said {
    Said { code: 0, amount: Some(amount), state: None }
}

fn account(shop: &Shop, name: &str) -> (i64, i64) {
    shop.world.accounts().get(name).copied().unwrap_or((0, 0))
}

#[test]
fn points_pay_a_part_and_earn_nothing_for_it() {
    let mut shop = after(60_00);
    assert_eq!(shop.has(), (140_00, 10_00, 40));
    // 10 points are 1.66: the rest of 10.00 is 8.34, and earns 4.
    assert_eq!(buy(&mut shop, 10_00, 10), yes(10_00));
    assert_eq!(shop.has(), (131_66, 10_00, 34));
    assert_eq!(account(&shop, "points-payment"), (-1_66, 0));
    assert_eq!(account(&shop, "redemption:S1"), (70_00, 0));
    assert_eq!(account(&shop, "points-expense"), (0, -34));
}

#[test]
fn points_are_refused_that_are_too_few_odd_too_many_or_for_too_much() {
    let mut shop = after(60_00);
    for (amount, points, code) in [(10_00, 2, 61), (10_00, 5, 61), (88, 4, 0), (88, 4, 0), (10_00, 42, 51)] {
        assert_eq!(buy(&mut shop, amount, points).code, code, "{amount} and {points} points");
    }
    // 4 points are 66: 75 % of 88, and more than that of 87.
    assert_eq!(buy(&mut shop, 87, 4).code, 61);
    assert_eq!(buy(&mut shop, 10_00, i64::MAX - 1).code, 61);
    shop.done(Deal::Activate { card: 2 });
    assert_eq!(
        shop.ask(0, &Deal::Buy { card: 2, amount: 10_00, points: Some(4), goods: Vec::new() }).code,
        57
    );
}

#[test]
fn the_rest_is_paid_whole_or_nothing_is() {
    let mut shop = after(60_00);
    shop.pay(148_00);
    let before = shop.has();
    assert_eq!((before.0, before.1), (0, 2_00));
    assert_eq!(buy(&mut shop, 5_00, 10).code, 51);
    assert_eq!(shop.has(), before);
    assert_eq!(buy(&mut shop, 3_66, 10), yes(3_66));
    assert_eq!(shop.has(), (0, 0, before.2 - 10), "2.00 earn nothing");
}

#[test]
fn a_refund_gives_the_balances_back_first_and_the_points_last() {
    let mut shop = after(60_00);
    let sale = {
        assert_eq!(buy(&mut shop, 10_00, 10), yes(10_00));
        shop.last()
    };
    assert_eq!(shop.has(), (131_66, 10_00, 34));
    shop.refund(sale, 8_34);
    assert_eq!(shop.has(), (140_00, 10_00, 30), "what the money part earned is gone with it");
    shop.refund(sale, 83);
    assert_eq!(shop.has(), (140_00, 10_00, 35), "83 of 166: 5 of 10 points");
    let last = shop.refund(sale, 83);
    assert_eq!(shop.has(), (140_00, 10_00, 40));
    assert_eq!((account(&shop, "points-payment"), account(&shop, "redemption:S1")), ((0, 0), (60_00, 0)));
    shop.void(last);
    assert_eq!((shop.has(), shop.present(sale)), ((140_00, 10_00, 35), 7));
}

#[test]
fn points_that_came_back_and_are_spent_stand_against_undoing_the_refund() {
    let mut shop = after(60_00);
    buy(&mut shop, 10_00, 40);
    let sale = shop.last();
    let refund = shop.refund(sale, 10_00);
    assert_eq!(shop.has(), (140_00, 10_00, 40));
    assert_eq!(buy(&mut shop, 10_00, 40), yes(10_00));
    let said = Said { code: 51, amount: None, state: Some(1) };
    assert_eq!(shop.ask(0, &Deal::Void { of: refund }), said);
    let again = shop.last() - 1;
    shop.void(again);
    shop.void(refund);
    assert_eq!((shop.present(sale), shop.debt()), (1, 0));
}

#[test]
fn points_that_come_back_pay_a_debt_first() {
    let mut shop = after(60_00);
    let earning = shop.last();
    buy(&mut shop, 10_00, 40);
    let sale = shop.last();
    shop.reverse(earning);
    // It earned 40, of which nothing is left but the 2 that the later sale has earned.
    assert_eq!((shop.has().2, shop.debt()), (0, 38));
    let refund = shop.refund(sale, 10_00);
    assert_eq!((shop.has().2, shop.debt()), (0, 0));
    assert_eq!(shop.ask(0, &Deal::Void { of: refund }), Said { code: 51, amount: None, state: Some(1) });
    shop.reverse(refund);
    assert_eq!((shop.has().2, shop.debt()), (0, 38));
}
