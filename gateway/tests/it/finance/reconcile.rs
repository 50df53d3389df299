//! Statements drawn from drawn payments, with faults planted in them: exactly those are found, and the sums say so too.

use std::collections::{BTreeMap, BTreeSet};

use gateway::finance::Commodity;
use gateway::finance::reconcile::{
    EXAMPLE, Map, Movement, Outcome, Span, Statement, Why, Window, compare, read,
};
use jiff::civil::Date;
use proptest::prelude::*;

use super::journal::day;

const MAP: &str = r#"
[about]
tenders = [3]
[file]
delimiter = ";"
skip_head = 1
skip_foot = 1
strip = "`"
[columns]
reference = "Order"
amount = "Amount"
date = "Day"
[numbers]
decimal = ","
thousands = "."
[dates]
format = "%d.%m.%Y"
timezone = "Asia/Shanghai"
tolerance = 1
"#;

fn yuan() -> Commodity {
    Commodity { name: "CNY".into(), exponent: 2 }
}

fn window(from: i64, to: i64, tolerance: u32) -> Window {
    let days = Span { from: day(from), to: day(to) };
    Window { days, tolerance, seen: Some(days) }
}

fn file(map: &str, bytes: &[u8]) -> Result<Statement, String> {
    let map = Map::parse(map).map_err(|error| format!("{error:#}"))?;
    read(bytes, &map, &yuan(), None).map_err(|error| format!("{error:#}"))
}

/// What became of a payment on its way into the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Planted {
    Nothing,
    /// It has no line.
    Dropped,
    /// Its line has another amount: so much more.
    Changed(i64),
    /// It has two lines.
    Doubled,
    /// It was undone here; its line is there or not.
    Undone(bool),
    /// It was undone on both sides.
    UndoneOnBoth,
    /// It was undone here so many days later, and given back then.
    UndoneLater(i64),
    /// Undone, and paid again under the same reference.
    PaidAgain,
    /// The till wrote no reference.
    Unnamed,
    /// A part of it was refunded, on both sides or here only.
    Refunded(bool),
}

fn planted() -> impl Strategy<Value = Planted> {
    prop_oneof![
        8 => Just(Planted::Nothing),
        1 => Just(Planted::Dropped),
        1 => (1_i64..900).prop_map(Planted::Changed),
        1 => Just(Planted::Doubled),
        1 => any::<bool>().prop_map(Planted::Undone),
        1 => Just(Planted::UndoneOnBoth),
        1 => (1_i64..4).prop_map(Planted::UndoneLater),
        1 => Just(Planted::PaidAgain),
        2 => Just(Planted::Unnamed),
        1 => any::<bool>().prop_map(Planted::Refunded),
    ]
}

/// A payment: its day, and what became of it. Amounts are made unlike each other, so that nothing is ambiguous.
#[derive(Debug, Clone)]
struct Paid {
    day: i64,
    later: i64,
    planted: Planted,
}

#[derive(Debug, Default)]
struct Drawn {
    movements: Vec<Movement>,
    /// Reference, amount, day.
    lines: Vec<(String, i64, i64)>,
    missing_here: BTreeSet<(String, i64)>,
    missing_there: BTreeSet<(String, i64)>,
    differing: BTreeSet<String>,
    undone: usize,
    repeated_lines: BTreeSet<String>,
    by_amount: u64,
}

impl Drawn {
    fn entry(&mut self, reference: &str, amount: i64, on: i64, undoes: Option<u64>) -> u64 {
        let index = self.movements.len() as u64 + 2;
        self.movements.push(Movement {
            index,
            undoes,
            reference: reference.into(),
            amount,
            day: day(on),
            what: "Load".into(),
            request: String::new(),
            store: "S1".into(),
        });
        index
    }

    fn line(&mut self, reference: &str, amount: i64, on: i64) {
        self.lines.push((reference.into(), amount, on));
    }

