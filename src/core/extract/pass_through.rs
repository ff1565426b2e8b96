//! What a pass-through endpoint says about its callers' credentials (LiteLLM EXT-15, EXT-16).

use std::borrow::Cow;

use data_encoding::BASE64;

use super::{Extractor, Found, Input, Place, Source, Value, value};
use crate::core::header::HeaderName;

/// Part of a pass-through endpoint's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassThroughCredential {
    /// A header that carries the raw key (`headers.litellm_user_api_key` in LiteLLM).
    pub header: Option<HeaderName>,
    /// Read `Authorization: Basic` as Langfuse's clients write it (`custom_auth_parser: langfuse`).
    pub langfuse: bool,
}

pub(super) const SOURCE: Source = Source { name: "pass-through header", read };

fn read<'a>(_: &Extractor, input: &Input<'a>) -> Found<'a> {
    let Some(header) = input.pass_through.and_then(|pass_through| pass_through.header.as_ref()) else {
        return Found::Absent;
    };
    match value(input.headers, header.as_str()) {
        Value::Absent => Found::Absent,
        Value::Malformed => Found::Malformed,
        Value::Text(text) => Found::Token(Cow::Borrowed(text), Place::Header(header.clone())),
    }
}

/// Whether a value of `authorization` is to be read as Langfuse's clients write it.
pub(super) fn is_langfuse(pass_through: Option<&PassThroughCredential>, text: &str) -> bool {
    let basic = text.split_once(' ').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    basic && pass_through.is_some_and(|pass_through| pass_through.langfuse)
}

/// Reads `Basic base64(<key>:<anything>)`.
pub(super) fn langfuse_key<'a>(text: &str) -> Option<Cow<'a, str>> {
    let (_, encoded) = text.split_once(' ')?;
    let decoded = zeroize::Zeroizing::new(BASE64.decode(encoded.as_bytes()).ok()?);
    let (key, _) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Cow::Owned(key.to_owned()))
}
