//! E1: a card becomes a member's, at once or by what is bought, and everything of it can be undone.

use gateway::domain::Command;
use gateway::programme_file::DEFAULT;
use protocol::code::ResponseCode;
use protocol::request::Body;

use super::book::{Book, DAY, claim, read, reference};
use super::{Said, join, join_by, points, why};
use crate::counter::{activate, cards, load, number, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, People, Till, approved, put_in_force, refund, void};

const NOT_PERMITTED: ResponseCode = ResponseCode::NOT_PERMITTED_CARD;
const INVALID: ResponseCode = ResponseCode::INVALID_TRANSACTION;

/// Puts a programme with this membership in force; the gift is 10 courtesy points.
fn membership(site: &Site, keys: &str, most: &str) {
    let gift = format!("gift = {{ rule = \"welcome\", points = 10, of = \"courtesy\", {most} }}");
    put_in_force(
        site,
        &format!(
            "{DEFAULT}\n[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n[membership]\n{keys}\n{gift}\n"
        ),
    );
}

#[tokio::test]
async fn a_join_is_for_once_gives_its_gift_and_is_undone_whole() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[10_00]).await.remove(0);
    assert_eq!(join(&mut till, &card, Said::default()).await.1.code(), NOT_PERMITTED, "nothing to join");
    let most = "when = { channels = [\"kiosk\"], customer = \"person\" }, most = { budget = 25 }";
    membership(&site, "joining = \"free\"", most);
    let won = Said { channel: Some("kiosk"), customer: Some(1), referral: None };
    let (joined, answer) = join(&mut till, &card, won).await;
    assert_eq!((answer.code(), approved(&answer)), (APPROVED, Some(0)));
    assert_eq!(why(&answer), [("welcome".to_owned(), 10)]);
    assert_eq!(points(&mut till, &card, [17]).await, [10]);
    assert_eq!(join(&mut till, &card, won).await.1.code(), INVALID, "once");

    assert_eq!(till.code(void(&joined), &card).await, APPROVED);
    assert_eq!(points(&mut till, &card, [17]).await, [0]);
    let (joined, answer) = join(&mut till, &card, won).await;
    assert_eq!((answer.code(), why(&answer).len()), (APPROVED, 1), "the budget has its room again");
    assert_eq!(till.code(reversal(&joined), &card).await, APPROVED);
    assert_eq!(join(&mut till, &card, won).await.1.code(), APPROVED);

    // Who was won otherwise gets nothing, and the budget ends: 10 and 10 and 5.
    let more = till.sell(&site, 4, &[]).await;
    let other = Said { customer: Some(2), ..won };
    let answer = join(&mut till, &more[0], other).await.1;
    assert_eq!((answer.code(), why(&answer)), (APPROVED, vec![]));
    let mut given = Vec::new();
    for card in &more[1..] {
        let answer = join(&mut till, card, won).await.1;
        given.extend(why(&answer).into_iter().map(|(_, points)| points));
    }
    assert_eq!(given, [10, 5]);
    let new = &cards(&site, 1)[0];
    assert_eq!(join(&mut till, new, won).await.1.code(), ResponseCode::CARD_NOT_ACTIVE);
    till.deal(activate(new), new).await;
    assert_eq!(join(&mut till, new, won).await.1.code(), APPROVED);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn the_first_purchase_makes_the_member_and_its_full_refund_unmakes_them() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    membership(&site, "joining = \"first-purchase\"", "");
    let all = till.sell(&site, 6, &[50_00]).await;
    // Before the Join, a purchase is a stranger's.
    assert_eq!(till.code(purchase(&all[0], 1_00), &all[0]).await, APPROVED);
    let (joined, answer) = join(&mut till, &all[0], Said::default()).await;
    assert_eq!((answer.code(), why(&answer)), (APPROVED, vec![]));
    assert_eq!(
        join_by(&mut till, &all[1], &all[0]).await.1.code(),
        INVALID,
        "potential members bring nobody"
    );
    assert_eq!(join(&mut till, &all[0], Said::default()).await.1.code(), INVALID, "they have asked");
    let (sale, answer) = till.deal(purchase(&all[0], 3_00), &all[0]).await;
    assert_eq!(why(&answer), [("spend-points".to_owned(), 3), ("welcome".to_owned(), 10)]);
    assert_eq!(join_by(&mut till, &all[1], &all[0]).await.1.code(), APPROVED);
    let (second, answer) = till.deal(purchase(&all[0], 1_00), &all[0]).await;
    assert_eq!(why(&answer).len(), 1, "the gift is for once");

    till.deal(refund(&sale, 2_99), &all[0]).await;
    assert_eq!(points(&mut till, &all[0], [17]).await, [10], "of the sale's own points three, rounded up");
    assert_eq!(join_by(&mut till, &all[2], &all[0]).await.1.code(), APPROVED, "still a member");
    till.deal(refund(&second, 1_00), &all[0]).await;
    assert_eq!(points(&mut till, &all[0], [17]).await, [10], "0.01 stands");
    till.deal(refund(&sale, 1), &all[0]).await;
    assert_eq!(points(&mut till, &all[0], [17]).await, [0], "with the last purchase the gift goes");
    assert_eq!(join_by(&mut till, &all[3], &all[0]).await.1.code(), INVALID, "potential again");
    let (again, answer) = till.deal(purchase(&all[0], 1_00), &all[0]).await;
    assert_eq!(why(&answer).len(), 2);
    till.deal(void(&again), &all[0]).await;
    assert_eq!(join_by(&mut till, &all[3], &all[0]).await.1.code(), INVALID);
    // A Join that is undone leaves a stranger, whatever was bought since.
    till.deal(purchase(&all[0], 1_00), &all[0]).await;
    assert_eq!(till.code(void(&joined), &all[0]).await, APPROVED);
    assert_eq!(join_by(&mut till, &all[3], &all[0]).await.1.code(), INVALID);
    assert_eq!(join(&mut till, &all[0], Said::default()).await.1.code(), APPROVED);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn so_much_spent_makes_the_member_to_the_cent() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    membership(&site, "joining = \"spend\"\nspend = \"20.00\"", "");
    let card = till.sell(&site, 1, &[90_00]).await.remove(0);
    assert_eq!(join(&mut till, &card, Said::default()).await.1.code(), APPROVED);
    let (first, answer) = till.deal(purchase(&card, 10_00), &card).await;
    assert_eq!(why(&answer).len(), 1);
    let (_, answer) = till.deal(purchase(&card, 9_99), &card).await;
    assert_eq!(why(&answer).len(), 1, "19.99");
    till.deal(refund(&first, 1), &card).await;
    assert_eq!(why(&till.deal(purchase(&card, 1), &card).await.1), [], "19.99 again");
    let answer = till.deal(purchase(&card, 1), &card).await.1;
    assert_eq!(why(&answer), [("welcome".to_owned(), 10)], "20.00");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_load_that_comes_back_is_no_reason_to_leave_whatever_is_asked_for_by_now() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    membership(&site, "joining = \"spend\"\nspend = \"20.00\"", "");
    let card = till.sell(&site, 1, &[90_00]).await.remove(0);
    assert_eq!(join(&mut till, &card, Said::default()).await.1.code(), APPROVED);
    let (load, _) = till.deal(load(&card, 10_00), &card).await;
    let (sale, answer) = till.deal(purchase(&card, 20_00), &card).await;
    assert!(why(&answer).contains(&("welcome".to_owned(), 10)));
    membership(&site, "joining = \"spend\"\nspend = \"500.00\"", "");
    let answer = till.deal(refund(&load, 1_00), &card).await.1;
    assert!(!why(&answer).iter().any(|(rule, _)| rule == "welcome"), "{:?}", why(&answer));
    let answer = till.deal(refund(&sale, 1), &card).await.1;
    assert!(why(&answer).contains(&("welcome".to_owned(), -10)), "{:?}", why(&answer));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn codes_that_nobody_has_count_as_cards_that_are_not_accepted() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    membership(&site, "joining = \"free\"", "");
    let all = till.sell(&site, 2, &[]).await;
    let own = number(&all[0]);
    let mut tried = 0;
    let mut codes = [own.as_str(), "9000000000000006", "nobody", "90000000000000060"].into_iter().cycle();
    loop {
        let said = Said { referral: codes.next(), ..Said::default() };
        match join(&mut till, &all[0], said).await.1.code() {
            INVALID => tried += 1,
            ResponseCode::TOO_MANY_UNKNOWN_CARDS => break,
            other => panic!("{other:?} after {tried}"),
        }
        assert!(tried < 40, "guesses are not counted");
    }
    assert!((20..25).contains(&tried), "{tried} guesses");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_join_registers_the_holder_and_nobody_elses() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    membership(&site, "joining = \"free\"\nproducts = [\"standard\"]", "");
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let holder = |byte: u8| People { holder: Some([byte; 32]), ..People::default() };
    let body = || Body::Join { card: card.reference };
    let (joined, answer) = till.by(holder(1), body(), &card).await;
    assert_eq!(answer.code(), APPROVED);
    let registered = || site.json(&["card", "show", "--card", &number(&card)])["registered"].clone();
    assert_eq!(registered(), true);
    assert_eq!(till.code(void(&joined), &card).await, APPROVED);
    assert_eq!(registered(), true, "whoever was registered stays so");
    assert_eq!(till.by(holder(2), body(), &card).await.1.code(), NOT_PERMITTED, "another's card");
    assert_eq!(till.by(holder(1), body(), &card).await.1.code(), APPROVED);
    let reversal = reversal(&joined);
    assert_eq!(till.code(reversal, &card).await, APPROVED, "nothing more");
    assert_eq!(till.by(holder(1), body(), &card).await.1.code(), INVALID, "the second Join stands");
    drop(gateway);
    site.verify();
}

