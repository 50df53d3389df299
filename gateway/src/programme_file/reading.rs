//! From text to the file's structure: what is misspelt, missing or of another type, all of it in one go.

use std::ops::Range;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, Deserializer};

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
        let mistake = Mistake::of(error.message());
        whole &= mistake.kind == Kind::Unknown;
        let span = error.span().filter(|span| *span != table.span());
        let path = span.as_ref().and_then(|span| take_out(table.get_mut(), span, mistake.meant()));
        let (key, place) = path.as_deref().and_then(<[String]>::split_last).unzip();
        // What is missing because it was taken out has been told.
        let told = mistake.kind == Kind::Missing
            && mistake.names.first().is_some_and(|key| taken.iter().any(|taken| taken == key));
        if !told {
            let message = match mistake.kind {
                Kind::Missing => mistake.missing(path.as_deref().unwrap_or_default()),
                Kind::Unknown => mistake.unknown(),
                Kind::Other => mistake.other(key),
            };
            reading.problems.push(Problem { line: line(error.span().as_ref()), message });
        }
        if place.is_none() {
            break;
        }
        taken.extend(key.cloned());
    }
    reading.problems.sort_by_key(|problem| problem.line);
    reading
}

/// Takes out the innermost entry that a mistake is in; its path. A key that means another is put right instead.
fn take_out(table: &mut DeTable<'_>, at: &Range<usize>, meant: Option<&str>) -> Option<Vec<String>> {
    let mut found = None;
    for (key, value) in table.iter_mut() {
        let within = |span: Range<usize>| span.start <= at.start && at.end <= span.end && !at.is_empty();
        let here = within(key.span()) || within(value.span());
        let inside = match value.get_mut() {
            DeValue::Table(inner) => take_out(inner, at, meant),
            DeValue::Array(items) => items.iter_mut().find_map(|item| match item.get_mut() {
                DeValue::Table(inner) => take_out(inner, at, meant),
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
    let key = found?;
    let value = table.remove(&key);
    let right = meant.map(|meant| Spanned::new(key.span(), DeString::Owned(meant.to_owned())));
    if let Some((right, value)) = right.zip(value).filter(|(right, _)| !table.contains_key(right)) {
        table.insert(right, value);
    }
    Some(vec![key.into_inner().into_owned()])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Missing,
    Unknown,
    Other,
}

/// What the reader of the structure says, taken apart.
struct Mistake<'a> {
    kind: Kind,
    said: &'a str,
    /// The names in it: first the one that it is about, then those that may be there.
    names: Vec<&'a str>,
}

impl<'a> Mistake<'a> {
    fn of(message: &'a str) -> Self {
        let kind = match message {
            missing if missing.starts_with("missing field") => Kind::Missing,
            unknown if unknown.starts_with("unknown field") => Kind::Unknown,
            _ => Kind::Other,
        };
        Self { kind, said: message, names: message.split('`').skip(1).step_by(2).collect() }
    }

    /// The known name that an unknown one is most like, when it is like one.
    fn meant(&self) -> Option<&'a str> {
        let (wrong, known) = self.names.split_first().filter(|_| self.kind == Kind::Unknown)?;
        let nearest = known.iter().map(|name| (distance(wrong, name), *name)).min();
        nearest.filter(|(far, _)| *far <= 3.min(wrong.chars().count() / 2)).map(|(_, name)| name)
    }

    fn unknown(&self) -> String {
        let (wrong, known) = self.names.split_first().map_or(("", &[][..]), |(wrong, known)| (*wrong, known));
        let meant = self.meant().map(|meant| format!(" did you mean `{meant}`?")).unwrap_or_default();
        format!("unknown field `{wrong}`;{meant} what may be here: {}", known.join(", "))
    }

    fn missing(&self, place: &[String]) -> String {
        let key = self.names.first().copied().unwrap_or_default();
        let what = example(key).map_or_else(|| format!("{key} = ..."), str::to_owned);
        let place = if place.is_empty() { String::new() } else { format!(" in `{}`", place.join(".")) };
        format!("missing field `{key}`{place}; write for example `{what}`")
    }

    fn other(&self, key: Option<&String>) -> String {
        let hint = key.and_then(|key| example(key)).map(|example| format!("; write for example `{example}`"));
        format!("{}{}", self.said, hint.unwrap_or_default())
    }
}

/// How the default programme writes this key, or this heading.
fn example(key: &str) -> Option<&'static str> {
    let lines = || DEFAULT.lines().map(|line| line.strip_prefix("# ").unwrap_or(line).trim());
    let value = |line: &&str| {
        line.split_once(" = ").is_some_and(|(name, value)| name == key && !["[", "{"].contains(&value))
    };
    let heading = |line: &&str| {
        let name = line.trim_start_matches('[');
        line.len() > name.len() && name.strip_prefix(key).is_some_and(|rest| rest.starts_with([']', '.']))
    };
    let line = lines().find(value).or_else(|| lines().find(heading))?;
    line.split("  ").next()
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
            .replace("\n[[purchase_points]]", "\n[[purchase_points]]\ncolour = \"red\"")
            .replace("rule = \"spend-points\"", "")
            .replace("points_months = 12", "points_months = 0\npoint_months = 12");
        let problems = parse(&broken).expect_err("mistakes");
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let line = |text: &str| broken.lines().position(|l| l.contains(text)).map_or(0, |n| n + 1);
        for (at, words) in [
            ("mim_load", "unknown field `mim_load`; did you mean `min_load`?"),
            ("max_load = 5000", "expected a string; write for example `max_load = \"5000.00\"`"),
            ("colour", "unknown field `colour`; what may be here: rule, products"),
            ("[[purchase_points]]", "missing field `rule` in `purchase_points`; write for example `rule = "),
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
        // A key that means another is taken for it.
        let broken = DEFAULT.replacen("min_load", "mim_load", 1).replace("gives = 1", "gives = 0");
        let problems = parse(&broken).expect_err("two mistakes");
        assert_eq!(problems.len(), 2, "{problems:?}");
        let headless = parse("").expect_err("nothing");
        assert!(
            headless[0].message.ends_with("missing field `programme`; write for example `[programme]`"),
            "{headless:?}"
        );
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
