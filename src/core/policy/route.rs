//! May anybody, or this key, use this route?

use super::{Facts, pass_through, role};
use crate::core::deny::DenyReason;
use crate::core::identity::Identity;
use crate::core::record::Role;
use crate::core::route::catalogue::Class;
use crate::core::route::grant::{Coverage, Request};
use crate::core::route::groups::Group;

/// Only an administrator of the proxy reaches a path the catalogue does not know (W4).
pub(super) fn known(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let viewer = facts.rules.compat.viewer_reads_anything && facts.role() == Some(Role::ProxyAdminViewer);
    let known = facts.found.is_some() || facts.is_proxy_admin() || viewer || role::by_litellm_grant(facts);
    if known { Ok(()) } else { Err(DenyReason::RouteUnknown) }
}

/// A known route answers only to its own methods.
pub(super) fn method(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let expected = facts.found.is_none_or(|found| found.route.expects(facts.method));
    if expected { Ok(()) } else { Err(DenyReason::MethodNotAllowed) }
}

/// Three routes answer to the master key alone, keys of administrators included (LiteLLM LOOK-7).
pub(super) fn master_only(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let reserved = facts.groups().has(Group::MasterKeyOnlyRoutes);
    let master = matches!(facts.identity, Identity::MasterKey);
    if reserved && !master { Err(DenyReason::MasterKeyOnly) } else { Ok(()) }
}

/// The deployment's own list, which binds the master key too (LiteLLM PRE-4).
pub(super) fn offered(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let offered = facts.rules.allowed.as_ref().is_none_or(|list| list.holds(facts.path, facts.found));
    if offered { Ok(()) } else { Err(DenyReason::RouteNotOffered) }
}

/// The deployment's switches, which bind everybody. A route nobody knows is administration: only an
/// administrator reaches it (W16). The list of models stays open.
pub(super) fn enabled(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let llm = facts.groups().is_llm();
    let (inference, administration) = match facts.found.map(|found| (found.route.class, found.route.id)) {
        Some((_, "models") | (Class::Public, _)) => (false, false),
        Some((Class::LlmApi | Class::PassThrough | Class::Custom, _)) => (true, false),
        Some((Class::Management, _)) => (llm, !llm),
        None => (false, true),
    };
    let disabled = (inference && facts.rules.disable_llm_api) || (administration && facts.rules.disable_admin);
    if disabled { Err(DenyReason::RouteDisabled) } else { Ok(()) }
}

/// The key's `allowed_routes` (LiteLLM AUTHZ-23). It restricts administrators too (OR7).
pub(super) fn allowed_by_key(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let Some(key) = facts.identity.record() else {
        return Ok(());
    };
    let request = Request {
        path: facts.path,
        method: facts.method,
        groups: facts.groups(),
        pass_through: pass_through::state(facts),
    };
    match key.terms.allowed_routes.covers(&request) {
        Coverage::Covered => Ok(()),
        Coverage::PassThroughNotGranted => Err(DenyReason::PassThroughNotGranted),
        Coverage::NotCovered => Err(DenyReason::RouteNotAllowed),
    }
}

/// Routes the deployment keeps for administrators.
pub(super) fn admin_only(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let reserved = facts.rules.admin_only.holds(facts.path, facts.found);
    if reserved && !facts.is_proxy_admin() { Err(DenyReason::AdminOnly) } else { Ok(()) }
}
