//! `x-litellm-api-key: <key>`, or `Bearer <key>` in it: LiteLLM's own header, which its other rules
//! leave free for a client whose `Authorization` belongs to somebody else.

use std::borrow::Cow;

use super::{Extractor, Found, Input, Place, Source, Value, scheme, value};
use crate::core::header::HeaderName;

const HEADER: &str = "x-litellm-api-key";

pub(super) const SOURCE: Source = Source { name: HEADER, read };

fn read<'a>(extractor: &Extractor, input: &Input<'a>) -> Found<'a> {
    let text = match value(input.headers, HEADER) {
        Value::Absent => return Found::Absent,
        Value::Malformed => return Found::Malformed,
        Value::Text(text) => text,
    };
    match (scheme::lenient(extractor, text), HeaderName::new(HEADER)) {
        (Some(token), Some(header)) => Found::Token(Cow::Borrowed(token), Place::Header(header)),
        _ => Found::Malformed,
    }
}
