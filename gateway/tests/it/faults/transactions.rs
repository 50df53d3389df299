//! The cases T1 to T9: lost answers, reversals, STANs, clocks, the day's cut, odd amounts, companions, programmes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gateway::domain::Now;
use gateway::programme_file;
use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, TransactionState};
use terminal_sim::Error;
use terminal_sim::checked::Checked;

use crate::counter::{frames, holdings, last_index, load, purchase, reversal, wire};
use crate::harness::{BINARY, Site};
use crate::repeats::{assert_one_answer, at_once};
use crate::till::{
    APPROVED, Till, allow_transfers, approved, authorize, capture, change_programme, held, put_in_force,
    raise, refund, transfer, void,
};
use crate::timekeeping::{DAY, Machine};

#[tokio::test]
async fn t1_the_same_request_months_later_gets_the_answer_of_then() {
    let machine = Machine::new();
    let site = &machine.site;
    machine.set_clock(-250 * DAY);
    let gateway = machine.start();
    let mut till = Till::open(site, &gateway, "T0001").await;
    let card = till.sell(site, 1, &[100_00]).await.remove(0);
    let (sale, then) = till.deal(purchase(&card, 10_00), &card).await;
    let late = till.sign(purchase(&card, 20_00), &card);
    let (given_up, _) = till.deal(reversal(&late), &card).await;
    gateway.kill();

    machine.set_clock(0);
    let gateway = machine.start();
    till = till.again(&gateway).await;
    assert!(machine.believes(), "the till vouches for the clock");
    let (left, index) = (holdings(site, &card), last_index(&gateway));
    let again = till.repeat(&sale).await;
    assert_eq!((again.body, again.place, again.repeat), (then.body, then.place, true));
    assert_eq!(till.repeat(&given_up).await.answer.state, Some(TransactionState::BLOCKED));
    assert_eq!((holdings(site, &card), last_index(&gateway)), (left, index), "nothing is done again");
    assert_eq!(till.repeat(&late).await.code(), ResponseCode::ALREADY_REVERSED, "blocked for ever");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t1_a_hundred_copies_at_once_of_every_message_that_moves_money() {
    let site = Site::new();
    let mut gateway = site.start();
    allow_transfers(&site);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let cards = till.sell(&site, 2, &[500_00]).await;
    let (card, other) = (&cards[0], &cards[1]);
    let (sale, _) = till.deal(purchase(card, 30_00), card).await;
    let (wrong, _) = till.deal(purchase(card, 5_00), card).await;
    let (hold, _) = till.deal(authorize(card, 40_00), card).await;
    let bodies = [
        refund(&sale, 10_00),
        void(&wrong),
        raise(card, &hold, 7_00),
        transfer(card, other, 11_00),
        capture(&hold, 47_00),
    ];
    let mut messages = Vec::new();
    for body in bodies {
        let message = till.sign(body, card);
        let before = last_index(&gateway);
        let answers = at_once(&till.clerk, &gateway, &message).await;
        assert_eq!(assert_one_answer(&answers, 1).code(), APPROVED, "{}", message.kind);
        assert_eq!(last_index(&gateway), before + 1, "{}", message.kind);
        messages.push((message, answers[0].body.clone()));
    }
    let left = cards.iter().map(|card| holdings(&site, card)).collect::<Vec<_>>();
    assert_eq!(left[0].principal, 500_00 - 30_00 + 10_00 - 11_00 - 47_00);
    assert_eq!(left[1].principal, 500_00 + 11_00);
    gateway.kill();
    gateway = site.start();
    till = till.again(&gateway).await;
    for (message, body) in messages {
        assert_eq!(till.repeat(&message).await.body, body, "{} after a restart", message.kind);
    }
    assert_eq!(cards.iter().map(|card| holdings(&site, card)).collect::<Vec<_>>(), left);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t2_a_reversal_before_and_after_its_original_twice_then_the_late_original_and_of_itself() {
    let site = Site::new();
    let mut gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[500_00]).await.remove(0);
    let before = holdings(&site, &card);
    for restarted in [false, true] {
        for body in [purchase(&card, 30_00), load(&card, 100_00), authorize(&card, 20_00)] {
            // Before: nothing is there to undo, and nothing ever will be.
            let late = till.sign(body.clone(), &card);
            let (first, answer) = till.deal(reversal(&late), &card).await;
            assert_eq!(
                (answer.code(), answer.answer.state),
                (APPROVED, Some(TransactionState::BLOCKED)),
                "{}",
                late.kind
            );
            assert_eq!(approved(&answer), None);
            // After: all of it is undone, once.
            let (original, done) = till.deal(body, &card).await;
            assert_eq!(done.code(), APPROVED);
            let (second, undone) = till.deal(reversal(&original), &card).await;
            assert_eq!(undone.answer.state, Some(TransactionState::REVERSED), "{}", original.kind);
            if restarted {
                gateway.kill();
                gateway = site.start();
                till = till.again(&gateway).await;
            }
            // Twice, under a STAN of its own each time.
            for (of, state) in [(&late, TransactionState::BLOCKED), (&original, TransactionState::REVERSED)] {
                let (_, again) = till.deal(reversal(of), &card).await;
                assert_eq!((again.code(), again.answer.state), (APPROVED, Some(state)));
                assert!(matches!(approved(&again), None | Some(0)), "nothing more is undone");
            }
            // Then the late original, and copies of everything.
            assert_eq!(till.send(&late).await.code(), ResponseCode::ALREADY_REVERSED);
            let copy = till.repeat(&original).await;
            assert_eq!(copy.status.as_ref().map(|status| status.state), Some(TransactionState::REVERSED));
            assert!(!copy.is_approval(), "nobody hands out goods for it");
            // A reversal is never reversed.
            for of in [&first, &second] {
                let (_, refused) = till.deal(reversal(of), &card).await;
                assert_eq!((refused.code(), refused.answer.state), (ResponseCode::INVALID_TRANSACTION, None));
            }
            assert_eq!(holdings(&site, &card), before, "to the lot");
        }
    }
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t3_two_copies_of_one_terminal_cannot_both_trade() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    let clerk = till.clerk.clone();
    let session = clerk.session(&gateway).await;
    let mut clone = Till { clerk, session };
    // The next STAN of the one is the next STAN of the other.
    assert_eq!(clone.code(purchase(&card, 1_00), &card).await, APPROVED);
    let left = holdings(&site, &card);
    assert_eq!(till.code(purchase(&card, 2_00), &card).await, ResponseCode::STAN_USED);
    assert_eq!(holdings(&site, &card), left);
    assert_eq!(clone.code(purchase(&card, 1_00), &card).await, APPROVED);
    // Whichever signs on next with the older memory ends both.
    let locked = till.clerk.try_session(&gateway).await.expect_err("a memory that is behind");
    assert!(matches!(locked, Error::Refused { code: ResponseCode::TERMINAL_LOCKED, .. }), "{locked}");
    for copy in [&mut till, &mut clone] {
        assert_eq!(copy.code(purchase(&card, 1_00), &card).await, ResponseCode::TERMINAL_LOCKED);
    }
    gateway.kill();
    let gateway = site.start();
    let locked = clone.clerk.try_session(&gateway).await.expect_err("locked for good");
    assert!(matches!(locked, Error::Refused { code: ResponseCode::TERMINAL_LOCKED, .. }), "{locked}");
    assert_eq!(holdings(&site, &card).payable(), 103_00);
    drop(gateway);
    site.verify();
}

/// A shop whose nights have the hour that is left out, and the one that comes twice.
fn programme_in(zone: &str, cutover: &str) -> gateway::domain::Programme {
    let document = programme_file::DEFAULT
        .replace("zone = \"Asia/Shanghai\"", &format!("zone = \"{zone}\""))
        .replace("cutover = \"04:00\"", &format!("cutover = \"{cutover}\""));
    assert!(document.contains(zone) && document.contains(cutover));
    programme_file::parse(&document).expect("a programme")
}

#[test]
fn t4_daylight_saving_skips_no_business_day_and_none_comes_twice() {
    for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai"] {
        for cutover in ["00:00", "02:30", "04:00"] {
            let programme = programme_in(zone, cutover);
            let at = |ms| programme.business_date(ms).expect("a date");
            let begin = 1_798_761_600_000; // 2027-01-01
            let mut dates = vec![at(begin)];
            for quarter in 0..400 * 96 {
                let ms = begin + quarter * 900_000;
                let (before, date) = (at(ms - 1), at(ms));
                assert!(before <= date, "{zone} {cutover}: {before} and then {date}");
                if date != before {
                    let last = Now { ms: ms - 1, business_date: before, certain: true };
                    let end = programme.refund_grace("none", last).expect("an end");
                    assert_eq!(
                        end * 1000,
                        ms,
                        "{zone} {cutover}: a day's value lasts to the end of {before}"
                    );
                    dates.push(date);
                }
            }
            let days = jiff::civil::date(2026, 12, 31).series(jiff::Span::new().days(1));
            let calendar = days.map(|day| {
                u32::try_from(
                    i32::from(day.year()) * 10_000 + i32::from(day.month()) * 100 + i32::from(day.day()),
                )
                .expect("a date")
            });
            let calendar: Vec<u32> = calendar.skip_while(|day| *day != dates[0]).take(dates.len()).collect();
            assert_eq!(dates, calendar, "{zone} {cutover}: every day once");
        }
    }
}

