//! What operators do, and members see (LOYALTY B13, C9): wrong points are put right by two people, alerts, and a partner's tier.

use protocol::field::Flags;
use serde_json::json;

use super::{A, COURTESY, POINTS, PRINCIPAL, Shop, programme};
use crate::counter::{holdings, purchase};

const SPEND: &str = "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n";

/// One proposes, another confirms.
fn adjust(shop: &Shop, kind: &str, points: i64) {
    let (card, points) = (shop.number(A), format!("--points={points}"));
    let act = ["card", "adjust", "--card", &card, "--kind", kind, &points, "--reason", "given twice"];
    let proposed = shop.json(&[&act[..], &["--operator", "ann"]].concat());
    let proposal = proposed["proposal"].as_u64().expect("a number").to_string();
    let alone = shop.run(&["act", "confirm", "--number", &proposal, "--operator", "ann"]);
    assert!(!alone.status.success(), "nobody confirms themselves");
    shop.json(&["act", "confirm", "--number", &proposal, "--operator", "bob"]);
}

/// B13: to the last point, and one more than there is becomes a debt, which the next points pay.
#[tokio::test]
async fn points_given_wrongly_are_taken_and_owed_where_they_are_gone() {
    let mut shop = Shop::open(&format!("[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n{SPEND}")).await;
    shop.sell(1, 100_00).await;
    shop.site().operators(&["ann", "bob"]);
    shop.buy(A, 30_00).await.says(&[("spend", "1/1.00", 30)]);
    for (kind, points, held, moves) in [
        ("ordinary", -10, [20, 0], &[("A", "points-expense", POINTS, 10)][..]),
        ("ordinary", 5, [25, 0], &[("points-expense", "A", POINTS, 5)]),
        ("17", 7, [25, 7], &[("points-expense", "A", COURTESY, 7)]),
        ("ordinary", -25, [0, 7], &[("A", "points-expense", POINTS, 25)]),
        ("ordinary", -1, [0, 7], &[("receivable:points", "points-expense", POINTS, 1)]),
    ] {
        adjust(&shop, kind, points);
        shop.last().explains_act("card-adjust").books(moves);
        assert_eq!(shop.has(A, [POINTS, COURTESY]).await, held, "{kind} {points}");
    }
    assert_eq!(holdings(shop.site(), &shop.cards[A]).points_debt, 1);
    let next = shop.buy(A, 2_00).await;
    next.says(&[("spend", "1/1.00", 2), ("owed", "1/1", -1)]).has([(POINTS, 1)]);
    next.books(&[
        ("A", "redemption", PRINCIPAL, 2_00),
        ("points-expense", "A", POINTS, 1),
        ("points-expense", "receivable:points", POINTS, 1),
    ]);
    shop.close();
}

/// B13: above 30 points a day of one rule; 30 is usual, one more is said, with the entry that it was.
#[tokio::test]
async fn an_alert_is_said_one_point_above_its_line() {
    let line =
        "[[alert]]\nalert = \"generous\"\non = \"points-given\"\nby = \"rule\"\nper = \"day\"\nabove = 30\n";
    let mut shop = Shop::open(&format!("{SPEND}{line}")).await;
    shop.sell(1, 100_00).await;
    for (minor, points, crossed) in [(29_00, 29, 0), (1_00, 1, 0), (1_00, 1, 1), (1_00, 1, 1)] {
        let sale = shop.buy(A, minor).await;
        sale.says(&[("spend", "1/1.00", points)]);
        sale.books(&[("A", "redemption", PRINCIPAL, minor), ("points-expense", "A", POINTS, points)]);
        let done = shop.run(&["alerts"]);
        let alerts = done.json["alerts"].as_array().expect("a list").clone();
        assert_eq!((alerts.len(), done.status.code()), (crossed, Some(i32::from(crossed > 0))));
        if let (true, Some(alert)) = (points == 1, alerts.first()) {
            assert_eq!(
                (&alert["alert"], &alert["who"], &alert["reached"]),
                (&json!("generous"), &json!("spend"), &json!(31))
            );
        }
    }
    shop.close();
}

/// C9: the hotel's gold is gold here, with its price, until the programme's months are over; what was earned meanwhile is left.
#[tokio::test]
async fn a_partners_tier_is_honoured_until_its_day() {
    let ladder = "[[tier]]\nkey = \"regular\"\nname = \"R\"\n[[tier]]\nkey = \"silver\"\nname = \"S\"\nany = [{ spent = \"20\" }]\n\
        [[tier]]\nkey = \"gold\"\nname = \"G\"\nany = [{ spent = \"50\" }]\n";
    let hotel_rules =
        programme(&format!("{ladder}[tiers]\nlasts_months = 12")).replace("\"Shop\"", "\"Sea Hotel\"");
    let mut hotel = Shop::under("2027-03-01T12:00:00", &hotel_rules).await;
    hotel.sell(1, 100_00).await;
    hotel.buy(A, 50_00).await.says(&[]);
    let path = |shop: &Shop, name: &str| shop.site().beside(name).to_str().expect("a path").to_owned();
    let (statement, key) = (path(&hotel, "gold.cose"), path(&hotel, "hotel.pem"));
    let stated = hotel.json(&["member", "statement", &hotel.number(A), "--out", &statement]);
    assert_eq!((&stated["issuer"], &stated["tier"]), (&json!("Sea Hotel"), &json!("gold")));
    hotel.json(&["member", "statement", "--key-out", &key]);

    let pem = std::fs::read_to_string(&key).expect("a key");
    let rules = format!(
        "{ladder}[[price]]\nrule = \"gold-price\"\noff = \"10%\"\nwhen = {{ tiers = [\"gold\"] }}\n\
         [[partner]]\nname = \"Sea Hotel\"\npublic_key = '''{pem}'''\nhonours = {{ gold = \"gold\" }}\nmost_months = 6\n"
    );
    let mut shop = Shop::open(&rules).await;
    shop.sell(1, 200_00).await;
    shop.json(&["member", "match", &shop.number(A), "--partner", "Sea Hotel", "--statement", &statement]);
    shop.last().explains_act("member-match").books(&[]);
    let seen = |answer: protocol::answer::Answer| answer.tier.map(|tier| tier.tier.to_string());
    assert_eq!(seen(shop.ask(A).await).as_deref(), Some("gold"));
    let body = purchase(&shop.cards[A], 30_00);
    let sale = shop.buy_with(A, body, Flags::PROGRAMME_PRICES).await;
    sale.says(&[("gold-price", "10%", 3_00)]).books(&[("A", "redemption", PRINCIPAL, 27_00)]);
    // Six months, to the end of 1 September; the 27.00 are silver.
    for (time, tier, off) in [("2027-09-02T03:59:00", "gold", 10), ("2027-09-02T04:00:01", "silver", 0)] {
        shop.day(time).await;
        let body = purchase(&shop.cards[A], 1_00);
        let sale = shop.buy_with(A, body, Flags::PROGRAMME_PRICES).await;
        sale.says(&[("gold-price", "10%", off)][..usize::from(off > 0)]);
        sale.books(&[("A", "redemption", PRINCIPAL, 1_00 - off)]);
        assert_eq!(seen(shop.ask(A).await).as_deref(), Some(tier), "{time}");
    }
    hotel.close();
    shop.close();
}
