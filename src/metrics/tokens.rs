//! What is counted of tokens. The labels are the issuers of the configuration.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::authn::Authenticator;

/// Issuers' keys, tokens that are remembered, and what was written of them.
#[derive(Debug, Default)]
pub struct TokenMetrics {
    keys: Family<IssuerLabels, Gauge>,
    fetches: Family<FetchLabels, Counter>,
    fetched: Family<IssuerLabels, Gauge>,
    remembered: Gauge,
    writes: Family<WriteLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IssuerLabels {
    issuer: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FetchLabels {
    issuer: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    result: &'static str,
}

impl TokenMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("jwks_keys", "Keys of an issuer in use", self.keys.clone());
        registry.register("jwks_fetches", "Fetches of an issuer's keys", self.fetches.clone());
        let help = "When an issuer's keys were last asked for, in seconds since 1970";
        registry.register("jwks_last_fetch_timestamp_seconds", help, self.fetched.clone());
        registry.register("tokens_remembered", "Verified tokens held in memory", self.remembered.clone());
        let help = "What tokens made known, by what became of it: written, failed, or dropped for too much was waiting";
        registry.register("token_writes", help, self.writes.clone());
    }

    /// Copies what the parts themselves have counted.
    pub fn show(&self, authenticator: &Authenticator) {
        // Issuers that are no longer configured go.
        self.keys.clear();
        self.fetched.clear();
        self.fetches.clear();
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for status in authenticator.key_status() {
            let issuer = status.issuer;
            let labels = IssuerLabels { issuer: issuer.clone() };
            self.keys.get_or_create(&labels).set(gauge(status.keys));
            self.fetched.get_or_create(&labels).set(status.fetched_at.map_or(0, Timestamp::as_second));
            let good = status.fetches.saturating_sub(status.failures);
            for (result, count) in [("success", good), ("failure", status.failures)] {
                let labels = FetchLabels { issuer: issuer.clone(), result };
                self.fetches.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
            }
        }
        self.remembered.set(gauge(authenticator.jwt.as_ref().map_or(0, crate::authn::jwt::JwtVerifier::remembered)));
        if let Some(writer) = &authenticator.writer {
            let counts = writer.counts();
            let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
            for (result, count) in
                [("written", &counts.written), ("failed", &counts.failed), ("dropped", &counts.dropped)]
            {
                self.writes.get_or_create(&WriteLabels { result }).inner().store(read(count), Ordering::Relaxed);
            }
        }
    }
}
