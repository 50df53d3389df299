//! What is printed and said of members, to the letter.

use protocol::answer::{
    Catalogue, CatalogueItem, Coming, ComingLots, Entitlement, Entitlements, Progress, Rank, Ranks, Routes,
    Tier,
};
use protocol::field::{Count, Date, Due, Measure};

use super::*;
use crate::keyboard::json::object;

fn time(seconds: i64) -> UnixSeconds {
    UnixSeconds::new(seconds).unwrap()
}

fn silver() -> Tier {
    Tier {
        tier: "silver".parse().unwrap(),
        name: "Silver".parse().unwrap(),
        until: Some(time(1_798_761_599)),
    }
}

fn asked(kind: MessageType) -> Answer {
    let answer = answer(kind, ResponseCode::APPROVED);
    Answer { stan: None, reference: None, ..answer }
}

fn member() -> Answer {
    let progress = |route, measure, so_far, needed| Progress {
        tier: "gold".parse().unwrap(),
        route,
        measure,
        so_far,
        needed,
    };
    let coming = |seconds, kind, amount, what| Coming {
        time: time(seconds),
        kind: BalanceKind(kind),
        amount: Count::new(amount).unwrap(),
        what,
    };
    let entitlement = |code: &str, name: &str, uses_left| Entitlement {
        entitlement: code.parse().unwrap(),
        name: name.parse().unwrap(),
        uses_left,
    };
    Answer {
        balances: Some([(BalanceKind::POINTS, 85), (BalanceKind(48), 37)].into()),
        joined: Date::new(20_250_301),
        tier: Some(silver()),
        progress: Routes::new(vec![
            progress(1, Measure::SPENT, 812_50, 2_000_00),
            progress(2, Measure::MEMBERS_BROUGHT, 1, 5),
        ]),
        coming: ComingLots::new(vec![
            coming(1_790_000_000, 48, 37, Due::RELEASED),
            coming(1_798_761_600, 16, 85, Due::EXPIRES),
        ]),
        entitlements: Entitlements::new(vec![
            entitlement("lounge", "Lounge", Count::new(2)),
            entitlement("wifi", "Free Wi-Fi", None),
        ]),
        ranks: Ranks::new(vec![
            Rank {
                board: "spent".parse().unwrap(),
                name: "Spent this year".parse().unwrap(),
                measure: Measure::SPENT,
                until: Date::new(2026_12_31).unwrap(),
                count: Count::new(812_50).unwrap(),
                rank: Count::new(3),
                members: Count::new(2041).unwrap(),
                title: "Hero".parse().ok(),
            },
            Rank {
                board: "contest".parse().unwrap(),
                name: "Bring friends".parse().unwrap(),
                measure: Measure::MEMBERS_BROUGHT,
                until: Date::new(2026_12_24).unwrap(),
                count: Count::new(1).unwrap(),
                rank: None,
                members: Count::new(17).unwrap(),
                title: None,
            },
        ]),
        more: Some(true),
        ..asked(MessageType::MEMBER_INQUIRY)
    }
}

fn catalogue() -> Answer {
    let item = |code: &str, name: &str, points, pieces_left| CatalogueItem {
        item: code.parse().unwrap(),
        name: name.parse().unwrap(),
        kind: BalanceKind::POINTS,
        points: Count::new(points).unwrap(),
        pieces_left,
    };
    let items = vec![item("coffee", "Coffee", 40, None), item("mug", "Mug", 250, Count::new(17))];
    Answer {
        card: None,
        catalogue: Catalogue::new(items),
        more: Some(false),
        ..asked(MessageType::CATALOGUE)
    }
}

#[test]
fn a_member_sees_what_there_is_and_what_comes() {
    assert_eq!(
        printed(&Said::Asked(Box::new(member()))),
        "\
------------------------------------------
MEMBER                               T0001
Business date                   2026-11-22
Card                   9766 3380 8328 4777
Balances
  points                                85
  pending points                        37
Member since                    2025-03-01
Tier                                Silver
  held until              2026-12-31 23:59
On the way
  gold 1: amount spent   812.50 of 2000.00
  gold 2: members brought           1 of 5
Ranks
  Spent this year                3 of 2041
    until 2026-12-31          812.50, Hero
  Bring friends               no place yet
    until 2026-12-24                     1
Coming
  2026-09-21 14:13      37 points released
  2027-01-01 00:00        85 points expire
Entitled to
  Lounge (lounge)                   2 left
  Free Wi-Fi (wifi)
There is more: member 1798761600
"
    );
}

