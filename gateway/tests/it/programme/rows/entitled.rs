//! What a tier brings (LOYALTY C6, C7, C8): prices, counted uses and flags, and how far it is to the next.

use protocol::field::Flags;
use serde_json::json;

use super::{A, B, NOT_FOR_THIS_CARD, OVER_THE_LIMIT, POINTS, PRINCIPAL, Shop, goods};
use crate::counter::purchase;

const GOLD: &str = "[[tier]]\nkey = \"regular\"\nname = \"R\"\n[[tier]]\nkey = \"gold\"\nname = \"G\"\nany = [{ spent = \"50\" }]\n";

/// C6: 5% for gold, 10% of tea on a Monday, the better of them; rounded down, and points for what was paid.
#[tokio::test]
async fn a_tier_pays_less_by_category_and_day_rounded_down() {
    let rules = "[[price]]\nrule = \"gold-price\"\noff = \"5%\"\nwhen = { tiers = [\"gold\"] }\n\
        [[price]]\nrule = \"tea-monday\"\noff = \"10%\"\ncategories = [\"tea\"]\nwhen = { tiers = [\"gold\"], weekdays = [\"mon\"] }\n\
        [prices]\ntogether = \"best\"\n[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n";
    let mut shop = Shop::open(&format!("{GOLD}{rules}")).await;
    shop.sell(2, 500_00).await;
    shop.buy(A, 50_00).await.says(&[("spend", "1/1.00", 50)]);
    let body = purchase(&shop.cards[B], 20_00);
    let other = shop.buy_with(B, body, Flags::PROGRAMME_PRICES).await;
    other
        .says(&[("spend", "1/1.00", 20)])
        .books(&[("B", "redemption", PRINCIPAL, 20_00), ("points-expense", "B", POINTS, 20)]);
    shop.buy(A, 20_00).await.says(&[("spend", "1/1.00", 20)]);
    // 0.9995, 1.00 and 1.0005.
    for (minor, off, points) in [(19_99, 99, 19), (20_00, 1_00, 19), (20_01, 1_00, 19)] {
        let body = purchase(&shop.cards[A], minor);
        let sale = shop.buy_with(A, body, Flags::PROGRAMME_PRICES).await;
        sale.says(&[("gold-price", "5%", off), ("spend", "1/1.00", points)]);
        assert_eq!(sale.amount(), Some(minor - off));
        sale.books(&[("A", "redemption", PRINCIPAL, minor - off), ("points-expense", "A", POINTS, points)]);
    }
    let items = [("T", "tea", 1, 10_00), ("C", "cup", 1, 10_00)];
    let body = goods(&shop.cards[A], &items);
    let monday = shop.buy_with(A, body.clone(), Flags::PROGRAMME_PRICES).await;
    monday.says(&[("gold-price", "5%", 50), ("tea-monday", "10%", 1_00), ("spend", "1/1.00", 18)]);
    monday.books(&[("A", "redemption", PRINCIPAL, 18_50), ("points-expense", "A", POINTS, 18)]);
    shop.day("2027-03-02T12:00:00").await;
    let tuesday = shop.buy_with(A, body, Flags::PROGRAMME_PRICES).await;
    tuesday.says(&[("gold-price", "5%", 1_00), ("spend", "1/1.00", 19)]);
    tuesday.books(&[("A", "redemption", PRINCIPAL, 19_00), ("points-expense", "A", POINTS, 19)]);
    let back = shop.refund(&monday, 18_50).await;
    back.approved().books(&[("redemption", "A", PRINCIPAL, 18_50), ("A", "points-expense", POINTS, 18)]);
    shop.close();
}

