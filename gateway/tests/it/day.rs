//! The close of a business day, and its settlement.

mod batch;
mod closing;
mod crash;
mod cut;

use std::collections::BTreeMap;

use gateway::domain::programme::date;
use gateway::journal::record::Record;
use gateway::settlement::{Settlement, settle};
use gateway::storage::Storage;
use protocol::field::Installation;

use crate::harness::Site;

/// Business date (YYYYMMDD) on which an entry would be booked now.
fn today(site: &Site) -> u32 {
    number(site.json(&["status"])["business_date"].as_str().expect("a date"))
}

fn number(dashed: &str) -> u32 {
    dashed.replace('-', "").parse().expect("a date")
}

fn dashed(day: u32) -> String {
    date(day).expect("a date").to_string()
}

/// All records of a site's journal.
fn records(site: &Site) -> Vec<Record> {
    let storage = Storage::open_read_only(&site.data()).expect("the database");
    let rows = storage.entries(1, storage.last_index().expect("a journal")).expect("rows");
    rows.iter().map(|row| Record::decode(&row.record).expect("a record").0).collect()
}

fn settlement(site: &Site, day: u32, store: Option<&str>) -> Settlement {
    let storage = Storage::open_read_only(&site.data()).expect("the database");
    storage.hold_still().expect("still");
    let id = storage.meta("installation").expect("read").expect("there").try_into().expect("16 bytes");
    settle(&storage, &Installation(id), (day, store), |_| ()).expect("a settlement")
}

/// A day's settlement and its export say the same: both are of the journal, and nothing else is shared by what adds them up.
pub(crate) fn agree_with_export(site: &Site, day: &str, name: &str) {
    let out = site.beside(name);
    let said = site.json(&["export", "--day", day, "--out", out.to_str().expect("a path")])["export"].clone();
    let settlement = settlement(site, number(day), None);
    let flow = &settlement.flow;
    let entries: u64 =
        said["entries"].as_object().expect("kinds").values().filter_map(|of| of.as_u64()).sum();
    assert_eq!((entries, &said["complete"]), (flow.entries, &settlement.closed.is_some().into()), "{day}");
    assert_eq!(
        (&said["first_index"], &said["last_index"]),
        (&settlement.first_entry.into(), &settlement.last_entry.into())
    );
    // Debit, credit and closing by the beginning of the account's name.
    let mut totals: BTreeMap<String, [i64; 3]> = BTreeMap::new();
    let mut reader = csv::Reader::from_path(out.join("totals.csv")).expect("totals");
    for line in reader.deserialize::<BTreeMap<String, String>>().map(|line| line.expect("a line")) {
        let columns = ["debit", "credit", "closing"];
        totals.insert(
            line["account"].clone(),
            columns.map(|column| line[column].replace('.', "").parse().expect("an amount")),
        );
    }
    let sum = |begins: &str, ends: &str| {
        let of = totals.iter().filter(|(name, _)| name.starts_with(begins) && name.ends_with(ends));
        of.fold([0; 3], |sums, (_, line)| [sums[0] + line[0], sums[1] + line[1], sums[2] + line[2]])
    };
    let net = |begins: &str, ends: &str| sum(begins, ends)[0] - sum(begins, ends)[1];
    let tenders: [i64; 2] = flow
        .tenders
        .values()
        .fold([0; 2], |sums, tender| [sums[0] + tender.in_minor, sums[1] + tender.out_minor]);
    assert_eq!(tenders, [sum("Assets:Clearing:", "")[0], sum("Assets:Clearing:", "")[1]], "{day}");
    for (tender, amounts) in &flow.tenders {
        let [debit, credit, _] = sum("Assets:Clearing:", &format!(":{tender}"));
        assert_eq!([amounts.in_minor, amounts.out_minor], [debit, credit], "{day} {tender}");
    }
    assert_eq!(flow.paid.amount_minor, -net("Income:Redemption:", ""), "{day}");
    assert_eq!(flow.refunded.amount_minor, net("Income:Refunds:", ""), "{day}");
    assert_eq!(flow.bonus_minor, net("Expenses:Bonus:", ""), "{day}");
    assert_eq!(flow.expired_minor, -net("Income:Breakage:Cards:", ""), "{day}");
    let points: i64 = flow.points.values().map(|points| points.issued - points.redeemed).sum();
    assert_eq!(points, net("Expenses:Points:", "") + net("Expenses:Adjustments:", ""), "{day}");
    for (store, batch) in &settlement.stores {
        assert_eq!(
            batch.flow.paid.amount_minor,
            -net(&format!("Income:Redemption:{store}"), ""),
            "{day} {store}"
        );
        assert_eq!(
            batch.flow.refunded.amount_minor,
            net(&format!("Income:Refunds:{store}"), ""),
            "{day} {store}"
        );
    }
    let held = settlement.held.as_ref().expect("of all stores");
    let owed = |begins: &str| -sum(begins, "")[2];
    assert_eq!(
        [held.principal_minor, held.bonus_minor, held.suspense_minor],
        ["Liabilities:Cards:Principal:", "Liabilities:Cards:Bonus:", "Liabilities:Suspense:"].map(owed),
        "{day}"
    );
    assert_eq!(
        [&held.points, &held.pending].map(|points| points.values().sum::<i64>()),
        ["Liabilities:Points:", "Liabilities:PendingPoints:"].map(owed),
        "{day}"
    );
}
