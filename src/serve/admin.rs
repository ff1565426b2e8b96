//! HTTP for operators: `/healthz`, `/readyz`, `/metrics`, `/config`. It never shows a secret or a key.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing_appender::non_blocking::ErrorCounter;

use crate::authn::jwks::KeyStatus;
use crate::authn::outside::Service;
use crate::config::live::{Live, Status};
use crate::metrics::Metrics;

/// What the pages are made of.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The configuration in force.
    pub live: Arc<Live>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Cancelled once the service is about to stop.
    pub draining: CancellationToken,
    /// Lines the log has dropped.
    pub log_lines_dropped: Option<ErrorCounter>,
}

impl Admin {
    /// Serves on a bound listener until `stop` is cancelled. Its connections are few and short, so that they
    /// can take nothing from the checks (S-248).
    pub async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/config", get(config))
            .with_state(self);
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match (accepted, Arc::clone(&places).try_acquire_owned()) {
                (Ok((stream, _)), Ok(place)) => {
                    let connection = connection(stream, router.clone());
                    let stop = stop.clone();
                    tokio::spawn(async move {
                        let _place = place;
                        stop.run_until_cancelled_owned(connection).await;
                    });
                }
                // Too many at one time: this one is closed.
                (Ok(_), Err(_)) => {}
                // Out of file descriptors, as a rule: others must end first.
                (Err(_), _) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

/// Connections at one time. An operator's tools need a handful.
const MAX_CONNECTIONS: usize = 64;
/// How long a request's head, or the next request, may take to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

async fn connection(stream: TcpStream, router: Router) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    // How a connection ends is the peer's affair.
    http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await.ok();
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    if admin.draining.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else if !admin.live.snapshot().authenticator.store.is_ready() {
        (StatusCode::SERVICE_UNAVAILABLE, "the key store has not answered yet\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    if let Some(stats) = admin.live.snapshot().authenticator.store.stats() {
        admin.metrics.store.show(stats);
        admin.metrics.keys.set(i64::try_from(stats.keys.load(Ordering::Relaxed)).unwrap_or(i64::MAX));
    }
    admin.metrics.tokens.show(&admin.live.snapshot().authenticator);
    if let Some(dropped) = &admin.log_lines_dropped {
        admin.metrics.log_lines_dropped.set(i64::try_from(dropped.dropped_lines()).unwrap_or(i64::MAX));
    }
    (
        [(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        admin.metrics.render(admin.live.snapshot().authenticator.outside.services()),
    )
}

#[derive(Serialize)]
struct Page {
    /// Version of the program.
    tollgate: &'static str,
    #[serde(flatten)]
    status: Status,
    /// Keys of the issuers of tokens.
    issuers: Vec<KeyStatus>,
    /// Those who are asked about callers.
    services: Vec<ServiceState>,
}

#[derive(Serialize)]
struct ServiceState {
    name: &'static str,
    /// Why the latest question got no answer, if it got none.
    failing: Option<&'static str>,
    /// How many callers are remembered.
    cached: usize,
}

impl From<Service<'_>> for ServiceState {
    fn from(service: Service<'_>) -> Self {
        Self { name: service.name, failing: service.calls.failing(), cached: service.cached }
    }
}

async fn config(State(admin): State<Admin>) -> impl IntoResponse {
    let snapshot = admin.live.snapshot();
    let issuers = snapshot.authenticator.key_status();
    let services = snapshot.authenticator.outside.services().map(ServiceState::from).collect();
    let status = Status::clone(&admin.live.status());
    Json(Page { tollgate: env!("CARGO_PKG_VERSION"), status, issuers, services })
}
