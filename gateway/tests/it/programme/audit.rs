//! What an auditor asks of members, counters and time: the same after a kill, after months, and from the journal alone.

use std::path::Path;
use std::time::Duration;

use gateway::domain::state::{Cell, Touched};
use gateway::domain::{CardReference, Member};
use gateway::storage::{DATABASE, decode_cell, encode_cell, key_of};
use protocol::field::{BalanceKind, Hash, TerminalTime, Text};
use protocol::request::{Header, Request, RequestSidecar, Reserved};
use rusqlite::Connection;
use terminal_sim::message::SignedMessage;
use terminal_sim::rng::Rng;
use terminal_sim::{Card, sha256};

use super::redemption::redeem;
use super::tiers::{LADDER, with};
use super::{Said, join, join_by};
use crate::counter::{activate, balance, cards, holdings, last_index, load, purchase, reversal, seed};
use crate::harness::Site;
use crate::offline::import::{hex, import};
use crate::offline::wire::{advice, granted, sign, two_operators};
use crate::till::{APPROVED, Till, put_in_force, refund, void};
use crate::timekeeping::{DAY, Machine};

const SWEEPS: Duration = Duration::from_secs(2);
const CATALOGUE: &str =
    "[[catalogue]]\nitem = \"mug\"\nname = \"Mug\"\npoints = 5\ngives = \"gift\"\npieces = 50\n";

fn reference(card: &Card) -> CardReference {
    CardReference(card.reference.number())
}

/// Personal data of a member whose birthday is this, with the Activate that registers it.
pub(super) async fn activate_born(till: &mut Till, card: &Card, birthday: &str) {
    let fields = [(0, "00112233445566778899aabbccddeeff"), (1, "8613800138000"), (3, birthday)];
    let field = |(number, text): (u8, &str)| (number, text.parse::<Text<64>>().expect("a field"));
    let sidecar = RequestSidecar { personal: fields.into_iter().map(field).collect(), ..card.sidecar() };
    let commitment = Hash(sha256(&[&sidecar.personal_bytes().expect("fields")]));
    let stan = till.clerk.next_stan();
    let header = till.session.value_header(stan).expect("a header");
    let reserved = Reserved { personal_commitment: Some(commitment), ..Reserved::default() };
    let request =
        Request { header: Header { reserved: Some(Box::new(reserved)), ..header }, body: activate(card) };
    let message = till.session.sign(&request, &sidecar).expect("a signed message");
    assert_eq!(till.send(&message).await.code(), APPROVED);
}

#[tokio::test]
async fn a_sale_from_a_file_earns_what_it_would_have_earned_from_its_terminal_and_no_birthday_is_written() {
    let site = Site::new();
    let gateway = site.start();
    let times = "[[multiplier]]\nrule = \"birthday\"\ntimes = \"3\"\nwhen = { birthday = \"month\" }";
    put_in_force(&site, &format!("{}\n{times}\n", crate::offline::programme()));
    two_operators(&site);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = cards(&site, 1).remove(0);
    let status = site.json(&["status"])["business_date"].as_str().expect("a date").to_owned();
    let birthday = format!("1988-{}-17", &status[5..7]);
    activate_born(&mut till, &card, &birthday).await;
    assert_eq!(till.code(load(&card, 100_00), &card).await, APPROVED);
    let grant = granted(&till.session);
    let mut queue =
        [0; 2].map(|_| sign(&mut till.clerk, &till.session, advice(&card, 10_00, &grant))).into_iter();
    assert_eq!(till.send(&queue.next().expect("one")).await.code(), APPROVED);
    assert_eq!(holdings(&site, &card).points, 30);
    let file = hex(&queue.next().expect("another").body);
    assert_eq!(import(&site, "queue.hex", file.as_bytes())[0]["outcome"], "decided");
    assert_eq!(holdings(&site, &card).points, 60);
    assert!(gateway.stop().success());
    site.verify();
    for private in [birthday.as_str(), "1988", "8613800138000"] {
        assert!(!site.log().contains(private), "{private} is in the log");
        for file in ["gateway.db", "gateway.db-wal", "members.db"] {
            let bytes = std::fs::read(site.data().join(file)).unwrap_or_default();
            let found = bytes.windows(private.len()).any(|window| window == private.as_bytes());
            // Four digits alone may be there by chance.
            assert!(!found || private.len() == 4, "{private} is in {file}");
        }
    }
}

