//! Keys from `keys.yaml`: compiled at load, immutable, replaced as a whole with the configuration.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Answer, Directory, Found};
use crate::core::budget::Budget;
use crate::core::credential::KeyHash;
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
        self.keys.values().filter(|key| key.is_called(text)).cloned().collect()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Directory for FileStore {
    async fn key(&self, hash: &KeyHash) -> Answer<KeyRecord> {
        Ok(found(self.keys.get(hash)))
    }

    async fn end_user(&self, id: &str) -> Answer<EndUser> {
        Ok(found(self.end_users.get(id).or(self.unknown_end_user.as_ref())))
    }

    async fn tag(&self, name: &str) -> Answer<Tag> {
        Ok(found(self.tags.get(name)))
    }

    async fn known(&self, id: &str) -> Answer<()> {
        let known = self.end_users.contains_key(id) || self.people.contains(&id.to_lowercase());
        Ok(known.then(|| Found::fresh(Arc::new(()))))
    }

    async fn proxy(&self) -> Answer<Budget> {
        Ok(self.proxy.map(|budget| Found::fresh(Arc::new(budget))))
    }
}

fn found<T>(record: Option<&Arc<T>>) -> Option<Found<T>> {
    record.cloned().map(Found::fresh)
}
