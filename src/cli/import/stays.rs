//! What becomes of fields that have no counterpart here.

/// Fields of LiteLLM, whether callers were refused by them, and what to do. A final `*` stands for any ending; the
/// first line that fits counts.
const FIELDS: &[(&str, bool, &str)] = &[
    ("include", true, "an included file includes another, which LiteLLM does not read either"),
    ("environment_variables.*", false, "it is for the upstream; set it there"),
    (
        "guardrails",
        true,
        "content is looked at by the upstream; requests still pass through LiteLLM's guardrails if that is the upstream",
    ),
    ("policies", true, "content is looked at by the upstream"),
    ("policy_attachments", true, "content is looked at by the upstream"),
    ("general_settings.custom_auth*", true, "code decides there who may call; see docs/custom-authenticator.md"),
    (
        "general_settings.litellm_jwtauth.upsert_sso_user_to_team",
        false,
        "nothing reads it there; here it does what it says",
    ),
    ("general_settings.litellm_jwtauth.public_allowed_routes", false, "nothing reads it there; see `routes.public`"),
    (
        "general_settings.litellm_jwtauth.oidc_userinfo*",
        false,
        "nothing reaches it there, and opaque tokens are refused; `oauth2.userinfo` (`url`, `issuer`) does what the name says, see docs/oauth2.md",
    ),
    ("general_settings.litellm_jwtauth.virtual_key_mapping_cache_ttl", false, "see `store.cache.ttl_seconds`"),
    (
        "general_settings.litellm_jwtauth.*",
        false,
        "it does nothing without `enable_jwt_auth: true`, or nothing here knows it",
    ),
    ("general_settings.oauth2_config_mappings*", false, "it does nothing without `enable_oauth2_proxy_auth: true`"),
    ("general_settings.trusted_proxy_ranges", false, "it does nothing without `enable_oauth2_proxy_auth: true`"),
    ("general_settings.enforce_rbac", false, "a token that names nobody is always refused here"),
    ("general_settings.role_permissions", false, "it does nothing without `litellm_jwtauth.enforce_rbac`"),
    (
        "general_settings.allow_requests_on_db_unavailable",
        false,
        "unknown keys are never let in; `store.cache.max_stale_seconds` says how long known ones are without a store",
    ),
    (
        "general_settings.use_x_forwarded_for",
        true,
        "no header is believed for an address; set `xff_num_trusted_hops` in Envoy, or `request.allowed_ips` sees the wrong peer",
    ),
    ("general_settings.max_response_size_mb", true, "responses are not seen; limit them in the upstream"),
    (
        "general_settings.max_parallel_requests",
        true,
        "requests are counted by Envoy's rate limiter; see envoy/rate-limit.yaml",
    ),
    (
        "general_settings.global_max_parallel_requests",
        true,
        "requests are counted by Envoy's rate limiter; see envoy/rate-limit.yaml",
    ),
    ("general_settings.fail_closed_budget_enforcement", false, "budgets always fail closed here"),
    ("general_settings.disable_budget_reservation", false, "spending is not reserved here"),
    ("general_settings.allow_user_auth", false, "there is no such route here"),
    ("general_settings.user_api_key_cache_ttl", false, "see `store.cache.ttl_seconds`"),
    ("general_settings.database_*", false, "see `store.postgres` for what can be said here"),
    ("general_settings.mcp_*", true, "addresses that MCP servers are open to; say it in Envoy"),
    ("general_settings.key_management_s*", false, "secrets come from the environment or from files here"),
    ("general_settings.use_google_kms", false, "secrets come from the environment or from files here"),
    ("general_settings.use_azure_key_vault", false, "secrets come from the environment or from files here"),
    (
        "general_settings.completion_model",
        false,
        "it replaces the model of every request, in the upstream; list it in `models` where its name matters",
    ),
    ("general_settings.*_model", false, "it replaces the model of a request, in the upstream"),
    ("general_settings.infer_model_from_keys", false, "it stays with the upstream"),
    ("general_settings.forward_*", false, "headers are forwarded by Envoy"),
    ("general_settings.coordination*", false, "it stays with the upstream"),
    ("general_settings.alert*", false, "it stays with the upstream"),
    ("general_settings.background_health*", false, "it stays with the upstream"),
    ("general_settings.health_check*", false, "it stays with the upstream"),
    ("general_settings.use_shared_health_check", false, "it stays with the upstream"),
    ("general_settings.store_model_in_db", false, "it stays with the upstream"),
    ("general_settings.store_prompts_in_spend_logs", false, "it stays with the upstream"),
    ("general_settings.supported_db_objects", false, "it stays with the upstream"),
    ("general_settings.maximum_spend_logs*", false, "it stays with the upstream"),
    ("general_settings.proxy_b*", false, "it stays with the upstream, which counts spending"),
    ("general_settings.disable_*_logs", false, "it stays with the upstream"),
    ("general_settings.disable_spend_updates", false, "it stays with the upstream"),
    ("general_settings.disable_prisma_schema_update", false, "it stays with the upstream"),
    ("general_settings.disable_master_key_return", false, "it stays with the upstream"),
    ("general_settings.disable_retry_on_max_parallel_request_limit_error", false, "it stays with the upstream"),
    ("general_settings.disable_reset_budget", false, "it stays with the upstream, which counts spending"),
    ("general_settings.disable_adding_master_key_hash_to_db", false, "it stays with the upstream"),
    ("general_settings.always_include_stream_usage", false, "it stays with the upstream"),
    ("general_settings.pass_through_request_timeout", false, "it stays with the upstream"),
    ("general_settings.otel", false, "it stays with the upstream"),
    ("general_settings.block_robots", false, "it stays with the upstream"),
    ("general_settings.encryption_algorithm", false, "it stays with the upstream"),
    ("general_settings.custom_sso", true, "logins of LiteLLM's pages stay with the upstream"),
    ("general_settings.custom_ui_sso*", true, "logins of LiteLLM's pages stay with the upstream"),
    (
        "general_settings.ui_access_mode",
        true,
        "LiteLLM's pages stay with the upstream; `routes.admin_only` can close them",
    ),
    ("general_settings.enable_public_model_hub", false, "list the paths in `routes.public` where they shall be open"),
    ("general_settings.pass_through_endpoints[].target", false, "Envoy says where requests go"),
    (
        "general_settings.pass_through_endpoints[].headers*",
        false,
        "headers for the endpoint are set by the upstream or by Envoy",
    ),
    ("general_settings.pass_through_endpoints[].guardrails", true, "content is looked at by the upstream"),
    ("general_settings.pass_through_endpoints[].*", false, "it stays with the upstream"),
    (
        "litellm_settings.max_end_user_budget",
        true,
        "make it a row of budgets, and name that in `end_users.default_budget_id`",
    ),
    (
        "litellm_settings.budget_duration",
        true,
        "`proxy_budget` counts the last thirty days, as LiteLLM's own check does",
    ),
    ("litellm_settings.blocked_user_list", true, "block those end users in the store"),
    ("litellm_settings.banned_keywords_list", true, "content is looked at by the upstream"),
    ("litellm_settings.tag_budget_config", true, "make them rows of tags, with a budget each"),
    (
        "litellm_settings.priority_reservation*",
        true,
        "rates are counted by Envoy's rate limiter; see envoy/rate-limit.yaml",
    ),
    (
        "litellm_settings.upperbound_key_generate_params",
        true,
        "limits for keys that LiteLLM's API makes; that stays with the upstream",
    ),
    (
        "litellm_settings.key_generation_settings",
        true,
        "who may make keys by LiteLLM's API; that stays with the upstream",
    ),
    ("litellm_settings.default_*", false, "defaults for what LiteLLM's API makes; that stays with the upstream"),
    (
        "litellm_settings.max_internal_user_budget",
        true,
        "a default for people that LiteLLM's API makes; that stays with the upstream",
    ),
    (
        "litellm_settings.internal_user_budget_duration",
        false,
        "a default for people that LiteLLM's API makes; that stays with the upstream",
    ),
    ("litellm_settings.require_auth_for_metrics_endpoint", false, "name `/metrics` in `routes.public` to open it"),
    ("litellm_settings.enable_redis_auth_cache", false, "keys are kept in memory here; see `store.cache`"),
    ("litellm_settings.public_*", false, "list the paths in `routes.public` where they shall be open"),
    ("litellm_settings.guardrails", true, "content is looked at by the upstream"),
    ("litellm_settings.mcp_*", false, "it stays with the upstream"),
    ("litellm_settings.model_alias_map", false, "name the aliases in `model_group_alias` where models are restricted"),
    ("litellm_settings.callbacks", false, "it stays with the upstream"),
    ("litellm_settings.*_callback", false, "it stays with the upstream"),
    ("litellm_settings.*_callbacks", false, "it stays with the upstream"),
    ("litellm_settings.*_callback_params", false, "it stays with the upstream"),
    ("litellm_settings.cache", false, "it stays with the upstream"),
    ("litellm_settings.cache_params", false, "it stays with the upstream"),
    ("litellm_settings.drop_params", false, "it stays with the upstream"),
    ("litellm_settings.set_verbose", false, "it stays with the upstream"),
    ("litellm_settings.json_logs", false, "it stays with the upstream"),
    ("litellm_settings.request_timeout", false, "it stays with the upstream"),
    ("litellm_settings.num_retries", false, "it stays with the upstream"),
    ("litellm_settings.fallbacks", false, "it stays with the upstream"),
    ("litellm_settings.*_fallbacks", false, "it stays with the upstream"),
    ("litellm_settings.allowed_fails", false, "it stays with the upstream"),
    ("litellm_settings.telemetry", false, "it stays with the upstream"),
    ("litellm_settings.modify_params", false, "it stays with the upstream"),
    ("litellm_settings.ssl_*", false, "it stays with the upstream"),
    ("litellm_settings.turn_off_message_logging", false, "it stays with the upstream"),
    ("litellm_settings.redact_*", false, "it stays with the upstream"),
    ("litellm_settings.forward_*", false, "it stays with the upstream"),
    ("litellm_settings.langfuse_*", false, "it stays with the upstream"),
    ("litellm_settings.datadog_*", false, "it stays with the upstream"),
    ("litellm_settings.*prometheus*", false, "it stays with the upstream"),
    ("litellm_settings.*_cost_tracking", false, "it stays with the upstream"),
    ("litellm_settings.store_audit_logs", false, "it stays with the upstream"),
    ("litellm_settings.add_function_to_prompt", false, "it stays with the upstream"),
    ("litellm_settings.enable_json_schema_validation", false, "it stays with the upstream"),
    ("litellm_settings.enable_preview_features", false, "it stays with the upstream"),
    ("litellm_settings.check_provider_endpoint", false, "it stays with the upstream"),
    ("litellm_settings.aws_*", false, "it stays with the upstream"),
    ("litellm_settings.azure_*", false, "it stays with the upstream"),
    ("litellm_settings.vertex_*", false, "it stays with the upstream"),
    ("litellm_settings.api_*", false, "it stays with the upstream"),
    ("litellm_settings.openai_key", false, "it stays with the upstream"),
    (
        "router_settings.fallbacks",
        false,
        "it stays with the upstream: a fallback of the router's own is not asked about",
    ),
    ("router_settings.provider_budget_config", true, "it stays with the upstream, which chooses the provider"),
    ("router_settings.*", false, "it stays with the upstream"),
    (
        "model_list[].litellm_params.configurable_clientside_auth_params",
        false,
        "name single parameters in `request.allowed_parameters`, which holds for all models",
    ),
    ("model_list[].litellm_params.*budget*", true, "a budget of a deployment stays with the upstream"),
    ("model_list[].litellm_params.*", false, "it stays with the upstream"),
    ("model_list[].model_info.team_id", true, "a model of one team; say it in the lists of models of keys and teams"),
    (
        "model_list[].model_info.team_public_model_name",
        true,
        "a model of one team; say it in the lists of models of keys and teams",
    ),
    ("model_list[].model_info.*", false, "it stays with the upstream"),
    ("model_list[].*", false, "it stays with the upstream"),
    ("callback_settings", false, "it stays with the upstream"),
    ("credential_list", false, "it stays with the upstream"),
    (
        "mcp_servers",
        true,
        "name them in `object_permission.mcp_servers` of keys and teams: what nobody names is not granted",
    ),
    ("mcp_tools", false, "it stays with the upstream"),
    ("vector_store_registry", false, "it stays with the upstream"),
    ("search_tools", false, "it stays with the upstream"),
    ("agent_list", false, "make them rows of agents where keys refer to them"),
    ("*_settings", false, "it stays with the upstream"),
];

/// What is not in the list: nothing is known of it, so that it may have restricted somebody.
const UNKNOWN: (bool, &str) = (true, "not known to this program; it may have restricted callers");

/// Whether callers were refused by a field, and what to do.
pub(super) fn fate(path: &str) -> (bool, &'static str) {
    let found = FIELDS.iter().find(|(pattern, ..)| fits(pattern, path));
    found.map_or(UNKNOWN, |(_, restricts, text)| (*restricts, text))
}

/// A `*` stands for any text.
fn fits(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_may_have_restricted_somebody() {
        assert!(fate("general_settings.a_new_switch").0);
        assert!(fate("a_new_section").0);
        assert!(!fate("router_settings.routing_strategy").0);
        assert!(fate("model_list[].litellm_params.max_budget").0 && !fate("model_list[].litellm_params.api_base").0);
        assert!(fate("general_settings.custom_auth_settings").0);
        assert!(!fate("general_settings.embedding_model").0);
    }
}
