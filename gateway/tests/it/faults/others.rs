//! What broke at others, over the wire.

use protocol::code::ResponseCode;
use protocol::field::TransactionState;
use tokio::task::JoinSet;

use crate::counter::{holdings, last_index, load, purchase, reversal};
use crate::harness::Site;
use crate::repeats::{COPIES, assert_one_answer, at_once};
use crate::till::{APPROVED, Till, allow_transfers, approved, principal, refund, transfer};

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
