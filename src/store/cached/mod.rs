//! What the store said, for a while: the only thing between the request path and a database.
//!
//! Nothing here is written by a request. A record ages from the moment it was asked for and is never renewed
//! by being used (LiteLLM SEC-7); one that is too old is asked for again, by one question however many want to
//! know. When nobody answers, a record that was known stands in for a bounded time and says so; what was
//! unknown stays unknown, and is an outage (SEC-9).

pub(crate) mod bounded;
mod change;
mod health;
mod kind;
mod shelf;
mod stats;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::{AlsoKnownAs, Answer, ClaimValue, Directory, Found, Resolved, Standing, Trouble};
use crate::core::budget::Budget;
use crate::core::credential::KeyHash;
use crate::core::decision::Outage;
use crate::core::record::{EndUser, KeyRecord, Tag};
use health::Health;
use kind::{EndUsers, Keys, Kind, Mappings, Names, People, Proxy, Standings, Tags};
use shelf::{Flight, Known, Limits, Shelf};

pub use change::Change;
pub use stats::Stats;

/// How a cache behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheOptions {
    /// Keys held at one time, at most; and as many end users, and tags.
    pub max_keys: usize,
    /// Keys known to be missing at one time, at most.
    pub max_missing: usize,
    /// How long a record is used before it is asked for again, while the store tells of changes.
    pub ttl: Duration,
    /// And while it does not: this is how late a change is seen then.
    pub unwatched_ttl: Duration,
    /// How long a key that was missing is missing.
    pub negative_ttl: Duration,
    /// How much longer a record is used when the store does not answer; zero for not at all.
    pub max_stale: Duration,
    /// Questions at one time about keys that are known, and as many about those that are not: a flood of the
    /// one does not hold up the other.
    pub questions: usize,
    /// How long a question may wait for its turn.
    pub patience: Duration,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            max_keys: 250_000,
            max_missing: 100_000,
            ttl: Duration::from_mins(1),
            unwatched_ttl: Duration::from_secs(5),
            negative_ttl: Duration::from_secs(5),
            max_stale: Duration::from_mins(10),
            questions: 4,
            patience: Duration::from_millis(500),
        }
    }
}

/// Questions about unknown keys that may wait, for each that may be asked. Beyond that they are refused at
/// once.
const QUEUE: usize = 16;
/// How often a question is put again because the record changed meanwhile.
const ATTEMPTS: u32 = 4;

/// A directory whose answers are kept.
#[derive(Debug)]
pub struct Cached<D>(Arc<Inner<D>>);

impl<D> Clone for Cached<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Inner<D> {
    directory: D,
    keys: Shelf<KeyHash, KeyRecord>,
    end_users: Shelf<Box<str>, EndUser>,
    tags: Shelf<Box<str>, Tag>,
    people: Shelf<Box<str>, ()>,
    proxy: Shelf<(), Budget>,
    standings: Shelf<Standing, KeyRecord>,
    names: Shelf<AlsoKnownAs, Resolved>,
    mappings: Shelf<ClaimValue, KeyHash>,
    /// Turns for questions about what is known, and what is not.
    known: Semaphore,
    unknown: Semaphore,
    patience: Duration,
    queue: usize,
    health: Health,
    stats: Stats,
    start: Instant,
    /// Whether a replaced key was ever found under its old hash.
    graced: AtomicBool,
}

