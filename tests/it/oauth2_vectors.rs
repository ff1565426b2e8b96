//! The table of LiteLLM's behaviour about tokens that others judge, with our verdicts. `TOLLGATE_VECTORS=DIR` replays the
//! table of `DIR` in place of the committed one.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::Value;
use tollgate::config::load::load;

use crate::harness::{Asked, Files, MASTER_KEY, Running, config, environment, post, vectors};
use crate::http_server::{HttpServer, Reply};
use crate::oauth2::key_set;

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
    config: String,
    /// Claims of a token that nobody can verify.
    jwt: Option<Value>,
    /// Another credential.
    key: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    peer: Option<String>,
    path: Option<String>,
    endpoint: Option<String>,
    /// What is answered by whoever is asked.
    server: Option<Value>,
    expect: String,
    #[serde(default)]
    shows: BTreeMap<String, String>,
    /// How often somebody is.
    asked: usize,
    #[expect(dead_code, reason = "for people")]
    #[serde(default)]
    why: String,
}

const KEYS: &str = "keys: []\nusers: [{ user_id: ou }, { user_id: bob }]\nteams: [{ team_id: ot }]\n";

impl Row {
    fn config(&self, server: &str) -> String {
        let jwt = "jwt: { issuers: [{ issuer: 'https://idp', audience: api, jwks_file: keys.json }], user_id_jwt_field: sub }\n";
        let endpoint = self.endpoint.as_deref().unwrap_or("/introspect");
        let proxy = "trusted_networks: [10.0.0.0/8], user_id: X-User, models: X-Models";
        config(&match self.config.as_str() {
            "override" => format!(
                "{jwt}oauth2: {{ introspection: {{ url: '{server}{endpoint}', client_id: c, client_secret: s, \
                 accept_any_audience: true }}, routing_overrides: [{{ iss: ['https://mach*'], scope: [svc] }}] }}\n"
            ),
            "userinfo" => format!("{jwt}oauth2: {{ userinfo: {{ url: '{server}/me', issuer: 'https://idp' }} }}\n"),
            "proxy" => format!("oauth2: {{ proxy_headers: {{ {proxy} }} }}\n"),
            "role-header" => format!("oauth2: {{ proxy_headers: {{ {proxy}, user_role: X-Role }} }}\n"),
            other => panic!("unknown configuration {other}"),
        })
    }

    fn request(&self) -> Asked {
        let path = self.path.as_deref().unwrap_or("/v1/chat/completions");
        let mut asked = post(path, r#"{"model":"m1"}"#);
        if let Some(claims) = &self.jwt {
            let header = BASE64URL_NOPAD.encode(br#"{"alg":"RS256","kid":"k1"}"#);
            let payload = BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
            asked = asked.key(&format!("{header}.{payload}.AAAA"));
        }
        asked = match self.key.as_deref() {
            None => asked,
            Some("master") => asked.key(MASTER_KEY),
            Some(key) => asked.key(key),
        };
        self.headers.iter().fold(asked, |asked, (name, value)| asked.header(name, value))
    }

    /// What becomes of the request, and what the upstream is told.
    async fn outcome(&self, server: &HttpServer) -> (String, std::collections::HashMap<String, String>) {
        let files = Files::new(&self.config(&server.url), KEYS);
        files.write("keys.json", &key_set());
        if let Err(problems) = load(&files.config(), &environment).result {
            let text = problems.to_string();
            let known = text.split_once("tollgate.yaml: ").map_or(text.as_str(), |(_, rest)| rest);
            return (format!("refused at start: {}", known.split(';').next().unwrap_or_default()), [].into());
        }
        let running = Running::start(&files.config()).await;
        let asked = self.request();
        let request = self.peer.as_ref().map_or_else(|| asked.raw(), |peer| asked.from(peer));
        let outcome = running.client().await.outcome(request).await;
        (outcome.summary(), outcome.set)
    }
}

fn table() -> Table {
    serde_json::from_str(&vectors("oauth2-vectors.json")).unwrap()
}

#[tokio::test]
async fn the_table_of_tokens_that_others_judge_is_followed() {
    let mut differences = Vec::new();
    for row in table().vectors {
        let answer = row.server.clone().unwrap_or_default().to_string();
        let server = HttpServer::start(move |_| Reply::Json(200, answer.clone())).await;
        let (outcome, set) = row.outcome(&server).await;
        if !(outcome == row.expect || (row.expect.starts_with("refused") && outcome.starts_with(&row.expect))) {
            differences.push(format!("{}: {outcome} and not {}", row.id, row.expect));
        }
        for (name, expected) in &row.shows {
            if set.get(name) != Some(expected) {
                differences.push(format!("{}: {name} is {:?} and not {expected}", row.id, set.get(name)));
            }
        }
        if server.seen().len() != row.asked {
            differences.push(format!("{}: asked {} times and not {}", row.id, server.seen().len(), row.asked));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn every_vector_of_sections_10_12_and_10_13_has_a_row() {
    let table = table();
    let ids: BTreeSet<_> = table.vectors.iter().filter_map(|row| row.id.split(", ").next()).collect();
    for number in 152..=165 {
        assert!(ids.contains(format!("V{number}").as_str()), "V{number}");
    }
}
