//! Three stores that take each other's cards, with transfers, refunds and successions: by the exported books nobody has lost or
//! won a cent that is not their own, and what stores owe each other is what somebody else adds up from the legs.

use std::collections::{BTreeMap, BTreeSet};

use gateway::domain::act::{Act, Drawn, Place, decide_act};
use gateway::domain::{Account, Command, Effect, Kind, Posting, Terminal, expire};
use gateway::finance::reports::{Asked, Cell, Sheet};
use gateway::finance::{Book, Period};

use super::days::Dice;
use super::shop::{At, CARDS, R1, Shop, claim, document, reference, shop, transfer};
use crate::bench::register;
use crate::finance::journal::{Journal, day};

const STORES: [&str; 3] = ["S1", "S2", "S3"];
const TILLS: [&str; 3] = ["R1", "R2", "R3"];
const RULES: &str = "hold_hours = 30\nrefund_grace_days = 3\nspend = \"pro-rata\"\n\
    [[load_bonus]]\nrule = \"steps\"\nsteps = [{ from = \"20.00\", bonus = \"5.00\" }]\n\
    [[purchase_points]]\nrule = \"spend\"\nper = \"3.00\"\ngives = 2\n\
    [expiry]\nbonus_months = 1\npoints_months = 1\nprincipal_months = 2\n";

/// What was entered: the store, and the effects. Entry n stands at n - 1.
type Entries = Vec<(&'static str, Vec<Effect>)>;

/// A drawn day; `crowded` has two cards and so many loads that they join each other's lots.
fn draw(seed: u64, crowded: bool) -> (Shop, Entries) {
    let mut dice = Dice(seed);
    let mut shop = shop(RULES);
    for (till, store) in TILLS.into_iter().zip(STORES) {
        let terminal = Terminal { store: store.into(), ..register(till, 10_000_00) };
        shop.state.terminals.insert(till.into(), terminal);
    }
    let programme = Effect::Programme { version: 1, effective_from: 0, document: document(RULES) };
    let mut entries: Entries = vec![("S1", Vec::new()), ("S1", vec![programme])];
    let (steps, cards) = if crowded { (150, 2) } else { (70, 4) };
    for _ in 0..steps {
        let at = dice.roll(3);
        shop.at = At { terminal: TILLS[at], ..R1 };
        let (card, other) = (dice.roll(cards), dice.roll(cards));
        let amount = [1, 33_33, 20_00, 7_77, 90_00][dice.roll(5)];
        let named = |shop: &Shop, dice: &mut Dice| {
            let many = shop.entries.len() as u64;
            shop.named(usize::try_from(many).expect("few") - 1 - dice.roll(many.min(20)))
        };
        let command = match dice.roll(if crowded { 9 } else { 18 }) {
            0..=3 => Command::Load { claim: claim(card), amount, tenders: vec![(1, amount)] },
            4 | 5 => Command::Purchase {
                claim: claim(card),
                amount,
                partial_allowed: true,
                points: None,
                lines: Vec::new(),
            },
            6 => transfer(card, other, amount),
            7 | 8 => Command::Refund { original: named(&shop, &mut dice), amount, lines: Vec::new() },
            9 => Command::Activate { claim: claim(card) },
            10 => Command::Authorize { claim: claim(card), amount, partial_allowed: true, raises: None },
            11 => Command::Capture {
                original: named(&shop, &mut dice),
                amount,
                more_follow: false,
                lines: Vec::new(),
            },
            12 => Command::Void { original: named(&shop, &mut dice) },
            13 => Command::Reversal { original: named(&shop, &mut dice) },
            14 | 15 => {
                shop.clock(shop.now.s() + [3_600, 72_000, 2_900_000][dice.roll(3)]);
                continue;
            }
            16 => {
                let effects = swept(&mut shop);
                entries.push((STORES[0], effects));
                continue;
            }
            _ => {
                let (card, other) = (reference(card), reference(dice.roll(CARDS as u64)));
                let act = match dice.roll(3) {
                    0 => Act::CardReplace { card, by: other, reason: "r".into() },
                    1 => Act::CardMerge { card, into: other, reason: "r".into() },
                    _ => Act::CardRefund { card, amount, reason: "r".into() },
                };
                let place = Place { merchant: "M", store: STORES[0], index: shop.index + 1, about: None };
                let done = decide_act(&shop.state, &shop.programme, &act, Drawn::default(), place, shop.now);
                if let Ok(effects) = done {
                    shop.index += 1;
                    shop.apply(&effects).expect("every effect fits");
                    entries.push((STORES[0], effects));
                }
                continue;
            }
        };
        let decision = shop.attempt(command).expect("it can be decided");
        entries.push((STORES[at], decision.effects));
    }
    (shop, entries)
}

/// The gateway books what has expired on every card.
fn swept(shop: &mut Shop) -> Vec<Effect> {
    shop.index += 1;
    let mut effects = Vec::new();
    for card in 0..CARDS {
        let (_, ended) =
            expire(shop.card(card), &shop.programme, shop.index, shop.now).expect("it can be booked");
        effects.extend(ended);
    }
    shop.apply(&effects).expect("every effect fits");
    effects
}

/// Who owes whom, by the legs alone: what leaves a lot that another store opened is owed by that store, what comes into it is
/// owed to it; what expires is its own.
fn debts(entries: &Entries) -> BTreeMap<(&'static str, &'static str), i64> {
    let mut owes = BTreeMap::new();
    for (store, effects) in entries {
        let legs: Vec<&Posting> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Posting(posting) => Some(posting),
                _ => None,
            })
            .collect();
        let at_till = |leg: &&&Posting| matches!(&leg.account, Account::Named(name) if name.contains(":S"));
        let till = legs.iter().find(at_till).map_or(*store, |leg| match &leg.account {
            Account::Named(name) => {
                STORES.into_iter().find(|store| name.contains(store)).expect("one of them")
            }
            Account::Card { .. } => store,
        });
        for (at, leg) in legs.iter().enumerate() {
            let Account::Card { source, .. } = &leg.account else { continue };
            let next = legs.get(at + 1).map(|next| &next.account);
            if next == Some(&Account::Named("breakage".into())) || leg.kind.0 >= 16 {
                continue;
            }
            let home = entries[usize::try_from(*source).expect("few") - 1].0;
            if home != till {
                *owes.entry((home, till)).or_default() -= leg.amount;
                *owes.entry((till, home)).or_default() += leg.amount;
            }
        }
    }
    owes.retain(|_, amount| *amount != 0);
    owes
}