#[tokio::test]
async fn an_offline_sale_finds_what_was_due_for_its_member_done() {
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = machine.start();
    let rules = "[tiers]\nlasts_months = 12\n\
                 [[multiplier]]\nrule = \"gold\"\ntimes = \"3\"\nwhen = { tiers = [\"gold\"] }";
    put_in_force(site, &format!("{}\n{LADDER}\n{rules}\n", crate::offline::programme()));
    let mut till = Till::open(site, &gateway, "T0001").await;
    let card = till.sell(site, 1, &[200_00]).await.remove(0);
    assert_eq!(till.code(purchase(&card, 50_00), &card).await, APPROVED);
    // No snapshot is written: the sweep does not know of it for the next seconds.
    gateway.kill();
    machine.set_clock(400 * DAY);
    let gateway = machine.start();
    site.json(&["clock", "confirm"]);
    let mut till = till.again(&gateway).await;
    let before = holdings(site, &card).points;
    let grant = granted(&till.session);
    let ahead = |header: Header| {
        let seconds = header.time.seconds() + 400 * DAY.unsigned_abs();
        let time = TerminalTime::new(seconds, header.time.offset_minutes());
        Header { time: time.expect("a time"), ..header }
    };
    let message = till.sign_with(advice(&card, 10_00, &grant), &RequestSidecar::default(), ahead);
    let sold = till.send(&message).await;
    assert_eq!((sold.code(), sold.answer.shortfall.map(|minor| minor.get())), (APPROVED, Some(0)));
    assert_eq!(before, 0, "they have expired");
    assert_eq!(holdings(site, &card).points, 10, "gold was over");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_tier_is_explained_by_what_was_counted_and_needed() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(&site, &with("[tiers]\nlasts_months = 12"));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[200_00]).await.remove(0);
    let (sale, answer) = till.deal(purchase(&card, 20_00), &card).await;
    assert_eq!(till.code(void(&sale), &card).await, APPROVED);
    let explain = |index: u64| site.json(&["transaction", "explain", &index.to_string()])[0].clone();
    let reached = explain(answer.answer.reference.expect("an entry") + 1);
    assert_eq!((&reached["message"], &reached["same"]), (&"tier".into(), &true.into()));
    let story = &reached["tier"];
    assert_eq!((&story["before"], &story["after"]["tier"]), (&serde_json::Value::Null, &"silver".into()));
    let silver = &story["measures"][0];
    assert_eq!((&silver["tier"], &silver["measure"]), (&"silver".into(), &"spent".into()));
    assert_eq!((&silver["months"], &silver["so_far"]), (&12.into(), &20_00.into()));
    assert_eq!(silver["needed"], 20_00);
    let undone = explain(last_index(&gateway));
    let story = &undone["tier"];
    assert_eq!((&story["before"]["tier"], &story["after"]), (&"silver".into(), &serde_json::Value::Null));
    assert_eq!((&story["measures"][0]["so_far"], &undone["same"]), (&0.into(), &true.into()));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_card_whose_member_has_joined_is_not_unsold() {
    let site = Site::new();
    let gateway = site.start();
    let membership = "[membership]\njoining = \"free\"";
    put_in_force(&site, &format!("{}\n{membership}\n", gateway::programme_file::DEFAULT));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let [older, fresh] = <[Card; 2]>::try_from(cards(&site, 2)).expect("two");
    assert_eq!(till.code(activate(&older), &older).await, APPROVED);
    assert_eq!(join(&mut till, &older, Said::default()).await.1.code(), APPROVED);
    let (sold, _) = till.deal(activate(&fresh), &fresh).await;
    let (joined, answer) = join_by(&mut till, &fresh, &older).await;
    assert_eq!(answer.code(), APPROVED);
    // Whoever buys it next is another one.
    for undoing in [void(&sold), reversal(&sold)] {
        assert_ne!(till.code(undoing, &fresh).await, APPROVED, "its member is still there");
    }
    assert_eq!(till.code(void(&joined), &fresh).await, APPROVED);
    assert_eq!(till.code(void(&sold), &fresh).await, APPROVED);
    assert_eq!(till.code(activate(&fresh), &fresh).await, APPROVED);
    assert_eq!(join(&mut till, &fresh, Said::default()).await.1.code(), APPROVED, "the next holder");
    drop(gateway);
    site.verify();
}

