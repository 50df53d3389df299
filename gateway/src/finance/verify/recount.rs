//! Adding an export's files up again, from what a reader of them sees.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use csv::StringRecord;
use serde::Deserialize;

use crate::finance::book::{Balance, Commodity, shown};
use crate::finance::manifest::Manifest;
use crate::workers::{Line, with_workers};

/// What is read at once of a file.
pub(super) const PIECE: usize = 256 * 1024;

/// Sums that an entry of one or two stores needs.
const FEW: usize = 8;

/// What cards hold has moved, by commodity and kind, in minor units.
type Moved = BTreeMap<String, BTreeMap<String, i64>>;
type Check = fn(&Path, &Manifest) -> Result<Moved>;

/// What in the files does not come to what the manifest says. A file is read by one thread, and as many at once as there are
/// cores.
pub(super) fn faults(directory: &Path, manifest: &Manifest) -> Vec<String> {
    let checks: [(&str, Check); 5] = [
        ("postings.csv", postings),
        ("totals.csv", totals),
        ("transactions.csv", transactions),
        ("lots.csv", lots),
        ("journal.jsonl", lines),
    ];
    let has = |name: &str| manifest.files.iter().any(|file| file.name == name);
    let checked = with_workers(|workers| {
        let mut line = Line::new(workers);
        let checks = checks.into_iter().filter(|(name, _)| has(name));
        let names: Vec<_> = checks
            .map(|(name, check)| {
                line.give(move || check(&directory.join(name), manifest));
                name
            })
            .collect();
        names.into_iter().map_while(|name| Some((name, line.take()?))).collect::<Vec<_>>()
    });
    let (mut faults, mut moved) = (Vec::new(), Vec::new());
    for (name, checked) in checked {
        match checked {
            Ok(sums) => moved.push((name, sums)),
            Err(error) => faults.push(format!("{name}: {error:#}")),
        }
    }
    if !has("postings.csv") {
        moved.push(("postings.csv", Moved::new()));
    }
    let of = |name: &str| moved.iter().find(|(known, _)| *known == name).map(|(_, sums)| sums);
    if let (Some(booked), Some(lots)) = (of("postings.csv"), of("lots.csv"))
        && !comes_to_nothing(booked, lots)
    {
        faults.push("lots.csv: the lots do not come to what postings.csv has booked on cards".into());
    }
    faults
}

/// A posting has the other sign than what the card holds.
fn comes_to_nothing(booked: &Moved, lots: &Moved) -> bool {
    let of = |sums: &Moved, commodity: &str, kind: &str| {
        sums.get(commodity).and_then(|kinds| kinds.get(kind)).copied().unwrap_or(0)
    };
    let kinds = [booked, lots].into_iter().flatten();
    let mut kinds = kinds
        .flat_map(|(commodity, kinds)| kinds.keys().map(move |kind| (commodity.as_str(), kind.as_str())));
    kinds.all(|(commodity, kind)| {
        of(booked, commodity, kind).checked_add(of(lots, commodity, kind)) == Some(0)
    })
}

fn moves(moved: &mut Moved, commodity: &str, kind: &str, amount: i64) -> Result<()> {
    if !moved.get(commodity).is_some_and(|kinds| kinds.contains_key(kind)) {
        moved.entry(commodity.to_owned()).or_default().insert(kind.to_owned(), 0);
    }
    let sum = moved.get_mut(commodity).and_then(|kinds| kinds.get_mut(kind)).context("a sum is missing")?;
    *sum = sum.checked_add(amount).context("a sum leaves the range")?;
    Ok(())
}

/// Movements by account, added up from legs; each entry comes to zero in the books of every store.
struct Recount<'a> {
    manifest: &'a Manifest,
    commodities: Vec<&'a Commodity>,
    /// Place in `balances`.
    accounts: HashMap<(&'a str, &'a str), usize>,
    balances: Vec<Balance>,
    entry: u64,
    /// Of the present entry: a store, the place of a commodity, and what it has moved in that store's books.
    sums: Vec<(String, usize, i64)>,
}

impl<'a> Recount<'a> {
    fn new(manifest: &'a Manifest) -> Self {
        let each = || manifest.book.balances.keys();
        let commodities: BTreeMap<&str, &Commodity> =
            each().map(|(_, commodity)| (commodity.name.as_str(), commodity)).collect();
        let commodities = commodities.into_values().collect();
        let accounts: HashMap<_, _> = each()
            .enumerate()
            .map(|(at, (account, commodity))| ((account.as_str(), commodity.name.as_str()), at))
            .collect();
        let balances = vec![Balance::default(); manifest.book.balances.len()];
        Self { manifest, commodities, accounts, balances, entry: 0, sums: Vec::new() }
    }

