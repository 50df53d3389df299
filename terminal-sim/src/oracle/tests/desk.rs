//! Operators' acts and the end of cards: each right answer is taken, and a wrong one is seen.

use super::people::is_right;
use super::*;
use crate::desk::{Errand, Outcome};

fn reference(number: u64) -> CardReference {
    CardReference::from_parts(number).unwrap()
}

/// A card that waits at the desk.
fn spare() -> CardReference {
    reference(78)
}

fn by(card: CardReference, intent: Intent) -> Intent {
    Intent { card: Some(card.number()), ..intent }
}

fn named(stan: u32, kind: MessageType, amount: i64, original: u32) -> Intent {
    Intent { original: Some(key("T1", original)), ..intent(stan, kind, amount) }
}

fn declined(stan: u32, kind: MessageType, code: u8) -> Fact {
    fact(stan, kind, code, 0, wallet(0, 0, 0), wallet(0, 0, 0))
}

fn sold(stan: u32, amount: i64, left: Wallet) -> Fact {
    fact(stan, MessageType::PURCHASE, 0, amount, wallet(-amount, 0, amount / 100), left)
}

fn in_state(state: TransactionState, fact: Fact) -> Fact {
    Fact { state: Some(state.0), ..fact }
}

fn done(index: u64) -> Outcome {
    Outcome::Done { index, expires: None, date: None }
}

fn refused() -> Outcome {
    Outcome::Refused { reason: "no".into() }
}

/// An errand that is run, and recorded at this index.
fn run(oracle: &mut Oracle, number: u32, errand: &Errand, index: u64) {
    oracle.send(number, errand);
    oracle.is_back(number, &done(index));
}

fn replaces(card: CardReference, by: CardReference) -> Errand {
    Errand::Replace { card: card.number(), by: by.number() }
}

/// The card has 280.00, a bonus of 20.00 and 20 points, of which 30.00 are held; and a second one is there.
fn used() -> Oracle {
    let mut oracle = loaded();
    oracle.issue(spare());
    let sale = sold(3, 20_00, wallet(280_00, 20_00, 20));
    trade(&mut oracle, intent(3, MessageType::PURCHASE, 20_00), sale);
    let hold =
        Some(HoldShown { reference: 104, held: 30_00, expires: 1_000 + Product::STANDARD.hold_seconds });
    let held = fact(4, MessageType::AUTHORIZE, 0, 30_00, wallet(0, 0, 0), wallet(250_00, 20_00, 20));
    trade(&mut oracle, intent(4, MessageType::AUTHORIZE, 30_00), Fact { hold, ..held });
    assert_eq!(oracle.mismatches(), []);
    oracle
}

#[test]
fn a_replaced_card_is_refused_and_what_was_done_with_it_is_known_of_the_new_one() {
    let mut oracle = used();
    run(&mut oracle, 1, &replaces(card(), spare()), 105);
    assert_eq!(oracle.card(spare()), Some((true, wallet(250_00, 20_00, 20))));
    assert_eq!(oracle.card(card()), Some((true, wallet(0, 0, 0))));
    for kind in [MessageType::PURCHASE, MessageType::LOAD, MessageType::AUTHORIZE, MessageType::ACTIVATE] {
        let amount = if kind == MessageType::ACTIVATE { 0 } else { 5_00 };
        let replaced = declined(6, kind, 46);
        is_right(&oracle, &intent(6, kind, amount), &replaced, &declined(6, kind, 51));
    }
    let sale = sold(6, 5_00, wallet(245_00, 20_00, 25));
    let lost = sold(6, 5_00, wallet(245_00, 20_00, 5));
    is_right(&oracle, &by(spare(), intent(6, MessageType::PURCHASE, 5_00)), &sale, &lost);
    // Whichever card is in the diary: the original is found on the new one.
    let back = fact(6, MessageType::REFUND, 0, 20_00, wallet(20_00, 0, -20), wallet(270_00, 20_00, 0));
    let back = in_state(TransactionState::REFUNDED, back);
    let gone = declined(6, MessageType::REFUND, 25);
    is_right(&oracle, &named(6, MessageType::REFUND, 20_00, 3), &back, &gone);
    is_right(&oracle, &by(spare(), named(6, MessageType::REFUND, 20_00, 3)), &back, &gone);
    let hold = Some(HoldShown { reference: 104, held: 0, expires: 1_000 + Product::STANDARD.hold_seconds });
    let taken = fact(6, MessageType::CAPTURE, 0, 30_00, wallet(-30_00, 0, 30), wallet(250_00, 20_00, 50));
    let none = declined(6, MessageType::CAPTURE, 12);
    is_right(&oracle, &named(6, MessageType::CAPTURE, 30_00, 4), &Fact { hold, ..taken }, &none);
    // The activation stays the old card's, and stands.
    let stands = in_state(TransactionState::LIVE, declined(6, MessageType::VOID, 12));
    let voided = in_state(
        TransactionState::VOIDED,
        fact(6, MessageType::VOID, 0, 0, wallet(0, 0, 0), wallet(0, 0, 0)),
    );
    is_right(&oracle, &named(6, MessageType::VOID, 0, 1), &stands, &voided);
    // And the answer that was lost is reversed on the new card.
    oracle.begin(oracle.intent(&key("T1", 3)).cloned().unwrap());
    let undone = reversal(
        7,
        3,
        Some(20_00),
        TransactionState::REVERSED,
        wallet(20_00, 0, -20),
        wallet(270_00, 20_00, 0),
    );
    oracle.settle(&key("T1", 3), vec![undone]);
    assert_eq!(oracle.mismatches(), []);
    assert_eq!(oracle.card(spare()), Some((true, wallet(270_00, 20_00, 0))));
}

