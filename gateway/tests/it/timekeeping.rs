//! Time: what expires by itself, and a machine whose clock is wrong.

use std::path::PathBuf;
use std::time::Duration;

use gateway::clock::Clock;
use protocol::code::ResponseCode;
use serde_json::Value;

use crate::counter::{Clerk, PATIENCE, cards, get, holdings, last_index, purchase};
use crate::disk::preload;
use crate::harness::{Done, Gateway, Site, run_with};

pub(crate) const DAY: i64 = 24 * 3600;
/// Points of the default programme last a year.
const PAST_EXPIRY: i64 = 400 * DAY;
/// Long enough for several sweeps.
pub(crate) const SWEEPS: Duration = Duration::from_secs(2);

/// A machine whose clock this test sets.
pub(crate) struct Machine {
    pub(crate) site: Site,
    offset: PathBuf,
    library: PathBuf,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let site = Site::new();
        let library = preload("wrong-clock", include_str!("timekeeping/wrong_clock.c")).expect("a library");
        Self { offset: site.beside("offset"), site, library }
    }

    /// Lets the clock show so much more than the right time.
    pub(crate) fn set_clock(&self, ahead_s: i64) {
        let fresh = self.site.beside("offset.new");
        std::fs::write(&fresh, ahead_s.to_string()).expect("a file");
        std::fs::rename(fresh, &self.offset).expect("a file");
    }

    fn environment(&self) -> [(String, String); 2] {
        [("LD_PRELOAD", &self.library), ("CLOCK_OFFSET", &self.offset)]
            .map(|(name, path)| (name.to_owned(), path.display().to_string()))
    }

    pub(crate) fn start(&self) -> Gateway {
        self.site.start_with(&[], &self.environment()).expect("the gateway starts")
    }

    /// Runs a command on this machine, by its clock.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        run_with(&self.site.data(), arguments, &self.environment())
    }

    fn status(&self, field: &str) -> String {
        let status = self.site.json(&["status"]);
        status[field].as_str().unwrap_or_else(|| panic!("{field} in {status}")).to_owned()
    }

    /// By how many days the gateway's own time is ahead of the right one, to the nearest.
    fn days_ahead(&self) -> i64 {
        let time: jiff::Timestamp = self.status("time").parse().expect("a time");
        let right = Clock::system().now_ms() / 1000;
        (time.as_second() - right + DAY / 2).div_euclid(DAY)
    }

    pub(crate) fn believes(&self) -> bool {
        self.status("clock") == "believed"
    }
}

/// Waits for what comes by itself.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let step = Duration::from_millis(100);
    let mut left = PATIENCE;
    while !holds() {
        left = left.checked_sub(step).unwrap_or_else(|| panic!("waited in vain until {what}"));
        std::thread::sleep(step);
    }
}

