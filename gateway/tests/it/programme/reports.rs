//! Reports of a period (LOYALTY C7, C8): their figures are those of the journal, summed up by another way.

use std::collections::BTreeMap;
use std::path::Path;

use protocol::code::ResponseCode;
use protocol::request::Body;
use serde_json::{Value, json};
use terminal_sim::Card;
use terminal_sim::rng::Rng;

use super::activities::award;
use super::birthday_gifts::start_at;
use super::entitlements::use_up;
use super::redemption::redeem;
use crate::counter::{activate, cards, holdings, load, number, purchase, reversal, seed};
use crate::harness::Site;
use crate::till::{APPROVED, Till, add_to_programme, refund, unload, void};
use crate::timekeeping::Machine;

const RULES: &str = "
[[catalogue]]
item = \"mug\"
name = \"Mug\"
points = 5
gives = \"gift\"
[[catalogue]]
item = \"swap\"
name = \"Swap\"
points = 4
converts_to = { points = 1, of = \"courtesy\" }
[points.courtesy]
kind = 17
name = \"Courtesy\"
[[activity]]
code = \"talk\"
rule = \"talk\"
points = 3
[points_payment]
rule = \"pay\"
points = 1
pays = \"1.00\"
[[tier]]
key = \"regular\"
name = \"普通\"
[[tier]]
key = \"silver\"
name = \"银卡\"
any = [{ spent = \"200.00\" }, { spent = \"50.00\", activities = 2, months = 12 }]
gift = { points = 7 }
[[tier]]
key = \"gold\"
name = \"金卡\"
any = [{ spent = \"1000.00\" }, { loaded = \"2000.00\" }]
";

fn report(site: &Site, period: &str, card: &Card) -> Value {
    site.json(&["member", "report", "--period", period, &number(card)])
}

/// A currency's line of a report.
fn points(report: &Value, kind: u64) -> BTreeMap<String, i64> {
    let lines = report["points"].as_array().expect("currencies");
    let line = lines.iter().find(|line| line["kind"] == kind).expect("the currency");
    let numbers = line.as_object().expect("a line").iter();
    numbers.filter_map(|(name, value)| Some((name.clone(), value.as_i64()?))).collect()
}

/// What the journal moved of a card's points: kind to net change, what is pending among them.
fn moved(site: &Site) -> BTreeMap<(String, u64), i64> {
    let told = site.json(&["transaction", "explain", "1", "--to", &u64::MAX.to_string()]);
    let mut sums = BTreeMap::new();
    for posting in
        told.as_array().expect("entries").iter().flat_map(|entry| entry["postings"].as_array()).flatten()
    {
        let kind = posting["kind"].as_u64().expect("a kind");
        if let Some(card) = posting["card"]["card"].as_str().filter(|_| kind >= 16) {
            let kind = if kind >= 48 { kind - 32 } else { kind };
            *sums.entry((card.to_owned(), kind)).or_insert(0) += posting["amount"].as_i64().expect("points");
        }
    }
    sums
}

fn this_month(site: &Site) -> String {
    site.json(&["status"])["business_date"].as_str().expect("a date").replace('-', "")[..6].to_owned()
}

/// Any trade, of which the test keeps what it has done; against the journal's postings and what operators see.
#[tokio::test]
async fn whatever_members_do_the_figures_are_those_of_the_journal() {
    let site = Site::new();
    let gateway = site.start();
    add_to_programme(&site, "max_unload = \"500.00\"", RULES);
    let month = this_month(&site);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = till.sell(&site, 3, &[]).await;
    let mut rng = Rng::stream(seed("reports"), "deals");
    // By card: purchases, their amount, what came back; loads, their amount, what came back.
    let mut done = vec![[0_i64; 6]; 3];
    // Ordinary points that were spent, courtesy points that came for some, points for activities.
    let (mut spent, mut swapped, mut awarded, mut sold) = ([0; 3], [0; 3], [0; 3], [0; 3]);
    let mut sales: Vec<(usize, terminal_sim::message::SignedMessage, i64)> = Vec::new();
    for _ in 0..150 {
        let at = rng.index(3);
        let card = &all[at];
        match rng.below(9) {
            0 | 1 => {
                let amount = rng.between(20_00, 90_00);
                if till.code(load(card, amount), card).await == APPROVED {
                    (done[at][3], done[at][4]) = (done[at][3] + 1, done[at][4] + amount);
                }
            }
            2 | 3 => {
                let amount = rng.between(1_00, 40_00);
                let (message, answer) = till.deal(purchase(card, amount), card).await;
                if answer.code() == APPROVED {
                    (done[at][0], done[at][1]) = (done[at][0] + 1, done[at][1] + amount);
                    sold[at] += amount / 100;
                    sales.push((at, message, amount));
                }
            }
            4 => {
                let mut body = purchase(card, 3_00);
                if let Body::Purchase { points, .. } = &mut body {
                    *points = protocol::field::Points::new(2);
                }
                if till.code(body, card).await == APPROVED {
                    (done[at][0], done[at][1]) = (done[at][0] + 1, done[at][1] + 3_00);
                    (spent[at], sold[at]) = (spent[at] + 2, sold[at] + 1);
                }
            }
            5 => {
                let (item, price) = if rng.chance(1, 2) { ("mug", 5) } else { ("swap", 4) };
                let code = till.code(redeem(card, item, 1), card).await;
                assert!([APPROVED, ResponseCode::NOT_SUFFICIENT_FUNDS].contains(&code), "{item}: {code:?}");
                if code == APPROVED {
                    (spent[at], swapped[at]) = (spent[at] + price, swapped[at] + i64::from(item == "swap"));
                }
            }
            6 => {
                assert_eq!(till.code(award(card, "talk", 1), card).await, APPROVED);
                awarded[at] += 3;
            }
            7 if !sales.is_empty() => {
                let (at, sale, amount) = sales.swap_remove(rng.index(sales.len()));
                let card = &all[at];
                let (back, body) = match rng.below(3) {
                    0 => (amount, void(&sale)),
                    1 => (amount, reversal(&sale)),
                    _ => (amount / 2, refund(&sale, amount / 2)),
                };
                let (message, answer) = till.deal(body, card).await;
                if answer.code() == APPROVED {
                    let approved = answer.answer.approved_amount.expect("an amount").get();
                    assert!(approved <= back);
                    done[at][2] += approved;
                    // An undoing is undone now and then.
                    if rng.chance(1, 2)
                        && till.code(reversal(&message), card).await == APPROVED
                        && back != amount
                    {
                        done[at][2] -= approved;
                    }
                }
            }
            _ => {
                if till.code(unload(card, 1_00), card).await == APPROVED {
                    done[at][5] += 1_00;
                }
            }
        }
    }
    let journal = moved(&site);
    for (at, card) in all.iter().enumerate() {
        let report = report(&site, &month, card);
        let held = holdings(&site, card);
        let of = |of: &str| {
            ["count", "amount_minor", "back_minor"].map(|field| report[of][field].as_i64().expect("a number"))
        };
        assert_eq!([of("purchases"), of("loads")].concat(), done[at], "card {at}");
        assert_eq!(
            (report["principal_minor"].as_i64(), report["bonus_minor"].as_i64()),
            (Some(held.principal), Some(held.bonus))
        );
        for kind in [16, 17] {
            let points = points(&report, kind);
            let flow = points["gathered"] + points["given_back"]
                - points["spent"]
                - points["taken_back"]
                - points["expired"];
            let has = points["held"] + points["pending"];
            assert_eq!(flow, has - points["owed"], "card {at}, {points:?}");
            assert_eq!(
                journal.get(&(number(card), kind)).copied().unwrap_or(0),
                has,
                "card {at}, {points:?}"
            );
        }
        let ordinary = points(&report, 16);
        assert_eq!((ordinary["held"], ordinary["owed"]), (held.points, held.points_debt));
        assert_eq!((ordinary["spent"], points(&report, 17)["gathered"]), (spent[at], swapped[at]));
        // Each sale gives a point for a full 1.00 that balances paid; tiers' gifts come and go with what is undone.
        let least = awarded[at] + sold[at];
        assert!(
            (ordinary["gathered"] - least) % 7 == 0 && ordinary["gathered"] >= least,
            "{ordinary:?} {least}"
        );
        assert_eq!(ordinary["expired"], 0);
    }
    assert!(spent.iter().sum::<i64>() > 0 && swapped.iter().sum::<i64>() > 0, "{spent:?} {swapped:?}");
    let came_back = |at: usize| done.iter().any(|done| done[at] > 0);
    assert!(came_back(2) && came_back(5), "{done:?}");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn progress_names_each_way_and_the_one_of_which_least_is_missing() {
    let site = Site::new();
    let gateway = site.start();
    add_to_programme(&site, "", RULES);
    let month = this_month(&site);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &till.sell(&site, 1, &[100_00]).await[0];
    assert_eq!(till.code(purchase(card, 30_00), card).await, APPROVED);
    assert_eq!(till.code(award(card, "talk", 1), card).await, APPROVED);
    let told = report(&site, &month, card);
    assert_eq!((&told["tier"]["tier"], &told["complete"]), (&json!("regular"), &json!(false)));
    let ways: Vec<_> = told["progress"]
        .as_array()
        .expect("ways")
        .iter()
        .map(|way| {
            (
                way["tier"].as_str().expect("a tier"),
                way["route"].as_u64().expect("a number"),
                way["missing_share"].as_i64().expect("a share"),
            )
        })
        .collect();
    // 170 of 200; 20 of 50 and 1 of 2, the worse of them; 970 of 1000; 1900 of 2000.
    assert_eq!(ways, [("silver", 0, 8_500), ("silver", 1, 5_000), ("gold", 0, 9_700), ("gold", 1, 9_500)]);
    assert_eq!((&told["nearest"]["tier"], &told["nearest"]["route"]), (&json!("silver"), &json!(1)));
    let measures = &told["nearest"]["measures"];
    assert_eq!(measures.as_array().map(Vec::len), Some(2));
    let spent =
        measures.as_array().expect("two").iter().find(|one| one["measure"] == "spent").expect("spent");
    assert_eq!(
        *spent,
        json!({ "measure": "spent", "months": 12, "so_far": 30_00, "needed": 50_00, "missing": 20_00 })
    );
    // Silver has only gold before it.
    assert_eq!(till.code(purchase(card, 20_00), card).await, APPROVED);
    assert_eq!(till.code(award(card, "talk", 1), card).await, APPROVED);
    let told = report(&site, &month, card);
    assert_eq!((&told["tier"]["tier"], &told["nearest"]["tier"]), (&json!("silver"), &json!("gold")));
    assert_eq!(points(&told, 16)["gathered"], 30 + 20 + 3 + 3 + 7);
    let coming = told["coming"].as_array().expect("a list");
    let points_end: i64 = coming
        .iter()
        .filter(|one| one["kind"] == 16)
        .map(|one| one["amount"].as_i64().expect("points"))
        .sum();
    assert_eq!(points_end, 63, "{coming:?}");
    // Who asks for nothing, or for what is not there, is told so.
    for wrong in [
        &["--period", "202613", "1"][..],
        &["--period", "26", "1"],
        &["--period", &month],
        &["--period", &month, "--all"],
    ] {
        let done = site.run(&[&["member", "report"][..], wrong].concat());
        assert_eq!(done.status.code(), Some(2), "{wrong:?}: {}", done.stderr);
    }
    for (wrong, says) in [
        ([month.as_str(), "9000000000000014"], "has no card"),
        (["199901", "1"], "nothing of 199901"),
        (["2999", "1"], "nothing of 2999"),
    ] {
        let done = site.run(&["member", "report", "--period", wrong[0], wrong[1]]);
        assert_eq!(done.status.code(), Some(1));
        assert!(done.stderr.contains(says), "{}", done.stderr);
    }
    drop(gateway);
}

fn outbox(site: &Site, period: &str, out: &Path) -> (Value, Vec<u8>) {
    let told =
        site.json(&["member", "report", "--period", period, "--all", "--out", out.to_str().expect("a path")]);
    let file = out.join(format!("members-{period}.jsonl"));
    assert_eq!(told["file"], file.display().to_string());
    (told, std::fs::read(&file).expect("the file"))
}

#[tokio::test]
async fn a_period_ends_with_its_last_business_day_and_its_file_is_the_same_whenever_it_is_taken() {
    let machine = Machine::new();
    let site = &machine.site;
    let out = site.beside("outbox");
    let mut gateway = start_at(&machine, "2027-12-31T12:00:00");
    let slow = "[[purchase_points]]\nrule = \"slow\"\nof = \"courtesy\"\nper = \"1.00\"\ngives = 1\npending_days = 2\n";
    add_to_programme(site, "", &format!("{RULES}{slow}"));
    let mut till = Till::open(site, &gateway, "T0001").await;
    let all = cards(site, 3);
    for card in &all {
        assert_eq!(till.code(activate(card), card).await, APPROVED);
        assert_eq!(till.code(load(card, 100_00), card).await, APPROVED);
    }
    assert_eq!(till.code(purchase(&all[0], 10_00), &all[0]).await, APPROVED);
    let (early, _) = outbox(site, "202712", &out);
    assert_eq!((early["complete"].clone(), early["members"].clone()), (json!(false), json!(3)));
    // Until 04:00 it is the old year.
    for (time, amount) in
        [("2028-01-01T03:58:00", 7_00), ("2028-01-01T04:01:00", 5_00), ("2028-02-01T12:00:00", 3_00)]
    {
        drop(till.session);
        assert!(gateway.stop().success());
        gateway = start_at(&machine, time);
        let clerk = till.clerk;
        let session = clerk.session(&gateway).await;
        till = Till { clerk, session };
        assert_eq!(till.code(purchase(&all[0], amount), &all[0]).await, APPROVED);
    }
    let figures = |period: &str| {
        let told = report(site, period, &all[0]);
        assert_eq!(told["period"], period);
        let held = points(&told, 16);
        (
            told["purchases"]["amount_minor"].as_i64().expect("money"),
            held["gathered"],
            held["held"],
            told["as_of"].clone(),
        )
    };
    assert_eq!(figures("202712"), (17_00, 17, 17, json!(20_271_231)));
    assert_eq!(figures("202801"), (5_00, 5, 22, json!(20_280_131)));
    assert_eq!(figures("202802"), (3_00, 3, 25, json!(20_280_201)));
    assert_eq!(figures("2027"), (17_00, 17, 17, json!(20_271_231)));
    assert_eq!(figures("2028"), (8_00, 8, 25, json!(20_280_201)));

    let (told, december) = outbox(site, "202712", &out);
    assert_eq!(told["complete"], json!(true));
    let lines: Vec<Value> = december
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect();
    let mut numbers: Vec<String> = all.iter().map(number).collect();
    numbers.sort();
    assert_eq!(
        lines.iter().map(|line| line["card"].as_str().expect("a card").to_owned()).collect::<Vec<_>>(),
        numbers
    );
    let own = lines.iter().find(|line| line["card"] == number(&all[0])).expect("a line");
    assert_eq!(*own, report(site, "202712", &all[0]), "the same as the one");
    // More is done, a card takes another one's place, somebody reads what was left of a report that was killed.
    assert_eq!(till.code(purchase(&all[0], 2_00), &all[0]).await, APPROVED);
    let fresh = cards(site, 1).remove(0);
    site.json(&["card", "replace", "--card", &number(&all[0]), "--by", &number(&fresh), "--reason", "lost"]);
    assert_eq!(outbox(site, "202712", &out).1, december, "byte for byte");
    assert!(gateway.stop().success());
    assert_eq!(outbox(site, "202712", &out).1, december, "and while nobody serves");
    assert_eq!(std::fs::read_dir(&out).expect("a folder").count(), 1, "nothing unfinished is left");
    // Whatever was done with the old card is the new one's.
    for card in [&all[0], &fresh] {
        let told = report(site, "202802", card);
        assert_eq!(
            (told["card"].clone(), told["purchases"]["amount_minor"].clone()),
            (json!(number(&fresh)), json!(5_00))
        );
        assert_eq!((points(&told, 16)["gathered"], points(&told, 16)["held"]), (5, 27));
    }
    // Courtesy points are gathered when they are pending, and not again when they are released.
    let slow = |period: &str, card: &Card| {
        let points = points(&report(site, period, card), 17);
        ["gathered", "expired", "held", "pending"].map(|field| points[field])
    };
    assert_eq!(slow("202712", &all[0]), [17, 0, 0, 17]);
    assert_eq!(slow("202801", &all[0]), [5, 0, 22, 0], "released by then, though it was booked later");
    assert_eq!(slow("202802", &all[0]), [5, 0, 22, 5]);
    // A year later nobody has touched the card: what is left of the winter expires, courtesy points by the day of their release, and
    // the rest of February's is released.
    let gateway = start_at(&machine, "2029-01-05T12:00:00");
    let ended = |held: [i64; 4]| {
        slow("202901", &fresh) == held && points(&report(site, "202901", &fresh), 16)["expired"] == 22
    };
    let mut tries = 100;
    while !ended([0, 22, 5, 0]) {
        tries -= 1;
        assert!(tries > 0, "{:?}", report(site, "202901", &fresh));
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert_eq!(points(&report(site, "202901", &fresh), 16)["held"], 5);
    assert_eq!(outbox(site, "202712", &out).1, december, "a year later too");
    assert!(gateway.stop().success());
    // What cannot be written leaves nothing behind.
    let blocked = site.beside("blocked");
    std::fs::write(&blocked, "a file").expect("a file");
    let done = site.run(&[
        "member",
        "report",
        "--period",
        "202712",
        "--all",
        "--out",
        blocked.to_str().expect("a path"),
    ]);
    assert_eq!(done.status.code(), Some(1), "{}", done.stderr);
    site.verify();
}

#[tokio::test]
async fn entitlements_are_promised_used_and_left_tier_by_tier() {
    let site = Site::new();
    let gateway = site.start();
    let tables = "[[tier]]\nkey = \"regular\"\nname = \"R\"\n[[tier]]\nkey = \"gold\"\nname = \"G\"\nany = [{ spent = \"80.00\" }]\n\
        [[entitlement]]\nentitlement = \"parking\"\nname = \"停车\"\nuses = [{ tiers = [\"gold\"], per_month = 9, per_year = 12 }, { per_month = 3 }]\n\
        [[entitlement]]\nentitlement = \"lane\"\nname = \"Lane\"\nuses = [{ tiers = [\"gold\"] }]\n\
        [[entitlement]]\nentitlement = \"tea\"\nname = \"Tea\"\nuses = [{ per_day = 1 }]\nwhen = { stores = [\"elsewhere\"] }\n\
        [[entitlement]]\nentitlement = \"once\"\nname = \"Once\"\nuses = [{ ever = 1 }]\n\
        [[entitlement]]\nentitlement = \"over\"\nname = \"Over\"\nuses = [{ ever = 1 }]\nwhen = { until = \"2020-01-01\" }\n";
    add_to_programme(&site, "", tables);
    let month = this_month(&site);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = till.sell(&site, 3, &[100_00]).await;
    assert_eq!(till.code(purchase(&all[0], 80_00), &all[0]).await, APPROVED);
    for (card, what, uses) in [(0, "parking", 4), (1, "parking", 3), (1, "once", 1), (0, "lane", 2)] {
        assert_eq!(till.code(use_up(&all[card], what, uses), &all[card]).await, APPROVED, "{what}");
    }
    let (undone, _) = till.deal(use_up(&all[2], "parking", 2), &all[2]).await;
    assert_eq!(till.code(reversal(&undone), &all[2]).await, APPROVED);
    let rows = |period: &str| {
        let told = site.json(&["entitlements", "report", "--period", period])["entitlements"].clone();
        let fields = ["members", "users", "promised", "used", "left"];
        let row = |row: &Value| {
            let name = format!(
                "{} {}",
                row["entitlement"].as_str().expect("a name"),
                row["tier"].as_str().expect("a tier")
            );
            (name, fields.map(|field| row[field].as_i64()))
        };
        told.as_array().expect("rows").iter().map(row).collect::<Vec<_>>()
    };
    let is = |name: &str, figures: [i64; 5]| (name.to_owned(), figures.map(Some));
    let day =
        jiff::civil::Date::new(month[..4].parse().expect("a year"), month[4..].parse().expect("a month"), 1)
            .expect("a day");
    let days = i64::from(day.days_in_month());
    let expected = |regular: [i64; 5], gold: [i64; 5], tea: i64| {
        vec![
            is("parking regular", regular),
            is("parking gold", gold),
            ("lane gold".to_owned(), [Some(1), None, None, None, None]),
            is("tea regular", [2, 0, 2 * tea, 0, 2 * tea]),
            is("tea gold", [1, 0, tea, 0, tea]),
            is("once regular", [2, 1, 2, 1, 1]),
            is("once gold", [1, 0, 1, 0, 1]),
        ]
    };
    assert_eq!(rows(&month), expected([2, 1, 6, 3, 3], [1, 1, 9, 4, 5], days));
    let year = i64::from(day.days_in_year());
    assert_eq!(rows(&month[..4]), expected([2, 1, 72, 3, 69], [1, 1, 12, 4, 8], year));
    // People read a table.
    let data = site.data();
    let plain = std::process::Command::new(crate::harness::BINARY)
        .args(["entitlements", "report", "--period", &month, "--data"])
        .arg(&data)
        .output()
        .expect("the binary");
    let text = String::from_utf8_lossy(&plain.stdout).into_owned();
    assert!(text.contains("停车") && text.contains("promised") && text.contains("may not be over"), "{text}");
    let plain = std::process::Command::new(crate::harness::BINARY)
        .args(["member", "report", "--period", &month, &number(&all[0]), "--data"])
        .arg(&data)
        .output()
        .expect("the binary");
    let text = String::from_utf8_lossy(&plain.stdout).into_owned();
    assert!(text.contains("gathered") && text.contains("expires"), "{text}");
    drop(gateway);
    site.verify();
}