    fn pay(&mut self, at: usize, paid: &Paid) {
        let (name, amount) = (format!("R{at:04}"), 10_000_00 + at as i64 * 1_000);
        let (reference, today, later) = (name.as_str(), paid.day, paid.day + paid.later);
        match paid.planted {
            Planted::Nothing => {
                self.entry(reference, amount, today, None);
                self.line(reference, amount, later);
            }
            Planted::Dropped => {
                self.entry(reference, amount, today, None);
                self.missing_there.insert((name, amount));
            }
            Planted::Changed(more) => {
                self.entry(reference, amount, today, None);
                self.line(reference, amount + more, later);
                self.differing.insert(name);
            }
            Planted::Doubled => {
                self.entry(reference, amount, today, None);
                self.line(reference, amount, today);
                self.line(reference, amount, today);
                self.missing_here.insert((name.clone(), amount));
                self.repeated_lines.insert(name);
            }
            Planted::Undone(charged) => {
                let index = self.entry(reference, amount, today, None);
                self.entry(reference, -amount, today, Some(index));
                self.undone += 1;
                if charged {
                    self.line(reference, amount, today);
                    self.missing_here.insert((name, amount));
                }
            }
            Planted::UndoneOnBoth => {
                let index = self.entry(reference, amount, today, None);
                self.entry(reference, -amount, today, Some(index));
                self.line(reference, amount, today);
                self.line(reference, -amount, later);
            }
            Planted::UndoneLater(days) => {
                let index = self.entry(reference, amount, today, None);
                self.entry(reference, -amount, today + days, Some(index));
                self.line(reference, amount, today);
                self.line(reference, -amount, today + days);
            }
            Planted::PaidAgain => {
                let index = self.entry(reference, amount, today, None);
                self.entry(reference, -amount, today, Some(index));
                self.entry(reference, amount, today, None);
                self.line(reference, amount, later);
                self.undone += 1;
            }
            Planted::Unnamed => {
                self.entry("", amount, today, None);
                self.line(reference, amount, later);
                self.by_amount += 1;
            }
            Planted::Refunded(both) => {
                self.entry(reference, amount, today, None);
                self.entry(reference, -7_00, today, None);
                self.line(reference, amount, today);
                if both {
                    self.line(reference, -7_00, later);
                } else {
                    self.missing_there.insert((name, -7_00));
                }
            }
        }
    }

    /// As a provider would write it.
    fn csv(&self) -> String {
        let mut text = "\u{feff}Statement of November\r\nDay;Order;Amount;Note\r\n".to_owned();
        for (reference, amount, on) in &self.lines {
            let (sign, minor) = (if *amount < 0 { "-" } else { "" }, amount.abs());
            let (yuan, fen) = (minor / 100, minor % 100);
            let grouped = format!("{}.{:03}", yuan / 1000, yuan % 1000);
            let yuan = if yuan > 999 { grouped } else { yuan.to_string() };
            let date = day(*on).strftime("%d.%m.%Y");
            text += &format!("{date};`{reference};{sign}{yuan},{fen:02};\"a; \"\"note\"\"\"\r\n");
        }
        text + "total;;;\r\n"
    }
}

fn names<'a>(all: impl Iterator<Item = (&'a String, i64)>) -> BTreeSet<(String, i64)> {
    all.map(|(name, amount)| (name.clone(), amount)).collect()
}

