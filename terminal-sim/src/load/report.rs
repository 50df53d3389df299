//! What a load measured.

use std::collections::BTreeMap;
use std::fmt;

use protocol::code::ResponseCode;
use serde::Serialize;

use super::lane::Tally;
use super::{Mix, Options};

/// Times from signing to the answer's arrival, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Half of the answers came within.
    pub p50: u64,
    /// Nine of ten.
    pub p90: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1000.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

/// What a load measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Purchases or loads.
    pub mix: &'static str,
    /// Connections.
    pub terminals: usize,
    /// Unanswered requests per connection, as asked for and allowed.
    pub in_flight: usize,
    /// How long answers were counted.
    pub seconds: u32,
    /// How many came.
    pub answered: u64,
    /// How many a second.
    pub per_second: u64,
    /// From signing to answer.
    pub latency_us: Latency,
    /// Answers by response code.
    pub codes: BTreeMap<String, u64>,
    /// Receipts that were checked; all of them hold.
    pub receipts_checked: u64,
    /// Processor time of this process, warm-up and set-up of connections included.
    pub own_cpu_ms: Option<u64>,
    /// The part of it that went into signing, per request.
    pub signing_us_each: u64,
    /// Requests that were never answered.
    pub unanswered: u64,
    /// Connections that were lost, and why.
    pub lost: Vec<String>,
    /// Promises of the protocol that the gateway broke.
    pub broken: Vec<String>,
}

impl Report {
    pub(super) fn new(options: &Options, tally: Tally, own_cpu_ms: Option<u64>) -> Self {
        let at = |quantile| tally.latency_us.value_at_quantile(quantile);
        let signing_us = u64::try_from(tally.signing.as_micros()).unwrap_or(u64::MAX);
        Report {
            mix: match options.mix {
                Mix::Purchase => "purchase",
                Mix::Load => "load",
            },
            terminals: options.terminals,
            in_flight: tally.in_flight,
            seconds: options.seconds,
            answered: tally.answered,
            per_second: tally.answered.checked_div(u64::from(options.seconds)).unwrap_or(0),
            latency_us: Latency {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
                max: tally.latency_us.max(),
            },
            codes: tally.codes.iter().map(|(code, count)| (code.to_string(), *count)).collect(),
            receipts_checked: tally.receipts_checked,
            own_cpu_ms,
            signing_us_each: signing_us.checked_div(tally.signed).unwrap_or(0),
            unanswered: tally.unanswered,
            lost: tally.lost,
            broken: tally.broken.iter().map(ToString::to_string).collect(),
        }
    }

    /// No promise was broken.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.broken.is_empty()
    }

    /// Every connection stayed, and every request was answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.lost.is_empty() && self.unanswered == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { p50, p90, p99, p999, max } = self.latency_us;
        writeln!(
            f,
            "{} answers to {}s in {} s: {} a second",
            self.answered, self.mix, self.seconds, self.per_second
        )?;
        writeln!(f, "{} terminals with {} in flight each", self.terminals, self.in_flight)?;
        writeln!(f, "latency in us: p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}, max {max}")?;
        for (code, count) in &self.codes {
            let name = code.parse().map_or("unknown code", |number| ResponseCode(number).name());
            writeln!(f, "code {code} ({name}): {count}")?;
        }
        writeln!(f, "{} receipts checked, all hold", self.receipts_checked)?;
        let cpu = self.own_cpu_ms.map_or_else(|| "unknown".into(), |ms| format!("{ms} ms"));
        writeln!(f, "processor time of this side: {cpu}; signing: {} us a request", self.signing_us_each)?;
        if self.unanswered > 0 {
            writeln!(f, "UNANSWERED {}", self.unanswered)?;
        }
        self.lost.iter().try_for_each(|lost| writeln!(f, "LOST {lost}"))?;
        self.broken.iter().try_for_each(|broken| writeln!(f, "BROKEN {broken}"))
    }
}
