//! Segments (LOYALTY E7): kinds of members that rules ask for, by age, tags, channel, and what they did.

use super::{A, B, BONUS, POINTS, PRINCIPAL, Shop, programme};
use crate::programme::{Said, join};

const SPEND: &str = "[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n";

fn doubled(segment: &str, asks: &str) -> String {
    format!(
        "[[segment]]\nsegment = \"{segment}\"\n{asks}\n[[multiplier]]\nrule = \"{segment}-double\"\ntimes = \"2\"\nwhen = {{ segments = [\"{segment}\"] }}\n"
    )
}

/// A sale of 5.00 by this card, doubled by a rule or not.
async fn sale(shop: &mut Shop, card: usize, rule: Option<&str>) {
    let sale = shop.buy(card, 5_00).await;
    let name = ["A", "B"][card];
    let fired = usize::from(rule.is_some());
    sale.says(&[("spend", "1/1.00", 5), (rule.unwrap_or(""), "x2", 5)][..=fired]);
    let points = if rule.is_some() { 10 } else { 5 };
    sale.books(&[(name, "redemption", PRINCIPAL, 5_00), ("points-expense", name, POINTS, points)]);
}

/// Young is from the 18th birthday to the day before the 30th.
#[tokio::test]
async fn an_age_begins_and_ends_on_a_birthday() {
    let rules = format!("{SPEND}{}", doubled("young", "age = { from = 18, below = 30 }"));
    let mut shop = Shop::under("2027-03-01T12:00:00", &programme(&rules)).await;
    shop.sell_to("2009-03-02", 100_00).await;
    shop.sell_to("1997-03-02", 100_00).await;
    for (time, first, second) in [
        ("2027-03-02T03:59:00", None, Some("young-double")),
        ("2027-03-02T04:01:00", Some("young-double"), None),
    ] {
        shop.day(time).await;
        sale(&mut shop, A, first).await;
        sale(&mut shop, B, second).await;
    }
    shop.close();
}

/// What operators say of a member, who then is known at the till.
#[tokio::test]
async fn a_tag_is_given_and_taken_by_operators() {
    let mut shop = Shop::open(&format!("{SPEND}{}", doubled("vip", "tags = [\"vip\"]"))).await;
    shop.sell(1, 100_00).await;
    sale(&mut shop, A, None).await;
    for (change, rule) in [("+vip", Some("vip-double")), ("-vip", None)] {
        shop.json(&["member", "tag", &shop.number(A), change]);
        shop.last().explains_act("member-tag").books(&[]);
        sale(&mut shop, A, rule).await;
    }
    shop.close();
}

/// 90 天未消费: on the ninetieth day after the last purchase not yet, and a day later.
#[tokio::test]
async fn the_last_purchase_is_so_many_business_days_ago() {
    let mut shop =
        Shop::open(&format!("{SPEND}{}", doubled("lapsed", "last_purchase = { over_days = 90 }"))).await;
    shop.sell(2, 100_00).await;
    sale(&mut shop, A, None).await;
    sale(&mut shop, B, None).await;
    // 1 March and ninety days are 30 May.
    shop.day("2027-05-30T12:00:00").await;
    sale(&mut shop, A, None).await;
    shop.day("2027-05-31T12:00:00").await;
    sale(&mut shop, B, Some("lapsed-double")).await;
    sale(&mut shop, B, None).await;
    sale(&mut shop, A, None).await;
    shop.close();
}

/// A bonus on load for who was won on the campus and has spent 30.00 in the last month, to the cent.
#[tokio::test]
async fn a_load_asks_for_the_channel_and_what_was_spent() {
    let rules = "[membership]\njoining = \"free\"\n\
        [[segment]]\nsegment = \"students\"\njoined_by = [\"campus\"]\nmeasures = [{ measure = \"spent\", months = 1, from = \"30.00\" }]\n\
        [[load_bonus]]\nrule = \"student-load\"\nsteps = [{ from = \"50\", bonus = \"5\" }]\nwhen = { segments = [\"students\"] }\n";
    let mut shop = Shop::open(rules).await;
    shop.sell(2, 100_00).await;
    for (card, channel) in [(A, "campus"), (B, "street")] {
        let said = Said { channel: Some(channel), ..Said::default() };
        let joined = join(&mut shop.till, &shop.cards[card], said).await;
        shop.done(joined).says(&[]).books(&[]);
    }
    shop.buy(A, 29_99).await.says(&[]);
    shop.load(A, 50_00).await.says(&[]).books(&[("clearing:1", "A", PRINCIPAL, 50_00)]);
    shop.buy(A, 1).await.says(&[]);
    shop.buy(B, 30_00).await.says(&[]);
    shop.load(A, 49_99).await.says(&[]);
    let given = shop.load(A, 50_00).await;
    given.says(&[("student-load", "5.00", 5_00)]).has([(BONUS, 5_00)]);
    given.books(&[("clearing:1", "A", PRINCIPAL, 50_00), ("bonus-expense", "A", BONUS, 5_00)]);
    shop.load(B, 50_00).await.says(&[]).books(&[("clearing:1", "B", PRINCIPAL, 50_00)]);
    shop.day("2027-04-01T12:00:00").await;
    shop.load(A, 50_00).await.says(&[]).books(&[("clearing:1", "A", PRINCIPAL, 50_00)]);
    shop.close();
}
