//! What broke at others: each a day in the shop. The card has 100.00 and a bonus of 5.00 unless something else is said;
//! principal pays first, and each full 3.00 paid earns 2 points.

use gateway::domain::{Command, Named};

use super::paper::Deal;
use super::shop::Shop;
use super::world::{MOST, OTHER_MERCHANT, Said};

const LOAD: usize = 1;

fn too_much() -> Said {
    Said { code: 61, amount: None, state: None }
}

fn declined(code: u8, state: u8) -> Said {
    Said { code, amount: None, state: Some(state) }
}

#[test]
fn points_go_with_the_refund_of_the_sale_that_earned_them() {
    let mut shop = Shop::new();
    let sale = shop.pay(10_00);
    assert_eq!(shop.has(), (90_00, 5_00, 6));
    shop.refund(sale, 1);
    assert_eq!(shop.has(), (90_01, 5_00, 5), "rounded against the customer");
    shop.refund(sale, 9_98);
    assert_eq!(shop.has(), (99_99, 5_00, 0));
    shop.refund(sale, 1);
    assert_eq!((shop.has(), shop.debt()), ((100_00, 5_00, 0), 0));
}

#[test]
fn buying_and_refunding_over_and_over_mints_no_points_and_no_money() {
    for parts in [&[10_00][..], &[3_33, 3_33, 3_34], &[1, 9_99], &[9_99, 1]] {
        let mut shop = Shop::new();
        for round in 0..50 {
            let sale = shop.pay(10_00);
            for part in parts {
                shop.refund(sale, *part);
            }
            assert_eq!((shop.has(), shop.debt()), ((100_00, 5_00, 0), 0), "round {round} of {parts:?}");
        }
    }
}

#[test]
fn a_sale_is_refunded_once_at_whatever_till_and_in_whatever_parts() {
    let mut shop = Shop::new();
    let sale = shop.pay(10_00);
    let refund = |shop: &mut Shop, till, amount| shop.ask(till, &Deal::Refund { of: sale, amount });
    assert_eq!(refund(&mut shop, 0, 10_01), too_much());
    assert_eq!(refund(&mut shop, OTHER_MERCHANT, 1), Said { code: 25, amount: None, state: None });
    assert_eq!(refund(&mut shop, 1, 6_00), Said { code: 0, amount: Some(6_00), state: Some(7) });
    assert_eq!(refund(&mut shop, 0, 4_01), too_much());
    assert_eq!(refund(&mut shop, 0, 4_00), Said { code: 0, amount: Some(4_00), state: Some(4) });
    for till in [0, 1] {
        assert_eq!(refund(&mut shop, till, 1), declined(12, 4));
    }
    assert_eq!(shop.ask(0, &Deal::Void { of: sale }), declined(12, 4));
    assert_eq!(shop.ask(0, &Deal::Reverse { of: sale }), declined(12, 4));
    assert_eq!(shop.has(), (100_00, 5_00, 0));
}

#[test]
fn a_refund_that_was_reversed_may_be_given_again_and_no_more_than_once() {
    let mut shop = Shop::new();
    let sale = shop.pay(10_00);
    let refund = shop.refund(sale, 10_00);
    shop.reverse(refund);
    assert_eq!((shop.has(), shop.present(sale)), ((90_00, 5_00, 6), 1));
    let again = shop.refund(sale, 10_00);
    assert_eq!(shop.ask(0, &Deal::Reverse { of: refund }), Said { code: 0, amount: Some(0), state: Some(2) });
    assert_eq!(shop.has(), (100_00, 5_00, 0));
    shop.void(again);
    assert_eq!(shop.has(), (90_00, 5_00, 6));
}

#[test]
fn two_loads_and_two_refunds_that_look_alike_are_two_and_what_they_name_is_one() {
    let mut shop = Shop::new();
    shop.load(100_00);
    assert_eq!(shop.has(), (200_00, 10_00, 0), "two requests are two loads");
    let sale = shop.pay(10_00);
    shop.refund(sale, 6_00);
    assert_eq!(shop.ask(0, &Deal::Refund { of: sale, amount: 6_00 }), too_much());
}

#[test]
fn a_transfer_between_balances_in_flight_keeps_the_sum() {
    // Value moves from the balance into a hold, out of it, and back: at no step is it twice there, or nowhere.
    let mut shop = Shop::new();
    let held = |shop: &Shop| shop.world.card(0).holds.iter().map(gateway::domain::Hold::held).sum::<i64>();
    let hold = shop.hold(40_00);
    assert_eq!((shop.has(), held(&shop)), ((60_00, 5_00, 0), 40_00));
    let capture = shop.capture(hold, 10_00, true);
    assert_eq!((shop.has(), held(&shop)), ((60_00, 5_00, 6), 30_00));
    shop.void(capture);
    assert_eq!((shop.has(), held(&shop)), ((60_00, 5_00, 0), 40_00));
    shop.void(hold);
    assert_eq!((shop.has(), held(&shop)), ((100_00, 5_00, 0), 0));
}

