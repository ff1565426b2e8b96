//! `x-api-key: <key>`, the Anthropic SDKs' source. The value is raw, without a scheme (LiteLLM EXT-7).

use super::{Found, Source};

pub(super) const SOURCE: Source = Source { header: "x-api-key", parse: |value| Found::Credential(value) };
