//! What broke at others, over the wire.

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use tokio::task::JoinSet;

use crate::counter::{holdings, last_index, load, purchase, reversal};
use crate::harness::Site;
use crate::offline::import::{hex, outcomes};
use crate::offline::wire::{advice, confirm, granted, shop, shortfall, sign, two_operators};
use crate::payments::points::{by_points, programme};
use crate::repeats::{COPIES, assert_one_answer, at_once};
use crate::till::{
    APPROVED, Till, allow_transfers, approved, principal, put_in_force, refund, transfer, unload,
};

#[tokio::test]
async fn others_100_parallel_purchases_at_two_tills_spend_a_card_once() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[300_00]).await.remove(0);
    let mut beside = Till::open(&site, &gateway, "T0002").await;
    // 320.00 with the bonus: enough for 45 of them, and 5.00 is left.
    let mut sales = JoinSet::new();
    for number in 0..COPIES {
        let one = if number % 2 == 0 { &mut till } else { &mut beside };
        let message = one.sign(purchase(&card, 7_00), &card);
        let mut session = one.clerk.session(&gateway).await;
        sales.spawn(async move { session.exchange(&message, false).await.expect("an answer") });
    }
    let mut answers = sales.join_all().await;
    answers.sort_by_key(|answer| answer.place.expect("a receipt").index);
    let mut left = 320_00;
    for answer in &answers {
        let (code, after) =
            if left >= 7_00 { (APPROVED, left - 7_00) } else { (ResponseCode::NOT_SUFFICIENT_FUNDS, left) };
        assert_eq!(answer.code(), code, "with {left} left, in the journal's order");
        left = after;
    }
    assert_eq!((holdings(&site, &card).payable(), left), (5_00, 5_00));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn others_parallel_transfers_keep_the_sum_and_nothing_falls_below_zero() {
    let site = Site::new();
    let gateway = site.start();
    allow_transfers(&site);
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let cards = till.sell(&site, 3, &[100_00]).await;
    let mut racing = JoinSet::new();
    for number in 0..6 {
        let mut other = Till::open(&site, &gateway, &format!("T010{number}")).await;
        // Round and round, both ways.
        let (from, to) = (cards[number % 3].clone(), cards[(number + 1 + number / 3) % 3].clone());
        racing.spawn(async move {
            let mut refused = 0;
            for minor in [90_00, 1, 105_00, 33_33, 70_00, 2, 104_99, 60_00] {
                let (message, answer) = other.deal(transfer(&from, &to, minor), &from).await;
                match answer.code() {
                    APPROVED => assert!(principal(&answer) >= 0, "{:?}", answer.answer.balances),
                    ResponseCode::NOT_SUFFICIENT_FUNDS => refused += 1,
                    code => panic!("no transfer here gets {code:?}"),
                }
                if answer.code() == APPROVED && minor == 33_33 {
                    // Undone if it is still there, and refused if it is not.
                    let (_, undone) = other.deal(reversal(&message), &from).await;
                    assert!([APPROVED, ResponseCode::NOT_SUFFICIENT_FUNDS].contains(&undone.code()));
                }
            }
            refused
        });
    }
    let refused: usize = racing.join_all().await.into_iter().sum();
    assert!(refused > 0, "the race is about money that does not suffice");
    let left: Vec<_> = cards.iter().map(|card| holdings(&site, card)).collect();
    assert_eq!(left.iter().map(|card| card.payable()).sum::<i64>(), 315_00);
    assert_eq!(left.iter().map(|card| card.principal).sum::<i64>(), 300_00, "each balance by itself");
    assert!(left.iter().all(|card| card.principal >= 0 && card.bonus >= 0), "{left:?}");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn others_refund_twice_at_two_tills_at_once_pays_once() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let mut beside = Till::open(&site, &gateway, "T0002").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    for whole in [true, false] {
        let (sale, _) = till.deal(purchase(&card, 10_00), &card).await;
        let minor = if whole { 10_00 } else { 6_00 };
        let (one, other) =
            tokio::join!(till.deal(refund(&sale, minor), &card), beside.deal(refund(&sale, minor), &card));
        let mut answers = [one.1, other.1];
        answers.sort_by_key(|answer| answer.code().0);
        let [paid, refused] = answers;
        assert_eq!((paid.code(), approved(&paid)), (APPROVED, Some(minor)));
        let code = if whole { ResponseCode::INVALID_TRANSACTION } else { ResponseCode::AMOUNT_LIMIT };
        assert_eq!((refused.code(), approved(&refused)), (code, None), "{whole}");
        if !whole {
            assert_eq!(till.code(refund(&sale, 4_00), &card).await, APPROVED);
        }
    }
    let left = holdings(&site, &card);
    assert_eq!((left.principal, left.bonus, left.points), (100_00, 5_00, 0));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn others_a_refund_that_is_answered_as_refused_was_not_paid() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    let (sale, _) = till.deal(purchase(&card, 10_00), &card).await;
    let back = till.sign(refund(&sale, 10_00), &card);
    let index = last_index(&gateway);
    // Whoever asks again gets the first answer, and the money once.
    let answers = at_once(&till.clerk, &gateway, &back).await;
    assert_eq!(assert_one_answer(&answers, 1).answer.state, Some(TransactionState::REFUNDED));
    assert_eq!(last_index(&gateway), index + 1);
    let left = holdings(&site, &card);
    assert_eq!((left.principal, left.points), (100_00, 0));
    // A new request for the same is refused, and pays nothing; so is each of a hundred copies of it.
    let more = till.sign(refund(&sale, 10_00), &card);
    let answers = at_once(&till.clerk, &gateway, &more).await;
    let refused = assert_one_answer(&answers, 1);
    assert_eq!((refused.code(), approved(refused)), (ResponseCode::INVALID_TRANSACTION, None));
    assert_eq!(holdings(&site, &card), left);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn others_top_up_100_get_a_bonus_and_withdraw_100_and_no_more() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let cards = till.sell(&site, 2, &[]).await;
    allow_transfers(&site);
    let (card, other) = (&cards[0], &cards[1]);
    let (topped, _) = till.deal(load(card, 100_00), card).await;
    assert_eq!(holdings(&site, card).payable(), 105_00);
    assert_eq!(till.code(refund(&topped, 105_00), card).await, ResponseCode::AMOUNT_LIMIT);
    // Nor by moving the bonus out of reach first: what is missing of it is withheld.
    let (gift, _) = till.deal(transfer(card, other, 102_00), card).await;
    assert_eq!(till.code(refund(&topped, 100_00), card).await, ResponseCode::NOT_SUFFICIENT_FUNDS);
    assert_eq!(till.code(reversal(&gift), card).await, APPROVED);
    let (_, paid) = till.deal(refund(&topped, 100_00), card).await;
    assert_eq!((paid.code(), approved(&paid)), (APPROVED, Some(100_00)));
    assert_eq!((holdings(&site, card).payable(), holdings(&site, other).payable()), (0, 0));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn others_top_up_100_get_105_and_cash_out_100_and_no_more() {
    let site = Site::new();
    let gateway = site.start();
    let product = "max_unload = \"500.00\"\nmax_transfer = \"500.00\"\nhold_hours = 168 ";
    let document = gateway::programme_file::DEFAULT.replace("hold_hours = 168 ", product);
    put_in_force(&site, &document.replace("\"principal-first\" ", "\"bonus-first\" "));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let cards = till.sell(&site, 2, &[]).await;
    let (card, other) = (&cards[0], &cards[1]);
    let (topped, _) = till.deal(load(card, 100_00), card).await;
    assert_eq!(holdings(&site, card).payable(), 105_00);
    for minor in [105_00, 100_01] {
        assert_eq!(till.code(unload(card, minor), card).await, ResponseCode::NOT_SUFFICIENT_FUNDS);
    }
    // With the bonus out of reach it is withheld; what was given away is no cash there either.
    let (gift, moved) = till.deal(transfer(card, other, 5_00), card).await;
    assert_eq!((moved.code(), principal(&moved)), (APPROVED, 100_00), "the bonus went over");
    assert_eq!(till.code(unload(other, 5_00), other).await, ResponseCode::NOT_SUFFICIENT_FUNDS);
    let (out, paid) = till.deal(unload(card, 100_00), card).await;
    assert_eq!((paid.code(), approved(&paid)), (APPROVED, Some(95_00)));
    // Nor by bringing it back afterwards, nor by undoing the load that is paid out.
    assert_eq!(till.code(reversal(&gift), card).await, APPROVED);
    assert_eq!(till.code(unload(card, 5_00), card).await, ResponseCode::NOT_SUFFICIENT_FUNDS);
    for undo in [reversal(&topped), refund(&topped, 1)] {
        assert_eq!(till.code(undo, card).await, ResponseCode::INVALID_TRANSACTION);
    }
    assert_eq!(till.code(reversal(&out), card).await, APPROVED);
    let (_, paid) = till.deal(unload(card, 100_00), card).await;
    assert_eq!((paid.code(), approved(&paid)), (APPROVED, Some(100_00)));
    assert_eq!((holdings(&site, card).payable(), holdings(&site, other).payable()), (0, 0));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn others_an_offline_sale_that_is_sent_over_and_over_earns_its_points_once() {
    let (site, gateway, all, mut clerk, mut session) = shop(1).await;
    let card = &all[0];
    let grant = granted(&session);
    let sold = sign(&mut clerk, &session, advice(card, 30_00, &grant));
    let index = last_index(&gateway);
    // The line is cut after it was sent, and a hundred copies follow.
    session.send(&sold, false).await.expect("sent");
    drop(session);
    let answers = at_once(&clerk, &gateway, &sold).await;
    let decided = answers.iter().filter(|answer| !answer.repeat).count();
    assert!(decided <= 1, "the one that was cut off, or one of the copies");
    assert!(answers.iter().all(|answer| shortfall(answer) == 0 && answer.body == answers[0].body));
    assert_eq!(last_index(&gateway), index + 1);
    gateway.kill();
    let gateway = site.start();
    let mut session = clerk.session(&gateway).await;
    let again = session.exchange(&sold, true).await.expect("an answer");
    assert!(again.repeat && again.body == answers[0].body);
    let held = holdings(&site, card);
    assert_eq!((held.principal, held.points), (70_00, 30));
    // Undone, none stays, however often it is sent.
    let undo = sign(&mut clerk, &session, reversal(&sold));
    assert_eq!(clerk.send(&mut session, &undo).await.code(), APPROVED);
    session.exchange(&sold, true).await.expect("an answer");
    let held = holdings(&site, card);
    assert_eq!((held.principal, held.points, held.points_debt), (100_00, 0, 0));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn others_a_poison_record_in_a_queue_or_a_file_holds_up_no_other() {
    let (site, gateway, all, mut clerk, mut session) = shop(1).await;
    two_operators(&site);
    let card = &all[0];
    let grant = granted(&session);
    let mut queue = Vec::new();
    for minor in [10_00, 11_00, 12_00, 13_00] {
        queue.push(sign(&mut clerk, &session, advice(card, minor, &grant)));
    }
    // Over the line: what cannot be read, or is not signed, is refused for ever, and those behind it come through.
    let poison = |at: usize| {
        let mut bad = queue[at].clone();
        let middle = bad.body.len() / 2;
        bad.body[middle] ^= 0x55;
        bad
    };
    for _ in 0..3 {
        let code = session.exchange(&poison(0), false).await.expect("an answer").code();
        assert!([ResponseCode::FORMAT_ERROR, ResponseCode::SECURITY_VIOLATION].contains(&code), "{code:?}");
    }
    assert_eq!(shortfall(&clerk.send(&mut session, &queue[1]).await), 0);
    // In a file: poison of several kinds in the middle. It changes on the disk once it was signed for, to no effect.
    let cut = queue[2].body[..queue[2].body.len() - 1].to_vec();
    let deep = vec![0x81; 40_000];
    let lines =
        [&queue[0].body, &poison(2).body, &cut, &deep, &vec![0xFF; 70], &queue[2].body, &queue[0].body];
    let text = lines.map(|line| hex(line)).join("\n");
    site.json(&["terminal", "revoke", "--id", "T0001"]);
    let file = site.beside("queue.hex");
    std::fs::write(&file, &text).expect("a file");
    let path = file.to_str().expect("a path");
    let propose = || site.json(&["advice", "import", path, "--terminal", "T0001", "--operator", "ann"]);
    let proposed = propose();
    std::fs::write(&file, hex(&queue[3].body)).expect("a file");
    let done = confirm(&site, &proposed);
    assert!(done.status.success(), "{} {}", done.json, done.stderr);
    let report = done.json["advices"].as_array().expect("a report").clone();
    let said = outcomes(&report);
    assert_eq!([said[0], said[5], said[6]], ["decided", "decided", "known"], "{said:?}");
    assert!(said[1..5].iter().all(|outcome| !["decided", "known"].contains(outcome)), "{said:?}");
    assert_eq!(holdings(&site, card).principal, 67_00, "10.00, 11.00 and 12.00, each once");
    // The whole file again, and the other one that was put in its place.
    std::fs::write(&file, &text).expect("a file");
    let done = confirm(&site, &propose());
    let report = done.json["advices"].as_array().expect("a report").clone();
    assert!(outcomes(&report).iter().all(|outcome| *outcome != "decided"));
    assert_eq!(holdings(&site, card).principal, 67_00);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn others_a_refund_gives_back_its_share_of_the_points_that_paid_and_never_all_of_them() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    put_in_force(&site, &programme("100", "1.00"));
    let card = till.sell(&site, 1, &[500_00]).await.remove(0);
    assert_eq!(till.code(purchase(&card, 300_00), &card).await, APPROVED);
    let (sale, _) = till.deal(by_points(&card, 6_00, 300), &card).await;
    let start = holdings(&site, &card);
    assert_eq!((start.principal, start.points), (197_00, 3));
    // 3.00 of money first, and then the points: of 3.00 and 300 points, rounded down over all refunds so far.
    let parts = [(1, 197_01, 2), (2_99, 200_00, 0), (1, 200_00, 1), (99, 200_00, 100), (2_00, 200_00, 300)];
    for (minor, principal, points) in parts {
        assert_eq!(till.code(refund(&sale, minor), &card).await, APPROVED);
        let held = holdings(&site, &card);
        assert_eq!((held.principal, held.points), (principal, points), "after {minor}");
    }
    assert_eq!(till.code(refund(&sale, 1), &card).await, ResponseCode::INVALID_TRANSACTION);
    assert_eq!(holdings(&site, &card).points, 300, "and no more than paid");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn others_what_points_pay_earns_no_points() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    put_in_force(&site, &programme("100", "1.00").replace("max_percent = 50", "max_percent = 100"));
    let card = till.sell(&site, 1, &[500_00]).await.remove(0);
    till.deal(purchase(&card, 300_00), &card).await;
    for (minor, used, points) in [(2_00, 200, 100), (3_00, 100, 2)] {
        let (_, sold) = till.deal(by_points(&card, minor, used), &card).await;
        assert_eq!((sold.code(), approved(&sold)), (APPROVED, Some(minor)));
        assert_eq!(holdings(&site, &card).points, points, "{minor} with {used} points");
    }
    drop(gateway);
    site.verify();
}
