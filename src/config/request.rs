//! `request:` becomes the rules about requests and peers.

use super::compile::Section;
use super::raw::{RawEndUsers, RawFallbacks, RawRequest};
use crate::core::ask::rules::RequestRules;
use crate::core::budget::Amount;
use crate::core::header::HeaderName;
use crate::core::peer::{self, PeerRule};
use crate::core::record::permissions::is_param;

/// Compiles what requests may carry. `None` when that failed; the reasons were noted.
pub(super) fn compile(
    raw: &RawRequest,
    end_users: &RawEndUsers,
    proxy_budget: Option<f64>,
    section: &mut Section<'_, '_>,
) -> Option<RequestRules> {
    let mut sound = true;
    let mut headers = Vec::new();
    for (index, name) in raw.end_user_headers.iter().enumerate() {
        if let Some(name) = HeaderName::new(name) {
            headers.push(name);
        } else {
            section.problem(&format!("request.end_user_headers[{index}]"), "it is no name of a request header");
            sound = false;
        }
    }
    for (list, names) in [
        ("enforced_params", &raw.enforced_params),
        ("service_account_enforced_params", &raw.service_account_enforced_params),
    ] {
        for index in names.iter().enumerate().filter(|(_, name)| !is_param(name)).map(|(index, _)| index) {
            section.problem(&format!("request.{list}[{index}]"), "it must be the name of a member, or `outer.inner`");
            sound = false;
        }
    }
    let amount = proxy_budget.map(Amount::new);
    if amount == Some(None) {
        section.problem("proxy_budget", "it must be an amount of US dollars: a finite number, zero or more");
        sound = false;
    }
    let proxy_budget = amount.flatten();
    if raw.max_bytes == Some(0) {
        section.problem("request.max_bytes", "it must be at least 1");
        sound = false;
    }
    sound.then(|| RequestRules {
        refuse_fallbacks: raw.fallbacks == RawFallbacks::Refuse,
        allow_client_credentials: raw.allow_client_credentials,
        allowed_parameters: raw.allowed_parameters.iter().cloned().collect(),
        reject_client_tags: raw.reject_client_tags,
        require_user: raw.require_user,
        max_bytes: raw.max_bytes,
        unseen_uploads: raw.unseen_uploads,
        end_user_headers: headers,
        enforced_params: raw.enforced_params.clone(),
        service_account_enforced_params: raw.service_account_enforced_params.clone(),
        validate_end_user: end_users.validate,
        proxy_budget,
    })
}

/// Compiles where requests may come from. `None` when that failed; the reasons were noted.
pub(super) fn peers(raw: &RawRequest, section: &mut Section<'_, '_>) -> Option<PeerRule> {
    let Some(written) = &raw.allowed_ips else {
        return Some(PeerRule::default());
    };
    if written.is_empty() {
        section.problem("request.allowed_ips", "it lets nobody in; name networks, or leave it out");
        return None;
    }
    let mut networks = Vec::new();
    for (index, text) in written.iter().enumerate() {
        match peer::parse(text) {
            Some(network) => networks.push(network),
            None => section.problem(
                &format!("request.allowed_ips[{index}]"),
                "it is no network; write it like `10.0.0.0/8`, or one address",
            ),
        }
    }
    (networks.len() == written.len()).then(|| PeerRule::only(networks))
}