impl<D: Directory + Send + Sync + 'static> Cached<D> {
    /// Keeps the answers of a directory.
    #[must_use]
    pub fn new(directory: D, options: &CacheOptions) -> Self {
        let limits = Limits {
            found: options.max_keys,
            missing: options.max_missing,
            watched: options.ttl,
            unwatched: options.unwatched_ttl.min(options.ttl),
            missing_for: options.negative_ttl,
            stale: options.max_stale,
        };
        let questions = options.questions.max(1);
        Self(Arc::new(Inner {
            directory,
            keys: Shelf::new(limits),
            end_users: Shelf::new(limits),
            tags: Shelf::new(limits),
            people: Shelf::new(limits),
            proxy: Shelf::new(limits),
            standings: Shelf::new(limits),
            names: Shelf::new(limits),
            mappings: Shelf::new(limits),
            known: Semaphore::new(questions),
            unknown: Semaphore::new(questions),
            patience: options.patience,
            queue: questions.saturating_mul(QUEUE),
            health: Health::default(),
            stats: Stats::default(),
            start: Instant::now(),
            graced: AtomicBool::new(false),
        }))
    }

    /// The directory behind it.
    #[must_use]
    pub fn directory(&self) -> &D {
        &self.0.directory
    }

    /// What was counted.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        let stats = &self.0.stats;
        stats.keys.store(self.0.keys.len() as u64, Ordering::Relaxed);
        stats.missing.store(self.0.keys.missing() as u64, Ordering::Relaxed);
        stats.down.store(u64::from(self.0.health.is_down()), Ordering::Relaxed);
        let silent_for = self.0.now().saturating_sub(stats.answered_at.load(Ordering::Relaxed));
        stats.silent_for.store(silent_for, Ordering::Relaxed);
        stats
    }

    /// Notes that the store answered something else.
    pub fn answered(&self) {
        self.0.stats.answered(self.0.now());
        self.0.health.succeeded();
    }

    /// Keys held whose alias is `text`, or whose hash begins with it.
    #[must_use]
    pub fn search(&self, text: &str) -> Vec<Arc<KeyRecord>> {
        self.0.keys.search(|key| key.is_called(text))
    }

    async fn find<K: Kind<D>>(&self, key: &K::Key) -> Answer<K::Record> {
        let inner = &self.0;
        match K::shelf(inner).look(key, inner.now()) {
            Known::Fresh(record) => {
                inner.stats.hits.fetch_add(1, Ordering::Relaxed);
                Ok(Some(Found::fresh(record)))
            }
            Known::Missing(unreadable) => {
                inner.stats.negative_hits.fetch_add(1, Ordering::Relaxed);
                unreadable.map_or(Ok(None), |unreadable| Err(unreadable.into()))
            }
            Known::Expired { record, usable } => match self.ask::<K>(key, false).await {
                Err(Trouble::Outage(_)) if usable => self.stand_in::<K>(key, &record),
                answer => answer,
            },
            Known::Nothing => self.ask::<K>(key, true).await,
        }
    }

    /// What was known, when nobody answers: unless it has been forgotten since, for it was changed.
    fn stand_in<K: Kind<D>>(&self, key: &K::Key, known: &Arc<K::Record>) -> Answer<K::Record> {
        let inner = &self.0;
        match K::shelf(inner).look(key, inner.now()) {
            Known::Expired { record, usable: true } if Arc::ptr_eq(&record, known) => {
                inner.stats.stale.fetch_add(1, Ordering::Relaxed);
                Ok(Some(Found { record, stale: true }))
            }
            Known::Fresh(record) => Ok(Some(Found::fresh(record))),
            Known::Expired { .. } | Known::Missing(_) | Known::Nothing => Err(Outage::StoreUnavailable.into()),
        }
    }

    /// Asks the directory, or joins those who wait for the same answer.
    async fn ask<K: Kind<D>>(&self, key: &K::Key, unknown: bool) -> Answer<K::Record> {
        let inner = &self.0;
        inner.stats.misses.fetch_add(1, Ordering::Relaxed);
        if inner.health.is_silent(inner.now()) {
            return Err(Outage::StoreUnavailable.into());
        }
        let (flight, mine) = K::shelf(inner).board(key);
        if mine {
            let trip = Trip::<D, K> { cache: self.clone(), key: key.clone(), unknown, flight: Arc::clone(&flight) };
            // On its own: whoever asked may go away, and the others still want to know.
            tokio::spawn(async move { trip.flight.land(trip.answer().await) });
        }
        flight.landed().await.unwrap_or(Err(Outage::Internal.into()))
    }
}

/// One question on its way. However it ends, it is no longer on its way.
struct Trip<D: Directory + Send + Sync + 'static, K: Kind<D>> {
    cache: Cached<D>,
    key: K::Key,
    unknown: bool,
    flight: Arc<Flight<K::Record>>,
}

