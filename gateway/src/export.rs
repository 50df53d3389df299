//! A business day as CSV: transactions and postings, with control totals that are counted twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use protocol::answer::Answer;
use protocol::cose::Sign1;
use protocol::frame::MessageType;
use protocol::request::Request;
use serde::Serialize;

use crate::domain::effect::{Account, Effect};
use crate::domain::ledger::Kind;
use crate::journal::record::{Origin, Record};
use crate::storage::Storage;

/// Entries read at once; reads are short, so that a serving gateway keeps its write-ahead log small.
const CHUNK: u64 = 512;

/// One line of `transactions.csv`: a terminal's value message, approved or declined. Amounts are in the currency's
/// units with all decimal places, signs as in postings: positive raises what the card holds. An order reference that a
/// spreadsheet would take for a formula has an apostrophe before it.
#[derive(Debug, Serialize, Default)]
struct TransactionLine {
    index: u64,
    time: String,
    business_date: u32,
    merchant: String,
    store: String,
    terminal: String,
    generation: u32,
    stan: u32,
    message: &'static str,
    code: String,
    card: String,
    amount: String,
    currency: u16,
    principal: String,
    bonus: String,
    points: i64,
    programme_version: u32,
    cashier: String,
    shift: String,
    order_reference: String,
    tenders: String,
}

/// One line of `postings.csv`: one leg. The amounts of the money kinds (0 to 2) add up to zero, and those of each
/// point currency (16 and up).
#[derive(Debug, Serialize)]
struct PostingLine {
    index: u64,
    business_date: u32,
    store: String,
    account: String,
    lot: String,
    kind: u8,
    amount: String,
}

/// Totals of a day, counted from the journal, and again from the files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Message and response code to number of transactions.
    pub transactions: BTreeMap<String, u64>,
    /// Account (cards together) and kind to the sum of its postings, in minor units or points.
    pub postings: BTreeMap<String, i64>,
}

/// What an export of a day wrote.
#[derive(Debug, Clone, Serialize)]
pub struct DayExport {
    pub business_date: u32,
    pub first_index: u64,
    pub last_index: u64,
    pub transactions: u64,
    pub postings: u64,
    pub totals: Totals,
    pub files: Vec<String>,
}

