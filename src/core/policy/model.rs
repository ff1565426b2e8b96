//! May the caller use this model? Every level that has a list must grant it.

use super::Facts;
use crate::core::deny::DenyReason;
use crate::core::model_list::ModelList;
use crate::core::models::Chain;
use crate::core::route::catalogue::ModelRule;

/// The request could be read in exactly one way.
pub(super) fn readable(facts: &Facts<'_>) -> Result<(), DenyReason> {
    facts.ask.as_ref().map(|_| ()).map_err(|reason| *reason)
}

/// A model is named where the route needs one. Where the upstream has a default, nobody with a list may
/// leave the choice to it: LiteLLM skips the check then (A22, S-149).
pub(super) fn named(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let ask = facts.ask.as_ref().map_err(|reason| *reason)?;
    let named = ask.models().next().is_some();
    let rule = facts.found.map_or(ModelRule::Never, |found| found.route.model);
    let needed = match rule {
        _ if !rule.applies(facts.method) => false,
        ModelRule::Body | ModelRule::Path | ModelRule::PathOnly | ModelRule::Query => true,
        ModelRule::OptionalBody | ModelRule::Form | ModelRule::Opaque => is_restricted(facts),
        ModelRule::Named if ask.opaque && is_restricted(facts) => return Err(DenyReason::ModelMissing),
        ModelRule::Never | ModelRule::Named => false,
    };
    if needed && !named { Err(DenyReason::ModelMissing) } else { Ok(()) }
}

/// What is served can be told: no alias leads back to itself (S-164).
pub(super) fn aliases_end(facts: &Facts<'_>) -> Result<(), DenyReason> {
    if facts.chains.iter().any(Chain::is_loop) { Err(DenyReason::ModelAliasLoop) } else { Ok(()) }
}

/// The key's `models` (LiteLLM KEY-2), or its access groups. `all-team-models` leaves the decision to the
/// team; without a team there is nobody to decide, so it grants nothing (A17, SEC-5).
pub(super) fn granted_by_key(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let Some(key) = facts.identity.key() else {
        return Ok(());
    };
    if key.models.defers_to_team() && key.team.is_some() {
        return Ok(());
    }
    let level = Level { list: &key.models, groups: [key.group_models.as_ref(), None], team_aliases: true };
    granted(facts, Some(level), DenyReason::KeyModelDenied)
}

/// The team's `models` (LiteLLM COMMON-2), its access groups, or those of the key that name the team or
/// the key (T12, T14).
pub(super) fn granted_by_team(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let of_key = facts.identity.key().and_then(|key| key.group_models.as_ref());
    let level = facts.identity.team().map(|team| Level {
        list: &team.models,
        groups: [team.group_models.as_ref(), of_key],
        team_aliases: true,
    });
    granted(facts, level, DenyReason::TeamModelDenied)
}

/// What the team lets its member use (LiteLLM COMMON-3).
pub(super) fn granted_by_member(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let list = facts.identity.member().map(|member| &member.models);
    granted(facts, list.map(Level::of), DenyReason::MemberModelDenied)
}

/// The owner's `models`, for keys outside a team (LiteLLM COMMON-5). An administrator has none.
pub(super) fn granted_by_user(facts: &Facts<'_>) -> Result<(), DenyReason> {
    granted(facts, personal_list(facts).map(Level::of), DenyReason::UserModelDenied)
}

/// The project's `models` (LiteLLM COMMON-6).
pub(super) fn granted_by_project(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let list = facts.identity.project().map(|project| &project.models);
    granted(facts, list.map(Level::of), DenyReason::ProjectModelDenied)
}

/// The organisation's `models`, which LiteLLM stores and does not enforce (O04, SEC-12).
pub(super) fn granted_by_organization(facts: &Facts<'_>) -> Result<(), DenyReason> {
    let list = facts.identity.organization().map(|organization| &organization.models);
    granted(facts, list.map(Level::of), DenyReason::OrganizationModelDenied)
}

/// What one level grants.
struct Level<'a> {
    list: &'a ModelList,
    groups: [Option<&'a ModelList>; 2],
    /// Whether the team's own aliases count as granted here, where aliases grant at all (MODEL-3).
    team_aliases: bool,
}

impl<'a> Level<'a> {
    fn of(list: &'a ModelList) -> Self {
        Self { list, groups: [None, None], team_aliases: false }
    }

    fn grants(&self, facts: &Facts<'_>, chain: &Chain<'_>) -> bool {
        let grants = |name: &str| {
            self.list.grants(name, facts.models)
                || self.groups.into_iter().flatten().any(|list| list.grants(name, facts.models))
        };
        if facts.rules.compat.alias_grants_target {
            return chain.names().any(grants) || (self.team_aliases && chain.begins_with_team_alias());
        }
        chain.to_be_granted().all(grants)
    }
}

fn granted(facts: &Facts<'_>, level: Option<Level<'_>>, reason: DenyReason) -> Result<(), DenyReason> {
    let Some(level) = level else {
        return Ok(());
    };
    facts.ask.as_ref().map_err(|reason| *reason)?;
    if facts.chains.iter().all(|chain| level.grants(facts, chain)) { Ok(()) } else { Err(reason) }
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
    let member = identity.member().map(|member| &member.models);
    let project = identity.project().map(|project| &project.models);
    let organization = identity.organization().map(|organization| &organization.models);
    [key, team, member, personal_list(facts), project, organization].into_iter().flatten()
}
