//! What should the upstream see? An identity becomes headers to set and headers to remove.

mod identity_headers;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::core::ask::Ask;
use crate::core::deny::DenyReason;
use crate::core::extract::websocket_protocol::{self, Remainder};
use crate::core::extract::{CREDENTIAL_HEADERS, Input, Place, query_key};
use crate::core::header::{HeaderName, HeaderValue, fold};
use crate::core::identity::Identity;
use crate::core::record::Named;
use crate::core::response_id::{Admission, PlainTarget};

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
    /// The responses it names, where they are guarded.
    pub responses: Option<&'a Admission>,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutations {
    set: Vec<(HeaderName, HeaderValue)>,
    /// Names that are removed from every request.
    always: Arc<[HeaderName]>,
    /// Those that stay this time.
    kept: Vec<HeaderName>,
    /// Names of this request.
    also: Vec<HeaderName>,
    remove_query_key: bool,
    /// The request target, where it is another one.
    target: Option<PlainTarget>,
}

impl Mutations {
    /// The request target in place of the one that was sent. The one pseudo-header that is ever set: with the
    /// provider's id in one segment, and nothing else changed.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.target.as_ref().map(PlainTarget::expose)
    }

    /// Headers to overwrite.
    pub fn set(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.set.iter().map(|(name, value)| (name, value))
    }

    /// Headers to remove, each once. Disjoint from [`Self::set`].
    pub fn remove(&self) -> impl Iterator<Item = &HeaderName> {
        let always = self.always.iter().filter(|name| !self.kept.contains(name));
        always.chain(&self.also).filter(|name| !self.sets(name))
    }

    /// Query parameters to remove. Only ever of a request that has them: a change of a query that is not
    /// there crashes older Envoys (S-062).
    pub fn remove_query(&self) -> impl Iterator<Item = &'static str> {
        self.remove_query_key.then_some(query_key::NAME).into_iter()
    }

    fn sets(&self, name: &HeaderName) -> bool {
        self.set.iter().any(|(known, _)| known == name)
    }
}

