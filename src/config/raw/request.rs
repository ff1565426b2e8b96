//! The section `request`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// What requests may carry.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct RawRequest {
    /// Networks that requests may come from, such as `10.0.0.0/8`; anywhere, without the list. What counts is
    /// the peer as Envoy sees it: `xff_num_trusted_hops` there says which proxies are believed.
    pub allowed_ips: Option<Vec<String>>,
    /// Largest body, in bytes; more is refused with 413 (LiteLLM's `max_request_size_mb`).
    #[schemars(range(min = 1))]
    pub max_bytes: Option<u64>,
    /// Let uploads of forms pass that are larger than what the proxy buffers, from callers without lists of models.
    /// What they carry beyond is not checked. Only with `allow_partial_message` in Envoy.
    pub unseen_uploads: bool,
    /// What becomes of `fallbacks` and their kin.
    pub fallbacks: RawFallbacks,
    /// Leave `api_base`, credentials, observers and prices to callers (LiteLLM's `allow_client_side_credentials`).
    pub allow_client_credentials: bool,
    /// Single parameters of that kind that are left to callers.
    pub allowed_parameters: Vec<String>,
    /// Refuse tags from callers (LiteLLM's `reject_clientside_metadata_tags`).
    pub reject_client_tags: bool,
    /// Refuse requests for a model that name no end user (LiteLLM's `enforce_user_param`).
    pub require_user: bool,
    /// Headers that name the end user, after `x-litellm-customer-id` and `x-litellm-end-user-id`.
    pub end_user_headers: Vec<String>,
    /// Members every request for a model must have: `name`, or `outer.inner`.
    pub enforced_params: Vec<String>,
    /// Further such members, for keys whose `metadata` has a `service_account_id`.
    pub service_account_enforced_params: Vec<String>,
}

/// What becomes of models to fall back to that a request names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawFallbacks {
    /// Each must be granted like the model itself.
    #[default]
    Check,
    /// A request that names any is refused.
    Refuse,
}

/// Objects somebody may name. Field names are LiteLLM's.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawObjectPermission {
    /// Ids of vector stores. Empty does not restrict.
    #[serde(default)]
    pub vector_stores: Vec<String>,
    /// Ids of agents. Empty does not restrict.
    #[serde(default)]
    pub agents: Vec<String>,
    /// Groups of agents, as requests name them.
    #[serde(default)]
    pub agent_access_groups: Vec<String>,
    /// Names of search tools. Empty does not restrict.
    #[serde(default)]
    pub search_tools: Vec<String>,
    /// Names of MCP servers; `*` for all. What neither a key nor its team lists is not granted.
    #[serde(default)]
    pub mcp_servers: Vec<String>,
    /// Groups of MCP servers, as requests name them.
    #[serde(default)]
    pub mcp_access_groups: Vec<String>,
    /// Tools of MCP servers, by server: told to the upstream. A server that is named here is granted.
    #[serde(default)]
    pub mcp_tool_permissions: BTreeMap<String, Vec<String>>,
}
