//! Finance's reports say what the exports say, and the same whenever they are taken.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::trading::{lines, path, units};
use crate::harness::Site;

/// A row's texts and numbers by their columns.
fn rows<'a>(report: &'a Value, table: &str) -> &'a Vec<Value> {
    report[table].as_array().unwrap_or_else(|| panic!("no table {table} in {report}"))
}

fn of(row: &Value, column: &str) -> i64 {
    units(row[column].as_str().unwrap_or_else(|| panic!("no {column} in {row}")))
}

fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row[column].as_str().unwrap_or_else(|| panic!("no {column} in {row}"))
}

/// Sums of a column by the texts of others.
fn sums(report: &Value, table: &str, by: &[&str], column: &str) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for row in rows(report, table) {
        let key: Vec<&str> = by.iter().map(|by| text(row, by)).collect();
        *sums.entry(key.join(" ")).or_default() += of(row, column);
    }
    sums
}

/// What accounts that begin so stand at, and have moved by, in totals.csv.
fn accounts(out: &Path, begins: &str) -> (i64, i64) {
    let all = lines(&out.join("totals.csv"));
    let own: Vec<_> = all.iter().filter(|line| line["account"].starts_with(begins)).collect();
    let sum = |column: &str| own.iter().map(|line| units(&line[column])).sum::<i64>();
    (sum("closing"), sum("debit") - sum("credit"))
}

/// Every report of a day against the export of that day, which is the journal's only one.
pub(super) fn agree(site: &Site, date: &str, out: &Path) {
    let liability = site.json(&["report", "liability", "--as-of", date]);
    assert_eq!(liability, site.json(&["report", "liability"]), "the journal ends on that day");
    let owed = sums(&liability, "by_kind", &["what"], "owed");
    for (what, begins) in [
        ("principal", "Liabilities:Cards:Principal:"),
        ("bonus", "Liabilities:Cards:Bonus:"),
        ("points", "Liabilities:Points:"),
    ] {
        assert_eq!(owed[what], -accounts(out, begins).0, "{what}");
        for table in ["by_product", "by_age", "by_expiry"] {
            assert_eq!(sums(&liability, table, &["what"], "owed")[what], owed[what], "{what} {table}");
        }
    }
    assert_eq!(text(&rows(&liability, "by_age")[0], "age"), "up to 30 days");
    for store in ["S001", "S002"] {
        let at = sums(&liability, "by_store", &["store", "what"], "owed");
        let wanted = -accounts(out, &format!("Liabilities:Cards:Principal:{store}")).0;
        assert_eq!(at[&format!("{store} principal")], wanted, "{store}");
    }

    let days = ["--from", date, "--to", date];
    let take = |report: &str| site.json(&[&["report", report], &days[..]].concat());
    let interstore = take("interstore");
    let settlement = rows(&interstore, "settlement");
    assert_eq!(settlement.len(), 1);
    assert_eq!((text(&settlement[0], "debtor"), text(&settlement[0], "creditor")), ("S001", "S002"));
    assert_eq!(of(&settlement[0], "closing"), accounts(out, "Assets:InterStore:S002:S001").0);
    assert_eq!(of(&settlement[0], "owed") - of(&settlement[0], "owed_back"), of(&settlement[0], "closing"));
    let matrix = sums(&interstore, "matrix", &["store", "other"], "is_owed");
    assert_eq!(matrix["S001 S002"], -matrix["S002 S001"]);

    bonus(&take("bonus"), out);
    assert!(rows(&take("breakage"), "by_kind").is_empty() && accounts(out, "Income:Breakage:") == (0, 0));
    exceptions(&take("exceptions"));

    for report in ["liability", "interstore", "exceptions", "bonus", "breakage"] {
        let period: &[&str] = if report == "liability" { &["--as-of", date] } else { &days };
        let page = |name: &str| {
            let file = path(site, name);
            site.json(&[&["report", report, "--html", &file], period].concat());
            std::fs::read_to_string(file).expect("a page")
        };
        let (one, again) = (page(&format!("{report}.html")), page(&format!("{report}-again.html")));
        assert_eq!(one, again, "{report}: taken again, the same to the byte");
        assert!(one.starts_with("<!DOCTYPE html>") && !one.contains("<script"), "{report}");
    }
}

fn bonus(bonus: &Value, out: &Path) {
    let all = &rows(bonus, "in_all")[0];
    let (cost, _) = accounts(out, "Expenses:Bonus:");
    assert_eq!(of(all, "given") - of(all, "clawed_back"), cost);
    assert!(of(all, "given") > 0);
    assert_eq!(of(all, "closing"), -accounts(out, "Liabilities:Cards:Bonus:").0);
    for table in ["by_rule", "by_tier", "by_store"] {
        for column in ["given", "clawed_back", "spent", "came_back", "moved", "expired", "closing"] {
            let sum: i64 = rows(bonus, table).iter().map(|row| of(row, column)).sum();
            assert_eq!(sum, of(all, column), "{table} {column}");
        }
    }
    let by_rule = sums(bonus, "by_rule", &["rule"], "given");
    assert_eq!(by_rule.keys().collect::<Vec<_>>(), ["load-steps"], "{bonus}");
    let steps = sums(bonus, "by_tier", &["load_from"], "given");
    assert_eq!(
        steps,
        BTreeMap::from([("100.00".to_owned(), 3 * 5_00), ("300.00".to_owned(), 3 * 20_00)]),
        "{bonus}"
    );
}

/// What the test's day had at each till.
fn exceptions(report: &Value) {
    let mut found: BTreeMap<(String, String), (u64, usize)> = BTreeMap::new();
    for row in rows(report, "by_terminal") {
        let entries = row["entries"].as_array().expect("entries").len();
        let number = row["number"].as_u64().expect("a number");
        found.insert((text(row, "terminal").into(), text(row, "what").into()), (number, entries));
    }
    for (terminal, what, number) in [
        ("T0001", "void", 1),
        ("T0001", "refund", 1),
        ("T0002", "void", 1),
        ("T0002", "refund", 3),
        ("T0002", "reversal", 1),
    ] {
        let of = (terminal.to_owned(), what.to_owned());
        assert_eq!(
            found.remove(&of),
            Some((number, usize::try_from(number).expect("few"))),
            "{terminal} {what}"
        );
    }
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(rows(report, "entries").len(), 7);
    let refunds =
        rows(report, "by_terminal").iter().find(|row| row["what"] == "refund" && row["terminal"] == "T0002");
    // Of a purchase, three refunds, a void, a reversal and a load.
    assert_eq!(refunds.map(|row| (&row["of"], &row["rate"])), Some((&Value::from(7), &Value::from("42.85"))));
}
