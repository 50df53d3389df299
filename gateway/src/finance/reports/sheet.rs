//! What a report says, before anybody decides how it looks: tables of cells, in a constant order.

use serde_json::{Map, Value, json};

use crate::finance::book::{Commodity, shown};

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// The command's word.
    pub report: &'static str,
    pub title: &'static str,
    /// Business dates, `2026-11-01 to 2026-11-30` or `2026-11-30`.
    pub period: String,
    /// Its last business date is closed: nothing of it can change any more.
    pub complete: bool,
    pub tables: Vec<Table>,
    /// What has to be known to read it rightly.
    pub notes: Vec<&'static str>,
}

/// A table; its first columns say what, the others how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// In JSON.
    pub key: &'static str,
    pub title: &'static str,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// The column that a chart draws.
    pub drawn: Option<usize>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Text(String),
    Count(u64),
    /// Of money or points.
    Amount(i64, Commodity),
    /// A part of a whole.
    Share(u64, u64),
    /// Indices of entries, rising.
    Entries(Vec<u64>),
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// As people read it.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Amount(amount, commodity) => shown(*amount, commodity.exponent),
            Self::Share(part, whole) => {
                share(*part, *whole).map_or_else(String::new, |share| format!("{share} %"))
            }
            Self::Entries(entries) => entries.iter().map(u64::to_string).collect::<Vec<_>>().join(" "),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Count(count) => json!(count),
            Self::Entries(entries) => json!(entries),
            Self::Share(part, whole) => share(*part, *whole).map_or(Value::Null, Value::String),
            Self::Text(_) | Self::Amount(..) => Value::String(self.shown()),
        }
    }

    /// Numbers stand at the right.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Count(_) | Self::Amount(..) | Self::Share(..))
    }

    /// How long its bar is.
    #[must_use]
    pub fn length(&self) -> i64 {
        match self {
            Self::Count(count) => i64::try_from(*count).unwrap_or(i64::MAX),
            Self::Amount(amount, _) => *amount,
            Self::Share(part, whole) => hundredths(*part, *whole).unwrap_or(0),
            Self::Text(_) | Self::Entries(_) => 0,
        }
    }
}

/// Hundredths of a percent, rounded down; `None` of nothing.
fn hundredths(part: u64, whole: u64) -> Option<i64> {
    let share = u128::from(part).checked_mul(10_000)?.checked_div(u128::from(whole))?;
    i64::try_from(share).ok()
}

/// A share in percent, rounded down to two places.
fn share(part: u64, whole: u64) -> Option<String> {
    hundredths(part, whole).map(|share| shown(share, 2))
}

impl Table {
    /// With no rows yet.
    #[must_use]
    pub fn new(key: &'static str, title: &'static str, columns: &[&'static str]) -> Self {
        Self { key, title, columns: columns.to_vec(), rows: Vec::new(), drawn: None }
    }

    /// The same, with a chart of a column.
    #[must_use]
    pub fn drawing(mut self, column: &str) -> Self {
        self.drawn = self.columns.iter().position(|named| *named == column);
        self
    }

    fn json(&self) -> Value {
        let row = |row: &Vec<Cell>| -> Value {
            let cells = self.columns.iter().zip(row);
            cells.map(|(column, cell)| (column.replace(' ', "_"), cell.json())).collect::<Map<_, _>>().into()
        };
        self.rows.iter().map(row).collect()
    }
}

impl Sheet {
    /// For scripts: amounts are texts with all decimal places, entries lists of numbers.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut all = json!({ "report": self.report, "period": self.period, "complete": self.complete,
            "notes": self.notes });
        for table in &self.tables {
            all[table.key] = table.json();
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_down_to_a_hundredth_of_a_percent() {
        for (part, whole, wanted) in [
            (0, 7, "0.00 %"),
            (1, 3, "33.33 %"),
            (2, 3, "66.66 %"),
            (7, 7, "100.00 %"),
            (1, 20_000, "0.00 %"),
            (0, 0, ""),
        ] {
            assert_eq!(Cell::Share(part, whole).shown(), wanted);
        }
        assert_eq!(Cell::Share(u64::MAX, u64::MAX).shown(), "100.00 %");
    }
}
