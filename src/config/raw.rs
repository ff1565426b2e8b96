//! The configuration as written: shapes for serde, and nothing else.
//!
//! Doc comments here become the descriptions of `docs/config.schema.json` and `docs/keys.schema.json`.

mod request;
mod routes;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

pub use request::{RawFallbacks, RawObjectPermission, RawRequest};
pub use routes::{RawAuthParser, RawCompat, RawMethod, RawPassThrough, RawPassThroughHeaders, RawRoutes};

/// Tollgate's configuration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// Where to listen.
    #[serde(default)]
    pub listen: RawListen,
    /// The key that may do everything, `sk-…`, at least 20 characters. Write `${NAME}` for an environment
    /// variable or `file:PATH` for a file. Without it there is no master key.
    pub master_key: Option<String>,
    /// Where virtual keys live.
    pub keys: Option<RawKeys>,
    /// Where credentials are read from, beside the usual headers.
    #[serde(default)]
    pub credentials: RawCredentials,
    /// What the upstream sees.
    #[serde(default)]
    pub headers: RawHeaders,
    /// Which routes there are.
    #[serde(default)]
    pub routes: RawRoutes,
    /// What requests may carry.
    #[serde(default)]
    pub request: RawRequest,
    /// LiteLLM's own behaviour where ours is stricter, one switch for each difference.
    #[serde(default)]
    pub litellm_compat: RawCompat,
    /// What Envoy does before it asks.
    #[serde(default)]
    pub envoy: RawEnvoy,
    /// What is logged.
    #[serde(default)]
    pub log: RawLog,
    /// Bounds of the service itself.
    #[serde(default)]
    pub limits: RawLimits,
}

/// Listeners. A change needs a restart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawListen {
    /// gRPC for Envoy: `HOST:PORT`, or `unix:///PATH`.
    pub grpc: String,
    /// HTTP for operators: `/healthz`, `/readyz`, `/metrics`, `/config`.
    pub http: String,
    /// Allow addresses other than loopback. Whoever reaches the gRPC port can ask questions in Envoy's
    /// name, so put mTLS or a network policy in front of it first.
    pub allow_remote: bool,
}

impl Default for RawListen {
    fn default() -> Self {
        Self { grpc: "127.0.0.1:9191".to_owned(), http: "127.0.0.1:9192".to_owned(), allow_remote: false }
    }
}

/// The key store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawKeys {
    /// A file of keys, relative to this one.
    pub file: PathBuf,
}

/// Sources of credentials. `authorization`, `x-litellm-api-key`, `api-key`, `x-api-key`, `x-goog-api-key`,
/// `ocp-apim-subscription-key` and a WebSocket's `openai-insecure-api-key.…` are always read.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawCredentials {
    /// Read this header alone, as `Bearer sk-…` (LiteLLM's `litellm_key_header_name`).
    pub header: Option<String>,
    /// Sources that are risky and off unless they are listed here.
    pub also: Vec<RawSource>,
}

/// A source that is off unless it is listed.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawSource {
    /// `?key=` on Google's `:generateContent` and `:streamGenerateContent`. Queries end up in logs.
    QueryKey,
    /// `Authorization: Basic sk-…`, which is not base64 and no valid Basic credential.
    BasicRaw,
    /// The key in an AWS Signature V4 header. The signature is not verified.
    AwsSigv4,
    /// The header `litellm_user_api_key` below the prefixes of provider pass-throughs.
    LitellmUserApiKey,
}

/// Request headers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawHeaders {
    /// Prefix of the identity headers. Every client header of this family is removed.
    pub prefix: String,
    /// Leave the caller's credential in the request, for an upstream that checks it again.
    pub keep_credential: bool,
    /// The upstream's own credential, set on every allowed request.
    pub upstream_credential: Option<RawUpstreamCredential>,
}

impl Default for RawHeaders {
    fn default() -> Self {
        Self { prefix: "x-auth-".to_owned(), keep_credential: false, upstream_credential: None }
    }
}

/// A credential for the upstream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawUpstreamCredential {
    /// The header it goes into.
    #[serde(default = "authorization")]
    pub header: String,
    /// The scheme before it; `""` sends the bare secret.
    #[serde(default = "bearer")]
    pub scheme: String,
    /// The secret: `${NAME}` or `file:PATH`.
    pub secret: String,
}

fn authorization() -> String {
    "authorization".to_owned()
}

fn bearer() -> String {
    "Bearer".to_owned()
}

/// Settings of Envoy's filter that a decision depends on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawEnvoy {
    /// `with_request_body.max_request_bytes`. Without it, a body that comes without `content-length` is refused
    /// where it names a model: with `allow_partial_message`, Envoy may take a pause at its limit for the end.
    pub max_request_bytes: Option<usize>,
}

/// Logging. A change needs a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawLog {
    /// How lines look.
    pub format: LogFormat,
    /// Lowest level written.
    pub level: LogLevel,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// Lowest level written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Errors only.
    Error,
    /// And warnings.
    Warn,
    /// And one line per decision.
    #[default]
    Info,
    /// And details for development.
    Debug,
}

/// Bounds. A change needs a restart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawLimits {
    /// Checks at one time; more are refused as an error, which Envoy answers with 503.
    #[schemars(range(min = 1, max = 100_000))]
    pub concurrent_checks: usize,
    /// Largest body in a check, in bytes. At least Envoy's `max_request_bytes`.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub max_body_bytes: usize,
    /// Time after SIGTERM in which checks are still taken while health says NOT_SERVING, in seconds: as long
    /// as Envoy's health checks need to notice.
    #[schemars(range(max = 600))]
    pub drain_seconds: u64,
    /// Time for running checks to finish after that, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub shutdown_grace_seconds: u64,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self { concurrent_checks: 1024, max_body_bytes: 32 * 1024 * 1024, drain_seconds: 3, shutdown_grace_seconds: 10 }
    }
}

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
    /// Anything. It is never sent anywhere. `allowed_tools` lists the tools a request may name,
    /// `enforced_params` the members it must have. `allowed_passthrough_routes` lists pass-through endpoints the key
    /// was granted; when it lists any, the team's list does not count.
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
    /// Roles in organisations.
    #[serde(default)]
    pub organization_memberships: Vec<RawMembership>,
    /// Models the person may name with keys outside a team. Empty does not restrict.
    #[serde(default)]
    pub models: Vec<String>,
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
    /// Anything. It is never sent anywhere. `allowed_tools` and `enforced_params` are as for keys;
    /// `guardrails: { modify_guardrails: false }` keeps requests from changing guardrails.
    /// `allowed_passthrough_routes` lists pass-through endpoints the team was granted.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
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
    /// Anything. It is never sent anywhere.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
}
