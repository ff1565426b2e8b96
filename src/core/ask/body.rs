//! A body becomes facts. It must have exactly one reading.

use serde::de::DeserializeSeed as _;

use super::facts::Facts;
use super::form::{self, FormKind};
use super::place::Place;
use super::{Reading, complete};
use crate::core::deny::DenyReason;
use crate::core::request::{Fidelity, HeaderView, RequestView};

/// A body that was looked at.
pub(super) struct Body<'r> {
    /// What it says, as far as it could be read.
    pub(super) facts: Facts<'r>,
    /// Why it could not be read to its end in one way.
    pub(super) unread: Option<DenyReason>,
    /// Whether there is one.
    pub(super) sent: bool,
    /// Whether it claims to be a form of parts, which may well be larger than what a proxy buffers.
    pub(super) multipart: bool,
}

impl<'r> Body<'r> {
    /// No body that anybody reads.
    pub(super) fn none(reading: &'r Reading<'r>) -> Self {
        let facts = Facts::new(reading.rules, &reading.wanted, Fidelity::Exact);
        Self { facts, unread: None, sent: false, multipart: false }
    }
}

/// Scans the body. `forms` says whether the route reads forms.
pub(super) fn read<'r>(view: &RequestView<'_>, reading: &'r Reading<'r>, forms: bool) -> Body<'r> {
    let kind = kind(&view.headers);
    let multipart = matches!(kind, Ok(Kind::Form(FormKind::Multipart(_))));
    let empty = |fidelity| Facts::new(reading.rules, &reading.wanted, fidelity);
    let (bytes, fidelity) = match complete(&view.body, reading.limits) {
        Ok(Some(body)) => body,
        Ok(None) => return Body { facts: empty(Fidelity::Exact), unread: None, sent: false, multipart },
        Err(reason) => return Body { facts: empty(Fidelity::Exact), unread: Some(reason), sent: true, multipart },
    };
    let mut facts = empty(fidelity);
    let read = match kind {
        Ok(Kind::Json) => json(bytes, &mut facts),
        Ok(Kind::Form(kind)) if forms => form::read(bytes, &kind, &mut facts),
        Ok(Kind::Form(_)) => Err(DenyReason::BodyMalformed),
        Err(reason) => Err(reason),
    };
    let unread = facts.objection.or(read.err());
    Body { facts, unread, sent: true, multipart }
}

enum Kind {
    Json,
    Form(FormKind),
}

fn json(bytes: &[u8], facts: &mut Facts<'_>) -> Result<(), DenyReason> {
    let text = std::str::from_utf8(bytes).map_err(|_| DenyReason::BodyMalformed)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let scan = super::scan::Scan { facts, place: Place::Top };
    scan.deserialize(&mut deserializer).and_then(|_| deserializer.end()).map_err(|_| DenyReason::BodyMalformed)
}

/// How every reader takes the body. LiteLLM reads everything but forms as JSON, so that is what is judged
/// as JSON here; a form type would hide the members (BD6).
fn kind(headers: &HeaderView<'_>) -> Result<Kind, DenyReason> {
    let plain = |encoding: &[u8]| {
        let encoding = encoding.trim_ascii();
        encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity")
    };
    if !headers.all("content-encoding").all(plain) {
        return Err(DenyReason::BodyMalformed);
    }
    let mut types = headers.all("content-type");
    let kind = match (types.next(), types.next()) {
        (None, _) => return Ok(Kind::Json),
        (Some(kind), None) if kind.eq_ignore_ascii_case(b"application/json") => return Ok(Kind::Json),
        (Some(kind), None) => std::str::from_utf8(kind).map_err(|_| DenyReason::BodyMalformed)?,
        (Some(_), Some(_)) => return Err(DenyReason::BodyMalformed),
    };
    let lower = kind.to_ascii_lowercase();
    // Every spelling of the parameter but the plain one is left to readers who know more of them, such as
    // RFC 2231's `charset*=`.
    let mut charsets = lower.split(';').skip(1).filter(|parameter| parameter.contains("charset"));
    if !charsets.all(|parameter| PLAIN_CHARSETS.contains(&parameter.trim())) {
        return Err(DenyReason::BodyMalformed);
    }
    match lower.split(';').next().unwrap_or_default().trim() {
        "application/x-www-form-urlencoded" => Ok(Kind::Form(FormKind::UrlEncoded)),
        "multipart/form-data" => Ok(Kind::Form(FormKind::Multipart(form::boundary(kind)?))),
        // Somebody may take these for forms all the same.
        _ if lower.contains("form-urlencoded") || lower.contains("multipart/") => Err(DenyReason::BodyMalformed),
        _ => Ok(Kind::Json),
    }
}

/// Parameters of a content type that leave a text UTF-8.
const PLAIN_CHARSETS: [&str; 6] = [
    "charset=utf-8",
    "charset=\"utf-8\"",
    "charset=utf8",
    "charset=\"utf8\"",
    "charset=us-ascii",
    "charset=\"us-ascii\"",
];
