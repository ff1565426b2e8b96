//! `envoy.service.auth.v3.Authorization/Check`: Envoy's message in, Envoy's message out.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use envoy_types::pb::envoy::config::core::v3::address::Address;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer};
use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::{encode, metadata, refuse};
use crate::config::live::Live;
use crate::core::decision::{Decision, Outage};
use crate::core::request::{BodyView, Fidelity, HeaderView, RequestView};
use crate::core::response_id::Guarded;
use crate::core::route::dialect::Dialect;
use crate::engine::{self, Evidence, Snapshot, Verdict};
use crate::metrics::Metrics;
use crate::telemetry;

/// The authorization service.
#[derive(Debug)]
pub struct ExtAuthz {
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    slots: Semaphore,
}

impl ExtAuthz {
    /// A service that decides at most `concurrent_checks` at a time and refuses more as an error.
    #[must_use]
    pub fn new(live: Arc<Live>, metrics: Arc<Metrics>, concurrent_checks: usize) -> Self {
        Self { live, metrics, slots: Semaphore::new(concurrent_checks) }
    }

    async fn decide(&self, snapshot: &Arc<Snapshot>, http: Option<&HttpRequest>, source: &Peer) -> Verdict {
        let Ok(_slot) = self.slots.try_acquire() else {
            return unknown(Outage::Overloaded);
        };
        let Some(http) = http else {
            return unknown(Outage::RequestMissing);
        };
        let view = view(http, source);
        let judged = AssertUnwindSafe(engine::judge(snapshot, &view, telemetry::now())).catch_unwind().await;
        judged.unwrap_or_else(|_| {
            // One request fails; the process, and every other request, goes on (S-252).
            self.metrics.panics.inc();
            unknown(Outage::Internal)
        })
    }
}

#[tonic::async_trait]
impl Authorization for ExtAuthz {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let start = Instant::now();
        let _in_flight = InFlight::enter(&self.metrics);
        let attributes = request.into_inner().attributes.unwrap_or_default();
        let source = attributes.source.unwrap_or_default();
        let http = attributes.request.and_then(|request| request.http);
        let snapshot = self.live.snapshot();
        let verdict = self.decide(&snapshot, http.as_ref(), &source).await;
        let id = http.as_ref().map_or("", request_id);
        let answer = answer(&verdict, &snapshot.version, id, http.as_ref());
        let took = start.elapsed();
        let (decision, reason) = telemetry::labels(&verdict.decision);
        self.metrics.decided(decision, reason, verdict.evidence.route, took);
        if matches!((&verdict.decision, &verdict.evidence.responses), (Decision::Allow(_), Guarded::Protected(_))) {
            self.metrics.response_ids.checks.inc();
        }
        telemetry::log_decision(&verdict, id, &snapshot.version, took);
        answer.map(Response::new)
    }
}

/// A check that is being decided, counted until it ends in whatever way, cancellation included.
struct InFlight<'a>(&'a Metrics);

