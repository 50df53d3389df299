//! The time of points (LOYALTY B8, B9): they end by themselves, on the day; and some cannot be spent before the return days are over.

use protocol::field::Due;

use super::{A, PENDING, POINTS, PRINCIPAL, Shop, TOO_LITTLE};

const RULES: &str = "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n";
const PAY: &str = "[points_payment]\nrule = \"pay\"\npoints = 1\npays = \"1\"\n";

/// What an inquiry lists: whether it expires, how much, and the last second before.
async fn coming(shop: &mut Shop, kind: u8) -> Vec<(Due, i64, String)> {
    let answer = shop.ask(A).await;
    let listed = answer.coming.as_ref().expect("a list").as_slice().iter();
    let there = jiff::tz::TimeZone::get("Asia/Shanghai").expect("a zone");
    let of = |one: &protocol::answer::Coming| {
        let at = jiff::Timestamp::from_second(one.time.get()).expect("a time").to_zoned(there.clone());
        (one.what, one.amount.get(), at.strftime("%Y-%m-%d %H:%M").to_string())
    };
    listed.filter(|one| one.kind.0 == u16::from(kind)).map(of).collect()
}

/// B8, worked case: points last a year; those of 29 February to the end of 28 February.
#[tokio::test]
async fn points_end_after_a_year_at_the_end_of_their_last_day() {
    for (earned, ends, last, over) in [
        ("2027-03-01", "2028-03-02 04:00", "2028-03-02T03:59:00", "2028-03-02T04:00:01"),
        ("2028-02-28", "2029-03-01 04:00", "2029-03-01T03:59:00", "2029-03-01T04:00:01"),
        ("2028-02-29", "2029-03-01 04:00", "2029-03-01T03:59:00", "2029-03-01T04:00:01"),
        ("2028-03-01", "2029-03-02 04:00", "2029-03-02T03:59:00", "2029-03-02T04:00:01"),
    ] {
        let rules = super::programme(&format!("{RULES}{PAY}[expiry]\npoints_months = 12"));
        let mut shop = Shop::under(&format!("{earned}T12:00:00"), &rules).await;
        shop.sell(1, 100_00).await;
        shop.buy(A, 10_00).await.says(&[("spend", "1/1.00", 10)]);
        assert_eq!(coming(&mut shop, POINTS).await, [(Due::EXPIRES, 10, ends.to_owned())]);
        shop.day(last).await;
        shop.pay(A, 4_00, 4).await.says(&[("pay", "1/1.00", -4)]).has([(POINTS, 6)]);
        let before = shop.last();
        shop.day(over).await;
        let ended = shop.came(&before, "expiry", 1).await.remove(0);
        ended.explains(&[]).books(&[("A", "breakage", POINTS, 6)]);
        assert_eq!(shop.has(A, [POINTS]).await, [0]);
        shop.pay(A, 1_00, 1).await.refused(TOO_LITTLE);
        shop.close();
    }
}

/// B9: what a sale gives is pending to the end of its last return day; a refund takes it first; then it is released, once.
#[tokio::test]
async fn points_are_pending_until_the_return_days_are_over() {
    let rules = RULES.replace("gives = 1", "gives = 1\npending = \"return-days\"");
    let mut shop = Shop::open(&format!("{rules}{PAY}")).await;
    shop.sell(1, 100_00).await;
    let sale = shop.buy(A, 10_00).await;
    sale.says(&[("spend", "1/1.00", 10)]).has([(POINTS, 0), (PENDING, 10)]);
    sale.books(&[("A", "redemption", PRINCIPAL, 10_00), ("points-expense", "A", PENDING, 10)]);
    assert_eq!(coming(&mut shop, PENDING).await, [(Due::RELEASED, 10, "2027-03-09 04:00".to_owned())]);
    shop.pay(A, 1_00, 1).await.refused(TOO_LITTLE);
    let back = shop.refund(&sale, 2_00).await;
    back.approved().has([(PENDING, 8)]);
    back.books(&[("redemption", "A", PRINCIPAL, 2_00), ("A", "points-expense", PENDING, 2)]);
    shop.day("2027-03-09T03:59:00").await;
    assert_eq!(shop.has(A, [POINTS, PENDING]).await, [0, 8]);
    let before = shop.last();
    shop.day("2027-03-09T04:00:01").await;
    let released = shop.came(&before, "expiry", 1).await.remove(0);
    released.explains(&[]).books(&[("A", "points-release", PENDING, 8), ("points-release", "A", POINTS, 8)]);
    shop.pay(A, 8_00, 8).await.says(&[("pay", "1/1.00", -8)]).has([(POINTS, 0), (PENDING, 0)]);
    shop.close();
}
