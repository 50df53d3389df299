//! What is owed to card holders at the end of a business date: every lot that is on a card by then.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use jiff::civil::Date;

use super::sheet::{Cell, Sheet, Table};
use super::{Products, Programmes, Source, TO_THE_END, add, card_legs, kind_name, month, walk};
use crate::domain::Programme;
use crate::domain::card::CardReference;
use crate::domain::effect::Account;
use crate::domain::ledger::Kind;
use crate::domain::programme::date;
use crate::finance::book::Commodity;
use crate::finance::files::dashed;
use crate::finance::take::number;

const NOTES: [&str; 3] = [
    "The sums are the closing balances of the exports of that day: what is booked. What has expired by then and waits for its booking is in a month that is over.",
    "Age counts from the business date of the entry that first opened the lot; what joined it later is as old. The month of expiry is that of the last \
     business date on which it can be spent, of pending points that in which they can be spent from then on.",
    "Points have no books by store, and no money value here (FINANCE.md).",
];
/// Days that a lot is old, up to and including; the last has no end.
const AGES: [(i64, &str); 6] = [
    (30, "up to 30 days"),
    (90, "31 to 90 days"),
    (180, "91 to 180 days"),
    (365, "181 to 365 days"),
    (730, "366 to 730 days"),
    (i64::MAX, "over 730 days"),
];

/// A label with what sorts it, the kind, and what it is counted in.
type Key = ((u32, String), u8, Commodity);

#[derive(Debug)]
struct Held {
    kind: Kind,
    commodity: Commodity,
    amount: i64,
    expires: Option<i64>,
    source: u64,
}

/// Business dates of entries, by the first entry of each.
#[derive(Debug, Default)]
struct Dates(Vec<(u64, u32)>);

impl Dates {
    fn note(&mut self, index: u64, date: u32) {
        if self.0.last().is_none_or(|last| last.1 != date) {
            self.0.push((index, date));
        }
    }

    fn of(&self, index: u64) -> Option<u32> {
        let at = self.0.partition_point(|(first, _)| *first <= index).checked_sub(1)?;
        self.0.get(at).map(|(_, date)| *date)
    }
}

