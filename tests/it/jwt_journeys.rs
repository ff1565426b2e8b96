//! The table of what becomes of requests with tokens, asked of running gates. `TOLLGATE_VECTORS=DIR` replays the table of
//! `DIR` in place of the committed one. The `about` of `jwt-journeys.json` says what a row may have.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tollgate::config::load::load;
use tollgate::core::deny::{DenyReason, TokenDenial};
use tollgate::core::jwt::Algorithm;
use tollgate::telemetry;

use crate::cli::{text, tollgate};
use crate::harness::{Asked, Files, MASTER_KEY, Running, environment, get, hash, vectors};
use crate::jwt_signer::Signer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[expect(dead_code, reason = "for people")]
    about: String,
    vectors: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    /// Members of `jwt`.
    #[serde(default)]
    config: Map<String, Value>,
    /// The key file.
    #[serde(default)]
    records: Map<String, Value>,
    #[serde(default)]
    without_master_key: bool,
    #[serde(default)]
    claims: Map<String, Value>,
    /// Of the JOSE header.
    #[serde(default)]
    header: Map<String, Value>,
    signer: Option<String>,
    /// In place of a token.
    credential: Option<String>,
    scheme: Option<String>,
    place: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    request: Option<String>,
    #[serde(default = "usual_body")]
    body: Option<Value>,
    expect: String,
    #[serde(default)]
    shows: BTreeMap<String, Option<String>>,
    #[expect(dead_code, reason = "for people")]
    why: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "what serde asks for")]
fn usual_body() -> Option<Value> {
    Some(json!({ "model": "m1" }))
}

struct Keys {
    usual: Signer,
    other: Signer,
}

impl Keys {
    fn new() -> Self {
        let [usual, other] = ["RS256", "RS256"].map(|alg| Signer::fit(Algorithm::parse(alg).unwrap()));
        Self { usual, other }
    }
}

/// `HASH x`, `MASTER` and `LONG`.
fn resolved(text: &str) -> String {
    match text.strip_prefix("HASH ") {
        Some("MASTER") => hash(MASTER_KEY),
        Some(key) => hash(key),
        None if text == "MASTER" => MASTER_KEY.to_owned(),
        None if text == "LONG" => "🦀".repeat(2560),
        None => text.to_owned(),
    }
}

impl Row {
    fn files(&self, keys: &Keys) -> Files {
        let mut jwt = Map::new();
        let issuer = json!({ "issuer": "https://idp", "audience": "api", "jwks_file": "keys.json" });
        jwt.insert("issuers".to_owned(), json!([issuer]));
        jwt.insert("admin_jwt_scope".to_owned(), json!("litellm_proxy_admin"));
        jwt.insert("allow_anonymous_jwt".to_owned(), json!(true));
        jwt.extend(self.config.clone());
        let mut config = json!({
            "listen": { "grpc": "127.0.0.1:0", "http": "127.0.0.1:0" }, "keys": { "file": "keys.yaml" },
            "routes": { "public": ["/health/liveliness"] }, "jwt": jwt,
        });
        if !self.without_master_key {
            config["master_key"] = json!(MASTER_KEY);
        }
        let mut records = self.records.clone();
        records.entry("keys").or_insert_with(|| json!([]));
        for row in ["keys", "jwt_key_mappings"].iter().filter_map(|name| records.get(*name)?.as_array().cloned()) {
            assert!(row.iter().all(|row| row["key_hash"] == "sk-k"), "{}: one key is enough", self.id);
        }
        let records = Value::Object(records).to_string().replace("\"sk-k\"", &json!(hash("sk-k")).to_string());
        let files = Files::new(&config.to_string(), &records);
        for (name, key) in [("keys.json", &keys.usual), ("other.json", &keys.other)] {
            files.write(name, &json!({ "keys": [key.jwk(&json!({ "kid": "k1" }))] }).to_string());
        }
        files
    }

    fn token(&self, keys: &Keys) -> String {
        let now = telemetry::now().as_second();
        let at = |text: &str| json!(now + text.parse::<i64>().unwrap());
        let mut claims = json!({ "iss": "https://idp", "aud": "api", "exp": now + 60 });
        let mut header = json!({ "alg": "RS256", "kid": "k1" });
        for (object, more) in [(&mut claims, &self.claims), (&mut header, &self.header)] {
            let members = object.as_object_mut().unwrap();
            members.extend(more.clone());
            members.retain(|_, value| *value != "ABSENT");
            for (name, value) in members.iter_mut() {
                match value.as_str() {
                    Some(text) if ["exp", "nbf", "iat"].contains(&name.as_str()) => *value = at(text),
                    Some(text) => *value = json!(resolved(text)),
                    None => {}
                }
            }
        }
        let signer = if self.signer.is_some() { &keys.other } else { &keys.usual };
        signer.sign(&header.to_string(), &claims.to_string())
    }

    fn asked(&self, keys: &Keys) -> Asked {
        let (method, path) = self.request.as_deref().unwrap_or("POST /v1/chat/completions").split_once(' ').unwrap();
        let body = self.body.as_ref().map(|body| body.to_string().into_bytes());
        let method = if method == "POST" { "POST" } else { "GET" };
        let mut asked = Asked { method, body, ..get(path) };
        let credential = self.credential.as_deref().map_or_else(|| self.token(keys), resolved);
        let scheme = self.scheme.as_deref().unwrap_or("Bearer");
        let value = if scheme.is_empty() { credential.clone() } else { format!("{scheme} {credential}") };
        if !credential.is_empty() {
            asked = asked.header(self.place.as_deref().unwrap_or("authorization"), value);
        }
        self.headers.iter().fold(asked, |asked, (name, value)| asked.header(name, value))
    }

