//! Members that steer the upstream, as data. A caller who may use a model may not choose where its
//! credentials go, what it costs, or who is asking (LiteLLM PRE-2 in its newest form, S-159, S-177).

/// Where requests and credentials go. `api_key`, the caller's own for the provider, is left to the caller
/// as LiteLLM does (X18).
#[rustfmt::skip]
const CREDENTIALS: &[&str] = &[
    "api_base", "aws_access_key_id", "aws_bedrock_project_id", "aws_bedrock_runtime_endpoint", "aws_external_id",
    "aws_profile_name", "aws_role_name", "aws_secret_access_key", "aws_session_name", "aws_session_token",
    "aws_sts_endpoint", "aws_web_identity_token", "azure_ad_token", "azure_ad_token_provider", "azure_password",
    "azure_username", "base_url", "deployment_id", "deployment_url", "extra_headers", "litellm_credential_name", "model_list",
    "s3_endpoint_url", "sagemaker_base_url", "user_config", "vertex_ai_credentials", "vertex_credentials",
];

/// Where copies of the traffic go.
#[rustfmt::skip]
const OBSERVERS: &[&str] = &[
    "arize_api_key", "arize_space_id", "arize_space_key", "braintrust_api_key", "braintrust_host",
    "braintrust_project", "dd_agent_host", "dd_agent_port", "dd_api_key", "dd_site", "gcs_bucket_name",
    "gcs_path_service_account", "humanloop_api_key", "langfuse_host", "langfuse_public_key", "langfuse_secret",
    "langfuse_secret_key", "langsmith_api_key", "langsmith_base_url", "langsmith_project", "langsmith_tenant_id",
    "lunary_public_key", "phoenix_project_name", "phoenix_project_name_override", "posthog_api_key",
    "posthog_api_url", "posthog_host", "slack_webhook_url", "wandb_api_key", "weave_project_id",
];

/// What a use costs.
const PRICES: &[&str] = &["search_context_cost_per_query", "citation_cost_per_token", "tiered_pricing"];

/// Whether a member chooses the upstream, its credentials, its observers or its price.
pub(super) fn steers(name: &str) -> bool {
    // Most members of a body are of one word, and none of these is.
    if !name.contains('_') {
        return false;
    }
    let price = name.starts_with("input_cost_per_")
        || name.starts_with("output_cost_per_")
        || (name.starts_with("cache_") && name.contains("_token_cost"));
    price || CREDENTIALS.contains(&name) || OBSERVERS.contains(&name) || PRICES.contains(&name)
}

/// Whether a member is the proxy's own word about the caller (S-177). No setting opens these.
pub(super) fn claims_identity(name: &str) -> bool {
    name.starts_with("user_api_key") || matches!(name, "secret_fields" | "proxy_server_request")
}

/// Whether a text makes LiteLLM read its own environment.
pub(super) fn reads_environment(text: &str) -> bool {
    text.trim_start().starts_with("os.environ/")
}

/// Members by which a caller changes which guardrails run (COMMON-17).
pub(super) const GUARDRAILS: &[&str] =
    &["guardrails", "disable_global_guardrails", "disable_global_guardrail", "opted_out_global_guardrails"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_of_one_word() {
        assert!([CREDENTIALS, OBSERVERS, PRICES].iter().all(|list| list.iter().all(|name| steers(name))));
    }

    #[test]
    fn knows_what_steers_the_upstream_s159() {
        for name in ["api_base", "vertex_ai_credentials", "aws_profile_name", "input_cost_per_token", "langfuse_host"] {
            assert!(steers(name), "X10: {name}");
        }
        assert!(steers("cache_read_input_token_cost_above_200k_tokens"));
        for name in ["model", "api_key", "langfuse_prompt_version", "langsmith_sampling_rate", "metadata", "cache"] {
            assert!(!steers(name), "X18: {name}");
        }
        assert!(claims_identity("user_api_key_user_id") && claims_identity("user_api_key_auth_metadata"));
        assert!(reads_environment("os.environ/MASTER_KEY") && !reads_environment("print(os.environ/X)"));
    }
}
