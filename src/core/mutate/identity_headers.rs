//! The identity headers, one row each (LiteLLM ID-4).

use super::About;
use crate::core::header::HeaderValue;
use crate::core::identity::Identity;
use crate::core::response_id::PlainId;

/// A header that tells the upstream who is asking, and for what.
#[derive(Debug)]
pub struct IdentityHeader {
    /// Its name, without the configured prefix.
    pub suffix: &'static str,
    /// Where the dynamic metadata has the same, beneath `tollgate.v1.Decision`.
    pub metadata: &'static str,
    /// What it says.
    pub meaning: &'static str,
    pub(super) value: fn(&Identity, Option<About<'_>>) -> Option<HeaderValue>,
}

const fn row(
    suffix: &'static str,
    metadata: &'static str,
    meaning: &'static str,
    value: fn(&Identity, Option<About<'_>>) -> Option<HeaderValue>,
) -> IdentityHeader {
    IdentityHeader { suffix, metadata, meaning, value }
}

/// Every identity header. One without a value is removed from the request.
#[rustfmt::skip]
pub const IDENTITY_HEADERS: &[IdentityHeader] = &[
    row("method", "method", "how the caller was authenticated: `virtual_key`, `master_key`, `anonymous`, or how somebody vouched: `jwt`, `oauth2`, `oidc_userinfo`, `oauth2_proxy`, `custom`",
        |identity, _| Some(HeaderValue::word(identity.method()))),
    row("key-hash", "key.hash", "SHA-256 of the key in hexadecimal, or `litellm_proxy_master_key`",
        |identity, _| HeaderValue::encode(identity.key_hash()?)),
    row("key-alias", "key.alias", "the key's name for people",
        |identity, _| text(identity.key()?.alias.as_deref())),
    row("user-id", "user.id", "the owner of the key, or the bearer of the token",
        |identity, _| text(identity.user_id())),
    row("user-email", "user.email", "the owner's e-mail address",
        |identity, _| text(identity.email())),
    row("role", "user.role", "the owner's role, one of LiteLLM's",
        |identity, _| identity.role().map(|role| HeaderValue::word(role.as_str()))),
    row("team-id", "team.id", "the key's team",
        |identity, _| text(Some(&identity.team()?.id))),
    row("team-alias", "team.alias", "the team's name for people",
        |identity, _| text(identity.team()?.alias.as_deref())),
    row("org-id", "org.id", "the key's organisation, else its team's",
        |identity, _| text(Some(&identity.organization()?.id))),
    row("org-alias", "org.alias", "the organisation's name for people",
        |identity, _| text(identity.organization()?.alias.as_deref())),
    row("project-id", "project.id", "the key's project",
        |identity, _| text(Some(&identity.project()?.id))),
    row("project-alias", "project.alias", "the project's name for people",
        |identity, _| text(identity.project()?.alias.as_deref())),
    row("agent-id", "agent.id", "the agent that calls with the key",
        |identity, _| text(Some(&identity.key()?.agent.as_ref()?.id))),
    row("model", "request.models", "the model the request was judged by; a list with commas where it names several",
        |_, about| HeaderValue::list(about?.ask.models())),
    row("upstream-model", "request.upstream_model", "what aliases of team, key and router make of the model, where that is another",
        |_, about| text(about?.upstream_model)),
    row("model-region", "end_user.region", "where the models that serve the end user must run",
        |_, about| text(about?.named.end_user.as_ref()?.region.as_deref())),
    row("end-user-id", "end_user.id", "for whom the caller asks. The caller's word: for accounts, never for access",
        |_, about| text(about?.named.end_user_of(about?.ask))),
    row("tags", "request.tags", "labels of the request, from every place; a list with commas",
        |_, about| HeaderValue::list(about?.named.labels.iter().map(String::as_str))),
    row("guardrails", "guardrails.names", "guardrails the key and its team ask for; a list with commas",
        |identity, _| HeaderValue::list(identity.guardrails().names.iter().map(String::as_str))),
    row("response-id", "response_ids.subject", "the provider's id of the response the path names; the metadata has the caller's",
        |_, about| response_id(about?.responses?.subject.iter())),
    row("previous-response-id", "response_ids.named", "the provider's id of the one response the body names; the metadata has the caller's",
        |_, about| response_id(about?.responses?.previous.iter())),
];

/// The id, where there is one: of several nobody could tell which is which.
fn response_id<'a>(mut ids: impl ExactSizeIterator<Item = &'a (String, PlainId)>) -> Option<HeaderValue> {
    let single = ids.len() == 1;
    let value = |inner: &PlainId| HeaderValue::encode_up_to(PlainId::MAX, inner.expose()).map(HeaderValue::hidden);
    ids.next().filter(|_| single).and_then(|(_, inner)| value(inner))
}

fn text(text: Option<&str>) -> Option<HeaderValue> {
    HeaderValue::encode(text?)
}