#[test]
fn points_that_are_owed_and_what_counts_in_a_day_go_over_too() {
    let rule = PointsRule { points: 1, pays: 1_00, minimum: 1, step: 1, max_percent: 100 };
    let daily = Some(Allowance { counts: [None, Some(3), None], sums: [None; 3] });
    let mut oracle = loaded_by(of(Product { points: Some(rule), daily, ..Product::STANDARD }));
    oracle.issue(spare());
    let sale = sold(3, 20_00, wallet(280_00, 20_00, 20));
    trade(&mut oracle, intent(3, MessageType::PURCHASE, 20_00), sale);
    let extra = Extra { points: Some(20), ..Extra::default() };
    let by_points = fact(4, MessageType::PURCHASE, 0, 20_00, wallet(0, 0, -20), wallet(280_00, 20_00, 0));
    trade(&mut oracle, Intent { extra, ..intent(4, MessageType::PURCHASE, 20_00) }, by_points);
    trade(&mut oracle, intent(5, MessageType::PURCHASE, 10), sold(5, 10, wallet(279_90, 20_00, 0)));
    oracle.begin(oracle.intent(&key("T1", 3)).cloned().unwrap());
    let (changes, left) = (wallet(20_00, 0, 0), wallet(299_90, 20_00, 0));
    let undone = reversal(6, 3, Some(20_00), TransactionState::REVERSED, changes, left);
    oracle.settle(&key("T1", 3), vec![undone]);
    run(&mut oracle, 1, &replaces(card(), spare()), 107);
    let buys = |stan, amount| by(spare(), intent(stan, MessageType::PURCHASE, amount));
    let paid = |stan, points, held| {
        let left = wallet(269_90, 20_00, held);
        fact(stan, MessageType::PURCHASE, 0, 30_00, wallet(-30_00, 0, points), left)
    };
    is_right(&oracle, &buys(8, 30_00), &paid(8, 10, 10), &paid(8, 30, 30));
    trade(&mut oracle, buys(8, 30_00), paid(8, 10, 10));
    let fourth = sold(9, 10, wallet(269_80, 20_00, 10));
    is_right(&oracle, &buys(9, 10), &declined(9, MessageType::PURCHASE, 61), &fourth);
}

#[test]
fn acts_and_answers_that_race_are_judged_in_the_journals_order() {
    // The sale's entry is in front of the act's, or behind it.
    for (index, code, right) in [(105, 0, true), (107, 0, false), (107, 46, true), (105, 46, false)] {
        let mut oracle = used();
        oracle.begin(intent(5, MessageType::PURCHASE, 5_00));
        oracle.send(1, &replaces(card(), spare()));
        oracle.is_back(1, &done(106));
        assert_eq!(oracle.card(spare()).map(|(active, _)| active), Some(false), "nobody knows yet");
        let answer = if code == 0 {
            sold(5, 5_00, wallet(245_00, 20_00, 25))
        } else {
            declined(5, MessageType::PURCHASE, code)
        };
        oracle.settle(&key("T1", 5), vec![Fact { index, ..answer }]);
        assert_eq!(oracle.mismatches().is_empty(), right, "{index} {code}");
    }
}

