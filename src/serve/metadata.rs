//! The decision as dynamic metadata, for Envoy's access log, rate limiter, RBAC and `ext_proc`.
//!
//! It appears under `envoy.filters.http.ext_authz`, which a client cannot write. The shape is
//! `tollgate.v1.Decision` in `proto/tollgate/v1/decision.proto`; a test holds the two together.

use std::collections::HashMap;

use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};

use crate::core::ask::Ask;
use crate::core::budget::{Amount, Budget};
use crate::core::credential::KeyHash;
use crate::core::identity::Identity;
use crate::core::limits::{self, Descriptor};
use crate::core::policy::Grant;
use crate::core::record::Role;
use crate::core::record::permissions::{Guardrails, Names};
use crate::core::response_id::{Admission, Guarded, Name};
use crate::engine::{Evidence, Verdict};
use crate::telemetry;

/// Builds the metadata of a verdict. Numbers would travel as doubles, so everything is text but
/// what Envoy itself reads.
pub(super) fn of(verdict: &Verdict, version: &str, request_id: &str) -> Struct {
    let (decision, reason) = telemetry::labels(&verdict.decision);
    let evidence = &verdict.evidence;
    let none = Ask::default();
    let ask = evidence.ask.as_ref().unwrap_or(&none);
    let request = object([
        ("route", text(Some(evidence.route))),
        ("id", text(Some(request_id))),
        ("models", list(ask.models())),
        ("tags", list(evidence.named.labels.iter().map(String::as_str))),
        ("upstream_model", text(evidence.grant.as_ref().and_then(|grant| grant.upstream_model.as_deref()))),
    ]);
    let mut fields = vec![
        ("decision", text(Some(decision))),
        ("reason", text(Some(reason))),
        ("config_version", text(Some(version))),
        ("request", request),
        ("store", object([("stale", text(evidence.stale.then_some("true")))])),
        ("response_ids", response_ids(&evidence.responses)),
    ];
    if let Some(identity) = &evidence.identity {
        let key_hash = identity.key_hash();
        let key = identity.key();
        let expires = key.and_then(|key| key.expires).map(|expires| expires.to_string());
        fields.extend([
            ("method", text(Some(identity.method()))),
            (
                "key",
                object([
                    ("hash", text(key_hash.as_deref())),
                    ("alias", text(key.and_then(|key| key.alias.as_deref()))),
                    ("expires_at", text(expires.as_deref())),
                ]),
            ),
            (
                "user",
                object([
                    ("id", text(identity.user_id())),
                    ("email", text(identity.email())),
                    ("role", text(identity.role().map(Role::as_str))),
                ]),
            ),
            (
                "team",
                object([
                    ("id", text(identity.team().map(|team| team.id.as_str()))),
                    ("alias", text(identity.team().and_then(|team| team.alias.as_deref()))),
                    ("member_role", text(identity.record().and_then(|record| record.terms.member_role.as_deref()))),
                ]),
            ),
            ("org", named(identity.organization().map(|org| (&org.id, org.alias.as_deref())))),
            ("project", named(identity.project().map(|project| (&project.id, project.alias.as_deref())))),
            ("agent", named(key.and_then(|key| key.agent.as_ref()).map(|agent| (&agent.id, None)))),
        ]);
        fields.push(("token", token(identity)));
        fields.extend(subjects(identity, evidence, ask));
        fields.push(("guardrails", guardrails(&identity.guardrails())));
        fields.push(("permissions", evidence.grant.as_ref().and_then(permissions)));
    }
    structure(fields)
}

fn token(identity: &Identity) -> Option<Value> {
    let bearer = identity.bearer()?;
    let expires = bearer.expires.map(|expires| expires.to_string());
    object([("issuer", text(bearer.issuer.as_deref())), ("expires_at", text(expires.as_deref()))])
}

/// What `ext_proc` is told. The ids are the caller's spelling: the provider's are for the upstream.
fn response_ids(guarded: &Guarded) -> Option<Value> {
    let Admission { caller, subject, previous, body_read, .. } = match guarded {
        Guarded::Unconcerned => return None,
        Guarded::Unprotected => return object([("state", text(Some("unprotected")))]),
        Guarded::Protected(admission) => &**admission,
    };
    object([
        ("state", text(Some("protected"))),
        ("user", text(caller.user().map(Name::as_str))),
        ("team", text(caller.team().map(Name::as_str))),
        ("key", text(caller.key().map(KeyHash::to_hex).as_deref())),
        ("admin", text(caller.is_admin().then_some("true"))),
        ("subject", text(subject.as_ref().map(|(shown, _)| shown.as_str()))),
        ("body", text(body_read.then_some("seen"))),
        ("named", list(previous.iter().map(|(shown, _)| shown.as_str()))),
    ])
}

