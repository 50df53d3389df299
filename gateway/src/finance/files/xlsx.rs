//! A workbook for whoever has a spreadsheet and nothing else: the summary first, then accounts, transactions and legs. Amounts are
//! numbers. What is not needed for that is in the CSV files.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rust_decimal::Decimal;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet};

use super::{Counted, Form, Head, dashed};
use crate::finance::book::{Book, Commodity};
use crate::finance::entry::Transaction;
use crate::finance::manifest::FileLine;

const NAME: &str = "finance.xlsx";
/// Rows of a sheet.
const ROWS: u32 = 1_048_576;
/// What a spreadsheet keeps of a number to the last digit.
const LARGEST: i64 = 999_999_999_999_999;
const SHEETS: [(&str, &[&str]); 4] = [
    ("Summary", &["what", "value"]),
    ("Accounts", &["account", "in", "opening", "debit", "credit", "closing"]),
    (
        "Transactions",
        &["entry", "time", "business date", "store", "what", "code", "terminal", "card", "person", "order"],
    ),
    ("Postings", &["entry", "business date", "store", "account", "in", "debit", "credit"]),
];
const SUMMARY: usize = 0;
const ACCOUNTS: usize = 1;
const TRANSACTIONS: usize = 2;
const POSTINGS: usize = 3;

pub(super) struct Xlsx {
    head: Head,
    file: Counted,
    workbook: Workbook,
    /// The next row of each sheet.
    next: [u32; 4],
}

/// What a cell holds.
enum Cell<'a> {
    Text(&'a str),
    Count(u64),
    Amount(i64, &'a Commodity),
}

impl Xlsx {
    pub(super) fn new(head: &Head, directory: &Path) -> Result<Self> {
        let file = Counted::create(directory, NAME)?;
        let mut workbook = Workbook::new();
        // Rows wait on the disk where the export will be, not in memory.
        workbook.set_tempdir(directory)?;
        let made = ExcelDateTime::from_ymd(2000, 1, 1)?;
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
        let bold = Format::new().set_bold();
        for (name, columns) in SHEETS {
            let sheet = workbook.add_worksheet_with_constant_memory();
            let sheet = sheet?.set_name(name)?.set_freeze_panes(1, 0)?;
            for (at, column) in (0_u16..).zip(columns) {
                sheet.set_column_width_pixels(at, width(column))?;
                sheet.write_string_with_format(0, at, *column, &bold)?;
            }
        }
        Ok(Self { head: head.clone(), file, workbook, next: [1; 4] })
    }

    fn row(&mut self, sheet: usize, cells: &[Cell<'_>]) -> Result<()> {
        let row = self.next[sheet];
        ensure!(row < ROWS, "a sheet of a workbook has at most {ROWS} rows; take a shorter period, or CSV");
        self.next[sheet] = row.saturating_add(1);
        let sheet = self.workbook.worksheet_from_index(sheet)?;
        (0_u16..).zip(cells).try_for_each(|(at, cell)| cell.write(sheet, row, at))
    }
}

impl Cell<'_> {
    fn write(&self, sheet: &mut Worksheet, row: u32, at: u16) -> Result<()> {
        match self {
            Self::Text(text) => sheet.write_string(row, at, *text)?,
            Self::Count(count) => sheet.write_with_format(row, at, Decimal::from(*count), &Format::new())?,
            Self::Amount(amount, commodity) => {
                let exact = amount.checked_abs().is_some_and(|amount| amount <= LARGEST);
                ensure!(exact, "{amount} has more digits than a spreadsheet keeps; take CSV");
                let places = "0".repeat(usize::from(commodity.exponent));
                let format = if places.is_empty() { "#,##0".to_owned() } else { format!("#,##0.{places}") };
                let amount = Decimal::new(*amount, u32::from(commodity.exponent));
                sheet.write_with_format(row, at, amount, &Format::new().set_num_format(format))?
            }
        };
        Ok(())
    }
}

impl Form for Xlsx {
    fn begin(&mut self, _: &Book) -> Result<()> {
        Ok(())
    }

    fn transaction(&mut self, t: &Transaction) -> Result<()> {
        use Cell::{Amount, Count, Text};
        let date = dashed(t.business_date);
        let said = [&t.store, &t.what, &t.code, &t.terminal, &t.card, &t.person, &t.order_reference];
        let mut cells = vec![Count(t.index), Text(&t.time), Text(&date)];
        cells.extend(said.map(|text| Text(text)));
        self.row(TRANSACTIONS, &cells)?;
        for leg in &t.legs {
            let side = Amount(leg.posting.amount.saturating_abs(), &leg.commodity);
            let (debit, credit) = if leg.amount > 0 { (side, Text("")) } else { (Text(""), side) };
            let place = [
                Count(t.index),
                Text(&date),
                Text(&leg.store),
                Text(&leg.account),
                Text(&leg.commodity.name),
            ];
            let cells: Vec<_> = place.into_iter().chain([debit, credit]).collect();
            self.row(POSTINGS, &cells)?;
        }
        Ok(())
    }

    fn end(mut self: Box<Self>, book: &Book) -> Result<Vec<FileLine>> {
        use Cell::{Amount, Count, Text};
        let mut controls: BTreeMap<&Commodity, [i64; 2]> = BTreeMap::new();
        for ((account, commodity), balance) in &book.balances {
            let closing = balance.closing().context("a balance leaves the range")?;
            let amounts = [balance.opening, balance.debit, balance.credit, closing];
            let cells = [Text(account), Text(&commodity.name)].into_iter();
            let cells: Vec<_> = cells.chain(amounts.map(|amount| Amount(amount, commodity))).collect();
            self.row(ACCOUNTS, &cells)?;
            for (sum, side) in
                controls.entry(commodity).or_default().iter_mut().zip([balance.debit, balance.credit])
            {
                *sum = sum.checked_add(side).context("a control total leaves the range")?;
            }
        }
        let (from, to) = (self.head.from.to_string(), self.head.to.to_string());
        let store = self.head.store.clone().unwrap_or_else(|| "all".into());
        let lines = |sheet: usize| Count(u64::from(self.next[sheet].saturating_sub(1)));
        let (transactions, postings) = (lines(TRANSACTIONS), lines(POSTINGS));
        for (what, value) in [
            ("first business date", Text(&from)),
            ("last business date", Text(&to)),
            ("store", Text(&store)),
            ("transactions", transactions),
            ("postings", postings),
        ] {
            self.row(SUMMARY, &[Text(what), value])?;
        }
        for (commodity, [debit, credit]) in controls {
            for (what, sum) in [("all debits in", debit), ("all credits in", credit)] {
                self.row(SUMMARY, &[Text(&format!("{what} {}", commodity.name)), Amount(sum, commodity)])?;
            }
        }
        self.workbook.save_to_writer(&mut self.file)?;
        Ok(vec![self.file.finish()?])
    }
}

/// Wide enough to read, by what is in the column.
fn width(column: &str) -> u32 {
    match column {
        "account" | "what" => 260,
        "time" | "card" | "value" | "order" => 180,
        _ => 110,
    }
}