#[test]
fn a_merged_cards_value_is_on_the_other_one_in_lots_of_its_own() {
    let mut oracle = used();
    let load = fact(5, MessageType::LOAD, 0, 10_00, wallet(10_00, 0, 0), wallet(10_00, 0, 0));
    let activated = fact(6, MessageType::ACTIVATE, 0, 0, wallet(0, 0, 0), wallet(0, 0, 0));
    trade(&mut oracle, by(spare(), intent(6, MessageType::ACTIVATE, 0)), Fact { index: 105, ..activated });
    trade(&mut oracle, by(spare(), intent(5, MessageType::LOAD, 10_00)), Fact { index: 106, ..load });
    run(&mut oracle, 1, &Errand::Merge { card: card().number(), into: spare().number() }, 107);
    assert_eq!(oracle.mismatches(), []);
    assert_eq!(oracle.card(spare()), Some((true, wallet(260_00, 20_00, 20))));
    is_right(
        &oracle,
        &intent(8, MessageType::LOAD, 1_00),
        &declined(8, MessageType::LOAD, 46),
        &declined(8, MessageType::LOAD, 61),
    );
    // The other card's own lot is older: it pays first, and the load of the old card is refunded from its own lots.
    let sale = sold(8, 10_00, wallet(250_00, 20_00, 30));
    trade(&mut oracle, by(spare(), intent(8, MessageType::PURCHASE, 10_00)), sale);
    let left = wallet(0, 0, 30);
    let out = fact(9, MessageType::REFUND, 0, 250_00, wallet(-250_00, -16_67, 0), wallet(0, 3_33, 30));
    let out = in_state(TransactionState::REFUNDED_IN_PART, out);
    let other = Fact { balances: Some(left), ..out.clone() };
    is_right(&oracle, &named(9, MessageType::REFUND, 250_00, 2), &out, &other);
    assert_eq!(oracle.mismatches(), []);
}

#[test]
fn what_one_card_gave_to_another_is_taken_back_when_both_are_one() {
    let product = Product { max_transfer: Some(100_00), ..Product::STANDARD };
    let mut oracle = loaded_by(of(product));
    oracle.issue(spare());
    let activated = fact(3, MessageType::ACTIVATE, 0, 0, wallet(0, 0, 0), wallet(0, 0, 0));
    trade(&mut oracle, by(spare(), intent(3, MessageType::ACTIVATE, 0)), activated);
    let extra = Extra { to: Some(spare().number()), ..Extra::default() };
    let given = fact(4, MessageType::TRANSFER, 0, 40_00, wallet(-40_00, 0, 0), wallet(260_00, 20_00, 0));
    trade(&mut oracle, Intent { extra, ..intent(4, MessageType::TRANSFER, 40_00) }, given);
    run(&mut oracle, 1, &Errand::Merge { card: card().number(), into: spare().number() }, 105);
    let whole = wallet(300_00, 20_00, 0);
    assert_eq!(oracle.card(spare()), Some((true, whole)));
    let voided =
        in_state(TransactionState::VOIDED, fact(6, MessageType::VOID, 0, 40_00, wallet(0, 0, 0), whole));
    let spent = in_state(TransactionState::LIVE, declined(6, MessageType::VOID, 51));
    is_right(&oracle, &named(6, MessageType::VOID, 0, 4), &voided, &spent);
}

