//! What a programme switches on: transfers, cash-outs, PINs, points, lines, advices, claims. Each right answer is taken,
//! and every wrong one beside it is seen.

use super::*;

const PRODUCT: Product = Product {
    max_transfer: Some(200_00),
    max_unload: Some(250_00),
    pin: Some(PinRule { from: 50_00, tries: 2 }),
    points: Some(PointsRule { points: 100, pays: 1_00, minimum: 50, step: 10, max_percent: 50 }),
    offline: true,
    ..Product::STANDARD
};

fn other() -> CardReference {
    CardReference::from_parts(78).unwrap()
}

/// Two active cards; the first was loaded with 300.00, which gave 20.00 bonus.
fn two() -> Oracle {
    let mut oracle = Oracle { programme: of(PRODUCT), ..loaded() };
    oracle.issue(other());
    let activation = Intent { card: Some(other().number()), ..intent(3, MessageType::ACTIVATE, 0) };
    trade(&mut oracle, activation, fact(3, MessageType::ACTIVATE, 0, 0, wallet(0, 0, 0), wallet(0, 0, 0)));
    assert_eq!(oracle.mismatches(), []);
    oracle
}

/// The right answer is taken, and of each of the wrong ones the oracle says so.
fn only(oracle: &mut Oracle, intent: Intent, right: Fact, wrong: &[Fact]) {
    for wrong in wrong {
        let mut oracle = oracle.clone();
        trade(&mut oracle, intent.clone(), wrong.clone());
        assert_eq!(oracle.mismatches().len(), 1, "{wrong:?} went through");
    }
    trade(oracle, intent, right);
    assert_eq!(oracle.mismatches(), []);
}

fn declined(stan: u32, kind: MessageType, code: u8) -> Fact {
    fact(stan, kind, code, 0, wallet(0, 0, 0), wallet(0, 0, 0))
}

fn transfer(stan: u32, amount: i64) -> Intent {
    let extra = Extra { to: Some(other().number()), ..Extra::default() };
    Intent { extra, ..intent(stan, MessageType::TRANSFER, amount) }
}

fn purchase(stan: u32, amount: i64, extra: Extra) -> Intent {
    Intent { extra, ..intent(stan, MessageType::PURCHASE, amount) }
}

#[test]
fn what_one_card_gives_the_other_has_and_it_can_be_taken_back_while_it_is_there() {
    let mut oracle = two();
    let given = fact(4, MessageType::TRANSFER, 0, 40_00, wallet(-40_00, 0, 0), wallet(260_00, 20_00, 0));
    let more = Fact { balances: Some(wallet(260_01, 20_00, 0)), ..given.clone() };
    only(&mut oracle, transfer(4, 40_00), given, &[more, declined(4, MessageType::TRANSFER, 51)]);
    assert_eq!(oracle.card(other()), Some((true, wallet(40_00, 0, 0))));
    let over = declined(5, MessageType::TRANSFER, 61);
    let pin = Extra { pin: Some(0), ..transfer(5, 200_01).extra };
    oracle.programme.standard.pin = None;
    only(
        &mut oracle,
        Intent { extra: pin, ..transfer(5, 200_01) },
        over,
        &[declined(5, MessageType::TRANSFER, 51)],
    );
    // The other card spends of it: it cannot be taken back any more.
    let mut spent = oracle.clone();
    let sale = Intent { card: Some(other().number()), ..intent(6, MessageType::PURCHASE, 1) };
    trade(&mut spent, sale, fact(6, MessageType::PURCHASE, 0, 1, wallet(-1, 0, 0), wallet(39_99, 0, 0)));
    let stands = Fact {
        code: 51,
        approved: None,
        balances: None,
        changes: None,
        ..reversal(7, 4, None, TransactionState::LIVE, wallet(0, 0, 0), wallet(0, 0, 0))
    };
    let undone = reversal(
        7,
        4,
        Some(40_00),
        TransactionState::REVERSED,
        wallet(40_00, 0, 0),
        wallet(300_00, 20_00, 0),
    );
    for (mut oracle, right, wrong, left) in
        [(spent, stands.clone(), undone.clone(), 39_99), (oracle, undone, stands, 0)]
    {
        for (fact, is_right) in [(wrong, false), (right, true)] {
            let mut tried = oracle.clone();
            tried.begin(transfer(4, 40_00));
            tried.settle(&key("T1", 4), vec![fact]);
            assert_eq!(tried.mismatches().is_empty(), is_right);
            if is_right {
                oracle = tried;
            }
        }
        assert_eq!(oracle.card(other()), Some((true, wallet(left, 0, 0))));
    }
}