/// Writes a snapshot row again, with its hash.
fn forge(data: &Path, touched: &Touched, change: impl FnOnce(&mut Cell, &mut Option<i64>)) {
    let key = key_of(touched);
    let connection = Connection::open(data.join(DATABASE)).expect("the database");
    let (state, mut due): (Vec<u8>, Option<i64>) = connection
        .query_row("SELECT state, due FROM snapshot WHERE key = ?", [&key], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("a row");
    let (_, mut cell) = decode_cell(&key, &state).expect("a cell");
    change(&mut cell, &mut due);
    let state = encode_cell(touched, &cell);
    let at = due.map(i64::to_be_bytes);
    let hash = &sha256(&[&key, &state, at.as_ref().map_or(&[], |at| at)])[..16];
    connection
        .execute("UPDATE snapshot SET state = ?, due = ?, hash = ? WHERE key = ?", (&state, due, hash, &key))
        .expect("changed");
}

#[tokio::test]
async fn verify_finds_a_member_or_counter_that_was_changed_with_its_hash_or_taken_away() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(&site, &with(&format!("[tiers]\nlasts_months = 12\n{CATALOGUE}")));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[200_00]).await.remove(0);
    assert_eq!(till.code(purchase(&card, 50_00), &card).await, APPROVED);
    let (mugs, _) = till.deal(redeem(&card, "mug", 2), &card).await;
    assert_eq!(till.code(redeem(&card, "mug", 1), &card).await, APPROVED);
    assert_eq!(till.code(void(&mugs), &card).await, APPROVED);
    assert!(gateway.stop().success());
    site.verify();
    let database = site.data().join(DATABASE);
    let good = std::fs::read(&database).expect("the database");
    let found = |what: &str, kind: u8, word: &str| {
        let done = site.run(&["journal", "verify"]);
        let wanted = format!("rows of kind {kind} {word}");
        assert!(done.json.to_string().contains(&wanted), "{what}: {}", done.json);
        assert_eq!(done.status.code(), Some(1), "{what}");
        for beside in ["gateway.db-wal", "gateway.db-shm"] {
            let _ = std::fs::remove_file(site.data().join(beside));
        }
        std::fs::write(&database, &good).expect("written");
    };
    let member = Touched::Member(reference(&card));
    let counter = {
        let connection = Connection::open(&database).expect("the database");
        let key: Vec<u8> = connection
            .query_row("SELECT key FROM snapshot WHERE key >= x'0e' AND key < x'0f' LIMIT 1", [], |row| {
                row.get(0)
            })
            .expect("a counter's row");
        let state: Vec<u8> = connection
            .query_row("SELECT state FROM snapshot WHERE key = ?", [&key], |row| row.get(0))
            .expect("its state");
        decode_cell(&key, &state).expect("a counter").0
    };
    type Change = fn(&mut Cell, &mut Option<i64>);
    let changes: [(&str, &Touched, u8, Change); 5] = [
        ("a tier for ever", &member, 13, |cell, due| {
            let Cell::Member(member) = cell else { panic!("a member") };
            member.standing.tier.as_mut().expect("a tier").until = None;
            *due = None;
        }),
        ("nobody", &member, 13, |cell, due| (*cell, *due) = (Cell::Member(Member::nobody()), None)),
        ("a tier that is never looked at again", &member, 13, |_, due| *due = None),
        ("a tier that is looked at later", &member, 13, |_, due| *due = due.map(|at| at + DAY)),
        ("more in stock", &counter, 14, |cell, _| {
            let Cell::Counter(value) = cell else { panic!("a counter") };
            *value -= 1;
        }),
    ];
    for (what, touched, kind, change) in changes {
        forge(&site.data(), touched, change);
        found(what, kind, "differ from the replay");
    }
    for (touched, kind) in [(&member, 13), (&counter, 14)] {
        let connection = Connection::open(&database).expect("the database");
        connection.execute("DELETE FROM snapshot WHERE key = ?", [key_of(touched)]).expect("removed");
        drop(connection);
        found("a row that is gone", kind, "are missing");
    }
    site.verify();
}

