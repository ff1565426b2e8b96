//! The tables of LiteLLM's behaviour about records, with our verdicts, asked of running gates.
//!
//! `TOLLGATE_VECTORS=DIR` replays `DIR/record-vectors.json` in place of the committed file.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tollgate::config::load::load;

use crate::harness::{Asked, Files, MASTER_KEY, Running, config, environment, get, hash, post, vectors};

const KEY: &str = "sk-alice-0001";

#[derive(Deserialize)]
struct Document {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    id: String,
    expect: String,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    peer: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    key: Map<String, Value>,
    #[serde(default)]
    records: Map<String, Value>,
    #[serde(default)]
    config: Map<String, Value>,
}

impl Vector {
    fn files(&self) -> Files {
        let mut key = self.key.clone();
        key.insert("key_hash".to_owned(), json!(hash(KEY)));
        let mut records = self.records.clone();
        records.insert("keys".to_owned(), json!([key]));
        let records = Value::Object(records).to_string().replace("\"KEY\"", &format!("\"{}\"", hash(KEY)));
        // What JSON cannot say.
        let records = records.replace("\"NAN\"", ".nan").replace("\"INF\"", ".inf");
        let mut additions = self.config.clone();
        let alias = json!({ "alias-4o": "gpt-4o" });
        additions.entry("model_group_alias").or_insert(alias);
        let models = json!([
            { "name": "gpt-4o", "provider": "openai" }, { "name": "beta-1", "access_groups": ["beta-models"] },
            { "name": "free-model", "zero_cost": true }, { "name": "unpriced" },
        ]);
        additions.insert("models".to_owned(), models);
        let additions: Vec<_> = additions.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        Files::new(&config(&additions.join("\n")), &records)
    }

    fn asked(&self) -> Asked {
        let body = || self.body.clone().unwrap_or_else(|| json!({ "model": self.model })).to_string();
        let asked = match self.target.as_deref().map(|target| target.split_once(' ').unwrap()) {
            Some(("GET", path)) => get(path),
            Some((method, _)) => panic!("{}: {method} is not replayed", self.id),
            None => post("/v1/chat/completions", &body()),
        };
        let named = self.headers.iter().any(|(name, _)| name == "authorization");
        let asked = if named { asked } else { asked.key(KEY) };
        self.headers.iter().fold(asked, |asked, (name, value)| asked.header(name, value.replace("MASTER", MASTER_KEY)))
    }

    async fn seen(&self) -> String {
        let files = self.files();
        if load(&files.config(), &environment).result.is_err() {
            return "refused".to_owned();
        }
        let request = self.peer.as_ref().map_or_else(|| self.asked().raw(), |peer| self.asked().from(peer));
        let running = Running::start(&files.config()).await;
        running.client().await.outcome(request).await.summary()
    }
}

#[tokio::test]
async fn the_record_tables_are_followed() {
    let document: Document = serde_json::from_str(&vectors("record-vectors.json")).unwrap();
    assert!(document.vectors.len() > 100);
    let mut differences = Vec::new();
    for vector in &document.vectors {
        let seen = vector.seen().await;
        if seen != vector.expect {
            differences.push(format!("{}: {seen} and not {}", vector.id, vector.expect));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}
