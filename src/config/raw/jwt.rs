//! The section `jwt`. Names of fields about claims are those of LiteLLM's `litellm_jwtauth`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// JSON Web Tokens of identity providers. Every `*_jwt_field` is the path of a claim: names of members with dots
/// between them, `\.` for a dot within a name.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct RawJwt {
    /// Whom tokens are accepted from. A token of anybody else is refused.
    pub issuers: Vec<RawIssuer>,

    /// The user.
    pub user_id_jwt_field: Option<String>,
    /// The user's e-mail address; a verified one is the id of users without another.
    pub user_email_jwt_field: Option<String>,
    /// The only domain of e-mail addresses that is let in, administrators included.
    pub user_allowed_email_domain: Option<String>,
    /// Let users in who are not in the store, and write them there; only with `store`.
    #[serde(default)]
    pub user_id_upsert: bool,
    /// The team. A token without it is then refused.
    pub team_id_jwt_field: Option<String>,
    /// The team's name, where there is no id. A token without it is then refused.
    pub team_alias_jwt_field: Option<String>,
    /// Teams, of which the first that may do what is asked is chosen, in the claim's order.
    pub team_ids_jwt_field: Option<String>,
    /// The team of tokens that have no claim `team_id_jwt_field`.
    pub team_id_default: Option<String>,
    /// Let a team in that is not in the store, and write it there; only with `store`.
    #[serde(default)]
    pub team_id_upsert: bool,
    /// Where the claimed team does not exist, try the groups, then the only team of the user, then refuse.
    #[serde(default)]
    pub team_claim_fallback: bool,
    /// Refuse tokens that name no team.
    #[serde(default)]
    pub enforce_team_based_model_access: bool,
    /// Routes for bearers who act for a team: groups of routes, or paths.
    #[serde(default = "team_allowed_routes")]
    pub team_allowed_routes: Vec<String>,
    /// Write to the store that the user belongs to the team it acts for; only with `store`.
    #[serde(default)]
    pub upsert_sso_user_to_team: bool,
    /// The organisation.
    pub org_id_jwt_field: Option<String>,
    /// The organisation's name, where there is no id.
    pub org_alias_jwt_field: Option<String>,
    /// The customer of whoever asks; it wins over what the request says.
    pub end_user_id_jwt_field: Option<String>,

    /// The scope that makes a proxy administrator. Nobody, when it is left out; LiteLLM's is `litellm_proxy_admin`.
    pub admin_jwt_scope: Option<String>,
    /// Routes on which a token makes an administrator, by its scope or by the user's role: groups of routes, or paths.
    #[serde(default = "admin_allowed_routes")]
    pub admin_allowed_routes: Vec<String>,
    /// Let administrators by scope act for any team, named in `x-litellm-team-id`.
    #[serde(default)]
    pub admin_team_header: bool,

    /// Refuse tokens without a role, and obey `role_permissions`.
    #[serde(default)]
    pub enforce_rbac: bool,
    /// What the roles of `enforce_rbac` may do. A role without an entry is not restricted.
    #[serde(default)]
    pub role_permissions: Vec<RawRolePermission>,
    /// Roles of the user, of which ...
    pub user_roles_jwt_field: Option<String>,
    /// ... one must be among these to count as an internal user.
    #[serde(default)]
    pub user_allowed_roles: Vec<String>,
    /// Roles of the identity provider, for `role_mappings` and `jwt_litellm_role_map`.
    pub roles_jwt_field: Option<String>,
    /// What they mean; the first that fits. For tokens that name neither a team nor a user, without
    /// `role_mappings_first`.
    #[serde(default)]
    pub role_mappings: Vec<RawRoleMapping>,
    /// Let `role_mappings` decide, and not that the token names a team or a user: with `enforce_rbac`, who has none of
    /// their roles is refused.
    #[serde(default)]
    pub role_mappings_first: bool,
    /// A team or a user, as the role says.
    pub object_id_jwt_field: Option<String>,
    /// Models of scopes, compared literally; with `enforce_scope_based_access`.
    #[serde(default)]
    pub scope_mappings: Vec<RawScopeMapping>,
    /// Grant nothing but the models of `scope_mappings`.
    #[serde(default)]
    pub enforce_scope_based_access: bool,
    /// Write the role and the teams of the token to the store; only with `store`. The role counts at once.
    #[serde(default)]
    pub sync_user_role_and_teams: bool,
    /// What role `sync_user_role_and_teams` writes; the first that fits. `*` stands for anything. Nobody becomes proxy
    /// administrator.
    #[serde(default)]
    pub jwt_litellm_role_map: Vec<RawRoleMap>,

    /// Let tokens in that name neither a user, nor a team, nor an organisation.
    #[serde(default)]
    pub allow_anonymous_jwt: bool,

    /// A claim that virtual keys are registered for: in `LiteLLM_JWTKeyMapping` of the store, or in `jwt_key_mappings` of
    /// the key file. Only with one of them.
    pub virtual_key_claim_field: Option<String>,
    /// What becomes of tokens no key is registered for.
    #[serde(default)]
    pub unregistered_jwt_client_behavior: RawUnregistered,
    /// Keys that `auto_register` makes.
    #[serde(default)]
    pub auto_registered_keys: RawKeyTemplate,

    /// Verified tokens remembered at one time, at most; each for five minutes at most, or until it expires.
    #[serde(default = "max_cached_tokens")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_cached_tokens: usize,
}

