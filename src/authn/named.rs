//! What is known of those a request names beside its caller.

use std::collections::HashSet;

use super::Failure;
use crate::core::ask::Ask;
use crate::core::identity::Identity;
use crate::core::record::Named;
use crate::store::{Directory, Found, Store};

/// Looks up the end user, and the tags of the request and of its key: the union of all sources (SEC-10).
/// A look-up that fails is an outage, and never a check less (SEC-8).
pub(super) async fn look_up(ask: &Ask, identity: &Identity, store: &Store) -> Result<Named, Failure> {
    let mut named = Named::default();
    if let Some(id) = &ask.end_user {
        let found = store.end_user(id).await?;
        named.end_user = found.map(|found| named.take(found));
    }
    let of_key = identity.key().into_iter().flat_map(|key| &key.tags);
    let tags: HashSet<_> = ask.tags.iter().chain(of_key).collect();
    for tag in tags {
        if let Some(found) = store.tag(tag).await? {
            let tag = named.take(found);
            named.tags.push(tag);
        }
    }
    Ok(named)
}

impl Named {
    fn take<T>(&mut self, found: Found<T>) -> std::sync::Arc<T> {
        self.stale |= found.stale;
        found.record
    }
}
