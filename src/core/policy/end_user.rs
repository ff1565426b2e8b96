//! Is the caller's customer still good?

use super::Asked;
use crate::core::deny::DenyReason;

/// LiteLLM stores `blocked` and never asks (E03, SEC-12).
pub(super) fn not_blocked(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let blocked = asked.named.end_user.as_ref().is_some_and(|end_user| end_user.blocked);
    if blocked { Err(DenyReason::EndUserBlocked) } else { Ok(()) }
}
