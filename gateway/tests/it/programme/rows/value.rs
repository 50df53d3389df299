//! Member value (LOYALTY B12): what a member is worth in money, to the cent, in a window; the tier that asks for it, and its curve.

use super::{A, B, POINTS, PRINCIPAL, Shop, goods};

const GOLD: &str = "[[tier]]\nkey = \"regular\"\nname = \"R\"\n[[tier]]\nkey = \"dear\"\nname = \"Dear\"\nany = [{ value = \"20.00\" }]\ngift = { points = 5 }\n";

fn value(shop: &Shop, card: usize) -> i64 {
    let told = shop.json(&["member", "value", &shop.number(card)]);
    told["value_minor"].as_i64().expect("a value")
}

/// A tenth of what is spent, 2.00 a purchase, 0.50 a piece and 3.00 an activity: 19.99 is not dear, 20.00 is.
#[tokio::test]
async fn what_a_member_does_is_worth_money_and_leads_to_a_tier_at_its_cent() {
    let rules = "[[activity]]\ncode = \"talk\"\nrule = \"talk\"\npoints = 0\n\
        [member_value]\nspent = \"0.1\"\npurchases = \"2.00\"\nunits = \"0.50\"\nactivities = \"3.00\"\nmonths = 12\n";
    let mut shop = Shop::open(&format!("{rules}{GOLD}")).await;
    shop.sell(1, 500_00).await;
    shop.award(A, "talk", 1).await.says(&[("talk", "0", 0)]).books(&[]);
    assert_eq!(value(&shop, A), 3_00);
    let body = goods(&shop.cards[A], &[("T", "tea", 4, 99_99)]);
    let sale = shop.deal(body, A).await;
    sale.says(&[]).books(&[("A", "redemption", PRINCIPAL, 99_99)]);
    // 3.00, 9.999, 2.00 and 2.00, rounded down once.
    assert_eq!((value(&shop, A), sale.tier()), (16_99, None));
    let sale = shop.buy(A, 10_09).await;
    // 110.08 are 11.008.
    assert_eq!((value(&shop, A), sale.says(&[]).tier()), (20_00, Some("dear")));
    sale.behind().explains_tier([None, Some("dear")], (20_00, 20_00));
    sale.behind().books(&[("points-expense", "A", POINTS, 5)]);
    // A cent's tenth of a cent below: 11.000 are there at 110.00, and no less.
    let back = shop.refund(&sale, 8).await;
    assert_eq!((value(&shop, A), back.approved().tier()), (20_00, None));
    let back = shop.refund(&sale, 1).await;
    assert_eq!((value(&shop, A), back.approved().tier()), (19_99, Some("regular")));
    back.books(&[("redemption", "A", PRINCIPAL, 1), ("A", "points-expense", POINTS, 5)]);
    let told = shop.json(&["member", "value", &shop.number(A)]);
    assert_eq!(told["curve"][0]["value"], "19.99");
    shop.close();
}

/// Whom a member brought and what they spend is worth something too; after its window it is worth nothing.
#[tokio::test]
async fn members_brought_and_what_they_spend_count_for_their_window() {
    let rules = "[membership]\njoining = \"free\"\n[member_value]\nreferrals = \"10.00\"\ninvitees_spent = \"0.05\"\nmonths = 2\n";
    let mut shop = Shop::open(&format!("{rules}{GOLD}")).await;
    shop.sell(2, 500_00).await;
    shop.join(A, None).await.says(&[]);
    shop.join(B, Some(A)).await.says(&[]).books(&[]);
    assert_eq!(value(&shop, A), 10_00);
    shop.buy(B, 199_99).await.says(&[]).books(&[("B", "redemption", PRINCIPAL, 199_99)]);
    assert_eq!(value(&shop, A), 19_99);
    let sale = shop.buy(B, 1).await;
    sale.approved();
    sale.behind().explains_tier([None, Some("dear")], (20_00, 20_00));
    sale.behind().books(&[("points-expense", "A", POINTS, 5)]);
    assert_eq!((value(&shop, A), value(&shop, B)), (20_00, 0));
    shop.day("2027-04-30T12:00:00").await;
    assert_eq!(value(&shop, A), 20_00);
    shop.day("2027-05-01T12:00:00").await;
    assert_eq!(value(&shop, A), 0);
    shop.close();
}

/// 衰减: what is left of it a month later is half, rounded down to the cent; 历史价值 stays.
#[tokio::test]
async fn what_was_long_ago_fades_or_counts_for_ever() {
    for (time, curve) in [("decay = \"0.5\"", [10_01, 5_00, 2_50, 1_25]), ("", [10_01; 4])] {
        let mut shop = Shop::open(&format!("[member_value]\nspent = \"0.1\"\n{time}\n{GOLD}")).await;
        shop.sell(1, 500_00).await;
        let sale = shop.buy(A, 100_10).await;
        sale.says(&[]).books(&[("A", "redemption", PRINCIPAL, 100_10)]);
        for (month, worth) in ["03-31", "04-01", "05-31", "06-01"].iter().zip(curve) {
            shop.day(&format!("2027-{month}T12:00:00")).await;
            assert_eq!(value(&shop, A), worth, "{month}");
        }
        shop.close();
    }
}
