//! `x-goog-api-key: <key>`, the Google SDKs' source.

use super::{Source, raw};

pub(super) const SOURCE: Source = Source { name: "x-goog-api-key", read: |_, input| raw(input, "x-goog-api-key") };
