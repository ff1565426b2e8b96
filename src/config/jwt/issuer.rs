//! One entry of `jwt.issuers`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::claim_path;
use crate::authn::jwks::fetch::{Place, Remote, is_allowed};
use crate::authn::jwks::{KeySource, KeySpec};
use crate::authn::jwt::Source;
use crate::config::compile::Section;
use crate::config::raw::RawIssuer;
use crate::core::jwt::claims::Mapping;
use crate::core::jwt::moment::TimeRules;
use crate::core::jwt::refresh::RefreshRules;
use crate::core::jwt::required::RequiredClaim;
use crate::core::jwt::{Audience, Issuer, KeySet};

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Compiles an entry. `None` when that failed; the reasons were noted.
pub(super) fn compile(place: &str, raw: &RawIssuer, common: &Mapping, section: &mut Section<'_, '_>) -> Option<Source> {
    check_bounds(place, raw, section);
    let issuer = issuer(place, raw, section);
    let keys = keys(place, raw, section);
    let mapping = mapping(place, raw, common, section);
    let name = raw.issuer.clone().unwrap_or_else(|| "any".to_owned());
    Some(Source { issuer: issuer?, keys: Arc::new(KeySource::new(name, keys?)), mapping })
}

fn check_bounds(place: &str, raw: &RawIssuer, section: &mut Section<'_, '_>) {
    let lifetime = u64::from(raw.max_lifetime_seconds.unwrap_or(1));
    let bounds = [
        ("refresh_seconds", raw.refresh_seconds, 10, 86_400),
        ("max_stale_seconds", raw.max_stale_seconds, 0, 604_800),
        ("cooldown_seconds", raw.cooldown_seconds, 1, 3600),
        ("timeout_seconds", raw.timeout_seconds, 1, 60),
        ("leeway_seconds", u64::from(raw.leeway_seconds), 0, 300),
        ("max_lifetime_seconds", lifetime, 1, u64::from(u32::MAX)),
    ];
    for (name, value, least, most) in bounds {
        if !(least..=most).contains(&value) {
            section.problem(&format!("{place}.{name}"), format!("it must be between {least} and {most}"));
        }
    }
}

/// Whom tokens are for must be said, or said not to matter (W07).
fn issuer(place: &str, raw: &RawIssuer, section: &mut Section<'_, '_>) -> Option<Issuer> {
    if raw.issuer.is_some() == raw.any_issuer {
        section.problem(
            place,
            "say who issues the tokens, as `issuer`; or accept them from whomever no other entry is for, as `any_issuer: true`",
        );
    }
    let audience = match (&raw.audience, raw.disable_audience_validation) {
        (Some(listed), false) => Audience::OneOf(listed.listed()),
        (None, true) => Audience::Unchecked,
        (Some(_), true) | (None, false) => {
            section.problem(
                &format!("{place}.audience"),
                "say whom tokens must be for, as `audience`; or accept those for anybody, as `disable_audience_validation: true`",
            );
            return None;
        }
    };
    let lists = [
        ("audience", audience.listed()),
        ("types", raw.types.as_deref()),
        ("authorized_parties", raw.authorized_parties.as_deref()),
    ];
    for (name, list) in lists {
        if list.is_some_and(|list| list.is_empty() || list.iter().any(String::is_empty)) {
            section.problem(
                &format!("{place}.{name}"),
                "it is empty, or has an empty entry, which nothing is; leave it out",
            );
        }
    }
    let times = TimeRules {
        leeway: raw.leeway_seconds,
        expiry_optional: raw.allow_missing_exp,
        max_lifetime: raw.max_lifetime_seconds,
    };
    let (types, authorized_parties) = (raw.types.clone(), raw.authorized_parties.clone());
    Some(Issuer { issuer: raw.issuer.clone(), audience, times, types, authorized_parties })
}

fn keys(place: &str, raw: &RawIssuer, section: &mut Section<'_, '_>) -> Option<KeySpec> {
    if let Some(file) = &raw.jwks_file {
        check_only_file(place, raw, section);
        return key_file(&format!("{place}.jwks_file"), file, section);
    }
    let source = match (&raw.jwks_url, &raw.discovery_url, &raw.issuer) {
        (Some(_), Some(_), _) => {
            section.problem(place, "keys come from one place; keep one of `jwks_url`, `discovery_url` and `jwks_file`");
            return None;
        }
        (Some(url), None, _) => Place::Keys(url_at(&format!("{place}.jwks_url"), url, raw, section)?),
        (None, Some(url), Some(issuer)) => discovery(&format!("{place}.discovery_url"), url, issuer, raw, section)?,
        (None, None, Some(issuer)) => {
            let url = format!("{}{DISCOVERY}", issuer.trim_end_matches('/'));
            discovery(&format!("{place}.issuer"), &url, issuer, raw, section)?
        }
        (None, _, None) => {
            section.problem(
                place,
                "discovery is about one issuer; with `any_issuer`, name the keys as `jwks_url` or `jwks_file`",
            );
            return None;
        }
    };
    let authorities = match &raw.ca_file {
        Some(file) => Some(section.authorities(&format!("{place}.ca_file"), file)?),
        None => None,
    };
    let directory = section.file.parent().unwrap_or(Path::new("")).to_owned();
    let limit = Duration::from_secs(raw.timeout_seconds);
    let remote = Remote {
        place: source,
        http_on_loopback: raw.allow_http_on_loopback,
        authorities,
        token_file: raw.bearer_token_file.as_ref().map(|file| directory.join(file)),
        limit,
    };
    let rules = RefreshRules {
        every: Duration::from_secs(raw.refresh_seconds),
        stale: Duration::from_secs(raw.max_stale_seconds),
        cooldown: Duration::from_secs(raw.cooldown_seconds),
        limit,
        ..RefreshRules::default()
    };
    Some(KeySpec::Fetched { remote: Box::new(remote), rules })
}

