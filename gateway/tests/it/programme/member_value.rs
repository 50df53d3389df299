//! Member value (LOYALTY B12): what each thing is worth, how it fades, tiers that rest on it, and that undoing leaves nothing.

use proptest::prelude::*;

use gateway::domain::member::Counters;
use gateway::domain::programme::{Measure, MemberValue};
use gateway::domain::tier_review::review;
use gateway::domain::{CardReference, Effect, Member, Now, Programme};
use gateway::programme_file::{DEFAULT, parse};

use super::book::{Book, DAY, START_S, goods, reference};
use super::tiers::with;
use super::{Said, join, join_by};
use crate::counter::{number, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, put_in_force, refund, void};

const CARD: CardReference = CardReference(1);

/// A programme whose members reach gold at a value of 100.00.
fn programme(value: &str, tiers: &str) -> Programme {
    let gold = "[[tier]]\nkey = \"gold\"\nname = \"Gold\"\nany = [{ value = \"100.00\" }]\n\
                [[tier]]\nkey = \"best\"\nname = \"Best\"\nany = [{ value = \"250.00\", purchases = 1, months = 12 }]\n";
    let document = format!("{DEFAULT}\n[member_value]\n{value}\n{tiers}\n{gold}");
    parse(&document).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn value_of(value: &str) -> MemberValue {
    programme(value, "").member_value.expect("a value")
}

/// What was counted in months of 2027, January first.
fn counted(of: &[(&str, &[i64])]) -> Counters {
    let month = |name: &str, (at, count): (u32, &i64)| ((name.to_owned(), 2027_00_00 + at * 100), *count);
    of.iter().flat_map(|(name, counts)| (1..).zip(*counts).map(|at| month(name, at))).collect()
}

#[test]
fn each_thing_is_worth_what_the_programme_says_and_all_together_are_rounded_down_once() {
    let all = "spent = \"0.1\"\nspent_on = [{ category = \"tea\", worth = \"0.05\" }]\nunits = \"0.25\"\n\
               purchases = \"2.00\"\nactivities = \"5.00\"\nreferrals = \"50.00\"\ninvitees_spent = \"0.015\"";
    for (name, count, minor) in [
        ("spent", 9, 0),
        ("spent", 10, 1),
        ("spent", 1_000_00, 100_00),
        ("spent:category:tea", 100, 5),
        ("spent:category:cup", 100_00, 0),
        ("units", 1_500, 37),
        ("purchases", 3, 6_00),
        ("activities", 1, 5_00),
        ("referrals", 2, 100_00),
        ("invitees-spent", 1_00, 1),
        ("invitees-spent", 2_00, 3),
        ("loaded", 9_000_00, 0),
    ] {
        assert_eq!(value_of(all).over(&counted(&[(name, &[count])]), 2027_01_31), minor, "{count} {name}");
    }
    // 0.5 and 0.5 of a minor unit are one.
    let halves = counted(&[("spent", &[5]), ("spent:category:tea", &[10])]);
    assert_eq!(value_of(all).over(&halves, 2027_01_31), 1);
}

#[test]
fn what_was_long_ago_counts_for_a_window_or_fades_or_counts_for_ever() {
    let spent = counted(&[("spent", &[100_00, 0, 10_00])]);
    for (time, worth) in [
        ("", [0, 100_00, 100_00, 110_00, 110_00, 110_00]),
        ("months = 2", [0, 100_00, 100_00, 10_00, 10_00, 0]),
        ("months = 1", [0, 100_00, 0, 10_00, 0, 0]),
        // 100.00, 50.00, 25.00 and 10.00, 17.50, 8.75
        ("decay = \"0.5\"", [0, 100_00, 50_00, 35_00, 17_50, 8_75]),
        // A third time 0.9: 81.00 and 10.00, then 81.90, 73.71.
        ("decay = \"0.9\"", [0, 100_00, 90_00, 91_00, 81_90, 73_71]),
    ] {
        let value = value_of(&format!("spent = \"1\"\n{time}"));
        let days = [2026_12_31, 2027_01_01, 2027_02_28, 2027_03_31, 2027_04_01, 2027_05_31];
        assert_eq!(days.map(|day| value.over(&spent, day)), worth, "{time}");
        let member = Member { counters: spent.clone(), ..Member::default() };
        let curve = value.curve(&member, 2027_05_02);
        let told: Vec<_> = curve.iter().map(|point| (point.month, point.value)).collect();
        let months = [2027_01_00, 2027_02_00, 2027_03_00, 2027_04_00, 2027_05_00];
        assert_eq!(told, months.into_iter().zip(worth[1..].to_vec()).collect::<Vec<_>>());
        assert_eq!(curve.iter().map(|point| point.done).collect::<Vec<_>>(), [100_00, 0, 10_00, 0, 0]);
    }
    assert_eq!(value_of("spent = \"1\"").curve(&Member::default(), 2027_05_02), []);
}

proptest! {
    /// Powers of 0.95 up to the sixth have twelve decimal places: the value is exact, and rounded down once.
    #[test]
    fn a_value_that_fades_is_exact(spent in prop::collection::vec(0..9_999_999_99_i64, 7), visits in prop::collection::vec(0..99_i64, 7)) {
        let value = value_of("spent = \"0.07\"\npurchases = \"1.30\"\ndecay = \"0.95\"");
        let month = |at: usize| {
            let power = 95_i128.pow(6 - u32::try_from(at).expect("few")) * 100_i128.pow(u32::try_from(at).expect("few"));
            (i128::from(spent[at]) * 7 + i128::from(visits[at]) * 130 * 100) * power
        };
        let exact = (0..7).map(month).sum::<i128>() / 100_i128.pow(7);
        let counters = counted(&[("spent", &spent), ("purchases", &visits)]);
        prop_assert_eq!(i128::from(value.over(&counters, 2027_07_15)), exact);
    }
}

/// One member, looked at by the review alone.
#[derive(Clone)]
struct Shop {
    programme: Programme,
    member: Member,
    now_s: i64,
}

impl Shop {
    fn with(value: &str, tiers: &str) -> Self {
        Self { programme: programme(value, tiers), member: Member::default(), now_s: START_S }
    }

    fn now(&self) -> Now {
        let ms = self.now_s * 1000;
        Now { ms, business_date: self.programme.business_date(ms).expect("a date"), certain: true }
    }

    fn take(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Member { standing, .. } => self.member.standing = standing.clone(),
                Effect::Counter { counter, period, change, .. } => {
                    let key = (counter.clone(), *period);
                    let sum = self.member.counters.remove(&key).unwrap_or(0) + change;
                    if sum != 0 {
                        self.member.counters.insert(key, sum);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn look(&mut self) {
        if let Some(reviewed) = review(&self.programme, CARD, &self.member, self.now()) {
            self.take(&reviewed.effects);
            assert_eq!(review(&self.programme, CARD, &self.member, self.now()), None, "a second look");
        }
    }

    fn spend_on(&mut self, minor: i64, business_date: u32) {
        let visits = Measure::Purchases.count(CARD, minor.signum(), business_date);
        self.take(&[Measure::Spent.count(CARD, minor, business_date), visits].concat());
    }

    fn spend(&mut self, minor: i64) {
        self.look();
        self.spend_on(minor, self.now().business_date);
        self.look();
    }

    fn tier(&self) -> &str {
        self.member.standing.tier.as_ref().map_or("none", |held| &held.tier)
    }
}

#[test]
fn a_tier_is_reached_at_its_value_and_rests_on_it_whatever_fades() {
    for (minor, tier) in
        [(999_99, "none"), (1_000_00, "gold"), (1_000_01, "gold"), (2_499_99, "gold"), (2_500_00, "best")]
    {
        let mut shop = Shop::with("spent = \"0.1\"", "");
        shop.spend(minor);
        assert_eq!(shop.tier(), tier, "{minor}");
    }
    for time in ["", "months = 1", "decay = \"0.5\""] {
        for tiers in ["[tiers]\nlasts_months = 12", "[tiers]\nlasts_months = 12\npromotion = \"reset\""] {
            let mut shop = Shop::with(&format!("spent = \"0.1\"\n{time}"), tiers);
            let sold = shop.now().business_date;
            shop.spend(1_000_00);
            shop.now_s += 100 * DAY;
            shop.look();
            assert_eq!(shop.tier(), "gold", "it has faded, and the tier's time is not over");
            // Looking back, 0.01 was missing.
            shop.spend_on(-1, sold);
            shop.look();
            assert_eq!(shop.tier(), "none", "{time} {tiers}");
            shop.spend_on(1, sold);
            shop.spend_on(-1_000_00, sold);
            shop.look();
            assert_eq!(shop.member, Member::default(), "nothing stays");
        }
    }
}

#[test]
fn what_a_reset_has_used_up_leads_nowhere_else_and_counts_again_when_it_is_undone() {
    let mut shop = Shop::with("spent = \"0.1\"", "[tiers]\npromotion = \"reset\"");
    let sold = shop.now().business_date;
    shop.spend(1_000_00);
    assert_eq!(shop.tier(), "gold");
    shop.spend(1_000_00);
    shop.spend(1_499_99);
    assert_eq!(shop.tier(), "gold", "249.999 since");
    shop.spend(1);
    assert_eq!(shop.tier(), "best");
    shop.spend_on(-1, sold);
    shop.look();
    assert_eq!(shop.tier(), "gold");
}

#[test]
fn changed_weights_leave_a_tier_that_rests_on_a_value_unless_it_is_graded_again() {
    for (changed, tier) in [("keep", "gold"), ("regrade", "none")] {
        let mut shop = Shop::with("spent = \"0.1\"", "");
        shop.spend(1_000_00);
        shop.programme = programme("spent = \"0.05\"", &format!("[tiers]\nchanged = \"{changed}\""));
        shop.look();
        assert_eq!(shop.tier(), tier, "{changed}");
        // What it rests on is weighed as it was then.
        shop.spend_on(-1, shop.now().business_date);
        shop.look();
        assert_eq!(shop.tier(), "none");
    }
}

proptest! {
    /// Looked at daily, or only when the member comes: the same, however the value fades.
    #[test]
    fn looked_at_daily_or_once_the_value_and_its_tier_are_the_same(
        events in prop::collection::vec((1..200_i64, 1..3_000_00_i64, any::<bool>()), 1..6),
        time in prop::sample::select(vec!["", "months = 3", "decay = \"0.8\""]), reset: bool, months in 1..15_u16,
    ) {
        let promotion = if reset { "reset" } else { "keep" };
        let tiers = format!("[tiers]\npromotion = \"{promotion}\"\nlasts_months = {months}\ngrace_days = 7");
        let value = format!("spent = \"0.1\"\npurchases = \"1.00\"\n{time}");
        let (mut daily, mut seldom) = (Shop::with(&value, &tiers), Shop::with(&value, &tiers));
        for (days, minor, comes_back) in events {
            for _ in 0..days {
                daily.now_s += DAY;
                daily.look();
            }
            seldom.now_s += days * DAY;
            for shop in [&mut daily, &mut seldom] {
                shop.look();
                let before = shop.member.clone();
                shop.spend(minor);
                if comes_back {
                    shop.spend(-minor);
                    prop_assert_eq!(&shop.member, &before, "a sale that comes back leaves nothing");
                }
            }
            prop_assert_eq!(&daily.member, &seldom.member);
        }
    }
}

#[test]
fn sales_count_their_units_and_refunds_and_reversals_take_the_value_back() {
    let mut book = Book::new(
        "[member_value]\nspent = \"0.1\"\nspent_on = [{ category = \"tea\", worth = \"1\" }]\nunits = \"3.00\"\n\
         purchases = \"7.00\"\n[[segment]]\nsegment = \"dear\"\nmeasures = [{ measure = \"value\", from = \"100.00\" }]\n\
         [[purchase_points]]\nrule = \"points\"\nper = \"1.00\"\ngives = 1\n\
         [[multiplier]]\nrule = \"dear\"\ntimes = \"2\"\nwhen = { segments = [\"dear\"] }",
    );
    book.load(0, 10_000_00);
    let worth = |book: &Book| {
        let value = book.programme.member_value.as_ref().expect("a value");
        let member = book.state.members.get(&reference(0));
        member.map_or(0, |member| value.over(&member.counters, book.now.business_date))
    };
    let basket = || vec![goods("T", "tea", 2, 40_00), goods("C", "cup", 1, 60_00)];
    let (sale, _) = book.sale_of(0, 100_00, basket());
    assert_eq!(worth(&book), 10_00 + 40_00 + 9_00 + 7_00);
    let (second, decision) = book.sale(0, 339_99);
    assert_eq!((decision.explanation.len(), worth(&book)), (1, 66_00 + 33_99 + 7_00), "33.999");
    assert_eq!(book.sale(0, 1).1.explanation.len(), 0, "no whole point");
    let (third, decision) = book.sale(0, 1_00);
    assert_eq!(decision.explanation.len(), 2, "106.99 before it");
    book.refund(sale, 50_00);
    book.reverse(second);
    book.reverse(third);
    // Of one purchase half is none less; of three thousandths of units half, rounded down; and 0.001 for 0.01.
    assert_eq!(worth(&book), 5_00 + 20_00 + 4_50 + 7_00 + 7_00);
    book.refund(sale, 50_00);
    assert_eq!(worth(&book), 7_00);
}

#[tokio::test]
async fn a_members_value_is_told_with_its_curve_and_falls_when_an_invitees_sale_is_undone() {
    let site = Site::new();
    let gateway = site.start();
    let rules = "[membership]\njoining = \"free\"\n[member_value]\nspent = \"0.1\"\npurchases = \"2.00\"\n\
                 referrals = \"10.00\"\ninvitees_spent = \"0.05\"\nmonths = 12\n\
                 [[tier]]\nkey = \"dear\"\nname = \"Dear\"\nany = [{ value = \"20.00\" }]\n";
    put_in_force(&site, &with(rules));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = till.sell(&site, 2, &[200_00]).await;
    let by = number(&all[0]);
    let ask = || site.json(&["member", "value", &by]);
    assert_eq!((ask()["value"].as_str(), ask()["curve"].as_array().map(Vec::len)), (Some("0.00"), Some(0)));
    assert_eq!(join(&mut till, &all[0], Said::default()).await.1.code(), APPROVED);
    assert_eq!(join_by(&mut till, &all[1], &all[0]).await.1.code(), APPROVED);
    assert_eq!(till.code(purchase(&all[0], 19_99), &all[0]).await, APPROVED);
    assert_eq!(ask()["value_minor"], 10_00 + 2_00 + 1_99);
    // Of an invitee: 120.20 are worth 6.01.
    let tier = || site.json(&["card", "show", "--card", &by])["member"]["tier"].clone();
    let (sale, sold) = till.deal(purchase(&all[1], 120_20), &all[1]).await;
    assert_eq!(
        (sold.code(), ask()["value"].as_str(), tier().as_str()),
        (APPROVED, Some("20.00"), Some("dear"))
    );
    let shown = ask();
    let rows = shown["measures"].as_array().expect("measures");
    let told: Vec<_> =
        rows.iter().map(|row| (&row["measure"], &row["counted"], &row["worth"], &row["value"])).collect();
    assert_eq!(
        serde_json::to_value(told).expect("rows"),
        serde_json::json!([
            ["spent", "19.99", "0.1", "1.99"],
            ["purchases", "1", "2.00", "2.00"],
            ["referrals", "1", "10.00", "10.00"],
            ["invitees-spent", "120.20", "0.05", "6.01"],
        ])
    );
    assert_eq!(shown["curve"][0]["value"], "20.00");
    assert_eq!(shown["time"], "the last 12 calendar months");
    assert_eq!(till.code(refund(&sale, 20), &all[1]).await, APPROVED);
    assert_eq!(
        (ask()["value"].as_str(), tier().as_str()),
        (Some("19.99"), None),
        "120.00 are 6.00, and 19.99 are 1.999"
    );
    let (sale, _) = till.deal(purchase(&all[1], 1_00), &all[1]).await;
    assert_eq!(tier().as_str(), Some("dear"));
    assert_eq!(till.code(reversal(&sale), &all[1]).await, APPROVED);
    assert_eq!(tier().as_str(), None);
    let (sale, _) = till.deal(purchase(&all[1], 1_00), &all[1]).await;
    assert_eq!(tier().as_str(), Some("dear"));
    assert_eq!(till.code(void(&sale), &all[1]).await, APPROVED);
    assert_eq!((ask()["value"].as_str(), tier().as_str()), (Some("19.99"), None));
    let refused = site.run(&["member", "value", "9000000000000006"]);
    assert!(refused.stderr.contains("no card"), "{}", refused.stderr);
    drop(gateway);
    site.verify();
}
