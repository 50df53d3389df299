//! B14 and B4's contest: who has most in a time, own rank and title where a member asks, and what ranks get at the close.

use std::cmp::Reverse;
use std::time::Duration;

use gateway::domain::leaderboard::reward_rank;
use gateway::domain::{CardReference, CardStatus, Kind, Member, Now, State};
use gateway::programme_file::{DEFAULT, parse};
use protocol::answer::Rank;
use protocol::request::Body;
use serde_json::Value;
use terminal_sim::Card;

use super::{Said, join, join_by, points};
use crate::counter::{PATIENCE, last_index, number, purchase, reversal, seed};
use crate::harness::{Gateway, Site};
use crate::till::{APPROVED, Till, put_in_force, refund, void};
use crate::timekeeping::{DAY, Machine};

/// Points, in a month.
const MONTH: &str =
    "[[leaderboard]]\nkey = \"month\"\nname = \"本月积分榜\"\nby = \"points-earned\"\nperiod = \"month\"\n";

fn with(rules: &str) -> String {
    format!("{DEFAULT}\n{rules}\n")
}

/// Where a member is on a board, as a terminal shows it.
async fn rank_on(till: &mut Till, card: &Card, board: &str) -> Option<Rank> {
    let answer = till.ask(Body::MemberInquiry { card: card.reference, after: None }, card).await;
    assert_eq!(answer.code(), APPROVED);
    let ranks = answer.answer.ranks.as_ref()?;
    ranks.iter().find(|rank| rank.board.as_str() == board).copied()
}

/// Rank, count, members with a place, and title.
async fn stands(till: &mut Till, card: &Card, board: &str) -> (Option<i64>, i64, i64, Option<String>) {
    let rank = rank_on(till, card, board).await.expect("the board is open");
    let title = rank.title.map(|title| title.as_str().to_owned());
    (rank.rank.map(|rank| rank.get()), rank.count.get(), rank.members.get(), title)
}

/// Rank, last four digits, count and reward of each place that is listed.
fn listed(site: &Site, arguments: &[&str]) -> Vec<(u64, String, i64, i64)> {
    let answer = site.json(&[&["leaderboard"], arguments].concat());
    let places = answer["places"].as_array().expect("a list").iter();
    let of = |place: &Value| {
        let card = place["card"].as_str().expect("a reference").to_owned();
        assert_eq!((card.len(), &card[..12]), (16, "************"), "masked");
        let number = |field: &str| place[field].as_i64().expect("a number");
        (place["rank"].as_u64().expect("a rank"), card[12..].to_owned(), number("count"), number("reward"))
    };
    places.map(of).collect()
}

fn last_four(card: &Card) -> String {
    number(card)[12..].to_owned()
}

/// Waits until nothing is booked by itself any more.
fn settled(gateway: &Gateway) -> u64 {
    let (mut index, mut left) = (last_index(gateway), PATIENCE);
    loop {
        let step = Duration::from_millis(1500);
        std::thread::sleep(step);
        left = left.checked_sub(step).expect("it comes to an end");
        let now = last_index(gateway);
        if now == index {
            return index;
        }
        index = now;
    }
}

/// What the journal has of closes: (rule, rate, result) of each reward, and what its card is.
fn rewards(site: &Site) -> Vec<(String, String, i64, String)> {
    let told = site.run(&["transaction", "explain", "1", "--to", &u64::MAX.to_string()]).json;
    let entries = told.as_array().expect("entries").iter().filter(|entry| entry["message"] == "leaderboard");
    let reward = |entry: &Value| {
        assert_eq!(entry["same"], true, "{entry}");
        let rule = entry["rules"].as_array()?.first()?.clone();
        let card = entry["counters"].as_array()?.first()?["card"].as_str()?.to_owned();
        let text = |field: &str| rule[field].as_str().expect("a text").to_owned();
        Some((text("rule"), text("rate"), rule["result"].as_i64()?, card))
    };
    entries.filter_map(reward).collect()
}

