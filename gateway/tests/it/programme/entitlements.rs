//! What members are entitled to (LOYALTY C7).

use protocol::code::ResponseCode;
use protocol::field::Quantity;
use protocol::request::Body;
use terminal_sim::Card;

use super::redemption::counted;
use crate::counter::{Clerk, cards, last_index, number, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, add_to_programme, void};

pub(super) fn use_up(card: &Card, entitlement: &str, uses: i64) -> Body {
    let quantity = (uses != 1).then(|| Quantity::new(uses).expect("a quantity"));
    Body::UseEntitlement { card: card.reference, quantity, entitlement: entitlement.parse().expect("a code") }
}

const TABLES: &str = "
[[tier]]
key = \"regular\"
name = \"普通\"
[[tier]]
key = \"gold\"
name = \"金卡\"
any = [{ spent = \"80.00\" }]
[[entitlement]]
entitlement = \"parking\"
name = \"停车\"
uses = [{ tiers = [\"gold\"], per_month = 9 }, { per_month = 3, per_year = 20 }]
[[entitlement]]
entitlement = \"fast-lane\"
name = \"Fast lane\"
uses = [{}]
[[entitlement]]
entitlement = \"gift\"
name = \"Gold gift\"
uses = [{ tiers = [\"gold\"], ever = 1 }]
[[entitlement]]
entitlement = \"over\"
name = \"Over\"
uses = [{ ever = 1 }]
when = { until = \"2020-01-01\" }
";

#[tokio::test]
async fn uses_are_counted_given_back_and_shown() {
    let site = Site::new();
    let gateway = site.start();
    add_to_programme(&site, "", TABLES);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    for (name, code) in [
        ("nothing", ResponseCode::NOT_PERMITTED_CARD),
        ("gift", ResponseCode::NOT_PERMITTED_CARD),
        ("over", ResponseCode::INVALID_TRANSACTION),
    ] {
        assert_eq!(till.code(use_up(&card, name, 1), &card).await, code, "{name}");
    }
    let left = |answer: &terminal_sim::checked::Checked| answer.answer.uses_left.map(|left| left.get());
    let (first, answer) = till.deal(use_up(&card, "parking", 1), &card).await;
    assert_eq!((answer.code(), left(&answer)), (APPROVED, Some(2)));
    assert!(answer.answer.changes.as_ref().expect("changes").is_empty());
    assert_eq!(till.code(use_up(&card, "parking", 3), &card).await, ResponseCode::AMOUNT_LIMIT);
    let (second, answer) = till.deal(use_up(&card, "parking", 2), &card).await;
    assert_eq!((answer.code(), left(&answer)), (APPROVED, Some(0)));
    assert_eq!(counted(&site, &card, "used:parking"), [3, 3], "by the month and the year");
    assert_eq!(till.code(use_up(&card, "parking", 1), &card).await, ResponseCode::AMOUNT_LIMIT);
    // The register gives one up, a person the other.
    assert_eq!(till.code(reversal(&second), &card).await, APPROVED);
    assert_eq!(till.code(void(&first), &card).await, APPROVED);
    assert!(counted(&site, &card, "used:parking").is_empty());
    assert_eq!(till.code(use_up(&card, "parking", 2), &card).await, APPROVED);
    let index = last_index(&gateway);
    let (_, answer) = till.deal(use_up(&card, "fast-lane", 5), &card).await;
    assert_eq!((answer.code(), left(&answer)), (APPROVED, None), "a flag is not used up");
    assert_eq!((last_index(&gateway), counted(&site, &card, "used:fast-lane")), (index + 1, vec![]));
    // Whoever lost the card has used as much as before.
    let new = cards(&site, 1).remove(0);
    site.json(&["card", "replace", "--card", &number(&card), "--by", &number(&new), "--reason", "lost"]);
    assert_eq!(till.code(use_up(&new, "parking", 2), &new).await, ResponseCode::AMOUNT_LIMIT);
    let (_, answer) = till.deal(use_up(&new, "parking", 1), &new).await;
    assert_eq!((answer.code(), left(&answer)), (APPROVED, Some(0)));
    let member = till.ask(Body::MemberInquiry { card: new.reference, after: None }, &new).await;
    let listed = member.answer.entitlements.as_ref().expect("entitlements").iter();
    let listed: Vec<_> =
        listed.map(|one| (one.entitlement.to_string(), one.uses_left.map(|left| left.get()))).collect();
    assert_eq!(listed, [("parking".to_owned(), Some(0)), ("fast-lane".to_owned(), None)]);
    assert_eq!(member.answer.tier.expect("a tier").tier.as_str(), "regular");
    let progress = member.answer.progress.as_ref().expect("progress");
    let far: Vec<_> = progress
        .iter()
        .map(|one| (one.tier.to_string(), one.route, one.measure.0, one.so_far, one.needed))
        .collect();
    assert_eq!(far, [("gold".to_owned(), 0, 1, 0, 80_00)]);
    // What was used as a regular member counts for a gold one.
    assert_eq!(till.code(purchase(&new, 80_00), &new).await, APPROVED);
    let member = till.ask(Body::MemberInquiry { card: new.reference, after: None }, &new).await;
    assert_eq!(member.answer.tier.expect("a tier").tier.as_str(), "gold");
    assert!(member.answer.progress.as_ref().expect("progress").is_empty());
    let (_, answer) = till.deal(use_up(&new, "parking", 6), &new).await;
    assert_eq!((answer.code(), left(&answer)), (APPROVED, Some(0)));
    assert_eq!(till.code(use_up(&new, "gift", 1), &new).await, APPROVED);
    assert_eq!(till.code(use_up(&new, "gift", 1), &new).await, ResponseCode::AMOUNT_LIMIT);
    let mut kiosk = Clerk::enrol(&site, &gateway, "K0001", "kiosk").await;
    let mut session = kiosk.session(&gateway).await;
    let refused = kiosk.deal(&mut session, use_up(&new, "fast-lane", 1), &new).await;
    assert_eq!(refused.code(), ResponseCode::NOT_PERMITTED_TERMINAL);
    drop(gateway);
    site.verify();
}