/// Adds both sides up by themselves.
fn sums_hold(outcome: &Outcome, lines: i128, movements: i128) {
    let totals: BTreeMap<_, _> = outcome.totals().into_iter().collect();
    let all = totals["in all"];
    // What was undone comes to nothing, so it changes no sum.
    assert_eq!((all.statement, all.here), (lines, movements));
    let parts = ["amount differs", "ambiguous", "missing here", "missing in the statement"];
    assert_eq!(all.difference(), parts.iter().map(|part| totals[part].difference()).sum::<i128>());
    assert_eq!(totals["matched by reference"].difference(), 0);
    assert_eq!(totals["matched by amount"].difference(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_the_planted_faults_are_found(
        paid in prop::collection::vec((0_i64..20, 0_i64..2, planted()), 1..60),
        strange in 0_usize..4,
        shuffle in any::<u64>(),
    ) {
        let mut drawn = Drawn::default();
        for (at, (day, later, planted)) in paid.into_iter().enumerate() {
            drawn.pay(at, &Paid { day, later, planted });
        }
        for at in 0..strange {
            let (name, amount) = (format!("X{at}"), 5_00 + at as i64);
            drawn.line(&name, amount, 3);
            drawn.missing_here.insert((name, amount));
        }
        let length = drawn.lines.len().max(1);
        drawn.lines.rotate_left(usize::try_from(shuffle % length as u64).expect("small") % length);
        let read = file(MAP, drawn.csv().as_bytes()).expect("a statement");
        prop_assert_eq!(read.lines.len(), drawn.lines.len());
        let sums = (
            read.lines.iter().map(|line| i128::from(line.amount)).sum(),
            drawn.movements.iter().map(|movement| i128::from(movement.amount)).sum(),
        );
        let outcome = compare(read.lines, drawn.movements, window(-1, 40, 1));
        sums_hold(&outcome, sums.0, sums.1);
        prop_assert_eq!(names(outcome.missing_here.iter().map(|line| (&line.reference, line.amount))), drawn.missing_here);
        let there = outcome.missing_there.iter().map(|movement| (&movement.reference, movement.amount));
        prop_assert_eq!(names(there), drawn.missing_there);
        let differing: BTreeSet<String> = outcome.differing.iter().map(|pair| pair.line.reference.clone()).collect();
        prop_assert_eq!(differing, drawn.differing);
        prop_assert_eq!(outcome.undone.len(), drawn.undone);
        let repeated: BTreeSet<String> =
            outcome.repeated_lines.iter().map(|group| group[0].reference.clone()).collect();
        prop_assert_eq!(repeated, drawn.repeated_lines);
        let by_amount = outcome.totals()[1].1.lines;
        prop_assert_eq!(by_amount, drawn.by_amount);
        prop_assert!(outcome.ambiguous.is_empty() && outcome.late.is_empty());
    }

    /// Lines, payments, sums and fees of two times that follow on each other are those of both together, each in one of them.
    #[test]
    fn what_is_compared_by_halves_is_compared_once(
        paid in prop::collection::vec((0_i64..20, 0_i64..2, planted()), 1..60),
        cut in 1_i64..22,
    ) {
        let mut drawn = Drawn::default();
        for (at, (day, later, planted)) in paid.into_iter().enumerate() {
            drawn.pay(at, &Paid { day, later, planted });
        }
        let mut lines = file(MAP, drawn.csv().as_bytes()).expect("a statement").lines;
        lines.iter_mut().for_each(|line| line.fee = line.amount / 100);
        let (fees, number) = (lines.iter().map(|line| i128::from(line.fee)).sum::<i128>(), lines.len() as u64);
        let seen = Some(Span { from: day(-1), to: day(40) });
        let of = |from, to| {
            let outcome = compare(lines.clone(), drawn.movements.clone(), Window { seen, ..window(from, to, 1) });
            let elsewhere = outcome.elsewhere.len() as u64;
            assert_eq!(outcome.all().lines + elsewhere + outcome.other_days, number, "every line of the file");
            outcome
        };
        let (first, second, whole) = (of(-1, cut), of(cut + 1, 40), of(-1, 40));
        let (one, other, all) = (first.all(), second.all(), whole.all());
        prop_assert_eq!(one.lines + other.lines, all.lines);
        prop_assert_eq!((one.statement + other.statement, one.here + other.here), (all.statement, all.here));
        prop_assert_eq!((one.fees + other.fees, all.fees), (fees, fees));
        let missing = |outcome: &Outcome| names(outcome.missing_here.iter().map(|line| (&line.reference, line.amount)));
        prop_assert_eq!(&missing(&first) | &missing(&second), missing(&whole));
    }

    /// Without any reference: whatever is matched was beyond doubt, and nothing is in two lists.
    #[test]
    fn what_has_no_reference_is_never_guessed(
        here in prop::collection::vec((0_i64..6, 1_i64..4), 0..25),
        there in prop::collection::vec((0_i64..6, 1_i64..4), 0..25),
        tolerance in 0_u32..3,
    ) {
        let mut drawn = Drawn::default();
        here.iter().for_each(|(on, amount)| { drawn.entry("", amount * 100, *on, None); });
        there.iter().for_each(|(on, amount)| drawn.line("", amount * 100, *on));
        let lines = file(MAP, drawn.csv().as_bytes()).expect("a statement").lines;
        let sums = (lines.iter().map(|line| i128::from(line.amount)).sum(),
            drawn.movements.iter().map(|movement| i128::from(movement.amount)).sum());
        let outcome = compare(lines.clone(), drawn.movements.clone(), window(0, 6, tolerance));
        sums_hold(&outcome, sums.0, sums.1);
        let days_of = |date: Date| i64::from(day(0).until(date).expect("days").get_days());
        for pair in &outcome.matched {
            let (own, line) = (days_of(pair.movement.day), days_of(pair.line.day));
            prop_assert!(pair.line.amount == pair.movement.amount && (own - line).unsigned_abs() <= u64::from(tolerance));
            // On that very day nobody else could have been meant.
            if own == line {
                let same = |all: &[(i64, i64)]| all.iter().filter(|(on, amount)| (*on, *amount * 100) == (line, pair.line.amount)).count();
                prop_assert_eq!((same(&here), same(&there)), (1, 1));
            }
        }
        let in_groups: usize = outcome.ambiguous.iter().map(|group| group.lines.len()).sum();
        prop_assert_eq!(outcome.matched.len() + in_groups + outcome.missing_here.len(), there.len());
        for line in &outcome.missing_here {
            let near = |movement: &&Movement| movement.amount == line.amount
                && (days_of(movement.day) - days_of(line.day)).unsigned_abs() <= u64::from(tolerance);
            let free = outcome.missing_there.iter().filter(near).count();
            prop_assert_eq!(free, 0, "a line and a payment that fit are not both missing");
        }
    }
}

#[test]
fn payments_that_look_alike_are_listed_together_and_two_references_are_two_payments() {
    let mut drawn = Drawn::default();
    for (reference, on) in [("", 1), ("", 1), ("A", 1), ("", 9)] {
        drawn.entry(reference, 100_00, on, None);
    }
    for (reference, on) in [("P", 1), ("Q", 2), ("B", 9)] {
        drawn.line(reference, 100_00, on);
    }
    let lines = file(MAP, drawn.csv().as_bytes()).expect("a statement").lines;
    let outcome = compare(lines, drawn.movements, window(0, 10, 1));
    assert_eq!(outcome.matched.len(), 1, "on day 9 there is one on either side");
    assert_eq!(outcome.ambiguous.len(), 1);
    assert_eq!((outcome.ambiguous[0].lines.len(), outcome.ambiguous[0].movements.len()), (2, 2));
    assert_eq!(outcome.missing_there[0].reference, "A", "A is neither P nor Q");
    assert!(!outcome.agrees());
}

#[test]
fn a_pair_belongs_to_the_day_of_its_payment() {
    let mut drawn = Drawn::default();
    // Paid on the eve, settled on the first day; paid on the last day, settled on the day after; neither; too late.
    for (reference, here, there) in [("eve", 4, 5), ("last", 9, 10), ("other", 4, 4), ("late", 6, 9)] {
        drawn.entry(reference, 100_00, here, None);
        drawn.line(reference, 100_00, there);
    }
    drawn.line("nobody's", 7_00, 10);
    let lines = file(MAP, drawn.csv().as_bytes()).expect("a statement").lines;
    let outcome = compare(lines, drawn.movements, window(5, 9, 1));
    let names = |pairs: &[gateway::finance::reconcile::Pair]| {
        pairs.iter().map(|pair| pair.line.reference.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&outcome.matched), ["last", "late"]);
    assert_eq!(names(&outcome.elsewhere), ["eve"]);
    assert_eq!((outcome.other_days, outcome.all().lines), (2, 2), "the one of the eve, and nobody's");
    assert_eq!(outcome.late, [1], "three days are more than one");
    assert!(outcome.missing_here.is_empty() && outcome.missing_there.is_empty());
    assert!(!outcome.agrees());
}

#[test]
fn what_is_undone_beyond_the_end_is_in_the_statement_of_these_days_or_it_is_nothing() {
    let of = |lines: &[(&str, i64, i64)], window: Window| {
        let mut drawn = Drawn::default();
        let index = drawn.entry("W1", 100_00, 9, None);
        drawn.entry("W1", -100_00, 10, Some(index));
        lines.iter().for_each(|(name, amount, on)| drawn.line(name, *amount, *on));
        let lines = file(MAP, drawn.csv().as_bytes()).expect("a statement").lines;
        compare(lines, drawn.movements, window)
    };
    let (before, after) = (window(5, 9, 1), window(10, 14, 1));
    let paid = ("W1", 100_00, 9);
    // The payment in this file, the refund in the next one, or both in both.
    for lines in [&[paid][..], &[paid, ("W1", -100_00, 10)], &[paid, ("W1", -100_00, 11)]] {
        let outcome = of(lines, before);
        assert!(outcome.agrees(), "{outcome:?}");
        assert_eq!((outcome.matched.len(), outcome.all().statement), (1, 100_00));
    }
    // The next file has the refund; when it has not, it is missing there.
    let outcome = of(&[("W1", -100_00, 10)], after);
    assert_eq!((outcome.agrees(), outcome.all().statement, outcome.matched.len()), (true, -100_00, 1));
    let outcome = of(&[], after);
    assert_eq!(outcome.missing_there.len(), 1, "the payment may be in the file before");
    // Nothing came: undone at midnight, before anybody paid.
    let outcome = of(&[], before);
    assert!(outcome.agrees() && outcome.undone.len() == 1 && outcome.missing_there.is_empty());
    let seen = Some(Span { from: day(9), to: day(14) });
    assert!(of(&[], Window { seen, ..after }).agrees(), "the file has the day before, and no payment");
}

#[test]
fn undone_at_the_edge_and_paid_again_is_one_payment() {
    let mut drawn = Drawn::default();
    let index = drawn.entry("W1", 100_00, 9, None);
    drawn.entry("W1", -100_00, 10, Some(index));
    drawn.entry("W1", 100_00, 10, None);
    drawn.line("W1", 100_00, 10);
    let lines = file(MAP, drawn.csv().as_bytes()).expect("a statement").lines;
    let outcome = compare(lines.clone(), drawn.movements.clone(), window(5, 9, 1));
    assert!(outcome.agrees() && outcome.matched.is_empty(), "{outcome:?}");
    let seen = Some(Span { from: day(9), to: day(10) });
    let outcome = compare(lines, drawn.movements, Window { seen, ..window(10, 14, 1) });
    assert!(outcome.agrees() && outcome.matched.len() == 1, "{outcome:?}");
}

#[test]
fn one_reference_of_several_payments_is_told_also_where_both_sides_have_them() {
    let of = |here: &[i64], there: &[(i64, i64)]| {
        let mut drawn = Drawn::default();
        here.iter().for_each(|amount| {
            drawn.entry("W1", *amount, 5, None);
        });
        there.iter().for_each(|(amount, on)| drawn.line("W1", *amount, *on));
        let lines = file(MAP, drawn.csv().as_bytes()).expect("a statement").lines;
        compare(lines, drawn.movements, window(5, 9, 1))
    };
    let outcome = of(&[100_00, 100_00], &[(100_00, 5), (100_00, 5)]);
    assert_eq!((outcome.matched.len(), outcome.agrees()), (2, false));
    assert_eq!((outcome.repeated_lines.len(), outcome.repeated_movements.len()), (1, 1));
    let outcome = of(&[100_00], &[(100_00, 5), (100_00, 10)]);
    assert_eq!(outcome.repeated_lines.len(), 1, "one of them is of the edge");
    let outcome = of(&[100_00, -40_00, -60_00], &[(100_00, 5), (-40_00, 6), (-60_00, 7)]);
    assert!(outcome.repeated_lines.is_empty(), "refunds in parts");
    let outcome = of(&[100_00, -100_00, 100_00], &[(100_00, 5), (-100_00, 5), (100_00, 5)]);
    assert!(outcome.agrees(), "paid, given back whole, and paid again: {outcome:?}");
}

#[test]
fn a_reference_that_a_spreadsheet_spoilt_is_possibly_a_payment_and_never_surely() {
    let till = "4200012345678901234567890123";
    let of = |here: &[&str], there: &[&str]| {
        let mut drawn = Drawn::default();
        here.iter().for_each(|reference| {
            drawn.entry(reference, 100_00, 5, None);
        });
        there.iter().for_each(|reference| drawn.line(reference, 100_00, 5));
        let lines = file(MAP, drawn.csv().as_bytes()).expect("a statement").lines;
        let outcome = compare(lines, drawn.movements, window(5, 9, 1));
        assert!(!outcome.agrees());
        let counts = (outcome.matched.len(), outcome.possible.len(), outcome.ambiguous.len());
        (counts, outcome.missing_here.len(), outcome.missing_there.len())
    };
    assert_eq!(of(&[till], &["4.20001E+27"]), ((0, 1, 0), 0, 0));
    assert_eq!(of(&[""], &["4E+27"]), ((0, 1, 0), 0, 0), "nobody knows");
    assert_eq!(of(&["W1"], &["4E+27"]), ((0, 0, 0), 1, 1), "W1 is no number");
    assert_eq!(of(&["4E+27"], &["4E+27"]), ((0, 1, 0), 0, 0));
    assert_eq!(of(&[till, "4200099999999999999999999999"], &["4E+27"]), ((0, 0, 1), 0, 0));
    assert_eq!(of(&["", till], &["B", "4.20001E+27"]), ((0, 0, 1), 0, 0), "which of the two is B?");
    assert_eq!(of(&["00123"], &["123"]), ((0, 1, 0), 0, 0), "noughts in front were lost");
    assert_eq!(of(&["1234567890123456"], &["1234567890123450"]), ((0, 1, 0), 0, 0));
}

#[test]
fn every_line_of_a_file_is_accounted_for_and_what_looks_paid_is_told() {
    let map = MAP.replace("skip_foot = 1", "skip_foot = 2\ncomment = \"#\"");
    let text = "01.03.2027;H;9,00;x\n#Day;comment\nDay;Order;Amount;Note\n01.03.2027;A;1,00;x\n\n;;;\n\
        #01.03.2027;C;5,00;x\n02.03.2027;B;0,00;x\nDay;Order;Amount;Note\n09.03.2027;D;3,00;x\n\
        02.03.2027;E;4,00;x\ntotal;;8,00;\n";
    let parsed = Map::parse(&map).expect("a map");
    let days = Some(Span { from: day(0), to: day(3) });
    let read = read(text.as_bytes(), &parsed, &yuan(), days).expect("a statement");
    let passed: Vec<_> = read.passed.iter().map(|(why, number)| (*why, *number)).collect();
    let wanted = [
        (Why::Empty, 2),
        (Why::Head, 1),
        (Why::Comment, 2),
        (Why::Header, 2),
        (Why::Foot, 2),
        (Why::Nothing, 1),
        (Why::Days, 1),
    ];
    assert_eq!(passed, wanted);
    assert_eq!(read.file, read.passed.values().sum::<u64>() + read.lines.len() as u64);
    let dropped: Vec<_> =
        read.dropped.iter().map(|line| (line.line, line.amount, line.looks_paid())).collect();
    assert_eq!(dropped, [(1, 9_00, true), (7, 5_00, true), (11, 4_00, true), (12, 8_00, false)]);
    assert_eq!(read.seen, Some(Span { from: day(0), to: day(8) }));
}

#[test]
fn a_file_that_cannot_be_read_names_its_line() {
    let head = "Statement\nDay;Order;Amount;Note\n01.03.2027;A;1,00;x\n";
    let of = |line: &[u8]| {
        let bytes = [head.as_bytes(), line, b"\nfoot\n"].concat();
        file(MAP, &bytes).map(|read| read.lines.len())
    };
    assert_eq!(of(b"01.03.2027;B;2,00;x"), Ok(2));
    assert_eq!(of(b"01.03.2027;B;2,00;x;"), Ok(2), "a delimiter at the end");
    assert_eq!(of(b"01.03.2027;B;0,00;x"), Ok(1), "nothing is no payment");
    let huge = [b"01.03.2027;".as_slice(), &[b'9'; 70_000], b";2,00;x"].concat();
    for (line, why) in [
        (b"01.03.2027;B;2,00".as_slice(), "3 fields and the header 4"),
        (b"2027-03-01;B;2,00;x", "no date in the form"),
        (b"31.02.2027;B;2,00;x", "no date in the form"),
        (b"01.03.2027;B;2.00;x", "no amount"),
        (b"01.03.2027;B;2,001;x", "2 decimal places"),
        (b"01.03.2027;B;1000000000000000000000000000000;x", "too large"),
        (b"01.03.2027;\"B;2,00;x", "opened and not closed"),
        (b"46347;B;2,00;x", "a spreadsheet's number of a day"),
        ("01.03.2027;B;２,00;x".as_bytes(), "full-width"),
        (b"01.03.2027;\xd5\xfb;2,00;x", "iconv -f GB18030"),
        (b"01.03.2027;B\x1b[2J;2,00;x", "control character"),
        (huge.as_slice(), "over 65536 bytes"),
    ] {
        let error = of(line).expect_err(why);
        assert!(error.contains(why) && error.contains("line 4"), "{why}: {error}");
    }
    assert!(file(MAP, b"Statement\nDay;Nr;Amount\n").expect_err("a column").contains("has no \"Order\""));
    assert!(file(MAP, b"Statement\nDay;Order;Order;Amount\n").expect_err("twice").contains("twice"));
    assert!(file(MAP, b"Statement\n").expect_err("a header").contains("in front of its header"));
    assert!(file(MAP, b"\xff\xfeS\0").expect_err("UTF-16").contains("UTF-16"));
    assert!(file(MAP, b"").expect_err("nothing").contains("the file is empty"));
    assert!(
        file(MAP, b"Statement\nDay,Order,Amount\n").expect_err("commas").contains("is delimiter = ';' right")
    );
}

#[test]
fn a_map_that_cannot_be_read_names_its_line() {
    let with = |from: &str, to: &str| {
        assert!(MAP.contains(from), "{from}");
        Map::parse(&MAP.replacen(from, to, 1)).map(|_| ()).map_err(|error| format!("{error:#}"))
    };
    assert_eq!(with("tolerance = 1", "tolerance = 31"), Ok(()));
    for (from, to, why) in [
        ("tenders = [3]", "tenders = []", "line 3: name the tender kinds"),
        ("delimiter = \";\"", "delimiter = \"ab\"", "line 5: one character"),
        ("skip_head = 1", "encoding = \"GBK\"", "line 6: only UTF-8"),
        ("skip_head = 1", "skip_heads = 1", "line 6: unknown field"),
        ("amount = \"Amount\"", "amount = 0", "line 11: columns are counted from 1"),
        ("decimal = \",\"", "decimal = \".\"", "line 15: the thousands separator"),
        ("thousands = \".\"", "amount_is = \"net\"", "line 15: net amounts need `fee`"),
        ("thousands = \".\"", "payments = \"both\"", "line 15: write \"positive\" or \"negative\""),
        ("%d.%m.%Y", "%d.%m.", "line 17:"),
        ("Asia/Shanghai", "Peking", "line 18:"),
        ("tolerance = 1", "tolerance = 32", "line 19: at most 31"),
        ("date = \"Day\"", "date = \"Day\"\ntype = \"Note\"", "[columns] has `type`"),
        ("[numbers]", "[types]\npayment = [\"x\"]\n[numbers]", "line 13: [types] needs `type`"),
    ] {
        let error = with(from, to).expect_err(why);
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn the_maps_that_are_shipped_can_be_read_and_the_example_has_every_key() {
    let wallet = include_str!("../../../statements/wechat-pay.toml");
    let other = include_str!("../../../statements/alipay.toml");
    for map in [EXAMPLE, wallet, other] {
        Map::parse(map).expect("a map");
    }
    // With all that is commented out in force: nothing of it is misspelt.
    let all = EXAMPLE.replace("# refund_amount =", "refund_amount =").replace("# currency =", "currency =");
    let all = ["state", "store", "[states]", "done", "not_done", "[stores]", "\"1001\"", "refunds"]
        .iter()
        .fold(all, |all, key| all.replace(&format!("\n# {key}"), &format!("\n{key}")))
        .replace("\nstores = []", "\nstores = [\"S001\"]");
    Map::parse(&all).expect("a map");
    for key in [
        "tenders",
        "stores",
        "delimiter",
        "encoding",
        "skip_head",
        "skip_foot",
        "header",
        "strip",
        "comment",
        "reference",
        "amount",
        "date",
        "type",
        "state",
        "store",
        "done",
        "not_done",
        "unit",
        "refunds",
        "refund_amount",
        "fee",
        "currency",
        "payment",
        "refund",
        "ignore",
        "decimal",
        "thousands",
        "payments",
        "amount_is",
        "fees",
        "format",
        "timezone",
        "tolerance",
    ] {
        assert!(all.lines().any(|line| line.starts_with(&format!("{key} = "))), "{key}");
    }
}

#[test]
fn the_wallets_files_come_to_what_they_say_at_their_foot() {
    let wallet = include_str!("../../../statements/wechat-pay.toml");
    let bill = include_str!("../../../statements/wechat-pay.csv");
    let amounts = |read: &Statement| {
        read.lines.iter().map(|line| (line.reference.clone(), line.amount, line.fee)).collect::<Vec<_>>()
    };
    let of = |all: &[(&str, i64, i64)]| {
        all.iter().map(|(name, amount, fee)| ((*name).to_owned(), *amount, *fee)).collect::<Vec<_>>()
    };
    let read = file(wallet, bill.as_bytes()).expect("a bill");
    let wanted = of(&[
        ("T0001-20261121-0017", 100_00, 60),
        ("T0001-20261121-0018", 250_00, 1_50),
        ("T0001-20261121-0017", -40_00, -24),
    ]);
    assert_eq!(amounts(&read), wanted);
    assert_eq!((read.passed[&Why::NotDone], read.passed[&Why::Foot], read.file), (1, 2, 7));
    assert!(read.dropped.iter().all(|line| !line.looks_paid()));
    let foreign = bill.replacen("`CNY", "`USD", 1);
    assert!(file(wallet, foreign.as_bytes()).expect_err("another currency").contains("line 2: its currency"));
    let unknown = bill.replacen("`PROCESSING", "`LOST", 1);
    assert!(file(wallet, unknown.as_bytes()).expect_err("a state").contains("line 5: its state \"LOST\""));
    // A file without its foot: the two lines that fall are told.
    let short = bill.lines().take(5).map(|line| format!("{line}\r\n")).collect::<String>();
    let read = file(wallet, short.as_bytes()).expect("a bill");
    assert_eq!(read.lines.len(), 2);
    assert!(
        read.dropped.iter().all(gateway::finance::reconcile::Dropped::looks_paid) && read.dropped.len() == 2
    );

    let other = include_str!("../../../statements/alipay.toml");
    let details = include_str!("../../../statements/alipay.csv");
    for text in [details.to_owned(), format!("\u{feff}{}", details.replace('\n', "\r\n"))] {
        let read = file(other, text.as_bytes()).expect("details");
        let wanted = of(&[
            ("T0002-20261121-0003", 100_00, 60),
            ("T0002-20261121-0004", 88_80, 53),
            ("T0002-20261121-0003", -100_00, -60),
        ]);
        assert_eq!(amounts(&read), wanted);
        assert_eq!((read.passed[&Why::Comment], read.dropped.len(), read.file), (8, 0, 12));
    }
}

#[test]
fn refunds_with_a_sign_and_without_are_right_and_a_mixture_is_refused() {
    let map = |rest: &str| {
        format!(
            "[about]\ntenders = [2]\n[file]\nheader = false\n[columns]\nreference = 1\namount = 2\ndate = 3\ntype = 4\n{rest}\n\
             [types]\npayment = [\"P\"]\nrefund = [\"R\"]\n[dates]\nformat = \"%Y%m%d\"\ntimezone = \"UTC\"\n"
        )
    };
    let amounts = |map: &str, text: &str| {
        file(map, text.as_bytes()).map(|read| read.lines.iter().map(|line| line.amount).collect::<Vec<_>>())
    };
    let plain = map("");
    let (above, below) = ("A,100,20261121,P\nA,40,20261121,R\n", "A,100,20261121,P\nA,-40,20261121,R\n");
    assert_eq!(amounts(&plain, above), Ok(vec![100_00, -40_00]));
    assert_eq!(amounts(&plain, below), Ok(vec![100_00, -40_00]));
    let (one, other) = (format!("{above}A,-40,20261121,R\n"), format!("{below}A,40,20261121,R\n"));
    for mixed in [&one, &other] {
        let error = amounts(&plain, mixed).expect_err("a mixture");
        assert!(error.contains("line 3: its refund") && error.contains("that of line 2"), "{error}");
    }
    // A refund that was called back is money again.
    let said = |word: &str| map(&format!("[numbers]\nrefunds = \"{word}\""));
    assert_eq!(amounts(&said("positive"), &one), Ok(vec![100_00, -40_00, 40_00]));
    assert_eq!(amounts(&said("negative"), &other), Ok(vec![100_00, -40_00, 40_00]));
    assert!(amounts(&plain, "A,-100,20261121,P\n").expect_err("a payment").contains("below zero"));
    let apart = map("refund_amount = 5");
    assert_eq!(amounts(&apart, "A,100,20261121,P,\nA,,20261121,R,-40\n"), Ok(vec![100_00, -40_00]));
    assert!(amounts(&apart, "A,100,20261121,P,40\n").expect_err("both").contains("a refund amount"));
    assert_eq!(amounts(&map("[numbers]\nunit = \"minor\""), "A,10050,20261121,P\n"), Ok(vec![100_50]));
    assert!(amounts(&map("[numbers]\nunit = \"minor\""), "A,1.50,20261121,P\n").is_err());
}

#[test]
fn lines_of_another_store_are_counted_and_an_unknown_word_for_one_is_refused() {
    let map = |about: &str, end: &str| {
        format!(
            "[about]\ntenders = [2]\nstores = [{about}]\n[file]\nheader = false\n[columns]\nreference = 1\namount = 2\ndate = 3\nstore = 4\n\
             [dates]\nformat = \"%Y%m%d\"\ntimezone = \"UTC\"\n{end}"
        )
    };
    let text = "A,100,20261121,1001\nB,50,20261121,1002\n";
    let words = "[stores]\n\"1001\" = \"S001\"\n\"1002\" = \"S002\"\n";
    let read = file(&map("\"S001\"", words), text.as_bytes()).expect("a file");
    assert_eq!((read.lines.len(), read.passed[&Why::Store]), (1, 1));
    let error = file(&map("\"S001\"", words), b"A,100,20261121,1003\n").expect_err("a store");
    assert!(error.contains("its store \"1003\" is not in [stores]"), "{error}");
    assert!(
        file(&map("", words), text.as_bytes()).expect_err("no store").contains("say in [about] which stores")
    );
    assert_eq!(file(&map("\"1002\"", ""), text.as_bytes()).expect("a file").lines.len(), 1);
}

#[test]
fn net_amounts_and_turned_signs_come_to_what_was_paid() {
    let map = |columns: &str, numbers: &str| {
        format!(
            "[about]\ntenders = [2]\n[file]\nheader = false\n[columns]\nreference = 1\namount = 2\ndate = 3\n{columns}\n[numbers]\n{numbers}\n[dates]\nformat = \"%Y%m%d\"\ntimezone = \"UTC\"\n"
        )
    };
    let amounts = |map: &str, text: &str| -> Vec<i64> {
        file(map, text.as_bytes()).expect("a file").lines.iter().map(|line| line.amount).collect()
    };
    let net = map("fee = 4", "amount_is = \"net\"");
    assert_eq!(amounts(&net, "A,99.40,20261121,0.60\nA,-39.76,20261121,-0.24\n"), [100_00, -40_00]);
    let below = map("fee = 4", "amount_is = \"net\"\nfees = \"negative\"");
    assert_eq!(amounts(&below, "A,99.40,20261121,-0.60\nA,-39.76,20261121,0.24\n"), [100_00, -40_00]);
    let turned = map("", "payments = \"negative\"");
    assert_eq!(amounts(&turned, "A,-100.00,20261121\nA,40,20261121\n"), [100_00, -40_00]);
    let both = map("fee = 4", "payments = \"negative\"\namount_is = \"net\"");
    assert_eq!(amounts(&both, "A,-99.40,20261121,0.60\nA,39.76,20261121,-0.24\n"), [100_00, -40_00]);
    let apart = map("refund_amount = 4", "");
    assert_eq!(amounts(&apart, "A,100.00,20261121,\nA,,20261121,40.00\n"), [100_00, -40_00]);
    assert!(file(&apart, b"A,100.00,20261121,40.00\n").expect_err("both").contains("an amount and a refund"));
}
