//! From text to the file's structure: what is misspelt, missing or of another type, all of it in one go.

use std::ops::Range;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::raw::File;
use super::{DEFAULT, Problem, line_of};

/// After so many mistakes of structure nobody reads on.
const MOST: usize = 50;

/// What could be read.
pub(super) struct Reading {
    /// `None` when something that the rest depends on is not there.
    pub file: Option<File>,
    pub problems: Vec<Problem>,
}

/// Reads a document. What is wrong is noted and taken out, and the rest is read again.
pub(super) fn read(document: &str) -> Reading {
    let (mut table, errors) = DeTable::parse_recoverable(document);
    let mut reading = Reading { file: None, problems: Vec::new() };
    let line = |at: Option<&Range<usize>>| at.map(|at| line_of(document, at.start));
    if !errors.is_empty() {
        let problem = |error: &toml::de::Error| Problem {
            line: line(error.span().as_ref()),
            message: error.message().to_owned(),
        };
        reading.problems = errors.iter().take(MOST).map(problem).collect();
        reading.problems.sort_by_key(|problem| problem.line);
        return reading;
    }
    let mut taken: Vec<String> = Vec::new();
    let mut whole = true;
    while reading.problems.len() < MOST {
        let error = match File::deserialize(Deserializer::from(table.clone())) {
            Ok(file) => {
                reading.file = whole.then_some(file);
                break;
            }
            Err(error) => error,
        };
        let named = quoted(error.message());
        let missing = error.message().starts_with("missing field");
        let unknown = error.message().starts_with("unknown field");
        whole &= unknown;
        let span = error.span().filter(|span| *span != table.span());
        let path = span.as_ref().and_then(|span| take_out(table.get_mut(), span));
        let place = path.as_deref().unwrap_or_default().join(".");
        let key = if missing || unknown { named.first() } else { path.as_ref().and_then(|path| path.last()) };
        // What is missing because it was taken out has been told.
        if !(missing && key.is_some_and(|key| taken.contains(key))) {
            let hint = if missing {
                missing_hint(key.map_or("", String::as_str), &place)
            } else if unknown {
                unknown_hint(&named)
            } else {
                key.and_then(|key| example(key)).map(|example| format!("; write for example `{example}`"))
            };
            let said = error.message().split(", expected one of").next().unwrap_or_default();
            let message = format!("{said}{}", hint.unwrap_or_default());
            reading.problems.push(Problem { line: line(error.span().as_ref()), message });
        }
        match path {
            Some(path) => taken.extend(path.last().cloned()),
            None => break,
        }
    }
    reading
}

/// Takes out the innermost entry that a mistake is in; its path.
fn take_out(table: &mut DeTable<'_>, at: &Range<usize>) -> Option<Vec<String>> {
    let mut found = None;
    for (key, value) in table.iter_mut() {
        let within = |span: Range<usize>| span.start <= at.start && at.end <= span.end && !at.is_empty();
        let here = within(key.span()) || within(value.span());
        let inside = match value.get_mut() {
            DeValue::Table(inner) => take_out(inner, at),
            DeValue::Array(items) => items.iter_mut().find_map(|item| match item.get_mut() {
                DeValue::Table(inner) => take_out(inner, at),
                _ => None,
            }),
            _ => None,
        };
        if let Some(mut path) = inside {
            path.insert(0, key.get_ref().to_string());
            return Some(path);
        }
        if here {
            found = Some(key.clone());
        }
    }
    let key: Spanned<_> = found?;
    table.remove(&key);
    Some(vec![key.into_inner().into_owned()])
}

/// The names in backquotes.
fn quoted(message: &str) -> Vec<String> {
    message.split('`').skip(1).step_by(2).map(String::from).collect()
}

fn missing_hint(key: &str, place: &str) -> Option<String> {
    let what = example(key).unwrap_or_else(|| format!("{key} = ..."));
    let place = if place.is_empty() { "in the file".to_owned() } else { format!("in `{place}`") };
    Some(format!(" {place}; write for example `{what}`"))
}

fn unknown_hint(named: &[String]) -> Option<String> {
    let (wrong, known) = named.split_first()?;
    let nearest = known.iter().map(|name| (distance(wrong, name), name)).min()?;
    let alike = nearest.0 <= 3.min(wrong.chars().count() / 2);
    let meant = if alike { format!("; did you mean `{}`?", nearest.1) } else { ";".to_owned() };
    Some(format!("{meant} what may be here: {}", known.join(", ")))
}

/// How the default programme writes this key.
fn example(key: &str) -> Option<String> {
    let lines = DEFAULT.lines().map(|line| line.strip_prefix("# ").unwrap_or(line).trim());
    let mut written = lines.filter(|line| line.split_once(" = ").is_some_and(|(name, _)| name == key));
    let line = written.find(|line| !line.ends_with('['))?;
    Some(line.split("  ").next().unwrap_or(line).to_owned())
}

/// How many letters must be changed, put in or left out to make one word the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (so_far, a) in (1_usize..).zip(one.chars()) {
        let mut before = so_far;
        let mut next = vec![before];
        for (pair, b) in row.windows(2).zip(other.chars()) {
            let change = pair[0].saturating_add(usize::from(a != b));
            before = change.min(pair[1].saturating_add(1)).min(before.saturating_add(1));
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn one_reading_finds_every_mistake_and_says_what_to_write() {
        let broken = DEFAULT
            .replacen("min_load", "mim_load", 1)
            .replace("max_load = \"5000.00\"", "max_load = 5000")
            .replace("[[purchase_points]]", "[[purchase_points]]\ncolour = \"red\"")
            .replace("gives = 1", "")
            .replace("points_months = 12", "points_months = 0\npoint_months = 12");
        let problems = parse(&broken).expect_err("mistakes");
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let line = |text: &str| broken.lines().position(|l| l.contains(text)).map_or(0, |n| n + 1);
        for (at, words) in [
            ("mim_load", "unknown field `mim_load`; did you mean `min_load`?"),
            ("max_load = 5000", "expected a string; write for example `max_load = \"5000.00\"`"),
            ("colour", "unknown field `colour`; what may be here: rule, products, per, gives"),
            (
                "[[purchase_points]]",
                "missing field `gives` in `purchase_points`; write for example `gives = 1`",
            ),
            ("point_months", "did you mean `points_months`?"),
        ] {
            let found = said
                .iter()
                .any(|said| said.starts_with(&format!("line {}:", line(at))) && said.contains(words));
            assert!(found, "{at}: {words} in {said:#?}");
        }
    }

    #[test]
    fn what_hangs_on_no_mistake_of_structure_is_checked_too() {
        let broken =
            DEFAULT.replacen("min_load", "mim_load = \"1\"\nmin_load", 1).replace("gives = 1", "gives = 0");
        let problems = parse(&broken).expect_err("two mistakes");
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].line < problems[1].line);
        let syntax = parse("[programme\nname = \n").expect_err("no TOML");
        assert!(syntax.iter().all(|problem| problem.line.is_some()), "{syntax:?}");
        for empty in ["", "[programme]", "[product]\n", "[[product]]\n", "product = 1\n"] {
            assert!(!parse(empty).expect_err("not whole").is_empty());
        }
    }

    #[test]
    fn distances() {
        for (one, other, steps) in
            [("", "", 0), ("ab", "ab", 0), ("mim", "min", 1), ("", "abc", 3), ("kitten", "sitting", 3)]
        {
            assert_eq!((distance(one, other), distance(other, one)), (steps, steps), "{one} {other}");
        }
    }
}
