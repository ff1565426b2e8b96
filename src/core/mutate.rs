//! What should the upstream see? An identity becomes headers to set and headers to remove.

mod identity_headers;

use std::collections::BTreeMap;

use crate::core::ask::Ask;
use crate::core::deny::DenyReason;
use crate::core::extract::websocket_protocol::{self, Remainder};
use crate::core::extract::{CREDENTIAL_HEADERS, Input, Place, query_key};
use crate::core::header::{HeaderName, HeaderValue, fold};
use crate::core::identity::Identity;
use crate::core::record::Named;

pub use identity_headers::{IDENTITY_HEADERS, IdentityHeader};

/// What is known of a request, beside its caller.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// What it was judged by.
    pub ask: &'a Ask,
    /// The records it names.
    pub named: &'a Named,
    /// The model that is served, where aliases make it another than the one that was asked for.
    pub upstream_model: Option<&'a str>,
}

/// Headers about the proxy's own work that only the proxy may say (S-028, S-047, S-054).
const PROXY_HEADERS: &[&str] = &[
    "x-envoy-auth-partial-body",
    "x-envoy-auth-failure-mode-allowed",
    "x-envoy-auth-headers-to-remove",
    "x-envoy-original-path",
    "x-envoy-original-host",
    "x-envoy-internal",
];

/// Changes to an allowed request. A name is set or removed, never both: Envoy removes last, so a name
/// in both lists would leave the upstream without an identity (S-065).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mutations {
    set: BTreeMap<HeaderName, HeaderValue>,
    remove: Vec<HeaderName>,
    remove_query_key: bool,
}

impl Mutations {
    /// Headers to overwrite, in order of their names.
    pub fn set(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.set.iter()
    }

    /// Headers to remove. Disjoint from [`Self::set`].
    #[must_use]
    pub fn remove(&self) -> &[HeaderName] {
        &self.remove
    }

    /// Query parameters to remove. Only ever of a request that has them: a change of a query that is not
    /// there crashes older Envoys (S-062).
    pub fn remove_query(&self) -> impl Iterator<Item = &'static str> {
        self.remove_query_key.then_some(query_key::NAME).into_iter()
    }
}

/// Which headers this deployment owns.
#[derive(Debug, Clone)]
pub struct HeaderPolicy {
    /// Prefix of every identity header, lower-case, with its final `-`.
    prefix: String,
    /// The prefix as [`fold`] leaves it.
    folded_prefix: String,
    /// Leave the caller's credential for an upstream that checks it again, such as LiteLLM.
    keep_credential: bool,
    /// The upstream's own credential.
    upstream_credential: Option<(HeaderName, HeaderValue)>,
    /// Headers that carry credentials in this deployment, beside the usual ones.
    credential_headers: Vec<HeaderName>,
}

impl HeaderPolicy {
    /// `None` when the prefix is not a lower-case token ending in `-`, or would swallow a header that
    /// is not an identity header.
    #[must_use]
    pub fn new(
        prefix: &str,
        keep_credential: bool,
        upstream_credential: Option<(HeaderName, HeaderValue)>,
    ) -> Option<Self> {
        let folded_prefix = fold(prefix);
        let token = prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let swallows = |name: &&str| fold(name).starts_with(&folded_prefix);
        let innocent = CREDENTIAL_HEADERS.iter().chain(PROXY_HEADERS).chain(COMMON_HEADERS).all(|name| !swallows(name));
        let credential_headers = upstream_credential.iter().map(|(name, _)| name.clone()).collect();
        let usable = token && prefix.len() >= 3 && prefix.ends_with('-') && folded_prefix == prefix && innocent;
        usable.then(|| Self {
            prefix: prefix.to_owned(),
            folded_prefix,
            keep_credential,
            upstream_credential,
            credential_headers,
        })
    }

    /// Removes these headers as well: the configuration lets them carry credentials.
    #[must_use]
    pub fn with_credential_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.credential_headers.extend(headers);
        self
    }

    /// The changes for a request of this caller.
    ///
    /// `accepted` are the places of the credential that was accepted.
    ///
    /// # Errors
    /// [`DenyReason::HeaderMalformed`] when a header that must go cannot be named in a removal;
    /// [`DenyReason::CredentialMalformed`] when a credential is where it cannot be removed from.
    pub fn mutations(
        &self,
        identity: &Identity,
        about: Option<About<'_>>,
        accepted: &[Place],
        input: &Input<'_>,
    ) -> Result<Mutations, DenyReason> {
        let mut set = self.identity_headers(identity, about);
        set.extend(self.upstream_credential.clone());
        let keeps = |place: &Place| self.keep_credential && accepted.contains(place);
        let kept = |name: &str| HeaderName::new(name.to_owned()).is_some_and(|name| keeps(&Place::Header(name)));
        let mut remove_protocol = false;
        match websocket_protocol::remainder(input)? {
            Remainder::Items(rest) if !keeps(&Place::WebSocketProtocol) => {
                set.extend(HeaderName::new(websocket_protocol::HEADER).map(|name| (name, rest)));
            }
            Remainder::Nothing => remove_protocol = !keeps(&Place::WebSocketProtocol),
            Remainder::Items(_) | Remainder::Unchanged => {}
        }
        let remove_query_key = query_key::is_present(input)? && !keeps(&Place::QueryKey);
        let owned = IDENTITY_HEADERS.iter().map(|header| format!("{}{}", self.prefix, header.suffix));
        let named =
            CREDENTIAL_HEADERS.iter().filter(|name| !kept(name)).chain(PROXY_HEADERS).map(|&name| name.to_owned());
        let spoofed = input.headers.names().filter(|name| self.is_trusted(name) && !kept(name)).map(str::to_owned);
        let protocol = remove_protocol.then(|| websocket_protocol::HEADER.to_owned());
        let configured = self.credential_headers.iter().map(HeaderName::to_string).filter(|name| !kept(name));
        let all = owned.chain(named).chain(configured).chain(spoofed).chain(protocol);
        let remove: Option<Vec<_>> = all.map(HeaderName::new).collect();
        let mut remove = remove.ok_or(DenyReason::HeaderMalformed)?;
        remove.retain(|name| !set.contains_key(name));
        remove.sort_unstable();
        remove.dedup();
        Ok(Mutations { set, remove, remove_query_key })
    }

    /// Whether an upstream might believe a header of this name to come from us, in any spelling.
    fn is_trusted(&self, name: &str) -> bool {
        let folded = fold(name);
        let stem = self.folded_prefix.trim_end_matches('-');
        folded.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            || CREDENTIAL_HEADERS.iter().any(|name| fold(name) == folded)
            || self.credential_headers.iter().any(|name| fold(name.as_str()) == folded)
            || PROXY_HEADERS.contains(&folded.as_str())
    }

    fn identity_headers(&self, identity: &Identity, about: Option<About<'_>>) -> BTreeMap<HeaderName, HeaderValue> {
        let value = |header: &IdentityHeader| {
            Some((HeaderName::new(format!("{}{}", self.prefix, header.suffix))?, (header.value)(identity, about)?))
        };
        IDENTITY_HEADERS.iter().filter_map(value).collect()
    }
}

/// Headers a prefix must not swallow.
const COMMON_HEADERS: &[&str] = &[
    "accept",
    "accept-encoding",
    "content-type",
    "content-encoding",
    "cookie",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-real-ip",
    "x-request-id",
    "anthropic-version",
    "anthropic-beta",
    "openai-organization",
    "openai-project",
    "openai-beta",
    "idempotency-key",
];

#[cfg(test)]
mod tests;
