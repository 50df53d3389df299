//! Cards of a corporate account: one purse, and each card's own limits, PIN, points and memory.

use super::people::is_right;
use super::*;

const COMPANY: Product = Product { account: true, spend: Spend::ProRata, ..Product::STANDARD };

fn reference(number: u64) -> CardReference {
    CardReference::from_parts(number).unwrap()
}

/// The account, and two cards that are bound to it.
fn cards() -> [CardReference; 3] {
    [90, 91, 92].map(reference)
}

fn corporate(card: CardReference, product: &str, account: Option<(CardReference, OwnLimits)>) -> Corporate {
    Corporate { card, product: product.into(), account, active: true, expires: None }
}

fn by(card: CardReference, intent: Intent) -> Intent {
    Intent { card: Some(card.number()), ..intent }
}

fn declined(stan: u32, kind: MessageType, code: u8) -> Fact {
    fact(stan, kind, code, 0, wallet(0, 0, 0), wallet(0, 0, 0))
}

/// An account with 100.00 and a bonus of 5.00. Its first card may spend 20.00 in a day and 30.00 in a month; both cards are
/// of this product, whose spend order is theirs.
fn company(standard: Product) -> Oracle {
    let others = BTreeMap::from([("company".to_owned(), COMPANY)]);
    let mut oracle = Oracle::of(Programme { standard, others, ..Programme::default() });
    let [account, first, second] = cards();
    cards().into_iter().for_each(|card| oracle.issue(card));
    let limits = OwnLimits { day: Some(20_00), month: Some(30_00) };
    let bound = [
        corporate(account, "company", None),
        corporate(first, "standard", Some((account, limits))),
        corporate(second, "standard", Some((account, OwnLimits::default()))),
    ];
    oracle.put_into_use(&bound).unwrap();
    let load = fact(1, MessageType::LOAD, 0, 100_00, wallet(100_00, 5_00, 0), wallet(100_00, 5_00, 0));
    trade(&mut oracle, by(account, intent(1, MessageType::LOAD, 100_00)), load);
    assert_eq!(oracle.mismatches(), []);
    oracle
}

fn sold(stan: u32, amount: i64, left: Wallet) -> Fact {
    fact(stan, MessageType::PURCHASE, 0, amount, wallet(-amount, 0, amount / 100), left)
}

#[test]
fn a_bound_card_spends_the_accounts_money_and_keeps_its_points() {
    let mut oracle = company(Product::STANDARD);
    let [account, first, second] = cards();
    let sale = |stan, card, amount| by(card, intent(stan, MessageType::PURCHASE, amount));
    let right = sold(2, 10_00, wallet(90_00, 5_00, 10));
    let empty = declined(2, MessageType::PURCHASE, 51);
    is_right(&oracle, &sale(2, first, 10_00), &right, &empty);
    trade(&mut oracle, sale(2, first, 10_00), right);
    // The other card has less of the money, and none of the points.
    let right = sold(3, 30_00, wallet(60_00, 5_00, 30));
    let theirs = sold(3, 30_00, wallet(60_00, 5_00, 40));
    is_right(&oracle, &sale(3, second, 30_00), &right, &theirs);
    trade(&mut oracle, sale(3, second, 30_00), right);
    assert_eq!(oracle.card(account), Some((true, wallet(60_00, 5_00, 0))));
    assert_eq!(oracle.card(first), Some((true, wallet(60_00, 5_00, 10))));
    // What one card bought is refunded to the purse of all, and its own points are gone; another one's is not known to it.
    let named = |stan, kind, card, amount| Intent {
        original: Some(key("T1", 2)),
        ..by(card, intent(stan, kind, amount))
    };
    let state = Some(TransactionState::REFUNDED.0);
    let back = fact(4, MessageType::REFUND, 0, 10_00, wallet(10_00, 0, -10), wallet(70_00, 5_00, 0));
    let back = Fact { state, ..back };
    let none = declined(4, MessageType::REFUND, 25);
    is_right(&oracle, &named(4, MessageType::REFUND, first, 10_00), &back, &none);
    is_right(&oracle, &named(4, MessageType::REFUND, second, 10_00), &none, &back);
    trade(&mut oracle, named(4, MessageType::REFUND, first, 10_00), back);
    assert_eq!(oracle.card(second), Some((true, wallet(70_00, 5_00, 30))));
    assert_eq!(oracle.mismatches(), []);
}

