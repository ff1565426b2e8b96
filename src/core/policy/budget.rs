//! Is there money left? Every level by the one rule of [`Budget`].

use jiff::Timestamp;

use super::Asked;
use crate::core::budget::{Budget, ModelBudgets};
use crate::core::deny::DenyReason;
use crate::core::models::Chain;
use crate::core::route::catalogue::ModelRule;
use crate::core::route::groups::Group;

/// Whose budget it is.
#[derive(Debug, Clone, Copy)]
enum Level {
    Key,
    KeyModel,
    Team,
    Member,
    User,
    Project,
    Organization,
    EndUser,
    EndUserModel,
    Tag,
    Proxy,
}

impl Level {
    const ALL: [Self; 11] = [
        Self::Key,
        Self::KeyModel,
        Self::Team,
        Self::Member,
        Self::User,
        Self::Project,
        Self::Organization,
        Self::EndUser,
        Self::EndUserModel,
        Self::Tag,
        Self::Proxy,
    ];

    fn reason(self) -> DenyReason {
        match self {
            Self::Key => DenyReason::KeyBudgetExceeded,
            Self::KeyModel => DenyReason::KeyModelBudgetExceeded,
            Self::Team => DenyReason::TeamBudgetExceeded,
            Self::Member => DenyReason::MemberBudgetExceeded,
            Self::User => DenyReason::UserBudgetExceeded,
            Self::Project => DenyReason::ProjectBudgetExceeded,
            Self::Organization => DenyReason::OrganizationBudgetExceeded,
            Self::EndUser => DenyReason::EndUserBudgetExceeded,
            Self::EndUserModel => DenyReason::EndUserModelBudgetExceeded,
            Self::Tag => DenyReason::TagBudgetExceeded,
            Self::Proxy => DenyReason::ProxyBudgetExceeded,
        }
    }
}

/// LiteLLM KEY-9 and COMMON-9, on routes of model clients. No role is exempt (OR6).
pub(super) fn of_key(asked: &Asked<'_>) -> Result<(), DenyReason> {
    check(asked, Level::Key)
}

/// LiteLLM KEY-11.
pub(super) fn of_key_for_model(asked: &Asked<'_>) -> Result<(), DenyReason> {
    check(asked, Level::KeyModel)
}

/// LiteLLM COMMON-8 and COMMON-9.
pub(super) fn of_team(asked: &Asked<'_>) -> Result<(), DenyReason> {
    check(asked, Level::Team)
}

/// LiteLLM COMMON-13.
pub(super) fn of_member(asked: &Asked<'_>) -> Result<(), DenyReason> {
    check(asked, Level::Member)
}

/// LiteLLM COMMON-12.
pub(super) fn of_user(asked: &Asked<'_>) -> Result<(), DenyReason> {
    check(asked, Level::User)
}

/// LiteLLM COMMON-6.
pub(super) fn of_project(asked: &Asked<'_>) -> Result<(), DenyReason> {
    check(asked, Level::Project)
}

/// LiteLLM COMMON-10.
pub(super) fn of_organization(asked: &Asked<'_>) -> Result<(), DenyReason> {
    check(asked, Level::Organization)
}

/// LiteLLM COMMON-14.
pub(super) fn of_end_user(asked: &Asked<'_>) -> Result<(), DenyReason> {
    check(asked, Level::EndUser)
}

/// LiteLLM KEY-12.
pub(super) fn of_end_user_for_model(asked: &Asked<'_>) -> Result<(), DenyReason> {
    check(asked, Level::EndUserModel)
}

/// LiteLLM COMMON-11.
pub(super) fn of_tags(asked: &Asked<'_>) -> Result<(), DenyReason> {
    check(asked, Level::Tag)
}

/// LiteLLM COMMON-16, the master key included (G03).
pub(super) fn of_proxy(asked: &Asked<'_>) -> Result<(), DenyReason> {
    check(asked, Level::Proxy)
}

fn check(asked: &Asked<'_>, level: Level) -> Result<(), DenyReason> {
    let mut spent = false;
    each(asked, level, |budget| spent |= budget.is_exhausted(asked.now));
    if spent && !is_exempt(asked) { Err(level.reason()) } else { Ok(()) }
}