#[test]
fn who_loads_100_and_gets_105_cannot_take_105_out() {
    let mut shop = Shop::new();
    assert_eq!(shop.ask(0, &Deal::Refund { of: LOAD, amount: 105_00 }), too_much());
    let said = shop.ask(0, &Deal::Refund { of: LOAD, amount: 100_00 });
    assert_eq!((said, shop.has()), (Said { code: 0, amount: Some(100_00), state: Some(4) }, (0, 0, 0)));
    let spend = shop.ask(0, &Deal::Purchase { card: 0, amount: 1, partial: true });
    assert_eq!(spend.code, 51, "the bonus went with the load");
}

#[test]
fn a_load_that_is_taken_out_in_parts_leaves_no_bonus_behind() {
    let mut shop = Shop::new();
    for left in [99_99, 66_66, 33_33, 1, 0] {
        let amount = shop.has().0 - left;
        shop.refund(LOAD, amount);
        let (principal, bonus, _) = shop.has();
        assert_eq!(principal, left);
        assert_eq!(bonus, 5_00 * left / 100_00, "what is left of it, rounded down");
    }
}

/// Card 1 pays with the bonus first.
fn bonus_first() -> (Shop, usize) {
    let mut shop = Shop::new();
    shop.done(Deal::Activate { card: 1 });
    let load = shop.done(Deal::Load { card: 1, amount: 100_00 });
    (shop, load)
}

#[test]
fn a_bonus_that_is_spent_is_withheld_from_the_money_of_the_load() {
    let (mut shop, load) = bonus_first();
    let sale = shop.done(Deal::Purchase { card: 1, amount: 5_00, partial: false });
    let first = shop.ask(0, &Deal::Refund { of: load, amount: 50_00 });
    assert_eq!(first, Said { code: 0, amount: Some(47_50), state: Some(7) });
    // The goods come back: so does the bonus that paid them, but not what was withheld.
    shop.refund(sale, 5_00);
    let second = shop.ask(0, &Deal::Refund { of: load, amount: 50_00 });
    assert_eq!(second, Said { code: 0, amount: Some(50_00), state: Some(4) });
    let left = shop.ask(0, &Deal::Purchase { card: 1, amount: 100_00, partial: true });
    assert_eq!((left.code, left.amount), (10, Some(2_50)), "97.50 in money and 2.50 in goods, for 100.00");
}

#[test]
fn a_load_is_not_voided_once_its_bonus_is_spent() {
    let (mut shop, load) = bonus_first();
    shop.done(Deal::Purchase { card: 1, amount: 1, partial: false });
    assert_eq!(shop.ask(0, &Deal::Void { of: load }), declined(51, 1));
    assert_eq!(shop.ask(0, &Deal::Reverse { of: load }), declined(51, 1));
}

#[test]
fn points_that_have_expired_before_the_refund_are_owed_and_the_next_ones_pay_for_them() {
    let mut shop = Shop::of(2);
    let sale = shop.pay(30_00);
    assert_eq!(shop.has().2, 20);
    shop.days_pass(100);
    shop.refund(sale, 30_00);
    assert_eq!((shop.has().2, shop.debt()), (0, 20), "never silently forgiven");
    let next = shop.pay(45_00);
    assert_eq!((shop.has().2, shop.debt()), (10, 0), "30 were earned");
    shop.reverse(next);
    assert_eq!((shop.has().2, shop.debt()), (0, 20));
}

#[test]
fn undoing_a_refund_whose_debt_was_repaid_gives_the_points_back() {
    let mut shop = Shop::of(2);
    shop.days_pass(40);
    let sale = shop.pay(30_00);
    shop.days_pass(100);
    let refund = shop.refund(sale, 30_00);
    shop.pay(24_00);
    assert_eq!((shop.has().2, shop.debt()), (0, 4), "16 of 20 are repaid");
    shop.void(refund);
    assert_eq!((shop.has().2, shop.debt()), (16, 0));
}

#[test]
fn captures_that_race_never_take_more_than_was_held() {
    let mut shop = Shop::new();
    let hold = shop.hold(30_00);
    let capture =
        |shop: &mut Shop, till, amount, more| shop.ask(till, &Deal::Capture { of: hold, amount, more });
    assert_eq!(capture(&mut shop, 0, 30_01, true), too_much());
    assert_eq!(capture(&mut shop, 1, 1, true).code, 25, "another store");
    assert_eq!(capture(&mut shop, 0, 20_00, true).code, 0);
    assert_eq!(capture(&mut shop, 0, 20_00, true), too_much(), "the other till was faster");
    assert_eq!(capture(&mut shop, 0, 10_00, true).code, 0);
    assert_eq!(capture(&mut shop, 0, 1, true), declined(12, 8));
    assert_eq!(shop.has(), (70_00, 5_00, 12 + 6));
}

