//! `litellm_jwtauth`: almost everything has its name here. What cannot be carried over and restricts callers leaves all
//! of it out: tokens are refused then, and not let in by less.

use serde_json::{Map, Value, json};

use super::general::Import;
use super::outside::AUTHENTICATOR;
use super::source::{ENVIRONMENT, Findings, Section};

const VALIDATION: &str = "code decides there about every token; here a service of your own does, by `Validate` of \
                          docs/custom-authenticator.md: tokens are let in only once it is at `custom_authenticator.url`";

/// Fields with the same name and meaning.
const SAME: [&str; 30] = [
    "admin_allowed_routes",
    "team_id_jwt_field",
    "team_id_upsert",
    "team_ids_jwt_field",
    "team_allowed_routes",
    "team_id_default",
    "team_alias_jwt_field",
    "org_id_jwt_field",
    "org_alias_jwt_field",
    "user_id_jwt_field",
    "user_email_jwt_field",
    "user_allowed_email_domain",
    "user_roles_jwt_field",
    "user_allowed_roles",
    "user_id_upsert",
    "end_user_id_jwt_field",
    "enforce_rbac",
    "roles_jwt_field",
    "role_mappings",
    "object_id_jwt_field",
    "enforce_scope_based_access",
    "enforce_team_based_model_access",
    "jwt_litellm_role_map",
    "sync_user_role_and_teams",
    "virtual_key_claim_field",
    "unregistered_jwt_client_behavior",
    "team_claim_fallback",
    "scope_mappings",
    "admin_jwt_scope",
    "role_permissions",
];
/// Fields of an issuer with the same name and meaning.
const OF_ISSUER: [&str; 9] = [
    "issuer",
    "jwks_url",
    "audience",
    "user_id_jwt_field",
    "user_email_jwt_field",
    "team_id_jwt_field",
    "team_ids_jwt_field",
    "org_id_jwt_field",
    "end_user_id_jwt_field",
];

impl Import {
    /// Verified tokens, and the rules for those that an authorization server is asked about.
    pub(super) fn tokens(&mut self, general: &mut Section, environment: &mut Section) -> Vec<Value> {
        let enabled = general.flag("enable_jwt_auth", &mut self.findings) == Some(true);
        let path = general.path("litellm_jwtauth");
        let mut section = general.section("litellm_jwtauth", &mut self.findings);
        if !enabled {
            section.leave(&mut self.findings);
            return Vec::new();
        }
        let mut jwt = Map::new();
        // What LiteLLM has without being told.
        jwt.insert("admin_jwt_scope".to_owned(), json!("litellm_proxy_admin"));
        let old = section.take("jwt_client_id_field");
        jwt.extend(old.map(|field| ("virtual_key_claim_field".to_owned(), field)));
        for name in SAME {
            jwt.extend(section.take(name).map(|value| (name.to_owned(), value)));
        }
        let permissions = general.take("role_permissions").filter(|_| jwt.get("enforce_rbac") == Some(&json!(true)));
        jwt.extend(permissions.map(|value| ("role_permissions".to_owned(), value)));
        for mapping in jwt.get_mut("scope_mappings").and_then(Value::as_array_mut).into_iter().flatten() {
            // Never read there.
            mapping.as_object_mut().and_then(|mapping| mapping.remove("routes"));
        }
        let refresh = section.number("public_key_ttl", &mut self.findings);
        let issuers = issuers(&mut section, environment, refresh, &mut self.findings);
        let code_path = section.path("custom_validate");
        let code = section.text("custom_validate", &mut self.findings).is_some();
        let overrides = overrides(&mut section, &mut self.findings);
        section.leave(&mut self.findings);
        let unknown = jwt.values().any(|value| value.as_str().is_some_and(|text| text.starts_with(ENVIRONMENT)));
        let obstacle = if issuers.is_empty() {
            "nobody is named whose tokens are accepted: LiteLLM finds `JWT_PUBLIC_KEY_URL`, `JWT_ISSUER` and `JWT_AUDIENCE` in its environment"
        } else if unknown {
            "a field refers to the environment; write the value itself"
        } else {
            self.differences(&path, &jwt, &issuers);
            jwt.insert("issuers".to_owned(), Value::Array(issuers));
            self.target.set("jwt", path, Value::Object(jwt));
            if code {
                self.findings.note(&code_path, true, VALIDATION);
                self.target.set("custom_authenticator.url", code_path.clone(), AUTHENTICATOR);
                self.target.set("custom_authenticator.validate_claims", code_path, true);
            }
            return overrides;
        };
        self.left_out_jwt = true;
        let text = format!("{obstacle}; tokens are refused until `jwt` is written, see docs/identity-providers.md");
        self.findings.note(&path, false, text);
        overrides
    }
}

