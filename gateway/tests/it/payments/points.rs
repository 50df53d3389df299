//! Points that pay a part of a purchase, over the wire and through restarts.

use protocol::code::ResponseCode;
use protocol::field::{BalanceKind, MAX_AMOUNT_MINOR, TransactionState};
use protocol::request::Body;
use terminal_sim::Card;

use super::after_a_kill;
use crate::counter::{amount, balance, holdings, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, approved, put_in_force, quote_of, refund, unload, void};

/// The default programme, where 100 points pay this, and points half of a purchase at most.
pub(crate) fn programme(points: &str, pays: &str) -> String {
    let product = "max_unload = \"500.00\"\nhold_hours = 168 ";
    let document = gateway::programme_file::DEFAULT.replace("hold_hours = 168 ", product);
    let rule = "minimum = 100\nstep = 100\nmax_percent = 50\n";
    format!(
        "{document}\n[points_payment]\nrule = \"points-pay\"\npoints = {points}\npays = \"{pays}\"\n{rule}"
    )
}

pub(crate) fn by_points(card: &Card, minor: i64, used: i64) -> Body {
    let points = protocol::field::Points::new(used);
    assert!(points.is_some());
    Body::Purchase { card: card.reference, amount: amount(minor), tenders: None, lines: None, points }
}

fn quote(card: &Card, minor: i64, used: i64) -> Body {
    let points = protocol::field::Points::new(used);
    Body::PurchaseQuote { card: card.reference, amount: amount(minor), lines: None, points }
}

#[tokio::test]
async fn points_pay_what_was_quoted_and_come_back_with_the_refund_restarts_or_not() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &till.sell(&site, 1, &[500_00]).await[0];
    assert_eq!(till.code(purchase(card, 300_00), card).await, APPROVED);
    let refused = till.deal(by_points(card, 10_00, 300), card).await;
    assert_eq!(refused.1.code(), ResponseCode::NOT_PERMITTED_CARD, "points pay nothing yet");
    put_in_force(&site, &programme("100", "1.00"));
    let quoted = till.ask(quote(card, 10_00, 300), card).await;
    assert_eq!(quoted.code(), APPROVED);
    let changes = quoted.answer.changes.as_ref().expect("changes");
    assert_eq!((changes[&BalanceKind::PRINCIPAL], changes[&BalanceKind::POINTS]), (-7_00, -293));
    put_in_force(&site, &programme("100", "0.50"));
    let other = till.cite(quote_of(&quoted), by_points(card, 10_00, 200), card).await;
    assert_eq!(other.code(), ResponseCode::INVALID_TRANSACTION, "of other points");
    let other = till.cite(quote_of(&quoted), purchase(card, 10_00), card).await;
    assert_eq!(other.code(), ResponseCode::INVALID_TRANSACTION, "of points, not of none");
    let message = till.sign_with(by_points(card, 10_00, 300), &card.sidecar(), |header| {
        protocol::request::Header { quote: Some(quote_of(&quoted)), ..header }
    });
    let answer = till.send(&message).await;
    assert_eq!((answer.code(), approved(&answer)), (APPROVED, Some(10_00)));
    let sale = (message, answer);
    assert_eq!(
        (balance(&sale.1, BalanceKind::PRINCIPAL), balance(&sale.1, BalanceKind::POINTS)),
        (193_00, 7)
    );
    let (gateway, mut till) = after_a_kill(&site, gateway, till, &[refused, sale.clone()]).await;
    let gone = till.cite(quote_of(&quoted), by_points(card, 10_00, 300), card).await;
    assert_eq!(gone.code(), ResponseCode::INVALID_TRANSACTION);

    let has = || {
        let held = holdings(&site, card);
        (held.principal, held.points)
    };
    let first = till.deal(refund(&sale.0, 8_00), card).await;
    assert_eq!(
        (first.1.code(), has()),
        (APPROVED, (200_00, 100)),
        "balances first, then a third of the points"
    );
    let rest = till.deal(refund(&sale.0, 2_00), card).await;
    assert_eq!((rest.1.answer.state, has()), (Some(TransactionState::REFUNDED), (200_00, 300)));
    let undone = till.deal(void(&rest.0), card).await;
    assert_eq!((undone.1.code(), has()), (APPROVED, (200_00, 100)));
    assert_eq!(till.code(reversal(&sale.0), card).await, ResponseCode::INVALID_TRANSACTION);
    let next = till.deal(by_points(card, 10_00, 100), card).await;
    assert_eq!((next.1.code(), has()), (APPROVED, (190_50, 9)));
    let back = till.deal(reversal(&next.0), card).await;
    assert_eq!((back.1.code(), has()), (APPROVED, (200_00, 100)));
    // What came back by a refund and is spent stands against undoing it.
    let spent = till.deal(by_points(card, 10_00, 100), card).await;
    let kept = till.deal(void(&first.0), card).await;
    assert_eq!(kept.1.code(), ResponseCode::INVALID_TRANSACTION, "once the last was undone, none before it");
    let all = [sale, first, rest, undone, next, back, spent, kept];
    let (gateway, _till) = after_a_kill(&site, gateway, till, &all).await;
    assert_eq!(has(), (190_50, 9));
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn the_largest_amounts_of_points_and_money_are_declined_and_never_wrap_round() {
    let site = Site::new();
    let gateway = site.start();
    // A point that pays as much as there can be.
    put_in_force(
        &site,
        &programme("1", "9999999999.99").replace("minimum = 100\nstep = 100", "minimum = 1\nstep = 1"),
    );
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &till.sell(&site, 1, &[500_00]).await[0];
    till.deal(purchase(card, 10_00), card).await;
    let before = holdings(&site, card);
    let mut said = Vec::new();
    for (minor, used) in [
        (MAX_AMOUNT_MINOR, MAX_AMOUNT_MINOR),
        (MAX_AMOUNT_MINOR, 1),
        (1, MAX_AMOUNT_MINOR),
        (5_000_00, MAX_AMOUNT_MINOR),
        (5_000_00, 9_223_372),
        (5_000_00, 9_223_373),
        (1, 1),
    ] {
        let answer = till.ask(quote(card, minor, used), card).await;
        assert_eq!(answer.code(), ResponseCode::AMOUNT_LIMIT, "a quote of {minor} with {used} points");
        let answer = till.deal(by_points(card, minor, used), card).await;
        assert_eq!(answer.1.code(), ResponseCode::AMOUNT_LIMIT, "{minor} with {used} points");
        said.push(answer);
    }
    // A point that is worth nothing: as many as there can be, and one.
    put_in_force(
        &site,
        &programme("1000000000", "0.01").replace("minimum = 100\nstep = 100", "minimum = 1\nstep = 1"),
    );
    for (used, code) in
        [(1, ResponseCode::AMOUNT_LIMIT), (MAX_AMOUNT_MINOR, ResponseCode::NOT_SUFFICIENT_FUNDS)]
    {
        let answer = till.deal(by_points(card, 100_00, used), card).await;
        assert_eq!(answer.1.code(), code, "{used} points");
        said.push(answer);
    }
    let (gateway, _till) = after_a_kill(&site, gateway, till, &said).await;
    assert_eq!(holdings(&site, card), before);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn points_that_were_spent_before_their_sale_came_back_are_withheld_and_mint_no_money() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(&site, &programme("100", "1.00"));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &till.sell(&site, 1, &[400_00]).await[0];
    let start = holdings(&site, card).payable();
    let (sale, _) = till.deal(purchase(card, 300_00), card).await;
    let (spent, answer) = till.deal(by_points(card, 6_00, 300), card).await;
    assert_eq!(answer.code(), APPROVED);
    let (_, back) = till.deal(refund(&sale, 300_00), card).await;
    assert_eq!(approved(&back), Some(297_03), "3 of 300 were earned with the other sale");
    let held = holdings(&site, card);
    assert_eq!((held.payable(), held.points, held.points_debt), (start - 5_97, 0, 0));
    // The points that come back are worth what was withheld, and nothing more.
    assert_eq!(till.code(refund(&spent, 6_00), card).await, APPROVED);
    let held = holdings(&site, card);
    assert_eq!((held.payable(), held.points, held.points_debt), (start - 2_97, 297, 0));
    let again = till.code(by_points(card, 6_00, 300), card).await;
    assert_eq!(again, ResponseCode::NOT_SUFFICIENT_FUNDS);
    let (sale, _) = till.deal(purchase(card, 299_00), card).await;
    assert_eq!(till.code(reversal(&sale), card).await, APPROVED);
    let held = holdings(&site, card);
    assert_eq!((held.payable(), held.points, held.points_debt), (start - 2_97, 297, 0));
    let (_, out) = till.deal(unload(card, 397_03), card).await;
    assert_eq!(approved(&out), Some(397_03));
    // Of the bonus, ceil(20.00 x 397.03 / 400.00) goes with it.
    assert_eq!(holdings(&site, card).payable(), 14);
    drop(gateway);
    site.verify();
}

