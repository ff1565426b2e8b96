//! Where keys, teams, users and organisations live. One file per store.

mod file;

use std::sync::Arc;

pub use file::FileStore;

use crate::core::budget::Budget;
use crate::core::credential::KeyHash;
use crate::core::decision::Outage;
use crate::core::record::{EndUser, KeyRecord, Tag};

/// A place that knows keys.
pub trait Directory {
    /// The key with everything it points to. `Ok(None)`: there is no such key. `Err`: could not ask.
    fn key(&self, hash: &KeyHash) -> impl Future<Output = Result<Option<Arc<KeyRecord>>, Outage>> + Send;

    /// The end user, or what holds for unknown ones. `Ok(None)`: nothing is known. `Err`: could not ask.
    fn end_user(&self, id: &str) -> impl Future<Output = Result<Option<Arc<EndUser>>, Outage>> + Send;

    /// The tag. `Ok(None)`: there is no such tag. `Err`: could not ask.
    fn tag(&self, name: &str) -> impl Future<Output = Result<Option<Arc<Tag>>, Outage>> + Send;

    /// Whether a text is the id of an end user, or the id or e-mail address of a user, in any case (LiteLLM
    /// EU-1). `Err`: could not ask.
    fn is_known(&self, id: &str) -> impl Future<Output = Result<bool, Outage>> + Send;

    /// What all requests together have spent; its limit is the configuration's. `Err`: could not ask.
    fn proxy(&self) -> impl Future<Output = Result<Budget, Outage>> + Send;
}

/// The store of a configuration.
#[derive(Debug)]
pub enum Store {
    /// Keys listed in a file, all in memory.
    File(FileStore),
}

impl Directory for Store {
    async fn key(&self, hash: &KeyHash) -> Result<Option<Arc<KeyRecord>>, Outage> {
        match self {
            Self::File(store) => store.key(hash).await,
        }
    }

    async fn end_user(&self, id: &str) -> Result<Option<Arc<EndUser>>, Outage> {
        match self {
            Self::File(store) => store.end_user(id).await,
        }
    }

    async fn tag(&self, name: &str) -> Result<Option<Arc<Tag>>, Outage> {
        match self {
            Self::File(store) => store.tag(name).await,
        }
    }

    async fn is_known(&self, id: &str) -> Result<bool, Outage> {
        match self {
            Self::File(store) => store.is_known(id).await,
        }
    }

    async fn proxy(&self) -> Result<Budget, Outage> {
        match self {
            Self::File(store) => store.proxy().await,
        }
    }
}

impl Store {
    /// How many keys are held in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::File(store) => store.len(),
        }
    }

    /// Keys held in memory whose alias is `text`, or whose hash begins with it.
    #[must_use]
    pub fn search(&self, text: &str) -> Vec<Arc<KeyRecord>> {
        match self {
            Self::File(store) => store.search(text),
        }
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
