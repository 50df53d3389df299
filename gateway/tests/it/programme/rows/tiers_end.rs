//! How tiers end (LOYALTY C4): by a refund across the line, by their time, and by a changed threshold.

use super::tiers::LADDER;
use super::{A, B, Done, POINTS, PRINCIPAL, Shop, programme};
use crate::till::put_in_force;

/// The tier that a member sees.
async fn tier(shop: &mut Shop, card: usize) -> Option<String> {
    shop.ask(card).await.tier.map(|tier| tier.tier.to_string())
}

async fn gold(shop: &mut Shop, card: usize) -> Done {
    let sale = shop.buy(card, 50_000_00).await;
    assert_eq!(sale.says(&[]).tier(), Some("gold"));
    sale
}

/// Worked case: a refund of one cent across the line demotes and takes the gift; above the line it does not.
#[tokio::test]
async fn a_refund_across_the_line_demotes_and_one_above_it_does_not() {
    for (demotes, below) in [(true, "regular"), (false, "gold")] {
        let rules = format!("{LADDER}[tiers]\nrefund_demotes = {demotes}");
        let mut shop = Shop::open(&rules).await;
        shop.sell(1, 100_000_00).await;
        let small = shop.buy(A, 1).await;
        let sale = gold(&mut shop, A).await;
        let above = shop.refund(&small, 1).await;
        above.approved().has([(POINTS, 100)]).books(&[("redemption", "A", PRINCIPAL, 1)]);
        assert_eq!(tier(&mut shop, A).await.as_deref(), Some("gold"));
        let across = shop.refund(&sale, 1).await;
        let gift = if demotes { 100 } else { 0 };
        across.approved().has([(POINTS, 100 - gift)]);
        let lost = [("gold", "spent 50000.00", 49_999_99)];
        across.grades(if demotes { &lost } else { &[] });
        across.books(&[("redemption", "A", PRINCIPAL, 1), ("A", "points-expense", POINTS, gift)]);
        assert_eq!(tier(&mut shop, A).await.as_deref(), Some(below));
        let again = shop.buy(A, 1).await;
        assert_eq!(again.says(&[]).tier(), demotes.then_some("gold"));
        assert_eq!(shop.has(A, [POINTS]).await, [100]);
        shop.close();
    }
}

/// Twelve months, and thirty days of grace: it ends with its last second, by one step or to what was earned.
#[tokio::test]
async fn a_tier_falls_at_the_end_of_its_grace_by_a_step_or_to_what_was_earned() {
    let silver = "[[tier]]\nkey = \"silver\"\nname = \"银卡\"\nany = [{ spent = \"20000\", months = 12 }]\n[[tier]]\nkey = \"gold\"";
    for (downgrade, after) in [("one-step", Some("silver")), ("earned", None)] {
        let rules = LADDER.replace("[[tier]]\nkey = \"gold\"", silver);
        let rules =
            format!("{rules}[tiers]\nlasts_months = 12\ngrace_days = 30\ndowngrade = \"{downgrade}\"");
        let mut shop = Shop::open(&rules).await;
        shop.sell(2, 300_000_00).await;
        gold(&mut shop, A).await;
        gold(&mut shop, B).await;
        // Its last day is 1 March 2028; thirty days more are 31 March.
        shop.day("2028-03-20T12:00:00").await;
        // In its grace B earns it again.
        shop.buy(B, 50_000_00).await.says(&[]);
        shop.day("2028-04-01T03:59:00").await;
        assert_eq!(tier(&mut shop, A).await.as_deref(), Some("gold"));
        let before = shop.last();
        shop.day("2028-04-01T04:00:01").await;
        let fallen = shop.came(&before, "tier", 2).await;
        let of_a = fallen.iter().find(|entry| entry.explained()["tier"]["after"]["tier"].as_str() == after);
        of_a.expect("A's").explains_tier([Some("gold"), after], (0, 50_000_00)).books(&[]);
        assert_eq!(tier(&mut shop, A).await.as_deref(), Some(after.unwrap_or("regular")));
        assert_eq!(tier(&mut shop, B).await.as_deref(), Some("gold"));
        shop.close();
    }
}

/// A threshold that rises by a cent: whoever is gold stays so, or is graded again at once.
#[tokio::test]
async fn a_changed_threshold_keeps_or_grades_again() {
    for (changed, after) in [("keep", "gold"), ("regrade", "regular")] {
        let rules = format!("{LADDER}[tiers]\nlasts_months = 12\nchanged = \"{changed}\"");
        let mut shop = Shop::open(&rules).await;
        shop.sell(2, 100_000_00).await;
        gold(&mut shop, A).await;
        shop.buy(B, 50_000_01).await.says(&[]);
        put_in_force(shop.site(), &programme(&rules.replace("\"50000\"", "\"50000.01\"")));
        let looked = shop.load(A, 1).await;
        looked.says(&[]).books(&[("clearing:1", "A", PRINCIPAL, 1)]);
        assert_eq!(tier(&mut shop, A).await.as_deref(), Some(after), "{changed}");
        shop.load(B, 1).await.says(&[]);
        assert_eq!(tier(&mut shop, B).await.as_deref(), Some("gold"));
        shop.close();
    }
}

/// On to the calendar year's end: both of 1 January and of 31 December last to the end of the year after.
#[tokio::test]
async fn a_tier_lasts_to_the_calendar_years_end() {
    for begins in ["2027-01-01", "2027-12-31"] {
        let rules = programme(&format!(
            "{LADDER}[tiers]\nlasts_months = 12\nto_year_end = true\ndowngrade = \"earned\""
        ));
        let mut shop = Shop::under(&format!("{begins}T12:00:00"), &rules).await;
        shop.sell(1, 100_00).await;
        shop.load(A, 50_000_00).await.says(&[]);
        gold(&mut shop, A).await.books(&[("A", "redemption", PRINCIPAL, 50_000_00)]);
        shop.day("2029-01-01T03:59:00").await;
        assert_eq!(tier(&mut shop, A).await.as_deref(), Some("gold"), "{begins}");
        let before = shop.last();
        shop.day("2029-01-01T04:00:01").await;
        let fallen = shop.came(&before, "tier", 1).await.remove(0);
        fallen.explains_tier([Some("gold"), None], (0, 50_000_00)).books(&[]);
        assert_eq!(tier(&mut shop, A).await.as_deref(), Some("regular"), "{begins}");
        shop.close();
    }
}