#[test]
fn what_one_card_holds_no_other_spends_nor_captures() {
    let mut oracle = company(Product::STANDARD);
    let [account, first, second] = cards();
    let hold = Some(HoldShown { reference: 102, held: 15_00, expires: 1_000 + COMPANY.hold_seconds });
    let held = fact(2, MessageType::AUTHORIZE, 0, 15_00, wallet(0, 0, 0), wallet(85_00, 5_00, 0));
    trade(&mut oracle, by(first, intent(2, MessageType::AUTHORIZE, 15_00)), Fact { hold, ..held });
    assert_eq!(oracle.card(account), Some((true, wallet(85_00, 5_00, 0))));
    assert_eq!([oracle.holds(second), oracle.holds(account)], [1, 1]);
    let over = by(second, intent(3, MessageType::PURCHASE, 90_01));
    let paid = fact(3, MessageType::PURCHASE, 0, 90_01, wallet(-90_01, 0, 90), wallet(9_99, 5_00, 90));
    is_right(&oracle, &over, &declined(3, MessageType::PURCHASE, 51), &paid);
    let capture =
        |card| Intent { original: Some(key("T1", 2)), ..by(card, intent(3, MessageType::CAPTURE, 15_00)) };
    let hold = hold.map(|hold| HoldShown { held: 0, ..hold });
    let taken = fact(3, MessageType::CAPTURE, 0, 15_00, wallet(-15_00, 0, 15), wallet(85_00, 5_00, 15));
    let taken = Fact { hold, ..taken };
    let none = declined(3, MessageType::CAPTURE, 25);
    is_right(&oracle, &capture(first), &taken, &none);
    is_right(&oracle, &capture(second), &none, &taken);
}

#[test]
fn its_own_limits_and_its_products_bound_what_it_spends_and_no_other_card() {
    let [_, first, second] = cards();
    let daily = Some(Allowance { counts: [None, Some(2), None], sums: [None; 3] });
    let mut oracle = company(Product { daily, ..Product::STANDARD });
    let sale = |stan, card, amount| by(card, intent(stan, MessageType::PURCHASE, amount));
    let on = |date, fact| Fact { date, ..fact };
    let over = |stan, date| on(date, declined(stan, MessageType::PURCHASE, 61));
    let (first_day, second_day) = (2026_05_01, 2026_05_02);
    let right = on(first_day, sold(2, 20_01, wallet(79_99, 5_00, 20)));
    is_right(&oracle, &sale(2, first, 20_01), &over(2, first_day), &right);
    is_right(&oracle, &sale(2, second, 20_01), &right, &over(2, first_day));
    trade(&mut oracle, sale(2, first, 15_00), on(first_day, sold(2, 15_00, wallet(85_00, 5_00, 15))));
    // The day's money, then on the next day the month's.
    let one = |stan, date| on(date, sold(stan, 5_01, wallet(79_99, 5_00, 20)));
    is_right(&oracle, &sale(3, first, 5_01), &over(3, first_day), &one(3, first_day));
    is_right(&oracle, &sale(3, first, 5_01), &one(3, second_day), &over(3, second_day));
    let month = on(second_day, sold(3, 15_01, wallet(69_99, 5_00, 30)));
    is_right(&oracle, &sale(3, first, 15_01), &over(3, second_day), &month);
    // Its product lets it buy twice.
    trade(&mut oracle, sale(3, first, 1_00), on(first_day, sold(3, 1_00, wallet(84_00, 5_00, 16))));
    let third = on(first_day, sold(4, 1_00, wallet(83_00, 5_00, 17)));
    is_right(&oracle, &sale(4, first, 1_00), &over(4, first_day), &third);
}

