//! A shop with everything switched on trades with the real gateway, with faults, while operators replace, merge, stop,
//! extend, bind and unbind its cards, two of them refund without a sale, adjust points, unlock PINs and take them away, while
//! holders are registered and looked up, and while time ends cards, money, bonus and points: its oracle, which shares nothing
//! with the rules, agrees to the last cent.
//!
//! Value lasts whole months, so the day has parts that lie years apart, and all but the first go over the end of a business
//! day on which something ends to the second. The gateway runs on, and its machine's clock is set on in between, as on a machine
//! that slept; an operator vouches for it. The shop is opened again for each part and goes on from its books. So nothing in the
//! gateway knows of a test, and what a sweep books is what it would book after a holiday.

use std::sync::Arc;

use gateway::clock::Clock;
use gateway::domain::{Kind, State};
use gateway::journal::record::Origin;
use gateway::journal::seal::Head;
use gateway::journal::walk::{next_group, replayed};
use gateway::programme_file::DEFAULT;
use gateway::storage::Storage;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use protocol::code::ResponseCode;
use protocol::field::Installation;
use terminal_sim::corporate;
use terminal_sim::desk::{CommandDesk, Desk};
use terminal_sim::oracle::Programme;
use terminal_sim::people::Person;
use terminal_sim::shop::{self, Options, Report};
use terminal_sim::{Address, Card, enrolment};

use crate::counter::{PATIENCE, cards, number};
use crate::harness::{BINARY, Site};
use crate::till::{Till, put_in_force};
use crate::timekeeping::{Machine, SWEEPS};

const PRODUCT: &str = "max_transfer = \"500.00\"\nmax_unload = \"200.00\"\noffline = true\n\
                       pin = { from = \"50.00\", tries = 5 }\ndaily = { purchases = 12, purchase_sum = \"900.00\" }\n\
                       monthly = { refunds = 20 }\nreal_name_above = \"300.00\"";
/// What the standard programme says of the end of value, and what is said here: bonus ends in the next part,
/// money and points in the one after that.
const ENDS: (&str, &str) =
    ("points_months = 12", "points_months = 24\nprincipal_months = 24\nbonus_months = 12");
/// Between two parts, and until the first one's bonus ends, in months.
const PART_MONTHS: i32 = 12;
const PARTS: i32 = 3;
const TABLES: &str = "[points_payment]\nrule = \"points\"\npoints = 3\npays = \"1.00\"\nminimum = 2\nmax_percent = 50\n\
                      [limits]\nterminal_day = { refund_sum = \"3000.00\" }\ncashier_day = { load_sum = \"90000.00\" }\n\
                      [till]\ncashiers = \"sign-on\"\ntries = 5\n\
                      supervisor = { refund_from = \"80.00\", void_from = \"80.00\", unload_from = \"80.00\" }\n\
                      [offline]\nper_transaction = \"100.00\"\nper_card = \"200.00\"\ncount = 50\nsum = \"2000.00\"\nhours = 72";
/// Accounts give, pay by points, hold for two days, and spend bonus in proportion.
const COMPANY: &str = "[product.company]\nname = \"Company account\"\nmin_load = \"5.00\"\nmax_load = \"4000.00\"\n\
                       max_balance = \"6000.00\"\nspend = \"pro-rata\"\nhold_hours = 48\naccount = true\n\
                       max_transfer = \"100.00\"\ndaily = { loads = 30 }\n";
/// Cards that are accepted for four years, as every date of one month exists in the year four years later.
const SEASON: &str = "[product.season]\nname = \"Season card\"\nmin_load = \"1.00\"\nmax_load = \"5000.00\"\n\
                      max_balance = \"5000.00\"\nspend = \"bonus-first\"\nhold_hours = 168\ncard_months = 48\n";
const SEASON_MONTHS: i32 = 48;
/// What ends first pays first; what comes back late lasts into the next part, and ends before the one after that.
const NAMED: &str = "[product.named]\nname = \"Named card\"\nmin_load = \"1.00\"\nmax_load = \"2000.00\"\n\
                     max_balance = \"3000.00\"\nspend = \"soonest-expiry\"\nrefund_grace_days = 400\n\
                     max_transfer = \"200.00\"\nreal_name_above = \"100.00\"\n";
