//! Attacks on the rules, one after the other.

use gateway::domain::act::{Act, Drawn, Place, decide_act};
use gateway::domain::request::CardClaim;
use gateway::domain::{CardStatus, Command};
use gateway::translate;

use super::shop::{A, B, C, authorize, claim, purchase, reference, shop, transfer};

const DAY: &str = "daily = { purchase_sum = \"100.00\", loads = 2 }";

#[test]
fn a_void_of_an_authorize_frees_no_more_of_the_day_than_it_frees_of_the_hold() {
    let mut shop = shop(DAY);
    shop.load(A, 1000_00);
    let held = shop.ask(authorize(A, 100_00), 0);
    let original = shop.named(held);
    shop.ask(
        Command::Capture { original: original.clone(), amount: 99_00, more_follow: true, lines: Vec::new() },
        0,
    );
    shop.ask(Command::Void { original }, 0);
    shop.ask(purchase(A, 100_00), 61);
}

#[test]
fn a_card_that_takes_anothers_place_has_the_day_that_the_other_had() {
    let mut shop = shop(DAY);
    shop.load(A, 1000_00);
    shop.ask(purchase(A, 100_00), 0);
    shop.replace(A, C);
    shop.ask(purchase(C, 100_00), 61);
}

#[test]
fn undoing_a_transaction_of_a_replaced_card_frees_nothing_that_its_successor_has_spent() {
    let mut shop = shop(DAY);
    shop.load(A, 500_00);
    shop.load(B, 500_00);
    let bought = shop.ask(purchase(A, 100_00), 0);
    shop.ask(purchase(B, 100_00), 0);
    shop.merge(A, B);
    shop.ask(Command::Void { original: shop.named(bought) }, 0);
    shop.ask(purchase(B, 100_00), 61);
}

#[test]
fn a_declined_request_on_a_replaced_card_does_not_tell_which_card_took_its_place() {
    let mut shop = shop("");
    shop.load(A, 100_00);
    shop.replace(A, C);
    let guessed = CardClaim { card: reference(A), proof: Some([9; 32]) };
    let declined = shop.ask(
        Command::Purchase {
            claim: guessed,
            amount: 1,
            partial_allowed: false,
            points: None,
            lines: Vec::new(),
        },
        14,
    );
    let answer = shop.attempt(Command::Void { original: shop.named(declined) }).expect("an answer");
    assert_ne!(answer.card, Some(reference(C)));
    let answer = shop
        .attempt(Command::Refund { original: shop.named(declined), amount: 1, lines: Vec::new() })
        .expect("an answer");
    assert_ne!(answer.card, Some(reference(C)));
    let answer = shop.attempt(Command::Reversal { original: shop.named(declined) }).expect("an answer");
    assert_ne!(answer.card, Some(reference(C)));
}

#[test]
fn transfers_open_no_more_lots_than_loads_do() {
    let mut shop = shop("");
    shop.load(A, 100_00);
    for _ in 0..200 {
        shop.ask(transfer(A, B, 1), 0);
    }
    let lots = shop.card(B).lots.len();
    assert!(lots <= 33, "{lots} lots");
}

#[test]
fn captures_and_their_voids_do_not_make_a_hold_grow() {
    let mut shop = shop("");
    shop.load(A, 1000_00);
    let held = shop.ask(authorize(A, 1000_00), 0);
    let original = shop.named(held);
    for amount in 1..=200 {
        let captured = shop.ask(
            Command::Capture { original: original.clone(), amount, more_follow: true, lines: Vec::new() },
            0,
        );
        shop.ask(Command::Void { original: shop.named(captured) }, 0);
    }
    let parts = shop.card(A).holds[0].parts.len();
    assert!(parts <= 64, "{parts} parts");
}

#[test]
fn a_transfer_does_not_tell_the_balance_of_a_card_to_whoever_has_none_to_give() {
    let mut shop = shop("");
    shop.load(A, 1_00);
    shop.load(B, 123_45);
    // Nothing is given, yet where the answer turns is B's balance.
    let codes: Vec<u8> = [2000_00 - 123_45, 2000_00 - 123_45 + 1]
        .into_iter()
        .map(|amount| {
            let said = shop.attempt(transfer(A, B, amount)).expect("an answer");
            translate::code(said.verdict).0
        })
        .collect();
    assert_eq!(codes[0], codes[1]);
}

#[test]
fn an_activation_that_is_undone_leaves_alone_a_card_that_was_sold_by_itself() {
    let mut shop = shop("");
    shop.merge(A, B);
    let said = shop.attempt(Command::Void { original: shop.named(0) }).expect("an answer");
    assert!(!said.is_approved() || shop.card(B).status == CardStatus::Active);
}

