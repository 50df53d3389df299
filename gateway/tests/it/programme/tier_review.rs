//! A member's tier, looked at again (LOYALTY C1 to C5): tables at each threshold, and that downtime makes no difference.

use proptest::prelude::*;

use gateway::domain::programme::Measure;
use gateway::domain::tier_review::{Review, review};
use gateway::domain::{CardReference, Effect, Member, Now, Programme};
use gateway::programme_file::{DEFAULT, parse};

const CARD: CardReference = CardReference(1);
const DAY_S: i64 = 86_400;
/// 2027-01-15, 12:00 in the shop.
const START_S: i64 = 1_799_985_600;

/// Silver, gold and platinum at 20,000.00, 50,000.00 and 100,000.00 in twelve months.
const LADDER: &str = r#"
[[tier]]
key = "regular"
name = "普通会员"
[[tier]]
key = "silver"
name = "银卡"
any = [{ spent = "20000.00", months = 12 }]
gift = { points = 50 }
[[tier]]
key = "gold"
name = "金卡"
any = [{ spent = "50000.00", months = 12 }]
gift = { points = 100 }
[[tier]]
key = "platinum"
name = "白金卡"
any = [{ spent = "100000.00", months = 12 }]
"#;

/// One member, and the shop that they buy in.
#[derive(Clone)]
struct Shop {
    programme: Programme,
    member: Member,
    now_s: i64,
    /// Points that tiers have given.
    points: i64,
}

/// Changes a counter of a member.
fn count(member: &mut Member, counter: &str, period: u32, change: i64) {
    let key = (counter.to_owned(), period);
    let sum = member.counters.remove(&key).unwrap_or(0) + change;
    if sum != 0 {
        member.counters.insert(key, sum);
    }
}

impl Shop {
    fn with(tiers: &str) -> Self {
        let programme = parse(&format!("{DEFAULT}\n{tiers}\n{LADDER}")).expect("a programme");
        Self { programme, member: Member::default(), now_s: START_S, points: 0 }
    }

    fn now(&self) -> Now {
        let ms = self.now_s * 1000;
        Now { ms, business_date: self.programme.business_date(ms).expect("a date"), certain: true }
    }

    fn look(&mut self) -> Option<Review> {
        let reviewed = review(&self.programme, CARD, &self.member, self.now())?;
        for effect in &reviewed.effects {
            match effect {
                Effect::Member { standing, .. } => self.member.standing = standing.clone(),
                Effect::Counter { counter, period, change, .. } => {
                    count(&mut self.member, counter, *period, *change);
                }
                other => panic!("{other:?}"),
            }
        }
        self.points += reviewed.gift;
        let again = review(&self.programme, CARD, &self.member, self.now());
        assert_eq!(again, None, "a second look changes nothing");
        Some(reviewed)
    }

    /// Spends, or takes back what was spent on a business date.
    fn spend_on(&mut self, minor: i64, business_date: u32) {
        for effect in Measure::Spent.count(CARD, minor, business_date) {
            let Effect::Counter { counter, period, change, .. } = effect else { continue };
            count(&mut self.member, &counter, period, change);
        }
    }

    fn spend(&mut self, minor: i64) {
        self.look();
        self.spend_on(minor, self.now().business_date);
        self.look();
    }

    fn wait(&mut self, days: i64) {
        self.now_s += days * DAY_S;
    }

    fn tier(&self) -> &str {
        self.programme.tiers.of(&self.member).map_or("none", |tier| &tier.key)
    }
}

#[test]
fn one_minor_unit_below_is_none_and_the_threshold_itself_is_gold() {
    for (minor, tier) in [
        (49_999_99, "silver"),
        (50_000_00, "gold"),
        (50_000_01, "gold"),
        (19_999_99, "regular"),
        (20_000_00, "silver"),
    ] {
        let mut shop = Shop::with("");
        shop.spend(minor);
        assert_eq!(shop.tier(), tier, "{minor}");
    }
    let only_gold = DEFAULT.to_owned()
        + "\n[[tier]]\nkey = \"gold\"\nname = \"金卡\"\nany = [{ spent = \"50000.00\", year = true }]\n";
    let mut shop = Shop { programme: parse(&only_gold).expect("a programme"), ..Shop::with("") };
    shop.spend(49_999_99);
    assert_eq!(shop.tier(), "none");
    shop.spend(1);
    assert_eq!(shop.tier(), "gold");
}

#[test]
fn a_refund_across_the_line_demotes_and_takes_the_gift_and_nothing_stays() {
    for tiers in ["", "[tiers]\npromotion = \"reset\"\nlasts_months = 12"] {
        let mut shop = Shop::with(tiers);
        shop.spend(30_000_00);
        let silver = shop.clone();
        assert_eq!((shop.tier(), shop.points), ("silver", 50));
        shop.wait(20);
        let sold = shop.now().business_date;
        // With a reset, what led to silver leads nowhere else.
        let more = if tiers.is_empty() { 20_000_00 } else { 50_000_00 };
        shop.spend(more - 1);
        assert_eq!(shop.tier(), "silver");
        shop.spend(1);
        assert_eq!((shop.tier(), shop.points), ("gold", 150));
        shop.spend_on(-1, sold);
        shop.look();
        assert_eq!((shop.tier(), shop.points), ("silver", 50));
        shop.spend_on(1 - more, sold);
        shop.look();
        assert_eq!((shop.member.clone(), shop.points), (silver.member, 50), "{tiers}");
    }
}

