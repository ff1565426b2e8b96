//! `custom_authenticator` becomes a service that is asked.

use std::time::Duration;

use reqwest::Url;

use super::compile::Section;
use super::oauth2::{authorities, bounds, is_loopback, roles, within};
use super::raw::{RawAsked, RawCustomAuthenticator};
use crate::authn::custom::{Asked, Custom, CustomSpec, Line};
use crate::authn::outside::Voucher;
use crate::core::extract::CREDENTIAL_HEADERS;
use crate::core::header::HeaderName;

const ROOM: &str = "custom_authenticator";
/// Headers it may be told, at most.
const MAX_HEADERS: usize = 32;

/// Compiles the section. `None` when that failed; the reasons were noted.
pub(super) fn compile(raw: &RawCustomAuthenticator, section: &mut Section<'_, '_>) -> Option<Voucher<Custom>> {
    let bounds = bounds(ROOM, (raw.max_cached, raw.max_questions, raw.deadline_ms, 10), section);
    within(ROOM, "cache_seconds", raw.cache_seconds, (0, 300), section);
    if raw.credentials.is_empty() && !raw.validate_claims {
        section.problem(
            "custom_authenticator.credentials",
            "it would never be asked; list `opaque`, `jwt` or both, or set `validate_claims`",
        );
    }
    let safe = is_safe(&raw.url);
    if !safe {
        section.problem(
            "custom_authenticator.url",
            "it must be `https://HOST:PORT`, `unix:///PATH`, or `http://` on this machine, as `http://127.0.0.1:50051`",
        );
    }
    let headers = headers(&raw.headers, section);
    let roles = roles(ROOM, &raw.allowed_roles, section);
    let authorities = authorities(ROOM, raw.ca_file.as_ref(), section)?;
    let line = safe.then(|| Line::new(&raw.url, bounds.deadline, authorities.as_deref()))?;
    let line = line.map_err(|text| section.problem("custom_authenticator.url", text)).ok()?;
    let spec = CustomSpec {
        url: raw.url.clone(),
        credentials: Asked {
            opaque: raw.credentials.contains(&RawAsked::Opaque),
            jwt: raw.credentials.contains(&RawAsked::Jwt),
        },
        validates_claims: raw.validate_claims,
        headers: headers?,
        roles: roles?,
        keep: Duration::from_secs(raw.cache_seconds),
        bounds,
        authorities,
    };
    Some(Voucher { who: Custom::new(spec, line), allow_unknown_users: raw.allow_unknown_users })
}

/// Credentials go there.
fn is_safe(written: &str) -> bool {
    if let Some(path) = written.strip_prefix("unix://") {
        return path.starts_with('/') && path.len() > 1;
    }
    Url::parse(written).is_ok_and(|url| {
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        bare && url.path() == "/" && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)))
    })
}

fn headers(written: &[String], section: &mut Section<'_, '_>) -> Option<Vec<HeaderName>> {
    const PLACE: &str = "custom_authenticator.headers";
    if written.len() > MAX_HEADERS {
        section.problem(PLACE, format!("there are more than {MAX_HEADERS}"));
        return None;
    }
    let names: Option<Vec<_>> = written.iter().map(|name| HeaderName::new(name)).collect();
    if names.is_none() {
        section.problem(PLACE, "there is one that is no name of a request header");
    }
    let names = names?;
    if names.iter().any(|name| CREDENTIAL_HEADERS.contains(&name.as_str())) {
        section.problem(PLACE, "there is one that carries credentials; the credential is told anyway, as one");
        return None;
    }
    Some(names)
}
