//! `x-litellm-api-key: <key>`, or `Bearer <key>` in it: LiteLLM's own header, which its other rules
//! leave free for a client whose `Authorization` belongs to somebody else.

use std::borrow::Cow;

use super::{Extractor, Found, Input, Source, Value, found, scheme, value};

const HEADER: &str = "x-litellm-api-key";

pub(super) const SOURCE: Source = Source { name: HEADER, read };

fn read<'a>(extractor: &Extractor, input: &Input<'a>) -> Found<'a> {
    let text = match value(input.headers, HEADER) {
        Value::Absent => return Found::Absent,
        Value::Malformed => return Found::Malformed,
        Value::Text(text) => text,
    };
    scheme::lenient(extractor, text).map_or(Found::Malformed, |token| found(Cow::Borrowed(token), HEADER))
}
