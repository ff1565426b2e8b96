//! The same journey with every rule asked, for people who want to know why.

use jiff::Timestamp;

use super::{Snapshot, act_for_a_team, asking, check_upgrade, facts, guard, open, public, read};
use crate::authn::{Failure, Identified};
use crate::core::ask::{self, Ask};
use crate::core::credential::Credential;
use crate::core::deny::DenyReason;
use crate::core::extract::Input;
use crate::core::identity::Identity;
use crate::core::mutate::Mutations;
use crate::core::path::Target;
use crate::core::policy::{Asked, CHECKS};
use crate::core::record::Named;
use crate::core::request::RequestView;
use crate::core::response_id::Guarded;
use crate::core::route::Method;

/// What would be decided for a caller, with every rule asked whatever the others say.
#[derive(Debug)]
pub struct Explanation {
    /// The route's stable id; `public` or `unknown` where it has none.
    pub route: &'static str,
    /// What the request names, or why that cannot be told.
    pub ask: Result<Ask, DenyReason>,
    /// The records it names.
    pub named: Named,
    /// The responses it names.
    pub responses: Guarded,
    /// Every rule in order, with its verdict. The first objection decides.
    pub checks: Vec<(&'static str, Result<(), DenyReason>)>,
    /// What the upstream would see, were it allowed.
    pub mutations: Result<Mutations, DenyReason>,
}

impl Explanation {
    /// The rule that decides, and why; nothing when the request is allowed.
    #[must_use]
    pub fn objection(&self) -> Option<(&'static str, DenyReason)> {
        let check = self.checks.iter().find_map(|(name, verdict)| verdict.err().map(|reason| (*name, reason)));
        check.or_else(|| self.mutations.as_ref().err().map(|reason| ("headers", *reason)))
    }

    fn of_open(route: &'static str, mutations: Result<Mutations, DenyReason>) -> Self {
        Self {
            route,
            ask: Ok(Ask::default()),
            named: Named::default(),
            responses: Guarded::default(),
            checks: Vec::new(),
            mutations,
        }
    }
}

/// Explains a decision about a caller who is known already. Where the request comes from is asked only if
/// that is said.
///
/// # Errors
/// The reason, when it is decided before any rule is asked: the path or the method cannot be read, or the
/// peer is not allowed. An outage, when a record the request names could not be looked up.
pub async fn explain(
    snapshot: &Snapshot,
    view: &RequestView<'_>,
    identity: &Identity,
    now: Timestamp,
) -> Result<Explanation, Failure> {
    if view.peer.is_some() {
        snapshot.peers.admit(view.peer)?;
    }
    ask::check_size(view, &snapshot.request)?;
    let target = Target::parse(view.target, snapshot.routes.root_path()).map_err(|_| DenyReason::PathMalformed)?;
    let input = Input { headers: &view.headers, path: &target.path, query: target.query, pass_through: None };
    let method = Method::parse(view.method).ok_or(DenyReason::MethodNotAllowed)?;
    let found = snapshot.routes.find(&target.path);
    if snapshot.routes.is_public(&target.path) {
        return Ok(Explanation::of_open("public", public(snapshot, &input, method, found.as_ref(), now)));
    }
    if let Some(found) = found.as_ref().filter(|found| found.is_open(method)) {
        return Ok(Explanation::of_open(found.route.id, open(snapshot, &input, method, Some(found), now)));
    }
    check_upgrade(view, method, found.as_ref())?;
    if matches!(identity, Identity::Anonymous) {
        return Err(DenyReason::CredentialMissing.into());
    }
    let facts = facts(snapshot, identity, &input, method, found.as_ref(), now);
    let ask = read(snapshot, view, &facts, &target);
    let named = match &ask {
        Ok(ask) => snapshot.authenticator.named(ask, identity, &snapshot.request).await?,
        Err(_) => Named::default(),
    };
    let read = ask.as_ref().map_err(|reason| *reason);
    let responses = guard(snapshot, view, &facts, &target, read);
    let guarded = responses.as_ref().map_err(|reason| *reason);
    let asked = Asked::new(facts, read, &named, &snapshot.models).with_responses(guarded);
    let checks = CHECKS.iter().map(|check| (check.name, check.run(&asked))).collect();
    let mutations = snapshot.headers.mutations(identity, asked.about(), &[], &input);
    let route = found.as_ref().map_or("unknown", |found| found.route.id);
    let responses = responses.unwrap_or_default();
    Ok(Explanation { route, ask, named, responses, checks, mutations })
}

/// Finds out who sends a request with a credential, as a decision would. Nothing is written.
///
/// # Errors
/// Why it is nobody, or why that cannot be told.
pub async fn recognise(
    snapshot: &Snapshot,
    view: &RequestView<'_>,
    credential: &Credential,
    now: Timestamp,
) -> Result<Identity, Failure> {
    let target = Target::parse(view.target, snapshot.routes.root_path()).map_err(|_| DenyReason::PathMalformed)?;
    let method = Method::parse(view.method).ok_or(DenyReason::MethodNotAllowed)?;
    let found = snapshot.routes.find(&target.path);
    let asking = asking(view, &target, found.as_ref());
    let Identified { identity, undecided, .. } = snapshot.authenticator.identify(Ok(credential), &asking, now).await?;
    let Some(undecided) = undecided else { return Ok(identity) };
    let input = Input { headers: &view.headers, path: &target.path, query: target.query, pass_through: None };
    let facts = facts(snapshot, &identity, &input, method, found.as_ref(), now);
    Ok(act_for_a_team(snapshot, view, &target, &facts, &undecided).await?.identity)
}