impl<'a> InFlight<'a> {
    fn enter(metrics: &'a Metrics) -> Self {
        metrics.in_flight.inc();
        Self(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

fn unknown(outage: Outage) -> Verdict {
    Verdict { decision: Decision::Indeterminate(outage), evidence: Evidence::default() }
}

/// A refusal is a successful answer; not knowing is an error, which Envoy answers with `status_on_error`.
fn answer(verdict: &Verdict, version: &str, id: &str, http: Option<&HttpRequest>) -> Result<CheckResponse, Status> {
    let metadata = metadata::of(verdict, version, id);
    match &verdict.decision {
        Decision::Allow(mutations) => Ok(encode::allow(mutations, metadata)),
        Decision::Deny(reason) => {
            let dialect = Dialect::of(http.map_or("", |http| &http.path));
            let Evidence { methods, retry_after, .. } = verdict.evidence;
            Ok(encode::deny(refuse::render(*reason, dialect, id, methods, retry_after), metadata))
        }
        Decision::Indeterminate(Outage::Overloaded) => Err(Status::resource_exhausted("too many checks at one time")),
        Decision::Indeterminate(Outage::RequestMissing) => {
            Err(Status::invalid_argument("the check carries no HTTP request"))
        }
        Decision::Indeterminate(Outage::StoreUnavailable) => Err(Status::unavailable("the key store does not answer")),
        Decision::Indeterminate(Outage::StoreOverloaded) => {
            Err(Status::resource_exhausted("too many questions to the key store at one time"))
        }
        Decision::Indeterminate(Outage::AuthorizationServer) => {
            Err(Status::unavailable("the authorization server does not answer"))
        }
        Decision::Indeterminate(Outage::Authenticator) => Err(Status::unavailable("the authenticator does not answer")),
        Decision::Indeterminate(Outage::AuthenticationOverloaded) => {
            Err(Status::resource_exhausted("too many questions about callers at one time"))
        }
        Decision::Indeterminate(Outage::IssuerUnavailable) => {
            Err(Status::unavailable("the keys of the token's issuer cannot be had"))
        }
        Decision::Indeterminate(Outage::RegistrationsFull) => {
            Err(Status::resource_exhausted("too many clients wait for a key at one time"))
        }
        Decision::Indeterminate(Outage::RegistrationFailed) => {
            Err(Status::unavailable("the client's key could not be registered"))
        }
        Decision::Indeterminate(Outage::Internal) => Err(Status::internal("the check could not be decided")),
    }
}

/// The address of the peer, after Envoy has judged its forwarding headers. A Unix socket has none.
fn peer(source: &Peer) -> Option<IpAddr> {
    match source.address.as_ref()?.address.as_ref()? {
        Address::SocketAddress(socket) => socket.address.parse().ok(),
        Address::Pipe(_) | Address::EnvoyInternalAddress(_) => None,
    }
}

/// Borrows our view from Envoy's message.
fn view<'a>(http: &'a HttpRequest, source: &'a Peer) -> RequestView<'a> {
    let headers = headers(http);
    let body = body(http, &headers);
    let principal = Some(source.principal.as_str()).filter(|name| !name.is_empty());
    let (id, target, peer) = (request_id(http), target(http, &headers), peer(source));
    RequestView { id, method: &http.method, target, peer, principal, headers, body }
}

/// The request target as the upstream will get it. Envoy puts `!` for bytes that are not UTF-8 into
/// `path`, but not into the raw pseudo-header beside it (S-011). What is no text is no target.
fn target<'a>(http: &'a HttpRequest, headers: &HeaderView<'a>) -> &'a str {
    let raw = headers.all(":path").next().filter(|_| headers.fidelity() == Fidelity::Exact);
    raw.map_or(http.path.as_str(), |raw| std::str::from_utf8(raw).unwrap_or_default())
}

/// `header_map` keeps duplicates and bytes, but only with `encode_raw_headers`; `headers` has merged
/// the ones and replaced the others.
fn headers(http: &HttpRequest) -> HeaderView<'_> {
    let Some(map) = &http.header_map else {
        let entries = http.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        return HeaderView::new(entries.collect(), Fidelity::Lossy);
    };
    let entries = map.headers.iter().map(|header| {
        let raw = header.raw_value.as_slice();
        (header.key.as_str(), if raw.is_empty() { header.value.as_bytes() } else { raw })
    });
    HeaderView::new(entries.collect(), Fidelity::Exact)
}

/// Envoy says whether it buffered the body in `x-envoy-auth-partial-body`, which it takes from nobody
/// else; without it, nothing was buffered (S-047). A length that disagrees with `content-length` is a
/// stump as well.
fn body<'a>(http: &'a HttpRequest, headers: &HeaderView<'a>) -> BodyView<'a> {
    let mut marks = headers.all("x-envoy-auth-partial-body");
    let bytes = if http.raw_body.is_empty() { http.body.as_bytes() } else { &http.raw_body };
    let fidelity = if http.raw_body.is_empty() { Fidelity::Lossy } else { Fidelity::Exact };
    match (marks.next(), marks.next()) {
        (None, _) if is_announced(headers) => BodyView::Unseen,
        (None, _) => BodyView::NotSent,
        (Some(b"false"), None) => match announced(headers) {
            None => BodyView::Complete { bytes, fidelity, announced: false },
            Some(length) if length == Some(bytes.len()) => BodyView::Complete { bytes, fidelity, announced: true },
            Some(_) => BodyView::Truncated,
        },
        _ => BodyView::Truncated,
    }
}

/// Whether the headers say that a body follows.
fn is_announced(headers: &HeaderView<'_>) -> bool {
    headers.all("content-length").any(|value| value != b"0") || headers.all("transfer-encoding").next().is_some()
}

/// The announced length, if there is an announcement; `Some(None)` when it is no number or not one.
#[expect(clippy::option_option, reason = "no announcement and a bad one are different things")]
fn announced(headers: &HeaderView<'_>) -> Option<Option<usize>> {
    let mut values = headers.all("content-length");
    let value = values.next()?;
    let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    Some(length.filter(|_| values.next().is_none()))
}

/// Envoy's request id, which a client may have chosen: kept only when it is short and harmless.
fn request_id(http: &HttpRequest) -> &str {
    let raw = http.header_map.as_ref().and_then(|map| map.headers.iter().find(|header| header.key == "x-request-id"));
    let raw = raw.and_then(|header| std::str::from_utf8(&header.raw_value).ok().filter(|id| !id.is_empty()));
    let id = raw.or_else(|| http.headers.get("x-request-id").map(String::as_str)).unwrap_or_default();
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if id.len() <= 128 && id.bytes().all(harmless) { id } else { "" }
}
