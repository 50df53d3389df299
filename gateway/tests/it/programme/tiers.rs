//! Tiers over the wire (LOYALTY C1 to C5): reached and lost by sales and what undoes them, with their gifts, through restarts.

use protocol::field::BalanceKind;
use terminal_sim::checked::Checked;

use crate::counter::{balance, holdings, last_index, load, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, put_in_force, refund, unload, void};
use crate::timekeeping::{DAY, Machine};

/// Silver at 20.00, gold at 50.00 spent in twelve months.
pub(super) const LADDER: &str = r#"
[[tier]]
key = "regular"
name = "普通会员"
[[tier]]
key = "silver"
name = "银卡"
any = [{ spent = "20.00", months = 12 }]
gift = { points = 30 }
[[tier]]
key = "gold"
name = "金卡"
any = [{ spent = "50.00", months = 12 }, { loaded = "4000.00" }]
gift = { points = 100 }
"#;

pub(super) fn with(tables: &str) -> String {
    format!("{}\n{LADDER}\n{tables}\n", gateway::programme_file::DEFAULT)
}

/// The tier that an answer says.
fn tier(answer: &Checked) -> Option<(String, String, bool)> {
    let tier = answer.answer.tier.as_ref()?;
    Some((tier.tier.as_str().into(), tier.name.as_str().into(), tier.until.is_some()))
}

fn is(key: &str, name: &str, ends: bool) -> Option<(String, String, bool)> {
    Some((key.into(), name.into(), ends))
}

#[tokio::test]
async fn a_sale_reaches_a_tier_and_whatever_undoes_it_takes_tier_and_gift_back() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(&site, &with("[tiers]\nlasts_months = 12"));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &till.sell(&site, 1, &[200_00]).await[0];
    let points = || holdings(&site, card).points;

    let below = till.deal(purchase(card, 19_99), card).await.1;
    assert_eq!((below.code(), tier(&below), points()), (APPROVED, None, 19));
    let index = last_index(&gateway);
    let (sale, silver) = till.deal(purchase(card, 1), card).await;
    assert_eq!((tier(&silver), points()), (is("silver", "银卡", true), 19 + 30));
    assert_eq!(last_index(&gateway), index + 2, "the sale, and the tier behind it");
    // What the answer shows is before the gift, which is another entry.
    assert_eq!(balance(&silver, BalanceKind::POINTS), 19);
    let repeat = till.repeat(&sale).await;
    assert_eq!((repeat.body, last_index(&gateway)), (silver.body, index + 2));

    let (big, gold) = till.deal(purchase(card, 30_00), card).await;
    assert_eq!((tier(&gold), points()), (is("gold", "金卡", true), 19 + 30 + 30 + 100));
    let back = till.deal(refund(&big, 1), card).await.1;
    assert_eq!((tier(&back), points()), (is("silver", "银卡", true), 19 + 30 + 29));
    let again = till.deal(purchase(card, 1), card).await.1;
    assert_eq!((tier(&again), points()), (is("gold", "金卡", true), 19 + 30 + 29 + 100));

    gateway.kill();
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    let gone = till.deal(void(&sale), card).await.1;
    assert_eq!((gone.code(), tier(&gone)), (APPROVED, is("silver", "银卡", true)));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_gift_that_is_spent_is_owed_when_its_tier_is_undone() {
    let site = Site::new();
    let gateway = site.start();
    let payment = "[points_payment]\nrule = \"pay\"\npoints = 100\npays = \"1.00\"";
    put_in_force(&site, &with(payment));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &till.sell(&site, 1, &[200_00]).await[0];
    let (sale, gold) = till.deal(purchase(card, 50_00), card).await;
    assert_eq!(tier(&gold), is("gold", "金卡", false));
    assert_eq!(holdings(&site, card).points, 180);
    let mut by_points = purchase(card, 1_00);
    if let protocol::request::Body::Purchase { points, .. } = &mut by_points {
        *points = protocol::field::Points::new(100);
    }
    assert_eq!(till.code(by_points, card).await, APPROVED);
    // 50 points of the sale, and 130 of the gifts, of which 80 are left.
    let undone = till.deal(reversal(&sale), card).await.1;
    assert_eq!((undone.code(), tier(&undone)), (APPROVED, is("regular", "普通会员", false)));
    let held = holdings(&site, card);
    assert_eq!((held.points, held.points_debt), (0, 100));
    drop(gateway);
    site.verify();
}

