//! What two operators do: each right answer after it is taken, and a wrong one is seen.

use super::people::is_right;
use super::*;
use crate::desk::{ByTwo, CardShown, Errand, Outcome, Signed};

const WRONG_PIN: u8 = 55;
const PIN_NEEDED: u8 = 70;
const LOCKED: u8 = 75;

fn errand(act: ByTwo) -> Errand {
    Errand::ByTwo { card: card().number(), act, signed: Signed::Both }
}

/// An errand that came to this.
fn came_to(oracle: &mut Oracle, number: u32, act: ByTwo, outcome: &Outcome) {
    oracle.send(number, &errand(act));
    oracle.is_back(number, outcome);
}

fn done(index: u64) -> Outcome {
    Outcome::Done { index, expires: None, date: None }
}

fn refused(reason: &str) -> Outcome {
    Outcome::Refused { reason: reason.into() }
}

fn declined(stan: u32, kind: MessageType, code: u8) -> Fact {
    fact(stan, kind, code, 0, wallet(0, 0, 0), wallet(0, 0, 0))
}

fn sold(stan: u32, amount: i64, points: i64, left: Wallet) -> Fact {
    fact(stan, MessageType::PURCHASE, 0, amount, wallet(-amount, 0, points), left)
}

fn shown(points_debt: i64, pin: &str, wrong_pins: u8) -> CardShown {
    CardShown { status: "active".into(), points_debt, pin: pin.into(), wrong_pins }
}

/// What operators are shown of the card is this, and nothing else.
fn is_shown(oracle: &Oracle, right: &CardShown, wrong: &CardShown) {
    let look = |shown: &CardShown| {
        let mut oracle = oracle.clone();
        let watch = oracle.watch(card()).unwrap();
        (oracle.shown(watch, shown), oracle.mismatches().len())
    };
    assert_eq!(look(right), (Some(true), 0));
    assert_eq!(look(wrong), (Some(false), 1));
}

#[test]
fn a_refund_without_a_sale_opens_a_lot_of_principal_that_is_no_load() {
    let mut oracle = loaded();
    came_to(&mut oracle, 1, ByTwo::Refund { amount: 50_00 }, &done(103));
    assert_eq!(oracle.card(card()), Some((true, wallet(350_00, 20_00, 0))));
    let sale = sold(4, 340_00, 340, wallet(10_00, 20_00, 340));
    let twice = sold(4, 340_00, 340, wallet(60_00, 20_00, 340));
    is_right(&oracle, &intent(4, MessageType::PURCHASE, 340_00), &sale, &twice);
    // The load is refunded out of its own lot only.
    trade(&mut oracle, intent(4, MessageType::PURCHASE, 340_00), sale);
    let back = Intent { original: Some(key("T1", 2)), ..intent(5, MessageType::REFUND, 10_00) };
    let spent = Fact { state: Some(TransactionState::LIVE.0), ..declined(5, MessageType::REFUND, 51) };
    let paid = fact(5, MessageType::REFUND, 0, 10_00, wallet(-10_00, -67, 0), wallet(0, 19_33, 340));
    is_right(&oracle, &back, &spent, &Fact { state: Some(TransactionState::REFUNDED_IN_PART.0), ..paid });
    assert_eq!(oracle.mismatches(), []);
}

#[test]
fn a_refusal_must_be_one_and_for_its_reason() {
    let most = 5_000_00 - 320_00;
    for (amount, reason) in [
        (most + 1, "the balance would exceed the product's maximum"),
        (0, "an amount must be above zero and in range"),
    ] {
        let act = ByTwo::Refund { amount };
        for (outcome, found) in
            [(refused(reason), 0), (refused("no"), 1), (Outcome::Proposed, 1), (done(103), 1)]
        {
            let mut oracle = loaded();
            came_to(&mut oracle, 1, act, &outcome);
            assert_eq!(oracle.mismatches().len(), found, "{act:?} {outcome:?}");
        }
    }
    let mut oracle = loaded();
    came_to(&mut oracle, 1, ByTwo::Refund { amount: most }, &refused("the balance would exceed"));
    assert_eq!(oracle.mismatches().len(), 1, "that much fits");
    for act in [ByTwo::UnlockPin, ByTwo::ResetPin] {
        let mut oracle = loaded();
        came_to(&mut oracle, 1, act, &refused("the card has no PIN"));
        assert_eq!(oracle.mismatches(), []);
    }
}

