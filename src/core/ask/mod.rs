//! What does the request name? Every source the upstream may use; two that disagree are refused (SEC-1).

mod banned;
mod body;
mod end_user;
mod facts;
mod form;
mod managed;
mod objects;
mod place;
pub mod rules;
mod scan;
mod sources;

use percent_encoding::percent_decode_str;

use crate::core::deny::DenyReason;
use crate::core::request::{BodyView, Fidelity, RequestView};
use crate::core::route::catalogue::{Class, ModelRule};
use crate::core::route::{Match, Method};
use body::Body;
use facts::Facts;
use place::{Place, Slot};
use rules::RequestRules;

pub use managed::Managed;

/// Longest model name, in bytes.
pub const MAX_MODEL: usize = 256;
/// Longest tag, in bytes.
const MAX_TAG: usize = 256;
/// Most tags of a request: each is looked up.
const MAX_TAGS: usize = 64;

/// What a request names.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
pub struct Ask {
    /// The model as the upstream will read it, white space at the ends removed. It can be a list with
    /// commas, as LiteLLM understands it (SEC-36).
    pub model: Option<String>,
    /// Models the upstream may use besides: the caller's fallbacks, and a session's transcription.
    pub also: Vec<String>,
    /// Whether the caller names models to fall back to.
    pub names_fallbacks: bool,
    /// Why part of the request is not known. Nobody with a list may send such a request.
    pub unread: Option<DenyReason>,
    /// Whether a member steers the upstream, or claims to be the proxy's word.
    pub banned: bool,
    /// For whom the caller asks. The caller's word: for accounts, never for access (S-176).
    pub end_user: Option<String>,
    /// Whether only the query says so, which does not satisfy a deployment that wants to be told (W03).
    pub end_user_in_query: bool,
    /// Tags of the request, from every place (SEC-10).
    pub tags: Vec<String>,
    /// Whether the caller sends tags, be they none.
    pub names_tags: bool,
    /// Tools the model may call; an empty name is a tool whose name cannot be told.
    pub tools: Vec<String>,
    /// Vector stores.
    pub vector_stores: Vec<String>,
    /// Agents.
    pub agents: Vec<String>,
    /// Search tools.
    pub search_tools: Vec<String>,
    /// MCP servers, and groups of them.
    pub mcp_servers: Vec<String>,
    /// Whether the caller changes which guardrails run.
    pub touches_guardrails: bool,
    /// Whether a member that must be there is not.
    pub lacks_params: bool,
    /// How many members of body and query name a response.
    pub response_ids: usize,
    /// What a request of administration names. A rule that needs it and cannot have it refuses.
    pub managed: Managed,
}

impl Ask {
    /// The single models of [`Self::model`]: all of them must be granted.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.model.iter().flat_map(|model| model.split(',')).map(str::trim).filter(|model| !model.is_empty())
    }

    /// Every model the upstream may use: all of them must be granted.
    pub fn reachable(&self) -> impl Iterator<Item = &str> {
        self.models().chain(self.also.iter().map(String::as_str))
    }
}

/// How requests are read.
#[derive(Debug, Clone)]
pub struct Reading<'r> {
    /// What is known of the proxy's buffering.
    pub limits: BodyLimits,
    /// What a request may carry.
    pub rules: &'r RequestRules,
    /// Members that must be there: `name` or `outer.inner`.
    pub wanted: Vec<&'r str>,
}

/// Reads what the request names.
///
/// # Errors
/// A `Body*`, `Model*` or `FallbackMalformed` reason when the request cannot be read in exactly one way.
pub fn read(
    view: &RequestView<'_>,
    query: Option<&str>,
    method: Method,
    found: &Match<'_>,
    reading: &Reading<'_>,
) -> Result<Ask, DenyReason> {
    if found.route.class == Class::Management {
        return Ok(Ask { managed: Managed::read(view, query, reading), ..Ask::default() });
    }
    let rule = found.route.model;
    let reads_body = match rule {
        // An upgrade has no body.
        ModelRule::Query | ModelRule::PathOnly => false,
        ModelRule::Named | ModelRule::Opaque => true,
        ModelRule::Never | ModelRule::Body | ModelRule::OptionalBody | ModelRule::Path | ModelRule::Form => {
            !method.is_safe()
        }
    };
    let forms = !matches!(rule, ModelRule::Body | ModelRule::OptionalBody | ModelRule::Path);
    let body = if reads_body { body::read(view, reading, forms) } else { Body::none(reading) };
    let asked = query_facts(query, reading);
    let mut unread = unread(rule, method, found.route.class, &body, reading.rules)?;
    if let Some(reason) = asked.objection {
        unread = tolerate(rule, found.route.class, false, reason, reading.rules)?;
    }
    // Path, query and headers are the upstream's to read whatever the method.
    let hidden = rule == ModelRule::Opaque;
    let named = if hidden { Ok(None) } else { sources::model(view, query, found, &body.facts, &asked) };
    let model = match named {
        Ok(model) => model,
        Err(reason) => {
            unread = tolerate(rule, found.route.class, false, reason, reading.rules)?;
            None
        }
    };
    if sources::names_managed_id(found, &body.facts) {
        // The model inside is not decoded, so nobody with a list may name such an object.
        unread = unread.or(Some(DenyReason::ModelMissing));
    }
    assemble(view, found, reading, model, unread, body.facts, asked)
}

