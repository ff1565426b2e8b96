//! Notices that files of the configuration changed, and puts the new ones into force.
//!
//! Directories are watched, not files: editors replace a file by renaming another over it, and
//! Kubernetes swaps the symlink of a whole directory. A slow poll stands behind the events for file
//! systems that send none (S-264).

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::live::{Live, Reload};
use super::load::{Loaded, load, process_environment};
use crate::metrics::Metrics;

/// How often the files are looked at without an event.
const POLL: Duration = Duration::from_millis(500);
/// A file that was replaced by another counts once two readings this far apart agree. It also keeps a busy
/// directory from keeping this loop busy.
const SETTLE: Duration = Duration::from_millis(25);
/// A file that is written in place counts once nothing was written for this long: whoever writes it may be
/// at the line before `blocked: true`.
const QUIET: Duration = Duration::from_millis(250);

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
        let mut seen = Vec::new();
        loop {
            directories.watch(&self.live.status().files);
            let forced = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = hangup.recv() => true,
                _ = events.recv() => false,
                () = tokio::time::sleep(POLL) => false,
            };
            if forced || self.fingerprint() != seen {
                seen = self.settle(&seen).await;
                self.reload(forced, &seen).await;
            }
            tokio::time::sleep(SETTLE).await;
        }
    }

    /// What is on disk now, cheaply: each file's identity, and its size and times.
    fn fingerprint(&self) -> Vec<FileState> {
        self.live.status().files.iter().map(|file| FileState::of(file)).collect()
    }

    /// Waits until the files have come to rest, however long that takes.
    async fn settle(&self, seen: &[FileState]) -> Vec<FileState> {
        let mut current = self.fingerprint();
        loop {
            let in_place = current.iter().enumerate().any(|(index, now)| {
                // Of a file that was never seen nobody knows who is writing it.
                seen.get(index).is_none_or(|before| now.was_written_in_place(before))
            });
            tokio::time::sleep(if in_place { QUIET } else { SETTLE }).await;
            let next = self.fingerprint();
            if next == current {
                return current;
            }
            current = next;
        }
    }

    async fn reload(&self, forced: bool, settled: &[FileState]) {
        let config = self.config.clone();
        let Ok(loaded) = tokio::task::spawn_blocking(move || load(&config, &process_environment)).await else {
            tracing::error!("loading the configuration failed unexpectedly; the last good one stays in force");
            return self.metrics.reloaded(false);
        };
        // Somebody went on writing while the files were read: the loop comes round again.
        if self.fingerprint() == settled {
            self.apply(loaded, forced);
            self.live.snapshot().authenticator.open().await;
        }
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

/// What changes whenever a file does. The resolved path is part of it, so a swapped symlink shows even
/// when the new target has the old size and time.
#[derive(Debug, PartialEq, Eq)]
struct FileState {
    /// The file itself; nothing while there is none.
    identity: Option<(PathBuf, u64)>,
    /// Size, and times of the last changes.
    content: (u64, i64, i64, i64, i64),
}

impl FileState {
    fn of(file: &Path) -> Self {
        let resolved = file.canonicalize().ok();
        let meta = std::fs::metadata(file).ok();
        let content =
            meta.as_ref().map(|meta| (meta.size(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()));
        Self { identity: resolved.zip(meta.map(|meta| meta.ino())), content: content.unwrap_or_default() }
    }

    fn was_written_in_place(&self, before: &Self) -> bool {
        self.identity == before.identity && self.content != before.content
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
