//! What the configuration says about routes, compiled.

use crate::core::route::select::RouteChoice;

/// Rules about routes that hold for everybody, and how far LiteLLM's own behaviour is wanted back.
#[derive(Debug, Clone, Default)]
pub struct RouteRules {
    /// The only routes there are, when set (LiteLLM PRE-4).
    pub allowed: Option<RouteChoice>,
    /// Routes for administrators alone.
    pub admin_only: RouteChoice,
    /// No inference here.
    pub disable_llm_api: bool,
    /// No administration here.
    pub disable_admin: bool,
    /// LiteLLM's behaviour instead of ours.
    pub compat: LiteLlmCompat,
}

/// Deviations from LiteLLM that can be taken back, one by one. All are off by default; those that open a
/// hole by themselves (an empty text or `/*` as a grant, prefixes without a segment boundary, a trailing
/// newline) have no switch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch of the configuration")]
pub struct LiteLlmCompat {
    /// A read-only administrator may run inference and is refused `/user/info` of others (W3).
    pub viewer_inference: bool,
    /// A read-only administrator may read routes nobody knows (W4).
    pub viewer_reads_anything: bool,
    /// A path in a key's `allowed_routes` also opens it, whatever the role (W5).
    pub allowed_routes_grant: bool,
    /// A path in `allowed_passthrough_routes` opens any route (W5).
    pub passthrough_grant_any_route: bool,
    /// An owner without a role is an `internal_user` (W13).
    pub missing_role_is_internal_user: bool,
    /// `permissions.get_spend_routes` counts when it is there, whatever it says (W13).
    pub spend_permission_by_name: bool,
    /// Keys without an owner reach self-managed routes and MCP servers (W13).
    pub self_managed_without_user: bool,
    /// `/health`, which calls every model, is open to every key (W19).
    pub health_is_info_route: bool,
    /// Whoever is granted an alias may use what it stands for (SEC-11).
    pub alias_grants_target: bool,
}
