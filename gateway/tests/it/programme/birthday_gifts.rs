//! Birthday gifts (LOYALTY B3, E1): by themselves, once per member and year, whatever the calendar, the clock and the power did.

use std::collections::BTreeSet;
use std::time::Duration;

use gateway::clock::Clock;
use gateway::domain::birthday::{birthday_gift, last_looked_at, looked_at};
use gateway::domain::member::Standing;
use gateway::domain::programme::birthday_gift::{MADE_UP_FOR_DAYS, births_on, day_before};
use gateway::domain::{Born, Card, CardStatus, Member};
use gateway::programme_file::{DEFAULT, difference, parse};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use terminal_sim::rng::Rng;

use super::audit::activate_born;
use super::book::{Book, DAY, START_S, reference};
use crate::bench::apply;
use crate::counter::{PATIENCE, cards, holdings, last_index, number, seed};
use crate::harness::{Gateway, Site};
use crate::till::{Till, put_in_force};
use crate::timekeeping::Machine;

/// Whether a birthday's gift is given now: by which rule, and how much.
fn gift(book: &mut Book, card: u64, year: i16, (month, day): (u8, u8)) -> Option<(String, i64)> {
    let born = Born { year: 0, month, day };
    let about = ((reference(card), "main"), (year, born), (99, book.now));
    let gift = birthday_gift(&book.state, &book.programme, about.0, about.1, about.2).expect("in range");
    let (effects, reason) = gift?;
    apply(&mut book.state, &effects).expect("every effect fits");
    Some((reason.rule, reason.result))
}

fn book(rules: &str) -> Book {
    Book::new(&rules.split('|').map(|rule| format!("[[birthday_gift]]\n{rule}\n")).collect::<String>())
}

fn given(rule: &str, points: i64) -> Option<(String, i64)> {
    Some((rule.into(), points))
}

fn member(book: &mut Book, card: u64, standing: Standing) {
    book.state.members.insert(reference(card), Member { standing, ..Member::default() });
}

/// 1 March 2027 is the day of the book.
#[test]
fn it_is_given_from_its_days_before_on_to_members_who_were_there_on_the_birthday() {
    for (rule, born, comes) in [
        ("points = 5", (3, 1), true),
        ("points = 5", (3, 2), false),
        ("points = 5", (2, 28), true),
        ("points = 5", (2, 29), true),
        ("points = 5\ndays_before = 7", (3, 8), true),
        ("points = 5\ndays_before = 7", (3, 9), false),
        ("points = 5\nwhen = { from = \"2027-03-01\" }", (3, 1), true),
        ("points = 5\nwhen = { from = \"2027-03-02\" }", (3, 1), false),
        ("points = 5\nwhen = { until = \"2027-03-01\" }", (3, 1), true),
        ("points = 5\nwhen = { until = \"2027-02-28\" }", (3, 1), false),
        ("points = 5\nwhen = { customer = \"person\" }", (3, 1), false),
        ("points = 5\nproducts = [\"p\"]", (3, 1), true),
    ] {
        let mut book = book(&format!("rule = \"b\"\n{rule}"));
        let now = gift(&mut book, 0, 2027, born);
        assert_eq!(now, comes.then(|| ("b".to_owned(), 5)), "{rule} {born:?}");
        assert_eq!(gift(&mut book, 0, 2027, born), None, "once");
        assert_eq!(book.has(0, 16), if comes { 5 } else { 0 });
    }
    for (joined, comes) in [(20_270_228, true), (20_270_301, true), (20_270_302, false)] {
        let mut book = book("rule = \"b\"\npoints = 5");
        member(&mut book, 0, Standing { joined: Some(joined), ..Standing::default() });
        assert_eq!(gift(&mut book, 0, 2027, (3, 1)).is_some(), comes, "{joined}");
    }
    // Who must join is none before.
    let mut none = book("rule = \"b\"\npoints = 5\n[membership]\njoining = \"free\"");
    assert_eq!(gift(&mut none, 0, 2027, (3, 1)), None);
    for (status, comes) in [
        (CardStatus::Issued, false),
        (CardStatus::Active, true),
        (CardStatus::Blocked, true),
        (CardStatus::Replaced, false),
    ] {
        let mut book = book("rule = \"b\"\npoints = 5");
        book.state.cards.get_mut(&reference(0)).expect("a card").status = status;
        assert_eq!(gift(&mut book, 0, 2027, (3, 1)).is_some(), comes, "{status:?}");
    }
    let mut doubt = book("rule = \"b\"\npoints = 5");
    doubt.now.certain = false;
    assert_eq!(gift(&mut doubt, 0, 2027, (3, 1)), None);
}

