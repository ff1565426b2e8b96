//! May the caller change which guardrails run?

use super::Asked;
use crate::core::deny::DenyReason;

/// LiteLLM COMMON-17: not where the team says `modify_guardrails: false`.
pub(super) fn untouched(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let ask = asked.ask?;
    let keeps = asked.request_grants().any(|grants| grants.keeps_guardrails);
    if let Some(reason) = ask.unread.filter(|_| keeps) {
        return Err(reason);
    }
    if keeps && ask.touches_guardrails { Err(DenyReason::GuardrailsDenied) } else { Ok(()) }
}
