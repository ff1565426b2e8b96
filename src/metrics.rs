//! Counters and histograms, each declared once with its help text. Every label is from a fixed set, so
//! no request can add a series (S-238).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

mod tokens;

pub use tokens::TokenMetrics;

use crate::authn::outside::Service;
use crate::store::cached::Stats;

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<DecisionLabels, Counter>,
    duration: Histogram,
    reloads: Family<ReloadLabels, Counter>,
    /// Checks being decided now.
    pub in_flight: Gauge,
    /// Keys held in memory.
    pub keys: Gauge,
    /// Panics caught; each failed one check.
    pub panics: Counter,
    /// Log lines dropped because their reader was too slow.
    pub log_lines_dropped: Gauge,
    /// The key store and what is kept of its answers.
    pub store: StoreMetrics,
    /// Tokens, and the keys of their issuers.
    pub tokens: TokenMetrics,
    /// Requests whose response ids are rewritten.
    pub response_ids: ResponseIdMetrics,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    decision: &'static str,
    reason: &'static str,
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("tollgate"),
            requests: Family::default(),
            duration: Histogram::new(BUCKETS),
            reloads: Family::default(),
            in_flight: Gauge::default(),
            keys: Gauge::default(),
            panics: Counter::default(),
            log_lines_dropped: Gauge::default(),
            store: StoreMetrics::default(),
            tokens: TokenMetrics::default(),
            response_ids: ResponseIdMetrics::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("requests", "Checks decided", metrics.requests.clone());
        let help = "Time to decide a check, without the network";
        registry.register_with_unit("request_duration", help, Unit::Seconds, metrics.duration.clone());
        registry.register("config_reloads", "Configurations loaded since the start", metrics.reloads.clone());
        registry.register("checks_in_flight", "Checks being decided now", metrics.in_flight.clone());
        registry.register("keys", "Keys held in memory", metrics.keys.clone());
        registry.register("panics", "Panics caught", metrics.panics.clone());
        let help = "Log lines dropped because their reader was too slow";
        registry.register("log_lines_dropped", help, metrics.log_lines_dropped.clone());
        metrics.store.register(registry);
        metrics.tokens.register(registry);
        metrics.response_ids.register(registry);
        for result in ["success", "failure"] {
            // Zero from the start, so that an alert on an increase sees the first one.
            drop(metrics.reloads.get_or_create(&ReloadLabels { result }));
        }
        metrics
    }
}

/// What `ext_proc` counts.
#[derive(Debug, Default)]
pub struct ResponseIdMetrics {
    /// Requests that were allowed and must come to `ext_proc`.
    pub checks: Counter,
    streams: Family<StreamLabels, Counter>,
    /// Streams that are open.
    pub in_flight: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabels {
    result: &'static str,
    reason: &'static str,
}

impl ResponseIdMetrics {
    fn register(&self, registry: &mut Registry) {
        let help = "Allowed requests whose bodies must go through ext_proc";
        registry.register("response_id_checks", help, self.checks.clone());
        let help = "Streams of ext_proc by how they ended: complete, abandoned by the proxy, or refused and why";
        registry.register("response_id_streams", help, self.streams.clone());
        registry.register("response_id_streams_in_flight", "Streams of ext_proc that are open", self.in_flight.clone());
    }

    /// Counts a stream that Envoy ended: at its end, or before it.
    pub fn ended(&self, complete: bool) {
        let result = if complete { "complete" } else { "abandoned" };
        self.streams.get_or_create(&StreamLabels { result, reason: "ok" }).inc();
    }

