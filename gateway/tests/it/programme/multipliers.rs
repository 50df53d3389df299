//! Multipliers and segments (LOYALTY B3, E7).

use super::book::{Book, DAY, START_S, goods, lines, reference};

const POINT: &str = "[[purchase_points]]\nrule = \"r\"\nper = \"1\"\ngives = 1\n";

fn times(name: &str, times: &str, more: &str) -> String {
    format!("[[multiplier]]\nrule = \"{name}\"\ntimes = \"{times}\"\n{more}\n")
}

fn book(rules: &str) -> Book {
    let mut book = Book::new(&format!("{POINT}{rules}"));
    book.load(0, 100_000_00);
    book
}

#[test]
fn they_stack_as_declared_up_to_the_most_and_round_down_over_all_of_them() {
    let three = [times("a", "1.5", ""), times("b", "2", ""), times("c", "1.1", "")].concat();
    for (stacking, points, expected) in [
        ("", 7, vec![("b", "x2", 7)]),
        ("multiplier = \"best\"\nmost_times = \"1.2\"", 7, vec![("a", "x1.5", 1)]),
        ("multiplier = \"sum\"", 7, vec![("a", "x1.5", 3), ("b", "x2", 7), ("c", "x1.1", 1)]),
        ("multiplier = \"product\"", 7, vec![("a", "x1.5", 3), ("b", "x2", 11), ("c", "x1.1", 2)]),
        ("multiplier = \"product\"\nmost_times = \"2\"", 7, vec![("a", "x1.5", 3), ("b", "x2", 4)]),
        ("multiplier = \"product\"", 1, vec![("b", "x2", 2)]),
    ] {
        let mut book = book(&format!("{three}[stacking]\n{stacking}\n"));
        let (sale, decision) = book.sale(0, points * 1_00);
        assert_eq!(lines(&decision)[1..], expected, "{stacking}");
        let all: i64 = points + expected.iter().map(|line| line.2).sum::<i64>();
        assert_eq!(book.has(0, 16), all);
        book.refund(sale, points * 1_00);
        assert_eq!(book.has(0, 16), 0, "all of it comes back");
    }
}

#[test]
fn member_day_weekday_hours_store_and_campaign() {
    for (when, days) in [
        ("days = [8, 18]", vec![8, 18]),
        ("weekdays = [\"sun\"]", vec![7, 14, 21, 28]),
        ("from = \"2027-03-05\", until = \"2027-03-06\"", vec![5, 6]),
        ("hours = \"12:00-12:01\"", (1..=31).collect()),
        ("hours = \"12:01-12:00\"", vec![]),
        ("stores = [\"T\"]", vec![]),
        ("tenders = [\"stored-value\"]", (1..=31).collect()),
    ] {
        let mut book = book(&times("m", "2", &format!("when = {{ {when} }}")));
        let mut doubled = Vec::new();
        for day in 1..=31 {
            book.clock(START_S + (day - 1) * DAY);
            let (_, decision) = book.sale(0, 3_00);
            assert_eq!(book.now.business_date, 2027_03_00 + u32::try_from(day).expect("small"));
            if lines(&decision) == [("r", "1/1.00", 3), ("m", "x2", 3)] {
                doubled.push(day);
            }
        }
        assert_eq!(doubled, days, "{when}");
    }
}

#[test]
fn a_birthday_is_a_day_or_a_month_and_29_february_is_the_28th_where_there_is_none() {
    let sale = |near: &str, born: Option<(u8, u8)>, ahead: i64| {
        let mut book = book(&times("b", "2", &format!("when = {{ birthday = \"{near}\" }}")));
        book.birthday = born;
        book.clock(START_S + ahead * DAY);
        book.sale(0, 1_00).1.explanation.len() == 2
    };
    // 1 March 2027 is day 0; 28 February day -1.
    for (near, born, ahead, expected) in [
        ("day", Some((3, 1)), 0, true),
        ("day", Some((3, 1)), 1, false),
        ("day", Some((3, 1)), -1, false),
        ("day", Some((2, 29)), -1, true),
        ("day", Some((2, 29)), 0, false),
        ("day", Some((2, 29)), 365, true),
        ("day", Some((2, 29)), 364, false),
        ("month", Some((3, 31)), 0, true),
        ("month", Some((3, 31)), 30, true),
        ("month", Some((3, 31)), 31, false),
        ("month", Some((2, 1)), 0, false),
        ("month", None, 0, false),
    ] {
        assert_eq!(sale(near, born, ahead), expected, "{near} {born:?} {ahead}");
    }
}

