//! The journey of one request, top to bottom.

use std::sync::Arc;

use jiff::Timestamp;

use crate::authn::{Authenticator, Failure};
use crate::core::ask::{self, Ask, BodyLimits};
use crate::core::decision::Decision;
use crate::core::deny::DenyReason;
use crate::core::extract::{Extractor, Input};
use crate::core::identity::Identity;
use crate::core::models::ModelMap;
use crate::core::mutate::{About, HeaderPolicy};
use crate::core::path::Target;
use crate::core::peer::PeerRule;
use crate::core::policy::rules::RouteRules;
use crate::core::policy::{self, Facts};
use crate::core::record::Named;
use crate::core::request::{Fidelity, RequestView};
use crate::core::route::{Method, MethodSet, RouteTable};

/// Everything a decision needs, compiled from one configuration, complete and immutable.
#[derive(Debug)]
pub struct Snapshot {
    /// Names this configuration in logs and metadata.
    pub version: String,
    /// Who may come in.
    pub authenticator: Authenticator,
    /// Where credentials are.
    pub extractor: Extractor,
    /// What there is to ask for.
    pub routes: RouteTable,
    /// What is said about it to everybody.
    pub rules: RouteRules,
    /// What is known of the upstream's models.
    pub models: ModelMap,
    /// What is known of the proxy's buffering.
    pub body_limits: BodyLimits,
    /// What the upstream sees.
    pub headers: HeaderPolicy,
    /// Where requests may come from.
    pub peers: PeerRule,
}

/// The decision, with the evidence it rests on.
#[derive(Debug)]
pub struct Verdict {
    /// What to do.
    pub decision: Decision,
    /// What was known when it was made.
    pub evidence: Evidence,
}

/// What a decision log line and the upstream's metadata are made of. Filled step by step: a refusal
/// shows how far the request came.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The route's stable id; `public` on a public path, `unknown` beyond the catalogue, empty before.
    pub route: &'static str,
    /// Methods the route is defined for.
    pub methods: MethodSet,
    /// Who asked.
    pub identity: Option<Identity>,
    /// The model the request was judged by.
    pub model: Option<String>,
    /// For whom the caller asked.
    pub end_user: Option<String>,
    /// The records the request names.
    pub named: Named,
    /// In how many seconds a refused request may be tried again, where that is known.
    pub retry_after: Option<u64>,
}

/// Judges one request by one snapshot. `now` is read once, by the caller.
pub async fn judge(snapshot: &Arc<Snapshot>, view: &RequestView<'_>, now: Timestamp) -> Verdict {
    let mut evidence = Evidence::default();
    let decision = match journey(snapshot, view, now, &mut evidence).await {
        Ok(decision) => decision,
        Err(Failure::Denied(reason)) => Decision::Deny(reason),
        Err(Failure::Outage(outage)) => Decision::Indeterminate(outage),
    };
    Verdict { decision, evidence }
}

async fn journey(
    snapshot: &Snapshot,
    view: &RequestView<'_>,
    now: Timestamp,
    evidence: &mut Evidence,
) -> Result<Decision, Failure> {
    snapshot.peers.admit(view.peer)?;
    if view.headers.fidelity() == Fidelity::Lossy && view.target.contains('!') {
        // It may stand for a byte that the upstream gets and we do not see (S-011).
        return Err(DenyReason::PathMalformed.into());
    }
    let target = Target::parse(view.target, snapshot.routes.root_path()).map_err(|_| DenyReason::PathMalformed)?;
    let mut input = Input { headers: &view.headers, path: &target.path, query: target.query, pass_through: None };
    let method = Method::parse(view.method).ok_or(DenyReason::MethodNotAllowed);
    if snapshot.routes.is_public(&target.path) {
        evidence.route = "public";
        evidence.methods = PUBLIC_METHODS;
        return Ok(public(snapshot, &input, method?)?);
    }
    let found = snapshot.routes.find(&target.path);
    evidence.route = found.as_ref().map_or("unknown", |found| found.route.id);
    evidence.methods = found.as_ref().map_or(MethodSet::EMPTY, |found| found.route.methods);
    let method = method?;
    input.pass_through = found.as_ref().and_then(|found| found.passed_through(method)).map(|rule| &rule.credential);
    if found.as_ref().is_some_and(|found| found.is_open(method)) {
        return Ok(open(snapshot, &input)?);
    }

    let credential = snapshot.extractor.credential(&input)?;
    let identity = snapshot.authenticator.identify(&credential).await?;
    let identity = evidence.identity.insert(identity);

    let read = |found| ask::read(view, target.query, method, found, snapshot.body_limits);
    let ask = found.as_ref().map_or(Ok(Ask::default()), read);
    evidence.model = ask.as_ref().ok().and_then(|ask| ask.model.clone());
    if let Ok(ask) = &ask {
        evidence.end_user.clone_from(&ask.end_user);
        evidence.named = snapshot.authenticator.named(ask, identity).await?;
    }
    let facts = Facts {
        identity,
        path: &target.path,
        method,
        found: found.as_ref(),
        headers: &view.headers,
        ask: &ask,
        chains: &policy::chains(&ask, &snapshot.models, identity),
        named: &evidence.named,
        models: &snapshot.models,
        rules: &snapshot.rules,
        now,
    };
    if let Err(reason) = policy::judge(&facts) {
        evidence.retry_after = policy::retry_at(&facts, reason).map(|at| seconds_until(at, now));
        return Err(reason.into());
    }

    let region = evidence.named.end_user.as_ref().and_then(|end_user| end_user.region.as_deref());
    let about = About { model: evidence.model.as_deref(), region };
    Ok(Decision::Allow(Box::new(snapshot.headers.mutations(identity, about, &credential.places, &input)?)))
}

/// Whole seconds, rounded up: who waits for them comes in time.
fn seconds_until(at: Timestamp, now: Timestamp) -> u64 {
    let milliseconds = at.as_millisecond().saturating_sub(now.as_millisecond());
    u64::try_from(milliseconds).unwrap_or_default().div_ceil(1000)
}

/// What anybody may do to a public path.
const PUBLIC_METHODS: MethodSet = MethodSet::of(&[Method::Get, Method::Head, Method::Options, Method::Post]);

/// A public path is open to everybody, and nobody is somebody on it: the presented credential is not
/// looked at, and claimed identities are stripped all the same (S-043).
fn public(snapshot: &Snapshot, input: &Input<'_>, method: Method) -> Result<Decision, DenyReason> {
    if PUBLIC_METHODS.has(method) { open(snapshot, input) } else { Err(DenyReason::MethodNotAllowed) }
}

fn open(snapshot: &Snapshot, input: &Input<'_>) -> Result<Decision, DenyReason> {
    Ok(Decision::Allow(Box::new(snapshot.headers.mutations(&Identity::Anonymous, About::default(), &[], input)?)))
}
