//! A refusal in the shape the caller's SDK understands.

use serde_json::json;

use crate::core::deny::{DenyReason, Refusal};
use crate::core::route::dialect::Dialect;
use crate::core::route::{Method, MethodSet};

/// An HTTP response that refuses a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// Renders a refusal. `id` is the proxy's request id, reduced to safe characters, or empty; `methods`
/// are those of the route, for the `Allow` header; none when the route is not known. `retry_after` is in
/// seconds.
pub(super) fn render(
    reason: DenyReason,
    dialect: Dialect,
    id: &str,
    methods: MethodSet,
    retry_after: Option<u64>,
) -> Refused {
    let refusal = reason.refusal();
    let body = match dialect {
        Dialect::OpenAi => openai(reason, &refusal, id),
        Dialect::Anthropic => anthropic(&refusal, id),
        Dialect::Google => google(&refusal, id),
    };
    let mut headers = headers(reason, refusal.status, methods);
    headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
    Refused { status: refusal.status, headers, body: body.to_string() }
}

fn headers(reason: DenyReason, status: u16, methods: MethodSet) -> Vec<(&'static str, String)> {
    let mut headers = vec![("content-type", "application/json".to_owned())];
    match status {
        // RFC 6750 §3.1: no error code when no credential was sent.
        401 if reason == DenyReason::CredentialMissing => headers.push(("www-authenticate", "Bearer".to_owned())),
        401 => headers.push(("www-authenticate", "Bearer error=\"invalid_token\"".to_owned())),
        405 => {
            let methods = if methods.is_empty() { MethodSet::of(&Method::ALL) } else { methods };
            let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
            headers.push(("allow", methods.join(", ")));
        }
        _ => {}
    }
    headers
}

/// LiteLLM's shape ERR-1, which the OpenAI SDKs parse; `code` is the status as a text.
fn openai(reason: DenyReason, refusal: &Refusal, id: &str) -> serde_json::Value {
    let Refusal { status, kind, .. } = refusal;
    json!({"error": {"message": message(refusal, id), "type": kind, "param": reason.param(), "code": status.to_string()}})
}

fn anthropic(refusal: &Refusal, id: &str) -> serde_json::Value {
    let kind = match refusal.status {
        401 => "authentication_error",
        403 => "permission_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        _ => "invalid_request_error",
    };
    let id = (!id.is_empty()).then_some(id);
    json!({"type": "error", "error": {"type": kind, "message": refusal.message}, "request_id": id})
}

fn google(refusal: &Refusal, id: &str) -> serde_json::Value {
    let status = match refusal.status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        429 => "RESOURCE_EXHAUSTED",
        _ => "INVALID_ARGUMENT",
    };
    json!({"error": {"code": refusal.status, "message": message(refusal, id), "status": status}})
}

fn message(refusal: &Refusal, id: &str) -> String {
    if id.is_empty() { refusal.message.to_owned() } else { format!("{} (request {id})", refusal.message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(reason: DenyReason, dialect: Dialect) -> serde_json::Value {
        serde_json::from_str(&render(reason, dialect, "abc", MethodSet::EMPTY, None).body).unwrap()
    }

    #[test]
    fn each_dialect_has_its_shape() {
        assert_eq!(
            body(DenyReason::KeyModelDenied, Dialect::OpenAi),
            json!({"error": {
                "message": "the API key may not use this model (request abc)",
                "type": "key_model_access_denied", "param": "model", "code": "403"}})
        );
        assert_eq!(
            body(DenyReason::KeyExpired, Dialect::Anthropic),
            json!({"type": "error", "error": {"type": "authentication_error", "message": "the API key has expired"},
                "request_id": "abc"})
        );
        assert_eq!(
            body(DenyReason::KeyModelDenied, Dialect::Google),
            json!({"error": {"code": 403, "message": "the API key may not use this model (request abc)",
                "status": "PERMISSION_DENIED"}})
        );
    }

    #[test]
    fn a_spent_budget_says_when_to_come_back() {
        let refused = render(DenyReason::TeamBudgetExceeded, Dialect::Anthropic, "", MethodSet::EMPTY, Some(60));
        assert_eq!((refused.status, refused.headers.last()), (429, Some(&("retry-after", "60".to_owned()))));
        assert_eq!(body(DenyReason::TeamBudgetExceeded, Dialect::Anthropic)["error"]["type"], "rate_limit_error");
        assert_eq!(body(DenyReason::KeyBudgetExceeded, Dialect::Google)["error"]["status"], "RESOURCE_EXHAUSTED");
        let openai = body(DenyReason::KeyBudgetExceeded, Dialect::OpenAi);
        assert_eq!((&openai["error"]["type"], &openai["error"]["param"]), (&json!("budget_exceeded"), &json!(null)));
        assert_eq!(render(DenyReason::KeyBudgetExceeded, Dialect::OpenAi, "", MethodSet::EMPTY, None).headers.len(), 1);
    }

    #[test]
    fn a_401_says_how_to_authenticate_and_a_405_what_is_allowed() {
        let challenge = |reason| render(reason, Dialect::OpenAi, "", MethodSet::EMPTY, None).headers.pop().unwrap();
        assert_eq!(challenge(DenyReason::CredentialMissing), ("www-authenticate", "Bearer".to_owned()));
        assert_eq!(challenge(DenyReason::KeyBlocked).1, "Bearer error=\"invalid_token\"");
        let refused = render(
            DenyReason::MethodNotAllowed,
            Dialect::OpenAi,
            "",
            MethodSet::of(&[Method::Get, Method::Delete]),
            None,
        );
        assert_eq!(refused.headers.last(), Some(&("allow", "GET, DELETE".to_owned())));
    }
}