/// Of an account of the state, minor units as finance has them.
fn stands(shop: &Shop, account: &str) -> i64 {
    shop.state.accounts.get(account).map_or(0, |held| -held.balance(Kind::MONEY))
}

#[test]
fn every_stores_books_come_to_zero_and_what_they_owe_each_other_is_what_the_legs_say() {
    let cases = std::env::var("STORES_CASES").map_or(16, |text| text.parse().expect("a number"));
    let mut met = BTreeSet::new();
    for seed in 0..cases {
        let (shop, entries) = draw(seed, seed % 4 == 3);
        let mut journal = Journal::new();
        for (at, (store, effects)) in entries.iter().enumerate().skip(1) {
            journal.entry(i64::try_from(at / 20).expect("few"), store, effects.clone());
        }
        journal.seal();
        let (taken, _) = journal.take((0, 20), None, "all");
        let mut closings: BTreeMap<&str, i64> = BTreeMap::new();
        for ((account, commodity), balance) in &taken.manifest.book.balances {
            if commodity.name == "CNY" {
                closings.insert(account, balance.closing().expect("in range"));
            }
        }
        let of = |account: String| closings.get(account.as_str()).copied().unwrap_or(0);
        let wanted = debts(&entries);
        for (a, one) in STORES.into_iter().enumerate() {
            for other in STORES.into_iter().filter(|other| *other != one) {
                let owed = of(format!("Assets:InterStore:{one}:{other}"));
                assert_eq!(
                    -owed,
                    wanted.get(&(one, other)).copied().unwrap_or(0),
                    "seed {seed}: {one} {other}"
                );
                assert_eq!(owed, -of(format!("Assets:InterStore:{other}:{one}")), "seed {seed}");
                met.extend((owed != 0).then_some("owed"));
            }
            let home = |source: u64| entries[usize::try_from(source).expect("few") - 1].0 == one;
            let lots = shop.state.cards.values().flat_map(|card| &card.lots);
            let lots = lots.filter(|lot| lot.kind.is_money() && home(lot.source));
            let liabilities: i64 = lots.map(|lot| lot.amount).sum();
            let accounts = ["Principal", "Bonus"].map(|kind| of(format!("Liabilities:Cards:{kind}:{one}")));
            assert_eq!(-accounts.iter().sum::<i64>(), liabilities, "seed {seed}: {one}");
            let cash = of(format!("Assets:Clearing:{one}:Cash"));
            let sold = of(format!("Income:Redemption:{one}"));
            assert_eq!(cash, stands(&shop, &format!("clearing:{one}:1")), "seed {seed}: {one}");
            assert_eq!(sold, stands(&shop, &format!("redemption:{one}")), "seed {seed}: {one}");
            let owed: i64 =
                STORES.into_iter().map(|other| of(format!("Assets:InterStore:{one}:{other}"))).sum();
            let given = of(format!("Expenses:Bonus:{one}"));
            let expired = of(format!("Income:Breakage:Cards:{one}"));
            assert_eq!(cash + owed + given, liabilities - sold - expired, "seed {seed}: {one}");
            met.extend((expired != 0 && a > 0).then_some("expired elsewhere"));
            // The store's own books, taken by themselves.
            let (own, _) = journal.take((0, 20), Some(one), one);
            own.manifest.book.check().expect("its own trial balance");
            for ((account, commodity), balance) in &own.manifest.book.balances {
                if commodity.name == "CNY" {
                    assert_eq!(of(account.clone()), balance.closing().expect("in range"), "{account}");
                }
            }
        }
        reported(&journal, &taken.manifest.book, seed);
        met.extend(joined(&entries).then_some("joined"));
    }
    assert_eq!(met, BTreeSet::from(["expired elsewhere", "joined", "owed"]), "what the drawn days have met");
}

