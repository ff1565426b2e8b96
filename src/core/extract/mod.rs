//! Where is the credential? One file per source; [`SOURCES`] lists them in LiteLLM's order (EXT-1).
//!
//! LiteLLM takes the first source present. Here a request that carries two *different* credentials is
//! refused: whichever of them a reader believed, the other might be what the upstream sees (SEC-33).
//! The risky sources are off until the configuration turns them on (LiteLLM section 1, OURS b).

mod api_key;
mod authorization;
mod custom_header;
mod litellm_api_key;
mod litellm_user_api_key;
mod ocp_apim;
pub mod pass_through;
pub mod query_key;
mod scheme;
pub mod websocket_protocol;
mod x_api_key;
mod x_goog_api_key;

use std::borrow::Cow;

use memchr::memchr_iter;

use crate::core::credential::{Credential, MAX_CREDENTIAL, Secret};
use crate::core::deny::DenyReason;
use crate::core::header::HeaderName;
use crate::core::jwt::MAX_TOKEN;
use crate::core::request::{Fidelity, HeaderView};
use pass_through::PassThroughCredential;

/// One place a credential can be.
#[derive(Debug)]
pub struct Source {
    /// Stable name, for the documentation.
    pub name: &'static str,
    /// Looks for a credential.
    read: for<'a> fn(&Extractor, &Input<'a>) -> Found<'a>,
}

/// All a source may look at.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The request's headers.
    pub headers: &'a HeaderView<'a>,
    /// The canonical path.
    pub path: &'a str,
    /// The query, not decoded.
    pub query: Option<&'a str>,
    /// What the pass-through endpoint at this path says about its callers' credentials.
    pub pass_through: Option<&'a PassThroughCredential>,
}

/// What a source says.
#[derive(Debug)]
enum Found<'a> {
    /// There is nothing here.
    Absent,
    /// This is one.
    Token(Cow<'a, str>, Place),
    /// There is something, and it is no credential.
    Malformed,
}

/// Where a credential was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this header.
    Header(HeaderName),
    /// In the query parameter `key`.
    QueryKey,
    /// In an item of `sec-websocket-protocol`.
    WebSocketProtocol,
}

/// Every source that can be read, in order.
pub const SOURCES: &[Source] = &[
    litellm_api_key::SOURCE,
    authorization::SOURCE,
    api_key::SOURCE,
    x_api_key::SOURCE,
    x_goog_api_key::SOURCE,
    ocp_apim::SOURCE,
    query_key::SOURCE,
    websocket_protocol::SOURCE,
    litellm_user_api_key::SOURCE,
    pass_through::SOURCE,
];

/// Headers that some client uses to carry a credential. All are removed before the request is
/// forwarded, those that are not read included: none of them is the upstream's to see (S-242).
pub const CREDENTIAL_HEADERS: &[&str] = &[
    "authorization",
    "x-api-key",
    "x-litellm-api-key",
    "api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "proxy-authorization",
    "litellm_user_api_key",
];

/// Which sources are read.
#[derive(Debug, Clone, Default)]
pub struct Extractor {
    /// When set, this header alone is read (`litellm_key_header_name`, EXT-10).
    pub custom_header: Option<HeaderName>,
    /// Sources that are off unless they are listed here.
    pub optional: Vec<OptionalSource>,
    /// Whether tokens are accepted, which are longer than keys.
    pub tokens: bool,
}

/// A source that is risky, and off by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionalSource {
    /// The query parameter `key` on Google's routes (EXT-7).
    QueryKey,
    /// `Basic <key>`, not base64 (EXT-6).
    BasicRaw,
    /// The key in an AWS Signature V4 credential, whose signature is not verified (EXT-5).
    AwsSigV4,
    /// The header `litellm_user_api_key` on provider pass-through paths (EXT-11).
    LitellmUserApiKey,
}

impl Extractor {
    fn reads(&self, source: OptionalSource) -> bool {
        self.optional.contains(&source)
    }
    /// Finds the one credential of a request.
    ///
    /// # Errors
    /// [`DenyReason::CredentialMissing`], [`DenyReason::CredentialMalformed`] or
    /// [`DenyReason::CredentialConflict`]; never the text that was found.
    pub fn credential(&self, input: &Input<'_>) -> Result<Credential, DenyReason> {
        let sources = if self.custom_header.is_some() { custom_header::ONLY } else { SOURCES };
        let mut found: Option<Credential> = None;
        for source in sources {
            let (text, place) = match (source.read)(self, input) {
                Found::Absent => continue,
                Found::Token(text, place) if self.is_credential(&text, input.headers.fidelity()) => (text, place),
                Found::Token(..) | Found::Malformed => return Err(DenyReason::CredentialMalformed),
            };
            match &mut found {
                None => found = Some(Credential { secret: Secret::new(text), places: vec![place] }),
                Some(earlier) if earlier.secret.expose() == text => earlier.places.push(place),
                Some(_) => return Err(DenyReason::CredentialConflict),
            }
        }
        found.ok_or(DenyReason::CredentialMissing)
    }

    /// Whether a text can be a credential at all: visible ASCII, no comma (Envoy joins repeated lines with one),
    /// bounded. In lossy mode `!` may stand for any byte (S-035).
    fn is_credential(&self, text: &str, fidelity: Fidelity) -> bool {
        let is_lossy = fidelity == Fidelity::Lossy;
        let acceptable = |byte: u8| (0x21..=0x7e).contains(&byte) && byte != b',' && !(is_lossy && byte == b'!');
        let short = text.len() <= MAX_CREDENTIAL || (self.tokens && is_long_token(text));
        !text.is_empty() && short && each(text, acceptable)
    }
}

/// Whether a text is longer than a key and made like a JSON Web Token: nothing else may be that long.
fn is_long_token(text: &str) -> bool {
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.len() <= MAX_TOKEN && memchr_iter(b'.', text.as_bytes()).count() == 2 && each(text, of_token)
}

/// Whether all bytes are of a kind. It looks at all of them, for then it can look at many at a time: tokens are long.
fn each(text: &str, is_one: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & is_one(byte))
}

/// The value of a header.
enum Value<'a> {
    Absent,
    Text(&'a str),
    Malformed,
}

/// Reads a header. An empty one counts as absent (LiteLLM EXT-1); a repeated one is malformed, whether
/// the proxy kept the lines apart or joined them with a comma (S-031 … S-033).
fn value<'a>(headers: &'a HeaderView<'a>, name: &str) -> Value<'a> {
    let mut values = headers.all(name);
    let Some(value) = values.next() else {
        return Value::Absent;
    };
    if values.next().is_some() {
        return Value::Malformed;
    }
    // An HTTP/1 upstream trims optional white space; over HTTP/2 Envoy does not (S-038).
    match std::str::from_utf8(value).map(|text| text.trim_matches([' ', '\t'])) {
        Ok("") => Value::Absent,
        Ok(text) => Value::Text(text),
        Err(_) => Value::Malformed,
    }
}

/// Reads a header whose value is the key itself, without a scheme (EXT-7).
fn raw<'a>(input: &Input<'a>, name: &'static str) -> Found<'a> {
    match value(input.headers, name) {
        Value::Absent => Found::Absent,
        Value::Text(text) => found(Cow::Borrowed(text), name),
        Value::Malformed => Found::Malformed,
    }
}

/// A text in a header.
fn found<'a>(text: Cow<'a, str>, name: &str) -> Found<'a> {
    HeaderName::new(name).map_or(Found::Malformed, |header| Found::Token(text, Place::Header(header)))
}

#[cfg(test)]
mod tests;
