//! One bill paid by several cards: what is left after the first is taken from the next, and the order reference holds them together
//! in the journal and in what finance gets.

use std::collections::BTreeMap;

use gateway::journal::record::{Origin, Record};
use gateway::storage::Storage;
use protocol::code::ResponseCode;
use protocol::cose::Sign1;
use protocol::field::{Flags, List, TenderKind, TenderLine};
use protocol::frame::MessageType;
use protocol::request::{Body, Header, Request};
use serde_json::Value;
use terminal_sim::Card;
use terminal_sim::checked::Checked;
use terminal_sim::message::SignedMessage;

use super::returns::{back, lines};
use crate::counter::{amount, holdings, last_index, number, sidecar};
use crate::harness::Site;
use crate::till::{APPROVED, Till, approved};

const BILL: &str = "table 12, 7:30 pm";
const CASH: u8 = 1;
const STORED_VALUE: u8 = 6;

/// A purchase of these goods, of a bill of which other tenders paid the rest.
fn sale(card: &Card, goods: &[(&str, i64, i64)], others: &[(u8, i64, Option<&str>)]) -> Body {
    let tender = |(kind, minor, reference): &(u8, i64, Option<&str>)| TenderLine {
        kind: TenderKind(*kind),
        amount: amount(*minor),
        reference: reference.map(|text| text.parse().expect("a reference")),
    };
    Body::Purchase {
        card: card.reference,
        amount: amount(goods.iter().map(|(_, _, minor)| minor).sum()),
        tenders: (!others.is_empty())
            .then(|| List::new(others.iter().map(tender).collect()).expect("tenders")),
        lines: Some(lines(goods)),
        points: None,
    }
}

/// Sends it under an order reference; a sale takes what is there.
async fn ordered(till: &mut Till, order: &str, body: Body, card: &Card) -> (SignedMessage, Checked) {
    let sidecar = sidecar(&body, card);
    let partial = matches!(body, Body::Purchase { .. }).then_some(Flags::PARTIAL_ALLOWED);
    let order = order.parse().expect("an order reference");
    let message = till.sign_with(body, &sidecar, |header| Header {
        flags: partial,
        order_reference: Some(order),
        ..header
    });
    let answer = till.send(&message).await;
    (message, answer)
}

/// What terminals have sent under an order reference, by the journal's own bytes.
fn journalled(site: &Site, to: u64, order: &str) -> Vec<(MessageType, Request)> {
    let storage = Storage::open_read_only(&site.data()).expect("the database");
    let mut found = Vec::new();
    for row in storage.entries(1, to).expect("rows") {
        let (record, _) = Record::decode(&row.record).expect("a record");
        let Origin::Terminal { message, signed } = record.origin else { continue };
        let payload = Sign1::parse(&signed).expect("COSE").payload.expect("a payload");
        let request = Request::decode_payload(MessageType(message), payload).expect("a request");
        if request.header.order_reference.as_ref().is_some_and(|named| named.as_str() == order) {
            found.push((MessageType(message), request));
        }
    }
    found
}

type Row = [String; 5];

/// What both of finance's files say under each order reference: message, code, card, amount, tenders.
fn exported(site: &Site) -> BTreeMap<String, Vec<Row>> {
    let date = site.json(&["status"])["business_date"].as_str().expect("a date").to_owned();
    let out = site.beside("day");
    let directory = out.to_str().expect("a path");
    site.json(&["export", "--day", &date, "--format", "csv,jsonl", "--out", directory]);
    let columns = ["message", "code", "card", "amount", "tenders"];
    let mut csv: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut reader = csv::Reader::from_path(out.join("transactions.csv")).expect("a CSV file");
    for row in reader.deserialize::<BTreeMap<String, String>>() {
        let row = row.expect("a line with every column");
        csv.entry(row["order_reference"].clone())
            .or_default()
            .push(columns.map(|column| row[column].clone()));
    }
    let mut jsonl: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for line in std::fs::read_to_string(out.join("journal.jsonl")).expect("a file").lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let text = |column: &str| line[column].as_str().expect("a text").to_owned();
        if !line["order_reference"].is_null() {
            jsonl.entry(text("order_reference")).or_default().push(columns.map(text));
        }
    }
    assert_eq!(csv, jsonl);
    csv
}

