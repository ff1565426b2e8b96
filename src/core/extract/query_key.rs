//! `?key=<key>` on Google's routes, as the Google AI Studio clients send it (LiteLLM EXT-7).
//!
//! On these routes the parameter is a credential whether it is read or not, so it is always removed.
//! Elsewhere it is one when it holds a virtual key, except below `/key`, where it names the key that the
//! request is about. The proxy removes it by its plain name: any other spelling of the name is malformed.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Extractor, Found, Input, OptionalSource, Place, Source};
use crate::core::deny::DenyReason;
use crate::core::path::is_below;
use crate::core::route::dialect::Dialect;

/// The parameter.
pub const NAME: &str = "key";

pub(super) const SOURCE: Source = Source { name: "query key", read };

fn read<'a>(extractor: &Extractor, input: &Input<'a>) -> Found<'a> {
    let generates = [":generateContent", ":streamGenerateContent"].iter().any(|verb| input.path.ends_with(verb));
    match find(input) {
        Ok(Some(token)) if generates && extractor.reads(OptionalSource::QueryKey) => {
            Found::Token(token, Place::QueryKey)
        }
        Ok(_) => Found::Absent,
        Err(_) => Found::Malformed,
    }
}

/// Whether the parameter is there and must be removed.
///
/// # Errors
/// [`DenyReason::CredentialMalformed`] when it comes twice, or under a name that would not be removed.
pub fn is_present(input: &Input<'_>) -> Result<bool, DenyReason> {
    find(input).map(|found| found.is_some())
}

fn find<'a>(input: &Input<'a>) -> Result<Option<Cow<'a, str>>, DenyReason> {
    let Some(query) = input.query.filter(|_| !is_below(input.path, "/key")) else {
        return Ok(None);
    };
    let found = find_in(query);
    if Dialect::of(input.path) == Dialect::Google {
        return found;
    }
    // Another API's `key` may come twice, or in any spelling: it is none of ours.
    Ok(found.unwrap_or_default().filter(|value| value.starts_with("sk-")))
}

fn find_in(query: &str) -> Result<Option<Cow<'_, str>>, DenyReason> {
    let mut found = None;
    for pair in query.split('&') {
        // Some decoders take `;` for a separator as well: a key behind one is none that could be removed.
        let mut parts = pair.split(';').map(|part| part.split_once('=').unwrap_or((part, "")));
        let (name, value) = parts.next().unwrap_or_default();
        let hidden = parts.any(|(name, _)| is_named(name)) || (name != NAME && is_named(name));
        if hidden || (name == NAME && found.is_some()) || (name == NAME && pair.contains(';')) {
            return Err(DenyReason::CredentialMalformed);
        }
        if name == NAME {
            found = Some(percent_decode_str(value).decode_utf8().map_err(|_| DenyReason::CredentialMalformed)?);
        }
    }
    Ok(found)
}

fn is_named(name: &str) -> bool {
    let name: Vec<_> = percent_decode_str(name).map(|byte| byte.to_ascii_lowercase()).collect();
    name.strip_suffix(b"[]").unwrap_or(&name) == NAME.as_bytes()
}
