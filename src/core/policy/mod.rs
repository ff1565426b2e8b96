//! May they? One file per subject; [`CHECKS`] is the policy, top to bottom.
//!
//! Authenticate fully first, then the route, then the rest: a caller with an expired key learns nothing
//! but that the key has expired.

mod agent;
mod bearer;
mod budget;
mod end_user;
mod grant;
mod guardrails;
mod key_state;
mod model;
mod objects;
mod organization;
mod parameters;
mod pass_through;
mod project;
mod response;
mod role;
mod route;
pub mod rules;
mod team;
mod tools;
mod viewer;

use std::ops::Deref;

use jiff::Timestamp;

use crate::core::ask::Ask;
use crate::core::ask::rules::RequestRules;
use crate::core::deny::DenyReason;
use crate::core::identity::Identity;
use crate::core::jwt::team::Obstacle;
use crate::core::models::{Chain, ModelMap};
use crate::core::mutate::About;
use crate::core::path::is_below;
use crate::core::record::permissions::{ObjectGrants, RequestGrants};
use crate::core::record::{Named, Role, User};
use crate::core::request::HeaderView;
use crate::core::response_id::{Admission, Guarded};
use crate::core::route::catalogue::{Class, ModelRule};
use crate::core::route::groups::GroupSet;
use crate::core::route::{Match, Method, PASS_THROUGH_PREFIXES};
use rules::RouteRules;

pub use budget::retry_at;
pub use grant::Grant;

/// Routes that list models, with the catalogue's `models`. No budget stops them: LiteLLM lets the key's do so,
/// and no other (SEC-27).
const DISCOVERY: [&str; 4] = ["/model/info", "/v1/model/info", "/v2/model/info", "/model_group/info"];

/// What is known before the request is read: who is asking, and for which route.
#[derive(Debug, Clone, Copy)]
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
    /// What the configuration says about routes.
    pub rules: &'a RouteRules,
    /// What it says about requests.
    pub request: &'a RequestRules,
    /// The time of the decision.
    pub now: Timestamp,
}

impl<'a> Facts<'a> {
    /// Whether the caller administers the proxy.
    fn is_proxy_admin(&self) -> bool {
        self.identity.role() == Some(Role::ProxyAdmin)
    }

    /// The caller's role. An owner without one has none; LiteLLM makes it `internal_user` (W13).
    fn role(&self) -> Option<Role> {
        let fallback = self.rules.compat.missing_role_is_internal_user && self.identity.user().is_some();
        self.identity.role().or(fallback.then_some(Role::InternalUser))
    }

    /// Whether the request is for a model or a provider, and no administration.
    fn is_inference(&self) -> bool {
        let class = self.found.map(|found| found.route.class);
        self.groups().is_llm() || matches!(class, Some(Class::PassThrough | Class::Custom))
    }

    /// Whether the upstream is LiteLLM's router, which follows aliases and serves what is named. A provider's own
    /// path and a configured endpoint go on as they are.
    fn is_routed(&self) -> bool {
        let own = |prefix: &&str| is_below(self.path, prefix);
        self.found.is_some_and(|found| found.route.class == Class::LlmApi) && !PASS_THROUGH_PREFIXES.iter().any(own)
    }

    /// Whether the upstream would choose a model where the request names none.
    fn may_choose_model(&self) -> bool {
        let rule = self.found.map_or(ModelRule::Never, |found| found.route.model);
        rule != ModelRule::Named && rule.applies(self.method)
    }

    /// The owner of a key outside a team, whose own list and budget then hold. An administrator has none. A team
    /// that is a mere label lifts nothing (SEC-6).
    fn personal_owner(&self) -> Option<&'a User> {
        let personal = self.identity.team().is_none_or(|team| team.is_label) && !self.is_proxy_admin();
        self.identity.user().filter(|_| personal)
    }

    /// What the key and its team say about requests.
    fn request_grants(&self) -> impl Iterator<Item = &'a RequestGrants> {
        let key = self.identity.record().map(|key| &key.terms.requests);
        key.into_iter().chain(self.identity.team().map(|team| &team.requests))
    }

    /// Whether the request asks which models there are.
    fn lists_models(&self) -> bool {
        DISCOVERY.contains(&self.path) || self.found.is_some_and(|found| found.route.id == "models")
    }

    /// Groups of the path; none when nobody knows it.
    fn groups(&self) -> GroupSet {
        self.found.map_or(GroupSet::EMPTY, |found| found.groups)
    }
}

