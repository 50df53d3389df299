//! Members (LOYALTY E1): free, by the first purchase, by so much spent; the gift, the channel, and the birthday's gift.

use super::{A, B, C, COURTESY, NOT_NOW, POINTS, PRINCIPAL, Shop};
use crate::programme::{Said, join};

fn membership(joining: &str, gift: &str) -> String {
    format!(
        "[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n[membership]\n{joining}\n\
         gift = {{ rule = \"welcome\", points = 10, of = \"courtesy\", {gift} }}\n"
    )
}

/// Free: the gift comes with the Join, once, for those won at the kiosk, while the budget lasts.
#[tokio::test]
async fn a_join_gives_its_gift_once_by_its_channel() {
    let gift = "when = { channels = [\"kiosk\"] }, most = { budget = 15 }";
    let mut shop = Shop::open(&membership("joining = \"free\"", gift)).await;
    shop.sell(4, 0).await;
    for (card, name, channel, points) in [
        (A, "A", Some("kiosk"), 10),
        (B, "B", Some("app"), 0),
        (C, "C", Some("kiosk"), 5),
        (3, "D", Some("kiosk"), 0),
    ] {
        let said = Said { channel, ..Said::default() };
        let joined = join(&mut shop.till, &shop.cards[card], said).await;
        let joined = shop.done(joined);
        let fired = usize::from(points > 0);
        joined.says(&[("welcome", "10", points)][..fired]).has([(COURTESY, points)]);
        joined.books(&[("points-expense", name, COURTESY, points)]);
        assert_eq!(shop.ask(card).await.joined.map(|day| day.number()), Some(20_270_301));
    }
    shop.join(A, None).await.refused(NOT_NOW);
    shop.close();
}

/// 首购入会: the first purchase makes the member, and its full refund unmakes them.
#[tokio::test]
async fn the_first_purchase_makes_the_member() {
    let mut shop = Shop::open(&membership("joining = \"first-purchase\"", "")).await;
    shop.sell(1, 100_00).await;
    shop.join(A, None).await.says(&[]).books(&[]);
    assert_eq!(shop.ask(A).await.joined, None, "potential (潜在会员)");
    let first = shop.buy(A, 1).await;
    first.says(&[("welcome", "10", 10)]).has([(COURTESY, 10)]);
    first.books(&[("A", "redemption", PRINCIPAL, 1), ("points-expense", "A", COURTESY, 10)]);
    let back = shop.refund(&first, 1).await;
    back.approved().has([(COURTESY, 0)]);
    back.books(&[("redemption", "A", PRINCIPAL, 1), ("A", "points-expense", COURTESY, 10)]);
    assert_eq!(shop.ask(A).await.joined, None, "nothing of it stands");
    shop.buy(A, 2).await.says(&[("welcome", "10", 10)]).has([(COURTESY, 10)]);
    shop.buy(A, 1).await.says(&[]);
    assert_eq!(shop.ask(A).await.joined.map(|day| day.number()), Some(20_270_301));
    shop.close();
}

/// 消费满额入会: 19.99 is potential, 20.00 a member; a cent back is potential again, and the gift goes.
#[tokio::test]
async fn so_much_spent_makes_the_member_to_the_cent() {
    let mut shop = Shop::open(&membership("joining = \"spend\"\nspend = \"20.00\"", "")).await;
    shop.sell(2, 100_00).await;
    shop.buy(A, 50_00).await.says(&[]);
    shop.join(A, None).await.says(&[]);
    shop.buy(A, 19_99).await.says(&[]).books(&[("A", "redemption", PRINCIPAL, 19_99)]);
    let cent = shop.buy(A, 1).await;
    cent.says(&[("welcome", "10", 10)]).has([(COURTESY, 10)]);
    cent.books(&[("A", "redemption", PRINCIPAL, 1), ("points-expense", "A", COURTESY, 10)]);
    let back = shop.refund(&cent, 1).await;
    back.approved().has([(COURTESY, 0)]);
    back.books(&[("redemption", "A", PRINCIPAL, 1), ("A", "points-expense", COURTESY, 10)]);
    assert_eq!(shop.ask(A).await.joined, None);
    shop.join(B, None).await.says(&[]);
    shop.buy(B, 20_01).await.says(&[("welcome", "10", 10)]);
    shop.close();
}

/// 生日礼: seven days before the birthday, from the first second of that business day, once a year.
#[tokio::test]
async fn a_birthday_gift_comes_by_itself_seven_days_before() {
    let rules = "[[birthday_gift]]\nrule = \"birthday\"\npoints = 88\ndays_before = 7";
    let mut shop = Shop::open(rules).await;
    shop.sell_to("1990-03-10", 10_00).await;
    shop.sell_to("1990-03-11", 10_00).await;
    shop.day("2027-03-03T03:59:00").await;
    assert_eq!(shop.has(A, [POINTS]).await, [0]);
    let before = shop.last();
    shop.day("2027-03-03T04:00:10").await;
    let gift = shop.came(&before, "birthday", 1).await.remove(0);
    gift.explains(&[("birthday", "88", 88)]).books(&[("points-expense", "A", POINTS, 88)]);
    assert_eq!((shop.has(A, [POINTS]).await, shop.has(B, [POINTS]).await), ([88], [0]));
    shop.day("2027-03-04T04:00:10").await;
    let gift = shop.came(&gift, "birthday", 1).await.remove(0);
    gift.explains(&[("birthday", "88", 88)]).books(&[("points-expense", "B", POINTS, 88)]);
    shop.day("2027-03-12T12:00:00").await;
    assert_eq!((shop.has(A, [POINTS]).await, shop.has(B, [POINTS]).await), ([88], [88]));
    shop.close();
}