#[tokio::test]
async fn a_sale_that_points_paid_whole_is_refunded_voided_and_reversed_like_any_other() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &till.sell(&site, 1, &[500_00]).await[0];
    assert_eq!(till.code(purchase(card, 300_00), card).await, APPROVED);
    put_in_force(&site, &programme("100", "1.00").replace("max_percent = 50", "max_percent = 100"));
    let mut said = Vec::new();
    for undo in [reversal, void] {
        let sale = till.deal(by_points(card, 3_00, 300), card).await;
        assert_eq!((sale.1.code(), holdings(&site, card).points), (APPROVED, 0));
        let undone = till.deal(undo(&sale.0), card).await;
        assert_eq!((undone.1.code(), holdings(&site, card).points), (APPROVED, 300));
        said.extend([sale, undone]);
    }
    let sale = till.deal(by_points(card, 3_00, 300), card).await;
    for (minor, points) in [(1, 1), (1_00, 101), (1_99, 300)] {
        let part = till.deal(refund(&sale.0, minor), card).await;
        assert_eq!((part.1.code(), holdings(&site, card).points), (APPROVED, points));
        said.push(part);
    }
    said.push(sale);
    let held = holdings(&site, card);
    assert_eq!((held.principal, held.bonus, held.points_debt), (200_00, 50_00, 0));
    // On a card in its place too.
    let other = crate::counter::cards(&site, 1).remove(0);
    let sale = till.deal(by_points(card, 4_00, 200), card).await;
    let digits = [crate::counter::number(card), crate::counter::number(&other)];
    site.json(&["card", "replace", "--card", &digits[0], "--by", &digits[1], "--reason", "lost"]);
    let back = till.deal(refund(&sale.0, 4_00), card).await;
    assert_eq!((back.1.code(), back.1.answer.card), (APPROVED, Some(other.reference)));
    assert_eq!((holdings(&site, &other).principal, holdings(&site, &other).points), (200_00, 300));
    let again = till.deal(by_points(&other, 3_00, 300), &other).await;
    let kept = till.deal(void(&back.0), &other).await;
    assert_eq!(kept.1.code(), ResponseCode::NOT_SUFFICIENT_FUNDS, "the points that came back are spent");
    said.extend([sale, back, again, kept]);
    let (gateway, _till) = after_a_kill(&site, gateway, till, &said).await;
    drop(gateway);
    site.verify();
}
