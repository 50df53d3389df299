//! What ends by time, and whose card it is: each right answer is taken, and a wrong one is seen.

use super::people::is_right;
use super::*;
use crate::desk::{ByTwo, Errand, Outcome, Signed};
use protocol::answer::FoundCards;
use protocol::field::UnixSeconds;

/// 22 November 2026, 04:00 in Shanghai: what was given on 21 October and lasts a month has ended.
const END: i64 = 1_795_291_200;

fn at(fact: Fact, date: u32, time: i64) -> Fact {
    Fact { date, time, ..fact }
}

/// Loaded with 300.00 on 21 October; the bonus lasts a month.
fn loaded_in_october(standard: Product) -> Oracle {
    let expiry = ExpiryRule { principal: Some(2), bonus: Some(1), points: Some(12) };
    let mut oracle = Oracle::of(Programme { standard, expiry, ..Programme::default() });
    oracle.issue(card());
    let sold = fact(1, MessageType::ACTIVATE, 0, 0, wallet(0, 0, 0), wallet(0, 0, 0));
    trade(&mut oracle, intent(1, MessageType::ACTIVATE, 0), at(sold, 2026_10_21, END - 31 * 86_400));
    let load = fact(2, MessageType::LOAD, 0, 300_00, wallet(300_00, 20_00, 0), wallet(300_00, 20_00, 0));
    trade(&mut oracle, intent(2, MessageType::LOAD, 300_00), at(load, 2026_10_21, END - 31 * 86_400));
    assert_eq!(oracle.mismatches(), []);
    oracle
}

#[test]
fn bonus_is_there_until_its_last_second_and_gone_from_its_end_on() {
    let oracle = loaded_in_october(Product::STANDARD);
    let buy = intent(3, MessageType::PURCHASE, 10_00);
    let sale =
        |bonus| fact(3, MessageType::PURCHASE, 0, 10_00, wallet(-10_00, 0, 10), wallet(290_00, bonus, 10));
    let last = |bonus| at(sale(bonus), 2026_11_21, END - 1);
    is_right(&oracle, &buy, &last(20_00), &last(0));
    let over = |bonus| at(sale(bonus), 2026_11_22, END);
    is_right(&oracle, &buy, &over(0), &over(20_00));
    let mut oracle = oracle;
    oracle.it_is(END);
    assert_eq!(oracle.card(card()), Some((true, wallet(300_00, 0, 0))));
    let happened = oracle.happened();
    assert_eq!((happened.bonus_lots, happened.principal_lots, happened.money), (1, 0, 20_00));
}

/// Two operators are asked for this.
fn came_to(oracle: &mut Oracle, number: u32, act: ByTwo, outcome: &Outcome) {
    oracle.send(number, &Errand::ByTwo { card: card().number(), act, signed: Signed::Both });
    oracle.is_back(number, outcome);
}

fn done(index: u64, date: u32) -> Outcome {
    Outcome::Done { index, expires: None, date: Some(date) }
}

/// What the card has in the last second before an end, and from that on.
fn has_until(oracle: &Oracle, end: i64, before: Wallet, after: Wallet) {
    for (time, left) in [(end - 1, before), (end, after)] {
        let mut oracle = oracle.clone();
        oracle.it_is(time);
        assert_eq!(oracle.card(card()), Some((true, left)), "{time}");
    }
}

#[test]
fn what_two_operators_give_ends_so_long_after_the_day_on_which_they_did() {
    let mut oracle = loaded_in_october(Product::STANDARD);
    came_to(&mut oracle, 1, ByTwo::Refund { amount: 30_00 }, &done(103, 2026_10_22));
    came_to(&mut oracle, 2, ByTwo::Adjust { points: 5 }, &done(104, 2026_10_22));
    has_until(&oracle, END + 31 * 86_400, wallet(30_00, 0, 5), wallet(0, 0, 5));
    let points_end = END + 335 * 86_400;
    has_until(&oracle, points_end, wallet(0, 0, 5), wallet(0, 0, 0));
    // What is taken comes of the oldest points first.
    oracle.it_is(END - 30 * 86_400);
    came_to(&mut oracle, 3, ByTwo::Adjust { points: 7 }, &done(105, 2026_10_23));
    came_to(&mut oracle, 4, ByTwo::Adjust { points: -6 }, &done(106, 2026_10_23));
    has_until(&oracle, points_end, wallet(0, 0, 6), wallet(0, 0, 6));
    has_until(&oracle, points_end + 86_400, wallet(0, 0, 6), wallet(0, 0, 0));
    assert_eq!(oracle.mismatches(), []);
    for date in [2026_10_21, 2026_10_24] {
        let mut oracle = oracle.clone();
        came_to(&mut oracle, 5, ByTwo::Refund { amount: 1 }, &done(107, date));
        assert_eq!(oracle.mismatches().len(), 1, "the day was another one");
    }
}