/// How long a part of the day has lasted when something ends, in seconds.
const UNTIL_THE_END: i64 = 6;
/// What each bound card may spend in a day and in a month.
const OWN: [&[&str]; 4] = [
    &["--per-day", "40.00"],
    &[],
    &["--per-month", "60.00"],
    &["--per-day", "100.00", "--per-month", "150.00"],
];
/// `SHOP_SEED=7` draws another day.
const SEED: u64 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_day_with_everything_switched_on_ends_as_the_oracle_says() {
    let seed = std::env::var("SHOP_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    println!("SHOP_SEED={seed}");
    let times = Times::now();
    let machine = Machine::new();
    machine.set_clock(times.until(times.day_before));
    let (site, gateway) = (&machine.site, machine.start());
    put_in_force(site, &programme_with(&[COMPANY, SEASON, NAMED].concat()));
    let mut till = Till::open(site, &gateway, "T0000").await;
    let [over, ending] = [issue(site, "season", 2), issue(site, "season", 3)];
    sell(&mut till, &over).await;
    machine.set_clock(times.until(times.day));
    sell(&mut till, &ending).await;
    machine.comes_to(&times, times.first);
    let (accounts, staff, named) = (issue(site, "company", 2), cards(site, 4), issue(site, "named", 4));
    for sold in [&accounts, &staff, &named] {
        sell(&mut till, sold).await;
    }
    bind(site, &accounts, &staff);
    let spare = [issue(site, "company", 1), issue(site, "named", 1)].concat();
    let seasons = [over, ending, issue(site, "season", 1)].concat();
    let as_shown = |cards: &[Card]| {
        let shown =
            cards.iter().map(|card| site.json(&["card", "show", "--card", &number(card)]).to_string());
        corporate::read(&shown.collect::<String>()).expect("what the gateway shows")
    };
    let corporate = as_shown(&[&accounts[..], &staff, &named, &spare].concat());
    let listed_seasons = as_shown(&seasons);
    put_in_force(site, &programme_with(&[TABLES, COMPANY, SEASON, NAMED].join("\n")));
    let programme = Programme::read_file(&site.beside("programme.toml")).expect("what the oracle knows");
    let person = |name: &str, role: &[&str]| {
        let added = site.json(&[&["cashier", "add", "--name", name][..], role].concat());
        Person::new(name, added["pin"].as_str().expect("a PIN"), !role.is_empty()).expect("a person")
    };
    let people = ["amy", "bob", "cat"].map(|name| person(name, &[])).into_iter();
    let people = people.chain(["lin", "sue"].map(|name| person(name, &["--supervisor"]))).collect();
    let ticket = |name: &str| enrolment::parse(&site.enrolment(name, "register")).expect("an enrolment");
    let mut options = Options {
        address: Address::Fixed(gateway.listen.clone()),
        state: site.beside("shop"),
        // The first cards and the accounts are nobody's own: any till uses them at any time.
        cards: [staff, cards(site, 7), named, accounts, spare].concat(),
        corporate,
        people,
        enrolments: ["T0001", "T0002", "T0003"].map(ticket).into(),
        seed,
        transactions: 80,
        faults: true,
        receipts: Some(site.beside("receipts")),
        patience: PATIENCE,
    };
    let desk = CommandDesk::new(&format!("{BINARY} --data {}", site.data().display())).expect("a command");
    site.json(&["operator", "add", "--name", "bob"]);
    let desk: Arc<dyn Desk> = Arc::new(desk.with_second("bob"));
    let mut reports: Vec<Report> = Vec::new();
    let [second, third, last] = times.ends;
    // The shop is opened again each time, and goes on from its books; at last where it has just closed.
    let parts = [(None, 90), (Some(second), 80), (Some(third), 80), (Some(last), 180), (None, 40)];
    for (number, (end, transactions)) in (0..).zip(parts) {
        if let Some(end) = end {
            machine.comes_to(&times, end - 600);
            machine.set_clock(times.until(end) - UNTIL_THE_END);
        }
        // However fast a part was: what ends in it has ended when the shop opens again for the last time.
        if end.is_none() && number > 0 {
            std::thread::sleep(std::time::Duration::from_secs(UNTIL_THE_END.unsigned_abs()));
        }
        // Cards that end are traded with where they do: an operator would have extended them before.
        if end == Some(last) {
            options.cards.extend(seasons.clone());
            options.corporate.extend(listed_seasons.clone());
        }
        let part = Options { transactions, seed: seed.wrapping_add(number), ..options.clone() };
        let report = shop::run_at(part, programme.clone(), Some(desk.clone())).await.expect("an account");
        assert!(report.is_right() && report.is_complete(), "SHOP_SEED={seed}, part {number}\n{report}");
        reports.push(report);
    }
    everything_was_traded(&reports);
    // On a machine with much else to do a sweep may be late.
    for _ in 0..30 {
        std::thread::sleep(2 * SWEEPS);
        let (state, _, last) = journalled(site);
        if ended_lots(&state, last) == 0 {
            break;
        }
    }
    drop(gateway);
    receipts_verify(site);
    site.verify();
    what_ended_was_booked(site, &reports[reports.len() - 1]);
}

/// Lots that have ended by `at`, and of which something is left. What is held does not end before its hold.
fn ended_lots(state: &State, at: i64) -> usize {
    let left = state.cards.values().flat_map(|card| card.lots.iter().filter(|lot| card.free(lot) > 0));
    left.filter(|lot| lot.is_expired(at)).count()
}

/// What the journal says: the state, how many entries sweeps have made, and the time of the last entry.
fn journalled(site: &Site) -> (State, u64, i64) {
    let storage = Storage::open_read_only(&site.data()).expect("the database");
    let id = storage.meta("installation").expect("read").expect("there").try_into().expect("16 bytes");
    let id = Installation(id);
    let state = replayed(&storage, &id, |_| ()).expect("a whole journal");
    let (mut head, mut swept, mut last) = (Head::GENESIS, 0, 0);
    while let Some(group) = next_group(&storage, &id, &head).expect("a whole journal") {
        for entry in &group.entries {
            let origin = &entry.record.origin;
            swept += u64::from(matches!(origin, Origin::System { name, .. } if name == "expiry"));
            last = entry.record.details.time_ms / 1000;
        }
        head = group.sealed.head;
    }
    (state, swept, last)
}

/// The sweeps have booked what the oracle says has ended, to the last cent and point, and nothing is left over.
fn what_ended_was_booked(site: &Site, report: &Report) {
    let (state, swept, last) = journalled(site);
    assert!(swept > 0, "a sweep was there first");
    assert_eq!(ended_lots(&state, last), 0, "what has ended is booked");
    let booked = |kind| state.accounts["breakage"].balance(kind);
    let ended = (report.happened.money, report.happened.points);
    assert_eq!((booked(Kind::MONEY), booked(Kind::POINTS)), ended, "{report}");
}

/// Each was checked when it came; some are checked again by who would be shown one.
fn receipts_verify(site: &Site) {
    let receipts = std::fs::read_dir(site.beside("receipts")).expect("receipts");
    let mut receipts: Vec<_> = receipts.map(|entry| entry.expect("a file").path()).collect();
    receipts.sort();
    assert!(receipts.len() > 100, "{} receipts", receipts.len());
    for receipt in receipts.iter().step_by(40) {
        site.json(&["receipt", "verify", receipt.to_str().expect("a path")]);
    }
}

/// Operators have done everything, cards were stopped, replaced and over when somebody came with them, holders were registered,
/// found and wanted, and everything that can end did.
fn everything_was_traded(reports: &[Report]) {
    let count = |name: Option<&str>, result: &str| -> u64 {
        reports.iter().map(|report| report.count(name, result)).sum()
    };
    let by_one = ["replace", "merge", "extend", "bind", "unbind", "block", "unblock"];
    let by_two = ["refund", "adjust", "unlock PIN", "reset PIN"];
    for errand in by_one.iter().chain(&by_two) {
        assert!(count(Some(&format!("desk: {errand}")), "done") > 0, "{errand}\n{}", reports[0]);
    }
    let by_two = |result| by_two.iter().map(|errand| count(Some(&format!("desk: {errand}")), result)).sum();
    let [proposed, refused]: [u64; 2] = ["proposed", "refused"].map(by_two);
    assert!(proposed > 0 && refused > 0, "{proposed} left unconfirmed, {refused} refused\n{}", reports[0]);
    for code in [
        ResponseCode::CARD_REPLACED,
        ResponseCode::EXPIRED_CARD,
        ResponseCode::CARD_BLOCKED,
        ResponseCode::TOO_MANY_WRONG_PINS,
    ] {
        assert!(count(None, &format!("declined {code}")) > 0, "{code}\n{}", reports[0]);
    }
    let found: u64 = ["look-up, one card", "look-up, cards"]
        .map(|name| count(Some(name), "agreed") + count(Some(name), "not comparable"))
        .iter()
        .sum();
    assert!(found > 0, "nothing was found by phone\n{}", reports[3]);
    for look_up in ["nobody", "too many"] {
        assert!(count(Some(&format!("look-up, {look_up}")), "agreed") > 0, "{look_up}\n{}", reports[3]);
    }
    let all = reports[reports.len() - 1].happened;
    let happened = [
        ("registered", all.holders),
        ("without a holder", all.without_holder),
        ("somebody else's", all.other_holder),
        ("principal ended", all.principal_lots),
        ("bonus ended", all.bonus_lots),
        ("points ended", all.points_lots),
        ("holds ended", all.holds),
        ("came back late", all.late_refunds),
    ];
    for (what, times) in happened {
        assert!(times > 0, "{what}\n{}", reports[reports.len() - 1]);
    }
}

/// What the gateway's clock shows, in Unix seconds.
struct Times {
    /// Cards that are activated now are over before the shop opens, those of the next day while it trades.
    day_before: i64,
    day: i64,
    /// Noon of the day on which the first part is traded.
    first: i64,
    /// The ends of business days that the others go over; the last one was the latest that there was.
    ends: [i64; 3],
}

impl Times {
    fn now() -> Self {
        let zone = TimeZone::get("Asia/Shanghai").expect("a zone");
        let at = |date: Date, hour: i8| {
            date.at(hour, 0, 0, 0).to_zoned(zone.clone()).expect("a time").timestamp().as_second()
        };
        let now = Clock::system().now_ms() / 1000;
        let right = jiff::Timestamp::from_second(now).expect("a time").to_zoned(zone.clone());
        // A business day ends at four in the morning.
        let today = right.date();
        let today = if at(today, 4) > now { today.yesterday().expect("a day") } else { today };
        let last = today.yesterday().expect("a day");
        let sold = last.checked_sub(SEASON_MONTHS.months()).expect("a day");
        let before = sold.yesterday().expect("a day");
        let ago = |parts: i32| last.checked_sub((parts * PART_MONTHS).months()).expect("a day");
        let end = |parts| at(ago(parts).tomorrow().expect("a day"), 4);
        let (first, ends) = (at(ago(PARTS), 12), [end(2), end(1), end(0)]);
        Times { day_before: at(before, 20), day: at(sold, 12), first, ends }
    }

    /// By how much the right clock must be set to show this.
    fn until(&self, shown: i64) -> i64 {
        shown - Clock::system().now_ms() / 1000
    }
}

impl Machine {
    /// Much later; an operator says that it is, and what has ended since is booked.
    fn comes_to(&self, times: &Times, shown: i64) {
        self.set_clock(times.until(shown));
        self.site.json(&["clock", "confirm"]);
        std::thread::sleep(SWEEPS);
    }
}

/// The default programme, in which value ends, with more in its product and behind all of it.
fn programme_with(tables: &str) -> String {
    let (from, to) = ENDS;
    let anchor = "refund_grace_days = 30";
    assert!(DEFAULT.contains(from) && DEFAULT.contains(anchor));
    let document = DEFAULT.replace(from, to).replace(anchor, &format!("{anchor}\n{PRODUCT}\n#"));
    format!("{document}\n{tables}\n")
}

/// New cards of a product, not active.
fn issue(site: &Site, product: &str, count: u32) -> Vec<Card> {
    let issued = site.json(&["card", "issue", "--product", product, "--count", &count.to_string()]);
    let text = |card: &serde_json::Value, field: &str| card[field].as_str().expect("a text").to_owned();
    let card = |card| Card::new(&text(card, "reference"), &text(card, "secret")).expect("a card");
    issued["cards"].as_array().expect("cards").iter().map(card).collect()
}

/// Puts cards into use.
async fn sell(till: &mut Till, cards: &[Card]) {
    for card in cards {
        till.clerk.fill(&mut till.session, card, &[]).await;
    }
}

/// Binds the cards of companies' staff to the companies' accounts in turn.
fn bind(site: &Site, accounts: &[Card], staff: &[Card]) {
    for ((card, account), own) in staff.iter().zip(accounts.iter().cycle()).zip(OWN) {
        let ends = [number(card), number(account)];
        let words = [&["card", "bind", "--card", &ends[0], "--account", &ends[1]][..], own].concat();
        assert!(site.run(&words).status.success());
    }
}