/// Which headers this deployment owns. What depends on the configuration alone is computed once.
#[derive(Debug, Clone)]
pub struct HeaderPolicy {
    /// The identity headers, in the order of [`IDENTITY_HEADERS`].
    identity: Vec<HeaderName>,
    /// That of them which lists tags.
    tags: Option<HeaderName>,
    /// The prefix of them all as [`fold`] leaves it, without its final `-`.
    stem: String,
    /// Leave the caller's credential for an upstream that checks it again, such as LiteLLM.
    keep_credential: bool,
    /// The upstream's own credential.
    upstream_credential: Option<(HeaderName, HeaderValue)>,
    /// Headers that are removed from every request: identity headers, those that carry credentials, and the
    /// proxy's own. Sorted, each once.
    always: Arc<[HeaderName]>,
    /// Folded names of those beside the identity headers.
    reserved: Vec<String>,
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
        let folded = fold(prefix).into_owned();
        let token = prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let swallows = |name: &&str| fold(name).starts_with(folded.as_str());
        let innocent = CREDENTIAL_HEADERS.iter().chain(PROXY_HEADERS).chain(COMMON_HEADERS).all(|name| !swallows(name));
        let usable = token && prefix.len() >= 3 && prefix.ends_with('-') && folded == prefix && innocent;
        let names = IDENTITY_HEADERS.iter().map(|header| HeaderName::new(&format!("{prefix}{}", header.suffix)));
        let identity: Vec<_> = names.collect::<Option<_>>().filter(|_| usable)?;
        let reserved = CREDENTIAL_HEADERS.iter().chain(PROXY_HEADERS).filter_map(|name| HeaderName::new(name));
        let of_upstream = upstream_credential.as_ref().map(|(name, _)| name.clone());
        let policy = Self {
            tags: HeaderName::new(&format!("{prefix}tags")),
            stem: folded.trim_end_matches('-').to_owned(),
            keep_credential,
            always: identity.clone().into(),
            identity,
            upstream_credential,
            reserved: Vec::new(),
        };
        Some(policy.with_credential_headers(reserved.chain(of_upstream)))
    }

    /// Removes these headers as well: the configuration lets them carry credentials.
    #[must_use]
    pub fn with_credential_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        let headers: Vec<_> = headers.into_iter().collect();
        self.reserved.extend(headers.iter().map(|name| fold(name.as_str()).into_owned()));
        let always: BTreeSet<_> = self.always.iter().cloned().chain(headers).collect();
        self.always = always.into_iter().collect();
        self
    }

    /// The changes for a request of this caller.
    ///
    /// `accepted` are the places of the credential that was accepted.
    ///
    /// # Errors
    /// [`DenyReason::HeaderMalformed`] when a header that must go cannot be named in a removal;
    /// [`DenyReason::CredentialMalformed`] when a credential is where it cannot be removed from;
    /// [`DenyReason::TagsMalformed`] when the tags together are too long to be told.
    pub fn mutations(
        &self,
        identity: &Identity,
        about: Option<About<'_>>,
        accepted: &[Place],
        input: &Input<'_>,
    ) -> Result<Mutations, DenyReason> {
        let accepted = if self.keep_credential { accepted } else { &[] };
        let named = |place: &Place| match place {
            Place::Header(name) => Some(name.clone()),
            Place::QueryKey | Place::WebSocketProtocol => None,
        };
        let labelled = about.is_some_and(|about| !about.named.labels.is_empty());
        let set = self.identity_headers(identity, about);
        if labelled && !set.iter().any(|(name, _)| self.tags.as_ref() == Some(name)) {
            return Err(DenyReason::TagsMalformed);
        }
        let mut mutations = Mutations {
            set,
            always: Arc::clone(&self.always),
            kept: accepted.iter().filter_map(named).collect(),
            also: Vec::new(),
            remove_query_key: query_key::is_present(input)? && !accepted.contains(&Place::QueryKey),
            target: about.and_then(|about| about.responses).and_then(|admission| admission.target.clone()),
        };
        mutations.set.extend(self.upstream_credential.clone());
        let remainder = websocket_protocol::remainder(input)?;
        if remainder != Remainder::Unchanged && !accepted.contains(&Place::WebSocketProtocol) {
            let header = HeaderName::new(websocket_protocol::HEADER).ok_or(DenyReason::HeaderMalformed)?;
            match remainder {
                Remainder::Items(rest) => mutations.set.push((header, rest)),
                Remainder::Nothing | Remainder::Unchanged => mutations.also.push(header),
            }
        }
        for name in input.headers.names().filter(|name| self.is_trusted(name)) {
            let name = HeaderName::new(name).ok_or(DenyReason::HeaderMalformed)?;
            let listed = self.always.binary_search(&name).is_ok() || mutations.also.contains(&name);
            if !listed && !mutations.kept.contains(&name) {
                mutations.also.push(name);
            }
        }
        Ok(mutations)
    }

    /// Whether an upstream might believe a header of this name to come from us, in any spelling.
    fn is_trusted(&self, name: &str) -> bool {
        // No client can send a name that begins with a colon; should one pass, it cannot be removed.
        let folded = fold(name.strip_prefix(':').unwrap_or(name));
        folded.strip_prefix(self.stem.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            || self.reserved.iter().any(|known| *known == folded)
    }

    fn identity_headers(&self, identity: &Identity, about: Option<About<'_>>) -> Vec<(HeaderName, HeaderValue)> {
        let headers = self.identity.iter().zip(IDENTITY_HEADERS);
        let mut set = Vec::with_capacity(IDENTITY_HEADERS.len());
        set.extend(headers.filter_map(|(name, header)| Some((name.clone(), (header.value)(identity, about)?))));
        set
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
