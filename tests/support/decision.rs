//! A gate in memory and a request for it, for what measures decisions.

use std::fmt::Write as _;
use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use tollgate::config::load::load;
use tollgate::core::credential::KeyHash;
use tollgate::core::request::{BodyView, Fidelity, HeaderView, RequestView};
use tollgate::engine::{self, Snapshot, Verdict};

/// A compiled configuration.
#[derive(Debug)]
pub(crate) struct Gate {
    snapshot: Arc<Snapshot>,
}

/// A request as it lies in Envoy's message.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    headers: Vec<(&'static str, String)>,
    body: &'a [u8],
}

const CONFIG: &str = "master_key: sk-0123456789-abcdefghij\nkeys: { file: keys.yaml }\n";

/// A key that nothing restricts, and one with a record of every kind.
fn keys() -> String {
    let hash = |key| KeyHash::of(key).to_hex();
    format!(
        "keys:\n- {{ key_hash: {}, key_alias: plain, user_id: ada, team_id: red, models: [gpt-4o, gpt-4o-mini] }}\n\
         - {{ key_hash: {}, key_alias: full, user_id: ada, team_id: red, project_id: bot, agent_id: crawler, models: ['gpt-*'], \
         max_budget: 10, spend: 1, budget_limits: [{{ max_budget: 5, spend: 1 }}], rpm_limit: 60, \
         allowed_routes: [llm_api_routes], metadata: {{ tags: [a], allowed_tools: [t] }} }}\n\
         users:\n- {{ user_id: ada, user_email: ada@example.com, user_role: internal_user }}\n\
         teams:\n- {{ team_id: red, team_alias: Red, organization_id: acme, models: [gpt-4o], max_budget: 100, spend: 1 }}\n\
         projects:\n- {{ project_id: bot, models: [gpt-4o], max_budget: 100 }}\nagents:\n- {{ agent_id: crawler }}\n\
         tags:\n- {{ tag_name: a, max_budget: 5 }}\nend_users:\n- {{ user_id: c1, max_budget: 5 }}\n\
         organizations:\n- {{ organization_id: acme, models: ['*'], max_budget: 1000 }}\n",
        hash("sk-plain"),
        hash("sk-full"),
    )
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self::with("", "")
    }

    /// One with additions to its configuration, which may name a file `issuer.json`.
    pub(crate) fn with(additions: &str, issuer: &str) -> Self {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("tollgate.yaml");
        std::fs::write(&path, format!("{CONFIG}{additions}")).unwrap();
        std::fs::write(directory.path().join("keys.yaml"), keys()).unwrap();
        std::fs::write(directory.path().join("issuer.json"), issuer).unwrap();
        let loaded = load(&path, &|_| None).result.map_err(|problems| problems.to_string());
        Self { snapshot: loaded.unwrap().snapshot }
    }

    /// The decision. With keys in memory it never waits.
    pub(crate) fn judge(&self, request: &Request<'_>) -> Verdict {
        engine::judge(&self.snapshot, &request.view(), Timestamp::UNIX_EPOCH).now_or_never().unwrap()
    }
}

/// A chat with the headers a client and Envoy send.
pub(crate) fn request<'a>(key: &str, body: &'a [u8]) -> Request<'a> {
    let fixed = [
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        (":authority", "gateway.example.com"),
        (":scheme", "https"),
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("user-agent", "OpenAI/Python 1.109.1"),
        ("x-stainless-lang", "python"),
        ("x-stainless-package-version", "1.109.1"),
        ("x-stainless-runtime", "CPython"),
        ("x-request-id", "6a9f0c3e-4f0b-4b0e-9b1a-1f6f1a2b3c4d"),
        ("x-forwarded-for", "10.0.0.5"),
        ("x-forwarded-proto", "https"),
        ("x-envoy-auth-partial-body", "false"),
    ];
    let mut headers: Vec<_> = fixed.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    headers.push(("content-length", body.len().to_string()));
    headers.push(("authorization", format!("Bearer {key}")));
    Request { headers, body }
}

impl Request<'_> {
    pub(crate) fn view(&self) -> RequestView<'_> {
        let headers = self.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        RequestView {
            id: "6a9f0c3e",
            method: "POST",
            target: "/v1/chat/completions",
            peer: None,
            principal: None,
            headers: HeaderView::new(headers, Fidelity::Exact),
            body: BodyView::Complete { bytes: self.body, fidelity: Fidelity::Exact, announced: true },
        }
    }
}

/// A chat of about this many bytes: messages of ordinary length, as clients send them.
pub(crate) fn chat(bytes: usize) -> Vec<u8> {
    let mut body = String::from(r#"{"model":"gpt-4o","user":"c1","stream":true,"temperature":0.7,"messages":["#);
    let mut count = 0;
    while body.len() + 200 < bytes {
        let comma = if count == 0 { "" } else { "," };
        let role = if count % 2 == 0 { "user" } else { "assistant" };
        write!(
            body,
            r#"{comma}{{"role":"{role}","content":"Line {count}: the quick brown fox jumps over the lazy dog, \"twice\", and then\nrests for a while under the old oak tree."}}"#
        )
        .unwrap();
        count += 1;
    }
    body +=
        r#"],"tools":[{"type":"function","function":{"name":"t","parameters":{"type":"object","properties":{}}}}]}"#;
    body.into_bytes()
}
