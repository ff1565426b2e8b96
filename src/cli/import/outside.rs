//! Callers for whom others vouch: authorization servers, a proxy in front, and code that LiteLLM runs.

use serde_json::{Map, Value, json};

use super::general::Import;
use super::source::{ENVIRONMENT, Section};
use crate::core::peer;

/// The file of the secret that authorization servers are shown.
const SECRET_FILE: &str = "introspection.secret";
/// Where the new configuration looks for what was code. Nobody is let in before somebody answers there.
pub(super) const AUTHENTICATOR: &str = "unix:///run/tollgate-authenticator.sock";

/// What an oauth2-proxy can say of callers, there and here.
const PROXY_FIELDS: [&str; 6] = ["user_id", "user_email", "team_id", "team_alias", "org_id", "models"];

const CODE: &str = "code decides there who may call, about keys too; here a service of your own does, by the protocol of \
                    docs/custom-authenticator.md. Until it is at `custom_authenticator.url`, what it decides is answered 503; \
                    keys that begin with `sk-` are never shown to it";
const CODE_BEFORE: &str = "code is asked there before anybody else; here it is not, and whom it alone knows is refused: give those \
                           callers virtual keys";
const BEHIND_CODE: &str = "`custom_auth` decides there before it is looked at, so that it is not carried over";
const KEYS_TOO: &str =
    "LiteLLM looks at no virtual key and no master key on routes of the model API; here they open what they open";
const OTHERS_TOO: &str =
    "LiteLLM looks at no key and no token of `litellm_jwtauth` then; here they open what they open";
const KNOWN: &str = "users, teams and organisations that are named must exist, but for users with `allow_unknown_users: true`, \
                     and nobody becomes proxy administrator this way, nor by the role of a row";

const ACTIVE: &str = "`active` must be `true`, and a role that is not in `allowed_roles` refuses the token";
const ANY_AUDIENCE: &str = "tokens for whatever audience are accepted, as there; name yours in `audiences`, in place of \
                            `accept_any_audience`";
const OPAQUE_TOO: &str = "the server is asked about opaque tokens as well, which LiteLLM refuses; `oauth2.introspection.audiences` \
                          says which are for you";
const UNTIL_INTROSPECTION: &str = "such tokens are refused until `oauth2.introspection` is written (`url`, `client_id`, `client_secret`, `audiences`), see \
     docs/oauth2.md";
const VERIFIED_HERE: &str = "tokens that match are verified by section `jwt`, if at all, and one that is revoked is good until it \
                             expires; write `oauth2.introspection` and `oauth2.routing_overrides`, see docs/oauth2.md";

/// What code of LiteLLM's configuration decides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    Nothing,
    /// Its word comes first; whom it does not know is looked at by LiteLLM.
    First,
    /// Nobody else is asked.
    Alone,
}

impl Import {
    /// Everybody who is no key.
    pub(super) fn callers(&mut self, general: &mut Section, environment: &mut Section) {
        let code = self.code(general);
        if code == Code::Alone {
            for name in ["enable_jwt_auth", "litellm_jwtauth", "enable_oauth2_auth", "enable_oauth2_proxy_auth"] {
                if general.take(name).is_some_and(|value| value != json!(false)) {
                    self.findings.note(&general.path(name), false, BEHIND_CODE);
                }
            }
        }
        let overrides = self.tokens(general, environment);
        self.introspected(general, environment, overrides);
        self.proxied(general);
        if code != Code::Nothing {
            self.authenticator(general.path("custom_auth"));
        }
    }

    /// A service in place of the code, asked about what nobody else in the new configuration is asked about.
    fn authenticator(&mut self, path: String) {
        let taken = [("opaque", "oauth2.introspection"), ("jwt", "jwt")];
        let asked: Vec<_> = taken.into_iter().filter(|(_, by)| !self.target.has(by)).map(|(kind, _)| kind).collect();
        self.findings.note(&path, true, if asked.is_empty() { CODE_BEFORE } else { CODE });
        if !asked.is_empty() {
            self.target.set("custom_authenticator.url", path.clone(), AUTHENTICATOR);
            self.target.set("custom_authenticator.credentials", path, asked);
        }
    }

    /// What nobody refers to any more is not written.
    pub(super) fn drop_unused_secrets(&mut self) {
        if !self.target.has("oauth2.introspection") {
            self.secrets.retain(|file| file.name != SECRET_FILE);
        }
    }

    fn code(&mut self, general: &mut Section) -> Code {
        let path = general.path("custom_auth");
        let mut settings = general.section("custom_auth_settings", &mut self.findings);
        let mode = settings.text("mode", &mut self.findings);
        settings.leave(&mut self.findings);
        if general.text("custom_auth", &mut self.findings).is_none() {
            return Code::Nothing;
        }
        if mode.as_deref() == Some("off") {
            self.findings.note(&path, false, "it is switched off by `custom_auth_settings.mode`");
            return Code::Nothing;
        }
        if mode.as_deref() == Some("auto") { Code::First } else { Code::Alone }
    }

