//! A header of the operator's choice, `Bearer <key>` in it (LiteLLM `litellm_key_header_name`, EXT-10).
//! Where one is configured it is the only source: nothing else is read, and everything else is removed.

use std::borrow::Cow;

use super::{Extractor, Found, Input, Place, Source, Value, scheme, value};

/// What replaces the list of sources.
pub(super) const ONLY: &[Source] = &[Source { name: "custom header", read }];

fn read<'a>(extractor: &Extractor, input: &Input<'a>) -> Found<'a> {
    let Some(header) = &extractor.custom_header else {
        return Found::Absent;
    };
    let text = match value(input.headers, header.as_str()) {
        Value::Absent => return Found::Absent,
        Value::Malformed => return Found::Malformed,
        Value::Text(text) => text,
    };
    match scheme::strict(extractor, text) {
        Some(token) => Found::Token(Cow::Borrowed(token), Place::Header(header.clone())),
        None => Found::Malformed,
    }
}
