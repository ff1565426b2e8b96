//! Is the caller's customer still good?

use super::Facts;
use crate::core::deny::DenyReason;

/// LiteLLM stores `blocked` and never asks (E03, SEC-12).
pub(super) fn not_blocked(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let blocked = facts.named.end_user.as_ref().is_some_and(|end_user| end_user.blocked);
    if blocked { Err(DenyReason::EndUserBlocked) } else { Ok(()) }
}
