//! Reading a provider's file, line by line. A line that cannot be read stops it, and one that is not compared is counted, with the
//! reason: what is left out silently is never found.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, Read as _};

use anyhow::{Context as _, Result, anyhow, ensure};
use jiff::civil::Date;

use super::line::{Form, Payment, Read, Refunds};
use super::map::Map;
use super::outcome::{Line, Span};
use crate::finance::Commodity;

/// Longest line, in bytes.
const MAX_LINE: u64 = 64 * 1024;
/// Most lines of a period.
const MAX_LINES: usize = 2_000_000;
/// Most lines in front of the header.
const MAX_EARLY: usize = 10_000;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Why a line is not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    Empty,
    /// `skip_head`.
    Head,
    Comment,
    Header,
    /// `skip_foot`.
    Foot,
    /// `ignore` in `[types]`.
    Kind,
    /// `not_done` in `[states]`.
    NotDone,
    /// Of a store that `[about]` does not name.
    Store,
    /// Its amount is nothing.
    Nothing,
    /// Of days that are not asked for.
    Days,
}

impl Why {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Head => "head",
            Self::Comment => "comment",
            Self::Header => "header",
            Self::Foot => "foot",
            Self::Kind => "ignored type",
            Self::NotDone => "not done",
            Self::Store => "other store",
            Self::Nothing => "amount 0",
            Self::Days => "other days",
        }
    }
}

/// A line that the map drops, though an amount stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    pub line: u64,
    pub why: Why,
    /// As the column of amounts has it.
    pub amount: i64,
    /// `None` when there is no date where one belongs.
    pub day: Option<Date>,
}

impl Dropped {
    /// Passed over for its place in the file, and whole for all that: the map may be wrong about it.
    #[must_use]
    pub fn looks_paid(&self) -> bool {
        self.day.is_some() && matches!(self.why, Why::Head | Why::Comment | Why::Foot)
    }
}

/// What a file says. Each of its lines is one of `lines`, or counted in `passed`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    pub lines: Vec<Line>,
    pub passed: BTreeMap<Why, u64>,
    /// Of those, what may have been a payment.
    pub dropped: Vec<Dropped>,
    /// First and last day of its payments, those of other days too.
    pub seen: Option<Span>,
    /// Lines of the file.
    pub file: u64,
}

/// Reads a file. `days`: payments of other days are counted and dropped.
///
/// # Errors
/// Names the line, and what is wrong there.
pub fn read(
    mut input: impl BufRead,
    map: &Map,
    currency: &Commodity,
    days: Option<Span>,
) -> Result<Statement> {
    let said = Statement::default();
    let mut reading =
        Reading { map, currency, days, form: None, early: Vec::new(), refunds: Refunds::default(), said };
    let mut held: VecDeque<(u64, String)> = VecDeque::new();
    while let Some(bytes) = next_line(&mut input, reading.said.file)? {
        reading.said.file = reading.said.file.saturating_add(1);
        let number = reading.said.file;
        let Some(text) = reading.payments_text(&bytes)? else { continue };
        held.push_back((number, text));
        if held.len() > map.skip_foot
            && let Some((number, text)) = held.pop_front()
        {
            reading.line(number, &text).map_err(|what| anyhow!("line {number}: {what}"))?;
        }
    }
    ensure!(reading.said.file > 0, "the file is empty");
    ensure!(reading.form.is_some(), "the file ends in front of its header; look at skip_head in the map");
    for (number, text) in held {
        reading.pass(number, Why::Foot, &text);
    }
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

struct Reading<'a> {
    map: &'a Map,
    currency: &'a Commodity,
    days: Option<Span>,
    /// `None` in front of the header.
    form: Option<Form<'a>>,
    /// Lines in front of the header: whether they look like payments can be said behind it.
    early: Vec<(u64, Why, String)>,
    refunds: Refunds,
    said: Statement,
}

impl Reading<'_> {
    /// The text of a line that is a payment's, or belongs to the foot. What it is else is counted.
    fn payments_text(&mut self, bytes: &[u8]) -> Result<Option<String>> {
        let (number, map) = (self.said.file, self.map);
        ensure!(
            number > 1 || !(bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")),
            "the file is UTF-16; turn it into UTF-8 first: iconv -f UTF-16 -t UTF-8 FILE > NEW"
        );
        // Also within: files that were put together each begin with one.
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let comment = map.comment.as_bytes();
        let said = if number <= map.skip_head {
            Some((Why::Head, bytes))
        } else if let Some(rest) = bytes.strip_prefix(comment).filter(|_| !comment.is_empty()) {
            Some((Why::Comment, rest))
        } else if map.is_blank(bytes) {
            Some((Why::Empty, b"".as_slice()))
        } else {
            None
        };
        if let Some((why, rest)) = said {
            self.pass(number, why, &String::from_utf8_lossy(rest));
            ensure!(
                self.early.len() <= MAX_EARLY,
                "no header in {MAX_EARLY} lines; look at skip_head and comment in the map"
            );
            return Ok(None);
        }
        let text = text(bytes).map_err(|what| anyhow!("line {number}: {what}"))?;
        if self.form.is_some() {
            return Ok(Some(text));
        }
        let form = Form::new(map, self.currency, &text).with_context(|| format!("line {number}"))?;
        self.form = Some(form);
        for (number, why, text) in std::mem::take(&mut self.early) {
            self.look_at(number, why, &text);
        }
        if map.header {
            self.count(Why::Header);
        }
        Ok((!map.header).then_some(text))
    }

    fn count(&mut self, why: Why) {
        let count = self.said.passed.entry(why).or_default();
        *count = count.saturating_add(1);
    }

    fn pass(&mut self, number: u64, why: Why, text: &str) {
        self.count(why);
        if self.form.is_none() && why != Why::Empty {
            self.early.push((number, why, text.to_owned()));
        } else {
            self.look_at(number, why, text);
        }
    }

    /// Notes what could have been a payment.
    fn look_at(&mut self, line: u64, why: Why, text: &str) {
        let Some(form) = self.form.as_ref().filter(|_| why != Why::Empty) else { return };
        let Some((amount, day)) = form.glance(text) else { return };
        if day.is_none_or(|day| self.days.is_none_or(|days| days.has(day))) {
            self.said.dropped.push(Dropped { line, why, amount, day });
        }
    }

    fn line(&mut self, number: u64, text: &str) -> Result<(), String> {
        let Some(form) = &self.form else { return Ok(()) };
        let Payment { reference, amount, day, fee, cut } =
            match form.payment(number, text, &mut self.refunds)? {
                Read::Payment(payment) => payment,
                Read::Not(why) => {
                    self.pass(number, why, text);
                    return Ok(());
                }
            };
        let seen = self.said.seen.unwrap_or(Span { from: day, to: day });
        self.said.seen = Some(Span { from: seen.from.min(day), to: seen.to.max(day) });
        if self.days.is_some_and(|days| !days.has(day)) {
            self.count(Why::Days);
            return Ok(());
        }
        if self.said.lines.len() >= MAX_LINES {
            return Err(format!("more than {MAX_LINES} lines; take a shorter time with --from and --to"));
        }
        self.said.lines.push(Line { line: number, reference, amount, day, fee, cut });
        Ok(())
    }
}
