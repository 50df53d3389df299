//! Sales around the cutover and around closes by hand: each in one day, and the days add up to the journal.

use std::collections::BTreeMap;

use gateway::clock::Clock;
use gateway::domain::day::day_before;
use gateway::domain::{Account, Effect};
use gateway::journal::record::Origin;
use gateway::programme_file;
use protocol::code::ResponseCode;
use terminal_sim::rng::Rng;

use super::{number, records, settlement, today};
use crate::counter::{load, purchase, seed};
use crate::till::{Till, add_to_programme};
use crate::timekeeping::{DAY, Machine, until};

/// Seconds from now to the coming cutover of the default programme.
pub(super) fn to_the_cut() -> i64 {
    let programme = programme_file::parse(programme_file::DEFAULT).expect("the default programme");
    let now = Clock::system().now_ms();
    let day = |s: i64| programme.business_date(now + s * 1000).expect("a date");
    let (mut low, mut high) = (0, DAY + 2 * 3600);
    while low < high {
        let middle = (low + high) / 2;
        if day(middle) == day(0) { low = middle + 1 } else { high = middle }
    }
    low
}

/// Also of a day that has only begun.
fn close_today(site: &crate::harness::Site) -> bool {
    let day = site.json(&["status"])["day_by_clock"].as_str().expect("a date").to_owned();
    site.run(&["day", "close", "--yes", "--day", &day]).status.success()
}

