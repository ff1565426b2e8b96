//! Where keys, teams, users and organisations live. One file per store.

pub mod admin;
pub mod cached;
mod database;
mod file;
mod postgres;
pub mod rows;
pub mod sql;
mod sqlite;
mod watch;
mod who;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use thiserror::Error;

pub use database::{DatabaseSpec, DatabaseStore, Place};
pub use file::{FilePlaces, FileStore, FileTeam};
pub use postgres::{Postgres, PostgresOptions};
pub use sqlite::Sqlite;
pub use who::{AlsoKnownAs, ClaimValue, Resolved, Standing};

use crate::core::budget::Budget;
use crate::core::credential::KeyHash;
use crate::core::decision::Outage;
use crate::core::record::{EndUser, KeyRecord, Tag};
use cached::Stats;
use rows::Unreadable;

/// A place that knows keys.
pub trait Directory {
    /// The key with everything it points to. `Ok(None)`: there is no such key.
    fn key(&self, hash: &KeyHash) -> impl Future<Output = Answer<KeyRecord>> + Send;

    /// The end user, or what holds for unknown ones. `Ok(None)`: nothing is known.
    fn end_user(&self, id: &str) -> impl Future<Output = Answer<EndUser>> + Send;

    /// The tag. `Ok(None)`: there is no such tag.
    fn tag(&self, name: &str) -> impl Future<Output = Answer<Tag>> + Send;

    /// Whether a text is the id of an end user, or the id or e-mail address of a user, in any case (LiteLLM
    /// EU-1). `Ok(None)`: it is nobody's.
    fn known(&self, id: &str) -> impl Future<Output = Answer<()>> + Send;

    /// What all requests together have spent; its limit is the configuration's. `Ok(None)`: nobody says.
    fn proxy(&self) -> impl Future<Output = Answer<Budget>> + Send;

    /// What is known of a user, a team and an organisation together: a key's record without a key. A part that
    /// has no row is absent. Never `Ok(None)`.
    fn standing(&self, who: &Standing) -> impl Future<Output = Answer<KeyRecord>> + Send;

    /// Whose name it is. `Ok(None)`: nobody's.
    fn resolve(&self, name: &AlsoKnownAs) -> impl Future<Output = Answer<Resolved>> + Send;

    /// The virtual key that a mapping names (LiteLLM LOOK-14). `Ok(None)`: none does. One that is turned off cannot be
    /// believed: it is not as if it were not there (JWT W31).
    fn mapped_key(&self, claim: &ClaimValue) -> impl Future<Output = Answer<KeyHash>> + Send;
}

/// What a directory says: the record, that there is none, or why it cannot say.
pub type Answer<T> = Result<Option<Found<T>>, Trouble>;

/// A record, as it is now or as it was when the store could last be asked.
#[derive(Debug)]
pub struct Found<T> {
    /// The record. It is never changed; a newer one is another.
    pub record: Arc<T>,
    /// Whether the store could not be asked for a newer one.
    pub stale: bool,
}

impl<T> Found<T> {
    /// A record that is as good as the store's.
    #[must_use]
    pub fn fresh(record: Arc<T>) -> Self {
        Self { record, stale: false }
    }
}

impl<T> Clone for Found<T> {
    fn clone(&self) -> Self {
        Self { record: Arc::clone(&self.record), stale: self.stale }
    }
}

/// Why there is no record although there may be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Trouble {
    /// The store could not be asked.
    #[error("the store cannot be asked: {}", .0.label())]
    Outage(Outage),
    /// The record is there, and cannot be believed.
    #[error("the record cannot be believed: {0}")]
    Unreadable(#[from] Unreadable),
}

impl From<Outage> for Trouble {
    fn from(outage: Outage) -> Self {
        Self::Outage(outage)
    }
}

/// The store of a configuration.
#[derive(Debug)]
pub enum Store {
    /// Keys listed in a file, all in memory.
    File(Box<FileStore>),
    /// Keys in a database, as far as they were asked for in memory.
    Database(Arc<DatabaseStore>),
}

impl Directory for Store {
    async fn key(&self, hash: &KeyHash) -> Answer<KeyRecord> {
        match self {
            Self::File(store) => store.key(hash).await,
            Self::Database(store) => store.key(hash).await,
        }
    }

    async fn end_user(&self, id: &str) -> Answer<EndUser> {
        match self {
            Self::File(store) => store.end_user(id).await,
            Self::Database(store) => store.end_user(id).await,
        }
    }

    async fn tag(&self, name: &str) -> Answer<Tag> {
        match self {
            Self::File(store) => store.tag(name).await,
            Self::Database(store) => store.tag(name).await,
        }
    }

    async fn known(&self, id: &str) -> Answer<()> {
        match self {
            Self::File(store) => store.known(id).await,
            Self::Database(store) => store.known(id).await,
        }
    }

    async fn proxy(&self) -> Answer<Budget> {
        match self {
            Self::File(store) => store.proxy().await,
            Self::Database(store) => store.proxy().await,
        }
    }

    async fn standing(&self, who: &Standing) -> Answer<KeyRecord> {
        match self {
            Self::File(store) => store.standing(who).await,
            Self::Database(store) => store.standing(who).await,
        }
    }

    async fn resolve(&self, name: &AlsoKnownAs) -> Answer<Resolved> {
        match self {
            Self::File(store) => store.resolve(name).await,
            Self::Database(store) => store.resolve(name).await,
        }
    }

    async fn mapped_key(&self, claim: &ClaimValue) -> Answer<KeyHash> {
        match self {
            Self::File(store) => store.mapped_key(claim).await,
            Self::Database(store) => store.mapped_key(claim).await,
        }
    }
}

impl Store {
    /// How many keys are held in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::File(store) => store.len(),
            Self::Database(store) => {
                let keys = store.stats().map_or(0, |stats| stats.keys.load(Ordering::Relaxed));
                usize::try_from(keys).unwrap_or(usize::MAX)
            }
        }
    }

    /// Keys held in memory whose alias is `text`, or whose hash begins with it.
    #[must_use]
    pub fn search(&self, text: &str) -> Vec<Arc<KeyRecord>> {
        match self {
            Self::File(store) => store.search(text),
            Self::Database(store) => store.search(text),
        }
    }

    /// Takes the place of another store of the same description, with all it knows: a new configuration does
    /// not make anybody wait.
    pub fn succeed(&mut self, other: &Self) {
        if let (Self::Database(own), Self::Database(other)) = (&mut *self, other)
            && own.spec() == other.spec()
        {
            *own = Arc::clone(other);
        }
    }

    /// Opens what has to be opened, and begins to hear of changes.
    pub async fn open(&self) {
        match self {
            Self::File(_) => {}
            Self::Database(store) => store.open().await,
        }
    }

    /// Whether it has ever answered. Before that nobody can be let in.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Database(store) => store.stats().is_some_and(Stats::has_answered),
        }
    }

    /// What was counted, where there is something to count.
    #[must_use]
    pub fn stats(&self) -> Option<&Stats> {
        match self {
            Self::File(_) => None,
            Self::Database(store) => store.stats(),
        }
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
