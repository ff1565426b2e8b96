//! What is known of those a request names beside its caller.

use std::sync::Arc;

use super::Failure;
use crate::core::ask::Ask;
use crate::core::ask::rules::RequestRules;
use crate::core::budget::Budget;
use crate::core::decision::Outage;
use crate::core::identity::Identity;
use crate::core::record::Named;
use crate::store::{Directory, Found, Store};

/// Looks up the end user, and the tags of the request and of its key: the union of all sources (SEC-10).
/// A look-up that fails is an outage, and never a check less (SEC-8).
pub(super) async fn look_up(
    ask: &Ask,
    identity: &Identity,
    rules: &RequestRules,
    store: &Store,
) -> Result<Named, Failure> {
    let mut named = Named::default();
    if let Some(id) = &ask.end_user {
        let found = store.end_user(id).await?;
        named.end_user = found.map(|found| named.take(found));
        // What looks like JSON is no id (N24). Where a default budget holds for the unknown, they are known.
        let mut known = !rules.validate_end_user || (!id.starts_with(['{', '[']) && named.end_user.is_some());
        if !known && !id.starts_with(['{', '[']) {
            known = store.known(id).await?.map(|found| named.take(found)).is_some();
        }
        named.end_user_dropped = !known;
        named.end_user = named.end_user.filter(|_| known);
    }
    if let Some(max) = rules.proxy_budget {
        let spent = store.proxy().await?.map(|found| *named.take(found));
        // Without a sum there is nothing to judge by.
        let spent = spent.ok_or(Failure::Outage(Outage::Internal))?;
        named.proxy = Some(Budget { max: Some(max), ..spent });
    }
    let of_key = identity.record().into_iter().flat_map(|key| &key.terms.tags);
    for label in ask.tags.iter().chain(of_key) {
        if !named.labels.contains(label) {
            named.labels.push(label.clone());
            if let Some(found) = store.tag(label).await? {
                let tag = named.take(found);
                named.tags.push(tag);
            }
        }
    }
    Ok(named)
}

impl Named {
    fn take<T>(&mut self, found: Found<T>) -> Arc<T> {
        self.stale |= found.stale;
        found.record
    }
}