/// What is known once the request was read.
#[derive(Debug)]
pub struct Asked<'a> {
    facts: Facts<'a>,
    ask: Result<&'a Ask, DenyReason>,
    /// The names of every model the request can reach, as the upstream goes through them.
    chains: Vec<Chain<'a>>,
    named: &'a Named,
    models: &'a ModelMap,
    /// The responses it names, or why it may not.
    responses: Result<&'a Guarded, DenyReason>,
}

impl<'a> Asked<'a> {
    /// Adds what the request names, or why that cannot be told, and the records it names.
    #[must_use]
    pub fn new(facts: Facts<'a>, ask: Result<&'a Ask, DenyReason>, named: &'a Named, models: &'a ModelMap) -> Self {
        let chains = ask.map(|ask| chains(&facts, ask, models)).unwrap_or_default();
        Self { facts, ask, chains, named, models, responses: Ok(&Guarded::Unconcerned) }
    }

    /// Adds what was found of the responses it names.
    #[must_use]
    pub fn with_responses(self, responses: Result<&'a Guarded, DenyReason>) -> Self {
        Self { responses, ..self }
    }

    fn admission(&self) -> Option<&'a Admission> {
        match self.responses {
            Ok(Guarded::Protected(admission)) => Some(admission),
            Ok(Guarded::Unconcerned | Guarded::Unprotected) | Err(_) => None,
        }
    }

    /// The model that is served in place of the one the request names, where that is one.
    #[must_use]
    pub fn upstream_model(&self) -> Option<&'a str> {
        let mut models = self.ask.into_iter().flat_map(Ask::models);
        match (models.next(), models.next(), self.chains.first()) {
            (Some(model), None, Some(chain)) => Some(chain.served()).filter(|served| *served != model),
            _ => None,
        }
    }

    /// What the upstream is told of the request, unless it could not be read.
    #[must_use]
    pub fn about(&self) -> Option<About<'a>> {
        let (upstream_model, responses) = (self.upstream_model(), self.admission());
        self.ask.ok().map(|ask| About { ask, named: self.named, upstream_model, responses })
    }

    /// What everybody who has a say leaves to the request.
    fn object_grants(&self) -> impl Iterator<Item = &'a ObjectGrants> {
        let of_end_user = self.named.end_user.as_deref().map(|end_user| &end_user.objects);
        self.identity.object_grants().chain(of_end_user)
    }
}

/// The names of every model the request can reach. Team and key rename what the request is for; the router, which
/// gets the fallbacks as they are, follows its own aliases only. What is no router follows none.
fn chains<'a>(facts: &Facts<'a>, ask: &'a Ask, models: &'a ModelMap) -> Vec<Chain<'a>> {
    if !facts.is_routed() {
        return ask.reachable().map(Chain::of).collect();
    }
    let also = ask.also.iter().map(|model| models.chain(model, None));
    ask.models().map(|model| models.chain(model, facts.identity.record())).chain(also).collect()
}

impl<'a> Deref for Asked<'a> {
    type Target = Facts<'a>;

    fn deref(&self) -> &Self::Target {
        &self.facts
    }
}