#[test]
fn a_transfer_waits_for_what_is_open_about_either_card() {
    let mut oracle = two();
    let sale = Intent { card: Some(other().number()), ..intent(6, MessageType::PURCHASE, 10_00) };
    oracle.begin(transfer(4, 40_00));
    oracle.begin(sale);
    let given = fact(4, MessageType::TRANSFER, 0, 40_00, wallet(-40_00, 0, 0), wallet(260_00, 20_00, 0));
    oracle.settle(&key("T1", 4), vec![given]);
    assert!(oracle.watch(card()).is_none() && oracle.watch(other()).is_none(), "nobody knows yet");
    // It was decided later, though it was answered first.
    let paid = fact(6, MessageType::PURCHASE, 0, 10_00, wallet(-10_00, 0, 10), wallet(30_00, 0, 10));
    oracle.settle(&key("T1", 6), vec![paid]);
    assert_eq!(oracle.mismatches(), []);
    assert_eq!(oracle.card(card()), Some((true, wallet(260_00, 20_00, 0))));
    assert_eq!(oracle.card(other()), Some((true, wallet(30_00, 0, 10))));
    assert!(oracle.watch(card()).is_some());
}

#[test]
fn an_unload_pays_the_newest_loads_and_takes_their_bonus_along() {
    let mut oracle = two();
    oracle.programme.standard.pin = None;
    let load = fact(5, MessageType::LOAD, 0, 100_00, wallet(100_00, 5_00, 0), wallet(400_00, 25_00, 0));
    trade(&mut oracle, intent(5, MessageType::LOAD, 100_00), load);
    // All of the second load with its 5.00, and 50.00 of the first with a sixth of its 20.00, rounded up.
    let paid = fact(6, MessageType::UNLOAD, 0, 150_00, wallet(-150_00, -8_34, 0), wallet(250_00, 16_66, 0));
    let oldest = Fact {
        changes: Some(wallet(-150_00, -10_00, 0)),
        balances: Some(wallet(250_00, 15_00, 0)),
        ..paid.clone()
    };
    only(
        &mut oracle,
        intent(6, MessageType::UNLOAD, 150_00),
        paid,
        &[oldest, declined(6, MessageType::UNLOAD, 51)],
    );
    let over = intent(7, MessageType::UNLOAD, 250_01);
    only(&mut oracle, over, declined(7, MessageType::UNLOAD, 61), &[declined(7, MessageType::UNLOAD, 51)]);
}

#[test]
fn wrong_pins_are_counted_and_lock_and_a_right_one_sets_the_count_back() {
    let mut oracle = two();
    let pin = |number| Extra { pin: Some(number), ..Extra::default() };
    let wrong = |stan, left| Fact { tries_left: Some(left), ..declined(stan, MessageType::PURCHASE, 55) };
    let sold = |stan, rest| {
        let points = 60 * ((300_00 - rest) / 60_00);
        fact(stan, MessageType::PURCHASE, 0, 60_00, wallet(-60_00, 0, 60), wallet(rest, 20_00, points))
    };
    only(
        &mut oracle,
        purchase(4, 60_00, Extra::default()),
        declined(4, MessageType::PURCHASE, 70),
        &[sold(4, 240_00)],
    );
    let set = fact(5, MessageType::CHANGE_PIN, 0, 0, wallet(0, 0, 0), wallet(300_00, 20_00, 0));
    let change = Extra { new_pin: Some(7), ..Extra::default() };
    only(&mut oracle, Intent { extra: change, ..intent(5, MessageType::CHANGE_PIN, 0) }, set, &[]);
    only(&mut oracle, purchase(6, 60_00, pin(8)), wrong(6, 1), &[wrong(6, 2), sold(6, 240_00)]);
    only(&mut oracle, purchase(7, 60_00, pin(7)), sold(7, 240_00), &[wrong(7, 0)]);
    only(&mut oracle, purchase(8, 60_00, pin(8)), wrong(8, 1), &[wrong(8, 0)]);
    only(&mut oracle, purchase(9, 60_00, pin(9)), wrong(9, 0), &[declined(9, MessageType::PURCHASE, 75)]);
    let locked = declined(10, MessageType::PURCHASE, 75);
    only(&mut oracle, purchase(10, 60_00, pin(7)), locked, &[sold(10, 180_00), wrong(10, 0)]);
    // Below the amount nobody asks.
    let small = fact(11, MessageType::PURCHASE, 0, 1_00, wallet(-1_00, 0, 1), wallet(239_00, 20_00, 61));
    only(&mut oracle, purchase(11, 1_00, pin(8)), small, &[wrong(11, 0)]);
}

