//! Clawback (LOYALTY B10): a refund takes back what its sale gave, and what is gone is owed, or withheld where points pay.

use super::{A, POINTS, PRINCIPAL, Shop, TOO_LITTLE};
use crate::counter::holdings;

const SPEND: &str = "[[purchase_points]]\nrule = \"spend\"\nper = \"10\"\ngives = 3\n";
const MUG: &str = "[[catalogue]]\nitem = \"mug\"\nname = \"Mug\"\npoints = 1\ngives = \"gift\"\n";

/// Of 3 points for 10.00 the first cent takes one, and so does 3.34; nothing is left at the end.
#[tokio::test]
async fn points_come_back_in_proportion_rounded_up() {
    let mut shop = Shop::open(SPEND).await;
    shop.sell(1, 100_00).await;
    let sale = shop.buy(A, 10_00).await;
    sale.says(&[("spend", "3/10.00", 3)]);
    for (minor, left, taken) in [(1, 2, 1), (332, 2, 0), (1, 1, 1), (3_33, 0, 1), (3_33, 0, 0)] {
        let back = shop.refund(&sale, minor).await;
        back.approved().has([(POINTS, left)]);
        back.books(&[("redemption", "A", PRINCIPAL, minor), ("A", "points-expense", POINTS, taken)]);
    }
    let sale = shop.buy(A, 10_00).await;
    let undone = shop.reverse(&sale).await;
    undone.approved().has([(PRINCIPAL, 100_00), (POINTS, 0)]);
    undone.books(&[("redemption", "A", PRINCIPAL, 10_00), ("A", "points-expense", POINTS, 3)]);
    shop.close();
}

/// Points that are spent are owed; the next that come pay the debt.
#[tokio::test]
async fn what_is_spent_is_owed_and_paid_by_the_next_points() {
    let mut shop = Shop::open(&format!("{SPEND}{MUG}")).await;
    shop.sell(1, 100_00).await;
    let sale = shop.buy(A, 10_00).await;
    let mugs = shop.redeem(A, "mug", 2).await;
    mugs.says(&[("mug", "1", -2)]).has([(POINTS, 1)]).books(&[("A", "points-expense", POINTS, 2)]);
    let back = shop.refund(&sale, 10_00).await;
    back.approved().has([(POINTS, 0)]);
    back.books(&[
        ("redemption", "A", PRINCIPAL, 10_00),
        ("A", "points-expense", POINTS, 1),
        ("receivable:points", "points-expense", POINTS, 2),
    ]);
    assert_eq!(holdings(shop.site(), &shop.cards[A]).points_debt, 2);
    let next = shop.buy(A, 10_00).await;
    next.says(&[("spend", "3/10.00", 3), ("owed", "2/2", -2)]).has([(POINTS, 1)]);
    next.books(&[
        ("A", "redemption", PRINCIPAL, 10_00),
        ("points-expense", "A", POINTS, 1),
        ("points-expense", "receivable:points", POINTS, 2),
    ]);
    assert_eq!(holdings(shop.site(), &shop.cards[A]).points_debt, 0);
    shop.close();
}

/// Where points pay, the price of those that are gone is withheld; a void, which withholds nothing, is refused.
#[tokio::test]
async fn where_points_pay_the_spent_ones_are_withheld_from_the_refund() {
    let mut shop =
        Shop::open(&format!("{SPEND}{MUG}[points_payment]\nrule = \"pay\"\npoints = 1\npays = \"0.50\""))
            .await;
    shop.sell(1, 100_00).await;
    let sale = shop.buy(A, 10_00).await;
    shop.redeem(A, "mug", 2).await.says(&[("mug", "1", -2)]);
    shop.void(&sale).await.refused(TOO_LITTLE);
    let back = shop.refund(&sale, 10_00).await;
    back.approved().has([(PRINCIPAL, 99_00), (POINTS, 0)]);
    assert_eq!(back.amount(), Some(9_00), "two points are 1.00");
    back.books(&[
        ("redemption", "A", PRINCIPAL, 9_00),
        ("redemption", "points-payment", PRINCIPAL, 1_00),
        ("A", "points-expense", POINTS, 1),
    ]);
    assert_eq!(holdings(shop.site(), &shop.cards[A]).points_debt, 0);
    shop.close();
}
