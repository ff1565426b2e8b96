//! The decision as dynamic metadata, for Envoy's access log, rate limiter, RBAC and `ext_proc`.
//!
//! It appears under `envoy.filters.http.ext_authz`, which a client cannot write. The shape is
//! `tollgate.v1.Decision` in `proto/tollgate/v1/decision.proto`; a test holds the two together.

use std::collections::HashMap;

use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};

use crate::core::ask::Ask;
use crate::core::record::Role;
use crate::engine::Verdict;
use crate::telemetry;

/// Builds the metadata of a verdict. Numbers would travel as doubles, so everything is text.
pub(super) fn of(verdict: &Verdict, version: &str, request_id: &str) -> Struct {
    let (decision, reason) = telemetry::labels(&verdict.decision);
    let evidence = &verdict.evidence;
    let models = Ask { model: evidence.model.clone(), ..Ask::default() };
    let request = object([
        ("route", text(Some(evidence.route))),
        ("id", text(Some(request_id))),
        ("models", list(models.models())),
        ("tags", list(evidence.tags.iter().map(String::as_str))),
    ]);
    let mut fields = vec![
        ("decision", text(Some(decision))),
        ("reason", text(Some(reason))),
        ("config_version", text(Some(version))),
        ("request", request),
        ("end_user", object([("id", text(evidence.end_user.as_deref()))])),
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
                    ("email", text(identity.user().and_then(|user| user.email.as_deref()))),
                    ("role", text(identity.role().map(Role::as_str))),
                ]),
            ),
            ("team", named(identity.team().map(|team| (&team.id, team.alias.as_deref())))),
            ("org", named(identity.organization().map(|org| (&org.id, org.alias.as_deref())))),
        ]);
    }
    structure(fields)
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
    let values: Vec<_> = texts.filter_map(|element| text(Some(element))).collect();
    (!values.is_empty()).then_some(Value { kind: Some(Kind::ListValue(ListValue { values })) })
}

/// An object, or nothing when all its members are.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Option<Value> {
    let object = structure(fields);
    (!object.fields.is_empty()).then_some(Value { kind: Some(Kind::StructValue(object)) })
}

fn structure<'a>(fields: impl IntoIterator<Item = (&'a str, Option<Value>)>) -> Struct {
    let fields: HashMap<_, _> =
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Struct { fields }
}
