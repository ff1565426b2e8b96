//! `x-api-key: <key>`, the Anthropic SDK's source.

use super::{Source, raw};

pub(super) const SOURCE: Source = Source { name: "x-api-key", read: |_, input| raw(input, "x-api-key") };