fn assemble<'r>(
    view: &RequestView<'_>,
    found: &Match<'_>,
    reading: &'r Reading<'r>,
    model: Option<String>,
    unread: Option<DenyReason>,
    mut body: Facts<'r>,
    mut asked: Facts<'r>,
) -> Result<Ask, DenyReason> {
    let mut tags = end_user::header_tags(view)?;
    let names_tags = !tags.is_empty() || body.names_tags;
    tags.append(&mut body.tags);
    let mut distinct = std::collections::HashSet::new();
    tags.retain(|tag| !tag.is_empty() && distinct.insert(tag.clone()));
    if tags.len() > MAX_TAGS || tags.iter().any(|tag| tag.len() > MAX_TAG) {
        return Err(DenyReason::TagsMalformed);
    }
    let mut vector_stores = std::mem::take(&mut body.vector_stores);
    vector_stores.append(&mut asked.vector_stores);
    vector_stores.extend(found.param("vector_store_id").map(str::to_owned));
    let lacks_params = reading.wanted.iter().any(|name| body.lacks(name) && asked.lacks(name));
    let tools = sources::tools(found, &mut body, &mut asked);
    let search_tools = objects::search_tools(found, &body, &asked);
    let mcp_servers = objects::mcp_servers(view, found, &body, &asked);
    body.also.append(&mut asked.also);
    let (end_user, end_user_in_query) = end_user::find(view, reading.rules, &mut body, &mut asked)?;
    Ok(Ask {
        model,
        also: std::mem::take(&mut body.also),
        names_fallbacks: body.names_fallbacks || asked.names_fallbacks,
        unread,
        banned: body.banned || asked.banned,
        end_user,
        end_user_in_query,
        tags,
        names_tags,
        tools,
        vector_stores,
        agents: found.param("agent_id").map(str::to_owned).into_iter().collect(),
        search_tools,
        mcp_servers,
        touches_guardrails: body.touches_guardrails || asked.touches_guardrails,
        lacks_params,
        response_ids: body.response_ids + asked.response_ids,
        managed: Managed::default(),
    })
}

/// LiteLLM PRE-1, of every request; its licence turns that off and ours does not (SEC-38).
///
/// # Errors
/// [`DenyReason::RequestTooLarge`].
pub fn check_size(view: &RequestView<'_>, rules: &RequestRules) -> Result<(), DenyReason> {
    let Some(limit) = rules.max_bytes else {
        return Ok(());
    };
    let announced =
        view.headers.all("content-length").filter_map(|value| std::str::from_utf8(value).ok()?.parse().ok());
    let seen = match view.body {
        BodyView::Complete { bytes, .. } => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        BodyView::NotSent | BodyView::Unseen | BodyView::Truncated => 0,
    };
    if announced.chain([seen]).any(|length| length > limit) { Err(DenyReason::RequestTooLarge) } else { Ok(()) }
}

/// What is left unread of a body, where the route lets that pass.
fn unread(
    rule: ModelRule,
    method: Method,
    class: Class,
    body: &Body<'_>,
    rules: &RequestRules,
) -> Result<Option<DenyReason>, DenyReason> {
    let required = matches!(rule, ModelRule::Body | ModelRule::OptionalBody | ModelRule::Path) && rule.applies(method);
    match body.unread {
        Some(reason) => tolerate(rule, class, body.multipart, reason, rules),
        None if required && !body.sent => Err(DenyReason::BodyMissing),
        None if rule == ModelRule::Form && rule.applies(method) && !body.sent => Ok(Some(DenyReason::BodyMissing)),
        None => Ok(None),
    }
}