/// What LiteLLM routes to its authorization server. A selector is a text or a list, and an empty list matches nothing.
fn overrides(section: &mut Section, findings: &mut Findings) -> Vec<Value> {
    let path = section.path("routing_overrides");
    let mut rules = Vec::new();
    for (index, rule) in section.list("routing_overrides", findings).into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        let mut rule = Section::of(path.clone(), rule, findings);
        let mut entry = Map::new();
        for name in ["iss", "client_id", "scope", "aud"] {
            let values = rule.one_or_more(name, findings);
            entry.extend(values.map(|values| (name.to_owned(), json!(values))));
        }
        rule.take("path");
        rule.leave(findings);
        if !entry.contains_key("iss") {
            findings.problem(&path, "`iss` is missing");
        } else if entry.values().any(|values| *values == json!([])) {
            findings.note_entry(&path, false, "one of its lists is empty, so that it matches no token");
        } else {
            rules.push(Value::Object(entry));
        }
    }
    rules
}

fn issuers(
    section: &mut Section,
    environment: &mut Section,
    refresh: Option<f64>,
    findings: &mut Findings,
) -> Vec<Value> {
    let path = section.path("issuers");
    let mut issuers = Vec::new();
    for (index, issuer) in section.list("issuers", findings).into_iter().enumerate() {
        let mut issuer = Section::of(format!("{path}[{index}]"), issuer, findings);
        let mut entry = Map::new();
        for name in OF_ISSUER {
            entry.extend(issuer.take(name).map(|value| (name.to_owned(), value)));
        }
        if issuer.flag("disable_audience_validation", findings) == Some(true) {
            entry.insert("disable_audience_validation".to_owned(), json!(true));
        }
        issuer.leave(findings);
        issuers.push(entry);
    }
    issuers.extend(global(environment, findings));
    let seconds = refresh.map(|seconds| seconds.clamp(10.0, 86_400.0).round());
    let with_refresh = |mut entry: Map<String, Value>| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was clamped")]
        entry.extend(seconds.map(|seconds| ("refresh_seconds".to_owned(), json!(seconds as u64))));
        Value::Object(entry)
    };
    issuers.into_iter().map(with_refresh).collect()
}

/// LiteLLM's own path for tokens of whatever issuer, where its configuration sets the variables of it.
fn global(environment: &mut Section, findings: &mut Findings) -> Option<Map<String, Value>> {
    let mut variable = |name: &str| environment.text(name, findings).filter(|text| !text.is_empty());
    let (url, issuer, audience) = (variable("JWT_PUBLIC_KEY_URL")?, variable("JWT_ISSUER"), variable("JWT_AUDIENCE"));
    let mut entry = Map::new();
    let place = if url.contains(".well-known/openid-configuration") { "discovery_url" } else { "jwks_url" };
    entry.insert(place.to_owned(), json!(url));
    match issuer {
        Some(issuer) => entry.insert("issuer".to_owned(), json!(issuer)),
        None => entry.insert("any_issuer".to_owned(), json!(true)),
    };
    match audience {
        Some(audience) => entry.insert("audience".to_owned(), json!(audience)),
        None => entry.insert("disable_audience_validation".to_owned(), json!(true)),
    };
    Some(entry)
}