    fn leg(
        &mut self,
        (entry, store): (u64, &str),
        account: &str,
        commodity: &str,
        amount: &str,
    ) -> Result<i64> {
        if entry != self.entry {
            self.zero()?;
            ensure!(entry > self.entry, "entry {entry} stands behind entry {}", self.entry);
            let within = entry > self.manifest.before.index && entry <= self.manifest.end.index;
            ensure!(within, "entry {entry} is of another period");
            self.entry = entry;
        }
        let known = self.commodities.iter().enumerate().find(|(_, known)| known.name == commodity);
        let (of, known) = known.with_context(|| format!("{commodity} is in no total"))?;
        let amount = minor(amount, known.exponent)?;
        self.sum(store, of, amount)?;
        let at = place(&self.accounts, account, commodity);
        let held = at.and_then(|at| self.balances.get_mut(at));
        held.context("it books on an account that the manifest does not have")?.post(amount)?;
        Ok(amount)
    }

    fn sum(&mut self, store: &str, commodity: usize, amount: i64) -> Result<()> {
        let mut sums = self.sums.iter_mut();
        match sums.find(|(known, of, _)| known == store && *of == commodity) {
            Some((.., sum)) => *sum = sum.checked_add(amount).context("a sum leaves the range")?,
            None => self.sums.push((store.to_owned(), commodity, amount)),
        }
        Ok(())
    }

    fn zero(&mut self) -> Result<()> {
        let entry = self.entry;
        if let Some((store, ..)) = self.sums.iter().find(|(.., sum)| *sum != 0) {
            bail!("entry {entry} does not come to zero in the books of {store}");
        }
        // Most entries are of the same few stores: their sums are back at nothing, and go on from there.
        if self.sums.len() > FEW {
            self.sums.clear();
        }
        Ok(())
    }

    /// Every account has moved as the manifest says.
    fn finish(mut self) -> Result<()> {
        self.zero()?;
        for ((account, balance), again) in self.manifest.book.balances.iter().zip(&self.balances) {
            let same = (again.debit, again.credit) == (balance.debit, balance.credit);
            ensure!(same, "{} has moved otherwise than the manifest says", account.0);
        }
        Ok(())
    }
}

/// A function of its own, so that what is looked up need not live as long as the names.
fn place(accounts: &HashMap<(&str, &str), usize>, account: &str, commodity: &str) -> Option<usize> {
    accounts.get(&(account, commodity)).copied()
}

/// Every record of a CSV file, in one place in memory.
fn each_record(path: &Path, mut visit: impl FnMut(&StringRecord) -> Result<()>) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(PIECE).from_path(path)?;
    let mut record = StringRecord::new();
    while reader.read_record(&mut record)? {
        visit(&record)?;
    }
    Ok(())
}

fn postings(path: &Path, manifest: &Manifest) -> Result<Moved> {
    let (mut recount, mut moved) = (Recount::new(manifest), Moved::new());
    each_record(path, |line| {
        let amount = recount.leg((line[0].parse()?, &line[2]), &line[3], &line[4], &line[5])?;
        let side = if amount > 0 { (&line[6], "") } else { ("", &line[7]) };
        let shown = line[5].trim_start_matches('-');
        ensure!(
            side == if amount > 0 { (shown, "") } else { ("", shown) },
            "entry {}: its sides differ",
            &line[0]
        );
        if line[8].starts_with("card:") { moves(&mut moved, &line[4], &line[9], amount) } else { Ok(()) }
    })?;
    recount.finish()?;
    Ok(moved)
}

fn totals(path: &Path, manifest: &Manifest) -> Result<Moved> {
    let mut lines = csv::Reader::from_path(path)?.into_records();
    for ((account, commodity), balance) in &manifest.book.balances {
        let line = lines.next().with_context(|| format!("{account} is missing"))??;
        let closing = balance.closing().context("a balance leaves the range")?;
        let amounts = [balance.opening, balance.debit, balance.credit, closing];
        let amounts = amounts.map(|amount| shown(amount, commodity.exponent));
        let wanted =
            [account.as_str(), commodity.name.as_str()].into_iter().chain(amounts.iter().map(String::as_str));
        ensure!(line.iter().eq(wanted), "{account} differs from the manifest");
    }
    ensure!(lines.next().is_none(), "it has more accounts than the manifest");
    Ok(Moved::new())
}

