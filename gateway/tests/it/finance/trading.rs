//! A day at the real gateway, from the counter to the books: what finance gets is what the accounts and cards stand at.

use std::collections::BTreeMap;
use std::path::Path;

use gateway::domain::Kind;
use gateway::journal::walk::replayed;
use gateway::storage::Storage;
use protocol::code::ResponseCode;
use protocol::field::Installation;
use serde_json::Value;

use crate::counter::{load, number, purchase, reversal};
use crate::harness::Site;
use crate::till::add_to_programme;
use crate::till::{APPROVED, Till, authorize, capture, refund, transfer, unload, void};

pub(super) fn lines(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader =
        csv::Reader::from_path(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    reader.deserialize().map(|row| row.expect("a line with every column")).collect()
}

/// Minor units or points: all digits of it.
pub(super) fn units(amount: &str) -> i64 {
    amount.replace('.', "").parse().unwrap_or_else(|_| panic!("{amount:?} is no amount"))
}

pub(super) fn path(site: &Site, name: &str) -> String {
    site.beside(name).to_str().expect("a path").to_owned()
}

/// Signs as the first of two people, and as the second.
fn by_two(site: &Site, words: &[&str]) {
    let proposal = site.json(&[words, &["--operator", "ann"]].concat())["proposal"].to_string();
    site.json(&["act", "confirm", "--number", &proposal, "--operator", "bob"]);
}

#[tokio::test]
async fn what_finance_gets_is_what_accounts_and_cards_stand_at_and_a_clerk_can_tell_refunds_and_adjustments()
{
    let site = Site::new();
    let gateway = site.start();
    add_to_programme(&site, "max_transfer = \"500.00\"\nmax_unload = \"500.00\"", "");
    let mut till = Till::open(&site, &gateway, "T0001").await;
    let mut branch = Till::elsewhere(&site, &gateway, "T0002", ["--store", "S002"]).await;
    let mut cards = till.sell(&site, 3, &[300_00, 100_00]).await;
    site.operators(&["ann", "bob"]);
    let (third, other, card) = (cards.remove(2), cards.remove(1), cards.remove(0));
    let (sale, _) = branch.deal(purchase(&card, 80_00), &card).await;
    // Of three refunds one is voided, one reversed, one stands.
    for (minor, undo) in [(10_00, true), (20_00, true), (30_00, false)] {
        let (back, answer) = branch.deal(refund(&sale, minor), &card).await;
        assert_eq!(answer.code(), APPROVED);
        if undo {
            let body = if minor == 10_00 { void(&back) } else { reversal(&back) };
            assert_eq!(branch.code(body, &card).await, APPROVED);
        }
    }
    let (wrong, _) = till.deal(purchase(&card, 7_00), &card).await;
    assert_eq!(till.code(void(&wrong), &card).await, APPROVED);
    assert_eq!(till.code(transfer(&card, &other, 50_00), &card).await, APPROVED);
    let (held, _) = till.deal(authorize(&other, 40_00), &other).await;
    assert_eq!(till.code(capture(&held, 25_50), &other).await, APPROVED);
    assert_eq!(till.code(purchase(&third, 9_000_00), &third).await, ResponseCode::NOT_SUFFICIENT_FUNDS);
    assert_eq!(till.code(unload(&third, 60_00), &third).await, APPROVED);
    assert_eq!(branch.code(load(&third, 50_00), &third).await, APPROVED);
    by_two(
        &site,
        &["card", "refund", "--card", &number(&card), "--amount", "12.50", "--reason", "no receipt"],
    );
    by_two(&site, &["card", "adjust", "--card", &number(&card), "--points", "100", "--reason", "talk"]);
    by_two(&site, &["card", "adjust", "--card", &number(&card), "--points=-30", "--reason", "twice"]);

    let date = site.json(&["status"])["business_date"].as_str().expect("a date").to_owned();
    let fingerprint = gateway.fingerprint.clone();
    drop(gateway);
    site.verify();
    let out = path(&site, "out");
    let said =
        site.json(&["export", "--day", &date, "--format", "csv,jsonl,hledger,beancount", "--out", &out]);
    assert_eq!(said["export"]["complete"], false, "nobody has begun another day yet");
    let checked = site.json(&["export", "verify", &out, "--fingerprint", &fingerprint]);
    assert_eq!(checked["ok"], true);
    assert!(checked["not_proved"].to_string().contains("was over"), "{checked}");
    let pem = site.beside("key.pem");
    let key = std::process::Command::new(crate::harness::BINARY)
        .args(["export", "key", "--data"])
        .arg(site.data())
        .output()
        .expect("the gateway's binary");
    std::fs::write(&pem, key.stdout).expect("written");
    site.json(&["export", "verify", &out, "--key", pem.to_str().expect("a path")]);
    assert!(!site.run(&["export", "verify", &out, "--fingerprint", &"0".repeat(64)]).status.success());

    // Against the state that the journal leads to.
    let out = site.beside("out");
    let storage = Storage::open_read_only(&site.data()).expect("the database");
    let id = storage.meta("installation").expect("read").expect("there").try_into().expect("16 bytes");
    let state = replayed(&storage, &Installation(id), |_| ()).expect("a whole journal");
    let mut accounts: BTreeMap<(String, bool), i64> = BTreeMap::new();
    for line in lines(&out.join("postings.csv")) {
        let is_money = line["kind"].parse::<u8>().expect("a kind") < 16;
        *accounts.entry((line["journal_account"].clone(), is_money)).or_default() -= units(&line["amount"]);
    }
    for (name, account) in &state.accounts {
        for (kind, balance) in &account.balances {
            assert_eq!(accounts.get(&(name.clone(), kind.is_money())), Some(balance), "{name} {kind:?}");
        }
    }
    let mut lots: BTreeMap<(String, String), i64> = BTreeMap::new();
    for line in lines(&out.join("lots.csv")) {
        *lots.entry((line["card"].clone(), line["lot"].clone())).or_default() += units(&line["amount"]);
    }
    lots.retain(|_, held| *held != 0);
    let held = state.cards.values().flat_map(|card| {
        card.lots.iter().map(|lot| ((card.reference.0.to_string(), lot.id.to_string()), lot.amount))
    });
    assert_eq!(held.collect::<BTreeMap<_, _>>(), lots, "every lot of every card");

    // Against what a clerk would add up.
    let closing = |account: &str| {
        let all = lines(&out.join("totals.csv"));
        let line = all.iter().find(|line| line["account"] == account);
        line.map(|line| units(&line["closing"]))
    };
    let of = |kind| -> i64 {
        let lots = state.cards.values().flat_map(|card| &card.lots);
        lots.filter(|lot| lot.kind == kind).map(|lot| lot.amount).sum()
    };
    let at_branch = 50_00;
    for (account, wanted) in [
        ("Liabilities:Cards:Principal:S002", -at_branch),
        ("Liabilities:Cards:Principal:S001", at_branch - of(Kind::PRINCIPAL)),
        ("Liabilities:Cards:Bonus:S001", -of(Kind::BONUS)),
        ("Liabilities:Points:Ordinary", -of(Kind::POINTS)),
        ("Assets:Clearing:S002:Cash", 50_00),
        ("Income:Redemption:S002", -80_00),
        ("Income:Refunds:S002", 30_00),
        ("Income:Redemption:S001", -25_50),
        ("Income:Refunds:S001", 12_50),
        // Spent at the branch and in part refunded there, of money that the other store took; what the branch loaded was unspent.
        ("Assets:InterStore:S002:S001", 50_00),
        ("Assets:InterStore:S001:S002", -50_00),
        ("Expenses:Adjustments:Ordinary", 70),
    ] {
        assert_eq!(closing(account), Some(wanted), "{account}");
    }
    let moved = lines(&out.join("totals.csv"));
    let refunds = moved.iter().find(|line| line["account"] == "Income:Refunds:S002").expect("refunds");
    assert_eq!(
        (&*refunds["debit"], &*refunds["credit"]),
        ("60.00", "30.00"),
        "what was undone is undone there"
    );
    super::reports::agree(&site, &date, &out);
    crate::day::agree_with_export(&site, &date, "settled");
    one_store(&site, &date);
    names_of_its_own(&site, &date);
}

/// Each store by itself comes to zero, and both come to the whole.
fn one_store(site: &Site, date: &str) {
    let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
    for store in ["S001", "S002"] {
        let out = path(site, store);
        site.json(&["export", "--day", date, "--store", store, "--out", &out]);
        for line in lines(&Path::new(&out).join("totals.csv")) {
            *sums.entry((line["account"].clone(), line["commodity"].clone())).or_default() +=
                units(&line["closing"]);
        }
    }
    // A name that was mistyped is no store that took nothing.
    let out = path(site, "nobody");
    let done = site.run(&["export", "--day", date, "--store", "s001", "--out", &out]);
    assert_eq!(done.status.code(), Some(1));
    assert!(
        done.stderr.contains("store s001 is not known") && done.stderr.contains("S001, S002"),
        "{}",
        done.stderr
    );
    assert!(!Path::new(&out).exists(), "nothing is there to be taken for an export");
    for line in lines(&site.beside("out").join("totals.csv")) {
        let sum = sums.get(&(line["account"].clone(), line["commodity"].clone()));
        assert_eq!(sum, Some(&units(&line["closing"])), "{}", line["account"]);
    }
}

fn names_of_its_own(site: &Site, date: &str) {
    let file = site.beside("names.toml");
    std::fs::write(&file, "[accounts]\nprincipal = \"2203.01 Prepaid\"\n").expect("written");
    let (names, out) = (file.to_str().expect("a path"), path(site, "named"));
    site.json(&["export", "--day", date, "--accounts", names, "--out", &out]);
    let totals = lines(&Path::new(&out).join("totals.csv"));
    assert!(totals.iter().any(|line| line["account"] == "2203.01 Prepaid"));
    let copy = std::fs::read_to_string(Path::new(&out).join("accounts.toml")).expect("a copy");
    assert!(copy.contains("2203.01 Prepaid"));
    let beancount = path(site, "refused");
    let done = site.run(&[
        "export",
        "--day",
        date,
        "--accounts",
        names,
        "--format",
        "beancount",
        "--out",
        &beancount,
    ]);
    assert!(!done.status.success());
    assert!(done.stderr.contains("no account for beancount"), "{}", done.stderr);
    assert!(!Path::new(&beancount).exists());
    std::fs::write(&file, "[accounts]\ncash = \"X\"\n").expect("written");
    let done = site.run(&["export", "--day", date, "--accounts", names, "--out", &beancount]);
    assert!(done.stderr.contains("write one of clearing"), "{}", done.stderr);
}

#[test]
fn what_cannot_be_exported_is_said_before_anything_is_written() {
    let site = Site::new();
    let gateway = site.start();
    let out = path(&site, "out");
    for (words, code) in [
        (&["--from", "2026-11-02", "--to", "2026-11-01"][..], 1),
        (&["--day", "yesterday"], 1),
        (&["--day", "9999-12-31"], 1),
        (&["--from", "2026-11-01"], 2),
        (&[], 2),
        (&["--day", "2026-11-01", "--from", "2026-11-01", "--to", "2026-11-01"], 2),
        (&["--day", "2026-11-01", "--format", "pdf"], 2),
    ] {
        let done = site.run(&[&["export", "--out", &out], words].concat());
        assert_eq!(done.status.code(), Some(code), "{words:?}: {}", done.stderr);
        assert!(!site.beside("out").exists());
    }
    assert_eq!(site.run(&["export", "verify", "x"]).status.code(), Some(2), "a key must be named");
    assert_eq!(
        site.run(&["export", "verify", &out, "--fingerprint", &"0".repeat(64)]).status.code(),
        Some(1)
    );
    let done = site.run(&["export", "--day", "1999-12-31", "--out", &out]);
    assert!(done.status.success(), "a day before the journal is empty: {}", done.stderr);
    assert_eq!(
        (&done.json["export"]["transactions"], &done.json["export"]["complete"]),
        (&Value::from(0), &Value::Bool(true))
    );
    drop(gateway);
}
