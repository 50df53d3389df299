//! B5: taking part is worth points, by code, quantity and place.

use gateway::programme_file::DEFAULT;
use protocol::code::ResponseCode;
use protocol::field::Quantity;
use protocol::request::Body;
use terminal_sim::Card;

use super::{Said, join, points, why};
use crate::counter::{number, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, put_in_force, void};

const NOT_PERMITTED: ResponseCode = ResponseCode::NOT_PERMITTED_CARD;
const EXHAUSTED: ResponseCode = ResponseCode::AMOUNT_LIMIT;

pub(super) fn award(card: &Card, code: &str, quantity: u32) -> Body {
    let quantity = (quantity != 1).then(|| Quantity::new(quantity.into()).expect("a quantity"));
    Body::Award { card: card.reference, activity: code.parse().expect("a code"), quantity }
}

const ACTIVITIES: &str = "
[points.courtesy]
kind = 17
name = \"Courtesy\"
[membership]
joining = \"free\"
[[activity]]
code = \"check-in\"
rule = \"check-in points\"
points = 2
most = { times_day = 2 }
[[activity]]
code = \"share\"
rule = \"shares\"
of = \"courtesy\"
points = 3
per_unit = true
most = { member_day = 10, budget = 25 }
[[activity]]
code = \"enrol\"
rule = \"talk, enrolled\"
points = 0
members = 2
most = { times = 1 }
[[activity]]
code = \"talk\"
rule = \"talk\"
points = 20
needs = \"enrol\"
[[activity]]
code = \"elsewhere\"
rule = \"elsewhere\"
points = 1
when = { stores = [\"S999\"], from = \"2020-01-01\", until = \"2020-01-02\" }
[[activity]]
code = \"past\"
rule = \"past\"
points = 1
when = { until = \"2020-01-02\" }
";

#[tokio::test]
async fn awards_are_bounded_by_day_quantity_place_and_invitation() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    put_in_force(&site, &format!("{DEFAULT}\n{ACTIVITIES}"));
    let all = till.sell(&site, 4, &[]).await;
    let card = &all[0];
    assert_eq!(till.code(award(card, "check-in", 1), card).await, NOT_PERMITTED, "no member");
    for card in &all {
        join(&mut till, card, Said::default()).await;
    }
    for (code, answer) in [
        ("nothing", NOT_PERMITTED),
        ("elsewhere", NOT_PERMITTED),
        ("past", ResponseCode::INVALID_TRANSACTION),
        ("talk", NOT_PERMITTED),
    ] {
        assert_eq!(till.code(award(card, code, 1), card).await, answer, "{code}");
    }
    let (first, answer) = till.deal(award(card, "check-in", 1), card).await;
    assert_eq!((answer.code(), why(&answer)), (APPROVED, vec![("check-in points".to_owned(), 2)]));
    let (second, answer) = till.deal(award(card, "check-in", 5), card).await;
    assert_eq!((answer.code(), why(&answer)[0].1), (APPROVED, 2), "once, whatever the quantity");
    assert_eq!(till.code(award(card, "check-in", 1), card).await, EXHAUSTED);
    assert_eq!(points(&mut till, card, [16]).await, [4]);
    assert_eq!(till.code(void(&first), card).await, APPROVED);
    assert_eq!(points(&mut till, card, [16]).await, [2]);
    assert_eq!(till.code(award(card, "check-in", 1), card).await, APPROVED, "room again");

    for (quantity, held) in [(3, 9), (1, 10)] {
        assert_eq!(till.code(award(card, "share", quantity), card).await, APPROVED);
        assert_eq!(points(&mut till, card, [17]).await, [held]);
    }
    assert_eq!(till.code(award(card, "share", 1), card).await, EXHAUSTED, "of the day");
    till.deal(award(&all[1], "share", 1_000_000), &all[1]).await;
    let (shared, _) = till.deal(award(&all[2], "share", 4), &all[2]).await;
    assert_eq!((points(&mut till, &all[1], [17]).await, points(&mut till, &all[2], [17]).await), ([10], [5]));
    assert_eq!(till.code(award(&all[3], "share", 1), &all[3]).await, EXHAUSTED, "the budget");
    till.deal(reversal(&shared), &all[2]).await;
    assert_eq!(till.code(award(&all[3], "share", 1), &all[3]).await, APPROVED);

    // Two places; who has enrolled may come.
    let (enrolled, answer) = till.deal(award(card, "enrol", 1), card).await;
    assert_eq!((answer.code(), why(&answer)), (APPROVED, vec![("talk, enrolled".to_owned(), 0)]));
    assert_eq!(till.code(award(card, "enrol", 1), card).await, EXHAUSTED, "once");
    assert_eq!(till.code(award(&all[1], "enrol", 1), &all[1]).await, APPROVED);
    assert_eq!(till.code(award(&all[2], "enrol", 1), &all[2]).await, EXHAUSTED, "full");
    till.deal(void(&enrolled), card).await;
    assert_eq!(till.code(award(card, "talk", 1), card).await, NOT_PERMITTED);
    assert_eq!(till.code(award(&all[2], "enrol", 1), &all[2]).await, APPROVED, "the place is free");
    assert_eq!(till.code(award(&all[2], "talk", 1), &all[2]).await, APPROVED);

    // What a member has had goes along to the card that takes another's place, and to the one that takes it in.
    let new = crate::counter::cards(&site, 1).remove(0);
    let (old, into) = (number(card), number(&all[3]));
    site.json(&["card", "replace", "--card", &old, "--by", &number(&new), "--reason", "lost"]);
    assert_eq!(points(&mut till, &new, [16, 17]).await, [4, 10]);
    assert_eq!(till.code(award(&new, "check-in", 1), &new).await, EXHAUSTED);
    site.json(&["card", "merge", "--card", &number(&new), "--into", &into, "--reason", "two of them"]);
    assert_eq!(points(&mut till, &all[3], [16, 17]).await, [4, 13]);
    assert_eq!(till.code(award(&all[3], "check-in", 1), &all[3]).await, EXHAUSTED);
    let again = till.deal(void(&second), &all[3]).await.1;
    assert_eq!(
        (again.code(), points(&mut till, &all[3], [16]).await),
        (APPROVED, [2]),
        "the old card's award"
    );
    assert_eq!(till.code(award(&all[3], "check-in", 1), &all[3]).await, APPROVED);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_list_that_two_people_signed_comes_in_whole_and_once() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    put_in_force(&site, &format!("{DEFAULT}\n{ACTIVITIES}"));
    let all = till.sell(&site, 3, &[]).await;
    for card in &all[..2] {
        join(&mut till, card, Said::default()).await;
    }
    site.operators(&["ann", "bob"]);
    let import = |lines: &str| {
        let file = site.beside("visitors.csv");
        std::fs::write(&file, lines).expect("a file");
        let act = ["award", "import", file.to_str().expect("a path"), "--activity", "share"];
        site.run(&[&act[..], &["--operator", "ann"]].concat())
    };
    let line = |at: usize, quantity: u32| format!("{},{quantity}\n", number(&all[at]));
    for (lines, says) in [
        (format!("{}{}", line(0, 1), line(2, 1)), "is not invited"),
        (format!("{}{}", line(0, 1), line(0, 1)), "is in it twice"),
        ("9000000000000006,1".to_owned(), "there is no card"),
        ("many".to_owned(), "line 1: write a card and a quantity"),
        (String::new(), "between 1 and"),
    ] {
        let done = import(&lines);
        assert!(!done.status.success() && done.stderr.contains(says), "{says}: {}", done.stderr);
    }
    // 3 points each up to 10 a day; the budget of 25 is for all lines together.
    let list = format!("{}{}", line(0, 3), line(1, 9));
    let proposal = import(&list).json["proposal"].as_u64().expect("a number").to_string();
    assert_eq!(points(&mut till, &all[0], [17]).await, [0], "nothing yet");
    site.json(&["act", "confirm", "--number", &proposal, "--operator", "bob"]);
    assert_eq!((points(&mut till, &all[0], [17]).await, points(&mut till, &all[1], [17]).await), ([9], [10]));
    let again = import(&list);
    assert!(!again.status.success() && again.stderr.contains("has come in before"), "{}", again.stderr);
    till.deal(award(&all[0], "share", 1), &all[0]).await;
    assert_eq!(points(&mut till, &all[0], [17]).await, [10], "counted with those at the till");
    drop(gateway);
    site.verify();
}
