//! Route groups of administration, as LiteLLM lists them. Groups that contain others are composed in `super`.

/// What every key may read about itself and the deployment.
#[rustfmt::skip]
pub(super) const INFO: &[&str] = &[
    "/key/info", "/key/health", "/team/info", "/team/list", "/v2/team/list", "/organization/list", "/team/available",
    "/user/info", "/v2/user/info", "/model/info", "/v1/model/info", "/v2/model/info", "/v2/key/info",
    "/model_group/info", "/health", "/health/services", "/key/list", "/user/filter/ui", "/models", "/v1/models",
    "/sso/get/ui_settings",
];

/// Open to the master key alone.
#[rustfmt::skip]
pub(super) const MASTER_KEY_ONLY: &[&str] = &[
    "/global/spend/reset", "/memory-usage-in-mem-cache", "/memory-usage-in-mem-cache-items",
];

/// Keys.
#[rustfmt::skip]
pub(super) const KEY_MANAGEMENT: &[&str] = &[
    "/key/generate", "/key/update", "/key/delete", "/key/info", "/key/regenerate", "/key/service-account/generate",
    "/key/{key_id}/regenerate", "/key/list", "/key/block", "/key/unblock", "/key/bulk_update",
    "/team/key/bulk_update", "/team/daily/activity", "/spend/logs", "/spend/logs/v2", "/key/{key_id}/reset_spend",
    "/key/aliases", "/key/access_group_assignment",
];

/// Users, teams, models and JWT mappings.
#[rustfmt::skip]
pub(super) const MANAGEMENT: &[&str] = &[
    "/user/new", "/user/update", "/user/bulk_update", "/user/delete", "/user/info", "/user/list",
    "/user/daily/activity", "/user/daily/activity/aggregated", "/team/new", "/team/update", "/team/delete",
    "/team/list", "/v2/team/list", "/team/info", "/team/block", "/team/unblock", "/team/available",
    "/team/permissions_list", "/team/permissions_update", "/team/permissions_bulk_update", "/model/new",
    "/model/update", "/model/delete", "/model/info", "/jwt/key/mapping/new", "/jwt/key/mapping/update",
    "/jwt/key/mapping/delete", "/jwt/key/mapping/list", "/jwt/key/mapping/info",
];

/// One's own spend.
#[rustfmt::skip]
pub(super) const SPEND_TRACKING: &[&str] = &[
    "/spend/keys", "/spend/users", "/spend/tags", "/spend/calculate", "/spend/logs", "/spend/logs/v2",
    "/spend/logs/ui", "/spend/logs/session/ui", "/cost/estimate",
];

/// Everybody's spend.
#[rustfmt::skip]
pub(super) const GLOBAL_SPEND: &[&str] = &[
    "/global/spend/logs", "/global/spend", "/global/spend/keys", "/global/spend/teams", "/global/spend/end_users",
    "/global/spend/models", "/global/predict/spend/logs", "/global/spend/report", "/global/spend/provider",
    "/global/spend/tags", "/global/spend/all_tag_names",
];

/// Open to everybody in LiteLLM.
#[rustfmt::skip]
pub(super) const PUBLIC: &[&str] = &[
    "/", "/.well-known/litellm-ui-config", "/config/yaml", "/health/liveliness", "/health/liveness",
    "/litellm/.well-known/litellm-ui-config", "/public/agent_hub", "/public/litellm_model_cost_map",
    "/public/mcp_hub", "/public/model_hub", "/public/model_hub/info", "/public/skill_hub", "/routes", "/test",
];

/// The dashboard.
#[rustfmt::skip]
pub(super) const UI: &[&str] = &[
    "/sso", "/get/ui_settings", "/login", "/config", "/spend", "/global/spend", "/global/spend/logs",
    "/global/spend/keys", "/global/spend/models", "/global/spend/tags", "/global/predict/spend/logs",
    "/global/activity",
];

/// Compliance checks.
#[rustfmt::skip]
pub(super) const COMPLIANCE: &[&str] = &[
    "/compliance/eu-ai-act", "/compliance/gdpr",
];