#[tokio::test]
async fn whoever_has_as_much_has_the_same_rank_and_refunds_move_them() {
    let site = Site::new();
    let gateway = site.start();
    let more = "minimum = 100\ntitle = { name = \"积分英雄\", from = 101 }\nshown = 2\n\
                rewards = [{ rank = 1, points = 500 }, { to = 3, points = 7 }]\n";
    put_in_force(&site, &with(&format!("{MONTH}{more}")));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = till.sell(&site, 5, &[500_00]).await;
    assert_eq!(listed(&site, &["month"]), [], "nobody has a place yet");
    let mut sales = Vec::new();
    // At the minimum and the title: one below, there, one above.
    for (card, paid) in all.iter().zip([99_00, 100_00, 101_00, 101_00, 102_00]) {
        sales.push(till.deal(purchase(card, paid), card).await.0);
    }
    let hero = Some("积分英雄".to_owned());
    let expected = [
        (None, 99, 4, None),
        (Some(4), 100, 4, None),
        (Some(2), 101, 4, hero.clone()),
        (Some(2), 101, 4, hero.clone()),
        (Some(1), 102, 4, hero.clone()),
    ];
    for (card, expected) in all.iter().zip(expected) {
        assert_eq!(stands(&mut till, card, "month").await, expected);
    }
    // Two are shown, and whoever has as much as the last of them: those with the same count by rising reference.
    let mut tied = [(&all[2], last_four(&all[2])), (&all[3], last_four(&all[3]))];
    tied.sort_by_key(|(card, _)| number(card));
    let places =
        [(1, last_four(&all[4]), 102, 500), (2, tied[0].1.clone(), 101, 7), (2, tied[1].1.clone(), 101, 7)];
    assert_eq!(listed(&site, &["month"]), places);

    // A refund takes the count down, a void of it up again; a reversal takes all of it.
    let (back, _) = till.deal(refund(&sales[4], 1_00), &all[4]).await;
    assert_eq!(
        stands(&mut till, &all[4], "month").await,
        (Some(1), 101, 4, hero.clone()),
        "three first ones"
    );
    assert_eq!(stands(&mut till, &all[1], "month").await, (Some(4), 100, 4, None));
    assert_eq!(till.code(void(&back), &all[4]).await, APPROVED);
    assert_eq!(stands(&mut till, &all[4], "month").await, (Some(1), 102, 4, hero));
    assert_eq!(till.code(reversal(&sales[4]), &all[4]).await, APPROVED);
    assert_eq!(stands(&mut till, &all[4], "month").await, (None, 0, 3, None));
    assert_eq!(stands(&mut till, &all[1], "month").await.0, Some(3));

    // After a restart it is the same, by what the disk says.
    let before = listed(&site, &["month"]);
    assert!(gateway.stop().success());
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    assert_eq!(stands(&mut till, &all[1], "month").await, (Some(3), 100, 3, None));
    assert_eq!(listed(&site, &["month"]), before);
    // A card that takes another's place takes its count.
    let new = crate::counter::cards(&site, 1).remove(0);
    let [lost, by] = [number(&all[2]), number(&new)];
    site.json(&["card", "replace", "--card", &lost, "--by", &by, "--reason", "lost"]);
    assert_eq!(stands(&mut till, &new, "month").await.1, 101);
    assert_eq!(stands(&mut till, &all[1], "month").await, (Some(3), 100, 3, None));
    let unknown = site.run(&["leaderboard", "nothing"]);
    assert_eq!(
        (unknown.status.code(), unknown.stderr.contains("month")),
        (Some(1), true),
        "{}",
        unknown.stderr
    );
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn terminals_that_race_are_ranked_by_what_was_booked() {
    let site = Site::new();
    let gateway = site.start();
    let spent = "[[leaderboard]]\nkey = \"spent\"\nname = \"Spent\"\nby = \"spent\"\nperiod = \"year\"\nminimum = \"0.01\"\nshown = 1000\n";
    put_in_force(&site, &with(spent));
    let mut first = Till::open(&site, &gateway, "T0001").await;
    let mut second = Till::open(&site, &gateway, "T0002").await;
    let all = first.sell(&site, 6, &[900_00]).await;
    let seed = seed("leaderboards");
    let drawn = |n: u64| {
        (seed.wrapping_mul(6_364_136_223_846_793_005).rotate_left((n % 61) as u32)
            ^ n.wrapping_mul(0x9e37_79b9))
            >> 7
    };
    let mut paid = vec![0_i64; all.len()];
    for round in 0..20 {
        let [one, other] = [0, 1].map(|side| {
            let drawn = drawn(round * 2 + side);
            ((drawn % 6) as usize, 1 + (drawn / 6 % 40) as i64 * 25)
        });
        let (a, b) = tokio::join!(
            first.deal(purchase(&all[one.0], one.1), &all[one.0]),
            second.deal(purchase(&all[other.0], other.1), &all[other.0])
        );
        paid[one.0] += one.1;
        paid[other.0] += other.1;
        if round % 3 == 0 {
            let (undone, left) = tokio::join!(
                first.deal(reversal(&a.0), &all[one.0]),
                second.deal(refund(&b.0, other.1), &all[other.0])
            );
            assert_eq!((undone.1.code(), left.1.code()), (APPROVED, APPROVED), "seed {seed}");
            paid[one.0] -= one.1;
            paid[other.0] -= other.1;
        }
    }
    let mut expected: Vec<(u64, String, i64, i64)> = Vec::new();
    let mut sorted: Vec<(Reverse<i64>, String)> = all
        .iter()
        .zip(&paid)
        .filter(|(_, paid)| **paid > 0)
        .map(|(card, paid)| (Reverse(*paid), number(card)))
        .collect();
    sorted.sort();
    for (Reverse(paid), card) in &sorted {
        let rank = 1 + sorted.iter().filter(|(Reverse(other), _)| other > paid).count() as u64;
        expected.push((rank, card[12..].to_owned(), *paid, 0));
    }
    assert_eq!(listed(&site, &["spent"]), expected, "seed {seed}");
    for (card, paid) in all.iter().zip(&paid) {
        let rank = expected.iter().find(|place| place.1 == last_four(card)).map(|place| place.0 as i64);
        let stood = stands(&mut first, card, "spent").await;
        assert_eq!((stood.0, stood.1, stood.2), (rank, *paid, sorted.len() as i64), "seed {seed}");
    }
    drop(gateway);
    site.verify();
}

/// A downtime over the close of a month and of a contest: each is closed once, its ranks are rewarded once, and what was counted
/// stays; neither a refund nor a restart changes it.
#[tokio::test]
async fn closes_are_caught_up_once_and_a_refund_after_them_takes_no_reward_back() {
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = machine.start();
    let day = |ahead: i64| {
        let now =
            jiff::Timestamp::from_millisecond(gateway::clock::Clock::system().now_ms()).expect("a time");
        let there = jiff::tz::TimeZone::get("Asia/Shanghai").expect("a zone");
        (now + jiff::SignedDuration::from_hours(24 * ahead)).to_zoned(there).date().to_string()
    };
    let contest = format!(
        "[[leaderboard]]\nkey = \"few-days\"\nname = \"Few days\"\nby = \"spent\"\nfrom = \"{}\"\nuntil = \"{}\"\nof = \"courtesy\"\nties = \"share\"\n\
         rewards = [{{ to = 2, points = 100 }}, {{ rank = 3, points = 11 }}]\n",
        day(-2),
        day(3)
    );
    let rewarded = "minimum = 60\nrewards = [{ rank = 1, points = 500 }, { to = 4, points = 50 }]\n";
    let document =
        with(&format!("[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n{MONTH}{rewarded}{contest}"));
    put_in_force(site, &document);
    let mut till = Till::open(site, &gateway, "T0001").await;
    let all = till.sell(site, 5, &[500_00]).await;
    let mut sales = Vec::new();
    for (card, paid) in all.iter().zip([90_00, 80_00, 80_00, 60_00, 59_99]) {
        sales.push(till.deal(purchase(card, paid), card).await.0);
    }
    assert_eq!(till.code(refund(&sales[0], 5_00), &all[0]).await, APPROVED, "before the close it counts");
    assert_eq!(rank_on(&mut till, &all[0], "month").await.map(|rank| rank.count.get()), Some(85));
    // A new version without the boards comes when all is over: the close goes by what members were told.
    let later = jiff::Timestamp::from_millisecond(gateway::clock::Clock::system().now_ms()).expect("a time")
        + jiff::SignedDuration::from_hours(24 * 60);
    let file = site.beside("later.toml");
    std::fs::write(&file, format!("{DEFAULT}\n[points.courtesy]\nkind = 17\nname = \"Courtesy\"\n"))
        .expect("a file");
    site.json(&["programme", "activate", file.to_str().expect("a path"), "--at", &later.to_string()]);

    // What is due is foreseen: from 60 points on, two share the second rank of the month; the places of the contest too.
    let foreseen = |days: i64| {
        let at = later + jiff::SignedDuration::from_hours(24 * (days - 60));
        let told = site.json(&["programme", "due", "--at", &at.to_string()])["due"].clone();
        let ranks = told.as_array().expect("a list").iter().filter_map(|due| {
            let what = due["what"].as_str()?.strip_prefix("rank ")?.to_owned();
            Some((due["card"].as_str()?.to_owned(), what, due["amount"].as_i64()?))
        });
        let mut ranks: Vec<_> = ranks.collect();
        ranks.sort();
        ranks
    };
    assert_eq!(foreseen(0), []);
    let told = [
        (0, "1 of 本月积分榜", 500),
        (1, "2 of 本月积分榜", 50),
        (2, "2 of 本月积分榜", 50),
        (3, "4 of 本月积分榜", 50),
        (0, "1 of Few days", 100),
        // 100 and 11, divided and rounded down.
        (1, "2 of Few days", 55),
        (2, "2 of Few days", 55),
    ];
    let mut expected: Vec<_> =
        told.map(|(card, what, points)| (number(&all[card]), what.to_owned(), points)).into();
    expected.sort();
    assert_eq!(foreseen(50), expected);
    assert!(gateway.stop().success());

    machine.set_clock(70 * DAY);
    let gateway = machine.start();
    let before = last_index(&gateway);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(last_index(&gateway), before, "nothing is closed while the clock is in doubt");
    site.json(&["clock", "confirm"]);
    let index = settled(&gateway);
    // The confirmation; the close of the days; of each board its close, its rewards and its end.
    assert_eq!(index - before, 2 + (1 + 4 + 1) + (1 + 3 + 1));
    let mut till = till.again(&gateway).await;
    let mut has = Vec::new();
    for card in &all {
        has.push(points(&mut till, card, [16, 17]).await);
    }
    assert_eq!(has, [[585, 100], [130, 55], [130, 55], [110, 0], [59, 0]]);
    assert_eq!(foreseen(70), []);
    assert_eq!(rank_on(&mut till, &all[0], "month").await, None, "the programme has none any more");

    // A refund after the close: what the sale gave goes, the rank's reward stays, and so does what was counted.
    assert_eq!(till.code(refund(&sales[0], 85_00), &all[0]).await, APPROVED);
    assert_eq!(till.code(reversal(&sales[1]), &all[1]).await, APPROVED);
    assert_eq!(points(&mut till, &all[0], [16, 17]).await, [500, 100]);
    assert_eq!(points(&mut till, &all[1], [16, 17]).await, [50, 55]);
    let index = settled(&gateway);
    let counts = |places: Vec<(u64, String, i64, i64)>| {
        places.into_iter().map(|place| (place.0, place.2)).collect::<Vec<_>>()
    };
    let stood = [(1, 85_00), (2, 80_00), (2, 80_00), (4, 60_00), (5, 59_99)];
    assert_eq!(counts(listed(site, &["few-days"])), stood);
    assert_eq!(site.json(&["leaderboard", "few-days"])["state"], "closed");
    assert!(gateway.stop().success());
    for _ in 0..2 {
        let gateway = machine.start();
        assert_eq!(settled(&gateway), index, "nor after a start");
        assert!(gateway.stop().success());
    }
    let mut given: Vec<_> =
        rewards(site).into_iter().map(|(rule, rate, points, card)| (card, rule, rate, points)).collect();
    given.sort();
    let mut wanted: Vec<_> = [
        (0, "本月积分榜", "rank 1", 500),
        (1, "本月积分榜", "rank 2 with 1 others", 50),
        (2, "本月积分榜", "rank 2 with 1 others", 50),
        (3, "本月积分榜", "rank 4", 50),
        (0, "Few days", "rank 1", 100),
        (1, "Few days", "rank 2 with 1 others", 55),
        (2, "Few days", "rank 2 with 1 others", 55),
    ]
    .map(|(card, rule, rate, points)| (number(&all[card]), rule.to_owned(), rate.to_owned(), points))
    .into();
    wanted.sort();
    assert_eq!(given, wanted);
    site.verify();
}

/// More ranks than one look rewards, and a gateway that is killed on the way: each gets theirs once.
#[tokio::test]
async fn many_who_tie_are_rewarded_in_several_groups_and_once_whatever_is_killed_between() {
    const MANY: u32 = 140;
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = machine.start();
    put_in_force(site, &with(&format!("{MONTH}rewards = [{{ rank = 1, points = 3 }}]\n")));
    let mut till = Till::open(site, &gateway, "T0001").await;
    let all = till.sell(site, MANY, &[1_00]).await;
    for card in &all {
        assert_eq!(till.code(purchase(card, 1_00), card).await, APPROVED);
    }
    assert_eq!(listed(site, &["month"]).len(), all.len(), "who ties with the last that is shown is shown");
    assert!(gateway.stop().success());
    machine.set_clock(40 * DAY);
    let gateway = machine.start();
    let before = last_index(&gateway);
    site.json(&["clock", "confirm"]);
    while last_index(&gateway) < before + 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    gateway.kill();
    let gateway = machine.start();
    settled(&gateway);
    let given = rewards(site);
    let cards: std::collections::BTreeSet<&String> = given.iter().map(|(.., card)| card).collect();
    assert_eq!((given.len(), cards.len()), (all.len(), all.len()));
    let rate = format!("rank 1 with {} others", MANY - 1);
    assert!(given.iter().all(|(_, said, points, _)| (said, *points) == (&rate, 3)));
    drop(gateway);
    site.verify();
}

/// B4: a contest by members brought, in a window.
#[tokio::test]
async fn a_contest_counts_who_was_brought_in_its_days_and_who_stayed() {
    let site = Site::new();
    let gateway = site.start();
    let contest = |key: &str, from: &str, until: &str| {
        format!(
            "[[leaderboard]]\nkey = \"{key}\"\nname = \"推荐大赛 {key}\"\nby = \"referrals\"\nfrom = \"{from}\"\nuntil = \"{until}\"\n\
             title = {{ name = \"推荐英雄\", from = 2 }}\nrewards = [{{ rank = 1, points = 1000 }}]\n"
        )
    };
    let boards = [
        contest("on", "2020-01-01", "2099-12-31"),
        contest("over", "2020-01-01", "2020-12-31"),
        contest("to-come", "2099-01-01", "2099-12-31"),
    ];
    put_in_force(&site, &with(&format!("[membership]\njoining = \"free\"\n{}", boards.concat())));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = till.sell(&site, 6, &[]).await;
    assert_eq!(rank_on(&mut till, &all[0], "on").await, None, "whoever is no member takes no part");
    for card in &all[..2] {
        assert_eq!(join(&mut till, card, Said::default()).await.1.code(), APPROVED);
    }
    let mut joins = Vec::new();
    for (new, by) in [(2, 0), (3, 0), (4, 1), (5, 1)] {
        joins.push(join_by(&mut till, &all[new], &all[by]).await.0);
    }
    let hero = Some("推荐英雄".to_owned());
    for card in &all[..2] {
        assert_eq!(stands(&mut till, card, "on").await, (Some(1), 2, 2, hero.clone()));
        for other in ["over", "to-come"] {
            assert_eq!(rank_on(&mut till, card, other).await, None);
        }
    }
    assert_eq!(till.code(void(&joins[3]), &all[5]).await, APPROVED);
    assert_eq!(
        stands(&mut till, &all[1], "on").await,
        (Some(2), 1, 2, None),
        "who did not stay does not count"
    );
    assert_eq!(stands(&mut till, &all[2], "on").await, (None, 0, 2, None));
    assert_eq!(listed(&site, &["on"]), [(1, last_four(&all[0]), 2, 1000), (2, last_four(&all[1]), 1, 0)]);
    drop(gateway);
    site.verify();
}

#[test]
fn mistakes_of_a_leaderboard_name_their_line_and_what_to_write() {
    let keys = "key = \"b\"\nname = \"B\"\nby = \"spent\"";
    for (written, line, says) in [
        (format!("{keys}\nperiod = \"week\""), 4, "write one of \"month\", \"year\""),
        (format!("{keys}\nperiod = \"month\"\nfrom = \"2027-01-01\""), 1, "or from and until for a contest"),
        (keys.to_owned(), 1, "or from and until for a contest"),
        (format!("{keys}\nfrom = \"2027-02-02\"\nuntil = \"2027-02-01\""), 5, "until is before from"),
        (
            keys.replace("\"spent\"", "\"loaded\""),
            3,
            "write one of \"points-earned\", \"referrals\", \"spent\"",
        ),
        (keys.replace("\"b\"", "\"a b\""), 1, "1 to 24 letters"),
        (format!("{keys}\nperiod = \"month\"\nminimum = 5"), 5, "write an amount"),
        (format!("{keys}\nperiod = \"month\"\nminimum = \"0\""), 5, "above zero"),
        (format!("{keys}\nperiod = \"month\"\nshown = 1001"), 5, "write 1 to 1000 places"),
        (format!("{keys}\nperiod = \"month\"\nties = \"none\""), 5, "write one of \"each\", \"share\""),
        (format!("{keys}\nperiod = \"month\"\nof = \"gems\""), 5, "there is no [points.gems]"),
        (
            format!("{keys}\nperiod = \"month\"\nrewards = [\n{{ points = 5 }}]"),
            6,
            "write rank = 1, or to = 10",
        ),
        (
            format!(
                "{keys}\nperiod = \"month\"\nrewards = [{{ to = 3, points = 5 }},\n{{ rank = 3, points = 5 }}]"
            ),
            6,
            "ranks must rise",
        ),
        (
            format!("{keys}\nperiod = \"month\"\nrewards = [{{ rank = 1, points = 0 }}]"),
            5,
            "write 1 to 1,000,000,000",
        ),
    ] {
        let document = with(&format!("[[leaderboard]]\n{written}"));
        let first = document.lines().position(|line| line == "[[leaderboard]]").expect("the table") + 1;
        let problems = parse(&document).expect_err(&written);
        let found = problems.iter().find(|problem| problem.line == Some(first + line));
        assert!(found.is_some_and(|problem| problem.message.contains(says)), "{written}: {problems:?}");
    }
    let twice = with(&format!("{MONTH}{MONTH}"));
    assert!(parse(&twice).expect_err("two of one key")[0].message.contains("another [[leaderboard]]"));
}

#[test]
fn a_rank_is_rewarded_once_and_on_a_members_card_in_use_alone() {
    let reference = CardReference(9_000_000_000_000_014);
    let rewarded = |state: &State, rules: &str| {
        let programme = parse(&with(&format!("{rules}\n{MONTH}rewards = [{{ rank = 1, points = 9 }}]")))
            .expect("a programme");
        let now = Now { ms: 1_804_000_000_000, business_date: 2027_03_03, certain: true };
        let slot = ("board:month".to_owned(), 2027_02_00);
        let board = &programme.leaderboards[0];
        reward_rank(state, (&programme, board), &slot, (reference, 9), (7, now)).expect("in range")
    };
    let mut state = State::default();
    let card = gateway::domain::Card {
        status: CardStatus::Active,
        ..gateway::domain::Card::issued(reference, "standard", &[0; 32])
    };
    assert_eq!(rewarded(&state, ""), [], "there is no such card");
    state.cards.insert(reference, card.clone());
    state.members.insert(reference, Member::default());
    assert_eq!(rewarded(&state, "[membership]\njoining = \"free\""), [], "no member's");
    for (status, gets) in
        [(CardStatus::Blocked, true), (CardStatus::Issued, false), (CardStatus::Replaced, false)]
    {
        state.cards.insert(reference, gateway::domain::Card { status, ..card.clone() });
        assert_eq!(!rewarded(&state, "").is_empty(), gets, "{status:?}");
    }
    state.cards.insert(reference, card);
    for effect in rewarded(&state, "") {
        state.apply(&effect).expect("it fits");
    }
    assert_eq!(state.cards[&reference].available(Kind::POINTS, 1_804_000_000), 9);
    assert_eq!(rewarded(&state, ""), [], "once");
}
