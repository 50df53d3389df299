//! The three classic points systems (LOYALTY B2), as their example programmes have them, priced by hand: fixed (固定积分型), variable
//! (可变积分型), convertible (积分可变型).

use gateway::domain::{Command, Decision};
use gateway::{programme_file, translate};

use super::book::{Book, DAY, claim, lines};

const FIXED: &str = include_str!("../../../programmes/points-fixed.toml");
const VARIABLE: &str = include_str!("../../../programmes/points-variable.toml");
const CONVERTIBLE: &str = include_str!("../../../programmes/points-convertible.toml");
/// The largest load and balance of their cards.
const FULL: i64 = 5_000_00;
/// The smallest.
const LEAST: i64 = 1_00;

/// A book of one card, on 1 March 2027 at noon.
fn book(document: &str) -> Book {
    Book::of(programme_file::parse(document).expect("a programme"), ["standard"])
}

/// Buys for so much in all, in sales of a full card, and looks at the member behind each.
fn spend(book: &mut Book, minor: i64) {
    let mut left = minor;
    while left > 0 {
        let amount = left.min(FULL);
        left -= amount;
        buy(book, amount);
    }
}

/// Buys from a card that was loaded for it.
fn buy(book: &mut Book, minor: i64) -> (usize, Decision) {
    let missing = minor - book.has(0, 1);
    if missing > 0 {
        book.load(0, missing.max(LEAST));
    }
    let sale = book.sale(0, minor);
    book.sweep();
    sale
}

fn wait(book: &mut Book, days: i64) {
    book.clock(book.now.s() + days * DAY);
    book.sweep();
}

/// Points that can be spent, and those that wait.
fn points(book: &Book) -> (i64, i64) {
    (book.has(0, 16), book.has(0, 48))
}

#[test]
fn fixed_is_one_rate_for_everybody_and_a_level_by_what_was_ever_bought() {
    let mut book = book(FIXED);
    // 150.00 and 50.00 are 200.00: 2 points. Then 99.99 are none, and a cent more is one.
    for (minor, waiting) in [(150_00, 1), (50_00, 2), (99_99, 2), (1, 3)] {
        buy(&mut book, minor);
        assert_eq!(points(&book), (0, waiting), "{minor}");
    }
    // Sold on 1 March: they can come back on 8 March, and the points are there on 9 March.
    wait(&mut book, 7);
    assert_eq!(points(&book), (0, 3));
    wait(&mut book, 1);
    assert_eq!(points(&book), (3, 0));

    // 300.00 so far. Silver from 10,000.00, gold from 50,000.00.
    spend(&mut book, 9_699_99);
    assert_eq!((book.tier(0), points(&book)), (None, (3, 96)), "9,999.99: 99 points in all");
    buy(&mut book, 1);
    assert_eq!((book.tier(0), points(&book)), (Some("silver"), (3, 97)), "10,000.00: 100 points");
    buy(&mut book, 100_00);
    assert_eq!(points(&book), (3, 98), "still a point for 100.00");
    spend(&mut book, 39_899_99);
    assert_eq!(book.tier(0), Some("silver"), "49,999.99");
    let (last, _) = buy(&mut book, 100_00);
    assert_eq!((book.tier(0), points(&book)), (Some("gold"), (3, 497)), "50,099.99: 500 points");
    // 99.99 come back of it: 50,000.00 are still gold, and the point goes. With the last cent it is 49,999.99.
    book.refund(last, 99_99);
    book.sweep();
    assert_eq!((book.tier(0), points(&book)), (Some("gold"), (3, 496)));
    book.refund(last, 1);
    book.sweep();
    assert_eq!(book.tier(0), Some("silver"));
    buy(&mut book, 1);
    assert_eq!((book.tier(0), points(&book)), (Some("gold"), (3, 497)), "50,000.00: 500 points");
    // Two years later the points are gone, and the level is not.
    wait(&mut book, 730);
    assert_eq!((book.tier(0), points(&book)), (Some("gold"), (0, 0)));
}

