//! `oauth2` becomes those who are asked about tokens, and the proxy that is believed.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::compile::Section;
use super::raw::{
    RawClientAuthentication, RawIntrospection, RawJwt, RawOauth2, RawOverridePath, RawProxyHeaders, RawRoutingOverride,
    RawUserInfo,
};
use crate::authn::oauth2::{ClientAuthentication, Introspection, IntrospectionSpec, UserInfo, UserInfoSpec};
use crate::authn::outside::Voucher;
use crate::authn::{Bounds, http};
use crate::core::extract::CREDENTIAL_HEADERS;
use crate::core::header::HeaderName;
use crate::core::jwt::Audience;
use crate::core::oauth2::RoleRule;
use crate::core::oauth2::introspection::{Fields, Terms};
use crate::core::oauth2::proxy_headers::{Names, ProxyHeaders};
use crate::core::oauth2::routing::{Claim, Rule, Rules};
use crate::core::peer;
use crate::core::record::Role;

/// What a section makes.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) introspection: Option<Voucher<Introspection>>,
    pub(super) overrides: Rules,
    pub(super) userinfo: Option<UserInfo>,
    pub(super) proxy: Option<Voucher<ProxyHeaders>>,
}

/// Compiles the section. `None` when that failed; the reasons were noted.
pub(super) fn compile(
    raw: &RawOauth2,
    jwt: Option<&RawJwt>,
    prefix: &str,
    section: &mut Section<'_, '_>,
) -> Option<Compiled> {
    if raw.introspection.is_some() && raw.userinfo.is_some() {
        section
            .problem("oauth2.userinfo", "both would be asked about the same tokens; keep it or `oauth2.introspection`");
    }
    if raw.introspection.is_none() && !raw.routing_overrides.is_empty() {
        section.problem("oauth2.routing_overrides", "they lead to `oauth2.introspection`, which is not there");
    }
    if jwt.is_none() && !raw.routing_overrides.is_empty() {
        section.problem("oauth2.routing_overrides", "without section `jwt` every token goes there anyway; remove them");
    }
    let issuers = jwt.into_iter().flat_map(|jwt| &jwt.issuers);
    let issuers: Vec<_> = issuers.filter_map(|one| one.issuer.as_deref()).collect();
    if raw.userinfo.as_ref().is_some_and(|userinfo| !issuers.contains(&userinfo.issuer.as_str())) {
        section.problem("oauth2.userinfo.issuer", "it is no issuer of `jwt.issuers`, which says what claims mean");
    }
    let introspection = raw.introspection.as_ref().map(|raw| introspection(raw, section));
    let overrides = overrides(&raw.routing_overrides, section);
    let userinfo = raw.userinfo.as_ref().map(|raw| userinfo(raw, section));
    let proxy = raw.proxy_headers.as_ref().map(|raw| proxy(raw, prefix, section));
    Some(Compiled { introspection: all(introspection)?, overrides, userinfo: all(userinfo)?, proxy: all(proxy)? })
}

/// Whether anybody may come in by the section.
pub(super) fn is_somebody(raw: &RawOauth2) -> bool {
    raw.introspection.is_some() || raw.userinfo.is_some() || raw.proxy_headers.is_some()
}

/// Absent, or what it became.
#[expect(clippy::option_option, reason = "absent and failed are different things")]
fn all<T>(compiled: Option<Option<T>>) -> Option<Option<T>> {
    match compiled {
        None => Some(None),
        Some(compiled) => compiled.map(Some),
    }
}

fn introspection(raw: &RawIntrospection, section: &mut Section<'_, '_>) -> Option<Voucher<Introspection>> {
    const ROOM: &str = "oauth2.introspection";
    let bounds = bounds(ROOM, (raw.max_cached, raw.max_questions, raw.deadline_ms, 50), section);
    for (name, seconds) in
        [("cache_seconds", raw.cache_seconds), ("negative_cache_seconds", raw.negative_cache_seconds)]
    {
        within(ROOM, name, seconds, (0, 60), section);
    }
    let url = url(ROOM, &raw.url, section);
    let secret = section.secret("oauth2.introspection.client_secret", &raw.client_secret);
    if raw.client_id.is_empty() {
        section.problem("oauth2.introspection.client_id", "it is empty; the server has to know who asks");
    }
    let audience = audience(raw, section);
    let roles = roles(ROOM, &raw.allowed_roles, section);
    let authorities = authorities(ROOM, raw.ca_file.as_ref(), section);
    let (url, authorities) = (url?, authorities?);
    let client = client(ROOM, &url, bounds.deadline, authorities.as_deref(), section);
    let given = |field: &String| (!field.is_empty()).then(|| field.clone());
    let fields = Fields {
        user_id: raw.user_id_field.clone(),
        email: raw.user_email_field.clone(),
        team_id: given(&raw.team_id_field),
        organization_id: raw.organization_id_field.clone(),
        end_user: raw.end_user_id_field.clone(),
        role: given(&raw.role_field),
        models: raw.models_field.clone(),
    };
    let spec = IntrospectionSpec {
        url,
        client_id: raw.client_id.clone(),
        client_secret: secret?,
        authentication: match raw.client_authentication {
            RawClientAuthentication::Basic => ClientAuthentication::Basic,
            RawClientAuthentication::Post => ClientAuthentication::Post,
        },
        terms: Terms { issuer: raw.issuer.clone(), audience: audience?, fields, roles: roles? },
        keep_active: Duration::from_secs(raw.cache_seconds),
        keep_refused: Duration::from_secs(raw.negative_cache_seconds),
        bounds,
        authorities,
    };
    Some(Voucher { who: Introspection::new(spec, client?), allow_unknown_users: raw.allow_unknown_users })
}

