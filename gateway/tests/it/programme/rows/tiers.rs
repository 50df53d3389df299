//! Tiers (LOYALTY C1, C2, C3, C5): what leads to them to the cent, with and without reset, and what they give.

use super::{A, B, C, Done, POINTS, PRINCIPAL, Shop, goods};

/// Gold, platinum and diamond at 50,000.00, 100,000.00 and 200,000.00 in twelve months.
pub(super) const LADDER: &str = "[[tier]]\nkey = \"regular\"\nname = \"普通会员\"\n\
    [[tier]]\nkey = \"gold\"\nname = \"金卡\"\nany = [{ spent = \"50000\", months = 12 }]\ngift = { points = 100 }\n\
    [[tier]]\nkey = \"platinum\"\nname = \"白金卡\"\nany = [{ spent = \"100000\", months = 12 }]\ngift = { points = 300 }\n\
    [[tier]]\nkey = \"diamond\"\nname = \"钻石卡\"\nany = [{ spent = \"200000\", months = 12 }]\ngift = { points = 1000 }\n";

/// A sale that changes no tier has nothing behind it.
#[track_caller]
fn changes_nothing(shop: &Shop, sale: &Done) {
    sale.says(&[]).grades(&[]);
    assert_eq!((sale.tier(), shop.last().index), (None, sale.entry.index));
}

/// C1, C2, C5, worked case: 49,999.99 is none, 50,000.00 gold, and so at each threshold, with the gift behind it.
#[tokio::test]
async fn each_tier_begins_at_its_threshold_and_not_a_cent_below() {
    let mut shop = Shop::open(LADDER).await;
    shop.sell(3, 300_000_00).await;
    for (card, name, below, threshold, tiers, gifts) in [
        (A, "A", 49_999_99, 50_000_00, [None, Some("gold")], [0, 100]),
        (B, "B", 99_999_99, 100_000_00, [Some("gold"), Some("platinum")], [100, 300]),
        (C, "C", 199_999_99, 200_000_00, [Some("platinum"), Some("diamond")], [400, 1000]),
    ] {
        let sale = shop.buy(card, below).await;
        match tiers[0] {
            None => changes_nothing(&shop, &sale),
            tier => {
                assert_eq!(sale.says(&[]).tier(), tier);
                sale.behind().books(&[("points-expense", name, POINTS, gifts[0])]);
            }
        }
        sale.books(&[(name, "redemption", PRINCIPAL, below)]);
        let sale = shop.buy(card, 1).await;
        assert_eq!(sale.says(&[]).tier(), tiers[1]);
        let rate = format!("spent {}.00", threshold / 100);
        sale.grades(&[(tiers[1].expect("a tier"), &rate, threshold)]);
        sale.books(&[(name, "redemption", PRINCIPAL, 1)]);
        sale.behind().explains_tier(tiers, (threshold, threshold));
        sale.behind().books(&[("points-expense", name, POINTS, gifts[1])]);
        // A cent above is nothing more.
        let sale = shop.buy(card, 1).await;
        changes_nothing(&shop, &sale);
        assert_eq!(shop.has(card, [POINTS]).await, [gifts[0] + gifts[1]]);
    }
    shop.close();
}

/// C2: any of several ways, each by what was earned: one below it is none; one way asks for two things at once.
#[tokio::test]
async fn any_way_leads_to_a_tier_and_all_that_it_asks_for() {
    let gold = "[membership]\njoining = \"free\"\n[[activity]]\ncode = \"talk\"\nrule = \"talk\"\npoints = 0\n\
        [[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n\
        [[catalogue]]\nitem = \"mug\"\nname = \"Mug\"\npoints = 50\ngives = \"gift\"\n\
        [[tier]]\nkey = \"regular\"\nname = \"R\"\n[[tier]]\nkey = \"gold\"\nname = \"G\"\n\
        any = [{ loaded = \"100\" }, { purchases = 3 }, { points_earned = 50 }, { activities = 2 }, { referrals = 2 }, \
        { spent_on = [{ category = \"tea\", amount = \"20\" }] }, { spent = \"30\", activities = 1 }]\n";
    let mut shop = Shop::open(gold).await;
    shop.sell(6, 0).await;
    for card in 0..6 {
        shop.join(card, None).await.says(&[]);
        shop.load(card, 60_00).await.says(&[]);
    }
    let tea = |shop: &Shop, card: usize, minor| goods(&shop.cards[card], &[("T", "tea", 1, minor)]);
    let none = |done: &Done| assert_eq!(done.approved().tier(), None);
    let gold = |done: &Done, way: &str, counted: (i64, i64)| {
        assert_eq!(done.approved().tier(), Some("gold"));
        done.grades(&[("gold", way, counted.0)]);
        done.behind().explains_tier([None, Some("gold")], counted).books(&[]);
    };
    none(&shop.load(A, 39_99).await);
    gold(&shop.load(A, 1).await, "loaded 100.00", (100_00, 100_00));
    none(&shop.buy(B, 1).await);
    none(&shop.buy(B, 1).await);
    gold(&shop.buy(B, 1).await, "purchases 3", (3, 3));
    none(&shop.buy(C, 49_99).await);
    gold(&shop.buy(C, 1_00).await, "points-earned 50", (50, 50));
    none(&shop.award(3, "talk", 1).await);
    gold(&shop.award(3, "talk", 1).await, "activities 2", (2, 2));
    let body = tea(&shop, 4, 19_99);
    none(&shop.deal(body, 4).await);
    let body = tea(&shop, 4, 1);
    gold(&shop.deal(body, 4).await, "spent 20.00", (20_00, 20_00));
    none(&shop.award(5, "talk", 1).await);
    none(&shop.buy(5, 29_99).await);
    let both = shop.buy(5, 1).await;
    both.grades(&[("gold", "spent 30.00", 30_00), ("gold", "activities 1", 1)]);
    both.behind().explains_tier([None, Some("gold")], (30_00, 30_00)).books(&[]);
    // What is spent of points and money is still earned.
    shop.redeem(C, "mug", 1).await.says(&[("mug", "50", -50)]);
    assert_eq!(shop.ask(C).await.tier.map(|tier| tier.tier.to_string()), Some("gold".to_owned()));
    shop.sell(3, 0).await;
    shop.join(6, None).await.approved();
    shop.join(7, Some(6)).await.approved();
    assert_eq!(shop.ask(6).await.tier.map(|tier| tier.tier.to_string()), Some("regular".to_owned()));
    let second = shop.join(8, Some(6)).await;
    second.behind().explains_tier([None, Some("gold")], (2, 2));
    assert_eq!(shop.ask(6).await.tier.map(|tier| tier.tier.to_string()), Some("gold".to_owned()));
    shop.close();
}

