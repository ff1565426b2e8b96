//! The sections `oauth2` and `custom_authenticator`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// Callers for whom an authorization server, an `OpenID` provider or a proxy in front vouches.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawOauth2 {
    /// An authorization server that is asked about tokens (RFC 7662). Keys that begin with `sk-`, and the master
    /// key, are never sent to it.
    pub introspection: Option<RawIntrospection>,
    /// JSON Web Tokens that the authorization server is asked about, in place of verifying them here: those that
    /// match any of these rules, on routes of the model API and of information.
    pub routing_overrides: Vec<RawRoutingOverride>,
    /// A provider that is asked who the bearer of a token is, by its `UserInfo`. What it says is read as the claims
    /// of a verified token are, by section `jwt`.
    pub userinfo: Option<RawUserInfo>,
    /// Identity headers of an oauth2-proxy in front.
    pub proxy_headers: Option<RawProxyHeaders>,
}

/// RFC 7662.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawIntrospection {
    /// The endpoint: `https://…`, or `http://…` on this machine.
    pub url: String,
    /// Who Tollgate is there.
    pub client_id: String,
    /// What proves it: `${NAME}` or `file:PATH`.
    pub client_secret: String,
    /// Where both go.
    #[serde(default)]
    pub client_authentication: RawClientAuthentication,
    /// Certificates, in PEM, of those who alone may vouch for the server; without it, the machine's authorities.
    pub ca_file: Option<PathBuf>,
    /// `iss`, exactly. Without it, `iss` is not looked at.
    pub issuer: Option<String>,
    /// Whom tokens must be for: `aud` must name one.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Accept tokens that are for others, or for nobody in particular. Say so instead of `audiences`.
    #[serde(default)]
    pub accept_any_audience: bool,
    /// The member that names the user (LiteLLM's `OAUTH_USER_ID_FIELD_NAME`).
    #[serde(default = "sub")]
    pub user_id_field: String,
    /// The member with the user's mail address.
    pub user_email_field: Option<String>,
    /// The member that names the team (`OAUTH_USER_TEAM_ID_FIELD_NAME`); `""` for none.
    #[serde(default = "team_id")]
    pub team_id_field: String,
    /// The member that names the organisation.
    pub organization_id_field: Option<String>,
    /// The member that names the customer.
    pub end_user_id_field: Option<String>,
    /// The member that names the role (`OAUTH_USER_ROLE_FIELD_NAME`); `""` for none.
    #[serde(default = "role")]
    pub role_field: String,
    /// The member that lists the only models the bearer may name: a list, or one text with spaces between.
    pub models_field: Option<String>,
    /// Roles it may give. Any other refuses the token; administrators are never made this way.
    #[serde(default = "roles")]
    pub allowed_roles: Vec<String>,
    /// Let users in who are neither in the key file nor in the store.
    #[serde(default)]
    pub allow_unknown_users: bool,
    /// How long an active token counts as active without another question, in seconds: this is how late a
    /// revocation is seen. `0` asks for every request.
    #[serde(default = "cache_seconds")]
    #[schemars(range(max = 60))]
    pub cache_seconds: u64,
    /// How long a token that is not active counts as that, in seconds.
    #[serde(default = "negative_cache_seconds")]
    #[schemars(range(max = 60))]
    pub negative_cache_seconds: u64,
    /// Tokens remembered at one time, at most; and as many that are not active.
    #[serde(default = "max_cached")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_cached: usize,
    /// Questions at one time, at most: half of them about tokens that were active lately.
    #[serde(default = "max_questions")]
    #[schemars(range(min = 2, max = 1024))]
    pub max_questions: usize,
    /// How long an answer may take, in milliseconds, until the server counts as not answering.
    #[serde(default = "deadline_ms")]
    #[schemars(range(min = 50, max = 3000))]
    pub deadline_ms: u64,
}

/// How Tollgate shows an authorization server who it is.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawClientAuthentication {
    /// In `Authorization: Basic` (`client_secret_basic`).
    #[default]
    Basic,
    /// As members of the form (`client_secret_post`).
    Post,
}

/// A rule about a token's claims. Every selector that is there must match, by any of its values: exactly, or, with
/// `*` or `?` in it, as a pattern of a shell.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRoutingOverride {
    /// The issuer.
    pub iss: Vec<String>,
    /// `client_id`.
    pub client_id: Option<Vec<String>>,
    /// A scope.
    pub scope: Option<Vec<String>>,
    /// An audience.
    pub aud: Option<Vec<String>>,
    /// Where matching tokens go.
    #[serde(default)]
    pub path: RawOverridePath,
}

/// Where a routing override leads.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawOverridePath {
    /// To `oauth2.introspection`.
    #[default]
    Oauth2,
}

