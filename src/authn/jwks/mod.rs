//! The keys of one issuer: fetched in the background, used by everybody, and never fetched by a request itself.

pub mod fetch;

use std::fmt;
#[expect(clippy::disallowed_types, reason = "held to ask and tell the schedule, never over an await")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::core::jwt::KeySet;
use crate::core::jwt::refresh::{Answer, Refresh, RefreshRules, Ticket, Want};
use crate::telemetry;
use fetch::Remote;

/// Where the keys of an issuer are.
#[derive(Debug, Clone)]
pub enum KeySpec {
    /// In a file that was read with the configuration.
    Listed(Arc<KeySet>),
    /// At a URL.
    Fetched {
        /// Where.
        remote: Box<Remote>,
        /// How often, and for how long they are used.
        rules: RefreshRules,
    },
}

/// The keys of one issuer.
pub struct KeySource {
    spec: KeySpec,
    state: Arc<State>,
    /// Ends the background fetches with the source.
    #[expect(clippy::disallowed_types, reason = "held to see whether they have begun")]
    running: Mutex<Option<DropGuard>>,
}

struct State {
    name: String,
    started: Instant,
    #[expect(clippy::disallowed_types, reason = "held to ask and tell the schedule, never over an await")]
    schedule: Mutex<Refresh>,
    /// What is used now, read without a lock.
    keys: ArcSwapOption<Published>,
    /// Places for those who wait although there are keys: a flood of unknown ones must not take all there is.
    places: Semaphore,
    /// Counts reports: who waits for a fetch waits for the next one.
    reports: watch::Sender<u64>,
    fetches: AtomicU64,
    failures: AtomicU64,
    last: ArcSwapOption<Report>,
}

struct Published {
    keys: Arc<KeySet>,
    until: Duration,
}

/// How the last fetch ended.
#[derive(Debug)]
struct Report {
    at: Timestamp,
    error: Option<String>,
}

/// What `/config` and `/metrics` show of a key source.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KeyStatus {
    /// The issuer, as configured.
    pub issuer: String,
    /// Keys in use; none, before the first fetch and when they are too old.
    pub keys: usize,
    /// Fetches begun.
    pub fetches: u64,
    /// Fetches that brought no usable keys.
    pub failures: u64,
    /// When the last fetch ended.
    pub fetched_at: Option<Timestamp>,
    /// Why it failed, if it did.
    pub last_error: Option<String>,
}

impl KeySource {
    /// A source that fetches nothing yet. `name` is the issuer, for logs and labels.
    #[must_use]
    pub fn new(name: impl Into<String>, spec: KeySpec) -> Self {
        let rules = match &spec {
            KeySpec::Listed(_) => RefreshRules::default(),
            KeySpec::Fetched { rules, .. } => *rules,
        };
        #[expect(clippy::disallowed_types, reason = "held to ask and tell the schedule, never over an await")]
        let schedule = Mutex::new(Refresh::new(rules));
        let state = State {
            name: name.into(),
            started: Instant::now(),
            schedule,
            keys: ArcSwapOption::empty(),
            places: Semaphore::new(PLACES),
            reports: watch::Sender::new(0),
            fetches: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            last: ArcSwapOption::empty(),
        };
        #[expect(clippy::disallowed_types, reason = "held to see whether they have begun")]
        let running = Mutex::new(None);
        Self { spec, state: Arc::new(state), running }
    }