fn transactions(path: &Path, manifest: &Manifest) -> Result<Moved> {
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let mut kind = String::new();
    each_record(path, |line| {
        kind.clear();
        kind.push_str(&line[6]);
        if !line[7].is_empty() {
            kind.push(' ');
            kind.push_str(&line[7]);
        }
        match kinds.get_mut(&kind) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(kinds.insert(kind.clone(), 1)),
        }
        Ok(())
    })?;
    for (kind, count) in kinds {
        let most = manifest.kinds.get(&kind).copied().unwrap_or(0);
        ensure!(count <= most, "it has {count} of {kind}; the manifest counts {most}");
    }
    Ok(Moved::new())
}

/// What cards hold must have moved as the accounts of what they hold have.
fn lots(path: &Path, manifest: &Manifest) -> Result<Moved> {
    let exponents: BTreeMap<&str, u8> = manifest
        .book
        .balances
        .keys()
        .map(|(_, commodity)| (commodity.name.as_str(), commodity.exponent))
        .collect();
    let mut moved = Moved::new();
    each_record(path, |line| {
        let commodity = &line[6];
        let exponent = *exponents.get(commodity).with_context(|| format!("{commodity} is in no total"))?;
        moves(&mut moved, commodity, &line[5], minor(&line[7], exponent)?)
    })?;
    Ok(moved)
}

/// A line of journal.jsonl, as far as it is added up; only transactions have an index.
#[derive(Deserialize)]
struct Transaction<'a> {
    index: Option<u64>,
    #[serde(borrow, default)]
    postings: Vec<Posting<'a>>,
}

#[derive(Deserialize)]
struct Posting<'a> {
    #[serde(borrow)]
    account: Cow<'a, str>,
    #[serde(borrow)]
    commodity: Cow<'a, str>,
    #[serde(borrow)]
    amount: Cow<'a, str>,
    #[serde(borrow)]
    store: Cow<'a, str>,
}

fn lines(path: &Path, manifest: &Manifest) -> Result<Moved> {
    let mut recount = Recount::new(manifest);
    let (mut file, mut line) = (BufReader::with_capacity(PIECE, File::open(path)?), String::new());
    while file.read_line(&mut line)? > 0 {
        let read: Transaction<'_> = serde_json::from_str(&line)?;
        if let Some(entry) = read.index {
            for leg in &read.postings {
                recount.leg((entry, &leg.store), &leg.account, &leg.commodity, &leg.amount)?;
            }
        }
        line.clear();
    }
    recount.finish()?;
    Ok(Moved::new())
}

/// Minor units of an amount as it is shown: all its decimal places, no zero too many before the point, no sign before nothing.
fn minor(text: &str, exponent: u8) -> Result<i64> {
    read(text, usize::from(exponent))
        .with_context(|| format!("{text:?} is no amount with {exponent} decimal places"))
}

fn read(text: &str, places: usize) -> Option<i64> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |unsigned| (true, unsigned));
    let (whole, part) = match places {
        0 => (unsigned, ""),
        _ => {
            let (whole, rest) =
                unsigned.split_at_checked(unsigned.len().checked_sub(places)?.checked_sub(1)?)?;
            (whole, rest.strip_prefix('.')?)
        }
    };
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let mut sum: i64 = 0;
    for byte in whole.bytes().chain(part.bytes()) {
        let digit = i64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        // Below zero, where there is one more number.
        sum = sum.checked_mul(10)?.checked_sub(digit)?;
    }
    if negative { Some(sum).filter(|sum| *sum != 0) } else { sum.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_shown_is_an_amount() {
        for amount in [0, 1, -1, 99, -100, 12_345, i64::MAX, i64::MIN] {
            for exponent in 0..4 {
                assert_eq!(minor(&shown(amount, exponent), exponent).expect("an amount"), amount);
            }
        }
        for text in
            ["", "-", "1", "1.0", "1.000", "01.00", "-0.00", "+1.00", " 1.00", "1.0a", ".00", "1,00", "1.-1"]
        {
            assert!(minor(text, 2).is_err(), "{text:?}");
        }
        assert!(minor("92233720368547758.08", 2).is_err(), "one above the largest");
    }
}