    /// What differs from what is expected.
    async fn differences(&self, keys: &Keys) -> Vec<String> {
        let files = self.files(keys);
        let loaded = load(&files.config(), &environment);
        if let Err(problems) = loaded.result {
            let places: Vec<_> = problems.iter().map(|problem| problem.place.as_str()).collect();
            return if format!("config: {}", places.join(", ")) == self.expect {
                Vec::new()
            } else {
                vec![format!("{}: {problems}", self.id)]
            };
        }
        let running = Running::start(&files.config()).await;
        let outcome = running.client().await.outcome(self.asked(keys).raw()).await;
        let mut differences = Vec::new();
        if outcome.summary() != self.expect {
            differences.push(format!("{}: {} and not {}", self.id, outcome.summary(), self.expect));
        }
        for (name, expected) in self.shows.iter().filter(|_| outcome.allowed) {
            let (seen, expected) = (outcome.set.get(&format!("x-auth-{name}")), expected.as_deref().map(resolved));
            if seen != expected.as_ref() {
                differences.push(format!("{}: {name} is {seen:?} and not {expected:?}", self.id));
            }
        }
        differences
    }
}

fn table() -> Table {
    serde_json::from_str(&vectors("jwt-journeys.json")).unwrap()
}

#[tokio::test]
async fn the_table_of_journeys_is_followed() {
    let (table, keys) = (table(), Keys::new());
    assert!(table.vectors.len() > 130, "{} rows", table.vectors.len());
    let mut differences = Vec::new();
    for row in &table.vectors {
        differences.extend(row.differences(&keys).await);
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The fields of an issuer count as the common ones do.
#[test]
fn roles_that_no_token_needs_are_warned_of_w35() {
    let warnings = |own: &str, common: &str| {
        let config = format!(
            "listen: {{ grpc: '127.0.0.1:0' }}\njwt:\n  issuers: [{{ issuer: 'https://idp', audience: api, \
             jwks_url: 'https://idp/keys'{own} }}]\n  team_ids_jwt_field: g\n  enforce_rbac: true\n  \
             roles_jwt_field: r\n  role_mappings: [{{ role: x, internal_role: internal_user }}]\n{common}"
        );
        let loaded = load(&Files::new(&config, "").config(), &environment).result.unwrap();
        loaded.warnings.iter().map(|warning| warning.place.clone()).collect::<Vec<_>>()
    };
    assert_eq!(warnings("", ""), [""; 0]);
    assert_eq!(warnings("", "  user_id_jwt_field: sub\n"), ["jwt.enforce_rbac"]);
    for own in [", user_id_jwt_field: sub", ", team_id_jwt_field: t"] {
        assert_eq!(warnings(own, ""), ["jwt.enforce_rbac"], "{own}");
        assert_eq!(warnings(own, "  role_mappings_first: true\n"), [""; 0], "{own}");
    }
}

#[test]
fn every_reason_about_tokens_has_a_journey() {
    let table: Table = serde_json::from_str(include_str!("../vectors/jwt-journeys.json")).unwrap();
    let mut names = BTreeSet::new();
    assert!(table.vectors.iter().all(|row| names.insert(&row.id)), "an id is there twice");
    // These have no token that is verified here: `oauth2`, `custom_authenticator` and `proxy_headers` show them.
    let elsewhere = [TokenDenial::Inactive, TokenDenial::Refused, TokenDenial::ProxyHeaders];
    for denial in TokenDenial::ALL.into_iter().filter(|denial| !elsewhere.contains(denial)) {
        let refusal = DenyReason::Token(denial).refusal();
        let outcome = format!("{} {}", refusal.status, refusal.label);
        assert!(table.vectors.iter().any(|row| row.expect == outcome), "no journey ends with {outcome}");
    }
}

/// `tollgate explain --token -`.
#[test]
fn explain_takes_a_token_from_a_stream_s231() {
    let (table, keys) = (table(), Keys::new());
    for (id, words) in [
        ("V108", "team      t2; not blocked"),
        ("V113", "denied before any rule is asked: token_teams_route_denied (403)"),
        ("V103", "denied by `team_models`: team_model_denied (403)"),
        ("V060", "denied by `token_routes`: token_route_denied (403)"),
        ("V023", "denied before any rule is asked: token_signature (401)"),
        (
            "required claims, one of two",
            "denied before any rule is asked: token_claim_required (403): the token is none of those that are let in here; it lacks `org`\n",
        ),
        ("V131", "token     of https://idp; internal_user here"),
    ] {
        let row = table.vectors.iter().find(|row| row.id == id).unwrap();
        let (files, token) = (row.files(&keys), row.token(&keys));
        let (method, path) = row.request.as_deref().unwrap_or("POST /v1/chat/completions").split_once(' ').unwrap();
        let config = files.config();
        let arguments =
            ["explain", "--config", config.to_str().unwrap(), "--token", "-", method, path, "--model", "m1"];
        let done = tollgate(&arguments, &format!("{token}\n"));
        let said = text(&done.stdout);
        assert!(done.status.success() && said.contains(words), "{id}: {said}{}", text(&done.stderr));
        assert!(!said.contains(&token) && !text(&done.stderr).contains(&token), "{id}");
    }
}