    /// Counts a stream that was refused or cut.
    pub fn refused(&self, reason: &'static str) {
        self.streams.get_or_create(&StreamLabels { result: "refused", reason }).inc();
    }
}

/// What the cache in front of a database counts.
#[derive(Debug, Default)]
pub struct StoreMetrics {
    lookups: Family<LookupLabels, Counter>,
    questions: Family<ReloadLabels, Counter>,
    shed: Counter,
    changes: Counter,
    evictions: Counter,
    loading: Gauge,
    waiting: Gauge,
    missing: Gauge,
    down: Gauge,
    watched: Gauge,
    silent: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabels {
    outcome: &'static str,
}

impl StoreMetrics {
    fn register(&self, registry: &mut Registry) {
        let help = "Look-ups by how they ended: hit, negative_hit, miss, or stale for a record that stood in";
        registry.register("store_lookups", help, self.lookups.clone());
        registry.register("store_questions", "Questions put to the key store", self.questions.clone());
        let help = "Questions refused because too many were waiting";
        registry.register("store_questions_shed", help, self.shed.clone());
        registry.register("store_changes", "Changes the key store told of", self.changes.clone());
        registry.register("store_evictions", "Records that had to go for others", self.evictions.clone());
        registry.register("store_questions_in_flight", "Questions being asked now", self.loading.clone());
        registry.register("store_questions_waiting", "Questions waiting for their turn", self.waiting.clone());
        registry.register("store_keys_missing", "Keys known to be missing", self.missing.clone());
        registry.register("store_down", "1 while the key store does not answer", self.down.clone());
        registry.register("store_watched", "1 while the key store tells of changes", self.watched.clone());
        let help = "Time since the key store last answered";
        registry.register_with_unit("store_silent", help, Unit::Seconds, self.silent.clone());
    }

    /// Takes over what a cache has counted. A configuration with another store begins anew.
    pub fn show(&self, stats: &Stats) {
        let read = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let gauge = |gauge: &Gauge, value| {
            gauge.set(i64::try_from(read(value)).unwrap_or(i64::MAX));
        };
        let counter = |counter: &Counter, value| counter.inner().store(read(value), Ordering::Relaxed);
        let lookups = [
            ("hit", &stats.hits),
            ("negative_hit", &stats.negative_hits),
            ("miss", &stats.misses),
            ("stale", &stats.stale),
        ];
        for (outcome, value) in lookups {
            counter(&self.lookups.get_or_create(&LookupLabels { outcome }), value);
        }
        for (result, value) in [("success", &stats.answers), ("failure", &stats.failures)] {
            counter(&self.questions.get_or_create(&ReloadLabels { result }), value);
        }
        counter(&self.shed, &stats.shed);
        counter(&self.changes, &stats.changes);
        counter(&self.evictions, &stats.evictions);
        gauge(&self.loading, &stats.loading);
        gauge(&self.waiting, &stats.waiting);
        gauge(&self.missing, &stats.missing);
        gauge(&self.down, &stats.down);
        gauge(&self.watched, &stats.watched);
        self.silent.set(Duration::from_millis(read(&stats.silent_for)).as_secs_f64());
    }
}

/// From 5 µs to 1 s: a cached decision takes microseconds, a slow store milliseconds.
const BUCKETS: [f64; 14] = [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 2.5e-2, 0.1, 0.5, 1.0];

impl Metrics {
    /// Counts a decision. `decision` is `allow`, `deny` or `error`.
    pub fn decided(&self, decision: &'static str, reason: &'static str, route: &'static str, took: Duration) {
        self.requests.get_or_create(&DecisionLabels { decision, reason, route }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts a reload.
    pub fn reloaded(&self, success: bool) {
        let result = if success { "success" } else { "failure" };
        self.reloads.get_or_create(&ReloadLabels { result }).inc();
    }

    /// The exposition text (`OpenMetrics` 1.0), with the counters of the services that are asked about callers.
    #[must_use]
    pub fn render<'a>(&self, services: impl Iterator<Item = Service<'a>>) -> String {
        let mut of_services = Registry::with_prefix("tollgate");
        for service in services {
            service.calls.register(service.name, service.cached, &mut of_services);
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        encode_registry(&mut text, &self.registry).ok();
        encode_registry(&mut text, &of_services).ok();
        encode_eof(&mut text).ok();
        text
    }
}
