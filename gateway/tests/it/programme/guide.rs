//! The manager's guide (gateway/PROGRAMME.md) names keys that there are and tests that there are, for every row of its tables.

use std::path::Path;

use gateway::programme_file::DEFAULT;

const GUIDE: &str = include_str!("../../../PROGRAMME.md");

const ROWS: &str = "## Every wish and its place";
const CASES: &str = "## The worked cases";

/// Cells of each line of the tables of a part of the guide.
fn lines(part: &'static str) -> Vec<Vec<&'static str>> {
    let lines = part.lines().filter(|line| {
        line.starts_with("| ") && line[2..].starts_with(|first: char| first.is_ascii_uppercase())
    });
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// Cells of each row of the merchants' list: row, wish, keys, tests.
fn rows() -> Vec<Vec<&'static str>> {
    let part = GUIDE.split_once(ROWS).expect("the tables").1;
    lines(part.split_once(CASES).expect("the cases").0)
}

/// Worked cases: what must come of it, and the tests.
fn cases() -> Vec<Vec<&'static str>> {
    lines(GUIDE.split_once(CASES).expect("the cases").1)
}

/// The tests that a cell names: file and function.
fn named(cell: &'static str) -> Vec<(String, &'static str)> {
    let words = cell.split([',', ' ', '.']).filter(|word| word.contains("::"));
    let split = |word: &'static str| word.rsplit_once("::").expect("file::test");
    words.map(split).map(|(file, function)| (file.replace("::", "/"), function)).collect()
}

fn source(file: &str) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/programme");
    std::fs::read_to_string(tests.join(format!("{file}.rs"))).expect(file)
}

/// A function of a file, up to its end.
fn body<'a>(source: &'a str, function: &str) -> Option<&'a str> {
    let begin = source.find(&format!("fn {function}("))?;
    let rest = &source[begin..];
    rest.split_once("\n}\n").map(|(body, _)| body)
}

/// A function with those of its own file that it calls.
fn with_helpers(source: &str, function: &str) -> String {
    let own = body(source, function).expect(function);
    let helpers = source.lines().filter_map(|line| line.split_once("fn ")?.1.split_once('('));
    let called = helpers.filter(|(name, _)| *name != function && own.contains(&format!("{name}(")));
    let called: Vec<&str> = called.filter_map(|(name, _)| body(source, name)).collect();
    format!("{own}{}", called.concat())
}

#[test]
fn every_row_is_there_and_says_how_or_that_it_is_not_there_yet() {
    let said: Vec<&str> = rows().iter().map(|row| row[0]).collect();
    let wanted = (1..=7).map(|n| format!("A{n}")).chain((1..=14).map(|n| format!("B{n}")));
    let wanted: Vec<String> =
        wanted.chain((1..=9).map(|n| format!("C{n}"))).chain(["E1".into(), "E7".into()]).collect();
    assert_eq!(said, wanted);
    for row in rows() {
        assert!(!row[3].is_empty() || row[2] == "*not yet*", "{row:?}");
    }
}

#[test]
fn every_key_that_the_guide_names_is_in_the_default_programme() {
    for row in rows() {
        for key in row[2].split('`').skip(1).step_by(2) {
            let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("programmes");
            let file = key.strip_prefix("programmes/").unwrap_or(key);
            let is_there = match key {
                key if key.ends_with(".toml") => shipped.join(file).is_file(),
                key if key.starts_with("gateway ") => true,
                "[points.NAME]" => DEFAULT.contains("[points.courtesy]"),
                key => DEFAULT.contains(key),
            };
            assert!(is_there, "{}: {key}", row[0]);
        }
    }
}

#[test]
fn every_test_that_the_guide_names_is_there() {
    let mut count = 0;
    for row in rows().into_iter().chain(cases()) {
        for (file, function) in row.last().map(|cell| named(cell)).expect("tests") {
            assert!(body(&source(&file), function).is_some(), "{}: {file}::{function}", row[0]);
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

/// A test of `rows` asks a running gateway, and holds the answer, the postings and the explanation to what was worked out by hand.
#[test]
fn every_row_and_case_has_a_test_over_the_wire_that_checks_answer_postings_and_explanation() {
    for row in rows().into_iter().chain(cases().into_iter().filter(|case| case[1] != "*not yet*")) {
        let tests = named(row.last().expect("tests"));
        let over_the_wire: Vec<_> = tests.iter().filter(|(file, _)| file.starts_with("rows/")).collect();
        assert!(!over_the_wire.is_empty(), "{}: no test of rows", row[0]);
        for (file, function) in over_the_wire {
            let source = source(file);
            let text = with_helpers(&source, function);
            assert!(
                source.contains(&format!("#[tokio::test]\nasync fn {function}(")),
                "{function} is no test"
            );
            for (what, words) in [
                ("running gateway", &["Shop::open(", "Shop::under("][..]),
                ("answer", &[".says(", ".has(", ".answer"]),
                ("postings", &[".books("]),
                ("explanation", &[".says(", ".explains"]),
                ("whole journal", &[".close()"]),
            ] {
                assert!(words.iter().any(|word| text.contains(word)), "{}: {function}: no {what}", row[0]);
            }
        }
    }
}