#[tokio::test]
async fn a_wrong_clock_expires_nothing_until_it_is_confirmed_and_then_everything_once() {
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = machine.start();
    let mut clerk = Clerk::enrol(site, &gateway, "T0001", "register").await;
    let cards = cards(site, 3);
    let mut session = clerk.session(&gateway).await;
    for card in &cards {
        clerk.fill(&mut session, card, &[100_00]).await;
        clerk.deal(&mut session, purchase(card, 10_00), card).await;
        assert_eq!(holdings(site, card).points, 10);
    }
    drop(session);
    assert!(gateway.stop().success());

    // The machine comes up over a year ahead.
    machine.set_clock(PAST_EXPIRY);
    let gateway = machine.start();
    std::thread::sleep(SWEEPS);
    assert!(!machine.believes(), "{}", machine.status("clock"));
    assert_eq!(machine.days_ahead(), 0, "time runs on from the journal");
    assert!(get(&gateway, "/metrics").1.contains("gateway_clock_in_doubt 1"));
    let mut session = clerk.session(&gateway).await;
    let paid = clerk.deal(&mut session, purchase(&cards[0], 10_00), &cards[0]).await;
    assert_eq!(paid.code(), ResponseCode::APPROVED, "the shop trades");
    assert_eq!(holdings(site, &cards[0]).points, 20, "nothing has expired, swept or touched");
    assert_eq!(machine.days_ahead(), 0);
    assert!(!machine.believes(), "the terminal's clock is not where the machine's is");

    // An operator says that it is right.
    let before = last_index(&gateway);
    site.json(&["clock", "confirm"]);
    assert!(machine.believes());
    assert_eq!(machine.days_ahead(), 400);
    for card in &cards {
        assert_eq!(holdings(site, card).points, 0, "unspendable at once");
    }
    let left = || holdings(site, &cards[1]).lots.as_array().map_or(0, Vec::len);
    until("the points of cards that nobody touches are booked", || {
        cards.iter().all(|card| holdings(site, card).lots.as_array().is_some_and(|lots| lots.len() == 2))
    });
    assert_eq!(left(), 2, "principal and bonus stay");
    let booked = last_index(&gateway);
    assert_eq!(
        booked - before,
        2 + 3,
        "the confirmation, the close of the days that are over, and one expiry a card"
    );
    std::thread::sleep(SWEEPS);
    assert_eq!(last_index(&gateway), booked, "once");
    drop(session);
    assert!(gateway.stop().success());
    let gateway = machine.start();
    std::thread::sleep(SWEEPS);
    assert_eq!(last_index(&gateway), booked, "nor after a start");
    drop(gateway);
    let report = site.verify();
    assert_eq!(report["faults"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_clock_that_jumps_while_the_gateway_runs_is_not_followed_and_ends_its_doubt_by_coming_back() {
    let machine = Machine::new();
    let gateway = machine.start();
    assert!(machine.believes());
    for wrong in [-3650 * DAY, 30 * DAY] {
        machine.set_clock(wrong);
        until("the jump is seen", || !machine.believes());
        assert_eq!(machine.days_ahead(), 0);
        machine.set_clock(0);
        until("the doubt ends", || machine.believes());
        assert_eq!(machine.days_ahead(), 0);
    }
    // Within a day it is a clock that somebody sets right, and it is followed.
    machine.set_clock(DAY - 60);
    std::thread::sleep(SWEEPS);
    assert!(machine.believes());
    drop(gateway);
}

#[tokio::test]
async fn after_a_holiday_most_terminals_vouch_for_the_clock() {
    let machine = Machine::new();
    let site = &machine.site;
    // The journal's last entry is ten days old, and the clock and the terminals are right.
    machine.set_clock(-10 * DAY);
    let gateway = machine.start();
    let clerk = Clerk::enrol(site, &gateway, "T0001", "register").await;
    assert!(gateway.stop().success());
    machine.set_clock(0);
    let gateway = machine.start();
    assert!(!machine.believes(), "nobody has vouched for it");
    assert_eq!(machine.days_ahead(), -10);
    drop(clerk.session(&gateway).await);
    assert!(machine.believes());
    assert_eq!(machine.days_ahead(), 0);
}

#[tokio::test]
async fn what_fell_due_while_the_gateway_was_down_is_booked_after_the_start() {
    let machine = Machine::new();
    let site = &machine.site;
    machine.set_clock(-PAST_EXPIRY);
    let gateway = machine.start();
    let mut clerk = Clerk::enrol(site, &gateway, "T0001", "register").await;
    let card = cards(site, 1).remove(0);
    let mut session = clerk.session(&gateway).await;
    clerk.fill(&mut session, &card, &[100_00]).await;
    clerk.deal(&mut session, purchase(&card, 10_00), &card).await;
    drop(session);
    // A year passes at once, without an orderly stop.
    gateway.kill();
    machine.set_clock(0);
    let gateway = machine.start();
    drop(clerk.session(&gateway).await);
    until("it is booked", || holdings(site, &card).lots.as_array().is_some_and(|lots| lots.len() == 2));
    assert_eq!(holdings(site, &card).points, 0);
    drop(gateway);
    site.verify();
}