#[test]
fn t6_a_sale_at_the_cut_falls_into_exactly_one_day() {
    let programme = programme_file::parse(programme_file::DEFAULT).expect("the default programme");
    let cut = jiff::civil::date(2026, 11, 22).at(4, 0, 0, 0).to_zoned(programme.zone.clone());
    let cut = cut.expect("a time").timestamp().as_millisecond();
    let at = |ms| programme.business_date(ms).expect("a date");
    assert_eq!((at(cut - 1), at(cut)), (2026_11_21, 2026_11_22));
    assert_eq!((at(cut - 86_400_000), at(cut + 86_399_999)), (2026_11_21, 2026_11_22));
}

#[tokio::test]
async fn t6_a_days_export_that_was_killed_at_any_moment_is_taken_again_to_the_byte() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[500_00]).await.remove(0);
    for minor in 1..40 {
        till.deal(purchase(&card, minor), &card).await;
    }
    let date = site.json(&["status"])["business_date"].as_str().expect("a date").to_owned();
    drop(gateway);
    let (whole, torn) = (site.beside("whole"), site.beside("torn"));
    let export = |out: &Path| {
        let mut command = Command::new(BINARY);
        command.args(["export", "--day", &date, "--format", "csv", "--json", "--out"]).arg(out);
        command.arg("--data").arg(site.data()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let read = |out: &Path| {
        ["transactions.csv", "postings.csv", "totals.csv"].map(|name| std::fs::read(out.join(name)).ok())
    };
    assert!(export(&whole).status().expect("the gateway's binary").success());
    let whole = read(&whole);
    assert!(whole.iter().all(Option::is_some));
    let mut cut_short = 0;
    for ms in 0..25 {
        let mut killed = export(&torn).spawn().expect("the gateway's binary");
        std::thread::sleep(Duration::from_millis(ms));
        drop(killed.kill());
        killed.wait().expect("its end");
        cut_short += usize::from(read(&torn) != whole);
        // Every other time over what the killed one has left, then into nothing.
        assert!(export(&torn).status().expect("the gateway's binary").success(), "again after {ms} ms");
        assert_eq!(read(&torn), whole, "after {ms} ms");
        if ms % 2 == 0 {
            std::fs::remove_dir_all(&torn).expect("a folder");
        }
    }
    assert!(cut_short > 0, "every export was quicker than its end");
}

#[tokio::test]
async fn t8_what_is_wrong_in_a_write_group_harms_nothing_beside_it() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let mut beside = Till::open(&site, &gateway, "T0002").await;
    let cards = till.sell(&site, 2, &[100_00]).await;
    let (card, other) = (&cards[0], &cards[1]);
    let mut together = 0;
    for round in 0..10 {
        let before = holdings(&site, card).payable();
        let good = [1, 2, 3].map(|minor| till.sign(purchase(card, minor), card));
        let foreign = beside.sign(purchase(card, 10_00), card);
        let unproven = till.sign(purchase(card, 10_00), other);
        let hopeless = till.sign(purchase(card, 5_000_00), card);
        let stan = good[0].stan.expect("a STAN");
        let reused = till.session.value(stan, purchase(card, 10_00), &card.sidecar()).expect("signed");
        let nothing = till.sign(capture(&hopeless, 1), card);
        let messages = [&good[0], &foreign, &unproven, &good[1], &hopeless, &reused, &nothing, &good[2]];
        till.session.connection.send_raw(&wire(&messages, 1)).await.expect("sent");
        let mut codes = [0; 8];
        let mut groups = Vec::new();
        for frame in frames(&mut till.session, messages.len()).await {
            let at = frame.correlation as usize - 1;
            codes[at] = Answer::decode(&frame.body).expect("an answer").code.0;
            if matches!(at, 0 | 3 | 7) {
                let answer = till.session.check(&frame, messages[at]).expect("an answer that holds");
                groups.push(answer.place.expect("a receipt").seal.group);
            }
        }
        assert_eq!(codes, [0, 89, 14, 0, 51, 94, 12, 0], "round {round}");
        groups.sort_unstable();
        groups.dedup();
        together += usize::from(groups.len() < 3);
        assert_eq!(holdings(&site, card).payable(), before - 6, "three sales and nothing else");
    }
    assert!(together > 0, "no good sale ever shared a write group with another one");
    drop(gateway);
    site.verify();
}

