//! Refund by line over the wire: no more of an item comes back than was sold.

use protocol::code::ResponseCode;
use protocol::field::{GrossMinor, List, PurchaseLine, PurchaseLines, QuantityThousandths, TransactionState};
use protocol::request::Body;
use terminal_sim::message::SignedMessage;

use super::after_a_kill;
use crate::counter::{holdings, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, refund, void};

/// Items with pieces and minor units.
pub(super) fn lines(items: &[(&str, i64, i64)]) -> PurchaseLines {
    let line = |(item, pieces, minor): &(&str, i64, i64)| PurchaseLine {
        item: item.parse().expect("an item"),
        category: "FOOD".parse().expect("a category"),
        brand: None,
        quantity: QuantityThousandths::new(pieces * 1_000).expect("a quantity"),
        gross: GrossMinor::new(*minor).expect("an amount"),
        flags: 0,
    };
    List::new(items.iter().map(line).collect()).expect("lines")
}

pub(super) fn back(of: &SignedMessage, items: &[(&str, i64, i64)]) -> Body {
    let sum = items.iter().map(|(_, _, minor)| minor).sum();
    match refund(of, sum) {
        Body::Refund { amount, original, reason, supervisor, .. } => {
            Body::Refund { amount, lines: Some(lines(items)), original, reason, supervisor }
        }
        other => other,
    }
}

#[tokio::test]
async fn goods_come_back_line_by_line_once_each_whatever_dies_in_between() {
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = &till.sell(&site, 1, &[99_00]).await[0];
    let sold = [("A", 2, 20_00), ("B", 1, 10_00), ("A", 1, 10_00)];
    let body = match purchase(card, 40_00) {
        Body::Purchase { card, amount, tenders, points, .. } => {
            Body::Purchase { card, amount, tenders, lines: Some(lines(&sold)), points }
        }
        other => other,
    };
    let sale = till.deal(body, card).await;
    assert_eq!(sale.1.code(), APPROVED);
    let mut said = vec![sale.clone()];
    for (items, code) in [
        (&[("C", 1, 1_00)][..], ResponseCode::INVALID_TRANSACTION),
        (&[("A", 1, 10_00), ("C", 1, 1_00)], ResponseCode::INVALID_TRANSACTION),
        (&[("B", 2, 10_00)], ResponseCode::AMOUNT_LIMIT),
        (&[("B", 1, 10_01)], ResponseCode::AMOUNT_LIMIT),
        (&[("A", 1, 10_00)], APPROVED),
        (&[("A", 3, 20_00)], ResponseCode::AMOUNT_LIMIT),
        (&[("A", 1, 5_00), ("A", 1, 5_00), ("B", 1, 0)], APPROVED),
        (&[("B", 1, 10_00)], ResponseCode::AMOUNT_LIMIT),
        (&[("B", 0, 10_00)], APPROVED),
        (&[("A", 1, 1_00)], ResponseCode::AMOUNT_LIMIT),
    ] {
        let answer = till.deal(back(&sale.0, items), card).await;
        assert_eq!(answer.1.code(), code, "{items:?}: {:?}", answer.1.answer.detail);
        said.push(answer);
    }
    assert_eq!(holdings(&site, card).principal, 89_00, "30.00 of 40.00 came back");
    let (gateway, mut till) = after_a_kill(&site, gateway, till, &said).await;

    // The last one is undone: its goods, and no others, may come back again.
    let undone = till.deal(void(&said[9].0), card).await;
    assert_eq!((undone.1.code(), holdings(&site, card).principal), (APPROVED, 79_00));
    let earlier = till.deal(void(&said[7].0), card).await;
    assert_eq!(earlier.1.code(), ResponseCode::INVALID_TRANSACTION, "none before it");
    let wrong = till.deal(back(&sale.0, &[("A", 3, 10_00)]), card).await;
    assert_eq!(wrong.1.code(), ResponseCode::AMOUNT_LIMIT);
    let again = till.deal(back(&sale.0, &[("B", 0, 10_00)]), card).await;
    assert_eq!((again.1.code(), again.1.answer.state), (APPROVED, Some(TransactionState::REFUNDED_IN_PART)));
    // Without lines the amount alone bounds it.
    let rest = till.deal(refund(&sale.0, 10_00), card).await;
    assert_eq!((rest.1.code(), rest.1.answer.state), (APPROVED, Some(TransactionState::REFUNDED)));
    let lost = till.deal(reversal(&rest.0), card).await;
    assert_eq!(lost.1.code(), APPROVED);
    let last = till.deal(back(&sale.0, &[("A", 0, 10_00)]), card).await;
    assert_eq!((last.1.code(), last.1.answer.state), (APPROVED, Some(TransactionState::REFUNDED)));
    said.extend([undone, earlier, wrong, again, rest, lost, last]);
    let (gateway, _till) = after_a_kill(&site, gateway, till, &said).await;
    let held = holdings(&site, card);
    assert_eq!((held.principal, held.points), (99_00, 0), "all of it, and no point stays");
    drop(gateway);
    site.verify();
}
