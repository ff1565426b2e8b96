//! Agents that call with a key.

use super::permissions::ObjectGrants;
use crate::core::limits::Limits;

/// An agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agent {
    /// Stable identifier.
    pub id: String,
    /// Whether its requests must say which trace they belong to (LiteLLM COMMON-4).
    pub needs_trace_id: bool,
    /// Objects the agent may name.
    pub objects: ObjectGrants,
    /// How much may be asked of the upstream.
    pub limits: Limits,
}