/// What a purchase earned, by its answer.
fn earned(answer: &Checked) -> i64 {
    answer.answer.changes.as_ref().expect("changes")[&BalanceKind::POINTS]
}

#[tokio::test]
async fn t9_a_programme_that_changes_between_sales_in_flight_prices_each_of_them_by_one() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let cards = till.sell(&site, 2, &[5000_00 - 1000_00]).await;
    let (changed, changing) = tokio::sync::watch::channel(false);
    let mut selling = Vec::new();
    for (name, card) in ["T0002", "T0003"].into_iter().zip(cards.clone()) {
        let (mut till, changing) = (Till::open(&site, &gateway, name).await, changing.clone());
        selling.push(tokio::spawn(async move {
            let (mut sold, mut more) = (Vec::new(), 20);
            while more > 0 {
                sold.push(till.deal(purchase(&card, 1_00), &card).await.1);
                more -= usize::from(*changing.borrow());
                // The card lasts for thousands of these, so for longer than any change takes.
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            sold
        }));
    }
    let site = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(100));
        change_programme(&site, "gives = 1", "gives = 3");
        site
    });
    let site = site.await.expect("a programme in force");
    changed.send(true).expect("tills that trade");
    for one in selling {
        let sold = one.await.expect("a till that trades to its end");
        let versions: Vec<_> = sold.iter().filter_map(|answer| answer.answer.programme_version).collect();
        assert!(versions.is_sorted(), "{versions:?}");
        assert_eq!((versions[0], versions.last()), (1, Some(&2)), "it came while they sold");
        for answer in &sold {
            assert_eq!(earned(answer), if answer.answer.programme_version == Some(1) { 1 } else { 3 });
        }
    }
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn t9_what_an_earlier_programme_gave_is_taken_back_as_it_was_given() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let (loaded, _) = till.deal(load(&card, 100_00), &card).await;
    let (sale, sold) = till.deal(purchase(&card, 10_00), &card).await;
    let (voided, _) = till.deal(purchase(&card, 20_00), &card).await;
    let (hold, _) = till.deal(authorize(&card, 5_00), &card).await;
    assert_eq!(holdings(&site, &card).points, 30);
    let other = programme_file::DEFAULT.replace("bonus = \"5.00\"", "bonus = \"1.00\"");
    put_in_force(&site, &other.replace("gives = 1", "gives = 3"));

    assert_eq!(till.repeat(&sale).await.body, sold.body, "its answer is of then");
    let (booked, taken) = till.deal(capture(&hold, 5_00), &card).await;
    assert_eq!((taken.code(), held(&taken), earned(&taken)), (APPROVED, 0, 15), "booked now");
    assert_eq!(till.code(refund(&sale, 10_00), &card).await, APPROVED);
    assert_eq!(till.code(void(&voided), &card).await, APPROVED);
    let left = holdings(&site, &card);
    assert_eq!((left.principal, left.bonus, left.points, left.points_debt), (95_00, 5_00, 15, 0));
    assert_eq!(till.code(void(&booked), &card).await, APPROVED);
    assert_eq!(holdings(&site, &card).points, 0);
    assert_eq!(
        till.code(reversal(&loaded), &card).await,
        ResponseCode::NOT_SUFFICIENT_FUNDS,
        "5.00 are held"
    );
    assert_eq!(till.code(void(&hold), &card).await, APPROVED);
    assert_eq!(till.code(reversal(&loaded), &card).await, APPROVED);
    let left = holdings(&site, &card);
    assert_eq!((left.principal, left.bonus), (0, 0), "the bonus of then, not of now");
    drop(gateway);
    site.verify();
}