#[test]
fn a_catalogue_lists_what_points_get() {
    let text = printed(&Said::Asked(Box::new(catalogue())));
    let (_, items) = text.split_once("To redeem\n").unwrap();
    assert_eq!(
        items,
        "  Coffee (coffee)                40 points
  Mug (mug)            250 points, 17 left
"
    );
    let cut = Answer { more: Some(true), ..catalogue() };
    assert!(printed(&Said::Asked(Box::new(cut))).ends_with("There is more: catalogue mug\n"));
}

#[test]
fn what_members_do_prints_no_amount() {
    for (kind, title, headline) in [
        (MessageType::JOIN, "JOIN", "WELCOME"),
        (MessageType::AWARD, "AWARD", "APPROVED"),
        (MessageType::REDEEM, "REDEEM", "APPROVED"),
        (MessageType::USE_ENTITLEMENT, "ENTITLEMENT", "APPROVED"),
    ] {
        let mut done = Slip { kind, amount: None, ..sale(ResponseCode::APPROVED) };
        done.answer = answer(kind, ResponseCode::APPROVED);
        done.answer.approved_amount = Some(TotalMinor::MIN);
        done.answer.uses_left = (kind == MessageType::USE_ENTITLEMENT).then_some(Count::MIN);
        let text = slip(done);
        assert!(text.contains(&format!("\n{title} ")) && text.contains(&format!("\n{headline}\n")), "{text}");
        assert!(!text.contains("0.00"), "{text}");
        assert_eq!(text.contains("Uses left                                0"), title == "ENTITLEMENT");
    }
}

#[test]
fn a_sale_at_the_programme_s_prices_says_the_discount_and_the_new_tier() {
    let mut sold = approved_sale();
    sold.answer.discount = TotalMinor::new(1_25);
    sold.answer.tier = Some(Tier { until: None, ..silver() });
    let text = slip(sold.clone());
    assert!(text.contains("\nDiscount                              1.25\n"), "{text}");
    assert!(text.contains("\nTier                                Silver\n"), "{text}");
    let said = object(&Said::Slip(Box::new(sold)), Some("sale"));
    assert_eq!(said["discount"], 125);
    assert_eq!(said["tier"], serde_json::json!({ "tier": "silver", "name": "Silver", "until": null }));
}

#[test]
fn all_notes_of_a_reason_are_said() {
    let mut sold = approved_sale();
    let all = sold.answer.explanation.iter().flat_map(|lines| lines.iter().copied());
    let lines = all.map(|line| Explanation { notes: Notes(127), kind: BalanceKind::MONEY, ..line }).collect();
    sold.answer.explanation = Explanations::new(lines);
    let text = slip(sold).split_whitespace().collect::<Vec<_>>().join(" ");
    let notes = "rounded down, cut by the member's cap, cut by a budget, pending, brought back, not there, owed, \
                 withheld";
    assert!(text.contains(&format!("price +0.12 of 12.50 at 1/1.00 {notes}")), "{text}");
}

