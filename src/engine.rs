//! The journey of one request, top to bottom.

mod explain;

use std::sync::Arc;

use jiff::Timestamp;

use crate::authn::bearer::{Asking, Undecided};
use crate::authn::{Authenticator, Failure, Identified};
use crate::core::ask::rules::RequestRules;
use crate::core::ask::{self, Ask, BodyLimits, Reading};
use crate::core::decision::Decision;
use crate::core::deny::DenyReason;
use crate::core::extract::{Extractor, Input};
use crate::core::identity::Identity;
use crate::core::jwt::team::{NoTeam, Obstacle};
use crate::core::models::ModelMap;
use crate::core::mutate::{HeaderPolicy, Mutations};
use crate::core::path::Target;
use crate::core::peer::PeerRule;
use crate::core::policy::rules::RouteRules;
use crate::core::policy::{self, Asked, Facts, Grant};
use crate::core::record::Named;
use crate::core::request::{Fidelity, RequestView};
use crate::core::response_id::{Guard, Guarded, Question};
use crate::core::route::catalogue::ModelRule;
use crate::core::route::{Match, Method, MethodSet, RouteTable};

pub use explain::{Explanation, explain, recognise};

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
    /// What requests may carry.
    pub request: RequestRules,
    /// What is known of the upstream's models.
    pub models: ModelMap,
    /// What is known of the proxy's buffering.
    pub body_limits: BodyLimits,
    /// What the upstream sees.
    pub headers: HeaderPolicy,
    /// Where requests may come from.
    pub peers: PeerRule,
    /// Whose responses may be named.
    pub responses: Guard,
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
    /// What the request names, once it was read.
    pub ask: Option<Ask>,
    /// The records the request names.
    pub named: Named,
    /// The responses it names.
    pub responses: Guarded,
    /// What was granted, when the request is allowed.
    pub grant: Option<Grant>,
    /// In how many seconds a refused request may be tried again, where that is known.
    pub retry_after: Option<u64>,
    /// Whether it rests on records that the store could not be asked about again.
    pub stale: bool,
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
    ask::check_size(view, &snapshot.request)?;
    let target = Target::parse(view.target, snapshot.routes.root_path()).map_err(|_| DenyReason::PathMalformed)?;
    let mut input = Input { headers: &view.headers, path: &target.path, query: target.query, pass_through: None };
    let method = Method::parse(view.method).ok_or(DenyReason::MethodNotAllowed);
    if snapshot.routes.is_public(&target.path) {
        evidence.route = "public";
        evidence.methods = PUBLIC_METHODS;
        check_upgrade(view, Method::Get, None)?;
        let found = snapshot.routes.find(&target.path);
        return Ok(allow(public(snapshot, &input, method?, found.as_ref(), now)?));
    }
    let found = snapshot.routes.find(&target.path);
    evidence.route = found.as_ref().map_or("unknown", |found| found.route.id);
    evidence.methods = found.as_ref().map_or(MethodSet::EMPTY, |found| found.route.methods);
    let method = method?;
    check_upgrade(view, method, found.as_ref())?;
    input.pass_through = found.as_ref().and_then(|found| found.passed_through(method)).map(|rule| &rule.credential);
    if found.as_ref().is_some_and(|found| found.is_open(method)) {
        return Ok(allow(open(snapshot, &input, method, found.as_ref(), now)?));
    }

    let credential = snapshot.extractor.credential(&input);
    let presented = credential.as_ref().map_err(|reason| *reason);
    let asking = asking(view, &target, found.as_ref());
    let mut caller = snapshot.authenticator.identify(presented, &asking, now).await?;
    if let Some(undecided) = caller.undecided.take() {
        evidence.identity = Some(caller.identity.clone());
        let facts = facts(snapshot, &caller.identity, &input, method, found.as_ref(), now);
        caller = act_for_a_team(snapshot, view, &target, &facts, &undecided).await?;
    }
    evidence.stale = caller.stale;
    let identity = evidence.identity.insert(caller.identity);

    let facts = facts(snapshot, identity, &input, method, found.as_ref(), now);
    policy::judge_caller(&facts)?;

    let ask = read(snapshot, view, &facts, &target).map(|ask| &*evidence.ask.insert(ask));
    if let Ok(ask) = ask {
        evidence.named = snapshot.authenticator.named(ask, identity, &snapshot.request).await?;
        evidence.stale |= evidence.named.stale;
    }
    let responses = guard(snapshot, view, &facts, &target, ask);
    let responses = responses.map(|guarded| {
        evidence.responses = guarded;
        &evidence.responses
    });
    let asked = Asked::new(facts, ask, &evidence.named, &snapshot.models).with_responses(responses);
    if let Err(reason) = policy::judge_request(&asked) {
        evidence.retry_after = policy::retry_at(&asked, reason).map(|at| seconds_until(at, now));
        return Err(reason.into());
    }
    let places = credential.as_ref().map_or(&[][..], |credential| &credential.places);
    let mutations = snapshot.headers.mutations(identity, asked.about(), places, &input)?;
    evidence.grant = Some(asked.grant());
    snapshot.authenticator.write_later(caller.writes)?;
    Ok(allow(mutations))
}