/// What an internal user may do beyond keys and spend.
#[rustfmt::skip]
pub(super) const INTERNAL_USER: &[&str] = &[
    "/global/activity", "/global/activity/model", "/global/activity/cache_hits", "/tag/daily/activity", "/tag/list",
    "/v1/models/{model_id}", "/models/{model_id}", "/guardrails/list", "/v2/guardrails/list", "/project/list",
    "/project/info", "/search_tools/list", "/search_tools/ui/available_providers",
];

/// What an internal viewer may read beyond spend.
#[rustfmt::skip]
pub(super) const INTERNAL_USER_VIEW: &[&str] = &[
    "/tag/daily/activity", "/tag/list",
];

/// Open to every user; the handler decides whose objects.
#[rustfmt::skip]
pub(super) const SELF_MANAGED: &[&str] = &[
    "/team/member_add", "/team/member_delete", "/team/member_update", "/team/permissions_list",
    "/team/permissions_update", "/team/daily/activity", "/team/{team_id}/members/me", "/model/new", "/model/update",
    "/model/delete", "/user/daily/activity", "/user/available_roles", "/user/list", "/model/{model_id}/update",
    "/prompt/list", "/prompt/info", "/project/list", "/project/info", "/health/test_connection", "/invitation/new",
    "/invitation/delete", "/guardrails/register", "/guardrails/submissions",
    "/guardrails/submissions/{guardrail_id}",
];

/// One organisation.
#[rustfmt::skip]
pub(super) const ORG_ADMIN_ONLY: &[&str] = &[
    "/organization/info", "/organization/delete", "/organization/member_add", "/organization/member_update",
    "/organization/member_delete",
];

/// What a read-only administrator may read beyond spend and info.
#[rustfmt::skip]
pub(super) const ADMIN_VIEWER: &[&str] = &[
    "/user/list", "/user/available_users", "/user/available_roles", "/user/daily/activity", "/team/daily/activity",
    "/tag/daily/activity", "/tag/list", "/audit", "/audit/{id}", "/global/activity", "/global/activity/model",
    "/global/activity/cache_hits", "/customer/list", "/customer/info", "/spend/logs/ui/{logId}", "/callbacks/list",
    "/callbacks/configs", "/get/config/callbacks", "/alerting/settings", "/config/list", "/config/field/info",
    "/budget/list", "/budget/settings", "/invitation/info", "/guardrails/list", "/v2/guardrails/list",
    "/guardrails/submissions", "/guardrails/submissions/{guardrail_id}", "/guardrails/usage/overview",
    "/policies/attachments/list", "/get/mcp_semantic_filter_settings", "/schedule/model_cost_map_reload/status",
    "/model/cost_map/source",
];

/// Management routes refused to a read-only administrator whatever the method (spec 7b, step 2).
#[rustfmt::skip]
pub(super) const VIEWER_BLOCKED_FIRST: &[&str] = &[
    "/jwt/key/mapping/delete", "/jwt/key/mapping/new", "/jwt/key/mapping/update", "/key/block", "/key/bulk_update",
    "/key/delete", "/key/generate", "/key/regenerate", "/key/service-account/generate", "/key/unblock",
    "/key/update", "/model/delete", "/model/new", "/model/update", "/team/block", "/team/delete",
    "/team/key/bulk_update", "/team/new", "/team/permissions_bulk_update", "/team/permissions_update",
    "/team/unblock", "/team/update", "/user/bulk_update", "/user/delete", "/user/new", "/key/{key_id}/regenerate",
    "/key/{key_id}/reset_spend",
];

/// Writes refused to a read-only administrator (spec 7b, step 5).
#[rustfmt::skip]
pub(super) const VIEWER_BLOCKED_SECOND: &[&str] = &[
    "/key/block", "/key/delete", "/key/generate", "/key/regenerate", "/key/service-account/generate", "/key/unblock",
    "/key/update", "/model/delete", "/model/new", "/model/update", "/team/delete", "/team/key/bulk_update",
    "/team/new", "/team/update", "/user/bulk_update", "/user/delete", "/user/new", "/key/{key_id}/regenerate",
];
