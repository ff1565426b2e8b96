//! Is the team still good?

use super::Facts;
use crate::core::deny::DenyReason;

/// LiteLLM COMMON-1, on every route.
pub(super) fn not_blocked(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let blocked = facts.identity.team().is_some_and(|team| team.blocked);
    if blocked { Err(DenyReason::TeamBlocked) } else { Ok(()) }
}