fn team_allowed_routes() -> Vec<String> {
    ["openai_routes", "info_routes", "mcp_routes"].map(str::to_owned).into()
}

fn admin_allowed_routes() -> Vec<String> {
    ["management_routes", "spend_tracking_routes", "global_spend_tracking_routes", "info_routes"]
        .map(str::to_owned)
        .into()
}

fn max_cached_tokens() -> usize {
    10_000
}

/// Somebody who issues tokens.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct RawIssuer {
    /// `iss`, compared exactly. Without a URL of keys it is where `/.well-known/openid-configuration` is.
    pub issuer: Option<String>,
    /// Accept tokens of whatever issuer no other entry is for, and without one; in place of `issuer`.
    #[serde(default)]
    pub any_issuer: bool,

    /// URL of the discovery document, if it is not below `issuer`.
    pub discovery_url: Option<String>,
    /// URL of the keys, in place of discovery.
    pub jwks_url: Option<String>,
    /// A file of keys, relative to this one, in place of a URL.
    pub jwks_file: Option<PathBuf>,
    /// Hosts the discovery document may name in `jwks_uri`, beside its own.
    #[serde(default)]
    pub jwks_hosts: Vec<String>,
    /// Allow `http://` to addresses of this machine.
    #[serde(default)]
    pub allow_http_on_loopback: bool,
    /// Certificates of authorities that alone may vouch for these URLs, in PEM; those of the system, without it.
    pub ca_file: Option<PathBuf>,
    /// A file with a bearer token that the discovery document and the keys are asked with. It is read anew each time.
    pub bearer_token_file: Option<PathBuf>,
    /// How long a key set is used before it is fetched again, in seconds: so late is a withdrawn key refused.
    #[serde(default = "refresh")]
    #[schemars(range(min = 10, max = 86_400))]
    pub refresh_seconds: u64,
    /// How much longer it is used while it cannot be fetched, in seconds.
    #[serde(default = "stale")]
    #[schemars(range(max = 604_800))]
    pub max_stale_seconds: u64,
    /// Least time between fetches that unknown keys cause, in seconds.
    #[serde(default = "cooldown")]
    #[schemars(range(min = 1, max = 3600))]
    pub cooldown_seconds: u64,
    /// How long a fetch may take, in seconds.
    #[serde(default = "timeout")]
    #[schemars(range(min = 1, max = 60))]
    pub timeout_seconds: u64,

    /// `aud`: one of these must be there.
    pub audience: Option<OneOrMany>,
    /// Accept tokens for anybody, in place of `audience`.
    #[serde(default)]
    pub disable_audience_validation: bool,
    /// `typ`: it must be one of these. Without a list it is `JWT`, `at+jwt`, or not there.
    pub types: Option<Vec<String>>,
    /// `azp`: it must be one of these.
    pub authorized_parties: Option<Vec<String>>,
    /// Claims that tokens must have, by their paths: one of these texts, compared exactly, or a list that has one of them.
    /// A token that lacks one is refused, whoever its bearer is.
    #[serde(default)]
    pub required_claims: BTreeMap<String, OneOrMany>,
    /// How far clocks may differ, in seconds.
    #[serde(default)]
    #[schemars(range(max = 300))]
    pub leeway_seconds: u32,
    /// Accept tokens that never expire.
    #[serde(default)]
    pub allow_missing_exp: bool,
    /// How far away `exp` may be, in seconds.
    #[schemars(range(min = 1))]
    pub max_lifetime_seconds: Option<u32>,

    /// In place of the field of `jwt`, for this issuer.
    pub user_id_jwt_field: Option<String>,
    /// In place of the field of `jwt`, for this issuer.
    pub user_email_jwt_field: Option<String>,
    /// In place of the field of `jwt`, for this issuer.
    pub team_id_jwt_field: Option<String>,
    /// In place of the field of `jwt`, for this issuer.
    pub team_ids_jwt_field: Option<String>,
    /// In place of the field of `jwt`, for this issuer.
    pub org_id_jwt_field: Option<String>,
    /// In place of the field of `jwt`, for this issuer.
    pub end_user_id_jwt_field: Option<String>,
    /// The issuer lets nobody have an e-mail address that is not verified to be theirs, though its tokens lack
    /// `email_verified`. One that says otherwise is believed.
    #[serde(default)]
    pub email_is_verified: bool,
    /// Believe this issuer about administrators. Without, neither `admin_jwt_scope` nor a user's row makes one of its
    /// tokens' bearers, and no administrator's row is found by `sso_user_id`, nor written to.
    #[serde(default = "yes")]
    pub admins: bool,
}

