//! MAP.toml: how a provider's file is read. `gateway/statements/example.toml` documents every key.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Result, anyhow, bail};
use jiff::civil::Date;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::amount::{Style, shortened};

/// The commented example.
pub const EXAMPLE: &str = include_str!("../../../statements/example.toml");
/// Largest file.
const MAX_BYTES: usize = 64 * 1024;
/// Most lines at the head or foot that are passed over.
const MAX_SKIP: u32 = 1000;
/// Most days between a payment here and its line.
const MAX_DAYS: u32 = 31;

/// A column by its place, from 1, or by its name in the header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Column {
    Place(usize),
    Name(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: RawAbout,
    #[serde(default)]
    file: RawForm,
    columns: RawColumns,
    types: Option<Spanned<Types>>,
    states: Option<Spanned<States>>,
    stores: Option<Spanned<BTreeMap<String, String>>>,
    #[serde(default)]
    numbers: RawNumbers,
    dates: RawDates,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAbout {
    tenders: Spanned<Vec<u8>>,
    #[serde(default)]
    stores: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawForm {
    delimiter: Option<Spanned<String>>,
    encoding: Option<Spanned<String>>,
    skip_head: Option<Spanned<u32>>,
    skip_foot: Option<Spanned<u32>>,
    header: Option<bool>,
    strip: String,
    comment: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawColumns {
    reference: Option<Spanned<Column>>,
    amount: Spanned<Column>,
    date: Spanned<Column>,
    #[serde(rename = "type")]
    kind: Option<Spanned<Column>>,
    state: Option<Spanned<Column>>,
    store: Option<Spanned<Column>>,
    refund_amount: Option<Spanned<Column>>,
    fee: Option<Spanned<Column>>,
    currency: Option<Spanned<Column>>,
}

/// What a line's type means.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Types {
    pub payment: Vec<String>,
    #[serde(default)]
    pub refund: Vec<String>,
    #[serde(default)]
    pub ignore: Vec<String>,
}

/// Which states of a line mean that the money has moved.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct States {
    pub done: Vec<String>,
    #[serde(default)]
    pub not_done: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawNumbers {
    decimal: Option<Spanned<String>>,
    thousands: Option<Spanned<String>>,
    payments: Option<Spanned<String>>,
    amount_is: Option<Spanned<String>>,
    unit: Option<Spanned<String>>,
    refunds: Option<Spanned<String>>,
    fees: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDates {
    format: Spanned<String>,
    timezone: Spanned<String>,
    tolerance: Option<Spanned<u32>>,
}

/// Where each thing stands in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub reference: Option<Column>,
    pub amount: Column,
    pub date: Column,
    pub kind: Option<Column>,
    pub state: Option<Column>,
    pub store: Option<Column>,
    pub refund_amount: Option<Column>,
    pub fee: Option<Column>,
    pub currency: Option<Column>,
}

/// How a provider's file is read, and what it is about.
#[derive(Debug, Clone)]
pub struct Map {
    /// Tender kinds (PROTOCOL.md section 5).
    pub tenders: Vec<u8>,
    /// Empty for all.
    pub stores: Vec<String>,
    /// In which its times are, and days are counted.
    pub zone: TimeZone,
    /// Most days between a payment here and its line.
    pub tolerance: u32,
    pub(super) delimiter: char,
    pub(super) skip_head: u64,
    pub(super) skip_foot: usize,
    pub(super) header: bool,
    pub(super) strip: String,
    pub(super) comment: String,
    pub(super) columns: Columns,
    pub(super) types: Option<Types>,
    pub(super) states: Option<States>,
    /// Our code of each store, by the file's word for it.
    pub(super) store_words: Option<BTreeMap<String, String>>,
    pub(super) style: Style,
    /// Payments are below zero, refunds above.
    pub(super) turned: bool,
    /// Amounts are what is left after the fee.
    pub(super) net: bool,
    /// Amounts are in minor units.
    pub(super) minor: bool,
    /// Whether refunds are below zero; the others were called back.
    pub(super) refunds_below: Option<bool>,
    /// Fees that were taken are below zero.
    pub(super) fees_below: bool,
    pub(super) format: String,
}

impl Map {
    /// Reads a map.
    ///
    /// # Errors
    /// Names the line, what is wrong there and what can be.
    pub fn parse(document: &str) -> Result<Self> {
        if document.len() > MAX_BYTES {
            bail!("a map has at most {MAX_BYTES} bytes");
        }
        let document = document.strip_prefix('\u{feff}').unwrap_or(document);
        let at = |span: Range<usize>| {
            let before = document.get(..span.start).unwrap_or_default();
            before.bytes().filter(|byte| *byte == b'\n').count().saturating_add(1)
        };
        let file: File = toml::from_str(document).map_err(|error| match error.span() {
            Some(span) => anyhow!("line {}: {}", at(span), error.message()),
            None => anyhow!("{}", error.message()),
        })?;
        checked(file, &|span, what| anyhow!("line {}: {what}", at(span)))
    }

    /// Whether a column has the provider's fees.
    #[must_use]
    pub fn says_fees(&self) -> bool {
        self.columns.fee.is_some()
    }

    /// Whether a sign stands around fields and does not belong to them: blanks, what nobody sees, and what the map names.
    pub(super) fn is_around(&self, sign: char) -> bool {
        sign.is_whitespace() || is_unseen(sign) || self.strip.contains(sign)
    }

    /// Whether a line has nothing in it but delimiters.
    pub(super) fn is_blank(&self, line: &[u8]) -> bool {
        let nothing = |sign: char| sign == self.delimiter || sign == '"' || self.is_around(sign);
        std::str::from_utf8(line).is_ok_and(|line| line.chars().all(nothing))
    }

    /// The day of a date field.
    pub(super) fn day(&self, text: &str) -> Result<Date, String> {
        parsed(&self.format, text).ok_or_else(|| {
            let text = text.trim();
            let number = text.len() >= 5 && text.chars().all(|sign| sign.is_ascii_digit() || sign == '.');
            let of_sheet = if number && !self.format.starts_with("%Y%m%d") {
                "; it may be a spreadsheet's number of a day: take the file as the provider wrote it"
            } else {
                ""
            };
            format!(
                "{:?} is no date in the form {:?} that [dates] of the map names{of_sheet}",
                shortened(text),
                self.format
            )
        })
    }
}

type Fault<'a> = &'a dyn Fn(Range<usize>, String) -> anyhow::Error;

fn checked(file: File, fault: Fault<'_>) -> Result<Map> {
    let File { about, file: form, columns, types, states, stores, numbers, dates } = file;
    let tenders = about.tenders.get_ref();
    if tenders.is_empty() || tenders.contains(&0) {
        return Err(fault(
            about.tenders.span(),
            "name the tender kinds, 1 to 255, such as tenders = [3]".into(),
        ));
    }
    if let Some(named) = form.encoding.as_ref().filter(|named| !named.get_ref().eq_ignore_ascii_case("utf-8"))
    {
        let what = "only UTF-8 is read; turn the file into it first: iconv -f GB18030 -t UTF-8 FILE > NEW";
        return Err(fault(named.span(), what.into()));
    }
    let header = form.header.unwrap_or(true);
    let columns = columns_of(columns, header, fault)?;
    let types = match types {
        Some(types) if columns.kind.is_none() => {
            return Err(fault(types.span(), "[types] needs `type` in [columns]".into()));
        }
        None if columns.kind.is_some() => {
            bail!("[columns] has `type`; say in [types] what is a payment, a refund, or neither")
        }
        types => types.map(Spanned::into_inner),
    };
    let states = match states {
        Some(states) if columns.state.is_none() => {
            return Err(fault(states.span(), "[states] needs `state` in [columns]".into()));
        }
        None if columns.state.is_some() => {
            bail!("[columns] has `state`; say in [states] which words are done, and which not_done")
        }
        states => states.map(Spanned::into_inner),
    };
    if let Some(words) = stores.as_ref().filter(|_| columns.store.is_none()) {
        return Err(fault(words.span(), "[stores] needs `store` in [columns]".into()));
    }
    if columns.store.is_some() && about.stores.is_empty() {
        bail!("[columns] has `store`; say in [about] which stores are compared, such as stores = [\"S001\"]");
    }
    let (zone, format) = dates_of(&dates, fault)?;
    let Amounts { style, turned, net, minor, refunds_below, fees_below } =
        amounts_of(&numbers, &columns, fault)?;
    Ok(Map {
        tenders: tenders.clone(),
        stores: about.stores,
        zone,
        tolerance: most(dates.tolerance, (MAX_DAYS, 1), fault)?,
        delimiter: sign(form.delimiter.as_ref(), fault)?.unwrap_or(','),
        skip_head: u64::from(most(form.skip_head, (MAX_SKIP, 0), fault)?),
        skip_foot: usize::try_from(most(form.skip_foot, (MAX_SKIP, 0), fault)?).unwrap_or(0),
        header,
        strip: form.strip,
        comment: form.comment,
        columns,
        types,
        states,
        store_words: stores.map(Spanned::into_inner),
        style,
        turned,
        net,
        minor,
        refunds_below,
        fees_below,
        format,
    })
}

fn most(value: Option<Spanned<u32>>, (most, default): (u32, u32), fault: Fault<'_>) -> Result<u32> {
    match value {
        Some(value) if *value.get_ref() > most => Err(fault(value.span(), format!("at most {most}"))),
        value => Ok(value.map_or(default, Spanned::into_inner)),
    }
}

fn dates_of(dates: &RawDates, fault: Fault<'_>) -> Result<(TimeZone, String)> {
    let name = dates.timezone.get_ref();
    let zone = TimeZone::get(name).map_err(|_| {
        let what = format!("{name:?} is no time zone; write one such as \"Asia/Shanghai\"");
        fault(dates.timezone.span(), what)
    })?;
    let format = dates.format.get_ref();
    if !reads_back(format) {
        let what =
            format!("{format:?} does not name year, month and day; write such as \"%Y-%m-%d %H:%M:%S\"");
        return Err(fault(dates.format.span(), what));
    }
    Ok((zone, format.clone()))
}

struct Amounts {
    style: Style,
    turned: bool,
    net: bool,
    minor: bool,
    refunds_below: Option<bool>,
    fees_below: bool,
}

fn amounts_of(numbers: &RawNumbers, columns: &Columns, fault: Fault<'_>) -> Result<Amounts> {
    let decimal = sign(numbers.decimal.as_ref(), fault)?.unwrap_or('.');
    let thousands = sign(numbers.thousands.as_ref(), fault)?;
    if let Some(same) = numbers.thousands.as_ref().filter(|_| thousands == Some(decimal)) {
        return Err(fault(same.span(), "the thousands separator cannot be the decimal sign".into()));
    }
    let net = choice(numbers.amount_is.as_ref(), ["gross", "net"], fault)?;
    if let Some(said) = numbers.amount_is.as_ref().filter(|_| net && columns.fee.is_none()) {
        return Err(fault(said.span(), "net amounts need `fee` in [columns]".into()));
    }
    let turned = choice(numbers.payments.as_ref(), ["positive", "negative"], fault)?;
    let plain = columns.kind.is_none() && columns.refund_amount.is_none();
    if let Some(said) = numbers.payments.as_ref().filter(|_| turned && !plain) {
        return Err(fault(said.span(), "where a column says what is a refund, amounts have no sign".into()));
    }
    let fees_below = choice(numbers.fees.as_ref(), ["positive", "negative"], fault)?;
    let minor = choice(numbers.unit.as_ref(), ["major", "minor"], fault)?;
    if let Some(said) = numbers.refunds.as_ref().filter(|_| plain) {
        return Err(fault(
            said.span(),
            "without `type` and `refund_amount` a refund is told by its sign".into(),
        ));
    }
    let refunds_below = choice(numbers.refunds.as_ref(), ["positive", "negative"], fault)?;
    let refunds_below = numbers.refunds.is_some().then_some(refunds_below);
    Ok(Amounts { style: Style { decimal, thousands }, turned, net, minor, refunds_below, fees_below })
}

fn columns_of(raw: RawColumns, header: bool, fault: Fault<'_>) -> Result<Columns> {
    let one = |column: Spanned<Column>| match column.get_ref() {
        Column::Place(0) => Err(fault(column.span(), "columns are counted from 1".into())),
        Column::Name(_) if !header => {
            Err(fault(column.span(), "without a header a column is named by its number".into()))
        }
        _ => Ok(column.into_inner()),
    };
    Ok(Columns {
        reference: raw.reference.map(one).transpose()?,
        amount: one(raw.amount)?,
        date: one(raw.date)?,
        kind: raw.kind.map(one).transpose()?,
        state: raw.state.map(one).transpose()?,
        store: raw.store.map(one).transpose()?,
        refund_amount: raw.refund_amount.map(one).transpose()?,
        fee: raw.fee.map(one).transpose()?,
        currency: raw.currency.map(one).transpose()?,
    })
}

/// One character; `None` for none.
fn sign(text: Option<&Spanned<String>>, fault: Fault<'_>) -> Result<Option<char>> {
    let Some(text) = text.filter(|text| !text.get_ref().is_empty()) else { return Ok(None) };
    let mut signs = text.get_ref().chars();
    match (signs.next(), signs.next()) {
        (Some(sign), None) if !sign.is_ascii_alphanumeric() && !"\"+-\r\n".contains(sign) => Ok(Some(sign)),
        _ => {
            let what = "one character that is no letter, digit, quote or sign, such as \",\" or \"\\t\"";
            Err(fault(text.span(), what.into()))
        }
    }
}

/// Whether the second of two words is there; nothing is the first.
fn choice(text: Option<&Spanned<String>>, words: [&str; 2], fault: Fault<'_>) -> Result<bool> {
    match text {
        None => Ok(false),
        Some(text) if text.get_ref() == words[0] => Ok(false),
        Some(text) if text.get_ref() == words[1] => Ok(true),
        Some(text) => Err(fault(text.span(), format!("write {:?} or {:?}", words[0], words[1]))),
    }
}

/// Signs that change how text looks and are not seen themselves.
pub fn is_unseen(sign: char) -> bool {
    matches!(sign, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn parsed(format: &str, text: &str) -> Option<Date> {
    BrokenDownTime::parse(format, text.trim()).ok()?.to_date().ok()
}

/// Whether a date that is written in this form is read as the same.
fn reads_back(format: &str) -> bool {
    let day = Date::constant(2026, 12, 31);
    let written = jiff::fmt::strtime::format(format, day.at(23, 59, 58, 0));
    written.is_ok_and(|text| parsed(format, &text) == Some(day))
}
