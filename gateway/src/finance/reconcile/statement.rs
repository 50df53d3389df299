//! Reading a provider's file, line by line. A line that cannot be read stops it: what is left out silently is never found.

use std::collections::VecDeque;
use std::io::{BufRead, Read as _};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use super::amount::{amount, fields, shortened};
use super::map::{Column, Map, Types};
use super::outcome::{Line, Span};
use crate::finance::Commodity;

/// Longest line, in bytes.
const MAX_LINE: u64 = 64 * 1024;
/// Most lines of a period.
const MAX_LINES: usize = 2_000_000;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    pub lines: Vec<Line>,
    /// Lines that [types] passes over, or whose amount is nothing.
    pub ignored: u64,
    /// Lines of other days.
    pub outside: u64,
    /// What the provider has kept of `lines`, in minor units.
    pub fees: i64,
}

/// Reads a file. `days`: lines of other days are counted and dropped.
///
/// # Errors
/// Names the line, and what is wrong there.
pub fn read(
    mut input: impl BufRead,
    map: &Map,
    currency: &Commodity,
    days: Option<Span>,
) -> Result<Statement> {
    let mut reading = Reading { map, currency, days, places: None, width: 0, said: Statement::default() };
    let mut held: VecDeque<(u64, String)> = VecDeque::new();
    let mut number = 0_u64;
    while let Some(bytes) = next_line(&mut input, number)? {
        number = number.saturating_add(1);
        let bytes = if number == 1 { bytes.strip_prefix(BOM).unwrap_or(&bytes) } else { &bytes };
        ensure!(
            number > 1 || !(bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")),
            "the file is UTF-16; turn it into UTF-8 first: iconv -f UTF-16 -t UTF-8 FILE > NEW"
        );
        let comment = !map.comment.is_empty() && bytes.starts_with(map.comment.as_bytes());
        if number <= map.skip_head || comment || bytes.trim_ascii().is_empty() {
            continue;
        }
        let text = text(bytes).map_err(|what| anyhow!("line {number}: {what}"))?;
        if reading.places.is_none() && reading.header(&text).with_context(|| format!("line {number}"))? {
            continue;
        }
        held.push_back((number, text));
        if held.len() > map.skip_foot
            && let Some((number, text)) = held.pop_front()
        {
            reading.line(number, &text).map_err(|what| anyhow!("line {number}: {what}"))?;
        }
    }
    ensure!(reading.places.is_some(), "the file ends in front of its header; look at skip_head in the map");
    Ok(reading.said)
}

/// The next line without its end; `None` behind the last.
fn next_line(input: &mut impl BufRead, before: u64) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes);
    let read = read.with_context(|| format!("reading line {}", before.saturating_add(1)))?;
    let ended = bytes.pop_if(|byte| *byte == b'\n').is_some();
    ensure!(
        ended || (read as u64) < MAX_LINE,
        "line {} has over {MAX_LINE} bytes: that is no statement of payments",
        before.saturating_add(1)
    );
    bytes.pop_if(|byte| *byte == b'\r');
    Ok((read > 0).then_some(bytes))
}

fn text(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| {
        "it is not UTF-8. A file from a Chinese bank is often GBK; turn it into UTF-8 first: iconv -f GB18030 -t UTF-8 FILE > NEW"
            .to_owned()
    })?;
    if text.chars().any(|sign| sign.is_control() && sign != '\t') {
        return Err("it has a control character; this is no plain CSV file".into());
    }
    Ok(text.to_owned())
}

/// Where each thing stands, from 0.
struct Places {
    reference: Option<usize>,
    amount: usize,
    date: usize,
    kind: Option<usize>,
    refund_amount: Option<usize>,
    fee: Option<usize>,
    currency: Option<usize>,
}

struct Reading<'a> {
    map: &'a Map,
    currency: &'a Commodity,
    days: Option<Span>,
    places: Option<Places>,
    /// Number of fields in the header.
    width: usize,
    said: Statement,
}

