//! Statements drawn from drawn payments, with faults planted in them: exactly those are found, and the sums say so too.

use std::collections::{BTreeMap, BTreeSet};

use gateway::finance::Commodity;
use gateway::finance::reconcile::{EXAMPLE, Map, Movement, Outcome, Span, Statement, compare, read};
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
        let days = Span { from: day(-1), to: day(40) };
        let sums = (
            read.lines.iter().map(|line| i128::from(line.amount)).sum(),
            drawn.movements.iter().map(|movement| i128::from(movement.amount)).sum(),
        );
        let outcome = compare(read.lines, drawn.movements, days, 1);
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
        let days = Span { from: day(0), to: day(6) };
        let sums = (lines.iter().map(|line| i128::from(line.amount)).sum(),
            drawn.movements.iter().map(|movement| i128::from(movement.amount)).sum());
        let outcome = compare(lines.clone(), drawn.movements.clone(), days, tolerance);
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
    let outcome = compare(lines, drawn.movements, Span { from: day(0), to: day(10) }, 1);
    assert_eq!(outcome.matched.len(), 1, "on day 9 there is one on either side");
    assert_eq!(outcome.ambiguous.len(), 1);
    assert_eq!((outcome.ambiguous[0].lines.len(), outcome.ambiguous[0].movements.len()), (2, 2));
    assert_eq!(outcome.missing_there[0].reference, "A", "A is neither P nor Q");
    assert!(!outcome.agrees());
}

#[test]
fn the_edges_of_a_time_belong_to_the_side_that_is_in_it() {
    let mut drawn = Drawn::default();
    // Paid on the eve, settled on the first day; paid on the last day, settled on the day after; neither; too late.
    for (reference, here, there) in [("eve", 4, 5), ("last", 9, 10), ("other", 4, 4), ("late", 6, 9)] {
        drawn.entry(reference, 100_00, here, None);
        drawn.line(reference, 100_00, there);
    }
    let lines = file(MAP, drawn.csv().as_bytes()).expect("a statement").lines;
    let outcome = compare(lines, drawn.movements, Span { from: day(5), to: day(9) }, 1);
    let matched: Vec<_> = outcome.matched.iter().map(|pair| pair.line.reference.as_str()).collect();
    assert_eq!(matched, ["eve", "last", "late"]);
    assert_eq!(outcome.late, [2], "three days are more than one");
    assert!(outcome.missing_here.is_empty() && outcome.missing_there.is_empty());
    assert!(!outcome.agrees());
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
        (b"01.03.2027;4.20012E+27;2,00;x", "cut off by a spreadsheet"),
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
    assert!(file(MAP, b"").is_err());
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
    let bill = "交易时间,商户订单号,交易状态,货币种类,应结订单金额,退款金额,手续费\n\
        `2026-11-21 23:59:59,`A1,`SUCCESS,`CNY,`100.00,`0.00,`0.60\n\
        `2026-11-22 08:00:00,`A1,`REFUND,`CNY,`0.00,`40.00,`-0.24\n\
        `2026-11-22 08:00:00,`A2,`REVOKED,`CNY,`9.00,`0.00,`0.00\n\
        总交易单数,应结订单总金额\n`3,`60.00\n";
    let read = file(wallet, bill.as_bytes()).expect("a bill");
    let amounts: Vec<_> = read.lines.iter().map(|line| (line.reference.as_str(), line.amount)).collect();
    assert_eq!(amounts, [("A1", 100_00), ("A1", -40_00)]);
    assert_eq!((read.ignored, read.fees), (1, 36));
    let foreign = bill.replacen("`CNY", "`USD", 1);
    assert!(file(wallet, foreign.as_bytes()).expect_err("another currency").contains("line 2: its currency"));
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