/// Of several teams a bearer acts for the first that may do what is asked (LiteLLM 6.4), so the request is read before
/// it is known who asks. What no team can change is asked first.
async fn act_for_a_team(
    snapshot: &Snapshot,
    view: &RequestView<'_>,
    target: &Target<'_>,
    facts: &Facts<'_>,
    undecided: &Undecided,
) -> Result<Identified, Failure> {
    policy::judge_open(facts)?;
    let ask = read(snapshot, view, facts, target)?;
    let (mut nearest, nothing) = (None, Named::default());
    for team in undecided.teams() {
        let obstacle = match snapshot.authenticator.acting_for(undecided, team).await? {
            None => Obstacle::Unknown,
            Some(candidate) => {
                let facts = Facts { identity: &candidate.identity, ..*facts };
                let asked = Asked::new(facts, Ok(&ask), &nothing, &snapshot.models);
                match policy::obstacle(&asked) {
                    None => return Ok(candidate),
                    Some(obstacle) => obstacle,
                }
            }
        };
        nearest = nearest.max(Some(obstacle));
    }
    Err(DenyReason::from(NoTeam::of(nearest)).into())
}

/// What decides who its caller is.
fn asking<'a>(view: &'a RequestView<'a>, target: &'a Target<'a>, found: Option<&'a Match<'a>>) -> Asking<'a> {
    Asking { method: view.method, path: &target.path, found, headers: &view.headers, peer: view.sender() }
}

fn allow(mutations: Mutations) -> Decision {
    Decision::Allow(Box::new(mutations))
}

/// Whole seconds, rounded up: who waits for them comes in time.
fn seconds_until(at: Timestamp, now: Timestamp) -> u64 {
    let milliseconds = at.as_millisecond().saturating_sub(now.as_millisecond());
    u64::try_from(milliseconds).unwrap_or_default().div_ceil(1000)
}

/// An upgrade is checked once, and what follows is not: it is a GET of a WebSocket to a route that names
/// its model in the query, or refused. `connection` names nothing else then, for a hop that honours it
/// would drop what it names, our identity headers among them (RFC 9110 §7.6.1, S-044).
fn check_upgrade(view: &RequestView<'_>, method: Method, found: Option<&Match<'_>>) -> Result<(), DenyReason> {
    let mut upgrades = view.headers.all("upgrade").peekable();
    if upgrades.peek().is_none() {
        return Ok(());
    }
    let websocket = upgrades.all(|value| value.eq_ignore_ascii_case(b"websocket"));
    let realtime = found.is_some_and(|found| found.route.model == ModelRule::Query);
    let plain = view.headers.all("connection").flat_map(|value| value.split(|byte| *byte == b',')).all(|token| {
        let token = token.trim_ascii();
        token.eq_ignore_ascii_case(b"upgrade") || token.eq_ignore_ascii_case(b"keep-alive")
    });
    if websocket && realtime && plain && method == Method::Get { Ok(()) } else { Err(DenyReason::UpgradeNotAllowed) }
}

fn facts<'a>(
    snapshot: &'a Snapshot,
    identity: &'a Identity,
    input: &Input<'a>,
    method: Method,
    found: Option<&'a Match<'a>>,
    now: Timestamp,
) -> Facts<'a> {
    let (headers, path) = (input.headers, input.path);
    Facts { identity, path, method, found, headers, rules: &snapshot.rules, request: &snapshot.request, now }
}

fn read(
    snapshot: &Snapshot,
    view: &RequestView<'_>,
    facts: &Facts<'_>,
    target: &Target<'_>,
) -> Result<Ask, DenyReason> {
    let reading = Reading {
        limits: snapshot.body_limits,
        rules: &snapshot.request,
        wanted: policy::wanted(facts.identity, &snapshot.request),
    };
    let found =
        facts.found.map_or(Ok(Ask::default()), |found| ask::read(view, target.query, facts.method, found, &reading));
    let end_user = facts.identity.bearer().and_then(|bearer| bearer.end_user.as_ref());
    found.map(|ask| match end_user {
        // What is vouched for wins over what is said (V131).
        Some(end_user) => Ask { end_user: Some(end_user.clone()), end_user_in_query: false, ..ask },
        None => ask,
    })
}

/// What the request names of responses. Of a request that could not be read, another rule says so.
fn guard(
    snapshot: &Snapshot,
    view: &RequestView<'_>,
    facts: &Facts<'_>,
    target: &Target<'_>,
    ask: Result<&Ask, DenyReason>,
) -> Result<Guarded, DenyReason> {
    let Ok(ask) = ask else { return Ok(Guarded::Unconcerned) };
    let (target, query) = (view.target, target.query);
    let Facts { identity, path, method, found, .. } = *facts;
    snapshot.responses.judge(&Question { target, path, query, method, found, body: &view.body, identity, ask })
}

/// What anybody may do to a public path.
const PUBLIC_METHODS: MethodSet = MethodSet::of(&[Method::Get, Method::Head, Method::Options, Method::Post]);

/// A public path is open to everybody, and nobody is somebody on it: the presented credential is not
/// looked at, and claimed identities are stripped all the same (S-043).
fn public(
    snapshot: &Snapshot,
    input: &Input<'_>,
    method: Method,
    found: Option<&Match<'_>>,
    now: Timestamp,
) -> Result<Mutations, DenyReason> {
    if !PUBLIC_METHODS.has(method) {
        return Err(DenyReason::MethodNotAllowed);
    }
    open(snapshot, input, method, found, now)
}

fn open(
    snapshot: &Snapshot,
    input: &Input<'_>,
    method: Method,
    found: Option<&Match<'_>>,
    now: Timestamp,
) -> Result<Mutations, DenyReason> {
    snapshot.responses.judge_open(method, input.path, found)?;
    policy::judge_open(&facts(snapshot, &Identity::Anonymous, input, method, found, now))?;
    snapshot.headers.mutations(&Identity::Anonymous, None, &[], input)
}
