//! The configuration as written: shapes for serde, and nothing else.
//!
//! Doc comments here become the descriptions of `docs/config.schema.json` and `docs/keys.schema.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

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
    /// What the upstream sees.
    #[serde(default)]
    pub headers: RawHeaders,
    /// Which routes there are.
    #[serde(default)]
    pub routes: RawRoutes,
    /// LiteLLM's own behaviour where ours is stricter, one switch for each difference.
    #[serde(default)]
    pub litellm_compat: RawCompat,
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

/// Routes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawRoutes {
    /// Paths that need no credential: exact, below `root_path`; or `public_routes` for those of LiteLLM.
    pub public: Vec<String>,
    /// A path that stands in front of every route, such as `/genai`.
    pub root_path: String,
    /// Groups of routes by name, for `allowed_routes` and the lists below: paths, patterns such as `/x/{id}`
    /// and `/x/*`, and built-in groups.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Endpoints that are passed through.
    pub pass_through: Vec<RawPassThrough>,
    /// The only routes there are, for everybody: paths and groups. Every spelling of a route counts.
    pub allowed: Option<Vec<String>>,
    /// Routes for proxy administrators only: paths and groups. Every spelling of a route counts.
    pub admin_only: Vec<String>,
    /// Refuse every route of model clients but the list of models.
    pub disable_llm_api: bool,
    /// Refuse every route of administration.
    pub disable_admin: bool,
}

/// A pass-through endpoint. Field names are LiteLLM's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPassThrough {
    /// The path; a segment can be a placeholder such as `{id}`.
    pub path: String,
    /// Methods that are passed through. Without it: GET, POST, PUT, PATCH and DELETE.
    pub methods: Option<Vec<RawMethod>>,
    /// Whether a credential is needed.
    #[serde(default = "yes")]
    pub auth: bool,
    /// Whether everything below the path is passed through as well.
    #[serde(default)]
    pub include_subpath: bool,
    /// Whether the key or its team needs the path in `metadata.allowed_passthrough_routes`.
    #[serde(default = "yes")]
    pub grant_required: bool,
}

fn yes() -> bool {
    true
}

/// A request method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RawMethod {
    /// GET, and with it HEAD.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// OPTIONS.
    Options,
}

/// Differences from LiteLLM taken back. `docs/litellm-differences.md` says what each costs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch of the configuration")]
pub struct RawCompat {
    /// A `proxy_admin_viewer` may run inference.
    pub viewer_inference: bool,
    /// A `proxy_admin_viewer` may read routes that are in no group.
    pub viewer_reads_anything: bool,
    /// A path in a key's `allowed_routes` also opens it, whatever the role.
    pub allowed_routes_grant: bool,
    /// A path in `allowed_passthrough_routes` opens any route, not only pass-through endpoints.
    pub passthrough_grant_any_route: bool,
    /// A user without `user_role` is an `internal_user`.
    pub missing_role_is_internal_user: bool,
    /// `permissions.get_spend_routes` counts when it is there, even when it is `false`.
    pub spend_permission_by_name: bool,
    /// Keys without a user reach self-managed routes and MCP servers.
    pub self_managed_without_user: bool,
    /// `/health`, which calls every model, is open to every key.
    pub health_is_info_route: bool,
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
    /// Time for running checks to finish after SIGTERM, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub shutdown_grace_seconds: u64,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self { concurrent_checks: 1024, max_body_bytes: 32 * 1024 * 1024, shutdown_grace_seconds: 10 }
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
    /// Anything. It is never sent anywhere. `allowed_passthrough_routes` lists pass-through endpoints the key
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
    /// Anything. It is never sent anywhere. `allowed_passthrough_routes` lists pass-through endpoints the
    /// team was granted.
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
