//! Virtual keys (LiteLLM LOOK-8): `sk-…`, found by the SHA-256 of the whole text.

use super::{Failure, Identified};
use crate::core::credential::{Credential, KeyHash};
use crate::core::deny::DenyReason;
use crate::core::identity::Identity;
use crate::store::{Directory, Found, Store};

/// Looks the key up. A text without the prefix is refused unseen, so a stored hash is never a
/// credential (S-075, S-077).
pub(super) async fn identify(credential: &Credential, store: &Store) -> Result<Identified, Failure> {
    let text = credential.secret.expose();
    if !is_one(text) {
        return Err(DenyReason::CredentialNotAKey.into());
    }
    let Found { record, stale } = store.key(&KeyHash::of(text)).await?.ok_or(DenyReason::CredentialUnknown)?;
    Ok(Identified::new(Identity::VirtualKey(record), stale))
}

/// Whether a text claims to be a virtual key. Then it is never read as anything else (S-131, W24).
pub(super) fn is_one(text: &str) -> bool {
    text.starts_with("sk-")
}