#[test]
fn points_pay_first_and_come_back_last() {
    let mut oracle = two();
    oracle.programme.standard.pin = None;
    let sale = fact(4, MessageType::PURCHASE, 0, 200_00, wallet(-200_00, 0, 200), wallet(100_00, 20_00, 200));
    trade(&mut oracle, intent(4, MessageType::PURCHASE, 200_00), sale);
    let points = |points| Extra { points: Some(points), ..Extra::default() };
    // 150 points are 1.50; the other 8.50 earn 8.
    let paid = fact(5, MessageType::PURCHASE, 0, 10_00, wallet(-8_50, 0, -142), wallet(91_50, 20_00, 58));
    let earned_on_all = Fact {
        changes: Some(wallet(-8_50, 0, -140)),
        balances: Some(wallet(91_50, 20_00, 60)),
        ..paid.clone()
    };
    only(&mut oracle, purchase(5, 10_00, points(150)), paid, &[earned_on_all]);
    for (stan, amount, used, code) in
        [(6, 10_00, 55, 61), (7, 10_00, 40, 61), (8, 10_00, 510, 61), (9, 10_00, 60, 51)]
    {
        let right = declined(stan, MessageType::PURCHASE, code);
        let other = declined(stan, MessageType::PURCHASE, 57);
        only(&mut oracle, purchase(stan, amount, points(used)), right, &[other]);
    }
    let back =
        |stan, amount| Intent { original: Some(key("T1", 5)), ..intent(stan, MessageType::REFUND, amount) };
    // 8.50 to the balance, and 0.50 of what 150 points were worth: 50 of them.
    let given = Fact {
        state: Some(TransactionState::REFUNDED_IN_PART.0),
        ..fact(10, MessageType::REFUND, 0, 9_00, wallet(8_50, 0, 42), wallet(100_00, 20_00, 100))
    };
    let early = Fact { balances: Some(wallet(100_00, 20_00, 101)), ..given.clone() };
    only(&mut oracle, back(10, 9_00), given, &[early]);
}

#[test]
fn no_more_of_an_item_comes_back_than_was_sold() {
    let mut oracle = two();
    let line = |item: &str, quantity, amount| Line { item: item.into(), quantity, amount };
    let lines = |lines: &[Line]| Extra { lines: lines.to_vec(), ..Extra::default() };
    let basket = lines(&[line("tea", 2_000, 6_00), line("cake", 1_000, 4_00)]);
    let sale = fact(4, MessageType::PURCHASE, 0, 10_00, wallet(-10_00, 0, 10), wallet(290_00, 20_00, 10));
    trade(&mut oracle, purchase(4, 10_00, basket), sale);
    let back = |stan, amount, what: &[Line]| Intent {
        original: Some(key("T1", 4)),
        extra: lines(what),
        ..intent(stan, MessageType::REFUND, amount)
    };
    let given = Fact {
        state: Some(TransactionState::REFUNDED_IN_PART.0),
        ..fact(5, MessageType::REFUND, 0, 3_00, wallet(3_00, 0, -3), wallet(293_00, 20_00, 7))
    };
    only(
        &mut oracle,
        back(5, 3_00, &[line("tea", 1_000, 3_00)]),
        given,
        &[declined(5, MessageType::REFUND, 61)],
    );
    let unsold =
        Fact { state: Some(TransactionState::REFUNDED_IN_PART.0), ..declined(6, MessageType::REFUND, 12) };
    let other = declined(6, MessageType::REFUND, 61);
    only(&mut oracle, back(6, 1_00, &[line("milk", 1_000, 1_00)]), unsold, &[other]);
    for (stan, again) in [(7, line("tea", 1_001, 1_00)), (8, line("tea", 1_000, 3_01))] {
        let amount = again.amount;
        let given = fact(stan, MessageType::REFUND, 0, amount, wallet(amount, 0, 0), wallet(0, 0, 0));
        only(&mut oracle, back(stan, amount, &[again]), declined(stan, MessageType::REFUND, 61), &[given]);
    }
}

