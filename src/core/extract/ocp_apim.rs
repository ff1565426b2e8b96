//! `ocp-apim-subscription-key: <key>`, the source of Azure API Management's clients.

use super::{Source, raw};

pub(super) const SOURCE: Source =
    Source { name: "ocp-apim-subscription-key", read: |_, input| raw(input, "ocp-apim-subscription-key") };
