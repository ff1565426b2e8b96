//! May the caller use this model? Every level that has a list must grant it.

use super::Facts;
use crate::core::deny::DenyReason;
use crate::core::model_list::ModelList;
use crate::core::route::catalogue::ModelRule;

/// The request could be read in exactly one way.
pub(super) fn readable(facts: &Facts<'_>) -> Result<(), DenyReason> {
    facts.ask().map(|_| ())
}

/// A model is named where the route needs one. Where the upstream has a default, nobody with a list may
/// leave the choice to it: LiteLLM skips the check then (A22, S-149).
pub(super) fn named(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let ask = facts.ask()?;
    let named = ask.models().next().is_some();
    let rule = facts.found.map_or(ModelRule::Opaque, |found| found.route.model);
    if let Some(reason) = ask.unread.filter(|_| is_restricted(facts)) {
        return Err(reason);
    }
    let needed = match rule {
        _ if !rule.applies(facts.method) => false,
        ModelRule::Body | ModelRule::Path | ModelRule::PathOnly | ModelRule::Query => true,
        ModelRule::OptionalBody | ModelRule::Form | ModelRule::Opaque => is_restricted(facts),
        ModelRule::Never | ModelRule::Named => false,
    };
    if needed && !named { Err(DenyReason::ModelMissing) } else { Ok(()) }
}

/// The key's `models` (LiteLLM KEY-2). `all-team-models` leaves the decision to the team; without a team
/// there is nobody to decide, so it grants nothing (A17, SEC-5).
pub(super) fn granted_by_key(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let Some(key) = facts.identity.key() else {
        return Ok(());
    };
    if key.models.defers_to_team() && key.team.is_some() {
        return Ok(());
    }
    granted(facts, Some(&key.models), DenyReason::KeyModelDenied)
}

/// The team's `models` (LiteLLM COMMON-2).
pub(super) fn granted_by_team(facts: &Facts<'_>) -> Result<(), DenyReason> {
    granted(facts, facts.identity.team().map(|team| &team.models), DenyReason::TeamModelDenied)
}

/// The owner's `models`, for keys outside a team (LiteLLM COMMON-5). An administrator has none.
pub(super) fn granted_by_user(facts: &Facts<'_>) -> Result<(), DenyReason> {
    granted(facts, personal_list(facts), DenyReason::UserModelDenied)
}

/// The organisation's `models`, which LiteLLM stores and does not enforce (O04, SEC-12).
pub(super) fn granted_by_organization(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let list = facts.identity.organization().map(|organization| &organization.models);
    granted(facts, list, DenyReason::OrganizationModelDenied)
}

fn granted(facts: &Facts<'_>, list: Option<&ModelList>, reason: DenyReason) -> Result<(), DenyReason> {
    let Some(list) = list else {
        return Ok(());
    };
    let ask = facts.ask()?;
    if ask.reachable().all(|model| list.grants(model)) { Ok(()) } else { Err(reason) }
}

fn personal_list<'a>(facts: &Facts<'a>) -> Option<&'a ModelList> {
    let personal = facts.identity.team().is_none() && !facts.is_proxy_admin();
    facts.identity.user().filter(|_| personal).map(|user| &user.models)
}

fn is_restricted(facts: &Facts<'_>) -> bool {
    lists(facts).any(|list| !list.is_unrestricted())
}

fn lists<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a ModelList> {
    let identity = facts.identity;
    let key = identity.key().map(|key| &key.models);
    let team = identity.team().map(|team| &team.models);
    let organization = identity.organization().map(|organization| &organization.models);
    [key, team, personal_list(facts), organization].into_iter().flatten()
}
