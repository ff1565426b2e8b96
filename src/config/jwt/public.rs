//! Issuers that give anybody a token, beside settings that let in whom nobody has registered.

use crate::config::compile::Section;
use crate::config::raw::{RawIssuer, RawJwt, RawUnregistered};

/// What these issuers put into `iss`, and where their keys are, without `https://`. Others do the same: this is no list
/// of all.
const PUBLIC: [&str; 14] = [
    "accounts.google.com",
    "www.googleapis.com/oauth2",
    "token.actions.githubusercontent.com",
    "login.microsoftonline.com/common",
    "login.microsoftonline.com/organizations",
    "login.microsoftonline.com/consumers",
    // The tenant of personal accounts.
    "login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad",
    "login.live.com",
    "appleid.apple.com",
    "www.facebook.com",
    "slack.com",
    "gitlab.com",
    "agent.buildkite.com",
    "app.terraform.io",
];

/// Notes each public issuer whose tokens nothing narrows, where not everybody must be known: the world would write rows,
/// or ask without one.
pub(super) fn check(raw: &RawJwt, section: &mut Section<'_, '_>) {
    if raw.user_allowed_email_domain.is_some() {
        return;
    }
    for (index, issuer) in raw.issuers.iter().enumerate() {
        if !is_public(issuer) || !issuer.required_claims.is_empty() {
            continue;
        }
        if let Some(setting) = lets_strangers_in(raw, issuer) {
            section.problem(
                &format!("jwt.issuers[{index}].required_claims"),
                format!("anybody can have a token of this issuer, and `{setting}` lets in whom nobody has registered; say which claim makes a token yours, or remove one of the two"),
            );
        }
    }
}

/// By whose `iss` or keys anybody's tokens are accepted. Keys that are named apart count, for the issuer may be any.
fn is_public(issuer: &RawIssuer) -> bool {
    let names = [&issuer.issuer, &issuer.discovery_url, &issuer.jwks_url];
    names.into_iter().flatten().any(|name| {
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("https://").unwrap_or(&name);
        PUBLIC.iter().any(|public| below(name, public))
    })
}

fn below(name: &str, public: &str) -> bool {
    let rest = name.strip_prefix(public);
    rest.is_some_and(|rest| rest.trim_end_matches('/').is_empty() || rest.starts_with('/'))
}

/// A setting by which somebody comes in of whom no row says anything.
fn lets_strangers_in(raw: &RawJwt, issuer: &RawIssuer) -> Option<&'static str> {
    let names_user = raw.user_id_jwt_field.is_some() || issuer.user_id_jwt_field.is_some();
    let registers = raw.unregistered_jwt_client_behavior == RawUnregistered::AutoRegister;
    let settings = [
        (raw.user_id_upsert, "user_id_upsert"),
        (raw.team_id_upsert, "team_id_upsert"),
        (registers, "unregistered_jwt_client_behavior"),
        (raw.allow_anonymous_jwt, "allow_anonymous_jwt"),
        (raw.team_id_default.is_some() && !names_user, "team_id_default"),
    ];
    settings.into_iter().find_map(|(on, name)| on.then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_issuer_is_known_by_its_name_or_its_keys() {
        let of = |text: &str| is_public(&serde_json::from_str(text).unwrap());
        for public in [
            r#"{"issuer":"https://accounts.google.com"}"#,
            r#"{"issuer":"accounts.google.com"}"#,
            r#"{"issuer":"https://accounts.google.com/"}"#,
            r#"{"issuer":"https://token.actions.githubusercontent.com"}"#,
            r#"{"issuer":"https://login.microsoftonline.com/common/v2.0"}"#,
            r#"{"issuer":"https://login.microsoftonline.com/9188040D-6c67-4c5b-b112-36a304b66dad/v2.0"}"#,
            r#"{"any_issuer":true,"jwks_url":"https://login.microsoftonline.com/organizations/discovery/v2.0/keys"}"#,
            r#"{"any_issuer":true,"jwks_url":"https://www.googleapis.com/oauth2/v3/certs"}"#,
            r#"{"issuer":"x","discovery_url":"https://token.actions.githubusercontent.com/.well-known/openid-configuration"}"#,
        ] {
            assert!(of(public), "{public}");
        }
        for own in [
            r#"{"issuer":"https://accounts.google.com.example.com"}"#,
            r#"{"issuer":"https://idp.example.com/accounts.google.com"}"#,
            r#"{"issuer":"https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0"}"#,
            r#"{"issuer":"https://login.microsoftonline.com/commons.example.com/v2.0"}"#,
            r#"{"issuer":"https://gitlab.com.example"}"#,
            r#"{"any_issuer":true,"jwks_url":"https://idp.example.com/keys"}"#,
        ] {
            assert!(!of(own), "{own}");
        }
    }
}