#[test]
fn the_first_rule_that_has_something_gives_within_its_cap_in_its_currency() {
    let rules = "rule = \"gold\"\npoints = 50\nwhen = { tiers = [\"gold\"] }|\
                 rule = \"all\"\npoints = 10\nof = \"courtesy\"\nmost = { budget_year = 25 }|\
                 rule = \"rest\"\npoints = 1\nwhen = { segments = [\"none\", \"every\"] }\n\
                 [points.courtesy]\nkind = 17\nname = \"Courtesy\"\n\
                 [[segment]]\nsegment = \"none\"\nwhen = { until = \"2020-01-01\" }\n[[segment]]\nsegment = \"every\"";
    let mut book = book(rules);
    for card in 0..6 {
        let held = Card::issued(reference(card), "p", &[7; 32]);
        book.state.cards.insert(held.reference, Card { status: CardStatus::Active, ..held });
    }
    let tier = gateway::domain::member::TierHeld { tier: "gold".into(), since: 20_270_101, until: None };
    member(&mut book, 5, Standing { tier: Some(tier), ..Standing::default() });
    let all: Vec<_> = (0..6).map(|card| gift(&mut book, card, 2027, (3, 1))).collect();
    let expected = [
        given("all", 10),
        given("all", 10),
        given("all", 5),
        given("rest", 1),
        given("rest", 1),
        given("gold", 50),
    ];
    assert_eq!(all, expected);
    assert_eq!([16, 17].map(|kind| book.has(2, kind)), [0, 5]);
    // The next year's budget is another one; the next year's birthday too.
    book.clock(START_S + 366 * DAY);
    assert_eq!(gift(&mut book, 3, 2028, (3, 1)), given("all", 10));
    assert_eq!(gift(&mut book, 3, 2027, (3, 1)), None, "that year's was given");
}

