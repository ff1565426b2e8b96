//! May the caller use this model? Every level that has a list must grant it.

use super::Asked;
use crate::core::deny::DenyReason;
use crate::core::model_list::ModelList;
use crate::core::models::Chain;
use crate::core::record::permissions::Names;
use crate::core::route::catalogue::ModelRule;

/// The request could be read in exactly one way.
pub(super) fn readable(asked: &Asked<'_>) -> Result<(), DenyReason> {
    asked.ask.map(|_| ())
}

/// A model is named where the route needs one. Where the upstream has a default, nobody with a list may
/// leave the choice to it: LiteLLM skips the check then (A22, S-149).
pub(super) fn named(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let ask = asked.ask?;
    let named = ask.models().next().is_some();
    let rule = asked.found.map_or(ModelRule::Opaque, |found| found.route.model);
    if let Some(reason) = ask.unread.filter(|_| is_restricted(asked)) {
        return Err(reason);
    }
    let needed = match rule {
        _ if !rule.applies(asked.method) => false,
        ModelRule::Body | ModelRule::Path | ModelRule::PathOnly | ModelRule::Query => true,
        ModelRule::OptionalBody | ModelRule::Form | ModelRule::Opaque => is_restricted(asked),
        ModelRule::Never | ModelRule::Named => false,
    };
    if needed && !named { Err(DenyReason::ModelMissing) } else { Ok(()) }
}

/// What is served can be told: no alias leads back to itself (S-164).
pub(super) fn aliases_end(asked: &Asked<'_>) -> Result<(), DenyReason> {
    if asked.chains.iter().any(Chain::is_loop) { Err(DenyReason::ModelAliasLoop) } else { Ok(()) }
}

/// The key's `models` (LiteLLM KEY-2), or its access groups. `all-team-models` leaves the decision to the
/// team; without a team there is nobody to decide, so it grants nothing (A17, SEC-5).
pub(super) fn granted_by_key(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let Some(key) = asked.identity.record() else {
        return Ok(());
    };
    if key.terms.models.defers_to_team() && key.team.as_ref().is_some_and(|team| !team.is_label) {
        return Ok(());
    }
    let level = Level { list: &key.terms.models, groups: [key.terms.group_models.as_ref(), None], team_aliases: true };
    granted(asked, Some(level), DenyReason::KeyModelDenied)
}

/// The team's `models` (LiteLLM COMMON-2), its access groups, or those of the key that name the team or
/// the key (T12, T14).
pub(super) fn granted_by_team(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let of_key = asked.identity.record().and_then(|key| key.terms.group_models.as_ref());
    let level = asked.identity.team().map(|team| Level {
        list: &team.models,
        groups: [team.group_models.as_ref(), of_key],
        team_aliases: true,
    });
    granted(asked, level, DenyReason::TeamModelDenied)
}

/// What the team lets its member use (LiteLLM COMMON-3).
pub(super) fn granted_by_member(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let list = asked.identity.member().map(|member| &member.models);
    granted(asked, list.map(Level::of), DenyReason::MemberModelDenied)
}

/// The owner's `models`, for keys outside a team (LiteLLM COMMON-5). An administrator has none.
pub(super) fn granted_by_user(asked: &Asked<'_>) -> Result<(), DenyReason> {
    granted(asked, personal_list(asked).map(Level::of), DenyReason::UserModelDenied)
}

/// The project's `models` (LiteLLM COMMON-6).
pub(super) fn granted_by_project(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let list = asked.identity.project().map(|project| &project.models);
    granted(asked, list.map(Level::of), DenyReason::ProjectModelDenied)
}

/// The organisation's `models`, which LiteLLM stores and does not enforce (O04, SEC-12).
pub(super) fn granted_by_organization(asked: &Asked<'_>) -> Result<(), DenyReason> {
    let list = asked.identity.organization().map(|organization| &organization.models);
    granted(asked, list.map(Level::of), DenyReason::OrganizationModelDenied)
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

    fn grants(&self, asked: &Asked<'_>, chain: &Chain<'_>) -> bool {
        let grants = |name: &str| {
            self.list.grants(name, asked.models)
                || self.groups.into_iter().flatten().any(|list| list.grants(name, asked.models))
        };
        if asked.rules.compat.alias_grants_target {
            return chain.names().any(grants) || (self.team_aliases && chain.begins_with_team_alias());
        }
        chain.to_be_granted().all(grants)
    }
}

fn granted(asked: &Asked<'_>, level: Option<Level<'_>>, reason: DenyReason) -> Result<(), DenyReason> {
    let Some(level) = level else {
        return Ok(());
    };
    asked.ask?;
    if asked.chains.iter().all(|chain| level.grants(asked, chain)) { Ok(()) } else { Err(reason) }
}

/// The lists of the levels that have one, for whoever filters a list of models.
pub(super) fn lists_told(asked: &Asked<'_>) -> Vec<Names> {
    let key = asked
        .identity
        .record()
        .filter(|key| !(key.terms.models.defers_to_team() && key.team.as_ref().is_some_and(|team| !team.is_label)));
    let of_key = key.map(|key| (&key.terms.models, [key.terms.group_models.as_ref(), None]));
    let group_models = asked.identity.record().and_then(|key| key.terms.group_models.as_ref());
    let of_team = asked.identity.team().map(|team| (&team.models, [team.group_models.as_ref(), group_models]));
    let others = others(asked).map(|list| (list, [None, None]));
    let restricted = of_key.into_iter().chain(of_team).chain(others).filter(|(list, _)| !list.is_unrestricted());
    let told = restricted.map(|(list, groups)| {
        let open = groups.iter().flatten().any(|group| group.is_unrestricted());
        let names = [list].into_iter().chain(groups.into_iter().flatten()).flat_map(ModelList::names);
        if open { Names::Any } else { Names::Only(names.collect()) }
    });
    // Literally: `*` is a name like another there.
    let of_token = of_token(asked).map(|models| Names::Only(models.iter().cloned().collect()));
    told.filter(|names| !names.is_any()).chain(of_token).collect()
}

fn personal_list<'a>(asked: &Asked<'a>) -> Option<&'a ModelList> {
    asked.personal_owner().map(|user| &user.models)
}

fn is_restricted(asked: &Asked<'_>) -> bool {
    of_token(asked).is_some() || lists(asked).any(|list| !list.is_unrestricted())
}

/// What the token's scopes and role leave.
fn of_token<'a>(asked: &Asked<'a>) -> Option<&'a Vec<String>> {
    asked.identity.bearer().and_then(|bearer| bearer.models.as_ref())
}

fn lists<'a>(asked: &Asked<'a>) -> impl Iterator<Item = &'a ModelList> {
    let key = asked.identity.record().map(|key| &key.terms.models);
    let team = asked.identity.team().map(|team| &team.models);
    key.into_iter().chain(team).chain(others(asked))
}

/// The lists beside those of key and team.
fn others<'a>(asked: &Asked<'a>) -> impl Iterator<Item = &'a ModelList> {
    let identity = asked.identity;
    let member = identity.member().map(|member| &member.models);
    let project = identity.project().map(|project| &project.models);
    let organization = identity.organization().map(|organization| &organization.models);
    [member, personal_list(asked), project, organization].into_iter().flatten()
}
