//! Cards that end by time, registered holders, late returns, and whose card it is once a sale of it was undone.

use gateway::domain::act::Act;
use gateway::domain::card::OwnLimits;
use gateway::domain::exception::ExceptionKind;
use gateway::domain::refusal::Refusal;
use gateway::domain::{CardStatus, Cashier, Command, Effect, Pin};

use super::shop::{A, At, B, C, D, R1, Shop, authorize, claim, purchase, reference, shop, transfer};

const DAY: i64 = 86_400;
/// 04:00 on 22 October in Shanghai: a card of one month that was activated on 21 September is over.
const MONTH_ON: i64 = 1_792_612_800;
const HOLDER: Option<[u8; 32]> = Some([3; 32]);

fn load(card: usize, amount: i64) -> Command {
    Command::Load { claim: claim(card), amount, tenders: vec![(1, amount)] }
}

fn balances_of(shop: &Shop, card: usize) -> i64 {
    shop.card(card).worth(shop.now.s())
}

#[test]
fn a_card_is_over_from_the_second_on_and_what_was_done_with_it_is_undone_all_the_same() {
    let mut shop = shop("card_months = 1");
    let filled = shop.load(A, 500_00);
    shop.load(B, 500_00);
    let bought = shop.ask(purchase(A, 10_00), 0);
    let held = shop.ask(authorize(A, 20_00), 0);
    shop.clock(MONTH_ON - 1);
    shop.ask(purchase(A, 1_00), 0);
    shop.clock(MONTH_ON);
    let over = [purchase(A, 1_00), authorize(A, 1_00), load(A, 1_00), transfer(A, B, 1_00)];
    for command in over {
        shop.ask(command, 54);
    }
    shop.clock(MONTH_ON - 1);
    let held_again = shop.ask(authorize(A, 20_00), 0);
    shop.clock(MONTH_ON);
    shop.refund(bought, 4_00, 0);
    shop.refund(filled, 10_00, 0);
    let capture = Command::Capture {
        original: shop.named(held_again),
        amount: 20_00,
        more_follow: false,
        lines: Vec::new(),
    };
    let captured = shop.ask(capture, 0);
    shop.void(captured, 0);
    // A week is over, and its hold with it.
    shop.ask(Command::Void { original: shop.named(held) }, 12);
    shop.ask(Command::Activate { claim: claim(A) }, 12);
    // Time that nobody is sure of ends nothing that is booked, but a card is not accepted either.
    shop.now.certain = false;
    shop.ask(purchase(A, 1_00), 54);
}

#[test]
fn a_card_is_extended_from_its_end_or_from_today_whichever_is_later() {
    let extend = |shop: &mut Shop, months| shop.try_act(&Act::CardExtend { card: reference(A), months });
    let mut shop = shop("card_months = 1");
    shop.load(A, 100_00);
    for months in [0, 121] {
        assert_eq!(extend(&mut shop, months), Err(Refusal::Months));
    }
    extend(&mut shop, 1).expect("extended");
    shop.clock(MONTH_ON);
    shop.ask(purchase(A, 1_00), 0);
    // 22 November, 04:00.
    let end = MONTH_ON + 31 * DAY;
    shop.clock(end - 1);
    shop.ask(purchase(A, 1_00), 0);
    shop.clock(end);
    shop.ask(purchase(A, 1_00), 54);
    // Long after, it counts from that day on: 25 December to 25 January, at the end of the day.
    shop.clock(end + 33 * DAY);
    extend(&mut shop, 1).expect("extended");
    shop.ask(purchase(A, 1_00), 0);
    shop.clock(end + 65 * DAY - 1);
    shop.ask(purchase(A, 1_00), 0);
    shop.clock(end + 65 * DAY);
    shop.ask(purchase(A, 1_00), 54);
    // A card that takes its place is over too.
    shop.replace(A, C);
    shop.ask(purchase(C, 1_00), 54);
    assert!(extend(&mut shop, 1).is_err(), "it was replaced");
}

#[test]
fn a_card_without_an_end_is_not_extended() {
    let mut shop = shop("");
    let refused = shop.try_act(&Act::CardExtend { card: reference(A), months: 12 });
    assert!(matches!(refused, Err(Refusal::CardState { .. })), "{refused:?}");
    let refused = shop.try_act(&Act::CardExtend { card: reference(77), months: 12 });
    assert_eq!(refused, Err(Refusal::NoSuchCard));
}

