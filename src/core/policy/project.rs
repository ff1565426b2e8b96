//! Is the project still good?

use super::Facts;
use crate::core::deny::DenyReason;

/// LiteLLM COMMON-6, on every route.
pub(super) fn not_blocked(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let blocked = facts.identity.project().is_some_and(|project| project.blocked);
    if blocked { Err(DenyReason::ProjectBlocked) } else { Ok(()) }
}
