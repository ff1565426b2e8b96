//! What does the request name? Every source the upstream may use; two that disagree are refused (SEC-1).

mod body;
mod end_user;
mod managed;

use percent_encoding::percent_decode_str;

use crate::core::deny::DenyReason;
use crate::core::request::{BodyView, Fidelity, RequestView};
use crate::core::route::catalogue::{Class, ModelRule};
use crate::core::route::{Match, Method};

pub use managed::Managed;

/// Longest model name, in bytes.
pub const MAX_MODEL: usize = 256;

/// What a request names.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The model as the upstream will read it, white space at the ends removed. It can be a list with
    /// commas, as LiteLLM understands it (SEC-36).
    pub model: Option<String>,
    /// Whether there is a body that could name another model and cannot be read.
    pub opaque: bool,
    /// What a request of administration names. A rule that needs it and cannot have it refuses.
    pub managed: Managed,
    /// The customer of the caller the request is made for.
    pub end_user: Option<String>,
    /// Labels the request carries.
    pub tags: Vec<String>,
}

impl Ask {
    /// The single models of [`Self::model`]: all of them must be granted.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.model.iter().flat_map(|model| model.split(',')).map(str::trim).filter(|model| !model.is_empty())
    }
}

/// Reads what the request names.
///
/// # Errors
/// A `Body*` or `Model*` reason when the request cannot be read in exactly one way.
pub fn read(
    view: &RequestView<'_>,
    query: Option<&str>,
    method: Method,
    found: &Match<'_>,
    limits: BodyLimits,
) -> Result<Ask, DenyReason> {
    let ask = model_and_managed(view, query, method, found, limits)?;
    Ok(Ask { end_user: end_user::read(&view.headers)?, ..ask })
}

fn model_and_managed(
    view: &RequestView<'_>,
    query: Option<&str>,
    method: Method,
    found: &Match<'_>,
    limits: BodyLimits,
) -> Result<Ask, DenyReason> {
    if found.route.class == Class::Management {
        return Ok(Ask { managed: Managed::read(view, query, limits), ..Ask::default() });
    }
    let rule = found.route.model;
    if !rule.applies(method) || matches!(rule, ModelRule::Form | ModelRule::Opaque) {
        return Ok(Ask::default());
    }
    let mut model = Single::default();
    model.add(found.param("model"))?;
    for value in query_values(query, "model") {
        let value = value?;
        // An upgrade has no body: the upstream pastes the model into a URL or a JSON text (SEC-21).
        if rule == ModelRule::Query && value.contains(|c: char| c.is_control() || "\"'\\".contains(c)) {
            return Err(DenyReason::ModelMalformed);
        }
        model.add(Some(&value))?;
    }
    for value in view.headers.all("x-litellm-model") {
        model.add(Some(std::str::from_utf8(value).map_err(|_| DenyReason::ModelMalformed)?))?;
    }
    let mut opaque = false;
    match (rule, body::read(view, rule != ModelRule::Named, limits)) {
        (ModelRule::Query | ModelRule::PathOnly, _) => {}
        (ModelRule::Named, Err(_)) => opaque = true,
        (_, facts) => model.add(facts?.model.as_deref())?,
    }
    Ok(Ask { model: model.0, opaque, ..Ask::default() })
}

/// The one value all sources agree on.
#[derive(Default)]
struct Single(Option<String>);

impl Single {
    fn add(&mut self, source: Option<&str>) -> Result<(), DenyReason> {
        let Some(text) = source.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(());
        };
        if text.len() > MAX_MODEL || text.chars().any(char::is_control) {
            return Err(DenyReason::ModelMalformed);
        }
        match &self.0 {
            None => self.0 = Some(text.to_owned()),
            Some(known) if known == text => {}
            Some(_) => return Err(DenyReason::ModelAmbiguous),
        }
        Ok(())
    }
}

/// Every value of a query parameter, decoded once. `+` is a space, as every form decoder reads it.
fn query_values<'a>(query: Option<&'a str>, name: &'a str) -> impl Iterator<Item = Result<String, DenyReason>> + 'a {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| DenyReason::ModelMalformed)
    };
    query.unwrap_or_default().split(['&', ';']).filter_map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        // A name that cannot be decoded is not `model` to anybody.
        (decode(key).ok()? == name).then(|| decode(value))
    })
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