/// One rule: nothing to object, or why not.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// About the caller and the route. Asked first, so that nobody whose key or route is refused has a body
    /// scanned or a record looked up.
    Caller(fn(&Facts<'_>) -> Result<(), DenyReason>),
    /// About what the request names.
    Request(fn(&Asked<'_>) -> Result<(), DenyReason>),
}

/// A rule and its name.
#[derive(Debug)]
pub struct Check {
    /// Stable name for `explain` and the documentation.
    pub name: &'static str,
    /// The rule.
    pub rule: Rule,
}

impl Check {
    /// Asks the rule, whatever the others say.
    ///
    /// # Errors
    /// Its objection.
    pub fn run(&self, asked: &Asked<'_>) -> Result<(), DenyReason> {
        match self.rule {
            Rule::Caller(rule) => rule(asked),
            Rule::Request(rule) => rule(asked),
        }
    }
}

const fn caller(name: &'static str, rule: fn(&Facts<'_>) -> Result<(), DenyReason>) -> Check {
    Check { name, rule: Rule::Caller(rule) }
}

const fn request(name: &'static str, rule: fn(&Asked<'_>) -> Result<(), DenyReason>) -> Check {
    Check { name, rule: Rule::Request(rule) }
}

/// The rules in the order they are asked. The first objection decides.
pub const CHECKS: &[Check] = &[
    caller("key_blocked", key_state::not_blocked),
    caller("key_expired", key_state::not_expired),
    caller("user_active", key_state::user_active),
    caller("route_known", route::known),
    caller("route_method", route::method),
    caller("master_key_only", route::master_only),
    caller("deployment_routes", route::offered),
    caller("deployment_switches", route::enabled),
    caller("key_routes", route::allowed_by_key),
    caller("token_routes", bearer::routes),
    caller("admin_only", route::admin_only),
    caller("pass_through", pass_through::granted),
    caller("team_blocked", team::not_blocked),
    caller("project_blocked", project::not_blocked),
    caller("agent_trace", agent::traced),
    request("organization", organization::allowed),
    request("role", role::allowed),
    request("request_readable", model::readable),
    request("end_user_blocked", end_user::not_blocked),
    request("parameters", parameters::allowed),
    request("client_tags", parameters::client_tags),
    request("user_named", parameters::user_named),
    request("model_named", model::named),
    request("model_aliases", model::aliases_end),
    request("token_models", bearer::models),
    request("key_models", model::granted_by_key),
    request("team_models", model::granted_by_team),
    request("member_models", model::granted_by_member),
    request("user_models", model::granted_by_user),
    request("project_models", model::granted_by_project),
    request("org_models", model::granted_by_organization),
    request("tools", tools::granted),
    request("vector_stores", objects::vector_stores),
    request("agents", objects::agents),
    request("search_tools", objects::search_tools),
    request("mcp_servers", objects::mcp_servers),
    request("guardrails", guardrails::untouched),
    request("enforced_params", parameters::enforced),
    request("response_ids", response::owned),
    request("key_budget", budget::of_key),
    request("key_model_budget", budget::of_key_for_model),
    request("team_budget", budget::of_team),
    request("member_budget", budget::of_member),
    request("user_budget", budget::of_user),
    request("project_budget", budget::of_project),
    request("org_budget", budget::of_organization),
    request("end_user_budget", budget::of_end_user),
    request("end_user_model_budget", budget::of_end_user_for_model),
    request("tag_budget", budget::of_tags),
    request("proxy_budget", budget::of_proxy),
];

/// Asks the rules about the caller, in order.
///
/// # Errors
/// The first objection.
pub fn judge_caller(facts: &Facts<'_>) -> Result<(), DenyReason> {
    CHECKS.iter().try_for_each(|check| match check.rule {
        Rule::Caller(rule) => rule(facts),
        Rule::Request(_) => Ok(()),
    })
}

/// Asks the rules about the request, in order, of a caller that [`judge_caller`] let pass.
///
/// # Errors
/// The first objection.
pub fn judge_request(asked: &Asked<'_>) -> Result<(), DenyReason> {
    CHECKS.iter().try_for_each(|check| match check.rule {
        Rule::Caller(_) => Ok(()),
        Rule::Request(rule) => rule(asked),
    })
}

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

/// What keeps a bearer from acting for its team in this request (LiteLLM 6.4.2).
#[must_use]
pub fn obstacle(asked: &Asked<'_>) -> Option<Obstacle> {
    if team::not_blocked(asked).is_err() {
        Some(Obstacle::Blocked)
    } else if bearer::routes(asked).is_err() || pass_through::granted(asked).is_err() {
        Some(Obstacle::Route)
    } else {
        model::granted_by_team(asked).is_err().then_some(Obstacle::Model)
    }
}

/// Members a request of this caller must have (spec section 4.9). Computed for each request: LiteLLM
/// leaks those of one key to all (SEC-24).
#[must_use]
pub fn wanted<'a>(identity: &'a Identity, request: &'a RequestRules) -> Vec<&'a str> {
    let key = identity.record().into_iter().flat_map(|key| &key.terms.requests.enforced_params);
    let team = identity.team().into_iter().flat_map(|team| &team.requests.enforced_params);
    let service = identity.record().is_some_and(|key| key.terms.requests.is_service_account);
    let service = service.then_some(&request.service_account_enforced_params).into_iter().flatten();
    request.enforced_params.iter().chain(service).chain(key).chain(team).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_about_the_caller_come_first() {
        assert!(CHECKS.is_sorted_by_key(|check| matches!(check.rule, Rule::Request(_))));
    }
}