    /// RFC 7662, for all tokens, or for those that match a rule.
    fn introspected(&mut self, general: &mut Section, environment: &mut Section, overrides: Vec<Value>) {
        let path = general.path("enable_oauth2_auth");
        let enabled = general.flag("enable_oauth2_auth", &mut self.findings) == Some(true);
        let rules = format!("{}.routing_overrides", general.path("litellm_jwtauth"));
        if !enabled && overrides.is_empty() {
            return;
        }
        if enabled {
            self.findings.note(&path, true, KEYS_TOO);
        }
        let entry = if self.left_out_jwt {
            Err("without `jwt` it would be asked about tokens that LiteLLM verifies itself")
        } else {
            self.introspection(environment)
        };
        match entry {
            Ok(entry) => {
                let source = if enabled { path } else { rules.clone() };
                for text in [KNOWN, ACTIVE, ANY_AUDIENCE] {
                    self.findings.differ(&source, text);
                }
                self.target.set("oauth2.introspection", source, entry);
                if !overrides.is_empty() {
                    self.target.set("oauth2.routing_overrides", rules.clone(), overrides);
                }
                if !enabled {
                    self.findings.note(&rules, true, OPAQUE_TOO);
                }
            }
            Err(obstacle) => {
                if enabled {
                    self.findings.note(&path, false, format!("{obstacle}; {UNTIL_INTROSPECTION}"));
                }
                if !overrides.is_empty() {
                    self.findings.note(&rules, true, format!("{obstacle}; {VERIFIED_HERE}"));
                }
            }
        }
    }

    fn introspection(&mut self, environment: &mut Section) -> Result<Map<String, Value>, &'static str> {
        const SECRET: &str = "OAUTH_CLIENT_SECRET";
        let [url, id, user, role, team] = [
            "OAUTH_TOKEN_INFO_ENDPOINT",
            "OAUTH_CLIENT_ID",
            "OAUTH_USER_ID_FIELD_NAME",
            "OAUTH_USER_ROLE_FIELD_NAME",
            "OAUTH_USER_TEAM_ID_FIELD_NAME",
        ]
        .map(|name| environment.text(name, &mut self.findings));
        let path = environment.path(SECRET);
        let secret = environment.secret(SECRET, &mut self.findings);
        let given = |value: Option<String>| value.filter(|text| !text.is_empty());
        let url = given(url).ok_or("LiteLLM finds `OAUTH_TOKEN_INFO_ENDPOINT` in its environment")?;
        if !url.to_ascii_lowercase().contains("introspect") {
            return Err(
                "LiteLLM asks `OAUTH_TOKEN_INFO_ENDPOINT` by GET, and not as RFC 7662 says; find the server's introspection endpoint",
            );
        }
        let id = given(id).ok_or("the server has to know who asks, and `OAUTH_CLIENT_ID` is not here")?;
        let written = match secret {
            Some(text) if text.is_empty() => {
                return Err("the server has to know who asks, and `OAUTH_CLIENT_SECRET` is empty");
            }
            Some(written) => written,
            None => {
                let text = format!("it is not there; LiteLLM then reads `{SECRET}`, and so does the new configuration");
                self.findings.note(&path, false, text);
                format!("{ENVIRONMENT}{SECRET}")
            }
        };
        let written = self.find(&path, written, environment).ok_or("`OAUTH_CLIENT_SECRET` cannot be read")?;
        let secret = self.refer(written, SECRET_FILE);
        let mut entry = Map::new();
        for (name, value) in [("url", url), ("client_id", id), ("client_secret", secret)] {
            entry.insert(name.to_owned(), value.into());
        }
        // LiteLLM does not look at audiences.
        entry.insert("accept_any_audience".to_owned(), true.into());
        for (name, value) in [("user_id_field", given(user)), ("role_field", role), ("team_id_field", team)] {
            entry.extend(value.map(|value| (name.to_owned(), value.into())));
        }
        Ok(entry)
    }

    /// Headers of an oauth2-proxy.
    fn proxied(&mut self, general: &mut Section) {
        let path = general.path("enable_oauth2_proxy_auth");
        if general.flag("enable_oauth2_proxy_auth", &mut self.findings) != Some(true) {
            return;
        }
        self.findings.note(&path, true, OTHERS_TOO);
        let mut mappings = general.section("oauth2_config_mappings", &mut self.findings);
        let mut entry = Map::new();
        for name in PROXY_FIELDS {
            let header = mappings.text(name, &mut self.findings);
            entry.extend(header.map(|header| (name.to_owned(), header.into())));
        }
        let others = !mappings.names().is_empty();
        let networks = self.networks(general);
        let obstacle = match (entry.contains_key("user_id"), others, networks.is_empty()) {
            (false, ..) => {
                "`oauth2_config_mappings` names no header for `user_id`, and nobody is let in without a name"
            }
            (_, true, _) => {
                "`oauth2_config_mappings` names what no header can say, for which LiteLLM refuses every request"
            }
            (.., true) => "`trusted_proxy_ranges` names no network of the proxy",
            (true, false, false) => {
                entry.insert("trusted_networks".to_owned(), networks.into());
                self.findings.differ(&path, KNOWN);
                let text = "a request in which the proxy names no user needs a key, and one with a key as well is refused; `models` holds";
                self.findings.differ(&path, text);
                let text = "`trusted_proxy_ranges` are compared with whoever connects to Envoy, and no longer with who connects to LiteLLM";
                self.findings.differ(&path, text);
                return self.target.set("oauth2.proxy_headers", path, entry);
            }
        };
        let text = format!(
            "{obstacle}; its headers are not believed until `oauth2.proxy_headers` is written, see docs/oauth2.md"
        );
        self.findings.note(&path, false, text);
    }

    /// A list, or one text with commas. LiteLLM skips what is no network.
    fn networks(&mut self, general: &mut Section) -> Vec<String> {
        let path = general.path("trusted_proxy_ranges");
        let texts = general.one_or_more("trusted_proxy_ranges", &mut self.findings).unwrap_or_default();
        let mut networks = Vec::new();
        for text in texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|text| !text.is_empty()) {
            match peer::parse(text) {
                None => self.findings.note(&path, false, "one entry is no network, and LiteLLM skips it"),
                Some(network) if network.prefix_len() == 0 => {
                    self.findings.note(&path, false, "one entry is everybody; name the proxy's own network");
                }
                Some(_) => networks.push(text.to_owned()),
            }
        }
        networks
    }
}
