//! When points come and go (LOYALTY B8, B9): pending until the return right ends, and where their last day is.

use gateway::domain::{Account, Command, Effect, Kind, expire};

use super::book::{Book, DAY, START_S, claim, lines, reference};

/// 04:00 of the day after 1 March 2027, when its business day ends.
const DAY_ENDS: i64 = START_S + 16 * 3600;

fn pending(rule: &str) -> Book {
    let mut book = Book::new(&format!("[[purchase_points]]\nrule = \"r\"\nper = \"1\"\ngives = 1\n{rule}\n"));
    book.load(0, 1_000_00);
    book
}

#[test]
fn points_are_pending_to_the_end_of_the_last_return_day_and_released_once() {
    for rule in ["pending = \"return-days\"", "pending_days = 7"] {
        let mut book = pending(rule);
        let (_, decision) = book.sale(0, 30_00);
        assert_eq!((lines(&decision), decision.explanation[0].notes.0), (vec![("r", "1/1.00", 30)], 8));
        assert_eq!((book.has(0, 16), book.has(0, 48)), (0, 30), "{rule}");
        let release = DAY_ENDS + 7 * DAY;
        book.clock(release - 1);
        book.sale(0, 1_00);
        assert_eq!((book.has(0, 16), book.has(0, 48)), (0, 31), "a second before");
        book.clock(release);
        book.sale(0, 1_00);
        assert_eq!((book.has(0, 16), book.has(0, 48)), (30, 2), "touched");
        // The sweep books the rest, once.
        book.clock(release + 8 * DAY);
        let card = &book.state.cards[&reference(0)];
        assert!(card.due().is_some_and(|due| due <= book.now.s()));
        let (left, effects) = expire(card, &book.programme, 99, book.now).expect("in range");
        assert!(!effects.is_empty() && left.due().is_none_or(|due| due > book.now.s()));
        let again = expire(&left, &book.programme, 99, book.now).expect("in range").1;
        assert_eq!(again, []);
        assert_eq!((left.available(Kind(16), book.now.s()), left.available(Kind(48), book.now.s())), (32, 0));
    }
}

#[test]
fn points_end_by_the_day_of_their_release_however_late_it_is_booked() {
    let day_after = "[expiry]\npoints_months = 12\n";
    for late in [0, 1, 40, 364, 365, 366, 800] {
        let mut book = pending(&format!("pending_days = 7\n{day_after}"));
        book.sale(0, 30_00);
        // Released on 9 March 2027: to the end of 9 March 2028.
        let (release, ends) = (DAY_ENDS + 7 * DAY, DAY_ENDS + 8 * DAY + 366 * DAY);
        book.clock(release + late * DAY);
        let card = &book.state.cards[&reference(0)];
        let (left, _) = expire(card, &book.programme, 99, book.now).expect("in range");
        let lots = left.lots.iter().filter(|lot| lot.kind != Kind(1));
        let lots: Vec<_> = lots.map(|lot| (lot.kind, lot.amount, lot.expires)).collect();
        let there = if book.now.s() < ends { vec![(Kind(16), 30, Some(ends))] } else { Vec::new() };
        assert_eq!(lots, there, "{late} days late");
        assert_eq!(left.due(), lots.first().map(|_| ends), "nothing is left to be booked");
    }
}

#[test]
fn a_refund_takes_what_is_pending_first() {
    let mut book = pending("pending_days = 6");
    let (first, _) = book.sale(0, 30_00);
    // Released a day before the last return day ends.
    book.clock(DAY_ENDS + 6 * DAY);
    let (second, _) = book.sale(0, 10_00);
    assert_eq!((book.has(0, 16), book.has(0, 48)), (30, 10));
    book.refund(first, 5_00);
    assert_eq!((book.has(0, 16), book.has(0, 48)), (30, 5), "pending first");
    book.refund(second, 10_00);
    assert_eq!((book.has(0, 16), book.has(0, 48)), (25, 0));
    book.refund(first, 25_00);
    assert_eq!((book.has(0, 16), book.has(0, 48), book.owes(0, 16)), (0, 0, 0));
}

