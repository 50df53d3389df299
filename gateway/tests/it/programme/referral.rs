//! B4: whoever brings a member is rewarded in that member's own entries, and whatever undoes those takes it back.

use gateway::programme_file::DEFAULT;
use protocol::code::ResponseCode;
use terminal_sim::Card;

use super::{Said, join, join_by, points, why};
use crate::counter::{holdings, number, purchase, reversal};
use crate::harness::Site;
use crate::payments::points::{by_points, programme};
use crate::till::{APPROVED, Till, put_in_force, refund, void};

const JOINING: &str = "joining = \"free\"";
/// Ordinary and courtesy points.
const BOTH: [u16; 2] = [16, 17];

/// Members of a programme with these rules: the first `joined` of so many cards have joined, each loaded with 300.00.
async fn members(site: &Site, till: &mut Till, rules: &str, (count, joined): (u32, usize)) -> Vec<Card> {
    put_in_force(
        site,
        &format!(
            "{DEFAULT}\n[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n[membership]\n{JOINING}\n{rules}\n"
        ),
    );
    let all = till.sell(site, count, &[300_00]).await;
    for card in &all[..joined] {
        assert_eq!(join(till, card, Said::default()).await.1.code(), APPROVED);
    }
    all
}

fn rule(name: &str, keys: &str) -> String {
    format!("[[referral]]\nrule = \"{name}\"\nof = \"courtesy\"\n{keys}\n")
}

