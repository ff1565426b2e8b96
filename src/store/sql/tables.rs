//! LiteLLM's tables as data: everything that names a column is made from this list.

use super::schema::Kind::{BigInt, Bool, Float, Int, Json, Serial, Text, Texts, Time};
use super::schema::{Table, kept, read, table};

/// Virtual keys.
pub const KEY: Table = table(
    "LiteLLM_VerificationToken",
    &["token"],
    &[
        read("token", Text).required(),
        kept("key_name", Text),
        read("key_alias", Text),
        kept("soft_budget_cooldown", Bool).required(),
        read("spend", Float).required(),
        read("expires", Time),
        read("models", Texts),
        read("aliases", Json).required(),
        kept("config", Json).required(),
        read("user_id", Text),
        read("team_id", Text),
        read("permissions", Json).required(),
        read("max_parallel_requests", Int),
        read("metadata", Json).required(),
        read("blocked", Bool),
        read("tpm_limit", BigInt),
        read("rpm_limit", BigInt),
        read("max_budget", Float),
        kept("budget_duration", Text),
        read("budget_reset_at", Time),
        kept("allowed_cache_controls", Texts),
        read("model_spend", Json).required(),
        read("model_max_budget", Json).required(),
        read("budget_id", Text),
        read("organization_id", Text),
        kept("created_at", Time),
        kept("created_by", Text),
        kept("updated_at", Time),
        kept("updated_by", Text),
        read("allowed_routes", Texts),
        read("object_permission_id", Text),
        kept("auto_rotate", Bool),
        kept("key_rotation_at", Time),
        kept("last_rotation_at", Time),
        kept("rotation_count", Int),
        kept("rotation_interval", Text),
        read("project_id", Text),
        kept("router_settings", Json),
        read("policies", Texts),
        read("access_group_ids", Texts),
        kept("last_active", Time),
        read("agent_id", Text),
        read("budget_limits", Json),
    ],
)
.indexed(&["team_id", "user_id", "key_alias"]);

/// Keys that were replaced, and work for a while.
pub const DEPRECATED_KEY: Table = table(
    "LiteLLM_DeprecatedVerificationToken",
    &["id"],
    &[
        kept("id", Text).required(),
        read("token", Text).required(),
        read("active_token_id", Text).required(),
        read("revoke_at", Time).required(),
        kept("created_at", Time).required(),
    ],
)
.unique(&["token"]);

/// Teams.
pub const TEAM: Table = table(
    "LiteLLM_TeamTable",
    &["team_id"],
    &[
        read("team_id", Text).required(),
        read("team_alias", Text),
        read("organization_id", Text),
        read("object_permission_id", Text),
        kept("admins", Texts),
        kept("members", Texts),
        kept("members_with_roles", Json).required(),
        read("metadata", Json).required(),
        read("max_budget", Float),
        read("spend", Float).required(),
        read("models", Texts),
        read("max_parallel_requests", Int),
        read("tpm_limit", BigInt),
        read("rpm_limit", BigInt),
        kept("budget_duration", Text),
        read("budget_reset_at", Time),
        read("blocked", Bool).required(),
        kept("created_at", Time).required(),
        kept("updated_at", Time).required(),
        kept("model_spend", Json).required(),
        kept("model_max_budget", Json).required(),
        read("model_id", Int),
        read("policies", Texts),
        read("access_group_ids", Texts),
        read("budget_limits", Json),
    ],
);

/// What teams call models.
pub const MODEL: Table = table(
    "LiteLLM_ModelTable",
    &["id"],
    &[
        kept("id", Serial).required(),
        read("aliases", Json),
        kept("created_at", Time).required(),
        kept("created_by", Text).required(),
        kept("updated_at", Time).required(),
        kept("updated_by", Text).required(),
    ],
);