#[test]
fn a_merge_keeps_to_the_largest_balance() {
    let mut shop = shop("");
    shop.load(A, 2000_00);
    shop.load(B, 2000_00);
    let act = Act::CardMerge { card: reference(A), into: reference(B), reason: "two".into() };
    let place = Place { merchant: "M", store: "S", index: 99, about: None };
    assert!(decide_act(&shop.state, &shop.programme, &act, Drawn::default(), place, shop.now).is_err());
}

#[test]
fn a_transfer_can_be_undone_after_its_cards_became_one() {
    for into_giver in [false, true] {
        let mut shop = shop("");
        shop.load(A, 100_00);
        shop.load(B, 50_00);
        let given = shop.ask(transfer(A, B, 70_00), 0);
        if into_giver {
            shop.merge(B, A)
        } else {
            shop.merge(A, B)
        }
        shop.ask(Command::Reversal { original: shop.named(given) }, 0);
        assert_eq!(shop.money(), 150_00);
        let one = if into_giver { A } else { B };
        shop.ask(purchase(one, 150_00), 0);
        assert_eq!(shop.money(), 0);
    }
}

#[test]
fn a_load_that_was_given_away_is_not_paid_out_and_comes_back_once() {
    let mut shop = shop("");
    let loaded = shop.load(A, 100_00);
    let given = shop.ask(transfer(A, B, 100_00), 0);
    shop.ask(Command::Refund { original: shop.named(loaded), amount: 1, lines: Vec::new() }, 51);
    shop.ask(Command::Reversal { original: shop.named(loaded) }, 51);
    shop.replace(B, C);
    shop.ask(Command::Refund { original: shop.named(loaded), amount: 1, lines: Vec::new() }, 51);
    shop.merge(C, A);
    shop.ask(Command::Refund { original: shop.named(loaded), amount: 1, lines: Vec::new() }, 51);
    shop.ask(Command::Void { original: shop.named(given) }, 0);
    shop.ask(Command::Refund { original: shop.named(loaded), amount: 100_00, lines: Vec::new() }, 0);
    assert_eq!(shop.money(), 0);
}

#[test]
fn holds_go_through_a_chain_of_cards_and_are_captured_voided_and_refunded_at_its_end() {
    let mut shop = shop("");
    shop.load(A, 100_00);
    let held = shop.ask(authorize(A, 60_00), 0);
    let original = shop.named(held);
    let captured = shop.ask(
        Command::Capture { original: original.clone(), amount: 20_00, more_follow: true, lines: Vec::new() },
        0,
    );
    shop.load(B, 30_00);
    let own = shop.ask(authorize(B, 30_00), 0);
    shop.merge(A, B);
    shop.replace(B, C);
    shop.ask(Command::Capture { original, amount: 40_00, more_follow: false, lines: Vec::new() }, 0);
    shop.ask(Command::Void { original: shop.named(captured) }, 0);
    assert_eq!(shop.card(C).holds.len(), 2);
    shop.ask(
        Command::Capture { original: shop.named(held), amount: 20_01, more_follow: false, lines: Vec::new() },
        61,
    );
    shop.ask(
        Command::Capture { original: shop.named(held), amount: 20_00, more_follow: false, lines: Vec::new() },
        0,
    );
    shop.ask(
        Command::Capture { original: shop.named(own), amount: 30_00, more_follow: false, lines: Vec::new() },
        0,
    );
    assert_eq!(shop.money(), 40_00);
    shop.ask(purchase(C, 40_00), 0);
}

#[test]
fn a_void_of_a_raised_hold_frees_all_of_the_day_that_the_hold_took() {
    let mut shop = shop(DAY);
    shop.load(A, 1000_00);
    let held = shop.ask(authorize(A, 10_00), 0);
    let original = shop.named(held);
    let raises = Some(original.clone());
    shop.ask(Command::Authorize { claim: claim(A), amount: 90_00, partial_allowed: false, raises }, 0);
    shop.ask(Command::Void { original }, 0);
    shop.ask(purchase(A, 100_00), 0);
}

#[test]
fn a_capture_that_is_undone_while_the_time_is_uncertain_is_held_again() {
    let mut shop = shop("hold_hours = 30");
    shop.load(A, 100_00);
    let held = shop.ask(authorize(A, 60_00), 0);
    let captured = shop.ask(
        Command::Capture { original: shop.named(held), amount: 60_00, more_follow: false, lines: Vec::new() },
        0,
    );
    (shop.now.ms, shop.now.certain) = (shop.now.ms + 31 * 3_600_000, false);
    shop.ask(Command::Void { original: shop.named(captured) }, 0);
    assert_eq!(shop.card(A).holds.len(), 1);
}