fn refresh() -> u64 {
    300
}

fn stale() -> u64 {
    3600
}

fn cooldown() -> u64 {
    30
}

fn timeout() -> u64 {
    5
}

fn yes() -> bool {
    true
}

/// A text, or a list of them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    #[must_use]
    pub fn listed(&self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one.clone()],
            Self::Many(many) => many.clone(),
        }
    }
}

/// What a role may do.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRolePermission {
    /// The role.
    pub role: RawRbacRole,
    /// Models, compared literally. All, when it is left out.
    pub models: Option<Vec<String>>,
    /// Groups of routes, or paths. All, when it is left out.
    pub routes: Option<Vec<String>>,
}

/// What `enforce_rbac` takes a bearer for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawRbacRole {
    /// By the scope of administrators.
    ProxyAdmin,
    /// A team acting by itself.
    Team,
    /// A person.
    InternalUser,
}

/// What a role of the identity provider means.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRoleMapping {
    /// The provider's role.
    pub role: String,
    /// `team` or `internal_user`.
    pub internal_role: RawRbacRole,
}

/// The models of a scope.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawScopeMapping {
    /// The scope.
    pub scope: String,
    /// Its models.
    #[serde(default)]
    pub models: Vec<String>,
}

/// The role a role of the identity provider is written as.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRoleMap {
    /// The provider's role; `*` stands for anything.
    pub jwt_role: String,
    /// One of LiteLLM's roles.
    pub litellm_role: String,
}

/// What becomes of tokens no virtual key is registered for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawUnregistered {
    /// They stand for themselves.
    #[default]
    FallbackTeamMapping,
    /// They are refused.
    Reject,
    /// A key is made for them.
    AutoRegister,
}

/// What a key is made with.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawKeyTemplate {
    /// Models. Empty does not restrict.
    pub models: Vec<String>,
    /// US dollars.
    pub max_budget: Option<f64>,
    /// Requests a minute.
    pub rpm_limit: Option<u64>,
    /// Tokens a minute.
    pub tpm_limit: Option<u64>,
    /// How long it is good, in days. Without it, until somebody deletes it.
    #[schemars(range(min = 1, max = 3650))]
    pub days: Option<u32>,
}
