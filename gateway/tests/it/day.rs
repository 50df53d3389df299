//! The close of a business day, and its settlement.

mod batch;
mod crash;
mod cut;

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
