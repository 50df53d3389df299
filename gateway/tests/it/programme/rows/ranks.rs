//! Leaderboards (LOYALTY B14): own rank and title where a member asks, and what each rank gets at the close.

use super::{A, B, C, COURTESY, POINTS, Shop};

const BOARD: &str = "[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n[[purchase_points]]\nrule = \"spend\"\nper = \"1\"\ngives = 1\n\
    [[leaderboard]]\nkey = \"month\"\nname = \"本月积分榜\"\nby = \"points-earned\"\nperiod = \"month\"\nminimum = 20\nof = \"courtesy\"\n\
    title = { name = \"积分英雄\", from = 50 }\nrewards = [{ rank = 1, points = 500 }, { to = 3, points = 50 }]\n";

/// Rank, count, members with a place, and title.
async fn stands(shop: &mut Shop, card: usize) -> (Option<i64>, i64, i64, Option<String>) {
    let ranks = shop.ask(card).await.ranks.expect("ranks");
    let rank = ranks.iter().next().copied().expect("the board is open");
    let title = rank.title.map(|title| title.as_str().to_owned());
    (rank.rank.map(|rank| rank.get()), rank.count.get(), rank.members.get(), title)
}

/// 19 points have no place, 49 no title; refunds move members; the month's last second closes the board, and each rank is paid.
#[tokio::test]
async fn a_month_is_ranked_and_rewarded_at_its_close() {
    let mut shop = Shop::open(BOARD).await;
    shop.sell(3, 200_00).await;
    for (card, minor, stood) in [
        (A, 19_99, (None, 19, 0, None)),
        (A, 1_00, (Some(1), 20, 1, None)),
        (B, 49_00, (Some(1), 49, 1 + 1, None)),
        (B, 1_00, (Some(1), 50, 2, Some("积分英雄".to_owned()))),
        (C, 20_00, (Some(2), 20, 3, None)),
    ] {
        let points = minor / 100;
        let sale = shop.buy(card, minor).await;
        sale.says(&[("spend", "1/1.00", points)]);
        assert_eq!(stands(&mut shop, card).await, stood, "{card} {minor}");
    }
    let extra = shop.buy(A, 31_00).await;
    assert_eq!(stands(&mut shop, A).await.0, Some(1));
    let back = shop.refund(&extra, 31_00).await;
    back.approved().has([(POINTS, 20)]);
    assert_eq!(stands(&mut shop, A).await.0, Some(2), "with C");
    let listed = shop.json(&["leaderboard", "month"])["places"].clone();
    let listed = listed.as_array().expect("places").iter();
    let ranks: Vec<_> = listed.map(|place| (place["rank"].as_u64(), place["count"].as_i64())).collect();
    assert_eq!(ranks, [(Some(1), Some(50)), (Some(2), Some(20)), (Some(2), Some(20))]);

    shop.day("2027-04-01T03:59:00").await;
    assert_eq!(shop.has(B, [COURTESY]).await, [0]);
    let before = shop.last();
    shop.day("2027-04-01T04:00:10").await;
    // The close, three rewards, and its end.
    let closed = shop.came(&before, "leaderboard", 5).await;
    let rewards: Vec<_> = closed.iter().filter(|entry| !entry.legs().is_empty()).collect();
    assert_eq!(rewards.len(), 3);
    for (name, rate, points) in
        [("A", "rank 2 with 1 others", 50), ("B", "rank 1", 500), ("C", "rank 2 with 1 others", 50)]
    {
        let of = |key: &(String, u8)| key.0 == name;
        let entry = rewards.iter().find(|entry| entry.legs().keys().any(of)).expect(name);
        entry.explains(&[("本月积分榜", rate, points)]).books(&[("points-expense", name, COURTESY, points)]);
    }
    for (card, points) in [(A, 50), (B, 500), (C, 50)] {
        assert_eq!(shop.has(card, [COURTESY]).await, [points]);
    }
    shop.close();
}

/// 推荐大赛: by members brought, in its days; who did not stay does not count.
#[tokio::test]
async fn a_contest_counts_who_was_brought_on_its_days() {
    let rules = "[membership]\njoining = \"free\"\n[[leaderboard]]\nkey = \"spring\"\nname = \"推荐大赛\"\nby = \"referrals\"\n\
        from = \"2027-03-02\"\nuntil = \"2027-03-03\"\nrewards = [{ rank = 1, points = 100 }]\n";
    let mut shop = Shop::open(rules).await;
    shop.sell(6, 0).await;
    shop.join(A, None).await.says(&[]);
    shop.join(B, None).await.says(&[]);
    shop.join(C, Some(A)).await.says(&[]);
    shop.day("2027-03-02T04:01:00").await;
    shop.join(3, Some(A)).await.says(&[]);
    let left = shop.join(4, Some(B)).await;
    assert_eq!((stands(&mut shop, A).await.0, stands(&mut shop, B).await.0), (Some(1), Some(1)));
    shop.void(&left).await.approved().books(&[]);
    assert_eq!((stands(&mut shop, A).await, stands(&mut shop, B).await.0), ((Some(1), 1, 1, None), None));
    shop.day("2027-03-04T03:59:00").await;
    shop.join(5, Some(A)).await.says(&[]);
    let before = shop.last();
    shop.day("2027-03-04T04:00:10").await;
    let closed = shop.came(&before, "leaderboard", 3).await;
    let reward = closed.iter().find(|entry| !entry.legs().is_empty()).expect("a reward");
    reward.explains(&[("推荐大赛", "rank 1", 100)]).books(&[("points-expense", "A", POINTS, 100)]);
    assert_eq!((shop.has(A, [POINTS]).await, shop.has(B, [POINTS]).await), ([100], [0]));
    shop.close();
}
