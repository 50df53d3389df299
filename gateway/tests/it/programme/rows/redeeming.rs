//! What points buy (LOYALTY B7), and points of another currency, with where they come from (B5, B11).

use super::{A, B, BONUS, COURTESY, NOT_FOR_THIS_CARD, NOT_NOW, OVER_THE_LIMIT, POINTS, Shop, TOO_LITTLE};
use crate::counter::number;
use crate::programme::catalogue::catalogue;
use crate::programme::redemption::pieces_left;

const SPEND: &str = "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n";
const COURTESY_POINTS: &str = "[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n";

/// B7: a gift from three pieces, for who has 150 points at least, two a member.
#[tokio::test]
async fn a_gift_is_for_who_has_enough_within_its_pieces() {
    let mug = "[[catalogue]]\nitem = \"mug\"\nname = \"Mug\"\npoints = 100\ngives = \"gift\"\npieces = 3\nminimum = 150\nmost = { member = 2 }";
    let mut shop = Shop::open(&format!("{SPEND}{mug}")).await;
    shop.sell(2, 1_000_00).await;
    shop.buy(A, 149_00).await.approved();
    shop.redeem(A, "mug", 1).await.refused(TOO_LITTLE);
    shop.buy(A, 1_00).await.approved();
    let one = shop.redeem(A, "mug", 1).await;
    one.says(&[("mug", "100", -100)]).has([(POINTS, 50)]).books(&[("A", "points-expense", POINTS, 100)]);
    assert_eq!(pieces_left(shop.site(), "mug"), Some(2));
    shop.buy(A, 250_00).await.approved();
    shop.redeem(A, "mug", 2).await.refused(OVER_THE_LIMIT);
    let two = shop.redeem(A, "mug", 1).await;
    two.says(&[("mug", "100", -100)]).has([(POINTS, 200)]);
    shop.redeem(A, "mug", 1).await.refused(OVER_THE_LIMIT);
    shop.buy(B, 500_00).await.approved();
    shop.redeem(B, "mug", 2).await.refused(OVER_THE_LIMIT);
    shop.redeem(B, "mug", 1).await.says(&[("mug", "100", -100)]).books(&[(
        "B",
        "points-expense",
        POINTS,
        100,
    )]);
    let back = shop.void(&two).await;
    back.approved().has([(POINTS, 300)]).books(&[("points-expense", "A", POINTS, 100)]);
    assert_eq!(pieces_left(shop.site(), "mug"), Some(1));
    shop.close();
}

/// B7: 现金红包, and a week in which points are worth twice as much; both of its ends count.
#[tokio::test]
async fn money_for_points_and_a_week_of_double_worth() {
    let item = "[[catalogue]]\nitem = \"cash\"\nname = \"10.00\"\npoints = 101\nbonus = \"10.00\"\n\
                [[points_worth]]\nrule = \"double\"\nworth = \"2\"\nwhen = { from = \"2027-03-03\", until = \"2027-03-05\" }";
    let mut shop = Shop::open(&format!("{SPEND}{item}")).await;
    shop.sell(1, 1_000_00).await;
    shop.buy(A, 355_00).await.approved();
    let usual = [("cash", "101", -101), ("cash", "10.00", 10_00)];
    let double = [("cash", "101", -101), ("double", "x2", 50), ("cash", "10.00", 10_00)];
    for (time, price) in [
        ("2027-03-02T12:00:00", 101),
        ("2027-03-03T12:00:00", 51),
        ("2027-03-06T03:59:00", 51),
        ("2027-03-06T04:01:00", 101),
    ] {
        shop.day(time).await;
        let cash = shop.redeem(A, "cash", 1).await;
        cash.says(if price == 51 { &double } else { &usual });
        cash.books(&[("A", "points-expense", POINTS, price), ("bonus-expense", "A", BONUS, 10_00)]);
    }
    assert_eq!(shop.has(A, [POINTS, BONUS]).await, [51, 40_00]);
    shop.redeem(A, "cash", 1).await.refused(TOO_LITTLE);
    shop.close();
}

