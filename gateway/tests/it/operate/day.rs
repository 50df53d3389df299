//! The day's files, added up by somebody else.

use std::collections::BTreeMap;
use std::path::Path;

use gateway::domain::{Account, Effect};
use gateway::journal::record::{Origin, Record};
use gateway::storage::Storage;
use protocol::answer::Answer;
use protocol::code::ResponseCode;
use protocol::field::Shift;
use protocol::request::{Header, Request};
use serde_json::Value;

use crate::counter::{Clerk, cards, holdings, last_index, load, purchase, reversal};
use crate::harness::Site;

/// Minor units of an amount with two decimal places, by its digits.
fn minor(amount: &str) -> i64 {
    let (sign, digits) = amount.strip_prefix('-').map_or((1, amount), |digits| (-1, digits));
    let (units, cents) = digits.split_once('.').expect("two decimal places");
    assert_eq!(cents.len(), 2, "{amount}");
    sign * (units.parse::<i64>().expect("units") * 100 + cents.parse::<i64>().expect("cents"))
}

fn lines(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).expect("a CSV file");
    let rows = reader.deserialize::<BTreeMap<String, String>>();
    rows.map(|row| row.expect("a line with every column")).collect()
}

#[tokio::test]
async fn the_days_files_add_up_to_the_journal_and_to_the_cards() {
    let site = Site::new();
    let gateway = site.start();
    let both = cards(&site, 2);
    let mut clerk = Clerk::enrol(&site, &gateway, "T0001", "register").await;
    let mut session = clerk.session(&gateway).await;
    for card in &both {
        clerk.fill(&mut session, card, &[500_00, 99_99]).await;
    }
    // An order reference that a careless CSV would fall over.
    let header = session.value_header(clerk.next_stan()).expect("a header");
    let header = Header {
        shift: Some(Shift::FIRST),
        order_reference: Some("=1+1, \"two\"; drei".parse().expect("text")),
        ..header
    };
    let request = Request { header, body: purchase(&both[0], 12_34) };
    let odd = session.sign(&request, &both[0].sidecar()).expect("a signed message");
    assert_eq!(clerk.send(&mut session, &odd).await.code(), ResponseCode::APPROVED);
    let wrong = clerk.sign(&session, purchase(&both[1], 33_00), &both[1]);
    for body in [purchase(&both[1], 600_00), purchase(&both[1], 9_999_00), reversal(&wrong)] {
        clerk.deal(&mut session, body, &both[1]).await;
    }
    clerk.send(&mut session, &wrong).await;
    let undo = clerk.sign(&session, load(&both[0], 30_00), &both[0]);
    clerk.send(&mut session, &undo).await;
    clerk.deal(&mut session, reversal(&undo), &both[0]).await;

    let date = site.json(&["status"])["business_date"].as_str().expect("a date").to_owned();
    let out = site.beside("day");
    let export = || {
        let said =
            site.json(&["export", "--day", &date, "--format", "csv", "--out", out.to_str().expect("a path")]);
        let read = |name: &str| std::fs::read(out.join(name)).expect("a file");
        (said, ["transactions.csv", "postings.csv", "totals.csv"].map(read))
    };
    let (said, files) = export();
    assert_eq!(export().1, files, "taken again, the same to the byte");

    // From the files.
    let (transactions, postings) = (lines(&out.join("transactions.csv")), lines(&out.join("postings.csv")));
    let mut sums: BTreeMap<(String, u8), i64> = BTreeMap::new();
    let mut named: BTreeMap<(String, String), i64> = BTreeMap::new();
    for line in &postings {
        let kind: u8 = line["kind"].parse().expect("a kind");
        let debit = if kind < 16 { minor(&line["amount"]) } else { line["amount"].parse().expect("points") };
        let account = &line["journal_account"];
        let account = if account.starts_with("card:") { "cards" } else { account };
        *sums.entry((account.to_owned(), kind)).or_default() -= debit;
        *named.entry((line["account"].clone(), line["commodity"].clone())).or_default() += debit;
    }
    let money: i64 = sums.iter().filter(|((_, kind), _)| *kind < 16).map(|(_, sum)| sum).sum();
    let points: i64 = sums.iter().filter(|((_, kind), _)| *kind == 16).map(|(_, sum)| sum).sum();
    assert_eq!((money, points), (0, 0), "double entry");
    let order = transactions.iter().find(|line| line["stan"] == odd.stan.expect("a STAN").get().to_string());
    let order = &order.expect("the odd sale")["order_reference"];
    assert_eq!(order, "'=1+1, \"two\"; drei", "whole, and no formula in anybody's spreadsheet");

    // From the journal, by its own bytes.
    let storage = Storage::open_read_only(&site.data()).expect("the database");
    let number: u32 = date.replace('-', "").parse().expect("a date");
    let mut journal: BTreeMap<(String, u8), i64> = BTreeMap::new();
    let mut decided: BTreeMap<String, u64> = BTreeMap::new();
    let mut entries = 0;
    for row in storage.entries(1, last_index(&gateway)).expect("rows") {
        let (record, _) = Record::decode(&row.record).expect("a record");
        if record.details.business_date != number {
            continue;
        }
        for effect in &record.details.effects {
            let Effect::Posting(posting) = effect else { continue };
            entries += 1;
            let account = match &posting.account {
                Account::Card { .. } => "cards".to_owned(),
                Account::Named(name) => name.clone(),
            };
            *journal.entry((account, posting.kind.0)).or_default() += posting.amount;
        }
        if matches!(record.origin, Origin::Terminal { message, .. } if message >= 0x10) {
            let answer = Answer::decode(&record.answer.expect("an answer")).expect("an answer");
            *decided.entry(format!("{} {}", answer.kind.name(), answer.code)).or_default() += 1;
        }
    }
    assert_eq!((postings.len(), &sums), (entries, &journal));
    let said_entries = said["export"]["entries"].as_object().expect("counts");
    let values = said_entries.iter().filter(|(kind, _)| decided.contains_key(*kind));
    let values: BTreeMap<_, _> =
        values.map(|(kind, count)| (kind.clone(), count.as_u64().expect("a count"))).collect();
    assert_eq!(values, decided);
    assert_eq!(said_entries.values().filter_map(Value::as_u64).sum::<u64>(), last_index(&gateway));
    assert_eq!(transactions.len() as u64, decided.values().sum::<u64>());

    // From the control totals.
    let totals = lines(&out.join("totals.csv"));
    for line in &totals {
        let amount = |column: &str| {
            let text = &line[column];
            if line["commodity"] == "CNY" { minor(text) } else { text.parse().expect("points") }
        };
        let account = (line["account"].clone(), line["commodity"].clone());
        assert_eq!(Some(&amount("closing")), named.get(&account), "{account:?}");
        assert_eq!(
            (amount("opening"), amount("debit") - amount("credit")),
            (0, amount("closing")),
            "{account:?}"
        );
    }
    assert_eq!(totals.len(), named.len());

    // From the cards.
    let held: Vec<_> = both.iter().map(|card| holdings(&site, card)).collect();
    let total = |kind: u8| sums.get(&("cards".to_owned(), kind)).copied().unwrap_or(0);
    assert_eq!(held.iter().map(|card| card.principal).sum::<i64>(), total(1));
    assert_eq!(held.iter().map(|card| card.bonus).sum::<i64>(), total(2));
    assert_eq!(held.iter().map(|card| card.points).sum::<i64>(), total(16));

    let done =
        site.run(&["export", "--day", "1999-12-31", "--out", site.beside("old").to_str().expect("a path")]);
    assert!(done.status.success());
    assert_eq!(done.json["export"]["transactions"], 0, "a day before the journal is empty");
    assert!(!site.run(&["export", "--day", "yesterday", "--out", "x"]).status.success());
}
