//! `api-key: <key>`, the source of the OpenAI SDK's Azure mode.

use super::{Source, raw};

pub(super) const SOURCE: Source = Source { name: "api-key", read: |_, input| raw(input, "api-key") };