#[test]
fn what_is_held_is_not_spent_by_a_sale_refunded_with_its_load_or_held_twice() {
    let mut shop = Shop::new();
    shop.hold(100_00);
    assert_eq!(shop.ask(0, &Deal::Purchase { card: 0, amount: 5_01, partial: false }).code, 51);
    assert_eq!(
        shop.ask(0, &Deal::Authorize { card: 0, amount: 5_01, partial: false, raises: None }).code,
        51
    );
    assert_eq!(shop.ask(0, &Deal::Refund { of: LOAD, amount: 1 }), declined(51, 1));
    assert_eq!(shop.ask(0, &Deal::Void { of: LOAD }), declined(51, 1));
    assert_eq!(shop.has(), (0, 5_00, 0));
}

#[test]
fn captures_that_are_undone_in_any_order_leave_the_hold_as_it_was_and_no_more() {
    for first_again in [false, true] {
        let mut shop = Shop::new();
        let hold = shop.hold(30_00);
        let one = shop.capture(hold, 10_00, true);
        let two = shop.capture(hold, 15_00, false);
        assert_eq!((shop.present(hold), shop.has().0), (8, 75_00));
        let (undone, stands, stays) = if first_again { (two, one, 10_00) } else { (one, two, 15_00) };
        shop.reverse(undone);
        let held = shop.world.card(0).holds[0].clone();
        assert_eq!((held.held(), held.captured, shop.present(hold)), (25_00 - stays, stays, 1));
        assert_eq!(shop.ask(0, &Deal::Reverse { of: hold }), declined(12, 1), "something was captured");
        shop.reverse(stands);
        let held = shop.world.card(0).holds[0].clone();
        assert_eq!((held.held(), held.captured), (25_00, 0), "the 5.00 were free since the last capture");
        shop.reverse(hold);
        assert_eq!(shop.has(), (100_00, 5_00, 0));
    }
}

#[test]
fn a_hold_whose_time_is_over_cannot_be_voided_as_if_it_still_held() {
    let mut shop = Shop::new();
    let hold = shop.hold(30_00);
    shop.days_pass(3);
    for deal in [
        Deal::Void { of: hold },
        Deal::Reverse { of: hold },
        Deal::Capture { of: hold, amount: 1, more: true },
    ] {
        assert_eq!(shop.ask(0, &deal), declined(12, 9), "{deal:?}");
    }
    shop.pay(100_00);
}

#[test]
fn a_hold_does_not_make_room_for_more_than_the_largest_balance() {
    let mut shop = Shop::new();
    let load = |shop: &mut Shop, amount| shop.ask(0, &Deal::Load { card: 0, amount }).code;
    assert_eq!(load(&mut shop, MOST - 125_00), 0, "with its bonus the card is full");
    shop.hold(1_000_00);
    assert_eq!(load(&mut shop, 99_00), 61);
}

#[test]
fn an_authorize_that_names_a_blocked_one_is_answered_without_the_state_of_an_original() {
    let mut shop = Shop::new();
    let blocked = shop.world.sign(0, 0x1A);
    shop.reverse(blocked);
    let raise = Deal::Authorize { card: 0, amount: 1_00, partial: false, raises: Some(blocked) };
    assert_eq!(shop.ask(0, &raise), Said { code: 12, amount: None, state: None });
}

#[test]
fn an_authorize_raises_nothing_but_a_hold_of_its_own_card_and_store() {
    let mut shop = Shop::new();
    shop.done(Deal::Activate { card: 1 });
    shop.done(Deal::Load { card: 1, amount: 100_00 });
    let (hold, sale) = (shop.hold(10_00), shop.pay(1_00));
    let raise = |card, of| Deal::Authorize { card, amount: 1_00, partial: false, raises: Some(of) };
    assert_eq!(shop.ask(0, &raise(1, hold)).code, 25, "another card's");
    assert_eq!(shop.ask(0, &raise(0, sale)).code, 25, "not an authorize");
    assert_eq!(shop.ask(1, &raise(0, hold)).code, 25, "another store's");
    let raised = shop.raise(hold, 1_00);
    assert_eq!(shop.ask(0, &raise(0, raised)).code, 12, "one that raised another");
    let mut command = super::steps::command(&shop.world, &raise(0, hold));
    if let Command::Authorize { raises: Some(named), .. } = &mut command {
        *named = Named { request_id: [99; 32], ..named.clone() };
    }
    assert_eq!(shop.say(0, command).code, 25, "another request id");
}
