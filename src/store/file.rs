//! Keys from `keys.yaml`: compiled at load, immutable, replaced as a whole with the configuration.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Directory;
use crate::core::budget::Budget;
use crate::core::credential::KeyHash;
use crate::core::decision::Outage;
use crate::core::record::{EndUser, KeyRecord, Tag};

/// All keys of a file. An empty store knows nobody.
#[derive(Debug, Default)]
pub struct FileStore {
    keys: HashMap<KeyHash, Arc<KeyRecord>>,
    /// Customers that requests name, by their ids.
    pub end_users: HashMap<String, Arc<EndUser>>,
    /// What holds for every other one.
    pub unknown_end_user: Option<Arc<EndUser>>,
    /// Labels of requests.
    pub tags: HashMap<String, Arc<Tag>>,
    /// Ids and e-mail addresses of users, in lower case.
    pub people: HashSet<String>,
    /// What all requests together have spent.
    pub proxy: Option<Budget>,
}

impl FileStore {
    /// Takes records whose hashes are distinct.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = KeyRecord>) -> Self {
        let keys = records.into_iter().map(|record| (record.hash, Arc::new(record))).collect();
        Self { keys, ..Self::default() }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Keys whose alias is `text`, or whose hash begins with it.
    #[must_use]
    pub fn search(&self, text: &str) -> Vec<Arc<KeyRecord>> {
        let named = |key: &KeyRecord| key.alias.as_deref() == Some(text);
        let hashed = |key: &KeyRecord| text.len() >= 8 && key.hash.to_hex().starts_with(text);
        self.keys.values().filter(|key| named(key) || hashed(key)).cloned().collect()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Directory for FileStore {
    async fn key(&self, hash: &KeyHash) -> Result<Option<Arc<KeyRecord>>, Outage> {
        Ok(self.keys.get(hash).cloned())
    }

    async fn end_user(&self, id: &str) -> Result<Option<Arc<EndUser>>, Outage> {
        Ok(self.end_users.get(id).or(self.unknown_end_user.as_ref()).cloned())
    }

    async fn tag(&self, name: &str) -> Result<Option<Arc<Tag>>, Outage> {
        Ok(self.tags.get(name).cloned())
    }

    async fn is_known(&self, id: &str) -> Result<bool, Outage> {
        Ok(self.end_users.contains_key(id) || self.people.contains(&id.to_lowercase()))
    }

    async fn proxy(&self) -> Result<Budget, Outage> {
        self.proxy.ok_or(Outage::Internal)
    }
}
