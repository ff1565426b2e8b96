//! HTTP for operators: `/healthz`, `/readyz`, `/metrics`, `/config`. It never shows a secret or a key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use axum::{Router, serve};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_appender::non_blocking::ErrorCounter;

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
    /// Serves on a bound listener until `stop` is cancelled.
    pub async fn run(self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        let router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/config", get(config))
            .with_state(self);
        serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
    }
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    if admin.draining.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    if let Some(dropped) = &admin.log_lines_dropped {
        admin.metrics.log_lines_dropped.set(i64::try_from(dropped.dropped_lines()).unwrap_or(i64::MAX));
    }
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], admin.metrics.render())
}

#[derive(Serialize)]
struct Page {
    /// Version of the program.
    tollgate: &'static str,
    #[serde(flatten)]
    status: Status,
}

async fn config(State(admin): State<Admin>) -> impl IntoResponse {
    Json(Page { tollgate: env!("CARGO_PKG_VERSION"), status: Status::clone(&admin.live.status()) })
}