#[test]
fn an_advice_is_approved_in_full_and_says_what_the_card_could_not_pay() {
    let mut oracle = two();
    let advised = Fact {
        shortfall: Some(80_00),
        ..fact(4, MessageType::ADVICE, 0, 400_00, wallet(-300_00, -20_00, 320), wallet(0, 0, 320))
    };
    let wrong = [
        Fact { shortfall: Some(79_99), ..advised.clone() },
        Fact { shortfall: None, ..advised.clone() },
        Fact { approved: Some(320_00), ..advised.clone() },
        declined(4, MessageType::ADVICE, 51),
    ];
    only(&mut oracle, intent(4, MessageType::ADVICE, 400_00), advised, &wrong);
    let nothing = Fact {
        shortfall: Some(5_00),
        balances: None,
        changes: None,
        ..fact(5, MessageType::ADVICE, 0, 5_00, wallet(0, 0, 0), wallet(0, 0, 320))
    };
    only(&mut oracle, intent(5, MessageType::ADVICE, 5_00), nothing, &[]);
    assert_eq!(oracle.shift_totals("T1", 1, 1).get(&MessageType::ADVICE.0), Some(&(2, 405_00)));
}

#[test]
fn a_claim_credits_nobody_and_is_never_undone() {
    let mut oracle = two();
    let taken = |stan| Fact {
        balances: None,
        changes: None,
        ..fact(stan, MessageType::CASH_TAKEN, 0, 50_00, wallet(0, 0, 0), wallet(0, 0, 0))
    };
    let credited =
        Fact { balances: Some(wallet(350_00, 20_00, 0)), changes: Some(wallet(50_00, 0, 0)), ..taken(4) };
    only(
        &mut oracle,
        intent(4, MessageType::CASH_TAKEN, 50_00),
        taken(4),
        &[credited, declined(4, MessageType::CASH_TAKEN, 12)],
    );
    assert_eq!(oracle.card(card()), Some((true, wallet(300_00, 20_00, 0))));
    let void = Intent { original: Some(key("T1", 4)), ..intent(5, MessageType::VOID, 0) };
    let with_state = Fact { state: Some(1), ..declined(5, MessageType::VOID, 12) };
    only(&mut oracle, void, declined(5, MessageType::VOID, 12), &[with_state]);
}

#[test]
fn a_quote_of_something_else_is_not_taken() {
    let mut oracle = two();
    let bad = Extra { quote: Some(false), ..Extra::default() };
    let sold = fact(4, MessageType::PURCHASE, 0, 1_00, wallet(-1_00, 0, 1), wallet(299_00, 20_00, 1));
    only(&mut oracle, purchase(4, 1_00, bad), declined(4, MessageType::PURCHASE, 12), &[sold]);
    let good = Extra { quote: Some(true), ..Extra::default() };
    let sold = fact(5, MessageType::PURCHASE, 0, 1_00, wallet(-1_00, 0, 1), wallet(299_00, 20_00, 1));
    only(&mut oracle, purchase(5, 1_00, good.clone()), sold, &[declined(5, MessageType::PURCHASE, 51)]);
    oracle.check_citations();
    assert_eq!(oracle.mismatches(), []);
    let mut never = two();
    for stan in 4..14 {
        trade(&mut never, purchase(stan, 1_00, good.clone()), declined(stan, MessageType::PURCHASE, 12));
    }
    assert_eq!(never.mismatches(), []);
    never.check_citations();
    assert_eq!(never.mismatches().len(), 1);
}

#[test]
fn what_is_to_be_raised_is_looked_at_before_the_pin() {
    let mut oracle = two();
    let raise = Intent { original: Some(key("T1", 2)), ..intent(4, MessageType::AUTHORIZE, 60_00) };
    let wrong = [declined(4, MessageType::AUTHORIZE, 70)];
    only(&mut oracle, raise, declined(4, MessageType::AUTHORIZE, 25), &wrong);
}
