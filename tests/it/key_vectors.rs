//! The tables of LiteLLM's behaviour about keys, with our verdicts, asked of running gates.
//!
//! `TOLLGATE_VECTORS=DIR` replays the tables of `DIR` in place of the committed ones. The `about` of
//! `request-vectors.json` says what a row may have.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tollgate::config::load::load;

use crate::harness::{Asked, Files, MASTER_KEY, Outcome, Running, environment, get, hash, vectors};
use crate::metadata::to_json;

const ALICE: &str = "sk-alice-0001";
const BOB: &str = "sk-bob-0002";
const TABLES: [&str; 3] = ["credential-vectors.json", "record-vectors.json", "request-vectors.json"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[expect(dead_code, reason = "for people")]
    about: String,
    vectors: Vec<Row>,
    /// Why rows of LiteLLM's table are not here.
    #[serde(default)]
    not_applicable: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(try_from = "Map<String, Value>")]
struct Row {
    id: String,
    files: Written,
    /// One, or several in sequence.
    questions: Vec<Question>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    key: Map<String, Value>,
    #[serde(default)]
    records: Map<String, Value>,
    #[serde(default)]
    config: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    expect: String,
    target: Option<String>,
    model: Option<Value>,
    body: Option<Value>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    peer: Option<String>,
    /// Whether the request has no credential but those of `headers`.
    #[serde(default)]
    bare: bool,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    shows: BTreeMap<String, Value>,
}

impl TryFrom<Map<String, Value>> for Row {
    type Error = serde_json::Error;

    fn try_from(mut row: Map<String, Value>) -> Result<Self, Self::Error> {
        let id = serde_json::from_value(row.remove("id").unwrap_or_default())?;
        let requests = row.remove("requests");
        let (files, rest): (Map<_, _>, Map<_, _>) =
            row.into_iter().partition(|(name, _)| ["key", "records", "config"].contains(&name.as_str()));
        let questions = match requests {
            Some(requests) if rest.is_empty() => serde_json::from_value(requests)?,
            _ => vec![serde_json::from_value(Value::Object(rest))?],
        };
        Ok(Self { id, files: serde_json::from_value(Value::Object(files))?, questions })
    }
}

impl Row {
    /// Whether the row is about an entry of LiteLLM's table: `A36, both granted` is about `A36`.
    fn is_about(&self, id: &str) -> bool {
        self.id.split(", ").next() == Some(id)
    }
}

impl Written {
    /// The configuration and the key file.
    fn texts(&self) -> (String, String) {
        let mut config = Map::new();
        config.insert("listen".to_owned(), json!({ "grpc": "127.0.0.1:0", "http": "127.0.0.1:0" }));
        config.insert("master_key".to_owned(), json!(MASTER_KEY));
        config.insert("keys".to_owned(), json!({ "file": "keys.yaml" }));
        config.insert("model_group_alias".to_owned(), json!({ "alias-4o": "gpt-4o" }));
        let models = json!([
            { "name": "gpt-4o", "provider": "openai" }, { "name": "beta-1", "access_groups": ["beta-models"] },
            { "name": "free-model", "zero_cost": true }, { "name": "unpriced" },
        ]);
        config.insert("models".to_owned(), models);
        config.extend(self.config.clone());
        config.retain(|_, value| !value.is_null());

        let mut key = self.key.clone();
        key.insert("key_hash".to_owned(), json!("ALICE"));
        key.insert("key_alias".to_owned(), json!("alice"));
        let mut records = self.records.clone();
        records.insert("keys".to_owned(), json!([key, { "key_hash": "BOB", "key_alias": "bob" }]));
        let records = Value::Object(records).to_string();
        let records = records.replace("\"ALICE\"", &json!(hash(ALICE)).to_string());
        let records = records.replace("\"BOB\"", &json!(hash(BOB)).to_string());
        // What JSON cannot say.
        let records = records.replace("\"NAN\"", ".nan").replace("\"INF\"", ".inf");
        (Value::Object(config).to_string(), records)
    }
}

impl Question {
    fn asked(&self, id: &str) -> Asked {
        let (method, path) = self.target.as_deref().unwrap_or("POST /v1/chat/completions").split_once(' ').unwrap();
        let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let method = methods.into_iter().find(|known| *known == method).unwrap_or_else(|| panic!("{id}: {method}"));
        let json = || self.body.clone().or_else(|| Some(json!({ "model": self.model.clone()? })));
        let text = self.text.clone().map(String::into_bytes).or_else(|| self.bytes.clone());
        let body = text.or_else(|| json().map(|body| body.to_string().into_bytes()));
        let asked = Asked { method, body, ..get(path) };
        let named = self.bare || self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let asked = if named { asked } else { asked.key(ALICE) };
        // Envoy has names in lower case.
        let headers = self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
        headers.fold(asked, |asked, (name, value)| asked.header(&name, value.replace("MASTER", MASTER_KEY)))
    }

