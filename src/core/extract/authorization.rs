//! `Authorization: Bearer <key>` (RFC 6750 §2.1), the OpenAI SDKs' source.

use super::{Found, Source};

pub(super) const SOURCE: Source = Source { header: "authorization", parse };

/// The scheme in any case (RFC 9110 §11.1), one space, one token. LiteLLM removes every copy of the
/// scheme and knows three spellings of it (EXT-3, EXT-4).
fn parse(value: &str) -> Found<'_> {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Found::Credential(token),
        _ => Found::Malformed,
    }
}