impl<D: Directory + Send + Sync + 'static, K: Kind<D>> Trip<D, K> {
    async fn answer(&self) -> Answer<K::Record> {
        let inner = &self.cache.0;
        let known = K::shelf(inner);
        for _ in 0..ATTEMPTS {
            let (asked, generation) = (inner.now(), known.generation());
            let answer = inner.put::<K>(&self.key, self.unknown).await;
            if let Ok(Some(found)) = &answer {
                K::noted(inner, &self.key, &found.record);
            }
            let gone = known.keep(&self.key, &answer, asked, generation);
            inner.stats.evictions.fetch_add(gone as u64, Ordering::Relaxed);
            if known.disembark(&self.key) {
                return answer;
            }
        }
        // It changes faster than it can be read.
        Err(Outage::StoreUnavailable.into())
    }
}

impl<D: Directory + Send + Sync + 'static, K: Kind<D>> Drop for Trip<D, K> {
    fn drop(&mut self) {
        K::shelf(&self.cache.0).abandon(&self.key, &self.flight);
        // After a panic nobody has answered yet.
        self.flight.land(Err(Outage::Internal.into()));
    }
}

impl<D> Inner<D> {
    /// Milliseconds of the cache's own time, which no clock change moves (S-115).
    fn now(&self) -> u64 {
        shelf::millis(self.start.elapsed())
    }

    async fn put<K: Kind<D>>(&self, key: &K::Key, unknown: bool) -> Answer<K::Record> {
        if !self.health.may_ask(self.now()) {
            return Err(Outage::StoreUnavailable.into());
        }
        let _turn = self.turn(unknown).await?;
        let _loading = self.stats.loading();
        let answer = K::ask(&self.directory, key).await;
        match &answer {
            Err(Trouble::Outage(_)) => {
                self.stats.failures.fetch_add(1, Ordering::Relaxed);
                self.health.failed(self.now(), K::shelf(self).noise(key));
            }
            Ok(_) | Err(Trouble::Unreadable(_)) => {
                self.stats.answered(self.now());
                self.health.succeeded();
            }
        }
        answer
    }

    /// Waits for a turn. Who is unknown waits in a queue that has an end (S-186).
    async fn turn(&self, unknown: bool) -> Result<tokio::sync::SemaphorePermit<'_>, Outage> {
        let turns = if unknown { &self.unknown } else { &self.known };
        if let Ok(turn) = turns.try_acquire() {
            return Ok(turn);
        }
        let _waiting = self.stats.waiting();
        let overloaded = unknown && self.stats.waiting.load(Ordering::Relaxed) > self.queue as u64;
        let turn = if overloaded { None } else { timeout(self.patience, turns.acquire()).await.ok() };
        let turn = turn.and_then(Result::ok);
        turn.ok_or_else(|| {
            self.stats.shed.fetch_add(1, Ordering::Relaxed);
            Outage::StoreOverloaded
        })
    }
}

impl<D: Directory + Send + Sync + 'static> Directory for Cached<D> {
    async fn key(&self, hash: &KeyHash) -> Answer<KeyRecord> {
        self.find::<Keys>(hash).await
    }

    async fn end_user(&self, id: &str) -> Answer<EndUser> {
        self.find::<EndUsers>(&id.into()).await
    }

    async fn tag(&self, name: &str) -> Answer<Tag> {
        self.find::<Tags>(&name.into()).await
    }

    async fn known(&self, id: &str) -> Answer<()> {
        self.find::<People>(&id.into()).await
    }

    async fn proxy(&self) -> Answer<Budget> {
        self.find::<Proxy>(&()).await
    }

    async fn standing(&self, who: &Standing) -> Answer<KeyRecord> {
        self.find::<Standings>(who).await
    }

    async fn resolve(&self, name: &AlsoKnownAs) -> Answer<Resolved> {
        self.find::<Names>(name).await
    }

    async fn mapped_key(&self, claim: &ClaimValue) -> Answer<KeyHash> {
        self.find::<Mappings>(claim).await
    }
}

#[cfg(test)]
mod tests;