/// When a request that was refused for its budget may be tried again: once the last spent budget of the
/// level begins anew. `None` where one of them does so nobody knows when.
#[must_use]
pub fn retry_at(asked: &Asked<'_>, reason: DenyReason) -> Option<Timestamp> {
    let level = Level::ALL.into_iter().find(|level| level.reason() == reason)?;
    let mut resets = Vec::new();
    each(asked, level, |budget| resets.extend(budget.is_exhausted(asked.now).then_some(budget.resets_at)));
    let resets: Option<Vec<_>> = resets.into_iter().collect();
    resets?.into_iter().max().filter(|at| *at > asked.now)
}

/// Model discovery, and requests whose models are all free (LiteLLM KEY-5), under every name they have on their
/// way. Only where the route takes the model from the request, and the upstream is a router that serves no other:
/// elsewhere a free name would open what is not free.
fn is_exempt(asked: &Asked<'_>) -> bool {
    let served_as_named = asked.found.is_some_and(|found| {
        matches!(found.route.model, ModelRule::Body | ModelRule::OptionalBody | ModelRule::Path | ModelRule::Query)
            && found.route.model.applies(asked.method)
            && !found.route.id.starts_with("batch")
            && asked.is_routed()
    });
    let known = asked.ask.is_ok_and(|ask| ask.unread.is_none() && ask.models().next().is_some());
    let all_free = || asked.chains.iter().flat_map(Chain::names).all(|name| asked.models.is_free(name));
    (served_as_named && known && all_free()) || asked.lists_models()
}

/// Shows the budgets of a level that hold for this request.
fn each(asked: &Asked<'_>, level: Level, mut show: impl FnMut(&Budget)) {
    let (identity, named) = (asked.identity, asked.named);
    match level {
        Level::Key => {
            let key = identity.record().filter(|_| asked.is_inference());
            key.into_iter().flat_map(|key| std::iter::once(&key.budget).chain(&key.windows)).for_each(show);
        }
        Level::KeyModel => each_model(asked, identity.record().map(|key| &key.model_budgets), show),
        Level::Team => {
            let team = identity.team().into_iter();
            team.flat_map(|team| std::iter::once(&team.budget).chain(&team.windows)).for_each(show);
        }
        Level::Member => identity.member().iter().for_each(|member| show(&member.budget)),
        Level::User => asked.personal_owner().iter().for_each(|user| show(&user.budget)),
        Level::Project => identity.project().iter().for_each(|project| show(&project.budget)),
        Level::Organization => identity.organization().iter().for_each(|organization| show(&organization.budget)),
        Level::EndUser if asked.groups().has(Group::InfoRoutes) => {}
        Level::EndUser => named.end_user.iter().for_each(|end_user| show(&end_user.budget)),
        Level::EndUserModel => {
            each_model(asked, named.end_user.as_ref().map(|end_user| &end_user.model_budgets), show);
        }
        Level::Tag => named.tags.iter().for_each(|tag| show(&tag.budget)),
        Level::Proxy => named.proxy.iter().filter(|_| asked.is_inference()).for_each(show),
    }
}

/// The budgets of the models of a request, by the names they have there.
pub(super) fn of_each_model(asked: &Asked<'_>, budgets: Option<&ModelBudgets>) -> Vec<(String, Budget)> {
    let Some(budgets) = budgets.filter(|budgets| !budgets.is_empty()) else {
        return Vec::new();
    };
    let names = asked.chains.iter().flat_map(Chain::names);
    names.filter_map(|name| Some((name.to_owned(), *budgets.of(name, asked.models)?))).collect()
}

/// Under every name a model has on its way, so that an alias evades nothing. Where no model can be told, it may
/// be any of them.
fn each_model(asked: &Asked<'_>, budgets: Option<&ModelBudgets>, show: impl FnMut(&Budget)) {
    let Some(budgets) = budgets.filter(|budgets| !budgets.is_empty()) else {
        return;
    };
    let unread = asked.ask.is_ok_and(|ask| ask.unread.is_some());
    if unread || (asked.chains.is_empty() && asked.may_choose_model()) {
        return budgets.all().for_each(show);
    }
    let names = asked.chains.iter().flat_map(Chain::names);
    names.filter_map(|name| budgets.of(name, asked.models)).for_each(show);
}
