//! May the caller use this route?

use super::Facts;
use crate::core::deny::DenyReason;

/// Only an administrator of the proxy reaches a path the catalogue does not know (W4).
pub(super) fn known(facts: &Facts<'_>) -> Result<(), DenyReason> {
    if facts.found.is_some() || facts.is_proxy_admin() { Ok(()) } else { Err(DenyReason::RouteUnknown) }
}

/// A known route answers only to its own methods.
pub(super) fn method(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let expected = facts.found.is_none_or(|found| found.route.expects(facts.method));
    if expected { Ok(()) } else { Err(DenyReason::MethodNotAllowed) }
}

/// The key's `allowed_routes` (LiteLLM AUTHZ-23). It restricts administrators too (OR7).
pub(super) fn allowed_by_key(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let route = facts.found.map(|found| found.route);
    let allowed = facts.identity.key().is_none_or(|key| key.allowed_routes.covers(facts.path, route));
    if allowed { Ok(()) } else { Err(DenyReason::RouteNotAllowed) }
}
