//! Can the calls of an agent be followed?

use super::Facts;
use crate::core::deny::DenyReason;

/// Shortest id of a foreign session.
const MIN_SESSION: usize = 8;

/// LiteLLM COMMON-4: a trace id of ours, or a session's of the client.
pub(super) fn traced(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let agent = facts.identity.record().and_then(|key| key.agent.as_ref());
    let needed = agent.is_some_and(|agent| agent.needs_trace_id);
    if needed && !is_traced(facts) { Err(DenyReason::TraceIdMissing) } else { Ok(()) }
}

fn is_traced(facts: &Facts<'_>) -> bool {
    let headers = facts.headers;
    let ours = ["x-litellm-trace-id", "x-litellm-session-id"];
    let session = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("x-") && name.ends_with("-session-id")
    };
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    ours.iter().any(|name| headers.all(name).any(|value| !value.trim_ascii().is_empty()))
        || headers
            .names()
            .filter(|name| session(name))
            .any(|name| headers.all(name).any(|value| value.len() >= MIN_SESSION && value.iter().all(harmless)))
}