    /// Whether another source would fetch the same, in the same way.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let same = match (&self.spec, &other.spec) {
            (KeySpec::Fetched { remote, rules }, KeySpec::Fetched { remote: other_remote, rules: other_rules }) => {
                remote == other_remote && rules == other_rules
            }
            (KeySpec::Listed(_), _) | (_, KeySpec::Listed(_)) => false,
        };
        same && self.state.name == other.state.name
    }

    /// Begins to fetch in the background, unless it has begun.
    pub fn open(&self) {
        if let KeySpec::Fetched { remote, .. } = &self.spec {
            self.running.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| {
                let stop = CancellationToken::new();
                let fetches = keep_fresh(Arc::downgrade(&self.state), remote.clone());
                let stopped = stop.clone();
                tokio::spawn(async move { stopped.run_until_cancelled(fetches).await });
                stop.drop_guard()
            });
        }
    }

    /// The keys to verify with, without waiting. `None` is an outage.
    #[must_use]
    pub fn keys(&self) -> Option<Arc<KeySet>> {
        if let KeySpec::Listed(keys) = &self.spec {
            return Some(Arc::clone(keys));
        }
        let now = self.state.now();
        let published = self.state.keys.load();
        published.as_ref().filter(|published| now < published.until).map(|published| Arc::clone(&published.keys))
    }

    /// Waits for the fetch that may bring a key that is missing: one that is under way, or a new one where none was a
    /// short time ago. Whether there is anything to look at beside what was `seen`.
    pub async fn refreshed(&self, seen: Option<&Arc<KeySet>>) -> bool {
        let KeySpec::Fetched { remote, rules } = &self.spec else {
            return false;
        };
        let place = self.state.places.try_acquire();
        if place.is_err() && self.keys().is_some() {
            return false;
        }
        let mut reports = self.state.reports.subscribe();
        // They may have come since: that report is not heard any more, and so soon nobody asks again.
        let current = self.keys();
        if current.as_ref().is_some_and(|current| seen.is_none_or(|seen| !Arc::ptr_eq(current, seen))) {
            return true;
        }
        match self.state.want(Want::UnknownKey) {
            Answer::No => return false,
            Answer::Wait => {}
            Answer::Fetch(ticket) => {
                // A task of its own: who asked may give up, and others wait for it.
                let (state, remote) = (Arc::clone(&self.state), remote.clone());
                tokio::spawn(async move { state.fetch(&remote, ticket).await });
            }
        }
        tokio::time::timeout(rules.limit, reports.changed()).await.is_ok()
    }

    /// What is known of it.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let last = self.state.last.load();
        KeyStatus {
            issuer: self.state.name.clone(),
            keys: self.keys().map_or(0, |keys| keys.keys().len()),
            fetches: self.state.fetches.load(Ordering::Relaxed),
            failures: self.state.failures.load(Ordering::Relaxed),
            fetched_at: last.as_ref().map(|report| report.at),
            last_error: last.as_ref().and_then(|report| report.error.clone()),
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySource").field("name", &self.state.name).field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// Fetches when it is time, until the source is gone.
async fn keep_fresh(state: Weak<State>, remote: Box<Remote>) {
    loop {
        let Some(strong) = state.upgrade() else { return };
        match strong.want(Want::Schedule) {
            Answer::Fetch(ticket) => strong.fetch(&remote, ticket).await,
            Answer::Wait | Answer::No => {
                let (next, mut reports) = (strong.started + strong.next(), strong.reports.subscribe());
                drop(strong);
                // A fetch that a token has caused moves the schedule.
                tokio::time::timeout_at(next.max(Instant::now() + TICK), reports.changed()).await.ok();
            }
        }
    }
}

/// Requests that wait for an unknown key at one time.
const PLACES: usize = 128;
/// Least time between two looks at the schedule.
const TICK: Duration = Duration::from_millis(20);

impl State {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn want(&self, want: Want) -> Answer {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner).want(want, self.now())
    }

    fn next(&self) -> Duration {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    async fn fetch(&self, remote: &Remote, ticket: Ticket) {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let error = match remote.fetch().await {
            Ok(document) => self.fetched(ticket, &document),
            Err(error) => {
                self.schedule.lock().unwrap_or_else(PoisonError::into_inner).failed(ticket);
                Some(error.to_string())
            }
        };
        if let Some(error) = &error {
            self.failures.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                issuer = self.name,
                error,
                "the issuer's keys could not be fetched; the last good ones stay"
            );
        }
        self.last.store(Some(Arc::new(Report { at: telemetry::now(), error })));
        self.reports.send_modify(|reports| *reports = reports.wrapping_add(1));
    }

    /// Publishes the keys of a good document. Why it is none, otherwise.
    fn fetched(&self, ticket: Ticket, document: &[u8]) -> Option<String> {
        let now = self.now();
        let mut schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(bad) = schedule.fetched(ticket, document, now) {
            return Some(bad.to_string());
        }
        let keys = schedule.keys(now).cloned();
        if let Some(keys) = keys {
            for (position, unusable) in keys.skipped() {
                tracing::warn!(issuer = self.name, position, %unusable, "a key of the issuer is not used");
            }
            self.keys.store(Some(Arc::new(Published { keys, until: schedule.usable_until() })));
        }
        None
    }
}