#[tokio::test]
async fn ten_points_once_on_registration() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let keys = "on = \"joining\"\npoints = 10\nown = 3\nmost = { times_day = 2, budget = 30 }";
    let all = members(&site, &mut till, &rule("bring", keys), (6, 1)).await;
    let (first, answer) = join_by(&mut till, &all[1], &all[0]).await;
    assert_eq!(
        (answer.code(), why(&answer)),
        (APPROVED, vec![("bring".to_owned(), 3)]),
        "the own reward only"
    );
    let changes = answer.answer.changes.as_ref().expect("changes").values().copied().collect::<Vec<_>>();
    assert_eq!(changes, [3], "nothing of another's card");
    assert_eq!(points(&mut till, &all[0], [17]).await, [10]);
    assert_eq!(till.code(purchase(&all[1], 50_00), &all[1]).await, APPROVED);
    assert_eq!(points(&mut till, &all[0], [17]).await, [10], "once");

    // Nobody brings themselves, or whoever has joined.
    assert_eq!(join_by(&mut till, &all[2], &all[2]).await.1.code(), ResponseCode::INVALID_TRANSACTION);
    assert_eq!(join_by(&mut till, &all[0], &all[1]).await.1.code(), ResponseCode::INVALID_TRANSACTION);

    // Twice a day; what is undone makes room for another. The budget is for both cards.
    let (second, _) = join_by(&mut till, &all[2], &all[0]).await;
    assert_eq!(points(&mut till, &all[0], [17]).await, [20]);
    let answer = join_by(&mut till, &all[3], &all[0]).await.1;
    assert_eq!((points(&mut till, &all[0], [17]).await, why(&answer)), ([20], vec![("bring".to_owned(), 3)]));
    assert_eq!(till.code(reversal(&second), &all[2]).await, APPROVED);
    assert_eq!((points(&mut till, &all[0], [17]).await, points(&mut till, &all[2], [17]).await), ([10], [0]));
    let answer = join_by(&mut till, &all[4], &all[0]).await.1;
    assert_eq!(points(&mut till, &all[0], [17]).await, [20]);
    assert_eq!(why(&answer), [("bring".to_owned(), 3)], "13, 3 and 13: 1 is left");
    assert_eq!(why(&join_by(&mut till, &all[5], &all[1]).await.1), []);
    assert_eq!(points(&mut till, &all[1], [17]).await, [4], "the last of the budget");
    assert_eq!(till.code(void(&first), &all[1]).await, APPROVED, "with a member brought");
    assert_eq!(points(&mut till, &all[0], [17]).await, [10]);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn ten_points_only_after_the_first_purchase() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = members(&site, &mut till, &rule("first", "on = \"first-purchase\"\npoints = 10"), (2, 1)).await;
    till.deal(purchase(&all[1], 1_00), &all[1]).await;
    join_by(&mut till, &all[1], &all[0]).await;
    assert_eq!(points(&mut till, &all[0], [17]).await, [0]);
    let (sale, _) = till.deal(purchase(&all[1], 20_00), &all[1]).await;
    till.deal(purchase(&all[1], 20_00), &all[1]).await;
    assert_eq!(points(&mut till, &all[0], [17]).await, [10]);
    // In proportion, rounded up; and all of it back leaves a first purchase to come.
    for (part, left) in [(1_00, 9), (99, 9), (1, 9), (1, 8), (17_98, 0), (1, 0)] {
        assert_eq!(till.code(refund(&sale, part), &all[1]).await, APPROVED, "{part}");
        assert_eq!(points(&mut till, &all[0], [17]).await, [left], "{part}");
    }
    let (sale, _) = till.deal(purchase(&all[1], 5_00), &all[1]).await;
    assert_eq!(points(&mut till, &all[0], [17]).await, [10]);
    till.deal(reversal(&sale), &all[1]).await;
    assert_eq!(points(&mut till, &all[0], [17]).await, [0]);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_share_of_all_purchases_follows_the_cards_and_their_state() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let keys = "on = \"purchases\"\nmonths = 3\npoints = 2\nper = \"10.00\"\ngives = 1";
    let two = format!(
        "{}{}",
        rule("share", keys),
        "[[referral]]\nrule = \"too\"\non = \"purchases\"\nmonths = 1\npoints = 1\n"
    );
    let all = members(&site, &mut till, &two, (4, 1)).await;
    let new = crate::counter::cards(&site, 1).remove(0);
    join_by(&mut till, &all[1], &all[0]).await;
    for (paid, courtesy) in [(9_99, 2), (10_00, 5), (19_99, 8)] {
        till.deal(purchase(&all[1], paid), &all[1]).await;
        assert_eq!(points(&mut till, &all[0], [17]).await, [courtesy], "{paid}");
    }
    assert_eq!(points(&mut till, &all[0], BOTH).await, [3, 8]);
    site.json(&["card", "block", "--card", &number(&all[0]), "--reason", "lost"]);
    let (unpaid, answer) = till.deal(purchase(&all[1], 10_00), &all[1]).await;
    assert_eq!(answer.code(), APPROVED, "a sale does not depend on another's card");
    assert_eq!(points(&mut till, &all[0], BOTH).await, [3, 8]);
    site.json(&["card", "unblock", "--card", &number(&all[0])]);
    till.deal(refund(&unpaid, 10_00), &all[1]).await;
    assert_eq!(points(&mut till, &all[0], BOTH).await, [3, 8], "nothing was given, nothing goes");

    let (sale, _) = till.deal(purchase(&all[1], 20_00), &all[1]).await;
    assert_eq!(points(&mut till, &all[0], BOTH).await, [4, 12]);
    // The card that takes the place of the referrer's earns on, and gives back.
    let replaced = [number(&all[0]), number(&new)];
    site.json(&["card", "replace", "--card", &replaced[0], "--by", &replaced[1], "--reason", "worn"]);
    assert_eq!(till.code(refund(&sale, 20_00), &all[1]).await, APPROVED);
    assert_eq!(points(&mut till, &new, BOTH).await, [3, 8]);
    let (sale, _) = till.deal(purchase(&all[1], 10_00), &all[1]).await;
    assert_eq!(points(&mut till, &new, BOTH).await, [4, 11]);
    // Its old number is still a code that brings members.
    assert_eq!(join_by(&mut till, &all[2], &all[0]).await.1.code(), APPROVED);
    till.deal(purchase(&all[2], 10_00), &all[2]).await;
    assert_eq!(points(&mut till, &new, BOTH).await, [5, 14]);
    assert_eq!(till.code(void(&sale), &all[1]).await, APPROVED);
    assert_eq!(points(&mut till, &new, BOTH).await, [4, 11]);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn points_that_were_spent_before_the_refund_are_owed() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let rules =
        "[[referral]]\nrule = \"bring\"\non = \"purchases\"\nmonths = 1\nper = \"1.00\"\ngives = 10\n";
    let all = members(&site, &mut till, "", (2, 0)).await;
    put_in_force(&site, &format!("{}\n[membership]\n{JOINING}\n{rules}", programme("100", "1.00")));
    join(&mut till, &all[0], Said::default()).await;
    join_by(&mut till, &all[1], &all[0]).await;
    let (sale, _) = till.deal(purchase(&all[1], 30_00), &all[1]).await;
    assert_eq!(points(&mut till, &all[0], [16]).await, [300]);
    assert_eq!(till.code(by_points(&all[0], 6_00, 300), &all[0]).await, APPROVED);
    assert_eq!(points(&mut till, &all[0], [16]).await, [3]);
    assert_eq!(till.code(refund(&sale, 10_00), &all[1]).await, APPROVED, "the buyer gets all of it");
    assert_eq!((holdings(&site, &all[0]).points, holdings(&site, &all[0]).points_debt), (0, 97));
    assert_eq!(till.code(refund(&sale, 20_00), &all[1]).await, APPROVED);
    assert_eq!(holdings(&site, &all[0]).points_debt, 297);
    // The next reward pays it back.
    till.deal(purchase(&all[1], 30_00), &all[1]).await;
    assert_eq!((holdings(&site, &all[0]).points, holdings(&site, &all[0]).points_debt), (3, 0));
    // What points alone have paid brings nothing, because nothing could take it back.
    till.deal(purchase(&all[1], 80_00), &all[1]).await;
    let held = holdings(&site, &all[0]).points;
    till.deal(by_points(&all[1], 2_00, 100), &all[1]).await;
    assert_eq!(holdings(&site, &all[0]).points, held + 10, "1.00 of 2.00 was money");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn whoever_brings_many_is_graded_by_those_who_stayed() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let grades = "grades = [{ from = 2, times = \"1.5\", name = \"银牌推荐者\" }, { from = 3, times = \"2\", name = \"金牌推荐者\" }]";
    let keys = format!("on = \"joining\"\npoints = 5\n{grades}\nmost = {{ member = 100 }}");
    let all = members(&site, &mut till, &rule("grades", &keys), (6, 1)).await;
    let mut joins = Vec::new();
    for (card, held) in all[1..4].iter().zip([5, 12, 22]) {
        joins.push(join_by(&mut till, card, &all[0]).await.0);
        assert_eq!(points(&mut till, &all[0], [17]).await, [held], "5, 7, 10");
    }
    till.deal(void(&joins[1]), &all[2]).await;
    till.deal(reversal(&joins[2]), &all[3]).await;
    assert_eq!(points(&mut till, &all[0], [17]).await, [5]);
    join_by(&mut till, &all[4], &all[0]).await;
    assert_eq!(points(&mut till, &all[0], [17]).await, [12], "the second again");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn members_that_are_merged_lose_nothing_and_bring_nobody_in_a_circle() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let keys = "on = \"purchases\"\nmonths = 1\npoints = 2\nown = 1";
    let all = members(&site, &mut till, &rule("bring", keys), (3, 1)).await;
    let [a, b, c] = [&all[0], &all[1], &all[2]];
    join_by(&mut till, b, a).await;
    join_by(&mut till, c, b).await;
    till.deal(purchase(b, 10_00), b).await;
    let (sale, _) = till.deal(purchase(c, 20_00), c).await;
    assert_eq!(points(&mut till, a, BOTH).await, [0, 2]);
    assert_eq!(points(&mut till, b, BOTH).await, [10, 3]);
    // A's card goes into C's: what A had and whom A brought come along.
    let merged = [number(a), number(c)];
    site.json(&["card", "merge", "--card", &merged[0], "--into", &merged[1], "--reason", "two of them"]);
    assert_eq!(points(&mut till, c, BOTH).await, [20, 3]);
    till.deal(purchase(b, 10_00), b).await;
    assert_eq!((points(&mut till, c, BOTH).await, points(&mut till, b, BOTH).await), ([20, 5], [20, 4]));
    // C was brought by B and B by what is C now: each gets its own step and no more.
    till.deal(purchase(c, 10_00), c).await;
    assert_eq!((points(&mut till, c, BOTH).await, points(&mut till, b, BOTH).await), ([30, 6], [20, 6]));
    till.deal(refund(&sale, 20_00), c).await;
    assert_eq!((points(&mut till, c, BOTH).await, points(&mut till, b, BOTH).await), ([10, 5], [20, 4]));
    // B into C: C would bring itself.
    site.json(&["card", "merge", "--card", &number(b), "--into", &merged[1], "--reason", "three of them"]);
    assert_eq!(points(&mut till, c, BOTH).await, [30, 9]);
    let answer = till.deal(purchase(c, 10_00), c).await.1;
    assert_eq!(why(&answer).len(), 1, "points on the purchase only");
    assert_eq!(points(&mut till, c, BOTH).await, [40, 9]);
    drop(gateway);
    site.verify();
}
