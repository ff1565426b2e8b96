//! A database behind a cache, as a configuration names it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::OnceCell;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::cached::{CacheOptions, Cached, Stats};
use super::postgres::{Postgres, PostgresOptions};
use super::sql::{Interpretation, SqlDirectory};
use super::sqlite::Sqlite;
use super::{AlsoKnownAs, Answer, ClaimValue, Directory, Resolved, Standing, watch};
use crate::core::budget::Budget;
use crate::core::credential::KeyHash;
use crate::core::record::{EndUser, KeyRecord, Tag};
use crate::telemetry;

/// Everything that makes one store differ from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSpec {
    /// Where the keys are.
    pub place: Place,
    /// A question that takes longer has failed.
    pub deadline: Duration,
    /// What is kept of the answers.
    pub cache: CacheOptions,
    /// What rows mean.
    pub interpretation: Interpretation,
}

/// A place for keys.
#[derive(Clone)]
pub enum Place {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// PostgreSQL.
    Postgres {
        /// How it is reached, with a password.
        connect: Box<PgConnectOptions>,
        /// SHA-256 of how that was written.
        fingerprint: KeyHash,
        /// Connections for look-ups, at most; one more listens.
        connections: u32,
    },
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => f.debug_tuple("Sqlite").field(file).finish(),
            Self::Postgres { fingerprint, connections, .. } => {
                f.debug_struct("Postgres").field("fingerprint", fingerprint).field("connections", connections).finish()
            }
        }
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sqlite(one), Self::Sqlite(other)) => one == other,
            (
                Self::Postgres { fingerprint: one, connections: some, .. },
                Self::Postgres { fingerprint: other, connections: others, .. },
            ) => one == other && some == others,
            (Self::Sqlite(_), Self::Postgres { .. }) | (Self::Postgres { .. }, Self::Sqlite(_)) => false,
        }
    }
}

impl Eq for Place {}

/// A database, opened when it is first needed, and watched from then on until the store is dropped.
#[derive(Debug)]
pub struct DatabaseStore {
    spec: DatabaseSpec,
    open: OnceCell<Open>,
}

#[derive(Debug)]
struct Open {
    cache: Cache,
    _watch: DropGuard,
}

#[derive(Debug, Clone)]
enum Cache {
    Sqlite(Cached<SqlDirectory<Sqlite>>),
    Postgres(Cached<SqlDirectory<Postgres>>),
}

impl DatabaseStore {
    /// A store that is not open yet.
    #[must_use]
    pub fn new(spec: DatabaseSpec) -> Self {
        Self { spec, open: OnceCell::new() }
    }

    /// What it was made from.
    #[must_use]
    pub fn spec(&self) -> &DatabaseSpec {
        &self.spec
    }

    /// Opens it, unless it is open.
    pub async fn open(&self) {
        self.cache().await;
    }

    /// What was counted; nothing before it is open.
    #[must_use]
    pub fn stats(&self) -> Option<&Stats> {
        Some(match &self.open.get()?.cache {
            Cache::Sqlite(cache) => cache.stats(),
            Cache::Postgres(cache) => cache.stats(),
        })
    }

    /// Keys held whose alias is `text`, or whose hash begins with it.
    #[must_use]
    pub fn search(&self, text: &str) -> Vec<Arc<KeyRecord>> {
        match self.open.get().map(|open| &open.cache) {
            None => Vec::new(),
            Some(Cache::Sqlite(cache)) => cache.search(text),
            Some(Cache::Postgres(cache)) => cache.search(text),
        }
    }

    async fn cache(&self) -> &Cache {
        &self.open.get_or_init(async || self.start()).await.cache
    }

    fn start(&self) -> Open {
        let DatabaseSpec { place, deadline, cache, interpretation } = &self.spec;
        let (clock, interpretation): (fn() -> Timestamp, _) = (telemetry::now, interpretation.clone());
        let stop = CancellationToken::new();
        let cache = match place {
            Place::Sqlite(file) => {
                let directory = SqlDirectory::new(Sqlite::open(file, *deadline), interpretation, clock);
                let cached = Cached::new(directory, cache);
                tokio::spawn(watch::sqlite(cached.clone(), file.clone(), stop.clone()));
                Cache::Sqlite(cached)
            }
            Place::Postgres { connect, connections, .. } => {
                let connect = connect.as_ref().clone();
                let options =
                    PostgresOptions { connect: connect.clone(), connections: *connections, deadline: *deadline };
                let cached = Cached::new(SqlDirectory::new(Postgres::open(options), interpretation, clock), cache);
                tokio::spawn(watch::postgres(cached.clone(), connect, stop.clone()));
                Cache::Postgres(cached)
            }
        };
        Open { cache, _watch: stop.drop_guard() }
    }
}

impl Directory for DatabaseStore {
    async fn key(&self, hash: &KeyHash) -> Answer<KeyRecord> {
        match self.cache().await {
            Cache::Sqlite(cache) => cache.key(hash).await,
            Cache::Postgres(cache) => cache.key(hash).await,
        }
    }

    async fn end_user(&self, id: &str) -> Answer<EndUser> {
        match self.cache().await {
            Cache::Sqlite(cache) => cache.end_user(id).await,
            Cache::Postgres(cache) => cache.end_user(id).await,
        }
    }

    async fn tag(&self, name: &str) -> Answer<Tag> {
        match self.cache().await {
            Cache::Sqlite(cache) => cache.tag(name).await,
            Cache::Postgres(cache) => cache.tag(name).await,
        }
    }

    async fn known(&self, id: &str) -> Answer<()> {
        match self.cache().await {
            Cache::Sqlite(cache) => cache.known(id).await,
            Cache::Postgres(cache) => cache.known(id).await,
        }
    }

    async fn proxy(&self) -> Answer<Budget> {
        match self.cache().await {
            Cache::Sqlite(cache) => cache.proxy().await,
            Cache::Postgres(cache) => cache.proxy().await,
        }
    }

    async fn standing(&self, who: &Standing) -> Answer<KeyRecord> {
        match self.cache().await {
            Cache::Sqlite(cache) => cache.standing(who).await,
            Cache::Postgres(cache) => cache.standing(who).await,
        }
    }

    async fn resolve(&self, name: &AlsoKnownAs) -> Answer<Resolved> {
        match self.cache().await {
            Cache::Sqlite(cache) => cache.resolve(name).await,
            Cache::Postgres(cache) => cache.resolve(name).await,
        }
    }

    async fn mapped_key(&self, claim: &ClaimValue) -> Answer<KeyHash> {
        match self.cache().await {
            Cache::Sqlite(cache) => cache.mapped_key(claim).await,
            Cache::Postgres(cache) => cache.mapped_key(claim).await,
        }
    }
}