/// C3: 不归零晋升 counts on, 归零晋升 begins again at the promotion.
#[tokio::test]
async fn with_a_reset_the_next_tier_asks_for_all_of_it_again() {
    for (promotion, steps) in [
        ("keep", [(49_999_99, None, 99_999_99), (1, Some("platinum"), 100_000_00)]),
        ("reset", [(99_999_99, None, 99_999_99), (1, Some("platinum"), 100_000_00)]),
    ] {
        let mut shop = Shop::open(&format!("{LADDER}[tiers]\npromotion = \"{promotion}\"")).await;
        shop.sell(1, 300_000_00).await;
        let gold = shop.buy(A, 50_000_00).await;
        assert_eq!(gold.says(&[]).tier(), Some("gold"));
        gold.behind().explains_tier([None, Some("gold")], (50_000_00, 50_000_00));
        gold.behind().books(&[("points-expense", "A", POINTS, 100)]);
        for (minor, tier, counted) in steps {
            let sale = shop.buy(A, minor).await;
            sale.says(&[]).books(&[("A", "redemption", PRINCIPAL, minor)]);
            assert_eq!(sale.tier(), tier, "{promotion}");
            let progress = shop.ask(A).await.progress.expect("progress");
            let next = progress.iter().next().expect("a tier above");
            let (key, needed) = match tier {
                None => ("platinum", 100_000_00),
                Some(_) => ("diamond", 200_000_00),
            };
            let so_far = if promotion == "reset" && tier.is_some() { 0 } else { counted };
            assert_eq!((next.tier.as_str(), next.so_far, next.needed), (key, so_far, needed), "{promotion}");
        }
        shop.last().explains_tier([Some("gold"), Some("platinum")], (100_000_00, 100_000_00));
        shop.last().books(&[("points-expense", "A", POINTS, 300)]);
        shop.close();
    }
}

/// C5: a gift of another currency, once: reached again after it was undone, it is given again, and never twice.
#[tokio::test]
async fn a_promotion_gives_its_gift_once_and_undoing_takes_it() {
    let gold = "[[tier]]\nkey = \"regular\"\nname = \"R\"\n\
        [[tier]]\nkey = \"gold\"\nname = \"G\"\nany = [{ spent = \"50\" }]\ngift = { points = 7 }\n";
    let mut shop = Shop::open(gold).await;
    shop.sell(1, 200_00).await;
    let sale = shop.buy(A, 50_00).await;
    assert_eq!(sale.says(&[]).tier(), Some("gold"));
    sale.behind().explains_tier([None, Some("gold")], (50_00, 50_00));
    sale.behind().books(&[("points-expense", "A", POINTS, 7)]);
    let more = shop.buy(A, 60_00).await;
    changes_nothing(&shop, &more);
    // What is left of 110.00 is gold still, then no more.
    assert_eq!(shop.refund(&more, 60_00).await.approved().tier(), None);
    assert_eq!(shop.has(A, [POINTS]).await, [7]);
    let undone = shop.void(&sale).await;
    assert_eq!(undone.approved().tier(), Some("regular"));
    undone.has([(PRINCIPAL, 200_00), (POINTS, 0)]);
    undone.books(&[("redemption", "A", PRINCIPAL, 50_00), ("A", "points-expense", POINTS, 7)]);
    let again = shop.buy(A, 50_00).await;
    assert_eq!(again.says(&[]).tier(), Some("gold"));
    again.behind().books(&[("points-expense", "A", POINTS, 7)]);
    shop.close();
}