#[test]
fn one_operator_alone_changes_nothing() {
    let act = ByTwo::Refund { amount: 50_00 };
    let mut oracle = loaded();
    came_to(&mut oracle, 1, act, &Outcome::Proposed);
    assert_eq!((oracle.card(card()), oracle.mismatches()), (Some((true, wallet(300_00, 20_00, 0))), &[][..]));
    came_to(&mut oracle, 2, act, &Outcome::DoneByOne { index: 103 });
    assert_eq!(oracle.mismatches().len(), 1);
}

#[test]
fn points_that_are_taken_and_not_there_are_owed_on_the_next_card_too() {
    let mut oracle = loaded();
    trade(
        &mut oracle,
        intent(3, MessageType::PURCHASE, 20_00),
        sold(3, 20_00, 20, wallet(280_00, 20_00, 20)),
    );
    came_to(&mut oracle, 1, ByTwo::Adjust { points: 15 }, &done(104));
    assert_eq!(oracle.card(card()).map(|(_, wallet)| wallet.points), Some(35));
    came_to(&mut oracle, 2, ByTwo::Adjust { points: -45 }, &done(105));
    assert_eq!(oracle.card(card()).map(|(_, wallet)| wallet.points), Some(0));
    is_shown(&oracle, &shown(10, "none", 0), &shown(0, "none", 0));
    let spare = CardReference::from_parts(78).unwrap();
    oracle.issue(spare);
    oracle.send(3, &Errand::Replace { card: card().number(), by: spare.number() });
    oracle.is_back(3, &done(106));
    assert_eq!(oracle.condition(spare).points_debt, 10);
    let sale = Intent { card: Some(spare.number()), ..intent(7, MessageType::PURCHASE, 25_00) };
    let owing = sold(7, 25_00, 15, wallet(255_00, 20_00, 15));
    is_right(&oracle, &sale, &owing, &sold(7, 25_00, 25, wallet(255_00, 20_00, 25)));
    assert_eq!(oracle.mismatches(), []);
}

/// An oracle whose card has the PIN of number 5, asked for from 10.00 on; three wrong ones lock it.
fn with_pin() -> Oracle {
    let pin = Some(PinRule { from: 10_00, tries: 3 });
    let mut oracle = loaded_by(of(Product { pin, ..Product::STANDARD }));
    let set = fact(3, MessageType::CHANGE_PIN, 0, 0, wallet(0, 0, 0), wallet(300_00, 20_00, 0));
    trade(&mut oracle, changes(3, None, 5), set);
    oracle
}

fn changes(stan: u32, pin: Option<u32>, new: u32) -> Intent {
    Intent {
        extra: Extra { pin, new_pin: Some(new), ..Extra::default() },
        ..intent(stan, MessageType::CHANGE_PIN, 0)
    }
}

fn pays(stan: u32, pin: u32) -> Intent {
    Intent {
        extra: Extra { pin: Some(pin), ..Extra::default() },
        ..intent(stan, MessageType::PURCHASE, 10_00)
    }
}

fn wrong(stan: u32, left: u8) -> Fact {
    Fact { tries_left: Some(left), ..declined(stan, MessageType::PURCHASE, WRONG_PIN) }
}

#[test]
fn an_unlocked_pin_is_what_it_was_with_all_its_tries() {
    let mut oracle = with_pin();
    for (stan, left) in [(4, 2), (5, 1), (6, 0)] {
        trade(&mut oracle, pays(stan, 1_000), wrong(stan, left));
    }
    assert!(oracle.condition(card()).locked);
    let locked = declined(7, MessageType::PURCHASE, LOCKED);
    let paid = |stan| sold(stan, 10_00, 10, wallet(290_00, 20_00, 10));
    is_right(&oracle, &pays(7, 5), &locked, &paid(7));
    is_shown(&oracle, &shown(0, "set", 3), &shown(0, "set", 0));
    came_to(&mut oracle, 1, ByTwo::UnlockPin, &done(107));
    is_shown(&oracle, &shown(0, "set", 0), &shown(0, "set", 3));
    is_right(&oracle, &pays(8, 5), &paid(8), &declined(8, MessageType::PURCHASE, LOCKED));
    is_right(&oracle, &pays(8, 1_000), &wrong(8, 2), &declined(8, MessageType::PURCHASE, LOCKED));
    assert_eq!(oracle.mismatches(), []);
}

