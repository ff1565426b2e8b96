//! Callers with a token that only an authorization server can judge.

use serde_json::json;
use tollgate::core::jwt::Algorithm;
use tonic::Code;

use crate::harness::{Asked, Client, Files, MASTER_KEY, Outcome, Running, config, eventually, get, hash, post};
use crate::http_server::{HttpServer, Received, Reply};
use crate::jwt_signer::Signer;

const KEYS: &str = "keys: []\nusers:\n- { user_id: ada }\n- { user_id: root, user_role: proxy_admin }\n\
    teams:\n- { team_id: red, team_alias: Red, models: [m1] }\norganizations: [{ organization_id: acme }]\n";

/// An answer about a token.
#[expect(clippy::needless_pass_by_value, reason = "it is written in place")]
fn active(members: serde_json::Value) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    let mut answer = json!({ "active": true, "sub": "ada" });
    answer.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let answer = answer.to_string();
    move |_| Reply::Json(200, answer.clone())
}

fn section(server: &HttpServer, more: &str) -> String {
    let url = &server.url;
    config(&format!(
        "oauth2: {{ introspection: {{ url: '{url}/introspect', client_id: gate, client_secret: canary-secret, \
         accept_any_audience: true{more} }} }}\n"
    ))
}

async fn started(server: &HttpServer, more: &str) -> (Files, Running, Client) {
    let files = Files::new(&section(server, more), KEYS);
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    (files, running, client)
}

