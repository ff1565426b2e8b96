//! The configuration as written: shapes for serde, and nothing else.
//!
//! Doc comments here become the descriptions of `docs/config.schema.json` and `docs/keys.schema.json`.

mod jwt;
mod keys;
mod models;
mod oauth2;
mod records;
mod request;
mod response_ids;
mod routes;
mod store;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

pub use jwt::{
    OneOrMany, RawIssuer, RawJwt, RawKeyTemplate, RawRbacRole, RawRoleMap, RawRoleMapping, RawRolePermission,
    RawScopeMapping, RawUnregistered,
};
pub use keys::{RawJwtKeyMapping, RawKey, RawKeyFile, RawMembership, RawOrganization, RawTeam, RawTeamRole, RawUser};
pub use models::{RawEndUsers, RawModel};
pub use oauth2::{
    RawAsked, RawClientAuthentication, RawCustomAuthenticator, RawIntrospection, RawOauth2, RawOverridePath,
    RawProxyHeaders, RawRoutingOverride, RawUserInfo,
};
pub use records::{
    RawAccessGroup, RawAgent, RawBudget, RawEndUser, RawModelBudget, RawProject, RawTag, RawTeamMembership, RawWindow,
};
pub use request::{RawFallbacks, RawObjectPermission, RawRequest};
pub use response_ids::RawResponseIds;
pub use routes::{RawAuthParser, RawCompat, RawMethod, RawPassThrough, RawPassThroughHeaders, RawRoutes};
pub use store::{RawCache, RawPostgres, RawSqlite, RawStore};

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
    /// A database of virtual keys, in place of `keys`.
    pub store: Option<RawStore>,
    /// Identity providers whose tokens let in, beside keys.
    pub jwt: Option<RawJwt>,
    /// Callers for whom an authorization server, an `OpenID` provider or a proxy in front vouches.
    #[serde(default)]
    pub oauth2: RawOauth2,
    /// A service of your own that says who callers are.
    pub custom_authenticator: Option<RawCustomAuthenticator>,
    /// Where credentials are read from, beside the usual headers.
    #[serde(default)]
    pub credentials: RawCredentials,
    /// What the upstream sees.
    #[serde(default)]
    pub headers: RawHeaders,
    /// Which routes there are.
    #[serde(default)]
    pub routes: RawRoutes,
    /// What requests may carry, and where they may come from.
    #[serde(default)]
    pub request: RawRequest,
    /// Whose responses may be named.
    pub response_ids: Option<RawResponseIds>,
    /// What is known of the upstream's models. Models that are not listed are restricted by their names alone.
    #[serde(default)]
    pub models: Vec<RawModel>,
    /// Names that the upstream replaces by others, as its router's `model_group_alias`.
    #[serde(default)]
    pub model_group_alias: BTreeMap<String, String>,
    /// What all requests together may spend, in US dollars (LiteLLM's `max_budget`). Without it there is no limit;
    /// `0` refuses at once. The key file says what was spent, as `proxy_spend`.
    pub proxy_budget: Option<f64>,
    /// The customers that requests name.
    #[serde(default)]
    pub end_users: RawEndUsers,
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

/// A file of keys.
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
    /// Requests whose response ids are rewritten at one time; more are refused as an error.
    #[schemars(range(min = 1, max = 100_000))]
    pub concurrent_streams: usize,
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
        Self {
            concurrent_checks: 1024,
            concurrent_streams: 8192,
            max_body_bytes: 32 * 1024 * 1024,
            drain_seconds: 3,
            shutdown_grace_seconds: 10,
        }
    }
}
