//! Segments by tags, age and the last purchase (LOYALTY E7).

use proptest::prelude::*;

use gateway::domain::act::{Act, Drawn, Place, decide_act};
use gateway::domain::refusal::Refusal;

use super::audit::activate_born;
use super::book::{Book, DAY, START_S, reference};
use super::why;
use crate::bench::apply;
use crate::counter::{cards, load, number, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, put_in_force, void};

/// Points for each 1.00, and more for a segment.
fn book(segment: &str) -> Book {
    let mut book = Book::new(&format!(
        "[[purchase_points]]\nrule = \"spend\"\nper = \"1.00\"\ngives = 1\n[[segment]]\nsegment = \"kind\"\n{segment}\n\
         [[multiplier]]\nrule = \"kind\"\ntimes = \"2\"\nwhen = {{ segments = [\"kind\"] }}\n"
    ));
    book.load(0, 100_000_00);
    book
}

/// Whether a sale is one to somebody of the segment; which one it is.
fn is_in(book: &mut Book) -> (usize, bool) {
    let (at, decision) = book.sale(0, 1_00);
    (at, decision.explanation.len() == 2)
}

fn tag(book: &Book, add: &[&str], remove: &[&str]) -> Result<Vec<gateway::domain::Effect>, Refusal> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let act = Act::MemberTag { card: reference(0), add: names(add), remove: names(remove) };
    let place = Place { merchant: "M", store: "S", index: 1, about: None };
    decide_act(&book.state, &book.programme, &act, Drawn::default(), place, book.now)
}

#[test]
fn one_of_its_tags_is_enough_and_they_are_given_and_taken_once() {
    let mut book = book("tags = [\"vip\", \"学生\"]");
    assert!(!is_in(&mut book).1);
    for (add, remove, inside) in [
        (&["老师"][..], &[][..], false),
        (&["学生"], &["老师"], true),
        (&["vip"], &[], true),
        (&[], &["学生", "old"], true),
        (&["old"], &["vip"], false),
    ] {
        let effects = tag(&book, add, remove).expect("an act");
        apply(&mut book.state, &effects).expect("it fits");
        assert_eq!(is_in(&mut book).1, inside, "{add:?} {remove:?}");
    }
    for (add, remove) in [(&["old"][..], &["vip"][..]), (&[], &[])] {
        assert_eq!(tag(&book, add, remove), Err(Refusal::NothingToTag), "{add:?} {remove:?}");
    }
    let twice = tag(&book, &["vip", "vip"], &[]).expect("an act");
    assert_eq!(twice.len(), 1);
    let long = "x".repeat(33);
    for (add, remove) in
        [(&["vip"][..], &["vip"][..]), (&[""], &[]), (&[&long], &[]), (&["+vip"], &[]), (&["a\n"], &[])]
    {
        assert!(matches!(tag(&book, add, remove), Err(Refusal::Name { .. })), "{add:?}");
    }
    let many: Vec<String> = (0..63).map(|number| format!("t{number}")).collect();
    let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
    let effects = tag(&book, &many, &[]).expect("64 with the one that there is");
    apply(&mut book.state, &effects).expect("it fits");
    many.clear();
    assert_eq!(tag(&book, &["one more"], &[]), Err(Refusal::Tags));
}

#[test]
fn an_age_is_whole_years_by_the_birthday_and_unknown_is_none() {
    // The book begins on 1 March 2027.
    for (year, born, ahead, inside) in [
        (2009, (3, 1), 0, true),
        (2009, (3, 2), 0, false),
        (2009, (3, 2), 1, true),
        (2009, (2, 28), 0, true),
        (1997, (3, 2), 0, true),
        (1997, (3, 2), 1, false),
        (1997, (3, 1), 0, false),
        (0, (3, 1), 0, false),
        (2030, (3, 1), 0, false),
        (2009, (2, 28), -2, false),
        (2009, (2, 28), -1, true),
    ] {
        let mut book = book("age = { from = 18, below = 30 }");
        book.clock(START_S + ahead * DAY);
        (book.birthday, book.born_in) = (Some(born), year);
        assert_eq!(is_in(&mut book).1, inside, "{year} {born:?} {ahead}");
    }
    // 29 February is the 28th in a year without one.
    for (ahead, inside) in [(-2, false), (-1, true)] {
        let mut book = book("age = { from = 19 }");
        book.clock(START_S + ahead * DAY);
        (book.birthday, book.born_in) = (Some((2, 29)), 2008);
        assert_eq!(is_in(&mut book).1, inside);
    }
    assert!(!is_in(&mut book("age = { below = 150 }")).1, "who has not said it");
}

#[test]
fn the_last_purchase_is_asked_in_business_days() {
    for (ahead, within, over) in
        [(0, true, false), (29, true, false), (30, true, false), (31, false, true), (400, false, true)]
    {
        for (words, inside) in [("within_days = 30", within), ("over_days = 30", over)] {
            let mut book = book(&format!("last_purchase = {{ {words} }}"));
            assert!(!is_in(&mut book).1, "nothing before it");
            book.clock(START_S + ahead * DAY);
            let (at, is) = is_in(&mut book);
            assert_eq!(is, inside, "{words} {ahead}");
            book.reverse(at);
            assert_eq!(is_in(&mut book).1, inside, "what is undone was not");
        }
    }
}

