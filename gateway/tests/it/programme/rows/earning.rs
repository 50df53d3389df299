//! Points for purchases (LOYALTY B1, B2): fixed, proportional and staged, units and goods, the remainder, and the three classic systems.

use super::{A, B, POINTS, PRINCIPAL, Shop, goods};

const FIXED: &str = include_str!("../../../../programmes/points-fixed.toml");
const VARIABLE: &str = include_str!("../../../../programmes/points-variable.toml");
const CONVERTIBLE: &str = include_str!("../../../../programmes/points-convertible.toml");

/// Sales of one card under one rule: minor units, the rate that is said, and points.
async fn earns(rule: &str, sales: &[(i64, &str, i64)]) {
    let mut shop = Shop::open(&format!("[[purchase_points]]\nrule = \"r\"\n{rule}")).await;
    shop.sell(1, 100_000_00).await;
    let mut held = 0;
    for (minor, rate, points) in sales {
        held += points;
        let sale = shop.buy(A, *minor).await;
        let fired = usize::from(*points > 0);
        sale.says(&[("r", *rate, *points)][..fired]).has([(POINTS, held)]);
        let moves = [("A", "redemption", PRINCIPAL, *minor), ("points-expense", "A", POINTS, *points)];
        sale.books(&moves[..=fired]);
    }
    shop.close();
}

/// B1, worked cases: 100.00 gives 1 point, 99.99 none, 250.00 two; of 150.00 and 50.00 the rest is dropped, or carried.
#[tokio::test]
async fn a_hundred_gives_a_point_and_the_rest_is_dropped_or_carried() {
    let rate = "1/100.00";
    let dropped =
        [(99_99, rate, 0), (100_00, rate, 1), (100_01, rate, 1), (199_99, rate, 1), (200_00, rate, 2)];
    earns("per = \"100\"\ngives = 1", &dropped).await;
    earns("per = \"100\"\ngives = 1", &[(250_00, rate, 2), (150_00, rate, 1), (50_00, rate, 0)]).await;
    let carried = [(150_00, rate, 1), (49_99, rate, 0), (1, rate, 1), (99_99, rate, 0), (1, rate, 1)];
    earns("per = \"100\"\ngives = 1\nremainder = \"carry\"", &carried).await;
    earns("per = \"100\"\ngives = 1\nremainder = \"carry\"", &[(150_00, rate, 1), (50_00, rate, 1)]).await;
}

/// B1: so many a purchase; stages of a fixed number, and of a rate for the whole amount.
#[tokio::test]
async fn a_purchase_gives_a_fixed_number_or_what_its_stage_gives() {
    earns("gives = 5", &[(1, "5", 5), (900_00, "5", 5)]).await;
    let steps = "steps = [{ from = \"100\", gives = 3 }, { from = \"500\", gives = 20 }]";
    earns(steps, &[(99_99, "3", 0), (100_00, "3", 3), (499_99, "3", 3), (500_00, "20", 20)]).await;
    let (one, two) = ("1/10.00", "2/10.00");
    let sales = [
        (799_99, one, 0),
        (800_00, one, 80),
        (809_99, one, 80),
        (1_599_99, one, 159),
        (1_600_00, two, 320),
        (1_600_01, two, 320),
    ];
    let steps = "steps = [{ from = \"800.00\", per = \"10.00\", gives = 1 }, { from = \"1600.00\", per = \"10.00\", gives = 2 }]";
    earns(steps, &sales).await;
}

/// B1: stages by the points that are held, by those ever earned, and by the number of the visit.
#[tokio::test]
async fn stages_go_by_points_held_or_earned_and_by_the_visit() {
    let by = |by: &str| {
        format!(
            "by = \"{by}\"\nsteps = [{{ from = 0, per = \"1\", gives = 1 }}, {{ from = 100, per = \"1\", gives = 2 }}]"
        )
    };
    let (one, two) = ("1/1.00", "2/1.00");
    for measure in ["points-held", "points-earned"] {
        earns(&by(measure), &[(99_00, one, 99), (1_00, one, 1), (1_00, two, 2)]).await;
    }
    let third = "by = \"purchases\"\nevery = true\nsteps = [{ from = 3, gives = 50 }]";
    let visits = [(1, "50", 0), (1, "50", 0), (1, "50", 50), (1, "50", 0), (1, "50", 0), (1, "50", 50)];
    earns(third, &visits).await;
}

/// B1: two pieces of tea are 3 points, whatever else is in the bill.
#[tokio::test]
async fn units_of_goods_give_points() {
    let mut shop =
        Shop::open("[[purchase_points]]\nrule = \"tea\"\nunits = 2\ngives = 3\ncategories = [\"TEA\"]").await;
    shop.sell(1, 1_000_00).await;
    for (pieces, points) in [(1, 0), (2, 3), (3, 3), (4, 6)] {
        let body = goods(&shop.cards[A], &[("T1", "TEA", pieces, 20_00), ("C1", "CUP", 9, 30_00)]);
        let sale = shop.deal(body, A).await;
        let fired = usize::from(points > 0);
        sale.says(&[("tea", "3/2", points)][..fired]);
        let moves = [("A", "redemption", PRINCIPAL, 50_00), ("points-expense", "A", POINTS, points)];
        sale.books(&moves[..=fired]);
    }
    shop.close();
}