#[test]
fn a_category_is_multiplied_by_its_share_and_a_tier_whole() {
    let tea = times("tea", "3", "categories = [\"tea\"]");
    let mut book = book(&tea);
    let basket = vec![goods("T", "tea", 1, 40_00), goods("C", "cup", 1, 60_00)];
    assert_eq!(lines(&book.sale_of(0, 100_00, basket).1)[1..], [("tea", "x3", 80)]);
    assert_eq!(book.sale(0, 100_00).1.explanation.len(), 1, "nobody said what was sold");
    let cups = vec![goods("C", "cup", 1, 1_00)];
    assert_eq!(book.sale_of(0, 1_00, cups).1.explanation.len(), 1);
    let mut book = self::book(&times("gold", "2", "when = { tiers = [\"gold\"] }\nmost = { member = 5 }"));
    assert_eq!(book.sale(0, 4_00).1.explanation.len(), 1);
    let held = gateway::domain::member::TierHeld { tier: "gold".into(), since: 2027_01_01, until: None };
    book.state.members.entry(reference(0)).or_default().standing.tier = Some(held);
    assert_eq!(lines(&book.sale(0, 4_00).1)[1..], [("gold", "x2", 4)]);
    assert_eq!(lines(&book.sale(0, 4_00).1)[1..], [("gold", "x2", 1)], "no more than its cap");
}

#[test]
fn segments_are_named_conditions_over_what_a_member_did() {
    let rules = "[[segment]]\nsegment = \"sleeping\"\nmeasures = [{ measure = \"purchases\", from = 1 }, { measure = \"purchases\", months = 3, below = 1 }]\n\
        [[segment]]\nsegment = \"tea\"\nmeasures = [{ measure = \"spent:category:tea\", months = 12, from = \"50.00\" }]\n\
        [[segment]]\nsegment = \"house\"\nmeasures = [{ measure = \"spent:brand:tea-house\", from = \"100.00\" }]\nwhen = { segments = [\"tea\"] }\n";
    let multiplied = [
        times("wake", "4", "when = { segments = [\"sleeping\"] }"),
        times("tea", "2", "when = { segments = [\"tea\"] }"),
        times("house", "3", "when = { segments = [\"house\", \"sleeping\"] }"),
    ]
    .concat();
    let mut book = book(&format!("{rules}{multiplied}"));
    let rate = |book: &mut Book, tea: i64| {
        let (at, decision) = book.sale_of(0, tea, vec![goods("T", "tea", 1, tea)]);
        (at, decision.explanation.get(1).map(|line| line.rate.clone()))
    };
    assert_eq!(rate(&mut book, 49_99).1, None, "nothing before it");
    assert_eq!(rate(&mut book, 1).1, None, "49.99 so far");
    assert_eq!(rate(&mut book, 50_00).1.as_deref(), Some("x2"), "50.00");
    let (sale, then) = rate(&mut book, 1_00);
    assert_eq!(then.as_deref(), Some("x3"), "100.00 of the brand too");
    book.refund(sale, 1_00);
    // The last purchase was in March: in May it is two months ago, in June three.
    book.clock(START_S + 91 * DAY);
    assert_eq!((book.now.business_date, rate(&mut book, 1_00).1.as_deref()), (2027_05_31, Some("x3")));
    book.clock(START_S + (91 + 62) * DAY);
    assert_eq!(
        (book.now.business_date, rate(&mut book, 1_00).1.as_deref()),
        (2027_08_01, Some("x4")),
        "woken"
    );
    assert_eq!(rate(&mut book, 1_00).1.as_deref(), Some("x3"));
}
