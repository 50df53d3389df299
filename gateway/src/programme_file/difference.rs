//! What one programme document changes of another, in a shop manager's words.
//!
//! It goes by the structure of TOML alone, so that kinds of rules that come later need nothing here.

use rust_decimal::Decimal;
use serde::Serialize;
use toml::{Table, Value};

use super::{Problem, line_of};

/// Keys that say which entry of a list is which: the first that all of them have, each another one.
const NAMES: [&str; 10] =
    ["rule", "key", "code", "tier", "item", "activity", "entitlement", "alert", "name", FROM];
/// What a step is known by.
const FROM: &str = "from";

/// One difference. What is meant by `place` reads `load_bonus "load-steps": step from 500.00`; it is empty for the file itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Difference {
    /// A value is another one; `None` where it was or is left out.
    Value { place: String, key: String, old: Option<String>, new: Option<String> },
    /// A table or an entry of a list that there was not.
    New { place: String, what: String },
    /// A table or an entry of a list that there is no more.
    Gone { place: String },
    /// The entries of a list that both have come in another order.
    Order { place: String, old: String, new: String },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value { place, key, old, new } => {
                if !place.is_empty() {
                    write!(f, "{place}: ")?;
                }
                match (old, new) {
                    (Some(old), Some(new)) => write!(f, "{key} {old} -> {new}"),
                    (None, Some(new)) => write!(f, "{key} {new} (was left out)"),
                    (Some(old), None) => write!(f, "{key} left out (was {old})"),
                    (None, None) => write!(f, "{key}"),
                }
            }
            Self::New { place, what } if what.is_empty() => write!(f, "new: {place}"),
            Self::New { place, what } => write!(f, "new: {place} ({what})"),
            Self::Gone { place } => write!(f, "gone: {place}"),
            Self::Order { place, old, new } => write!(f, "{place}: order changed, {old} -> {new}"),
        }
    }
}

/// Everything that `new` changes of `old`; nothing when they say the same. Comments and layout do not count, and `5` is `5.00`.
///
/// # Errors
/// Where a document is no TOML.
pub fn differences(old: &str, new: &str) -> Result<Vec<Difference>, Problem> {
    let mut found = Vec::new();
    tables("", &read(old)?, &read(new)?, &mut found);
    Ok(found)
}

fn read(document: &str) -> Result<Table, Problem> {
    document.parse::<Table>().map_err(|error| Problem {
        line: error.span().map(|span| line_of(document, span.start)),
        message: error.message().to_owned(),
    })
}

fn tables(place: &str, old: &Table, new: &Table, found: &mut Vec<Difference>) {
    for (key, was) in old {
        match new.get(key) {
            Some(is) => values(place, key, was, is, found),
            None => alone(place, key, was, false, found),
        }
    }
    for (key, is) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
        alone(place, key, is, true, found);
    }
}

/// A table's key in both documents.
fn values(place: &str, key: &str, old: &Value, new: &Value, found: &mut Vec<Difference>) {
    match (old, new) {
        (Value::Table(old), Value::Table(new)) => tables(&below(place, key), old, new, found),
        (Value::Array(old), Value::Array(new)) if of_tables(old) && of_tables(new) => {
            lists(place, key, old, new, found);
        }
        _ if same(old, new) => {}
        _ => found.push(Difference::Value {
            place: place.into(),
            key: key.into(),
            old: Some(words(old)),
            new: Some(words(new)),
        }),
    }
}

/// A key that only one of the documents has: the new one, or the old one.
fn alone(place: &str, key: &str, value: &Value, is_new: bool, found: &mut Vec<Difference>) {
    match value {
        // A table of tables is a heading: its tables are what came or went.
        Value::Table(inner) if !inner.is_empty() && inner.values().all(Value::is_table) => {
            inner.iter().for_each(|(name, value)| alone(&below(place, key), name, value, is_new, found));
        }
        Value::Table(_) => found.push(whole(below(place, key), value, is_new)),
        Value::Array(items) if of_tables(items) => {
            let (old, new) = if is_new { (&[][..], &items[..]) } else { (&items[..], &[][..]) };
            lists(place, key, old, new, found);
        }
        _ => {
            let (old, new) = if is_new { (None, Some(words(value))) } else { (Some(words(value)), None) };
            found.push(Difference::Value { place: place.into(), key: key.into(), old, new });
        }
    }
}

