//! Bringing members (LOYALTY B4): ten points on registration, or only after the first purchase; a share; grades.

use super::{A, B, C, COURTESY, POINTS, PRINCIPAL, Shop};

fn rules(referral: &str) -> String {
    format!(
        "[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n[membership]\njoining = \"free\"\n\
         [[referral]]\nrule = \"bring\"\nof = \"courtesy\"\n{referral}\n"
    )
}

/// Worked case: 10 points once on registration, and the new member's own; nobody twice, nobody themselves.
#[tokio::test]
async fn ten_points_once_on_registration() {
    let mut shop = Shop::open(&rules("on = \"joining\"\npoints = 10\nown = 3\nmost = { times = 2 }")).await;
    shop.sell(5, 10_00).await;
    shop.join(A, None).await.says(&[]).books(&[]);
    let joined = shop.join(B, Some(A)).await;
    assert_eq!((joined.code(), super::super::why(&joined.answer)), (0, vec![("bring".to_owned(), 3)]));
    joined.has([(COURTESY, 3)]);
    joined.books(&[("points-expense", "A", COURTESY, 10), ("points-expense", "B", COURTESY, 3)]);
    joined.entry.explains(&[("bring", "3", 3)]).rewards(&[("A", "bring", 10)]);
    assert_eq!(shop.has(A, [COURTESY]).await, [10]);
    shop.buy(B, 10_00).await.says(&[]).books(&[("B", "redemption", PRINCIPAL, 10_00)]);
    shop.join(B, Some(A)).await.refused(super::NOT_NOW);
    shop.join(C, Some(C)).await.refused(super::NOT_NOW);
    // Twice, and not a third time.
    let second = shop.join(C, Some(A)).await;
    second.entry.rewards(&[("A", "bring", 10)]);
    second.books(&[("points-expense", "A", COURTESY, 10), ("points-expense", "C", COURTESY, 3)]);
    let third = shop.join(3, Some(A)).await;
    third.entry.rewards(&[]);
    third.books(&[("points-expense", "D", COURTESY, 3)]);
    assert_eq!(shop.has(A, [COURTESY]).await, [20]);
    let undone = shop.void(&second).await;
    undone.approved().books(&[("A", "points-expense", COURTESY, 10), ("C", "points-expense", COURTESY, 3)]);
    shop.close();
}

/// Worked case: only after the first purchase, and no more when all of it comes back.
#[tokio::test]
async fn ten_points_only_after_the_first_purchase() {
    let mut shop = Shop::open(&rules("on = \"first-purchase\"\npoints = 10")).await;
    shop.sell(2, 100_00).await;
    shop.join(A, None).await.approved();
    shop.join(B, Some(A)).await.says(&[]).books(&[]);
    assert_eq!(shop.has(A, [COURTESY]).await, [0]);
    let first = shop.buy(B, 1).await;
    first.entry.rewards(&[("A", "bring", 10)]);
    first.says(&[]).books(&[("B", "redemption", PRINCIPAL, 1), ("points-expense", "A", COURTESY, 10)]);
    shop.buy(B, 50_00).await.says(&[]).books(&[("B", "redemption", PRINCIPAL, 50_00)]);
    assert_eq!(shop.has(A, [COURTESY]).await, [10]);
    let back = shop.refund(&first, 1).await;
    back.approved().books(&[("redemption", "B", PRINCIPAL, 1), ("A", "points-expense", COURTESY, 10)]);
    assert_eq!(shop.has(A, [COURTESY]).await, [0]);
    shop.close();
}

/// What others get is in the entry's postings and its explanation, and never in the new member's answer.
///
/// 2 points and one for each full 10.00 of all purchases in a month; a silver referrer, who has brought two, gets half as much again.
#[tokio::test]
async fn a_share_of_all_purchases_in_a_window_times_the_grade() {
    let share = "on = \"purchases\"\nmonths = 1\npoints = 2\nper = \"10.00\"\ngives = 1\n\
                 grades = [{ from = 2, times = \"1.5\", name = \"银牌推荐者\" }]";
    let mut shop = Shop::open(&rules(share)).await;
    shop.sell(3, 100_00).await;
    shop.join(A, None).await.approved();
    shop.join(B, Some(A)).await.approved();
    for (minor, points) in [(9_99, 2), (10_00, 3), (19_99, 3), (20_00, 4)] {
        let sale = shop.buy(B, minor).await;
        sale.entry.rewards(&[("A", "bring", points)]);
        sale.says(&[])
            .books(&[("B", "redemption", PRINCIPAL, minor), ("points-expense", "A", COURTESY, points)]);
    }
    shop.join(C, Some(A)).await.approved();
    // 3 points are 4.5: rounded down.
    let graded = shop.buy(B, 10_00).await;
    graded.entry.rewards(&[("A", "bring", 4)]);
    graded.says(&[]).books(&[("B", "redemption", PRINCIPAL, 10_00), ("points-expense", "A", COURTESY, 4)]);
    assert_eq!(shop.has(A, [POINTS, COURTESY]).await, [0, 16]);
    shop.day("2027-04-01T12:00:00").await;
    let last = shop.buy(B, 1_00).await;
    last.entry.rewards(&[("A", "bring", 3)]);
    last.says(&[]).books(&[("B", "redemption", PRINCIPAL, 1_00), ("points-expense", "A", COURTESY, 3)]);
    shop.day("2027-04-02T12:00:00").await;
    shop.buy(B, 1_00).await.says(&[]).books(&[("B", "redemption", PRINCIPAL, 1_00)]);
    shop.close();
}