#[test]
fn a_gift_asks_for_nothing_that_a_visit_has_and_a_change_of_it_is_told() {
    let rule = |more: &str| format!("{DEFAULT}\n[[birthday_gift]]\nrule = \"b\"\npoints = 5\n{more}\n");
    assert_eq!(parse(&rule("days_before = 60")).expect("sound").birthday_gifts[0].days_before, 60);
    let visit = "[[segment]]\nsegment = \"here\"\nwhen = { stores = [\"main\"] }\n\
                 [[segment]]\nsegment = \"too\"\nwhen = { segments = [\"here\"] }\n";
    for (more, says) in [
        ("when = { stores = [\"main\"] }", "nobody is at a till"),
        ("when = { channels = [\"app\"] }", "nobody is at a till"),
        ("when = { tenders = [\"cash\"] }", "nobody is at a till"),
        ("when = { hours = \"10:00-11:00\" }", "nobody is at a till"),
        ("when = { weekdays = [\"mon\"] }", "has its day"),
        ("when = { days = [1] }", "has its day"),
        ("when = { birthday = \"month\" }", "has its day"),
        ("when = { segments = [\"too\"] }", "this segment asks for a store"),
        ("days_before = 61", "write 0 to 60 days"),
        ("of = \"none\"", "there is no [points.none]"),
        ("day_before = 6", "did you mean `days_before`?"),
    ] {
        let document = rule(&format!("{more}\n{visit}"));
        let problems = parse(&document).expect_err(more);
        let line = document.lines().position(|line| line == more).map(|at| at + 1);
        assert!(problems.iter().all(|problem| problem.line == line), "{more}: {problems:?}");
        assert!(problems.iter().any(|problem| problem.message.contains(says)), "{more}: {problems:?}");
    }
    let nothing = rule("").replace("points = 5", "points = 0");
    assert!(parse(&nothing).expect_err("nothing")[0].message.contains("write 1 to 1,000,000,000 points"));
    let words = |old: &str, new: &str| {
        let found = difference::differences(old, new).expect("two documents");
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(words(DEFAULT, &rule("")), ["new: birthday_gift \"b\" (points 5)"]);
    assert_eq!(
        words(&rule(""), &rule("days_before = 3")),
        ["birthday_gift \"b\": days_before 3 (was left out)"]
    );
}

#[test]
fn what_was_missed_is_made_up_for_as_far_back_as_is_said_and_not_from_before_there_were_gifts() {
    let programme = book("rule = \"b\"\npoints = 5\ndays_before = 7|rule = \"c\"\npoints = 5").programme;
    let days = |looked_at, since, today| {
        let days = programme.birthdays_due(looked_at, since, today).expect("days");
        (days.start().to_string(), days.end().to_string())
    };
    let is = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(days(20_270_301, 20_260_101, 20_270_302), is("2027-03-02", "2027-03-09"));
    assert_eq!(days(20_270_301, 20_260_101, 20_270_312), is("2027-03-02", "2027-03-19"));
    assert_eq!(days(0, 20_270_302, 20_270_302), is("2027-03-02", "2027-03-09"), "the first day");
    assert_eq!(
        days(20_270_101, 20_270_302, 20_270_310),
        is("2027-03-02", "2027-03-17"),
        "not before the rule"
    );
    assert_eq!(MADE_UP_FOR_DAYS, 366);
    assert_eq!(days(20_270_228, 20_260_101, 20_280_301), is("2027-03-01", "2028-03-08"));
    assert_eq!(days(20_270_227, 20_260_101, 20_280_301), is("2027-03-01", "2028-03-08"), "too long ago");
    assert_eq!(
        days(20_271_231, 20_260_101, 20_280_101),
        is("2028-01-01", "2028-01-08"),
        "over the year's end"
    );
}

/// Years of members whose gateway is looked in on at odd times, against the calendar alone.
#[test]
fn whenever_the_gateway_is_up_each_birthday_is_given_once_on_the_first_day_that_it_can_be() {
    let mut rng = Rng::new(seed("birthday gifts"));
    let below = |rng: &mut Rng, most: u64| rng.below(most);
    for _ in 0..40 {
        let lead = i64::try_from(below(&mut rng, 61)).expect("few");
        let mut book = book(&format!("rule = \"b\"\npoints = 1\ndays_before = {lead}"));
        let first = jiff::civil::date(2027, 3, 1);
        let mut people = Vec::new();
        for card in 0..12 {
            let held = Card::issued(reference(card), "p", &[7; 32]);
            book.state.cards.insert(held.reference, Card { status: CardStatus::Active, ..held });
            let odd = [(2, 28), (2, 29), (3, 1), (12, 31), (1, 1)];
            let any =
                jiff::civil::date(2028, 1, 1) + i64::try_from(below(&mut rng, 366)).expect("few").days();
            let any = (any.month().unsigned_abs(), any.day().unsigned_abs());
            let born = odd.get(rng.index(10)).copied().unwrap_or(any);
            let joined = first + i64::try_from(below(&mut rng, 500)).expect("few").days();
            let on = gateway::domain::programme::birthday_gift::number(joined);
            member(&mut book, card, Standing { joined: Some(on), ..Standing::default() });
            people.push((card, born, joined));
        }
        let (mut days, mut was_given, mut day) = (Vec::new(), BTreeSet::new(), first);
        while day < jiff::civil::date(2032, 6, 1) {
            days.push(day);
            let noon = day.at(12, 0, 0, 0).to_zoned(book.programme.zone.clone()).expect("a time");
            book.clock(noon.timestamp().as_second());
            let today = book.now.business_date;
            // Two starts on the day, of which the first goes down before it is done.
            for round in 0..2 {
                let due = book
                    .programme
                    .birthdays_due(last_looked_at(&book.state), 20_270_301, today)
                    .expect("days");
                let mut birthday = *due.start();
                while birthday <= *due.end() {
                    for (card, born, _) in
                        people.iter().filter(|(_, born, _)| births_on(birthday).contains(born))
                    {
                        if gift(&mut book, *card, birthday.year(), *born).is_some() {
                            assert!(was_given.insert((*card, birthday, day)), "once");
                        }
                        if round == 0 && below(&mut rng, 3) == 0 {
                            break;
                        }
                    }
                    birthday = birthday.tomorrow().expect("a day");
                }
            }
            let done = looked_at(&book.state, day_before(today).expect("a day"));
            apply(&mut book.state, &done.into_iter().collect::<Vec<_>>()).expect("it fits");
            let gap = if below(&mut rng, 3) > 0 { 1 } else { 1 + below(&mut rng, 300) };
            day += i64::try_from(gap).expect("few").days();
        }
        let mut expected = BTreeSet::new();
        for (card, (month, of_month), joined) in &people {
            for year in 2027..=2032 {
                let of_month = if (*month, *of_month) == (2, 29) && year % 4 != 0 { 28 } else { *of_month };
                let birthday = Date::new(year, month.cast_signed(), of_month.cast_signed()).expect("a day");
                let earliest = birthday - lead.days();
                let day = days.iter().find(|day| **day >= earliest);
                if let Some(day) = day.filter(|_| birthday >= *joined && birthday >= first) {
                    expected.insert((*card, birthday, *day));
                }
            }
        }
        assert_eq!(was_given, expected, "{lead} days before");
        assert!(expected.len() > 30, "{}", expected.len());
    }
}

/// Starts the gateway on a machine whose clock shows a time in Shanghai, and says that it is right.
pub(super) fn start_at(machine: &Machine, time: &str) -> Gateway {
    let at: Timestamp = format!("{time}+08:00").parse().expect("a time");
    machine.set_clock(at.as_second() - Clock::system().now_ms() / 1000);
    let gateway = machine.start();
    machine.site.json(&["clock", "confirm"]);
    gateway
}

/// Points of each card, once they are these; and a second later, when no sweep has changed them.
fn come_to(site: &Site, cards: &[terminal_sim::Card], expected: &[i64]) {
    let held = || cards.iter().map(|card| holdings(site, card).points).collect::<Vec<_>>();
    let step = Duration::from_millis(200);
    let mut left = PATIENCE;
    while held() != expected {
        left = left.checked_sub(step).unwrap_or_else(|| panic!("{:?} and not {expected:?}", held()));
        std::thread::sleep(step);
    }
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(held(), expected, "and it stays so");
}

/// Cards that `programme due` says will have a gift by then.
fn foreseen(site: &Site, cards: &[terminal_sim::Card], time: &str) -> Vec<i64> {
    let due = site.json(&["programme", "due", "--at", &format!("{time}+08:00")])["due"].clone();
    let of = |card: &terminal_sim::Card| {
        let gifts = due.as_array().expect("a list").iter().filter(|due| {
            due["card"] == *number(card) && due["what"] == "birthday gift" && due["kind"] == 16
        });
        gifts.map(|due| due["amount"].as_i64().expect("points")).sum()
    };
    cards.iter().map(of).collect()
}

fn forever(rules: &str) -> String {
    format!("{}\n{rules}\n", DEFAULT.replace("points_months = 12", ""))
}

#[tokio::test]
async fn gifts_come_by_themselves_over_leap_days_the_years_end_downtime_and_many_starts() {
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = start_at(&machine, "2027-12-24T12:00:00");
    put_in_force(site, &forever("[[birthday_gift]]\nrule = \"b\"\npoints = 10\ndays_before = 7"));
    let mut till = Till::open(site, &gateway, "T0001").await;
    let all = cards(site, 5);
    for (card, born) in all.iter().zip(["1990-12-31", "1990-01-01", "1992-02-29", "1990-12-24", "1990-12-23"])
    {
        activate_born(&mut till, card, born).await;
    }
    assert!(gateway.stop().success());
    let mut has = vec![0; 5];
    // One after the other: a day, a start on the same day, months of downtime across the leap day, a year without one, too long.
    for (time, more) in [
        ("2027-12-24T13:00:00", [10, 0, 0, 10, 0]),
        ("2027-12-25T03:59:00", [0; 5]),
        ("2027-12-25T04:01:00", [0, 10, 0, 0, 0]),
        ("2027-12-25T04:05:00", [0; 5]),
        ("2028-03-05T12:00:00", [0, 0, 10, 0, 0]),
        ("2029-02-21T03:00:00", [10, 10, 0, 10, 10]),
        ("2029-02-21T12:00:00", [0, 0, 10, 0, 0]),
        ("2030-02-28T12:00:00", [10, 10, 10, 10, 10]),
    ] {
        assert_eq!(foreseen(site, &all, time), more, "foreseen for {time}");
        has.iter_mut().zip(more).for_each(|(has, more)| *has += more);
        let gateway = start_at(&machine, time);
        come_to(site, &all, &has);
        assert_eq!(foreseen(site, &all, time), [0; 5], "nothing is left for {time}");
        assert!(gateway.stop().success());
    }
    let report = site.verify();
    assert_eq!(report["faults"], serde_json::Value::Array(Vec::new()));
    let told = site.json(&["transaction", "explain", "1", "--to", &u64::MAX.to_string()]);
    let gifts: Vec<_> =
        told.as_array().expect("entries").iter().filter(|entry| entry["message"] == "birthday").collect();
    assert_eq!(gifts.len(), 2 + 1 + 1 + 4 + 1 + 5);
    let looked = told.as_array().expect("entries").iter().filter(|entry| {
        entry["error"].as_str().is_some_and(|error| error.ends_with("this entry: birthdays"))
    });
    // 23, 24 December, 4 March; 19 and 20 February, and 27 a year later.
    assert_eq!(looked.count(), 6, "once for each day on which somebody looked");
    assert!(gifts.iter().all(|gift| gift["rules"][0]["rule"] == "b"), "{:?}", gifts[0]);
    // The journal says neither a birthday nor a year of birth.
    assert!(!site.log().contains("1992-02-29"));
}

#[tokio::test]
async fn no_gift_while_the_clock_is_in_doubt_none_to_who_was_erased_and_one_to_who_joins_on_the_day() {
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = start_at(&machine, "2027-06-10T12:00:00");
    let gifts = "[membership]\njoining = \"free\"\n[[birthday_gift]]\nrule = \"b\"\npoints = 10\n[[tier]]\nkey = \"r\"\nname = \"R\"";
    put_in_force(site, &forever(gifts));
    let mut till = Till::open(site, &gateway, "T0001").await;
    let all = cards(site, 5);
    for (card, born) in all.iter().zip(["1990-06-12", "1990-06-12", "1990-06-12", "1990-06-12", "1990-06-11"])
    {
        activate_born(&mut till, card, born).await;
    }
    // The first four join now, the last one only on the day after its birthday; one is erased; one card takes another's place.
    for card in &all[..3] {
        super::join(&mut till, card, super::Said::default()).await;
    }
    site.json(&["member", "erase", "--card", &number(&all[1]), "--reason", "asked for it"]);
    let fresh = cards(site, 1).remove(0);
    let places = ["--card", &number(&all[2]), "--by", &number(&fresh), "--reason", "lost"];
    site.json(&[&["card", "replace"][..], &places].concat());
    let shown = [all[0].clone(), all[1].clone(), fresh, all[3].clone(), all[4].clone()];
    drop(till.session);
    assert!(gateway.stop().success());

    let at: Timestamp = "2027-06-12T12:00:00+08:00".parse().expect("a time");
    machine.set_clock(at.as_second() - Clock::system().now_ms() / 1000);
    let gateway = machine.start();
    let index = last_index(&gateway);
    std::thread::sleep(Duration::from_secs(2));
    assert!(!machine.believes());
    assert_eq!(last_index(&gateway), index, "nothing while the clock is in doubt");
    site.json(&["clock", "confirm"]);
    come_to(site, &shown, &[10, 0, 10, 0, 0]);
    // Who joins on the birthday has it with the next round, who joins a day late does not.
    let clerk = till.clerk;
    let session = clerk.session(&gateway).await;
    let mut till = Till { clerk, session };
    for card in &all[3..] {
        super::join(&mut till, card, super::Said::default()).await;
    }
    machine.set_clock(at.as_second() + 90 - Clock::system().now_ms() / 1000);
    come_to(site, &shown, &[10, 0, 10, 10, 0]);
    drop(till);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_day_on_which_many_have_their_birthday_is_many_small_write_groups() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let today = site.json(&["status"])["business_date"].as_str().expect("a date").to_owned();
    let all = cards(&site, 300);
    for card in &all {
        activate_born(&mut till, card, &format!("1990{}", &today[4..])).await;
    }
    let before = last_index(&gateway);
    put_in_force(&site, &forever("[[birthday_gift]]\nrule = \"b\"\npoints = 10"));
    // The programme, a gift each, and that all have been looked at.
    let whole = before + 1 + 300 + 1;
    let mut left = 150;
    while last_index(&gateway) < whole {
        left -= 1;
        assert!(left > 0, "{} of {whole}", last_index(&gateway));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(last_index(&gateway), whole);
    drop(till);
    assert!(gateway.stop().success());
    let database =
        rusqlite::Connection::open(site.data().join(gateway::storage::DATABASE)).expect("the database");
    let sql = "SELECT last_idx - first_idx + 1 FROM seal WHERE first_idx > ? ORDER BY grp";
    let mut groups = database.prepare(sql).expect("a query");
    let sizes = groups.query_map([before + 1], |row| row.get(0)).expect("seals");
    let sizes: Vec<u64> = sizes.map(|size| size.expect("a number")).collect();
    assert_eq!(sizes, [128, 128, 45], "128 members at once, and the note that all were looked at");
    site.verify();
}
