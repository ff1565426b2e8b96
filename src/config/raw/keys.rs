//! The key file as written: keys, and who they belong to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::records::{
    RawAccessGroup, RawAgent, RawBudget, RawEndUser, RawModelBudget, RawProject, RawTag, RawTeamMembership, RawWindow,
};
use super::request::RawObjectPermission;

/// The file of keys.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawKeyFile {
    /// Virtual keys.
    #[serde(default)]
    pub keys: Vec<RawKey>,
    /// People. When the section is there, every `user_id` of a key must be in it.
    pub users: Option<Vec<RawUser>>,
    /// Teams. When the section is there, every `team_id` of a key must be in it.
    pub teams: Option<Vec<RawTeam>>,
    /// Organisations. When the section is there, every `organization_id` must be in it.
    pub organizations: Option<Vec<RawOrganization>>,
    /// Projects. When the section is there, every `project_id` of a key must be in it.
    pub projects: Option<Vec<RawProject>>,
    /// What teams say of single members.
    #[serde(default)]
    pub team_memberships: Vec<RawTeamMembership>,
    /// Limits that others refer to by `budget_id`.
    #[serde(default)]
    pub budgets: Vec<RawBudget>,
    /// Groups of models for `access_group_ids`.
    #[serde(default)]
    pub access_groups: Vec<RawAccessGroup>,
    /// Agents. When the section is there, every `agent_id` of a key must be in it.
    pub agents: Option<Vec<RawAgent>>,
    /// Customers that requests name. Those that are not listed are unknown, and not refused.
    #[serde(default)]
    pub end_users: Vec<RawEndUser>,
    /// Labels of requests with a budget of their own.
    #[serde(default)]
    pub tags: Vec<RawTag>,
    /// Keys that stand for what tokens claim (LiteLLM's `virtual_key_claim_field`).
    #[serde(default)]
    pub jwt_key_mappings: Vec<RawJwtKeyMapping>,
    /// What all requests together have spent, in US dollars; for `proxy_budget` of the configuration.
    pub proxy_spend: Option<f64>,
    /// When that begins anew; said to those who are refused.
    pub proxy_budget_reset_at: Option<String>,
}

/// A key that stands for what a token claims. Field names are LiteLLM's, but for `key_hash`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawJwtKeyMapping {
    /// The claim.
    pub jwt_claim_name: String,
    /// Its value.
    pub jwt_claim_value: String,
    /// The key's `key_hash`.
    pub key_hash: String,
    /// `false` refuses the tokens it is about.
    #[serde(default = "yes")]
    pub is_active: bool,
}

fn yes() -> bool {
    true
}

/// A virtual key. Field names are LiteLLM's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawKey {
    /// SHA-256 of the whole `sk-…` text in 64 lower-case hexadecimal digits; `tollgate keys hash` makes it.
    pub key_hash: String,
    /// A name for people.
    pub key_alias: Option<String>,
    /// The owner.
    pub user_id: Option<String>,
    /// The team.
    pub team_id: Option<String>,
    /// The organisation; without it, the team's.
    pub organization_id: Option<String>,
    /// Models the key may name: names, and `*` for any text. Empty does not restrict.
    #[serde(default)]
    pub models: Vec<String>,
    /// Routes the key may call: paths, paths with a final `*`, or groups such as `llm_api_routes`. Empty
    /// does not restrict.
    #[serde(default)]
    pub allowed_routes: Vec<String>,
    /// `get_spend_routes: true` opens everybody's spend.
    #[serde(default)]
    pub permissions: BTreeMap<String, serde_json::Value>,
    /// When the key expires: `2027-01-31T12:00:00Z`. Without an offset the time is UTC.
    pub expires: Option<String>,
    /// Refuse the key.
    #[serde(default)]
    pub blocked: bool,
    /// Objects the key may name.
    pub object_permission: Option<RawObjectPermission>,
    /// The project.
    pub project_id: Option<String>,
    /// The agent that calls with the key.
    pub agent_id: Option<String>,
    /// Access groups. A group counts where it names the key or the team in return.
    #[serde(default)]
    pub access_group_ids: Vec<String>,
    /// Names that the upstream replaces by others in this key's requests.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    /// What may be spent, in US dollars. Without it there is no limit; `0` refuses at once.
    pub max_budget: Option<f64>,
    /// What was spent since the budget last began anew, in US dollars.
    #[serde(default)]
    pub spend: f64,
    /// When the budget begins anew; said to those who are refused.
    pub budget_reset_at: Option<String>,
    /// An entry of `budgets`, for what is not said here.
    pub budget_id: Option<String>,
    /// What may be spent in windows of time.
    #[serde(default)]
    pub budget_limits: Vec<RawWindow>,
    /// What may be spent on single models.
    #[serde(default)]
    pub model_max_budget: BTreeMap<String, RawModelBudget>,
    /// What was spent on single models, in US dollars.
    #[serde(default)]
    pub model_spend: BTreeMap<String, f64>,
    /// Requests a minute, for the proxy's rate limiter.
    pub rpm_limit: Option<u64>,
    /// Tokens a minute, for the proxy's rate limiter.
    pub tpm_limit: Option<u64>,
    /// Requests at one time, for the proxy's rate limiter.
    pub max_parallel_requests: Option<u64>,
    /// Anything. It is never sent anywhere. `allowed_tools` lists the tools a request may name,
    /// `enforced_params` the members it must have. `allowed_passthrough_routes` lists pass-through endpoints the key
    /// was granted; when it lists any, the team's list does not count. `tags` label every request,
    /// `temp_budget_increase` until `temp_budget_expiry` raises `max_budget`, `model_rpm_limit` and
    /// `model_tpm_limit` limit single models.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// A person. Field names are LiteLLM's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawUser {
    /// Identifier, as in a key's `user_id`.
    pub user_id: String,
    /// E-mail address.
    pub user_email: Option<String>,
    /// `proxy_admin`, `proxy_admin_viewer`, `org_admin`, `internal_user`, `internal_user_viewer`, `team` or `customer`.
    pub user_role: Option<String>,
    /// What the identity provider calls the person, where that is not the identifier.
    pub sso_user_id: Option<String>,
    /// Teams the person is in. A token without a team acts for the team of a person who is in exactly one.
    #[serde(default)]
    pub teams: Vec<String>,
    /// Roles in organisations.
    #[serde(default)]
    pub organization_memberships: Vec<RawMembership>,
    /// Models the person may name with keys outside a team. Empty does not restrict.
    #[serde(default)]
    pub models: Vec<String>,
    /// What may be spent with keys outside a team, in US dollars. Without it there is no limit; `0` refuses at once.
    pub max_budget: Option<f64>,
    /// What was spent since the budget last began anew, in US dollars.
    #[serde(default)]
    pub spend: f64,
    /// When the budget begins anew; said to those who are refused.
    pub budget_reset_at: Option<String>,
    /// Requests a minute, for the proxy's rate limiter.
    pub rpm_limit: Option<u64>,
    /// Tokens a minute, for the proxy's rate limiter.
    pub tpm_limit: Option<u64>,
    /// Requests at one time, for the proxy's rate limiter.
    pub max_parallel_requests: Option<u64>,
    /// `scim_active: false` deactivates the person.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// A person's role in an organisation. Field names are LiteLLM's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawMembership {
    /// The organisation.
    pub organization_id: String,
    /// The role there; `org_admin` administers it.
    pub user_role: Option<String>,
}

