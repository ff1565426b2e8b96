//! Which objects may the request name? Every level that has a list must grant each of them.

use super::Asked;
use crate::core::deny::DenyReason;
use crate::core::record::permissions::{Names, ObjectGrants};

/// LiteLLM COMMON-20. Any part of a body may name stores.
pub(super) fn vector_stores(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let ask = asked.ask?;
    let restricted = asked.object_grants().any(|grants| !grants.vector_stores.is_any());
    if let Some(reason) = ask.unread.filter(|_| restricted) {
        return Err(reason);
    }
    granted(asked, &ask.vector_stores, |grants| &grants.vector_stores, DenyReason::VectorStoreDenied)
}

/// LiteLLM OBJ-3. LiteLLM calls an agent by a model `a2a/…` as well.
pub(super) fn agents(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let ask = asked.ask?;
    let as_model = ask.reachable().filter_map(|model| model.strip_prefix("a2a/")).map(str::to_owned);
    let named: Vec<_> = ask.agents.iter().cloned().chain(as_model).collect();
    granted(asked, &named, |grants| &grants.agents, DenyReason::AgentDenied)
}

/// LiteLLM OBJ-4.
pub(super) fn search_tools(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let named = &asked.ask?.search_tools;
    granted(asked, named, |grants| &grants.search_tools, DenyReason::SearchToolDenied)
}

/// LiteLLM OBJ-1. A request to all servers names none: the upstream offers those it finds in the metadata.
pub(super) fn mcp_servers(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let named = &asked.ask?.mcp_servers;
    granted(asked, named, |grants| &grants.mcp_servers, DenyReason::McpServerDenied)
}

fn granted(
    asked: &Asked<'_>,
    named: &[String],
    list: fn(&ObjectGrants) -> &Names,
    reason: DenyReason,
) -> Result<(), DenyReason> {
    let granted = asked.object_grants().map(list).all(|names| named.iter().all(|name| names.grant(name)));
    if granted { Ok(()) } else { Err(reason) }
}
