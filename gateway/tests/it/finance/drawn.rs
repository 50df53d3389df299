//! Journals drawn at random, exported in pieces: the pieces follow on each other, each balances by itself, and together they
//! come to what was drawn, added up by somebody else.

use std::collections::BTreeMap;
use std::path::Path;

use gateway::finance::{MANIFEST, Signed, Taken, verify};
use proptest::prelude::*;

use super::journal::{Journal, leg};

const STORES: [&str; 3] = ["S1", "b/2", "S-3"];

/// An entry: days since the one before, its store, its moves (credited, debited, amount, whether of points, the entry that opened
/// the card's lot), and whether a group ends with it.
#[derive(Debug, Clone)]
struct Drawn {
    days: i64,
    store: usize,
    moves: Vec<(usize, usize, i64, bool, usize)>,
    ends: bool,
}

/// Money accounts and what finance calls them, with the place of the store left open.
const MONEY: [(&str, u8, &str); 8] = [
    ("card:9000000000000014/1", 1, "Liabilities:Cards:Principal:%"),
    ("card:9000000000000014/2", 2, "Liabilities:Cards:Bonus:%"),
    ("clearing:%:1", 0, "Assets:Clearing:%:Cash"),
    ("clearing:%:9", 0, "Assets:Clearing:%:Tender9"),
    ("redemption:%", 0, "Income:Redemption:%"),
    ("suspense:%", 0, "Liabilities:Suspense:%"),
    ("bonus-expense", 0, "Expenses:Bonus:%"),
    ("breakage", 0, "Income:Breakage:Cards:%"),
];
const POINTS: [(&str, u8, &str); 5] = [
    ("card:9000000000000014/3", 16, "Liabilities:Points:Ordinary"),
    ("card:9000000000000014/4", 48, "Liabilities:PendingPoints:Ordinary"),
    ("points-expense", 16, "Expenses:Points:Ordinary"),
    ("receivable:points", 16, "Assets:Receivable:Ordinary"),
    ("breakage", 16, "Income:Breakage:Points:Ordinary"),
];
const SHOWN: [&str; 3] = ["S1", "X---62--2F2", "S-3"];

fn drawn() -> impl Strategy<Value = Drawn> {
    let one = (0..8_usize, 0..8_usize, 1_i64..100_000, any::<bool>(), 0..30_usize);
    (
        prop_oneof![5 => Just(0_i64), 2 => Just(1), 1 => 2_i64..4],
        0..STORES.len(),
        prop::collection::vec(one, 0..4),
        any::<bool>(),
    )
        .prop_map(|(days, store, moves, ends)| Drawn { days, store, moves, ends })
}

/// What every account should stand at, debits above zero: by day and store.
type Expected = Vec<(i64, usize, String, i64)>;

fn enter(journal: &mut Journal, entries: &[Drawn]) -> (Expected, i64) {
    let (mut expected, mut today) = (Vec::new(), 0);
    // Where each entry was booked; the first one is there already.
    let mut stores = vec![0];
    for entry in entries {
        today += entry.days;
        stores.push(entry.store);
        let mut effects = Vec::new();
        let (mut in_books, mut before) = ([0; STORES.len()], entry.store);
        for (credited, debited, amount, points, source) in &entry.moves {
            let table: &[_] = if *points { &POINTS } else { &MONEY };
            let source = source % stores.len();
            for (at, sign) in [(credited, 1), (debited, -1)] {
                let (account, kind, name) = table[at % table.len()];
                let account = account.replace('%', STORES[entry.store]);
                let of_card = account.starts_with("card:");
                let account = if of_card { format!("{account}/{}", source + 1) } else { account };
                effects.push(leg(&account, kind, sign * amount));
                let store = match name {
                    _ if of_card && !points => stores[source],
                    "Income:Breakage:Cards:%" => before,
                    _ => entry.store,
                };
                before = store;
                let commodity = if *points { "PTS" } else { "CNY" };
                in_books[store] += if *points { 0 } else { sign * amount };
                let name = format!("{} {commodity}", name.replace('%', SHOWN[store]));
                expected.push((today, store, name, -sign * amount));
            }
        }
        for (store, owes) in in_books.into_iter().enumerate().filter(|(store, _)| *store != entry.store) {
            for (one, other, amount) in [(store, entry.store, owes), (entry.store, store, -owes)] {
                let name = format!("Assets:InterStore:{}:{} CNY", SHOWN[one], SHOWN[other]);
                expected.push((today, one, name, amount));
            }
        }
        journal.entry(today, STORES[entry.store], effects);
        if entry.ends {
            journal.seal();
        }
    }
    journal.seal();
    (expected, today)
}

fn closings(taken: &Taken) -> BTreeMap<String, i64> {
    let each = taken.manifest.book.balances.iter();
    let each = each.map(|((account, commodity), balance)| {
        (format!("{account} {}", commodity.name), balance.closing().expect("in range"))
    });
    each.filter(|(_, amount)| *amount != 0).collect()
}

