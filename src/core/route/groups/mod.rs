//! LiteLLM's 28 route groups, as data, and the groups a configuration adds.
//!
//! A group is a list of patterns. Nothing looks through a list: the trie of the route table knows for
//! every pattern the set of groups it is in.

mod admin;
mod llm;

use std::ops::BitOr;

use admin::{
    ADMIN_VIEWER, COMPLIANCE, GLOBAL_SPEND, INFO, INTERNAL_USER, INTERNAL_USER_VIEW, KEY_MANAGEMENT, MANAGEMENT,
    MASTER_KEY_ONLY, ORG_ADMIN_ONLY, PUBLIC, SELF_MANAGED, SPEND_TRACKING, UI, VIEWER_BLOCKED_FIRST,
    VIEWER_BLOCKED_SECOND,
};
use llm::{
    AGENT, ANTHROPIC, APPLY_GUARDRAIL, GOOGLE, MAPPED_PASS_THROUGH, MCP_INFERENCE, MCP_MANAGEMENT, NATIVE, OPENAI,
    OPENAI_ROUTE_NAMES, PASS_THROUGH_WILDCARD,
};

/// A built-in group. The discriminant is its bit in a [`GroupSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[rustfmt::skip]
#[expect(missing_docs, reason = "the variants are LiteLLM's names, and `GROUPS` lists what is in them")]
pub enum Group {
    OpenaiRouteNames, OpenaiRoutes, MappedPassThroughRoutes, PassthroughRoutesWildcard, LitellmNativeRoutes,
    AnthropicRoutes, McpInferenceRoutes, McpManagementRoutes, McpRoutes, AgentRoutes, GoogleRoutes,
    ApplyGuardrailRoutes, LlmApiRoutes, InfoRoutes, MasterKeyOnlyRoutes, KeyManagementRoutes, ManagementRoutes,
    SpendTrackingRoutes, GlobalSpendTrackingRoutes, PublicRoutes, UiRoutes, ComplianceCheckRoutes,
    InternalUserRoutes, InternalUserViewOnlyRoutes, SelfManagedRoutes, OrgAdminOnlyRoutes, AdminViewerRoutes,
    OrgAdminAllowedRoutes,
    // Sets of the rules, without a name in a configuration.
    ViewerBlockedFirst, ViewerBlockedSecond, HandlerDecides,
}

/// Bits kept for built-in groups; those of a configuration come after them.
const BUILT_IN: usize = 40;
/// How many groups a configuration can add.
pub const MAX_USER_GROUPS: usize = 128 - BUILT_IN;

/// A set of groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupSet(u128);

impl GroupSet {
    /// The set of nothing.
    pub const EMPTY: Self = Self(0);

    /// The set of one built-in group.
    #[must_use]
    pub const fn of(group: Group) -> Self {
        Self(1 << group as u32)
    }

    /// The set of the group a configuration lists at `index`, which is below [`MAX_USER_GROUPS`].
    #[must_use]
    pub fn user(index: usize) -> Self {
        u32::try_from(BUILT_IN + index).ok().and_then(|bit| 1_u128.checked_shl(bit)).map_or(Self::EMPTY, Self)
    }

    /// Everything in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a group is in the set.
    #[must_use]
    pub const fn has(self, group: Group) -> bool {
        self.intersects(Self::of(group))
    }

    /// Whether the sets share a group.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this is an LLM route (LiteLLM AUTHZ-22, section 7a of the route spec): more than
    /// `llm_api_routes` in run-time additions, less in `/guardrails/apply_guardrail`.
    #[must_use]
    pub const fn is_llm(self) -> bool {
        self.intersects(LLM)
    }
}

impl BitOr for GroupSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

const LLM: GroupSet = GroupSet::of(Group::OpenaiRoutes)
    .union(GroupSet::of(Group::AnthropicRoutes))
    .union(GroupSet::of(Group::GoogleRoutes))
    .union(GroupSet::of(Group::LitellmNativeRoutes))
    .union(GroupSet::of(Group::McpInferenceRoutes))
    .union(GroupSet::of(Group::AgentRoutes))
    .union(GroupSet::of(Group::MappedPassThroughRoutes))
    .union(GroupSet::of(Group::PassthroughRoutesWildcard));

/// One row of [`GROUPS`].
#[derive(Debug)]
pub struct Row {
    /// Which group.
    pub group: Group,
    /// Its name in a configuration; empty for a set of the rules.
    pub name: &'static str,
    /// Its patterns, in lists that several groups share.
    pub parts: &'static [&'static [&'static str]],
}

impl Row {
    /// Its patterns.
    pub fn patterns(&self) -> impl Iterator<Item = &'static str> {
        self.parts.iter().flat_map(|part| part.iter().copied())
    }
}

const fn row(group: Group, name: &'static str, parts: &'static [&'static [&'static str]]) -> Row {
    Row { group, name, parts }
}

/// First segments of LiteLLM's provider pass-throughs (`mapped_pass_through_routes`).
pub const PASS_THROUGH_PREFIXES: &[&str] = MAPPED_PASS_THROUGH;

/// Prefixes whose handlers decide by themselves (spec section 7, branch 11).
const HANDLER_DECIDES: &[&str] = &["/v1/mcp/*", "/mcp-rest/*"];

