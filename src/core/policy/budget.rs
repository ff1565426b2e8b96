//! Is there money left? Every level by the one rule of [`Budget`].

use jiff::Timestamp;

use super::Asked;
use crate::core::budget::{Budget, ModelBudgets};
use crate::core::deny::DenyReason;
use crate::core::models::Chain;
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
    let spent = budgets(asked, level).iter().any(|budget| budget.is_exhausted(asked.now));
    if spent && !is_exempt(asked) { Err(level.reason()) } else { Ok(()) }
}

/// When a request that was refused for its budget may be tried again: once the last spent budget of the
/// level begins anew. `None` where one of them does so nobody knows when.
#[must_use]
pub fn retry_at(asked: &Asked<'_>, reason: DenyReason) -> Option<Timestamp> {
    let level = Level::ALL.into_iter().find(|level| level.reason() == reason)?;
    let spent = budgets(asked, level).into_iter().filter(|budget| budget.is_exhausted(asked.now));
    let resets: Option<Vec<_>> = spent.map(|budget| budget.resets_at).collect();
    resets?.into_iter().max().filter(|at| *at > asked.now)
}

/// Model discovery, and requests whose models are all known and free (LiteLLM KEY-5): what is served counts,
/// and not what it is called.
fn is_exempt(asked: &Asked<'_>) -> bool {
    let known = asked.ask.is_ok_and(|ask| ask.unread.is_none()) && !asked.chains.is_empty();
    let free = known && asked.chains.iter().all(|chain| asked.models.is_free(chain.served()));
    free || asked.lists_models()
}

/// The budgets of a level that hold for this request.
fn budgets<'a>(asked: &Asked<'a>, level: Level) -> Vec<&'a Budget> {
    let (identity, named) = (asked.identity, asked.named);
    let llm = asked.groups().is_llm();
    let personal = identity.team().is_none() && !asked.is_proxy_admin();
    match level {
        Level::Key => {
            let key = identity.key().filter(|_| llm);
            key.map(|key| std::iter::once(&key.budget).chain(&key.windows).collect()).unwrap_or_default()
        }
        Level::KeyModel => of_models(asked, identity.key().map(|key| &key.model_budgets)),
        Level::Team => {
            identity.team().map(|team| std::iter::once(&team.budget).chain(&team.windows).collect()).unwrap_or_default()
        }
        Level::Member => identity.member().map(|member| &member.budget).into_iter().collect(),
        Level::User => identity.user().filter(|_| personal).map(|user| &user.budget).into_iter().collect(),
        Level::Project => identity.project().map(|project| &project.budget).into_iter().collect(),
        Level::Organization => identity.organization().map(|organization| &organization.budget).into_iter().collect(),
        Level::EndUser => {
            let info = asked.groups().has(Group::InfoRoutes);
            named.end_user.iter().filter(|_| !info).map(|end_user| &end_user.budget).collect()
        }
        Level::EndUserModel => of_models(asked, named.end_user.as_ref().map(|end_user| &end_user.model_budgets)),
        Level::Tag => named.tags.iter().map(|tag| &tag.budget).collect(),
        Level::Proxy => named.proxy.iter().filter(|_| llm).collect(),
    }
}

/// The budgets of the models of a request, by the names they have there.
pub(super) fn of_each_model(asked: &Asked<'_>, budgets: Option<&ModelBudgets>) -> Vec<(String, Budget)> {
    let Some(budgets) = budgets.filter(|budgets| !budgets.is_empty()) else {
        return Vec::new();
    };
    let names = asked.chains.iter().flat_map(Chain::names);
    names.filter_map(|name| Some((name.to_owned(), *budgets.of(name)?))).collect()
}

/// Under every name a model has on its way, so that an alias evades nothing.
fn of_models<'a>(asked: &Asked<'a>, budgets: Option<&'a ModelBudgets>) -> Vec<&'a Budget> {
    let budgets = budgets.filter(|budgets| !budgets.is_empty());
    let of_chain = |budgets: &'a ModelBudgets| {
        asked.chains.iter().flat_map(Chain::names).filter_map(|name| budgets.of(name)).collect()
    };
    budgets.map(of_chain).unwrap_or_default()
}