#[test]
fn a_card_whose_time_is_over_is_refused_from_that_second_on_until_it_is_extended() {
    let end = 1_000_000;
    let mut oracle = Oracle::default();
    oracle.issue(card());
    let (account, active) = (None, true);
    let listed = Corporate { card: card(), product: "standard".into(), account, active, expires: Some(end) };
    oracle.put_into_use(&[listed]).unwrap();
    let at = |time, fact| Fact { time, ..fact };
    let load = fact(2, MessageType::LOAD, 0, 10_00, wallet(10_00, 0, 0), wallet(10_00, 0, 0));
    trade(&mut oracle, intent(2, MessageType::LOAD, 10_00), at(end - 100, load));
    let sale = sold(3, 5_00, wallet(5_00, 0, 5));
    let over = declined(3, MessageType::PURCHASE, 54);
    let buys = intent(3, MessageType::PURCHASE, 5_00);
    is_right(&oracle, &buys, &at(end - 1, sale.clone()), &at(end - 1, over.clone()));
    is_right(&oracle, &buys, &at(end, over.clone()), &at(end, sale.clone()));
    is_right(&oracle, &buys, &at(end + 1, over), &at(end + 1, declined(3, MessageType::PURCHASE, 51)));
    let again = intent(3, MessageType::ACTIVATE, 0);
    let in_use = declined(3, MessageType::ACTIVATE, 12);
    is_right(&oracle, &again, &at(end, in_use), &at(end, declined(3, MessageType::ACTIVATE, 54)));
    // What was bought with it comes back all the same.
    let refund = fact(3, MessageType::REFUND, 0, 1_00, wallet(-1_00, 0, 0), wallet(9_00, 0, 0));
    let refund = in_state(TransactionState::REFUNDED_IN_PART, refund);
    let none = declined(3, MessageType::REFUND, 54);
    is_right(&oracle, &named(3, MessageType::REFUND, 1_00, 2), &at(end, refund), &at(end, none));
    let extend = Errand::Extend { card: card().number(), months: 1 };
    for (to, right) in [(end + 31 * 86_400, true), (end + 27 * 86_400, false), (end + 40 * 86_400, false)] {
        let mut extended = oracle.clone();
        extended.send(1, &extend);
        extended.is_back(1, &Outcome::Done { index: 103, expires: Some(to), date: None });
        assert_eq!(extended.mismatches().is_empty(), right, "{to}");
        trade(
            &mut extended,
            intent(4, MessageType::PURCHASE, 5_00),
            at(end, sold(4, 5_00, wallet(5_00, 0, 5))),
        );
        assert_eq!(extended.mismatches().is_empty(), right, "{to}");
    }
}

#[test]
fn a_stopped_card_is_refused_and_one_that_was_never_used_goes_back_to_being_for_sale() {
    let mut oracle = used();
    run(&mut oracle, 1, &Errand::Block { card: card().number() }, 105);
    let buys = intent(7, MessageType::PURCHASE, 5_00);
    let sale = sold(7, 5_00, wallet(245_00, 20_00, 25));
    is_right(&oracle, &buys, &declined(7, MessageType::PURCHASE, 62), &sale);
    run(&mut oracle, 2, &Errand::Unblock { card: card().number() }, 106);
    is_right(&oracle, &buys, &sale, &declined(7, MessageType::PURCHASE, 62));
    // The other one is only put into use.
    let activated = fact(7, MessageType::ACTIVATE, 0, 0, wallet(0, 0, 0), wallet(0, 0, 0));
    trade(&mut oracle, by(spare(), intent(7, MessageType::ACTIVATE, 0)), activated);
    run(&mut oracle, 3, &Errand::Block { card: spare().number() }, 108);
    run(&mut oracle, 4, &Errand::Unblock { card: spare().number() }, 109);
    assert_eq!(oracle.card(spare()), Some((false, wallet(0, 0, 0))));
    assert_eq!(oracle.mismatches(), []);
}