#[test]
fn a_refund_says_what_is_taken_back_owed_and_withheld() {
    let mut refund = approved_sale();
    let line = |rule: &str, base, rate: &str, result, notes| Explanation {
        rule: rule.parse().unwrap(),
        kind: BalanceKind::POINTS,
        base,
        rate: rate.parse().unwrap(),
        result,
        notes,
    };
    let lines = vec![
        line("spend-points", 86, "300/1000", -26, Notes(17)),
        line("points-payment", 1_20, "10/1.00", 12, Notes::WITHHELD),
        line("owed", 4, "4/4", 4, Notes::OWED),
        line("owed", 9, "3/9", -3, Notes::OWED),
    ];
    (refund.kind, refund.answer.explanation) = (MessageType::REFUND, Explanations::new(lines));
    let said = object(&Said::Slip(Box::new(refund.clone())), Some("refund"));
    assert_eq!(said["explanation"][0]["notes"], serde_json::json!(["rounded down", "taken back"]));
    let text = slip(refund).split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "spend-points points -26 of 86 at 300/1000 rounded down, taken back",
        "points-payment points +12 of 1.20 at 10/1.00 withheld",
        "owed points +4 of 4 at 4/4 not there, owed",
        "owed points -3 of 9 at 3/9 pays what was owed",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn what_a_rule_looked_at_is_said_in_its_own_unit() {
    let line = |rule: &str, kind, base, rate: &str, result, notes| Explanation {
        rule: rule.parse().unwrap(),
        kind,
        base,
        rate: rate.parse().unwrap(),
        result,
        notes,
    };
    let points = BalanceKind::POINTS;
    let printed = |kind, lines| {
        let mut sold = approved_sale();
        (sold.kind, sold.answer.kind, sold.answer.explanation) = (kind, kind, Explanations::new(lines));
        slip(sold).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let redeemed = printed(
        MessageType::REDEEM,
        vec![
            line("cash", points, 3, "300", -900, Notes(0)),
            line("sale", points, 900, "x1.5", 300, Notes(0)),
            line("cash", BalanceKind::BONUS, 3, "0.50", 1_50, Notes(0)),
        ],
    );
    for said in
        ["cash points -900 of 3 at 300", "sale points +300 of 900 at x1.5", "cash bonus +1.50 of 3 at 0.50"]
    {
        assert!(redeemed.contains(said), "{said}: {redeemed}");
    }
    let awarded = printed(MessageType::AWARD, vec![line("share", points, 7, "3/1", 21, Notes(0))]);
    assert!(awarded.contains("share points +21 of 7 at 3/1"), "{awarded}");
    let sold = printed(
        MessageType::PURCHASE,
        vec![
            line("spend", points, 12_50, "1/1.00", 12, Notes(1)),
            line("tea", points, 2_500, "5/1", 10, Notes(1)),
            line("double", points, 22, "x2", 22, Notes(0)),
            line("gold", BalanceKind::MONEY, 5_000_00, "spent 5000.00", 0, Notes::TIER),
            line("gold", BalanceKind::MONEY, 10, "purchases 10", 0, Notes::TIER),
        ],
    );
    for said in [
        "spend points +12 of 12.50 at 1/1.00",
        "tea points +10 of 2.5 at 5/1",
        "double points +22 of 22 at x2",
        "gold tier, by 5000.00 at spent 5000.00 tier",
        "gold tier, by 10 at purchases 10 tier",
    ] {
        assert!(sold.contains(said), "{said}: {sold}");
    }
    let lost = vec![line("gold", BalanceKind::MONEY, 40_00, "spent 50.00", 0, Notes(128 + 16))];
    let lost = printed(MessageType::REFUND, lost);
    assert!(lost.contains("gold tier, by 40.00 at spent 50.00 taken back, tier"), "{lost}");
}

#[test]
fn json_says_of_members_what_paper_does() {
    let said = object(&Said::Asked(Box::new(member())), Some("member"));
    assert_eq!(said["joined"], "2025-03-01");
    assert_eq!(said["more"], true);
    let until = serde_json::json!({ "tier": "silver", "name": "Silver", "until": 1_798_761_599 });
    assert_eq!(said["tier"], until);
    let first = serde_json::json!({
        "tier": "gold", "route": 1, "measure": "amount spent", "so_far": 812_50, "needed": 2_000_00,
    });
    assert_eq!(said["progress"][0], first);
    let first = serde_json::json!({
        "time": 1_790_000_000, "kind": "pending points", "amount": 37, "what": "is released",
    });
    assert_eq!(said["coming"][0], first);
    let second = serde_json::json!({ "entitlement": "wifi", "name": "Free Wi-Fi", "uses_left": null });
    assert_eq!(said["entitlements"][1], second);
    let second = serde_json::json!({
        "leaderboard": "contest", "name": "Bring friends", "measure": "members brought", "until": "2026-12-24",
        "count": 1, "rank": null, "members": 17, "title": null,
    });
    assert_eq!(said["ranks"][1], second);
    let said = object(&Said::Asked(Box::new(catalogue())), Some("catalogue"));
    let second = serde_json::json!({
        "item": "mug", "name": "Mug", "kind": "points", "points": 250, "pieces_left": 17,
    });
    assert_eq!(said["catalogue"][1], second);
}

#[test]
fn a_time_is_said_as_its_day_and_minute() {
    for (seconds, said) in [
        (0, "1970-01-01 00:00"),
        (951_782_399, "2000-02-28 23:59"),
        (951_782_400, "2000-02-29 00:00"),
        (951_868_800, "2000-03-01 00:00"),
        (1_798_761_599, "2026-12-31 23:59"),
        (4_107_542_400, "2100-03-01 00:00"),
    ] {
        assert_eq!(super::super::members::date_time(time(seconds)), said);
    }
}
