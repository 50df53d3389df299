//! Refunds, voids, holds and captures from the counter: over the wire, through the journal and back.

mod accounts;
mod asked_again;
mod cash_out;
mod counter_services;
mod members;
mod people;
mod pins;
pub(crate) mod points;
mod returns;
mod shop_day;
mod split_bill;

use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, TransactionState};
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;

use crate::counter::{balance, cards, holdings, last_index, load, number, purchase, reversal};
use crate::harness::{Gateway, Site};
use crate::till::{
    APPROVED, Till, approved, authorize, capture, change_programme, held, principal, raise, refund, void,
};

#[tokio::test]
async fn a_hold_is_raised_captured_in_parts_refunded_and_survives_a_kill_at_every_step() {
    let site = Site::new();
    let mut gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);

    let (auth, answer) = till.deal(authorize(&card, 60_00), &card).await;
    assert_eq!((answer.code(), held(&answer), principal(&answer)), (APPROVED, 60_00, 40_00));
    gateway.kill();
    gateway = site.start();
    till = till.again(&gateway).await;
    let (_, answer) = till.deal(raise(&card, &auth, 20_00), &card).await;
    assert_eq!((answer.code(), held(&answer), principal(&answer)), (APPROVED, 80_00, 20_00));
    let short = till.code(purchase(&card, 25_01), &card).await;
    assert_eq!(short, ResponseCode::NOT_SUFFICIENT_FUNDS, "20.00 and the bonus of 5.00 are free");
    gateway.kill();
    gateway = site.start();
    till = till.again(&gateway).await;

    let some = till.capture_some(&auth, 30_00, &card).await;
    assert_eq!((some.code(), held(&some), principal(&some)), (APPROVED, 50_00, 20_00));
    assert_eq!(balance(&some, BalanceKind::POINTS), 30);
    let above = till.deal(capture(&auth, 50_01), &card).await.1;
    assert_eq!((above.code(), above.answer.state), (ResponseCode::AMOUNT_LIMIT, None));
    gateway.kill();
    gateway = site.start();
    till = till.again(&gateway).await;
    let (last, answer) = till.deal(capture(&auth, 10_00), &card).await;
    assert_eq!((answer.code(), held(&answer), principal(&answer)), (APPROVED, 0, 60_00), "the rest is free");
    let over = till.deal(capture(&auth, 1), &card).await.1;
    assert_eq!(over.answer.state, Some(TransactionState::CAPTURED));
    let again = till.repeat(&auth).await;
    assert_eq!(again.status.expect("a status").state, TransactionState::CAPTURED);

    let back = till.deal(refund(&last, 4_00), &card).await.1;
    assert_eq!(back.answer.state, Some(TransactionState::REFUNDED_IN_PART));
    assert_eq!((principal(&back), balance(&back, BalanceKind::POINTS)), (64_00, 36));
    gateway.kill();
    gateway = site.start();
    till = till.again(&gateway).await;
    assert_eq!(till.code(refund(&last, 6_01), &card).await, ResponseCode::AMOUNT_LIMIT);
    let all = till.deal(refund(&last, 6_00), &card).await.1;
    assert_eq!(all.answer.state, Some(TransactionState::REFUNDED));
    assert_eq!((principal(&all), balance(&all, BalanceKind::POINTS)), (70_00, 30));
    assert_eq!(till.code(refund(&last, 1), &card).await, ResponseCode::INVALID_TRANSACTION);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn whose_sale_it_was_decides_who_may_void_and_who_may_refund_it() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let mut beside = Till::open(&site, &gateway, "T0002").await;
    let mut branch = Till::elsewhere(&site, &gateway, "T0003", ["--store", "S002"]).await;
    let mut stranger = Till::elsewhere(&site, &gateway, "T0004", ["--merchant", "M002"]).await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    let (sale, _) = till.deal(purchase(&card, 30_00), &card).await;
    assert_eq!(branch.code(void(&sale), &card).await, ResponseCode::ORIGINAL_NOT_FOUND);
    assert_eq!(stranger.code(void(&sale), &card).await, ResponseCode::ORIGINAL_NOT_FOUND);
    assert_eq!(stranger.code(refund(&sale, 1_00), &card).await, ResponseCode::ORIGINAL_NOT_FOUND);
    let voided = beside.deal(void(&sale), &card).await.1;
    assert_eq!((voided.code(), voided.answer.state), (APPROVED, Some(TransactionState::VOIDED)));
    assert_eq!((principal(&voided), balance(&voided, BalanceKind::POINTS)), (100_00, 0));
    let again = beside.deal(void(&sale), &card).await.1;
    assert_eq!(again.code(), ResponseCode::INVALID_TRANSACTION, "once");
    let late = till.deal(reversal(&sale), &card).await.1;
    assert_eq!((late.code(), late.answer.state), (APPROVED, Some(TransactionState::VOIDED)), "nothing more");
    assert_eq!(approved(&late), Some(0));

    let (sale, _) = till.deal(purchase(&card, 30_00), &card).await;
    let back = branch.deal(refund(&sale, 10_00), &card).await.1;
    assert_eq!((back.code(), principal(&back)), (APPROVED, 80_00), "another store of the merchant refunds");
    let kept = till.deal(void(&sale), &card).await.1;
    assert_eq!(kept.answer.state, Some(TransactionState::REFUNDED_IN_PART));
    assert_eq!(kept.code(), ResponseCode::INVALID_TRANSACTION);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_load_is_paid_back_without_the_bonus_and_less_what_of_it_was_spent() {
    let site = Site::new();
    let gateway = site.start();
    change_programme(&site, "spend = \"principal-first\"", "spend = \"bonus-first\"");
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[]).await.remove(0);
    let (topped, answer) = till.deal(load(&card, 100_00), &card).await;
    assert_eq!((principal(&answer), balance(&answer, BalanceKind::BONUS)), (100_00, 5_00));
    let (sale, _) = till.deal(purchase(&card, 4_00), &card).await;
    assert_eq!(holdings(&site, &card).bonus, 1_00, "the bonus pays first here");
    // 105.00 for 100.00, 4.00 of it eaten, and now all the money back: 96.00 is left of it.
    let (paid, answer) = till.deal(refund(&topped, 100_00), &card).await;
    assert_eq!(answer.code(), APPROVED);
    assert_eq!(approved(&answer), Some(96_00));
    let left = holdings(&site, &card);
    assert_eq!((left.principal, left.bonus), (0, 0));
    // The answer was lost and the till gives the refund up: all is as before.
    let undone = till.deal(reversal(&paid), &card).await.1;
    assert_eq!(undone.answer.state, Some(TransactionState::REVERSED));
    let left = holdings(&site, &card);
    assert_eq!((left.principal, left.bonus), (100_00, 1_00));
    let half = till.deal(refund(&topped, 50_00), &card).await.1;
    assert_eq!(approved(&half), Some(48_50), "1.00 of 2.50 was there");
    assert_eq!(half.answer.state, Some(TransactionState::REFUNDED_IN_PART));
    // The sale that ate the bonus comes back after that.
    let back = till.deal(refund(&sale, 4_00), &card).await.1;
    assert_eq!((principal(&back), balance(&back, BalanceKind::BONUS)), (50_00, 4_00));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn captures_that_race_never_take_more_than_is_held() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    let (auth, _) = till.deal(authorize(&card, 50_00), &card).await;
    let mut racing = Vec::new();
    for number in 2..10 {
        let mut other = Till::open(&site, &gateway, &format!("T000{number}")).await;
        let (auth, card) = (auth.clone(), card.clone());
        racing.push(tokio::spawn(async move {
            let mut taken = 0;
            for _ in 0..5 {
                let answer = other.capture_some(&auth, 3_00, &card).await;
                taken += if answer.code() == APPROVED { 3_00 } else { 0 };
            }
            taken
        }));
    }
    let mut taken = 0;
    for one in racing {
        taken += one.await.expect("no panic");
    }
    assert_eq!(taken, 48_00);
    let left = holdings(&site, &card);
    assert_eq!((left.principal, left.bonus, left.points), (50_00, 5_00, 48));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_blocked_card_is_refunded_and_captured_and_buys_nothing() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = till.sell(&site, 1, &[100_00]).await.remove(0);
    let (sale, _) = till.deal(purchase(&card, 10_00), &card).await;
    let (auth, _) = till.deal(authorize(&card, 10_00), &card).await;
    site.json(&["card", "block", "--card", &number(&card), "--reason", "lost"]);
    assert_eq!(till.code(purchase(&card, 1_00), &card).await, ResponseCode::CARD_BLOCKED);
    assert_eq!(till.code(authorize(&card, 1_00), &card).await, ResponseCode::CARD_BLOCKED);
    assert_eq!(till.code(refund(&sale, 10_00), &card).await, APPROVED);
    assert_eq!(till.code(capture(&auth, 10_00), &card).await, APPROVED);
    let index = last_index(&gateway);
    assert_eq!(till.code(capture(&auth, 1), &card).await, ResponseCode::INVALID_TRANSACTION);
    assert_eq!(last_index(&gateway), index + 1, "a decline is an entry too");
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_replaced_card_passes_everything_on_and_its_sales_are_refunded_to_its_successor() {
    let site = Site::new();
    let gateway = site.start();
    let mut both = cards(&site, 3);
    let (third, new, old) = (both.remove(2), both.remove(1), both.remove(0));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    till.clerk.fill(&mut till.session, &old, &[100_00]).await;
    let (sale, _) = till.deal(purchase(&old, 30_00), &old).await;
    let (auth, _) = till.deal(authorize(&old, 20_00), &old).await;
    let before = holdings(&site, &old);
    site.json(&["card", "block", "--card", &number(&old), "--reason", "lost"]);
    let refused =
        site.run(&["card", "replace", "--card", &number(&old), "--by", &number(&old), "--reason", "x"]);
    assert!(!refused.status.success(), "by itself");
    site.json(&["card", "replace", "--card", &number(&old), "--by", &number(&new), "--reason", "lost"]);
    assert_eq!(holdings(&site, &new).payable(), before.payable());
    assert_eq!(till.code(purchase(&old, 1_00), &old).await, ResponseCode::CARD_REPLACED);
    let (_, spent) = till.deal(purchase(&new, 10_00), &new).await;
    assert_eq!((spent.code(), principal(&spent)), (APPROVED, 40_00));
    // The new card is merged into a third one that has lots of its own.
    till.clerk.fill(&mut till.session, &third, &[7_00]).await;
    site.json(&[
        "card",
        "merge",
        "--card",
        &number(&new),
        "--into",
        &number(&third),
        "--reason",
        "two cards",
    ]);
    assert_eq!(holdings(&site, &third).principal, 47_00);
    let (_, back) = till.deal(refund(&sale, 30_00), &old).await;
    assert_eq!((back.code(), principal(&back)), (APPROVED, 77_00));
    assert_eq!(back.answer.card, Some(third.reference));
    let (_, taken) = till.deal(capture(&auth, 20_00), &old).await;
    assert_eq!((taken.code(), held(&taken), principal(&taken)), (APPROVED, 0, 77_00));
    assert_eq!(holdings(&site, &third).points, 30, "10 and 20: the refunded 30 are gone");
    drop(gateway);
    site.verify();
}

/// Kills the gateway, starts it again, and has everything repeated: each gets the very bytes that it got before.
async fn after_a_kill(
    site: &Site,
    gateway: Gateway,
    till: Till,
    said: &[(SignedMessage, Checked)],
) -> (Gateway, Till) {
    gateway.kill();
    let gateway = site.start();
    let mut till = till.again(&gateway).await;
    let index = last_index(&gateway);
    for (message, answer) in said {
        let again = till.repeat(message).await;
        assert!(again.repeat);
        assert_eq!(again.body, answer.body, "{:?}", answer.answer);
    }
    assert_eq!(last_index(&gateway), index, "nothing is recorded twice");
    (gateway, till)
}
