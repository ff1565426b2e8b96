//! May they? One file per subject; [`CHECKS`] is the policy, top to bottom.
//!
//! Authenticate fully first, then the route, then the rest: a caller with an expired key learns nothing
//! but that the key has expired.

mod agent;
mod budget;
mod end_user;
mod key_state;
mod model;
mod organization;
mod pass_through;
mod project;
mod role;
mod route;
pub mod rules;
mod team;
mod viewer;

use jiff::Timestamp;

use crate::core::ask::Ask;
use crate::core::deny::DenyReason;
use crate::core::identity::Identity;
use crate::core::models::{Chain, ModelMap};
use crate::core::record::{Named, Role};
use crate::core::request::HeaderView;
use crate::core::route::groups::GroupSet;
use crate::core::route::{Match, Method};
use rules::RouteRules;

pub use budget::retry_at;

/// All a check may look at.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Who is asking.
    pub identity: &'a Identity,
    /// The canonical path.
    pub path: &'a str,
    /// The method.
    pub method: Method,
    /// The route, if the path is one of the catalogue.
    pub found: Option<&'a Match<'a>>,
    /// The request's headers.
    pub headers: &'a HeaderView<'a>,
    /// What the request names, or why that cannot be told.
    pub ask: &'a Result<Ask, DenyReason>,
    /// The names of every model the request names; see [`chains`].
    pub chains: &'a [Chain<'a>],
    /// The records the request names.
    pub named: &'a Named,
    /// What the configuration says about models.
    pub models: &'a ModelMap,
    /// What the configuration says about routes.
    pub rules: &'a RouteRules,
    /// The time of the decision.
    pub now: Timestamp,
}

impl Facts<'_> {
    /// Whether the caller administers the proxy.
    fn is_proxy_admin(&self) -> bool {
        self.identity.role() == Some(Role::ProxyAdmin)
    }

    /// The caller's role. An owner without one has none; LiteLLM makes it `internal_user` (W13).
    fn role(&self) -> Option<Role> {
        let fallback = self.rules.compat.missing_role_is_internal_user && self.identity.user().is_some();
        self.identity.role().or(fallback.then_some(Role::InternalUser))
    }

    /// Groups of the path; none when nobody knows it.
    fn groups(&self) -> GroupSet {
        self.found.map_or(GroupSet::EMPTY, |found| found.groups)
    }
}

/// The names every requested model has on its way through the upstream; none when that cannot be told.
pub fn chains<'a>(ask: &'a Result<Ask, DenyReason>, models: &'a ModelMap, identity: &'a Identity) -> Vec<Chain<'a>> {
    ask.iter().flat_map(Ask::models).map(|model| models.chain(model, identity.key())).collect()
}

/// One rule.
#[derive(Debug)]
pub struct Check {
    /// Stable name for `explain` and the documentation.
    pub name: &'static str,
    /// The rule: nothing to object, or why not.
    pub run: fn(&Facts<'_>) -> Result<(), DenyReason>,
}

/// The rules in the order they are asked. The first objection decides.
pub const CHECKS: &[Check] = &[
    Check { name: "key_blocked", run: key_state::not_blocked },
    Check { name: "key_expired", run: key_state::not_expired },
    Check { name: "user_active", run: key_state::user_active },
    Check { name: "route_known", run: route::known },
    Check { name: "route_method", run: route::method },
    Check { name: "master_key_only", run: route::master_only },
    Check { name: "deployment_routes", run: route::offered },
    Check { name: "deployment_switches", run: route::enabled },
    Check { name: "key_routes", run: route::allowed_by_key },
    Check { name: "admin_only", run: route::admin_only },
    Check { name: "pass_through", run: pass_through::granted },
    Check { name: "organization", run: organization::allowed },
    Check { name: "role", run: role::allowed },
    Check { name: "team_blocked", run: team::not_blocked },
    Check { name: "project_blocked", run: project::not_blocked },
    Check { name: "end_user_blocked", run: end_user::not_blocked },
    Check { name: "agent_trace", run: agent::traced },
    Check { name: "request_readable", run: model::readable },
    Check { name: "model_named", run: model::named },
    Check { name: "model_aliases", run: model::aliases_end },
    Check { name: "key_models", run: model::granted_by_key },
    Check { name: "team_models", run: model::granted_by_team },
    Check { name: "member_models", run: model::granted_by_member },
    Check { name: "user_models", run: model::granted_by_user },
    Check { name: "project_models", run: model::granted_by_project },
    Check { name: "org_models", run: model::granted_by_organization },
    Check { name: "key_budget", run: budget::of_key },
    Check { name: "key_model_budget", run: budget::of_key_for_model },
    Check { name: "team_budget", run: budget::of_team },
    Check { name: "member_budget", run: budget::of_member },
    Check { name: "user_budget", run: budget::of_user },
    Check { name: "project_budget", run: budget::of_project },
    Check { name: "org_budget", run: budget::of_organization },
    Check { name: "end_user_budget", run: budget::of_end_user },
    Check { name: "end_user_model_budget", run: budget::of_end_user_for_model },
    Check { name: "tag_budget", run: budget::of_tags },
];

/// Asks every rule in order.
///
/// # Errors
/// The first objection.
pub fn judge(facts: &Facts<'_>) -> Result<(), DenyReason> {
    CHECKS.iter().try_for_each(|check| (check.run)(facts))
}