/// Who the request counts for: what was spent, and what the proxy's rate limiter should hold them to.
fn subjects(identity: &Identity, evidence: &Evidence, ask: &Ask) -> [(&'static str, Option<Value>); 5] {
    let record = evidence.named.end_user.as_deref();
    let end_user = evidence.named.end_user_of(ask).map(|id| (id, record));
    let region = record.and_then(|end_user| end_user.region.as_deref());
    let reached = evidence.grant.iter().flat_map(|grant| &grant.reached).map(String::as_str);
    let models: Vec<_> = reached.chain(ask.models()).collect();
    let descriptors = limits::descriptors(identity, end_user, &models);
    let plain = descriptors.iter().filter(|one| is_plain(one));
    let limited = descriptors.iter().filter(|one| !one.limits.is_empty());
    [
        ("end_user", object([("id", text(evidence.named.end_user_of(ask))), ("region", text(region))])),
        ("budget", budgets(identity, evidence)),
        ("descriptors", members(plain.map(|one| (one.name, text(Some(&one.value)))))),
        ("limits", values(limited.clone().filter_map(limit).collect())),
        ("rate_limits", members(limited.filter(|one| is_plain(one)).map(|one| (one.name, rate_limit(one))))),
    ]
}

/// Whether it is about a subject, and no single model.
fn is_plain(descriptor: &Descriptor) -> bool {
    !descriptor.name.starts_with("model_per_")
}

/// The shape of Envoy's `RateLimit.Override.DynamicMetadata`.
fn rate_limit(descriptor: &Descriptor) -> Option<Value> {
    let minute = |limit: Option<u64>| {
        let number = u32::try_from(limit?).map_or(f64::from(u32::MAX), f64::from);
        let number = Value { kind: Some(Kind::NumberValue(number)) };
        object([("requests_per_unit", Some(number)), ("unit", text(Some("MINUTE")))])
    };
    object([("requests", minute(descriptor.limits.requests)), ("tokens", minute(descriptor.limits.tokens))])
}

fn limit(descriptor: &Descriptor) -> Option<Value> {
    let number = |limit: Option<u64>| text(limit.map(|limit| limit.to_string()).as_deref());
    object([
        ("descriptor", text(Some(descriptor.name))),
        ("value", text(Some(&descriptor.value))),
        ("rpm", number(descriptor.limits.requests)),
        ("tpm", number(descriptor.limits.tokens)),
        ("parallel", number(descriptor.limits.parallel)),
    ])
}

fn guardrails(guardrails: &Guardrails) -> Option<Value> {
    object([
        ("names", list(guardrails.names.iter().map(String::as_str))),
        ("policies", list(guardrails.policies.iter().map(String::as_str))),
        ("disable_global", text(guardrails.disable_global.then_some("true"))),
    ])
}

fn permissions(grant: &Grant) -> Option<Value> {
    let objects = &grant.objects;
    object([
        ("models", values(grant.models.iter().filter_map(names).collect())),
        ("tools", names(&grant.tools)),
        ("vector_stores", names(&objects.vector_stores)),
        ("agents", names(&objects.agents)),
        ("search_tools", names(&objects.search_tools)),
        ("mcp_servers", names(&objects.mcp_servers)),
    ])
}

fn names(names: &Names) -> Option<Value> {
    match names {
        Names::Any => object([("unrestricted", text(Some("true")))]),
        Names::Only(names) => {
            object([("unrestricted", text(Some("false"))), ("names", list(names.iter().map(String::as_str)))])
        }
    }
}

fn dollars(amount: Amount) -> Option<Value> {
    text(Some(&amount.dollars().to_string()))
}

fn of_models(budgets: &[(String, Budget)]) -> Option<Value> {
    let budgets = budgets.iter().filter_map(|(model, budget)| {
        object([("model", text(Some(model))), ("spend", dollars(budget.spend)), ("max", budget.max.and_then(dollars))])
    });
    values(budgets.collect())
}

/// Budgets by level, where there is a limit.
fn budgets(identity: &Identity, evidence: &Evidence) -> Option<Value> {
    let end_user = evidence.named.end_user.as_deref();
    let grant = evidence.grant.as_ref();
    let level = |budget: Option<&Budget>| {
        let budget = budget.filter(|budget| budget.max.is_some())?;
        let resets_at = budget.resets_at.map(|time| time.to_string());
        object([
            ("spend", dollars(budget.spend)),
            ("max", budget.max.and_then(dollars)),
            ("reset_at", text(resets_at.as_deref())),
        ])
    };
    object([
        ("key", level(identity.key().map(|key| &key.budget))),
        ("team", level(identity.team().map(|team| &team.budget))),
        ("member", level(identity.member().map(|member| &member.budget))),
        ("user", level(identity.user().map(|user| &user.budget))),
        ("project", level(identity.project().map(|project| &project.budget))),
        ("org", level(identity.organization().map(|organization| &organization.budget))),
        ("end_user", level(end_user.map(|end_user| &end_user.budget))),
        ("proxy", level(evidence.named.proxy.as_ref())),
        ("models", grant.and_then(|grant| of_models(&grant.key_models))),
        ("end_user_models", grant.and_then(|grant| of_models(&grant.end_user_models))),
    ])
}

fn named(record: Option<(&String, Option<&str>)>) -> Option<Value> {
    let (id, alias) = record?;
    object([("id", text(Some(id))), ("alias", text(alias))])
}

fn text(text: Option<&str>) -> Option<Value> {
    let text = text.filter(|text| !text.is_empty())?;
    Some(Value { kind: Some(Kind::StringValue(text.to_owned())) })
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Value> {
    values(texts.filter_map(|element| text(Some(element))).collect())
}

fn values(values: Vec<Value>) -> Option<Value> {
    (!values.is_empty()).then_some(Value { kind: Some(Kind::ListValue(ListValue { values })) })
}

/// An object, or nothing when all its members are.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Option<Value> {
    members(fields)
}

fn members<'a>(fields: impl IntoIterator<Item = (&'a str, Option<Value>)>) -> Option<Value> {
    let object = structure(fields);
    (!object.fields.is_empty()).then_some(Value { kind: Some(Kind::StructValue(object)) })
}

fn structure<'a>(fields: impl IntoIterator<Item = (&'a str, Option<Value>)>) -> Struct {
    let fields: HashMap<_, _> =
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Struct { fields }
}