/// `OpenID` Connect Core 5.3.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawUserInfo {
    /// The endpoint: `https://…`, or `http://…` on this machine.
    pub url: String,
    /// The issuer whose endpoint it is.
    pub issuer: String,
    /// Certificates, in PEM, of those who alone may vouch for the server; without it, the machine's authorities.
    pub ca_file: Option<PathBuf>,
    /// How long an answer is used, in seconds; `0` asks for every request.
    #[serde(default = "cache_seconds")]
    #[schemars(range(max = 60))]
    pub cache_seconds: u64,
    /// Tokens remembered at one time, at most; and as many that nobody has.
    #[serde(default = "max_cached")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_cached: usize,
    /// Questions at one time, at most: half of them about tokens that were good lately.
    #[serde(default = "max_questions")]
    #[schemars(range(min = 2, max = 1024))]
    pub max_questions: usize,
    /// How long an answer may take, in milliseconds, until the provider counts as not answering.
    #[serde(default = "deadline_ms")]
    #[schemars(range(min = 50, max = 3000))]
    pub deadline_ms: u64,
}

/// Headers that say whom a proxy in front has signed in. They are believed from that proxy alone and taken out of
/// every request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawProxyHeaders {
    /// Networks of the proxy, such as `10.0.0.0/8`: the peer as Envoy sees it.
    #[serde(default)]
    pub trusted_networks: Vec<String>,
    /// Names in the proxy's client certificate, exactly as Envoy tells them: the URI, the DNS name, or the subject.
    #[serde(default)]
    pub trusted_principals: Vec<String>,
    /// The header that names the user, such as `x-forwarded-user`.
    pub user_id: String,
    /// The header with the user's mail address.
    pub user_email: Option<String>,
    /// The header that names the team.
    pub team_id: Option<String>,
    /// The header with the team's name.
    pub team_alias: Option<String>,
    /// The header that names the organisation.
    pub org_id: Option<String>,
    /// The header that lists the only models the user may name, with commas between.
    pub models: Option<String>,
    /// Let users in who are neither in the key file nor in the store.
    #[serde(default)]
    pub allow_unknown_users: bool,
}

/// A service of your own that says who callers are, by the protocol of `proto/tollgate/authn/v1`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCustomAuthenticator {
    /// Where it is: `https://HOST:PORT`, `unix:///PATH`, or `http://…` on this machine.
    pub url: String,
    /// What it is asked about. Keys that begin with `sk-` are never sent to it.
    #[serde(default)]
    pub credentials: Vec<RawAsked>,
    /// Let it refuse the bearers of JSON Web Tokens that were verified here (LiteLLM's `custom_validate`).
    #[serde(default)]
    pub validate_claims: bool,
    /// Headers it is told. Those that carry credentials cannot be among them.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Certificates, in PEM, of those who alone may vouch for the service; without it, the machine's authorities.
    pub ca_file: Option<PathBuf>,
    /// Roles it may give. Any other refuses the caller; administrators are never made this way.
    #[serde(default = "roles")]
    pub allowed_roles: Vec<String>,
    /// Let users in who are neither in the key file nor in the store.
    #[serde(default)]
    pub allow_unknown_users: bool,
    /// How long an answer may be used at most, in seconds, where it says that it may be used at all.
    #[serde(default = "cache_seconds")]
    #[schemars(range(max = 300))]
    pub cache_seconds: u64,
    /// Callers remembered at one time, at most; and as many that were refused.
    #[serde(default = "max_cached")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_cached: usize,
    /// Questions at one time, at most: half of them about callers that were let in lately.
    #[serde(default = "max_questions")]
    #[schemars(range(min = 2, max = 1024))]
    pub max_questions: usize,
    /// How long an answer may take, in milliseconds, until the service counts as not answering.
    #[serde(default = "custom_deadline_ms")]
    #[schemars(range(min = 10, max = 3000))]
    pub deadline_ms: u64,
}

/// A kind of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawAsked {
    /// Those that are neither keys nor JSON Web Tokens.
    Opaque,
    /// JSON Web Tokens, in place of verifying them here.
    Jwt,
}

fn sub() -> String {
    "sub".to_owned()
}

fn team_id() -> String {
    "team_id".to_owned()
}

fn role() -> String {
    "role".to_owned()
}

fn roles() -> Vec<String> {
    vec!["internal_user".to_owned(), "internal_user_viewer".to_owned()]
}

fn cache_seconds() -> u64 {
    10
}

fn negative_cache_seconds() -> u64 {
    5
}

fn max_cached() -> usize {
    10_000
}

fn max_questions() -> usize {
    64
}

fn deadline_ms() -> u64 {
    3000
}

fn custom_deadline_ms() -> u64 {
    500
}