#[test]
fn a_sale_whose_points_are_pending_is_reversed_before_and_after_they_are_released() {
    for later in [0, 8 * DAY] {
        let mut book = pending("pending_days = 7");
        let (sale, _) = book.sale(0, 30_00);
        book.clock(START_S + later);
        book.reverse(sale);
        assert_eq!((book.has(0, 16), book.has(0, 48), book.owes(0, 16)), (0, 0, 0));
    }
}

#[test]
fn a_refund_that_is_undone_takes_the_points_that_it_gave_and_leaves_pending_ones_pending() {
    let mut book = pending("pending_days = 7\n[points_payment]\nrule = \"pay\"\npoints = 1\npays = \"1.00\"");
    book.sale(0, 30_00);
    book.clock(DAY_ENDS + 7 * DAY);
    let (claim, lines) = (claim(0), Vec::new());
    let by_points =
        Command::Purchase { claim, amount: 20_00, partial_allowed: false, points: Some(5), lines };
    assert!(book.ask(by_points, Vec::new()).is_approved());
    let sale = book.entries() - 1;
    assert_eq!((book.has(0, 16), book.has(0, 48)), (25, 15));
    let (refund, _) = book.refund(sale, 20_00);
    assert_eq!((book.has(0, 16), book.has(0, 48)), (30, 0));
    let original = book.named(refund);
    assert!(book.ask(Command::Void { original }, Vec::new()).is_approved());
    assert_eq!((book.has(0, 16), book.has(0, 48)), (25, 15), "as before the refund");
}

/// The last business day of points that are earned on 1 March 2027.
fn last_day(rules: &str, kind: u8) -> Option<u32> {
    let mut book = Book::new(&format!(
        "{rules}\n[[purchase_points]]\nrule = \"o\"\ngives = 1\n[[purchase_points]]\nrule = \"c\"\nof = \"courtesy\"\ngives = 1\n"
    ));
    book.load(0, 1_00);
    let (_, decision) = book.sale(0, 1_00);
    let ends = decision.effects.iter().find_map(|effect| match effect {
        Effect::Posting(posting) if posting.kind == Kind(kind) => match &posting.account {
            Account::Card { expires, .. } => Some(*expires),
            Account::Named(_) => None,
        },
        _ => None,
    });
    let ends = ends.expect("points")?;
    Some(book.programme.business_date((ends - 1) * 1000).expect("a date"))
}

#[test]
fn points_end_on_the_day_or_with_its_month_or_year_each_currency_as_it_says() {
    let courtesy = |more: &str| format!("[points.courtesy]\nkind = 17\nname = \"C\"\n{more}\n");
    let with = |expiry: &str, more: &str| format!("[expiry]\n{expiry}\n{}", courtesy(more));
    for (expiry, more, ordinary, other) in [
        ("", "", None, None),
        ("points_months = 12", "", Some(2028_03_01), Some(2028_03_01)),
        ("points_months = 12\npoints_ends = \"month\"", "", Some(2028_03_31), Some(2028_03_31)),
        ("points_months = 12\npoints_ends = \"year\"", "ends = \"day\"", Some(2028_12_31), Some(2028_03_01)),
        ("points_months = 0\npoints_ends = \"year\"", "months = 23", Some(2027_12_31), Some(2029_12_31)),
        ("", "months = 11\nends = \"month\"", None, Some(2028_02_29)),
    ] {
        let rules = with(expiry, more);
        assert_eq!((last_day(&rules, 16), last_day(&rules, 17)), (ordinary, other), "{expiry} {more}");
    }
    let leap = Book::new("[expiry]\npoints_months = 12\n");
    let mut at = leap.now;
    at.business_date = 2028_02_29;
    let ends = leap.programme.points_expiry(Kind::POINTS, at).expect("an end");
    assert_eq!(leap.programme.business_date((ends - 1) * 1000), Ok(2029_02_28));
}