/// Whether somewhere a load went into a lot that another store had opened.
fn joined(entries: &Entries) -> bool {
    entries.iter().any(|(store, effects)| {
        let loads = effects.iter().any(|effect| {
            matches!(effect, Effect::Posting(Posting { account: Account::Named(name), .. }) if name.starts_with("clearing"))
        });
        loads
            && effects.iter().any(|effect| match effect {
                Effect::Posting(Posting { account: Account::Card { source, .. }, kind: Kind::PRINCIPAL, amount }) => {
                    *amount > 0 && entries[usize::try_from(*source).expect("few") - 1].0 != *store
                }
                _ => false,
            })
    })
}

/// A table's sum of a column over the rows that have these texts in them.
fn sum(sheet: &Sheet, table: &str, column: &str, texts: &[&str]) -> i64 {
    let table = sheet.tables.iter().find(|held| held.key == table).expect("a table");
    let at = table.columns.iter().position(|held| *held == column).expect("a column");
    let has = |row: &&Vec<Cell>| texts.iter().all(|text| row.contains(&Cell::text(*text)));
    let amounts = table.rows.iter().filter(has).map(|row| match &row[at] {
        Cell::Amount(amount, _) => *amount,
        other => panic!("{other:?} is no amount"),
    });
    amounts.sum()
}

fn closing(book: &Book, begins: &str) -> i64 {
    let own = book.balances.iter().filter(|((account, _), _)| account.starts_with(begins));
    own.map(|(_, balance)| balance.closing().expect("in range")).sum()
}

fn moved(book: &Book, begins: &str) -> i64 {
    let own = book.balances.iter().filter(|((account, _), _)| account.starts_with(begins));
    own.map(|(_, balance)| balance.debit - balance.credit).sum()
}

/// Reports of the whole and of a part of the time are the accounts of exports of the same.
fn reported(journal: &Journal, book: &Book, seed: u64) {
    let (part, _) = journal.take((1, 2), None, "part");
    let part = &part.manifest.book;
    for (book, as_of, (from, to)) in [(book, None, (0, 20)), (part, Some(day(2)), (1, 2))] {
        let liability = journal.report(Asked::Liability(as_of));
        let period = Period { from: day(from), to: day(to) };
        let breakage = journal.report(Asked::Breakage(period));
        let owed = journal.report(Asked::Interstore(period));
        for store in STORES {
            for (kind, what) in [("Principal", "principal"), ("Bonus", "bonus")] {
                let account = format!("Liabilities:Cards:{kind}:{store}");
                let held = sum(&liability, "by_store", "owed", &[store, what]);
                assert_eq!(held, -closing(book, &account), "seed {seed}: {account}");
            }
            let account = format!("Income:Breakage:Cards:{store}");
            let expired = sum(&breakage, "by_store", "expired", &[store, "CNY"]);
            assert_eq!(expired, -moved(book, &account), "seed {seed}: {account}");
            for other in STORES {
                let account = format!("Assets:InterStore:{store}:{other}");
                // A pair of which neither is the other.
                let matrix = owed.tables.iter().find(|table| table.key == "matrix").expect("a matrix");
                let row =
                    matrix.rows.iter().find(|row| row[0] == Cell::text(store) && row[1] == Cell::text(other));
                let is_owed = row.map_or(0, |row| match &row[3] {
                    Cell::Amount(amount, _) => *amount,
                    cell => panic!("{cell:?} is no amount"),
                });
                assert_eq!(is_owed, closing(book, &account), "seed {seed}: {account}");
            }
        }
        let points = sum(&liability, "by_kind", "owed", &["points"]);
        assert_eq!(points, -closing(book, "Liabilities:Points:"), "seed {seed}");
        for table in ["by_product", "by_age", "by_expiry"] {
            for what in ["principal", "bonus", "points"] {
                let of = |table: &str| sum(&liability, table, "owed", &[what]);
                assert_eq!(of(table), of("by_kind"), "seed {seed}: {table} {what}");
            }
        }
        let expired = moved(book, "Income:Breakage:Points:");
        for table in ["by_kind", "by_month", "by_store", "by_product"] {
            assert_eq!(sum(&breakage, table, "expired", &["PTS"]), -expired, "seed {seed}: {table}");
        }
    }
}
