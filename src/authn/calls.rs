//! What is counted of questions to somebody outside.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::core::decision::Outage;

/// From 1 ms to 3 s, which is the longest any answer may take.
const BUCKETS: [f64; 11] = [1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 3.0];

/// Counters of one service.
#[derive(Debug)]
pub struct Calls {
    /// What operators call it.
    service: &'static str,
    /// What its silence is to callers.
    outage: Outage,
    pub(super) hits: Counter,
    pub(super) joined: Counter,
    pub(super) shed: Counter,
    failures: Family<Why, Counter>,
    duration: Histogram,
    /// Why the latest question got no answer; none once one did.
    failing: ArcSwapOption<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

impl Calls {
    pub(super) fn new(service: &'static str, outage: Outage) -> Self {
        Self {
            service,
            outage,
            hits: Counter::default(),
            joined: Counter::default(),
            shed: Counter::default(),
            failures: Family::default(),
            duration: Histogram::new(BUCKETS),
            failing: ArcSwapOption::empty(),
        }
    }

    pub(super) fn answered(&self, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        self.failing.store(None);
    }

    /// Notes a question without an answer, and tells of the first of a row. `why` is one of a fixed set.
    pub(super) fn failed(&self, why: &'static str, reason: impl fmt::Display) -> Outage {
        if self.failing().is_none() {
            tracing::warn!(%reason, "{} gives no answer; its callers are not let in", self.service);
        }
        self.failures.get_or_create(&Why { why }).inc();
        self.failing.store(Some(Arc::new(why)));
        self.outage
    }

    /// Why the latest question got no answer.
    #[must_use]
    pub fn failing(&self) -> Option<&'static str> {
        self.failing.load().as_deref().copied()
    }

    /// Shows the counters as `<service>_…`.
    pub fn register(&self, service: &str, cached: usize, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix(service);
        let help = "Answers that were known already";
        registry.register("cache_hits", help, self.hits.clone());
        let kept: Gauge = Gauge::default();
        kept.set(i64::try_from(cached).unwrap_or(i64::MAX));
        registry.register("cached", "Callers remembered", kept);
        let down: Gauge = Gauge::default();
        down.set(i64::from(self.failing().is_some()));
        registry.register("down", "1 while the latest question got no answer", down);
        registry.register("joined", "Requests that waited for another's answer", self.joined.clone());
        registry.register("shed", "Questions that got no turn in time", self.shed.clone());
        registry.register("failures", "Questions without an answer, by why", self.failures.clone());
        let help = "Time until an answer came";
        registry.register_with_unit("duration", help, Unit::Seconds, self.duration.clone());
    }
}
