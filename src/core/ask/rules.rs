//! What the configuration says about requests, compiled.

use std::collections::HashSet;

use super::banned;
use crate::core::budget::Amount;
use crate::core::header::HeaderName;

/// Rules about what a request may carry.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch of the configuration")]
pub struct RequestRules {
    /// Refuse requests that name models to fall back to, instead of checking these. They cannot be taken
    /// out: an authorization server changes headers, and never a body.
    pub refuse_fallbacks: bool,
    /// Members that choose the upstream's address, credentials, observers and prices are left to callers.
    pub allow_client_credentials: bool,
    /// Such members that are left to callers, by name.
    pub allowed_parameters: HashSet<String>,
    /// Refuse tags that come from the caller (LiteLLM COMMON-7).
    pub reject_client_tags: bool,
    /// A request for a model must name its `user` (LiteLLM COMMON-15).
    pub require_user: bool,
    /// Largest body, in bytes (LiteLLM PRE-1).
    pub max_bytes: Option<u64>,
    /// Let uploads pass that are larger than what the proxy buffers, unread beyond that.
    pub unseen_uploads: bool,
    /// Headers that name the end user, after LiteLLM's own two.
    pub end_user_headers: Vec<HeaderName>,
    /// Members every request for a model must have: `name`, or `outer.inner`.
    pub enforced_params: Vec<String>,
    /// Further ones, of keys of service accounts.
    pub service_account_enforced_params: Vec<String>,
    /// An end user counts only if somebody knows it (LiteLLM EU-1).
    pub validate_end_user: bool,
    /// What all requests together may spend (LiteLLM COMMON-16).
    pub proxy_budget: Option<Amount>,
}

impl RequestRules {
    /// Whether a member of this name is refused.
    pub(super) fn refuses(&self, name: &str) -> bool {
        let steers = banned::steers(name) && !self.allow_client_credentials && !self.allowed_parameters.contains(name);
        steers || banned::claims_identity(name)
    }
}