/// Every built-in group.
#[rustfmt::skip]
pub const GROUPS: &[Row] = &[
    row(Group::OpenaiRouteNames, "openai_route_names", &[OPENAI_ROUTE_NAMES]),
    row(Group::OpenaiRoutes, "openai_routes", &[OPENAI]),
    row(Group::MappedPassThroughRoutes, "mapped_pass_through_routes", &[MAPPED_PASS_THROUGH]),
    row(Group::PassthroughRoutesWildcard, "passthrough_routes_wildcard", &[PASS_THROUGH_WILDCARD]),
    row(Group::LitellmNativeRoutes, "litellm_native_routes", &[NATIVE]),
    row(Group::AnthropicRoutes, "anthropic_routes", &[ANTHROPIC]),
    row(Group::McpInferenceRoutes, "mcp_inference_routes", &[MCP_INFERENCE]),
    row(Group::McpManagementRoutes, "mcp_management_routes", &[MCP_MANAGEMENT]),
    row(Group::McpRoutes, "mcp_routes", &[MCP_INFERENCE, MCP_MANAGEMENT]),
    row(Group::AgentRoutes, "agent_routes", &[AGENT]),
    row(Group::GoogleRoutes, "google_routes", &[GOOGLE]),
    row(Group::ApplyGuardrailRoutes, "apply_guardrail_routes", &[APPLY_GUARDRAIL]),
    row(Group::LlmApiRoutes, "llm_api_routes", &[
        OPENAI, ANTHROPIC, GOOGLE, MAPPED_PASS_THROUGH, PASS_THROUGH_WILDCARD, APPLY_GUARDRAIL, MCP_INFERENCE, NATIVE, AGENT,
    ]),
    row(Group::InfoRoutes, "info_routes", &[INFO]),
    row(Group::MasterKeyOnlyRoutes, "master_key_only_routes", &[MASTER_KEY_ONLY]),
    row(Group::KeyManagementRoutes, "key_management_routes", &[KEY_MANAGEMENT]),
    row(Group::ManagementRoutes, "management_routes", &[MANAGEMENT, KEY_MANAGEMENT, MCP_MANAGEMENT]),
    row(Group::SpendTrackingRoutes, "spend_tracking_routes", &[SPEND_TRACKING]),
    row(Group::GlobalSpendTrackingRoutes, "global_spend_tracking_routes", &[GLOBAL_SPEND]),
    row(Group::PublicRoutes, "public_routes", &[PUBLIC]),
    row(Group::UiRoutes, "ui_routes", &[UI, INFO]),
    row(Group::ComplianceCheckRoutes, "compliance_check_routes", &[COMPLIANCE]),
    row(Group::InternalUserRoutes, "internal_user_routes", &[INTERNAL_USER, SPEND_TRACKING, KEY_MANAGEMENT, COMPLIANCE]),
    row(Group::InternalUserViewOnlyRoutes, "internal_user_view_only_routes", &[INTERNAL_USER_VIEW, SPEND_TRACKING, COMPLIANCE]),
    row(Group::SelfManagedRoutes, "self_managed_routes", &[SELF_MANAGED]),
    row(Group::OrgAdminOnlyRoutes, "org_admin_only_routes", &[ORG_ADMIN_ONLY]),
    row(Group::AdminViewerRoutes, "admin_viewer_routes", &[ADMIN_VIEWER, SPEND_TRACKING, INFO]),
    row(Group::OrgAdminAllowedRoutes, "org_admin_allowed_routes", &[
        ORG_ADMIN_ONLY, MANAGEMENT, KEY_MANAGEMENT, MCP_MANAGEMENT, SELF_MANAGED, ADMIN_VIEWER, SPEND_TRACKING, INFO,
    ]),
    row(Group::ViewerBlockedFirst, "", &[VIEWER_BLOCKED_FIRST]),
    row(Group::ViewerBlockedSecond, "", &[VIEWER_BLOCKED_SECOND]),
    row(Group::HandlerDecides, "", &[HANDLER_DECIDES]),
];

/// The groups a configuration can name: the built-in ones, and its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupNames {
    user: Vec<String>,
}

impl GroupNames {
    /// Adds groups of a configuration, at most [`MAX_USER_GROUPS`].
    #[must_use]
    pub fn new(user: Vec<String>) -> Self {
        Self { user }
    }

    /// The group of a name. Case matters (vector 7663).
    #[must_use]
    pub fn find(&self, name: &str) -> Option<GroupSet> {
        let own = || self.user.iter().position(|known| known == name).map(GroupSet::user);
        built_in(name).map(|row| GroupSet::of(row.group)).or_else(own)
    }
}

/// The built-in group of a name.
#[must_use]
pub fn built_in(name: &str) -> Option<&'static Row> {
    GROUPS.iter().find(|row| row.name == name && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_its_own_bit() {
        let mut seen = GroupSet::EMPTY;
        for row in GROUPS {
            assert!(!seen.has(row.group), "{:?}", row.group);
            seen = seen | GroupSet::of(row.group);
        }
        assert!((row_count() == 31) && (Group::HandlerDecides as usize) < BUILT_IN);
        assert!(!GroupSet::user(0).intersects(seen) && !GroupSet::user(MAX_USER_GROUPS - 1).is_empty());
        assert!(GroupSet::user(MAX_USER_GROUPS).is_empty());
    }

    fn row_count() -> usize {
        GROUPS.len()
    }

    #[test]
    fn names_are_found_exactly() {
        let names = GroupNames::new(vec!["mine".to_owned()]);
        assert_eq!(names.find("llm_api_routes"), Some(GroupSet::of(Group::LlmApiRoutes)));
        assert_eq!(names.find("mine"), Some(GroupSet::user(0)));
        for unknown in ["", "LLM_API_ROUTES", "yours", "viewer"] {
            assert_eq!(names.find(unknown), None, "{unknown}");
        }
    }
}
