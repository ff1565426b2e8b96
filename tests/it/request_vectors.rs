//! The request tables of LiteLLM's behaviour, with our verdicts, asked of a running gate.
//!
//! `TOLLGATE_VECTORS=DIR` replays `DIR/request-vectors.json` in place of the committed file.

use serde::Deserialize;

use crate::harness::{Files, Running, config, hash, post, vectors};

#[derive(Deserialize)]
struct Document {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    key: String,
    sections: String,
    config: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    expect: String,
    end_user: Option<String>,
}

impl Vector {
    /// What a gate of its own says: the reason, and the end user it exports.
    async fn replay(&self) -> (String, Option<String>) {
        let keys = format!("{}keys: [{{ key_hash: {}, {} }}]\n", self.sections, hash("sk-alice-0001"), self.key);
        let files = Files::new(&config(&format!("{}\n", self.config)), &keys);
        let running = Running::start(&files.config()).await;
        let asked = post(&self.target, &self.body).key("sk-alice-0001");
        let asked = self.headers.iter().fold(asked, |asked, (name, value)| asked.header(name, value));
        let outcome = running.client().await.outcome(asked.raw()).await;
        let reason = if outcome.allowed { "allow".to_owned() } else { outcome.reason };
        (reason, outcome.set.get("x-auth-end-user-id").cloned())
    }
}

#[tokio::test]
async fn the_request_table_is_followed() {
    let document: Document = serde_json::from_str(&vectors("request-vectors.json")).unwrap();
    assert!(document.vectors.len() > 80);
    let mut differences = Vec::new();
    for vector in &document.vectors {
        let (reason, end_user) = vector.replay().await;
        if reason != vector.expect {
            differences.push(format!("{}: {reason} and not {}", vector.id, vector.expect));
        }
        if let Some(expected) = &vector.end_user {
            assert_eq!(end_user.as_deref(), Some(expected.as_str()).filter(|id| !id.is_empty()), "{}", vector.id);
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}
