//! Is there money left? Every level by the one rule of [`Budget`].

use jiff::Timestamp;

use super::Facts;
use crate::core::budget::{Budget, ModelBudgets};
use crate::core::deny::DenyReason;
use crate::core::models::Chain;
use crate::core::route::groups::Group;

/// Routes that list models. No budget stops them: LiteLLM lets the key's do so, and no other (SEC-27).
const DISCOVERY: [&str; 6] =
    ["/v1/models", "/models", "/model/info", "/v1/model/info", "/v2/model/info", "/model_group/info"];

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
}

impl Level {
    const ALL: [Self; 10] = [
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
        }
    }
}

/// LiteLLM KEY-9 and COMMON-9, on routes of model clients. No role is exempt (OR6).
pub(super) fn of_key(facts: &Facts<'_>) -> Result<(), DenyReason> {
    check(facts, Level::Key)
}

/// LiteLLM KEY-11.
pub(super) fn of_key_for_model(facts: &Facts<'_>) -> Result<(), DenyReason> {
    check(facts, Level::KeyModel)
}

/// LiteLLM COMMON-8 and COMMON-9.
pub(super) fn of_team(facts: &Facts<'_>) -> Result<(), DenyReason> {
    check(facts, Level::Team)
}

/// LiteLLM COMMON-13.
pub(super) fn of_member(facts: &Facts<'_>) -> Result<(), DenyReason> {
    check(facts, Level::Member)
}

/// LiteLLM COMMON-12.
pub(super) fn of_user(facts: &Facts<'_>) -> Result<(), DenyReason> {
    check(facts, Level::User)
}

/// LiteLLM COMMON-6.
pub(super) fn of_project(facts: &Facts<'_>) -> Result<(), DenyReason> {
    check(facts, Level::Project)
}

/// LiteLLM COMMON-10.
pub(super) fn of_organization(facts: &Facts<'_>) -> Result<(), DenyReason> {
    check(facts, Level::Organization)
}

/// LiteLLM COMMON-14.
pub(super) fn of_end_user(facts: &Facts<'_>) -> Result<(), DenyReason> {
    check(facts, Level::EndUser)
}

/// LiteLLM KEY-12.
pub(super) fn of_end_user_for_model(facts: &Facts<'_>) -> Result<(), DenyReason> {
    check(facts, Level::EndUserModel)
}

/// LiteLLM COMMON-11.
pub(super) fn of_tags(facts: &Facts<'_>) -> Result<(), DenyReason> {
    check(facts, Level::Tag)
}

fn check(facts: &Facts<'_>, level: Level) -> Result<(), DenyReason> {
    let spent = budgets(facts, level).iter().any(|budget| budget.is_exhausted(facts.now));
    if spent && !is_exempt(facts) { Err(level.reason()) } else { Ok(()) }
}

/// When a request that was refused for its budget may be tried again: once the last spent budget of the
/// level begins anew. `None` where one of them does so nobody knows when.
#[must_use]
pub fn retry_at(facts: &Facts<'_>, reason: DenyReason) -> Option<Timestamp> {
    let level = Level::ALL.into_iter().find(|level| level.reason() == reason)?;
    let spent = budgets(facts, level).into_iter().filter(|budget| budget.is_exhausted(facts.now));
    let resets: Option<Vec<_>> = spent.map(|budget| budget.resets_at).collect();
    resets?.into_iter().max().filter(|at| *at > facts.now)
}

/// Model discovery, and requests whose models are all free (LiteLLM KEY-5): what is served counts, and not
/// what it is called.
fn is_exempt(facts: &Facts<'_>) -> bool {
    let free = !facts.chains.is_empty() && facts.chains.iter().all(|chain| facts.models.is_free(chain.served()));
    free || DISCOVERY.contains(&facts.path) || facts.found.is_some_and(|found| found.route.id == "models")
}

/// The budgets of a level that hold for this request.
fn budgets<'a>(facts: &Facts<'a>, level: Level) -> Vec<&'a Budget> {
    let (identity, named) = (facts.identity, facts.named);
    let llm = facts.groups().is_llm();
    let personal = identity.team().is_none() && !facts.is_proxy_admin();
    match level {
        Level::Key => {
            let key = identity.key().filter(|_| llm);
            key.map(|key| std::iter::once(&key.budget).chain(&key.windows).collect()).unwrap_or_default()
        }
        Level::KeyModel => of_models(facts, identity.key().map(|key| &key.model_budgets)),
        Level::Team => {
            identity.team().map(|team| std::iter::once(&team.budget).chain(&team.windows).collect()).unwrap_or_default()
        }
        Level::Member => identity.member().map(|member| &member.budget).into_iter().collect(),
        Level::User => identity.user().filter(|_| personal).map(|user| &user.budget).into_iter().collect(),
        Level::Project => identity.project().map(|project| &project.budget).into_iter().collect(),
        Level::Organization => identity.organization().map(|organization| &organization.budget).into_iter().collect(),
        Level::EndUser => {
            let info = facts.groups().has(Group::InfoRoutes);
            named.end_user.iter().filter(|_| !info).map(|end_user| &end_user.budget).collect()
        }
        Level::EndUserModel => of_models(facts, named.end_user.as_ref().map(|end_user| &end_user.model_budgets)),
        Level::Tag => named.tags.iter().map(|tag| &tag.budget).collect(),
    }
}

/// Under every name a model has on its way, so that an alias evades nothing.
fn of_models<'a>(facts: &Facts<'a>, budgets: Option<&'a ModelBudgets>) -> Vec<&'a Budget> {
    let budgets = budgets.filter(|budgets| !budgets.is_empty());
    let of_chain = |budgets: &'a ModelBudgets| {
        facts.chains.iter().flat_map(Chain::names).filter_map(|name| budgets.of(name)).collect()
    };
    budgets.map(of_chain).unwrap_or_default()
}