#[tokio::test]
async fn t6_a_sale_at_the_cut_is_of_one_day_and_the_days_add_up_to_the_journal() {
    let seed = seed("t6_a_sale_at_the_cut");
    let (machine, cut) = (Machine::new(), to_the_cut());
    let mut rng = Rng::stream(seed, "cut");
    let site = &machine.site;
    let gateway = machine.start();
    // A card's day so far is the rules' day, whatever its entries are booked on.
    add_to_programme(site, "daily = { purchases = 40, purchase_sum = \"900.00\" }", "");
    let mut till = Till::open(site, &gateway, "T0001").await;
    let card = till.sell(site, 1, &[2000_00]).await.remove(0);
    let mut early = 0;
    for day in 0..4 {
        // The evening: the day may be closed, once, between two sales.
        let close_at = if day == 1 { rng.below(3) } else { rng.below(9) };
        let steps = [-7200, -600, -2, 0, 600].map(|from_cut| cut + day * DAY + from_cut);
        for (at, step) in (0..).zip(steps) {
            // Not back, and in steps that the gateway follows.
            if step <= 0 {
                continue;
            }
            machine.set_clock(step);
            site.json(&["clock", "confirm"]);
            for sale in 0..2 {
                let minor = 1_00 + i64::try_from(rng.below(20_00)).expect("small");
                let body =
                    if rng.chance(1, 4) { load(&card, minor.max(10_00)) } else { purchase(&card, minor) };
                let code = till.code(body, &card).await;
                assert!(
                    [ResponseCode::APPROVED, ResponseCode::NOT_SUFFICIENT_FUNDS].contains(&code),
                    "{code}"
                );
                if at == close_at && sale == 0 {
                    early += u32::from(close_today(site));
                }
            }
        }
        until("the day is closed", || {
            let status = site.json(&["status"]);
            let of = |field: &str| number(status[field].as_str().expect("a date"));
            day_before(of("day_by_clock")) <= Some(of("closed_through"))
        });
    }
    println!("{early} days were closed by hand");
    assert!(early > 0);
    drop(gateway);
    let last = today_of(site);
    let all = records(site);
    assert!(all.is_sorted_by_key(|record| record.details.business_date), "a day's entries stand together");
    let days: BTreeMap<u32, u64> = all.iter().fold(BTreeMap::new(), |mut days, record| {
        *days.entry(record.details.business_date).or_default() += 1;
        days
    });
    assert!(days.len() >= 4, "{days:?}");
    // Nothing is booked on a day after its close, and no day is closed twice.
    let (mut through, mut closes) = (0, 0);
    for record in &all {
        assert!(record.details.business_date > through, "{record:?} after the close of {through}");
        let raised = record.details.effects.iter().find_map(|effect| match effect {
            Effect::Counter { card: None, counter, change, .. } if counter == "closed-through" => {
                Some(*change)
            }
            _ => None,
        });
        if let Some(raised) = raised {
            assert!(raised > 0);
            through = u32::try_from(i64::from(through) + raised).expect("a date");
            closes += u32::from(!matches!(&record.origin, Origin::System { name, .. } if name == "genesis"));
        }
    }
    assert!(closes >= 3, "{closes}");
    let mut sums = (0, 0, 0, 0);
    for (day, entries) in &days {
        let settlement = settlement(site, *day, None);
        assert_eq!(settlement.flow.entries, *entries, "{day}");
        assert_eq!(settlement.closed.is_some(), *day <= through, "{day}");
        let cash = settlement.flow.tenders.get("Cash").copied().unwrap_or_default();
        sums.0 += cash.in_minor - cash.out_minor;
        sums.1 += settlement.flow.paid.amount_minor;
        sums.2 += settlement.flow.bonus_minor;
        sums.3 += settlement.flow.points.values().map(|points| points.issued - points.redeemed).sum::<i64>();
        assert_eq!(settlement, super::settlement(site, *day, None), "taken again");
        let day = super::dashed(*day);
        super::agree_with_export(site, &day, &format!("export-{day}"));
    }
    let booked = |name: &str, money: bool| -> i64 {
        let effects = all.iter().flat_map(|record| &record.details.effects);
        let legs = effects.filter_map(|effect| match effect {
            Effect::Posting(posting) => Some(posting),
            _ => None,
        });
        let of = legs.filter(|posting| posting.kind.is_money() == money).filter(
            |posting| matches!(&posting.account, Account::Named(account) if account.starts_with(name)),
        );
        of.map(|posting| posting.amount).sum()
    };
    let journal = (
        -booked("clearing:", true),
        booked("redemption:", true),
        -booked("bonus-expense", true),
        -booked("points-expense", false),
    );
    assert_eq!(sums, journal, "the days add up to the journal");
    let end = settlement(site, last, None).held.expect("of all stores");
    let cards = |kind: u8| -> i64 {
        let effects = all.iter().flat_map(|record| &record.details.effects);
        let legs = effects.filter_map(|effect| match effect {
            Effect::Posting(posting) if matches!(posting.account, Account::Card { .. }) => Some(posting),
            _ => None,
        });
        legs.filter(|posting| posting.kind.0 == kind).map(|posting| posting.amount).sum()
    };
    assert_eq!((end.principal_minor, end.bonus_minor), (cards(1), cards(2)));
    site.verify();
}

fn today_of(site: &crate::harness::Site) -> u32 {
    records(site).last().map(|record| record.details.business_date).expect("an entry")
}

#[tokio::test]
async fn days_that_passed_while_the_gateway_was_off_are_closed_once_by_one_entry() {
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = machine.start();
    let first = today(site);
    assert!(gateway.stop().success());
    machine.set_clock(5 * DAY);
    let gateway = machine.start();
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(records(site).len(), 1, "not while the clock is in doubt");
    site.json(&["clock", "confirm"]);
    let closes = || {
        let all = records(site);
        let closes = all.iter().filter_map(|record| match &record.origin {
            Origin::System { name, key } if name == "close" => {
                Some((key.clone(), record.details.business_date))
            }
            _ => None,
        });
        closes.collect::<Vec<_>>()
    };
    until("the days are closed", || !closes().is_empty());
    let now = today(site);
    let yesterday = day_before(now).expect("a date").to_string();
    assert_eq!(closes(), [(yesterday.clone(), now)]);
    assert!(gateway.stop().success());
    let gateway = machine.start();
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(closes().len(), 1, "once");
    let settlement = settlement(site, first, None);
    assert_eq!(settlement.closed.map(|closed| closed.by), Some(String::new()));
    drop(gateway);
    site.verify();
}
