//! Counters and histograms, each declared once with its help text. Every label is from a fixed set, so
//! no request can add a series (S-238).

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

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
        for result in ["success", "failure"] {
            // Zero from the start, so that an alert on an increase sees the first one.
            drop(metrics.reloads.get_or_create(&ReloadLabels { result }));
        }
        metrics
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

    /// The exposition text (`OpenMetrics` 1.0).
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        encode(&mut text, &self.registry).ok();
        text
    }
}