/// A body may stay unread where the upstream is not LiteLLM, and where the deployment says so the rest of an
/// upload that is larger than what the proxy buffers. Elsewhere it could hide what every caller is refused.
fn tolerate(
    rule: ModelRule,
    class: Class,
    multipart: bool,
    reason: DenyReason,
    rules: &RequestRules,
) -> Result<Option<DenyReason>, DenyReason> {
    let foreign = rule == ModelRule::Opaque || matches!(class, Class::PassThrough | Class::Custom);
    let upload = rules.unseen_uploads
        && multipart
        && reason == DenyReason::BodyTruncated
        && matches!(rule, ModelRule::Form | ModelRule::Named);
    if foreign || upload { Ok(Some(reason)) } else { Err(reason) }
}

/// Parameters of the query fill in absent members of the body, as texts (BODY-3).
fn query_facts<'r>(query: Option<&str>, reading: &'r Reading<'r>) -> Facts<'r> {
    let mut facts = Facts::new(reading.rules, &reading.wanted, Fidelity::Exact);
    for pair in query.unwrap_or_default().split(['&', ';']).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // A name that cannot be decoded is none that anybody looks for; a value that cannot be still is one.
        let (name, value) = match (decode(name), decode(value)) {
            (Ok(name), Ok(value)) => (name, value),
            (Ok(name), Err(_)) if name != "model" => {
                facts.malformed();
                continue;
            }
            // The model's sources are compared one by one.
            (Ok(_) | Err(_), _) => continue,
        };
        facts.member(Place::Top, &name);
        let place = Place::Top.member(&name);
        // The model's sources are compared one by one.
        if place != Place::Value(Slot::Model) {
            facts.text(place, &value);
        }
        facts.depth = 1;
        facts.end_member(Place::Top, &name, !value.trim().is_empty());
        facts.depth = 0;
    }
    facts
}

/// Every value of a query parameter, decoded once. `+` is a space, as every form decoder reads it.
fn query_values<'a>(query: Option<&'a str>, name: &'a str) -> impl Iterator<Item = Result<String, DenyReason>> + 'a {
    query.unwrap_or_default().split('&').filter_map(move |pair| {
        // Some readers end a pair at `;`, some do not. A name that cannot be decoded is `name` to nobody.
        let named = |pair: &str| {
            let key = decode(pair.split_once('=').map_or(pair, |(key, _)| key)).unwrap_or_default();
            (key == name, name == "model" && is_look_alike(&key))
        };
        let parts: Vec<_> = pair.split(';').map(named).collect();
        let (exact, similar) = named(pair);
        let hidden = parts.len() > 1 && parts.iter().any(|(exact, _)| *exact);
        if similar || hidden || parts.iter().any(|(_, similar)| *similar) {
            return Some(Err(DenyReason::ModelMalformed));
        }
        exact.then(|| decode(pair.split_once('=').map_or("", |(_, value)| value)))
    })
}

/// Whether a name is `model` to a reader who does not mind case (Go's JSON), or stops at a NUL, and not
/// to us.
fn is_look_alike(name: &str) -> bool {
    let known = "model";
    let plain = name.chars().filter(|c| !c.is_control()).map(|c| c.to_ascii_lowercase());
    name != known && name.len() <= 4 * known.len() && plain.eq(known.chars())
}

fn decode(text: &str) -> Result<String, DenyReason> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8().map_err(|_| DenyReason::ModelMalformed)?;
    Ok(decoded.into_owned())
}

/// What is known of the proxy's buffering.
#[derive(Debug, Clone, Copy, Default)]
pub struct BodyLimits {
    /// The proxy's `max_request_bytes`. Only then can a body without `content-length` be told from a stump.
    pub proxy_buffers: Option<usize>,
}

/// The body, if there is one and all of it was seen.
fn complete<'a>(body: &BodyView<'a>, limits: BodyLimits) -> Result<Option<(&'a [u8], Fidelity)>, DenyReason> {
    match *body {
        BodyView::Truncated => Err(DenyReason::BodyTruncated),
        BodyView::Unseen => Err(DenyReason::BodyMissing),
        BodyView::NotSent | BodyView::Complete { bytes: [], .. } => Ok(None),
        BodyView::Complete { bytes, fidelity, announced: true } => Ok(Some((bytes, fidelity))),
        BodyView::Complete { bytes, fidelity, announced: false } => match limits.proxy_buffers {
            Some(limit) if bytes.len() < limit => Ok(Some((bytes, fidelity))),
            Some(_) => Err(DenyReason::BodyTruncated),
            None => Err(DenyReason::BodyLengthMissing),
        },
    }
}

#[cfg(test)]
mod tests;