/// Lists of tables, whose entries are known by a name.
fn lists(place: &str, key: &str, old: &[Value], new: &[Value], found: &mut Vec<Difference>) {
    let both = || old.iter().chain(new);
    let named = || NAMES.into_iter().filter(|name| both().all(|entry| entry.get(name).is_some()));
    let distinct = |list: &[Value], name| entries(list, Some(name)).iter().all(|(_, nth)| *nth == 0);
    let name = named().find(|name| distinct(old, name) && distinct(new, name)).or_else(|| named().next());
    let list = if place.is_empty() { key.to_owned() } else { format!("{place}: {key}") };
    let (old, new) = (entries(old, name), entries(new, name));
    let label = |(entry, nth): &(&Value, usize)| label(&list, name, entry, *nth);
    let mut kept = Vec::new();
    for was in &old {
        match new.iter().position(|is| matches(name, was, is)) {
            Some(at) => {
                kept.push((at, was));
                if let (Value::Table(was_table), Value::Table(is)) = (was.0, new[at].0) {
                    tables(&label(was), was_table, is, found);
                }
            }
            None => found.push(whole(label(was), was.0, false)),
        }
    }
    for is in new.iter().filter(|is| !old.iter().any(|was| matches(name, was, is))) {
        let mut what = is.0.clone();
        if let (Value::Table(what), Some(name)) = (&mut what, name) {
            what.remove(name);
        }
        found.push(whole(label(is), &what, true));
    }
    if !kept.is_sorted_by_key(|(at, _)| *at) {
        let told = |kept: &[(usize, &(&Value, usize))]| {
            let names = kept
                .iter()
                .map(|(_, (entry, _))| name.and_then(|name| entry.get(name)).map_or_else(String::new, words));
            names.collect::<Vec<_>>().join(", ")
        };
        let before = told(&kept);
        kept.sort_by_key(|(at, _)| *at);
        found.push(Difference::Order { place: list, old: before, new: told(&kept) });
    }
}

/// Each entry with how many of its name came before it; without a name, its place in the list.
fn entries<'a>(list: &'a [Value], name: Option<&str>) -> Vec<(&'a Value, usize)> {
    let counted = list.iter().enumerate().map(|(at, entry)| {
        let alike = |other: &&Value| name.is_none_or(|name| named_alike(name, entry, other));
        (entry, list.iter().take(at).filter(alike).count())
    });
    counted.collect()
}

fn matches(name: Option<&str>, one: &(&Value, usize), other: &(&Value, usize)) -> bool {
    one.1 == other.1 && name.is_none_or(|name| named_alike(name, one.0, other.0))
}

fn named_alike(name: &str, one: &Value, other: &Value) -> bool {
    one.get(name).zip(other.get(name)).is_some_and(|(one, other)| same(one, other))
}

fn label(list: &str, name: Option<&str>, entry: &Value, nth: usize) -> String {
    let value = name.and_then(|name| entry.get(name)).map(words);
    let again = if nth > 0 { format!(" (no. {})", nth.saturating_add(1)) } else { String::new() };
    match (name, value) {
        (Some(FROM), Some(value)) => {
            format!("{} from {value}{again}", list.strip_suffix('s').unwrap_or(list))
        }
        (_, Some(value)) if value.starts_with('"') => format!("{list} {value}{again}"),
        (_, Some(value)) => format!("{list} \"{value}\"{again}"),
        (_, None) => format!("{list} no. {}", nth.saturating_add(1)),
    }
}

fn whole(place: String, value: &Value, is_new: bool) -> Difference {
    if is_new { Difference::New { place, what: words(value) } } else { Difference::Gone { place } }
}

fn below(place: &str, key: &str) -> String {
    if place.is_empty() { key.into() } else { format!("{place} {key}") }
}

fn of_tables(list: &[Value]) -> bool {
    !list.is_empty() && list.iter().all(Value::is_table)
}

/// Whether two values say the same: amounts that are written differently do.
fn same(old: &Value, new: &Value) -> bool {
    let amount = |value: &Value| value.as_str().and_then(|text| text.parse::<Decimal>().ok());
    let has_point = |value: &Value| value.as_str().is_some_and(|text| text.contains('.'));
    match (amount(old), amount(new)) {
        // Without a point it may be a code, where 007 is not 7.
        (Some(one), Some(other)) if has_point(old) || has_point(new) => one == other,
        _ => old == new,
    }
}