/// C7: parking twice a month, a lane that is only shown, and what was promised and not used.
#[tokio::test]
async fn uses_are_counted_by_the_month_flags_are_not_and_the_rest_is_reported() {
    let rules = "[[entitlement]]\nentitlement = \"parking\"\nname = \"停车\"\nuses = [{ tiers = [\"gold\"], per_month = 2 }]\n\
        [[entitlement]]\nentitlement = \"lane\"\nname = \"快速通道\"\nuses = [{ tiers = [\"gold\"] }]\n";
    let mut shop = Shop::open(&format!("{GOLD}{rules}")).await;
    shop.sell(2, 100_00).await;
    shop.use_up(B, "parking", 1).await.refused(NOT_FOR_THIS_CARD);
    shop.buy(A, 49_99).await.says(&[]);
    shop.use_up(A, "parking", 1).await.refused(NOT_FOR_THIS_CARD);
    shop.buy(A, 1).await.says(&[]);
    shop.use_up(A, "parking", 3).await.refused(OVER_THE_LIMIT);
    let left = |done: &super::Done| {
        done.says(&[]).books(&[]);
        done.answer.answer.uses_left.map(|left| left.get())
    };
    assert_eq!(left(&shop.use_up(A, "parking", 1).await), Some(1));
    let second = shop.use_up(A, "parking", 1).await;
    assert_eq!(left(&second), Some(0));
    shop.use_up(A, "parking", 1).await.refused(OVER_THE_LIMIT);
    shop.void(&second).await.approved().books(&[]);
    assert_eq!(left(&shop.use_up(A, "lane", 1).await), None);
    let listed = shop.ask(A).await.entitlements.expect("entitlements");
    let listed: Vec<_> = listed
        .iter()
        .map(|one| (one.entitlement.to_string(), one.uses_left.map(|left| left.get())))
        .collect();
    assert_eq!(listed, [("parking".to_owned(), Some(1)), ("lane".to_owned(), None)]);
    let told = shop.json(&["entitlements", "report", "--period", "202703"])["entitlements"].clone();
    let parking = told.as_array().expect("rows").iter().find(|row| row["entitlement"] == "parking");
    let parking = parking.expect("parking");
    let figures = ["members", "users", "promised", "used", "left"].map(|field| parking[field].clone());
    assert_eq!(figures, [json!(1), json!(1), json!(2), json!(1), json!(1)]);
    shop.day("2027-04-01T03:59:00").await;
    shop.use_up(A, "parking", 2).await.refused(OVER_THE_LIMIT);
    shop.day("2027-04-01T04:01:00").await;
    assert_eq!(left(&shop.use_up(A, "parking", 2).await), Some(0));
    shop.close();
}

/// C7: gold may have an item three days before the others.
#[tokio::test]
async fn a_tier_comes_in_three_days_before_the_others() {
    let mug = "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n\
        [[catalogue]]\nitem = \"mug\"\nname = \"Mug\"\npoints = 10\ngives = \"gift\"\nwhen = { from = \"2027-03-11\" }\nearly = { tiers = [\"gold\"], days = 3 }\n";
    let mut shop = Shop::open(&format!("{GOLD}{mug}")).await;
    shop.sell(2, 100_00).await;
    shop.buy(A, 50_00).await.approved();
    shop.buy(B, 49_99).await.approved();
    for (time, allowed) in [
        ("2027-03-08T03:59:00", [false, false]),
        ("2027-03-08T04:01:00", [true, false]),
        ("2027-03-11T03:59:00", [true, false]),
        ("2027-03-11T04:01:00", [true, true]),
    ] {
        shop.day(time).await;
        for (card, name) in [(A, "A"), (B, "B")] {
            let had = shop.redeem(card, "mug", 1).await;
            if allowed[card] {
                had.says(&[("mug", "10", -10)]).books(&[(name, "points-expense", POINTS, 10)]);
            } else {
                assert_ne!(had.code(), 0, "{time}");
                had.entry.books(&[]);
            }
        }
    }
    shop.close();
}

/// C8: how far the next tier is, in the answer and in the month's report, with the way of which least is missing.
#[tokio::test]
async fn progress_is_in_the_answer_and_in_the_report() {
    let ladder = GOLD.replace("[{ spent = \"50\" }]", "[{ spent = \"50\", months = 12 }, { purchases = 4 }]");
    let mut shop = Shop::open(&ladder).await;
    shop.sell(1, 100_00).await;
    let report = |shop: &Shop| {
        let told = shop.json(&["member", "report", "--period", "202703", &shop.number(A)]);
        (
            told["nearest"]["tier"].clone(),
            told["nearest"]["route"].clone(),
            told["nearest"]["missing_share"].clone(),
        )
    };
    for (minor, spent, purchases, nearest) in
        [(10_00, 10_00, 1, (1, 7_500)), (20_00, 30_00, 2, (0, 4_000)), (19_99, 49_99, 3, (0, 2))]
    {
        let sale = shop.buy(A, minor).await;
        sale.says(&[]).books(&[("A", "redemption", PRINCIPAL, minor)]);
        let progress = shop.ask(A).await.progress.expect("progress");
        let far: Vec<_> =
            progress.iter().map(|one| (one.tier.to_string(), one.route, one.so_far, one.needed)).collect();
        let gold = |route, so_far, needed| ("gold".to_owned(), route, so_far, needed);
        assert_eq!(far, [gold(0, spent, 50_00), gold(1, purchases, 4)]);
        assert_eq!(report(&shop), (json!("gold"), json!(nearest.0), json!(nearest.1)));
    }
    let last = shop.buy(A, 1).await;
    assert_eq!(last.says(&[]).tier(), Some("gold"));
    assert!(shop.ask(A).await.progress.is_none_or(|progress| progress.is_empty()));
    shop.close();
}
