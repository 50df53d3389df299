//! The manager's guide (gateway/PROGRAMME.md) names keys that there are and tests that there are, for every row of its tables.

use std::path::Path;

use gateway::programme_file::DEFAULT;

const GUIDE: &str = include_str!("../../../PROGRAMME.md");

/// Cells of each row of the guide's last tables: row, wish, keys, tests.
fn rows() -> Vec<Vec<&'static str>> {
    let tables = GUIDE.split_once("## Every wish and its place").expect("the tables").1;
    let lines = tables.lines().filter(|line| {
        line.starts_with("| ") && line[2..].starts_with(|first: char| first.is_ascii_uppercase())
    });
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
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
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/programme");
    let mut named = 0;
    for row in rows() {
        for test in row[3].split([',', ' ', '.']).filter(|word| word.contains("::")) {
            let (file, function) = test.split_once("::").expect("file::test");
            let source = std::fs::read_to_string(tests.join(format!("{file}.rs"))).expect(file);
            let begins = format!("fn {function}(");
            assert!(source.contains(&begins), "{}: {test}", row[0]);
            named += 1;
        }
    }
    assert!(named > 50, "{named}");
}
