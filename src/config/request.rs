//! `request:` becomes the rules about requests and peers.

use super::compile::Section;
use super::raw::{RawFallbacks, RawRequest};
use crate::core::ask::rules::RequestRules;
use crate::core::header::HeaderName;
use crate::core::peer::{self, PeerRule};
use crate::core::record::permissions::is_param;

/// Compiles what requests may carry. `None` when that failed; the reasons were noted.
pub(super) fn compile(raw: &RawRequest, section: &mut Section<'_, '_>) -> Option<RequestRules> {
    let mut sound = true;
    let mut headers = Vec::new();
    for (index, name) in raw.end_user_headers.iter().enumerate() {
        if let Some(name) = HeaderName::new(name.clone()) {
            headers.push(name);
        } else {
            section.problem(&format!("request.end_user_headers[{index}]"), "it is no name of a request header");
            sound = false;
        }
    }
    for (index, name) in raw.enforced_params.iter().enumerate() {
        if !is_param(name) {
            section.problem(
                &format!("request.enforced_params[{index}]"),
                "it must be the name of a member, or `outer.inner`",
            );
            sound = false;
        }
    }
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
        end_user_headers: headers,
        enforced_params: raw.enforced_params.clone(),
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
