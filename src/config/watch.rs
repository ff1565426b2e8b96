//! Notices that files of the configuration changed, and puts the new ones into force.
//!
//! Directories are watched, not files: editors replace a file by renaming another over it, and
//! Kubernetes swaps the symlink of a whole directory. A slow poll stands behind the events for file
//! systems that send none (S-264).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use sha2::{Digest, Sha256};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::live::{Live, Reload};
use super::load::{Loaded, load, process_environment};
use crate::metrics::Metrics;

/// How often the files are looked at without an event.
const POLL: Duration = Duration::from_millis(500);
/// Two readings this far apart must agree before a change counts: nothing half-written is put into force.
const SETTLE: Duration = Duration::from_millis(20);
/// Readings before a file that never settles is taken as it is.
const MAX_READINGS: u32 = 50;

/// The one writer of [`Live`].
#[derive(Debug)]
pub struct Watch {
    /// The configuration file.
    pub config: PathBuf,
    /// Where configurations are put into force.
    pub live: Arc<Live>,
    /// Where reloads are counted.
    pub metrics: Arc<Metrics>,
}

impl Watch {
    /// Watches until `stop` is cancelled.
    pub async fn run(self, stop: CancellationToken) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let (sender, mut events) = mpsc::channel(1);
        let mut directories = Directories::new(sender);
        // Nothing was seen yet: a change between the first load and this loop is noticed as well.
        let mut seen = [0; 32];
        loop {
            directories.watch(&self.live.status().files);
            let forced = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = hangup.recv() => true,
                _ = events.recv() => false,
                () = tokio::time::sleep(POLL) => false,
            };
            let fingerprint = self.fingerprint();
            if forced || fingerprint != seen {
                seen = self.settle(fingerprint).await;
                self.reload(forced).await;
            }
        }
    }

    /// What is on disk now, cheaply: a file's identity, size and time, or its absence.
    fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for file in &self.live.status().files {
            digest.update(describe(file).as_bytes());
        }
        digest.finalize().into()
    }

    /// Waits until two readings agree.
    async fn settle(&self, mut fingerprint: [u8; 32]) -> [u8; 32] {
        for _ in 0..MAX_READINGS {
            tokio::time::sleep(SETTLE).await;
            let next = self.fingerprint();
            if next == fingerprint {
                break;
            }
            fingerprint = next;
        }
        fingerprint
    }

    async fn reload(&self, forced: bool) {
        let config = self.config.clone();
        let Ok(loaded) = tokio::task::spawn_blocking(move || load(&config, &process_environment)).await else {
            tracing::error!("loading the configuration failed unexpectedly; the last good one stays in force");
            return self.metrics.reloaded(false);
        };
        self.apply(loaded, forced);
    }

    fn apply(&self, loaded: Loaded, forced: bool) {
        #[expect(clippy::disallowed_methods, reason = "the clock of a reload, not of a decision")]
        let now = Timestamp::now();
        let warnings = loaded.result.as_ref().map(|configuration| configuration.warnings.clone()).unwrap_or_default();
        let reload = self.live.apply(loaded, now);
        let status = self.live.status();
        match reload {
            Reload::Refused(problems) => {
                self.metrics.reloaded(false);
                tracing::error!(
                    config_version = status.version,
                    since = %status.since,
                    problems = %problems,
                    "the new configuration is refused; the last good one stays in force"
                );
            }
            Reload::Applied | Reload::Unchanged => {
                self.metrics.reloaded(true);
                self.metrics.keys.set(i64::try_from(status.keys).unwrap_or(i64::MAX));
                let changed = matches!(reload, Reload::Applied);
                if changed || forced {
                    warnings.log();
                    tracing::info!(
                        config_version = status.version,
                        keys = status.keys,
                        changed,
                        "configuration loaded"
                    );
                }
                if !status.restart_needed.is_empty() {
                    tracing::warn!(settings = ?status.restart_needed, "these settings changed and need a restart");
                }
            }
        }
    }
}

/// One line that changes whenever the file does. The resolved path is part of it, so a swapped symlink
/// shows even when the new target has the old size and time.
fn describe(file: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let resolved = file.canonicalize().unwrap_or_default();
    match std::fs::metadata(file) {
        Ok(meta) => format!(
            "{}|{}|{}|{}|{}|{}\n",
            resolved.display(),
            meta.ino(),
            meta.size(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime_nsec()
        ),
        Err(error) => format!("{}|{:?}\n", file.display(), error.kind()),
    }
}

/// The directories under watch.
struct Directories {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Directories {
    fn new(events: mpsc::Sender<()>) -> Self {
        // A full channel means that a look is due already.
        let watcher = notify::recommended_watcher(move |_| events.try_send(()).unwrap_or_default());
        let watcher = watcher.map_err(|error| tracing::warn!(%error, "no file events; polling instead")).ok();
        Self { watcher, watched: BTreeSet::new() }
    }

    /// Watches the directory a file is named in, and the one it really lies in.
    fn watch(&mut self, files: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let named = files.iter().map(|file| file.parent().map_or_else(PathBuf::new, Path::to_owned));
        let real = files.iter().filter_map(|file| file.canonicalize().ok()?.parent().map(Path::to_owned));
        let wanted: BTreeSet<_> = named
            .chain(real)
            .map(|directory| if directory == Path::new("") { PathBuf::from(".") } else { directory })
            .collect();
        for gone in self.watched.difference(&wanted) {
            // Already gone with its directory, as a rule.
            watcher.unwatch(gone).ok();
        }
        self.watched.retain(|directory| wanted.contains(directory));
        for directory in wanted {
            if !self.watched.contains(&directory) && watcher.watch(&directory, RecursiveMode::NonRecursive).is_ok() {
                self.watched.insert(directory);
            }
        }
    }
}
