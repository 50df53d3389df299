//! Points for something of the catalogue (LOYALTY B7, B11).

use gateway::programme_file::DEFAULT;
use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, Quantity, TransactionState};
use protocol::request::Body;
use serde_json::Value;
use terminal_sim::Card;
use terminal_sim::checked::Checked;

use super::catalogue::catalogue;
use crate::counter::{balance, cards, holdings, load, number, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, People, Till, add_to_programme, approved, capture, put_in_force, refund, void};

const NOT_OFFERED: ResponseCode = ResponseCode::NOT_PERMITTED_CARD;
const NOT_NOW: ResponseCode = ResponseCode::INVALID_TRANSACTION;
const TOO_FEW: ResponseCode = ResponseCode::NOT_SUFFICIENT_FUNDS;
const NO_MORE: ResponseCode = ResponseCode::AMOUNT_LIMIT;
/// Courtesy points.
const COURTESY: BalanceKind = BalanceKind(17);

/// 100 points buy a mug, of which there are five.
const MUG: &str =
    "[[catalogue]]\nitem = \"mug\"\nname = \"Mug 马克杯\"\npoints = 100\ngives = \"gift\"\npieces = 5\n";

pub(super) fn redeem(card: &Card, item: &str, pieces: i64) -> Body {
    let quantity = (pieces != 1).then(|| Quantity::new(pieces).expect("a quantity"));
    Body::Redeem { card: card.reference, quantity, item: item.parse().expect("a code") }
}

/// What an answer explains: rule, kind, base, rate, result.
fn explained(answer: &Checked) -> Vec<(String, u16, i64, String, i64)> {
    let lines = answer.answer.explanation.as_ref().expect("an explanation").iter();
    lines
        .map(|line| (line.rule.to_string(), line.kind.0, line.base, line.rate.to_string(), line.result))
        .collect()
}

fn why(rule: &str, kind: u16, base: i64, rate: &str, result: i64) -> (String, u16, i64, String, i64) {
    (rule.into(), kind, base, rate.into(), result)
}

pub(super) fn pieces_left(site: &Site, item: &str) -> Option<i64> {
    let answer = site.json(&["programme", "catalogue"]);
    let items = answer["catalogue"].as_array().expect("items");
    items.iter().find(|row| row["item"] == item).expect("the item")["pieces_left"].as_i64()
}

/// What is counted of a card's member under a name, period by period.
pub(super) fn counted(site: &Site, card: &Card, counter: &str) -> Vec<i64> {
    let shown = site.json(&["card", "show", "--card", &number(card)]);
    let counters = shown["member"]["counters"].as_array().cloned().unwrap_or_default();
    let of = |row: &Value| (row["counter"] == counter).then(|| row["value"].as_i64().expect("a number"));
    counters.iter().filter_map(of).collect()
}

/// A card with so many points, and a till. The till's programme has more in its product, and these tables.
async fn shop(
    site: &Site,
    product: &str,
    tables: &str,
    points: i64,
) -> (crate::harness::Gateway, Till, Card) {
    let gateway = site.start();
    add_to_programme(site, product, tables);
    let mut till = Till::open(site, &gateway, "T0001").await;
    let card = till.sell(site, 1, &[4_000_00]).await.remove(0);
    if points > 0 {
        assert_eq!(till.code(purchase(&card, points * 100), &card).await, APPROVED);
    }
    (gateway, till, card)
}