/// A team. Field names are LiteLLM's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTeam {
    /// Identifier, as in a key's `team_id`.
    pub team_id: String,
    /// A name for people.
    pub team_alias: Option<String>,
    /// The organisation.
    pub organization_id: Option<String>,
    /// Models the team's keys may name. Empty does not restrict.
    #[serde(default)]
    pub models: Vec<String>,
    /// Refuse the team's keys.
    #[serde(default)]
    pub blocked: bool,
    /// Objects the team's keys may name.
    pub object_permission: Option<RawObjectPermission>,
    /// Roles of members, for the upstream.
    #[serde(default)]
    pub members_with_roles: Vec<RawTeamRole>,
    /// Access groups. A group counts where it names the team in return.
    #[serde(default)]
    pub access_group_ids: Vec<String>,
    /// Names that the upstream replaces by others in requests of the team's keys.
    #[serde(default)]
    pub model_aliases: BTreeMap<String, String>,
    /// What may be spent, in US dollars. Without it there is no limit; `0` refuses at once.
    pub max_budget: Option<f64>,
    /// What was spent since the budget last began anew, in US dollars.
    #[serde(default)]
    pub spend: f64,
    /// When the budget begins anew; said to those who are refused.
    pub budget_reset_at: Option<String>,
    /// What may be spent in windows of time.
    #[serde(default)]
    pub budget_limits: Vec<RawWindow>,
    /// Requests a minute, for the proxy's rate limiter.
    pub rpm_limit: Option<u64>,
    /// Tokens a minute, for the proxy's rate limiter.
    pub tpm_limit: Option<u64>,
    /// Requests at one time, for the proxy's rate limiter.
    pub max_parallel_requests: Option<u64>,
    /// Anything. It is never sent anywhere. `allowed_tools` and `enforced_params` are as for keys;
    /// `guardrails: { modify_guardrails: false }` keeps requests from changing guardrails.
    /// `allowed_passthrough_routes` lists pass-through endpoints the team was granted, `tags` label every request, `team_member_budget_id` is the entry of `budgets` for members
    /// without a limit of their own, `model_rpm_limit` and `model_tpm_limit` limit single models.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// A member's role in a team. Field names are LiteLLM's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTeamRole {
    /// The person.
    pub user_id: String,
    /// The role, such as `admin` or `user`.
    pub role: String,
}

/// An organisation. Field names are LiteLLM's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawOrganization {
    /// Identifier, as in a key's or team's `organization_id`.
    pub organization_id: String,
    /// A name for people.
    pub organization_alias: Option<String>,
    /// Models the organisation's keys may name. Empty does not restrict.
    #[serde(default)]
    pub models: Vec<String>,
    /// Objects the organisation's keys may name, of those they may themselves.
    pub object_permission: Option<RawObjectPermission>,
    /// What may be spent, in US dollars. Without it there is no limit; `0` refuses at once.
    pub max_budget: Option<f64>,
    /// What was spent since the budget last began anew, in US dollars.
    #[serde(default)]
    pub spend: f64,
    /// When the budget begins anew; said to those who are refused.
    pub budget_reset_at: Option<String>,
    /// An entry of `budgets`, for what is not said here.
    pub budget_id: Option<String>,
    /// Requests a minute, for the proxy's rate limiter.
    pub rpm_limit: Option<u64>,
    /// Tokens a minute, for the proxy's rate limiter.
    pub tpm_limit: Option<u64>,
    /// Requests at one time, for the proxy's rate limiter.
    pub max_parallel_requests: Option<u64>,
    /// Anything. It is never sent anywhere.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
}
