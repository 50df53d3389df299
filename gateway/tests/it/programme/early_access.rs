//! Early access (提前体验; LOYALTY C7): some tiers come in before the others; and flags that a cashier sees, such as a fee that is waived.

use gateway::domain::member::{Standing, TierHeld};
use gateway::domain::programme::when::Circumstances;
use gateway::domain::{Command, Decline, Member, Verdict};
use gateway::programme_file::{DEFAULT, difference, parse};
use protocol::field::UnixSeconds;
use protocol::request::Body;

use super::book::{Book, DAY, START_S, claim, reference};
use super::entitlements::use_up;
use crate::counter::purchase;
use crate::harness::Site;
use crate::till::{APPROVED, Till, add_to_programme};

const EARLY: &str = "
[[catalogue]]
item = \"mug\"
name = \"Mug\"
points = 1
gives = \"gift\"
when = { from = \"2027-03-11\", until = \"2027-03-12\" }
early = { tiers = [\"gold\"], days = 3 }
[[activity]]
code = \"talk\"
rule = \"talk\"
points = 1
when = { from = \"2027-03-11\" }
early = { tiers = [\"gold\"], days = 1 }
[[activity]]
code = \"later\"
rule = \"later\"
points = 1
when = { from = \"2027-03-11\", until = \"2027-03-12\" }
[[purchase_points]]
rule = \"spend\"
per = \"1\"
gives = 1
";

/// Card 0 is gold, card 1 nothing.
fn book() -> Book {
    let mut book = Book::new(EARLY);
    let tier = Some(TierHeld { tier: "gold".into(), since: 20_270_101, until: None });
    let standing = Standing { tier, ..Standing::default() };
    book.state.members.insert(reference(0), Member { standing, ..Member::default() });
    for card in 0..2 {
        book.load(card, 100_00);
        book.sale(card, 50_00);
    }
    book
}

/// A member at the counter.
fn of<'a>(member: &'a Member, book: &Book) -> Circumstances<'a> {
    let now = book.now;
    Circumstances { product: "p", member, birthday: None, store: "S", channel: None, tenders: &[], now }
}

/// What is said to each of the two cards.
fn told(book: &mut Book, activity: Option<&str>) -> [Verdict; 2] {
    [0, 1].map(|card| {
        let claim = claim(card);
        let command = match activity {
            Some(code) => Command::Award { claim, activity: code.into(), quantity: 1 },
            None => Command::Redeem { claim, item: "mug".into(), quantity: 1 },
        };
        book.ask(command, Vec::new()).verdict
    })
}

#[test]
fn a_tier_comes_in_so_many_days_before_the_others_who_are_told_not_yet() {
    let mut book = book();
    let (yes, not_yet, not_now) =
        (Verdict::Approved, Verdict::Declined(Decline::NotYet), Verdict::Declined(Decline::NotNow));
    // 11 March begins at 04:00, sixteen hours before noon; START_S is noon of the first.
    let begins = START_S + 10 * DAY - 8 * 3600;
    for (at, mug, talk, later) in [
        (begins - 3 * DAY - 1, [not_yet, not_yet], [not_yet, not_yet], [not_yet, not_yet]),
        (begins - 3 * DAY, [yes, not_yet], [not_yet, not_yet], [not_yet, not_yet]),
        (begins - DAY - 1, [yes, not_yet], [not_yet, not_yet], [not_yet, not_yet]),
        (begins - DAY, [yes, not_yet], [yes, not_yet], [not_yet, not_yet]),
        (begins - 1, [yes, not_yet], [yes, not_yet], [not_yet, not_yet]),
        (begins, [yes, yes], [yes, yes], [yes, yes]),
        (begins + 2 * DAY - 1, [yes, yes], [yes, yes], [yes, yes]),
        (begins + 2 * DAY, [not_now, not_now], [yes, yes], [not_now, not_now]),
    ] {
        book.clock(at);
        assert_eq!(told(&mut book, None), mug, "{at}");
        assert_eq!(told(&mut book, Some("talk")), talk, "{at}");
        assert_eq!(told(&mut book, Some("later")), later, "{at}");
        // A catalogue without anybody's card lists what somebody may have.
        let item = book.programme.item("mug").expect("an item");
        let open = item.when.is_open(&book.programme, "S", book.now);
        assert_eq!(open, mug.contains(&yes), "{at}");
        let other = book.state.members.get(&reference(1)).cloned().unwrap_or_default();
        let others = of(&other, &book);
        assert_eq!(item.when.is_to_come(&book.programme, &others), at < begins, "{at}");
    }
}

#[test]
fn who_is_no_member_is_of_no_tier_and_comes_in_with_the_others() {
    let mut book = book();
    book.clock(START_S + 8 * DAY);
    let when = book.programme.item("mug").expect("an item").when.clone();
    let member = book.state.members[&reference(0)].clone();
    let at = of(&member, &book);
    assert!(when.is_time(&book.programme, &at) && !when.is_to_come(&book.programme, &at));
    let club = super::book::read(&format!("{EARLY}[membership]\njoining = \"free\"\n"));
    assert!(!when.is_time(&club, &at) && when.is_to_come(&club, &at));
}

#[test]
fn what_makes_no_sense_of_it_is_told_with_its_line() {
    let rules = |from: &str, to: &str| {
        let tiers = "[[tier]]\nkey = \"silver\"\nname = \"S\"\n[[tier]]\nkey = \"gold\"\nname = \"G\"\nany = [{ purchases = 9 }]\n";
        let document = format!("{DEFAULT}\n{}{tiers}", EARLY.replacen(from, to, 1));
        assert!(from.is_empty() || EARLY.contains(from), "{from}");
        document
    };
    parse(&rules("", "")).expect("sound");
    for (from, to, says) in [
        ("days = 3", "days = 0", "write 1 to 366 days"),
        ("days = 3", "days = 367", "write 1 to 366 days"),
        ("tiers = [\"gold\"], days = 3", "tiers = [], days = 3", "for whom?"),
        ("tiers = [\"gold\"], days = 3", "tiers = [\"diamond\"], days = 3", "there is no [[tier]]"),
        ("when = { from = \"2027-03-11\", until", "when = { until", "before what?"),
        (
            "when = { from = \"2027-03-11\", until",
            "when = { tiers = [\"silver\"], from = \"2027-03-11\", until",
            "lets no member",
        ),
        ("days = 3 }", "day = 3 }", "did you mean `days`?"),
    ] {
        let problems = parse(&rules(from, to)).expect_err(to);
        assert!(problems.iter().any(|problem| problem.message.contains(says)), "{to}: {problems:?}");
        assert!(problems.iter().all(|problem| problem.line.is_some()));
    }
    let found = difference::differences(&rules("", ""), &rules("days = 3", "days = 5")).expect("documents");
    let words: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["catalogue \"mug\" early: days 3 -> 5"]);
}

#[tokio::test]
async fn a_fee_that_is_waived_is_a_flag_that_the_cashier_sees_and_that_is_never_used_up() {
    let site = Site::new();
    let gateway = site.start();
    let waiver = "[[tier]]\nkey = \"regular\"\nname = \"R\"\n[[tier]]\nkey = \"gold\"\nname = \"G\"\nany = [{ spent = \"50.00\" }]\n\
                  [[entitlement]]\nentitlement = \"no-fee\"\nname = \"免手续费\"\nuses = [{ tiers = [\"gold\"] }]\n";
    add_to_programme(&site, "", waiver);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    let inquiry = |after: Option<UnixSeconds>| Body::MemberInquiry { card: card.reference, after };
    let before = till.ask(inquiry(None), &card).await;
    assert!(before.answer.entitlements.as_ref().is_none_or(|listed| listed.is_empty()));
    assert_eq!(till.code(purchase(&card, 50_00), &card).await, APPROVED);
    for _ in 0..3 {
        let seen = till.ask(inquiry(None), &card).await;
        let listed: Vec<_> = seen.answer.entitlements.as_ref().expect("entitlements").iter().collect();
        assert_eq!((listed.len(), listed[0].entitlement.as_str(), listed[0].uses_left), (1, "no-fee", None));
        assert_eq!(till.code(use_up(&card, "no-fee", 1), &card).await, APPROVED);
    }
    drop(gateway);
    site.verify();
}
