//! `Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.<key>`, the only header a browser lets a
//! page set on a WebSocket (LiteLLM EXT-20).
//!
//! The item is removed from the list, on whatever request it is found: it is a credential by its name.

use std::borrow::Cow;

use super::{Extractor, Found, Input, Place, Source};
use crate::core::deny::DenyReason;
use crate::core::header::HeaderValue;

/// The header.
pub const HEADER: &str = "sec-websocket-protocol";
/// What the item begins with.
const PREFIX: &str = "openai-insecure-api-key.";

pub(super) const SOURCE: Source = Source { name: HEADER, read };

fn read<'a>(_: &Extractor, input: &Input<'a>) -> Found<'a> {
    if !is_websocket(input) {
        return Found::Absent;
    }
    let mut keys = items(input).filter_map(|item| item.map(|item| item.strip_prefix(PREFIX)).transpose());
    match (keys.next(), keys.next()) {
        (None, _) => Found::Absent,
        (Some(Ok(key)), None) => Found::Token(Cow::Borrowed(key), Place::WebSocketProtocol),
        _ => Found::Malformed,
    }
}

/// What becomes of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remainder {
    /// It holds no credential.
    Unchanged,
    /// Only the credential was in it.
    Nothing,
    /// The other items.
    Items(HeaderValue),
}

/// The list without credentials.
///
/// # Errors
/// [`DenyReason::CredentialMalformed`] when there is one, and the rest is no list of tokens.
pub fn remainder(input: &Input<'_>) -> Result<Remainder, DenyReason> {
    let all: Result<Vec<_>, _> = items(input).collect();
    let Ok(all) = all else {
        return Err(DenyReason::CredentialMalformed);
    };
    let rest: Vec<_> = all.iter().copied().filter(|item| !item.starts_with(PREFIX)).collect();
    if rest.len() == all.len() {
        return Ok(Remainder::Unchanged);
    }
    if rest.is_empty() {
        return Ok(Remainder::Nothing);
    }
    HeaderValue::tokens(&rest).map(Remainder::Items).ok_or(DenyReason::CredentialMalformed)
}

fn items<'a>(input: &Input<'a>) -> impl Iterator<Item = Result<&'a str, std::str::Utf8Error>> + use<'a> {
    let lines = input.headers.all(HEADER).map(std::str::from_utf8);
    lines.flat_map(|line| match line {
        Ok(line) => line.split(',').map(|item| Ok(item.trim())).filter(|item| *item != Ok("")).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    })
}

fn is_websocket(input: &Input<'_>) -> bool {
    input.headers.all("upgrade").any(|value| value.eq_ignore_ascii_case(b"websocket"))
}