/// Whom tokens are for is said one way or the other (W23).
fn audience(raw: &RawIntrospection, section: &mut Section<'_, '_>) -> Option<Audience> {
    const PLACE: &str = "oauth2.introspection.audiences";
    match (raw.audiences.as_slice(), raw.accept_any_audience) {
        ([], true) => Some(Audience::Unchecked),
        ([], false) => {
            section.problem(PLACE, "say whom tokens must be for, or `accept_any_audience: true`");
            None
        }
        (_, true) => {
            section.problem(PLACE, "`accept_any_audience` would make it meaningless; remove one");
            None
        }
        (audiences, false) => Some(Audience::OneOf(audiences.to_vec())),
    }
}

fn overrides(raw: &[RawRoutingOverride], section: &mut Section<'_, '_>) -> Rules {
    let mut rules = Vec::new();
    for (number, rule) in raw.iter().enumerate() {
        let RawRoutingOverride { iss, client_id, scope, aud, path: RawOverridePath::Oauth2 } = rule;
        let selectors: [(Claim, &str, Option<&Vec<String>>); 4] = [
            (Claim::Iss, "iss", Some(iss)),
            (Claim::ClientId, "client_id", client_id.as_ref()),
            (Claim::Scope, "scope", scope.as_ref()),
            (Claim::Aud, "aud", aud.as_ref()),
        ];
        let mut compiled = Vec::new();
        for (claim, name, values) in selectors {
            let Some(values) = values.cloned() else { continue };
            if values.is_empty() {
                let place = format!("oauth2.routing_overrides[{number}].{name}");
                section.problem(&place, "an empty list matches no token; remove it, or name somebody");
            }
            compiled.push((claim, values));
        }
        rules.push(Rule::new(compiled));
    }
    Rules(rules)
}

fn userinfo(raw: &RawUserInfo, section: &mut Section<'_, '_>) -> Option<UserInfo> {
    const ROOM: &str = "oauth2.userinfo";
    let bounds = bounds(ROOM, (raw.max_cached, raw.max_questions, raw.deadline_ms, 50), section);
    within(ROOM, "cache_seconds", raw.cache_seconds, (0, 60), section);
    let url = url(ROOM, &raw.url, section);
    let authorities = authorities(ROOM, raw.ca_file.as_ref(), section);
    let (url, authorities) = (url?, authorities?);
    let client = client(ROOM, &url, bounds.deadline, authorities.as_deref(), section)?;
    let spec = UserInfoSpec {
        url,
        issuer: raw.issuer.clone(),
        keep: Duration::from_secs(raw.cache_seconds),
        bounds,
        authorities,
    };
    Some(UserInfo::new(spec, client))
}