#[test]
fn nobodys_card_holds_no_more_than_the_programme_says_by_whatever_way_it_comes() {
    let registered = At { holder: HOLDER, ..R1 };
    let mut shop = shop("real_name_above = \"500.00\"");
    shop.ask(load(A, 500_01), 57);
    shop.load(A, 499_99);
    shop.ask(load(A, 1_00), 57);
    shop.ask(purchase(A, 1_00), 0);
    shop.ask(load(A, 1_01), 0);
    assert_eq!(balances_of(&shop, A), 500_00);
    shop.load(B, 300_00);
    shop.ask(transfer(A, B, 200_01), 57);
    shop.ask(transfer(A, B, 200_00), 0);
    shop.ask(transfer(A, B, 1), 57);
    let merge = Act::CardMerge { card: reference(A), into: reference(B), reason: "two".into() };
    assert_eq!(shop.try_act(&merge), Err(Refusal::NotRegistered));
    let refund = |amount| Act::CardRefund { card: reference(B), amount, reason: "none".into() };
    assert_eq!(shop.try_act(&refund(1)), Err(Refusal::NotRegistered));
    // A load that registers is let through, and what comes after it.
    shop.at = registered;
    shop.ask(load(B, 1_00), 0);
    shop.at = R1;
    assert_eq!(shop.card(B).holder, HOLDER);
    shop.ask(load(B, 100_00), 0);
    shop.ask(transfer(A, B, 1_00), 0);
    shop.try_act(&refund(1)).expect("put on it");
    shop.try_act(&merge).expect("one card");
    // What is declined registers nobody.
    shop.at = registered;
    shop.ask(Command::Activate { claim: claim(C) }, 0);
    assert_eq!(shop.card(C).holder, HOLDER);
    let mut declined = super::shop::shop("real_name_above = \"500.00\"");
    declined.at = registered;
    declined.ask(load(A, 2000_01), 61);
    assert_eq!(declined.card(A).holder, None);
    declined.at = R1;
    declined.ask(load(A, 500_01), 57);
}

#[test]
fn a_refund_brings_back_what_it_took_to_nobodys_card_too() {
    let mut shop = shop("real_name_above = \"500.00\"");
    shop.load(A, 500_00);
    let bought = shop.ask(purchase(A, 100_00), 0);
    shop.load(A, 100_00);
    let back = shop.refund(bought, 40_00, 0);
    assert_eq!(balances_of(&shop, A), 540_00);
    // For somebody to look into, each time; and no load comes through.
    let listed = |shop: &Shop, entry: usize| {
        let held = shop.state.exceptions.get(&shop.entries[entry].index);
        held.map(|held| (held.kind, held.amount, held.open))
    };
    assert_eq!(listed(&shop, back), Some((ExceptionKind::AboveLargestBalance, 40_00, true)));
    let rest = shop.refund(bought, 60_00, 0);
    assert_eq!(listed(&shop, rest), Some((ExceptionKind::AboveLargestBalance, 100_00, true)));
    shop.ask(load(A, 1_00), 57);
    shop.void(rest, 0);
    assert_eq!(listed(&shop, rest), Some((ExceptionKind::AboveLargestBalance, 100_00, false)));
    // To the cent that it may have it is nobody's business.
    let mut shop = self::shop("");
    shop.load(B, 2000_00);
    let bought = shop.ask(purchase(B, 10_00), 0);
    shop.load(B, 9_99);
    shop.ask(purchase(B, 9_99), 0);
    let back = shop.refund(bought, 10_00, 0);
    assert_eq!((balances_of(&shop, B), listed(&shop, back)), (2000_00, None));
    let bought = shop.ask(purchase(B, 10_00), 0);
    shop.load(B, 1_00);
    let back = shop.refund(bought, 9_00, 0);
    let above = shop.refund(bought, 1_00, 0);
    assert_eq!(listed(&shop, back), None);
    assert_eq!(listed(&shop, above), Some((ExceptionKind::AboveLargestBalance, 1_00, true)));
}

#[test]
fn a_card_whose_sale_was_undone_keeps_nothing_of_its_holder() {
    for void in [true, false] {
        let mut shop = shop("card_months = 1\nreal_name_above = \"500.00\"\npin = { from = \"1.00\" }");
        shop.at = At { holder: HOLDER, ..R1 };
        let sold = shop.ask(Command::Activate { claim: claim(C) }, 0);
        shop.at = R1;
        let pin = Pin { secret: Some(([1; 16], [2; 32])), tries: 3 };
        shop.apply(&[Effect::Pin { card: reference(C), pin }]).expect("a PIN");
        let original = shop.named(sold);
        shop.ask(if void { Command::Void { original } } else { Command::Reversal { original } }, 0);
        let unsold = shop.card(C).clone();
        assert_eq!((unsold.status, unsold.holder, unsold.expires), (CardStatus::Issued, None, None));
        assert_eq!(unsold.pin, Pin::default());
        shop.clock(shop.now.s() + 40 * DAY);
        shop.ask(Command::Activate { claim: claim(C) }, 0);
        shop.ask(load(C, 500_01), 57);
        shop.ask(load(C, 500_00), 0);
    }
}