#[tokio::test]
async fn a_gift_takes_its_price_and_a_piece_and_undoing_gives_both_back() {
    let site = Site::new();
    let tables = format!("{MUG}most = {{ member = 3, member_day = 2 }}\n");
    let (gateway, mut till, card) = shop(&site, "", &tables, 350).await;
    let (first, answer) = till.deal(redeem(&card, "mug", 2), &card).await;
    assert_eq!((answer.code(), approved(&answer)), (APPROVED, Some(0)));
    assert_eq!(explained(&answer), [why("mug", 16, 2, "100", -200)]);
    let changes = answer.answer.changes.as_ref().expect("changes");
    assert_eq!(changes.iter().collect::<Vec<_>>(), [(&BalanceKind::POINTS, &-200)]);
    assert_eq!((pieces_left(&site, "mug"), counted(&site, &card, "gave:item:mug")), (Some(3), vec![2, 2]));
    assert_eq!(till.code(redeem(&card, "mug", 1), &card).await, NO_MORE, "two a day");
    let lots = holdings(&site, &card).lots;
    for undo in [reversal(&first), void(&first)] {
        let message = match undo {
            Body::Reversal { .. } => first.clone(),
            _ => till.deal(redeem(&card, "mug", 2), &card).await.0,
        };
        assert_eq!(holdings(&site, &card).lots, lots);
        let undo = if matches!(undo, Body::Reversal { .. }) { reversal(&message) } else { void(&message) };
        let (_, undone) = till.deal(undo, &card).await;
        assert_eq!((undone.code(), balance(&undone, BalanceKind::POINTS)), (APPROVED, 350));
        assert_eq!((pieces_left(&site, "mug"), counted(&site, &card, "gave:item:mug")), (Some(5), vec![]));
    }
    for body in [refund(&first, 1), capture(&first, 1)] {
        let (_, refused) = till.deal(body, &card).await;
        let state = Some(TransactionState::REVERSED);
        assert_eq!((refused.code(), refused.answer.state), (ResponseCode::INVALID_TRANSACTION, state));
    }
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn what_an_item_asks_for_is_looked_at_in_its_order() {
    let site = Site::new();
    let tables = "
[[catalogue]]
item = \"plain\"
name = \"P\"
points = 100
gives = \"service\"
pieces = 3
[[catalogue]]
item = \"rich\"
name = \"R\"
points = 1
gives = \"gift\"
minimum = 100
[[catalogue]]
item = \"late\"
name = \"L\"
points = 100
gives = \"gift\"
pieces = 0
when = { until = \"2020-01-01\" }
[[catalogue]]
item = \"gone\"
name = \"G\"
points = 100
gives = \"gift\"
pieces = 0
[[catalogue]]
item = \"elsewhere\"
name = \"E\"
points = 100
gives = \"gift\"
when = { stores = [\"S999\"], until = \"2020-01-01\" }
";
    let (gateway, mut till, card) = shop(&site, "", tables, 99).await;
    for (item, code) in [
        ("nothing", NOT_OFFERED),
        ("elsewhere", NOT_OFFERED),
        ("late", NOT_NOW),
        ("gone", TOO_FEW),
        ("plain", TOO_FEW),
        ("rich", TOO_FEW),
    ] {
        assert_eq!(till.code(redeem(&card, item, 1), &card).await, code, "{item} with 99 points");
    }
    assert_eq!(till.code(purchase(&card, 1_00), &card).await, APPROVED);
    for (item, code) in [("late", NOT_NOW), ("gone", NO_MORE), ("plain", APPROVED), ("rich", TOO_FEW)] {
        assert_eq!(till.code(redeem(&card, item, 1), &card).await, code, "{item} with 100 points");
    }
    assert_eq!(till.code(purchase(&card, 101_00), &card).await, APPROVED);
    assert_eq!(till.code(redeem(&card, "rich", 1), &card).await, APPROVED, "101 points, one of them spent");
    assert_eq!(till.code(redeem(&card, "rich", 1), &card).await, APPROVED, "exactly 100 points");
    assert_eq!(till.code(redeem(&card, "rich", 1), &card).await, TOO_FEW, "99 points");
    assert_eq!(till.code(purchase(&card, 301_00), &card).await, APPROVED);
    assert_eq!(till.code(redeem(&card, "plain", 3), &card).await, NO_MORE, "two are left");
    assert_eq!(till.code(redeem(&card, "plain", 1_000_000), &card).await, TOO_FEW);
    assert_eq!(till.code(redeem(&card, "plain", 2), &card).await, APPROVED);
    assert_eq!(till.code(redeem(&card, "plain", 1), &card).await, NO_MORE);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn money_for_points_is_a_bonus_within_the_largest_balance_that_must_be_there_to_be_undone() {
    let site = Site::new();
    let item = "[[catalogue]]\nitem = \"red\"\nname = \"红包\"\npoints = 100\nbonus = \"10.00\"\n";
    let (gateway, mut till, card) = shop(&site, "", item, 400).await;
    let bonus = holdings(&site, &card).bonus;
    let (red, answer) = till.deal(redeem(&card, "red", 2), &card).await;
    assert_eq!((answer.code(), balance(&answer, BalanceKind::BONUS)), (APPROVED, bonus + 20_00));
    assert_eq!(explained(&answer), [why("red", 16, 2, "100", -200), why("red", 2, 2, "10.00", 20_00)]);
    let (_, undone) = till.deal(void(&red), &card).await;
    assert_eq!(
        (undone.code(), holdings(&site, &card).bonus, holdings(&site, &card).points),
        (APPROVED, bonus, 400)
    );
    // Up to the largest balance of 5,000.00, and not a cent above it.
    let room = 5_000_00 - holdings(&site, &card).payable();
    let step = room - 10_00;
    assert!((1_00..99_99).contains(&(step % 100_00)), "{step}: no bonus for it");
    let mut left = step;
    while left > 0 {
        let part = left.min(99_00);
        assert_eq!(till.code(load(&card, part), &card).await, APPROVED);
        left -= part;
    }
    assert_eq!(till.code(redeem(&card, "red", 2), &card).await, NO_MORE);
    let (red, answer) = till.deal(redeem(&card, "red", 1), &card).await;
    assert_eq!((answer.code(), holdings(&site, &card).payable()), (APPROVED, 5_000_00));
    assert_eq!(till.code(purchase(&card, 1), &card).await, APPROVED);
    assert_eq!(till.code(redeem(&card, "red", 1), &card).await, NO_MORE, "0.01 is too little room");
    // All of it is spent: what it gave is gone.
    assert_eq!(till.code(purchase(&card, 4_999_99), &card).await, APPROVED);
    for undo in [reversal(&red), void(&red)] {
        let (_, kept) = till.deal(undo, &card).await;
        assert_eq!((kept.code(), kept.answer.state), (TOO_FEW, Some(TransactionState::LIVE)));
    }
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_card_without_a_holder_or_with_a_pin_is_looked_at_as_for_a_load_or_a_purchase() {
    let site = Site::new();
    let item = "[[catalogue]]\nitem = \"red\"\nname = \"红包\"\npoints = 100\nbonus = \"10.00\"\n";
    let gateway = site.start();
    add_to_programme(&site, "", &format!("{item}{MUG}"));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[500_00]).await.remove(0);
    assert_eq!(till.code(purchase(&card, 300_00), &card).await, APPROVED);
    let has = holdings(&site, &card).payable();
    let above = |minor: i64| format!("real_name_above = \"{}.{:02}\"", minor / 100, minor % 100);
    add_to_programme(&site, &above(has + 9_99), &format!("{item}{MUG}"));
    assert_eq!(till.code(redeem(&card, "red", 1), &card).await, NOT_OFFERED);
    add_to_programme(&site, &above(has + 10_00), &format!("{item}{MUG}"));
    assert_eq!(till.code(redeem(&card, "red", 1), &card).await, APPROVED);
    // Whatever its worth.
    add_to_programme(&site, "pin = { from = \"4000.00\" }", &format!("{item}{MUG}"));
    let (_, set) = till
        .by(People { new_pin: Some("1234"), ..People::default() }, crate::till::change_pin(&card), &card)
        .await;
    assert_eq!(set.code(), APPROVED);
    assert_eq!(till.code(redeem(&card, "mug", 1), &card).await, ResponseCode::PIN_NEEDED);
    let wrong = till.by(People::pin("4321"), redeem(&card, "mug", 1), &card).await.1;
    assert_eq!(wrong.code(), ResponseCode::WRONG_PIN);
    let right = till.by(People::pin("1234"), redeem(&card, "mug", 1), &card).await.1;
    assert_eq!((right.code(), holdings(&site, &card).points), (APPROVED, 100));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn there_is_a_time_in_which_points_are_worth_more_rounded_up_and_said() {
    let site = Site::new();
    let worth = |rule: &str, worth: &str, until: &str| {
        format!(
            "[[points_worth]]\nrule = \"{rule}\"\nworth = \"{worth}\"\nwhen = {{ until = \"{until}\" }}\n"
        )
    };
    let tables = format!(
        "{}{}{}{}",
        MUG.replace("points = 100", "points = 101"),
        worth("double-week", "2", "2099-12-31"),
        worth("half-more", "1.5", "2099-12-31"),
        worth("over", "3", "2020-01-01")
    );
    let (gateway, mut till, card) = shop(&site, "", &tables, 101).await;
    let listed = catalogue(&mut till, None).await;
    assert_eq!(listed.answer.catalogue.as_ref().expect("items").as_slice()[0].points.get(), 51);
    let (message, answer) = till.deal(redeem(&card, "mug", 1), &card).await;
    assert_eq!((answer.code(), balance(&answer, BalanceKind::POINTS)), (APPROVED, 50));
    assert_eq!(explained(&answer), [why("mug", 16, 1, "101", -101), why("double-week", 16, 101, "x2", 50)]);
    assert_eq!(till.code(redeem(&card, "mug", 1), &card).await, TOO_FEW, "50 points");
    let (_, undone) = till.deal(void(&message), &card).await;
    assert_eq!(balance(&undone, BalanceKind::POINTS), 101, "what it took, not what it costs usually");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn points_of_one_kind_become_points_of_another_and_back_again() {
    let site = Site::new();
    let tables = "
[points.courtesy]
kind = 17
name = \"Courtesy\"
[[catalogue]]
item = \"to-courtesy\"
name = \"礼遇\"
points = 10
converts_to = { points = 1, of = \"courtesy\" }
[[catalogue]]
item = \"courtesy\"
name = \"换积分\"
points = 1
of = \"courtesy\"
converts_to = { points = 5 }
[[catalogue]]
item = \"lounge\"
name = \"Lounge\"
points = 3
of = \"courtesy\"
gives = \"service\"
";
    let (gateway, mut till, card) = shop(&site, "", tables, 100).await;
    assert_eq!(till.code(redeem(&card, "lounge", 1), &card).await, TOO_FEW, "ordinary points do not buy it");
    let (there, answer) = till.deal(redeem(&card, "to-courtesy", 10), &card).await;
    assert_eq!((answer.code(), balance(&answer, COURTESY)), (APPROVED, 10));
    assert_eq!(balance(&answer, BalanceKind::POINTS), 0);
    let (back, answer) = till.deal(redeem(&card, "courtesy", 4), &card).await;
    assert_eq!(explained(&answer), [why("courtesy", 17, 4, "1", -4), why("courtesy", 16, 4, "5", 20)]);
    assert_eq!((balance(&answer, COURTESY), balance(&answer, BalanceKind::POINTS)), (6, 20));
    let (_, lounge) = till.deal(redeem(&card, "lounge", 2), &card).await;
    assert_eq!((lounge.code(), balance(&lounge, COURTESY)), (APPROVED, 0));
    // The courtesy points are spent: they are owed, and what bought them is back.
    let (_, undone) = till.deal(void(&there), &card).await;
    assert_eq!((undone.code(), balance(&undone, BalanceKind::POINTS)), (APPROVED, 120));
    let kinds = site.json(&["card", "show", "--card", &number(&card)])["point_kinds"].clone();
    assert_eq!(kinds[1]["kind"].as_i64().zip(kinds[1]["debt"].as_i64()), Some((17, 10)));
    // What comes pays the debt first.
    let (_, undone) = till.deal(reversal(&back), &card).await;
    assert_eq!(
        (undone.code(), balance(&undone, BalanceKind::POINTS), balance(&undone, COURTESY)),
        (APPROVED, 100, 4)
    );
    let (_, again) = till.deal(redeem(&card, "to-courtesy", 2), &card).await;
    assert_eq!((again.code(), balance(&again, COURTESY)), (APPROVED, 4));
    let kinds = site.json(&["card", "show", "--card", &number(&card)])["point_kinds"].clone();
    assert_eq!(kinds[1]["debt"].as_i64(), Some(8));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn terminals_that_race_never_hand_out_more_pieces_than_there_are() {
    let site = Site::new();
    let tables = MUG.replace("pieces = 5", "pieces = 25");
    let gateway = site.start();
    add_to_programme(&site, "", &tables);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let cards = till.sell(&site, 4, &[2_000_00]).await;
    for card in &cards {
        assert_eq!(till.code(purchase(card, 1_000_00), card).await, APPROVED, "1000 points");
    }
    let mut racing = Vec::new();
    for (at, card) in cards.iter().enumerate() {
        let mut other = Till::open(&site, &gateway, &format!("T001{at}")).await;
        let card = card.clone();
        racing.push(tokio::spawn(async move {
            let mut had = Vec::new();
            for _ in 0..10 {
                let (message, answer) = other.deal(redeem(&card, "mug", 1), &card).await;
                assert!(matches!(answer.code(), APPROVED | NO_MORE), "{:?}", answer.code());
                had.extend((answer.code() == APPROVED).then_some(message));
            }
            (other, had)
        }));
    }
    let (mut all, mut tills) = (Vec::new(), Vec::new());
    for one in racing {
        let (other, had) = one.await.expect("no panic");
        all.extend(had);
        tills.push(other);
    }
    assert_eq!((all.len(), pieces_left(&site, "mug")), (25, Some(0)));
    let points: i64 = cards.iter().map(|card| holdings(&site, card).points).sum();
    assert_eq!(points, 4_000 - 2_500);
    // What comes back can be had again, once.
    assert_eq!(till.code(void(&all[0]), &cards[0]).await, APPROVED);
    let mut had = 0;
    for (other, card) in tills.iter_mut().zip(&cards) {
        had += i64::from(other.code(redeem(card, "mug", 1), card).await == APPROVED);
    }
    assert_eq!((had, pieces_left(&site, "mug")), (1, Some(0)));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn the_sale_that_gave_the_points_is_refunded_meanwhile_and_the_card_replaced() {
    let site = Site::new();
    let gateway = site.start();
    add_to_programme(&site, "", &format!("{MUG}most = {{ member = 2 }}\n"));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[1_000_00]).await.remove(0);
    let (sale, _) = till.deal(purchase(&card, 100_00), &card).await;
    let (first, _) = till.deal(redeem(&card, "mug", 1), &card).await;
    assert_eq!(till.code(refund(&sale, 100_00), &card).await, APPROVED);
    assert_eq!((holdings(&site, &card).points, holdings(&site, &card).points_debt), (0, 100));
    assert_eq!(till.code(purchase(&card, 300_00), &card).await, APPROVED);
    assert_eq!((holdings(&site, &card).points, holdings(&site, &card).points_debt), (200, 0));
    assert_eq!(till.code(redeem(&card, "mug", 1), &card).await, APPROVED);
    // Its limit is the member's, whatever card they carry.
    let new = cards(&site, 1).remove(0);
    site.json(&["card", "replace", "--card", &number(&card), "--by", &number(&new), "--reason", "lost"]);
    assert_eq!(till.code(redeem(&new, "mug", 1), &new).await, NO_MORE);
    let (_, back) = till.deal(void(&first), &new).await;
    assert_eq!(
        (back.code(), back.answer.card, balance(&back, BalanceKind::POINTS)),
        (APPROVED, Some(new.reference), 200)
    );
    assert_eq!((pieces_left(&site, "mug"), counted(&site, &new, "gave:item:mug")), (Some(4), vec![1]));
    assert_eq!(till.code(redeem(&new, "mug", 1), &new).await, APPROVED);
    assert_eq!(till.code(redeem(&new, "mug", 1), &new).await, NO_MORE);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn points_that_pay_and_are_spent_stand_against_a_void_of_what_gave_them() {
    let site = Site::new();
    let tables = "
[points.courtesy]
kind = 17
name = \"Courtesy\"
[points_payment]
rule = \"points-pay\"
points = 100
pays = \"1.00\"
[[catalogue]]
item = \"to-courtesy\"
name = \"礼遇\"
points = 10
converts_to = { points = 10, of = \"courtesy\" }
[[catalogue]]
item = \"courtesy\"
name = \"换积分\"
points = 1
of = \"courtesy\"
converts_to = { points = 5 }
";
    let (gateway, mut till, card) = shop(&site, "", tables, 100).await;
    assert_eq!(till.code(redeem(&card, "to-courtesy", 10), &card).await, APPROVED);
    let (back, _) = till.deal(redeem(&card, "courtesy", 100), &card).await;
    let pays = crate::payments::points::by_points(&card, 5_00, 500);
    assert_eq!(till.code(pays, &card).await, APPROVED);
    let (_, kept) = till.deal(void(&back), &card).await;
    assert_eq!((kept.code(), kept.answer.state), (TOO_FEW, Some(TransactionState::LIVE)));
    let (_, undone) = till.deal(reversal(&back), &card).await;
    assert_eq!((undone.code(), balance(&undone, COURTESY)), (APPROVED, 100));
    assert_eq!(holdings(&site, &card).points_debt, 500);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn an_item_of_a_tier_is_for_no_other() {
    let site = Site::new();
    let tiers = "[[tier]]\nkey = \"gold\"\nname = \"金卡\"\nany = [{ spent = \"200.00\" }]\n";
    let tables = format!("{MUG}when = {{ tiers = [\"gold\"] }}\n{tiers}");
    let (gateway, mut till, card) = shop(&site, "", &tables, 199).await;
    assert_eq!(till.code(redeem(&card, "mug", 1), &card).await, NOT_OFFERED);
    let listed = catalogue(&mut till, None).await;
    assert_eq!(listed.answer.catalogue.as_ref().expect("items").as_slice().len(), 1, "whoever it is for");
    assert_eq!(till.code(purchase(&card, 1_00), &card).await, APPROVED);
    assert_eq!(till.code(redeem(&card, "mug", 1), &card).await, APPROVED);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_programme_without_a_catalogue_offers_nothing() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(&site, DEFAULT);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    assert_eq!(till.code(redeem(&card, "mug", 1), &card).await, NOT_OFFERED);
    let listed = catalogue(&mut till, None).await;
    assert_eq!((listed.code(), listed.answer.more), (APPROVED, Some(false)));
    assert!(listed.answer.catalogue.as_ref().expect("items").as_slice().is_empty());
    drop(gateway);
    site.verify();
}
