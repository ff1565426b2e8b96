//! Was the caller granted the endpoint?

use super::Facts;
use crate::core::deny::DenyReason;
use crate::core::route::grant::PassedThrough;

/// An endpoint with `auth: true` needs a grant of the key, else of its team; an administrator needs none
/// (spec section 6).
pub(super) fn granted(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let refused = state(facts) == PassedThrough::NotGranted && !facts.is_proxy_admin();
    if refused { Err(DenyReason::PassThroughNotGranted) } else { Ok(()) }
}

/// How the path is passed through, for this method and this caller.
pub(super) fn state(facts: &Facts<'_>) -> PassedThrough {
    let Some(rule) = facts.found.and_then(|found| found.passed_through(facts.method)) else {
        return PassedThrough::No;
    };
    let granted = facts.identity.record().is_none_or(|key| key.terms.pass_through.cover(facts.path));
    match rule.needs_grant() {
        false => PassedThrough::Open,
        true if granted => PassedThrough::Granted,
        true => PassedThrough::NotGranted,
    }
}
