//! The configuration in force, and how it came to be.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde::Serialize;

use super::load::{Configuration, Loaded, Settings};
use super::problem::Problems;
use crate::engine::Snapshot;

/// The one place the current snapshot is published. Readers take it once per request.
#[derive(Debug)]
pub struct Live {
    snapshot: ArcSwap<Snapshot>,
    status: ArcSwap<Status>,
    started_with: Settings,
}

/// What `/config` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The configuration in force.
    pub version: String,
    /// Since when it is in force.
    pub since: Timestamp,
    /// How many configurations were in force so far.
    pub generation: u64,
    /// How many keys it holds in memory.
    pub keys: usize,
    /// The files it was read from.
    pub files: Vec<PathBuf>,
    /// Why the newest files are not in force, if they are not.
    pub last_error: Option<ReloadError>,
    /// Settings that differ from those in force until a restart.
    pub restart_needed: Vec<&'static str>,
}

/// A load that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReloadError {
    /// When.
    pub at: Timestamp,
    /// Every problem, one a line.
    pub problems: Vec<String>,
}

/// What a load changed.
#[derive(Debug)]
pub enum Reload {
    /// A new configuration is in force.
    Applied,
    /// The files say what is in force already.
    Unchanged,
    /// The last good configuration stays.
    Refused(Problems),
}

impl Live {
    /// Starts with a configuration.
    #[must_use]
    pub fn new(configuration: Configuration, files: Vec<PathBuf>, now: Timestamp) -> Self {
        let Configuration { snapshot, settings, warnings: _ } = configuration;
        let status = Status {
            version: snapshot.version.clone(),
            since: now,
            generation: 1,
            keys: snapshot.authenticator.store.len(),
            files,
            last_error: None,
            restart_needed: Vec::new(),
        };
        Self { snapshot: ArcSwap::new(snapshot), status: ArcSwap::from_pointee(status), started_with: settings }
    }

    /// The snapshot to judge one request by.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// How the configuration came to be.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// Puts a loaded configuration into force, whole or not at all. There is one writer, the watch.
    pub fn apply(&self, loaded: Loaded, now: Timestamp) -> Reload {
        let before = self.status();
        let mut status = Status { files: loaded.files, last_error: None, ..Status::clone(&before) };
        let reload = match loaded.result {
            Err(problems) => {
                let lines = problems.iter().map(ToString::to_string).collect();
                status.last_error = Some(ReloadError { at: now, problems: lines });
                Reload::Refused(problems)
            }
            Ok(Configuration { mut snapshot, settings, warnings: _ }) => {
                if let Some(new) = Arc::get_mut(&mut snapshot) {
                    new.authenticator.succeed(&self.snapshot().authenticator);
                }
                status.restart_needed = self.restart_needed(&settings);
                let changed = snapshot.version != before.version;
                if changed {
                    status.version.clone_from(&snapshot.version);
                    status.since = now;
                    status.generation += 1;
                    status.keys = snapshot.authenticator.store.len();
                }
                // Secret files are no part of the version, so an equal version is put into force as well.
                self.snapshot.store(snapshot);
                if changed { Reload::Applied } else { Reload::Unchanged }
            }
        };
        self.status.store(Arc::new(status));
        reload
    }

    fn restart_needed(&self, new: &Settings) -> Vec<&'static str> {
        let old = &self.started_with;
        let sections =
            [("listen", old.listen != new.listen), ("log", old.log != new.log), ("limits", old.limits != new.limits)];
        sections.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}