/// B7: an item of a tier, and what the catalogue lists: price, pieces that are left.
#[tokio::test]
async fn the_catalogue_says_price_and_pieces_and_a_tiers_item_is_for_no_other() {
    let items = "[[tier]]\nkey = \"regular\"\nname = \"R\"\n[[tier]]\nkey = \"gold\"\nname = \"G\"\nany = [{ spent = \"50\" }]\n\
        [[catalogue]]\nitem = \"lounge\"\nname = \"Lounge\"\npoints = 5\ngives = \"service\"\nwhen = { tiers = [\"gold\"] }\n\
        [[catalogue]]\nitem = \"pen\"\nname = \"Pen\"\npoints = 7\ngives = \"gift\"\npieces = 2\n";
    let mut shop = Shop::open(&format!("{SPEND}{items}")).await;
    shop.sell(1, 100_00).await;
    shop.buy(A, 49_99).await.says(&[("spend", "1/1.00", 49)]);
    shop.redeem(A, "lounge", 1).await.refused(NOT_FOR_THIS_CARD);
    shop.buy(A, 1).await.says(&[]);
    let lounge = shop.redeem(A, "lounge", 1).await;
    lounge.says(&[("lounge", "5", -5)]).has([(POINTS, 44)]).books(&[("A", "points-expense", POINTS, 5)]);
    for left in [2, 1, 0] {
        let listed = catalogue(&mut shop.till, None).await.answer.catalogue.expect("items");
        let pen = listed.as_slice().iter().find(|item| item.item.as_str() == "pen").expect("the pen");
        assert_eq!((pen.points.get(), pen.pieces_left.map(|left| left.get())), (7, Some(left)));
        let pen = shop.redeem(A, "pen", 1).await;
        if left > 0 {
            pen.says(&[("pen", "7", -7)]).books(&[("A", "points-expense", POINTS, 7)]);
        } else {
            pen.refused(OVER_THE_LIMIT);
        }
    }
    shop.close();
}

/// B5: once a day by code, so many pieces up to a number, for who has enrolled; there are two places.
#[tokio::test]
async fn taking_part_is_worth_points_by_code_day_and_quantity() {
    let activities = "[[activity]]\ncode = \"check-in\"\nrule = \"checked in\"\npoints = 2\nmost = { times_day = 1 }\n\
        [[activity]]\ncode = \"share\"\nrule = \"shares\"\nof = \"courtesy\"\npoints = 3\nper_unit = true\nmost = { member_day = 10 }\n\
        [[activity]]\ncode = \"enrol\"\nrule = \"enrolled\"\npoints = 0\nmembers = 1\nmost = { times = 1 }\n\
        [[activity]]\ncode = \"talk\"\nrule = \"talk\"\npoints = 20\nneeds = \"enrol\"\nwhen = { from = \"2027-03-02\", until = \"2027-03-02\" }\n";
    let mut shop = Shop::open(&format!("{COURTESY_POINTS}{activities}")).await;
    shop.sell(2, 0).await;
    let first = shop.award(A, "check-in", 1).await;
    first.says(&[("checked in", "2", 2)]).has([(POINTS, 2)]).books(&[("points-expense", "A", POINTS, 2)]);
    shop.award(A, "check-in", 1).await.refused(OVER_THE_LIMIT);
    for (quantity, given) in [(3, 9), (1, 1)] {
        let shares = shop.award(A, "share", quantity).await;
        shares.says(&[("shares", "3/1", given)]).books(&[("points-expense", "A", COURTESY, given)]);
    }
    shop.award(A, "share", 1).await.refused(OVER_THE_LIMIT);
    shop.award(A, "enrol", 1).await.says(&[("enrolled", "0", 0)]).books(&[]);
    shop.award(B, "enrol", 1).await.refused(OVER_THE_LIMIT);
    shop.award(A, "talk", 1).await.refused(NOT_NOW);
    shop.day("2027-03-02T04:01:00").await;
    shop.award(A, "check-in", 1).await.says(&[("checked in", "2", 2)]);
    shop.award(B, "talk", 1).await.refused(NOT_FOR_THIS_CARD);
    let talk = shop.award(A, "talk", 1).await;
    talk.says(&[("talk", "20", 20)]).books(&[("points-expense", "A", POINTS, 20)]);
    shop.void(&talk).await.approved().books(&[("A", "points-expense", POINTS, 20)]);
    shop.day("2027-03-03T04:01:00").await;
    shop.award(A, "talk", 1).await.refused(NOT_NOW);
    shop.close();
}

