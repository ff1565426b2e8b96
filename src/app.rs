//! The composition root: the only file that names every concrete part, and the owner of the shutdown.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use envoy_types::pb::envoy::service::ext_proc::v3::external_processor_server::ExternalProcessorServer;
use tokio::net::TcpListener;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::{Router, TcpIncoming};
use tracing_appender::non_blocking::ErrorCounter;

use crate::config::live::Live;
use crate::config::load::{Configuration, Settings};
use crate::config::watch::Watch;
use crate::metrics::Metrics;
use crate::serve::admin::Admin;
use crate::serve::ext_authz::ExtAuthz;
use crate::serve::ext_proc::ExtProc;
use crate::serve::listen::{Door, ListenError, bind_admin};
use crate::telemetry;

/// Room in a check beside its body: headers, attributes, framing.
const HEADROOM: usize = 2 * 1024 * 1024;
/// An idle connection is asked for a sign of life this often.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// One Tollgate. Two of them in one process share nothing.
#[derive(Debug)]
pub struct App {
    config: PathBuf,
    settings: Settings,
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    log_lines_dropped: Option<ErrorCounter>,
}

/// How an [`App`] is told to stop.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    closing: CancellationToken,
}

impl Shutdown {
    /// Says NOT_SERVING, goes on for as long as the configuration gives Envoy to notice, then closes.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Closes at once: running checks finish, new ones find no door.
    pub fn close(&self) {
        self.draining.cancel();
        self.closing.cancel();
    }

    /// Whether it was told to.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }
}

/// An [`App`] whose doors are bound.
#[derive(Debug)]
pub struct Bound {
    app: App,
    door: Door,
    admin: TcpListener,
}

impl App {
    /// Puts a loaded configuration together.
    #[must_use]
    pub fn new(config: PathBuf, files: Vec<PathBuf>, configuration: Configuration) -> Self {
        let settings = configuration.settings.clone();
        let metrics = Arc::new(Metrics::default());
        let live = Arc::new(Live::new(configuration, files, telemetry::now()));
        metrics.keys.set(i64::try_from(live.status().keys).unwrap_or(i64::MAX));
        Self { config, settings, live, metrics, log_lines_dropped: None }
    }

    /// Shows how many log lines were dropped in `/metrics`.
    #[must_use]
    pub fn count_dropped_lines(mut self, dropped: ErrorCounter) -> Self {
        self.log_lines_dropped = Some(dropped);
        self
    }

    /// Binds the doors.
    pub async fn bind(self) -> Result<Bound, ListenError> {
        let door = Door::bind(&self.settings.listen.grpc).await?;
        let admin = bind_admin(&self.settings.listen.http).await?;
        Ok(Bound { app: self, door, admin })
    }
}

impl Bound {
    /// Where Envoy is awaited.
    #[must_use]
    pub fn grpc_address(&self) -> String {
        self.door.address()
    }

    /// Where operators are awaited.
    #[must_use]
    pub fn http_address(&self) -> String {
        self.admin.local_addr().map(|address| address.to_string()).unwrap_or_default()
    }

    /// Serves until `shutdown` says so and the running checks are done, or their time is up.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Self { app, door, admin } = self;
        let ended = CancellationToken::new();
        let _ends_the_rest = ended.clone().drop_guard();
        let pages = Admin {
            live: Arc::clone(&app.live),
            metrics: Arc::clone(&app.metrics),
            draining: shutdown.draining.clone(),
            log_lines_dropped: app.log_lines_dropped.clone(),
        };
        tokio::spawn(pages.run(admin, ended.clone()));
        app.live.snapshot().authenticator.open().await;
        let watch = Watch { config: app.config, live: Arc::clone(&app.live), metrics: Arc::clone(&app.metrics) };
        let watched = ended.clone();
        tokio::spawn(async move {
            if let Err(error) = watch.run(watched).await {
                tracing::error!(%error, "files are not watched; a restart is needed to see changes");
            }
        });

        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<AuthorizationServer<ExtAuthz>>().await;
        health.set_serving::<ExternalProcessorServer<ExtProc>>().await;
        let limits = &app.settings.limits;
        let (drain, grace) =
            (Duration::from_secs(limits.drain_seconds), Duration::from_secs(limits.shutdown_grace_seconds));
        let closing = shutdown.closing.clone();
        tokio::spawn(async move {
            shutdown.draining.cancelled().await;
            tracing::info!("draining: health says NOT_SERVING, checks are still taken");
            health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
            health.set_not_serving::<AuthorizationServer<ExtAuthz>>().await;
            health.set_not_serving::<ExternalProcessorServer<ExtProc>>().await;
            // A second word ends the wait.
            tokio::time::timeout(drain, shutdown.closing.cancelled()).await.ok();
            tracing::info!("closing: no new checks, running ones finish");
            shutdown.closing.cancel();
        });
        let limits = app.settings.limits;
        let largest = limits.max_body_bytes.saturating_add(HEADROOM);
        let ids = ExtProc::new(Arc::clone(&app.live), Arc::clone(&app.metrics), limits.concurrent_streams);
        let ids = ExternalProcessorServer::new(ids).max_decoding_message_size(largest);
        let authz = ExtAuthz::new(app.live, app.metrics, limits.concurrent_checks);
        let authz = AuthorizationServer::new(authz).max_decoding_message_size(largest);
        let router = server().add_service(health_service).add_service(authz).add_service(ids);
        let deadline = async {
            closing.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            served = serve(router, door, closing.clone().cancelled_owned()) => served?,
            // A peer that never closes must not keep the process (hyper#4170, S-266).
            () = deadline => tracing::warn!("the time to drain is up; closing what is left"),
        }
        Ok(())
    }
}

fn server() -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_max_pending_accept_reset_streams(Some(64))
        .http2_max_header_list_size(64 * 1024)
        .max_concurrent_streams(4096)
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(16 * 1024 * 1024)
}

async fn serve(router: Router, door: Door, shutdown: impl Future<Output = ()>) -> Result<(), tonic::transport::Error> {
    match door {
        Door::Tcp(listener) => {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            router.serve_with_incoming_shutdown(incoming, shutdown).await
        }
        Door::Unix(listener, _file) => {
            router.serve_with_incoming_shutdown(UnixListenerStream::new(listener), shutdown).await
        }
    }
}
