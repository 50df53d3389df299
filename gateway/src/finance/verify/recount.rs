//! Adding an export's files up again, from what a reader of them sees.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::finance::book::{Book, Commodity, shown};
use crate::finance::manifest::Manifest;

/// What in the files does not come to what the manifest says.
pub(super) fn faults(directory: &Path, manifest: &Manifest) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let has = |name: &str| manifest.files.iter().any(|file| file.name == name);
    let mut checked = |name: &str, check: fn(&Path, &Manifest) -> Result<()>| {
        if has(name)
            && let Err(error) = check(&directory.join(name), manifest)
        {
            faults.push(format!("{name}: {error:#}"));
        }
    };
    checked("postings.csv", postings);
    checked("totals.csv", totals);
    checked("transactions.csv", transactions);
    checked("lots.csv", lots);
    checked("journal.jsonl", lines);
    Ok(faults)
}

/// Movements by account, added up from legs; each entry comes to zero in the books of every store.
struct Recount<'a> {
    manifest: &'a Manifest,
    commodities: BTreeMap<&'a str, &'a Commodity>,
    book: Book,
    entry: u64,
    /// By store and commodity.
    sums: BTreeMap<(String, String), i64>,
}

impl<'a> Recount<'a> {
    fn new(manifest: &'a Manifest) -> Self {
        let each = manifest.book.balances.keys().map(|(_, commodity)| (commodity.name.as_str(), commodity));
        let (commodities, book) = (each.collect(), Book::default());
        Self { manifest, commodities, book, entry: 0, sums: BTreeMap::new() }
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
        let known =
            *self.commodities.get(commodity).with_context(|| format!("{commodity} is in no total"))?;
        let amount = minor(amount, known.exponent)?;
        self.book.post(account, known, amount)?;
        let sum = self.sums.entry((store.to_owned(), commodity.to_owned())).or_default();
        *sum = sum.checked_add(amount).context("a sum leaves the range")?;
        Ok(amount)
    }

    fn zero(&mut self) -> Result<()> {
        let entry = self.entry;
        if let Some(((store, _), _)) = self.sums.iter().find(|(_, sum)| **sum != 0) {
            bail!("entry {entry} does not come to zero in the books of {store}");
        }
        self.sums.clear();
        Ok(())
    }

    /// Every account has moved as the manifest says.
    fn finish(mut self) -> Result<()> {
        self.zero()?;
        for (account, balance) in &self.manifest.book.balances {
            let again = self.book.balances.get(account).copied().unwrap_or_default();
            let same = (again.debit, again.credit) == (balance.debit, balance.credit);
            ensure!(same, "{} has moved otherwise than the manifest says", account.0);
        }
        let known =
            self.book.balances.keys().all(|account| self.manifest.book.balances.contains_key(account));
        ensure!(known, "it books on an account that the manifest does not have");
        Ok(())
    }
}

fn postings(path: &Path, manifest: &Manifest) -> Result<()> {
    let mut recount = Recount::new(manifest);
    for line in csv::Reader::from_path(path)?.records() {
        let line = line?;
        let amount = recount.leg((line[0].parse()?, &line[2]), &line[3], &line[4], &line[5])?;
        let side = if amount > 0 { (&line[6], "") } else { ("", &line[7]) };
        let shown = line[5].trim_start_matches('-');
        ensure!(
            side == if amount > 0 { (shown, "") } else { ("", shown) },
            "entry {}: its sides differ",
            &line[0]
        );
    }
    recount.finish()
}

fn totals(path: &Path, manifest: &Manifest) -> Result<()> {
    let mut lines = csv::Reader::from_path(path)?.into_records();
    for ((account, commodity), balance) in &manifest.book.balances {
        let line = lines.next().with_context(|| format!("{account} is missing"))??;
        let closing = balance.closing().context("a balance leaves the range")?;
        let amounts = [balance.opening, balance.debit, balance.credit, closing];
        let amounts = amounts.map(|amount| shown(amount, commodity.exponent));
        let wanted =
            [account.as_str(), &commodity.name].into_iter().chain(amounts.iter().map(String::as_str));
        ensure!(line.iter().eq(wanted), "{account} differs from the manifest");
    }
    ensure!(lines.next().is_none(), "it has more accounts than the manifest");
    Ok(())
}

fn transactions(path: &Path, manifest: &Manifest) -> Result<()> {
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for line in csv::Reader::from_path(path)?.records() {
        let line = line?;
        let kind = if line[7].is_empty() { line[6].to_owned() } else { format!("{} {}", &line[6], &line[7]) };
        let count = kinds.entry(kind).or_default();
        *count = count.saturating_add(1);
    }
    for (kind, count) in kinds {
        let most = manifest.kinds.get(&kind).copied().unwrap_or(0);
        ensure!(count <= most, "it has {count} of {kind}; the manifest counts {most}");
    }
    Ok(())
}

/// What cards hold has moved as the accounts of what they hold have.
fn lots(path: &Path, manifest: &Manifest) -> Result<()> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    let exponents: BTreeMap<&str, u8> = manifest
        .book
        .balances
        .keys()
        .map(|(_, commodity)| (commodity.name.as_str(), commodity.exponent))
        .collect();
    let mut add = |commodity: &str, kind: &str, amount: &str| -> Result<()> {
        let exponent = *exponents.get(commodity).with_context(|| format!("{commodity} is in no total"))?;
        let sum = sums.entry(format!("{commodity} {kind}")).or_default();
        let amount = minor(amount, exponent)?;
        *sum = sum.checked_add(amount).context("a sum leaves the range")?;
        Ok(())
    };
    for line in csv::Reader::from_path(path)?.records() {
        let line = line?;
        add(&line[6], &line[5], &line[7])?;
    }
    for line in csv::Reader::from_path(path.with_file_name("postings.csv"))?.records() {
        let line = line?;
        if line[8].starts_with("card:") {
            add(&line[4], &line[9], &line[5])?;
        }
    }
    ensure!(
        sums.values().all(|sum| *sum == 0),
        "the lots do not come to what postings.csv has booked on cards"
    );
    Ok(())
}

fn lines(path: &Path, manifest: &Manifest) -> Result<()> {
    let mut recount = Recount::new(manifest);
    for line in BufReader::new(File::open(path)?).lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let Some(entry) = line["index"].as_u64() else { continue };
        for leg in line["postings"].as_array().into_iter().flatten() {
            let text = |field: &str| leg[field].as_str().unwrap_or_default();
            recount.leg((entry, text("store")), text("account"), text("commodity"), text("amount"))?;
        }
    }
    recount.finish()
}

/// Minor units of an amount that has all its decimal places.
fn minor(text: &str, exponent: u8) -> Result<i64> {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    let amount = digits.parse().with_context(|| format!("{text:?} is no amount"))?;
    ensure!(shown(amount, exponent) == text, "{text:?} is no amount with {exponent} decimal places");
    Ok(amount)
}
