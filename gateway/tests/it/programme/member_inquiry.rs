//! What a member has and what comes (LOYALTY B8).

use gateway::programme_file::DEFAULT;
use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, Due, UnixSeconds};
use protocol::request::Body;
use terminal_sim::Card;

use super::redemption::redeem;
use crate::counter::{balance, cards, number, purchase};
use crate::harness::Site;
use crate::till::{APPROVED, Till, put_in_force, void};

fn member(card: &Card, after: Option<UnixSeconds>) -> Body {
    Body::MemberInquiry { card: card.reference, after }
}

#[tokio::test]
async fn every_coming_expiry_is_listed_page_by_page() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[1_000_00]).await.remove(0);
    // Lots that last for 40 to 1 months, of 1 to 40 points.
    for months in (1..=40_i64).rev() {
        put_in_force(&site, &DEFAULT.replace("points_months = 12", &format!("points_months = {months}")));
        assert_eq!(till.code(purchase(&card, (41 - months) * 100), &card).await, APPROVED);
    }
    let gift = "[[catalogue]]\nitem = \"pen\"\nname = \"Pen 笔\"\npoints = 41\ngives = \"gift\"\n";
    put_in_force(&site, &format!("{}\n{gift}", DEFAULT.replace("points_months = 12", "")));
    assert_eq!(till.code(purchase(&card, 7_00), &card).await, APPROVED, "these last for ever");
    let (mut all, mut after, mut pages) = (Vec::new(), None, Vec::new());
    loop {
        let page = till.ask(member(&card, after), &card).await;
        assert_eq!((page.code(), balance(&page, BalanceKind::POINTS)), (APPROVED, 827));
        assert_eq!((page.answer.joined, page.answer.tier.is_some()), (None, false));
        let listed = page.answer.coming.as_ref().expect("a list").as_slice().to_vec();
        pages.push(listed.len());
        all.extend(listed);
        after = all.last().map(|last| last.time);
        if page.answer.more == Some(false) {
            break;
        }
    }
    assert_eq!(pages, [32, 8]);
    let amounts: Vec<i64> = all.iter().map(|one| one.amount.get()).collect();
    assert_eq!(amounts, (1..=40).rev().collect::<Vec<i64>>(), "the last that came ends first");
    assert!(all.iter().all(|one| (one.kind, one.what) == (BalanceKind::POINTS, Due::EXPIRES)));
    assert!(all.is_sorted_by(|one, other| one.time < other.time));

    // What ends first is redeemed first, and comes back to the very lots.
    let (pen, _) = till.deal(redeem(&card, "pen", 1), &card).await;
    let page = till.ask(member(&card, None), &card).await;
    let listed = page.answer.coming.as_ref().expect("a list").as_slice();
    let (first, second) = (all[1], all[2]);
    assert_eq!((listed[0].time, listed[0].amount.get(), listed[1]), (first.time, 38, second));
    assert_eq!(till.code(void(&pen), &card).await, APPROVED);
    let page = till.ask(member(&card, None), &card).await;
    assert_eq!(page.answer.coming.as_ref().expect("a list").as_slice(), &all[..32]);

    // Whose card it is must be proven, and where it went is said.
    let new = cards(&site, 1).remove(0);
    let stranger = till.ask(member(&card, None), &new).await;
    assert_eq!(stranger.code(), ResponseCode::CARD_NOT_ACCEPTED);
    site.json(&["card", "replace", "--card", &number(&card), "--by", &number(&new), "--reason", "lost"]);
    assert_eq!(till.ask(member(&card, None), &card).await.code(), ResponseCode::CARD_REPLACED);
    let moved = till.ask(member(&new, None), &new).await;
    assert_eq!(moved.answer.coming.as_ref().expect("a list").as_slice(), &all[..32]);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn what_is_pending_is_listed_by_its_release_between_what_expires() {
    let site = Site::new();
    let gateway = site.start();
    let pending = |days: u32| {
        let rule = format!(
            "[[purchase_points]]\nrule = \"later\"\nper = \"1.00\"\ngives = 1\npending_days = {days}\n"
        );
        let usual = "[[purchase_points]]\nrule = \"spend-points\"\nper = \"1.00\"\ngives = 1\n";
        assert!(DEFAULT.contains(usual));
        DEFAULT.replace(usual, &rule)
    };
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[500_00]).await.remove(0);
    assert_eq!(till.code(purchase(&card, 10_00), &card).await, APPROVED);
    // Two sales whose points are released on the same day are one line.
    for (days, minor) in [(9, 20_00), (3, 30_00), (9, 40_00)] {
        put_in_force(&site, &pending(days));
        assert_eq!(till.code(purchase(&card, minor), &card).await, APPROVED);
    }
    let answer = till.ask(member(&card, None), &card).await;
    let held = BalanceKind(48);
    assert_eq!((balance(&answer, BalanceKind::POINTS), balance(&answer, held)), (10, 90));
    let coming = answer.answer.coming.as_ref().expect("a list").as_slice();
    let lines: Vec<_> = coming.iter().map(|one| (one.kind, one.what, one.amount.get())).collect();
    let released = |points| (held, Due::RELEASED, points);
    assert_eq!(lines, [released(30), released(60), (BalanceKind::POINTS, Due::EXPIRES, 10)]);
    // Behind the first of them.
    let later = till.ask(member(&card, Some(coming[0].time)), &card).await;
    assert_eq!(later.answer.coming.as_ref().expect("a list").as_slice(), &coming[1..]);
    drop(gateway);
    site.verify();
}
