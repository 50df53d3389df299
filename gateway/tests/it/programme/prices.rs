//! Prices for members over the wire (LOYALTY C6): off the amount and off each line, quoted, paid, and refunded as paid.

use protocol::code::ResponseCode;
use protocol::field::{
    BalanceKind, Flags, GrossMinor, List, Notes, PurchaseLine, PurchaseLines, QuantityThousandths,
    TransactionState,
};
use protocol::request::{Body, Header, Request};
use terminal_sim::Card;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;

use super::tiers::with;
use crate::counter::{amount, holdings, load, purchase, reversal};
use crate::harness::Site;
use crate::till::{APPROVED, Till, approved, principal, purchase_quote, put_in_force, quote_of, refund};

const PRICES: &str = r#"
[[price]]
rule = "gold-price"
off = "10%"
when = { tiers = ["gold"] }
[[price]]
rule = "jewel-price"
off = "50%"
categories = ["jewel"]
when = { tiers = ["gold"] }
[[price]]
rule = "free-tea"
off = "100%"
items = ["TEA"]
[prices]
together = "best"
"#;

/// Items with their category and minor units, one piece each.
pub(super) fn lines(items: &[(&str, &str, i64)]) -> PurchaseLines {
    let line = |(item, category, minor): &(&str, &str, i64)| PurchaseLine {
        item: item.parse().expect("an item"),
        category: category.parse().expect("a category"),
        brand: None,
        quantity: QuantityThousandths::new(1_000).expect("a quantity"),
        gross: GrossMinor::new(*minor).expect("an amount"),
        flags: 0,
    };
    List::new(items.iter().map(line).collect()).expect("lines")
}

fn sold(card: &Card, items: &[(&str, &str, i64)]) -> Body {
    let sum = items.iter().map(|(_, _, minor)| minor).sum();
    let (card, lines) = (card.reference, Some(lines(items)));
    Body::Purchase { card, amount: amount(sum), tenders: None, lines, points: None }
}

fn back(of: &SignedMessage, items: &[(&str, &str, i64)]) -> Body {
    let sum = items.iter().map(|(_, _, minor)| minor).sum();
    match refund(of, sum) {
        Body::Refund { amount, original, reason, supervisor, .. } => {
            Body::Refund { amount, lines: Some(lines(items)), original, reason, supervisor }
        }
        other => other,
    }
}

/// A message for which the programme's prices hold.
async fn priced(
    till: &mut Till,
    body: Body,
    card: &Card,
    more: impl Fn(Header) -> Header,
) -> (SignedMessage, Checked) {
    let flags = Some(Flags::PROGRAMME_PRICES);
    let message = till.sign_with(body, &card.sidecar(), |header| more(Header { flags, ..header }));
    let answer = till.send(&message).await;
    (message, answer)
}

fn discount(answer: &Checked) -> Option<i64> {
    answer.answer.discount.map(|discount| discount.get())
}

/// Prices among the reasons: rule, base, rate and result.
fn why(answer: &Checked) -> Vec<(String, i64, String, i64)> {
    let reasons = answer.answer.explanation.as_ref().map_or(&[][..], |lines| lines);
    let prices =
        reasons.iter().filter(|line| line.kind == BalanceKind::MONEY && !line.notes.contains(Notes::TIER));
    prices
        .map(|line| (line.rule.as_str().into(), line.base, line.rate.as_str().into(), line.result))
        .collect()
}

fn reason(rule: &str, base: i64, rate: &str, result: i64) -> (String, i64, String, i64) {
    (rule.into(), base, rate.into(), result)
}

async fn gold(till: &mut Till, site: &Site) -> Card {
    let card = till.sell(site, 1, &[]).await.remove(0);
    assert_eq!(till.code(load(&card, 4_000_00), &card).await, APPROVED);
    card
}