fn sums<'a>(expected: impl Iterator<Item = &'a (i64, usize, String, i64)>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (_, _, account, amount) in expected {
        *sums.entry(account.clone()).or_default() += amount;
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

/// Every file but the signature, which is another each time.
fn bytes(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(out).expect("a directory").map(|entry| entry.expect("an entry").path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_str().expect("text").to_owned();
        let bytes = std::fs::read(&path).expect("a file");
        let signed = || Signed::parse(&bytes).expect("a manifest").message;
        let bytes = if name == MANIFEST { signed() } else { bytes };
        (name, bytes)
    };
    entries.map(read).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exports_in_pieces_follow_on_each_other_and_come_to_what_was_drawn(
        entries in prop::collection::vec(drawn(), 0..30),
        cuts in prop::collection::btree_set(0_i64..20, 0..4),
    ) {
        let mut journal = Journal::new();
        let (expected, last) = enter(&mut journal, &entries);
        let mut begins = 0;
        let mut directories = Vec::new();
        for (at, ends) in cuts.iter().copied().filter(|cut| *cut < last).chain([last]).enumerate() {
            let (taken, out) = journal.take((begins, ends), None, &format!("piece-{at}"));
            prop_assert_eq!(closings(&taken), sums(expected.iter().filter(|(day, ..)| *day <= ends)), "to day {}", ends);
            prop_assert_eq!(taken.manifest.complete, ends < last);
            let again = journal.take((begins, ends), None, &format!("again-{at}")).1;
            prop_assert_eq!(bytes(&out), bytes(&again), "taken again, the same to the byte");
            let into_the_same = journal.take((begins, ends), None, &format!("piece-{at}")).0;
            prop_assert!(into_the_same.unchanged);
            directories.push(out);
            begins = ends + 1;
        }
        let report = verify(&directories, &journal.key()).expect("read");
        prop_assert!(report.faults.is_empty(), "{:?}", report.faults);
        let end = report.exports.last().expect("one").manifest.end.index;
        prop_assert_eq!(end, journal.last_index(), "every entry is in one of them");

        // One store by itself.
        for (at, store) in STORES.iter().enumerate() {
            // One that the journal does not know has no export.
            if at > 0 && entries.iter().all(|entry| entry.store != at) {
                continue;
            }
            let (taken, _) = journal.take((0, last), Some(store), &format!("store-{at}"));
            prop_assert_eq!(closings(&taken), sums(expected.iter().filter(|(_, of, ..)| *of == at)), "{}", store);
        }
    }
}

#[test]
fn a_period_before_between_and_behind_all_entries_is_empty_and_says_where_it_stands() {
    let mut journal = Journal::new();
    let sale = || vec![leg("card:9000000000000014/1", 1, -5), leg("redemption:S1", 0, 5)];
    let paid = || vec![leg("card:9000000000000014/1", 1, 9), leg("clearing:S1:1", 0, -9)];
    for (days, legs) in [(3, paid()), (3, sale()), (7, sale())] {
        journal.entry(days, "S1", legs);
    }
    journal.seal();
    let mut directories = Vec::new();
    for ((from, to), places, lines) in [
        ((-3, -1), (0, 0), 0),
        ((0, 2), (0, 1), 0),
        ((3, 3), (1, 3), 2),
        ((4, 6), (3, 3), 0),
        ((7, 8), (3, 4), 1),
        ((9, 12), (4, 4), 0),
    ] {
        let (taken, out) = journal.take((from, to), None, &format!("{from}"));
        let manifest = &taken.manifest;
        assert_eq!((manifest.before.index, manifest.end.index), places, "{from} to {to}");
        assert_eq!(taken.transactions, lines, "{from} to {to}");
        assert_eq!(manifest.complete, to < 7);
        directories.push(out);
    }
    let report = verify(&directories, &journal.key()).expect("read");
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let without = [directories[2].clone(), directories[4].clone()];
    let report = verify(&without, &journal.key()).expect("read");
    assert!(report.faults[0].contains("in neither of them"), "{:?}", report.faults);
}

#[test]
fn an_entry_that_does_not_come_to_zero_or_books_on_an_unknown_account_is_not_exported() {
    for (legs, why) in [
        (vec![leg("card:9000000000000014/1", 1, 9), leg("clearing:S1:1", 0, -8)], "do not sum to zero"),
        (vec![leg("points-expense", 16, 9), leg("points-expense", 17, -9)], "do not sum to zero"),
        (vec![leg("treasury", 0, 9), leg("clearing:S1:1", 0, -9)], "does not know"),
    ] {
        let mut journal = Journal::new();
        journal.entry(1, "S1", legs);
        journal.seal();
        let out = journal.beside("out");
        let error = journal.try_take((0, 1), None, &out).map(|_| ()).expect_err(why);
        assert!(format!("{error:#}").contains(why), "{error:#}");
        assert!(!out.exists(), "nothing is there, not even a part");
        assert!(journal.beside(".out.gateway-export").symlink_metadata().is_err(), "and nothing beside it");
    }
}
