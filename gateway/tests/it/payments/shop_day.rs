//! A shop with everything switched on trades with the real gateway, with faults: its oracle, which shares nothing with the
//! rules, agrees to the last cent.

use terminal_sim::corporate::{self, Corporate};
use terminal_sim::oracle::Programme;
use terminal_sim::people::Person;
use terminal_sim::shop::{self, Options};
use terminal_sim::{Address, Card, enrolment};

use super::accounts::issue_accounts;
use crate::counter::{PATIENCE, cards, number};
use crate::harness::{Gateway, Site};
use crate::till::{Till, add_to_programme};

const PRODUCT: &str = "max_transfer = \"500.00\"\nmax_unload = \"200.00\"\noffline = true\n\
                       pin = { from = \"50.00\", tries = 5 }\ndaily = { purchases = 40, purchase_sum = \"2000.00\" }\n\
                       monthly = { refunds = 20 }";
const TABLES: &str = "[points_payment]\nrule = \"points\"\npoints = 3\npays = \"1.00\"\nminimum = 2\nmax_percent = 50\n\
                      [limits]\nterminal_day = { refund_sum = \"3000.00\" }\ncashier_day = { load_sum = \"90000.00\" }\n\
                      [till]\ncashiers = \"sign-on\"\ntries = 5\n\
                      supervisor = { refund_from = \"80.00\", void_from = \"80.00\", unload_from = \"80.00\" }\n\
                      [offline]\nper_transaction = \"100.00\"\nper_card = \"200.00\"\ncount = 50\nsum = \"2000.00\"\nhours = 72";
/// Accounts give, pay by points, hold for two days, and spend bonus in proportion.
const COMPANY: &str = "[product.company]\nname = \"Company account\"\nmin_load = \"5.00\"\nmax_load = \"4000.00\"\n\
                       max_balance = \"6000.00\"\nspend = \"pro-rata\"\nhold_hours = 48\naccount = true\n\
                       max_transfer = \"100.00\"\ndaily = { loads = 30 }\n";
/// What each bound card may spend in a day and in a month.
const OWN: [&[&str]; 6] = [
    &["--per-day", "40.00"],
    &[],
    &["--per-month", "60.00"],
    &["--per-day", "100.00", "--per-month", "150.00"],
    &[],
    &[],
];
/// `SHOP_SEED=7` draws another day.
const SEED: u64 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_day_with_everything_switched_on_ends_as_the_oracle_says() {
    let seed = std::env::var("SHOP_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    println!("SHOP_SEED={seed}");
    let site = Site::new();
    let gateway = site.start();
    add_to_programme(&site, PRODUCT, COMPANY);
    let accounts = issue_accounts(&site, 2);
    let staff = cards(&site, 6);
    let corporate = company(&site, &gateway, &accounts, &staff).await;
    add_to_programme(&site, PRODUCT, &[TABLES, COMPANY].join("\n"));
    let programme = Programme::read_file(&site.beside("programme.toml")).expect("what the oracle knows");
    let person = |name: &str, role: &[&str]| {
        let added = site.json(&[&["cashier", "add", "--name", name][..], role].concat());
        Person::new(name, added["pin"].as_str().expect("a PIN"), !role.is_empty()).expect("a person")
    };
    let people = ["amy", "bob", "cat"].map(|name| person(name, &[])).into_iter();
    let people = people.chain(["lin", "sue"].map(|name| person(name, &["--supervisor"]))).collect();
    let ticket = |name: &str| enrolment::parse(&site.enrolment(name, "register")).expect("an enrolment");
    let options = Options {
        address: Address::Fixed(gateway.listen.clone()),
        state: site.beside("shop"),
        // The first card and the accounts are nobody's own: any till uses them at any time.
        cards: [staff, cards(&site, 4), accounts].concat(),
        corporate,
        people,
        enrolments: ["T0001", "T0002", "T0003"].map(ticket).into(),
        seed,
        transactions: 110,
        faults: true,
        receipts: None,
        patience: PATIENCE,
    };
    // The shop is opened again, and goes on from its books.
    let next = Options { transactions: 10, seed: seed.wrapping_add(1), ..options.clone() };
    for day in [options, next] {
        let report = shop::run_by(day, programme.clone()).await.expect("an account");
        assert!(report.is_right() && report.is_complete(), "{report}");
    }
    drop(gateway);
    site.verify();
}

/// Puts companies' accounts and the cards of their staff into use, and binds these to the accounts in turn.
async fn company(site: &Site, gateway: &Gateway, accounts: &[Card], staff: &[Card]) -> Vec<Corporate> {
    let mut till = Till::open(site, gateway, "T0000").await;
    for card in accounts.iter().chain(staff) {
        till.clerk.fill(&mut till.session, card, &[]).await;
    }
    for ((card, account), own) in staff.iter().zip(accounts.iter().cycle()).zip(OWN) {
        let ends = [number(card), number(account)];
        let words = [&["card", "bind", "--card", &ends[0], "--account", &ends[1]][..], own].concat();
        assert!(site.run(&words).status.success());
    }
    let shown = accounts
        .iter()
        .chain(staff)
        .map(|card| site.json(&["card", "show", "--card", &number(card)]).to_string());
    corporate::read(&shown.collect::<String>()).expect("what the gateway shows")
}
