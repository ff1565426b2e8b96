//! `request` as written.

use schemars::JsonSchema;
use serde::Deserialize;

/// Requests, before anything else is asked of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawRequest {
    /// Networks that requests may come from, such as `10.0.0.0/8`; anywhere, without the list. What counts is
    /// the peer as Envoy sees it: `xff_num_trusted_hops` there says which proxies are believed.
    pub allowed_ips: Option<Vec<String>>,
}
