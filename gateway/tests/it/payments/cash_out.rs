//! Unload over the wire: value leaves a card as cash, with its bonus, once.

use protocol::code::ResponseCode;
use protocol::field::{Flags, Pin, TransactionState};
use protocol::request::{Body, Header, RequestSidecar};
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;

use super::after_a_kill;
use crate::counter::{Clerk, amount, cards, holdings, load, number, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, approved, put_in_force, refund, transfer, unload, void};

const SHORT: ResponseCode = ResponseCode::NOT_SUFFICIENT_FUNDS;
const OVER: ResponseCode = ResponseCode::INVALID_TRANSACTION;

/// The default programme with cash-out up to 500.00, where the bonus is spent first; `more` of its product.
fn programme(more: &str) -> String {
    let product = format!("max_unload = \"500.00\"\n{more}\nhold_hours = 168 ");
    let document = gateway::programme_file::DEFAULT.replace("hold_hours = 168 ", &product);
    document.replace("spend = \"principal-first\"", "spend = \"bonus-first\"")
}

fn state(said: &(SignedMessage, Checked)) -> Option<TransactionState> {
    said.1.answer.state
}

#[tokio::test]
async fn an_unload_takes_the_newest_loads_and_is_undone_whole_whatever_dies_in_between() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &cards(&site, 1)[0];
    till.clerk.fill(&mut till.session, card, &[]).await;
    let mut said = Vec::new();
    for minor in [100_00, 300_00] {
        said.push(till.deal(load(card, minor), card).await);
    }
    assert_eq!(till.code(unload(card, 1_00), card).await, ResponseCode::NOT_PERMITTED_CARD);
    put_in_force(&site, &programme(""));
    let has = || {
        let held = holdings(&site, card);
        (held.principal, held.bonus)
    };
    assert_eq!(till.code(unload(card, 500_01), card).await, ResponseCode::AMOUNT_LIMIT);
    assert_eq!(till.code(unload(card, 400_01), card).await, SHORT, "the bonus is not money");
    for undo in [reversal as fn(&SignedMessage) -> Body, void] {
        let out = till.deal(unload(card, 350_00), card).await;
        assert_eq!((out.1.code(), approved(&out.1)), (APPROVED, Some(350_00)));
        assert_eq!(has(), (50_00, 2_50), "all of the second bonus, and half of the first");
        let undone = till.deal(undo(&out.0), card).await;
        assert_eq!((undone.1.code(), approved(&undone.1)), (APPROVED, Some(350_00)));
        assert_eq!(has(), (400_00, 25_00));
        assert_eq!(till.code(refund(&out.0, 1_00), card).await, ResponseCode::INVALID_TRANSACTION);
        said.extend([out, undone]);
    }
    assert_eq!(state(&said[3]), Some(TransactionState::REVERSED));
    assert_eq!(state(&said[5]), Some(TransactionState::VOIDED));
    let (gateway, mut till) = after_a_kill(&site, gateway, till, &said).await;

    let out = till.deal(unload(card, 350_00), card).await;
    let newest = till.deal(refund(&said[1].0, 1), card).await;
    assert_eq!((newest.1.code(), state(&newest)), (OVER, Some(TransactionState::REFUNDED)));
    let above = till.code(refund(&said[0].0, 50_01), card).await;
    assert_eq!(above, ResponseCode::AMOUNT_LIMIT, "half of it is out already");
    assert_eq!(till.code(reversal(&said[0].0), card).await, ResponseCode::INVALID_TRANSACTION);
    let rest = till.deal(refund(&said[0].0, 50_00), card).await;
    assert_eq!((approved(&rest.1), state(&rest)), (Some(50_00), Some(TransactionState::REFUNDED)));
    let late = till.deal(void(&out.0), card).await;
    assert_eq!((late.1.code(), state(&late)), (OVER, Some(TransactionState::LIVE)));
    assert_eq!(has(), (0, 0));
    // The refund is undone, and then the unload can be.
    let back = till.deal(void(&rest.0), card).await;
    assert_eq!((back.1.code(), has()), (APPROVED, (50_00, 2_50)));
    said.extend([out, newest, rest, late, back]);
    let (gateway, _till) = after_a_kill(&site, gateway, till, &said).await;
    assert_eq!(has(), (50_00, 2_50));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_bonus_that_was_spent_is_withheld_and_a_kiosk_pays_nothing_out() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(&site, &programme(""));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &till.sell(&site, 1, &[100_00]).await[0];
    assert_eq!(till.code(purchase(card, 5_00), card).await, APPROVED);
    let out = till.deal(unload(card, 60_00), card).await;
    assert_eq!((out.1.code(), approved(&out.1)), (APPROVED, Some(57_00)));
    let undone = till.deal(reversal(&out.0), card).await;
    assert_eq!(holdings(&site, card).principal, 100_00);
    let all = till.deal(unload(card, 100_00), card).await;
    assert_eq!(approved(&all.1), Some(95_00));
    assert_eq!(holdings(&site, card).payable(), 0);
    let wrong = till.deal(unload(card, 1), &card.with_wrong_secret()).await;
    assert_eq!(wrong.1.code(), ResponseCode::CARD_NOT_ACCEPTED);
    let mut kiosk = Clerk::enrol(&site, &gateway, "K0001", "kiosk").await;
    let mut session = kiosk.session(&gateway).await;
    assert_eq!(kiosk.deal(&mut session, load(card, 100_00), card).await.code(), APPROVED);
    let refused = kiosk.deal(&mut session, unload(card, 1_00), card).await;
    assert_eq!(refused.code(), ResponseCode::NOT_PERMITTED_TERMINAL);
    let (gateway, _till) = after_a_kill(&site, gateway, till, &[out, undone, all, wrong]).await;
    assert_eq!(holdings(&site, card).payable(), 105_00);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn what_was_loaded_on_a_card_is_paid_out_from_the_one_in_its_place() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(&site, &programme(""));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = till.sell(&site, 2, &[100_00]).await;
    let fresh = cards(&site, 1).remove(0);
    let first = till.deal(unload(&all[0], 10_00), &all[0]).await;
    let digits = [number(&all[0]), number(&all[1]), number(&fresh)];
    site.json(&["card", "replace", "--card", &digits[0], "--by", &digits[2], "--reason", "lost"]);
    assert_eq!(till.code(unload(&all[0], 1_00), &all[0]).await, ResponseCode::CARD_REPLACED);
    let second = till.deal(unload(&fresh, 10_00), &fresh).await;
    assert_eq!(approved(&second.1), Some(10_00));
    site.json(&["card", "merge", "--card", &digits[2], "--into", &digits[1], "--reason", "two cards"]);
    assert_eq!(holdings(&site, &all[1]).principal, 180_00);
    assert_eq!(till.code(unload(&all[1], 180_01), &all[1]).await, SHORT);
    let whole = till.deal(unload(&all[1], 180_00), &all[1]).await;
    assert_eq!((whole.1.code(), approved(&whole.1)), (APPROVED, Some(180_00)));
    assert_eq!(holdings(&site, &all[1]).payable(), 0, "and no bonus is left");
    let (gateway, mut till) =
        after_a_kill(&site, gateway, till, &[first, second.clone(), whole.clone()]).await;
    // Undone, it comes back to the card that goes on; and only the last one can be.
    assert_eq!(till.code(void(&second.0), &fresh).await, ResponseCode::INVALID_TRANSACTION);
    let undone = till.deal(void(&whole.0), &all[1]).await;
    assert_eq!((undone.1.code(), undone.1.answer.card), (APPROVED, Some(all[1].reference)));
    let held = holdings(&site, &all[1]);
    assert_eq!((held.principal, held.bonus), (180_00, 9_00));
    drop(gateway);
    site.verify();
}