/// B5: a list that two people have signed comes in as one act, and members see it.
#[tokio::test]
async fn an_approved_list_gives_each_their_points() {
    let activity = "[[activity]]\ncode = \"race\"\nrule = \"race\"\npoints = 5\nper_unit = true\nmost = { member_day = 14 }";
    let mut shop = Shop::open(activity).await;
    shop.sell(2, 0).await;
    shop.site().operators(&["ann", "bob"]);
    let file = shop.site().beside("race.csv");
    let list = format!("{},2\n{},3\n", number(&shop.cards[A]), number(&shop.cards[B]));
    std::fs::write(&file, list).expect("a file");
    let file = file.to_str().expect("a path").to_owned();
    let proposed = shop.json(&["award", "import", &file, "--activity", "race", "--operator", "ann"]);
    assert_eq!(shop.has(A, [POINTS]).await, [0], "one has signed");
    let proposal = proposed["proposal"].as_u64().expect("a number").to_string();
    shop.json(&["act", "confirm", "--number", &proposal, "--operator", "bob"]);
    assert_eq!((shop.has(A, [POINTS]).await, shop.has(B, [POINTS]).await), ([10], [14]));
    shop.last()
        .explains_act("award-import")
        .books(&[("points-expense", "A", POINTS, 10), ("points-expense", "B", POINTS, 14)]);
    shop.close();
}

/// B11: courtesy points come from activities alone, buy what is theirs, and become ordinary ones.
#[tokio::test]
async fn courtesy_points_are_a_currency_of_their_own() {
    let rules = "[[activity]]\ncode = \"talk\"\nrule = \"talk\"\nof = \"courtesy\"\npoints = 10\n\
        [[catalogue]]\nitem = \"lounge\"\nname = \"Lounge\"\npoints = 3\nof = \"courtesy\"\ngives = \"service\"\n\
        [[catalogue]]\nitem = \"change\"\nname = \"Change\"\npoints = 1\nof = \"courtesy\"\nconverts_to = { points = 5 }\n";
    let mut shop = Shop::open(&format!("{SPEND}{COURTESY_POINTS}{rules}")).await;
    shop.sell(1, 100_00).await;
    shop.buy(A, 50_00).await.says(&[("spend", "1/1.00", 50)]).has([(POINTS, 50), (COURTESY, 0)]);
    shop.redeem(A, "lounge", 1).await.refused(TOO_LITTLE);
    let talk = shop.award(A, "talk", 1).await;
    talk.says(&[("talk", "10", 10)]).has([(POINTS, 50), (COURTESY, 10)]);
    talk.books(&[("points-expense", "A", COURTESY, 10)]);
    let lounge = shop.redeem(A, "lounge", 1).await;
    lounge.says(&[("lounge", "3", -3)]).has([(COURTESY, 7)]).books(&[("A", "points-expense", COURTESY, 3)]);
    shop.redeem(A, "change", 8).await.refused(TOO_LITTLE);
    let change = shop.redeem(A, "change", 7).await;
    change.says(&[("change", "1", -7), ("change", "5", 35)]).has([(POINTS, 85), (COURTESY, 0)]);
    change.books(&[("A", "points-expense", COURTESY, 7), ("points-expense", "A", POINTS, 35)]);
    shop.close();
}
