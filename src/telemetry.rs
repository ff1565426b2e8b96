//! Log lines: structured, one a decision, without a secret in any of them.

use std::time::Duration;

use jiff::Timestamp;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry};

use crate::config::raw::{LogFormat, LogLevel, RawLog};
use crate::core::decision::Decision;
use crate::core::header::HeaderValue;
use crate::core::response_id::Guarded;
use crate::core::response_id::session::Refusal;
use crate::engine::Verdict;

/// Lines waiting for a slow reader. Beyond that they are dropped and counted: a blocked log must not
/// block a decision (S-237).
const QUEUED_LINES: usize = 8192;

/// Keeps the log running; dropping it writes what is queued.
#[derive(Debug)]
pub struct LogGuard {
    _worker: WorkerGuard,
    /// Lines dropped so far.
    pub dropped: ErrorCounter,
}

/// Sends this process's log lines to standard output.
///
/// # Errors
/// When a subscriber is in place already.
pub fn init(log: &RawLog) -> Result<LogGuard, tracing::subscriber::SetGlobalDefaultError> {
    let builder = NonBlockingBuilder::default().buffered_lines_limit(QUEUED_LINES).lossy(true);
    let (writer, worker) = builder.finish(std::io::stdout());
    let dropped = writer.error_counter();
    tracing::subscriber::set_global_default(subscriber(log, writer))?;
    Ok(LogGuard { _worker: worker, dropped })
}

fn subscriber(log: &RawLog, writer: NonBlocking) -> impl tracing::Subscriber + Send + Sync {
    Registry::default().with(layer(log, writer))
}

fn layer<W>(log: &RawLog, writer: W) -> Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // Only our own lines: a library's debug output could hold a header.
    let ours = tracing_subscriber::filter::Targets::new().with_target("tollgate", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false).with_ansi(false);
    match log.format {
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).with_filter(ours).boxed()
        }
        LogFormat::Text => lines.with_filter(ours).boxed(),
    }
}

/// How a decision is named in logs and metrics: the decision, and the reason's label.
#[must_use]
pub fn labels(decision: &Decision) -> (&'static str, &'static str) {
    match decision {
        Decision::Allow(_) => ("allow", "ok"),
        Decision::Deny(reason) => ("deny", reason.refusal().label),
        Decision::Indeterminate(outage) => ("error", outage.label()),
    }
}

/// Writes the one line of a decision. What came from the client is percent-encoded and bounded, so it
/// can neither forge a line nor steer a terminal (S-235).
pub fn log_decision(verdict: &Verdict, request_id: &str, version: &str, took: Duration) {
    let (decision, reason) = labels(&verdict.decision);
    let evidence = &verdict.evidence;
    let identity = evidence.identity.as_ref();
    let safe = |text: Option<&str>| text.and_then(HeaderValue::encode).map(|value| value.as_str().to_owned());
    let key_hash = identity.and_then(crate::core::identity::Identity::key_hash_prefix);
    let user = safe(identity.and_then(|identity| identity.user_id()));
    let team = safe(identity.and_then(|identity| identity.team()).map(|team| team.id.as_str()));
    let model = safe(evidence.ask.as_ref().and_then(|ask| ask.model.as_deref()));
    let response_ids = match &evidence.responses {
        Guarded::Unconcerned => None,
        Guarded::Unprotected => Some("unprotected"),
        Guarded::Protected(_) => Some("protected"),
    };
    let status = match verdict.decision {
        Decision::Allow(_) => None,
        Decision::Deny(reason) => Some(reason.refusal().status),
        Decision::Indeterminate(_) => Some(503),
    };
    tracing::info!(
        decision,
        reason,
        status,
        route = evidence.route,
        method = identity.map(crate::core::identity::Identity::method),
        key_hash,
        user,
        team,
        model,
        response_ids,
        latency_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        config_version = version,
        request_id,
        "decision"
    );
}

/// Writes the line of an exchange that `ext_proc` has ended. `how` is `refused` while the caller can be told,
/// `cut` after that.
pub fn log_refusal(refusal: Refusal, how: &'static str, request_id: &str) {
    let (reason, status, detail) = (refusal.label(), refusal.status(), refusal.to_string());
    // What a client does wrong is no warning.
    if status < 500 {
        tracing::info!(how, reason, status, detail, request_id, "response ids: the exchange is ended");
    } else {
        tracing::warn!(how, reason, status, detail, request_id, "response ids: the exchange is ended");
    }
}

/// The time of a decision. Read in one place; everything in `core` is handed it.
#[must_use]
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock for decisions")]
    Timestamp::now()
}