#[test]
fn with_a_reset_the_counter_begins_again_and_without_it_goes_on() {
    for (promotion, after) in [("keep", "gold"), ("reset", "silver")] {
        let mut shop = Shop::with(&format!("[tiers]\npromotion = \"{promotion}\""));
        shop.spend(20_000_00);
        shop.spend(49_999_99);
        assert_eq!(shop.tier(), after, "{promotion}");
        shop.spend(1);
        assert_eq!(shop.tier(), "gold");
    }
}

#[test]
fn a_refund_does_not_demote_where_the_programme_says_so() {
    let mut shop = Shop::with("[tiers]\nrefund_demotes = false");
    shop.spend(50_000_00);
    shop.spend(-1);
    assert_eq!((shop.tier(), shop.points), ("gold", 150));
}

#[test]
fn a_tier_ends_at_the_end_of_its_last_day_and_falls_by_a_step_or_to_what_was_earned() {
    for (tiers, after) in [
        ("lasts_months = 12\ndowngrade = \"one-step\"", "silver"),
        ("lasts_months = 12\ndowngrade = \"earned\"", "regular"),
    ] {
        let mut shop = Shop::with(&format!("[tiers]\n{tiers}"));
        shop.spend(50_000_00);
        let until = shop.member.standing.tier.as_ref().and_then(|held| held.until).expect("an end");
        assert_eq!(shop.programme.business_date((until - 1) * 1000), Ok(2028_01_15));
        shop.now_s = until - 1;
        assert_eq!(shop.look(), None);
        shop.now_s = until;
        shop.look();
        assert_eq!((shop.tier(), shop.points), (after, 150), "{tiers}");
    }
}

#[test]
fn grace_lets_it_be_earned_again_and_a_year_end_is_on_to_the_calendar_years_end() {
    let mut shop = Shop::with("[tiers]\nlasts_months = 12\nto_year_end = true\ngrace_days = 30");
    shop.spend(50_000_00);
    let until = shop.member.standing.tier.as_ref().and_then(|held| held.until).expect("an end");
    assert_eq!(shop.programme.business_date((until - 1) * 1000), Ok(2028_12_31));
    shop.now_s = until + 29 * DAY_S;
    shop.look();
    assert_eq!(shop.tier(), "gold");
    let mut again = shop.clone();
    again.spend(50_000_00);
    again.wait(300);
    again.look();
    assert_eq!((again.tier(), again.points), ("gold", 150), "no second gift");
    shop.wait(1);
    shop.look();
    assert_eq!(shop.tier(), "regular");
}

#[test]
fn changed_thresholds_hold_at_once_or_from_the_end_of_the_period_on() {
    for (changed, after) in [("keep", "gold"), ("regrade", "silver")] {
        let mut shop = Shop::with(&format!("[tiers]\nlasts_months = 12\nchanged = \"{changed}\""));
        shop.spend(50_000_00);
        let gold = &mut shop.programme.tiers.list[2];
        gold.routes[0].needs[0].1 = 60_000_00;
        shop.look();
        assert_eq!(shop.tier(), after, "{changed}");
    }
}

#[test]
fn nothing_happens_while_the_clock_is_in_doubt() {
    let mut shop = Shop::with("");
    shop.spend_on(50_000_00, shop.now().business_date);
    let now = Now { certain: false, ..shop.now() };
    assert_eq!(review(&shop.programme, CARD, &shop.member, now), None);
}

/// FAULTS: "redemption counted as tier spend", "Tier from the balance in place of what was earned".
#[test]
fn only_what_was_spent_and_earned_counts_never_what_is_left_nor_what_was_redeemed() {
    let mut shop = Shop::with("");
    for (counter, change) in
        [("points-redeemed", 90_000_00), ("gave:redeem", 90_000_00), ("loaded", 90_000_00)]
    {
        count(&mut shop.member, counter, 0, change);
        count(&mut shop.member, counter, 2027_01_00, change);
    }
    assert_eq!(shop.look(), None);
}

proptest! {
    /// Looked at daily, or only when the member comes: the same, whatever was reset, refunded or lost meanwhile.
    #[test]
    fn downtime_makes_no_difference(
        events in prop::collection::vec((1..500_i64, 1..60_000_00_i64, any::<bool>()), 1..8),
        reset: bool, one_step: bool, grace in 0..40_u16, months in 1..15_u16,
    ) {
        let words = (if reset { "reset" } else { "keep" }, if one_step { "one-step" } else { "earned" });
        let tiers = format!(
            "[tiers]\npromotion = \"{}\"\ndowngrade = \"{}\"\ngrace_days = {grace}\nlasts_months = {months}",
            words.0, words.1
        );
        let (mut daily, mut seldom) = (Shop::with(&tiers), Shop::with(&tiers));
        for (days, minor, comes_back) in events {
            for _ in 0..days {
                daily.wait(1);
                daily.look();
            }
            seldom.wait(days);
            for shop in [&mut daily, &mut seldom] {
                let before = { shop.look(); shop.clone() };
                shop.spend(minor);
                if comes_back {
                    shop.spend(-minor);
                    prop_assert_eq!(&shop.member, &before.member, "a sale that comes back leaves nothing");
                    prop_assert_eq!(shop.points, before.points);
                }
            }
            prop_assert_eq!(&daily.member, &seldom.member);
            prop_assert_eq!(daily.points, seldom.points);
        }
    }
}