/// Writes `transactions.csv`, `postings.csv` and `totals.csv` for one business date into `out`.
///
/// # Errors
/// When the journal cannot be read, a file cannot be written, or the files' sums are not the journal's.
pub fn export_day(
    storage: &Storage,
    business_date: u32,
    out: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<DayExport> {
    let last = storage.last_index()?;
    let first = first_of_day(storage, business_date, last)?;
    let end = first_of_day(storage, business_date.saturating_add(1), last)?;
    std::fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let open = |name: &str| {
        let path = out.join(name);
        csv::Writer::from_path(&path).with_context(|| format!("writing {}", path.display()))
    };
    let (mut transactions, mut postings) = (open("transactions.csv")?, open("postings.csv")?);
    transactions.write_record(TRANSACTION_COLUMNS)?;
    postings.write_record(POSTING_COLUMNS)?;
    let mut day = Day::default();
    let mut at = first;
    while at < end {
        let chunk_end = at.saturating_add(CHUNK).min(end);
        for row in storage.entries(at, chunk_end.saturating_sub(1))? {
            let (record, _) = Record::decode(&row.record).with_context(|| format!("entry {}", row.index))?;
            day.entry(&record, &mut transactions, &mut postings)?;
        }
        at = chunk_end;
        progress(at.saturating_sub(first), end.saturating_sub(first));
    }
    transactions.flush()?;
    postings.flush()?;
    drop((transactions, postings));
    let again = read_totals(out, day.exponent)?;
    ensure!(again == day.totals, "the files' sums are not the journal's; do not use {}", out.display());
    write_totals(out, &day)?;
    Ok(DayExport {
        business_date,
        first_index: first,
        last_index: end.saturating_sub(1),
        transactions: day.transactions,
        postings: day.postings,
        totals: day.totals,
        files: ["transactions.csv", "postings.csv", "totals.csv"]
            .map(|name| out.join(name).display().to_string())
            .to_vec(),
    })
}

const TRANSACTION_COLUMNS: [&str; 21] = [
    "index",
    "time",
    "business_date",
    "merchant",
    "store",
    "terminal",
    "generation",
    "stan",
    "message",
    "code",
    "card",
    "amount",
    "currency",
    "principal",
    "bonus",
    "points",
    "programme_version",
    "cashier",
    "shift",
    "order_reference",
    "tenders",
];
const POSTING_COLUMNS: [&str; 7] = ["index", "business_date", "store", "account", "lot", "kind", "amount"];

/// Index of the first entry of a business date, or one past the end. Business dates never go back.
fn first_of_day(storage: &Storage, business_date: u32, last: u64) -> Result<u64> {
    let (mut low, mut high) = (1, last.saturating_add(1));
    while low < high {
        let middle = low.midpoint(high);
        let Some(row) = storage.entry(middle)? else {
            bail!("entry {middle} is missing; run `journal verify`")
        };
        let (record, _) = Record::decode(&row.record).with_context(|| format!("entry {middle}"))?;
        if record.details.business_date < business_date {
            low = middle.saturating_add(1)
        } else {
            high = middle
        }
    }
    Ok(low)
}

#[derive(Default)]
struct Day {
    transactions: u64,
    postings: u64,
    exponent: u8,
    totals: Totals,
}

impl Day {
    fn entry(
        &mut self,
        record: &Record,
        transactions: &mut csv::Writer<File>,
        postings: &mut csv::Writer<File>,
    ) -> Result<()> {
        let details = &record.details;
        self.exponent = details.currency.1;
        for effect in &details.effects {
            let Effect::Posting(posting) = effect else { continue };
            let (account, lot) = match &posting.account {
                Account::Card { card, lot, .. } => (format!("card:{}", card.0), lot.to_string()),
                Account::Named(name) => (name.clone(), String::new()),
            };
            let key = total_key(&account, posting.kind.0);
            add(&mut self.totals.postings, key, posting.amount)?;
            self.postings = self.postings.saturating_add(1);
            write(
                postings,
                PostingLine {
                    index: details.index,
                    business_date: details.business_date,
                    store: details.store.clone(),
                    account,
                    lot,
                    kind: posting.kind.0,
                    amount: shown(posting.amount, posting.kind, self.exponent),
                },
            )?;
        }
        if let Some(line) = transaction_line(record)? {
            let key = format!("{} {}", line.message, line.code);
            let count = self.totals.transactions.entry(key).or_default();
            *count = count.saturating_add(1);
            self.transactions = self.transactions.saturating_add(1);
            write(transactions, line)?;
        }
        Ok(())
    }
}

fn write(writer: &mut csv::Writer<File>, line: impl Serialize) -> Result<()> {
    let mut one = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    one.serialize(line)?;
    let bytes = one.into_inner().context("a line of CSV")?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
    for record in reader.records() {
        writer.write_record(&record?)?;
    }
    Ok(())
}

fn total_key(account: &str, kind: u8) -> String {
    let account = if account.starts_with("card:") { "cards" } else { account };
    format!("{account} {kind}")
}

fn add(sums: &mut BTreeMap<String, i64>, key: String, amount: i64) -> Result<()> {
    let sum = sums.entry(key).or_default();
    *sum = sum.checked_add(amount).context("a day's sum leaves the range")?;
    Ok(())
}

/// An amount in units: `-12.05` for -1205 at two places; points as they are.
#[must_use]
pub fn shown(amount: i64, kind: Kind, exponent: u8) -> String {
    if kind.is_money() {
        rust_decimal::Decimal::new(amount, u32::from(exponent)).to_string()
    } else {
        amount.to_string()
    }
}

fn transaction_line(record: &Record) -> Result<Option<TransactionLine>> {
    let Origin::Terminal { message, signed } = &record.origin else { return Ok(None) };
    let message = MessageType(*message);
    if !message.is_value() {
        return Ok(None);
    }
    let details = &record.details;
    let place = || format!("entry {}", details.index);
    let sign1 = Sign1::parse(signed).with_context(place)?;
    let request = Request::decode_payload(message, sign1.payload.unwrap_or_default()).with_context(place)?;
    let answer = Answer::decode(record.answer.as_deref().unwrap_or_default()).with_context(place)?;
    let header = &request.header;
    let exponent = details.currency.1;
    let change = |kind: Kind| {
        let changes = answer.changes.as_ref();
        changes.and_then(|c| c.get(&protocol::field::BalanceKind(u16::from(kind.0)))).copied().unwrap_or(0)
    };
    let text = |value: Option<String>| value.unwrap_or_default();
    let time = jiff::Timestamp::from_millisecond(details.time_ms).with_context(place)?;
    let tenders = match &request.body {
        protocol::request::Body::Load { tenders, .. } => {
            let line = |line: &protocol::field::TenderLine| {
                format!("{}:{}", line.kind.0, shown(line.amount.get(), Kind::MONEY, exponent))
            };
            tenders.iter().map(line).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    };
    Ok(Some(TransactionLine {
        index: details.index,
        time: time.to_string(),
        business_date: details.business_date,
        merchant: details.merchant.clone(),
        store: details.store.clone(),
        terminal: header.terminal.as_str().into(),
        generation: header.generation.map_or(0, |g| g.get()),
        stan: header.stan.map_or(0, |s| s.get()),
        message: message.name(),
        code: answer.code.to_string(),
        card: text(answer.card.map(|card| card.number().to_string())),
        amount: text(answer.approved_amount.map(|amount| shown(amount.get(), Kind::MONEY, exponent))),
        currency: details.currency.0,
        principal: shown(change(Kind::PRINCIPAL), Kind::PRINCIPAL, exponent),
        bonus: shown(change(Kind::BONUS), Kind::BONUS, exponent),
        points: change(Kind::POINTS),
        programme_version: details.programme_version,
        cashier: text(header.cashier.map(|cashier| cashier.as_str().into())),
        shift: text(header.shift.map(|shift| shift.get().to_string())),
        order_reference: text(header.order_reference.as_ref().map(|order| no_formula(order.as_str()))),
        tenders,
    }))
}

/// A text that a spreadsheet will not run: what would begin a formula gets an apostrophe before it.
fn no_formula(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.into() }
}

/// Adds the files up again, from what a reader of them sees.
fn read_totals(out: &Path, exponent: u8) -> Result<Totals> {
    let mut totals = Totals::default();
    for line in csv::Reader::from_path(out.join("transactions.csv"))?.records() {
        let line = line?;
        let count = totals.transactions.entry(format!("{} {}", &line[8], &line[9])).or_default();
        *count = count.saturating_add(1);
    }
    for line in csv::Reader::from_path(out.join("postings.csv"))?.records() {
        let line = line?;
        let kind: u8 = line[5].parse()?;
        let amount: rust_decimal::Decimal = line[6].parse()?;
        let scale = if Kind(kind).is_money() { u32::from(exponent) } else { 0 };
        let factor = rust_decimal::Decimal::from(10_i64.checked_pow(scale).context("exponent")?);
        let minor = i64::try_from(amount.checked_mul(factor).context("amount")?)?;
        add(&mut totals.postings, total_key(&line[3], kind), minor)?;
    }
    Ok(totals)
}

fn write_totals(out: &Path, day: &Day) -> Result<()> {
    let mut file = csv::Writer::from_path(out.join("totals.csv"))?;
    file.write_record(["what", "key", "value"])?;
    for (key, count) in &day.totals.transactions {
        file.write_record(["transactions", key, &count.to_string()])?;
    }
    for (key, sum) in &day.totals.postings {
        let kind = key.rsplit(' ').next().and_then(|kind| kind.parse().ok()).unwrap_or(0);
        file.write_record(["postings", key, &shown(*sum, Kind(kind), day.exponent)])?;
    }
    file.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_with_all_their_places_and_points_as_they_are() {
        assert_eq!(shown(-1205, Kind::PRINCIPAL, 2), "-12.05");
        assert_eq!(shown(5, Kind::MONEY, 2), "0.05");
        assert_eq!(shown(1205, Kind::MONEY, 0), "1205");
        assert_eq!(shown(-7, Kind::POINTS, 2), "-7");
    }

    #[test]
    fn an_order_reference_cannot_run_in_a_spreadsheet() {
        assert_eq!(no_formula("=cmd()"), "'=cmd()");
        assert_eq!(no_formula("A-1"), "A-1");
    }
}