#[tokio::test]
async fn a_member_of_a_tier_pays_less_where_the_till_asks_for_it_and_gets_back_what_was_paid() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(&site, &with(PRICES));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let plain = till.sell(&site, 1, &[100_00]).await.remove(0);
    let card = gold(&mut till, &site).await;
    let as_it_is = |header| header;

    let none = till.deal(purchase(&card, 37_55), &card).await.1;
    assert_eq!((approved(&none), discount(&none)), (Some(37_55), None), "the till did not ask");
    let none = priced(&mut till, purchase(&plain, 37_55), &plain, as_it_is).await.1;
    assert_eq!((approved(&none), discount(&none), why(&none)), (Some(37_55), None, vec![]), "no tier");

    // The quote says it, and a purchase may cite it only with prices too.
    let header = till.session.question_header().expect("a header");
    let currency = till.session.value_header(till.clerk.next_stan()).expect("a header").currency;
    let header = Header { flags: Some(Flags::PROGRAMME_PRICES), currency, ..header };
    let question = Request { header, body: purchase_quote(&card, 37_55) };
    let question = till.session.sign(&question, &card.sidecar()).expect("a signed message");
    let quoted = till.session.exchange(&question, false).await.expect("an answer");
    assert_eq!((approved(&quoted), discount(&quoted)), (Some(33_80), Some(3_75)));
    let other = till.cite(quote_of(&quoted), purchase(&card, 37_55), &card).await;
    assert_eq!(other.code(), ResponseCode::INVALID_TRANSACTION);
    let before = principal(&asked(&mut till, &card).await);
    let quote = Some(quote_of(&quoted));
    let cite = |header| Header { quote, ..header };
    let (sale, answer) = priced(&mut till, purchase(&card, 37_55), &card, cite).await;
    assert_eq!((approved(&answer), discount(&answer)), (Some(33_80), Some(3_75)));
    assert_eq!(why(&answer), [reason("gold-price", 37_55, "10%", 3_75)]);
    assert_eq!(principal(&answer), before - 33_80);
    let points = answer.answer.explanation.as_ref().expect("reasons").last().copied();
    assert_eq!(points.map(|line| (line.base, line.result)), Some((33_80, 33)), "points of what was paid");
    assert_eq!(till.code(refund(&sale, 33_81), &card).await, ResponseCode::AMOUNT_LIMIT);
    let back = till.deal(refund(&sale, 33_80), &card).await.1;
    assert_eq!((back.answer.state, principal(&back)), (Some(TransactionState::REFUNDED), before));
    drop(gateway);
    site.verify();
}

/// The card as it is now.
async fn asked(till: &mut Till, card: &Card) -> Checked {
    till.ask(Body::BalanceInquiry { card: card.reference }, card).await
}

#[tokio::test]
async fn each_line_has_its_price_and_comes_back_for_no_more_than_was_paid_for_it() {
    let site = Site::new();
    let gateway = site.start();
    put_in_force(&site, &with(PRICES));
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let card = gold(&mut till, &site).await;
    let as_it_is = |header| header;
    let before = holdings(&site, &card);
    let items = [("RING", "jewel", 100_01), ("CUP", "cup", 9_99), ("TEA", "tea", 5_00)];
    let (sale, answer) = priced(&mut till, sold(&card, &items), &card, as_it_is).await;
    assert_eq!(
        (approved(&answer), discount(&answer)),
        (Some(59_01), Some(50_00 + 99 + 5_00)),
        "{:?}",
        answer.answer
    );
    assert_eq!(
        why(&answer),
        [
            reason("gold-price", 9_99, "10%", 99),
            reason("jewel-price", 100_01, "50%", 50_00),
            reason("free-tea", 5_00, "100%", 5_00)
        ]
    );
    for (item, paid) in [("RING", 50_01), ("CUP", 9_00), ("TEA", 0)] {
        let more = back(&sale, &[(item, "x", paid + 1)]);
        assert_eq!(till.code(more, &card).await, ResponseCode::AMOUNT_LIMIT, "{item}");
    }
    let (ring, _) = till.deal(back(&sale, &[("RING", "jewel", 50_01)]), &card).await;
    assert_eq!(till.code(back(&sale, &[("RING", "jewel", 1)]), &card).await, ResponseCode::AMOUNT_LIMIT);
    assert_eq!(till.code(crate::till::void(&ring), &card).await, APPROVED);
    assert_eq!(till.code(back(&sale, &[("RING", "jewel", 50_02)]), &card).await, ResponseCode::AMOUNT_LIMIT);
    for item in [("RING", "jewel", 50_01), ("CUP", "cup", 9_00)] {
        assert_eq!(till.code(back(&sale, &[item]), &card).await, APPROVED, "{item:?}");
    }
    assert_eq!(holdings(&site, &card).lots, before.lots, "everything is back");

    // Nothing is left to pay.
    let (free, answer) = priced(&mut till, sold(&card, &[("TEA", "tea", 5_00)]), &card, as_it_is).await;
    assert_eq!((answer.code(), approved(&answer), discount(&answer)), (APPROVED, Some(0), Some(5_00)));
    assert_eq!(till.code(reversal(&free), &card).await, APPROVED);
    drop(gateway);
    site.verify();
}