fn pin(digits: &str) -> Option<Pin> {
    Pin::new(digits)
}

#[tokio::test]
async fn an_unload_asks_for_the_cards_pin_and_for_a_supervisor() {
    let site = Site::new();
    let gateway = site.start();
    let supervised = "\n[till.supervisor]\nunload_from = \"200.00\"\n";
    put_in_force(&site, &(programme("pin = { from = \"100.00\", tries = 3 }") + supervised));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &till.sell(&site, 1, &[400_00]).await[0];
    let lin = site.json(&["cashier", "add", "--name", "lin", "--supervisor"]);
    let lin = lin["pin"].as_str().expect("a PIN").to_owned();
    let mut said = Vec::new();
    let asked = [
        (99_99, None, None, APPROVED),
        (100_00, None, None, ResponseCode::PIN_NEEDED),
        (100_00, Some("1357"), None, APPROVED),
        (200_00, Some("1357"), None, ResponseCode::SUPERVISOR_NEEDED),
        (200_00, Some("2468"), Some(lin.as_str()), ResponseCode::WRONG_PIN),
        (200_00, Some("1357"), Some("0000"), ResponseCode::WRONG_PIN),
        (200_00, Some("1357"), Some(lin.as_str()), APPROVED),
    ];
    for (at, (minor, digits, by, code)) in asked.into_iter().enumerate() {
        if at == 1 {
            let set = RequestSidecar { new_pin: pin("1357"), ..card.sidecar() };
            let change = till.sign_with(Body::ChangePin { card: card.reference }, &set, |header| header);
            assert_eq!(till.send(&change).await.code(), APPROVED);
        }
        let supervisor = by.map(|_| "lin".parse().expect("a code"));
        let body = Body::Unload { card: card.reference, amount: amount(minor), reason: None, supervisor };
        let sidecar =
            RequestSidecar { pin: digits.and_then(pin), supervisor_pin: by.and_then(pin), ..card.sidecar() };
        let flags = digits.map(|_| Flags::PIN_USED);
        let message = till.sign_with(body, &sidecar, |header| Header { flags, ..header });
        let answer = till.send(&message).await;
        assert_eq!(answer.code(), code, "{minor} {digits:?} {by:?}: {:?}", answer.answer.detail);
        said.push((message, answer));
    }
    assert_eq!(holdings(&site, card).principal, 1);
    // Repeated without any PIN: one that is known needs none.
    let bare =
        said.into_iter().map(|(message, answer)| (SignedMessage { sidecar: Vec::new(), ..message }, answer));
    let (gateway, _till) = after_a_kill(&site, gateway, till, &bare.collect::<Vec<_>>()).await;
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn loading_giving_merging_and_cashing_out_leaves_no_customer_ahead() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(&site, &programme("max_transfer = \"500.00\""));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let all = till.sell(&site, 4, &[]).await;
    // What the customer paid in, and has got out in cash and in goods.
    let (mut paid_in, mut cash, mut goods) = (0, 0, 0);
    let got = |said: &(SignedMessage, Checked)| {
        if said.1.code() == APPROVED { approved(&said.1).unwrap_or(0) } else { 0 }
    };
    for (one, other) in [(&all[0], &all[1]), (&all[1], &all[0]), (&all[0], &all[1])] {
        let loaded = till.deal(load(one, 100_00), one).await;
        paid_in += got(&loaded);
        // The bonus goes to the other card, and comes back as value that was given.
        let moved = till.deal(transfer(one, other, 5_00), one).await;
        assert_eq!(moved.1.code(), APPROVED);
        let bought = till.deal(purchase(other, 5_00), other).await;
        goods += got(&bought);
        for minor in [100_00, 95_00] {
            let out = till.deal(unload(one, minor), one).await;
            cash += got(&out);
        }
        cash += got(&till.deal(refund(&loaded.0, 100_00), one).await);
        let back = till.deal(refund(&bought.0, 5_00), other).await;
        goods -= got(&back);
        // Undone where it can be: the money was paid back over the counter.
        if got(&till.deal(void(&moved.0), one).await) > 0 {
            cash += got(&till.deal(refund(&loaded.0, 5_00), one).await);
        }
        assert!(cash + goods <= paid_in, "{cash} in cash and {goods} in goods for {paid_in}");
    }
    let digits = [number(&all[0]), number(&all[1])];
    site.json(&["card", "merge", "--card", &digits[0], "--into", &digits[1], "--reason", "two cards"]);
    for minor in [100_00, 50_00, 10_00, 5_00, 1_00] {
        let out = till.deal(unload(&all[1], minor), &all[1]).await;
        cash += got(&out);
    }
    let left = holdings(&site, &all[1]).payable();
    if left > 0 {
        let spent = till.deal(purchase(&all[1], left), &all[1]).await;
        goods += got(&spent);
    }
    // A bonus that was spent on goods is what the programme gives; it never comes out as cash.
    assert!(cash <= paid_in, "{cash} in cash for {paid_in}");
    let bonuses = 3 * 5_00;
    assert!(cash + goods <= paid_in + bonuses, "{cash} in cash and {goods} in goods for {paid_in}");
    drop(gateway);
    site.verify();
}