#[tokio::test]
async fn more_that_is_due_at_once_than_one_sweep_takes_is_booked_once_each() {
    let machine = Machine::new();
    let site = &machine.site;
    let gateway = machine.start();
    put_in_force(site, &with("[tiers]\nlasts_months = 12\ngrace_days = 10"));
    let mut till = Till::open(site, &gateway, "T0001").await;
    let all = till.sell(site, 150, &[100_00]).await;
    for card in &all {
        assert_eq!(till.code(purchase(card, 50_00), card).await, APPROVED);
    }
    let gone = cards(site, 1).remove(0);
    let number = |card: &Card| reference(card).0.to_string();
    site.json(&["card", "replace", "--card", &number(&all[0]), "--by", &number(&gone), "--reason", "lost"]);
    site.json(&["card", "block", "--card", &number(&all[1]), "--reason", "stolen"]);
    assert!(gateway.stop().success());
    // Years later, with the clock in doubt at first.
    machine.set_clock(1500 * DAY);
    let gateway = machine.start();
    let before = last_index(&gateway);
    std::thread::sleep(SWEEPS);
    assert_eq!(last_index(&gateway), before);
    site.json(&["clock", "confirm"]);
    std::thread::sleep(SWEEPS * 2);
    assert_eq!(last_index(&gateway), before + 2 + 2 * 150, "each card's points, and its tier, and the close");
    // Past a flush, and past a start.
    std::thread::sleep(Duration::from_secs(11));
    assert_eq!(last_index(&gateway), before + 2 + 2 * 150);
    gateway.kill();
    let gateway = machine.start();
    std::thread::sleep(SWEEPS);
    assert_eq!(last_index(&gateway), before + 2 + 2 * 150);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn members_counters_tiers_and_stock_outlive_kills_at_any_time() {
    let site = Site::new();
    let mut gateway = site.start();
    let rules = "[tiers]\nlasts_months = 12\npromotion = \"reset\"\n\
                 [membership]\njoining = \"first-purchase\"\n\
                 [[multiplier]]\nrule = \"silver\"\ntimes = \"2\"\nwhen = { tiers = [\"silver\", \"gold\"] }";
    put_in_force(&site, &with(&format!("{rules}\n{CATALOGUE}")));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = till.sell(&site, 3, &[500_00, 500_00]).await;
    let mut sales = Vec::new();
    for round in 0..8_u64 {
        // What has no answer yet may or may not be there; what has one is.
        let mut done = Vec::new();
        for card in &all {
            if round == 0 {
                join(&mut till, card, Said::default()).await;
            }
            let (sale, answer) =
                till.deal(purchase(card, 9_99 + i64::try_from(round).expect("small")), card).await;
            done.push(answer.answer.reference);
            sales.push((sale, card.clone()));
            till.deal(redeem(card, "mug", 1), card).await;
        }
        if round % 2 == 1 {
            let (sale, card) = sales.remove(0);
            till.deal(refund(&sale, 3_00), &card).await;
            till.deal(void(&sales[0].0), &sales[0].1).await;
        }
        let last = till.sign(purchase(&all[0], 1_00), &all[0]);
        till.session.send(&last, false).await.expect("sent");
        std::thread::sleep(Duration::from_millis(round % 4));
        let shown = round % 3 == 2;
        if shown {
            // The snapshot has some of it.
            std::thread::sleep(Duration::from_millis(10_500));
        }
        gateway.kill();
        site.verify();
        gateway = site.start();
        till = till.again(&gateway).await;
        assert_eq!(till.repeat(&last).await.code(), APPROVED, "{done:?}");
    }
    let points: Vec<i64> = all.iter().map(|card| holdings(&site, card).points).collect();
    assert!(gateway.stop().success());
    site.verify();
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    for (card, points) in all.iter().zip(points) {
        let answer = till.ask(protocol::request::Body::BalanceInquiry { card: card.reference }, card).await;
        assert_eq!(balance(&answer, BalanceKind::POINTS), points);
    }
}

/// Drawn traffic of a few cards, under programme versions that change, with cards that are replaced and merged, and kills.
#[tokio::test]
async fn every_entry_of_a_drawn_year_comes_out_again() {
    let machine = Machine::new();
    let site = &machine.site;
    let mut gateway = machine.start();
    let mut rng = Rng::stream(seed("audit"), "year");
    let programme = |tiers: &str, times: u32, mugs: u32| {
        let rules = format!(
            "{tiers}\n[membership]\njoining = \"first-purchase\"\n\
             [[multiplier]]\nrule = \"often\"\ntimes = \"{times}\"\nwhen = {{ tiers = [\"silver\", \"gold\"] }}\n\
             [[catalogue]]\nitem = \"mug\"\nname = \"Mug\"\npoints = {mugs}\ngives = \"gift\"\npieces = 50\n"
        );
        with(&rules)
    };
    let tiers = [
        "[tiers]\nlasts_months = 2\ngrace_days = 9",
        "[tiers]\nlasts_months = 1\npromotion = \"reset\"\ndowngrade = \"one-step\"",
        "",
    ];
    put_in_force(site, &programme(tiers[0], 2, 5));
    let mut till = Till::open(site, &gateway, "T0001").await;
    let mut all = till.sell(site, 6, &[400_00]).await;
    let mut sales: Vec<(SignedMessage, Card)> = Vec::new();
    let number = |card: &Card| reference(card).0.to_string();
    let mut ahead = 0;
    for round in 0..12_u32 {
        for _ in 0..12 {
            let card = all[usize::try_from(rng.below(all.len() as u64)).expect("small")].clone();
            let minor = i64::try_from(1 + rng.below(25_00)).expect("small");
            match rng.below(8) {
                0 => drop(join_by(&mut till, &card, &all[0]).await),
                1 => drop(till.deal(redeem(&card, "mug", 1), &card).await),
                2 => drop(till.deal(load(&card, minor), &card).await),
                3 if !sales.is_empty() => {
                    let at = usize::try_from(rng.below(sales.len() as u64)).expect("small");
                    let (sale, card) = &sales[at];
                    drop(till.deal(refund(sale, minor / 3 + 1), card).await);
                }
                4 if !sales.is_empty() => {
                    let at = usize::try_from(rng.below(sales.len() as u64)).expect("small");
                    let (sale, card) = sales.remove(at);
                    let undoing = if rng.below(2) == 0 { void(&sale) } else { reversal(&sale) };
                    drop(till.deal(undoing, &card).await);
                }
                _ => sales.push((till.deal(purchase(&card, minor), &card).await.0, card)),
            }
        }
        match rng.below(4) {
            0 => {
                let (old, new) = (all.remove(1), cards(site, 1).remove(0));
                let numbers = [number(&old), number(&new)];
                site.json(&[
                    "card",
                    "replace",
                    "--card",
                    &numbers[0],
                    "--by",
                    &numbers[1],
                    "--reason",
                    "lost",
                ]);
                all.push(new);
            }
            1 if all.len() > 3 => {
                let (old, into) = (all.remove(1), number(&all[1]));
                site.run(&["card", "merge", "--card", &number(&old), "--into", &into, "--reason", "one"]);
                all.push(till.sell(site, 1, &[200_00]).await.remove(0));
            }
            2 => {
                let at = usize::try_from(rng.below(3)).expect("small");
                put_in_force(site, &programme(tiers[at], 2 + round % 3, 4 + round));
            }
            _ => {}
        }
        if rng.below(2) == 0 {
            gateway.kill();
        } else {
            assert!(gateway.stop().success());
        }
        ahead += DAY * i64::try_from(rng.below(60)).expect("small");
        machine.set_clock(ahead);
        gateway = machine.start();
        till = till.again(&gateway).await;
        if rng.below(3) > 0 {
            site.json(&["clock", "confirm"]);
        }
    }
    site.json(&["clock", "confirm"]);
    std::thread::sleep(SWEEPS);
    let swept = last_index(&gateway);
    std::thread::sleep(SWEEPS);
    assert_eq!(last_index(&gateway), swept, "nothing is due for ever");
    drop(gateway);
    site.verify();
}