/// The answer to a Join or Award shows what can be spent: of a company's account, whose hold is over, all of it, swept or not.
#[test]
fn a_bound_buyer_is_shown_the_account_without_a_hold_that_is_over() {
    let rules =
        "[membership]\njoining = \"free\"\n[[activity]]\ncode = \"talk\"\nrule = \"talk\"\npoints = 1\n";
    let talk = Command::Award { claim: claim(0), activity: "talk".into(), quantity: 1 };
    for asked in [Command::Join { claim: claim(0), referral: None, customer: 0 }, talk] {
        let mut book = Book::of(read(rules), ["p"; 2]);
        book.load(1, 100_00);
        book.state.cards.get_mut(&reference(0)).expect("a card").account = Some(reference(1));
        if !matches!(asked, Command::Join { .. }) {
            let join = Command::Join { claim: claim(0), referral: None, customer: 0 };
            assert!(book.ask(join, Vec::new()).is_approved());
        }
        let hold =
            Command::Authorize { claim: claim(0), amount: 30_00, partial_allowed: false, raises: None };
        assert!(book.ask(hold, Vec::new()).is_approved());
        assert_eq!(book.has(1, 1), 70_00);
        book.clock(book.now.s() + 31 * DAY);
        assert!(book.ask(asked, Vec::new()).is_approved());
        assert_eq!(book.has(1, 1), 100_00);
    }
}