    /// What differs from what is expected.
    async fn differences(&self, id: &str, running: &Running) -> Vec<String> {
        let asked = self.asked(id);
        let asked = self.peer.as_ref().map_or_else(|| asked.raw(), |peer| asked.from(peer));
        let response = running.client().await.check(asked).await.unwrap();
        let metadata = to_json(response.dynamic_metadata.as_ref().unwrap());
        let outcome = Outcome::of(response);
        let mut differences = Vec::new();
        if outcome.summary() != self.expect {
            differences.push(format!("{id}: {} and not {}", outcome.summary(), self.expect));
        }
        // A refusal quotes nothing: no key, no hash, no model (SEC-17).
        let secrets = [ALICE, BOB, MASTER_KEY].map(str::to_owned).into_iter().chain([hash(ALICE), hash(BOB)]);
        let quoted =
            secrets.chain(["gpt-4o", "secret-model"].map(str::to_owned)).find(|word| outcome.body.contains(word));
        differences.extend(quoted.map(|word| format!("{id}: the body quotes {word}")));
        for (name, expected) in &self.shows {
            let header = || outcome.set.get(name).map_or(Value::Null, |value| json!(value));
            let member = |pointer| metadata.pointer(pointer).cloned().unwrap_or_default();
            let seen = if name.starts_with('/') { member(name) } else { header() };
            if seen != *expected {
                differences.push(format!("{id}: {name} is {seen} and not {expected}"));
            }
        }
        differences
    }
}

fn tables() -> Vec<(&'static str, Table)> {
    let table = |name| serde_json::from_str(&vectors(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    TABLES.into_iter().map(|name| (name, table(name))).collect()
}

/// What a row's files make.
struct Gate {
    texts: (String, String),
    /// None when they are refused.
    running: Option<(Files, Running)>,
}

impl Gate {
    async fn of(texts: (String, String)) -> Self {
        let files = Files::new(&texts.0, &texts.1);
        let loads = load(&files.config(), &environment).result.is_ok();
        let running = if loads { Some(Running::start(&files.config()).await) } else { None };
        Self { texts, running: running.map(|running| (files, running)) }
    }
}

async fn replay(name: &str, least: usize) {
    let (_, table) = tables().into_iter().find(|(known, _)| *known == name).unwrap();
    assert!(table.vectors.len() > least);
    let mut differences = Vec::new();
    // Rows that follow each other often have the same files.
    let mut gate: Option<Gate> = None;
    for row in &table.vectors {
        let texts = row.files.texts();
        let gate = match gate.take().filter(|gate| gate.texts == texts) {
            Some(known) => gate.insert(known),
            None => gate.insert(Gate::of(texts).await),
        };
        assert!(!row.questions.is_empty(), "{} expects nothing", row.id);
        for question in &row.questions {
            match &gate.running {
                Some((_, running)) => differences.extend(question.differences(&row.id, running).await),
                None if question.expect == "refused" => {}
                None => differences.push(format!("{}: refused and not {}", row.id, question.expect)),
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn the_credential_table_is_followed() {
    replay(TABLES[0], 80).await;
}

#[tokio::test]
async fn the_record_table_is_followed() {
    replay(TABLES[1], 150).await;
}

#[tokio::test]
async fn the_request_table_is_followed() {
    replay(TABLES[2], 90).await;
}

/// Every entry of LiteLLM's table has rows in one of ours, or a reason why it has none.
#[test]
fn every_entry_of_the_specification_is_in_one_place() {
    let tables = tables();
    let mut names = BTreeSet::new();
    for row in tables.iter().flat_map(|(_, table)| &table.vectors) {
        assert!(names.insert(row.id.as_str()), "{} is there twice", row.id);
    }
    let ids = include_str!("../vectors/keys-section-10-ids.txt");
    let ids: BTreeSet<_> = ids.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(ids.len() > 200, "the list of entries was not found");
    for id in &ids {
        let mut places = Vec::new();
        for (name, table) in &tables {
            places.extend(table.vectors.iter().any(|row| row.is_about(id)).then(|| format!("rows of {name}")));
            places.extend(table.not_applicable.get(*id).map(|why| format!("not applicable in {name}: {why}")));
        }
        assert_eq!(places.len(), 1, "{id}: {places:?}");
    }
    for (id, why) in tables.iter().flat_map(|(_, table)| &table.not_applicable) {
        assert!(ids.contains(id.as_str()) && why.len() > 20, "{id}: {why}");
    }
}