/// A value for people: amounts and plain words as they are, other text in quotes.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let plain = |c: char| c.is_alphanumeric() || "-_.:/+%".contains(c);
            if !text.is_empty() && text.chars().all(plain) { text.clone() } else { format!("{text:?}") }
        }
        Value::Array(items) => {
            let separator = if of_tables(items) { "; " } else { ", " };
            format!("[{}]", items.iter().map(words).collect::<Vec<_>>().join(separator))
        }
        Value::Table(table) => {
            let pair = |(key, value): (&String, &Value)| match value {
                Value::Table(_) => format!("{key} ({})", words(value)),
                _ => format!("{key} {}", words(value)),
            };
            table.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::DEFAULT;
    use super::*;

    fn told(old: &str, new: &str) -> Vec<String> {
        differences(old, new).expect("two documents").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_same_is_the_same_whatever_its_comments_layout_and_zeros() {
        assert_eq!(told(DEFAULT, DEFAULT), [""; 0]);
        let bare: String =
            DEFAULT.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        let shorter =
            bare.replace("\"5000.00\"", "\"5000\"").replace("from = \"100.00\"", "from = \"100.0\"");
        assert_eq!(told(DEFAULT, &shorter), [""; 0]);
        assert_eq!(told("code = '007'", "code = '7'"), ["code 007 -> 7"]);
    }

    #[test]
    fn each_kind_of_change_is_told_where_it_is() {
        let new = DEFAULT
            .replace("bonus = \"50.00\"", "bonus = \"60.00\"")
            .replace("    { from = \"300.00\", bonus = \"20.00\" },\n", "")
            .replace("max_load = \"5000.00\" ", "max_load = \"8000.00\" ")
            .replace("# card_months = 36", "card_months = 36")
            .replace("# pin = {", "pin = {")
            .replace("hold_hours = 168", "")
            .replace("points_months = 12", "points_months = 24")
            .replace("name = \"Default\"", "name = \"Second year\"")
            + "[[purchase_points]]\nrule = \"double-day\"\nper = \"1.00\"\ngives = 2\n\
               [limits]\nterminal_day = { refunds = 20 }\n";
        let expected = [
            "load_bonus \"load-steps\": step from 500.00: bonus 50.00 -> 60.00",
            "gone: load_bonus \"load-steps\": step from 300.00",
            "product standard: max_load 5000.00 -> 8000.00",
            "product standard: card_months 36 (was left out)",
            "new: product standard pin (from 200.00, tries 3)",
            "product standard: hold_hours left out (was 168)",
            "expiry: points_months 12 -> 24",
            "programme: name Default -> \"Second year\"",
            "new: purchase_points \"double-day\" (gives 2, per 1.00)",
            "new: limits terminal_day (refunds 20)",
        ];
        let mut told = told(DEFAULT, &new);
        told.sort();
        let mut expected = expected.map(String::from);
        expected.sort();
        assert_eq!(told, expected);
        let back = differences(&new, DEFAULT).expect("two documents");
        assert_eq!(back.len(), expected.len());
        assert!(back.contains(&Difference::Gone { place: "purchase_points \"double-day\"".into() }));
    }

    #[test]
    fn lists_are_matched_by_name_and_told_when_their_order_changes() {
        let rule = |name: &str, per: u8| format!("[[rules]]\nrule = \"{name}\"\nper = {per}\n");
        let list =
            |rules: &[(&str, u8)]| rules.iter().map(|(name, per)| rule(name, *per)).collect::<String>();
        let (a, b) = (("a", 1), ("b b", 2));
        assert_eq!(told(&list(&[a, b]), &list(&[b, a])), ["rules: order changed, a, \"b b\" -> \"b b\", a"]);
        assert_eq!(told(&list(&[a, b]), &list(&[("c", 3), a, b])), ["new: rules \"c\" (per 3)"]);
        assert_eq!(told(&list(&[a, b]), &list(&[b])), ["gone: rules \"a\""]);
        assert_eq!(told("", &list(&[b])), ["new: rules \"b b\" (per 2)"]);
        let twice = list(&[a, a]);
        assert_eq!(told(&twice, &list(&[a, ("a", 5)])), ["rules \"a\" (no. 2): per 1 -> 5"]);
        let tiers = |names: [&str; 2]| {
            let one = |name| format!("[[offers]]\ntier = \"gold\"\nname = \"{name}\"\n");
            names.map(one).concat()
        };
        assert_eq!(
            told(&tiers(["a", "b"]), &tiers(["b", "c"])),
            ["gone: offers \"a\"", "new: offers \"c\" (tier gold)"]
        );
        // Kinds that nobody here has heard of.
        let (old, new) = ("[[x.list]]\nn = 1\n[[x.list]]\nn = 2\n", "[[x.list]]\nn = 1\n[[x.list]]\nn = 3\n");
        assert_eq!(told(old, new), ["x: list no. 2: n 2 -> 3"]);
        assert_eq!(told("a = [1, 2]", "a = [2, 1]"), ["a [1, 2] -> [2, 1]"]);
        assert_eq!(told("a = [1]", "[a]\nb = 1"), ["a [1] -> b 1"]);
        assert!(differences("a = 1", "a = ").is_err_and(|problem| problem.line == Some(1)));
    }
}
