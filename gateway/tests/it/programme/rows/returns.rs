//! The return right (无忧退货; LOYALTY's worked cases): day 7 is anybody's, day 8 needs a supervisor.

use protocol::request::Body;

use super::{A, POINTS, PRINCIPAL, Shop};
use crate::till::{People, refund};

/// The sale is of 1 March; its seventh day, the 8th, ends at 04:00 on the 9th.
#[tokio::test]
async fn day_seven_is_accepted_and_day_eight_needs_a_supervisor() {
    let rules = "[till.supervisor]\nlate_returns = true\n[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n";
    let mut shop = Shop::open(rules).await;
    let admitted = shop.json(&["cashier", "add", "--name", "LIN", "--supervisor"]);
    let pin = admitted["pin"].as_str().expect("a PIN").to_owned();
    shop.sell(1, 100_00).await;
    let sale = shop.buy(A, 10_00).await;
    sale.says(&[("spend", "1/1.00", 10)]);
    for (time, minor, left) in [("2027-03-08T12:00:00", 3_00, 7), ("2027-03-09T03:59:00", 2_00, 5)] {
        shop.day(time).await;
        let back = shop.refund(&sale, minor).await;
        back.approved().has([(POINTS, left)]);
        back.books(&[("redemption", "A", PRINCIPAL, minor), ("A", "points-expense", POINTS, minor / 100)]);
    }
    shop.day("2027-03-09T04:00:01").await;
    shop.refund(&sale, 5_00).await.refused(76);
    let card = shop.cards[A].clone();
    let people = People { supervisor: Some(("LIN", Some(&pin))), ..People::default() };
    // Within its days nobody has to say why; after them somebody must, whoever allows it.
    let unsaid = match refund(&sale.message, 5_00) {
        Body::Refund { amount, lines, original, supervisor, .. } => {
            Body::Refund { amount, lines, original, reason: None, supervisor }
        }
        other => other,
    };
    let refused = shop.till.by(people, unsaid, &card).await;
    shop.done(refused).refused(super::NOT_NOW);
    let allowed = shop.till.by(people, refund(&sale.message, 5_00), &card).await;
    let allowed = shop.done(allowed);
    allowed.approved().has([(PRINCIPAL, 100_00), (POINTS, 0)]);
    allowed.books(&[("redemption", "A", PRINCIPAL, 5_00), ("A", "points-expense", POINTS, 5)]);
    shop.close();
}

/// Where nobody at a till may allow it, day eight is refused.
#[tokio::test]
async fn day_eight_is_refused_where_nobody_may_allow_it() {
    let mut shop = Shop::open("").await;
    shop.sell(1, 100_00).await;
    let sale = shop.buy(A, 10_00).await;
    sale.says(&[]).has([(PRINCIPAL, 90_00)]);
    shop.day("2027-03-09T03:59:00").await;
    shop.refund(&sale, 1).await.approved().books(&[("redemption", "A", PRINCIPAL, 1)]);
    shop.day("2027-03-09T04:00:01").await;
    shop.refund(&sale, 1).await.refused(super::NOT_NOW);
    shop.close();
}