/// FAULTS: "Tier from the balance in place of what was earned", "redemption counted as tier spend".
#[tokio::test]
async fn what_is_left_and_what_points_paid_count_for_nothing() {
    let site = Site::new();
    let gateway = site.start();
    let payment = "[points_payment]\nrule = \"pay\"\npoints = 1\npays = \"1.00\"";
    put_in_force(&site, &with(payment));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    // 3,999.99 loaded are one below the other route, though the card has more with its bonus.
    let card = &till.sell(&site, 1, &[]).await[0];
    let loaded = till.deal(load(card, 3_999_99), card).await.1;
    assert!(holdings(&site, card).payable() > 4_000_00);
    assert_eq!((loaded.code(), tier(&loaded)), (APPROVED, None));
    assert_eq!(tier(&till.deal(purchase(card, 19_99), card).await.1), None);
    let mut by_points = purchase(card, 19_00);
    if let protocol::request::Body::Purchase { points, .. } = &mut by_points {
        *points = protocol::field::Points::new(19);
    }
    let (_, answer) = till.deal(by_points, card).await;
    assert_eq!((answer.code(), tier(&answer)), (APPROVED, None), "points paid it all");
    assert_eq!(tier(&till.deal(load(card, 1_00), card).await.1), is("gold", "金卡", false));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_tier_whose_time_is_over_falls_by_itself_and_not_while_the_clock_is_in_doubt() {
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = machine.start();
    put_in_force(site, &with("[tiers]\nlasts_months = 12\ndowngrade = \"one-step\""));
    let mut till = Till::open(site, &gateway, "T0001").await;
    let cards = till.sell(site, 2, &[200_00]).await;
    for card in &cards {
        assert_eq!(tier(&till.deal(purchase(card, 50_00), card).await.1), is("gold", "金卡", true));
    }
    assert!(gateway.stop().success());
    let now = jiff::Timestamp::from_millisecond(gateway::clock::Clock::system().now_ms()).expect("a time");
    let later = now + jiff::SignedDuration::from_hours(24 * 400);
    let due = site.json(&["programme", "due", "--at", &later.to_string()])["due"].clone();
    let due: Vec<_> = due.as_array().expect("a list").iter().map(|due| due["what"].clone()).collect();
    assert_eq!(due.iter().filter(|what| **what == "tier gold to silver").count(), 2, "{due:?}");

    machine.set_clock(400 * DAY);
    let gateway = machine.start();
    let mut till = till.again(&gateway).await;
    assert!(!machine.believes());
    let doubted = till.deal(purchase(&cards[0], 1), &cards[0]).await.1;
    assert_eq!(tier(&doubted), None, "nothing changes while the clock is in doubt");
    site.json(&["clock", "confirm"]);
    // A message finds it done, whether a sweep came by or not.
    let after = till.deal(purchase(&cards[0], 1), &cards[0]).await.1;
    assert_eq!((after.code(), tier(&after)), (APPROVED, None));
    std::thread::sleep(std::time::Duration::from_secs(2));
    let swept = last_index(&gateway);
    // From silver, 50.00 more lead to gold.
    let again = till.deal(purchase(&cards[1], 49_99), &cards[1]).await.1;
    assert_eq!(
        (tier(&again), last_index(&gateway)),
        (None, swept + 1),
        "nothing of it was left to be booked"
    );
    let again = till.deal(purchase(&cards[1], 1), &cards[1]).await.1;
    assert_eq!(tier(&again), is("gold", "金卡", true));
    drop(gateway);
    site.verify();
}

/// A tier that rests on what was loaded goes with a cash-out, and the till is told.
#[tokio::test]
async fn a_cash_out_takes_a_tier_that_rests_on_loads_and_says_so() {
    let site = Site::new();
    let gateway = site.start();
    let rules = "[[tier]]\nkey = \"regular\"\nname = \"R\"\n[[tier]]\nkey = \"gold\"\nname = \"G\"\nany = [{ loaded = \"100.00\" }]\n";
    put_in_force(&site, &super::wire::programme(rules));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let (_, reached) = till.deal(load(&card, 100_00), &card).await;
    assert_eq!((reached.code(), tier(&reached)), (APPROVED, is("gold", "G", false)));
    let (out, lost) = till.deal(unload(&card, 50_00), &card).await;
    assert_eq!((lost.code(), tier(&lost)), (APPROVED, is("regular", "R", false)));
    assert_eq!(super::why(&lost), [("gold".to_owned(), 0)]);
    let back = till.deal(void(&out), &card).await.1;
    assert_eq!((back.code(), tier(&back)), (APPROVED, is("gold", "G", false)));
    drop(gateway);
    site.verify();
}