#[tokio::test]
async fn a_bill_that_two_cards_and_cash_pay_is_one_order_for_finance_and_each_part_is_refunded_by_its_lines()
{
    let site = Site::new();
    let gateway = site.start();
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let mut branch = Till::open(&site, &gateway, "T0002").await;
    let (one, two) =
        (till.sell(&site, 1, &[60_00]).await.remove(0), till.sell(&site, 1, &[99_00]).await.remove(0));
    let held = [holdings(&site, &one), holdings(&site, &two)].map(|holdings| holdings.payable());
    // The first card pays what it has of 120.00; of the rest, the second pays the tea, and cash the cake.
    let goods = [("SOUP", 1, 70_00), ("TEA", 2, 30_00), ("CAKE", 1, 20_00)];
    let (first, part) = ordered(&mut till, BILL, sale(&one, &goods, &[]), &one).await;
    assert_eq!((part.code(), approved(&part)), (ResponseCode::APPROVED_IN_PART, Some(held[0])));
    assert_eq!(holdings(&site, &one).payable(), 0);
    let left = 120_00 - held[0];
    let others = [(STORED_VALUE, held[0], Some("T0001-1-3")), (CASH, left - 30_00, None)];
    let (second, rest) = ordered(&mut till, BILL, sale(&two, &goods[1..2], &others), &two).await;
    assert_eq!(
        (rest.code(), approved(&rest)),
        (APPROVED, Some(30_00)),
        "other tenders take nothing from a card"
    );
    // Another table.
    ordered(&mut branch, "table 13", sale(&two, &[("TEA", 1, 15_00)], &[]), &two).await;

    // Each part comes back to the card that paid it, by its own lines, up to what the card has paid.
    let refused = [
        (&second, &[("CAKE", 1, 20_00)][..], ResponseCode::INVALID_TRANSACTION),
        (&second, &[("TEA", 3, 30_00)], ResponseCode::AMOUNT_LIMIT),
        (&second, &[("TEA", 2, 30_01)], ResponseCode::AMOUNT_LIMIT),
        (&first, &[("SOUP", 1, 70_00)], ResponseCode::AMOUNT_LIMIT),
    ];
    for (of, items, code) in refused {
        assert_eq!(ordered(&mut till, BILL, back(of, items), &two).await.1.code(), code, "{items:?}");
    }
    let (_, tea) = ordered(&mut till, BILL, back(&second, &[("TEA", 1, 15_00)]), &two).await;
    assert_eq!((tea.code(), approved(&tea)), (APPROVED, Some(15_00)));
    assert_eq!(holdings(&site, &two).payable(), held[1] - 30_00, "and 15.00 for the other table");
    assert_eq!(holdings(&site, &one).payable(), 0, "the other part is as it was");
    let (_, cake) = ordered(&mut branch, BILL, back(&first, &[("CAKE", 1, 20_00)]), &one).await;
    assert_eq!((cake.code(), holdings(&site, &one).payable()), (APPROVED, 20_00));

    let parts = journalled(&site, last_index(&gateway), BILL);
    assert_eq!(parts.len(), 2 + refused.len() + 2, "declined or not, both sales and what came back");
    let tenders: Vec<_> = parts.iter().filter_map(|(_, request)| request.body.tenders()).collect();
    let said = tenders.iter().map(|lines| {
        let line = |line: &TenderLine| (line.kind.0, line.amount.get(), line.reference);
        lines.iter().map(line).collect::<Vec<_>>()
    });
    let expected = others.map(|(kind, minor, reference)| {
        (kind, minor, reference.map(|text| text.parse().expect("a reference")))
    });
    assert_eq!(said.collect::<Vec<_>>(), [expected.to_vec()], "kept as they were sent");

    let orders = exported(&site);
    let row = |what: &str, code: &str, card: &Card, minor: i64| -> Row {
        let money = format!("{}.{:02}", minor / 100, minor % 100);
        [what.into(), code.into(), number(card), money, String::new()]
    };
    let done = |row: &&Row| ["00", "10"].contains(&row[1].as_str());
    assert_eq!(
        orders[BILL].iter().filter(done).cloned().collect::<Vec<_>>(),
        [
            row("Purchase", "10", &one, held[0]),
            row("Purchase", "00", &two, 30_00),
            row("Refund", "00", &two, 15_00),
            row("Refund", "00", &one, 20_00),
        ]
    );
    assert_eq!(orders[BILL].len(), parts.len(), "what was declined stands there too");
    assert_eq!(orders["table 13"], [row("Purchase", "00", &two, 15_00)]);
    drop(gateway);
    site.verify();
}
