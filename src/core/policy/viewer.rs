//! The read-only administrator (spec section 7b).

use super::Asked;
use crate::core::deny::DenyReason;
use crate::core::route::groups::Group;

/// Reads, except what a read must not start; of the writes, only those that read.
pub(super) fn allowed(asked: &Asked<'_>) -> Result<(), DenyReason> {
    if permits(asked)? { Ok(()) } else { Err(DenyReason::ViewerNotAllowed) }
}

fn permits(asked: &Asked<'_>) -> Result<bool, DenyReason> {
    let groups = asked.groups();
    if groups.is_llm() {
        return Ok(false);
    }
    if groups.has(Group::ManagementRoutes) {
        if asked.path == "/user/update" {
            return only_profile(asked);
        }
        if groups.has(Group::ViewerBlockedFirst) {
            return Ok(false);
        }
    }
    // That a route nobody knows is not even read was decided before, by `route_known` (W4).
    if asked.method.is_safe() {
        return Ok(true);
    }
    let blocked = groups.has(Group::ViewerBlockedSecond);
    Ok(!blocked && (groups.has(Group::AdminViewerRoutes) || groups.has(Group::GlobalSpendTrackingRoutes)))
}

/// One's own e-mail address and password.
fn only_profile(asked: &Asked<'_>) -> Result<bool, DenyReason> {
    let ask = asked.ask?;
    ask.managed.beyond_profile.map(|beyond| !beyond)
}
