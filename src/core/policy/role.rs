//! Does the caller's role open the route? LiteLLM's chain, first matching branch first (spec section 7).

use super::{Asked, Facts, organization, pass_through, viewer};
use crate::core::deny::DenyReason;
use crate::core::record::Role;
use crate::core::route::catalogue::Class;
use crate::core::route::grant::PassedThrough;
use crate::core::route::groups::Group;

/// The chain. `admin_only` and the pass-through grant were asked before, so what is left of its first two
/// branches is to let the granted in.
pub(super) fn allowed(asked: &Asked<'_>) -> Result<(), DenyReason> {
    if asked.is_proxy_admin() || passed_through(asked) {
        return Ok(());
    }
    let viewer = asked.role() == Some(Role::ProxyAdminViewer);
    if viewer && !asked.rules.compat.viewer_inference {
        return viewer::allowed(asked);
    }
    if asked.groups().is_llm() {
        return Ok(());
    }
    if is_info(asked) {
        return own_info(asked);
    }
    if may_see_spend(asked) {
        return Ok(());
    }
    if viewer {
        return viewer::allowed(asked);
    }
    let opened = by_role(asked) || by_organization(asked)? || by_handler(asked) || by_litellm_grant(asked);
    if opened { Ok(()) } else { Err(DenyReason::RoleNotAllowed) }
}

/// A pass-through endpoint, or a public page that was asked for with a credential.
fn passed_through(facts: &Facts<'_>) -> bool {
    let class = facts.found.map(|found| found.route.class);
    match pass_through::state(facts) {
        PassedThrough::Granted => true,
        PassedThrough::Open => class == Some(Class::PassThrough),
        PassedThrough::NotGranted | PassedThrough::No => class == Some(Class::Public),
    }
}

/// `/health` calls every model, so it is no mere information (W19).
fn is_info(facts: &Facts<'_>) -> bool {
    let costs = facts.path == "/health" && !facts.rules.compat.health_is_info_route;
    facts.groups().has(Group::InfoRoutes) && !costs
}

/// `/user/info` is about oneself, unless the query says otherwise.
fn own_info(asked: &Asked<'_>) -> Result<(), DenyReason> {
    if asked.path != "/user/info" {
        return Ok(());
    }
    let ask = asked.ask?;
    match ask.managed.user_id.as_ref().map_err(|reason| *reason)? {
        Some(user) if asked.identity.user_id() != Some(user) => Err(DenyReason::AnotherUser),
        Some(_) | None => Ok(()),
    }
}

fn may_see_spend(facts: &Facts<'_>) -> bool {
    let permission = facts.identity.record().and_then(|key| key.terms.permissions.get_spend_routes);
    let permitted = permission == Some(true) || (facts.rules.compat.spend_permission_by_name && permission.is_some());
    permitted && facts.groups().has(Group::GlobalSpendTrackingRoutes)
}

/// What the role opens by itself. `org_admin`, `team` and `customer` open nothing here.
fn by_role(facts: &Facts<'_>) -> bool {
    match facts.role() {
        Some(Role::InternalUser) => facts.groups().has(Group::InternalUserRoutes),
        Some(Role::InternalUserViewer) => facts.groups().has(Group::InternalUserViewOnlyRoutes),
        Some(Role::ProxyAdmin | Role::ProxyAdminViewer | Role::OrgAdmin | Role::Team | Role::Customer) | None => false,
    }
}

fn by_organization(asked: &Asked<'_>) -> Result<bool, DenyReason> {
    Ok(asked.groups().has(Group::OrgAdminAllowedRoutes) && organization::administers_all(asked)?)
}

/// Routes whose handler decides whose objects these are. It needs somebody to decide about (W13).
fn by_handler(facts: &Facts<'_>) -> bool {
    let somebody = facts.identity.user_id().is_some() || facts.rules.compat.self_managed_without_user;
    somebody && (facts.groups().has(Group::SelfManagedRoutes) || facts.groups().has(Group::HandlerDecides))
}

/// LiteLLM's two lists that restrict and grant at once. Off by default (W5).
pub(super) fn by_litellm_grant(facts: &Facts<'_>) -> bool {
    let compat = facts.rules.compat;
    facts.identity.record().is_some_and(|key| {
        (compat.passthrough_grant_any_route && key.terms.pass_through.cover(facts.path))
            || (compat.allowed_routes_grant && key.terms.allowed_routes.names_path(facts.path))
    })
}