fn chat(token: &str) -> Asked {
    post("/v1/chat/completions", r#"{"model":"m1"}"#).key(token)
}

async fn summary(client: &Client, asked: &Asked) -> String {
    match client.check(asked.raw()).await {
        Ok(response) => Outcome::of(response).summary(),
        Err(status) => format!("{:?}", status.code()),
    }
}

#[tokio::test]
async fn an_active_token_is_a_user_of_the_directory_v152() {
    let server = HttpServer::start(active(json!({ "team_id": "red", "iss": "https://idp" }))).await;
    let (_files, running, client) = started(&server, "").await;
    let outcome = client.outcome(chat("opaque-token").raw()).await;
    assert_eq!(outcome.summary(), "200 allow");
    assert_eq!(outcome.set["x-auth-method"], "oauth2");
    assert_eq!(outcome.set["x-auth-user-id"], "ada");
    assert_eq!(outcome.set["x-auth-team-id"], "red");
    assert_eq!(outcome.set["x-auth-role"], "internal_user");
    assert!(!outcome.set.contains_key("x-auth-key-hash"), "W55: the token is nowhere");
    assert!(outcome.removed.contains(&"authorization".to_owned()));
    let other = post("/v1/chat/completions", r#"{"model":"m2"}"#).key("opaque-token");
    assert_eq!(summary(&client, &other).await, "403 team_model_denied", "S-146: rules hold for cached tokens");

    let asked = server.seen();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /introspect HTTP/1.1");
    assert_eq!(asked[0].body, "token=opaque-token&token_type_hint=access_token");
    assert_eq!(asked[0].header("authorization"), Some("Basic Z2F0ZTpjYW5hcnktc2VjcmV0"));
    assert_eq!(asked[0].header("content-type"), Some("application/x-www-form-urlencoded"));

    let (_, page) = running.page("/config").await;
    assert!(page.contains(r#""services":[{"name":"introspection","failing":null,"cached":1}]"#), "{page}");
    assert!(!page.contains("canary"), "{page}");
    let (_, metrics) = running.page("/metrics").await;
    for line in ["tollgate_introspection_cache_hits_total 1", "tollgate_introspection_duration_seconds_count 1"] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[tokio::test]
async fn only_true_and_usable_answers_let_in_s144_v154_to_v158() {
    let server = HttpServer::start(active(json!({}))).await;
    let (_files, _running, client) = started(&server, ", negative_cache_seconds: 0, cache_seconds: 0").await;
    let past = tollgate::telemetry::now().as_second() - 1;
    let rows: &[(serde_json::Value, &str)] = &[
        (json!({ "active": "true" }), "401 token_inactive"),
        (json!({ "active": 1 }), "401 token_inactive"),
        (json!({ "active": "false" }), "401 token_inactive"),
        (json!({ "active": null }), "401 token_inactive"),
        (json!({ "exp": past }), "401 token_expired"),
        (json!({ "exp": "9999999999" }), "401 token_expired"),
        (json!({ "cnf": { "jkt": "x" } }), "401 token_type"),
        (json!({ "token_type": "refresh_token" }), "401 token_type"),
        (json!({ "role": "proxy_admin" }), "401 token_claims"),
        (json!({ "role": "root" }), "401 token_claims"),
        (json!({ "sub": null }), "403 token_names_nobody"),
        (json!({ "sub": "a\r\nb" }), "401 token_claims"),
        (json!({ "team_id": 7 }), "401 token_claims"),
        (json!({ "sub": "eve" }), "401 token_user_unknown"),
        (json!({ "team_id": "blue" }), "403 token_team_unknown"),
        (json!({ "role": "internal_user" }), "200 allow"),
    ];
    for (members, expected) in rows {
        server.answers(active(members.clone()));
        assert_eq!(summary(&client, &chat("t")).await, *expected, "{members}");
    }
}

#[tokio::test]
async fn no_answer_is_an_outage_and_never_an_allow_s144() {
    let server = HttpServer::start(|_| Reply::Never).await;
    let (_files, running, client) = started(&server, "").await;
    let (_more_files, hasty, hasty_client) = started(&server, ", deadline_ms: 100").await;
    for reply in [Reply::Never, Reply::Drip] {
        server.answers(move |_| reply.clone());
        assert_eq!(hasty_client.check(chat("t").raw()).await.unwrap_err().code(), Code::Unavailable);
        let (_, page) = hasty.page("/config").await;
        assert!(page.contains(r#""failing":"timeout""#), "{page}");
    }
    let html = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html></html>".to_vec();
    let twice = r#"{"active":true,"sub":"ada","sub":"root"}"#.to_owned();
    let large = format!(r#"{{"active":true,"sub":"ada","x":"{}"}}"#, "x".repeat(20 << 20));
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n{\"x\":\"".to_vec();
    endless.extend(std::iter::repeat_n(b'x', 1 << 20));
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: {}/elsewhere\r\ncontent-length: 0\r\n\r\n", server.url);
    let replies = [
        ("malformed", Reply::Raw(html)),
        ("malformed", Reply::Json(200, "[]".to_owned())),
        ("malformed", Reply::Json(200, twice)),
        ("too_large", Reply::Json(200, large)),
        ("too_large", Reply::Raw(endless)),
        ("redirect", Reply::Raw(moved.into_bytes())),
        ("status", Reply::Json(500, r#"{"active":true,"sub":"ada"}"#.to_owned())),
        ("status", Reply::Json(400, r#"{"active":true,"sub":"ada"}"#.to_owned())),
        ("refused_us", Reply::Json(401, r#"{"active":true,"sub":"ada"}"#.to_owned())),
        ("connection", Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec())),
        ("connection", Reply::Raw(Vec::new())),
    ];
    for (why, reply) in replies {
        let shown = format!("{reply:?}").chars().take(60).collect::<String>();
        server.answers(move |_| reply.clone());
        let status = client.check(chat("t").raw()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{shown}");
        assert!(!status.message().contains(&server.url), "S-234");
        let (_, page) = running.page("/config").await;
        assert!(page.contains(&format!(r#""failing":"{why}""#)), "{shown}: {page}");
    }
    assert!(
        server.seen().iter().all(|request| request.line.starts_with("POST /introspect ")),
        "S-137: nobody is followed"
    );
    server.answers(active(json!({})));
    assert_eq!(summary(&client, &chat("t")).await, "200 allow", "nothing of an outage is kept");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_outage() {
    let server = HttpServer::start(|_| Reply::Never).await;
    let text = section(&server, "");
    drop(server);
    let files = Files::new(&text, KEYS);
    let running = Running::start(&files.config()).await;
    assert_eq!(summary(&running.client().await, &chat("t")).await, "Unavailable");
}

#[tokio::test]
async fn keys_are_never_sent_to_the_server_v159_w24() {
    let server = HttpServer::start(active(json!({}))).await;
    let keys =
        format!("{}- {{ key_hash: {} }}\n", "keys:\n", hash("sk-mine")) + KEYS.strip_prefix("keys: []\n").unwrap();
    let files = Files::new(&section(&server, ""), &keys);
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    for (key, expected) in [
        (MASTER_KEY, "200 allow"),
        ("sk-mine", "200 allow"),
        ("sk-nobodys", "401 credential_unknown"),
        ("sk-a.b.c", "401 credential_unknown"),
        ("a,b", "401 credential_malformed"),
        ("a\r\nb", "401 credential_malformed"),
        ("", "401 credential_malformed"),
    ] {
        assert_eq!(summary(&client, &chat(key)).await, expected, "{key:?}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_thousand_requests_with_one_token_are_one_question_s133() {
    let server = HttpServer::start(active(json!({}))).await;
    let (_files, _running, client) = started(&server, ", cache_seconds: 60").await;
    let all: Vec<_> = (0..1000)
        .map(|_| {
            let (client, request) = (client.clone(), chat("one-token").raw());
            tokio::spawn(async move { client.outcome(request).await.summary() })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), "200 allow");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_revoked_token_is_refused_within_its_time_s145() {
    let server = HttpServer::start(active(json!({}))).await;
    let (_files, _running, client) = started(&server, ", cache_seconds: 1").await;
    assert_eq!(summary(&client, &chat("t")).await, "200 allow");
    server.answers(|_| Reply::Json(200, r#"{"active":false}"#.to_owned()));
    let refused = async || (summary(&client, &chat("t")).await == "401 token_inactive").then_some(());
    eventually("the revocation", refused).await;
    assert_eq!(server.seen().len(), 2, "using it did not renew it");
}

#[tokio::test]
async fn a_token_ends_with_its_exp_whatever_is_kept() {
    let end = tollgate::telemetry::now().as_second() + 2;
    let server = HttpServer::start(active(json!({ "exp": end }))).await;
    let (_files, _running, client) = started(&server, ", cache_seconds: 60").await;
    assert_eq!(summary(&client, &chat("t")).await, "200 allow");
    let refused = async || (summary(&client, &chat("t")).await == "401 token_expired").then_some(());
    eventually("the end", refused).await;
    assert!(tollgate::telemetry::now().as_second() >= end);
}

#[tokio::test]
async fn whatever_is_in_a_token_it_is_one_member_s148() {
    let server = HttpServer::start(|_| Reply::Json(200, r#"{"active":false}"#.to_owned())).await;
    let (_files, _running, client) = started(&server, ", client_authentication: post").await;
    let token = "a&token_type_hint=x&client_id=admin%0d%0a+b";
    assert_eq!(summary(&client, &chat(token)).await, "401 token_inactive");
    let body = server.seen()[0].body.clone();
    assert_eq!(
        body,
        "token=a%26token_type_hint%3Dx%26client_id%3Dadmin%250d%250a%2Bb&token_type_hint=access_token\
         &client_id=gate&client_secret=canary-secret"
    );
    assert_eq!(server.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn nobody_administers_by_the_word_of_others_w23() {
    let server = HttpServer::start(active(json!({ "sub": "root" }))).await;
    let (_files, _running, client) = started(&server, "").await;
    let outcome = client.outcome(chat("t").raw()).await;
    assert_eq!((outcome.summary().as_str(), outcome.set["x-auth-role"].as_str()), ("200 allow", "internal_user"));
    assert_eq!(summary(&client, &post("/team/new", "{}").key("t")).await, "403 role_not_allowed");
    assert_eq!(summary(&client, &get("/config/yaml").key("t")).await.split(' ').next(), Some("200"), "a public page");
}

#[tokio::test]
async fn users_may_be_unknown_where_the_operator_says_so() {
    let server = HttpServer::start(active(json!({ "sub": "eve" }))).await;
    let (_files, _running, client) = started(&server, ", allow_unknown_users: true").await;
    let outcome = client.outcome(chat("t").raw()).await;
    assert_eq!((outcome.summary().as_str(), outcome.set["x-auth-user-id"].as_str()), ("200 allow", "eve"));
    server.answers(active(json!({ "team_id": "blue" })));
    assert_eq!(summary(&client, &chat("u")).await, "403 token_team_unknown", "W06: teams never");
}

#[tokio::test]
async fn a_reload_keeps_what_the_same_server_said_and_no_other_s147() {
    let server = HttpServer::start(active(json!({}))).await;
    let (files, running, client) = started(&server, ", cache_seconds: 60").await;
    assert_eq!(summary(&client, &chat("t")).await, "200 allow");
    let version = async || {
        let (_, page) = running.page("/config").await;
        serde_json::from_str::<serde_json::Value>(&page).unwrap()["generation"].as_u64()
    };
    files.write("tollgate.yaml", &format!("{}log: {{}}\n", section(&server, ", cache_seconds: 60")));
    eventually("the reload", async || version().await.filter(|generation| *generation == 2)).await;
    assert_eq!(summary(&client, &chat("t")).await, "200 allow");
    assert_eq!(server.seen().len(), 1);
    files.write("tollgate.yaml", &section(&server, ", cache_seconds: 60, issuer: 'https://idp'"));
    eventually("the reload", async || version().await.filter(|generation| *generation == 3)).await;
    assert_eq!(summary(&client, &chat("t")).await, "401 token_issuer");
    assert_eq!(server.seen().len(), 2, "the terms are others, so the answer is asked for again");
}

#[tokio::test]
async fn the_latest_outage_does_not_outlive_an_answer() {
    let server = HttpServer::start(|_| Reply::Json(503, String::new())).await;
    let (_files, running, client) = started(&server, "").await;
    assert_eq!(summary(&client, &chat("t")).await, "Unavailable");
    server.answers(active(json!({})));
    assert_eq!(summary(&client, &chat("t")).await, "200 allow");
    let (_, metrics) = running.page("/metrics").await;
    for line in ["tollgate_introspection_down 0", r#"tollgate_introspection_failures_total{why="status"} 1"#] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

/// Section `jwt` says what claims mean.
const JWT: &str = "jwt: { issuers: [{ issuer: 'https://idp', audience: api, jwks_file: jwks.json }], \
    user_id_jwt_field: sub, user_email_jwt_field: email, user_allowed_email_domain: x.org, \
    team_ids_jwt_field: groups }\n";

async fn described(server: &HttpServer, more: &str) -> (Files, Running, Client) {
    let userinfo = format!("oauth2: {{ userinfo: {{ url: '{}/me', issuer: 'https://idp'{more} }} }}\n", server.url);
    let files = Files::new(&config(&(JWT.to_owned() + &userinfo)), KEYS);
    files.write("jwks.json", &key_set());
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    (files, running, client)
}

#[tokio::test]
async fn the_provider_describes_the_bearer_of_an_opaque_token_v160_s143() {
    let server = HttpServer::start(|_| {
        Reply::Json(200, r#"{"sub":"ada","email":"a@x.org","email_verified":true,"groups":["red"]}"#.to_owned())
    })
    .await;
    let (_files, _running, client) = described(&server, "").await;
    let outcome = client.outcome(chat("opaque").raw()).await;
    assert_eq!(outcome.summary(), "200 allow");
    assert_eq!(outcome.set["x-auth-method"], "oidc_userinfo");
    assert_eq!((outcome.set["x-auth-user-id"].as_str(), outcome.set["x-auth-team-id"].as_str()), ("ada", "red"));
    let asked = server.seen();
    assert_eq!((asked[0].line.as_str(), asked[0].header("authorization")), ("GET /me HTTP/1.1", Some("Bearer opaque")));
    assert_eq!(summary(&client, &chat("opaque")).await, "200 allow");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn what_the_provider_says_is_judged_as_claims_are_w26_s118() {
    let server = HttpServer::start(|_| Reply::Never).await;
    let (_files, _running, client) = described(&server, ", cache_seconds: 0").await;
    let rows: &[(u16, &str, &str)] = &[
        (200, r#"{"sub":"ada","email":"a@evil.org"}"#, "403 token_email_domain"),
        (200, r#"{"sub":"ada","email":"a@x.org","email_verified":true,"groups":["blue"]}"#, "403 token_team_unknown"),
        (200, r#"{"sub":"eve","email":"a@x.org","email_verified":true}"#, "401 token_user_unknown"),
        (200, r#"{"sub":"ada","email":"a@x.org"}"#, "403 token_email_domain"),
        (200, r#"{"sub":"ada","email":7}"#, "401 token_claims"),
        (200, r#"{"email":"a@x.org","email_verified":true}"#, "403 token_names_nobody"),
        (200, r#"{"sub":""}"#, "403 token_names_nobody"),
        (200, r#"{"sub":7}"#, "403 token_names_nobody"),
        (401, "{}", "401 token_inactive"),
        (403, "{}", "401 token_inactive"),
        (200, "<html>", "Unavailable"),
        (200, r#"{"sub":"ada","sub":"root"}"#, "Unavailable"),
        (200, "[]", "Unavailable"),
        (500, r#"{"sub":"ada"}"#, "Unavailable"),
        (302, r#"{"sub":"ada"}"#, "Unavailable"),
        (200, r#"{"sub":"ada","email":"a@x.org","email_verified":true,"_litellm_user_id":"root"}"#, "200 allow"),
    ];
    for (status, body, expected) in rows {
        let (status, answer) = (*status, (*body).to_owned());
        server.answers(move |_| Reply::Json(status, answer.clone()));
        assert_eq!(summary(&client, &chat("t")).await, *expected, "{status} {body}");
    }
    assert_eq!(summary(&client, &chat("sk-nobodys")).await, "401 credential_unknown");
    assert!(server.seen().iter().all(|asked| asked.header("authorization") == Some("Bearer t")), "W24");
}

#[tokio::test]
async fn models_and_end_users_are_those_that_are_said() {
    let server = HttpServer::start(active(json!({ "m": "m1 m9", "customer": "c7" }))).await;
    let (_files, _running, client) = started(&server, ", models_field: m, end_user_id_field: customer").await;
    let outcome = client.outcome(chat("t").raw()).await;
    assert_eq!((outcome.summary().as_str(), outcome.set["x-auth-end-user-id"].as_str()), ("200 allow", "c7"));
    let other = post("/v1/chat/completions", r#"{"model":"m2"}"#).key("t");
    assert_eq!(summary(&client, &other).await, "403 token_model_denied");
    server.answers(active(json!({})));
    assert_eq!(summary(&client, &chat("u")).await, "403 token_model_denied", "none is none");
}

/// A key set of one key, `k1`, that nothing was signed with.
pub fn key_set() -> String {
    json!({ "keys": [Signer::fit(Algorithm::Es256).jwk(&json!({ "kid": "k1" }))] }).to_string()
}

#[tokio::test]
async fn what_is_only_in_a_query_is_sent_to_nobody_w50() {
    let server = HttpServer::start(active(json!({}))).await;
    let also = "credentials: { also: [query_key] }\n";
    let files = Files::new(&format!("{}{also}", section(&server, "")), KEYS);
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    let asked = post("/v1beta/models/m1:generateContent?key=opaque-token", "{}");
    assert_eq!(summary(&client, &asked).await, "401 credential_not_a_key");
    assert!(server.seen().is_empty(), "nobody was asked");
}