/// People.
pub const USER: Table = table(
    "LiteLLM_UserTable",
    &["user_id"],
    &[
        read("user_id", Text).required(),
        kept("user_alias", Text),
        kept("team_id", Text),
        read("sso_user_id", Text),
        kept("organization_id", Text),
        read("teams", Texts),
        read("user_role", Text),
        read("max_budget", Float),
        read("spend", Float).required(),
        read("user_email", Text),
        read("models", Texts),
        read("metadata", Json).required(),
        read("max_parallel_requests", Int),
        read("tpm_limit", BigInt),
        read("rpm_limit", BigInt),
        kept("budget_duration", Text),
        read("budget_reset_at", Time),
        kept("model_spend", Json).required(),
        kept("model_max_budget", Json).required(),
        kept("created_at", Time),
        kept("updated_at", Time),
    ],
)
.unique(&["sso_user_id"]);

/// Organisations.
pub const ORGANIZATION: Table = table(
    "LiteLLM_OrganizationTable",
    &["organization_id"],
    &[
        read("organization_id", Text).required(),
        read("organization_alias", Text).required(),
        read("budget_id", Text).required(),
        read("metadata", Json).required(),
        read("models", Texts),
        read("spend", Float).required(),
        kept("model_spend", Json).required(),
        kept("created_at", Time).required(),
        kept("created_by", Text).required(),
        kept("updated_at", Time).required(),
        kept("updated_by", Text).required(),
        read("object_permission_id", Text),
    ],
);

/// Limits that others refer to.
pub const BUDGET: Table = table(
    "LiteLLM_BudgetTable",
    &["budget_id"],
    &[
        read("budget_id", Text).required(),
        read("max_budget", Float),
        kept("soft_budget", Float),
        read("max_parallel_requests", Int),
        read("tpm_limit", BigInt),
        read("rpm_limit", BigInt),
        read("model_max_budget", Json),
        kept("budget_duration", Text),
        read("budget_reset_at", Time),
        kept("created_at", Time).required(),
        kept("created_by", Text).required(),
        kept("updated_at", Time).required(),
        kept("updated_by", Text).required(),
        read("allowed_models", Texts),
    ],
);

/// What teams say of single members.
pub const MEMBERSHIP: Table = table(
    "LiteLLM_TeamMembership",
    &["user_id", "team_id"],
    &[
        read("user_id", Text).required(),
        read("team_id", Text).required(),
        read("spend", Float).required(),
        read("budget_id", Text),
        kept("total_spend", Float).required(),
    ],
);

/// Roles of people in organisations.
pub const ORGANIZATION_MEMBERSHIP: Table = table(
    "LiteLLM_OrganizationMembership",
    &["user_id", "organization_id"],
    &[
        read("user_id", Text).required(),
        read("organization_id", Text).required(),
        read("user_role", Text),
        kept("spend", Float),
        kept("budget_id", Text),
        kept("created_at", Time),
        kept("updated_at", Time),
    ],
);

/// Projects.
pub const PROJECT: Table = table(
    "LiteLLM_ProjectTable",
    &["project_id"],
    &[
        read("project_id", Text).required(),
        read("project_alias", Text),
        kept("team_id", Text),
        read("budget_id", Text),
        read("metadata", Json).required(),
        read("models", Texts),
        read("spend", Float).required(),
        kept("model_spend", Json).required(),
        read("blocked", Bool).required(),
        kept("created_at", Time).required(),
        kept("created_by", Text).required(),
        kept("updated_at", Time).required(),
        kept("updated_by", Text).required(),
        kept("description", Text),
        read("model_rpm_limit", Json).required(),
        read("model_tpm_limit", Json).required(),
    ],
);

/// Customers of callers.
pub const END_USER: Table = table(
    "LiteLLM_EndUserTable",
    &["user_id"],
    &[
        read("user_id", Text).required(),
        kept("alias", Text),
        read("spend", Float).required(),
        read("allowed_model_region", Text),
        kept("default_model", Text),
        read("budget_id", Text),
        read("blocked", Bool).required(),
        read("object_permission_id", Text),
    ],
);