#[test]
fn a_pin_that_was_taken_away_is_taken_no_more_and_the_next_one_is() {
    let mut oracle = with_pin();
    came_to(&mut oracle, 1, ByTwo::ResetPin, &done(104));
    assert_eq!((oracle.pin(card()), oracle.former_pin(card())), (None, Some(5)));
    is_shown(&oracle, &shown(0, "none", 0), &shown(0, "set", 0));
    let paid = |stan| sold(stan, 10_00, 10, wallet(290_00, 20_00, 10));
    is_right(&oracle, &pays(5, 5), &declined(5, MessageType::PURCHASE, PIN_NEEDED), &paid(5));
    let set = fact(5, MessageType::CHANGE_PIN, 0, 0, wallet(0, 0, 0), wallet(300_00, 20_00, 0));
    is_right(&oracle, &changes(5, None, 6), &set, &declined(5, MessageType::CHANGE_PIN, PIN_NEEDED));
    trade(&mut oracle, changes(5, None, 6), set);
    is_right(&oracle, &pays(6, 6), &paid(6), &wrong(6, 2));
    is_right(&oracle, &pays(6, 5), &wrong(6, 2), &paid(6));
    assert_eq!(oracle.mismatches(), []);
}

#[test]
fn a_try_of_a_request_that_was_given_up_may_have_been_the_last_one() {
    let mut oracle = with_pin();
    trade(&mut oracle, pays(4, 1_000), wrong(4, 2));
    trade(&mut oracle, pays(5, 1_000), wrong(5, 1));
    let locked = declined(8, MessageType::PURCHASE, LOCKED);
    let paid = sold(8, 10_00, 10, wallet(290_00, 20_00, 10));
    is_right(&oracle, &pays(8, 5), &paid, &locked);
    oracle.begin(pays(6, 5));
    let blocked = Fact {
        balances: None,
        changes: None,
        ..reversal(7, 6, None, TransactionState::BLOCKED, wallet(0, 0, 0), wallet(0, 0, 0))
    };
    oracle.settle(&key("T1", 6), vec![blocked]);
    for answer in [paid, locked] {
        let mut oracle = oracle.clone();
        trade(&mut oracle, pays(8, 5), answer);
        assert_eq!(oracle.mismatches(), []);
    }
}

#[test]
fn two_last_tries_at_once_may_both_be_looked_at_and_the_next_one_is_not() {
    let mut oracle = with_pin();
    trade(&mut oracle, pays(4, 1_000), wrong(4, 2));
    // Both are written down before either is answered.
    let both = |second: Fact| {
        let mut oracle = oracle.clone();
        oracle.begin(pays(5, 1_000));
        oracle.begin(Intent { key: key("T1", 6), ..pays(6, 5) });
        oracle.settle(&key("T1", 5), vec![wrong(5, 0)]);
        oracle.settle(&key("T1", 6), vec![second]);
        oracle
    };
    let paid = sold(6, 10_00, 10, wallet(290_00, 20_00, 10));
    assert_eq!(both(paid).mismatches(), [], "the second one was right");
    let locked = both(declined(6, MessageType::PURCHASE, LOCKED));
    assert_eq!(locked.mismatches(), [], "or it came after the first");
    is_right(&locked, &pays(7, 5), &declined(7, MessageType::PURCHASE, LOCKED), &wrong(7, 0));
}

#[test]
fn a_card_that_owes_points_is_not_sold_again() {
    let mut oracle = Oracle::default();
    oracle.issue(card());
    let sold = fact(1, MessageType::ACTIVATE, 0, 0, wallet(0, 0, 0), wallet(0, 0, 0));
    trade(&mut oracle, intent(1, MessageType::ACTIVATE, 0), sold);
    came_to(&mut oracle, 1, ByTwo::Adjust { points: -5 }, &done(102));
    let back = Intent { original: Some(key("T1", 1)), ..intent(3, MessageType::VOID, 0) };
    let stands = Fact { state: Some(TransactionState::LIVE.0), ..declined(3, MessageType::VOID, 12) };
    let voided = fact(3, MessageType::VOID, 0, 0, wallet(0, 0, 0), wallet(0, 0, 0));
    is_right(&oracle, &back, &stands, &Fact { state: Some(TransactionState::VOIDED.0), ..voided });
}
