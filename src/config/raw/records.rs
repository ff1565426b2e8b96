//! The key file as written: what keys and requests refer to. Field names are LiteLLM's.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::request::RawObjectPermission;

/// What may be spent in a window of time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWindow {
    /// How long a window is, such as `1d`; for people.
    pub budget_duration: Option<String>,
    /// What may be spent in a window, in US dollars.
    pub max_budget: f64,
    /// What was spent in this window, in US dollars.
    #[serde(default)]
    pub spend: f64,
    /// When this window ends; said to those who are refused.
    pub reset_at: Option<String>,
}

/// What may be asked of one model.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawModelBudget {
    /// What may be spent, in US dollars.
    pub budget_limit: Option<f64>,
    /// Another name of `budget_limit`.
    pub max_budget: Option<f64>,
    /// How long a window is, such as `1d`; for people.
    pub time_period: Option<String>,
    /// Another name of `time_period`.
    pub budget_duration: Option<String>,
    /// Requests a minute, for the proxy's rate limiter.
    pub rpm_limit: Option<u64>,
    /// Tokens a minute, for the proxy's rate limiter.
    pub tpm_limit: Option<u64>,
}

/// Limits that others refer to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawBudget {
    /// Identifier, as in a `budget_id`.
    pub budget_id: String,
    /// What may be spent, in US dollars. Without it there is no limit; `0` refuses at once.
    pub max_budget: Option<f64>,
    /// When the budget begins anew; said to those who are refused.
    pub budget_reset_at: Option<String>,
    /// What may be spent on single models.
    #[serde(default)]
    pub model_max_budget: BTreeMap<String, RawModelBudget>,
    /// Models a member of a team may name. Empty does not restrict.
    #[serde(default)]
    pub allowed_models: Vec<String>,
    /// Requests a minute, for the proxy's rate limiter.
    pub rpm_limit: Option<u64>,
    /// Tokens a minute, for the proxy's rate limiter.
    pub tpm_limit: Option<u64>,
    /// Requests at one time, for the proxy's rate limiter.
    pub max_parallel_requests: Option<u64>,
}

/// A project. Its keys' requests must be granted by it too.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawProject {
    /// Identifier, as in a key's `project_id`.
    pub project_id: String,
    /// A name for people.
    pub project_alias: Option<String>,
    /// The team.
    pub team_id: Option<String>,
    /// Models the project's keys may name. Empty does not restrict.
    #[serde(default)]
    pub models: Vec<String>,
    /// Refuse the project's keys.
    #[serde(default)]
    pub blocked: bool,
    /// What may be spent, in US dollars. Without it there is no limit; `0` refuses at once.
    pub max_budget: Option<f64>,
    /// What was spent since the budget last began anew, in US dollars.
    #[serde(default)]
    pub spend: f64,
    /// When the budget begins anew; said to those who are refused.
    pub budget_reset_at: Option<String>,
    /// An entry of `budgets`, for what is not said here.
    pub budget_id: Option<String>,
    /// Anything. It is never sent anywhere. `tags` label every request, `model_rpm_limit` and `model_tpm_limit`
    /// limit single models.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// What a team says of a member.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTeamMembership {
    /// The person.
    pub user_id: String,
    /// The team.
    pub team_id: String,
    /// Models the member may name with the team's keys. Empty does not restrict.
    #[serde(default)]
    pub allowed_models: Vec<String>,
    /// What may be spent, in US dollars. Without it there is no limit; `0` refuses at once.
    pub max_budget: Option<f64>,
    /// What was spent since the budget last began anew, in US dollars.
    #[serde(default)]
    pub spend: f64,
    /// When the budget begins anew; said to those who are refused.
    pub budget_reset_at: Option<String>,
    /// An entry of `budgets`, for what is not said here.
    pub budget_id: Option<String>,
}

/// A group of models.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAccessGroup {
    /// Identifier, as in `access_group_ids`.
    pub access_group_id: String,
    /// A name for people.
    pub access_group_name: Option<String>,
    /// Models the group grants, beside those of the lists.
    #[serde(default)]
    pub access_model_names: Vec<String>,
    /// MCP servers the group grants, beside those of the lists.
    #[serde(default)]
    pub access_mcp_server_ids: Vec<String>,
    /// Teams the group is for.
    #[serde(default)]
    pub assigned_team_ids: Vec<String>,
    /// Hashes of the keys the group is for.
    #[serde(default)]
    pub assigned_key_ids: Vec<String>,
}

/// An agent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAgent {
    /// Identifier, as in a key's `agent_id`.
    pub agent_id: String,
    /// A name for people.
    pub agent_name: Option<String>,
    /// Groups it is in, for `agent_access_groups` of others.
    #[serde(default)]
    pub agent_access_groups: Vec<String>,
    /// Its requests must carry `x-litellm-trace-id`, or the id of a session.
    #[serde(default)]
    pub require_trace_id_on_calls_by_agent: bool,
    /// Objects the agent may name, of those its key may.
    pub object_permission: Option<RawObjectPermission>,
    /// Requests a minute, for the proxy's rate limiter.
    pub rpm_limit: Option<u64>,
    /// Tokens a minute, for the proxy's rate limiter.
    pub tpm_limit: Option<u64>,
}

/// A customer that requests name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEndUser {
    /// Identifier, as requests name it.
    pub user_id: String,
    /// A name for people.
    pub alias: Option<String>,
    /// Refuse requests for this end user.
    #[serde(default)]
    pub blocked: bool,
    /// Objects requests for it may name, of those their key may.
    pub object_permission: Option<RawObjectPermission>,
    /// Where its models must run, such as `eu`: told to the upstream.
    pub allowed_model_region: Option<String>,
    /// What may be spent, in US dollars. Without it there is no limit; `0` refuses at once.
    pub max_budget: Option<f64>,
    /// What was spent since the budget last began anew, in US dollars.
    #[serde(default)]
    pub spend: f64,
    /// When the budget begins anew; said to those who are refused.
    pub budget_reset_at: Option<String>,
    /// An entry of `budgets`, for what is not said here.
    pub budget_id: Option<String>,
    /// What was spent on single models, in US dollars.
    #[serde(default)]
    pub model_spend: BTreeMap<String, f64>,
}

/// A label of requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTag {
    /// The label.
    pub tag_name: String,
    /// What may be spent, in US dollars. Without it there is no limit; `0` refuses at once.
    pub max_budget: Option<f64>,
    /// What was spent since the budget last began anew, in US dollars.
    #[serde(default)]
    pub spend: f64,
    /// When the budget begins anew; said to those who are refused.
    pub budget_reset_at: Option<String>,
    /// An entry of `budgets`, for what is not said here.
    pub budget_id: Option<String>,
}