/// Labels of requests.
pub const TAG: Table = table(
    "LiteLLM_TagTable",
    &["tag_name"],
    &[
        read("tag_name", Text).required(),
        kept("description", Text),
        kept("models", Texts),
        kept("model_info", Json),
        read("spend", Float).required(),
        read("budget_id", Text),
        kept("created_at", Time).required(),
        kept("created_by", Text),
        kept("updated_at", Time).required(),
    ],
);

/// Groups of models.
pub const ACCESS_GROUP: Table = table(
    "LiteLLM_AccessGroupTable",
    &["access_group_id"],
    &[
        read("access_group_id", Text).required(),
        kept("access_group_name", Text).required(),
        kept("description", Text),
        read("access_mcp_server_ids", Texts),
        read("assigned_team_ids", Texts),
        read("assigned_key_ids", Texts),
        kept("created_at", Time).required(),
        kept("created_by", Text),
        kept("updated_at", Time).required(),
        kept("updated_by", Text),
        read("access_model_names", Texts),
    ],
)
.unique(&["access_group_name"]);

/// Objects that keys and teams may use.
pub const OBJECT_PERMISSION: Table = table(
    "LiteLLM_ObjectPermissionTable",
    &["object_permission_id"],
    &[
        kept("object_permission_id", Text).required(),
        read("mcp_servers", Texts),
        read("vector_stores", Texts),
        read("mcp_access_groups", Texts),
        read("mcp_tool_permissions", Json),
        read("agents", Texts),
        read("agent_access_groups", Texts),
        read("search_tools", Texts),
    ],
);

/// Agents.
pub const AGENT: Table = table(
    "LiteLLM_AgentsTable",
    &["agent_id"],
    &[
        read("agent_id", Text).required(),
        kept("agent_name", Text).required(),
        read("litellm_params", Json),
        kept("agent_card_params", Json).required(),
        kept("created_at", Time).required(),
        kept("created_by", Text).required(),
        kept("updated_at", Time).required(),
        kept("updated_by", Text).required(),
        kept("agent_access_groups", Texts),
        read("object_permission_id", Text),
        read("tpm_limit", Int),
        read("rpm_limit", Int),
    ],
)
.unique(&["agent_name"]);

/// What was spent, request by request.
pub const SPEND_LOG: Table = table(
    "LiteLLM_SpendLogs",
    &["request_id"],
    &[
        kept("request_id", Text).required(),
        read("api_key", Text).required(),
        read("spend", Float).required(),
        read("startTime", Time).required(),
        read("team_id", Text),
    ],
)
.indexed(&["startTime"]);

/// Which keys claims of tokens stand for.
pub const JWT_KEY_MAPPING: Table = table(
    "LiteLLM_JWTKeyMapping",
    &["id"],
    &[
        kept("id", Text).required(),
        read("jwt_claim_name", Text).required(),
        read("jwt_claim_value", Text).required(),
        read("token", Text).required(),
        kept("description", Text),
        read("is_active", Bool).required(),
        kept("created_at", Time).required(),
        kept("updated_at", Time).required(),
        kept("created_by", Text),
        kept("updated_by", Text),
    ],
)
.unique_together(&["jwt_claim_name", "jwt_claim_value"]);

/// Every table that is read.
pub const TABLES: &[&Table] = &[
    &KEY,
    &DEPRECATED_KEY,
    &TEAM,
    &MODEL,
    &USER,
    &ORGANIZATION,
    &BUDGET,
    &MEMBERSHIP,
    &ORGANIZATION_MEMBERSHIP,
    &PROJECT,
    &END_USER,
    &TAG,
    &ACCESS_GROUP,
    &OBJECT_PERMISSION,
    &AGENT,
    &SPEND_LOG,
    &JWT_KEY_MAPPING,
];