#[test]
fn its_money_comes_from_nowhere_and_goes_nowhere_else() {
    let transfers = Product { max_transfer: Some(50_00), max_unload: Some(50_00), ..Product::STANDARD };
    let oracle = company(Product { offline: true, ..transfers });
    let [account, first, _] = cards();
    for kind in [MessageType::LOAD, MessageType::UNLOAD] {
        let done = fact(2, kind, 0, 10_00, wallet(10_00, 0, 0), wallet(110_00, 5_00, 0));
        is_right(&oracle, &by(first, intent(2, kind, 10_00)), &declined(2, kind, 57), &done);
    }
    let given = fact(2, MessageType::TRANSFER, 0, 10_00, wallet(-10_00, 0, 0), wallet(90_00, 5_00, 0));
    let mut with_own = oracle.clone();
    with_own.issue(card());
    with_own.put_into_use(&[corporate(card(), "standard", None)]).unwrap();
    for (from, to) in [(first, card()), (card(), first), (first, account)] {
        let extra = Extra { to: Some(to.number()), ..Extra::default() };
        let transfer = Intent { extra, ..by(from, intent(2, MessageType::TRANSFER, 10_00)) };
        is_right(&with_own, &transfer, &declined(2, MessageType::TRANSFER, 57), &given);
    }
    // A sale without the gateway gets nothing of a bound card; its account's product is not for that at all.
    let advice = fact(2, MessageType::ADVICE, 0, 10_00, wallet(-10_00, 0, 10), wallet(90_00, 5_00, 10));
    let paid = Fact { shortfall: Some(0), ..advice };
    let unpaid = Fact { shortfall: Some(10_00), balances: None, changes: None, ..paid.clone() };
    is_right(&oracle, &by(first, intent(2, MessageType::ADVICE, 10_00)), &unpaid, &paid);
    is_right(&oracle, &by(account, intent(2, MessageType::ADVICE, 10_00)), &unpaid, &paid);
}

#[test]
fn what_two_tills_take_from_one_purse_is_judged_in_the_order_of_the_journal() {
    let [_, first, second] = cards();
    let from = |terminal: &str, sale: Intent| Intent { key: key(terminal, 2), ..sale };
    let one = from("T1", by(first, intent(2, MessageType::PURCHASE, 10_00)));
    let other = from("T2", by(second, intent(2, MessageType::PURCHASE, 100_00)));
    let answer =
        |terminal: &str, index, fact| Fact { key: key(terminal, 2), about: key(terminal, 2), index, ..fact };
    let paid = answer("T1", 110, sold(2, 10_00, wallet(90_00, 5_00, 10)));
    let lacks = answer("T2", 111, declined(2, MessageType::PURCHASE, 51));
    let all = answer("T2", 109, sold(2, 100_00, wallet(0, 5_00, 100)));
    let settle = |facts: [(&str, &Fact); 2]| {
        let mut oracle = company(Product { spend: Spend::PrincipalFirst, ..Product::STANDARD });
        oracle.begin(one.clone());
        oracle.begin(other.clone());
        for (terminal, fact) in facts {
            assert_eq!(oracle.mismatches(), []);
            oracle.settle(&key(terminal, 2), vec![fact.clone()]);
        }
        oracle.mismatches().len()
    };
    // Whichever answer is seen first.
    assert_eq!(settle([("T1", &paid), ("T2", &lacks)]), 0);
    assert_eq!(settle([("T2", &lacks), ("T1", &paid)]), 0);
    let lacks_too = answer("T1", 110, declined(2, MessageType::PURCHASE, 51));
    assert_eq!(settle([("T2", &all), ("T1", &lacks_too)]), 0);
    // Both cannot have it all.
    assert_eq!(settle([("T2", &all), ("T1", &paid)]), 1);
}

#[test]
fn bonus_pays_its_share_where_the_product_says_so() {
    let oracle = company(Product::STANDARD);
    let [account, ..] = cards();
    let sale = by(account, intent(2, MessageType::PURCHASE, 21_20));
    // 5.00 of 105.00: 1.0095, rounded down.
    let right = fact(2, MessageType::PURCHASE, 0, 21_20, wallet(-20_20, -1_00, 0), wallet(79_80, 4_00, 0));
    let first = sold(2, 21_20, wallet(78_80, 5_00, 0));
    is_right(&oracle, &sale, &right, &first);
}

#[test]
fn a_card_is_bound_to_an_account_of_the_shop_alone() {
    let [account, first, _] = cards();
    let to = |account| Some((account, OwnLimits::default()));
    let others = BTreeMap::from([("company".to_owned(), COMPANY)]);
    for wrong in [
        vec![corporate(first, "standard", to(account))],
        vec![corporate(account, "standard", None), corporate(first, "standard", to(account))],
        vec![corporate(account, "company", None), corporate(first, "company", to(account))],
        vec![corporate(account, "firm", None)],
        vec![corporate(reference(93), "company", None)],
    ] {
        let mut oracle = Oracle::of(Programme { others: others.clone(), ..Programme::default() });
        cards().into_iter().for_each(|card| oracle.issue(card));
        assert!(oracle.put_into_use(&wrong).is_err(), "{wrong:?}");
    }
}