#[test]
fn variable_gives_more_the_more_somebody_has_bought_in_twelve_months() {
    let mut book = book(VARIABLE);
    let bought = |book: &mut Book, minor| {
        let (_, decision) = buy(book, minor);
        lines(&decision).iter().map(|(rule, _, points)| ((*rule).to_owned(), *points)).collect::<Vec<_>>()
    };
    let plain = |points| vec![("spend-points".to_owned(), points)];
    let times = |points, rule: &str, more| vec![("spend-points".to_owned(), points), (rule.to_owned(), more)];
    assert_eq!(bought(&mut book, 9_99), []);
    assert_eq!(bought(&mut book, 95_00), plain(9));
    spend(&mut book, 9_895_00);
    // 9,999.99 before: a purchase is priced by what was bought before it.
    assert_eq!(bought(&mut book, 100_00), plain(10));
    // Silver: 9 points are 13.5, and 10 are 15.
    assert_eq!(bought(&mut book, 95_00), times(9, "silver-points", 4));
    assert_eq!(bought(&mut book, 100_00), times(10, "silver-points", 5));
    // On a birthday x2 is better than x1.5.
    book.birthday = Some((3, 1));
    assert_eq!(bought(&mut book, 100_00), times(10, "birthday-points", 10));
    book.birthday = Some((3, 2));
    assert_eq!(bought(&mut book, 100_00), times(10, "silver-points", 5));
    // 10,494.99 so far, and 39,505.00 more: a cent below gold.
    spend(&mut book, 39_505_00);
    assert_eq!(bought(&mut book, 10_00), times(1, "silver-points", 0)[..1].to_vec(), "1.5 is 1");
    assert_eq!(bought(&mut book, 100_00), times(10, "gold-points", 10));
    // A gold member's birthday is worth x2, not x4.
    book.birthday = Some((3, 1));
    assert_eq!(bought(&mut book, 100_00), times(10, "gold-points", 10));
    // March 2027 is one of the twelve months until February 2028.
    wait(&mut book, 364);
    assert_eq!(book.now.business_date, 2028_02_28);
    assert_eq!(bought(&mut book, 100_00), times(10, "gold-points", 10));
    wait(&mut book, 2);
    assert_eq!(book.now.business_date, 2028_03_01);
    book.birthday = None;
    assert_eq!(bought(&mut book, 100_00), plain(10));
    // To the end of the year in which they are a year old: those of 2027 to the end of 2028.
    let held = points(&book).0;
    wait(&mut book, 305);
    assert_eq!((book.now.business_date, points(&book).0), (2028_12_31, held));
    wait(&mut book, 1);
    assert_eq!(points(&book).0, 20 + 10, "those of February and March 2028 are left");
}

#[test]
fn convertible_points_are_money_and_spending_them_costs_nobody_their_level() {
    let mut book = book(CONVERTIBLE);
    // A point for 100.00, until 500 were ever earned.
    spend(&mut book, 49_900_00);
    assert_eq!(points(&book), (0, 499));
    buy(&mut book, 199_99);
    assert_eq!(points(&book), (0, 500), "1 for 199.99, at 499 earned");
    buy(&mut book, 199_99);
    assert_eq!(points(&book), (0, 502), "2, at 500");
    wait(&mut book, 8);
    assert_eq!(points(&book), (502, 0));

    // 1 point pays 1.00, up to half of a purchase; what points pay earns nothing.
    let pay = |book: &mut Book, minor: i64, used: i64| {
        let (claim, lines) = (claim(0), Vec::new());
        let wish =
            Command::Purchase { claim, amount: minor, partial_allowed: false, points: Some(used), lines };
        let decision = book.ask(wish, Vec::new());
        (translate::code(decision.verdict).0, decision.amount)
    };
    book.load(0, 700_00);
    assert_eq!(pay(&mut book, 1_000_00, 501), (61, None), "more than half of it");
    assert_eq!(pay(&mut book, 1_010_00, 503), (51, None), "more than there are");
    assert_eq!(pay(&mut book, 1_004_00, 502), (0, Some(1_004_00)));
    let sale = book.entries() - 1;
    assert_eq!((book.has(0, 1), points(&book)), (198_00, (0, 10)), "502.00 of the balance: 5 times 2 points");
    // None is left of the points, and still it is 2 for 100.00.
    buy(&mut book, 100_00);
    assert_eq!(points(&book), (0, 12));

    // The balance comes back first: with 502.00 all that was earned by it, and the points that paid come after.
    assert_eq!(book.refundable(sale), 1_004_00);
    let (_, back) = book.refund(sale, 502_00);
    assert_eq!((back.amount, points(&book)), (Some(502_00), (0, 2)));
    let (_, back) = book.refund(sale, 100_50);
    assert_eq!((back.amount, points(&book)), (Some(100_50), (100, 2)), "half a point is none");
    book.refund(sale, 401_50);
    assert_eq!((book.has(0, 1), points(&book)), (98_00 + 502_00, (502, 2)));
}