#[test]
fn a_card_that_was_bound_is_not_taken_back_and_is_in_use_again_once_unblocked() {
    let account = "[product.a]\nname = \"Account\"\nmin_load = \"1.00\"\nmax_load = \"2000.00\"\nmax_balance = \"2000.00\"\n\
                   account = true\n";
    let mut shop = shop(account);
    shop.state.cards.get_mut(&reference(B)).expect("a card").product = "a".into();
    shop.load(B, 100_00);
    let sold = shop.ask(Command::Activate { claim: claim(C) }, 0);
    shop.act(&Act::CardBind { card: reference(C), account: reference(B), limits: OwnLimits::default() });
    shop.void(sold, 12);
    shop.act(&Act::CardBlock { card: reference(C), reason: "lost".into() });
    shop.ask(purchase(C, 1_00), 62);
    shop.act(&Act::CardUnblock { card: reference(C) });
    shop.ask(purchase(C, 1_00), 0);
    shop.act(&Act::CardUnbind { card: reference(C) });
    shop.void(sold, 0);
}

#[test]
fn an_account_that_is_over_pays_nothing_and_one_that_is_extended_pays_again() {
    let account = "[product.a]\nname = \"Account\"\nmin_load = \"1.00\"\nmax_load = \"2000.00\"\nmax_balance = \"2000.00\"\n\
                   account = true\ncard_months = 1\n";
    let mut shop = shop(account);
    for card in [C, D] {
        shop.state.cards.get_mut(&reference(card)).expect("a card").product = "a".into();
        shop.ask(Command::Activate { claim: claim(card) }, 0);
    }
    shop.load(C, 100_00);
    shop.act(&Act::CardBind { card: reference(A), account: reference(C), limits: OwnLimits::default() });
    let held = shop.ask(authorize(A, 20_00), 0);
    shop.clock(MONTH_ON - 1);
    shop.ask(purchase(A, 10_00), 0);
    shop.clock(MONTH_ON);
    shop.ask(purchase(A, 10_00), 62);
    shop.ask(authorize(A, 10_00), 62);
    shop.ask(
        Command::Capture { original: shop.named(held), amount: 1, more_follow: false, lines: Vec::new() },
        12,
    );
    shop.act(&Act::CardExtend { card: reference(C), months: 1 });
    shop.ask(purchase(A, 90_00), 0);
    assert_eq!(shop.money(), 0);
    // Two accounts that become one are their cards'.
    shop.act(&Act::CardExtend { card: reference(D), months: 1 });
    shop.load(D, 50_00);
    shop.merge(C, D);
    shop.ask(purchase(A, 50_00), 0);
    shop.ask(purchase(A, 1), 51);
}

#[test]
fn a_card_with_an_end_gets_no_other_one_by_being_blocked_and_unblocked() {
    let mut shop = shop("card_months = 1");
    shop.act(&Act::CardBlock { card: reference(A), reason: "lost".into() });
    shop.act(&Act::CardUnblock { card: reference(A) });
    shop.clock(MONTH_ON);
    shop.ask(purchase(A, 1_00), 54);
    shop.ask(Command::Activate { claim: claim(A) }, 12);
}

#[test]
fn a_return_on_its_last_day_is_anybodys_and_a_day_later_a_supervisors() {
    let right = [4; 32];
    let by = |hash| At { supervisor: Some(("LIN", hash)), ..R1 };
    let till = "return_days = 7\n[till.supervisor]\nlate_returns = true";
    // The sale is of 21 September; the 28th ends at 04:00 on the 29th.
    let seventh = 1_790_625_599;
    for (late_returns, programme) in [(true, till), (false, "return_days = 7")] {
        let mut shop = shop(programme);
        let pin = Pin { secret: Some(([1; 16], right)), tries: 1 };
        let held = Cashier { active: true, merchant: "M".into(), store: None, supervisor: true, pin };
        shop.apply(&[Effect::Cashier { cashier: "LIN".into(), held }]).expect("a supervisor");
        shop.load(A, 500_00);
        let bought = shop.ask(purchase(A, 100_00), 0);
        shop.clock(seventh);
        shop.refund(bought, 1_00, 0);
        shop.clock(seventh + 1);
        shop.refund(bought, 1_00, if late_returns { 76 } else { 12 });
        shop.at = by([9; 32]);
        shop.refund(bought, 1_00, if late_returns { 55 } else { 12 });
        shop.at = by(right);
        shop.refund(bought, 99_01, if late_returns { 61 } else { 12 });
        shop.refund(bought, 99_00, if late_returns { 0 } else { 12 });
        let tries = shop.state.cashiers["LIN"].pin.tries;
        assert_eq!(tries, 0, "a right PIN forgives, whatever the answer");
    }
}