impl Reading<'_> {
    /// Finds the columns; whether this line is the header.
    fn header(&mut self, text: &str) -> Result<bool> {
        let map = self.map;
        let names = if map.header { self.fields(text).map_err(|what| anyhow!(what))? } else { Vec::new() };
        let place = |key: &str, column: &Column| match column {
            Column::Place(place) => Ok(place.saturating_sub(1)),
            Column::Name(name) => {
                let mut found = names.iter().enumerate().filter(|(_, header)| *header == name);
                match (found.next(), found.next()) {
                    (Some((at, _)), None) => Ok(at),
                    (None, _) => bail!(
                        "the header has no {name:?}, which [columns] {key} names; it has: {}. Is skip_head right?",
                        shortened_list(&names)
                    ),
                    _ => bail!("the header has {name:?} twice; name [columns] {key} by its number"),
                }
            }
        };
        let may =
            |key: &str, column: &Option<Column>| column.as_ref().map(|column| place(key, column)).transpose();
        let columns = &map.columns;
        self.width = names.len();
        self.places = Some(Places {
            reference: may("reference", &columns.reference)?,
            amount: place("amount", &columns.amount)?,
            date: place("date", &columns.date)?,
            kind: may("type", &columns.kind)?,
            refund_amount: may("refund_amount", &columns.refund_amount)?,
            fee: may("fee", &columns.fee)?,
            currency: may("currency", &columns.currency)?,
        });
        Ok(map.header)
    }

    fn fields(&self, text: &str) -> Result<Vec<String>, String> {
        let map = self.map;
        let bare = |field: String| {
            field.trim_matches(|sign: char| sign.is_whitespace() || map.strip.contains(sign)).to_owned()
        };
        Ok(fields(text, map.delimiter)?.into_iter().map(bare).collect())
    }

    fn line(&mut self, number: u64, text: &str) -> Result<(), String> {
        let Some(places) = &self.places else { return Ok(()) };
        let mut fields = self.fields(text)?;
        if fields.len() == self.width.saturating_add(1) && fields.last().is_some_and(String::is_empty) {
            fields.pop();
        }
        if self.width > 0 && fields.len() != self.width {
            return Err(format!(
                "it has {} fields and the header {}; if it belongs to the foot, look at skip_foot in the map",
                fields.len(),
                self.width
            ));
        }
        let field = |at: usize| {
            let missing =
                || format!("it has {} fields and none at place {}", fields.len(), at.saturating_add(1));
            fields.get(at).map(String::as_str).ok_or_else(missing)
        };
        let may = |at: Option<usize>| at.map(field).transpose();
        let Some((signed, fee)) = self.money(places, &field)? else {
            self.said.ignored = self.said.ignored.saturating_add(1);
            return Ok(());
        };
        if let Some(code) = may(places.currency)?.filter(|code| *code != self.currency.name) {
            return Err(format!(
                "its currency is {:?}; the journal's is {}",
                shortened(code),
                self.currency.name
            ));
        }
        let day = self.map.day(field(places.date)?)?;
        if self.days.is_some_and(|days| !days.has(day)) {
            self.said.outside = self.said.outside.saturating_add(1);
            return Ok(());
        }
        let reference = may(places.reference)?.unwrap_or_default();
        if is_cut(reference) {
            return Err(format!(
                "the reference {reference:?} was cut off by a spreadsheet; take the file as the provider wrote it"
            ));
        }
        if self.said.lines.len() >= MAX_LINES {
            return Err(format!("more than {MAX_LINES} lines; take a shorter time with --from and --to"));
        }
        self.said.fees = self.said.fees.checked_add(fee).ok_or("the fees leave the range")?;
        self.said.lines.push(Line { line: number, reference: reference.to_owned(), amount: signed, day });
        Ok(())
    }

    /// What a line paid, refunds below zero, and its fee; `None` when it is passed over.
    fn money<'f>(
        &self,
        places: &Places,
        field: &impl Fn(usize) -> Result<&'f str, String>,
    ) -> Result<Option<(i64, i64)>, String> {
        let number = |text: &str| amount(text, self.map.style, self.currency.exponent);
        let or_none =
            |at: usize| field(at).and_then(|text| if text.is_empty() { Ok(0) } else { number(text) });
        let fee = places.fee.map_or(Ok(0), or_none)?;
        let fee = if self.map.fees_below { fee.saturating_neg() } else { fee };
        let what = match (&self.map.types, places.kind) {
            (Some(types), Some(at)) => kind_of(types, field(at)?)?,
            _ => Kind::Plain,
        };
        let (paid, fee) = match (what, places.refund_amount) {
            (Kind::Neither, _) => return Ok(None),
            (Kind::Payment, _) => match number(field(places.amount)?)? {
                below if below < 0 => {
                    return Err("it is a payment by its type, and its amount is below zero".into());
                }
                paid => (paid, fee),
            },
            (Kind::Refund, at) => went_back(number(field(at.unwrap_or(places.amount))?)?, fee),
            (Kind::Plain, Some(at)) => match (or_none(places.amount)?, or_none(at)?) {
                (paid, 0) => (paid, fee),
                (0, back) => went_back(back, fee),
                _ => return Err("it has an amount and a refund amount".into()),
            },
            (Kind::Plain, None) => (number(field(places.amount)?)?, fee),
        };
        let paid = if self.map.turned { paid.saturating_neg() } else { paid };
        let kept = if self.map.net { fee } else { 0 };
        let gross = paid.checked_add(kept).ok_or("its amount and fee leave the range")?;
        Ok((gross != 0).then_some((gross, fee)))
    }
}

/// What a line is by its type.
enum Kind {
    Payment,
    Refund,
    Neither,
    /// No type says so: its sign does, or the column that its amount is in.
    Plain,
}

fn kind_of(types: &Types, word: &str) -> Result<Kind, String> {
    let among = |words: &[String]| words.iter().any(|known| known == word);
    if among(&types.ignore) {
        Ok(Kind::Neither)
    } else if among(&types.payment) {
        Ok(Kind::Payment)
    } else if among(&types.refund) {
        Ok(Kind::Refund)
    } else {
        let word = shortened(word);
        Err(format!("its type {word:?} is none of payment, refund or ignore in [types] of the map"))
    }
}

/// A refund and the fee that came back with it. Some write them with a sign, some without.
fn went_back(amount: i64, fee: i64) -> (i64, i64) {
    let below = |value: i64| value.saturating_abs().saturating_neg();
    (below(amount), below(fee))
}

/// A number of many digits as a spreadsheet shortens it: 4.2E+27.
fn is_cut(reference: &str) -> bool {
    let parts = reference.split_once("E+").or_else(|| reference.split_once("e+"));
    parts.is_some_and(|(number, power)| {
        let plain = |text: &str, also: &str| {
            !text.is_empty() && text.chars().all(|sign| sign.is_ascii_digit() || also.contains(sign))
        };
        number.contains('.') && plain(number, ".") && plain(power, "")
    })
}

fn shortened_list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(40).map(|name| shortened(name)).collect();
    shown.join(", ")
}