fn proxy(raw: &RawProxyHeaders, prefix: &str, section: &mut Section<'_, '_>) -> Option<Voucher<ProxyHeaders>> {
    let mut networks = Vec::new();
    for (number, text) in raw.trusted_networks.iter().enumerate() {
        let place = format!("oauth2.proxy_headers.trusted_networks[{number}]");
        match peer::parse(text) {
            Some(network) if network.prefix_len() == 0 => {
                section.problem(&place, "that is everybody; name the proxy's own network");
            }
            Some(network) => networks.push(network),
            None => section.problem(&place, "it is no network such as `10.0.0.0/8`, and no address"),
        }
    }
    let mut names = [
        ("user_id", Some(&raw.user_id)),
        ("user_email", raw.user_email.as_ref()),
        ("team_id", raw.team_id.as_ref()),
        ("team_alias", raw.team_alias.as_ref()),
        ("org_id", raw.org_id.as_ref()),
        ("models", raw.models.as_ref()),
    ]
    .map(|(field, name)| name.map(|name| header(&format!("oauth2.proxy_headers.{field}"), name, prefix, section)))
    .into_iter();
    let mut next = || all(names.next().flatten());
    let (user_id, user_email, team_id, team_alias, org_id, models) = (next(), next(), next(), next(), next(), next());
    let names = Names {
        user_id: user_id??,
        user_email: user_email?,
        team_id: team_id?,
        team_alias: team_alias?,
        org_id: org_id?,
        models: models?,
    };
    if raw.trusted_principals.iter().any(String::is_empty) {
        section.problem("oauth2.proxy_headers.trusted_principals", "an empty name is whoever has no certificate");
        return None;
    }
    let headers = ProxyHeaders::new(networks, raw.trusted_principals.clone(), names);
    if headers.is_none() {
        section.problem(
            "oauth2.proxy_headers",
            "nobody is believed; name the proxy in `trusted_networks` or `trusted_principals`",
        );
    }
    Some(Voucher { who: headers?, allow_unknown_users: raw.allow_unknown_users })
}

/// A header that is removed from every request.
fn header(place: &str, name: &str, prefix: &str, section: &mut Section<'_, '_>) -> Option<HeaderName> {
    let header = HeaderName::new(name);
    let Some(header) = header else {
        section.problem(place, "it is no name of a request header");
        return None;
    };
    let taken = CREDENTIAL_HEADERS.contains(&header.as_str()) || header.as_str().starts_with(prefix);
    let used = ["content-type", "cookie", "user-agent", "accept", "x-request-id"].contains(&header.as_str());
    if taken || used {
        section.problem(place, "the header means something else, and would be removed from every request");
        return None;
    }
    Some(header)
}

pub(super) fn roles(room: &str, written: &[String], section: &mut Section<'_, '_>) -> Option<RoleRule> {
    let place = format!("{room}.allowed_roles");
    let mut roles = Vec::new();
    for text in written {
        match Role::parse(text) {
            Some(role) => roles.push(role),
            None => section.problem(&place, "there is a role that LiteLLM does not have"),
        }
    }
    let complete = roles.len() == written.len();
    let rule = RoleRule::only(roles);
    if rule.is_none() {
        section.problem(&place, "nobody becomes proxy administrator by the word of others; remove that role");
    }
    rule.filter(|_| complete)
}

/// Certificates in PEM, where a file is named.
#[expect(clippy::option_option, reason = "absent and failed are different things")]
pub(super) fn authorities(
    room: &str,
    file: Option<&PathBuf>,
    section: &mut Section<'_, '_>,
) -> Option<Option<Vec<u8>>> {
    match file {
        None => Some(None),
        Some(file) => section.authorities(&format!("{room}.ca_file"), file).map(Some),
    }
}

/// Checks what every service has.
pub(super) fn bounds(
    room: &str,
    (entries, questions, deadline, least): (usize, usize, u64, u64),
    section: &mut Section<'_, '_>,
) -> Bounds {
    within(room, "max_cached", entries as u64, (1, 1_000_000), section);
    within(room, "max_questions", questions as u64, (2, 1024), section);
    within(room, "deadline_ms", deadline, (least, 3000), section);
    Bounds { entries, questions: questions / 2, deadline: Duration::from_millis(deadline) }
}

pub(super) fn within(room: &str, name: &str, value: u64, (least, most): (u64, u64), section: &mut Section<'_, '_>) {
    if !(least..=most).contains(&value) {
        section.problem(&format!("{room}.{name}"), format!("it must be between {least} and {most}"));
    }
}

/// Tokens and secrets go there: over TLS, or not beyond this machine.
pub(super) fn url(room: &str, written: &str, section: &mut Section<'_, '_>) -> Option<Url> {
    let place = format!("{room}.url");
    let Ok(url) = Url::parse(written) else {
        section.problem(&place, "it is no URL such as `https://idp.example.com/introspect`");
        return None;
    };
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if !bare {
        section.problem(&place, "it must hold neither a name, nor a password, nor a fragment");
    }
    if !safe {
        section.problem(&place, "it must be `https://…`; `http://…` is for this machine alone, as `127.0.0.1`");
    }
    (bare && safe && url.has_host()).then_some(url)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn client(
    room: &str,
    url: &Url,
    deadline: Duration,
    authorities: Option<&[u8]>,
    section: &mut Section<'_, '_>,
) -> Option<reqwest::Client> {
    let client = http::client(deadline, url.scheme() == "https", authorities);
    client.map_err(|text| section.problem(&format!("{room}.ca_file"), text)).ok()
}
