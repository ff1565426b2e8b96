//! `Authorization: Bearer <key>` (RFC 6750 §2.1), the OpenAI SDKs' source.

use super::{Extractor, Found, Input, Source, Value, found, pass_through, scheme, value};

pub(super) const SOURCE: Source = Source { name: "authorization", read };

fn read<'a>(extractor: &Extractor, input: &Input<'a>) -> Found<'a> {
    let text = match value(input.headers, "authorization") {
        Value::Absent => return Found::Absent,
        Value::Malformed => return Found::Malformed,
        Value::Text(text) => text,
    };
    let token = if pass_through::is_langfuse(input.pass_through, text) {
        pass_through::langfuse_key(text)
    } else {
        scheme::strict(extractor, text).map(Into::into)
    };
    token.map_or(Found::Malformed, |token| found(token, "authorization"))
}