fn discovery(place: &str, url: &str, issuer: &str, raw: &RawIssuer, section: &mut Section<'_, '_>) -> Option<Place> {
    let url = url_at(place, url, raw, section)?;
    Some(Place::Discovery { url, issuer: issuer.to_owned(), hosts: raw.jwks_hosts.clone() })
}

fn url_at(place: &str, text: &str, raw: &RawIssuer, section: &mut Section<'_, '_>) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| is_allowed(url, raw.allow_http_on_loopback));
    if url.is_none() {
        section.problem(
            place,
            "keys are fetched from `https://` only, without user name, password and fragment; `http://` to this machine needs `allow_http_on_loopback: true`",
        );
    }
    url
}

fn check_only_file(place: &str, raw: &RawIssuer, section: &mut Section<'_, '_>) {
    let others = [
        ("jwks_url", raw.jwks_url.is_some()),
        ("discovery_url", raw.discovery_url.is_some()),
        ("ca_file", raw.ca_file.is_some()),
        ("bearer_token_file", raw.bearer_token_file.is_some()),
        ("jwks_hosts", !raw.jwks_hosts.is_empty()),
    ];
    for (name, _) in others.iter().filter(|(_, is_there)| *is_there) {
        section.problem(&format!("{place}.{name}"), "the keys are in `jwks_file`, and nothing is fetched; remove one");
    }
}

fn key_file(place: &str, file: &Path, section: &mut Section<'_, '_>) -> Option<KeySpec> {
    let document = section.bytes(place, file)?;
    match KeySet::parse(&document) {
        Ok(keys) => {
            for (index, unusable) in keys.skipped() {
                section.warning(place, format!("the key at position {index} is not used: {unusable}"));
            }
            Some(KeySpec::Listed(Arc::new(keys)))
        }
        Err(bad) => {
            section.problem(place, format!("it holds no keys that can be used: {bad}"));
            None
        }
    }
}

/// A field of the issuer's own is final: where its claim is absent, the common field does not stand in (W20). Whoever
/// accepts tokens of anybody lets nobody's make administrators (S-119).
fn mapping(place: &str, raw: &RawIssuer, common: &Mapping, section: &mut Section<'_, '_>) -> Mapping {
    let mut mapping = common.clone();
    let fields = [
        ("user_id_jwt_field", &raw.user_id_jwt_field, &mut mapping.user_id_jwt_field),
        ("user_email_jwt_field", &raw.user_email_jwt_field, &mut mapping.user_email_jwt_field),
        ("team_id_jwt_field", &raw.team_id_jwt_field, &mut mapping.team_id_jwt_field),
        ("team_ids_jwt_field", &raw.team_ids_jwt_field, &mut mapping.team_ids_jwt_field),
        ("org_id_jwt_field", &raw.org_id_jwt_field, &mut mapping.org_id_jwt_field),
        ("end_user_id_jwt_field", &raw.end_user_id_jwt_field, &mut mapping.end_user_id_jwt_field),
    ];
    for (name, written, field) in fields {
        if written.is_some() {
            *field = claim_path(&format!("{place}.{name}"), written.as_deref(), section);
        }
    }
    mapping.required_claims = required(place, raw, section);
    mapping.email_is_verified = raw.email_is_verified;
    mapping.may_administer = raw.admins && !raw.any_issuer;
    mapping
}

fn required(place: &str, raw: &RawIssuer, section: &mut Section<'_, '_>) -> Vec<RequiredClaim> {
    let mut claims = Vec::new();
    for (name, texts) in &raw.required_claims {
        let place = format!("{place}.required_claims.{name}");
        let one_of = texts.listed();
        if one_of.is_empty() || one_of.iter().any(String::is_empty) {
            section.problem(
                &place,
                "it is empty, or has an empty entry; say what the claim must be, or leave it out".to_owned(),
            );
        }
        claims.extend(claim_path(&place, Some(name), section).map(|path| RequiredClaim { path, one_of }));
    }
    claims
}