pub(super) fn report(source: Source<'_>, as_of: Option<Date>, progress: impl FnMut(u64)) -> Result<Sheet> {
    let to = as_of.map(number).transpose()?.unwrap_or(TO_THE_END);
    let (mut products, mut programmes, mut dates) =
        (Products::default(), Programmes::default(), Dates::default());
    let mut lots: BTreeMap<(CardReference, u32), Held> = BTreeMap::new();
    let mut time = 0;
    let walked = walk(source, (0, to), progress, |step| {
        products.note(step.record);
        programmes.note(step.record)?;
        dates.note(step.transaction.index, step.transaction.business_date);
        time = step.record.details.time_ms;
        for (leg, _) in card_legs(step.transaction) {
            let Account::Card { card, lot, expires, source } = &leg.posting.account else { continue };
            let key = (*card, *lot);
            let held = lots.entry(key).or_insert_with(|| Held {
                kind: leg.posting.kind,
                commodity: leg.commodity.clone(),
                amount: 0,
                expires: *expires,
                source: *source,
            });
            add(&mut held.amount, leg.posting.amount)?;
            if held.amount == 0 {
                lots.remove(&key);
            }
        }
        Ok(())
    })?;
    let last = walked.last.filter(|_| as_of.is_none()).unwrap_or(to);
    let today = date(last).context("the journal is empty")?;
    let programme = programmes.at(time.div_euclid(1000));
    let label = |part: Part, (card, _): &(CardReference, u32), held: &Held| -> Result<(u32, String)> {
        Ok(match part {
            Part::Kind => (0, String::new()),
            Part::Store => (0, walked.homes.of(held.source).unwrap_or_default().to_owned()),
            Part::Product => (0, products.of(*card)),
            Part::Age => age(dates.of(held.source).and_then(date), today)?,
            Part::Expiry => expiry(programme, held.expires)?,
        })
    };
    let by = |key, title, column: &[&'static str], part: Part| -> Result<Table> {
        let mut sums: BTreeMap<Key, (u64, i64)> = BTreeMap::new();
        for (of, held) in &lots {
            if part == Part::Store && !held.kind.is_money() {
                continue;
            }
            let (count, sum) =
                sums.entry((label(part, of, held)?, held.kind.0, held.commodity.clone())).or_default();
            *count = count.saturating_add(1);
            add(sum, held.amount)?;
        }
        let columns: Vec<_> = column.iter().copied().chain(["what", "in", "lots", "owed"]).collect();
        let mut table = Table::new(key, title, &columns).drawing("owed");
        for (((_, label), kind, commodity), (count, sum)) in sums {
            let label = (part != Part::Kind).then_some(Cell::Text(label));
            let cells = [
                Cell::Text(kind_name(Kind(kind))),
                Cell::text(&commodity.name),
                Cell::Count(count),
                Cell::Amount(sum, commodity),
            ];
            table.rows.push(label.into_iter().chain(cells).collect());
        }
        Ok(table)
    };
    Ok(Sheet {
        report: "liability",
        title: "What is owed to card holders",
        period: dashed(last),
        complete: walked.complete,
        tables: vec![
            by("by_kind", "By kind", &[], Part::Kind)?,
            by("by_store", "By store", &["store"], Part::Store)?,
            by("by_product", "By product", &["product"], Part::Product)?,
            by("by_age", "By age", &["age"], Part::Age)?,
            by("by_expiry", "By month of expiry", &["month"], Part::Expiry)?,
        ],
        notes: NOTES.to_vec(),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Kind,
    Store,
    Product,
    Age,
    Expiry,
}

fn age(opened: Option<Date>, today: Date) -> Result<(u32, String)> {
    let opened = opened.context("a lot names an entry that is not there")?;
    let days = i64::from(opened.until(today).context("an age")?.get_days());
    let found = (0..).zip(AGES).find(|(_, (most, _))| days <= *most);
    let (at, (_, name)) = found.context("an age")?;
    Ok((at, name.to_owned()))
}

fn expiry(programme: Option<&Programme>, expires: Option<i64>) -> Result<(u32, String)> {
    let Some(expires) = expires else { return Ok((u32::MAX, "never".into())) };
    let last = expires.checked_mul(1000).and_then(|ms| ms.checked_sub(1)).context("the end of a lot")?;
    let programme = programme.context("the journal has no programme")?;
    let last = programme.business_date(last).ok().context("the end of a lot")? / 100;
    Ok((last, month(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_begin_and_end_where_they_say() {
        let today = Date::constant(2027, 3, 1);
        for (days, wanted) in [
            (0, "up to 30 days"),
            (30, "up to 30 days"),
            (31, "31 to 90 days"),
            (90, "31 to 90 days"),
            (91, "91 to 180 days"),
            (180, "91 to 180 days"),
            (181, "181 to 365 days"),
            (365, "181 to 365 days"),
            (366, "366 to 730 days"),
            (730, "366 to 730 days"),
            (731, "over 730 days"),
        ] {
            let opened = today.checked_sub(jiff::Span::new().days(days)).expect("a date");
            assert_eq!(age(Some(opened), today).expect("an age").1, wanted, "{days}");
        }
    }

    #[test]
    fn an_entry_has_the_date_of_the_last_change_before_it() {
        let mut dates = Dates::default();
        for (index, date) in [(1, 5), (2, 5), (3, 7), (4, 7), (5, 9)] {
            dates.note(index, date);
        }
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6].map(|index| dates.of(index)),
            [None, Some(5), Some(5), Some(7), Some(7), Some(9), Some(9)]
        );
    }
}