#[test]
fn a_refund_without_a_sale_may_need_a_holder() {
    let oracle = loaded_in_october(Product { real_name_above: Some(350_00), ..Product::STANDARD });
    let reason = "so large a balance needs a card with a registered holder";
    let refused = |reason: &str| Outcome::Refused { reason: reason.into() };
    for (amount, outcome, found) in [
        (30_00, done(103, 2026_10_22), 0),
        (30_00, refused(reason), 1),
        (30_01, refused(reason), 0),
        (30_01, refused("no"), 1),
        (30_01, done(103, 2026_10_22), 1),
    ] {
        let mut oracle = oracle.clone();
        came_to(&mut oracle, 1, ByTwo::Refund { amount }, &outcome);
        assert_eq!(oracle.mismatches().len(), found, "{amount} {outcome:?}");
    }
}

#[test]
fn what_ends_first_pays_first_where_the_product_says_so() {
    let oracle = loaded_in_october(Product { spend: Spend::SoonestExpiry, ..Product::STANDARD });
    let buy = intent(3, MessageType::PURCHASE, 25_00);
    let sale = |changes: Wallet| {
        let after = wallet(300_00, 20_00, 0).plus(changes).unwrap();
        at(fact(3, MessageType::PURCHASE, 0, 25_00, changes, after), 2026_11_21, END - 1)
    };
    is_right(&oracle, &buy, &sale(wallet(-5_00, -20_00, 25)), &sale(wallet(-25_00, 0, 25)));
}

#[test]
fn what_comes_back_to_a_lot_that_has_ended_lasts_for_its_grace_time() {
    let mut oracle = loaded_in_october(Product { grace_days: 2, ..Product::STANDARD });
    let sale = fact(3, MessageType::PURCHASE, 0, 310_00, wallet(-300_00, -10_00, 310), wallet(0, 10_00, 310));
    trade(&mut oracle, intent(3, MessageType::PURCHASE, 310_00), at(sale, 2026_11_21, END - 1));
    let back = Intent { original: Some(key("T1", 3)), ..intent(4, MessageType::REFUND, 310_00) };
    let paid = |bonus| Fact {
        state: Some(TransactionState::REFUNDED.0),
        ..at(
            fact(4, MessageType::REFUND, 0, 310_00, wallet(300_00, 10_00, -310), wallet(300_00, bonus, 0)),
            2026_11_22,
            END,
        )
    };
    is_right(&oracle, &back, &paid(10_00), &paid(0));
    trade(&mut oracle, back, paid(10_00));
    assert_eq!(oracle.happened().late_refunds, 1);
    for (time, bonus) in [(END + 3 * 86_400 - 1, 10_00), (END + 3 * 86_400, 0)] {
        oracle.it_is(time);
        assert_eq!(oracle.card(card()), Some((true, wallet(300_00, bonus, 0))), "{time}");
    }
}

#[test]
fn a_hold_is_over_at_its_end_and_its_capture_gets_that() {
    let mut oracle = loaded_in_october(Product { hold_seconds: 60, ..Product::STANDARD });
    let hold = |held| Some(HoldShown { reference: 103, held, expires: END });
    let shown = Fact {
        hold: hold(50_00),
        ..fact(3, MessageType::AUTHORIZE, 0, 50_00, wallet(0, 0, 0), wallet(250_00, 20_00, 0))
    };
    trade(&mut oracle, intent(3, MessageType::AUTHORIZE, 50_00), at(shown, 2026_11_21, END - 60));
    assert_eq!(oracle.mismatches(), []);
    let capture = Intent { original: Some(key("T1", 3)), ..intent(4, MessageType::CAPTURE, 50_00) };
    let taken = Fact {
        hold: hold(0),
        ..fact(4, MessageType::CAPTURE, 0, 50_00, wallet(-50_00, 0, 50), wallet(250_00, 0, 50))
    };
    let lapsed = Fact {
        state: Some(TransactionState::LAPSED.0),
        ..fact(4, MessageType::CAPTURE, 12, 0, wallet(0, 0, 0), wallet(0, 0, 0))
    };
    is_right(&oracle, &capture, &at(lapsed, 2026_11_22, END), &at(taken, 2026_11_22, END));
}

