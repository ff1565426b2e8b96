//! May the caller change which guardrails run?

use super::Facts;
use crate::core::deny::DenyReason;

/// LiteLLM COMMON-17: not where the team says `modify_guardrails: false`.
pub(super) fn untouched(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let ask = facts.ask()?;
    let keeps = facts.request_grants().any(|grants| grants.keeps_guardrails);
    if let Some(reason) = ask.unread.filter(|_| keeps) {
        return Err(reason);
    }
    if keeps && ask.touches_guardrails { Err(DenyReason::GuardrailsDenied) } else { Ok(()) }
}
