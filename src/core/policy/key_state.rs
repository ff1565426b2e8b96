//! Is the key still good?

use super::Facts;
use crate::core::deny::DenyReason;

/// LiteLLM KEY-1. No role is exempt (S-086).
pub(super) fn not_blocked(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let blocked = facts.identity.record().is_some_and(|key| key.blocked);
    if blocked { Err(DenyReason::KeyBlocked) } else { Ok(()) }
}

/// LiteLLM KEY-7 and DB-7: expired once the instant has passed, whatever is cached (S-084).
pub(super) fn not_expired(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let expired = facts.identity.record().and_then(|key| key.expires).is_some_and(|expires| expires < facts.now);
    if expired { Err(DenyReason::KeyExpired) } else { Ok(()) }
}

/// LiteLLM KEY-4: the owner was deactivated by the identity provider.
pub(super) fn user_active(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let inactive = facts.identity.user().is_some_and(|user| !user.active);
    if inactive { Err(DenyReason::UserInactive) } else { Ok(()) }
}
