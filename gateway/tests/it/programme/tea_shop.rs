//! The tea shop's programme, priced by hand: first load, steps, a remainder that is carried, the tenth cup, redemption, and all of it
//! given back.

use protocol::request::Body;

use super::{points, why};
use crate::counter::{holdings, load, purchase};
use crate::harness::Site;
use crate::till::{APPROVED, Till, put_in_force, refund, void};

const PROGRAMME: &str = include_str!("../../../programmes/tea-shop.toml");

#[tokio::test]
async fn ten_cups_of_tea_come_to_what_the_board_says() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    // Whatever day it is today.
    put_in_force(&site, &PROGRAMME.replace("days = [8, 18, 28]", "from = \"2099-01-01\""));
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let (_, first) = till.deal(load(&card, 100_00), &card).await;
    assert_eq!(why(&first), [("充值赠送".to_owned(), 10_00), ("首充有礼".to_owned(), 20)]);
    let (_, second) = till.deal(load(&card, 99_99), &card).await;
    assert_eq!(why(&second), [], "below the first step, and no first load");
    assert_eq!((holdings(&site, &card).bonus, points(&mut till, &card, [16]).await), (10_00, [20]));

    // 12.50 and 7.50 are 20 points, not 19.
    till.deal(purchase(&card, 12_50), &card).await;
    assert_eq!(points(&mut till, &card, [16]).await, [32]);
    till.deal(purchase(&card, 7_50), &card).await;
    assert_eq!(points(&mut till, &card, [16]).await, [40]);
    for _ in 3..10 {
        till.deal(purchase(&card, 10_00), &card).await;
    }
    assert_eq!(points(&mut till, &card, [16]).await, [110]);
    let (tenth, answer) = till.deal(purchase(&card, 10_00), &card).await;
    assert_eq!(why(&answer), [("消费积分".to_owned(), 10), ("第十杯".to_owned(), 30)]);
    assert_eq!(points(&mut till, &card, [16]).await, [150]);

    let topping =
        Body::Redeem { card: card.reference, item: "topping".parse().expect("a code"), quantity: None };
    let (given, answer) = till.deal(topping, &card).await;
    assert_eq!((answer.code(), points(&mut till, &card, [16]).await), (APPROVED, [120]));
    assert_eq!(till.code(void(&given), &card).await, APPROVED);
    till.deal(refund(&tenth, 10_00), &card).await;
    assert_eq!(points(&mut till, &card, [16]).await, [110], "the tenth cup's are gone with it");
    drop(gateway);
    site.verify();
}
