//! Does the caller administer the organisation the request is about? (spec section 8)

use super::Asked;
use crate::core::deny::DenyReason;
use crate::core::record::Role;
use crate::core::route::groups::Group;

/// An organisation's id, and the role in it.
type Membership = (String, Option<Role>);

/// The rule before the role chain. It asks only owners of keys and bearers of tokens; others have no role and end
/// there. A bearer without a row administers nothing.
///
/// The organisation is the one the request names. Whether the object that is changed belongs to it, only
/// the upstream's handler knows (W14).
pub(super) fn allowed(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let somebody = asked.identity.user().is_some() || asked.identity.bearer().is_some();
    if !somebody || asked.is_proxy_admin() {
        return Ok(());
    }
    let memberships = asked.identity.user().map(|user| user.memberships.as_slice()).unwrap_or_default();
    let one = asked.groups().has(Group::OrgAdminOnlyRoutes);
    match asked.path {
        "/organization/new" => Err(DenyReason::OrganizationNotAllowed),
        "/team/new" if memberships.is_empty() => Ok(()),
        "/team/new" => administers_named(asked, memberships),
        _ if one => administers_named(asked, memberships),
        _ => Ok(()),
    }
}

fn administers_named(asked: &Asked<'_>, memberships: &[Membership]) -> Result<(), DenyReason> {
    let ask = asked.ask?;
    let id = ask.managed.organization_id.as_ref().map_err(|reason| *reason)?;
    let administers = id.as_deref().is_some_and(|id| administers(memberships, id));
    if administers { Ok(()) } else { Err(DenyReason::OrganizationNotAllowed) }
}

/// Whether the caller administers every organisation the request names, of which there is at least one.
pub(super) fn administers_all(asked: &Asked<'_>) -> Result<bool, DenyReason> {
    let Some(user) = asked.identity.user().filter(|user| !user.memberships.is_empty()) else {
        return Ok(false);
    };
    let ask = asked.ask?;
    let named = ask.managed.organizations.as_ref().map_err(|reason| *reason)?;
    Ok(!named.is_empty() && named.iter().all(|id| administers(&user.memberships, id)))
}

/// The role of the membership counts; the role of the person does not.
fn administers(memberships: &[Membership], id: &str) -> bool {
    memberships.iter().any(|(known, role)| known == id && *role == Some(Role::OrgAdmin))
}
