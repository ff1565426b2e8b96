//! May they? One file per subject; [`CHECKS`] is the policy, top to bottom.
//!
//! Authenticate fully first, then the route, then the rest: a caller with an expired key learns nothing
//! but that the key has expired.

mod guardrails;
mod key_state;
mod model;
mod organization;
mod parameters;
mod pass_through;
mod role;
mod route;
pub mod rules;
mod team;
mod tools;
mod vector_stores;
mod viewer;

use std::cell::OnceCell;
use std::fmt;

use jiff::Timestamp;

use crate::core::ask::Ask;
use crate::core::ask::rules::RequestRules;
use crate::core::deny::DenyReason;
use crate::core::identity::Identity;
use crate::core::record::Role;
use crate::core::record::permissions::RequestGrants;
use crate::core::route::groups::GroupSet;
use crate::core::route::{Match, Method};
use rules::RouteRules;

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
    /// What the request names. Read when the first rule asks, so that nobody whose key or route is refused
    /// has a body scanned.
    pub ask: &'a LazyAsk<'a>,
    /// What the configuration says about routes.
    pub rules: &'a RouteRules,
    /// What it says about requests.
    pub request: &'a RequestRules,
    /// The time of the decision.
    pub now: Timestamp,
}

/// What a request names, read at most once.
pub struct LazyAsk<'a> {
    read: Box<dyn Fn() -> Result<Ask, DenyReason> + Send + Sync + 'a>,
    known: OnceCell<Result<Ask, DenyReason>>,
}

impl<'a> LazyAsk<'a> {
    /// Reads when it is asked.
    pub fn new(read: impl Fn() -> Result<Ask, DenyReason> + Send + Sync + 'a) -> Self {
        Self { read: Box::new(read), known: OnceCell::new() }
    }

    /// What the request names.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub fn get(&self) -> Result<&Ask, DenyReason> {
        self.known.get_or_init(&self.read).as_ref().map_err(|reason| *reason)
    }

    /// What was read, if anybody asked.
    #[must_use]
    pub fn known(&self) -> Option<&Ask> {
        self.known.get().and_then(|known| known.as_ref().ok())
    }
}

impl fmt::Debug for LazyAsk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LazyAsk").field(&self.known).finish()
    }
}

impl Facts<'_> {
    /// What the request names, or why that cannot be told.
    fn ask(&self) -> Result<&Ask, DenyReason> {
        self.ask.get()
    }

    /// Whether the caller administers the proxy.
    fn is_proxy_admin(&self) -> bool {
        self.identity.role() == Some(Role::ProxyAdmin)
    }

    /// The caller's role. An owner without one has none; LiteLLM makes it `internal_user` (W13).
    fn role(&self) -> Option<Role> {
        let fallback = self.rules.compat.missing_role_is_internal_user && self.identity.user().is_some();
        self.identity.role().or(fallback.then_some(Role::InternalUser))
    }

    /// What the key and its team say about requests.
    fn request_grants(&self) -> impl Iterator<Item = &RequestGrants> {
        let key = self.identity.key().map(|key| &key.requests);
        key.into_iter().chain(self.identity.team().map(|team| &team.requests))
    }

    /// Groups of the path; none when nobody knows it.
    fn groups(&self) -> GroupSet {
        self.found.map_or(GroupSet::EMPTY, |found| found.groups)
    }
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
    Check { name: "request_readable", run: model::readable },
    Check { name: "parameters", run: parameters::allowed },
    Check { name: "client_tags", run: parameters::client_tags },
    Check { name: "user_named", run: parameters::user_named },
    Check { name: "model_named", run: model::named },
    Check { name: "key_models", run: model::granted_by_key },
    Check { name: "team_models", run: model::granted_by_team },
    Check { name: "user_models", run: model::granted_by_user },
    Check { name: "org_models", run: model::granted_by_organization },
    Check { name: "tools", run: tools::granted },
    Check { name: "vector_stores", run: vector_stores::granted },
    Check { name: "guardrails", run: guardrails::untouched },
    Check { name: "enforced_params", run: parameters::enforced },
];

/// Asks the rules that hold for everybody, about a path that is open to everybody.
///
/// # Errors
/// The first objection.
pub fn judge_open(facts: &Facts<'_>) -> Result<(), DenyReason> {
    route::offered(facts)?;
    if facts.found.is_some() {
        route::enabled(facts)?;
    }
    route::admin_only(facts)
}

/// Members a request of this caller must have (spec section 4.9). Computed for each request: LiteLLM
/// leaks those of one key to all (SEC-24).
#[must_use]
pub fn wanted<'a>(identity: &'a Identity, request: &'a RequestRules) -> Vec<&'a str> {
    let key = identity.key().into_iter().flat_map(|key| &key.requests.enforced_params);
    let team = identity.team().into_iter().flat_map(|team| &team.requests.enforced_params);
    request.enforced_params.iter().chain(key).chain(team).map(String::as_str).collect()
}

/// Asks every rule in order.
///
/// # Errors
/// The first objection.
pub fn judge(facts: &Facts<'_>) -> Result<(), DenyReason> {
    CHECKS.iter().try_for_each(|check| (check.run)(facts))
}
