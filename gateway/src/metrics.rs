//! What the gateway counts, for `/metrics`. No label ever holds card data.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use protocol::code::ResponseCode;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlertLabel {
    alert: String,
}

/// Every counter of the gateway, with the registry that prints them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answers: Family<CodeLabel, Counter>,
    entries: Counter,
    groups: Counter,
    commit_seconds: Histogram,
    refused_connections: Family<ReasonLabel, Counter>,
    connections: Gauge,
    cards_in_memory: Gauge,
    free_bytes: Gauge<u64, AtomicU64>,
    stan_mismatches: Counter,
    anchor_failures: Counter,
    stopped: Gauge,
    clock_in_doubt: Gauge,
    alerts: Family<AlertLabel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("gateway"),
            answers: Family::default(),
            entries: Counter::default(),
            groups: Counter::default(),
            // 0.1 ms to 3.3 s.
            commit_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 16)),
            refused_connections: Family::default(),
            connections: Gauge::default(),
            cards_in_memory: Gauge::default(),
            free_bytes: Gauge::default(),
            stan_mismatches: Counter::default(),
            anchor_failures: Counter::default(),
            stopped: Gauge::default(),
            clock_in_doubt: Gauge::default(),
            alerts: Family::default(),
        };
        let r = &mut metrics.registry;
        r.register("answers", "Answers by response code", metrics.answers.clone());
        r.register("entries", "Journal entries committed", metrics.entries.clone());
        r.register("groups", "Write groups committed", metrics.groups.clone());
        r.register("commit_seconds", "Time of one commit", metrics.commit_seconds.clone());
        r.register(
            "refused_connections",
            "Connections refused, by reason",
            metrics.refused_connections.clone(),
        );
        r.register("connections", "Open terminal connections", metrics.connections.clone());
        r.register("cards_in_memory", "Cards held in memory", metrics.cards_in_memory.clone());
        r.register("free_bytes", "Free space on the data directory's medium", metrics.free_bytes.clone());
        r.register(
            "stan_mismatches",
            "Requests that reused a STAN with other content",
            metrics.stan_mismatches.clone(),
        );
        r.register(
            "anchor_failures",
            "Head anchors that could not be written",
            metrics.anchor_failures.clone(),
        );
        r.register(
            "stopped",
            "1 while no money is taken because the journal is in doubt",
            metrics.stopped.clone(),
        );
        r.register(
            "clock_in_doubt",
            "1 while the machine's clock is not believed and expiries wait",
            metrics.clock_in_doubt.clone(),
        );
        r.register(
            "alerts",
            "Lines of the programme's alerts that were crossed, by alert",
            metrics.alerts.clone(),
        );
        metrics
    }
}

impl Metrics {
    /// The text of `/metrics`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => unreachable!("writing to a String cannot fail"),
        }
    }

    pub(crate) fn answered(&self, code: ResponseCode) {
        self.answers.get_or_create(&CodeLabel { code: code.to_string() }).inc();
    }

    #[expect(clippy::disallowed_methods, reason = "measures a commit; decides nothing")]
    pub(crate) fn committed(&self, entries: usize, started: Instant) {
        self.entries.inc_by(entries as u64);
        self.groups.inc();
        self.commit_seconds.observe(started.elapsed().as_secs_f64());
    }

    pub(crate) fn connection_refused(&self, reason: &'static str) {
        self.refused_connections.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub(crate) fn connections(&self) -> &Gauge {
        &self.connections
    }

    pub(crate) fn cards_in_memory(&self, cards: usize) {
        self.cards_in_memory.set(i64::try_from(cards).unwrap_or(i64::MAX));
    }

    pub(crate) fn free_bytes(&self, free: u64) {
        self.free_bytes.set(free);
    }

    pub(crate) fn stan_mismatch(&self) {
        self.stan_mismatches.inc();
    }

    pub(crate) fn anchor_failed(&self) {
        self.anchor_failures.inc();
    }

    pub(crate) fn clock_in_doubt(&self, doubt: bool) {
        self.clock_in_doubt.set(i64::from(doubt));
    }

    pub(crate) fn alert(&self, alert: &str) {
        self.alerts.get_or_create(&AlertLabel { alert: alert.to_owned() }).inc();
    }

    pub(crate) fn stopped(&self) {
        self.stopped.set(1);
    }
}