#[test]
fn money_comes_back_to_the_purse_that_paid_whatever_the_card_is_bound_to_by_then() {
    let account = reference(90);
    let company = Product { account: true, ..Product::STANDARD };
    let others = BTreeMap::from([("company".to_owned(), company)]);
    let mut oracle = loaded_by(Programme { others, ..Programme::default() });
    [account, spare()].into_iter().for_each(|card| oracle.issue(card));
    let listed =
        |card, active| Corporate { card, product: "company".into(), account: None, active, expires: None };
    oracle.put_into_use(&[listed(account, true), listed(spare(), false)]).unwrap();
    let load = fact(3, MessageType::LOAD, 0, 50_00, wallet(50_00, 0, 0), wallet(50_00, 0, 0));
    trade(&mut oracle, by(account, intent(3, MessageType::LOAD, 50_00)), load);
    // All its own money is spent before it is bound.
    let sale = fact(4, MessageType::PURCHASE, 0, 320_00, wallet(-300_00, -20_00, 320), wallet(0, 0, 320));
    trade(&mut oracle, intent(4, MessageType::PURCHASE, 320_00), sale);
    let limits = OwnLimits::default();
    let bind = Errand::Bind { card: card().number(), account: account.number(), limits };
    run(&mut oracle, 1, &bind, 105);
    let sale = sold(6, 10_00, wallet(40_00, 0, 330));
    trade(&mut oracle, intent(6, MessageType::PURCHASE, 10_00), sale);
    // The account is lost: the card in its place pays.
    run(&mut oracle, 2, &replaces(account, spare()), 107);
    assert_eq!(oracle.account(card()), Some(spare()));
    let own = fact(8, MessageType::REFUND, 0, 100_00, wallet(80_00, 20_00, -100), wallet(40_00, 0, 230));
    let own = in_state(TransactionState::REFUNDED_IN_PART, own);
    let theirs = Fact { balances: Some(wallet(120_00, 20_00, 230)), ..own.clone() };
    is_right(&oracle, &named(8, MessageType::REFUND, 100_00, 4), &own, &theirs);
    trade(&mut oracle, named(8, MessageType::REFUND, 100_00, 4), own);
    run(&mut oracle, 3, &Errand::Block { card: spare().number() }, 109);
    let buys = intent(10, MessageType::PURCHASE, 1_00);
    let stopped = declined(10, MessageType::PURCHASE, 62);
    is_right(&oracle, &buys, &stopped, &declined(10, MessageType::PURCHASE, 51));
    run(&mut oracle, 4, &Errand::Unbind { card: card().number() }, 110);
    assert_eq!(oracle.card(card()), Some((true, wallet(80_00, 20_00, 230))));
    let back = fact(11, MessageType::REFUND, 0, 10_00, wallet(10_00, 0, -10), wallet(80_00, 20_00, 220));
    let back = in_state(TransactionState::REFUNDED, back);
    let mine = Fact { balances: Some(wallet(90_00, 20_00, 220)), ..back.clone() };
    is_right(&oracle, &named(11, MessageType::REFUND, 10_00, 6), &back, &mine);
    trade(&mut oracle, named(11, MessageType::REFUND, 10_00, 6), back);
    assert_eq!(oracle.card(spare()), Some((true, wallet(50_00, 0, 0))));
    assert_eq!(oracle.mismatches(), []);
}

#[test]
fn the_gateway_does_what_may_be_done_and_refuses_the_rest() {
    let (old, new) = (card().number(), spare().number());
    let limits = OwnLimits::default();
    let cases = [
        (Errand::Replace { card: old, by: new }, true),
        (Errand::Replace { card: new, by: old }, false),
        (Errand::Replace { card: old, by: old }, false),
        (Errand::Merge { card: old, into: new }, false),
        (Errand::Block { card: old }, true),
        (Errand::Block { card: new }, true),
        (Errand::Unblock { card: old }, false),
        (Errand::Bind { card: old, account: new, limits }, false),
        (Errand::Unbind { card: old }, false),
        (Errand::Extend { card: old, months: 1 }, false),
    ];
    for (errand, may) in cases {
        let mut oracle = used();
        run(&mut oracle, 1, &errand, 105);
        assert_eq!(oracle.mismatches().is_empty(), may, "{errand:?} is done");
        let mut oracle = used();
        oracle.send(1, &errand);
        assert_eq!(oracle.errands().count(), 1);
        oracle.is_back(1, &refused());
        assert_eq!(oracle.mismatches().is_empty(), !may, "{errand:?} is refused");
        assert_eq!(oracle.errands().count(), 0);
        // Of one that raced something nobody knows what the gateway has looked at.
        let mut oracle = used();
        oracle.begin(intent(5, MessageType::PURCHASE, 5_00));
        oracle.begin(by(spare(), intent(6, MessageType::ACTIVATE, 0)));
        oracle.send(1, &errand);
        oracle.is_back(1, &refused());
        assert_eq!(oracle.mismatches(), []);
    }
}
