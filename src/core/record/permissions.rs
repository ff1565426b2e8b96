//! What a key or a team may name in a request, beside models.

use std::collections::HashSet;

/// Rules about requests of a key or a team.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestGrants {
    /// `metadata.allowed_tools`; `None` does not restrict.
    pub tools: Option<HashSet<String>>,
    /// `object_permission.vector_stores`; `None` does not restrict.
    pub vector_stores: Option<HashSet<String>>,
    /// `metadata.enforced_params`.
    pub enforced_params: Vec<String>,
    /// `metadata.guardrails.modify_guardrails: false`.
    pub keeps_guardrails: bool,
}

/// Whether a text names a member, or a member of a member.
#[must_use]
pub fn is_param(name: &str) -> bool {
    let mut parts = name.split('.');
    parts.by_ref().take(2).all(|part| !part.is_empty()) && parts.next().is_none()
}