#[test]
fn a_card_without_a_holder_takes_no_more_than_it_may_and_another_holder_is_refused() {
    let oracle = loaded_in_october(Product { real_name_above: Some(330_00), ..Product::STANDARD });
    let load = |stan, amount, holder| Intent {
        extra: Extra { holder, ..Extra::default() },
        ..intent(stan, MessageType::LOAD, amount)
    };
    let approved = |stan, amount| {
        let after = wallet(300_00 + amount, 20_00, 0);
        at(fact(stan, MessageType::LOAD, 0, amount, wallet(amount, 0, 0), after), 2026_10_21, END - 86_400)
    };
    let declined = |stan| {
        at(fact(stan, MessageType::LOAD, 57, 0, wallet(0, 0, 0), wallet(0, 0, 0)), 2026_10_21, END - 86_400)
    };
    is_right(&oracle, &load(3, 10_00, None), &approved(3, 10_00), &declined(3));
    is_right(&oracle, &load(3, 10_01, None), &declined(3), &approved(3, 10_01));
    is_right(&oracle, &load(3, 10_01, Some(4)), &approved(3, 10_01), &declined(3));
    let mut registered = oracle;
    trade(&mut registered, load(3, 10_00, Some(4)), approved(3, 10_00));
    assert_eq!(registered.holder(card()), Some(4));
    let more = Fact { balances: Some(wallet(311_00, 20_00, 0)), ..approved(4, 1_00) };
    is_right(&registered, &load(4, 1_00, Some(4)), &more, &declined(4));
    is_right(&registered, &load(4, 1_00, Some(5)), &declined(4), &more);
}

#[test]
fn a_look_up_finds_the_holders_cards_and_nobody_elses() {
    let mut oracle = loaded_in_october(Product::STANDARD);
    let load = Intent {
        extra: Extra { holder: Some(4), ..Extra::default() },
        ..intent(3, MessageType::LOAD, 10_00)
    };
    let done = fact(3, MessageType::LOAD, 0, 10_00, wallet(10_00, 0, 0), wallet(310_00, 20_00, 0));
    trade(&mut oracle, load, at(done, 2026_10_22, END - 86_400));
    let answer = |cards: &[u64]| {
        let cards = FoundCards::new(cards.iter().filter_map(|number| CardReference::new(*number)).collect());
        let none = ResponseCode::CARD_NOT_ACCEPTED;
        let code = if cards.is_some() { ResponseCode::APPROVED } else { none };
        let time = UnixSeconds::new(END).unwrap();
        Answer { cards, ..Answer::new(MessageType::CARD_LOOKUP, code, time) }
    };
    let own = card().number();
    let other = CardReference::from_parts(78).unwrap().number();
    for (phone, right, wrong) in [(phone_of(4), &[own][..], &[][..]), (phone_of(6), &[], &[own])] {
        for wrong in [wrong, &[other], &[own, other]] {
            let (mut one, mut two) = (oracle.clone(), oracle.clone());
            let watch = one.watch_phone(phone);
            assert_eq!(one.looked_up("T1", watch.clone(), &answer(right)), Some(true));
            assert_eq!(two.looked_up("T1", watch, &answer(wrong)), Some(false));
        }
    }
    // Somebody is being registered: nobody knows whether they are found.
    let watch = oracle.watch_phone(phone_of(4));
    oracle.begin(Intent {
        extra: Extra { holder: Some(5), ..Extra::default() },
        ..intent(9, MessageType::LOAD, 10_00)
    });
    assert!(watch.is_some() && oracle.watch_phone(phone_of(4)).is_none());
    assert_eq!(oracle.looked_up("T1", watch, &answer(&[])), None);
}
