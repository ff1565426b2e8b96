//! `tollgate serve --config FILE`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::Done;
use crate::app::{App, Shutdown};
use crate::config::load::{load, process_environment};
use crate::telemetry;

pub(super) fn run(config: PathBuf) -> Done {
    forbid_core_dumps();
    raise_file_limit();
    let loaded = load(&config, &process_environment);
    let configuration = loaded.result.map_err(|problems| problems.to_string())?;
    let log = telemetry::init(&configuration.settings.log).map_err(|error| format!("cannot log: {error}"))?;
    configuration.warnings.log();
    let app = App::new(config, loaded.files, configuration).count_dropped_lines(log.dropped.clone());
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("cannot start: {error}"))?;
    let done = runtime.block_on(serve(app));
    // Connections that outlived their time to drain are cut here.
    runtime.shutdown_background();
    done
}

async fn serve(app: App) -> Done {
    let bound = app.bind().await.map_err(|error| error.to_string())?;
    let shutdown = Shutdown::default();
    let signals = stop_on_signal(shutdown.clone()).map_err(|error| format!("cannot catch signals: {error}"))?;
    tokio::spawn(signals);
    tracing::info!(
        grpc = bound.grpc_address(),
        http = bound.http_address(),
        version = env!("CARGO_PKG_VERSION"),
        "listening"
    );
    bound.run(shutdown).await.map_err(|error| format!("the service failed: {error}"))?;
    tracing::info!("stopped");
    Ok(String::new())
}

/// Signals this close together are one.
const ONE_WORD: Duration = Duration::from_secs(1);

/// SIGTERM drains; a second one, or Ctrl-C, closes at once.
fn stop_on_signal(shutdown: Shutdown) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => shutdown.drain(),
            _ = interrupt.recv() => {}
        }
        let since = Instant::now();
        while shutdown.is_draining() {
            tokio::select! {
                _ = terminate.recv() => {
                    // A supervisor may signal a process, and its group with it: that is one word.
                    if since.elapsed() > ONE_WORD {
                        break;
                    }
                }
                _ = interrupt.recv() => break,
            }
        }
        shutdown.close();
    })
}

/// As many connections as the system grants.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
}

/// A core file would hold the keys of the moment (S-240). Where the system refuses, the service is no
/// worse off than before.
fn forbid_core_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).ok();
    set_dumpable_behavior(DumpableBehavior::NotDumpable).ok();
}