/// B2, 固定积分型: one rate for everybody, points after the return days, and a level by what was ever bought.
#[tokio::test]
async fn fixed_points_are_one_rate_and_the_level_is_history() {
    let document = FIXED.replace(
        "max_load = \"5000.00\"\nmax_balance = \"5000.00\"",
        "max_load = \"90000\"\nmax_balance = \"90000\"",
    );
    let mut shop = Shop::under("2027-03-01T12:00:00", &document).await;
    shop.sell(1, 90_000_00).await;
    let sale = shop.buy(A, 9_999_99).await;
    sale.says(&[("spend-points", "1/100.00", 99)]).has([(POINTS, 0), (super::PENDING, 99)]);
    sale.books(&[("A", "redemption", PRINCIPAL, 9_999_99), ("points-expense", "A", super::PENDING, 99)]);
    assert_eq!(sale.tier(), None);
    // The cent that makes 10,000.00 makes the hundredth point of what was carried, too; gold's rate is the same.
    let sale = shop.buy(A, 1).await;
    sale.says(&[("spend-points", "1/100.00", 1)]);
    assert_eq!(sale.tier(), Some("silver"));
    sale.behind().explains_tier([None, Some("silver")], (10_000_00, 10_000_00)).books(&[]);
    let sale = shop.buy(A, 40_000_00).await;
    sale.says(&[("spend-points", "1/100.00", 400)]);
    assert_eq!(sale.tier(), Some("gold"));
    shop.buy(A, 100_00).await.says(&[("spend-points", "1/100.00", 1)]);
    shop.close();
}

/// B2, 可变积分型: the rate rises with what was bought in the last months.
#[tokio::test]
async fn variable_points_are_a_rate_that_rises_with_what_was_bought() {
    let document = VARIABLE.replace(
        "max_load = \"5000.00\"\nmax_balance = \"5000.00\"",
        "max_load = \"90000\"\nmax_balance = \"90000\"",
    );
    let mut shop = Shop::under("2027-03-01T12:00:00", &document).await;
    shop.sell(1, 90_000_00).await;
    shop.buy(A, 9_999_99).await.says(&[("spend-points", "1/10.00", 999)]);
    shop.buy(A, 1).await.says(&[]);
    let silver = shop.buy(A, 30_00).await;
    silver.says(&[("spend-points", "1/10.00", 3), ("silver-points", "x1.5", 1)]);
    silver.books(&[("A", "redemption", PRINCIPAL, 30_00), ("points-expense", "A", POINTS, 4)]);
    shop.buy(A, 39_969_99).await.approved();
    shop.buy(A, 1).await.says(&[]);
    let gold = shop.buy(A, 30_00).await;
    gold.says(&[("spend-points", "1/10.00", 3), ("gold-points", "x2", 3)]);
    gold.books(&[("A", "redemption", PRINCIPAL, 30_00), ("points-expense", "A", POINTS, 6)]);
    shop.close();
}

/// B2, 积分可变型: points are money, and whoever spends them loses no rate.
#[tokio::test]
async fn convertible_points_are_money_and_the_rate_is_by_what_was_earned() {
    let document = CONVERTIBLE
        .replace(
            "max_load = \"5000.00\"\nmax_balance = \"5000.00\"",
            "max_load = \"90000\"\nmax_balance = \"90000\"",
        )
        .replace("pending = \"return-days\"", "");
    let mut shop = Shop::under("2027-03-01T12:00:00", &document).await;
    shop.sell(2, 90_000_00).await;
    shop.buy(A, 49_900_00).await.says(&[("spend-points", "1/100.00", 499)]);
    shop.buy(A, 100_00).await.says(&[("spend-points", "1/100.00", 1)]);
    let spent = shop.pay(A, 1_000_00, 500).await;
    spent.says(&[("points-as-money", "1/1.00", -500), ("spend-points", "2/100.00", 10)]).has([(POINTS, 10)]);
    spent.books(&[
        ("A", "points-expense", POINTS, 500),
        ("points-payment", "redemption", PRINCIPAL, 500_00),
        ("A", "redemption", PRINCIPAL, 500_00),
        ("points-expense", "A", POINTS, 10),
    ]);
    let half = shop.pay(A, 19_99, 10).await;
    assert_ne!(half.code(), 0, "half of it is 9.995");
    shop.pay(A, 20_00, 10).await.says(&[("points-as-money", "1/1.00", -10)]).has([(POINTS, 0)]);
    shop.buy(B, 100_00).await.says(&[("spend-points", "1/100.00", 1)]);
    shop.close();
}