proptest! {
    /// Up to four days with purchases, undone or refunded in any order: the last that stands is the last purchase.
    #[test]
    fn whatever_is_undone_in_whatever_order_the_last_purchase_that_stands_is_known(
        sales in prop::collection::vec((0..40_i64, 1..100_00_i64), 1..8),
        undone in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8), 0..6),
        within in 0..60_i64,
    ) {
        let mut book = book(&format!("last_purchase = {{ within_days = {} }}", within));
        let mut stands: Vec<(usize, i64, i64, bool)> = Vec::new();
        let (mut day, mut days) = (0, 1);
        for (ahead, amount) in sales {
            if ahead > 0 && days == 4 {
                continue;
            }
            (day, days) = (day + ahead, days + i64::from(ahead > 0));
            book.clock(START_S + day * DAY);
            stands.push((book.sale(0, amount).0, day, amount, true));
        }
        // Within the seven days in which the till takes goods back.
        for (which, how) in undone {
            let at = which.index(stands.len());
            let (sale, sold, amount, still) = stands[at];
            if !still || (how > 0 && day - sold > 7) {
                continue;
            }
            match how {
                0 => drop(book.reverse(sale)),
                1 => drop(book.refund(sale, amount)),
                _ if amount == 1 => continue,
                _ => {
                    book.refund(sale, 1);
                    book.refund(sale, amount - 1);
                }
            }
            stands[at].3 = false;
        }
        let last = stands.iter().filter(|(_, _, _, still)| *still).map(|(_, sold, _, _)| *sold).max();
        let expected = last.is_some_and(|last| day - last <= within);
        prop_assert_eq!(is_in(&mut book).1, expected);
    }
}

#[tokio::test]
async fn a_young_tagged_member_is_known_at_the_till_and_no_year_is_written() {
    let site = Site::new();
    let gateway = site.start();
    let times = |name: &str, times: &str, asks: &str| {
        format!(
            "[[segment]]\nsegment = \"{name}\"\n{asks}\n[[multiplier]]\nrule = \"{name}\"\ntimes = \"{times}\"\nwhen = {{ segments = [\"{name}\"] }}\n"
        )
    };
    let rules = [
        "[stacking]\nmultiplier = \"product\"\n".to_owned(),
        times("young", "2", "age = { from = 18, below = 60 }"),
        times("old", "7", "age = { from = 60 }"),
        times("vip", "3", "tags = [\"vip\"]"),
        times("again", "5", "last_purchase = { within_days = 1 }"),
    ];
    put_in_force(&site, &format!("{}\n{}", gateway::programme_file::DEFAULT, rules.concat()));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = cards(&site, 3);
    for (card, birthday) in [(&all[0], "1988-01-17"), (&all[1], "1931-12-30")] {
        activate_born(&mut till, card, birthday).await;
        assert_eq!(till.code(load(card, 100_00), card).await, APPROVED);
    }
    let by = number(&all[0]);
    let rules_of =
        |answer: &terminal_sim::checked::Checked| why(answer).into_iter().skip(1).collect::<Vec<_>>();
    let line = |name: &str, points| (name.to_owned(), points);
    let (first, answer) = till.deal(purchase(&all[0], 1_00), &all[0]).await;
    assert_eq!(rules_of(&answer), [line("young", 1)]);
    assert_eq!(rules_of(&till.deal(purchase(&all[1], 1_00), &all[1]).await.1), [line("old", 6)]);
    site.json(&["member", "tag", &by, "+vip", "-sleeper", "+学生"]);
    assert_eq!(
        site.json(&["card", "show", "--card", &by])["member"]["tags"],
        serde_json::json!(["vip", "学生"])
    );
    let (second, answer) = till.deal(purchase(&all[0], 1_00), &all[0]).await;
    assert_eq!(rules_of(&answer), [line("young", 1), line("vip", 4), line("again", 24)]);
    assert_eq!(till.code(void(&first), &all[0]).await, APPROVED);
    assert_eq!(till.code(reversal(&second), &all[0]).await, APPROVED);
    site.json(&["member", "tag", &by, "--remove", "vip"]);
    let refused = site.run(&["member", "tag", &by, "-vip"]);
    assert!(refused.stderr.contains("nothing would change"), "{}", refused.stderr);
    assert_eq!(
        rules_of(&till.deal(purchase(&all[0], 1_00), &all[0]).await.1),
        [line("young", 1)],
        "neither stands"
    );
    assert!(site.run(&["member", "tag", &number(&all[2]), "+vip"]).stderr.contains("issued"));
    assert!(gateway.stop().success());
    site.verify();
    for birthday in ["1988-01-17", "1931-12-30"] {
        for file in ["gateway.db", "gateway.db-wal", "members.db"] {
            let bytes = std::fs::read(site.data().join(file)).unwrap_or_default();
            assert!(!bytes.windows(birthday.len()).any(|window| window == birthday.as_bytes()), "{file}");
        }
    }
}
