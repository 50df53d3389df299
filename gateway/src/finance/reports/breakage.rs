//! What expired unspent (沉淀), by kind, product, store and month.

use std::collections::BTreeMap;

use anyhow::Result;

use super::sheet::{Cell, Sheet, Table};
use super::{Products, Source, add, card_legs, kind_name, month, numbers, walk, words};
use crate::domain::effect::Account;
use crate::finance::book::Commodity;
use crate::finance::take::Period;

/// Month, store, product and kind.
type Key = (u32, String, String, (u8, Commodity));

const NOTE: &str = "Money is booked as breakage in the store where its lot was opened, whoever books it and when; points have no books by store, and \
    stand beside the store of the entry that first opened their lot, which later points of the same end have joined. The month is that of the booking.";

pub(super) fn report(source: Source<'_>, period: Period, progress: impl FnMut(u64)) -> Result<Sheet> {
    let mut products = Products::default();
    let mut sums: BTreeMap<Key, i64> = BTreeMap::new();
    let walked = walk(source, numbers(period)?, progress, |step| {
        products.note(step.record);
        for (leg, expired) in card_legs(step.transaction).filter(|_| step.within) {
            let Account::Card { card, source, .. } = &leg.posting.account else { continue };
            if !expired {
                continue;
            }
            let home = step.homes.of(*source).unwrap_or_default().to_owned();
            let kind = (leg.posting.kind.0, leg.commodity.clone());
            let key = (step.transaction.business_date / 100, home, products.of(*card), kind);
            add(sums.entry(key).or_default(), leg.amount)?;
        }
        Ok(())
    })?;
    let by = |key: &'static str,
              title,
              columns: &[&'static str],
              part: fn(&Key) -> Vec<String>|
     -> Result<Table> {
        let mut grouped: BTreeMap<(Vec<String>, (u8, Commodity)), i64> = BTreeMap::new();
        for (of, amount) in &sums {
            add(grouped.entry((part(of), of.3.clone())).or_default(), *amount)?;
        }
        let columns: Vec<_> = columns.iter().copied().chain(["what", "in", "expired"]).collect();
        let mut table = Table::new(key, title, &columns).drawing("expired");
        for ((labels, (kind, commodity)), amount) in grouped {
            let mut row: Vec<Cell> = labels.into_iter().map(Cell::Text).collect();
            row.push(Cell::Text(kind_name(crate::domain::Kind(kind))));
            row.extend([Cell::text(&commodity.name), Cell::Amount(amount, commodity)]);
            table.rows.push(row);
        }
        Ok(table)
    };
    Ok(Sheet {
        report: "breakage",
        title: "Breakage",
        period: words(period),
        complete: walked.complete,
        tables: vec![
            by("by_kind", "By kind", &[], |_| Vec::new())?,
            by("by_month", "By month", &["month"], |key| vec![month(key.0)])?,
            by("by_store", "By store", &["store"], |key| vec![key.1.clone()])?,
            by("by_product", "By product", &["product"], |key| vec![key.2.clone()])?,
        ],
        notes: vec![NOTE],
    })
}
