//! The credential tables of LiteLLM's behaviour, with our verdicts, asked of a running gate.
//!
//! `TOLLGATE_VECTORS=DIR` replays `DIR/credential-vectors.json` in place of the committed file.

use std::collections::HashMap;

use serde::Deserialize;

use crate::harness::{Asked, Files, Running, config, get, hash, post, vectors};

#[derive(Deserialize)]
struct Document {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    sources: String,
    target: String,
    headers: Vec<(String, String)>,
    expect: String,
}

impl Vector {
    fn asked(&self) -> Asked {
        let asked = if self.target.contains("/realtime") || self.target.starts_with("/pt") {
            get(&self.target)
        } else {
            post(&self.target, r#"{"model":"gpt-4o"}"#)
        };
        self.headers.iter().fold(asked, |asked, (name, value)| asked.header(&name.to_ascii_lowercase(), value))
    }
}

/// An endpoint with a key header and the Langfuse parser, in every gate.
const ROUTES: &str = "routes: { pass_through: [{ path: /pt, include_subpath: true, grant_required: false, \
                      headers: { litellm_user_api_key: X-Pt-Key }, custom_auth_parser: langfuse }], ";

/// One gate for each set of sources.
async fn gates() -> HashMap<&'static str, (Files, Running)> {
    let keys = format!(
        "keys:\n- {{ key_hash: {}, key_alias: alice }}\n- {{ key_hash: {}, key_alias: bob }}\n",
        hash("sk-alice-0001"),
        hash("sk-bob-0002")
    );
    let sources = [
        ("default", ""),
        ("all", "credentials: { also: [query_key, basic_raw, aws_sigv4, litellm_user_api_key] }\n"),
        ("custom", "credentials: { header: X-My-Key }\n"),
    ];
    let mut gates = HashMap::new();
    for (name, additions) in sources {
        let files = Files::new(&config(additions), &keys);
        files.write("tollgate.yaml", &config(additions).replace("routes: {", ROUTES));
        let running = Running::start(&files.config()).await;
        gates.insert(name, (files, running));
    }
    gates
}

#[tokio::test]
async fn the_credential_table_is_followed() {
    let gates = gates().await;
    let document: Document = serde_json::from_str(&vectors("credential-vectors.json")).unwrap();
    assert!(document.vectors.len() > 50);
    let mut differences = Vec::new();
    for vector in &document.vectors {
        let sources = if vector.sources == "pass_through" { "default" } else { vector.sources.as_str() };
        let (_, running) = &gates[sources];
        let outcome = running.client().await.outcome(vector.asked().raw()).await;
        let seen = outcome.set.get("x-auth-key-alias").cloned().unwrap_or_else(|| outcome.reason.clone());
        if seen != vector.expect {
            differences.push(format!("{}: {} and not {}", vector.id, seen, vector.expect));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}
