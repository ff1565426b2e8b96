//! `routes` and `litellm_compat` as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Routes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawRoutes {
    /// Paths that need no credential: exact, below `root_path`; or `public_routes` for those of LiteLLM.
    pub public: Vec<String>,
    /// A path that stands in front of every route, such as `/genai`.
    pub root_path: String,
    /// Groups of routes by name, for `allowed_routes` and the lists below: paths, patterns such as `/x/{id}`
    /// and `/x/*`, and built-in groups.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Endpoints that are passed through.
    pub pass_through: Vec<RawPassThrough>,
    /// The only routes there are, for everybody: paths and groups. Every spelling of a route counts.
    pub allowed: Option<Vec<String>>,
    /// Routes for proxy administrators only: paths and groups. Every spelling of a route counts.
    pub admin_only: Vec<String>,
    /// Refuse every route of model clients but the list of models.
    pub disable_llm_api: bool,
    /// Refuse every route of administration.
    pub disable_admin: bool,
}

/// A pass-through endpoint. Field names are LiteLLM's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPassThrough {
    /// The path; a segment can be a placeholder such as `{id}`.
    pub path: String,
    /// Methods that are passed through. Without it: GET, POST, PUT, PATCH and DELETE.
    pub methods: Option<Vec<RawMethod>>,
    /// Whether a credential is needed.
    #[serde(default = "yes")]
    pub auth: bool,
    /// Whether everything below the path is passed through as well.
    #[serde(default)]
    pub include_subpath: bool,
    /// Whether the key or its team needs the path in `metadata.allowed_passthrough_routes`.
    #[serde(default = "yes")]
    pub grant_required: bool,
    /// Headers with a meaning of their own at this endpoint.
    pub headers: Option<RawPassThroughHeaders>,
    /// How `Authorization: Basic` is read at this endpoint.
    pub custom_auth_parser: Option<RawAuthParser>,
}

/// Headers of a pass-through endpoint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPassThroughHeaders {
    /// The header that carries the caller's key here, without a scheme.
    pub litellm_user_api_key: Option<String>,
}

/// A way to read `Authorization: Basic`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawAuthParser {
    /// The key is the user name, as Langfuse's clients send it.
    Langfuse,
}

fn yes() -> bool {
    true
}

/// A request method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RawMethod {
    /// GET, and with it HEAD.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// OPTIONS.
    Options,
}

/// Differences from LiteLLM taken back. `docs/litellm-differences.md` says what each costs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch of the configuration")]
pub struct RawCompat {
    /// A `proxy_admin_viewer` may run inference.
    pub viewer_inference: bool,
    /// A `proxy_admin_viewer` may read routes that are in no group.
    pub viewer_reads_anything: bool,
    /// A path in a key's `allowed_routes` also opens it, whatever the role.
    pub allowed_routes_grant: bool,
    /// A path in `allowed_passthrough_routes` opens any route, not only pass-through endpoints.
    pub passthrough_grant_any_route: bool,
    /// A user without `user_role` is an `internal_user`.
    pub missing_role_is_internal_user: bool,
    /// `permissions.get_spend_routes` counts when it is there, even when it is `false`.
    pub spend_permission_by_name: bool,
    /// Keys without a user reach self-managed routes and MCP servers.
    pub self_managed_without_user: bool,
    /// `/health`, which calls every model, is open to every key.
    pub health_is_info_route: bool,
    /// Whoever is granted an alias may use the model it stands for, and the aliases of a team are granted to it.
    pub alias_grants_target: bool,
}
