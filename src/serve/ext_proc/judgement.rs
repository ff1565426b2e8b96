//! What `ext_authz` decided, read from its dynamic metadata, which no client can write. What cannot be read
//! is no permission.

use envoy_types::pb::envoy::config::core::v3::Metadata;
use envoy_types::pb::google::protobuf::Struct;
use envoy_types::pb::google::protobuf::value::Kind;

use crate::core::credential::KeyHash;
use crate::core::response_id::session::{Grant, Judgement};
use crate::core::response_id::{Caller, Name, Operation};

/// Where the filter writes, whatever it is called itself.
const NAMESPACE: &str = "envoy.filters.http.ext_authz";

/// The object of `ext_authz` among the metadata.
pub(super) fn of_ext_authz(metadata: &Metadata) -> Option<&Struct> {
    metadata.filter_metadata.get(NAMESPACE)
}

/// The request id, reduced to harmless characters by `ext_authz`.
pub(super) fn request_id(decision: &Struct) -> Option<&str> {
    text(object(decision, "request")?, "id")
}

/// The judgement; `None` when there is none that can be believed.
pub(super) fn read(decision: &Struct, upstream: Option<&Name>) -> Option<Judgement> {
    match text(decision, "decision")? {
        "deny" => Some(Judgement::Refused),
        "allow" => match object(decision, "response_ids") {
            Some(ids) => allowed(ids, upstream),
            None => unconcerned(decision),
        },
        _ => None,
    }
}

/// Whether `ext_authz` read the whole body.
pub(super) fn body_was_read(decision: &Struct) -> bool {
    object(decision, "response_ids").and_then(|ids| text(ids, "body")) == Some("seen")
}

/// Silence is believed of routes that have no response ids, and of no others.
fn unconcerned(decision: &Struct) -> Option<Judgement> {
    let route = text(object(decision, "request")?, "route")?;
    (!Operation::is_known(route)).then_some(Judgement::Unconcerned)
}

fn allowed(ids: &Struct, upstream: Option<&Name>) -> Option<Judgement> {
    match text(ids, "state")? {
        "unprotected" => Some(Judgement::Unprotected),
        "protected" => {
            let key = match text(ids, "key") {
                Some(hash) => Some(KeyHash::from_hex(hash)?),
                None => None,
            };
            let caller = Caller::new(text(ids, "user"), text(ids, "team"), key, text(ids, "admin") == Some("true"))?;
            let subject = text(ids, "subject").map(str::to_owned);
            let grant = Grant { caller, upstream: upstream.cloned(), subject, named: list(ids, "named")? };
            Some(Judgement::Allowed(Box::new(grant)))
        }
        _ => None,
    }
}

fn kind<'a>(object: &'a Struct, name: &str) -> Option<&'a Kind> {
    object.fields.get(name)?.kind.as_ref()
}

fn text<'a>(object: &'a Struct, name: &str) -> Option<&'a str> {
    if let Kind::StringValue(text) = kind(object, name)? { Some(text) } else { None }
}

fn object<'a>(parent: &'a Struct, name: &str) -> Option<&'a Struct> {
    if let Kind::StructValue(object) = kind(parent, name)? { Some(object) } else { None }
}

/// A list of texts, which may be absent; `None` when it is anything else.
fn list(object: &Struct, name: &str) -> Option<Vec<String>> {
    match kind(object, name) {
        None => Some(Vec::new()),
        Some(Kind::ListValue(list)) => {
            let texts = list.values.iter().map(|value| match &value.kind {
                Some(Kind::StringValue(text)) => Some(text.clone()),
                _ => None,
            });
            texts.collect()
        }
        Some(_) => None,
    }
}
